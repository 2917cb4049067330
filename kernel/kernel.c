/* The kernel make: submissions to io_uring, its completions as ours.
 *
 * What takes no time is a system call (kernel_call.c).  What may wait becomes a struct kernel_op,
 * whose number is io_uring's user_data.  Sends of one descriptor go one after another, since
 * io_uring promises no order; a multishot that io_uring ends for want of a buffer is begun again
 * when one comes back.
 *
 * Always: nothing is taken from io_uring that finds no room here. */
#include "kernel/kernel_int.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "port/port.h"

#define LINKS (LEAT_SQE_IO_LINK | LEAT_SQE_IO_HARDLINK)
#define SQ_ENTRIES 1024u
#define BUFS_MAX 32768u

/* ---- completions */

static uint32_t room(const struct kernel *k)
{
	return k->cq_mask + 1 - (k->cq_tail - k->cq_head);
}

static void put(struct kernel *k, uint64_t user_data, int32_t res, uint32_t flags)
{
	k->cqes[k->cq_tail++ & k->cq_mask] =
		(struct leat_cqe){.user_data = user_data, .res = res, .flags = flags};
}

static void answer(struct kernel *k, const struct leat_sqe *sqe, int32_t res, uint32_t flags)
{
	if (res < 0 || !(sqe->flags & LEAT_SQE_CQE_SKIP_SUCCESS))
		put(k, sqe->user_data, res, flags);
}

/* ---- operations */

static struct kernel_op *op_new(struct kernel *k, const struct leat_sqe *sqe)
{
	struct kernel_op *op = &k->ops[k->ops_free];

	if (!k->ops_free)
		return NULL;
	k->ops_free = op->next;
	memset(op, 0, sizeof(*op));
	op->sqe = *sqe;
	op->used = true;
	return op;
}

static void op_free(struct kernel *k, struct kernel_op *op)
{
	op->used = false;
	op->next = k->ops_free;
	k->ops_free = (uint32_t)(op - k->ops);
}

static uint64_t number_of(const struct kernel *k, const struct kernel_op *op)
{
	return (uint64_t)(op - k->ops);
}

static bool is_send(const struct kernel_op *op)
{
	switch (op->sqe.opcode) {
	case LEAT_OP_SEND:
	case LEAT_OP_SENDTO:
	case LEAT_OP_SENDMSG:
	case LEAT_OP_SEND_ZC:
	case LEAT_OP_SENDMSG_ZC:
	case LEAT_OP_SENDFILE:
	case LEAT_OP_SHUTDOWN:
		return true;
	default:
		return false;
	}
}

static void prep_msg(struct kernel_op *op, struct io_uring_sqe *q, uint8_t opcode, uint32_t flags)
{
	kernel_msg_in(op);
	q->opcode = opcode;
	q->addr = (uint64_t)(uintptr_t)&op->msg;
	q->len = 1;
	q->msg_flags = flags;
}

static void prep_send(struct kernel_op *op, struct io_uring_sqe *q)
{
	uint32_t flags = (uint32_t)kernel_send_flags(&op->sqe);
	bool lend = op->sqe.opcode == LEAT_OP_SEND_ZC || op->sqe.opcode == LEAT_OP_SENDFILE;

	if (!(flags & MSG_DONTWAIT))
		flags |= MSG_WAITALL;
	if (op->sqe.opcode == LEAT_OP_SENDMSG || op->sqe.opcode == LEAT_OP_SENDMSG_ZC) {
		prep_msg(op, q, op->sqe.opcode == LEAT_OP_SENDMSG ? IORING_OP_SENDMSG :
								    IORING_OP_SENDMSG_ZC, flags);
		return;
	}
	q->opcode = lend ? IORING_OP_SEND_ZC : IORING_OP_SEND;
	q->addr = op->sqe.addr;
	q->len = op->sqe.len;
	q->msg_flags = flags;
	if (op->sqe.opcode != LEAT_OP_SENDTO || !op->sqe.addr2)
		return;
	kernel_name_in(&op->name, (const struct leat_addr *)op->sqe.addr2);
	op->msg = (struct msghdr){.msg_name = &op->name, .msg_namelen = sizeof(op->name),
				  .msg_iov = (struct iovec *)&op->sqe.pad, .msg_iovlen = 1};
	op->sqe.pad[0] = op->sqe.addr;		/* the one piece, a struct iovec */
	op->sqe.pad[1] = op->sqe.len;
	q->opcode = IORING_OP_SENDMSG;
	q->addr = (uint64_t)(uintptr_t)&op->msg;
	q->len = 1;
}

