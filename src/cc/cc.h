/* Congestion control: (state, what an ACK said) -> window, and how fast to fill it.  It never
 * sees a connection.
 *
 * A plug-in decides and does nothing else: tcp/ tells it what was acknowledged and what was
 * lost, and reads cwnd, ssthresh and, of one that paces, the rate.  Loss detection,
 * retransmission and the waiting between two segments are not here.  Bytes throughout. */
#ifndef CC_CC_H
#define CC_CC_H

#include "base/types.h"

#define CC_SSTHRESH_INITIAL (16u << 20)
#define CC_CWND_MAX (1u << 30)
#define CC_NAME_MAX 16u		/* with its end: TCP_CA_NAME_MAX of Linux */
#define CC_ROOM_WORDS 16u	/* of 64 bits, see cc_ops.room */

struct cc_ops;

struct cc {
	const struct cc_ops *ops;
	uint32_t cwnd, ssthresh;
	uint16_t mss;
	uint8_t bits;		/* the plug-in's */
	uint8_t full;		/* CC_FULL_* */
	uint32_t acked;		/* bytes counted towards the next increase (ABC, RFC 3465) */
	uint32_t round_end;	/* position in the stream that ends this round trip */
	uint32_t own[5];	/* the plug-in's */
};
static_assert(sizeof(struct cc) == 48, "part of every connection");

/* Was the window the limit? In this round trip, in the one before. */
enum { CC_FULL_NOW = 1, CC_FULL_BEFORE = 2 };

/* What happened.  An event other than on_ack() may leave out whatever does not belong to it, but
 * always tells now, inflight and room. */
struct cc_ack {
	nsec now;
	nsec rtt;		/* of this ACK's newest sample, 0: none */
	nsec srtt, rtt_min;	/* 0: no sample yet */
	uint32_t acked;		/* bytes newly acknowledged */
	uint32_t inflight;	/* bytes outstanding before this ACK */
	uint32_t marked;	/* of `acked`, those that an ECE came with (RFC 8257 §3.3) */
	bool app_limited;	/* the window was not the limit (RFC 7661): do not grow it */
	bool in_recovery;
	bool round_start;	/* all that was outstanding when this round began is acknowledged */
	uint64_t *room;		/* CC_ROOM_WORDS of the plug-in's, NULL: none is left */
	/* Written only when there is room: */
	uint64_t rate;		/* bytes a second delivered, 0: no sample */
	uint32_t delivered;	/* bytes delivered in the whole, on a circle */
	uint32_t prior_delivered;	/* that figure when what is acknowledged was sent */
	uint32_t arrived;	/* bytes newly known to have arrived, sacked ones too */
	uint32_t lost;		/* bytes newly found lost */
	uint32_t pipe;		/* bytes in the network after this ACK */
	bool rate_app_limited;	/* the sample may be too small */
};

struct cc_ops {
	const char *name;
	/* It keeps CC_ROOM_WORDS words while bytes are outstanding, gets rate samples and paces:
	 * pace() tells bytes a second, 0: as fast as may be. */
	bool room;
	bool ecn;	/* wants ECN negotiated and marks counted exactly: RFC 8257 */
	void (*init)(struct cc *cc);
	/* new data acknowledged */
	void (*on_ack)(struct cc *cc, const struct cc_ack *ack);
	/* recovery begins: once a window */
	void (*on_loss)(struct cc *cc, const struct cc_ack *ack);
	void (*on_rto)(struct cc *cc, const struct cc_ack *ack);
	/* the peer saw congestion: once a window; NULL: as on_loss() */
	void (*on_ecn)(struct cc *cc, const struct cc_ack *ack);
	/* recovery point acknowledged */
	void (*on_recovered)(struct cc *cc, const struct cc_ack *ack);
	/* nothing was outstanding for so long: RFC 5681 §4.1, RFC 7661 */
	void (*on_idle)(struct cc *cc, nsec idle, nsec rto);
	/* room was given (zeroed), will be taken back: what must outlive it goes into own */
	void (*open)(struct cc *cc, uint64_t *room, nsec now);
	void (*close)(struct cc *cc, const uint64_t *room);
	uint64_t (*pace)(const struct cc *cc, const uint64_t *room);
};

extern const struct cc_ops cc_newreno;	/* RFC 5681, RFC 6582 windows, RFC 3465 with L = 2 */
extern const struct cc_ops cc_cubic;	/* RFC 9438 with RFC 9406 */
extern const struct cc_ops cc_dctcp;	/* RFC 8257 */
extern const struct cc_ops cc_bbr;	/* draft-cardwell-iccrg-bbr-congestion-control-00 */

/* By name, as TCP_CONGESTION gives it ("reno" is "newreno" too); NULL: none is called so. */
const struct cc_ops *cc_find(const char *name, size_t len);

/* All there are, one by one, NULL behind the last. */
const struct cc_ops *cc_at(unsigned i);

/* RFC 6928: the window to begin with. */
uint32_t cc_initial_window(uint32_t mss);

void cc_init(struct cc *cc, const struct cc_ops *ops, uint32_t mss);
void cc_set_mss(struct cc *cc, uint32_t mss);

/* Another one goes on where this one stands: window and threshold stay.  Before cc_init(): the
 * choice, for whoever calls that. */
void cc_switch(struct cc *cc, const struct cc_ops *ops);

/* Nothing was lost: back to what it was (RFC 3522 §3.2, RFC 5682 §3, RFC 9438 §4.9), but never to
 * less than there is. */
void cc_restore(struct cc *cc, const struct cc *was);

/* RFC 2861 §3.2, as RFC 7661 §4.4.2 has it too: half for each RTO, but not below the window to
 * begin with; what was reached is remembered as threshold. */
void cc_decay(struct cc *cc, nsec idle, nsec rto);

/* A repeated timeout: ssthresh stays what the first one made it, RFC 5681 §3.1. */
static inline void cc_one_segment(struct cc *cc)
{
	cc->cwnd = cc->mss;
}

/* During recovery the window follows what is delivered: RFC 6937. */
static inline void cc_set_window(struct cc *cc, uint32_t cwnd)
{
	cc->cwnd = MAX(cwnd, (uint32_t)cc->mss);
}

/* `una` is acknowledged, `nxt` comes next: does a round trip begin?  Once for each ACK. */
static inline bool cc_round(struct cc *cc, uint32_t una, uint32_t nxt)
{
	if ((int32_t)(una - cc->round_end) < 0)
		return false;
	cc->round_end = nxt;
	cc->full = (uint8_t)(cc->full << 1) & CC_FULL_BEFORE;
	return true;
}

/* From here on a round trip begins: what was learnt before is of another window. */
static inline void cc_round_from(struct cc *cc, uint32_t nxt)
{
	cc->round_end = nxt;
}

/* So much is in the network, and no more will be sent now.  RFC 7661 §4.1: a window of which three
 * quarters were used was the limit. */
static inline void cc_sent(struct cc *cc, uint32_t pipe)
{
	if (pipe + cc->mss > cc->cwnd / 2 + cc->cwnd / 4)
		cc->full |= CC_FULL_NOW;
}

static inline bool cc_app_limited(const struct cc *cc)
{
	return !cc->full;
}

/* A sample of which nothing is known but the time; what goes with `room` is left as it is. */
static inline void cc_ack_init(struct cc_ack *a, nsec now, uint32_t inflight)
{
	a->now = now;
	a->rtt = a->srtt = a->rtt_min = 0;
	a->acked = a->marked = 0;
	a->inflight = inflight;
	a->app_limited = a->in_recovery = a->round_start = false;
	a->room = NULL;
}

#endif
