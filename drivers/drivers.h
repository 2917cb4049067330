/* Opens a link by a name that a person typed: `KIND[:ARG][,key=value...]`.
 *
 * The only place that knows all drivers.  Besides the device it tells how a stack behind it is to
 * be addressed, and publishes ports where the link needs that to be reached.  What a kind is
 * called, which keys it takes and what they mean stands in two tables (drivers.c, drivers_spec.c):
 * `leat net help` prints them, and the manual page is held to them by a test. */
#ifndef DRIVERS_DRIVERS_H
#define DRIVERS_DRIVERS_H

#include "link/netdev.h"

#define DRIVERS_SPEC_MAX 256

/* A spec taken apart.  Strings point into `text`; what was not said is NULL, 0 or false. */
struct drivers_spec {
	char text[DRIVERS_SPEC_MAX];
	const char *kind, *arg;		/* arg: "" when there is none */
	struct addr ip, gw, network;
	uint8_t prefix;			/* of ip */
	bool has_ip, dhcp, has_gw, has_mac, has_network;
	struct mac mac;
	uint32_t mtu, queues;
	const char *mode, *exception, *peer;
	uint16_t queue, stacks;		/* this stack's queue, of `queues`; stacks that share it */
	uint32_t said;			/* bit i: the i-th key stands in the spec */
	char devargs[DRIVERS_SPEC_MAX];	/* arg and the keys that are the device's, as typed */
};

struct drivers_link {
	struct netdev dev;
	/* Of the stack, valid when has_addr; gateway: valid when via_gateway.  `dhcp`: the address
	 * is to be asked for. */
	struct addr addr, gateway;
	uint8_t prefix;
	bool has_addr, dhcp, via_gateway;
	/* Lets connections to host:port of this machine in to the stack's port; NULL: the stack can
	 * be reached at its own address.  Returns the port or a negative error. */
	int (*publish)(struct netdev *dev, uint32_t host, uint16_t port, uint16_t stack_port);
	/* Gives the other end of the link an address (host order), where opening it has made it;
	 * NULL: there is nothing of the kind. */
	void (*host_address)(struct netdev *dev, uint32_t host, uint8_t prefix);
	bool by_queue;		/* frames of one flow come by one queue, which its peer chose */
	char exception[32];	/* "" or the kernel's TAP that gets what is not ours */
};

/* Is this a link as it can be typed?  Opens nothing.  0, or -E_INVAL with a line in `why`. */
int drivers_check(const char *spec, char *why, size_t size);

/* 0, or a negative error with a line in `why` that says what to do.  The link lives where it is
 * until link->dev.ops->close(); "none" has no device: dev.ops is NULL. */
int drivers_open(struct drivers_link *link, const char *spec, struct pool *pool, char *why,
		 size_t size);

/* The same for one of `stacks` that share a link.  With queues= each opens its own, in order, by
 * its own pool; without, only the first opens, and knows that there are others.  *queues: what was
 * said. */
int drivers_open_shared(struct drivers_link *link, const char *spec, struct pool *pool,
			uint16_t stack, uint16_t stacks, uint32_t *queues, char *why, size_t size);

/* The TAP that link->exception names, with the link's Ethernet address; and the IP address of the
 * kernel behind it, which is the stack's own.  Errors as above. */
int drivers_open_exception(struct netdev *dev, const struct drivers_link *link, struct pool *pool,
			   char *why, size_t size);
void drivers_address_exception(struct netdev *dev, uint32_t host, uint8_t prefix);

/* The kinds, for help texts, in their order; NULL after the last. */
struct drivers_help {
	const char *name;
	const char *form;	/* how it is written: "tap:NAME" */
	const char *what;	/* a line */
	const char *keys;	/* those that it takes, separated by blanks */
	const char *modes;	/* words that mode= takes, separated by blanks; NULL: none */
	bool devargs;		/* keys that we do not know are the device's */
	bool later;		/* it is not there yet */
};
const struct drivers_help *drivers_kind(unsigned i);

/* The keys: name, what may follow, what it means; NULL after the last. */
const char *drivers_key(unsigned i, const char **form, const char **what);

/* Takes `text` apart and judges it by the rules of its kind. */
int drivers_spec_parse(struct drivers_spec *spec, const char *text, char *why, size_t size);

#endif
