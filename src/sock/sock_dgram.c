/* Datagram sockets: RECV, SEND, SENDTO, SEND_ZC and SHUTDOWN over udp.
 *
 * Sends never wait: what the layers below cannot take is an error.  A datagram of several pieces is
 * handed over as several buffers, all but the last marked LEAT_CQE_F_PART. */
#include "sock/sock_int.h"

/* ---- receiving */

static int nothing_queued(struct sock *k)
{
	int err = -udp_take_error(k->udp);

	if (err)
		return err;
	return k->flags & SOCKF_RD_SHUT ? 0 : SOCK_PARKED;
}

static int recv_copy(struct socks *s, struct sock *k, void *to, uint32_t len)
{
	struct pkt *p = udp_recv(&s->net->udp, k->udp);
	int n;

	if (!p)
		return nothing_queued(k);
	n = (int)pkt_read(p, 0, to, MIN(len, p->total));
	pkt_put(p);
	return n;
}

/* A whole datagram or nothing: a part of one could not wait in the socket's queue. */
static bool fits(const struct socks *s, const struct pkt *p)
{
	uint32_t n = 0;

	for (; p; p = p->frag)
		n++;
	return n <= sock_cq_room(s);
}

/* True when the operation is finished. */
static bool recv_multi(struct socks *s, struct sock *k, struct sock_op *op)
{
	struct pkt *p, *rest;
	int res;

	while ((p = k->udp->rx.head)) {
		if (!sock_cq_open(s) || !fits(s, p)) {
			sock_op_stall(s, op);
			return false;
		}
		p = udp_recv(&s->net->udp, k->udp);
		(void)sock_buf_hand(s, p, SOCK_COOKIE_NONE, op->user_data, LEAT_CQE_F_PART, &rest);
	}
	res = nothing_queued(k);
	if (res == SOCK_PARKED)
		return false;
	sock_op_finish(s, op, res, 0);
	return true;
}

void sock_dgram_rx(struct socks *s, struct sock *k)
{
	while (k->rx) {
		struct sock_op *op = &s->ops[k->rx];
		int res;

		if (op->flags & SOCK_OP_MULTI) {
			if (!recv_multi(s, k, op))
				return;
			continue;
		}
		res = recv_copy(s, k, op->rx.to, op->rx.len);
		if (res == SOCK_PARKED)
			return;
		sock_op_finish(s, op, res, 0);
	}
}

int sock_dgram_recv(struct socks *s, struct sock *k, const struct leat_sqe *sqe)
{
	bool multi = sqe->ioprio & LEAT_RECV_MULTISHOT;
	struct sock_op *op;
	int res;

	if (!multi && !k->rx) {
		res = recv_copy(s, k, (void *)sqe->addr, MIN(sqe->len, SOCK_LEN_MAX));
		if (res != SOCK_PARKED)
			return res;
	}
	op = sock_op_new(s, sqe, k, SOCK_Q_RX);
	if (!op)
		return SOCK_BUSY;
	if (multi)
		op->flags |= SOCK_OP_MULTI;
	op->rx.to = (uint8_t *)sqe->addr;
	op->rx.len = MIN(sqe->len, SOCK_LEN_MAX);
	if (k->rx == sock_op_index(s, op))
		sock_dgram_rx(s, k);
	return SOCK_PARKED;
}

/* ---- sending */

struct target {
	struct addr ip;
	uint16_t port;
};

/* Where it goes, and whether it may: 0 or a negative error. */
static int aim(struct socks *s, struct sock *k, const struct leat_sqe *sqe, struct target *to)
{
	const struct leat_addr *a = (const struct leat_addr *)sqe->addr2;
	struct udp_sock *u = k->udp;
	int err = -udp_take_error(u);

	if (err)
		return err;
	if (k->flags & SOCKF_WR_SHUT)
		return -E_PIPE;
	if (sqe->len > UDP_PAYLOAD_MAX)
		return -E_MSGSIZE;
	if (sqe->opcode == LEAT_OP_SENDTO && a) {
		sock_addr_in(&to->ip, a);
		to->port = a->port;
	} else if (u->connected) {
		to->ip = u->remote;
		to->port = u->rport;
	} else {
		return -E_DESTADDRREQ;
	}
	if (to->port == 0)
		return -E_INVAL;
	return 0;
}

int sock_dgram_send(struct socks *s, struct sock *k, const struct leat_sqe *sqe)
{
	struct target to;
	struct pkt *p;
	int err = aim(s, k, sqe, &to);

	if (err)
		return err;
	p = pkt_new(&s->net->pool);
	if (!p)
		return -E_NOBUFS;
	if (pkt_write(p, (const void *)sqe->addr, sqe->len)) {
		pkt_put(p);
		return -E_NOBUFS;
	}
	err = udp_send(&s->net->udp, k->udp, &to.ip, to.port, p);
	return err ? err : (int)sqe->len;
}

/* An empty frame for the headers, and the user's memory behind it. */
static int send_lent(struct socks *s, struct sock *k, struct sock_op *op, const struct target *to)
{
	struct pkt *p = pkt_new(&s->net->pool), *body;
	int err;

	if (!p)
		return -E_NOBUFS;
	body = pkt_lent(&s->net->pool, &op->tx.lend, op->tx.from, op->tx.len);
	if (!body) {
		pkt_put(p);
		return -E_NOBUFS;
	}
	pkt_append(p, body);
	err = udp_send(&s->net->udp, k->udp, &to->ip, to->port, p);
	return err ? err : (int)op->tx.len;
}

int sock_dgram_send_zc(struct socks *s, struct sock *k, const struct leat_sqe *sqe)
{
	struct sock_op *op;
	struct target to;
	int err;

	if (!s->ops_free)
		return SOCK_BUSY;
	err = aim(s, k, sqe, &to);
	if (err)
		return err;
	op = sock_op_new(s, sqe, k, SOCK_Q_TX);
	op->tx.lend.refs = 1;
	op->tx.from = (const uint8_t *)sqe->addr;
	op->tx.len = sqe->len;
	op->tx.done = 0;
	sock_op_finish(s, op, send_lent(s, k, op, &to), 0);
	return SOCK_PARKED;
}

int sock_dgram_shutdown(struct socks *s, struct sock *k, uint32_t how)
{
	if (!k->udp->connected)
		return -E_NOTCONN;
	if (!sock_op_spare(s))
		return SOCK_BUSY;
	if (how != 0)
		k->flags |= SOCKF_WR_SHUT;
	if (how != 1) {
		k->flags |= SOCKF_RD_SHUT;
		sock_dgram_rx(s, k);
	}
	if (k->polls)
		sock_poll_run(s, k);
	return 0;
}
