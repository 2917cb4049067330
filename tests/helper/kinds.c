/* The rows of kinds.h. */
#include "helper/kinds.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "drivers/drivers.h"
#include "drivers/loop/loop.h"
#include "drivers/packet/packet.h"
#include "drivers/tap/tap.h"
#include "drivers/wire/wire.h"
#include "drivers/wire/wire_sock.h"
#include "drivers/xdp/xdp.h"
#include "port/port.h"

#define FRAMES 4096u
#define BARE 1024u
#define ETH 14u

struct kinds_far {
	struct netdev other;	/* where the far end is a device itself */
	struct netdev *dev;
	struct pool pool;
	void *region, *mem;
	struct wire *wire;
	int fd, conn;
	char path[64], why[256];
	uint8_t in[1 << 18];
	uint32_t in_n;
};

static void pool_make(struct pool *pool, void **region, void **mem)
{
	size_t bytes = ALIGN_UP(pool_bytes(FRAMES, BARE), (size_t)CACHE_LINE);

	*region = aligned_alloc(4096, FRAMES * FRAME_SIZE);	/* a page: AF_XDP */
	*mem = aligned_alloc(CACHE_LINE, bytes);
	assert(*region && *mem);
	memset(*mem, 0, bytes);
	pool_init(pool, (struct region){ *region, FRAMES }, BARE, *mem);
}

/* ---- a device as the far end */

static bool dev_put(struct kinds_rig *r, const uint8_t *frame, uint32_t n)
{
	struct netdev *dev = r->far->dev;
	struct pkt *p = pkt_new(&r->far->pool);

	if (!p || pkt_write(p, frame, n) || dev->ops->tx(dev, &p, 1) != 1) {
		if (p)
			pkt_put(p);
		return false;
	}
	return true;
}

static uint32_t dev_take(struct kinds_rig *r, uint8_t *to, uint32_t size)
{
	struct netdev *dev = r->far->dev;
	struct pkt *p;
	uint32_t n;

	if (dev->ops->rx(dev, &p, 1) != 1)
		return 0;
	n = pkt_read(p, 0, to, size);
	pkt_put(p);
	return n;
}

static const char *loop_row_open(struct kinds_rig *r)
{
	struct loop_config config = { .mtu = r->mtu, .slots = 256, .sleeps = true };

	r->far->dev = &r->far->other;
	assert(loop_open(&r->dev, &r->pool, r->far->dev, &r->far->pool, &config) == 0);
	return NULL;
}

static const char *memory_row_open(struct kinds_rig *r)
{
	struct wire_config config = {
		.ends = 2, .mtu = { (uint16_t)r->mtu, 65521 }, .features = NETDEV_CHAIN_TX,
		.mac = { { { 2, 0, 0, 0, 0, 1 } }, { { 2, 0, 0, 0, 0, 2 } } },
		.in_flight_max = 512,
	};

	assert(wire_new(&r->far->wire, &config) == 0);
	r->dev = *wire_dev(r->far->wire, 0);
	r->dev.pool = &r->pool;
	r->far->dev = wire_dev(r->far->wire, 1);
	r->far->dev->pool = &r->far->pool;
	return NULL;
}

static void dev_close(struct kinds_rig *r)
{
	r->far->dev->ops->close(r->far->dev);
	if (r->far->wire)
		wire_free(r->far->wire);
}

/* ---- a Unix socket as the far end */

static void sock_path(struct kinds_rig *r)
{
	snprintf(r->far->path, sizeof(r->far->path), "/tmp/leat-kinds-%d", (int)getpid());
}

static void sock_plug(struct kinds_rig *r)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	memcpy(at.sun_path, r->far->path, strlen(r->far->path));
	r->far->conn = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	assert(connect(r->far->conn, (void *)&at, sizeof(at)) == 0);
	r->far->in_n = 0;
}

static void sock_unplug(struct kinds_rig *r)
{
	close(r->far->conn);
	r->far->conn = -1;
}

static const char *stream_row_open(struct kinds_rig *r)
{
	struct wire_sock_config config = { .path = r->far->path, .mtu = r->mtu };

	sock_path(r);
	assert(wire_sock_open(&r->dev, &r->pool, &config, r->far->why, sizeof(r->far->why)) == 0);
	sock_plug(r);
	return NULL;
}

