/* Intel's 8254x: see e1000.h.
 *
 * Two rings of descriptors.  The device owns those from its head up to the tail that we write, and
 * writes a bit when it is done with one; only that bit is believed, never the head register.  Tails
 * are written once a poll.  Received frames lie where the device wrote them.
 *
 * The card has no back-pressure: what finds its ring empty is lost, and counted by it.  A
 * transmit ring that does not move ends in a reset. */
#include "drivers/e1000/e1000.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"
#include "drivers/e1000/e1000_regs.h"
#include "port/port.h"

#define VENDOR 0x8086u
#define RING 256u		/* descriptors; a power of two, a multiple of 8 */
#define MASK (RING - 1)
#define BAR 0u
#define FRAME_MAX 1518u		/* with a VLAN tag, without FCS: what the card takes */
#define FRAME_MIN 14u
#define RX_BATCH 32u		/* buffers are given back so many at a time */
#define MODERATION 80u		/* 256 ns: interrupts at least 20 us apart */
#define TX_STALL SEC(2)		/* the card is stuck when nothing left for so long */
#define RESET_WAIT MSEC(10)
#define RESETS_MAX 16u		/* in a row: then the link is gone */

#define WAKES (E1000_INT_RXT0 | E1000_INT_RXO | E1000_INT_RXDMT0 | E1000_INT_LSC)

struct e1000 {
	struct port_hw hw;
	volatile struct e1000_rx_desc *rx;
	volatile struct e1000_tx_desc *tx;
	struct pkt *rx_pkt[RING];	/* NULL: the descriptor is not the card's */
	struct pkt *tx_pkt[RING];	/* at the last descriptor of a frame */
	uint32_t rx_next, rx_fill;	/* to be looked at; to be filled: both only grow */
	uint32_t rx_told;		/* rx_fill as the card knows it */
	uint32_t tx_next, tx_done;	/* to be written; to be looked at */
	uint32_t tx_told;
	uint64_t context;		/* checksums: what the card was told last; 0: nothing */
	nsec tx_moved;			/* when the card last finished one */
	bool armed, stuck;
	unsigned resets_row;
	uint64_t resets;
};

bool e1000_is(const struct port_hw *hw)
{
	static const uint16_t devices[] = { 0x100e, 0x100f, 0x1004, 0x1008, 0x100c, 0x1010, 0x1015,
					    0x1017, 0x101e, 0x1026, 0x1076, 0x107c };

	if (hw->bus != PORT_HW_PCI || hw->vendor != VENDOR || hw->bars[BAR].size == 0)
		return false;
	for (unsigned i = 0; i < ARRAY_LEN(devices); i++)
		if (hw->device == devices[i])
			return true;
	return false;
}

static uint32_t get(const struct e1000 *e, uint32_t reg)
{
	return port_hw_read(&e->hw, BAR, reg, 4);
}

static void put(const struct e1000 *e, uint32_t reg, uint32_t value)
{
	port_hw_write(&e->hw, BAR, reg, 4, value);
}

/* ---- set up */

static void refill(struct netdev *dev, struct e1000 *e)
{
	while (e->rx_fill - e->rx_next < RING - 1) {
		volatile struct e1000_rx_desc *d = &e->rx[e->rx_fill & MASK];
		struct pkt *p = pkt_new(dev->pool);

		if (!p) {
			dev->pool->empty--;	/* nobody was refused: it is tried again */
			break;
		}
		d->addr = port_hw_address(p->data);
		d->status = 0;
		e->rx_pkt[e->rx_fill & MASK] = p;
		e->rx_fill++;
	}
	if (e->rx_fill - e->rx_told < RX_BATCH && e->rx_told - e->rx_next >= RX_BATCH)
		return;
	if (e->rx_told == e->rx_fill)
		return;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	put(e, E1000_RDT, e->rx_fill & MASK);
	e->rx_told = e->rx_fill;
}

