/* CUBIC, RFC 9438, with HyStart++, RFC 9406, in its first slow start.
 *
 * HyStart++ sees a queue only when it stands for a whole round trip; where the queue is as long as
 * the path, that is after it has overflowed.  So slow start ends as well when ACKs come in a row
 * for half a round trip (HyStart's ACK train, as in Linux): what goes out for them fills the path.
 *
 * After a loss the window follows a cubic function of the time since: fast up to where the loss
 * was, slowly past it, then faster again; but never below what Reno would have (§4.3).  Time is
 * counted in milliseconds, the window in bytes.
 * Always: own[] is of `struct hystart` until something was lost or slow start was left, and of
 * `struct cubic` from then on; cubic.epoch_ms is 0 outside of an epoch.
 * Start reading at cubic_on_ack(). */
#include "cc/cc_int.h"

#include "base/assert.h"

/* cc->bits */
#define STARTING 0x80u		/* own[] is hystart's */
#define IN_CSS 0x40u		/* conservative slow start */
#define SAMPLES 0x0fu		/* of this round's RTT, saturating */

/* RFC 9406 §4.3 */
#define MIN_RTT_THRESH_US 4000u
#define MAX_RTT_THRESH_US 16000u
#define MIN_RTT_DIVISOR 8u
#define N_RTT_SAMPLE 8u
#define CSS_GROWTH_DIVISOR 4u
#define CSS_ROUNDS 5u
#define BURST_SEGS 8u		/* L, of one that does not pace */
#define TRAIN_GAP_US 2000u	/* ACKs further apart are no train */
#define TRAIN_SEGS_MIN 16u	/* a window below is not worth the care */

/* RFC 9438 §4.1, §4.6: C = 0.4 and beta = 0.7; so alpha = 3 (1 - beta) / (1 + beta) = 9 / 17. */
#define BETA_NUM 7u
#define BETA_DEN 10u
#define ALPHA_NUM 9u
#define ALPHA_DEN 17u
#define DT_MAX_MS 100000u	/* beyond it the cubic is beyond any window */

struct hystart {
	uint32_t train_us;		/* when the ACKs of this round began to come in a row */
	uint32_t last_us, round_us;	/* least RTT of the round before, of this one; 0: none */
	uint32_t base_us;		/* what made us careful */
	uint32_t css_rounds;
};
static_assert(sizeof(struct hystart) == sizeof(((struct cc *)0)->own), "fits own[]");

struct cubic {
	uint32_t w_max;			/* where the loss was */
	uint32_t epoch_ms;		/* when avoidance began, 0: it has not */
	uint32_t k_ms;			/* from there to w_max */
	uint32_t w_est;			/* what Reno would have by now */
	uint32_t est_acked;		/* bytes acknowledged towards its next segment */
};
static_assert(sizeof(struct cubic) == sizeof(((struct cc *)0)->own), "fits own[]");

static inline struct hystart *hystart(struct cc *cc)
{
	return (struct hystart *)cc->own;
}

static inline struct cubic *cubic(struct cc *cc)
{
	return (struct cubic *)cc->own;
}

static void cubic_init(struct cc *cc)
{
	cc->bits = cc->cwnd < cc->ssthresh ? STARTING : 0;
}

uint32_t cc_cube_root(uint64_t a)
{
	uint64_t y = 0;

	for (int s = 63; s >= 0; s -= 3) {
		uint64_t b;

		y <<= 1;
		b = 3 * y * (y + 1) + 1;
		if (a >> s >= b) {
			a -= b << s;
			y++;
		}
	}
	return (uint32_t)y;
}

/* ---- slow start */

static void slow_start_over(struct cc *cc)
{
	if (!(cc->bits & STARTING))
		return;
	cc->bits = 0;
	cc->acked = 0;
	*cubic(cc) = (struct cubic){0};
}

