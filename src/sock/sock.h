/* Sockets: what a descriptor of the door names, and the operations on it, over tcp and udp.
 *
 * An operation that can finish at once does so inside the call and returns its result.  One that
 * must wait is *parked*: it takes a struct sock_op from a pool and stands on a queue of its socket
 * until an event of tcp or udp finishes it.  Finished operations become completions (struct
 * leat_cqe) in a ring of bounded size; one that finds the ring full keeps its result in its own
 * sock_op and stands in the backlog, so that no completion is ever lost and order is kept.
 * Multishot receives leave bytes where they are (in tcp, within its window) while the ring is half
 * full.
 *
 * Not here: what is submitted how (ring/), time-outs (ring/), descriptors of an operating system.
 *
 * Always: a socket without pending operations owns 32 bytes here and nothing else, unless it was
 * bound or has options that tcp and udp do not know: then a struct sock_cold; the backlog is
 * empty unless the completion ring is full; every parked operation is on exactly one queue and can
 * be found by its user_data.  Nothing is allocated after sock_init().  One thread. */
#ifndef SOCK_SOCK_H
#define SOCK_SOCK_H

#include "leat/ring.h"

#include "base/list.h"
#include "net/net.h"
#include "tcp/tcp_opt.h"

struct sock_config {
	uint32_t sockets;	/* descriptors at once; SOCK_MAX */
	uint32_t dgrams;	/* how many of them may be UDP */
	uint32_t colds;		/* how many may be bound or have rare options; 0: 4096 at most */
	uint32_t ops;		/* operations parked at once, time-outs and lent memory included */
	uint32_t completions;	/* entries of the ring: a power of two, from SOCK_CQ_MIN */
	nsec wall;		/* Unix time when the platform's clock said 0, for SO_TIMESTAMP */
};

#define SOCK_MAX ((1u << 22) - 1)
#define SOCK_CQ_MIN 16u
#define SOCK_GENS 256u		/* lives of a slot before a descriptor's number returns */
#define SOCK_LEN_MAX 0x7ffff000u	/* bytes of one operation; more is done in part */

enum sock_kind { SOCK_FREE, SOCK_STREAM, SOCK_CONN, SOCK_LISTENER, SOCK_DGRAM };

enum sock_flags {
	SOCKF_FAILED = 1 << 0,		/* an attempt to connect failed, nobody was told yet */
	SOCKF_CONNECTING = 1 << 1,	/* the SYN is out, no answer yet */
	SOCKF_CORKED = 1 << 2,		/* the last send said LEAT_MSG_MORE */
	SOCKF_ERR_TOLD = 1 << 3,	/* the error was told once; now it reads as EOF */
	SOCKF_RD_SHUT = 1 << 4,
	SOCKF_WR_SHUT = 1 << 5,
};

/* Queues are circular lists of sock_op through indices: the field is the first one's, 0 is none. */
struct sock {
	union {
		struct tcp_conn *conn;		/* SOCK_CONN */
		struct tcp_listener *listener;	/* SOCK_LISTENER */
		struct udp_sock *udp;		/* SOCK_DGRAM */
		uint32_t next_free;		/* SOCK_FREE */
	};
	uint32_t rx;		/* RECV or ACCEPT in order */
	uint32_t tx;		/* CONNECT, SEND, SEND_ZC, SHUTDOWN in order */
	uint32_t polls;		/* POLL_ADD */
	int32_t fd;		/* its descriptor, 0: free */
	union {
		struct {
			uint8_t kind;	/* enum sock_kind */
			uint8_t flags;	/* enum sock_flags */
		};
		uint16_t kind_flags;	/* both, flags in the upper half */
	};
	uint8_t opts;		/* enum sock_opt_bits */
	uint8_t pad;
	uint32_t gen : 8;	/* the slot's lives, modulo SOCK_GENS */
	uint32_t cold : 24;	/* its struct sock_cold, 0: none */
};
static_assert(sizeof(struct sock) == 32, "a million idle connections");

