/* The AF_PACKET driver: see packet.h.
 *
 * Receives through a ring of TPACKET_V2 slots, each large enough for what the kernel may have
 * merged, and copies out of it once.  Version 3 would pack slots tighter, but hands a block over
 * only when it is full or a millisecond old.  Sends by sendmmsg(2).
 * The transmit ring is not used: the kernel gives its slots back when a socket on this machine
 * takes the frame over, and has not copied it then; bytes would change under the receiver.
 *
 * A filter in the kernel lets in what is for our address or for a group, so that the rest of the
 * interface's traffic costs nothing here.
 *
 * When the interface goes away or down, all is let go, and opened again when it is back: looked for
 * every PACKET_CHECK. */
#include "drivers/packet/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fmt.h"
#include "drivers/vnet/vnet.h"
#include "port/port.h"

#define PACKET_CHECK MSEC(100)
#define PACKET_BLOCK (1u << 20)
#define PACKET_BLOCKS 16u	/* 16 MiB: 240 slots of 64 KiB */
#define PACKET_BLOCKS_PLAIN 2u	/* 1,024 slots for frames of 1,500 bytes */
#define PACKET_SLOT_HEAD 128u	/* of a slot, in front of the frame, at most */
#define PACKET_OUT 16u		/* frames a system call */
#define ETH_HEADER 14u

struct packet {
	char name[IFNAMSIZ];
	int fd;			/* -1: the interface is gone */
	bool plain, all;
	nsec check;		/* when to ask next whether all is well */
	uint8_t *ring;
	size_t ring_bytes;
	uint32_t slot_bytes, slots_block, slots, at;
	struct vnet_frame out[PACKET_OUT];
	unsigned runs[PACKET_OUT];	/* packets in out[i] */
};

/* ---- the socket */

/* Ours, or a group's.  The Ethernet header is there: this is a raw socket. */
static int packet_filter(int fd, struct mac mac)
{
	uint32_t front = load_be32(mac.b);
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 4, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, front, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, load_be16(mac.b + 4), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0x40000),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog program = { .len = ARRAY_LEN(code), .filter = code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
}

static int packet_ring(struct packet *t, int fd, uint32_t mtu)
{
	struct tpacket_req req = { .tp_block_size = PACKET_BLOCK };

	t->slot_bytes = ALIGN_UP((t->plain ? mtu + ETH_HEADER : VNET_FRAME_MAX) + PACKET_SLOT_HEAD,
				 TPACKET_ALIGNMENT);
	t->slots_block = PACKET_BLOCK / t->slot_bytes;
	req.tp_block_nr = t->plain ? PACKET_BLOCKS_PLAIN : PACKET_BLOCKS;
	req.tp_frame_size = t->slot_bytes;
	req.tp_frame_nr = t->slots_block * req.tp_block_nr;
	if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) < 0)
		return -errno;
	t->slots = req.tp_frame_nr;
	t->ring_bytes = (size_t)PACKET_BLOCK * req.tp_block_nr;
	t->ring = mmap(NULL, t->ring_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	t->at = 0;
	return t->ring == MAP_FAILED ? -errno : 0;
}

static int packet_options(struct netdev *dev, int fd, int interface)
{
	const struct packet *t = dev->priv;
	struct packet_mreq promisc = { .mr_ifindex = interface, .mr_type = PACKET_MR_PROMISC };
	int version = TPACKET_V2, one = 1;

	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
	    (!t->plain && setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) < 0) ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc, sizeof(promisc)) < 0 ||
	    (!t->all && packet_filter(fd, dev->mac) < 0))
		return -errno;
	/* What the kernel sends there is not for us.  Old kernels: the filter drops most of it. */
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	/* Past the queueing discipline a frame that the interface cannot cut is dropped, and not
	 * cut in software. */
	if (t->plain)
		setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	return 0;
}

static void packet_release(struct packet *t)
{
	if (t->ring && t->ring != MAP_FAILED)
		munmap(t->ring, t->ring_bytes);
	t->ring = NULL;
	if (t->fd >= 0)
		close(t->fd);		/* leaves the epoll set */
	t->fd = -1;
}

static bool packet_running(int fd, const char *name)
{
	struct ifreq req = { .ifr_flags = 0 };

	memcpy(req.ifr_name, name, sizeof(req.ifr_name));
	return ioctl(fd, SIOCGIFFLAGS, &req) == 0 && req.ifr_flags & IFF_UP;
}

/* Opens everything on the interface of that name. */
static int packet_attach(struct netdev *dev)
{
	struct packet *t = dev->priv;
	struct epoll_event ev = { .events = EPOLLIN };
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int err;

	at.sll_ifindex = (int)if_nametoindex(t->name);
	if (!at.sll_ifindex)
		return -ENODEV;
	/* Protocol 0: nothing comes in before all is set. */
	t->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (t->fd < 0)
		return -errno;
	err = packet_options(dev, t->fd, at.sll_ifindex);
	if (!err)
		err = packet_ring(t, t->fd, dev->mtu);
	if (!err && (bind(t->fd, (void *)&at, sizeof(at)) < 0 ||
		     epoll_ctl(dev->wake_fd, EPOLL_CTL_ADD, t->fd, &ev) < 0))
		err = -errno;
	if (err) {
		packet_release(t);
		return err;
	}
	dev->up = packet_running(t->fd, t->name);
	t->check = port_now() + PACKET_CHECK;
	return 0;
}

