/* What the files of drivers/ share: the kinds whose opening is more than a few lines. */
#ifndef DRIVERS_DRIVERS_INT_H
#define DRIVERS_DRIVERS_INT_H

#include "drivers/drivers.h"

/* Each fills link->dev; addresses are set already. */
int drivers_dpdk(struct drivers_link *link, const struct drivers_spec *spec, struct pool *pool,
		 char *why, size_t size);
int drivers_xdp(struct drivers_link *link, const struct drivers_spec *spec, struct pool *pool,
		char *why, size_t size);

#endif
