/* What another make of the door than the direct one is: the calls of leat/ring.h, and where a ring
 * says whose it is.
 *
 * Names nothing of the core, so that a make can be written where a system's headers are. */
#ifndef RING_MAKE_H
#define RING_MAKE_H

#include <stdbool.h>

#include "leat/ring.h"

/* Another make of the door behind the same calls, each as leat/ring.h has it. */
struct ring_make {
	int (*submit)(struct leat_ring *ring, const struct leat_sqe *sqe);
	int (*call)(struct leat_ring *ring, const struct leat_sqe *sqe);
	unsigned (*cq_peek)(struct leat_ring *ring, const struct leat_cqe **cqe);
	void (*cq_advance)(struct leat_ring *ring, unsigned n);
	uint64_t (*poll)(struct leat_ring *ring);
	const void *(*buf_ptr)(struct leat_ring *ring, const struct leat_cqe *cqe);
	void (*buf_put)(struct leat_ring *ring, const struct leat_cqe *cqe);
	int (*ready)(struct leat_ring *ring, int fd);
	int (*name)(struct leat_ring *ring, int fd, struct leat_addr *addr, bool peer);
	int (*queued)(struct leat_ring *ring, int fd, enum leat_queue queue);
	int (*setopt)(struct leat_ring *ring, int fd, int level, int name, const void *value,
		      uint32_t len);
	int (*getopt)(struct leat_ring *ring, int fd, int level, int name, void *value,
		      uint32_t *len);
	int (*info)(struct leat_ring *ring, int fd, struct leat_conn_info *out);
};

/* How every ring begins. */
struct ring_head {
	const struct ring_make *make;	/* NULL: direct */
	void *make_ctx;
};

#endif
