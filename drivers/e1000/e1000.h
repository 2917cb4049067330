/* Intel's 82540EM and its brothers (PCI 8086:100e ...) as a device of the stack. */
#ifndef DRIVERS_E1000_E1000_H
#define DRIVERS_E1000_E1000_H

#include "link/netdev.h"
#include "port/hw.h"

/* Is it one? */
bool e1000_is(const struct port_hw *hw);

/* 0, or a negative error number. */
int e1000_open(struct netdev *dev, struct pool *pool, const struct port_hw *hw);

/* Resets of the device after it lied or stopped. */
uint64_t e1000_resets(const struct netdev *dev);

#endif
