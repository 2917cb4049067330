/* The device over a queue of AF_XDP: see xdp.h.
 *
 * Frames go round between the stack's pool and the kernel: an empty one is posted for each that has
 * come; one that is sent stays with the kernel until it says so.  A packet of several pieces is
 * made one, where it can in the tail of its first piece, which holds its headers.
 *
 * An interface that goes away takes its socket with it: everything comes home, frames to be sent
 * are lost and counted, and each XDP_LOOK it is tried again.
 *
 * Always: held[i] says what of frame i the kernel has: HELD_RX, it is posted; else how often it is
 * being sent.  For each the device has a reference on packet i. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/byteorder.h"
#include "base/csum.h"
#include "base/err.h"
#include "base/fmt.h"
#include "drivers/xdp/xdp_int.h"
#include "port/port.h"

#define XDP_SLOTS_MAX 2048u
#define XDP_SLOTS_MIN 64u
#define XDP_SEND_ROUNDS 64u	/* the kernel sends a few frames a call when it copies */
#define XDP_LOOK MSEC(100)
#define XDP_MTU_MAX (FRAME_SIZE - 256u - ETH_HEADER)	/* the kernel keeps 256 bytes in front */
#define HELD_RX 0x80u
#define HELD_TX_MAX 0x7fu
#define ETH_HEADER 14u

struct xdp {
	struct xdp_rings rings;
	struct xdp_steer *steer;
	struct netdev *dev;
	struct pool *pool;
	uint8_t *held;		/* a frame */
	struct xdp_config config;
	char ifname[IF_NAMESIZE];
	unsigned ifindex;
	uint32_t slots;		/* of each ring */
	uint32_t posted, posted_max;	/* empty frames with the kernel, no more than slots */
	bool partial;		/* a wire in memory: sums may be left to whoever needs them */
	int promisc_fd;
	nsec looked;
	uint64_t overrun;
};

static uint32_t xdp_index(const struct xdp *x, const struct pkt *p)
{
	return (uint32_t)(p - x->pool->pkts);
}

/* ---- receive */

/* Posts empty frames: as many as are missing and as there is memory for. */
static void xdp_post(struct xdp *x)
{
	struct xdp_ring *r = &x->rings.fill;
	uint32_t n = MIN(x->posted_max - x->posted, x->pool->free_frames_n);
	uint64_t *slots = r->slots;

	if (!n)
		return;
	for (uint32_t i = 0; i < n; i++) {
		struct pkt *p = pkt_new(x->pool);

		x->held[p->index] = HELD_RX;
		slots[r->mine++ & r->mask] = (uint64_t)p->index << FRAME_SHIFT;
	}
	x->posted += n;
	xdp_ring_produced(r);
}

static struct pkt *xdp_take(struct xdp *x, const struct xdp_desc *d)
{
	struct pkt *p = &x->pool->pkts[d->addr >> FRAME_SHIFT];
	struct netdev *dev = x->dev;

	x->held[p->index] = 0;
	x->posted--;
	p->data = x->pool->region.base + d->addr;
	p->len = p->total = d->len;
	if (unlikely(d->len < ETH_HEADER || d->len > (uint32_t)dev->mtu + ETH_HEADER)) {
		if (d->len < ETH_HEADER)
			dev->stats.rx_runt++;
		else
			dev->stats.rx_oversize++;
		pkt_put(p);
		return NULL;
	}
	if (x->partial && p->len > ETH_HEADER && load_be16(p->data + 12) == 0x0800 &&
	    csum_left_out(p->data + ETH_HEADER, p->len - ETH_HEADER))
		p->flags |= PKT_CSUM_OK;
	dev->stats.rx_bytes += d->len;
	return p;
}

static bool xdp_look(struct xdp *x);

