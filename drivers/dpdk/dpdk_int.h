/* What the files of this folder share: the port (one a device), the queue (one a stack), and the
 * mempool whose objects are the stack's packets. */
#ifndef DRIVERS_DPDK_DPDK_INT_H
#define DRIVERS_DPDK_DPDK_INT_H

#include "drivers/dpdk/dpdk.h"	/* first: DPDK leaves macros alone that are there already */

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#define DPDK_QUEUES_MAX 64u
/* An element of the mempool: DPDK's header of an object, then the mbuf. */
#define DPDK_OBJECT_HEAD 64u
#define DPDK_STRIDE (DPDK_OBJECT_HEAD + sizeof(struct rte_mbuf))

/* mbuf i is pkt i: of the frames first, then of the bare descriptors, as in pool->pkts. */
struct dpdk_mem {
	struct pool *pool;
	struct rte_mempool *mp;
	uint8_t *mbufs;		/* of the first mbuf */
	uint8_t *busy;		/* a pkt: its mbuf is with the device to be sent */
	void *objects;
	size_t objects_bytes;
	uint32_t n;
	bool ready;		/* objects come and go; before, they only come into being */
};

struct dpdk_queue;

/* One device of DPDK's; shared by the threads of its queues while it is opened and closed only. */
struct dpdk_port {
	char name[64];
	uint16_t id, queues, opened;
	bool started;
	bool vdev;		/* no DMA: any memory can be sent */
	bool interrupts;
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	struct dpdk_queue *queue[DPDK_QUEUES_MAX];
	struct dpdk_port *next;
};

struct dpdk_queue {
	struct dpdk_port *port;
	uint16_t id, port_id;
	bool started;		/* the port runs */
	bool partial;		/* sums may be left out: csum_left_out() */
	bool copies_lent;	/* lent memory is not mapped for the device */
	uint16_t segs_max;
	uint16_t waiting_n;
	struct dpdk_mem mem;
	nsec nap, looked;
	uint64_t overrun;
	struct rte_mbuf *waiting[NETDEV_BURST];	/* received while arming */
};

/* dpdk_mem.c */
int dpdk_mem_init(struct dpdk_mem *m, struct pool *pool, char *why, size_t size);
void dpdk_mem_fini(struct dpdk_mem *m);

static inline struct rte_mbuf *dpdk_mbuf_of(const struct dpdk_mem *m, const struct pkt *p)
{
	return (struct rte_mbuf *)(void *)(m->mbufs + (size_t)(p - m->pool->pkts) * DPDK_STRIDE);
}

static inline uint32_t dpdk_index_of(const struct dpdk_mem *m, const struct rte_mbuf *b)
{
	return (uint32_t)(((uintptr_t)b - (uintptr_t)m->mbufs) / DPDK_STRIDE);
}

static inline struct pkt *dpdk_pkt_of(const struct dpdk_mem *m, const struct rte_mbuf *b)
{
	return &m->pool->pkts[dpdk_index_of(m, b)];
}

/* dpdk_eal.c: ports; DPDK itself is begun by the first and never ended. */
struct dpdk_port *dpdk_port_get(const struct dpdk_config *config, char *why, size_t size);
int dpdk_port_join(struct dpdk_port *port, struct dpdk_queue *q, char *why, size_t size);
void dpdk_port_leave(struct dpdk_port *port, struct dpdk_queue *q);

/* dpdk.c */
extern const struct dpdk_plugin dpdk_plugin;

#endif
