/* Which driver takes which card: the first card that one of ours knows, or the one asked for. */
#include "apps/kernel/kernel.h"

#include "base/mem.h"
#include "drivers/e1000/e1000.h"
#include "drivers/rtl8139/rtl8139.h"
#include "drivers/virtio/virtio_net.h"
#include "port/metal/metal.h"

struct kernel_nic {
	const char *name;
	bool (*is)(const struct port_hw *hw);
	int (*open)(struct netdev *dev, struct pool *pool, const struct port_hw *hw);
};

static const struct kernel_nic kernel_nics[] = {
	{ "virtio", virtio_net_is, virtio_net_open },
	{ "e1000", e1000_is, e1000_open },
	{ "rtl8139", rtl8139_is, rtl8139_open },
};

static bool nic_wanted(const struct kernel *k, const struct kernel_nic *nic)
{
	size_t n = str_len(nic->name);

	return !k->options.nic[0] ||
	       (str_len(k->options.nic) == n && mem_eq(k->options.nic, nic->name, n));
}

static bool nic_try(struct kernel *k, const struct kernel_nic *nic, const struct port_hw *hw)
{
	int err;

	if (!nic_wanted(k, nic) || !nic->is(hw))
		return false;
	err = nic->open(&k->dev, &k->net.pool, hw);
	if (!err)
		return true;
	metal_log(LOG_WARN, "%s %04x:%04x does not start (error %d)", nic->name, hw->vendor,
		  hw->device, -err);
	return false;
}

bool kernel_nic_open(struct kernel *k)
{
	static struct port_hw found[PORT_HW_MAX];
	unsigned n = port_hw_find(found, ARRAY_LEN(found));

	for (unsigned i = 0; i < n; i++)
		metal_log(LOG_DEBUG, "device %04x:%04x at %x, lines %llx", found[i].vendor,
			  found[i].device, found[i].slot, (unsigned long long)found[i].lines);
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < ARRAY_LEN(kernel_nics); j++)
			if (nic_try(k, &kernel_nics[j], &found[i]))
				return true;
	metal_log(LOG_ERROR, "no network card that leat knows among %u devices; give the machine "
		  "virtio-net, e1000 or rtl8139", n);
	return false;
}