static bool stream_put(struct kinds_rig *r, const uint8_t *frame, uint32_t n)
{
	uint8_t b[KINDS_FRAME_MAX + 4];

	store_be32(b, n);
	memcpy(b + 4, frame, n);
	return send(r->far->conn, b, n + 4, MSG_NOSIGNAL) == (ssize_t)n + 4;
}

static uint32_t stream_take(struct kinds_rig *r, uint8_t *to, uint32_t size)
{
	struct kinds_far *f = r->far;
	ssize_t got;
	uint32_t n;

	if (f->in_n < 4 || f->in_n < 4 + load_be32(f->in)) {
		got = recv(f->conn, f->in + f->in_n, sizeof(f->in) - f->in_n, 0);
		f->in_n += got > 0 ? (uint32_t)got : 0;
	}
	if (f->in_n < 4 || f->in_n < 4 + load_be32(f->in))
		return 0;
	n = load_be32(f->in);
	assert(n <= size);
	memcpy(to, f->in + 4, n);
	memmove(f->in, f->in + 4 + n, f->in_n - 4 - n);
	f->in_n -= 4 + n;
	return n;
}

static void dgram_plug(struct kinds_rig *r)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX }, to = { .sun_family = AF_UNIX };

	snprintf(at.sun_path, sizeof(at.sun_path), "%s.peer", r->far->path);
	memcpy(to.sun_path, r->far->path, strlen(r->far->path));
	r->far->conn = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	unlink(at.sun_path);
	assert(bind(r->far->conn, (void *)&at, sizeof(at)) == 0);
	assert(connect(r->far->conn, (void *)&to, sizeof(to)) == 0);
}

static const char *dgram_row_open(struct kinds_rig *r)
{
	struct wire_sock_config config = { .path = r->far->path, .mtu = r->mtu, .dgram = true };

	sock_path(r);
	assert(wire_sock_open(&r->dev, &r->pool, &config, r->far->why, sizeof(r->far->why)) == 0);
	dgram_plug(r);
	return NULL;
}

static bool dgram_put(struct kinds_rig *r, const uint8_t *frame, uint32_t n)
{
	return send(r->far->conn, frame, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static uint32_t dgram_take(struct kinds_rig *r, uint8_t *to, uint32_t size)
{
	ssize_t got = recv(r->far->conn, to, size, 0);

	return got > 0 ? (uint32_t)got : 0;
}

static void dgram_close(struct kinds_rig *r)
{
	char path[80];

	close(r->far->conn);
	snprintf(path, sizeof(path), "%s.peer", r->far->path);
	unlink(path);
}

static void stream_close(struct kinds_rig *r)
{
	close(r->far->conn);
}

/* ---- a packet socket as the far end, in a namespace of our own */

static const char *own_namespace(void)
{
	static int state;	/* 0: not tried; 1: there; 2: cannot be had */
	int fd;

	if (!state) {
		state = unshare(CLONE_NEWNET) == 0 && access("/dev/net/tun", R_OK) == 0 ? 1 : 2;
		fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY);
		if (fd >= 0) {		/* its router solicitations would only be in the way */
			assert(write(fd, "1", 1) == 1);
			close(fd);
		}
	}
	return state == 1 ? NULL : "needs CAP_SYS_ADMIN for a network namespace, and /dev/net/tun";
}

static void raw_plug(struct kinds_rig *r, const char *interface)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(KINDS_ETHERTYPE) };
	struct ifreq req = { .ifr_mtu = (int)MIN(r->mtu + 500, 65521u) };
	int bytes = 8 << 20;

	at.sll_ifindex = (int)if_nametoindex(interface);
	assert(at.sll_ifindex > 0);
	r->far->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(KINDS_ETHERTYPE));
	assert(r->far->fd >= 0 && bind(r->far->fd, (void *)&at, sizeof(at)) == 0);
	setsockopt(r->far->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
	memcpy(req.ifr_name, interface, strlen(interface));
	assert(ioctl(r->far->fd, SIOCSIFMTU, &req) == 0);	/* giants can be sent */
}

static bool raw_put(struct kinds_rig *r, const uint8_t *frame, uint32_t n)
{
	return send(r->far->fd, frame, n, 0) == (ssize_t)n;
}

/* What we sent ourselves is not shown: the socket is bound to a protocol, and only what comes in is
 * given to those. */
static uint32_t raw_take(struct kinds_rig *r, uint8_t *to, uint32_t size)
{
	ssize_t got = recv(r->far->fd, to, size, 0);

	return got > 0 ? (uint32_t)got : 0;
}

