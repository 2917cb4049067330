/* The device over a queue of DPDK's: see dpdk.h.
 *
 * Received mbufs are packets already; a packet to be sent has its mbuf filled in and goes as it is,
 * in as many segments as it has pieces.  A piece whose mbuf is with the device already (something
 * is sent again before it has left) goes as a copy.
 *
 * Most drivers of DPDK's cannot wake anybody.  Then the loop's sleeps are naps, which grow while
 * nothing comes: from DPDK_NAP_MIN to DPDK_NAP_MAX, at which an idle stack costs well under a
 * hundredth of a core and the first frame after a silence waits at most that long.
 *
 * Always: busy[i] while mbuf i is with the device to be sent; then the device holds a reference on
 * packet i. */
#include "drivers/dpdk/dpdk_int.h"

#include <rte_cycles.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/byteorder.h"
#include "base/csum.h"
#include "base/err.h"
#include "base/fmt.h"
#include "port/port.h"

#define DPDK_NAP_MIN USEC(10)
#define DPDK_NAP_MAX MSEC(2)
#define DPDK_LOOK MSEC(1)	/* between two looks whether a link is back */
#define DPDK_SEGS_MAX 16u
#define ETH_HEADER 14u
#define IPV4_PROTO 9u

/* ---- receive */

/* The pieces behind the first.  Their mbufs are made ready for the next who allocates them. */
static COLD void dpdk_chain(struct dpdk_queue *q, struct rte_mbuf *b)
{
	struct pkt *head = dpdk_pkt_of(&q->mem, b), *last = head;
	struct rte_mbuf *next = b->next;

	b->next = NULL;
	b->nb_segs = 1;
	while ((b = next)) {
		struct pkt *p = dpdk_pkt_of(&q->mem, b);

		p->data = (uint8_t *)b->buf_addr + b->data_off;
		p->len = b->data_len;
		last->frag = p;
		last = p;
		next = b->next;
		b->next = NULL;
		b->nb_segs = 1;
	}
}

