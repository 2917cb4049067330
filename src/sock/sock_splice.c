/* SPLICE: what one connection has received is sent on another, the packets themselves.
 *
 * It waits on the queue of what it reads from, and there only for bytes: when the other side has no
 * room it has done what it could and says how much that was, or takes one packet beyond the room.
 * A packet stays charged to the window it came through only until it is queued for sending: the
 * other's send buffer bounds what is under way. */
#include "sock/sock_int.h"

/* The next received packet, at most `len` bytes of it; the rest goes back. */
static struct pkt *next(struct socks *s, struct sock *from, uint32_t len)
{
	struct tcp *t = &s->net->tcp;
	struct pkt *p = tcp_recv(t, from->conn), *cut;

	if (!p || (p->total <= len && !p->frag && p->refs == 1))
		return p;
	cut = pkt_new(&s->net->pool);
	if (cut) {		/* a copy: it is needed for the odd end only */
		cut->len = pkt_read(p, 0, cut->data, MIN(MIN(len, p->total), PKT_ROOM));
		cut->total = cut->len;
		if (cut->total == p->total)
			pkt_put(p);
		else
			tcp_unrecv(t, from->conn, pkt_trim_front(p, cut->total));
		return cut;
	}
	tcp_unrecv(t, from->conn, p);
	return NULL;
}

static int move(struct socks *s, struct sock *from, struct sock *to, uint32_t len)
{
	struct tcp *t = &s->net->tcp;
	uint32_t done = 0, n;
	struct pkt *p;
	int err = 0;

	while (done < len && tcp_send_room(to->conn) && (p = next(s, from, len - done))) {
		n = p->total;
		p->flags = 0;
		err = tcp_send(t, to->conn, p);
		tcp_recv_done(t, from->conn, n);
		if (err)
			break;
		done += n;
	}
	return done ? (int)done : err;
}

/* Result, or SOCK_PARKED: nothing has come yet. */
int sock_splice_step(struct socks *s, struct sock *from, int32_t to_fd, uint32_t len)
{
	struct sock *to = sock_of(s, to_fd);
	int res;

	if (!to || to->kind != SOCK_CONN || to->flags & (SOCKF_WR_SHUT | SOCKF_CONNECTING))
		return -E_PIPE;
	if (to->tx)
		return -E_BUSY;		/* sends wait there: nobody overtakes them */
	if (len && tcp_recv_queued(from->conn) && !tcp_send_room(to->conn))
		return -E_AGAIN;
	res = len ? move(s, from, to, len) : 0;
	if (res || !len)
		return res == -E_NOTCONN ? -E_PIPE : res;
	return sock_nothing_queued(from);
}

int sock_splice(struct socks *s, const struct leat_sqe *sqe)
{
	struct sock *from = sqe->addr <= INT32_MAX ? sock_of(s, (int32_t)sqe->addr) : NULL;
	struct sock *to = sock_of(s, sqe->fd);
	uint32_t len = MIN(sqe->len, SOCK_LEN_MAX);
	struct sock_op *op;
	int res;

	if (!from || !to)
		return -E_BADF;
	if (from->kind != SOCK_CONN || from->flags & SOCKF_CONNECTING)
		return -E_NOTCONN;
	res = from->rx ? SOCK_PARKED : sock_splice_step(s, from, sqe->fd, len);
	if (res != SOCK_PARKED)
		return res;
	if (sock_nowait(s, sqe))
		return -E_AGAIN;
	op = sock_op_new(s, sqe, from, SOCK_Q_RX);
	if (!op)
		return SOCK_BUSY;
	op->rx.cookie = (uint32_t)sqe->fd;
	op->rx.len = len;
	op->rx.done = 0;
	return SOCK_PARKED;
}
