/* The table of links by name: see drivers.h.
 *
 * A kind is a row and a function that turns a spec, already judged by the grammar, into an open
 * device.  What an address is when none was said is decided here too. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fmt.h"
#include "drivers/drivers_int.h"
#include "drivers/packet/packet.h"
#include "drivers/pcap/pcap_dev.h"
#include "drivers/slirp/slirp_dev.h"
#include "drivers/tap/tap.h"
#include "port/port.h"
#include "drivers/wire/wire_sock.h"

struct drivers_kind {
	struct drivers_help help;
	/* NULL: not there yet. */
	int (*open)(struct drivers_link *link, const struct drivers_spec *spec, struct pool *pool,
		    char *why, size_t size);
};

/* What was said about addresses; what was not, the kind decides. */
static void drivers_address(struct drivers_link *link, const struct drivers_spec *spec)
{
	link->has_addr = spec->has_ip;
	link->dhcp = spec->dhcp;
	link->addr = spec->ip;
	link->prefix = spec->prefix;
	link->via_gateway = spec->has_gw;
	link->gateway = spec->gw;
	if (spec->exception)
		fmt(link->exception, sizeof(link->exception), "%s", spec->exception);
}

/* Frames that go on to other stacks must be whole and of a length that any link takes. */
static bool drivers_plain(const struct drivers_spec *spec)
{
	return spec->stacks > 1 || (spec->mode && strcmp(spec->mode, "offload") != 0);
}

static int drivers_slirp(struct drivers_link *link, const struct drivers_spec *spec,
			 struct pool *pool, char *why, size_t size)
{
	struct slirp_dev_config config = { .network = SLIRP_DEV_NETWORK, .mtu = spec->mtu };
	int err;

	if (spec->has_network)
		config.network = addr_to_v4(&spec->network);
	err = slirp_dev_open(&link->dev, pool, &config);
	if (err) {
		fmt(why, size, "slirp: no memory or no descriptors left (error %d)", -err);
		return err;
	}
	link->addr = addr_v4(config.network + SLIRP_DEV_STACK);
	link->prefix = SLIRP_DEV_PREFIX;
	link->has_addr = true;
	link->gateway = addr_v4(config.network + SLIRP_DEV_HOST);
	link->via_gateway = true;
	link->publish = slirp_dev_publish;
	return 0;
}

static int drivers_loop(struct drivers_link *link, const struct drivers_spec *spec,
			struct pool *pool, char *why, size_t size)
{
	(void)link;
	(void)spec;
	(void)pool;
	fmt(why, size,
	    "loop joins two stacks of one program (leat bench); there is nothing to open by name");
	return -E_INVAL;
}

/* Nothing to open: the stack talks to itself. */
static int drivers_none(struct drivers_link *link, const struct drivers_spec *spec,
			struct pool *pool, char *why, size_t size)
{
	(void)pool;
	link->addr = addr_v4(IPV4(127, 0, 0, 1));
	link->prefix = 8;
	link->has_addr = true;
	return 0;
}

/* Without ip=, a stack on a TAP and the kernel's end of it find each other here. */
#define DRIVERS_TAP_STACK IPV4(10, 71, 0, 2)
#define DRIVERS_TAP_KERNEL IPV4(10, 71, 0, 1)

static int drivers_tap(struct drivers_link *link, const struct drivers_spec *spec,
		       struct pool *pool, char *why, size_t size)
{
	struct tap_config config = {
		.name = spec->arg,
		.mac = spec->mac,
		.mtu = spec->mtu,
		.plain = drivers_plain(spec),
	};

	if (!spec->has_ip && !spec->dhcp) {
		link->addr = addr_v4(DRIVERS_TAP_STACK);
		link->prefix = 24;
		link->has_addr = true;
		if (!spec->has_gw)
			link->gateway = addr_v4(DRIVERS_TAP_KERNEL);
		link->via_gateway = true;
	}
	link->host_address = tap_host_address;
	return tap_open(&link->dev, pool, &config, why, size);
}

static int drivers_packet(struct drivers_link *link, const struct drivers_spec *spec,
			  struct pool *pool, char *why, size_t size)
{
	struct packet_config config = {
		.name = spec->arg,
		.mac = spec->mac,
		.mtu = spec->mtu,
		.plain = drivers_plain(spec),
		.all = spec->mode && !strcmp(spec->mode, "cable"),
	};

	return packet_open(&link->dev, pool, &config, why, size);
}

static int drivers_pcap(struct drivers_link *link, const struct drivers_spec *spec,
			struct pool *pool, char *why, size_t size)
{
	struct pcap_dev_config config = {
		.path = spec->arg,
		.mac = spec->mac,
		.mtu = spec->mtu,
		.fast = spec->mode && !strcmp(spec->mode, "fast"),
	};

	return pcap_dev_open(&link->dev, pool, &config, why, size);
}

static int drivers_wire(struct drivers_link *link, const struct drivers_spec *spec,
			struct pool *pool, char *why, size_t size)
{
	struct wire_sock_config config = {
		.path = spec->arg,
		.peer = spec->peer,
		.dgram = spec->mode && !strcmp(spec->mode, "dgram"),
		.mac = spec->mac,
		.mtu = spec->mtu,
	};

	if (spec->peer && !config.dgram) {
		fmt(why, size, "wire: peer= goes with mode=dgram");
		return -E_INVAL;
	}
	return wire_sock_open(&link->dev, pool, &config, why, size);
}