/* Makes a packet of a received mbuf; NULL when it is lost. */
static inline struct pkt *dpdk_take(struct netdev *dev, struct dpdk_queue *q, struct rte_mbuf *b)
{
	struct pkt *p = dpdk_pkt_of(&q->mem, b);

	p->data = (uint8_t *)b->buf_addr + b->data_off;
	p->len = b->data_len;
	p->total = b->pkt_len;
	if (unlikely(b->nb_segs > 1))
		dpdk_chain(q, b);
	if ((b->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD)
		p->flags |= PKT_CSUM_OK;
	if (unlikely(q->partial && p->len > ETH_HEADER && load_be16(p->data + 12) == 0x0800 &&
		     csum_left_out(p->data + ETH_HEADER, p->len - ETH_HEADER)))
		p->flags |= PKT_CSUM_OK;
	if (unlikely(p->total < ETH_HEADER || p->total > (uint32_t)dev->mtu + ETH_HEADER)) {
		if (p->total < ETH_HEADER)
			dev->stats.rx_runt++;
		else
			dev->stats.rx_oversize++;
		pkt_put(p);
		return NULL;
	}
	dev->stats.rx_bytes += p->total;
	return p;
}

/* What came while arming. */
static COLD unsigned dpdk_waited(struct dpdk_queue *q, struct rte_mbuf **to, unsigned max)
{
	unsigned n = MIN(max, q->waiting_n);

	mem_copy(to, q->waiting, n * sizeof(to[0]));
	q->waiting_n = (uint16_t)(q->waiting_n - n);
	mem_move(q->waiting, q->waiting + n, q->waiting_n * sizeof(to[0]));
	return n;
}

static int dpdk_rx(struct netdev *dev, struct pkt **out, unsigned max)
{
	struct dpdk_queue *q = dev->priv;
	struct rte_mbuf *burst[NETDEV_BURST];
	unsigned got, n = 0;

	if (unlikely(q->waiting_n)) {
		got = dpdk_waited(q, burst, max);
	} else if (unlikely(!__atomic_load_n(&q->started, __ATOMIC_ACQUIRE))) {
		return 0;
	} else {
		got = rte_eth_rx_burst(q->port_id, q->id, burst,
				       (uint16_t)MIN(max, NETDEV_BURST));
	}
	if (!got)
		return 0;
	for (unsigned i = 0; i < got; i++) {
		out[n] = dpdk_take(dev, q, burst[i]);
		n += out[n] != NULL;
	}
	dev->stats.rx_frames += n;
	q->nap = DPDK_NAP_MIN;
	return (int)n;
}

/* ---- transmit */

/* What goes out instead when a packet cannot go as it is; NULL when there is no memory. */
static COLD struct pkt *dpdk_copy(struct dpdk_queue *q, struct pkt *p)
{
	return pkt_copy(q->mem.pool, p);
}

/* May the packet go as it is? */
static inline bool dpdk_ready(const struct dpdk_queue *q, const struct pkt *p)
{
	unsigned segs = 0;

	for (; p; p = p->frag, segs++)
		if (unlikely(q->mem.busy[p - q->mem.pool->pkts] ||
			     (q->copies_lent && p->flags & PKT_LENT)))
			return false;
	return segs <= q->segs_max;
}

static inline struct rte_mbuf *dpdk_piece(struct dpdk_queue *q, struct pkt *p)
{
	struct rte_mbuf *b = dpdk_mbuf_of(&q->mem, p);

	q->mem.busy[p - q->mem.pool->pkts] = 1;
	if (unlikely(p->flags & PKT_BARE)) {
		b->buf_addr = p->data;
		b->data_off = 0;
		rte_mbuf_iova_set(b, (rte_iova_t)(uintptr_t)p->data);
	} else {
		b->data_off = (uint16_t)(p->data - (uint8_t *)b->buf_addr);
	}
	b->data_len = (uint16_t)p->len;
	return b;
}

/* RFC 9293 and RFC 768 checksums by the device: where the headers are, and which. The field holds
 * the sum of the pseudo-header. */
static COLD void dpdk_offload(struct rte_mbuf *b, const struct pkt *p)
{
	const uint8_t *ip = p->data + ETH_HEADER;

	b->l2_len = ETH_HEADER;
	b->l3_len = (ip[0] & 15u) * 4u;
	b->ol_flags = RTE_MBUF_F_TX_IPV4 |
		      (ip[IPV4_PROTO] == 6 ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM);
}

/* The mbufs of a packet: each piece but the first gets a reference for the device. */
static inline struct rte_mbuf *dpdk_give(struct dpdk_queue *q, struct pkt *p)
{
	struct rte_mbuf *head = dpdk_piece(q, p), *last = head;

	head->pkt_len = p->total;
	head->ol_flags = 0;
	for (struct pkt *f = p->frag; unlikely(f != NULL); f = f->frag) {
		struct rte_mbuf *b = dpdk_piece(q, pkt_get(f));

		last->next = b;
		last = b;
		head->nb_segs++;
	}
	if (unlikely(p->flags & PKT_CSUM_TODO))
		dpdk_offload(head, p);
	return head;
}

/* The device did not take it: the opposite of dpdk_give(). */
static COLD void dpdk_take_back(struct dpdk_queue *q, struct rte_mbuf *head)
{
	struct rte_mbuf *b = head, *next;

	for (; b; b = next) {
		struct pkt *p = dpdk_pkt_of(&q->mem, b);

		next = b->next;
		b->next = NULL;
		b->nb_segs = 1;
		q->mem.busy[p - q->mem.pool->pkts] = 0;
		if (b != head)
			pkt_put(p);
	}
}

/* Is there a carrier?  Asked when a device takes nothing, and now and then while there is none. */
static bool dpdk_look(struct netdev *dev)
{
	struct dpdk_queue *q = dev->priv;
	struct rte_eth_link link = { 0 };

	q->looked = port_now();
	dev->up = q->started && rte_eth_link_get_nowait(q->port_id, &link) == 0 &&
		     link.link_status == RTE_ETH_LINK_UP;
	return dev->up;
}

static COLD unsigned dpdk_tx_lost(struct netdev *dev, struct pkt **p, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		pkt_put(p[i]);
	dev->stats.tx_error += n;
	return n;
}

/* Up to a burst: how many are with the device. */
static unsigned dpdk_tx_burst(struct netdev *dev, struct pkt **p, unsigned n)
{
	struct dpdk_queue *q = dev->priv;
	struct rte_mbuf *burst[NETDEV_BURST];
	struct pkt *copy_of[NETDEV_BURST];	/* what the copy at this place was made of */
	unsigned k = 0, took;
	uint64_t bytes = 0;

	for (; k < n; k++) {
		struct pkt *out = p[k];

		copy_of[k] = NULL;
		if (unlikely(!dpdk_ready(q, out))) {
			out = dpdk_copy(q, p[k]);
			if (!out)
				break;
			copy_of[k] = p[k];
		}
		burst[k] = dpdk_give(q, out);
		bytes += out->total;
	}
	took = k ? rte_eth_tx_burst(q->port_id, q->id, burst, (uint16_t)k) : 0;
	dev->stats.tx_bytes += bytes;
	for (unsigned i = took; i < k; i++) {
		struct pkt *back = dpdk_pkt_of(&q->mem, burst[i]);

		dpdk_take_back(q, burst[i]);
		dev->stats.tx_bytes -= back->total;
		if (copy_of[i])
			pkt_put(back);
	}
	for (unsigned i = 0; i < took; i++)
		if (unlikely(copy_of[i] != NULL))
			pkt_put(copy_of[i]);
	return took;
}

static unsigned dpdk_tx(struct netdev *dev, struct pkt **p, unsigned n)
{
	struct dpdk_queue *q = dev->priv;
	unsigned done = 0;

	if (unlikely(!dev->up && (port_now() - q->looked < DPDK_LOOK || !dpdk_look(dev))))
		return dpdk_tx_lost(dev, p, n);
	while (done < n) {
		unsigned want = MIN(n - done, NETDEV_BURST);
		unsigned sent = dpdk_tx_burst(dev, p + done, want);

		done += sent;
		if (sent < want)
			break;
	}
	dev->stats.tx_frames += done;
	if (likely(done == n))
		return done;
	if (!dpdk_look(dev))
		return done + dpdk_tx_lost(dev, p + done, n - done);
	dev->stats.tx_full += n - done;
	return done;
}

/* ---- sleep */

/* What the device saw and had no place for. */
static void dpdk_count_overrun(struct netdev *dev)
{
	struct dpdk_queue *q = dev->priv;
	struct rte_eth_stats stats;

	if (q->id == 0 && rte_eth_stats_get(q->port_id, &stats) == 0) {
		dev->stats.rx_overrun += stats.imissed - q->overrun;
		q->overrun = stats.imissed;
	}
}

static bool dpdk_arm(struct netdev *dev)
{
	struct dpdk_queue *q = dev->priv;

	if (!__atomic_load_n(&q->started, __ATOMIC_ACQUIRE) || q->waiting_n)
		return q->waiting_n > 0;
	if (!dev->up && port_now() - q->looked >= DPDK_LOOK)
		dpdk_look(dev);
	if (dev->wake_fd >= 0)
		rte_eth_dev_rx_intr_enable(q->port_id, q->id);
	q->waiting_n = rte_eth_rx_burst(q->port_id, q->id, q->waiting, NETDEV_BURST);
	if (q->waiting_n) {
		q->nap = DPDK_NAP_MIN;
		return true;
	}
	rte_eth_tx_done_cleanup(q->port_id, q->id, 0);
	if (q->nap >= DPDK_NAP_MAX)
		dpdk_count_overrun(dev);
	q->nap = MIN(q->nap * 2, DPDK_NAP_MAX);
	return false;
}

static nsec dpdk_deadline(struct netdev *dev, nsec now)
{
	struct dpdk_queue *q = dev->priv;

	if (q->waiting_n)
		return now;
	return dev->wake_fd >= 0 ? NSEC_NEVER : now + q->nap;
}

/* ---- opening and closing */

static void dpdk_close(struct netdev *dev)
{
	struct dpdk_queue *q = dev->priv;

	for (unsigned i = 0; i < q->waiting_n; i++)
		rte_pktmbuf_free(q->waiting[i]);
	dpdk_port_leave(q->port, q);
	dpdk_mem_fini(&q->mem);
	free(q);
	dev->priv = NULL;
	dev->up = false;
}

static const struct netdev_ops dpdk_ops = {
	.kind = "dpdk",
	.rx = dpdk_rx,
	.tx = dpdk_tx,
	.arm = dpdk_arm,
	.deadline = dpdk_deadline,
	.close = dpdk_close,
};

static uint32_t dpdk_features(const struct dpdk_port *port)
{
	uint64_t rx = port->conf.rxmode.offloads, tx = port->conf.txmode.offloads;
	const uint64_t both = RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;

	return (rx & RTE_ETH_RX_OFFLOAD_TCP_CKSUM ? NETDEV_CSUM_RX : 0u) |
	       ((tx & both) == both ? NETDEV_CSUM_TX : 0u) |
	       (tx & RTE_ETH_TX_OFFLOAD_MULTI_SEGS ? NETDEV_CHAIN_TX : 0u);
}

/* The MTU as asked for, or as the device has it. */
static int dpdk_mtu(const struct dpdk_port *port, uint32_t asked, uint16_t *mtu, char *why,
		    size_t size)
{
	if (!asked)
		return rte_eth_dev_get_mtu(port->id, mtu);
	*mtu = (uint16_t)asked;
	if (asked >= port->info.min_mtu && asked <= port->info.max_mtu)
		return 0;
	fmt(why, size, "dpdk: %s takes MTUs from %u to %u, not %u", port->name, port->info.min_mtu,
	    port->info.max_mtu, asked);
	return -E_INVAL;
}

static int dpdk_fill(struct dpdk_queue *q, struct netdev *dev, const struct dpdk_config *config,
		     char *why, size_t size)
{
	struct dpdk_port *port = q->port;
	struct rte_ether_addr mac = { { 0 } };
	uint16_t mtu = 1500;
	int err = dpdk_mtu(port, config->mtu, &mtu, why, size);

	if (err)
		return err;
	rte_eth_macaddr_get(port->id, &mac);
	*dev = (struct netdev){
		.ops = &dpdk_ops,
		.pool = q->mem.pool,
		.mac = config->mac,
		.mtu = (uint16_t)MIN(MAX(mtu, NETDEV_MTU_MIN), NETDEV_MTU_MAX),
		.features = dpdk_features(port),
		.wake_fd = -1,
		.priv = q,
	};
	if (!config->with_mac)
		mem_copy(dev->mac.b, mac.addr_bytes, sizeof(dev->mac.b));
	/* The address of a TAP is the kernel's end's: ours is its neighbour. */
	if (!config->with_mac && !strcmp(port->info.driver_name, "net_tap"))
		dev->mac.b[5] ^= 1;
	snprintf(dev->name, sizeof(dev->name), "%.31s", port->name);
	q->copies_lent = !port->vdev;
	/* A packet socket shows what the kernel sends before its sum is made. */
	q->partial = !strcmp(port->info.driver_name, "net_af_packet");
	q->segs_max = DPDK_SEGS_MAX;
	if (port->info.tx_desc_lim.nb_mtu_seg_max)
		q->segs_max = MIN(DPDK_SEGS_MAX, port->info.tx_desc_lim.nb_mtu_seg_max);
	if (!(port->conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_MULTI_SEGS))
		q->segs_max = 1;
	return 0;
}

static void dpdk_wake_fd(struct netdev *dev)
{
	struct dpdk_queue *q = dev->priv;
	int fd = q->port->interrupts ? rte_eth_dev_rx_intr_ctl_q_get_fd(q->port_id, q->id) : -1;

	dev->wake_fd = fd >= 0 ? fd : -1;
}

static int dpdk_open(struct netdev *dev, struct pool *pool, const struct dpdk_config *config,
		     char *why, size_t size)
{
	struct dpdk_queue *q = calloc(1, sizeof(*q));
	int err;

	if (!q)
		return -E_NOMEM;
	q->port = dpdk_port_get(config, why, size);
	if (!q->port) {
		free(q);
		return -E_NOENT;
	}
	q->id = config->queue;
	q->port_id = q->port->id;
	q->nap = DPDK_NAP_MIN;
	err = dpdk_mem_init(&q->mem, pool, why, size);
	if (!err)
		err = dpdk_fill(q, dev, config, why, size);
	if (!err)
		err = dpdk_port_join(q->port, q, why, size);
	if (err) {
		dpdk_port_leave(q->port, q);
		dpdk_mem_fini(&q->mem);
		free(q);
		return err;
	}
	if (q->started)
		dpdk_wake_fd(dev);
	dpdk_look(dev);
	return 0;
}

__attribute__((visibility("default"))) const struct dpdk_plugin dpdk_plugin = {
	.abi = DPDK_PLUGIN_ABI,
	.open = dpdk_open,
};
