/* io_uring(7) by its system calls: a pair of rings, and buffers that receives pick from.
 *
 * Not here: what is submitted (kernel.c). One thread. */
#ifndef KERNEL_KERNEL_URING_H
#define KERNEL_KERNEL_URING_H

#include <linux/io_uring.h>

#include "base/types.h"

struct kernel_uring {
	int fd;
	uint32_t *sq_head, *sq_tail, sq_mask, sq_entries, sq_next;	/* sq_next: not told yet */
	uint32_t *cq_head, *cq_tail, cq_mask;
	uint32_t *sq_flags;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	void *ring_mem;
	size_t ring_bytes, sqes_bytes;
	struct io_uring_buf_ring *bufs;
	uint16_t bufs_tail;
	uint32_t bufs_n;
};

/* 0 or a negative error. */
int kernel_uring_open(struct kernel_uring *u, uint32_t entries);
void kernel_uring_close(struct kernel_uring *u);

/* A submission to fill, zeroed: always one, what is full is submitted first. */
struct io_uring_sqe *kernel_uring_sqe(struct kernel_uring *u);

/* Submits, and waits for a completion for so long (0: not, NSEC_NEVER: until there is one). */
void kernel_uring_enter(struct kernel_uring *u, nsec wait);

/* The oldest completion, or NULL; then it is done with. */
const struct io_uring_cqe *kernel_uring_peek(struct kernel_uring *u);
void kernel_uring_seen(struct kernel_uring *u);

/* Cancels by user_data, or everything on a descriptor; what ends has its completion in the ring
 * afterwards.  0, -ENOENT ... */
int kernel_uring_cancel(struct kernel_uring *u, uint64_t user_data);
int kernel_uring_cancel_fd(struct kernel_uring *u, int fd);

/* Buffers of group 0: a power of two of them. */
int kernel_uring_bufs(struct kernel_uring *u, uint32_t n);
void kernel_uring_give(struct kernel_uring *u, void *at, uint32_t bytes, uint16_t number);

#endif
