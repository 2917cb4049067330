/* One stack with its memory, for tests: what an app does at start, in two calls. */
#ifndef HELPER_HOST_H
#define HELPER_HOST_H

#include "net/net.h"

struct host {
	struct net net;
	struct net_config config;
	void *region, *mem;
	size_t region_bytes, mem_bytes;
};

/* A config for tests: the defaults with small tables, keys drawn from `seed`. */
void host_config(struct net_config *config, uint64_t seed);

/* NULL, or what is wrong with the config. */
const char *host_init(struct host *h, const struct net_config *config, nsec now);

/* Ends the stack; true when every frame and descriptor came back. */
bool host_fini(struct host *h);

#endif