/* The card may need a while, and says nothing meanwhile. */
static void reset(struct e1000 *e)
{
	nsec until = port_now() + RESET_WAIT;

	put(e, E1000_IMC, UINT32_MAX);
	put(e, E1000_RCTL, 0);
	put(e, E1000_TCTL, 0);
	put(e, E1000_CTRL, get(e, E1000_CTRL) | E1000_CTRL_RST);
	while (get(e, E1000_CTRL) & E1000_CTRL_RST && port_now() < until)
		;
	put(e, E1000_IMC, UINT32_MAX);
	get(e, E1000_ICR);
}

static void read_mac(const struct e1000 *e, struct mac *mac)
{
	uint32_t low = get(e, E1000_RAL), high = get(e, E1000_RAH);

	for (unsigned i = 0; i < 4; i++)
		mac->b[i] = (uint8_t)(low >> 8 * i);
	mac->b[4] = (uint8_t)high;
	mac->b[5] = (uint8_t)(high >> 8);
}

static void rings(struct e1000 *e)
{
	uint64_t rx = port_hw_address((void *)(uintptr_t)e->rx);
	uint64_t tx = port_hw_address((void *)(uintptr_t)e->tx);

	e->rx_next = e->rx_fill = e->rx_told = 0;
	e->tx_next = e->tx_done = e->tx_told = 0;
	e->context = 0;
	put(e, E1000_RDBAL, (uint32_t)rx);
	put(e, E1000_RDBAH, (uint32_t)(rx >> 32));
	put(e, E1000_RDLEN, RING * sizeof(struct e1000_rx_desc));
	put(e, E1000_RDH, 0);
	put(e, E1000_RDT, 0);
	put(e, E1000_TDBAL, (uint32_t)tx);
	put(e, E1000_TDBAH, (uint32_t)(tx >> 32));
	put(e, E1000_TDLEN, RING * sizeof(struct e1000_tx_desc));
	put(e, E1000_TDH, 0);
	put(e, E1000_TDT, 0);
}

static void set_up(struct netdev *dev, struct e1000 *e)
{
	reset(e);
	mem_zero((void *)(uintptr_t)e->rx, RING * sizeof(*e->rx));
	mem_zero((void *)(uintptr_t)e->tx, RING * sizeof(*e->tx));
	rings(e);
	for (uint32_t i = 0; i < 128; i++)
		put(e, E1000_MTA + 4 * i, 0);
	put(e, E1000_CTRL, get(e, E1000_CTRL) | E1000_CTRL_SLU);
	put(e, E1000_RXCSUM, E1000_RXCSUM_ON);
	put(e, E1000_ITR, MODERATION);
	put(e, E1000_TIPG, E1000_TIPG_COPPER);
	put(e, E1000_TCTL, E1000_TCTL_EN | E1000_TCTL_PSP | E1000_TCTL_CT | E1000_TCTL_COLD);
	/* Buffers of 2 KiB, of which frames of at most FRAME_MAX bytes fill what a packet has. */
	put(e, E1000_RCTL, E1000_RCTL_EN | E1000_RCTL_BAM | E1000_RCTL_SECRC);
	dev->up = get(e, E1000_STATUS) & E1000_STATUS_LU;
	e->tx_moved = port_now();
	refill(dev, e);
}

static void drop_all(struct e1000 *e)
{
	for (unsigned i = 0; i < RING; i++) {
		if (e->rx_pkt[i])
			pkt_put(e->rx_pkt[i]);
		if (e->tx_pkt[i])
			pkt_put(e->tx_pkt[i]);
		e->rx_pkt[i] = e->tx_pkt[i] = NULL;
	}
}

/* 0 when it works again. */
static int start_again(struct netdev *dev, struct e1000 *e)
{
	e->resets++;
	reset(e);
	drop_all(e);
	if (++e->resets_row > RESETS_MAX) {
		dev->up = false;
		return -E_NETDOWN;
	}
	set_up(dev, e);
	return 0;
}

/* ---- transmit */

