/* Datagram sockets: RECV, SEND, SENDTO, SEND_ZC and SHUTDOWN over udp.
 *
 * Sends never wait: what the layers below cannot take is an error.  A datagram of several pieces is
 * handed over as several buffers, all but the last marked LEAT_CQE_F_PART. */
#include "sock/sock_int.h"

#define SEGMENTS_MAX 64u	/* datagrams of one send */

/* ---- receiving */

static int nothing_queued(struct sock *k)
{
	int err = -udp_take_error(k->udp);

	if (err)
		return err;
	return k->flags & SOCKF_RD_SHUT ? 0 : SOCK_PARKED;
}

static void fill_name(struct leat_msghdr *m, const struct addr *ip, uint16_t port)
{
	if (!m->name || m->namelen < sizeof(*m->name))
		return;
	sock_addr_out(m->name, ip, port);
	m->namelen = sizeof(*m->name);
}

/* From whom, ancillary data, and whether it was cut. */
static void fill_header(struct socks *s, struct sock *k, const struct sock_want *w,
			const struct pkt *p, uint32_t segment)
{
	struct leat_msghdr *m = (struct leat_msghdr *)w->at;

	if (!(w->flags & SOCK_OP_MSG))
		return;
	fill_name(m, &p->rx.src, p->rx.sport);
	if (unlikely(k->udp->kind == UDP_PACKET) && m->name) {
		m->name->scope = p->if_index + 1u;
		m->name->pad = p->rx.ttl;
	}
	m->flags = p->total > w->len ? (int32_t)LEAT_MSG_TRUNC : 0;
	sock_cmsg_fill(s, k, p, segment, m);
}

/* Behind what is there already. */
static void copy_out(struct sock_want *w, const struct pkt *p)
{
	uint32_t n, at = 0;

	while (w->done < w->len && at < p->total) {
		uint8_t *to = sock_want_piece(w, w->done, &n);

		n = pkt_read(p, at, to, n);
		at += n;
		w->done += n;
	}
}

/* UDP_GRO: datagrams of the same flow and length, of which the last may be shorter. */
static void gather(struct socks *s, struct sock *k, struct sock_want *w, const struct pkt *first)
{
	uint32_t size = first->total, last = size;
	struct pkt *p;

	while ((p = first->next) && last == size && p->total <= size && p->total &&
	       w->len - w->done >= p->total && p->rx.sport == first->rx.sport &&
	       addr_eq(&p->rx.src, &first->rx.src)) {
		last = p->total;
		copy_out(w, p);
		udp_drop_second(&s->net->udp, k->udp);
	}
}

/* The next datagram, of which what does not fit is lost. */
static int recv_copy(struct socks *s, struct sock *k, struct sock_want *w)
{
	struct pkt *p = k->udp->rx.head;
	uint32_t full, gro = 0;

	if (!p)
		return nothing_queued(k);
	full = p->total;
	w->done = 0;
	copy_out(w, p);
	if (k->udp->flags & UDPF_GRO) {
		gro = full;
		if (!(w->flags & SOCK_OP_PEEK) && w->done == full)
			gather(s, k, w, p);
	}
	fill_header(s, k, w, p, gro);
	if (!(w->flags & SOCK_OP_PEEK))
		pkt_put(udp_recv(&s->net->udp, k->udp));
	return (int)(w->flags & SOCK_OP_TRUNC ? MAX(full, w->done) : w->done);
}

/* The oldest queued error: what was sent, where to, and who says what about it. */
static int recv_told(struct sock *k, struct sock_want *w)
{
	struct leat_msghdr *m = (struct leat_msghdr *)w->at;
	struct udp_told told;
	struct addr to;
	struct pkt *p = udp_take_told(k->udp, &told, &to);

	if (!p)
		return -E_AGAIN;
	copy_out(w, p);
	if (w->flags & SOCK_OP_MSG) {
		fill_name(m, &to, told.port);
		m->flags = (int32_t)LEAT_MSG_ERRQUEUE;
		if (p->total > w->len)
			m->flags |= (int32_t)LEAT_MSG_TRUNC;
		sock_cmsg_told(&told, m);
	}
	pkt_put(p);
	return (int)w->done;
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
		struct sock_want w;
		int res;

		if (op->flags & SOCK_OP_MULTI) {
			if (!recv_multi(s, k, op))
				return;
			continue;
		}
		w = sock_want_rx(op);
		res = recv_copy(s, k, &w);
		if (res == SOCK_PARKED)
			return;
		sock_op_finish(s, op, res, 0);
	}
}

int sock_dgram_recv(struct socks *s, struct sock *k, const struct leat_sqe *sqe)
{
	bool multi = sqe->ioprio & LEAT_RECV_MULTISHOT;
	struct sock_want w = {.flags = SOCK_OP_MULTI};
	struct sock_op *op;
	int res = multi ? 0 : sock_want(&w, sqe);

	if (res)
		return res;
	if (sqe->op_flags & LEAT_MSG_ERRQUEUE)
		return recv_told(k, &w);
	w.flags &= (uint8_t)~SOCK_OP_ALL;	/* a datagram is all of it */
	if (!multi && !k->rx) {
		res = recv_copy(s, k, &w);
		if (res != SOCK_PARKED)
			return res;
	}
	if (sock_nowait(s, sqe))
		return -E_AGAIN;
	op = sock_op_new(s, sqe, k, SOCK_Q_RX);
	if (!op)
		return SOCK_BUSY;
	op->flags |= w.flags;
	op->rx.to = w.at;
	op->rx.len = w.len;
	op->rx.done = 0;
	if (k->rx == sock_op_index(s, op))
		sock_dgram_rx(s, k);
	return SOCK_PARKED;
}

/* ---- sending */

