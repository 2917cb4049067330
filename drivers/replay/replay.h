/* Clients that cost next to nothing: what a stack spends is measured without a link and without a
 * second core.
 *
 * A device that holds prepared TCP segments of so many clients, each of which connects, asks, and
 * asks again as soon as it has its answer.  What the stack sends is checked (numbers, length,
 * bytes; checksums of some) and dropped.  Timestamps and SACK are on.  Not a TCP: it never loses,
 * never waits and never sends anything again. */
#ifndef DRIVERS_REPLAY_REPLAY_H
#define DRIVERS_REPLAY_REPLAY_H

#include "link/netdev.h"

#define REPLAY_SIZE_MAX 1024u

struct replay_config {
	uint32_t conns;		/* up to 2^20 */
	uint32_t size;		/* bytes of a request and of its answer, up to REPLAY_SIZE_MAX */
	uint32_t addr;		/* of the stack, host order; clients are its neighbours */
	uint32_t clients;	/* the first client's address */
	uint16_t port;		/* of the stack's listener */
};

/* Fills `dev`, which lives until dev->ops->close(). 0, -E_INVAL or -E_NOMEM. */
int replay_open(struct netdev *dev, struct pool *pool, const struct replay_config *config);

/* From here on the clients connect: the stack listens by now, for nothing is sent again. */
void replay_start(struct netdev *dev);

/* Whole answers so far, and connections that stand. */
uint64_t replay_answers(const struct netdev *dev);
uint32_t replay_open_conns(const struct netdev *dev);

/* NULL, or what was wrong with the first segment that was. */
const char *replay_fault(const struct netdev *dev);

#endif
