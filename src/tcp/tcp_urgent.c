/* The urgent mechanism, RFC 9293 §3.8.5, as RFC 6093 leaves it: a mark in the stream, no data
 * beside it.
 *
 * Urgent bytes are delivered in their place among the others (SO_OOBINLINE is always on: RFC 6093
 * §6); the owner is told that there is a mark, and can ask how far it is.  The pointer is that of
 * RFC 9293 §3.8.5, to the byte behind the urgent data.  A mark is kept in the connection's
 * side; when half of them are in use a peer's mark is not worth one, and its bytes are ordinary.
 * Writes the group urg. */
#include "tcp/tcp_int.h"

static bool side_is_cheap(struct tcp *t, struct tcp_conn *c)
{
	return c->side || (t->sides_used < tcp_sides_max(t) / 2 && tcp_side_get(t, c));
}

/* RFC 9293 §3.10.7.4, sixth: a mark that is ahead of what is known is news. */
void tcp_urgent_take(struct tcp *t, struct tcp_conn *c, const struct tcp_seg *s)
{
	uint32_t to = s->h->seq + s->h->urg;

	if (!s->h->urg || c->flags & TCPF_FIN_RCVD || seq_le(to, c->rcv.nxt - c->rcv.queued) ||
	    !side_is_cheap(t, c))
		return;
	if (c->side->urg.in && seq_le(to, c->side->urg.rcv_to))
		return;
	c->side->urg.in = true;
	c->side->urg.rcv_to = to;
	tcp_conn_ready(t, c, TCP_READY_URGENT);
}

uint32_t tcp_urgent_left(const struct tcp_conn *c)
{
	uint32_t at = c->rcv.nxt - c->rcv.queued;

	if (!c->side || !c->side->urg.in || !seq_gt(c->side->urg.rcv_to, at))
		return 0;
	return c->side->urg.rcv_to - at;
}

int tcp_urgent_mark(struct tcp *t, struct tcp_conn *c)
{
	if (!tcp_side_get(t, c))
		return -E_NOBUFS;
	c->side->urg.out = true;
	c->side->urg.snd_to = c->snd.end;
	tcp_want_output(t, c);
	return 0;
}

/* The pointer of a segment of ours that begins at `seq`; 0: without URG. */
uint16_t tcp_urgent_pointer(const struct tcp_conn *c, uint32_t seq)
{
	if (!c->side->urg.out || !seq_gt(c->side->urg.snd_to, seq))
		return 0;
	return (uint16_t)MIN(c->side->urg.snd_to - seq, UINT16_MAX);
}
