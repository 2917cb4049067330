/* Congestion control: (state, what an ACK said) -> window.  It never sees a connection.
 *
 * A plug-in decides and does nothing else: tcp/ tells it what was acknowledged and what was
 * lost, and reads cwnd and ssthresh.  Loss detection, retransmission and pacing are not here.
 * Bytes throughout. */
#ifndef CC_CC_H
#define CC_CC_H

#include "base/types.h"

#define CC_SSTHRESH_INITIAL (16u << 20)
#define CC_CWND_MAX (1u << 30)

struct cc_ops;

struct cc {
	const struct cc_ops *ops;
	uint32_t cwnd, ssthresh;
	uint32_t mss;
	uint32_t acked;		/* bytes counted towards the next increase (ABC, RFC 3465) */
	uint64_t own[3];	/* the plug-in's */
};

struct cc_ack {
	nsec now;
	nsec rtt;		/* of this ACK's newest sample, 0: none */
	uint32_t acked;		/* bytes newly acknowledged */
	uint32_t inflight;	/* bytes outstanding before this ACK */
	bool app_limited;	/* the window was not the limit (RFC 7661): do not grow it */
	bool in_recovery;
};

struct cc_ops {
	const char *name;
	void (*init)(struct cc *cc);
	/* new data acknowledged, not in recovery */
	void (*on_ack)(struct cc *cc, const struct cc_ack *ack);
	/* recovery begins: once a window */
	void (*on_loss)(struct cc *cc, uint32_t inflight, nsec now);
	void (*on_rto)(struct cc *cc, uint32_t inflight, nsec now);
	/* recovery point acknowledged */
	void (*on_recovered)(struct cc *cc, uint32_t inflight, nsec now);
	/* restart after idle, RFC 5681 §4.1 */
	void (*on_idle)(struct cc *cc, nsec idle, nsec rto);
};

extern const struct cc_ops cc_newreno;	/* RFC 5681, RFC 6582 windows, RFC 3465 with L = 2 */

/* RFC 6928: the window to begin with. */
uint32_t cc_initial_window(uint32_t mss);

void cc_init(struct cc *cc, const struct cc_ops *ops, uint32_t mss);
void cc_set_mss(struct cc *cc, uint32_t mss);

/* A repeated timeout: ssthresh stays what the first one made it, RFC 5681 §3.1. */
static inline void cc_one_segment(struct cc *cc)
{
	cc->cwnd = cc->mss;
}

/* During recovery the window follows what is delivered: RFC 6937. */
static inline void cc_set_window(struct cc *cc, uint32_t cwnd)
{
	cc->cwnd = MAX(cwnd, cc->mss);
}

/* Nothing was lost: RFC 3522 §3.2, RFC 5682 §3. */
static inline void cc_restore(struct cc *cc, uint32_t cwnd, uint32_t ssthresh)
{
	cc->cwnd = MAX(cc->cwnd, cwnd);
	cc->ssthresh = MAX(cc->ssthresh, ssthresh);
}

#endif
