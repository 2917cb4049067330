/* The TAP driver: see tap.h.
 *
 * One frame a system call, but with offloads a frame is up to 64 KiB of segments.  Reads go
 * straight into frames of the pool, as many as the longest needs, which wait in `room` between
 * calls.
 *
 * When the interface is taken away, reads and writes fail; the driver then lets go, says that there
 * is no carrier, and looks for an interface of that name every TAP_RETRY until there is one.
 * Frames sent meanwhile are lost and counted, as on a cable that was pulled. */
#include "drivers/tap/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fmt.h"
#include "drivers/vnet/vnet.h"
#include "port/port.h"

#define TAP_RETRY MSEC(100)
#define TAP_ROOM ((VNET_FRAME_MAX + PKT_ROOM - 1) / PKT_ROOM)
#define ETH_HEADER 14u

struct tap {
	char name[IFNAMSIZ];
	int fd;			/* -1: the interface is gone */
	bool created, plain, exception;
	bool waits;		/* the kernel had more when the last burst was full */
	nsec retry;		/* when to look for it again */
	struct vnet_frame out;
	struct pkt *room[TAP_ROOM];
};

/* ---- the interface */

static int tap_attach(struct tap *t)
{
	struct ifreq req = { .ifr_flags = IFF_TAP | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), size, err;

	if (fd < 0)
		return -errno;
	memcpy(req.ifr_name, t->name, sizeof(req.ifr_name));
	if (!t->plain)
		req.ifr_flags |= IFF_VNET_HDR;
	if (ioctl(fd, TUNSETIFF, &req) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	size = sizeof(struct vnet_header);
	if (!t->plain && (ioctl(fd, TUNSETVNETHDRSZ, &size) < 0 ||
			  ioctl(fd, TUNSETOFFLOAD, t->exception ? 0 :
				TUN_F_CSUM | TUN_F_TSO4) < 0)) {
		err = -errno;
		close(fd);
		return err;
	}
	if (t->plain)
		ioctl(fd, TUNSETOFFLOAD, 0);
	t->fd = fd;
	return 0;
}

/* One of the SIOC... requests about the interface; its result is in *req. */
static int tap_ioctl(const struct tap *t, unsigned long what, struct ifreq *req)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	memcpy(req->ifr_name, t->name, sizeof(req->ifr_name));
	err = ioctl(fd, what, req) < 0 ? -errno : 0;
	close(fd);
	return err;
}

static void tap_bring_up(const struct tap *t)
{
	struct ifreq req = { .ifr_flags = 0 };

	if (tap_ioctl(t, SIOCGIFFLAGS, &req) == 0) {
		req.ifr_flags |= IFF_UP;
		tap_ioctl(t, SIOCSIFFLAGS, &req);
	}
}

void tap_host_address(struct netdev *dev, uint32_t host, uint8_t prefix)
{
	if (((const struct tap *)dev->priv)->created)
		tap_set_address(dev, host, prefix);
}

void tap_set_address(struct netdev *dev, uint32_t host, uint8_t prefix)
{
	const struct tap *t = dev->priv;
	struct ifreq req = { .ifr_flags = 0 };
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(host) };

	memcpy(&req.ifr_addr, &at, sizeof(at));
	tap_ioctl(t, SIOCSIFADDR, &req);
	at.sin_addr.s_addr = htonl((uint32_t)(UINT64_C(0xffffffff) << (32 - prefix)));
	memcpy(&req.ifr_netmask, &at, sizeof(at));
	tap_ioctl(t, SIOCSIFNETMASK, &req);
}

/* The kernel's interface has our Ethernet address: what is for us is for him. */
static void tap_own(const struct tap *t, struct mac mac)
{
	struct ifreq req = { .ifr_flags = 0 };

	req.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(req.ifr_hwaddr.sa_data, mac.b, sizeof(mac.b));
	tap_ioctl(t, SIOCSIFHWADDR, &req);
}

static void tap_gone(struct netdev *dev)
{
	struct tap *t = dev->priv;

	close(t->fd);		/* leaves the epoll set */
	t->fd = -1;
	t->retry = port_now() + TAP_RETRY;
	dev->up = false;
}

static void tap_watch(struct netdev *dev)
{
	struct tap *t = dev->priv;
	struct epoll_event ev = { .events = EPOLLIN };

	epoll_ctl(dev->wake_fd, EPOLL_CTL_ADD, t->fd, &ev);
	dev->up = true;
}