static int xdp_rx(struct netdev *dev, struct pkt **out, unsigned max)
{
	struct xdp *x = dev->priv;
	struct xdp_ring *r = &x->rings.rx;
	const struct xdp_desc *slots = r->slots;
	unsigned n = 0, got;

	if (unlikely(x->rings.fd < 0 && !xdp_look(x)))
		return 0;
	got = xdp_ring_filled(r);	/* not within MIN(), which would ask twice */
	got = MIN(got, max);
	if (!got) {
		if (unlikely(x->posted < x->posted_max))	/* there was no memory before */
			xdp_post(x);
		if (xdp_ring_needs_wakeup(&x->rings.fill))
			recvfrom(x->rings.fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
		return 0;
	}
	for (unsigned i = 0; i < got; i++) {
		out[n] = xdp_take(x, &slots[r->mine++ & r->mask]);
		n += out[n] != NULL;
	}
	xdp_ring_consumed(r);
	xdp_post(x);
	dev->stats.rx_frames += n;
	return (int)n;
}

/* ---- transmit */

/* Takes back what has left. */
static void xdp_reclaim(struct xdp *x)
{
	struct xdp_ring *r = &x->rings.completion;
	const uint64_t *slots = r->slots;
	uint32_t n = xdp_ring_filled(r);

	if (!n)
		return;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t index = (uint32_t)(slots[r->mine++ & r->mask] >> FRAME_SHIFT);

		assert(x->held[index] > 0 && x->held[index] <= HELD_TX_MAX);
		x->held[index]--;
		pkt_put(&x->pool->pkts[index]);
	}
	xdp_ring_consumed(r);
}

/* In the tail of its first piece, when nobody else looks at that. */
static bool xdp_gather(struct pkt *p)
{
	struct pkt *rest = p->frag;

	if (p->flags & PKT_BARE || p->refs != 1 || pkt_tailroom(p) < p->total - p->len)
		return false;
	pkt_read(p, p->len, p->data + p->len, p->total - p->len);
	p->len = p->total;
	p->frag = NULL;
	pkt_put(rest);
	return true;
}

/* The packet as one frame of the region; NULL when there is no memory for that (then try again) or,
 * with *lost, when it is too long for one. `p` itself stays the caller's. */
static COLD struct pkt *xdp_one_frame(struct xdp *x, struct pkt *p, bool *lost)
{
	struct pkt *one;

	if (p->frag && xdp_gather(p))
		return pkt_get(p);
	one = pkt_copy(x->pool, p);
	if (one && one->frag) {
		*lost = true;
		pkt_put(one);
		return NULL;
	}
	return one;
}

/* Lets the kernel send what is in the ring.  Errors are of the device (its queue is full, it is
 * down): what remains is tried with the next call, or lost with the device. */
