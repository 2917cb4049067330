/* Realtek's RTL8139 (PCI 10ec:8139) as a device of the stack. */
#ifndef DRIVERS_RTL8139_RTL8139_H
#define DRIVERS_RTL8139_RTL8139_H

#include "link/netdev.h"
#include "port/hw.h"

/* Is it one? */
bool rtl8139_is(const struct port_hw *hw);

/* 0, or a negative error number. */
int rtl8139_open(struct netdev *dev, struct pool *pool, const struct port_hw *hw);

/* Resets of the device after its ring made no sense or it stopped. */
uint64_t rtl8139_resets(const struct netdev *dev);

#endif
