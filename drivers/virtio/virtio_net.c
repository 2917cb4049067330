/* A virtio network card: see virtio_net.h.
 *
 * Received frames lie where the device wrote them: its header ends where the frame begins, in the
 * headroom of a packet.  Sent frames get the header into their headroom, too, where they have some.
 * The device is told of new buffers once a poll and only when it asks (event index), and asked for
 * interrupts only before a sleep.
 *
 * A device that says what cannot be is reset and set up again; what it held is lost. */
#include "drivers/virtio/virtio_net.h"

#include "base/assert.h"
#include "base/byteorder.h"
#include "base/err.h"
#include "base/mem.h"
#include "drivers/virtio/virtio.h"

#define TYPE_NET 1u
#define PCI_NET_MODERN 0x1041u
#define PCI_NET_BOTH 0x1000u	/* speaks both tongues: its capabilities lead to the modern one */

#define F_CSUM 0
#define F_GUEST_CSUM 1
#define F_MTU 3
#define F_MAC 5
#define F_GUEST_TSO4 7
#define F_MRG_RXBUF 15
#define F_STATUS 16

#define CONFIG_STATUS 6u
#define CONFIG_MTU 10u

#define HDR_NEEDS_CSUM 1u
#define HDR_DATA_VALID 2u
#define GSO_TCP4 1u
#define GSO_ECN 0x80u
#define MTU 1500u
#define FRAME_MIN 14u
#define PIECES_MAX 18u		/* of a frame that is sent, the header among them */
#define RESETS_MAX 16u		/* in a row, without a frame between: then the link is gone */

struct net_hdr {
	uint8_t flags, gso_type;
	uint16_t hdr_len, gso_size, csum_start, csum_offset;
	uint16_t buffers;	/* legacy without mergeable buffers: not there */
};
static_assert(sizeof(struct net_hdr) == 12, "VIRTIO 1.1 5.1.6");

struct virtio_net {
	struct virtio v;
	struct virtio_queue rx, tx;
	struct net_hdr hdr;	/* all zero, for frames without room in front */
	uint32_t hdr_len;
	bool mergeable, armed, stuck;	/* stuck: frames wait for room in the tx ring */
	unsigned resets_row;
	uint64_t resets;
};

bool virtio_net_is(const struct port_hw *hw)
{
	if (hw->vendor != VIRTIO_VENDOR)
		return false;
	if (hw->bus == PORT_HW_VIRTIO_MMIO)
		return hw->device == TYPE_NET;
	return hw->device == PCI_NET_MODERN || hw->device == PCI_NET_BOTH;
}

/* ---- set up */

static void tell(struct virtio_net *n, struct virtio_queue *q)
{
	if (virtio_queue_publish(q))
		virtio_kick(&n->v, q);
}

/* Keeps the device's ring full of empty packets. */
static void refill(struct netdev *dev, struct virtio_net *n)
{
	while (n->rx.free_n > 0) {
		struct pkt *p = pkt_new(dev->pool);
		struct virtio_piece piece;

		if (!p) {
			dev->pool->empty--;	/* nobody was refused: it is tried again */
			break;
		}
		piece = (struct virtio_piece){ p->data - n->hdr_len, PKT_ROOM + n->hdr_len };
		virtio_queue_add(&n->rx, &piece, 1, true, p);
	}
	tell(n, &n->rx);
}

static int set_up(struct netdev *dev, struct virtio_net *n, const struct port_hw *hw)
{
	uint64_t wanted = VIRTIO_BIT(F_CSUM) | VIRTIO_BIT(F_GUEST_CSUM) | VIRTIO_BIT(F_MTU) |
			  VIRTIO_BIT(F_MAC) | VIRTIO_BIT(F_GUEST_TSO4) |
			  VIRTIO_BIT(F_MRG_RXBUF) | VIRTIO_BIT(F_STATUS) |
			  VIRTIO_BIT(VIRTIO_F_EVENT_IDX);
	int err = virtio_open(&n->v, hw, wanted);

	/* What was merged fills several buffers, or it finds none. */
	if (!err && n->v.features & VIRTIO_BIT(F_GUEST_TSO4) &&
	    !(n->v.features & VIRTIO_BIT(F_MRG_RXBUF)))
		err = virtio_open(&n->v, hw, wanted & ~VIRTIO_BIT(F_GUEST_TSO4));
	if (!err)
		err = virtio_queue_open(&n->v, &n->rx, 0);
	if (!err)
		err = virtio_queue_open(&n->v, &n->tx, 1);
	if (err)
		return err;
	n->mergeable = n->v.features & VIRTIO_BIT(F_MRG_RXBUF);
	n->hdr_len = n->v.legacy && !n->mergeable ? 10 : 12;
	for (unsigned i = 0; i < 6 && n->v.features & VIRTIO_BIT(F_MAC); i++)
		dev->mac.b[i] = (uint8_t)virtio_config(&n->v, i, 1);
	if (n->v.features & VIRTIO_BIT(F_MTU))
		dev->mtu = (uint16_t)MIN(virtio_config(&n->v, CONFIG_MTU, 2), MTU);
	dev->features = NETDEV_CHAIN_TX |
			(n->v.features & VIRTIO_BIT(F_CSUM) ? NETDEV_CSUM_TX : 0) |
			(n->v.features & VIRTIO_BIT(F_GUEST_CSUM) ? NETDEV_CSUM_RX : 0);
	dev->up = !(n->v.features & VIRTIO_BIT(F_STATUS)) ||
		  virtio_config(&n->v, CONFIG_STATUS, 2) & 1;
	virtio_start(&n->v);
	refill(dev, n);
	return 0;
}

