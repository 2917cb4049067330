/* CONNECT, SEND, SEND_ZC and SHUTDOWN of streams: what goes out, in the order of submission.
 *
 * A SEND that finds room copies and is done, without a sock_op. One that does not is parked, and
 * everything that is submitted behind it, a SHUTDOWN included, waits for its turn, so that no
 * byte overtakes another. SEND_ZC lends: its memory stands in tcp's queue itself, as long as it
 * likes to be; only the start of each lend waits for room.
 *
 * Always: a parked operation at the head of the queue has asked tcp for TCP_READY_WRITABLE, or
 * is stalled for want of memory, or the connection is still being made. */
#include "sock/sock_int.h"

/* tcp refused: its error once, then a broken pipe, as send(2). */
static int refused(struct sock *k, int res)
{
	int err = sock_error_take(k);

	return err ? err : res == -E_NOBUFS ? res : -E_PIPE;
}

static void set_cork(struct socks *s, struct sock *k, bool on)
{
	if (on == !!(k->flags & SOCKF_CORKED))
		return;
	k->flags ^= SOCKF_CORKED;
	tcp_cork(&s->net->tcp, k->conn, on);	/* MSG_MORE; TCP_CORK is the other one */
}

/* ---- SEND */

/* Not all was taken.  Room comes with an acknowledgement; memory comes from anywhere. */
static void await_room(struct socks *s, struct sock *k, struct sock_op *op)
{
	if (tcp_send_room(k->conn))
		sock_op_stall(s, op);
	else
		tcp_want_room(&s->net->tcp, k->conn);
}

/* Writes as much as there is room for; negative: refused. */
static int write_pieces(struct socks *s, struct sock *k, struct sock_want *w)
{
	struct tcp *t = &s->net->tcp;
	uint32_t len;
	int n;

	do {
		const uint8_t *from = sock_want_piece(w, w->done, &len);

		n = tcp_write(t, k->conn, from, len);
		if (n < 0)
			return n;
		w->done += (uint32_t)n;
	} while (w->done < w->len && n == (int)len);
	return 0;
}

/* Result of the operation at the head of the queue, or SOCK_PARKED. */
static int send_step(struct socks *s, struct sock *k, struct sock_op *op)
{
	struct sock_want w = sock_want_tx(op);
	int err = write_pieces(s, k, &w);

	op->tx.done = w.done;
	if (err)
		return w.done ? (int)w.done : refused(k, err);
	if (op->tx.done < op->tx.len) {
		await_room(s, k, op);
		return SOCK_PARKED;
	}
	set_cork(s, k, op->flags & SOCK_OP_MORE);
	return (int)op->tx.len;
}

static bool lends(const struct leat_sqe *sqe)
{
	return sqe->opcode == LEAT_OP_SEND_ZC || sqe->opcode == LEAT_OP_SENDMSG_ZC ||
	       sqe->opcode == LEAT_OP_SENDFILE;
}

static struct sock_op *send_park(struct socks *s, struct sock *k, const struct leat_sqe *sqe,
				 const struct sock_want *w)
{
	struct sock_op *op = sock_op_new(s, sqe, k, SOCK_Q_TX);

	if (!op)
		return NULL;
	if (lends(sqe))
		sock_op_lends(op, sqe);
	else
		op->opcode = LEAT_OP_SEND;
	op->tx.from = w->at;
	op->tx.len = w->len;
	op->tx.done = w->done;
	op->flags |= w->flags & (SOCK_OP_MORE | SOCK_OP_MSG);
	return op;
}

/* Room was not enough for all: the rest waits. */
int sock_send_rest(struct socks *s, struct sock *k, const struct leat_sqe *sqe, int n)
{
	struct sock_want w;
	struct sock_op *op;

	if (n < 0)
		return refused(k, n);
	if (sock_nowait(s, sqe))
		return n ? n : -E_AGAIN;
	(void)sock_want(&w, sqe);
	w.done = (uint32_t)n;
	op = send_park(s, k, sqe, &w);
	if (!op)
		return n ? n : SOCK_BUSY;
	await_room(s, k, op);
	return SOCK_PARKED;
}

