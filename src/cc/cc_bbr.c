/* BBR, version 1: draft-cardwell-iccrg-bbr-congestion-control-00.
 *
 * A model of the path instead of a window that loss moves: the largest rate of the last ten round
 * trips, the smallest round trip of the last ten seconds.  Paces at that rate, probes for more in
 * one round trip of eight, drains in the next, and lets the queue run empty for 200 ms when the
 * smallest round trip was not seen for ten seconds.
 *
 * The model lives in `room` while bytes are outstanding; what outlives that is in own[].  Without
 * room (the pool is empty) it is NewReno.
 * Start reading at bbr_on_ack(). */
#include "cc/cc_int.h"

#include "base/mem.h"

/* Gains, in 256ths: 2/ln 2, its inverse, the eight of a cycle. */
#define UNIT 256u
#define GAIN_HIGH 739u
#define GAIN_DRAIN 88u
#define GAIN_CWND (2 * UNIT)
#define CYCLE 8u

#define BW_ROUNDS 10u		/* that the largest rate is remembered */
#define BW_SHIFT 4		/* rates are kept in 16 bytes a second, to fit */
#define FULL_ROUNDS 3u		/* without a quarter more: the path is full */
#define RTT_WINDOW SEC(10)
#define PROBE_RTT_FOR MSEC(200)
#define CWND_SEGS_MIN 4u

enum mode { STARTUP, DRAIN, PROBE_BW, PROBE_RTT };

struct bbr {
	uint32_t bw[BW_ROUNDS];		/* the largest of each round */
	uint32_t full_bw;		/* when it grew last in STARTUP */
	uint32_t round;
	uint32_t round_end;		/* delivered, at which it is over */
	uint32_t rtt_us;		/* the smallest, 0: none yet */
	nsec rtt_at;			/* when it was seen */
	nsec cycle_at;			/* when this phase began */
	nsec rtt_done_at;		/* PROBE_RTT: then; 0: the queue is not empty yet */
	uint32_t prior_cwnd;
	uint8_t mode, cycle, full_rounds;
	bool full, rtt_round, recovering, conserving;
};
static_assert(sizeof(struct bbr) <= CC_ROOM_WORDS * 8, "fits the room");

/* What outlives the room, in own[]. */
struct kept {
	uint32_t bw, rtt_us, rtt_at_ms, prior_cwnd;
	uint32_t full;
};
static_assert(sizeof(struct kept) == sizeof(((struct cc *)0)->own), "fits own[]");

static uint32_t bandwidth(const struct bbr *b)
{
	uint32_t max = 0;

	for (unsigned i = 0; i < BW_ROUNDS; i++)
		max = MAX(max, b->bw[i]);
	return max;
}

static uint32_t pacing_gain(const struct bbr *b)
{
	static const uint16_t cycle[CYCLE] = {320, 192, UNIT, UNIT, UNIT, UNIT, UNIT, UNIT};

	switch (b->mode) {
	case STARTUP:
		return GAIN_HIGH;
	case DRAIN:
		return GAIN_DRAIN;
	case PROBE_BW:
		return cycle[b->cycle];
	default:
		return UNIT;
	}
}

/* Bytes in flight that fill the path `gain` times, and some that acknowledging in pieces needs. */
static uint32_t target(const struct cc *cc, const struct bbr *b, uint32_t gain)
{
	uint64_t bdp = ((uint64_t)bandwidth(b) << BW_SHIFT) * b->rtt_us / 1000000u;

	if (!b->rtt_us)
		return cc_initial_window(cc->mss);
	return (uint32_t)MIN(bdp * gain / UNIT + 3u * cc->mss, (uint64_t)CC_CWND_MAX);
}

static void bbr_open(struct cc *cc, uint64_t *room, nsec now)
{
	const struct kept *k = (const struct kept *)cc->own;
	struct bbr *b = (struct bbr *)room;

	b->bw[0] = k->bw;
	b->rtt_us = k->rtt_us;
	b->rtt_at = now;
	if (k->rtt_us)
		b->rtt_at = MSEC((uint64_t)(now / 1000000u) -
				 (uint32_t)((uint32_t)(now / 1000000u) - k->rtt_at_ms));
	b->prior_cwnd = k->prior_cwnd;
	b->full = k->full;
	b->mode = k->full ? PROBE_BW : STARTUP;
	b->cycle = 2;
	b->cycle_at = now;
}

