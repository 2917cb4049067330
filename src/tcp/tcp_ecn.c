/* Explicit congestion notification, RFC 3168: routers mark instead of dropping; the receiver echoes
 * marks, the sender reduces as for a loss and says so.  And what DCTCP needs of it, RFC 8257 §3.2:
 * an echo that says exactly which bytes were marked.
 *
 * Only data that was never sent before is sent as ECN-capable (RFC 3168 §6.1.4, §6.1.5, §6.1.6).
 * cc/ decides by how much the window shrinks. */
#include "tcp/tcp_int.h"

#define BOTH (WIRE_TCP_ECE | WIRE_TCP_CWR)

static bool wanted(const struct tcp *t, const struct tcp_conn *c)
{
	return t->config.ecn == TCP_ECN_ASK || c->cc.ops->ecn;
}

/* What the SYN, or the SYN-ACK, of a connection says of it; RFC 3168 §6.1.1.1: a SYN that is sent
 * again does without, for the sake of those who drop what they do not know. */
uint8_t tcp_ecn_syn_flags(const struct tcp *t, const struct tcp_conn *c)
{
	if (c->state == TCP_SYN_RECEIVED)
		return c->flags & TCPF_ECN ? WIRE_TCP_ECE : 0;
	return wanted(t, c) && c->snd.nxt == c->iss ? BOTH : 0;
}

/* The peer's SYN or SYN-ACK, RFC 3168 §6.1.1. */
void tcp_ecn_agree(const struct tcp *t, struct tcp_conn *c, uint8_t syn_flags)
{
	if (t->config.ecn == TCP_ECN_OFF && !c->cc.ops->ecn)
		return;
	if (syn_flags & WIRE_TCP_ACK ? (syn_flags & BOTH) == WIRE_TCP_ECE && wanted(t, c)
				     : (syn_flags & BOTH) == BOTH)
		c->flags |= TCPF_ECN;
}

/* ---- receiving */

/* RFC 8257 §3.2: an ACK for what came before, with the old echo, when marks begin or end. */
static void echo_exactly(struct tcp *t, struct tcp_conn *c, bool ce)
{
	if (ce == !!(c->flags & TCPF_ECE))
		return;
	if (c->flags & (TCPF_ACK_DELAYED | TCPF_ACK_NOW))
		tcp_output_ack(t, c);
	c->flags ^= TCPF_ECE;
}

/* RFC 3168 §6.1.3: a marked segment is echoed until the sender says that it has heard. */
void tcp_ecn_received(struct tcp *t, struct tcp_conn *c, const struct tcp_seg *s)
{
	bool ce = s->p->rx.ecn == TCP_ECN_CE;

	if (!s->len)
		return;
	t->n.ecn_marks += ce;
	if (c->cc.ops->ecn) {
		echo_exactly(t, c, ce);
		return;
	}
	if (s->flags & WIRE_TCP_CWR)
		c->flags &= ~(uint32_t)TCPF_ECE;
	if (ce)
		c->flags |= TCPF_ECE;
}

/* ---- sending */

/* RFC 3168 §6.1.2: an echo is a sign of congestion; once for each window, and not beside a loss. */
void tcp_ecn_echoed(struct tcp *t, struct tcp_conn *c)
{
	struct cc_ack e;
	const struct cc_ops *ops = c->cc.ops;

	tcp_cc_event(t, c, &e);
	if (c->flags & (TCPF_ECN_CUT | TCPF_RECOVERY | TCPF_LOSS) || !e.inflight)
		return;
	(ops->on_ecn ? ops->on_ecn : ops->on_loss)(&c->cc, &e);
	c->flags |= TCPF_ECN_CUT | TCPF_CWR;
	cc_round_from(&c->cc, c->snd.nxt);
	t->n.ecn_cuts++;
}

/* Flags and the two bits of IP for a segment that leaves; `fresh`: bytes for the first time. */
uint8_t tcp_ecn_send(struct tcp_conn *c, uint8_t *flags, bool fresh)
{
	if (c->flags & TCPF_ECE)
		*flags |= WIRE_TCP_ECE;
	if (!fresh)
		return 0;
	if (c->flags & TCPF_CWR) {
		*flags |= WIRE_TCP_CWR;
		c->flags &= ~(uint32_t)TCPF_CWR;
	}
	return TCP_ECN_ECT0;
}