static void prep_recv(struct kernel_op *op, struct io_uring_sqe *q)
{
	if (op->flags & KOP_MULTI) {
		q->opcode = IORING_OP_RECV;
		q->ioprio = IORING_RECV_MULTISHOT;
		q->flags |= IOSQE_BUFFER_SELECT;
	} else if (op->sqe.opcode == LEAT_OP_RECVMSG) {
		prep_msg(op, q, IORING_OP_RECVMSG, op->sqe.op_flags);
	} else {
		q->opcode = IORING_OP_RECV;
		q->addr = op->sqe.addr;
		q->len = op->sqe.len;
		q->msg_flags = op->sqe.op_flags;
	}
}

static void prep_time(struct kernel_op *op, struct io_uring_sqe *q, uint8_t opcode)
{
	uint64_t t = op->sqe.off;
	bool at = op->sqe.op_flags & LEAT_TIMEOUT_ABS;

	if (at)		/* the platform's clock is a second ahead, so that it is never 0 */
		t -= MIN(t, SEC(1));
	op->ts = (struct __kernel_timespec){.tv_sec = (int64_t)(t / SEC(1)),
					    .tv_nsec = (long long)(t % SEC(1))};
	q->opcode = opcode;
	q->addr = (uint64_t)(uintptr_t)&op->ts;
	q->len = 1;
	q->timeout_flags = at ? IORING_TIMEOUT_ABS : 0;
}

/* Hands an operation to io_uring. */
static void issue(struct kernel *k, struct kernel_op *op)
{
	struct io_uring_sqe *q = kernel_uring_sqe(&k->u);
	const struct leat_sqe *sqe = &op->sqe;

	q->fd = sqe->fd;
	q->flags = sqe->flags & LINKS;
	q->user_data = number_of(k, op);
	switch (sqe->opcode) {
	case LEAT_OP_ACCEPT:
		q->opcode = IORING_OP_ACCEPT;
		q->ioprio = op->flags & KOP_MULTI ? IORING_ACCEPT_MULTISHOT : 0;
		q->accept_flags = SOCK_CLOEXEC;
		break;
	case LEAT_OP_CONNECT:
		kernel_name_in(&op->name, (const struct leat_addr *)sqe->addr);
		q->opcode = IORING_OP_CONNECT;
		q->addr = (uint64_t)(uintptr_t)&op->name;
		q->off = sizeof(op->name);
		break;
	case LEAT_OP_RECV:
	case LEAT_OP_RECVMSG:
		prep_recv(op, q);
		break;
	case LEAT_OP_SHUTDOWN:
		q->opcode = IORING_OP_SHUTDOWN;
		q->len = sqe->len;
		break;
	case LEAT_OP_POLL_ADD:
		q->opcode = IORING_OP_POLL_ADD;
		q->poll32_events = sqe->op_flags;
		q->len = op->flags & KOP_MULTI ? IORING_POLL_ADD_MULTI : 0;
		break;
	case LEAT_OP_TIMEOUT:
		prep_time(op, q, IORING_OP_TIMEOUT);
		q->off = 0;
		break;
	case LEAT_OP_LINK_TIMEOUT:
		prep_time(op, q, IORING_OP_LINK_TIMEOUT);
		break;
	case LEAT_OP_NOP:
		q->opcode = IORING_OP_NOP;
		break;
	default:
		prep_send(op, q);
		break;
	}
	if (sqe->opcode == LEAT_OP_TIMEOUT || sqe->opcode == LEAT_OP_LINK_TIMEOUT)
		q->fd = -1;
}

/* ---- sends, one after another */

