/* The door: a completion ring in the shape of io_uring(7), one header for every make of it.
 *
 * A submission (64 bytes) asks for an operation, a completion (16 bytes) answers with the
 * `user_data` of its submission.  Opcodes, field names and meanings are io_uring's where it has
 * them; errors are negative errno(3) values in `res`.  What is not supported completes with
 * -EOPNOTSUPP or -EINVAL, never success.
 *
 *   direct   the stack lives in the calling thread: a submission is a function call,
 *            completions lie in a local array.  (Here.)
 *
 * Threads: a ring belongs to the thread that made it. */
#ifndef LEAT_RING_H
#define LEAT_RING_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct leat_ring;

/* Descriptors are positive; the number of one that was closed stays invalid for a long while. */
enum leat_op {
	LEAT_OP_NOP,
	LEAT_OP_SOCKET,		/* fd: domain, off: type, len: protocol -> res: descriptor */
	LEAT_OP_BIND,		/* fd, addr: struct leat_addr * */
	LEAT_OP_LISTEN,		/* fd, len: backlog */
	/* fd, ioprio: LEAT_ACCEPT_MULTISHOT -> res: descriptor; waits while none is free */
	LEAT_OP_ACCEPT,
	LEAT_OP_CONNECT,	/* fd, addr: struct leat_addr * */
	/* fd, addr, len; or ioprio: LEAT_RECV_MULTISHOT, buffers handed over */
	LEAT_OP_RECV,
	/* fd, addr, len: copied; completes when all is taken, until then the memory is in use.
	 * What is sent on one descriptor leaves in the order of submission. */
	LEAT_OP_SEND,
	/* as SEND, memory lent until the second completion (LEAT_CQE_F_NOTIF) */
	LEAT_OP_SEND_ZC,
	LEAT_OP_SENDTO,		/* SEND with addr2: struct leat_addr * (datagrams) */
	/* fd, len: 0 reading, 1 writing (behind the sends that wait), 2 both */
	LEAT_OP_SHUTDOWN,
	/* fd: pending operations complete with -ECANCELED first; op_flags: LEAT_CLOSE_RESET */
	LEAT_OP_CLOSE,
	LEAT_OP_POLL_ADD,	/* fd, op_flags: LEAT_POLL* -> res: events */
	LEAT_OP_POLL_REMOVE,	/* addr: user_data of a POLL_ADD */
	/* off: nanoseconds (relative, or absolute with LEAT_TIMEOUT_ABS) -> -ETIME */
	LEAT_OP_TIMEOUT,
	/* addr: user_data of a TIMEOUT; off != 0 with LEAT_TIMEOUT_UPDATE: new time */
	LEAT_OP_TIMEOUT_REMOVE,
	LEAT_OP_ASYNC_CANCEL,	/* addr: user_data -> 0 or -ENOENT (finished, or never was) */
	LEAT_OP_N
};

/* sqe.flags */
#define LEAT_SQE_CQE_SKIP_SUCCESS (1u << 6)	/* no completion when it succeeds */

/* sqe.ioprio */
#define LEAT_ACCEPT_MULTISHOT (1u << 0)
#define LEAT_RECV_MULTISHOT (1u << 1)

/* sqe.op_flags of SEND: send(2) flags that are honoured */
#define LEAT_MSG_MORE 0x8000u
#define LEAT_MSG_NOSIGNAL 0x4000u	/* what we do anyway */

/* sqe.op_flags of CLOSE: what is queued is dropped and the peer gets a reset, as SO_LINGER with 0
 */
#define LEAT_CLOSE_RESET (1u << 0)

/* sqe.op_flags of TIMEOUT */
#define LEAT_TIMEOUT_ABS (1u << 0)
#define LEAT_TIMEOUT_UPDATE (1u << 1)

/* sqe.op_flags of POLL_ADD, and its result: poll(2)'s bits */
#define LEAT_POLLIN 0x001u
#define LEAT_POLLOUT 0x004u
#define LEAT_POLLERR 0x008u
#define LEAT_POLLHUP 0x010u
#define LEAT_POLLRDHUP 0x2000u