static int send_on(struct socks *s, struct sock *k, const struct leat_sqe *sqe)
{
	bool nowait = sock_nowait(s, sqe);
	struct sock_want w;
	int err;

	if (k->kind == SOCK_DGRAM)
		return sock_dgram_send(s, k, sqe);
	err = sock_want(&w, sqe);
	if (err)
		return err;
	if (k->kind != SOCK_CONN || k->flags & SOCKF_WR_SHUT)
		return -E_PIPE;
	if (w.len == 0)
		return 0;
	if (k->tx || k->flags & SOCKF_CONNECTING) {
		if (nowait)
			return -E_AGAIN;
		return send_park(s, k, sqe, &w) ? SOCK_PARKED : SOCK_BUSY;
	}
	if (!nowait && !s->ops_free && tcp_send_room(k->conn) < w.len)
		return SOCK_BUSY;
	err = write_pieces(s, k, &w);
	if (err && !w.done)
		return refused(k, err);
	if (w.done < w.len)
		return sock_send_rest(s, k, sqe, (int)w.done);
	set_cork(s, k, sqe->op_flags & LEAT_MSG_MORE);
	return (int)w.done;
}

int sock_send(struct socks *s, const struct leat_sqe *sqe)
{
	struct sock *k = sock_of(s, sqe->fd);

	return k ? send_on(s, k, sqe) : -E_BADF;
}

static int connect_start(struct socks *s, struct sock *k, const struct leat_sqe *sqe);

/* LEAT_MSG_FASTOPEN: connects, and the bytes are the first that wait for that. */
static int open_with(struct socks *s, struct sock *k, const struct leat_sqe *sqe)
{
	struct leat_sqe connect = {.opcode = LEAT_OP_CONNECT, .fd = sqe->fd, .addr = sqe->addr2};
	bool calling = s->calling;
	int res;

	if (!s->ops_free && !sock_nowait(s, sqe))
		return SOCK_BUSY;
	s->calling = true;	/* nobody waits for the connection itself */
	res = connect_start(s, k, &connect);
	s->calling = calling;
	if (res != -E_INPROGRESS || sock_nowait(s, sqe))
		return res;
	return send_on(s, k, sqe);
}

int sock_sendto(struct socks *s, const struct leat_sqe *sqe)
{
	struct sock *k = sock_of(s, sqe->fd);

	if (!k)
		return -E_BADF;
	if (sqe->op_flags & LEAT_MSG_FASTOPEN && k->kind == SOCK_STREAM && sqe->addr2)
		return open_with(s, k, sqe);
	if (k->kind == SOCK_DGRAM || !sqe->addr2)
		return send_on(s, k, sqe);
	return k->kind == SOCK_CONN ? -E_ISCONN : -E_PIPE;
}

/* A name is refused where there is a connection, and is not enough where there is none. */
int sock_sendmsg(struct socks *s, const struct leat_sqe *sqe)
{
	struct sock *k = sock_of(s, sqe->fd);
	const struct leat_msghdr *m = (const struct leat_msghdr *)sqe->addr;

	if (!k)
		return -E_BADF;
	if (k->kind == SOCK_CONN && m && m->name)
		return -E_ISCONN;
	return send_on(s, k, sqe);
}

/* ---- SEND_ZC */

/* The next bytes that are in one piece, or NULL for want of a descriptor. */
static struct pkt *lend(struct socks *s, struct sock_op *op)
{
	struct pool *pool = &s->net->pool;
	struct sock_want w = sock_want_tx(op);
	uint32_t n;
	const uint8_t *from = sock_want_piece(&w, w.done, &n);

	if (!pool_spare(pool->free_bare_n, pool->bare))
		return NULL;
	return pkt_lent(pool, &op->tx.lend, from, MIN(n, SOCK_LEND_MAX));
}

