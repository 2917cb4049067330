/* NewReno's window: slow start and congestion avoidance by bytes (RFC 5681 §3.1, RFC 3465 with
 * L = 2, but 1 in the slow start that follows a timeout), half of the flight on loss (RFC 6582),
 * one segment after a timeout.
 *
 * Recovery itself (what to retransmit, when it is over) is tcp_rtx.c's. */
#include "cc/cc_int.h"

/* bits: in the slow start that follows a timeout, RFC 3465 §2.3. */
#define AFTER_TIMEOUT 1u

void cc_reno_ack(struct cc *cc, const struct cc_ack *ack)
{
	if (ack->app_limited || ack->in_recovery)
		return;
	if (cc->cwnd < cc->ssthresh) {
		uint32_t grow = MIN(ack->acked, (cc->bits & AFTER_TIMEOUT ? 1u : 2u) * cc->mss);

		cc->cwnd = MIN(cc->cwnd + grow, CC_CWND_MAX);
		return;
	}
	cc->bits &= (uint8_t)~AFTER_TIMEOUT;
	cc->acked += ack->acked;
	if (cc->acked >= cc->cwnd) {
		cc->acked -= cc->cwnd;
		cc->cwnd = MIN(cc->cwnd + cc->mss, CC_CWND_MAX);
	}
}

/* RFC 5681 §3.1 equation (4). */
static void halve(struct cc *cc, uint32_t inflight)
{
	cc->ssthresh = MAX(inflight / 2, 2u * cc->mss);
	cc->acked = 0;
}

void cc_reno_loss(struct cc *cc, const struct cc_ack *ack)
{
	halve(cc, ack->inflight);
	cc->cwnd = cc->ssthresh;
}

void cc_reno_rto(struct cc *cc, const struct cc_ack *ack)
{
	halve(cc, ack->inflight);
	cc->cwnd = cc->mss;
	cc->bits |= AFTER_TIMEOUT;
}

/* RFC 6582 §3.2 step 3, option 1: no burst when the window opens. */
void cc_reno_recovered(struct cc *cc, const struct cc_ack *ack)
{
	cc->cwnd = MIN(cc->ssthresh, MAX(ack->inflight, (uint32_t)cc->mss) + cc->mss);
}

void cc_reno_idle(struct cc *cc, nsec idle, nsec rto)
{
	if (idle > rto)
		cc->cwnd = MIN(cc->cwnd, cc_initial_window(cc->mss));	/* RFC 5681 §4.1 */
}

const struct cc_ops cc_newreno = {
	.name = "newreno",
	.on_ack = cc_reno_ack,
	.on_loss = cc_reno_loss,
	.on_rto = cc_reno_rto,
	.on_recovered = cc_reno_recovered,
	.on_idle = cc_reno_idle,
};