static void xdp_send(struct xdp *x)
{
	for (unsigned i = 0; i < XDP_SEND_ROUNDS; i++) {
		if (!xdp_ring_needs_wakeup(&x->rings.tx))
			return;
		if (sendto(x->rings.fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN) {
			if (errno != ENOBUFS && errno != EBUSY) {	/* it may be gone */
				x->dev->up = false;
				x->looked = 0;
			}
			return;
		}
		x->rings.tx.theirs = __atomic_load_n(x->rings.tx.consumer, __ATOMIC_ACQUIRE);
		if (x->rings.tx.theirs == x->rings.tx.mine)
			return;
	}
}

/* Puts one packet into the ring.  False: there is no room, it stays the caller's. */
static bool xdp_tx_one(struct xdp *x, struct pkt *p, struct xdp_desc *slot)
{
	struct netdev *dev = x->dev;
	struct pkt *one = p;
	bool lost = p->total > (uint32_t)dev->mtu + ETH_HEADER;

	if (unlikely(!lost && (p->frag || p->flags & PKT_BARE ||
			       x->held[xdp_index(x, p)] == HELD_TX_MAX))) {
		one = xdp_one_frame(x, p, &lost);
		if (!one && !lost)
			return false;
		pkt_put(p);
		p = one;
	}
	if (unlikely(lost)) {
		dev->stats.tx_error++;
		if (p)
			pkt_put(p);
		slot->len = 0;
		return true;
	}
	x->held[one->index]++;
	slot->addr = (uint64_t)(one->data - x->pool->region.base);
	slot->len = one->len;
	slot->options = 0;
	dev->stats.tx_frames++;
	dev->stats.tx_bytes += one->len;
	return true;
}

static COLD unsigned xdp_tx_lost(struct netdev *dev, struct pkt **p, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		pkt_put(p[i]);
	dev->stats.tx_error += n;
	return n;
}

static unsigned xdp_tx(struct netdev *dev, struct pkt **p, unsigned n)
{
	struct xdp *x = dev->priv;
	struct xdp_ring *r = &x->rings.tx;
	struct xdp_desc *slots = r->slots;
	uint32_t room;
	unsigned done;

	if (unlikely(!dev->up && !xdp_look(x)))
		return xdp_tx_lost(dev, p, n);
	xdp_reclaim(x);
	room = xdp_ring_room(r);
	for (done = 0; done < n && room; done++) {
		struct xdp_desc *slot = &slots[r->mine & r->mask];

		if (!xdp_tx_one(x, p[done], slot))
			break;
		r->mine += slot->len != 0;
		room -= slot->len != 0;
	}
	xdp_ring_produced(r);
	xdp_send(x);
	xdp_reclaim(x);
	dev->stats.tx_full += n - done;
	if (done < n && !xdp_look(x))
		return done + xdp_tx_lost(dev, p + done, n - done);
	return done;
}

/* ---- the interface comes and goes */

static bool xdp_ioctl(unsigned long request, const char *ifname, struct ifreq *ask)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool good;

	snprintf(ask->ifr_name, sizeof(ask->ifr_name), "%s", ifname);
	good = fd >= 0 && ioctl(fd, request, ask) == 0;
	if (fd >= 0)
		close(fd);
	return good;
}

/* Everything that the kernel has comes home: it has let go of it with its socket. */
static void xdp_detach(struct xdp *x)
{
	xdp_rings_close(&x->rings);
	if (x->steer)
		xdp_steer_put(x->steer);
	x->steer = NULL;
	for (uint32_t i = 0; i < x->pool->frames; i++) {
		unsigned times = x->held[i] == HELD_RX ? 1 : x->held[i];

		for (; times; times--)
			pkt_put(&x->pool->pkts[i]);
		x->held[i] = 0;
	}
	x->posted = 0;
	if (x->promisc_fd >= 0)
		close(x->promisc_fd);
	x->promisc_fd = -1;
	x->dev->wake_fd = -1;
	x->dev->up = false;
}

/* An Ethernet address that is not the card's: it must take what is for others, too. */
static void xdp_promisc(struct xdp *x)
{
	struct packet_mreq all = { .mr_ifindex = (int)x->ifindex, .mr_type = PACKET_MR_PROMISC };

	if (!x->config.with_mac)
		return;
	x->promisc_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (x->promisc_fd >= 0)
		setsockopt(x->promisc_fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all));
}

static int xdp_bind(struct xdp *x, bool native)
{
	const struct xdp_config *c = &x->config;
	uint16_t mode = c->mode == XDP_MODE_COPY || !native ? XDP_COPY :
			c->mode == XDP_MODE_ZEROCOPY ? XDP_ZEROCOPY : 0;

	return xdp_rings_bind(&x->rings, x->ifindex, c->queue,
			      (uint16_t)(mode | XDP_USE_NEED_WAKEUP));
}

static void xdp_attach_why(const struct xdp *x, int err, char *why, size_t size)
{
	if (err == -E_PERM)
		fmt(why, size, "xdp: %s: CAP_NET_RAW is missing; run as root", x->ifname);
	else if (err == -E_BUSY)
		fmt(why, size, "xdp: queue %u of %s is in use", x->config.queue, x->ifname);
	else if (err == -E_OPNOTSUPP && x->config.mode == XDP_MODE_ZEROCOPY)
		fmt(why, size, "xdp: the driver of %s cannot do without copies; leave mode= out",
		    x->ifname);
	else if (err == -E_NOBUFS || err == -E_NOMEM)
		fmt(why, size, "xdp: no memory that may be locked; raise it: ulimit -l unlimited");
	else
		fmt(why, size, "xdp: cannot use %s: %s", x->ifname, strerror(-err));
}