static int zc_step(struct socks *s, struct sock *k, struct sock_op *op)
{
	struct tcp *t = &s->net->tcp;

	while (op->tx.done < op->tx.len) {
		int res = tcp_write(t, k->conn, op->tx.from, 0);
		struct pkt *p;
		uint32_t n = 0;

		if (res == 0 && tcp_send_room(k->conn) == 0) {
			tcp_want_room(t, k->conn);
			return SOCK_PARKED;
		}
		if (res == 0) {
			p = lend(s, op);
			n = p ? p->total : 0;
			res = p ? tcp_send(t, k->conn, p) : -E_NOBUFS;
		}
		if (res < 0)
			return op->tx.done ? (int)op->tx.done : refused(k, res);
		op->tx.done += n;
	}
	set_cork(s, k, op->flags & SOCK_OP_MORE);
	return (int)op->tx.len;
}

int sock_send_zc(struct socks *s, const struct leat_sqe *sqe)
{
	struct sock *k = sock_of(s, sqe->fd);
	struct sock_want w;
	struct sock_op *op;
	int err;

	if (!k)
		return -E_BADF;
	if (sqe->flags & LEAT_SQE_CQE_SKIP_SUCCESS)
		return -E_INVAL;
	if (k->kind == SOCK_DGRAM)
		return sock_dgram_send_zc(s, k, sqe);
	err = sock_want(&w, sqe);
	if (err)
		return err;
	if (k->kind != SOCK_CONN || k->flags & SOCKF_WR_SHUT)
		return -E_PIPE;
	if (w.flags & SOCK_OP_MSG && ((const struct leat_msghdr *)w.at)->name)
		return -E_ISCONN;
	op = send_park(s, k, sqe, &w);
	if (!op)
		return SOCK_BUSY;
	if (k->tx == sock_op_index(s, op) && !(k->flags & SOCKF_CONNECTING))
		sock_stream_tx(s, k);
	return SOCK_PARKED;
}

/* ---- SHUTDOWN */

static int shutdown_now(struct socks *s, struct sock *k, uint32_t how)
{
	int res = 0;

	if (how != 0) {
		k->flags |= SOCKF_WR_SHUT;
		res = tcp_shutdown(&s->net->tcp, k->conn) ? -E_NOTCONN : 0;
	}
	if (how != 1) {
		k->flags |= SOCKF_RD_SHUT;
		sock_stream_rx(s, k, ~0u);
	}
	if (k->polls)
		sock_poll_run(s, k, ~0u);
	return res;
}

int sock_shutdown(struct socks *s, const struct leat_sqe *sqe)
{
	struct sock *k = sock_of(s, sqe->fd);
	struct sock_op *op;

	if (!k)
		return -E_BADF;
	if (sqe->len > 2)
		return -E_INVAL;
	if (k->kind == SOCK_DGRAM)
		return sock_dgram_shutdown(s, k, sqe->len);
	if (k->kind != SOCK_CONN || k->flags & SOCKF_CONNECTING)
		return -E_NOTCONN;
	if (k->tx && sqe->len != 0) {
		if (s->calling)
			return -E_AGAIN;
		op = sock_op_new(s, sqe, k, SOCK_Q_TX);
		if (!op)
			return SOCK_BUSY;
		op->shutdown_how = sqe->len;
		return SOCK_PARKED;
	}
	if (!sock_op_spare(s))
		return SOCK_BUSY;
	return shutdown_now(s, k, sqe->len);
}

/* ---- CONNECT */

static int connect_park(struct socks *s, struct sock *k, const struct leat_sqe *sqe)
{
	if (s->calling)
		return -E_INPROGRESS;
	return sock_op_new(s, sqe, k, SOCK_Q_TX) ? SOCK_PARKED : SOCK_BUSY;
}

static bool connect_pending(const struct socks *s, const struct sock *k)
{
	return k->tx && s->ops[k->tx].opcode == LEAT_OP_CONNECT;
}

