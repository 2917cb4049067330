/* leat_submit(): the table of opcodes.
 *
 * A row names who does it and which flags it understands; anything else in a flag field is refused
 * before anything happens, so that a later meaning of a bit never changes what a program does. */
#include "base/err.h"
#include "ring/ring.h"

#define LINKS (LEAT_SQE_IO_LINK | LEAT_SQE_IO_HARDLINK)
#define SKIP LEAT_SQE_CQE_SKIP_SUCCESS
#define SEND_FLAGS (LEAT_MSG_MORE | LEAT_MSG_NOSIGNAL | LEAT_MSG_DONTWAIT | LEAT_MSG_CONFIRM)
#define LEND_FLAGS (LEAT_MSG_MORE | LEAT_MSG_NOSIGNAL | LEAT_MSG_CONFIRM)
#define RECV_FLAGS (LEAT_MSG_PEEK | LEAT_MSG_TRUNC | LEAT_MSG_DONTWAIT | LEAT_MSG_WAITALL | \
		    LEAT_MSG_ERRQUEUE | LEAT_MSG_NOSIGNAL)
#define CANCEL_FLAGS (LEAT_ASYNC_CANCEL_ALL | LEAT_ASYNC_CANCEL_FD | LEAT_ASYNC_CANCEL_ANY)

struct row {
	int (*run)(struct socks *s, const struct leat_sqe *sqe);
	uint32_t op_flags;
	uint16_t ioprio;
	uint8_t flags;
};

static int nop(struct socks *s, const struct leat_sqe *sqe)
{
	return 0;
}

/* There is nothing in front of it. */
static int alone(struct socks *s, const struct leat_sqe *sqe)
{
	return -E_INVAL;
}

/* A completion for another ring of this thread; one of its own room, or it would get lost. */
static int msg_ring(struct socks *s, const struct leat_sqe *sqe)
{
	struct leat_ring *to = (struct leat_ring *)sqe->addr;
	struct socks *at = to ? &to->socks : s;

	if (sqe->fd)
		return -E_INVAL;
	if (sock_cq_room(at) < 2)
		return -E_OVERFLOW;
	sock_cq_put(at, sqe->off, (int32_t)sqe->len, 0);
	return 0;
}

static const struct row rows[LEAT_OP_N] = {
	[LEAT_OP_NOP] = {nop, 0, 0, SKIP},
	[LEAT_OP_SOCKET] = {sock_socket, 0, 0, SKIP},
	[LEAT_OP_BIND] = {sock_bind, 0, 0, SKIP},
	[LEAT_OP_LISTEN] = {sock_listen, 0, 0, SKIP},
	[LEAT_OP_ACCEPT] = {sock_accept, 0, LEAT_ACCEPT_MULTISHOT, SKIP},
	[LEAT_OP_CONNECT] = {sock_connect, 0, 0, SKIP},
	[LEAT_OP_RECV] = {sock_recv, RECV_FLAGS, LEAT_RECV_MULTISHOT, SKIP},
	[LEAT_OP_SEND] = {sock_send, SEND_FLAGS, 0, SKIP},
	[LEAT_OP_SEND_ZC] = {sock_send_zc, LEND_FLAGS, 0, 0},
	[LEAT_OP_SENDTO] = {sock_sendto, SEND_FLAGS | LEAT_MSG_FASTOPEN, 0, SKIP},
	[LEAT_OP_SHUTDOWN] = {sock_shutdown, 0, 0, SKIP},
	[LEAT_OP_CLOSE] = {sock_close, LEAT_CLOSE_RESET, 0, SKIP},
	[LEAT_OP_POLL_ADD] = {sock_poll_add, UINT32_MAX, 0, SKIP},
	[LEAT_OP_POLL_REMOVE] = {sock_poll_remove, UINT32_MAX, 0, SKIP},
	[LEAT_OP_TIMEOUT] = {ring_timeout, LEAT_TIMEOUT_ABS, 0, SKIP},
	[LEAT_OP_TIMEOUT_REMOVE] = {ring_timeout_remove, LEAT_TIMEOUT_ABS | LEAT_TIMEOUT_UPDATE, 0,
				    SKIP},
	[LEAT_OP_ASYNC_CANCEL] = {sock_cancel, CANCEL_FLAGS, 0, SKIP},
	[LEAT_OP_RECVMSG] = {sock_recvmsg, RECV_FLAGS, LEAT_RECV_MULTISHOT, SKIP},
	[LEAT_OP_SENDMSG] = {sock_sendmsg, SEND_FLAGS, 0, SKIP},
	[LEAT_OP_SENDMSG_ZC] = {sock_send_zc, LEND_FLAGS, 0, 0},
	[LEAT_OP_SENDFILE] = {sock_send_zc, LEND_FLAGS, 0, 0},
	[LEAT_OP_SPLICE] = {sock_splice, LEAT_MSG_DONTWAIT, 0, SKIP},
	[LEAT_OP_SETSOCKOPT] = {sock_setopt_sqe, 0, 0, SKIP},
	[LEAT_OP_GETSOCKOPT] = {sock_getopt_sqe, 0, 0, SKIP},
	[LEAT_OP_LINK_TIMEOUT] = {alone, LEAT_TIMEOUT_ABS, 0, 0},
	[LEAT_OP_MSG_RING] = {msg_ring, 0, 0, SKIP},
};

