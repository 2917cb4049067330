/* POLL_ADD, POLL_REMOVE: readiness of a socket, in the bits of poll(2) and as Linux sets them.
 *
 * One-shot: the operation completes when a bit that it asked for (or an error or hang-up, which
 * everybody gets) is true, at once or after an event.  Multishot: it completes at the start when
 * something is true, and at each event that touches what it asked for, true before or not (EPOLLET
 * is made of that); while the ring is half full events merge, and one completion tells what is
 * true then. */
#include "sock/sock_int.h"
#include "tcp/tcp_opt.h"

#define ALWAYS (LEAT_POLLERR | LEAT_POLLHUP)
#define UPDATE_FLAGS (LEAT_POLL_UPDATE_EVENTS | LEAT_POLL_UPDATE_USER_DATA | LEAT_POLL_ADD_MULTI)

static bool readable(const struct socks *s, const struct sock *k)
{
	const struct sock_cold *cold = sock_cold_of(s, k);
	uint32_t n = tcp_recv_queued(k->conn);

	return n && (!cold || n >= cold->rcvlowat);
}

static uint32_t conn_events(const struct socks *s, const struct sock *k)
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
	if (readable(s, k))
		events |= LEAT_POLLIN;
	if (wr_shut || tcp_writable(k->conn))
		events |= LEAT_POLLOUT;
	return events;
}

uint32_t sock_events(const struct socks *s, const struct sock *k)
{
	switch ((enum sock_kind)k->kind) {
	case SOCK_CONN:
		return conn_events(s, k);
	case SOCK_LISTENER:
		return tcp_acceptable(k->listener) ? LEAT_POLLIN : 0;
	case SOCK_DGRAM:
		return (k->udp->rx.head || k->flags & SOCKF_RD_SHUT ? LEAT_POLLIN : 0) |
		       (k->flags & SOCKF_RD_SHUT ? LEAT_POLLRDHUP : 0) |
		       (k->udp->err || k->udp->errors.n ? LEAT_POLLERR : 0) | LEAT_POLLOUT;
	case SOCK_STREAM:
	case SOCK_FREE:
		break;
	}
	return LEAT_POLLOUT | LEAT_POLLHUP;
}

/* Who cannot send now and cares is told when he can. */
static void await_room(struct socks *s, struct sock *k, uint32_t events)
{
	if (k->kind == SOCK_CONN && !(events & LEAT_POLLOUT) && !(k->flags & SOCKF_CONNECTING))
		tcp_want_room(&s->net->tcp, k->conn);
}

/* A completion of a multishot, now or when there is room. */
static void tell(struct socks *s, struct sock_op *op, uint32_t hit)
{
	if (sock_cq_open(s))
		sock_cq_put(s, op->user_data, (int32_t)hit, LEAT_CQE_F_MORE);
	else
		sock_op_stall(s, op);
}

void sock_poll_retry(struct socks *s, struct sock *k, struct sock_op *op)
{
	uint32_t hit = sock_events(s, k) & (op->poll.mask | ALWAYS);

	if (hit)
		tell(s, op, hit);
}

void sock_poll_run(struct socks *s, struct sock *k, uint32_t what)
{
	uint32_t events = sock_events(s, k), i = k->polls, last = s->ops[i].prev;
	bool end;

	if (i == 0)
		return;
	do {
		struct sock_op *op = &s->ops[i];
		uint32_t hit = events & (op->poll.mask | ALWAYS);

		end = i == last;
		i = op->next;
		if (op->flags & SOCK_OP_MULTI) {
			if (hit && (op->poll.mask | ALWAYS) & what)
				tell(s, op, hit);
			if (op->poll.mask & LEAT_POLLOUT)
				await_room(s, k, events);
		} else if (hit) {
			sock_op_finish(s, op, (int32_t)hit, 0);
		}
	} while (!end);
}

int sock_poll_add(struct socks *s, const struct leat_sqe *sqe)
{
	struct sock *k = sock_of(s, sqe->fd);
	bool multi = sqe->len & LEAT_POLL_ADD_MULTI;
	struct sock_op *op;
	uint32_t hit;

	if (!k)
		return -E_BADF;
	if (sqe->len & ~LEAT_POLL_ADD_MULTI || (multi && sqe->flags & LEAT_SQE_CQE_SKIP_SUCCESS))
		return -E_INVAL;
	hit = sock_events(s, k) & (sqe->op_flags | ALWAYS);
	if (hit && !multi)
		return (int)hit;
	op = sock_op_new(s, sqe, k, SOCK_Q_POLL);
	if (!op)
		return SOCK_BUSY;
	op->poll.mask = sqe->op_flags;
	if (multi)
		op->flags |= SOCK_OP_MULTI;
	if (sqe->op_flags & LEAT_POLLOUT)
		await_room(s, k, hit);
	if (hit)
		tell(s, op, hit);
	return SOCK_PARKED;
}

static int update(struct socks *s, const struct leat_sqe *sqe, struct sock_op *op)
{
	struct sock *k = &s->all[op->sock];
	uint32_t hit;

	if (sqe->len & LEAT_POLL_UPDATE_USER_DATA)
		sock_op_rename(s, op, sqe->off);
	if (!(sqe->len & LEAT_POLL_UPDATE_EVENTS))
		return 0;
	op->poll.mask = sqe->op_flags;
	hit = sock_events(s, k) & (op->poll.mask | ALWAYS);
	if (op->poll.mask & LEAT_POLLOUT)
		await_room(s, k, hit);
	if (hit && op->flags & SOCK_OP_MULTI)
		tell(s, op, hit);
	else if (hit)
		sock_op_finish(s, op, (int32_t)hit, 0);
	return 0;
}

int sock_poll_remove(struct socks *s, const struct leat_sqe *sqe)
{
	struct sock_op *op = sock_op_find(s, sqe->addr, LEAT_OP_POLL_ADD);

	if (sqe->len & ~UPDATE_FLAGS ||
	    (sqe->op_flags && !(sqe->len & LEAT_POLL_UPDATE_EVENTS)))
		return -E_INVAL;
	if (!op)
		return -E_NOENT;
	if (!sock_op_spare(s))
		return SOCK_BUSY;
	if (sqe->len & ~LEAT_POLL_ADD_MULTI)
		return update(s, sqe, op);
	sock_op_cancel(s, op);
	return 0;
}

int sock_ready(struct socks *s, int32_t fd)
{
	struct sock *k = sock_of(s, fd);
	uint32_t events;

	if (!k)
		return -E_BADF;
	events = sock_events(s, k);
	await_room(s, k, events);
	return (int)events;
}
