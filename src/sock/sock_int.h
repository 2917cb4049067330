/* What the files of sock/ say to each other.  Nobody outside includes this. */
#ifndef SOCK_SOCK_INT_H
#define SOCK_SOCK_INT_H

#include "base/err.h"
#include "sock/sock.h"

/* Marks a packet that the user of the door holds: pkt->cb[6] is the connection's cookie. */
#define SOCK_BUF_HELD 0x6c65617420627566u	/* "leat buf" */
#define SOCK_COOKIE_NONE UINT64_MAX	/* of datagrams; tcp knows no such connection */
#define SOCK_CC_NAME 16u		/* Linux: TCP_CA_NAME_MAX */
#define SOCK_LEND_MAX (1u << 28)	/* bytes of one lent packet */

static inline uint32_t sock_index(const struct socks *s, const struct sock *k)
{
	return (uint32_t)(k - s->all);
}

static inline uint32_t sock_op_index(const struct socks *s, const struct sock_op *op)
{
	return (uint32_t)(op - s->ops);
}

/* sock.c */
struct sock *sock_new(struct socks *s, enum sock_kind kind);
void sock_free(struct socks *s, struct sock *k);
void sock_cancel_all(struct socks *s, struct sock *k, uint32_t *queue);
void sock_addr_in(struct addr *ip, const struct leat_addr *a);
void sock_addr_out(struct leat_addr *a, const struct addr *ip, uint16_t port);

/* sock_bind.c: BIND, LISTEN, and what few sockets have */
struct sock_cold *sock_cold_get(struct socks *s, struct sock *k);	/* NULL: none left */
void sock_cold_put(struct socks *s, struct sock *k);
/* A connection takes over what its listener has. */
/* The choice of congestion control, for a connection that is its. */
int sock_use_cc(struct socks *s, struct tcp_conn *c, const struct cc_ops *ops);
void sock_inherit(struct socks *s, const struct sock *listener, struct sock *k);
void sock_cold_check(const struct socks *s, const struct sock *k);

/* NULL: everything is as a new socket has it. */
static inline struct sock_cold *sock_cold_of(const struct socks *s, const struct sock *k)
{
	return k->cold ? &s->colds[k->cold] : NULL;
}

/* May this operation not wait? */
static inline bool sock_nowait(const struct socks *s, const struct leat_sqe *sqe)
{
	return s->calling || sqe->op_flags & LEAT_MSG_DONTWAIT;
}

/* What a receive or send has of the user's memory: one piece, or those of a struct leat_msghdr. */
struct sock_want {
	uint8_t *at;		/* the piece, or with SOCK_OP_MSG the header */
	uint32_t len, done;
	uint8_t flags;		/* enum sock_op_flags */
};

/* sock_msg.c */
/* 0, -E_FAULT, -E_MSGSIZE. */
int sock_want(struct sock_want *w, const struct leat_sqe *sqe);
/* The memory from `off` on that is in one piece: at least a byte when off < len. */
uint8_t *sock_want_piece(const struct sock_want *w, uint32_t off, uint32_t *n);
/* Says in the header, if there is one, what came: of a stream, nothing but bytes. */
void sock_want_plain(const struct sock_want *w);

static inline struct sock_want sock_want_rx(const struct sock_op *op)
{
	return (struct sock_want){.at = op->rx.to, .len = op->rx.len, .done = op->rx.done,
				  .flags = op->flags};
}

static inline struct sock_want sock_want_tx(const struct sock_op *op)
{
	return (struct sock_want){.at = (uint8_t *)op->tx.from, .len = op->tx.len,
				  .done = op->tx.done, .flags = op->flags};
}

/* sock_cmsg.c */
/* How one datagram goes, where that differs from its socket. */
struct sock_how {
	struct addr src;
	bool has_src;
	uint8_t bound_if, ttl;	/* 0: as the socket */
	int16_t tos;		/* negative: as the socket */
	uint16_t segment;	/* 0: one datagram */
};
void sock_cmsg_fill(const struct socks *s, const struct sock *k, const struct pkt *p,
		    uint32_t segment, struct leat_msghdr *m);
