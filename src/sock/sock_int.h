/* What the files of sock/ say to each other.  Nobody outside includes this. */
#ifndef SOCK_SOCK_INT_H
#define SOCK_SOCK_INT_H

#include "base/err.h"
#include "sock/sock.h"

/* Marks a packet that the user of the door holds: pkt->cb[6] is the connection's cookie. */
#define SOCK_BUF_HELD 0x6c65617420627566u	/* "leat buf" */
#define SOCK_COOKIE_NONE UINT64_MAX	/* of datagrams; tcp knows no such connection */
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

/* sock_op.c */
void sock_op_cancel(struct socks *s, struct sock_op *op);
void sock_op_stall(struct socks *s, struct sock_op *op);
void sock_op_lend_back(struct socks *s, struct sock_op *op);
void sock_op_retry_stalled(struct socks *s);
void sock_op_check(const struct socks *s);

/* sock_rx.c: RECV of streams */
int sock_error_take(struct sock *k);
bool sock_at_eof(const struct sock *k);
void sock_stream_rx(struct socks *s, struct sock *k, unsigned bits);

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

/* sock_poll.c */
void sock_poll_run(struct socks *s, struct sock *k);

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
