/* POLL_ADD, POLL_REMOVE: readiness of a socket, in the bits of poll(2) and as Linux sets them.
 *
 * One-shot: the operation completes when a bit that it asked for (or an error or hang-up, which
 * everybody gets) is true, at once or after an event. */
#include "sock/sock_int.h"
#include "tcp/tcp_opt.h"

#define ALWAYS (LEAT_POLLERR | LEAT_POLLHUP)

static uint32_t conn_events(const struct sock *k)
{
	enum tcp_state state = tcp_conn_state(k->conn);
	bool wr_shut = k->flags & SOCKF_WR_SHUT || state == TCP_CLOSED;
	uint32_t events = 0;

	if (tcp_error(k->conn) && !(k->flags & SOCKF_ERR_TOLD))
		events |= LEAT_POLLERR;
	if (k->flags & SOCKF_CONNECTING)
		return events;
	if (sock_at_eof(k))
		events |= LEAT_POLLIN | LEAT_POLLRDHUP | (wr_shut ? LEAT_POLLHUP : 0);
	if (tcp_recv_queued(k->conn))
		events |= LEAT_POLLIN;
	if (wr_shut || tcp_writable(k->conn))
		events |= LEAT_POLLOUT;
	return events;
}

static uint32_t events_of(const struct sock *k)
{
	switch ((enum sock_kind)k->kind) {
	case SOCK_CONN:
		return conn_events(k);
	case SOCK_LISTENER:
		return tcp_acceptable(k->listener) ? LEAT_POLLIN : 0;
	case SOCK_DGRAM:
		return (k->udp->rx.head || k->flags & SOCKF_RD_SHUT ? LEAT_POLLIN : 0) |
		       (k->flags & SOCKF_RD_SHUT ? LEAT_POLLRDHUP : 0) |
		       (k->udp->err ? LEAT_POLLERR : 0) | LEAT_POLLOUT;
	case SOCK_STREAM:
	case SOCK_FREE:
		break;
	}
	return LEAT_POLLOUT | LEAT_POLLHUP;
}

/* Completes every POLL_ADD of a socket that has something to say. */
void sock_poll_run(struct socks *s, struct sock *k)
{
	uint32_t events = events_of(k), i = k->polls, last = s->ops[i].prev;
	bool end;

	if (i == 0)
		return;
	do {
		struct sock_op *op = &s->ops[i];
		uint32_t hit = events & (op->poll_mask | ALWAYS);

		end = i == last;
		i = op->next;
		if (hit)
			sock_op_finish(s, op, (int32_t)hit, 0);
	} while (!end);
}

int sock_poll_add(struct socks *s, const struct leat_sqe *sqe)
{
	struct sock *k = sock_of(s, sqe->fd);
	struct sock_op *op;
	uint32_t hit;

	if (!k)
		return -E_BADF;
	hit = events_of(k) & (sqe->op_flags | ALWAYS);
	if (hit)
		return (int)hit;
	op = sock_op_new(s, sqe, k, SOCK_Q_POLL);
	if (!op)
		return SOCK_BUSY;
	op->poll_mask = sqe->op_flags;
	if (k->kind == SOCK_CONN && sqe->op_flags & LEAT_POLLOUT && !(k->flags & SOCKF_CONNECTING))
		tcp_want_room(&s->net->tcp, k->conn);
	return SOCK_PARKED;
}

int sock_poll_remove(struct socks *s, const struct leat_sqe *sqe)
{
	struct sock_op *op = sock_op_find(s, sqe->addr, LEAT_OP_POLL_ADD);

	if (!op)
		return -E_NOENT;
	if (!sock_op_spare(s))
		return SOCK_BUSY;
	sock_op_cancel(s, op);
	return 0;
}
