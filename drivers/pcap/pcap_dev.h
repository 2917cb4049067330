/* A captured file as a link: what was recorded comes in again at its own pace, what the stack sends
 * is recorded beside it.
 *
 * Reads pcap (microseconds and nanoseconds, either byte order) and pcapng. */
#ifndef DRIVERS_PCAP_PCAP_DEV_H
#define DRIVERS_PCAP_PCAP_DEV_H

#include "link/netdev.h"

struct pcap_dev_config {
	const char *path;	/* what is sent goes to "path.out" */
	struct mac mac;		/* the stack's, to which the recorded frames went; 0: random */
	uint32_t mtu;		/* 0: 1500 */
	bool fast;		/* without the pauses */
};

/* Fills `dev`, which lives until dev->ops->close(); its carrier is gone after the last frame.  0,
 * or a negative error with a line in `why` that says what to do. */
int pcap_dev_open(struct netdev *dev, struct pool *pool, const struct pcap_dev_config *config,
		  char *why, size_t size);

#endif