static void drop_all(struct virtio_queue *q)
{
	struct pkt *p;

	while (q->desc && (p = virtio_queue_recall(q)))
		pkt_put(p);
}

/* It said what cannot be.  0 when it works again. */
static int start_again(struct netdev *dev, struct virtio_net *n)
{
	struct port_hw hw = n->v.hw;

	virtio_reset(&n->v);
	drop_all(&n->rx);
	drop_all(&n->tx);
	n->resets++;
	if (++n->resets_row > RESETS_MAX)
		return -E_NETDOWN;
	return set_up(dev, n, &hw);
}

/* ---- transmit */

/* Frames that are out: their memory is free again. */
static int reap(struct virtio_net *n)
{
	void *p;
	uint32_t len;
	int err;

	while ((err = virtio_queue_take(&n->tx, &p, &len)) > 0)
		pkt_put(p);
	return err;
}

/* Says where the checksum goes: the transport's own header tells (IPv4 only so far). */
static void ask_csum(struct net_hdr *h, const struct pkt *p)
{
	uint32_t ihl = (p->data[14] & 15u) * 4u;

	h->flags = HDR_NEEDS_CSUM;
	h->csum_start = (uint16_t)(14 + ihl);
	h->csum_offset = p->data[23] == 17 ? 6 : 16;
}

/* False: no room.  The header goes in front of the first piece where that is our own. */
static bool send(struct virtio_net *n, struct pkt *p)
{
	struct virtio_piece pieces[PIECES_MAX];
	unsigned k = 0;
	struct pkt *piece = p;

	if (pkt_headroom(p) >= n->hdr_len) {
		struct net_hdr *h = (struct net_hdr *)(p->data - n->hdr_len);

		mem_zero(h, n->hdr_len);
		if (p->flags & PKT_CSUM_TODO)
			ask_csum(h, p);
		pieces[k++] = (struct virtio_piece){ h, p->len + n->hdr_len };
		piece = p->frag;
	} else {
		pieces[k++] = (struct virtio_piece){ &n->hdr, n->hdr_len };
	}
	for (; piece; piece = piece->frag) {
		if (piece->len == 0)
			continue;
		if (k == PIECES_MAX)
			return false;
		pieces[k++] = (struct virtio_piece){ piece->data, piece->len };
	}
	return virtio_queue_add(&n->tx, pieces, k, false, p);
}

static unsigned virtio_net_tx(struct netdev *dev, struct pkt **p, unsigned count)
{
	struct virtio_net *n = dev->priv;
	unsigned i;

	if (reap(n) < 0 && start_again(dev, n) < 0)
		return 0;
	for (i = 0; i < count && send(n, p[i]); i++) {
		dev->stats.tx_frames++;
		dev->stats.tx_bytes += p[i]->total;
	}
	n->stuck = i < count;
	dev->stats.tx_full += count - i;
	tell(n, &n->tx);
	return i;
}

/* ---- receive */

/* The next piece of what the device received, its header still in front; NULL: none, or a lie. */
static struct pkt *next_piece(struct virtio_net *n, int *err)
{
	void *cookie;
	uint32_t len;
	struct pkt *p;

	*err = virtio_queue_take(&n->rx, &cookie, &len);
	if (*err <= 0)
		return NULL;
	p = cookie;
	if (len > PKT_ROOM + n->hdr_len || len == 0) {
		pkt_put(p);
		*err = -E_IO;
		return NULL;
	}
	p->len = p->total = len;
	return p;
}

