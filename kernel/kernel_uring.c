/* io_uring(7) by its system calls. */
#include "kernel/kernel_uring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"

static int setup(uint32_t entries, struct io_uring_params *p)
{
	/* the better ones came later: 6.1, 5.19, 5.18; without them it works as well */
	static const uint32_t wishes[] = {
		IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL,
		IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL,
		0,
	};
	long fd = -EINVAL;

	for (unsigned i = 0; i < ARRAY_LEN(wishes); i++) {
		memset(p, 0, sizeof(*p));
		p->flags = wishes[i] | IORING_SETUP_CQSIZE;
		p->cq_entries = entries * 4;
		fd = syscall(__NR_io_uring_setup, entries, p);
		if (fd >= 0 || errno != EINVAL)
			break;
	}
	return fd < 0 ? -errno : (int)fd;
}

int kernel_uring_open(struct kernel_uring *u, uint32_t entries)
{
	struct io_uring_params p;
	uint8_t *m;
	uint32_t *array;

	memset(u, 0, sizeof(*u));
	u->fd = setup(entries, &p);
	if (u->fd < 0)
		return u->fd;
	u->ring_bytes = MAX(p.sq_off.array + p.sq_entries * sizeof(uint32_t),
			    p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe));
	u->sqes_bytes = p.sq_entries * sizeof(struct io_uring_sqe);
	m = mmap(NULL, u->ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, u->fd,
		 IORING_OFF_SQ_RING);
	u->sqes = mmap(NULL, u->sqes_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		       u->fd, IORING_OFF_SQES);
	if (m == MAP_FAILED || u->sqes == MAP_FAILED || !(p.features & IORING_FEAT_SINGLE_MMAP)) {
		close(u->fd);
		return -ENOMEM;
	}
	u->ring_mem = m;
	u->sq_head = (uint32_t *)(m + p.sq_off.head);
	u->sq_tail = (uint32_t *)(m + p.sq_off.tail);
	u->sq_flags = (uint32_t *)(m + p.sq_off.flags);
	u->sq_mask = *(uint32_t *)(m + p.sq_off.ring_mask);
	u->sq_entries = p.sq_entries;
	u->cq_head = (uint32_t *)(m + p.cq_off.head);
	u->cq_tail = (uint32_t *)(m + p.cq_off.tail);
	u->cq_mask = *(uint32_t *)(m + p.cq_off.ring_mask);
	u->cqes = (struct io_uring_cqe *)(m + p.cq_off.cqes);
	u->sq_next = *u->sq_tail;
	array = (uint32_t *)(m + p.sq_off.array);
	for (uint32_t i = 0; i < p.sq_entries; i++)
		array[i] = i;
	return 0;
}

void kernel_uring_close(struct kernel_uring *u)
{
	close(u->fd);
	munmap(u->sqes, u->sqes_bytes);
	munmap(u->ring_mem, u->ring_bytes);
	if (u->bufs)
		munmap(u->bufs, u->bufs_n * sizeof(struct io_uring_buf));
}

void kernel_uring_enter(struct kernel_uring *u, nsec wait)
{
	struct __kernel_timespec ts = {.tv_sec = (int64_t)(wait / SEC(1)),
				       .tv_nsec = (long long)(wait % SEC(1))};
	struct io_uring_getevents_arg arg = {
		.ts = wait == NSEC_NEVER ? 0 : (uint64_t)(uintptr_t)&ts};
	uint32_t n;

	__atomic_store_n(u->sq_tail, u->sq_next, __ATOMIC_RELEASE);
	do {
		n = u->sq_next - __atomic_load_n(u->sq_head, __ATOMIC_ACQUIRE);
		if (syscall(__NR_io_uring_enter, u->fd, n, wait ? 1 : 0,
			    IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg,
			    sizeof(arg)) < 0 && errno != EINTR)
			break;
		n = u->sq_next - __atomic_load_n(u->sq_head, __ATOMIC_ACQUIRE);
	} while (n);
}

struct io_uring_sqe *kernel_uring_sqe(struct kernel_uring *u)
{
	struct io_uring_sqe *sqe;

	if (u->sq_next - __atomic_load_n(u->sq_head, __ATOMIC_ACQUIRE) == u->sq_entries)
		kernel_uring_enter(u, 0);
	assert(u->sq_next - __atomic_load_n(u->sq_head, __ATOMIC_ACQUIRE) < u->sq_entries);
	sqe = &u->sqes[u->sq_next++ & u->sq_mask];
	memset(sqe, 0, sizeof(*sqe));
	return sqe;
}

const struct io_uring_cqe *kernel_uring_peek(struct kernel_uring *u)
{
	uint32_t head = *u->cq_head;

	return head == __atomic_load_n(u->cq_tail, __ATOMIC_ACQUIRE) ? NULL :
								       &u->cqes[head & u->cq_mask];
}

void kernel_uring_seen(struct kernel_uring *u)
{
	__atomic_store_n(u->cq_head, *u->cq_head + 1, __ATOMIC_RELEASE);
}

static int cancel(struct kernel_uring *u, struct io_uring_sync_cancel_reg *reg)
{
	kernel_uring_enter(u, 0);	/* what was not submitted could not be found */
	reg->timeout.tv_sec = -1;
	reg->timeout.tv_nsec = -1;
	if (syscall(__NR_io_uring_register, u->fd, IORING_REGISTER_SYNC_CANCEL, reg, 1) < 0)
		return -errno;
	return 0;
}

int kernel_uring_cancel(struct kernel_uring *u, uint64_t user_data)
{
	struct io_uring_sync_cancel_reg reg = {.addr = user_data};

	return cancel(u, &reg);
}

int kernel_uring_cancel_fd(struct kernel_uring *u, int fd)
{
	struct io_uring_sync_cancel_reg reg = {
		.fd = fd, .flags = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL};

	return cancel(u, &reg);
}

int kernel_uring_bufs(struct kernel_uring *u, uint32_t n)
{
	struct io_uring_buf_reg reg = {.ring_entries = n};
	size_t bytes = n * sizeof(struct io_uring_buf);
	void *m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (m == MAP_FAILED)
		return -ENOMEM;
	reg.ring_addr = (uint64_t)(uintptr_t)m;
	if (syscall(__NR_io_uring_register, u->fd, IORING_REGISTER_PBUF_RING, &reg, 1) < 0) {
		munmap(m, bytes);
		return -errno;
	}
	u->bufs = m;
	u->bufs_n = n;
	return 0;
}

void kernel_uring_give(struct kernel_uring *u, void *at, uint32_t bytes, uint16_t number)
{
	struct io_uring_buf *b = &u->bufs->bufs[u->bufs_tail & (u->bufs_n - 1)];

	b->addr = (uint64_t)(uintptr_t)at;
	b->len = bytes;
	b->bid = number;
	__atomic_store_n(&u->bufs->tail, ++u->bufs_tail, __ATOMIC_RELEASE);
}
