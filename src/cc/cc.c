/* What every congestion control shares: the window to begin with, and a change of segment size. */
#include "cc/cc.h"

#include "base/assert.h"

uint32_t cc_initial_window(uint32_t mss)
{
	return MIN(10 * mss, MAX(2 * mss, 14600u));	/* RFC 6928 §2 */
}

void cc_init(struct cc *cc, const struct cc_ops *ops, uint32_t mss)
{
	assert(mss > 0);
	*cc = (struct cc){.ops = ops, .mss = mss, .ssthresh = CC_SSTHRESH_INITIAL,
			  .cwnd = cc_initial_window(mss)};
	if (ops->init)
		ops->init(cc);
}

void cc_set_mss(struct cc *cc, uint32_t mss)
{
	assert(mss > 0);
	cc->cwnd = MAX(cc->cwnd, mss);
	cc->mss = mss;
}
