/* What the files of this folder share: the steering of an interface, and the rings of a queue. */
#ifndef DRIVERS_XDP_XDP_INT_H
#define DRIVERS_XDP_XDP_INT_H

#include <linux/if_xdp.h>

#include "drivers/xdp/xdp.h"

/* ---- xdp_steer.c: the program in the kernel; one an interface and process */

struct xdp_steer;

/* Frames for `addr`, or all when it is 0.  NULL with a line in `why`.  *native: the card's driver
 * runs the program, not the kernel for it. */
struct xdp_steer *xdp_steer_get(const char *ifname, unsigned ifindex, uint32_t addr, bool *native,
				char *why, size_t size);
void xdp_steer_put(struct xdp_steer *steer);

/* Frames of card queue `queue` go to socket `fd` from now on. */
int xdp_steer_queue(struct xdp_steer *steer, uint32_t queue, int fd);

/* ---- xdp_ring.c: four rings shared with the kernel */

/* Indices only grow; one side writes each. */
struct xdp_ring {
	uint32_t *producer, *consumer, *flags;
	void *slots;		/* uint64_t of fill and completion, struct xdp_desc of the others */
	uint32_t mask;
	uint32_t mine;		/* the index that we write, as we last wrote it */
	uint32_t theirs;	/* the other, as we last saw it */
	void *map;
	size_t map_bytes;
};

struct xdp_rings {
	int fd;
	struct xdp_ring fill, completion, rx, tx;
};

/* Makes a socket over `region` and maps its rings of `slots` each. 0 or a negative error; rings->fd
 * is -1 then. */
int xdp_rings_open(struct xdp_rings *rings, const struct region *region, uint32_t slots);
int xdp_rings_bind(struct xdp_rings *rings, unsigned ifindex, uint32_t queue, uint16_t flags);
void xdp_rings_close(struct xdp_rings *rings);

/* Slots that we may fill, as producer. */
static inline uint32_t xdp_ring_room(struct xdp_ring *r)
{
	if (r->mine - r->theirs > r->mask)
		r->theirs = __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE);
	return r->mask + 1 - (r->mine - r->theirs);
}

/* Filled slots, as consumer. */
static inline uint32_t xdp_ring_filled(struct xdp_ring *r)
{
	if (r->theirs == r->mine)
		r->theirs = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
	return r->theirs - r->mine;
}

static inline void xdp_ring_produced(struct xdp_ring *r)
{
	__atomic_store_n(r->producer, r->mine, __ATOMIC_RELEASE);
}

static inline void xdp_ring_consumed(struct xdp_ring *r)
{
	__atomic_store_n(r->consumer, r->mine, __ATOMIC_RELEASE);
}

static inline bool xdp_ring_needs_wakeup(const struct xdp_ring *r)
{
	return __atomic_load_n(r->flags, __ATOMIC_RELAXED) & XDP_RING_NEED_WAKEUP;
}

#endif