/* What has left: a report comes for the last frame of each doorbell, and stands for all before. */
static void reap(struct e1000 *e)
{
	uint32_t done = e->tx_done;

	for (uint32_t i = e->tx_done; i != e->tx_told; i++) {
		volatile struct e1000_tx_desc *d = &e->tx[i & MASK];

		if (!(d->cmd_len & E1000_TX_RS))
			continue;
		if (!(d->status & E1000_TX_DD))
			break;
		done = i + 1;
	}
	if (done == e->tx_done)
		return;
	e->tx_moved = port_now();
	for (; e->tx_done != done; e->tx_done++) {
		struct pkt **p = &e->tx_pkt[e->tx_done & MASK];

		if (*p)
			pkt_put(*p);
		*p = NULL;
	}
}

static volatile struct e1000_tx_desc *tx_put(struct e1000 *e, uint64_t addr, uint32_t cmd,
					     uint8_t options)
{
	volatile struct e1000_tx_desc *d = &e->tx[e->tx_next++ & MASK];

	d->addr = addr;
	d->cmd_len = cmd;
	d->status = 0;
	d->options = options;
	d->special = 0;
	return d;
}

/* Tells the card where checksums lie, when it is not what it was told last (IPv4 only so far). */
static void tx_context(struct e1000 *e, const struct pkt *p)
{
	uint64_t l4 = 14 + (p->data[14] & 15u) * 4u;
	bool tcp = p->data[23] == 6;
	uint64_t context = 14 | 24ull << 8 | (l4 - 1) << 16 | l4 << 32 |
			   (l4 + (tcp ? 16 : 6)) << 40;

	if (context == e->context)
		return;
	e->context = context;
	tx_put(e, context, E1000_TX_DEXT | (tcp ? E1000_TX_CONTEXT_TCP : 0), 0);
}

/* Descriptors that a frame takes, one for a context among them. */
static uint32_t tx_needs(const struct pkt *p)
{
	uint32_t n = 1;

	for (; p; p = p->frag)
		n += p->len > 0;
	return n;
}

static bool send(struct e1000 *e, struct pkt *p)
{
	bool csum = p->flags & PKT_CSUM_TODO;
	uint32_t cmd = E1000_TX_IFCS | (csum ? E1000_TX_DEXT | E1000_TX_DATA : 0);
	volatile struct e1000_tx_desc *d = NULL;

	if (e->tx_next - e->tx_done + tx_needs(p) > RING - 1)
		return false;
	if (csum)
		tx_context(e, p);
	for (const struct pkt *piece = p; piece; piece = piece->frag)
		if (piece->len > 0)
			d = tx_put(e, port_hw_address(piece->data), cmd | piece->len,
				   csum ? E1000_TX_TXSM : 0);
	assert(d != NULL);
	d->cmd_len |= E1000_TX_EOP;
	e->tx_pkt[(e->tx_next - 1) & MASK] = p;
	return true;
}

static void doorbell(struct e1000 *e)
{
	if (e->tx_next == e->tx_told)
		return;
	e->tx[(e->tx_next - 1) & MASK].cmd_len |= E1000_TX_RS;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (e->tx_done == e->tx_told)
		e->tx_moved = port_now();	/* it had nothing to do until now */
	put(e, E1000_TDT, e->tx_next & MASK);
	e->tx_told = e->tx_next;
}

static unsigned e1000_tx(struct netdev *dev, struct pkt **p, unsigned n)
{
	struct e1000 *e = dev->priv;
	unsigned i;

	reap(e);
	for (i = 0; i < n && p[i]->total <= FRAME_MAX && send(e, p[i]); i++) {
		dev->stats.tx_frames++;
		dev->stats.tx_bytes += p[i]->total;
	}
	e->stuck = i < n;
	dev->stats.tx_full += n - i;
	doorbell(e);
	return i;
}

/* ---- receive */

static bool good(struct netdev *dev, const volatile struct e1000_rx_desc *d, uint16_t len)
{
	if (d->errors & E1000_RX_ERR_FRAME || !(d->status & E1000_RX_EOP) || len > FRAME_MAX) {
		dev->stats.rx_oversize++;
		return false;
	}
	if (len < FRAME_MIN) {
		dev->stats.rx_runt++;
		return false;
	}
	return true;
}