/* Is there an interface of that name again?  True when the device may be used. */
static bool tap_there(struct netdev *dev)
{
	struct tap *t = dev->priv;

	if (likely(t->fd >= 0))
		return true;
	if (port_now() < t->retry)
		return false;
	t->retry = port_now() + TAP_RETRY;
	if (!if_nametoindex(t->name) || tap_attach(t) < 0)
		return false;
	tap_watch(dev);
	return true;
}

/* ---- receive */

/* A frame of `got` bytes lies in the room; NULL when it was lost. */
static struct pkt *tap_take(struct netdev *dev, uint32_t got, unsigned have,
			    const struct vnet_header *h)
{
	struct tap *t = dev->priv;
	uint32_t most = have * PKT_ROOM;
	struct pkt *p;

	if (got < ETH_HEADER) {
		dev->stats.rx_runt++;
		return NULL;
	}
	if (got > most) {
		dev->stats.rx_no_frame++;
		return NULL;
	}
	if (got > dev->mtu + ETH_HEADER && h->gso_type == 0) {
		dev->stats.rx_oversize++;
		return NULL;
	}
	p = vnet_chain(t->room, have, got);
	if (vnet_take(h, p)) {
		dev->stats.rx_frames++;
		dev->stats.rx_bytes += got;
		return p;
	}
	dev->stats.rx_oversize++;
	pkt_put(p);
	return NULL;
}

/* Reads one frame.  1: *out is a packet, or NULL when it was lost; 0: there is none; or -error. */
static int tap_read(struct netdev *dev, struct pkt **out)
{
	struct tap *t = dev->priv;
	struct vnet_header h = { 0 };
	struct iovec iov[TAP_ROOM + 1] = { { &h, sizeof(h) } };
	unsigned front = t->plain ? 0 : 1;
	unsigned most = t->plain ? (dev->mtu + ETH_HEADER + PKT_ROOM) / PKT_ROOM : TAP_ROOM;
	unsigned have = vnet_room(dev, t->room, iov + front, MIN(most, TAP_ROOM));
	uint8_t junk;
	ssize_t got;

	if (!have)		/* the frame is lost here, before work is wasted on it */
		iov[front] = (struct iovec){ &junk, 1 };
	got = readv(t->fd, iov, (int)(front + MAX(have, 1u)));
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	*out = tap_take(dev, MAX((uint32_t)got, front * sizeof(h)) - front * sizeof(h), have, &h);
	return 1;
}

static int tap_rx(struct netdev *dev, struct pkt **out, unsigned max)
{
	unsigned n = 0;

	if (!tap_there(dev))
		return -E_NETDOWN;
	for (unsigned i = 0; i < max; i++) {
		int err = tap_read(dev, &out[n]);

		if (err < 0)
			tap_gone(dev);
		if (err <= 0)
			break;
		n += out[n] != NULL;
	}
	return (int)n;
}

/* ---- transmit */

/* Writes one frame: 0, -E_AGAIN when the kernel has no room, or another error: it is lost. */
static int tap_write(struct netdev *dev)
{
	struct tap *t = dev->priv;

	if (t->fd < 0)
		return -E_NETDOWN;
	while (writev(t->fd, t->out.iov, (int)t->out.iov_n) < 0) {
		if (errno == EINTR)
			continue;
		if (errno == EBADFD)
			tap_gone(dev);
		return errno == EAGAIN || errno == ENOBUFS ? -E_AGAIN : -errno;
	}
	return 0;
}

static unsigned tap_tx(struct netdev *dev, struct pkt **p, unsigned n)
{
	struct tap *t = dev->priv;
	unsigned done = 0;

	while (done < n) {
		unsigned k = vnet_gather(&t->out, p + done, n - done, !t->plain);
		int err = t->out.iov_n ? tap_write(dev) : -E_INVAL;

		if (err == -E_AGAIN)
			break;
		for (unsigned i = done; i < done + k; i++) {
			if (err) {
				dev->stats.tx_error++;
			} else {
				dev->stats.tx_frames++;
				dev->stats.tx_bytes += p[i]->total;
			}
			pkt_put(p[i]);
		}
		done += k;
	}
	dev->stats.tx_full += n - done;
	return done;
}

/* ---- sleeping */

/* The descriptor stays readable for as long as there is something to read. */
static bool tap_arm(struct netdev *dev)
{
	(void)dev;
	return false;
}

static nsec tap_deadline(struct netdev *dev, nsec now)
{
	const struct tap *t = dev->priv;

	(void)now;
	return t->fd < 0 ? t->retry : NSEC_NEVER;
}

/* ---- opening and closing */

