/* After each poll's input: what tcp and udp say became ready finishes what waits for it.
 *
 * The lower layers only keep lists; this is where they are read. */
#include "sock/sock_int.h"

/* News of an attempt to connect; true when it stands and more may have happened. */
static COLD bool connecting_event(struct socks *s, struct sock *k, unsigned bits)
{
	if (bits & TCP_READY_CONNECTED) {
		sock_stream_connected(s, k);
		return true;
	}
	if (bits & TCP_READY_ERROR)
		sock_stream_connect_failed(s, k);
	return false;
}

/* What enum tcp_ready says in poll(2)'s bits. */
static uint32_t bits_of(unsigned ready)
{
	if (ready & (TCP_READY_EOF | TCP_READY_ERROR))
		return ~0u;
	return (ready & TCP_READY_READABLE ? LEAT_POLLIN : 0) |
	       (ready & (TCP_READY_WRITABLE | TCP_READY_CONNECTED) ? LEAT_POLLOUT : 0);
}

static void conn_event(struct socks *s, struct tcp_conn *c, unsigned bits)
{
	struct sock *k = tcp_owner(c);

	assert(k->conn == c);
	if (unlikely(k->flags & SOCKF_CONNECTING) && !connecting_event(s, k, bits))
		return;
	if (k->rx && bits & (TCP_READY_READABLE | TCP_READY_EOF | TCP_READY_ERROR))
		sock_stream_rx(s, k, bits);
	if (unlikely(k->tx) && bits & (TCP_READY_WRITABLE | TCP_READY_ERROR))
		sock_stream_tx(s, k);
	if (unlikely(k->polls))
		sock_poll_run(s, k, bits_of(bits));
}

static NOINLINE void listener_events(struct socks *s)
{
	struct tcp_listener *l;

	while ((l = tcp_ready_listener(&s->net->tcp))) {
		struct sock *k = tcp_listener_owner(l);

		sock_listener_rx(s, k);
		if (k->polls)
			sock_poll_run(s, k, LEAT_POLLIN);
	}
}

static NOINLINE void udp_events(struct socks *s)
{
	struct udp_sock *u;
	unsigned bits;

	while ((u = udp_ready_sock(&s->net->udp, &bits))) {
		struct sock *k = u->owner;

		if (k->rx)
			sock_dgram_rx(s, k);
		if (k->polls)
			sock_poll_run(s, k, bits & UDP_ERROR ? ~0u : LEAT_POLLIN);
	}
}

static NOINLINE void lends_back(struct socks *s)
{
	struct pool *pool = &s->net->pool;

	while (pool->returned) {
		struct lend *lend = pool->returned;

		pool->returned = lend->next;
		sock_op_lend_back(s, container_of(lend, struct sock_op, tx.lend));
	}
}

void sock_drain(struct socks *s)
{
	struct net *net = s->net;
	struct tcp_conn *c;
	unsigned bits;

	while (!list_empty(&net->tcp.ready) && (c = tcp_ready_conn(&net->tcp, &bits)))
		conn_event(s, c, bits);
	if (unlikely(!list_empty(&net->tcp.ready_listeners)))
		listener_events(s);
	if (unlikely(!list_empty(&net->udp.ready)))
		udp_events(s);
	if (unlikely(net->pool.returned != NULL))
		lends_back(s);
	if (unlikely(!list_empty(&s->stalled)))
		sock_op_retry_stalled(s);
}
