/* Realtek's RTL8139: see rtl8139.h.
 *
 * A card that copies: received frames lie one behind the other in a ring of 64 KiB, and each is
 * copied out; frames to send are copied into one of four slots.  The card says how long a frame is
 * and where the next one begins: both are checked, and when they make no sense it is reset, because
 * nothing behind them can be found. */
#include "drivers/rtl8139/rtl8139.h"

#include "base/err.h"
#include "base/mem.h"
#include "drivers/rtl8139/rtl8139_regs.h"
#include "port/port.h"

#define VENDOR 0x10ecu
#define DEVICE 0x8139u
#define SLOTS 4u
#define SLOT_BYTES 2048u
#define RING 65536u
#define RING_SPARE (16u + 2048u)	/* a frame that begins at the end goes on behind it */
#define FRAME_MAX 1518u
#define FRAME_MIN 14u
#define WIRE_MIN 60u		/* shorter frames are filled up: the card does not */
#define FCS 4u
#define RESET_TRIES 100000u
#define TX_STALL SEC(2)
#define RESETS_MAX 16u		/* in a row: then the link is gone */

#define WAKES (RTL8139_INT_ROK | RTL8139_INT_RER | RTL8139_INT_RXOVW | RTL8139_INT_FOVW | \
	       RTL8139_INT_LINK)

struct rtl8139 {
	struct port_hw hw;
	unsigned bar;		/* the first that is there: ports or memory */
	uint8_t *ring, *slots;
	uint32_t at;		/* in the ring, of the next frame */
	uint32_t tx_next, tx_done;	/* frames given and finished: both only grow */
	nsec tx_moved;
	bool armed, stuck;
	unsigned resets_row;
	uint64_t resets;
};

bool rtl8139_is(const struct port_hw *hw)
{
	return hw->bus == PORT_HW_PCI && hw->vendor == VENDOR && hw->device == DEVICE &&
	       (hw->bars[0].size || hw->bars[1].size);
}

static uint32_t get(const struct rtl8139 *r, uint32_t reg, unsigned bytes)
{
	return port_hw_read(&r->hw, r->bar, reg, bytes);
}

static void put(const struct rtl8139 *r, uint32_t reg, unsigned bytes, uint32_t value)
{
	port_hw_write(&r->hw, r->bar, reg, bytes, value);
}

/* ---- set up */

static void reset(struct rtl8139 *r)
{
	put(r, RTL8139_CR, 1, RTL8139_CR_RST);
	for (unsigned i = 0; i < RESET_TRIES && get(r, RTL8139_CR, 1) & RTL8139_CR_RST; i++)
		;
	put(r, RTL8139_IMR, 2, 0);
	put(r, RTL8139_ISR, 2, 0xffff);
}

static void set_up(struct netdev *dev, struct rtl8139 *r)
{
	put(r, RTL8139_CONFIG1, 1, 0);	/* awake */
	reset(r);
	r->at = 0;
	r->tx_next = r->tx_done = 0;
	r->tx_moved = port_now();
	put(r, RTL8139_RBSTART, 4, (uint32_t)port_hw_address(r->ring));
	for (uint32_t i = 0; i < SLOTS; i++)
		put(r, RTL8139_TSAD + 4 * i, 4,
		    (uint32_t)port_hw_address(r->slots + i * SLOT_BYTES));
	put(r, RTL8139_CR, 1, RTL8139_CR_RE | RTL8139_CR_TE);
	put(r, RTL8139_RCR, 4, RTL8139_RCR_APM | RTL8139_RCR_AB | RTL8139_RCR_WRAP |
	    RTL8139_RCR_MXDMA | RTL8139_RCR_64K | RTL8139_RCR_NO_THRESHOLD);
	put(r, RTL8139_TCR, 4, RTL8139_TCR_MXDMA | RTL8139_TCR_IFG);
	dev->up = !(get(r, RTL8139_MSR, 1) & RTL8139_MSR_LINKB);
}

static int start_again(struct netdev *dev, struct rtl8139 *r)
{
	r->resets++;
	if (++r->resets_row > RESETS_MAX) {
		reset(r);
		dev->up = false;
		return -E_NETDOWN;
	}
	set_up(dev, r);
	return 0;
}

/* ---- transmit */

static void reap(struct rtl8139 *r)
{
	while (r->tx_done != r->tx_next) {
		uint32_t status = get(r, RTL8139_TSD + 4 * (r->tx_done % SLOTS), 4);

		if (!(status & (RTL8139_TSD_TOK | RTL8139_TSD_OWN)))
			break;
		r->tx_done++;
		r->tx_moved = port_now();
	}
}

static void send(struct rtl8139 *r, const struct pkt *p)
{
	uint32_t slot = r->tx_next++ % SLOTS, n = p->total;
	uint8_t *to = r->slots + slot * SLOT_BYTES;

	pkt_read(p, 0, to, n);
	if (n < WIRE_MIN) {
		mem_zero(to + n, WIRE_MIN - n);
		n = WIRE_MIN;
	}
	__atomic_thread_fence(__ATOMIC_RELEASE);
	put(r, RTL8139_TSD + 4 * slot, 4, n);	/* and off it goes */
}

