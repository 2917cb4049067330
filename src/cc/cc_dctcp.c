/* DCTCP, RFC 8257: a window that shrinks by as much as was marked.
 *
 * For networks of one owner whose routers mark early.  Grows as NewReno; a loss is a loss.
 * alpha is a fraction of ONE, kept from window to window. */
#include "cc/cc_int.h"

#define ONE (1u << 20)
#define G_SHIFT 4		/* g = 1/16, RFC 8257 §4.2 */

struct dctcp {
	uint32_t alpha;
	uint32_t acked, marked;		/* bytes in this window */
	uint32_t pad[2];
};
static_assert(sizeof(struct dctcp) == sizeof(((struct cc *)0)->own), "fits own[]");

static inline struct dctcp *dctcp(struct cc *cc)
{
	return (struct dctcp *)cc->own;
}

static void dctcp_init(struct cc *cc)
{
	*dctcp(cc) = (struct dctcp){.alpha = ONE};	/* RFC 8257 §4.2: careful to begin with */
}

/* RFC 8257 §3.3 steps 4 to 8: alpha = alpha (1 - g) + g M, once a window. */
static void observe(struct dctcp *d)
{
	uint32_t m = (uint32_t)((uint64_t)d->marked * ONE / d->acked);

	d->alpha = d->alpha - (d->alpha >> G_SHIFT) + (m >> G_SHIFT);
	d->acked = d->marked = 0;
}

static void dctcp_on_ack(struct cc *cc, const struct cc_ack *ack)
{
	struct dctcp *d = dctcp(cc);

	d->acked += ack->acked;
	d->marked += ack->marked;
	if (ack->round_start && d->acked)
		observe(d);
	if (!ack->marked)	/* RFC 8257 §3.3: as after a loss, no growth from what is marked */
		cc_reno_ack(cc, ack);
}

/* RFC 8257 §3.3 step 9: cwnd = cwnd (1 - alpha / 2) */
static void dctcp_on_ecn(struct cc *cc, const struct cc_ack *ack)
{
	uint32_t less = (uint32_t)((uint64_t)cc->cwnd * dctcp(cc)->alpha / (2 * ONE));

	cc->cwnd = MAX(cc->cwnd - less, 2u * cc->mss);
	cc->ssthresh = cc->cwnd;
	cc->acked = 0;
}

const struct cc_ops cc_dctcp = {
	.name = "dctcp",
	.ecn = true,
	.init = dctcp_init,
	.on_ack = dctcp_on_ack,
	.on_loss = cc_reno_loss,
	.on_rto = cc_reno_rto,
	.on_ecn = dctcp_on_ecn,
	.on_recovered = cc_reno_recovered,
	.on_idle = cc_reno_idle,
};
