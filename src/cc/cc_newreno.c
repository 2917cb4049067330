/* NewReno's window: slow start and congestion avoidance by bytes (RFC 5681 §3.1, RFC 3465 with
 * L = 2, but 1 in the slow start that follows a timeout), half of the flight on loss (RFC 6582),
 * one segment after a timeout.
 *
 * Recovery itself (what to retransmit, when it is over) is tcp_rtx.c's. */
#include "cc/cc.h"

/* own[0]: in the slow start that follows a timeout, RFC 3465 §2.3. */
static bool after_timeout(const struct cc *cc)
{
	return cc->own[0];
}

static void newreno_on_ack(struct cc *cc, const struct cc_ack *ack)
{
	if (ack->app_limited || ack->in_recovery)
		return;
	if (cc->cwnd < cc->ssthresh) {
		uint32_t grow = MIN(ack->acked, (after_timeout(cc) ? 1 : 2) * cc->mss);

		cc->cwnd = MIN(cc->cwnd + grow, CC_CWND_MAX);
		return;
	}
	cc->own[0] = 0;
	cc->acked += ack->acked;
	if (cc->acked >= cc->cwnd) {
		cc->acked -= cc->cwnd;
		cc->cwnd = MIN(cc->cwnd + cc->mss, CC_CWND_MAX);
	}
}

/* RFC 5681 §3.1 equation (4). */
static void newreno_halve(struct cc *cc, uint32_t inflight)
{
	cc->ssthresh = MAX(inflight / 2, 2 * cc->mss);
	cc->acked = 0;
}

static void newreno_on_loss(struct cc *cc, uint32_t inflight, nsec now)
{
	newreno_halve(cc, inflight);
	cc->cwnd = cc->ssthresh;
}

static void newreno_on_rto(struct cc *cc, uint32_t inflight, nsec now)
{
	newreno_halve(cc, inflight);
	cc->cwnd = cc->mss;
	cc->own[0] = 1;
}

/* RFC 6582 §3.2 step 3, option 1: no burst when the window opens. */
static void newreno_on_recovered(struct cc *cc, uint32_t inflight, nsec now)
{
	cc->cwnd = MIN(cc->ssthresh, MAX(inflight, cc->mss) + cc->mss);
}

static void newreno_on_idle(struct cc *cc, nsec idle, nsec rto)
{
	cc->cwnd = MIN(cc->cwnd, cc_initial_window(cc->mss));	/* RFC 5681 §4.1 */
}

const struct cc_ops cc_newreno = {
	.name = "newreno",
	.on_ack = newreno_on_ack,
	.on_loss = newreno_on_loss,
	.on_rto = newreno_on_rto,
	.on_recovered = newreno_on_recovered,
	.on_idle = newreno_on_idle,
};
