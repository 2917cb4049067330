/* The cable between processes: frames over a Unix socket.
 *
 * Two leats, a leat and `leat wire`, or a leat and a virtual machine that name the same path are
 * joined.  As a stream each frame follows its length in four bytes, big-endian: the format of
 * QEMU's -netdev stream and socket.  As datagrams each is one: QEMU's -netdev dgram.
 *
 * Nobody has to be first: who finds nobody at the path waits there for the other. */
#ifndef DRIVERS_WIRE_WIRE_SOCK_H
#define DRIVERS_WIRE_WIRE_SOCK_H

#include "link/netdev.h"

struct wire_sock_config {
	const char *path;
	const char *peer;	/* datagrams: the other end's path; NULL: path and "path.peer" */
	bool dgram;
	struct mac mac;		/* all zero: random */
	uint32_t mtu;		/* 0: 1500 */
};

/* Fills `dev`, which lives until dev->ops->close(); its carrier is `up` while there is a peer.  0,
 * or a negative error with a line in `why` that says what to do. */
int wire_sock_open(struct netdev *dev, struct pool *pool, const struct wire_sock_config *config,
		   char *why, size_t size);

#endif
