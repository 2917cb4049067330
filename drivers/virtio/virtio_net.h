/* A virtio network card (VIRTIO 1.1 5.1) as a device of the stack. */
#ifndef DRIVERS_VIRTIO_VIRTIO_NET_H
#define DRIVERS_VIRTIO_VIRTIO_NET_H

#include "link/netdev.h"
#include "port/hw.h"

/* Is it one? */
bool virtio_net_is(const struct port_hw *hw);

/* 0, or a negative error number. */
int virtio_net_open(struct netdev *dev, struct pool *pool, const struct port_hw *hw);

/* Resets of the device after it lied or broke. */
uint64_t virtio_net_resets(const struct netdev *dev);

#endif
