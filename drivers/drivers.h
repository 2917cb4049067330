/* Opens a link by a name that a person typed: `KIND[:ARG][,key=value...]`.
 *
 * The only place that knows all drivers.  Besides the device it tells how a stack behind it is to
 * be addressed, and publishes ports where the link needs that to be reached. */
#ifndef DRIVERS_DRIVERS_H
#define DRIVERS_DRIVERS_H

#include "link/netdev.h"

struct drivers_link {
	struct netdev dev;
	struct addr addr, gateway;	/* of the stack; gateway: valid when via_gateway */
	uint8_t prefix;
	bool via_gateway;
	/* Lets connections to host:port of this machine in to the stack's port; NULL: the stack can
	 * be reached at its own address.  Returns the port or a negative error. */
	int (*publish)(struct netdev *dev, uint32_t host, uint16_t port, uint16_t stack_port);
};

/* 0, or a negative error with a line in `why` that says what to do.  The link lives where it is
 * until link->dev.ops->close(); "none" has no device: dev.ops is NULL. */
int drivers_open(struct drivers_link *link, const char *spec, struct pool *pool, char *why,
		 size_t size);

/* A line a kind, for help texts: name and what it is; NULL after the last.  `later` tells that it
 * is not there yet. */
const char *drivers_kind(unsigned i, const char **what, bool *later);

#endif
