/* The door: a completion ring in the shape of io_uring(7), one header for every make of it.
 *
 * A submission (64 bytes) asks for an operation, a completion (16 bytes) answers with the
 * `user_data` of its submission.  Opcodes, field names and meanings are io_uring's where it has
 * them; errors are negative errno(3) values in `res`.  What is not supported completes with
 * -EOPNOTSUPP or -EINVAL, never success.
 *
 *   direct   the stack lives in the calling thread: a submission is a function call,
 *            completions lie in a local array
 *   kernel   Linux's own io_uring over Linux's own sockets: the same program on the other stack
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
	/* fd: domain, off: type, len: protocol -> res: descriptor */
	LEAT_OP_SOCKET,
	/* fd, addr: struct leat_addr *; -EADDRINUSE comes here, not from LISTEN */
	LEAT_OP_BIND,
	LEAT_OP_LISTEN,		/* fd, len: backlog; again on a listener: a new backlog */
	/* fd, ioprio: LEAT_ACCEPT_MULTISHOT -> res: descriptor; waits while none is free */
	LEAT_OP_ACCEPT,
	LEAT_OP_CONNECT,	/* fd, addr: struct leat_addr * */
	/* fd, addr, len, op_flags: LEAT_MSG_*; or ioprio: LEAT_RECV_MULTISHOT, buffers handed
	 * over */
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
	/* fd, op_flags: LEAT_POLL*, len: LEAT_POLL_ADD_* -> res: events */
	LEAT_OP_POLL_ADD,
	/* addr: user_data of a POLL_ADD; len: LEAT_POLL_UPDATE_* with the new op_flags, off */
	LEAT_OP_POLL_REMOVE,
	/* off: nanoseconds (relative, or absolute with LEAT_TIMEOUT_ABS) -> -ETIME */
	LEAT_OP_TIMEOUT,
	/* addr: user_data of a TIMEOUT; off != 0 with LEAT_TIMEOUT_UPDATE: new time */
	LEAT_OP_TIMEOUT_REMOVE,
	/* addr: user_data, or fd, as op_flags: LEAT_ASYNC_CANCEL_* say -> 0, or how many with
	 * _ALL, or -ENOENT (finished, or never was) */
	LEAT_OP_ASYNC_CANCEL,
	/* fd, addr: struct leat_msghdr *, which is filled; op_flags: LEAT_MSG_*; or ioprio:
	 * LEAT_RECV_MULTISHOT, as RECV's (leat_buf_from() and leat_buf_control() have the rest) */
	LEAT_OP_RECVMSG,
	/* fd, addr: const struct leat_msghdr *, in use with its pieces until it completes */
	LEAT_OP_SENDMSG,
	LEAT_OP_SENDMSG_ZC,	/* as SENDMSG, the pieces lent until the second completion */
	/* fd, addr, len: lent as by SEND_ZC, one completion: when the memory is yours again */
	LEAT_OP_SENDFILE,
	/* fd, addr: the descriptor read from, len: most bytes; what has been received there is
	 * sent here, not copied -> res: bytes, 0 at its end */
	LEAT_OP_SPLICE,
	/* fd, off: level << 32 | name, addr, len: the value; 0 or as leat_ring_setsockopt() */
	LEAT_OP_SETSOCKOPT,
	LEAT_OP_GETSOCKOPT,	/* the same, filled -> res: its length */
	/* off, op_flags: as TIMEOUT; behind a submission with LEAT_SQE_IO_LINK, which it cancels
	 * -> -ETIME when it did, -ECANCELED when that was faster */
	LEAT_OP_LINK_TIMEOUT,
	/* addr: struct leat_ring * of this thread, or 0 for this; off: user_data, len: res of the
	 * completion that comes there -> 0, or -EOVERFLOW */
	LEAT_OP_MSG_RING,
	LEAT_OP_N
};

/* sqe.flags */
/* The next submission starts when this one is done and is cancelled when it fails (HARDLINK: is
 * not).  At most LEAT_LINKS_MAX submissions wait so. */
#define LEAT_SQE_IO_LINK (1u << 2)
#define LEAT_SQE_IO_HARDLINK (1u << 3)
#define LEAT_SQE_CQE_SKIP_SUCCESS (1u << 6)	/* no completion when it succeeds */
#define LEAT_LINKS_MAX 255

/* sqe.ioprio */
#define LEAT_ACCEPT_MULTISHOT (1u << 0)
#define LEAT_RECV_MULTISHOT (1u << 1)

/* sqe.op_flags of RECV, RECVMSG and the sends: recv(2)'s and send(2)'s bits */
#define LEAT_MSG_PEEK 0x2u
#define LEAT_MSG_CTRUNC 0x8u		/* in msghdr.flags: ancillary data did not fit */
#define LEAT_MSG_TRUNC 0x20u		/* the datagram's full length; streams: thrown away */
#define LEAT_MSG_DONTWAIT 0x40u		/* -EAGAIN instead of waiting, a part instead of all */
#define LEAT_MSG_WAITALL 0x100u
#define LEAT_MSG_CONFIRM 0x800u		/* the neighbour answers (datagrams) */
#define LEAT_MSG_ERRQUEUE 0x2000u	/* RECVMSG: from the queue of IP_RECVERR */
#define LEAT_MSG_NOSIGNAL 0x4000u	/* what we do anyway */
#define LEAT_MSG_MORE 0x8000u
#define LEAT_MSG_FASTOPEN 0x20000000u	/* SENDTO: connects first, RFC 7413 */

/* sqe.op_flags of CLOSE: what is queued is dropped and the peer gets a reset, as SO_LINGER with 0
 */
#define LEAT_CLOSE_RESET (1u << 0)