/* cqe.flags: the low byte; above it the number of a buffer */
#define LEAT_CQE_F_BUFFER (1u << 0)	/* a buffer was handed over: leat_buf_ptr(), give it back */
#define LEAT_CQE_F_MORE (1u << 1)	/* more completions will come for this submission */
#define LEAT_CQE_F_SOCK_NONEMPTY (1u << 2)
#define LEAT_CQE_F_NOTIF (1u << 3)	/* SEND_ZC: the memory is yours again */
#define LEAT_CQE_F_PART (1u << 7)	/* the next completion holds more of the same datagram */
#define LEAT_CQE_BUFFER_SHIFT 8

struct leat_sqe {
	uint8_t opcode;		/* enum leat_op */
	uint8_t flags;		/* LEAT_SQE_* */
	uint16_t ioprio;
	int32_t fd;
	uint64_t off;
	uint64_t addr;
	uint32_t len;
	uint32_t op_flags;
	uint64_t user_data;
	uint64_t addr2;
	uint64_t pad[2];
};
_Static_assert(sizeof(struct leat_sqe) == 64, "one cache line, as io_uring");

struct leat_cqe {
	uint64_t user_data;
	int32_t res;
	uint32_t flags;
};
_Static_assert(sizeof(struct leat_cqe) == 16, "as io_uring");

/* An end point; IPv4 as ::ffff:a.b.c.d (RFC 4291 §2.5.5.2).  Port in host order. */
struct leat_addr {
	uint8_t ip[16];
	uint16_t port;
	uint16_t pad;
	uint32_t scope;
};

#define LEAT_AF_INET 2
#define LEAT_AF_INET6 10
#define LEAT_SOCK_STREAM 1
#define LEAT_SOCK_DGRAM 2

/* Submits one operation.  0, or -EBUSY when every slot for a pending operation is taken or the
 * completion ring is full (take completions and submit again); then nothing happened.  No
 * completion is ever lost: those that find the ring full wait, and multishots pause while it is
 * half full, so that each of their completions can be answered by a submission. */
int leat_submit(struct leat_ring *ring, const struct leat_sqe *sqe);

/* Completions that wait, oldest first: *cqe points at an array of the returned length (it may be
 * less than all when the ring wraps), valid until leat_cq_advance().  Submitting and advancing
 * may add more: what waits is all taken only when this returns 0. */
unsigned leat_cq_peek(struct leat_ring *ring, const struct leat_cqe **cqe);
void leat_cq_advance(struct leat_ring *ring, unsigned n);

/* One round of the stack: receives, runs timers, completes, sends.  Never sleeps.  Returns the
 * moment (of the platform's monotonic clock, ns) by which it must be called again: earlier, when
 * something was submitted or a buffer given back since. */
uint64_t leat_poll(struct leat_ring *ring);

/* The bytes of a buffer that a completion with LEAT_CQE_F_BUFFER handed over: cqe->res of them.
 * leat_buf_put() gives it back (any order, once each, also after CLOSE); until then it counts
 * against the connection's receive window.  Giving back what was not handed out is ignored. */
const void *leat_buf_ptr(struct leat_ring *ring, const struct leat_cqe *cqe);
void leat_buf_put(struct leat_ring *ring, const struct leat_cqe *cqe);

/* Who sent the datagram in a buffer. */
void leat_buf_from(struct leat_ring *ring, const struct leat_cqe *cqe, struct leat_addr *from);

/* Facts about a connection, as far as the make knows them: 0, or -EBADF, -ENOTCONN. */
struct leat_conn_info {
	struct leat_addr local, remote;
	char state[16];			/* "ESTABLISHED" */
	uint16_t states_passed;		/* bit per state, in RFC 9293's order from CLOSED */
	uint8_t snd_wscale, rcv_wscale;
	uint8_t timestamps, pad[3];
	uint32_t snd_mss, rcv_mss, cwnd, ssthresh, snd_wnd, rcv_wnd, retransmits, timeouts;
	uint64_t srtt_ns, rttvar_ns, rtt_min_ns, rto_ns, bytes_in, bytes_out, segs_in, segs_out;
	uint64_t bytes_queued;		/* taken for sending, not yet acknowledged */
};
int leat_conn_info(struct leat_ring *ring, int fd, struct leat_conn_info *out);

#ifdef __cplusplus
}
#endif

#endif