static void packet_gone(struct netdev *dev)
{
	struct packet *t = dev->priv;

	packet_release(t);
	t->check = port_now() + PACKET_CHECK;
	dev->up = false;
}

/* From time to time: has the interface gone, has it come back, what did the kernel lose? */
static void packet_look(struct netdev *dev)
{
	struct packet *t = dev->priv;
	struct tpacket_stats lost;
	socklen_t size = sizeof(lost), int_size = sizeof(int);
	nsec now = port_now();
	int err = 0;

	if (now < t->check)
		return;
	t->check = now + PACKET_CHECK;
	if (t->fd < 0) {
		packet_attach(dev);
		return;
	}
	getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &err, &int_size);
	if (!if_nametoindex(t->name)) {
		packet_gone(dev);
		return;
	}
	dev->up = packet_running(t->fd, t->name);
	if (getsockopt(t->fd, SOL_PACKET, PACKET_STATISTICS, &lost, &size) == 0)
		dev->stats.rx_overrun += lost.tp_drops;
}

/* ---- receive */

static struct tpacket2_hdr *packet_slot(const struct packet *t)
{
	uint32_t block = t->at / t->slots_block, in = t->at % t->slots_block;

	return (struct tpacket2_hdr *)(t->ring + (size_t)block * PACKET_BLOCK +
				       (size_t)in * t->slot_bytes);
}

