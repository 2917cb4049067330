/* What lies below a ring that leat_ring_open() made, for tools of this tree: not the ABI. */
#ifndef LIB_LIB_LOOK_H
#define LIB_LIB_LOOK_H

#include "drivers/drivers.h"
#include "net/net.h"

struct leat_ring;

struct net *lib_net(struct leat_ring *ring);
const struct drivers_link *lib_link(struct leat_ring *ring);
const struct net_dhcp *lib_dhcp(struct leat_ring *ring);

#endif
