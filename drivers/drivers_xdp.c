/* Opens a link of kind xdp: from the words of a spec to the driver's configuration. */
#include <string.h>

#include "drivers/drivers_int.h"
#include "drivers/xdp/xdp.h"

int drivers_xdp(struct drivers_link *link, const struct drivers_spec *spec, struct pool *pool,
		char *why, size_t size)
{
	struct xdp_config config = {
		.ifname = spec->arg,
		.addr = spec->has_ip ? addr_to_v4(&spec->ip) : 0,
		.all = spec->exception || spec->dhcp,	/* who sorts them needs them all */
		.mtu = spec->mtu,
		.mac = spec->mac,
		.with_mac = spec->has_mac,
		.queue = spec->queue,
		.queues = (uint16_t)MAX(spec->queues, 1u),
	};

	if (spec->mode && !strcmp(spec->mode, "zerocopy"))
		config.mode = XDP_MODE_ZEROCOPY;
	if (spec->mode && !strcmp(spec->mode, "copy"))
		config.mode = XDP_MODE_COPY;
	return xdp_open(&link->dev, pool, &config, why, size);
}