static struct kernel_fd *fd_of(struct kernel *k, int32_t fd)
{
	return fd >= 0 && (uint32_t)fd < k->fds_n ? &k->fds[fd] : NULL;
}

static void queue_send(struct kernel *k, struct kernel_op *op)
{
	struct kernel_fd *f = fd_of(k, op->sqe.fd);
	uint32_t i = (uint32_t)number_of(k, op);

	if (!f || op->sqe.flags & LINKS) {
		issue(k, op);
		return;
	}
	op->flags |= KOP_QUEUED;
	op->next = 0;
	if (f->tx_tail)
		k->ops[f->tx_tail].next = i;
	else
		f->tx_head = i;
	f->tx_tail = i;
	if (f->tx_head == i)
		issue(k, op);
}

static void unqueue(struct kernel *k, struct kernel_op *op)
{
	struct kernel_fd *f = fd_of(k, op->sqe.fd);
	uint32_t i = (uint32_t)number_of(k, op), at;

	if (!(op->flags & KOP_QUEUED))
		return;
	op->flags &= (uint8_t)~KOP_QUEUED;
	if (f->tx_head == i) {
		f->tx_head = op->next;
		if (f->tx_head)
			issue(k, &k->ops[f->tx_head]);
		else
			f->tx_tail = 0;
		return;
	}
	for (at = f->tx_head; k->ops[at].next != i;)
		at = k->ops[at].next;
	k->ops[at].next = op->next;
	if (f->tx_tail == i)
		f->tx_tail = at;
}

/* ---- what io_uring completes */

static void done(struct kernel *k, struct kernel_op *op, int32_t res, uint32_t flags)
{
	unqueue(k, op);
	answer(k, &op->sqe, res, flags);
	op_free(k, op);
}

/* SEND_ZC and its like: the memory is lent until the second completion. */
static void lent(struct kernel *k, struct kernel_op *op, const struct io_uring_cqe *c)
{
	bool more = c->flags & IORING_CQE_F_MORE, file = op->sqe.opcode == LEAT_OP_SENDFILE;

	if (op->flags & KOP_LENT) {
		answer(k, &op->sqe, file ? op->res : 0, file ? 0 : LEAT_CQE_F_NOTIF);
		op_free(k, op);
		return;
	}
	if (!more) {
		done(k, op, c->res, 0);
		return;
	}
	unqueue(k, op);
	op->flags |= KOP_LENT;
	op->res = c->res;
	if (!file)
		put(k, op->sqe.user_data, c->res, LEAT_CQE_F_MORE);
}

static void multi(struct kernel *k, struct kernel_op *op, const struct io_uring_cqe *c)
{
	bool more = c->flags & IORING_CQE_F_MORE, recv = op->sqe.opcode != LEAT_OP_ACCEPT &&
							op->sqe.opcode != LEAT_OP_POLL_ADD;
	uint32_t flags = LEAT_CQE_F_MORE, bid = c->flags >> IORING_CQE_BUFFER_SHIFT;

	if (c->flags & IORING_CQE_F_BUFFER) {
		k->held[bid] = true;
		flags |= LEAT_CQE_F_BUFFER | bid << LEAT_CQE_BUFFER_SHIFT;
		flags |= c->flags & IORING_CQE_F_SOCK_NONEMPTY;
	}
	if (recv && c->res == -ENOBUFS) {
		op->flags |= KOP_STARVED;
		k->starved_n++;
		return;
	}
	if (c->res < 0 || (recv && c->res == 0 && !more)) {
		done(k, op, c->res, 0);
		return;
	}
	put(k, op->sqe.user_data, c->res, flags);
	if (!more)
		issue(k, op);
}

static void complete(struct kernel *k, const struct io_uring_cqe *c)
{
	struct kernel_op *op = &k->ops[c->user_data];

	if (c->user_data == KERNEL_WAKE || c->user_data >= k->ops_n || !op->used)
		return;
	if (op->flags & KOP_MULTI) {
		multi(k, op, c);
		return;
	}
	switch (op->sqe.opcode) {
	case LEAT_OP_SEND_ZC:
	case LEAT_OP_SENDMSG_ZC:
	case LEAT_OP_SENDFILE:
		lent(k, op, c);
		return;
	case LEAT_OP_RECVMSG:
		if (c->res >= 0)
			kernel_msg_out(op);
		break;
	default:
		break;
	}
	done(k, op, c->res, c->flags & IORING_CQE_F_SOCK_NONEMPTY);
}