/* What few sockets have: a bound address, and options that are kept here. */
struct sock_cold {
	struct list bound;	/* in s->binds, by lport; unlinked: not bound */
	struct addr local;
	uint16_t lport;
	uint32_t sock;
	uint32_t priority, mark, busy_poll_us;	/* kept, so that they can be asked for */
	int32_t incoming_cpu;
	uint32_t sndbuf;	/* of datagrams, which never wait; 0: the default */
	uint32_t rcvlowat;	/* 0: 1 */
	int32_t linger_s;	/* negative: off */
	nsec rcvtimeo, sndtimeo;	/* 0: for ever; whoever blocks looks at them */
	uint32_t next;		/* of the free ones */
	struct tcp_opts tcp;	/* SOCK_STREAM: of the connection to come */
	const struct cc_ops *cc;	/* NULL: the stack's */
};

enum sock_opt_bits {		/* what a connection gets from its listener */
	SOCKO_REUSEADDR = 1 << 0,
	SOCKO_REUSEPORT = 1 << 1,
	SOCKO_ZEROCOPY = 1 << 2,	/* SO_ZEROCOPY: for whoever makes send(2) of SEND_ZC */
	SOCKO_TIMESTAMP = 1 << 3,
	SOCKO_TIMESTAMPNS = 1 << 4,
	SOCKO_BROADCAST = 1 << 5,	/* of streams, which never do */
	SOCKO_KEEPALIVE = 1 << 6,	/* of datagrams, likewise */
};

#define SOCK_BINDS_HASH 256u

enum sock_queue { SOCK_Q_NONE, SOCK_Q_RX, SOCK_Q_TX, SOCK_Q_POLL, SOCK_Q_TIMER, SOCK_Q_BACKLOG,
		  SOCK_Q_LINK };	/* kept by ring_link.c until it may begin */

enum sock_op_flags {
	SOCK_OP_SKIP = 1 << 0,		/* LEAT_SQE_CQE_SKIP_SUCCESS */
	SOCK_OP_MULTI = 1 << 1,
	SOCK_OP_MORE = 1 << 2,		/* LEAT_MSG_MORE */
	SOCK_OP_HASHED = 1 << 3,	/* can be found by user_data */
	SOCK_OP_LENT = 1 << 4,		/* its first completion is out: only the NOTIF is to come */
	SOCK_OP_LEND_BACK = 1 << 5,	/* the NOTIF follows the completion that waits for room */
	SOCK_OP_ALL = 1 << 6,		/* LEAT_MSG_WAITALL; SENDFILE: one completion, at the end */
	SOCK_OP_MSG = 1 << 7,		/* RECVMSG, SENDMSG: the memory is a struct leat_msghdr */
	/* of receives, which never lend or cork */
	SOCK_OP_PEEK = SOCK_OP_MORE,
	SOCK_OP_TRUNC = SOCK_OP_LENT,
};

/* A pending operation: one cache line. */
struct sock_op {
	uint64_t user_data;
	uint32_t next, prev;	/* of its queue */
	uint32_t hash_next, hash_prev;
	uint32_t sock;		/* index, 0: none */
	uint8_t opcode, flags, queue;
	uint8_t link;		/* what waits for it to end, see ring_link.c; 0: nothing */
	union {
		struct {
			struct list stall;	/* on socks->stalled: not for bytes, for room */
			union {
				uint8_t *to;
				uint64_t cookie;	/* multishot: tcp_conn_cookie() */
			};
			uint32_t len, done;
		} rx;
		struct {
			union {
				struct list stall;	/* SEND: waits for memory */
				struct lend lend;	/* SEND_ZC; one reference is its own */
			};
			const uint8_t *from;
			uint32_t len, done;
		} tx;
		struct {
			uint64_t keep[2];	/* tx.lend stays alive */
			int32_t res;
			uint32_t cqe_flags;
		} done;			/* SOCK_Q_BACKLOG */
		struct {
			struct list stall;
			uint32_t mask;
		} poll;
		uint32_t shutdown_how;
		struct wheel_node timer;
	};
};
static_assert(sizeof(struct sock_op) == 64, "one cache line");
static_assert(offsetof(struct sock_op, rx.stall) == offsetof(struct sock_op, tx.stall), "one list");
static_assert(offsetof(struct sock_op, rx.stall) == offsetof(struct sock_op, poll.stall), "and it");

struct sock_counters {
	uint64_t bad_puts;	/* leat_buf_put() of what was not handed out */
	uint64_t stalls;	/* an operation waited for room in the ring, a socket or memory */
	uint64_t backlogged;	/* completions that waited for room */
	uint64_t busy;		/* submissions refused with -EBUSY */
};

