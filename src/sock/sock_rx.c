/* RECV and RECVMSG of streams: bytes out of tcp's receive queue, copied or handed over.
 *
 * Single: copies what there is into the user's memory, and waits for more only when asked to
 * (LEAT_MSG_WAITALL, SO_RCVLOWAT).  Multishot: each piece of a received packet
 * becomes a completion with a buffer; its bytes stay charged to the connection's receive window
 * until the buffer is given back (sock_buf.c).  Nothing is taken out of tcp's queue that cannot be
 * delivered, so a slow reader closes its peer's window and costs nobody else anything. */
#include "sock/sock_int.h"

/* The connection's error, told once, as SO_ERROR; negative, 0: none or told. */
int sock_error_take(struct sock *k)
{
	int err = tcp_error(k->conn);

	if (err == 0 || k->flags & SOCKF_ERR_TOLD)
		return 0;
	k->flags |= SOCKF_ERR_TOLD;
	return -err;
}

/* No byte will come any more (those that are queued have priority). */
bool sock_at_eof(const struct sock *k)
{
	const uint16_t got_fin = 1u << TCP_CLOSED | 1u << TCP_CLOSE_WAIT | 1u << TCP_CLOSING |
				 1u << TCP_LAST_ACK | 1u << TCP_TIME_WAIT;

	return k->flags & SOCKF_RD_SHUT || got_fin >> tcp_conn_state(k->conn) & 1;
}

/* Nothing is queued: the result that this means, or SOCK_PARKED. */
int sock_nothing_queued(struct sock *k)
{
	int err = sock_error_take(k);

	if (err)
		return err;
	if (k->flags & SOCKF_FAILED)
		return -E_NOTCONN;
	return sock_at_eof(k) ? 0 : SOCK_PARKED;
}

/* Copies up to `len` bytes, or throws them away; what remains of a packet goes back. */
static uint32_t copy_out(struct socks *s, struct sock *k, uint8_t *to, uint32_t len)
{
	struct tcp *t = &s->net->tcp;
	uint32_t got = 0, n;
	struct pkt *p;

	while (got < len && (p = tcp_recv(t, k->conn))) {
		n = likely(to != NULL) ? pkt_read(p, 0, to + got, len - got) :
					 MIN(len - got, p->total);
		got += n;
		if (likely(n == p->total))
			pkt_put(p);
		else
			tcp_unrecv(t, k->conn, pkt_trim_front(p, n));
	}
	if (got)
		tcp_recv_done(t, k->conn, got);
	return got;
}

static uint32_t nonempty(const struct sock *k)
{
	return tcp_recv_queued(k->conn) ? LEAT_CQE_F_SOCK_NONEMPTY : 0;
}

/* As many bytes as there are and are wanted. */
static void fill(struct socks *s, struct sock *k, struct sock_want *w)
{
	uint32_t got, n;

	if (w->flags & SOCK_OP_PEEK)
		w->done = 0;
	while (w->done < w->len) {
		uint8_t *to = sock_want_piece(w, w->done, &n);

		if (w->flags & SOCK_OP_PEEK)
			got = tcp_peek(k->conn, w->done, to, n);
		else
			got = copy_out(s, k, w->flags & SOCK_OP_TRUNC ? NULL : to, n);
		w->done += got;
		if (got < n)
			return;
	}
}

/* Fewer bytes are not worth an answer, as long as more may come. */
static uint32_t enough(const struct socks *s, const struct sock *k, const struct sock_want *w)
{
	const struct sock_cold *cold = sock_cold_of(s, k);

	if (w->flags & SOCK_OP_ALL)
		return w->len;
	return cold && cold->rcvlowat ? MIN(cold->rcvlowat, w->len) : 1;
}

/* The result, or SOCK_PARKED. */
static int recv_step(struct socks *s, struct sock *k, struct sock_want *w)
{
	bool over;
	int res;

	fill(s, k, w);
	over = sock_at_eof(k) || (tcp_error(k->conn) && !(k->flags & SOCKF_ERR_TOLD));
	if (w->done >= enough(s, k, w) || (w->done && over) || w->len == 0)
		res = (int)w->done;
	else
		res = w->done ? SOCK_PARKED : sock_nothing_queued(k);
	if (res >= 0)
		sock_want_plain(w);
	return res;
}

/* True when the operation is finished. */
static bool recv_one(struct socks *s, struct sock *k, struct sock_op *op)
{
	struct sock_want w = sock_want_rx(op);
	int res;

	if (unlikely(op->opcode == LEAT_OP_SPLICE)) {
		res = sock_splice_step(s, k, (int32_t)op->rx.cookie, op->rx.len);
	} else {
		res = recv_step(s, k, &w);
		op->rx.done = w.done;
	}
	if (res == SOCK_PARKED)
		return false;
	sock_op_finish(s, op, res, nonempty(k));
	return true;
}

