/* What every congestion control shares: the window to begin with, a change of segment size, what
 * idleness does; and the list of them. */
#include "cc/cc.h"

#include "base/assert.h"
#include "base/mem.h"

static const struct cc_ops *const all[] = {&cc_cubic, &cc_newreno, &cc_bbr, &cc_dctcp};

static bool is_called(const char *name, const char *what, size_t len)
{
	size_t n = 0;

	while (n < len && what[n])
		n++;
	for (len = 0; name[len]; len++)
		;
	return n == len && mem_eq(name, what, n);
}

const struct cc_ops *cc_find(const char *name, size_t len)
{
	if (is_called("reno", name, len))
		return &cc_newreno;
	for (unsigned i = 0; i < ARRAY_LEN(all); i++)
		if (is_called(all[i]->name, name, len))
			return all[i];
	return NULL;
}

const struct cc_ops *cc_at(unsigned i)
{
	return i < ARRAY_LEN(all) ? all[i] : NULL;
}

uint32_t cc_initial_window(uint32_t mss)
{
	return MIN(10 * mss, MAX(2 * mss, 14600u));	/* RFC 6928 §2 */
}

void cc_init(struct cc *cc, const struct cc_ops *ops, uint32_t mss)
{
	assert(mss > 0 && mss <= UINT16_MAX);
	*cc = (struct cc){.ops = ops, .mss = (uint16_t)mss, .ssthresh = CC_SSTHRESH_INITIAL,
			  .cwnd = cc_initial_window(mss)};
	if (ops->init)
		ops->init(cc);
}

void cc_set_mss(struct cc *cc, uint32_t mss)
{
	assert(mss > 0 && mss <= UINT16_MAX);
	cc->cwnd = MAX(cc->cwnd, mss);
	cc->mss = (uint16_t)mss;
}

void cc_switch(struct cc *cc, const struct cc_ops *ops)
{
	cc->ops = ops;
	if (!cc->mss)
		return;
	cc->acked = 0;
	cc->bits = 0;
	mem_zero(cc->own, sizeof(cc->own));
	if (ops->init)
		ops->init(cc);
}

void cc_restore(struct cc *cc, const struct cc *was)
{
	uint32_t cwnd = MAX(cc->cwnd, was->cwnd), ssthresh = MAX(cc->ssthresh, was->ssthresh);

	if (cc->ops == was->ops) {
		cc->bits = was->bits;
		cc->acked = was->acked;
		mem_copy(cc->own, was->own, sizeof(cc->own));
	}
	cc->cwnd = cwnd;
	cc->ssthresh = ssthresh;
}

void cc_decay(struct cc *cc, nsec idle, nsec rto)
{
	uint32_t least = MIN(cc->cwnd, cc_initial_window(cc->mss));

	cc->ssthresh = MAX(cc->ssthresh, cc->cwnd / 2 + cc->cwnd / 4);
	for (nsec left = idle; left >= rto && rto && cc->cwnd > least; left -= rto)
		cc->cwnd /= 2;
	cc->cwnd = MAX(cc->cwnd, least);
}