struct socks {
	struct leat_cqe *cqes;
	uint32_t cq_head, cq_tail, cq_mask;
	uint32_t cq_full;	/* what cq_tail is when there is no room */
	uint32_t fd_mask;
	uint32_t sockets;
	uint32_t ops_free;	/* a stack through `next`, 0: none */
	uint32_t backlog;	/* a queue of finished operations */
	uint32_t chain_open;	/* ring_link.c: what the next submission belongs to, 0: nothing */
	struct sock *all;	/* [0] is never used: no descriptor is 0 */
	struct net *net;
	struct list stalled;	/* operations that wait for room here, by rx.stall */
	struct sock_op *ops;	/* [0] is never used */
	uint32_t fd_bits;
	uint32_t socks_used;
	uint32_t free_first, free_last;	/* sockets; first in, first out: numbers return late */
	uint32_t ops_max, ops_used;
	uint32_t *op_hash;	/* first of each chain */
	uint32_t op_hash_shift;
	struct udp_sock *udps;
	struct list udps_free;	/* by ready_node */
	struct sock_cold *colds;	/* [0] is never used */
	uint32_t colds_max;
	uint32_t cold_free, cold_fresh;	/* given back, and first one never used */
	nsec wall;
	struct sock_op *last_op;	/* made last */
	uint64_t chains_over, chains_failed;	/* bit of op->link - 1: what it waited for ended */
	bool calling;		/* leat_call(): nothing may wait */
	struct list binds[SOCK_BINDS_HASH];	/* struct sock_cold by port */
	struct sock_config config;
	struct sock_counters n;
};

size_t sock_bytes(const struct sock_config *config, const char **why);
/* `mem`: zeroed, cache aligned, sock_bytes() long; it lives until net_fini(). */
void sock_init(struct socks *s, const struct sock_config *config, struct net *net, void *mem);
/* Resets every connection, forgets every operation, takes back every buffer. */
void sock_fini(struct socks *s);
void sock_check(const struct socks *s);

/* After each poll's input: what tcp and udp say became ready.  For net->drain. */
void sock_drain(struct socks *s);

/* ---- operations: each answers one submission.  Returns the result, or one of these two. */
#define SOCK_PARKED INT32_MIN		/* it completes later */
#define SOCK_BUSY (INT32_MIN + 1)	/* no sock_op free: nothing happened */

int sock_socket(struct socks *s, const struct leat_sqe *sqe);
int sock_bind(struct socks *s, const struct leat_sqe *sqe);
int sock_listen(struct socks *s, const struct leat_sqe *sqe);
int sock_accept(struct socks *s, const struct leat_sqe *sqe);
int sock_connect(struct socks *s, const struct leat_sqe *sqe);
int sock_recv(struct socks *s, const struct leat_sqe *sqe);
int sock_send(struct socks *s, const struct leat_sqe *sqe);
int sock_send_zc(struct socks *s, const struct leat_sqe *sqe);
int sock_sendto(struct socks *s, const struct leat_sqe *sqe);
int sock_shutdown(struct socks *s, const struct leat_sqe *sqe);
int sock_close(struct socks *s, const struct leat_sqe *sqe);
int sock_poll_add(struct socks *s, const struct leat_sqe *sqe);
int sock_poll_remove(struct socks *s, const struct leat_sqe *sqe);
int sock_cancel(struct socks *s, const struct leat_sqe *sqe);
int sock_recvmsg(struct socks *s, const struct leat_sqe *sqe);
int sock_sendmsg(struct socks *s, const struct leat_sqe *sqe);
int sock_splice(struct socks *s, const struct leat_sqe *sqe);
int sock_setopt_sqe(struct socks *s, const struct leat_sqe *sqe);
int sock_getopt_sqe(struct socks *s, const struct leat_sqe *sqe);

/* ---- facts, at once: what ring.h says of leat_ready() and so on */
int sock_info(struct socks *s, int32_t fd, struct leat_conn_info *out);
int sock_ready(struct socks *s, int32_t fd);
int sock_name(struct socks *s, int32_t fd, struct leat_addr *out);
int sock_peer(struct socks *s, int32_t fd, struct leat_addr *out);
int sock_queued(struct socks *s, int32_t fd, enum leat_queue queue);
int sock_setopt(struct socks *s, int32_t fd, int level, int name, const void *value, uint32_t len);
int sock_getopt(struct socks *s, int32_t fd, int level, int name, void *value, uint32_t *len);