static unsigned rtl8139_tx(struct netdev *dev, struct pkt **p, unsigned n)
{
	struct rtl8139 *r = dev->priv;
	unsigned i;

	reap(r);
	for (i = 0; i < n; i++) {
		if (r->tx_next - r->tx_done == SLOTS)
			reap(r);
		if (r->tx_next - r->tx_done == SLOTS)
			break;
		if (r->tx_next == r->tx_done)
			r->tx_moved = port_now();
		if (p[i]->total <= FRAME_MAX) {
			dev->stats.tx_frames++;
			dev->stats.tx_bytes += p[i]->total;
			send(r, p[i]);
		} else {
			dev->stats.tx_error++;
		}
		pkt_put(p[i]);
	}
	r->stuck = i < n;
	dev->stats.tx_full += n - i;
	return i;
}

/* ---- receive */

/* 1 (*out may be NULL: there was no memory), 0: there is none, -E_IO: it makes no sense. */
static int receive(struct netdev *dev, struct rtl8139 *r, struct pkt **out)
{
	const uint8_t *at = r->ring + r->at;
	uint32_t status, len;

	*out = NULL;
	if (get(r, RTL8139_CR, 1) & RTL8139_CR_BUFE)
		return 0;
	status = at[0] | (uint32_t)at[1] << 8;
	len = at[2] | (uint32_t)at[3] << 8;
	if (!(status & RTL8139_RX_ROK) || len < FRAME_MIN + FCS || len > FRAME_MAX + FCS)
		return -E_IO;
	*out = pkt_new(dev->pool);
	if (*out) {
		(*out)->len = (*out)->total = len - FCS;
		mem_copy((*out)->data, at + 4, len - FCS);
	} else {
		dev->stats.rx_no_frame++;
	}
	r->at = ALIGN_UP(r->at + 4 + len, 4u) % RING;
	put(r, RTL8139_CAPR, 2, (r->at - 16) & 0xffff);
	return 1;
}

/* After a sleep: what woke us, so that the line falls. */
static void awake(struct netdev *dev, struct rtl8139 *r)
{
	uint32_t why = get(r, RTL8139_ISR, 2);

	r->armed = false;
	put(r, RTL8139_IMR, 2, 0);
	put(r, RTL8139_ISR, 2, why);
	if (why & RTL8139_INT_LINK)
		dev->up = !(get(r, RTL8139_MSR, 1) & RTL8139_MSR_LINKB);
	if (why & (RTL8139_INT_RXOVW | RTL8139_INT_FOVW)) {
		dev->stats.rx_overrun += get(r, RTL8139_MPC, 4) & 0xffffff;
		put(r, RTL8139_MPC, 4, 0);
	}
}

static int rtl8139_rx(struct netdev *dev, struct pkt **out, unsigned max)
{
	struct rtl8139 *r = dev->priv;
	unsigned k = 0;
	int err = 0;

	if (r->armed)
		awake(dev, r);
	for (unsigned i = 0; i < max && (err = receive(dev, r, &out[k])) > 0; i++) {
		if (!out[k])
			continue;
		dev->stats.rx_frames++;
		dev->stats.rx_bytes += out[k]->total;
		r->resets_row = 0;
		k++;
	}
	if (err >= 0 && r->tx_done != r->tx_next) {
		reap(r);
		if (r->tx_done != r->tx_next && port_now() - r->tx_moved > TX_STALL)
			err = -E_IO;
	}
	if (err < 0)
		err = start_again(dev, r);
	return k > 0 || err >= 0 ? (int)k : err;
}

static bool rtl8139_arm(struct netdev *dev)
{
	struct rtl8139 *r = dev->priv;

	r->armed = true;
	put(r, RTL8139_IMR, 2, WAKES | (r->stuck ? RTL8139_INT_TOK | RTL8139_INT_TER : 0));
	port_hw_irq(&r->hw);
	return !(get(r, RTL8139_CR, 1) & RTL8139_CR_BUFE);
}

static void rtl8139_close(struct netdev *dev)
{
	reset(dev->priv);
	dev->priv = NULL;
	dev->up = false;
}

uint64_t rtl8139_resets(const struct netdev *dev)
{
	const struct rtl8139 *r = dev->priv;

	return r->resets;
}

static const struct netdev_ops rtl8139_ops = {
	.kind = "rtl8139",
	.rx = rtl8139_rx,
	.tx = rtl8139_tx,
	.arm = rtl8139_arm,
	.close = rtl8139_close,
};

int rtl8139_open(struct netdev *dev, struct pool *pool, const struct port_hw *hw)
{
	struct rtl8139 *r = port_hw_memory(sizeof(*r));

	if (!r)
		return -E_NOMEM;
	r->hw = *hw;
	r->bar = hw->bars[1].size ? 1 : 0;
	r->ring = port_hw_memory(RING + RING_SPARE);
	r->slots = port_hw_memory(SLOTS * SLOT_BYTES);
	if (!r->ring || !r->slots)
		return -E_NOMEM;
	*dev = (struct netdev){
		.ops = &rtl8139_ops, .pool = pool, .mtu = 1500, .wake_fd = -1,
		.features = NETDEV_CHAIN_TX, .name = "rtl8139", .priv = r,
	};
	for (unsigned i = 0; i < 6; i++)
		dev->mac.b[i] = (uint8_t)get(r, RTL8139_IDR + i, 1);
	set_up(dev, r);
	return 0;
}
