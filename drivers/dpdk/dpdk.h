/* DPDK as a link: any poll-mode driver of DPDK 22.11.
 *
 * This folder is built as a plug-in, leat-dpdk.so, when DPDK's headers are there, and is loaded by
 * dlopen(3) when a link of this kind is opened: whoever does not use DPDK neither has nor loads it.
 * The plug-in exports one variable, dpdk_plugin.
 *
 * The frames of the stack's region are the memory of the mbufs: nothing is copied between the two,
 * in either direction. */
#ifndef DRIVERS_DPDK_DPDK_H
#define DRIVERS_DPDK_DPDK_H

#include "link/netdev.h"

struct dpdk_config {
	/* as for DPDK's --vdev or --allow: "net_memif0,role=client", "0000:00:05.0" */
	const char *devargs;
	uint32_t mtu;		/* 0: the device's own */
	struct mac mac;
	bool with_mac;		/* else the device's own */
	bool no_huge;		/* no huge pages, even if some are free */
	uint16_t queue, queues;	/* this stack's, of so many; 0, 1 when it is alone */
};

/* What must agree between the program and the plug-in. */
#define DPDK_PLUGIN_ABI                                                                            \
	(1u + sizeof(struct netdev) + (sizeof(struct pool) << 10) + (sizeof(struct pkt) << 20))

struct dpdk_plugin {
	uint64_t abi;
	/* Fills `dev`, which lives until dev->ops->close().  With several queues each stack
	 * opens its own, with the same devargs and from its own thread; frames pass when the
	 * last has come. 0, or a negative error with a line in `why`. */
	int (*open)(struct netdev *dev, struct pool *pool, const struct dpdk_config *config,
		    char *why, size_t size);
};

#define DPDK_PLUGIN_FILE "leat-dpdk.so"
#define DPDK_PLUGIN_SYMBOL "dpdk_plugin"

#endif