static inline bool understood(const struct leat_sqe *sqe)
{
	const struct row *row;

	if (sqe->opcode >= LEAT_OP_N)
		return false;
	row = &rows[sqe->opcode];
	return !((sqe->op_flags & ~row->op_flags) | (uint32_t)(sqe->ioprio & ~row->ioprio) |
		 (uint32_t)(sqe->flags & ~(row->flags | LINKS)));
}

static COLD int busy(struct socks *s)
{
	s->n.busy++;
	return -E_BUSY;
}

int ring_run(struct leat_ring *ring, const struct leat_sqe *sqe)
{
	return rows[sqe->opcode].run(&ring->socks, sqe);
}

static COLD int submit_linked(struct leat_ring *ring, const struct leat_sqe *sqe)
{
	return understood(sqe) ? ring_link_submit(ring, sqe) : -E_INVAL;
}

/* Everything but what leat_submit() does itself. */
static NOINLINE int submit(struct leat_ring *ring, const struct leat_sqe *sqe)
{
	struct socks *s = &ring->socks;
	int res;

	if (unlikely(sqe->flags & LINKS || s->chain_open))
		res = submit_linked(ring, sqe);
	else
		res = understood(sqe) ? rows[sqe->opcode].run(s, sqe) : -E_INVAL;
	if (unlikely(s->chains_over))
		ring_links_run(ring);

	if (res == SOCK_PARKED)
		return 0;
	if (unlikely(res == SOCK_BUSY))
		return busy(s);
	sock_cq_answer(s, sqe, res);
	return 0;
}

/* Those that a call can ask for. */
static const uint64_t callable =
	1ull << LEAT_OP_NOP | 1ull << LEAT_OP_SOCKET | 1ull << LEAT_OP_BIND |
	1ull << LEAT_OP_LISTEN | 1ull << LEAT_OP_ACCEPT | 1ull << LEAT_OP_CONNECT |
	1ull << LEAT_OP_RECV | 1ull << LEAT_OP_SEND | 1ull << LEAT_OP_SENDTO |
	1ull << LEAT_OP_SHUTDOWN | 1ull << LEAT_OP_CLOSE | 1ull << LEAT_OP_POLL_REMOVE |
	1ull << LEAT_OP_TIMEOUT_REMOVE | 1ull << LEAT_OP_ASYNC_CANCEL | 1ull << LEAT_OP_RECVMSG |
	1ull << LEAT_OP_SENDMSG | 1ull << LEAT_OP_SPLICE | 1ull << LEAT_OP_SETSOCKOPT |
	1ull << LEAT_OP_GETSOCKOPT | 1ull << LEAT_OP_MSG_RING;

int leat_call(struct leat_ring *ring, const struct leat_sqe *sqe)
{
	struct socks *s = &ring->socks;
	int res;

	if (unlikely(ring->make))
		return ring->make->call(ring, sqe);
	if (!understood(sqe) || !(callable >> sqe->opcode & 1) || sqe->flags)
		return -E_INVAL;
	s->calling = true;
	res = rows[sqe->opcode].run(s, sqe);
	s->calling = false;
	if (unlikely(s->chains_over))
		ring_links_run(ring);
	assert(res != SOCK_PARKED);
	return res == SOCK_BUSY ? -E_BUSY : res;
}

/* A SEND without flags, as it reads from the front of a submission. */
static inline bool plain_send(const struct leat_sqe *sqe)
{
	uint32_t front;

	static_assert(offsetof(struct leat_sqe, ioprio) == 2, "opcode, flags, ioprio");
	mem_copy(&front, sqe, sizeof(front));
	return front == LEAT_OP_SEND && sqe->op_flags == 0;
}

int leat_submit(struct leat_ring *ring, const struct leat_sqe *sqe)
{
	struct socks *s = &ring->socks;
	int res;

	if (unlikely(ring->make))
		return ring->make->submit(ring, sqe);
	if (unlikely(sock_cq_room(s) == 0))
		return busy(s);
	if (!plain_send(sqe) || unlikely(s->chain_open))
		return submit(ring, sqe);
	res = sock_send_plain(s, sqe);
	if (likely(res > SOCK_BUSY)) {
		sock_cq_put(s, sqe->user_data, res, 0);
		return 0;
	}
	return res == SOCK_PARKED ? 0 : busy(s);
}
