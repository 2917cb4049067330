/* A wire in memory between two stacks, which may belong to two threads.
 *
 * As memif: the receiver posts empty frames of its own pool, the sender copies into them; one copy
 * a frame, nothing allocated, no lock.  For benchmarks and tests; it never loses a frame: a full
 * wire hands frames back. */
#ifndef DRIVERS_LOOP_LOOP_H
#define DRIVERS_LOOP_LOOP_H

#include "link/netdev.h"

struct loop_config {
	uint32_t mtu;		/* 0: 1500 */
	uint32_t slots;		/* frames posted a direction, a power of two up to 4096; 0: 256 */
	bool sleeps;		/* makes wake_fd, so that a side can sleep until the other sends */
	bool vouches;		/* PKT_CSUM_OK goes along: both ends are one stack's business */
};

/* Joins two devices.  Each lives until its own ops->close(), in any order; the pools outlive it. 0,
 * or -E_INVAL, -E_NOMEM, -E_NFILE. */
int loop_open(struct netdev *a, struct pool *pool_a, struct netdev *b, struct pool *pool_b,
	      const struct loop_config *config);

#endif