/* ---- pending operations */

/* A new one for `sqe` at the end of a queue (of `k`, unless it is SOCK_Q_TIMER), or NULL. */
struct sock_op *sock_op_new(struct socks *s, const struct leat_sqe *sqe, struct sock *k,
			    enum sock_queue queue);

/* Gone without an answer: it was only kept. */
void sock_op_drop(struct socks *s, struct sock_op *op);
void sock_op_cancel(struct socks *s, struct sock_op *op);

/* A pending one of this opcode (LEAT_OP_N: any), or NULL. */
struct sock_op *sock_op_find(struct socks *s, uint64_t user_data, unsigned opcode);

/* Takes it off its queue and answers; it is gone, or waits in the backlog, afterwards. */
void sock_op_finish(struct socks *s, struct sock_op *op, int32_t res, uint32_t cqe_flags);

/* ---- completions */

static inline uint32_t sock_cq_room(const struct socks *s)
{
	return s->cq_full - s->cq_tail;
}

/* Can an operation that finishes others first be answered itself whatever happens?  Of two others
 * that are answered directly at most one keeps its sock_op (its memory is still lent). */
static inline bool sock_op_spare(const struct socks *s)
{
	return s->ops_free || sock_cq_room(s) >= 2 || s->calling;
}

/* May a multishot post? Half of the ring is kept for answers to what its completions bring
 * about. */
static inline bool sock_cq_open(const struct socks *s)
{
	return s->cq_full - s->cq_tail > (s->cq_mask >> 1) + 1;
}

/* The caller knows that there is room. */
static inline void sock_cq_put(struct socks *s, uint64_t user_data, int32_t res, uint32_t flags)
{
	struct leat_cqe *e = &s->cqes[s->cq_tail++ & s->cq_mask];

	e->user_data = user_data;
	e->res = res;
	e->flags = flags;
}

/* The answer to a submission that was not parked; there is room, or sock_op_spare() held. */
void sock_cq_answer(struct socks *s, const struct leat_sqe *sqe, int32_t res);

/* There is room: first for the backlog, then for stalled multishots. */
void sock_cq_let_in(struct socks *s);

/* `n` completions were taken. */
static inline void sock_cq_advance(struct socks *s, uint32_t n)
{
	uint32_t waiting = s->cq_tail - s->cq_head;

	s->cq_head += MIN(n, waiting);
	s->cq_full = s->cq_head + s->cq_mask + 1;
	if (unlikely(s->backlog || !list_empty(&s->stalled)))
		sock_cq_let_in(s);
}

/* ---- the short way */

static inline struct sock *sock_of(const struct socks *s, int32_t fd)
{
	uint32_t i = (uint32_t)fd & s->fd_mask;
	struct sock *k = &s->all[i];

	return likely(i <= s->sockets && k->fd == fd) ? k : NULL;
}

/* The rest of a SEND of which tcp took `n` bytes, or refused it (n < 0). */
int sock_send_rest(struct socks *s, struct sock *k, const struct leat_sqe *sqe, int n);

/* SEND without flags as it usually is: connected, nothing waits or is out of order. */
static inline int sock_send_plain(struct socks *s, const struct leat_sqe *sqe)
{
	struct sock *k = sock_of(s, sqe->fd);
	int n;

	if (unlikely(!k || k->kind_flags != SOCK_CONN || k->tx || !s->ops_free || !sqe->addr ||
		     sqe->len - 1 >= SOCK_LEN_MAX))
		return sock_send(s, sqe);
	n = tcp_write(&s->net->tcp, k->conn, (const void *)sqe->addr, sqe->len);
	return likely(n == (int)sqe->len) ? n : sock_send_rest(s, k, sqe, n);
}

/* ---- buffers handed out */
void sock_buf_put(struct socks *s, uint32_t number);
void sock_buf_from(const struct socks *s, uint32_t number, struct leat_addr *from);
size_t sock_buf_control(const struct socks *s, uint32_t number, int32_t fd, void *control,
			size_t size);

#endif