#define DRIVERS_ADDRESS "ip gw mac mtu"

static const struct drivers_kind drivers_kinds[] = {
	{ { .name = "slirp", .form = "slirp", .keys = "mtu network",
	    .what = "NAT in this process through sockets of this user; needs nothing" },
	  drivers_slirp },
	{ { .name = "loop", .form = "loop", .keys = "mtu",
	    .what = "a wire in memory between two stacks of one program" },
	  drivers_loop },
	{ { .name = "none", .form = "none", .keys = "",
	    .what = "no link: a stack that talks to itself at 127.0.0.1" },
	  drivers_none },
	{ { .name = "tap", .form = "tap:NAME", .keys = DRIVERS_ADDRESS " mode exception",
	    .modes = "offload plain",
	    .what = "a TAP interface of the kernel: created, or joined" },
	  drivers_tap },
	{ { .name = "packet", .form = "packet:IF", .keys = DRIVERS_ADDRESS " mode exception",
	    .modes = "offload plain cable",
	    .what = "a network interface, beside the kernel (AF_PACKET)" },
	  drivers_packet },
	{ { .name = "xdp", .form = "xdp:IF", .keys = DRIVERS_ADDRESS " queues mode exception",
	    .modes = "auto zerocopy copy",
	    .what = "a network interface, before the kernel (AF_XDP)" },
	  drivers_xdp },
	{ { .name = "dpdk", .form = "dpdk:DEVARGS",
	    .keys = DRIVERS_ADDRESS " queues mode exception",
	    .modes = "auto nohuge",
	    .what = "whatever DPDK drives; keys that are not ours are the device's",
	    .devargs = true },
	  drivers_dpdk },
	{ { .name = "pcap", .form = "pcap:FILE", .keys = DRIVERS_ADDRESS " mode",
	    .modes = "paced fast",
	    .what = "a captured file: replayed in, recorded out" },
	  drivers_pcap },
	{ { .name = "wire", .form = "wire:PATH", .keys = DRIVERS_ADDRESS " mode peer exception",
	    .modes = "stream dgram",
	    .what = "a cable: a Unix socket to another leat or to a virtual machine" },
	  drivers_wire },
};

const struct drivers_help *drivers_kind(unsigned i)
{
	return i < ARRAY_LEN(drivers_kinds) ? &drivers_kinds[i].help : NULL;
}

int drivers_check(const char *text, char *why, size_t size)
{
	struct drivers_spec spec;

	return drivers_spec_parse(&spec, text, why, size);
}

static int drivers_open_spec(struct drivers_link *link, const struct drivers_spec *spec,
			     struct pool *pool, char *why, size_t size)
{
	memset(link, 0, sizeof(*link));
	drivers_address(link, spec);
	for (unsigned i = 0; i < ARRAY_LEN(drivers_kinds); i++) {
		const struct drivers_kind *k = &drivers_kinds[i];

		if (strcmp(spec->kind, k->help.name))
			continue;
		if (k->open)
			return k->open(link, spec, pool, why, size);
		break;
	}
	fmt(why, size, "links of kind \"%s\" come with a later version; use slirp", spec->kind);
	return -E_OPNOTSUPP;
}

int drivers_open(struct drivers_link *link, const char *text, struct pool *pool, char *why,
		 size_t size)
{
	struct drivers_spec spec;
	int err = drivers_spec_parse(&spec, text, why, size);

	memset(link, 0, sizeof(*link));
	if (!err && spec.queues > 1) {
		fmt(why, size, "%s: queues=%u is for as many threads", spec.kind, spec.queues);
		return -E_INVAL;
	}
	return err ? err : drivers_open_spec(link, &spec, pool, why, size);
}

int drivers_open_shared(struct drivers_link *link, const char *text, struct pool *pool,
			uint16_t stack, uint16_t stacks, uint32_t *queues, char *why, size_t size)
{
	struct drivers_spec spec;
	int err = drivers_spec_parse(&spec, text, why, size);

	memset(link, 0, sizeof(*link));
	if (err)
		return err;
	if (spec.dhcp) {
		fmt(why, size, "%s: several threads need an address from the start: ip=",
		    spec.kind);
		return -E_INVAL;
	}
	if (spec.queues > 1 && spec.queues != stacks) {
		fmt(why, size, "%s: queues=%u, but %u threads", spec.kind, spec.queues, stacks);
		return -E_INVAL;
	}
	spec.queue = spec.queues > 1 ? stack : 0;
	spec.stacks = stacks;
	*queues = spec.queues;
	return drivers_open_spec(link, &spec, pool, why, size);
}

/* On the interface that we share, the kernel is not to answer requests for an address that it has
 * elsewhere: on that TAP. */
static void drivers_keep_silent(const char *interface)
{
	char path[80];
	int fd;

	fmt(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/arp_ignore", interface);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (write(fd, "1", 1) != 1)
		port_log(NULL, LOG_WARN, "exception: the kernel may answer ARP for our address");
	close(fd);
}

int drivers_open_exception(struct netdev *dev, const struct drivers_link *link, struct pool *pool,
			   char *why, size_t size)
{
	struct tap_config config = {
		.name = link->exception,
		.mac = link->dev.mac,
		.mtu = link->dev.mtu,
		.exception = true,
	};

	drivers_keep_silent(link->dev.name);
	return tap_open(dev, pool, &config, why, size);
}

void drivers_address_exception(struct netdev *dev, uint32_t host, uint8_t prefix)
{
	tap_set_address(dev, host, prefix);
}