static void watch_wake(struct kernel *k)
{
	struct io_uring_sqe *q = kernel_uring_sqe(&k->u);

	q->opcode = IORING_OP_READ;
	q->fd = k->wake_fd;
	q->addr = (uint64_t)(uintptr_t)&k->wake_value;
	q->len = sizeof(k->wake_value);
	q->user_data = KERNEL_WAKE;
}

/* Takes what is there and fits; true when somebody woke us. */
static bool reap(struct kernel *k)
{
	const struct io_uring_cqe *c;
	bool woken = false;

	while (room(k) >= 2 && (c = kernel_uring_peek(&k->u))) {
		struct io_uring_cqe copy = *c;

		kernel_uring_seen(&k->u);
		if (copy.user_data == KERNEL_WAKE) {
			woken = true;
			watch_wake(k);
		} else {
			complete(k, &copy);
		}
	}
	return woken;
}

/* ---- submissions that change others */

static struct kernel_op *find(struct kernel *k, uint64_t user_data, unsigned opcode)
{
	for (uint32_t i = 1; i < k->ops_n; i++)
		if (k->ops[i].used && k->ops[i].sqe.user_data == user_data &&
		    !(k->ops[i].flags & KOP_LENT) &&
		    (opcode == LEAT_OP_N || k->ops[i].sqe.opcode == opcode))
			return &k->ops[i];
	return NULL;
}

static int cancel_op(struct kernel *k, struct kernel_op *op)
{
	struct kernel_fd *f = fd_of(k, op->sqe.fd);

	if (op->flags & KOP_STARVED || (op->flags & KOP_QUEUED &&
					f->tx_head != number_of(k, op))) {
		k->starved_n -= !!(op->flags & KOP_STARVED);
		done(k, op, -ECANCELED, 0);
		return 0;
	}
	return kernel_uring_cancel(&k->u, number_of(k, op));
}

static bool matches(const struct kernel_op *op, const struct leat_sqe *sqe)
{
	if (!op->used || op->flags & KOP_LENT)
		return false;
	if (sqe->op_flags & LEAT_ASYNC_CANCEL_ANY)
		return true;
	if (sqe->op_flags & LEAT_ASYNC_CANCEL_FD)
		return op->sqe.fd == sqe->fd && op->sqe.opcode != LEAT_OP_TIMEOUT;
	return op->sqe.user_data == sqe->addr;
}

static int cancel(struct kernel *k, const struct leat_sqe *sqe)
{
	bool all = sqe->op_flags & (LEAT_ASYNC_CANCEL_ALL | LEAT_ASYNC_CANCEL_ANY);
	int n = 0;

	for (uint32_t i = 1; i < k->ops_n; i++) {
		if (!matches(&k->ops[i], sqe))
			continue;
		if (cancel_op(k, &k->ops[i]) == 0)
			n++;
		if (!all)
			break;
	}
	reap(k);
	return all ? n : n ? 0 : -ENOENT;
}

static int poll_remove(struct kernel *k, const struct leat_sqe *sqe)
{
	struct kernel_op *op = find(k, sqe->addr, LEAT_OP_POLL_ADD);

	if (!op)
		return -ENOENT;
	if (!(sqe->len & (LEAT_POLL_UPDATE_EVENTS | LEAT_POLL_UPDATE_USER_DATA))) {
		(void)cancel_op(k, op);
		reap(k);
		return 0;
	}
	if (sqe->len & LEAT_POLL_UPDATE_USER_DATA)
		op->sqe.user_data = sqe->off;
	if (sqe->len & LEAT_POLL_UPDATE_EVENTS) {
		struct kernel_op *again = op_new(k, &op->sqe);

		if (!again)
			return -ENOBUFS;
		again->flags = op->flags;
		again->sqe.op_flags = sqe->op_flags;
		op->sqe.flags |= LEAT_SQE_CQE_SKIP_SUCCESS;
		op->used = false;	/* its end is nobody's business; the slot stays taken */
		(void)kernel_uring_cancel(&k->u, number_of(k, op));
		reap(k);
		op_free(k, op);
		issue(k, again);
	}
	return 0;
}

