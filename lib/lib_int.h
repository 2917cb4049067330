/* What a ring that leat_ring_open() made consists of. */
#ifndef LIB_LIB_INT_H
#define LIB_LIB_INT_H

#include <stdatomic.h>

#include "leat/leat.h"

#include "drivers/drivers.h"
#include "kernel/kernel.h"
#include "net/net.h"
#include "ring/ring.h"

struct lib {
	struct leat_ring ring;
	struct net net;
	struct drivers_link link;
	struct net_dhcp dhcp;
	struct netdev exception;	/* ops NULL: none */
	struct netdev mesh;	/* what the stack sees when it shares the link; else ops is NULL */
	struct lib *first, *next;	/* of those that share it, in order */
	uint32_t queues;	/* as said in options.net; above 1: each has its own */
	uint32_t members;	/* of the first: how many there are by now */
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

/* lib_group.c */
int lib_open_link(struct lib *l, char *why, size_t size);
void lib_close_link(struct lib *l);
/* 0, or an error with a line in `why`: may this one join?  Fills *spread. */
int lib_group_join(struct lib *l, struct spread *spread, char *why, size_t size);

static inline struct netdev *lib_dev(struct lib *l)
{
	return l->mesh.ops ? &l->mesh : &l->link.dev;
}

#endif
