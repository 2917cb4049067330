/* A network interface of the kernel, beside the kernel: AF_PACKET with a memory-mapped ring.
 *
 * The stack has an Ethernet address and an IP address of its own, so the kernel takes no part in
 * its connections: no reset of his for a port that he does not know.  The two do not reach each
 * other through this interface.  With offloads a frame may be a run of segments: drivers/vnet. */
#ifndef DRIVERS_PACKET_PACKET_H
#define DRIVERS_PACKET_PACKET_H

#include "link/netdev.h"

struct packet_config {
	const char *name;	/* of the interface */
	struct mac mac;		/* all zero: random */
	uint32_t mtu;		/* 0: the interface's */
	bool plain;		/* each frame is as on a wire; merged ones are lost */
	bool all;		/* takes everybody's frames: the end of a cable */
};

/* Fills `dev`, which lives until dev->ops->close().  0, or a negative error with a line in `why`
 * that says what to do. */
int packet_open(struct netdev *dev, struct pool *pool, const struct packet_config *config,
		char *why, size_t size);

#endif
