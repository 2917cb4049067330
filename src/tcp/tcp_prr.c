/* Proportional rate reduction, RFC 6937: how much recovery sends for what arrives.
 *
 * The window that cc/ chose is reached over one round trip instead of at once; cwnd is pipe
 * plus what may be sent now. */
#include "tcp/tcp_int.h"

void tcp_prr_begin(struct tcp_conn *c)
{
	c->loss->prr.flight = MAX(c->snd.nxt - c->snd.una, 1u);
	c->loss->prr.delivered = c->loss->prr.out = 0;
}

void tcp_prr_acked(struct tcp_conn *c, uint32_t delivered, bool advanced)
{
	uint32_t pipe = tcp_rtx_pipe(c), ssthresh = c->cc.ssthresh, target, send;

	c->loss->prr.delivered += delivered;
	if (pipe > ssthresh) {
		target = (uint32_t)(((uint64_t)c->loss->prr.delivered * ssthresh +
				     c->loss->prr.flight - 1) /
				    c->loss->prr.flight);
		send = target > c->loss->prr.out ? target - c->loss->prr.out : 0;
	} else {
		/* The slow start bound while the ACK advances, else the conservative one. */
		uint32_t behind = c->loss->prr.delivered > c->loss->prr.out
					  ? c->loss->prr.delivered - c->loss->prr.out
					  : 0;
		uint32_t bound = MAX(behind, delivered) + (advanced ? c->snd.mss : 0);

		send = MIN(ssthresh - pipe, bound);
	}
	if (!c->loss->prr.out)
		send = MAX(send, c->snd.mss);	/* the first retransmission goes at once */
	cc_set_window(&c->cc, pipe + send);
}

void tcp_prr_sent(struct tcp_conn *c, uint32_t bytes)
{
	if (c->flags & TCPF_RECOVERY && c->loss)
		c->loss->prr.out += bytes;
}