static void tap_close(struct netdev *dev)
{
	struct tap *t = dev->priv;

	for (unsigned i = 0; i < TAP_ROOM; i++)
		if (t->room[i])
			pkt_put(t->room[i]);
	if (t->fd >= 0)
		close(t->fd);
	if (dev->wake_fd >= 0)
		close(dev->wake_fd);
	free(t);
	dev->priv = NULL;
	dev->wake_fd = -1;
	dev->up = false;
}

static const struct netdev_ops tap_ops = {
	.kind = "tap",
	.rx = tap_rx,
	.tx = tap_tx,
	.arm = tap_arm,
	.deadline = tap_deadline,
	.close = tap_close,
};

/* What to do about an error of tap_attach(), in a line. */
static void tap_explain(const struct tap *t, int err, char *why, size_t size)
{
	if (err == -EPERM || err == -EACCES)
		fmt(why, size, "tap:%s needs CAP_NET_ADMIN: run as root, or let root make it for "
		    "you: ip tuntap add %s mode tap user $USER; slirp needs no privilege",
		    t->name, t->name);
	else if (err == -ENOENT || err == -ENODEV || err == -ENXIO)
		fmt(why, size, "tap:%s: there is no /dev/net/tun; load the module: modprobe tun",
		    t->name);
	else if (err == -EBUSY)
		fmt(why, size, "tap:%s is in use by another process, or is no TAP; choose another "
		    "name", t->name);
	else
		fmt(why, size, "tap:%s cannot be opened: %s", t->name, strerror(-err));
}

/* The MTU is the interface's own, or what was asked for. */
static int tap_mtu(struct netdev *dev, uint32_t want, char *why, size_t size)
{
	struct tap *t = dev->priv;
	struct ifreq req = { .ifr_flags = 0 };

	if (want && t->created) {
		req.ifr_mtu = (int)want;
		if (tap_ioctl(t, SIOCSIFMTU, &req) < 0) {
			fmt(why, size, "tap:%s does not take mtu=%u", t->name, want);
			return -E_INVAL;
		}
	}
	if (tap_ioctl(t, SIOCGIFMTU, &req) < 0)
		req.ifr_mtu = 1500;
	dev->mtu = (uint16_t)(want ? want : (uint32_t)MIN(req.ifr_mtu, (int)NETDEV_MTU_MAX));
	dev->mtu = MAX(dev->mtu, (uint16_t)NETDEV_MTU_MIN);
	return 0;
}

static int tap_set_up(struct netdev *dev, const struct tap_config *config, char *why, size_t size)
{
	struct tap *t = dev->priv;
	int err;

	t->created = !if_nametoindex(t->name);
	err = tap_attach(t);
	if (err) {
		tap_explain(t, err, why, size);
		return err;
	}
	dev->wake_fd = epoll_create1(EPOLL_CLOEXEC);
	if (dev->wake_fd < 0) {
		fmt(why, size, "tap:%s: no descriptors left", t->name);
		return -E_NFILE;
	}
	err = tap_mtu(dev, config->mtu, why, size);
	if (err)
		return err;
	if (t->exception)
		tap_own(t, dev->mac);
	if (t->created || t->exception)
		tap_bring_up(t);
	tap_watch(dev);
	return 0;
}

int tap_open(struct netdev *dev, struct pool *pool, const struct tap_config *config, char *why,
	     size_t size)
{
	static const struct mac none;
	struct tap *t;
	int err;

	if (strlen(config->name) >= IFNAMSIZ || strchr(config->name, '/') ||
	    strchr(config->name, ' ')) {
		fmt(why, size, "tap:%s: an interface's name has at most %d characters",
		    config->name, IFNAMSIZ - 1);
		return -E_INVAL;
	}
	t = calloc(1, sizeof(*t));
	if (!t) {
		fmt(why, size, "no memory");
		return -E_NOMEM;
	}
	memcpy(t->name, config->name, strlen(config->name));
	t->fd = -1;
	t->plain = config->plain;
	t->exception = config->exception;
	*dev = (struct netdev){
		.ops = &tap_ops,
		.pool = pool,
		.mac = config->mac,
		.features = NETDEV_CHAIN_TX | (config->plain ? 0 : NETDEV_CSUM_TX | NETDEV_CSUM_RX),
		.wake_fd = -1,
		.priv = t,
	};
	fmt(dev->name, sizeof(dev->name), "%s", config->name);
	if (mac_eq(config->mac, none)) {
		port_entropy(dev->mac.b, sizeof(dev->mac.b));
		dev->mac.b[0] = 0x02;	/* administered locally */
	}
	err = tap_set_up(dev, config, why, size);
	if (err)
		tap_close(dev);
	return err;
}
