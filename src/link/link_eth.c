/* Ethernet: devices, frames in, frames out.
 *
 * Input sorts a burst into runs for one upper protocol; usually the whole burst is one run and
 * the upper gets the driver's array as it is. Output appends to the device's queue;
 * link_flush() rings. Does not know where a neighbour is (link_neigh.c) nor what ARP says
 * (link_arp.c).
 *
 * Always: frames queued for a device fit it, and are in one piece where it asks for that. */
#include "link/link_int.h"

#include "base/err.h"

#define MAC_MASK ((UINT64_C(1) << 48) - 1)
/* The group bits of a frame's first eight bytes, as loaded. */
#define GROUP_DST 1u
#define GROUP_SRC (UINT64_C(1) << 48)
#define INPUT_AHEAD 4u		/* frames whose first bytes are on their way to the cache */

size_t link_bytes(uint32_t neighs_max)
{
	return ALIGN_UP(table_bytes(neighs_max), CACHE_LINE) +
	       neighs_max * sizeof(struct link_neigh);
}

void link_init(struct link *l, struct core *core, uint32_t neighs_max, void *mem)
{
	mem_zero(l, sizeof(*l));
	l->core = core;
	l->generation = 1;
	l->neigh_keep = SEC(300);
	link_neigh_init(l, neighs_max, mem);
}

void link_fini(struct link *l)
{
	link_neigh_fini(l);
	for (unsigned i = 0; i < l->devs_n; i++) {
		struct link_dev *d = &l->devs[i];

		while (d->tx_n)
			pkt_put(d->txq[--d->tx_n]);
	}
}

int link_add_dev(struct link *l, struct netdev *dev)
{
	struct link_dev *d = &l->devs[l->devs_n];

	if (l->devs_n == LINK_DEVS_MAX)
		return -E_NOSPC;
	assert(dev->mtu >= NETDEV_MTU_MIN && dev->mtu <= NETDEV_MTU_MAX);
	assert(!mac_is_group(dev->mac));
	d->dev = dev;
	d->mac = 0;
	mem_copy(&d->mac, dev->mac.b, sizeof(dev->mac.b));
	d->frame_max = dev->mtu + WIRE_ETH_LEN;
	d->chain = dev->features & NETDEV_CHAIN_TX;
	d->bit = 1u << l->devs_n;
	dev->index = (uint8_t)l->devs_n;
	return (int)l->devs_n++;
}

void link_add_upper(struct link *l, uint16_t type, void (*input)(void *, struct pkt **, unsigned),
		    void *self)
{
	assert(l->uppers_n < LINK_UPPERS_MAX && type);
	l->uppers[l->uppers_n++] = (struct link_upper){.type = type, .input = input, .self = self};
}

int link_add_local(struct link *l, const struct addr *addr, uint8_t if_index)
{
	struct link_local *local = &l->locals[l->locals_n];

	assert(if_index < l->devs_n);
	if (l->locals_n == LINK_LOCALS_MAX)
		return -E_NOSPC;
	*local = (struct link_local){.addr = *addr, .if_index = if_index};
	l->locals_n++;
	link_arp_announce(l, local);
	return 0;
}

void link_del_local(struct link *l, const struct addr *addr, uint8_t if_index)
{
	for (unsigned i = 0; i < l->locals_n; i++) {
		if (l->locals[i].if_index != if_index || !addr_eq(&l->locals[i].addr, addr))
			continue;
		l->locals[i] = l->locals[--l->locals_n];
		return;
	}
}

/* ---- input */

static const struct link_upper *upper_of(const struct link *l, uint16_t type)
{
	for (unsigned i = 0; i < l->uppers_n; i++)
		if (l->uppers[i].type == type && type)
			return &l->uppers[i];
	return NULL;
}

/* Judges the header of one frame and takes it off.  *type is the EtherType. */
static inline enum drop eth_header(const struct link_dev *d, struct pkt *p, uint16_t *type)
{
	uint64_t w;

	if (unlikely(p->len < WIRE_ETH_LEN))
		return DROP_LINK_SHORT;
	mem_copy(&w, p->data, sizeof(w));
	if (unlikely((w & (MAC_MASK | GROUP_SRC)) != d->mac)) {
		if ((w & MAC_MASK) != d->mac) {
			if (!(w & GROUP_DST))
				return DROP_LINK_NOT_OURS;
			p->flags |= PKT_LINK_BCAST;
		}
		if (w & GROUP_SRC)
			return DROP_LINK_SRC_GROUP;
	}
	*type = load_be16(p->data + 12);
	pkt_pull(p, WIRE_ETH_LEN);
	return DROP_NOT;
}