static int xdp_attach(struct xdp *x, char *why, size_t size)
{
	bool native = false;
	int err;

	x->steer = xdp_steer_get(x->ifname, x->ifindex, x->config.all ? 0 : x->config.addr,
				 &native, why, size);
	if (!x->steer)
		return -E_ACCES;
	err = xdp_rings_open(&x->rings, &x->pool->region, x->slots);
	if (!err) {
		xdp_post(x);
		err = xdp_bind(x, native);
	}
	if (!err)
		err = xdp_steer_queue(x->steer, x->config.queue, x->rings.fd);
	if (err) {
		xdp_attach_why(x, err, why, size);
		xdp_detach(x);
		return err;
	}
	xdp_promisc(x);
	x->dev->wake_fd = x->rings.fd;
	return 0;
}

/* Is the interface there, and has it a carrier?  Brings back what had gone. */
static bool xdp_look(struct xdp *x)
{
	struct ifreq ask = { 0 };
	nsec now = port_now();
	unsigned ifindex;
	char unread[8];

	if (x->looked && now - x->looked < XDP_LOOK)
		return x->dev->up;
	x->looked = now;
	ifindex = if_nametoindex(x->ifname);
	if (x->rings.fd >= 0 && ifindex != x->ifindex)
		xdp_detach(x);
	x->ifindex = ifindex;
	if (x->rings.fd < 0 && (!ifindex || xdp_attach(x, unread, sizeof(unread)) < 0))
		return false;
	x->dev->up = xdp_ioctl(SIOCGIFFLAGS, x->ifname, &ask) && ask.ifr_flags & IFF_RUNNING;
	return x->dev->up;
}

/* ---- sleep */

static void xdp_count_overrun(struct xdp *x)
{
	struct xdp_statistics n = { 0 };
	socklen_t size = sizeof(n);
	uint64_t lost;

	if (x->rings.fd < 0 || getsockopt(x->rings.fd, SOL_XDP, XDP_STATISTICS, &n, &size) < 0)
		return;
	lost = n.rx_dropped + n.rx_ring_full;
	x->dev->stats.rx_overrun += lost - MIN(lost, x->overrun);
	x->overrun = lost;
}

static bool xdp_arm(struct netdev *dev)
{
	struct xdp *x = dev->priv;

	if (port_now() - x->looked >= XDP_LOOK) {
		xdp_look(x);
		xdp_count_overrun(x);
	}
	if (x->rings.fd < 0)
		return false;
	xdp_reclaim(x);
	xdp_post(x);
	if (x->rings.tx.theirs != x->rings.tx.mine)
		xdp_send(x);
	return xdp_ring_filled(&x->rings.rx) > 0;
}

static nsec xdp_deadline(struct netdev *dev, nsec now)
{
	struct xdp *x = dev->priv;

	if (x->rings.fd < 0)
		return now + XDP_LOOK;
	/* What the kernel could not send yet: nothing wakes us when it can. */
	return x->rings.tx.theirs != x->rings.tx.mine ? now + USEC(50) : NSEC_NEVER;
}

/* ---- opening and closing */

static void xdp_close(struct netdev *dev)
{
	struct xdp *x = dev->priv;

	xdp_detach(x);
	free(x->held);
	free(x);
	dev->priv = NULL;
}

static const struct netdev_ops xdp_ops = {
	.kind = "xdp",
	.rx = xdp_rx,
	.tx = xdp_tx,
	.arm = xdp_arm,
	.deadline = xdp_deadline,
	.close = xdp_close,
};

/* Receive queues that the interface has in use; 1 when it does not say. */
static uint32_t xdp_queues(const char *ifname)
{
	struct ethtool_channels n = { .cmd = ETHTOOL_GCHANNELS };
	struct ifreq ask = { .ifr_data = (void *)&n };

	if (!xdp_ioctl(SIOCETHTOOL, ifname, &ask))
		return 1;
	return MAX(n.rx_count + n.combined_count, 1u);
}