/* The other pieces of a frame that needed several buffers: they have no header. */
static int gather(struct virtio_net *n, struct pkt *p, unsigned more)
{
	int err;

	while (more--) {
		struct pkt *piece = next_piece(n, &err);

		if (!piece)
			return -E_IO;	/* they come together, VIRTIO 1.1 5.1.6.3.2 */
		piece->data -= n->hdr_len;
		pkt_append(p, piece);
	}
	return 0;
}

/* One frame: 1 (*out may be NULL: it was none), 0: there is none, or an error. */
static int receive(struct netdev *dev, struct virtio_net *n, struct pkt **out)
{
	int err;
	struct pkt *p = next_piece(n, &err);
	struct net_hdr h = { 0 };

	*out = NULL;
	if (!p)
		return err;
	if (p->len < n->hdr_len + FRAME_MIN) {
		dev->stats.rx_runt++;
		pkt_put(p);
		return 1;
	}
	mem_copy(&h, p->data - n->hdr_len, n->hdr_len);
	p->len = p->total = p->len - n->hdr_len;
	if (h.flags & (HDR_NEEDS_CSUM | HDR_DATA_VALID))
		p->flags |= PKT_CSUM_OK;
	if (n->mergeable && h.buffers > 1 && gather(n, p, h.buffers - 1u) < 0) {
		pkt_put(p);
		return -E_IO;
	}
	p->gso = (h.gso_type & ~GSO_ECN) == GSO_TCP4 ? h.gso_size : 0;
	*out = p;
	return 1;
}

/* After a sleep: what woke us, so that the line falls.  -E_IO: the device has given up. */
static int awake(struct netdev *dev, struct virtio_net *n)
{
	n->armed = false;
	if (!virtio_isr(&n->v))
		return 0;
	if (virtio_broken(&n->v))
		return -E_IO;
	if (n->v.features & VIRTIO_BIT(F_STATUS))
		dev->up = virtio_config(&n->v, CONFIG_STATUS, 2) & 1;
	return 0;
}

static int virtio_net_rx(struct netdev *dev, struct pkt **out, unsigned max)
{
	struct virtio_net *n = dev->priv;
	unsigned k = 0;
	int err = 0;

	if (n->armed && awake(dev, n) < 0)
		return start_again(dev, n);
	while (k < max && (err = receive(dev, n, &out[k])) > 0) {
		if (!out[k])
			continue;
		dev->stats.rx_frames++;
		dev->stats.rx_bytes += out[k]->total;
		n->resets_row = 0;
		k++;
	}
	if (err >= 0)
		err = reap(n);
	if (err < 0)
		err = start_again(dev, n);
	else if (n->rx.free_n >= n->rx.size / 8 || k < max)
		refill(dev, n);
	if (err >= 0)
		tell(n, &n->tx);
	return k > 0 || err >= 0 ? (int)k : err;
}

static bool virtio_net_arm(struct netdev *dev)
{
	struct virtio_net *n = dev->priv;

	if (n->stuck)
		virtio_queue_arm(&n->tx);
	virtio_queue_arm(&n->rx);
	n->armed = true;
	port_hw_irq(&n->v.hw);
	virtio_order(&n->v);
	tell(n, &n->rx);
	tell(n, &n->tx);
	return virtio_queue_waits(&n->rx) || (n->stuck && virtio_queue_waits(&n->tx));
}

/* Its memory stays with the device: see port_hw_memory(). */
static void virtio_net_close(struct netdev *dev)
{
	struct virtio_net *n = dev->priv;

	virtio_reset(&n->v);
	drop_all(&n->rx);
	drop_all(&n->tx);
	dev->priv = NULL;
	dev->up = false;
}

uint64_t virtio_net_resets(const struct netdev *dev)
{
	const struct virtio_net *n = dev->priv;

	return n->resets;
}

static const struct netdev_ops virtio_net_ops = {
	.kind = "virtio-net",
	.rx = virtio_net_rx,
	.tx = virtio_net_tx,
	.arm = virtio_net_arm,
	.close = virtio_net_close,
};

int virtio_net_open(struct netdev *dev, struct pool *pool, const struct port_hw *hw)
{
	struct virtio_net *n = port_hw_memory(sizeof(*n));
	int err;

	if (!n)
		return -E_NOMEM;
	*dev = (struct netdev){
		.ops = &virtio_net_ops, .pool = pool, .mtu = MTU, .wake_fd = -1,
		.mac = { { 0x02, 0x6c, 0x65, 0x61, 0x74, 0x01 } },
		.name = "virtio", .priv = n,
	};
	err = set_up(dev, n, hw);
	if (err) {
		drop_all(&n->rx);
		drop_all(&n->tx);
	}
	return err;
}