/* The frame that the card has finished, or NULL: none; *lost says that there was a bad one. */
static struct pkt *receive(struct netdev *dev, struct e1000 *e, bool *lost)
{
	volatile struct e1000_rx_desc *d = &e->rx[e->rx_next & MASK];
	struct pkt *p;
	uint16_t len;

	*lost = false;
	if (e->rx_next == e->rx_told || !(d->status & E1000_RX_DD))
		return NULL;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	p = e->rx_pkt[e->rx_next & MASK];
	e->rx_pkt[e->rx_next & MASK] = NULL;
	e->rx_next++;
	len = d->len;
	if (!good(dev, d, len)) {
		pkt_put(p);
		*lost = true;
		return NULL;
	}
	p->len = p->total = len;
	if ((d->status & (E1000_RX_TCPCS | E1000_RX_IXSM)) == E1000_RX_TCPCS &&
	    !(d->errors & E1000_RX_ERR_CSUM))
		p->flags |= PKT_CSUM_OK;
	return p;
}

/* After a sleep: what woke us, so that the line falls. */
static void awake(struct netdev *dev, struct e1000 *e)
{
	uint32_t why;

	e->armed = false;
	put(e, E1000_IMC, UINT32_MAX);
	why = get(e, E1000_ICR);
	if (why & E1000_INT_LSC)
		dev->up = get(e, E1000_STATUS) & E1000_STATUS_LU;
	if (why & E1000_INT_RXO)
		dev->stats.rx_overrun += get(e, E1000_MPC);
}

static int e1000_rx(struct netdev *dev, struct pkt **out, unsigned max)
{
	struct e1000 *e = dev->priv;
	unsigned k = 0;
	bool lost;

	if (e->armed)
		awake(dev, e);
	while (k < max) {
		out[k] = receive(dev, e, &lost);
		if (!out[k] && !lost)
			break;
		if (lost)
			continue;
		dev->stats.rx_frames++;
		dev->stats.rx_bytes += out[k]->total;
		k++;
	}
	if (k > 0)
		e->resets_row = 0;
	reap(e);
	if (e->rx_fill - e->rx_next < RING - 1)
		refill(dev, e);
	if (e->tx_done != e->tx_told && port_now() - e->tx_moved > TX_STALL)
		return start_again(dev, e);
	return (int)k;
}

static bool e1000_arm(struct netdev *dev)
{
	struct e1000 *e = dev->priv;

	e->armed = true;
	put(e, E1000_IMS, WAKES | (e->stuck ? E1000_INT_TXDW : 0));
	port_hw_irq(&e->hw);
	return e->rx[e->rx_next & MASK].status & E1000_RX_DD && e->rx_next != e->rx_told;
}

static void e1000_close(struct netdev *dev)
{
	struct e1000 *e = dev->priv;

	reset(e);
	drop_all(e);
	dev->priv = NULL;
	dev->up = false;
}

uint64_t e1000_resets(const struct netdev *dev)
{
	const struct e1000 *e = dev->priv;

	return e->resets;
}

static const struct netdev_ops e1000_ops = {
	.kind = "e1000",
	.rx = e1000_rx,
	.tx = e1000_tx,
	.arm = e1000_arm,
	.close = e1000_close,
};

int e1000_open(struct netdev *dev, struct pool *pool, const struct port_hw *hw)
{
	struct e1000 *e = port_hw_memory(sizeof(*e));

	if (!e)
		return -E_NOMEM;
	e->hw = *hw;
	e->rx = port_hw_memory(RING * sizeof(*e->rx));
	e->tx = port_hw_memory(RING * sizeof(*e->tx));
	if (!e->rx || !e->tx)
		return -E_NOMEM;
	*dev = (struct netdev){
		.ops = &e1000_ops, .pool = pool, .mtu = 1500, .wake_fd = -1,
		.features = NETDEV_CHAIN_TX | NETDEV_CSUM_TX | NETDEV_CSUM_RX,
		.name = "e1000", .priv = e,
	};
	set_up(dev, e);
	read_mac(e, &dev->mac);
	return 0;
}