static void bbr_close(struct cc *cc, const uint64_t *room)
{
	const struct bbr *b = (const struct bbr *)room;

	*(struct kept *)cc->own = (struct kept){
		.bw = bandwidth(b), .rtt_us = b->rtt_us, .prior_cwnd = b->prior_cwnd,
		.rtt_at_ms = (uint32_t)(b->rtt_at / 1000000u), .full = b->full};
}

static uint64_t bbr_pace(const struct cc *cc, const uint64_t *room)
{
	const struct bbr *b = (const struct bbr *)room;
	uint64_t bw = (uint64_t)bandwidth(b) << BW_SHIFT;

	if (!bw)	/* nothing is acknowledged yet: the window in a trip, or a millisecond */
		bw = (uint64_t)cc->cwnd * 1000000u / (b->rtt_us ? b->rtt_us : 1000u);
	return bw * pacing_gain(b) / UNIT;
}

/* ---- the model */

static bool update_round(struct bbr *b, const struct cc_ack *a)
{
	if (!a->rate || (int32_t)(a->prior_delivered - b->round_end) < 0)
		return false;
	b->round_end = a->delivered;
	b->round++;
	b->bw[b->round % BW_ROUNDS] = 0;
	b->conserving = false;
	return true;
}

static void update_bandwidth(struct bbr *b, const struct cc_ack *a)
{
	uint32_t bw = (uint32_t)MIN(a->rate >> BW_SHIFT, (uint64_t)UINT32_MAX);
	uint32_t *now = &b->bw[b->round % BW_ROUNDS];

	if (bw && (!a->rate_app_limited || bw >= bandwidth(b)))
		*now = MAX(*now, bw);
}

/* Three rounds without a quarter more: there is no more. */
static void update_full(struct bbr *b, const struct cc_ack *a, bool round)
{
	uint32_t bw = bandwidth(b);

	if (b->full || !round || a->rate_app_limited)
		return;
	if (bw >= b->full_bw + b->full_bw / 4) {
		b->full_bw = bw;
		b->full_rounds = 0;
		return;
	}
	b->full = ++b->full_rounds >= FULL_ROUNDS;
}

static void enter_probe_bw(struct bbr *b, nsec now)
{
	b->mode = PROBE_BW;
	b->cycle = 2 + b->round % (CYCLE - 2);	/* anywhere but where it drains */
	b->cycle_at = now;
}

static void update_cycle(struct cc *cc, struct bbr *b, const struct cc_ack *a)
{
	bool long_enough = a->now - b->cycle_at > USEC(b->rtt_us);
	uint32_t gain = pacing_gain(b);

	if (gain > UNIT)		/* until it is really in flight, or lost */
		long_enough &= a->lost || a->pipe + a->arrived >= target(cc, b, gain);
	else if (gain < UNIT)		/* or drained */
		long_enough |= a->pipe <= target(cc, b, UNIT);
	if (!long_enough)
		return;
	b->cycle = (b->cycle + 1) % CYCLE;
	b->cycle_at = a->now;
}

static void update_mode(struct cc *cc, struct bbr *b, const struct cc_ack *a)
{
	if (b->mode == STARTUP && b->full)
		b->mode = DRAIN;
	if (b->mode == DRAIN && a->pipe <= target(cc, b, UNIT))
		enter_probe_bw(b, a->now);
	if (b->mode == PROBE_BW)
		update_cycle(cc, b, a);
}

static void leave_probe_rtt(struct cc *cc, struct bbr *b, nsec now)
{
	b->rtt_at = now;
	cc->cwnd = MAX(cc->cwnd, b->prior_cwnd);
	if (b->full)
		enter_probe_bw(b, now);
	else
		b->mode = STARTUP;
}