void link_input(struct link *l, uint8_t if_index, struct pkt **p, unsigned n)
{
	const struct link_dev *d = &l->devs[if_index];
	const struct link_upper *run = &l->uppers[0], *upper;
	unsigned run_n = 0;	/* p[0..run_n) wait for `run` */
	uint16_t type = 0;

	assert(if_index < l->devs_n);
	for (unsigned i = 0; unlikely(l->tap != NULL) && i < n; i++)
		l->tap(l->tap_self, if_index, p[i], false);
	for (unsigned i = 1; i < MIN(n, INPUT_AHEAD); i++)
		prefetch_r(p[i]->data);
	for (unsigned i = 0; i < n; i++) {
		struct pkt *f = p[i];
		enum drop why;

		if (i + INPUT_AHEAD < n)
			prefetch_r(p[i + INPUT_AHEAD]->data);
		f->if_index = if_index;
		why = eth_header(d, f, &type);
		if (unlikely(why)) {
			core_drop(l->core, why, f);
			continue;
		}
		if (unlikely(type == WIRE_ETH_ARP)) {
			link_arp_input(l, if_index, f);
			continue;
		}
		if (unlikely(run->type != type)) {
			upper = upper_of(l, type);
			if (!upper) {
				core_drop(l->core, DROP_LINK_TYPE, f);
				continue;
			}
			if (run_n)
				run->input(run->self, p, run_n);
			run = upper;
			run_n = 0;
		}
		p[run_n++] = f;
	}
	if (run_n)
		run->input(run->self, p, run_n);
}

/* ---- output */

void link_output_mac(struct link *l, uint8_t if_index, struct mac to, uint16_t type, struct pkt *p)
{
	struct link_dev *d = &l->devs[if_index];

	assert(if_index < l->devs_n);
	wire_eth_write(pkt_push(p, WIRE_ETH_LEN), to, d->dev->mac, type);
	link_enqueue(l, d, p);
}

void link_set_tap(struct link *l, void (*tap)(void *self, uint8_t if_index,
					      const struct pkt *frame, bool out), void *self)
{
	l->tap = tap;
	l->tap_self = self;
}

static COLD void tap_out(struct link *l, struct link_dev *d)
{
	for (unsigned i = d->tapped_n; i < d->tx_n; i++)
		l->tap(l->tap_self, (uint8_t)(d - l->devs), d->txq[i], true);
}

/* Hands the device what is queued; some may have to stay. */
static void flush_dev(struct link *l, struct link_dev *d)
{
	unsigned sent;

	if (unlikely(l->tap != NULL))
		tap_out(l, d);
	sent = d->dev->ops->tx(d->dev, d->txq, d->tx_n);
	assert(sent <= d->tx_n);
	d->tx_n -= sent;
	d->tapped_n = l->tap ? d->tx_n : 0;
	if (likely(!d->tx_n)) {
		l->tx_ready &= ~d->bit;
		return;
	}
	mem_move(d->txq, d->txq + sent, d->tx_n * sizeof(d->txq[0]));
}

COLD void link_enqueue_slow(struct link *l, struct link_dev *d, struct pkt *p)
{
	if (p->total > d->frame_max) {
		core_drop(l->core, DROP_DEV_TX_OVERSIZE, p);
		return;
	}
	if (p->frag && !d->chain) {
		struct pkt *one = pkt_copy(l->core->pool, p);

		if (!one) {
			core_drop(l->core, DROP_POOL_EMPTY, p);
			return;
		}
		pkt_put(p);
		p = one;
		if (p->frag) {		/* longer than a frame, and the device cannot take it */
			core_drop(l->core, DROP_DEV_TX_OVERSIZE, p);
			return;
		}
	}
	if (d->tx_n == LINK_TXQ_MAX)
		flush_dev(l, d);
	if (d->tx_n == LINK_TXQ_MAX) {
		core_drop(l->core, DROP_DEV_TX_FULL, p);
		return;
	}
	d->txq[d->tx_n++] = p;
	l->tx_ready |= d->bit;
}

bool link_flush(struct link *l)
{
	for (uint32_t ready = l->tx_ready; ready; ready &= ready - 1)
		flush_dev(l, &l->devs[__builtin_ctz(ready)]);
	return l->tx_ready != 0;
}

void link_check(const struct link *l)
{
	assert(l->devs_n <= LINK_DEVS_MAX && l->uppers_n <= LINK_UPPERS_MAX);
	assert(l->locals_n <= LINK_LOCALS_MAX);
	assert(l->generation != 0);
	for (unsigned i = 0; i < l->devs_n; i++) {
		const struct link_dev *d = &l->devs[i];

		assert(d->dev->index == i);
		assert(d->tx_n <= LINK_TXQ_MAX);
		assert(!(l->tx_ready & d->bit) == !d->tx_n);
		for (unsigned k = 0; k < d->tx_n; k++) {
			assert(d->txq[k]->refs > 0);
			assert(d->txq[k]->total >= WIRE_ETH_LEN);
			assert(d->txq[k]->total <= d->frame_max);
			assert(d->chain || !d->txq[k]->frag);
		}
	}
	link_neigh_check(l);
}