static void raw_close(struct kinds_rig *r)
{
	close(r->far->fd);
}

static void packet_pair(void)
{
	assert(system("ip link add kinds0 type veth peer name kinds1 && "
		      "ip link set kinds0 up && ip link set kinds1 up") == 0);
}

static const char *tap_row(struct kinds_rig *r, bool plain)
{
	struct tap_config config = { .name = "kinds0", .mtu = r->mtu, .plain = plain };
	const char *why = own_namespace();

	if (why)
		return why;
	if (tap_open(&r->dev, &r->pool, &config, r->far->why, sizeof(r->far->why)))
		return r->far->why;
	raw_plug(r, "kinds0");
	return NULL;
}

static const char *tap_row_open(struct kinds_rig *r)
{
	return tap_row(r, false);
}

static const char *plain_row_open(struct kinds_rig *r)
{
	return tap_row(r, true);
}

static void tap_unplug(struct kinds_rig *r)
{
	assert(system("ip link del kinds0") == 0);
	raw_close(r);
}

static void tap_plug(struct kinds_rig *r)
{
	assert(system("ip tuntap add kinds0 mode tap && ip link set kinds0 up") == 0);
	raw_plug(r, "kinds0");
}

static void tap_row_close(struct kinds_rig *r)
{
	raw_close(r);
	if (if_nametoindex("kinds0"))
		assert(system("ip link del kinds0") == 0);
}

/* A pair of interfaces: the driver under test on one, the packet socket on the other. */
static const char *packet_row(struct kinds_rig *r, bool plain)
{
	struct packet_config config = { .name = "kinds0", .mtu = r->mtu, .plain = plain };
	const char *why = own_namespace();

	if (why)
		return why;
	packet_pair();
	if (packet_open(&r->dev, &r->pool, &config, r->far->why, sizeof(r->far->why)))
		return r->far->why;
	raw_plug(r, "kinds0");
	close(r->far->fd);
	raw_plug(r, "kinds1");
	return NULL;
}

static const char *packet_row_open(struct kinds_rig *r)
{
	return packet_row(r, false);
}

static const char *packet_plain_open(struct kinds_rig *r)
{
	return packet_row(r, true);
}

static void packet_plug(struct kinds_rig *r)
{
	packet_pair();
	raw_plug(r, "kinds1");
}

/* ---- one end of a veth pair, with a packet socket on the other */

#define VETH "ip link add kindsp type veth peer name kinds0 && " \
	     "ip link set kindsp up && ip link set kinds0 up"

static void veth_plug(struct kinds_rig *r)
{
	assert(system(VETH) == 0);
	raw_plug(r, "kindsp");
}

static void veth_close(struct kinds_rig *r)
{
	raw_close(r);
	if (if_nametoindex("kindsp"))
		assert(system("ip link del kindsp") == 0);
}

/* A carrier comes a moment after its interface. */
static const char *wait_up(struct kinds_rig *r, struct netdev *dev)
{
	for (nsec end = port_now() + SEC(3); !dev->up && port_now() < end; usleep(1000))
		dev->ops->arm(dev);
	return dev->up ? NULL : "no carrier";
}

static const char *xdp_row_open(struct kinds_rig *r)
{
	struct xdp_config config = {
		.ifname = "kinds0", .all = true, .mtu = r->mtu, .queues = 1,
	};
	const char *why = own_namespace();

	if (why)
		return why;
	veth_plug(r);
	if (xdp_open(&r->dev, &r->pool, &config, r->far->why, sizeof(r->far->why))) {
		veth_close(r);
		return r->far->why;
	}
	return wait_up(r, &r->dev);
}

/* ---- by DPDK's plug-in, when it was built */

static const char *dpdk_open(struct kinds_rig *r, struct netdev *dev, struct pool *pool,
			     const char *devargs)
{
	struct drivers_link link;
	char spec[160];

	snprintf(spec, sizeof(spec), "dpdk:%s,mtu=%u", devargs, r->mtu);
	if (drivers_open(&link, spec, pool, r->far->why, sizeof(r->far->why)))
		return r->far->why;
	*dev = link.dev;
	return NULL;
}

