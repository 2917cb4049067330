/* A network interface before the kernel's stack, by AF_XDP.
 *
 * The region of frames is the memory that the card receives into and sends from (UMEM): without
 * a copy where the card's driver can, with one by the kernel elsewhere.  A program in the kernel
 * steers: frames for our IPv4 address, and ARP about it, come to us, and the kernel keeps
 * everything else.  It goes when the last descriptor of it is closed, however the process ended. */
#ifndef DRIVERS_XDP_XDP_H
#define DRIVERS_XDP_XDP_H

#include "link/netdev.h"

enum xdp_mode { XDP_MODE_AUTO, XDP_MODE_ZEROCOPY, XDP_MODE_COPY };

struct xdp_config {
	const char *ifname;
	uint32_t addr;		/* ours, host order */
	bool all;		/* every frame comes to us, not our address's alone */
	uint32_t mtu;		/* 0: the interface's own */
	struct mac mac;
	bool with_mac;		/* else the interface's own, which it shares with the kernel */
	enum xdp_mode mode;
	uint16_t queue, queues;	/* this stack's queue of the card, of so many; 0, 1 when alone */
};

/* Fills `dev`, which lives until dev->ops->close(). 0, or a negative error with a line in `why`. */
int xdp_open(struct netdev *dev, struct pool *pool, const struct xdp_config *config, char *why,
	     size_t size);

#endif
