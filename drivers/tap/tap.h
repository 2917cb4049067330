/* A TAP interface of the kernel: frames by read(2) and write(2) on a descriptor.
 *
 * The interface is created when there is none of that name, and joined when there is.  With
 * offloads a frame may be a run of segments in both directions: drivers/vnet. */
#ifndef DRIVERS_TAP_TAP_H
#define DRIVERS_TAP_TAP_H

#include "link/netdev.h"

struct tap_config {
	const char *name;	/* of the interface, at most 15 bytes */
	struct mac mac;		/* the stack's; all zero: random */
	uint32_t mtu;		/* 0: the interface's; else set on one that is created */
	bool plain;		/* no offloads: each frame is as on a wire */
	/* the kernel's stack behind our address: its interface has `mac`, it is given merged
	 * frames and gives none */
	bool exception;
};

/* Fills `dev`, which lives until dev->ops->close().  0, or a negative error with a line in `why`
 * that says what to do. */
int tap_open(struct netdev *dev, struct pool *pool, const struct tap_config *config, char *why,
	     size_t size);

/* Gives the kernel's end an address, when tap_open() has created the interface; one that was there
 * before is its owner's business. */
/* The same whoever has created it. */
void tap_set_address(struct netdev *dev, uint32_t host, uint8_t prefix);
void tap_host_address(struct netdev *dev, uint32_t host, uint8_t prefix);

#endif