static bool packet_ready(const struct packet *t)
{
	return t->fd >= 0 &&
	       __atomic_load_n(&packet_slot(t)->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER;
}

/* What the kernel says of the frame, in the form of a virtio header. */
static void packet_header(const struct packet *t, const struct tpacket2_hdr *slot,
			  struct vnet_header *h)
{
	*h = (struct vnet_header){ 0 };
	if (!t->plain)
		memcpy(h, (const uint8_t *)slot + slot->tp_mac - sizeof(*h), sizeof(*h));
	else if (slot->tp_status & TP_STATUS_CSUMNOTREADY)
		h->flags = 1;	/* VIRTIO_NET_HDR_F_NEEDS_CSUM */
}

static struct pkt *packet_take(struct netdev *dev, const struct tpacket2_hdr *slot)
{
	const struct packet *t = dev->priv;
	uint32_t n = slot->tp_len;
	struct vnet_header h;
	struct pkt *p;

	packet_header(t, slot, &h);
	if (n < ETH_HEADER) {
		dev->stats.rx_runt++;
		return NULL;
	}
	if (slot->tp_snaplen < n || (n > dev->mtu + ETH_HEADER && !h.gso_type)) {
		dev->stats.rx_oversize++;
		return NULL;
	}
	p = pkt_new(dev->pool);
	if (!p || pkt_write(p, (const uint8_t *)slot + slot->tp_mac, n)) {
		dev->stats.rx_no_frame++;
	} else if (!vnet_take(&h, p)) {
		dev->stats.rx_oversize++;
	} else {
		dev->stats.rx_frames++;
		dev->stats.rx_bytes += n;
		if (t->plain && p->flags & PKT_CSUM_TODO)
			vnet_finish(p);
		return p;
	}
	if (p)
		pkt_put(p);
	return NULL;
}

static int packet_rx(struct netdev *dev, struct pkt **out, unsigned max)
{
	struct packet *t = dev->priv;
	unsigned n = 0;

	for (unsigned i = 0; i < max && packet_ready(t); i++) {
		struct tpacket2_hdr *slot = packet_slot(t);

		out[n] = packet_take(dev, slot);
		n += out[n] != NULL;
		__atomic_store_n(&slot->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		t->at = t->at + 1 == t->slots ? 0 : t->at + 1;
	}
	if (!n)
		packet_look(dev);
	return t->fd < 0 ? -E_NETDOWN : (int)n;
}

/* ---- transmit */

/* Gathers up to PACKET_OUT frames out of p[0..n); returns how many. */
static unsigned packet_gather(struct packet *t, struct pkt **p, unsigned n, struct mmsghdr *m)
{
	unsigned frames = 0;

	for (unsigned at = 0; at < n && frames < PACKET_OUT; frames++) {
		struct vnet_frame *f = &t->out[frames];

		t->runs[frames] = vnet_gather(f, p + at, n - at, !t->plain);
		m[frames].msg_hdr = (struct msghdr){ .msg_iov = f->iov, .msg_iovlen = f->iov_n };
		at += t->runs[frames];
	}
	return frames;
}

/* The packets of one frame are sent, or lost. */
static void packet_done(struct netdev *dev, struct pkt **p, unsigned n, bool sent)
{
	for (unsigned i = 0; i < n; i++) {
		if (sent) {
			dev->stats.tx_frames++;
			dev->stats.tx_bytes += p[i]->total;
		} else {
			dev->stats.tx_error++;
		}
		pkt_put(p[i]);
	}
}

/* Sends a batch of frames.  Returns how many packets are done with; *full: the rest waits. */
static unsigned packet_batch(struct netdev *dev, struct pkt **p, unsigned n, bool *full)
{
	struct packet *t = dev->priv;
	struct mmsghdr m[PACKET_OUT];
	unsigned frames = packet_gather(t, p, n, m), done = 0;
	int sent = t->fd < 0 ? -1 : sendmmsg(t->fd, m, frames, 0);
	int err = t->fd < 0 ? ENETDOWN : errno;

	for (int i = 0; i < sent; i++) {
		packet_done(dev, p + done, t->runs[i], true);
		done += t->runs[i];
	}
	if (sent > 0)		/* the frame that stopped it is the next batch's first */
		return done;
	*full = err == EAGAIN || err == EINTR;
	if (*full)
		return 0;
	/* ENOBUFS: the interface had no room, and has dropped it. */
	if (err == ENXIO || err == ENODEV)
		packet_gone(dev);
	packet_done(dev, p, t->runs[0], false);
	return t->runs[0];
}

static unsigned packet_tx(struct netdev *dev, struct pkt **p, unsigned n)
{
	unsigned done = 0;
	bool full = false;

	while (done < n && !full)
		done += packet_batch(dev, p + done, n - done, &full);
	dev->stats.tx_full += n - done;
	return done;
}

/* ---- sleeping */

static bool packet_arm(struct netdev *dev)
{
	packet_look(dev);
	return packet_ready(dev->priv);
}

/* Without an interface only the clock tells that it may be back.  That it has gone is told by an
 * error on the socket, which wakes. */
static nsec packet_deadline(struct netdev *dev, nsec now)
{
	const struct packet *t = dev->priv;

	(void)now;
	return t->fd < 0 || !dev->up ? t->check : NSEC_NEVER;
}

/* ---- opening and closing */

static void packet_close(struct netdev *dev)
{
	struct packet *t = dev->priv;

	packet_release(t);
	if (dev->wake_fd >= 0)
		close(dev->wake_fd);
	free(t);
	dev->priv = NULL;
	dev->wake_fd = -1;
	dev->up = false;
}

static const struct netdev_ops packet_ops = {
	.kind = "packet",
	.rx = packet_rx,
	.tx = packet_tx,
	.arm = packet_arm,
	.deadline = packet_deadline,
	.close = packet_close,
};

static void packet_explain(const struct packet *t, int err, char *why, size_t size)
{
	if (err == -EPERM || err == -EACCES)
		fmt(why, size, "packet:%s needs CAP_NET_RAW: run as root, or once as root: "
		    "setcap cap_net_raw+ep leat; slirp needs no privilege", t->name);
	else if (err == -ENODEV)
		fmt(why, size, "packet:%s: there is no interface of that name; ip link lists them",
		    t->name);
	else if (err == -ENOMEM)
		fmt(why, size, "packet:%s: the kernel has no memory for the ring", t->name);
	else
		fmt(why, size, "packet:%s cannot be opened: %s", t->name, strerror(-err));
}

static uint16_t packet_mtu(const struct packet *t, uint32_t want)
{
	struct ifreq req = { .ifr_mtu = 1500 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	memcpy(req.ifr_name, t->name, sizeof(req.ifr_name));
	if (fd >= 0) {
		if (ioctl(fd, SIOCGIFMTU, &req) < 0)
			req.ifr_mtu = 1500;
		close(fd);
	}
	if (want)
		return (uint16_t)want;
	return (uint16_t)MAX(MIN(req.ifr_mtu, (int)NETDEV_MTU_MAX), (int)NETDEV_MTU_MIN);
}

int packet_open(struct netdev *dev, struct pool *pool, const struct packet_config *config,
		char *why, size_t size)
{
	static const struct mac none;
	struct packet *t = calloc(1, sizeof(*t));
	int err;

	fmt(why, size, "no memory");
	if (!t)
		return -E_NOMEM;
	fmt(t->name, sizeof(t->name), "%s", config->name);
	t->fd = -1;
	t->plain = config->plain;
	t->all = config->all;
	*dev = (struct netdev){
		.ops = &packet_ops,
		.pool = pool,
		.mac = config->mac,
		.mtu = packet_mtu(t, config->mtu),
		.features = NETDEV_CHAIN_TX | (config->plain ? 0 : NETDEV_CSUM_TX | NETDEV_CSUM_RX),
		.wake_fd = epoll_create1(EPOLL_CLOEXEC),
		.priv = t,
	};
	fmt(dev->name, sizeof(dev->name), "%s", config->name);
	if (mac_eq(config->mac, none)) {
		port_entropy(dev->mac.b, sizeof(dev->mac.b));
		dev->mac.b[0] = 0x02;	/* administered locally */
	}
	err = strlen(config->name) < IFNAMSIZ ? packet_attach(dev) : -ENODEV;
	if (err) {
		packet_explain(t, err, why, size);
		packet_close(dev);
	}
	return err;
}