/* RFC 9406 §4.2, at the beginning of a round. */
static void hystart_round(struct cc *cc)
{
	struct hystart *h = hystart(cc);

	h->last_us = h->round_us;
	h->round_us = 0;
	cc->bits &= (uint8_t)~SAMPLES;
	if (cc->bits & IN_CSS && ++h->css_rounds >= CSS_ROUNDS) {
		cc->ssthresh = cc->cwnd;
		slow_start_over(cc);
	}
}

/* RFC 9406 §4.2: has the least RTT of a round grown?  Was that for nothing? */
static void hystart_sample(struct cc *cc, nsec rtt)
{
	struct hystart *h = hystart(cc);
	uint32_t us = (uint32_t)MIN(rtt / 1000u + 1, UINT32_MAX / 2), thresh;

	h->round_us = h->round_us ? MIN(h->round_us, us) : us;
	cc->bits += (cc->bits & SAMPLES) < SAMPLES;
	if ((cc->bits & SAMPLES) < N_RTT_SAMPLE)
		return;
	if (cc->bits & IN_CSS) {
		if (h->round_us < h->base_us)
			cc->bits &= (uint8_t)~IN_CSS;
		return;
	}
	thresh = MIN(MAX(h->last_us / MIN_RTT_DIVISOR, MIN_RTT_THRESH_US), MAX_RTT_THRESH_US);
	if (h->last_us && h->round_us >= h->last_us + thresh) {
		cc->bits |= IN_CSS;
		h->base_us = h->round_us;
		h->css_rounds = 0;
	}
}

/* cc->acked is the moment of the ACK before; nobody counts in slow start. */
static void hystart_train(struct cc *cc, const struct cc_ack *ack)
{
	struct hystart *h = hystart(cc);
	uint32_t us = (uint32_t)(ack->now / 1000u);

	if (ack->round_start || us - cc->acked > TRAIN_GAP_US)
		h->train_us = us;
	cc->acked = us;
	if (ack->rtt_min && cc->cwnd >= TRAIN_SEGS_MIN * cc->mss &&
	    us - h->train_us > ack->rtt_min / 2000u) {
		cc->ssthresh = cc->cwnd;
		slow_start_over(cc);
	}
}

static void slow_start(struct cc *cc, const struct cc_ack *ack)
{
	uint32_t grow = MIN(ack->acked, BURST_SEGS * cc->mss);

	if (ack->app_limited)
		return;
	if (cc->bits & STARTING) {
		if (ack->round_start)
			hystart_round(cc);
		if (cc->bits & STARTING)
			hystart_train(cc, ack);
		if (cc->bits & STARTING && ack->rtt)
			hystart_sample(cc, ack->rtt);
		if (cc->bits & IN_CSS)
			grow /= CSS_GROWTH_DIVISOR;
	}
	cc->cwnd = MIN(MIN(cc->cwnd + grow, MAX(cc->ssthresh, cc->cwnd)), CC_CWND_MAX);
}

/* ---- avoidance */

/* RFC 9438 §4.2: K = cbrt((W_max - cwnd_epoch) / C), in milliseconds and bytes: C is 0.4 segments a
 * second to the third. */
static void begin_epoch(struct cc *cc, uint32_t now_ms)
{
	struct cubic *c = cubic(cc);

	c->epoch_ms = now_ms ? now_ms : 1;
	c->w_est = cc->cwnd;
	c->est_acked = 0;
	cc->acked = 0;
	if (cc->cwnd >= c->w_max) {
		c->w_max = cc->cwnd;
		c->k_ms = 0;
	} else {
		c->k_ms = cc_cube_root((c->w_max - cc->cwnd) * 2500000000ull / cc->mss);
	}
}

/* RFC 9438 §4.2 equation (1), so many milliseconds into the epoch. */
static uint32_t w_cubic(const struct cc *cc, const struct cubic *c, uint32_t ms)
{
	bool before = ms < c->k_ms;
	uint64_t dt = MIN(before ? c->k_ms - ms : ms - c->k_ms, DT_MAX_MS);
	uint64_t far = dt * dt * dt * 4u / 10000u * cc->mss / 1000000u;

	if (before)
		return far < c->w_max ? c->w_max - (uint32_t)far : 0;
	return (uint32_t)MIN(c->w_max + far, (uint64_t)CC_CWND_MAX);
}