static int timeout_remove(struct kernel *k, const struct leat_sqe *sqe)
{
	struct kernel_op *op = find(k, sqe->addr, LEAT_OP_TIMEOUT);
	struct kernel_op *again;

	if (sqe->op_flags == LEAT_TIMEOUT_ABS)
		return -EINVAL;
	if (!op)
		return -ENOENT;
	if (!(sqe->op_flags & LEAT_TIMEOUT_UPDATE)) {
		(void)cancel_op(k, op);
		reap(k);
		return 0;
	}
	again = op_new(k, &op->sqe);
	if (!again)
		return -ENOBUFS;
	again->sqe.off = sqe->off;
	again->sqe.op_flags = sqe->op_flags & LEAT_TIMEOUT_ABS;
	op->used = false;
	(void)kernel_uring_cancel(&k->u, number_of(k, op));
	reap(k);
	op_free(k, op);
	issue(k, again);
	return 0;
}

static int close_fd(struct kernel *k, const struct leat_sqe *sqe)
{
	const struct linger reset = {1, 0};
	struct leat_sqe all = {.fd = sqe->fd,
			       .op_flags = LEAT_ASYNC_CANCEL_FD | LEAT_ASYNC_CANCEL_ALL};

	if (fcntl(sqe->fd, F_GETFD) < 0)
		return -EBADF;
	(void)cancel(k, &all);
	if (sqe->op_flags & LEAT_CLOSE_RESET)
		setsockopt(sqe->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	return close(sqe->fd) ? -errno : 0;
}

/* ---- what the door calls */

static bool changes_others(struct kernel *k, const struct leat_sqe *sqe, int *res)
{
	switch (sqe->opcode) {
	case LEAT_OP_CLOSE:
		*res = close_fd(k, sqe);
		return true;
	case LEAT_OP_ASYNC_CANCEL:
		*res = cancel(k, sqe);
		return true;
	case LEAT_OP_POLL_REMOVE:
		*res = poll_remove(k, sqe);
		return true;
	case LEAT_OP_TIMEOUT_REMOVE:
		*res = timeout_remove(k, sqe);
		return true;
	case LEAT_OP_SPLICE:
		*res = -EOPNOTSUPP;
		return true;
	case LEAT_OP_MSG_RING:
		*res = sqe->addr ? -EOPNOTSUPP : 0;
		if (!sqe->addr)
			put(k, sqe->off, (int32_t)sqe->len, 0);
		return true;
	default:
		return false;
	}
}

static int wrong(const struct leat_sqe *sqe)
{
	bool multishot = sqe->ioprio || (sqe->opcode == LEAT_OP_POLL_ADD && sqe->len);

	if (multishot && sqe->flags & LEAT_SQE_CQE_SKIP_SUCCESS)
		return -EINVAL;
	if (sqe->opcode == LEAT_OP_CONNECT && !sqe->addr)
		return -EFAULT;
	if ((sqe->opcode == LEAT_OP_RECVMSG || sqe->opcode == LEAT_OP_SENDMSG ||
	     sqe->opcode == LEAT_OP_SENDMSG_ZC) && !sqe->ioprio && !sqe->addr)
		return -EFAULT;
	return 0;
}

static int submit(struct leat_ring *ring, const struct leat_sqe *sqe)
{
	struct kernel *k = kernel_of(ring);
	struct kernel_op *op;
	int res;

	if (room(k) < 2)
		return -EBUSY;
	if (!(sqe->flags & LINKS) &&
	    (kernel_now(k, sqe, &res) || changes_others(k, sqe, &res))) {
		answer(k, sqe, res, 0);
		return 0;
	}
	res = wrong(sqe);
	if (!res && sqe->flags & LINKS &&
	    (sqe->opcode == LEAT_OP_SOCKET || sqe->opcode == LEAT_OP_BIND ||
	     sqe->opcode == LEAT_OP_LISTEN || sqe->opcode == LEAT_OP_CLOSE ||
	     sqe->opcode == LEAT_OP_SETSOCKOPT || sqe->opcode == LEAT_OP_GETSOCKOPT))
		res = -EINVAL;
	if (res) {
		answer(k, sqe, res, 0);
		return 0;
	}
	op = op_new(k, sqe);
	if (!op)
		return -EBUSY;
	if (sqe->ioprio || (sqe->opcode == LEAT_OP_POLL_ADD && sqe->len & LEAT_POLL_ADD_MULTI))
		op->flags |= KOP_MULTI;
	if (is_send(op))
		queue_send(k, op);
	else
		issue(k, op);
	return 0;
}

static unsigned cq_peek(struct leat_ring *ring, const struct leat_cqe **cqe)
{
	struct kernel *k = kernel_of(ring);
	uint32_t at = k->cq_head & k->cq_mask, n = k->cq_tail - k->cq_head;

	*cqe = &k->cqes[at];
	return MIN(n, k->cq_mask + 1 - at);
}

static void cq_advance(struct leat_ring *ring, unsigned n)
{
	struct kernel *k = kernel_of(ring);

	k->cq_head += MIN(n, k->cq_tail - k->cq_head);
}

static void feed_starved(struct kernel *k)
{
	for (uint32_t i = 1; i < k->ops_n && k->starved_n; i++) {
		struct kernel_op *op = &k->ops[i];

		if (!op->used || !(op->flags & KOP_STARVED))
			continue;
		op->flags &= (uint8_t)~KOP_STARVED;
		k->starved_n--;
		issue(k, op);
	}
}

static uint64_t poll_ring(struct leat_ring *ring)
{
	struct kernel *k = kernel_of(ring);

	feed_starved(k);
	kernel_uring_enter(&k->u, 0);
	(void)reap(k);
	return kernel_uring_peek(&k->u) ? 0 : NSEC_NEVER;
}

void kernel_wait(struct leat_ring *ring, uint64_t timeout_ns)
{
	struct kernel *k = kernel_of(ring);
	nsec start = port_now();
	nsec until = timeout_ns < NSEC_NEVER - start ? start + timeout_ns : NSEC_NEVER;

	for (;;) {
		nsec now = timeout_ns == NSEC_NEVER ? start : port_now();
		bool ready = k->cq_head != k->cq_tail || now >= until;

		feed_starved(k);
		kernel_uring_enter(&k->u, ready ? 0 : until == NSEC_NEVER ? until : until - now);
		if (reap(k) || k->cq_head != k->cq_tail || ready)
			return;
	}
}

void kernel_wake(struct leat_ring *ring)
{
	const uint64_t one = 1;

	(void)!write(kernel_of(ring)->wake_fd, &one, sizeof(one));
}

int kernel_fd(struct leat_ring *ring)
{
	return kernel_of(ring)->u.fd;
}

static uint32_t held(const struct kernel *k, const struct leat_cqe *cqe)
{
	uint32_t n = cqe->flags >> LEAT_CQE_BUFFER_SHIFT;

	return cqe->flags & LEAT_CQE_F_BUFFER && n < k->bufs_n && k->held[n] ? n : UINT32_MAX;
}

static const void *buf_ptr(struct leat_ring *ring, const struct leat_cqe *cqe)
{
	const struct kernel *k = kernel_of(ring);
	uint32_t n = held(k, cqe);

	return n == UINT32_MAX ? NULL : k->bufs + (size_t)n * KERNEL_BUF;
}

static void buf_put(struct leat_ring *ring, const struct leat_cqe *cqe)
{
	struct kernel *k = kernel_of(ring);
	uint32_t n = held(k, cqe);

	if (n == UINT32_MAX)
		return;
	k->held[n] = false;
	kernel_uring_give(&k->u, k->bufs + (size_t)n * KERNEL_BUF, KERNEL_BUF, (uint16_t)n);
}

static const struct ring_make make = {
	.submit = submit,
	.call = kernel_call,
	.cq_peek = cq_peek,
	.cq_advance = cq_advance,
	.poll = poll_ring,
	.buf_ptr = buf_ptr,
	.buf_put = buf_put,
	.ready = kernel_ready,
	.name = kernel_getname,
	.queued = kernel_queued,
	.setopt = kernel_setopt,
	.getopt = kernel_getopt,
	.info = kernel_info,
};

/* ---- opening and closing */

static bool map_all(struct kernel *k, uint32_t ops, uint32_t completions, uint32_t frames)
{
	struct rlimit files;

	k->fds_n = getrlimit(RLIMIT_NOFILE, &files) ? 1024 : (uint32_t)MIN(files.rlim_cur, 1u << 20);
	k->ops_n = ops + 1;
	k->cq_mask = completions - 1;
	for (k->bufs_n = 64; k->bufs_n < MIN(frames, BUFS_MAX);)
		k->bufs_n *= 2;
	k->ops_bytes = k->ops_n * sizeof(struct kernel_op);
	k->fds_bytes = k->fds_n * sizeof(struct kernel_fd);
	k->cqes_bytes = completions * sizeof(struct leat_cqe);
	k->bufs_bytes = (size_t)k->bufs_n * KERNEL_BUF;
	k->held_bytes = k->bufs_n * sizeof(bool);
	k->ops = port_map(k->ops_bytes, false);
	k->fds = port_map(k->fds_bytes, false);
	k->cqes = port_map(k->cqes_bytes, false);
	k->bufs = port_map(k->bufs_bytes, false);
	k->held = port_map(k->held_bytes, false);
	return k->ops && k->fds && k->cqes && k->bufs && k->held;
}

static void unmap_all(struct kernel *k)
{
	const struct { void *at; size_t n; } all[] = {
		{k->ops, k->ops_bytes}, {k->fds, k->fds_bytes}, {k->cqes, k->cqes_bytes},
		{k->bufs, k->bufs_bytes}, {k->held, k->held_bytes}, {k, sizeof(*k)},
	};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i].at)
			port_unmap(all[i].at, all[i].n);
}

