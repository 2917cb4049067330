/* What a ring that leat_ring_open() made consists of. */
#ifndef LIB_LIB_INT_H
#define LIB_LIB_INT_H

#include <stdatomic.h>

#include "leat/leat.h"

#include "drivers/drivers.h"
#include "net/net.h"
#include "ring/ring.h"

struct lib {
	struct leat_ring ring;
	struct net net;
	struct drivers_link link;
	struct net_dhcp dhcp;
	struct leat_options options;
	void *region, *private, *door;	/* mapped */
	size_t region_bytes, private_bytes, door_bytes;
	nsec worked;		/* when a poll last found something to do */
	uint64_t polls_idle;	/* net.polls_idle as of the last poll */
	atomic_bool woken;
};

static inline struct lib *lib_of(struct leat_ring *ring)
{
	return container_of(ring, struct lib, ring);
}

#endif