/* True when the operation is finished: end of file or error. */
static bool recv_multi(struct socks *s, struct sock *k, struct sock_op *op, unsigned bits)
{
	struct tcp *t = &s->net->tcp;
	struct pkt *p, *rest;
	int res;

	for (;;) {
		if (unlikely(!sock_cq_open(s))) {
			sock_op_stall(s, op);
			return false;
		}
		p = tcp_recv(t, k->conn);
		if (!p)
			break;
		if (likely(!p->frag)) {
			sock_buf_hand_one(s, p, op->rx.cookie, op->user_data, 0);
		} else if (!sock_buf_hand(s, p, op->rx.cookie, op->user_data, 0, &rest)) {
			tcp_unrecv(t, k->conn, rest);
			sock_op_stall(s, op);
			return false;
		}
	}
	if (likely(!(bits & (TCP_READY_EOF | TCP_READY_ERROR))))
		return false;
	res = sock_nothing_queued(k);
	if (res == SOCK_PARKED)
		return false;
	sock_op_finish(s, op, res, 0);
	return true;
}

/* Serves the receives of a connection in order.  `bits` (enum tcp_ready) are what is known to have
 * happened; an operation that is new has everything to learn: ~0. */
void sock_stream_rx(struct socks *s, struct sock *k, unsigned bits)
{
	while (k->rx) {
		struct sock_op *op = &s->ops[k->rx];

		if (likely(op->flags & SOCK_OP_MULTI)) {
			if (!recv_multi(s, k, op, bits))
				return;
		} else if (!recv_one(s, k, op)) {
			return;
		}
	}
}

static struct sock_op *recv_park(struct socks *s, struct sock *k, const struct leat_sqe *sqe,
				 const struct sock_want *w)
{
	struct sock_op *op = sock_op_new(s, sqe, k, SOCK_Q_RX);

	if (!op)
		return NULL;
	op->flags |= w->flags;
	op->rx.to = w->at;
	op->rx.len = w->len;
	op->rx.done = w->done;
	return op;
}

static int recv_all(struct socks *s, struct sock *k, const struct leat_sqe *sqe)
{
	struct sock_op *op = sock_op_new(s, sqe, k, SOCK_Q_RX);

	if (!op)
		return SOCK_BUSY;
	op->flags |= SOCK_OP_MULTI;
	op->rx.cookie = tcp_conn_cookie(&s->net->tcp, k->conn);
	if (k->rx == sock_op_index(s, op) && !(k->flags & SOCKF_CONNECTING))
		sock_stream_rx(s, k, ~0u);
	return SOCK_PARKED;
}

/* RECV with flags, RECVMSG, or behind others. */
static int recv_stream(struct socks *s, struct sock *k, const struct leat_sqe *sqe)
{
	bool behind = k->rx || k->flags & SOCKF_CONNECTING;
	struct sock_want w;
	int res = sock_want(&w, sqe);

	if (res)
		return res;
	if (sqe->op_flags & LEAT_MSG_ERRQUEUE)
		return -E_AGAIN;
	res = behind ? SOCK_PARKED : recv_step(s, k, &w);
	if (res != SOCK_PARKED)
		return res;
	if (sock_nowait(s, sqe))
		return w.done ? (int)w.done : -E_AGAIN;
	if (recv_park(s, k, sqe, &w))
		return SOCK_PARKED;
	return w.done ? (int)w.done : SOCK_BUSY;
}

static int recv_any(struct socks *s, struct sock *k, const struct leat_sqe *sqe)
{
	if (sqe->ioprio & LEAT_RECV_MULTISHOT &&
	    (sqe->op_flags || sqe->flags & LEAT_SQE_CQE_SKIP_SUCCESS || s->calling))
		return -E_INVAL;
	if (k->kind == SOCK_DGRAM)
		return sock_dgram_recv(s, k, sqe);
	if (k->kind != SOCK_CONN)
		return sqe->op_flags & LEAT_MSG_ERRQUEUE ? -E_AGAIN : -E_NOTCONN;
	if (sqe->ioprio & LEAT_RECV_MULTISHOT)
		return recv_all(s, k, sqe);
	return recv_stream(s, k, sqe);
}

int sock_recvmsg(struct socks *s, const struct leat_sqe *sqe)
{
	struct sock *k = sock_of(s, sqe->fd);

	return k ? recv_any(s, k, sqe) : -E_BADF;
}

int sock_recv(struct socks *s, const struct leat_sqe *sqe)
{
	struct sock *k = sock_of(s, sqe->fd);
	int res;

	if (unlikely(!k))
		return -E_BADF;
	if (sqe->op_flags & LEAT_MSG_ERRQUEUE)
		return -E_INVAL;
	if (k->kind != SOCK_CONN || sqe->ioprio | sqe->op_flags || !sqe->addr || k->rx || k->cold ||
	    k->flags & SOCKF_CONNECTING || sqe->len == 0)
		return recv_any(s, k, sqe);
	res = (int)copy_out(s, k, (uint8_t *)sqe->addr, MIN(sqe->len, SOCK_LEN_MAX));
	return res ? res : recv_stream(s, k, sqe);
}
