/* Opens and closes a stack of this process: memory, keys, link, addresses, ring.
 *
 * The place where core, drivers and platform meet in the library.  Nothing is allocated after
 * leat_ring_open() has returned. */
#include <time.h>

#include "base/err.h"
#include "base/fmt.h"
#include "lib/lib_int.h"
#include "lib/lib_look.h"
#include "port/port.h"

#define LIB_DHCP_PATIENCE SEC(15)

const char *leat_version(void)
{
	return LEAT_VERSION;
}

void leat_options_init(struct leat_options *options)
{
	*options = (struct leat_options){
		.size = sizeof(*options),
		.net = "slirp",
		.conns = 4096,
		.frames = 16384,
		.ops = 16384,
		.completions = 4096,
	};
}

/* Unix time when the platform's clock said 0. */
static nsec lib_wall(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return SEC((uint64_t)ts.tv_sec) + (uint64_t)ts.tv_nsec - port_now();
}

static nsec lib_now(void *ctx)
{
	return port_now();
}

/* The stack's log with the level as a number, for the ABI. */
static void lib_log(void *ctx, enum log_level level, const char *line)
{
	struct lib *l = ctx;

	if (l->options.log)
		l->options.log(l->options.log_ctx, (int)level, line);
	else if (level <= LOG_WARN)
		port_log(NULL, level, line);
}

static void lib_config(struct lib *l, struct net_config *net, struct ring_config *ring)
{
	const struct leat_options *o = &l->options;

	net_config_default(net);
	net->frames = o->frames;
	net->bare = o->frames;
	net->tcp.conns_max = o->conns;
	net->log = lib_log;
	net->log_ctx = l;
	port_entropy(&net->seed, sizeof(net->seed));
	port_entropy(&net->hash_key, sizeof(net->hash_key));
	port_entropy(&net->secret_key, sizeof(net->secret_key));
	ring_config_default(ring);
	ring->sock.sockets = o->conns + 64; /* listeners, and sockets that are only just closing */
	ring->sock.dgrams = MIN(ring->sock.dgrams, ring->sock.sockets);
	ring->sock.ops = o->ops;
	ring->sock.completions = o->completions;
	ring->sock.wall = lib_wall();
	ring->now = lib_now;
}

static int lib_map(struct lib *l, const struct net_config *net, const struct ring_config *ring,
		   char *why, size_t size)
{
	const char *fault = "";

	l->region_bytes = net_region_bytes(net, &fault);
	l->private_bytes = l->region_bytes ? net_private_bytes(net, &fault) : 0;
	l->door_bytes = l->private_bytes ? ring_direct_bytes(ring, &fault) : 0;
	if (!l->door_bytes) {
		fmt(why, size, "%s", fault);
		return -E_INVAL;
	}
	l->region = port_map(l->region_bytes, true);
	l->private = port_map(l->private_bytes, true);
	l->door = port_map(l->door_bytes, true);
	if (l->region && l->private && l->door)
		return 0;
	fmt(why, size, "no memory for %u connections and %u frames; ask for fewer",
	    l->options.conns, l->options.frames);
	return -E_NOMEM;
}

static void lib_unmap(struct lib *l)
{
	if (l->region)
		port_unmap(l->region, l->region_bytes);
	if (l->private)
		port_unmap(l->private, l->private_bytes);
	if (l->door)
		port_unmap(l->door, l->door_bytes);
	port_unmap(l, sizeof(*l));
}

/* Runs the stack until a server has given it an address. */
static int lib_lease(struct lib *l, uint8_t index, char *why, size_t size)
{
	nsec end = port_now() + LIB_DHCP_PATIENCE;
	int err = net_dhcp_start(&l->net, &l->dhcp, index);
	struct port_wait wait = { .fd = l->link.dev.wake_fd };

	if (err) {
		fmt(why, size, "DHCP: port 68 of the stack is taken");
		return err;
	}
	while (!l->dhcp.bound) {
		nsec now = port_now(), next = MIN(net_poll(&l->net, now), end);

		if (now >= end) {
			fmt(why, size,
			    "no DHCP server answered on %s within %u s; give an address: "
			    "ip=ADDRESS/PREFIX", l->options.net,
			    (unsigned)(LIB_DHCP_PATIENCE / SEC(1)));
			return -E_TIMEDOUT;
		}
		if (!l->link.dev.ops->arm(&l->link.dev) && next > now)
			port_idle_until(MIN(next, now + MSEC(20)), &wait, wait.fd >= 0);
	}
	l->link.addr = l->dhcp.addr;
	l->link.prefix = l->dhcp.prefix;
	return 0;
}

/* The kernel behind our address. */
static int lib_exception(struct lib *l, char *why, size_t size)
{
	int err;

	if (!l->link.exception[0] || l->first != l)
		return 0;
	err = drivers_open_exception(&l->exception, &l->link, &l->net.pool, why, size);
	if (err) {
		l->exception.ops = NULL;
		return err;
	}
	drivers_address_exception(&l->exception, addr_to_v4(&l->link.addr), l->link.prefix);
	net_exception(&l->net, &l->exception);
	return 0;
}