static int connect_start(struct socks *s, struct sock *k, const struct leat_sqe *sqe)
{
	const struct leat_addr *a = (const struct leat_addr *)sqe->addr;
	const struct sock_cold *cold = sock_cold_of(s, k);
	const struct addr any = {0};
	struct tcp *t = &s->net->tcp;
	struct tcp_conn *c;
	struct addr to;
	int err;

	if (!s->ops_free && !s->calling)
		return SOCK_BUSY;
	c = tcp_open(t, k);
	if (!c)
		return -E_NOBUFS;
	err = cold ? tcp_conn_set_all(t, c, &cold->tcp) : 0;
	if (!err && cold && cold->cc)
		err = sock_use_cc(s, c, cold->cc);
	if (err) {
		tcp_abort(t, c);
		return err;
	}
	sock_addr_in(&to, a);
	err = tcp_connect(t, c, cold ? &cold->local : &any, cold ? cold->lport : 0, &to, a->port);
	if (err) {
		tcp_abort(t, c);
		return err == -E_ADDRINUSE ? -E_ADDRNOTAVAIL : err;	/* as connect(2) */
	}
	k->conn = c;
	k->kind = SOCK_CONN;
	k->flags = SOCKF_CONNECTING;
	return connect_park(s, k, sqe);
}

/* What is left of an attempt that failed goes: the socket is as new, bound as it was. */
static void connect_over(struct socks *s, struct sock *k)
{
	tcp_close(&s->net->tcp, k->conn);
	k->conn = NULL;
	k->flags = 0;
	k->kind = SOCK_STREAM;
}

/* The first CONNECT after an attempt that failed hears of it, if nobody else has. */
static int connect_again(struct socks *s, struct sock *k)
{
	int err = sock_error_take(k);

	connect_over(s, k);
	return err ? err : -E_CONNABORTED;
}

int sock_connect(struct socks *s, const struct leat_sqe *sqe)
{
	struct sock *k = sock_of(s, sqe->fd);
	const struct leat_addr *a = (const struct leat_addr *)sqe->addr;
	struct addr to;

	if (!k)
		return -E_BADF;
	if (!a)
		return -E_FAULT;
	switch ((enum sock_kind)k->kind) {
	case SOCK_STREAM:
		return connect_start(s, k, sqe);
	case SOCK_DGRAM:
		sock_addr_in(&to, a);
		return udp_connect(&s->net->udp, k->udp, &to, a->port);
	case SOCK_CONN:
		if (k->flags & SOCKF_FAILED)
			return connect_again(s, k);
		if (!(k->flags & SOCKF_CONNECTING))
			return -E_ISCONN;
		/* Its first CONNECT was cancelled, the attempt goes on: wait for it again. */
		return k->tx || s->calling ? -E_ALREADY : connect_park(s, k, sqe);
	case SOCK_LISTENER:
	case SOCK_FREE:
		break;
	}
	return -E_ISCONN;
}

void sock_stream_connected(struct socks *s, struct sock *k)
{
	k->flags &= (uint8_t)~SOCKF_CONNECTING;
	if (connect_pending(s, k))
		sock_op_finish(s, &s->ops[k->tx], 0, 0);
}

/* The attempt failed. When somebody could be told, the socket is as new again and may connect
 * anew. */
void sock_stream_connect_failed(struct socks *s, struct sock *k)
{
	k->flags &= (uint8_t)~SOCKF_CONNECTING;
	k->flags |= SOCKF_FAILED;
	if (connect_pending(s, k))
		sock_op_finish(s, &s->ops[k->tx], sock_error_take(k), 0);
	while (k->tx)
		sock_op_finish(s, &s->ops[k->tx], refused(k, -E_PIPE), 0);
	while (k->rx) {
		int err = sock_error_take(k);

		sock_op_finish(s, &s->ops[k->rx], err ? err : -E_NOTCONN, 0);
	}
	if (k->polls)
		sock_poll_run(s, k, ~0u);
	if (k->flags & SOCKF_ERR_TOLD)
		connect_over(s, k);
}

/* ---- the queue */

static int step(struct socks *s, struct sock *k, struct sock_op *op)
{
	switch (op->opcode) {
	case LEAT_OP_SEND_ZC:
		return zc_step(s, k, op);
	case LEAT_OP_SHUTDOWN:
		return shutdown_now(s, k, op->shutdown_how);
	default:
		return send_step(s, k, op);
	}
}

/* Serves the queue of a connection in order until one must wait. */
void sock_stream_tx(struct socks *s, struct sock *k)
{
	while (k->tx) {
		struct sock_op *op = &s->ops[k->tx];
		int res = step(s, k, op);

		if (res == SOCK_PARKED)
			return;
		sock_op_finish(s, op, res, 0);
	}
}
