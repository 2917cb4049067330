/* TCP Fast Open, the server's side: bytes on the SYN of a peer that was here before, RFC 7413.
 *
 * A cookie is a keyed hash of the peer's address: who can show it gets what is sent there, so its
 * bytes may be handed to the owner before the handshake is done.  A listener offers it when its
 * TCP_OPT_FASTOPEN says so; so many connections at once as that number, in all listeners, may
 * stand on nothing but a cookie, the others shake hands first.
 *
 * A connection that was opened so is in SYN-RECEIVED and accepted; what its owner writes waits for
 * the ACK.  Always: fastopens counts the connections with TCPF_FASTOPEN. */
#include "tcp/tcp_int.h"

static uint64_t cookie_of(const struct tcp *t, const struct addr *remote)
{
	uint64_t w[3] = {remote->q[0], remote->q[1], 0x666173746f70656eu /* "fastopen" */};

	return siphash_words(&t->core->secret_key, w, 3);
}

static bool offered(const struct tcp *t, const struct tcp_listener *l, const struct wire_tcp *syn)
{
	return syn->opts & WIRE_TCP_OPT_FASTOPEN && tcp_listener_get(t, l, TCP_OPT_FASTOPEN);
}

static bool known(const struct tcp *t, const struct tcp_seg *s)
{
	uint64_t cookie = cookie_of(t, &s->p->rx.src);

	return s->h->fastopen_len == TCP_FASTOPEN_LEN &&
	       mem_eq(s->h->fastopen, &cookie, TCP_FASTOPEN_LEN);
}

/* RFC 7413 §4.1.2: whoever asks, or shows one that is not ours (any more), gets one. */
bool tcp_fastopen_gives(const struct tcp *t, const struct tcp_listener *l, const struct tcp_seg *s)
{
	return offered(t, l, s->h) && !known(t, s);
}

uint8_t tcp_fastopen_cookie(const struct tcp *t, const struct addr *remote, uint8_t *to)
{
	uint64_t cookie = cookie_of(t, remote);

	mem_copy(to, &cookie, TCP_FASTOPEN_LEN);
	return TCP_FASTOPEN_LEN;
}

/* RFC 7413 §4.2.2: a good cookie and room makes a connection of the SYN alone.  False: the usual
 * way. */
bool tcp_fastopen_take(struct tcp *t, struct tcp_listener *l, struct tcp_seg *s)
{
	struct tcp_ends ends = tcp_seg_ends(s);
	struct tcp_conn *c;

	if (!offered(t, l, s->h) || !known(t, s) || s->reopens ||
	    t->fastopens >= tcp_listener_get(t, l, TCP_OPT_FASTOPEN))
		return false;
	c = tcp_listen_child(t, l, &ends, s->h, tcp_iss(t, &ends));
	if (!c)
		return false;
	c->flags |= TCPF_FASTOPEN;
	t->fastopens++;
	t->n.fastopens++;
	pkt_pull(s->p, s->h->header_len);
	tcp_rcv_syn_data(t, c, s);
	tcp_listen_queue(t, l, c);
	tcp_open_send_syn(t, c);
	return true;
}

/* The handshake is done, or will never be. */
void tcp_fastopen_over(struct tcp *t, struct tcp_conn *c)
{
	if (!(c->flags & TCPF_FASTOPEN))
		return;
	c->flags &= ~(uint32_t)TCPF_FASTOPEN;
	t->fastopens--;
}