static bool xdp_is_memory(const char *ifname)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };
	struct ifreq ask = { .ifr_data = (void *)&info };

	return xdp_ioctl(SIOCETHTOOL, ifname, &ask) &&
	       (!strcmp(info.driver, "veth") || !strcmp(info.driver, "tun"));
}

static int xdp_judge(const struct xdp *x, uint32_t mtu, char *why, size_t size)
{
	uint32_t queues = xdp_queues(x->ifname);

	if (mtu < NETDEV_MTU_MIN || mtu > XDP_MTU_MAX) {
		fmt(why, size, "xdp: an MTU from %u to %u, not %u: ip link set %s mtu 1500",
		    NETDEV_MTU_MIN, XDP_MTU_MAX, mtu, x->ifname);
		return -E_INVAL;
	}
	if (queues > x->config.queues) {
		fmt(why, size, "xdp: %s receives on %u queues, and %u of them would be read: "
		    "ethtool -L %s combined %u (or rx %u)", x->ifname, queues, x->config.queues,
		    x->ifname, x->config.queues, x->config.queues);
		return -E_INVAL;
	}
	if (!x->config.addr && !x->config.all) {
		fmt(why, size, "xdp needs its address from the start, to know what is ours: ip=");
		return -E_INVAL;
	}
	return 0;
}

/* What of the interface does not change. */
static int xdp_fill(struct xdp *x, struct netdev *dev, char *why, size_t size)
{
	struct ifreq mtu = { 0 }, mac = { 0 };

	x->ifindex = if_nametoindex(x->ifname);
	if (!x->ifindex || !xdp_ioctl(SIOCGIFMTU, x->ifname, &mtu) ||
	    !xdp_ioctl(SIOCGIFHWADDR, x->ifname, &mac)) {
		fmt(why, size, "xdp: no interface \"%s\"; ip link lists them", x->ifname);
		return -E_NOENT;
	}
	if (x->config.mtu)
		mtu.ifr_mtu = (int)MIN(x->config.mtu, (uint32_t)mtu.ifr_mtu);
	*dev = (struct netdev){
		.ops = &xdp_ops,
		.pool = x->pool,
		.mac = x->config.mac,
		.mtu = (uint16_t)mtu.ifr_mtu,
		.features = NETDEV_CHAIN_TX,
		.wake_fd = -1,
		.priv = x,
	};
	if (!x->config.with_mac)
		memcpy(dev->mac.b, mac.ifr_hwaddr.sa_data, sizeof(dev->mac.b));
	snprintf(dev->name, sizeof(dev->name), "%s", x->ifname);
	x->partial = xdp_is_memory(x->ifname);
	return xdp_judge(x, (uint32_t)mtu.ifr_mtu, why, size);
}

/* An eighth of the pool is posted, and no more than the ring takes. */
static void xdp_size(struct xdp *x)
{
	x->slots = XDP_SLOTS_MAX;
	while (x->slots > XDP_SLOTS_MIN && x->slots > x->pool->frames / 2)
		x->slots /= 2;
	x->posted_max = MIN(x->slots, x->pool->frames / 8);
}

int xdp_open(struct netdev *dev, struct pool *pool, const struct xdp_config *config, char *why,
	     size_t size)
{
	struct xdp *x = calloc(1, sizeof(*x));
	int err = -E_NOMEM;

	if (!x || !(x->held = calloc(pool->frames, 1))) {
		fmt(why, size, "xdp: no memory");
		free(x);
		return err;
	}
	x->dev = dev;
	x->pool = pool;
	x->config = *config;
	x->rings.fd = x->promisc_fd = -1;
	snprintf(x->ifname, sizeof(x->ifname), "%s", config->ifname);
	xdp_size(x);
	err = xdp_fill(x, dev, why, size);
	if (!err)
		err = xdp_attach(x, why, size);
	if (err) {
		free(x->held);
		free(x);
		return err;
	}
	xdp_look(x);
	return 0;
}