/* sqe.op_flags of TIMEOUT, LINK_TIMEOUT, TIMEOUT_REMOVE */
#define LEAT_TIMEOUT_ABS (1u << 0)
#define LEAT_TIMEOUT_UPDATE (1u << 1)

/* sqe.op_flags of ASYNC_CANCEL; 0: the first with that user_data */
#define LEAT_ASYNC_CANCEL_ALL (1u << 0)
#define LEAT_ASYNC_CANCEL_FD (1u << 1)	/* what waits on `fd` */
#define LEAT_ASYNC_CANCEL_ANY (1u << 2)

/* sqe.len of POLL_ADD: completes again and again (LEAT_CQE_F_MORE): at the start when something is
 * true already, then each time when something happens, but not for as long as it stays so */
#define LEAT_POLL_ADD_MULTI (1u << 0)
/* sqe.len of POLL_REMOVE: not removed but changed; off: its new user_data */
#define LEAT_POLL_UPDATE_EVENTS (1u << 1)
#define LEAT_POLL_UPDATE_USER_DATA (1u << 2)

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

/* RECVMSG and SENDMSG: msghdr of recvmsg(2), but for the name.  Ancillary data are laid out and
 * numbered as Linux has them: struct cmsghdr of a 64-bit machine. */
struct leat_iovec {
	void *base;
	size_t len;
};

struct leat_msghdr {
	struct leat_addr *name;		/* or NULL */
	uint32_t namelen;		/* RECVMSG: set to 0 when there is no name */
	struct leat_iovec *iov;
	size_t iovlen;			/* up to LEAT_IOV_MAX */
	void *control;
	size_t controllen;		/* RECVMSG: set to what was written */
	int32_t flags;			/* RECVMSG: LEAT_MSG_TRUNC, _CTRUNC, _ERRQUEUE */
};
#define LEAT_IOV_MAX 1024

/* SOCKET: a stream, datagrams, LEAT_AF_INET with LEAT_SOCK_DGRAM and protocol 1 (ICMP echo),
 * LEAT_AF_INET with LEAT_SOCK_RAW and a protocol (IP packets), LEAT_AF_PACKET with either and an
 * EtherType or 3 for every one (frames of devices, without or with their header).  Then struct
 * leat_addr is: ip: the hardware address, port: the EtherType, scope: the device's number from 1,
 * pad: packet(7)'s packet type. */
#define LEAT_AF_INET 2
#define LEAT_AF_INET6 10
#define LEAT_AF_PACKET 17
#define LEAT_SOCK_STREAM 1
#define LEAT_SOCK_DGRAM 2
#define LEAT_SOCK_RAW 3

/* Submits one operation.  0, or -EBUSY when every slot for a pending operation is taken or the
 * completion ring is full (take completions and submit again); then nothing happened.  No
 * completion is ever lost: those that find the ring full wait, and multishots pause while it is
 * half full, so that each of their completions can be answered by a submission. */
int leat_submit(struct leat_ring *ring, const struct leat_sqe *sqe);

/* Does the operation inside the call, or not at all: returns what would be its completion's res,
 * and no completion comes.  What would wait returns -EAGAIN, a send that finds room for a part its
 * length, CONNECT -EINPROGRESS while the handshake runs (POLLOUT and SO_ERROR tell the rest),
 * SHUTDOWN behind sends that wait -EAGAIN.  Not for multishots, lent memory, POLL_ADD, time-outs
 * and links: -EINVAL.  It is what recv(2) and its like are made of. */
int leat_call(struct leat_ring *ring, const struct leat_sqe *sqe);

/* Facts at once, for which a submission would be silly.  Negative: -EBADF and as said.
 *
 * leat_ready: the bits of poll(2) that are true now.  Without room, POLL_ADD's multishot is told
 * when there is some again.
 * leat_ring_getsockname, leat_ring_getpeername: 0, or -ENOTCONN.
 * leat_queued: a number of bytes, or -EINVAL where there is no such queue (listeners). */
int leat_ready(struct leat_ring *ring, int fd);
int leat_ring_getsockname(struct leat_ring *ring, int fd, struct leat_addr *addr);
int leat_ring_getpeername(struct leat_ring *ring, int fd, struct leat_addr *addr);

enum leat_queue {
	LEAT_QUEUE_IN,		/* FIONREAD: what RECV would give; of datagrams the next one's */
	LEAT_QUEUE_OUT,		/* SIOCOUTQ: taken for sending, not acknowledged */
	LEAT_QUEUE_UNSENT,	/* SIOCOUTQNSD: not even sent */
	LEAT_QUEUE_ROOM,	/* bytes that SEND would take now */
};
int leat_queued(struct leat_ring *ring, int fd, enum leat_queue queue);

/* Levels, names, values and errors are Linux's: socket(7), tcp(7), ip(7), udp(7), packet(7).  What
 * is not supported answers -ENOPROTOOPT or -EOPNOTSUPP, never success.  *len: room, then length. */
int leat_ring_setsockopt(struct leat_ring *ring, int fd, int level, int name, const void *value,
		    uint32_t len);
int leat_ring_getsockopt(struct leat_ring *ring, int fd, int level, int name, void *value,
		    uint32_t *len);

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

/* The same for those of `n` completions that handed over a buffer. */
void leat_bufs_put(struct leat_ring *ring, const struct leat_cqe *cqe, unsigned n);

/* Who sent the datagram in a buffer; and its ancillary data, as RECVMSG would give them: returns
 * their length, 0 when there are none or they do not fit. */
void leat_buf_from(struct leat_ring *ring, const struct leat_cqe *cqe, struct leat_addr *from);
size_t leat_buf_control(struct leat_ring *ring, const struct leat_cqe *cqe, int fd, void *control,
			size_t size);

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
