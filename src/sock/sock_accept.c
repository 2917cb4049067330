/* ACCEPT: a connection that a listener has ready becomes a socket.
 *
 * When no socket is free an ACCEPT waits until one is (accept(2) would say ENFILE, and its
 * caller try again and again): connections stay on the listener's queue, whose bound tcp keeps. */
#include "sock/sock_int.h"

/* The next connection as a descriptor, or SOCK_PARKED; *full: there is no socket for it. */
static int take(struct socks *s, struct sock *listener, bool *full)
{
	struct sock *k;
	struct tcp_conn *c;

	*full = false;
	if (!tcp_acceptable(listener->listener))
		return SOCK_PARKED;
	k = sock_new(s, SOCK_CONN);
	if (!k) {
		*full = true;
		return SOCK_PARKED;
	}
	c = tcp_accept(&s->net->tcp, listener->listener, k);
	assert(c != NULL);
	k->conn = c;
	sock_inherit(s, listener, k);
	return k->fd;
}

void sock_listener_rx(struct socks *s, struct sock *k)
{
	bool full;
	int fd;

	while (k->rx) {
		struct sock_op *op = &s->ops[k->rx];

		if (op->flags & SOCK_OP_MULTI && !sock_cq_open(s)) {
			sock_op_stall(s, op);
			return;
		}
		fd = take(s, k, &full);
		if (full)
			sock_op_stall(s, op);
		if (fd == SOCK_PARKED)
			return;
		if (op->flags & SOCK_OP_MULTI)
			sock_cq_put(s, op->user_data, fd, LEAT_CQE_F_MORE);
		else
			sock_op_finish(s, op, fd, 0);
	}
}

int sock_accept(struct socks *s, const struct leat_sqe *sqe)
{
	struct sock *k = sock_of(s, sqe->fd);
	bool multi = sqe->ioprio & LEAT_ACCEPT_MULTISHOT, full;
	struct sock_op *op;
	int fd;

	if (!k)
		return -E_BADF;
	if (multi && sqe->flags & LEAT_SQE_CQE_SKIP_SUCCESS)
		return -E_INVAL;
	if (k->kind == SOCK_DGRAM)
		return -E_OPNOTSUPP;
	if (k->kind != SOCK_LISTENER)
		return -E_INVAL;
	if (!multi && !k->rx) {
		fd = take(s, k, &full);
		if (fd != SOCK_PARKED)
			return fd;
	}
	if (s->calling)
		return multi ? -E_INVAL : -E_AGAIN;
	op = sock_op_new(s, sqe, k, SOCK_Q_RX);
	if (!op)
		return SOCK_BUSY;
	op->rx.done = 0;
	if (multi)
		op->flags |= SOCK_OP_MULTI;
	if (k->rx == sock_op_index(s, op))
		sock_listener_rx(s, k);
	return SOCK_PARKED;
}