static void update_rtt(struct cc *cc, struct bbr *b, const struct cc_ack *a, bool round)
{
	bool old = a->now > b->rtt_at + RTT_WINDOW;
	uint32_t us = (uint32_t)MIN(a->rtt / 1000u + 1, (nsec)UINT32_MAX);

	if (a->rtt && (!b->rtt_us || us <= b->rtt_us || old)) {
		b->rtt_us = us;
		b->rtt_at = a->now;
	}
	if (old && b->mode != PROBE_RTT) {
		b->mode = PROBE_RTT;
		b->prior_cwnd = cc->cwnd;
		b->rtt_done_at = 0;
	}
	if (b->mode != PROBE_RTT)
		return;
	if (!b->rtt_done_at && a->pipe <= CWND_SEGS_MIN * cc->mss) {
		b->rtt_done_at = a->now + PROBE_RTT_FOR;
		b->rtt_round = false;
		b->round_end = a->delivered;
	} else if (b->rtt_done_at) {
		b->rtt_round |= round;
		if (b->rtt_round && a->now > b->rtt_done_at)
			leave_probe_rtt(cc, b, a->now);
	}
}

/* ---- the window: a bound of what is in flight, twice the path's */

static void set_window(struct cc *cc, struct bbr *b, const struct cc_ack *a)
{
	uint32_t most = target(cc, b, b->mode == STARTUP || b->mode == DRAIN ? GAIN_HIGH
									     : GAIN_CWND);

	if (b->recovering && !a->in_recovery) {
		b->recovering = false;
		cc->cwnd = MAX(cc->cwnd, b->prior_cwnd);
	}
	if (a->lost)
		cc->cwnd = cc->cwnd > a->lost + cc->mss ? cc->cwnd - a->lost : cc->mss;
	if (b->conserving)
		cc->cwnd = MAX(cc->cwnd, a->pipe + a->arrived);
	else if (b->full)
		cc->cwnd = MIN(cc->cwnd + a->arrived, most);
	else if (cc->cwnd < most || a->delivered < cc_initial_window(cc->mss))
		cc->cwnd += a->arrived;
	cc->cwnd = MIN(MAX(cc->cwnd, CWND_SEGS_MIN * cc->mss), CC_CWND_MAX);
	if (b->mode == PROBE_RTT)
		cc->cwnd = MIN(cc->cwnd, CWND_SEGS_MIN * cc->mss);
}

static void bbr_on_ack(struct cc *cc, const struct cc_ack *a)
{
	struct bbr *b = (struct bbr *)a->room;
	bool round;

	if (!b) {
		cc_reno_ack(cc, a);
		return;
	}
	round = update_round(b, a);
	update_bandwidth(b, a);
	update_full(b, a, round);
	update_mode(cc, b, a);
	update_rtt(cc, b, a, round);
	set_window(cc, b, a);
}

/* A loss is no sign; but for a round trip no more leaves than arrives. */
static void bbr_on_loss(struct cc *cc, const struct cc_ack *a)
{
	struct bbr *b = (struct bbr *)a->room;

	if (!b) {
		cc_reno_loss(cc, a);
		return;
	}
	if (!b->recovering && b->mode != PROBE_RTT)
		b->prior_cwnd = cc->cwnd;
	b->recovering = b->conserving = true;
	b->round_end = a->delivered;
	cc->cwnd = MAX(a->pipe, (uint32_t)cc->mss);
}

static void bbr_on_rto(struct cc *cc, const struct cc_ack *a)
{
	struct bbr *b = (struct bbr *)a->room;

	if (!b) {
		cc_reno_rto(cc, a);
		return;
	}
	if (!b->recovering && b->mode != PROBE_RTT)
		b->prior_cwnd = cc->cwnd;
	b->full_bw = 0;			/* whatever made us think so may be gone */
	b->recovering = true;
	cc->cwnd = cc->mss;
}

/* Marks are not its sign either. */
static void bbr_on_ecn(struct cc *cc, const struct cc_ack *a)
{
}

static void bbr_on_recovered(struct cc *cc, const struct cc_ack *a)
{
	if (!a->room)
		cc_reno_recovered(cc, a);
}

/* The model says how to begin again: at its rate. */
static void bbr_on_idle(struct cc *cc, nsec idle, nsec rto)
{
}

const struct cc_ops cc_bbr = {
	.name = "bbr",
	.room = true,
	.on_ack = bbr_on_ack,
	.on_loss = bbr_on_loss,
	.on_rto = bbr_on_rto,
	.on_ecn = bbr_on_ecn,
	.on_recovered = bbr_on_recovered,
	.on_idle = bbr_on_idle,
	.open = bbr_open,
	.close = bbr_close,
	.pace = bbr_pace,
};