static const char *memif_row_open(struct kinds_rig *r)
{
	struct pkt *p;
	static unsigned times;	/* DPDK gives a name free some time after it was closed */
	const char *why;
	char args[100];

	snprintf(args, sizeof(args), "net_memif0,role=server,socket=/leat/kinds/%d/%u",
		 (int)getpid(), ++times);
	why = dpdk_open(r, &r->dev, &r->pool, args);
	if (why)
		return why;
	snprintf(args, sizeof(args), "net_memif1,role=client,socket=/leat/kinds/%d/%u",
		 (int)getpid(), times);
	r->far->dev = &r->far->other;
	why = dpdk_open(r, r->far->dev, &r->far->pool, args);
	if (!why)
		why = wait_up(r, &r->dev);
	if (!why)
		why = wait_up(r, r->far->dev);
	if (!why)		/* memif's client posts its buffers when it is polled */
		r->far->dev->ops->rx(r->far->dev, &p, 1);
	return why;
}

static const char *dpdk_packet_row_open(struct kinds_rig *r)
{
	const char *why = own_namespace();

	if (why)
		return why;
	veth_plug(r);
	why = dpdk_open(r, &r->dev, &r->pool, "net_af_packet0,iface=kinds0");
	if (why)
		veth_close(r);
	return why ? why : wait_up(r, &r->dev);
}

static const char *dpdk_tap_row_open(struct kinds_rig *r)
{
	const char *why = own_namespace();

	if (!why)
		why = dpdk_open(r, &r->dev, &r->pool, "net_tap0,iface=kinds0");
	if (!why)
		why = wait_up(r, &r->dev);
	if (!why)
		raw_plug(r, "kinds0");
	return why;
}

/* ---- the rows */

const struct kinds_row kinds[] = {
	{ "loop", loop_row_open, dev_close, dev_put, dev_take, NULL, NULL, .jumbo = true },
	{ "memory", memory_row_open, dev_close, dev_put, dev_take, NULL, NULL,
	  .jumbo = true },
	{ "wire:stream", stream_row_open, stream_close, stream_put, stream_take, sock_unplug,
	  sock_plug, .runts = true, .giants = true, .jumbo = true },
	{ "wire:dgram", dgram_row_open, dgram_close, dgram_put, dgram_take, dgram_close,
	  dgram_plug, .runts = true, .giants = true, .jumbo = true,
	  .holds = 10 },	/* net.unix.max_dgram_qlen */
	{ "tap", tap_row_open, tap_row_close, raw_put, raw_take, tap_unplug, tap_plug,
	  .giants = true, .jumbo = true },
	{ "tap:plain", plain_row_open, tap_row_close, raw_put, raw_take, tap_unplug, tap_plug,
	  .giants = true, .jumbo = true },
	{ "packet", packet_row_open, tap_row_close, raw_put, raw_take, tap_unplug, packet_plug,
	  .giants = true, .jumbo = true },
	{ "packet:plain", packet_plain_open, tap_row_close, raw_put, raw_take, tap_unplug,
	  packet_plug, .giants = true, .jumbo = true },
	{ "xdp", xdp_row_open, veth_close, raw_put, raw_take, veth_close, veth_plug },
	{ "dpdk:memif", memif_row_open, dev_close, dev_put, dev_take, NULL, NULL, .runts = true,
	  .giants = true, .jumbo = true },
	{ "dpdk:af_packet", dpdk_packet_row_open, veth_close, raw_put, raw_take, NULL, NULL },
	{ "dpdk:tap", dpdk_tap_row_open, raw_close, raw_put, raw_take, NULL, NULL },
};
const unsigned kinds_n = ARRAY_LEN(kinds);

const char *kinds_open(struct kinds_rig *r, const struct kinds_row *row, uint32_t mtu)
{
	const char *why;

	*r = (struct kinds_rig){ .row = row, .mtu = mtu };
	r->far = calloc(1, sizeof(*r->far));
	assert(r->far != NULL);
	pool_make(&r->pool, &r->region, &r->mem);
	pool_make(&r->far->pool, &r->far->region, &r->far->mem);
	why = row->open(r);
	if (!why)
		return NULL;
	fprintf(stderr, "# %s is skipped: %s\n", row->name, why);
	free(r->region);
	free(r->mem);
	free(r->far->region);
	free(r->far->mem);
	free(r->far);
	return row->name;
}

void kinds_close(struct kinds_rig *r)
{
	r->dev.ops->close(&r->dev);
	pool_check(&r->pool);
	assert(pool_at_rest(&r->pool));
	r->row->close(r);
	assert(pool_at_rest(&r->far->pool));
	free(r->region);
	free(r->mem);
	free(r->far->region);
	free(r->far->mem);
	free(r->far);
}