/* The device is open; gives the stack its address and routes on it. */
static int lib_address(struct lib *l, char *why, size_t size)
{
	struct drivers_link *link = &l->link;
	struct ip_route gateway = { .gateway = link->gateway, .via_gateway = true };
	int index, err;

	if (!lib_dev(l)->ops)	/* "none" */
		return 0;
	if (link->dhcp) {
		index = net_add_dev(&l->net, &link->dev);
		return index < 0 ? index : lib_lease(l, (uint8_t)index, why, size);
	}
	if (!link->has_addr) {
		fmt(why, size, "a stack on %s needs an address; add ,ip=ADDRESS/PREFIX or ,ip=dhcp",
		    l->options.net);
		return -E_INVAL;
	}
	if (link->host_address && link->via_gateway && l->first == l)
		link->host_address(&link->dev, addr_to_v4(&link->gateway), link->prefix);
	index = net_add_dev(&l->net, lib_dev(l));
	err = index < 0 ? index : 0;
	if (!err)
		err = ip_add_addr(&l->net.ip, &link->addr, link->prefix, (uint8_t)index);
	if (!err && link->via_gateway) {
		gateway.dst = addr_v4(0);
		gateway.if_index = (uint8_t)index;
		err = ip_add_route(&l->net.ip, &gateway);
	}
	if (err)
		fmt(why, size, "cannot set up addresses on link %s (error %d)", l->options.net,
		    -err);
	return err;
}

static int lib_open(struct lib *l, char *why, size_t size)
{
	struct net_config net;
	struct ring_config ring;
	int err;

	lib_config(l, &net, &ring);
	err = lib_group_join(l, &net.spread, why, size);
	if (err)
		return err;
	err = lib_map(l, &net, &ring, why, size);
	if (err)
		return err;
	net_init(&l->net, &net, l->region, l->private, port_now());
	err = lib_open_link(l, why, size);
	if (err)
		return err;
	ring_direct_init(&l->ring, &ring, &l->net, l->door);
	err = lib_address(l, why, size);
	if (!err)
		err = lib_exception(l, why, size);
	if (err)
		lib_close_link(l);
	return err;
}

/* The kernel's own stack instead of one of ours. */
static bool lib_is_kernel(const char *net)
{
	const char *name = "kernel";

	while (*name && *name == *net) {
		name++;
		net++;
	}
	return !*name && !*net;
}

struct leat_ring *leat_ring_open(const struct leat_options *options, char *why, size_t why_size)
{
	struct lib *l = port_map(sizeof(*l), false);
	char unread[8];

	if (!why || !why_size) {
		why = unread;
		why_size = sizeof(unread);
	}
	fmt(why, why_size, "no memory");
	if (!l)
		return NULL;
	l->options = *options;
	if (lib_is_kernel(options->net)) {
		const char *fault;

		if (kernel_open(&l->ring, options->ops, options->completions, options->frames,
				&fault) == 0)
			return &l->ring;
		fmt(why, why_size, "%s", fault);
		port_unmap(l, sizeof(*l));
		return NULL;
	}
	if (options->size != sizeof(*options)) {
		fmt(why, why_size,
		    "leat_options of another version; start with leat_options_init()");
		port_unmap(l, sizeof(*l));
		return NULL;
	}
	if (lib_open(l, why, why_size) < 0) {
		lib_unmap(l);
		return NULL;
	}
	return &l->ring;
}

unsigned leat_ring_close(struct leat_ring *ring)
{
	struct lib *l = lib_of(ring);
	const struct pool *pool = &l->net.pool;
	unsigned leaked;

	if (ring->make) {
		kernel_close(ring);
		lib_unmap(l);
		return 0;
	}
	ring_direct_fini(ring);
	net_flush(&l->net);
	net_fini(&l->net);
	if (l->exception.ops)
		l->exception.ops->close(&l->exception);
	lib_close_link(l);
	leaked = pool->frames - pool->free_frames_n + pool->bare - pool->free_bare_n;
	lib_unmap(l);
	return leaked;
}

void leat_address(struct leat_ring *ring, struct leat_addr *addr)
{
	const struct addr loop = addr_v4(IPV4(127, 0, 0, 1));

	*addr = (struct leat_addr){ .port = 0 };
	if (ring->make)
		mem_copy(addr->ip, loop.b, sizeof(addr->ip));
	else if (lib_of(ring)->dhcp.bound)
		mem_copy(addr->ip, lib_of(ring)->dhcp.addr.b, sizeof(addr->ip));
	else
		mem_copy(addr->ip, lib_of(ring)->link.addr.b, sizeof(addr->ip));
}

void leat_outside(struct leat_ring *ring, const struct leat_addr *host, uint16_t port,
		  struct leat_addr *at)
{
	if (ring->make || lib_of(ring)->link.publish) {
		*at = *host;
		at->port = port;
		return;
	}
	leat_address(ring, at);
	at->port = port;
}

int leat_publish(struct leat_ring *ring, const struct leat_addr *host, uint16_t port)
{
	struct lib *l = lib_of(ring);
	struct addr at = addr_v4(IPV4(127, 0, 0, 1));
	uint16_t outside = host ? host->port : port;

	if (!l->link.publish)
		return port;
	if (host)
		mem_copy(at.b, host->ip, sizeof(at.b));
	if (!addr_is_v4(&at))
		return -E_AFNOSUPPORT;
	if (l->first != l)
		return port;
	return l->link.publish(&l->link.dev, addr_to_v4(&at), outside, port);
}

struct net *lib_net(struct leat_ring *ring)
{
	return &lib_of(ring)->net;
}

const struct drivers_link *lib_link(struct leat_ring *ring)
{
	return &lib_of(ring)->link;
}

const struct net_dhcp *lib_dhcp(struct leat_ring *ring)
{
	return &lib_of(ring)->dhcp;
}