static int may_send(const struct sock *k, struct sock_want *w, const struct leat_sqe *sqe)
{
	int err = sock_want(w, sqe);

	if (err)
		return err;
	if (k->flags & SOCKF_WR_SHUT)
		return -E_PIPE;
	return w->len > UDP_PAYLOAD_MAX ? -E_MSGSIZE : 0;
}

/* Where the submission says that it goes; NULL: to where the socket is connected. */
static const struct leat_addr *target(const struct leat_sqe *sqe, const struct sock_want *w)
{
	if (w->flags & SOCK_OP_MSG)
		return ((const struct leat_msghdr *)w->at)->name;
	return sqe->opcode == LEAT_OP_SENDTO ? (const struct leat_addr *)sqe->addr2 : NULL;
}

static int send_pkt(struct socks *s, struct sock *k, const struct leat_sqe *sqe,
		    const struct sock_want *w, struct pkt *p TAKES)
{
	const struct leat_addr *a = target(sqe, w);
	struct addr to;

	if (unlikely(k->udp->kind == UDP_PACKET)) {
		if (a)
			sock_addr_in(&to, a);
		return udp_packet_send(&s->net->udp, k->udp, a ? &to : NULL, a ? a->port : 0,
				       a ? a->scope : 0, p);
	}
	if (!a)
		return udp_send(&s->net->udp, k->udp, NULL, 0, p);
	sock_addr_in(&to, a);
	return udp_send(&s->net->udp, k->udp, &to, a->port, p);
}

/* The next `len` bytes of the user's as one datagram. */
static int send_one(struct socks *s, struct sock *k, const struct leat_sqe *sqe,
		    struct sock_want *w, uint32_t len)
{
	struct pkt *p = pkt_new(&s->net->pool);
	uint32_t n;

	if (!p)
		return -E_NOBUFS;
	while (len) {
		const uint8_t *from = sock_want_piece(w, w->done, &n);

		n = MIN(n, len);
		if (pkt_write(p, from, n)) {
			pkt_put(p);
			return -E_NOBUFS;
		}
		w->done += n;
		len -= n;
	}
	return send_pkt(s, k, sqe, w, p);
}

/* One datagram, or of a length (UDP_SEGMENT) as many as it takes. */
static int send_cut(struct socks *s, struct sock *k, const struct leat_sqe *sqe,
		    struct sock_want *w, uint32_t segment)
{
	int err;

	if (segment && w->len > segment * (uint64_t)SEGMENTS_MAX)
		return -E_INVAL;
	do {
		uint32_t left = w->len - w->done;

		err = send_one(s, k, sqe, w, segment ? MIN(left, segment) : left);
	} while (!err && w->done < w->len);
	return err ? err : (int)w->len;
}

/* As its ancillary data say, which hold for this one only. */
static int send_so(struct socks *s, struct sock *k, const struct leat_sqe *sqe,
		   struct sock_want *w)
{
	struct sock_how how = {.tos = -1};
	struct udp_sock *u = k->udp;
	uint8_t ttl = u->ttl, mcast_ttl = u->mcast_ttl, tos = u->tos, mcast_if = u->mcast_if;
	struct addr local = u->local;
	int err = sock_cmsg_take((const struct leat_msghdr *)w->at, &how);

	if (!err && how.has_src && !ip_is_local(&s->net->ip, &how.src))
		err = -E_INVAL;
	if (err)
		return err;
	if (how.has_src)
		u->local = how.src;
	if (how.ttl)
		u->ttl = u->mcast_ttl = how.ttl;
	if (how.tos >= 0)
		u->tos = (uint8_t)how.tos;
	if (how.bound_if)
		u->mcast_if = how.bound_if;
	err = send_cut(s, k, sqe, w, how.segment ? how.segment : u->gso);
	u->local = local;
	u->ttl = ttl;
	u->mcast_ttl = mcast_ttl;
	u->tos = tos;
	u->mcast_if = mcast_if;
	return err;
}

int sock_dgram_send(struct socks *s, struct sock *k, const struct leat_sqe *sqe)
{
	struct sock_want w;
	int err = may_send(k, &w, sqe);

	if (err)
		return err;
	if (w.flags & SOCK_OP_MSG && ((const struct leat_msghdr *)w.at)->controllen)
		return send_so(s, k, sqe, &w);
	return send_cut(s, k, sqe, &w, k->udp->gso);
}

/* The pieces of memory as one packet, or NULL. */
static struct pkt *lend_all(struct socks *s, struct sock_op *op, const struct sock_want *w)
{
	struct pool *pool = &s->net->pool;
	struct pkt *all = NULL, *p;
	uint32_t at = 0, n;

	do {
		const uint8_t *from = sock_want_piece(w, at, &n);

		p = pkt_lent(pool, &op->tx.lend, from, n);
		if (!p && all)
			pkt_put(all);
		if (!p)
			return NULL;
		if (all)
			pkt_append(all, p);
		else
			all = p;
		at += n;
	} while (at < w->len);
	return all;
}

int sock_dgram_send_zc(struct socks *s, struct sock *k, const struct leat_sqe *sqe)
{
	struct sock_want w;
	int err = may_send(k, &w, sqe);
	struct sock_op *op;
	struct pkt *p;

	if (err)
		return err;
	op = sock_op_new(s, sqe, k, SOCK_Q_TX);
	if (!op)
		return SOCK_BUSY;
	sock_op_lends(op, sqe);
	op->tx.done = 0;
	p = lend_all(s, op, &w);
	err = p ? send_pkt(s, k, sqe, &w, p) : -E_NOBUFS;
	sock_op_finish(s, op, err ? err : (int)w.len, 0);
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
		sock_poll_run(s, k, ~0u);
	return 0;
}
