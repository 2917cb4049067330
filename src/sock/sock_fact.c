/* Facts about sockets, at once: names, queues, and everything about a connection. */
#include "sock/sock_int.h"

#include "base/fmt.h"

static void conn_info(const struct tcp *t, const struct tcp_conn *c, struct leat_conn_info *out)
{
	struct tcp_info i;

	tcp_get_info(t, c, &i);
	sock_addr_out(&out->local, &i.local, i.lport);
	sock_addr_out(&out->remote, &i.remote, i.rport);
	(void)fmt(out->state, sizeof(out->state), "%s", tcp_state_name(i.state));
	out->states_passed = i.states_passed;
	out->snd_wscale = i.snd_wscale;
	out->rcv_wscale = i.rcv_wscale;
	out->timestamps = i.timestamps;
	out->snd_mss = i.snd_mss;
	out->rcv_mss = i.rcv_mss;
	out->cwnd = i.cwnd;
	out->ssthresh = i.ssthresh;
	out->snd_wnd = i.snd_wnd;
	out->rcv_wnd = i.rcv_wnd;
	out->retransmits = i.retrans_segs;
	out->timeouts = i.rto_fired;
	out->srtt_ns = i.srtt;
	out->rttvar_ns = i.rttvar;
	out->rtt_min_ns = i.rtt_min;
	out->rto_ns = i.rto;
	out->bytes_in = i.bytes_in;
	out->bytes_out = i.bytes_out;
	out->segs_in = i.segs_in;
	out->segs_out = i.segs_out;
	out->bytes_queued = (uint64_t)i.unsent + i.unacked;
}

int sock_info(struct socks *s, int32_t fd, struct leat_conn_info *out)
{
	struct sock *k = sock_of(s, fd);

	mem_zero(out, sizeof(*out));
	if (!k)
		return -E_BADF;
	switch ((enum sock_kind)k->kind) {
	case SOCK_CONN:
		conn_info(&s->net->tcp, k->conn, out);
		return 0;
	case SOCK_LISTENER:
		sock_addr_out(&out->local, tcp_listener_addr(k->listener),
			      tcp_listener_port(k->listener));
		(void)fmt(out->state, sizeof(out->state), "%s", tcp_state_name(TCP_LISTEN));
		return 0;
	case SOCK_DGRAM:
		sock_addr_out(&out->local, &k->udp->local, k->udp->lport);
		sock_addr_out(&out->remote, &k->udp->remote, k->udp->rport);
		return 0;
	case SOCK_STREAM:
	case SOCK_FREE:
		break;
	}
	return -E_NOTCONN;
}

/* ---- names */

int sock_name(struct socks *s, int32_t fd, struct leat_addr *out)
{
	struct sock *k = sock_of(s, fd);
	const struct sock_cold *cold;
	struct leat_conn_info info;

	*out = (struct leat_addr){0};
	if (!k)
		return -E_BADF;
	if (k->kind != SOCK_STREAM) {
		(void)sock_info(s, fd, &info);
		*out = info.local;
		return 0;
	}
	cold = sock_cold_of(s, k);
	if (cold)
		sock_addr_out(out, &cold->local, cold->lport);
	return 0;
}

int sock_peer(struct socks *s, int32_t fd, struct leat_addr *out)
{
	struct sock *k = sock_of(s, fd);
	struct leat_conn_info info;

	*out = (struct leat_addr){0};
	if (!k)
		return -E_BADF;
	if (k->kind == SOCK_DGRAM ? !k->udp->connected :
				    k->kind != SOCK_CONN || k->flags & SOCKF_CONNECTING ||
					    tcp_conn_state(k->conn) == TCP_CLOSED)
		return -E_NOTCONN;
	(void)sock_info(s, fd, &info);
	*out = info.remote;
	return 0;
}

/* ---- queues */

static int conn_queued(const struct socks *s, const struct sock *k, enum leat_queue queue)
{
	struct tcp_info i;

	switch (queue) {
	case LEAT_QUEUE_IN:
		return (int)tcp_recv_queued(k->conn);
	case LEAT_QUEUE_ROOM:
		return (int)tcp_send_room(k->conn);
	case LEAT_QUEUE_OUT:
	case LEAT_QUEUE_UNSENT:
		tcp_get_info(&s->net->tcp, k->conn, &i);
		return (int)(i.unsent + (queue == LEAT_QUEUE_OUT ? i.unacked : 0));
	}
	return -E_INVAL;
}

int sock_queued(struct socks *s, int32_t fd, enum leat_queue queue)
{
	struct sock *k = sock_of(s, fd);

	if (!k)
		return -E_BADF;
	if (queue > LEAT_QUEUE_ROOM)
		return -E_INVAL;
	switch ((enum sock_kind)k->kind) {
	case SOCK_CONN:
		return conn_queued(s, k, queue);
	case SOCK_DGRAM:
		if (queue == LEAT_QUEUE_IN)
			return k->udp->rx.head ? (int)k->udp->rx.head->total : 0;
		return queue == LEAT_QUEUE_ROOM ? (int)UDP_PAYLOAD_MAX : 0;
	case SOCK_STREAM:
		return 0;
	case SOCK_LISTENER:
	case SOCK_FREE:
		break;
	}
	return -E_INVAL;
}
