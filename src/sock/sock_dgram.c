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

static int may_send(const struct sock *k, const struct leat_sqe *sqe)
{
	if (k->flags & SOCKF_WR_SHUT)
		return -E_PIPE;
	return sqe->len > UDP_PAYLOAD_MAX ? -E_MSGSIZE : 0;
}

/* To where the submission says, else to where the socket is connected. */
static int send_pkt(struct socks *s, struct sock *k, const struct leat_sqe *sqe,
		    struct pkt *p TAKES)
{
	const struct leat_addr *a = (const struct leat_addr *)sqe->addr2;
	struct addr to;
	int err;

	if (sqe->opcode == LEAT_OP_SENDTO && a) {
		sock_addr_in(&to, a);
		err = udp_send(&s->net->udp, k->udp, &to, a->port, p);
	} else {
		err = udp_send(&s->net->udp, k->udp, NULL, 0, p);
	}
	return err ? err : (int)sqe->len;
}

int sock_dgram_send(struct socks *s, struct sock *k, const struct leat_sqe *sqe)
{
	int err = may_send(k, sqe);
	struct pkt *p;

	if (err)
		return err;
	p = pkt_new(&s->net->pool);
	if (!p)
		return -E_NOBUFS;
	if (pkt_write(p, (const void *)sqe->addr, sqe->len)) {
		pkt_put(p);
		return -E_NOBUFS;
	}
	return send_pkt(s, k, sqe, p);
}

int sock_dgram_send_zc(struct socks *s, struct sock *k, const struct leat_sqe *sqe)
{
	int err = may_send(k, sqe);
	struct sock_op *op;
	struct pkt *p;

	if (err)
		return err;
	op = sock_op_new(s, sqe, k, SOCK_Q_TX);
	if (!op)
		return SOCK_BUSY;
	op->tx.lend.refs = 1;
	op->tx.done = 0;
	p = pkt_lent(&s->net->pool, &op->tx.lend, (const void *)sqe->addr, sqe->len);
	sock_op_finish(s, op, p ? send_pkt(s, k, sqe, p) : -E_NOBUFS, 0);
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