/* RFC 9438 §4.3: a segment for each 1/alpha windows acknowledged. */
static void reno_estimate(struct cc *cc, struct cubic *c, uint32_t acked)
{
	uint64_t need = cc->cwnd;

	if (c->w_est < c->w_max)
		need = need * ALPHA_DEN / ALPHA_NUM;
	c->est_acked += acked;
	if (c->est_acked >= need) {
		c->est_acked -= (uint32_t)need;
		c->w_est = MIN(c->w_est + cc->mss, CC_CWND_MAX);
	}
}

/* RFC 9438 §4.4, §4.5: a part of the way to where the cubic will be in a round trip, which is at
 * most half a window further. */
static void avoidance(struct cc *cc, const struct cc_ack *ack)
{
	struct cubic *c = cubic(cc);
	uint32_t now_ms = (uint32_t)(ack->now / 1000000u), target;
	uint64_t grow;

	if (!c->epoch_ms)
		begin_epoch(cc, now_ms);
	reno_estimate(cc, c, ack->acked);
	target = w_cubic(cc, c, now_ms - c->epoch_ms + (uint32_t)(ack->srtt / 1000000u));
	target = MIN(target, cc->cwnd + cc->cwnd / 2);
	if (target > cc->cwnd) {
		grow = (uint64_t)(target - cc->cwnd) * MIN(ack->acked, cc->cwnd) + cc->acked;
		cc->acked = (uint32_t)(grow % cc->cwnd);
		cc->cwnd += (uint32_t)(grow / cc->cwnd);
	}
	cc->cwnd = MIN(MAX(cc->cwnd, c->w_est), CC_CWND_MAX);
}

static void cubic_on_ack(struct cc *cc, const struct cc_ack *ack)
{
	if (ack->in_recovery)
		return;
	if (cc->cwnd < cc->ssthresh) {
		slow_start(cc, ack);
	} else if (ack->app_limited) {
		/* RFC 9438 §5.8: time in which the window was no limit does not count */
		slow_start_over(cc);
		cubic(cc)->epoch_ms = 0;
	} else {
		slow_start_over(cc);
		avoidance(cc, ack);
	}
}

/* RFC 9438 §4.6, §4.7: where the loss was, less when it comes down (fast convergence); what was not
 * in the network does not count. */
static void decrease(struct cc *cc, const struct cc_ack *ack)
{
	struct cubic *c = cubic(cc);
	uint32_t was = MIN(cc->cwnd, ack->inflight + cc->mss);

	slow_start_over(cc);
	c->w_max = was < c->w_max ? (uint32_t)((uint64_t)was * (BETA_DEN + BETA_NUM) / 2 / BETA_DEN)
				  : was;
	c->epoch_ms = 0;
	cc->acked = 0;
	cc->ssthresh = MAX((uint32_t)((uint64_t)was * BETA_NUM / BETA_DEN), 2u * cc->mss);
}

static void cubic_on_loss(struct cc *cc, const struct cc_ack *ack)
{
	decrease(cc, ack);
	cc->cwnd = cc->ssthresh;
}

/* RFC 9438 §4.8 */
static void cubic_on_rto(struct cc *cc, const struct cc_ack *ack)
{
	decrease(cc, ack);
	cc->cwnd = cc->mss;
}

static void cubic_on_recovered(struct cc *cc, const struct cc_ack *ack)
{
	cc->cwnd = MAX(cc->ssthresh, (uint32_t)cc->mss);
}

static void cubic_on_idle(struct cc *cc, nsec idle, nsec rto)
{
	if (!(cc->bits & STARTING))
		cubic(cc)->epoch_ms = 0;
	cc_decay(cc, idle, rto);
}

const struct cc_ops cc_cubic = {
	.name = "cubic",
	.init = cubic_init,
	.on_ack = cubic_on_ack,
	.on_loss = cubic_on_loss,
	.on_rto = cubic_on_rto,
	.on_recovered = cubic_on_recovered,
	.on_idle = cubic_on_idle,
};