void sock_cmsg_told(const struct udp_told *told, struct leat_msghdr *m);
int sock_cmsg_take(const struct leat_msghdr *m, struct sock_how *how);

/* sock_op.c */
void sock_op_rename(struct socks *s, struct sock_op *op, uint64_t user_data);
/* SEND_ZC, SENDMSG_ZC and SENDFILE are one thing while they wait. */
static inline void sock_op_lends(struct sock_op *op, const struct leat_sqe *sqe)
{
	op->opcode = LEAT_OP_SEND_ZC;
	if (sqe->opcode == LEAT_OP_SENDFILE)
		op->flags |= SOCK_OP_ALL;
	op->tx.lend.refs = 1;
}

void sock_op_stall(struct socks *s, struct sock_op *op);
void sock_op_lend_back(struct socks *s, struct sock_op *op);
void sock_op_retry_stalled(struct socks *s);
void sock_op_check(const struct socks *s);

/* sock_rx.c: RECV of streams */
int sock_error_take(struct sock *k);
bool sock_at_eof(const struct sock *k);
void sock_stream_rx(struct socks *s, struct sock *k, unsigned bits);
/* What it means that there are no bytes: an error, 0 for the end, SOCK_PARKED. */
int sock_nothing_queued(struct sock *k);

/* sock_splice.c */
int sock_splice_step(struct socks *s, struct sock *from, int32_t to_fd, uint32_t len);

/* sock_tx.c: CONNECT, SEND, SEND_ZC, SHUTDOWN of streams */
void sock_stream_tx(struct socks *s, struct sock *k);
void sock_stream_connected(struct socks *s, struct sock *k);
void sock_stream_connect_failed(struct socks *s, struct sock *k);

/* sock_accept.c */
void sock_listener_rx(struct socks *s, struct sock *k);

/* sock_dgram.c */
int sock_dgram_recv(struct socks *s, struct sock *k, const struct leat_sqe *sqe);
int sock_dgram_send(struct socks *s, struct sock *k, const struct leat_sqe *sqe);
int sock_dgram_send_zc(struct socks *s, struct sock *k, const struct leat_sqe *sqe);
int sock_dgram_shutdown(struct socks *s, struct sock *k, uint32_t how);
void sock_dgram_rx(struct socks *s, struct sock *k);

/* sock_buf.c */
struct pkt *sock_buf_held(const struct socks *s, uint32_t number);

/* sock_poll.c */
uint32_t sock_events(const struct socks *s, const struct sock *k);
/* `what`: the bits that may have become true, or came again; ~0: look at all. */
void sock_poll_run(struct socks *s, struct sock *k, uint32_t what);
void sock_poll_retry(struct socks *s, struct sock *k, struct sock_op *op);

/* sock_buf.c: hands over a packet, piece by piece; false: the ring is full and *rest is what
 * remains of it. `part` is set in the completions of all pieces but the last. */
bool sock_buf_hand(struct socks *s, struct pkt *p TAKES, uint64_t cookie, uint64_t user_data,
		   uint32_t part, struct pkt **rest);

/* The common case of it: one piece, and the ring is known to have room. */
static inline void sock_buf_hand_one(struct socks *s, struct pkt *p TAKES, uint64_t cookie,
				     uint64_t user_data, uint32_t flags)
{
	uint32_t number = (uint32_t)(p - p->pool->pkts);

	p->cb[6] = cookie;
	p->cb[7] = SOCK_BUF_HELD;
	sock_cq_put(s, user_data, (int32_t)p->len,
		    flags | LEAT_CQE_F_BUFFER | LEAT_CQE_F_MORE | number << LEAT_CQE_BUFFER_SHIFT);
}

#endif
