/* A link for an ordinary user: the stack sits behind libslirp, a NAT in this process.
 *
 * What the stack sends goes out through sockets of this user; what comes to a published port goes
 * in.  No privilege, no configuration.  libslirp speaks TCP itself, towards both sides: what is
 * seen from outside is the kernel's TCP, what the stack talks to is libslirp's. */
#ifndef DRIVERS_SLIRP_SLIRP_DEV_H
#define DRIVERS_SLIRP_SLIRP_DEV_H

#include "link/netdev.h"

/* A /24: .2 is the host, .3 its name server, .15 the stack. */
#define SLIRP_DEV_NETWORK IPV4(10, 0, 2, 0)
#define SLIRP_DEV_PREFIX 24u
#define SLIRP_DEV_HOST 2u
#define SLIRP_DEV_STACK 15u

/* Three segments to a window of libslirp: docs/adr/0007-slirp-mtu.md. */
#define SLIRP_DEV_MTU 16424u

struct slirp_dev_config {
	uint32_t network;	/* host order; 0: SLIRP_DEV_NETWORK */
	uint32_t mtu;		/* 0: SLIRP_DEV_MTU */
};

/* Fills `dev`, which lives until dev->ops->close().  0, or -E_INVAL for a size or a network that
 * cannot be, -E_NOMEM, -E_NFILE. */
int slirp_dev_open(struct netdev *dev, struct pool *pool, const struct slirp_dev_config *config);

/* Connections to `host`:`port` of this machine (host order) come in to the stack's `stack_port`.
 * Port 0 picks one.  Returns the port, or a negative error: -E_ADDRINUSE, -E_ACCES,
 * -E_ADDRNOTAVAIL. */
int slirp_dev_publish(struct netdev *dev, uint32_t host, uint16_t port, uint16_t stack_port);

#endif
