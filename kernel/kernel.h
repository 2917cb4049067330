/* The kernel make of the door: leat/ring.h over Linux's own io_uring and Linux's own sockets.
 *
 * For programs that are to run on either stack, for benchmarks that compare the two, and as an
 * oracle in tests.  Descriptors are the kernel's.  io_uring is spoken by its system calls: there is
 * no library to depend on.
 *
 * What it cannot do: SPLICE (-EOPNOTSUPP); links of what takes no time (SOCKET, BIND, LISTEN,
 * SHUTDOWN, CLOSE, options: -EINVAL); MSG_RING to another ring; who sent a datagram that a
 * multishot handed over. */
#ifndef KERNEL_KERNEL_H
#define KERNEL_KERNEL_H

#include "ring/make.h"

/* Makes `ring` one over io_uring: bounded as a direct one.  0, or a negative error number with
 * *why in words. */
int kernel_open(struct leat_ring *ring, uint32_t ops, uint32_t completions, uint32_t frames,
		const char **why);
void kernel_close(struct leat_ring *ring);

/* leat_wait() and leat_wake(). */
void kernel_wait(struct leat_ring *ring, uint64_t timeout_ns);
void kernel_wake(struct leat_ring *ring);

/* What to sleep on: readable when there are completions. */
int kernel_fd(struct leat_ring *ring);

#endif