int kernel_open(struct leat_ring *ring, uint32_t ops, uint32_t completions, uint32_t frames,
		const char **why)
{
	struct kernel *k = port_map(sizeof(*k), false);
	int err;

	*why = "no memory for a ring over io_uring; ask for less";
	if (!k)
		return -ENOMEM;
	if (!ops || completions < 16 || completions & (completions - 1) ||
	    !map_all(k, ops, completions, frames)) {
		unmap_all(k);
		return -ENOMEM;
	}
	*why = "this kernel has no io_uring for us (sysctl kernel.io_uring_disabled, or older "
	       "than 6.0)";
	err = kernel_uring_open(&k->u, SQ_ENTRIES);
	if (!err) {
		/* nothing to cancel is what one that is new enough says */
		err = kernel_uring_cancel(&k->u, KERNEL_WAKE - 1) == -EINVAL ? -EOPNOTSUPP : 0;
		err = err ? err : kernel_uring_bufs(&k->u, k->bufs_n);
		k->wake_fd = eventfd(0, EFD_CLOEXEC);
		if (err || k->wake_fd < 0)
			kernel_uring_close(&k->u);
	}
	if (err || k->wake_fd < 0) {
		unmap_all(k);
		return err ? err : -EMFILE;
	}
	for (uint32_t i = k->ops_n - 1; i > 0; i--) {
		k->ops[i].next = k->ops_free;
		k->ops_free = i;
	}
	for (uint32_t i = 0; i < k->bufs_n; i++)
		kernel_uring_give(&k->u, k->bufs + (size_t)i * KERNEL_BUF, KERNEL_BUF, (uint16_t)i);
	*(struct ring_head *)ring = (struct ring_head){.make = &make, .make_ctx = k};
	watch_wake(k);
	return 0;
}

void kernel_close(struct leat_ring *ring)
{
	struct kernel *k = kernel_of(ring);

	kernel_uring_close(&k->u);
	close(k->wake_fd);
	unmap_all(k);
}
