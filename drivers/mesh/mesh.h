/* Several stacks, a thread each, behind one link and one address.
 *
 * A device that stands before the real one.  Frames that belong to another stack go there by a wire
 * in memory (drivers/loop), and what ARP says everybody hears.  Where the card has a queue for each
 * stack, each has a real device and a frame usually comes to the right one at once; where it has
 * one queue, stack 0 has it, spreads what comes, and sends for the others.
 *
 * Nothing is shared but those wires. */
#ifndef DRIVERS_MESH_MESH_H
#define DRIVERS_MESH_MESH_H

#include "base/spread.h"
#include "link/netdev.h"

#define MESH_MAX 16u

struct mesh_config {
	struct spread spread;	/* which stack this is */
	/* The queue that a frame came by is right in itself (memif: the peer chose it). */
	bool by_queue;
	struct mac mac;		/* of a stack without a device: stack 0's */
	uint16_t mtu;
};

/* Puts a mesh before `real`, which stays where it is and whose owner closes it after the mesh;
 * NULL: no device, this stack sends through stack 0.  `dev` lives until its ops->close().  0,
 * -E_NOMEM or -E_NFILE. */
int mesh_open(struct netdev *dev, struct netdev *real, struct pool *pool,
	      const struct mesh_config *config);

/* Joins two of them by a wire.  Before either is polled by its own thread; each pair once. */
int mesh_join(struct netdev *a, struct netdev *b);

#endif
