/* The stack's pool as DPDK's: a mempool whose operations are pkt_new() and pkt_put().
 *
 * Each packet descriptor has an mbuf, for good.  A driver of DPDK's that allocates takes a free
 * frame; one that frees what it has sent drops the reference that dpdk_tx() handed it.  So neither
 * side has a stock of its own, and a frame goes round as it does with every other link.
 *
 * Always: the mbuf of a frame names its frame; an mbuf whose packet is not with DPDK has refcnt 1,
 * no next, one segment, as drivers expect of what they allocate. */
#include "drivers/dpdk/dpdk_int.h"

#include <rte_errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/fmt.h"
#include "port/port.h"

#define DPDK_OPS "leat"
/* Drivers of DPDK's put received bytes RTE_PKTMBUF_HEADROOM behind buf_addr, and some refuse a
 * buffer that has less than 2016 bytes from there (net_af_packet).  So buf_addr lies before the
 * frame: nothing is written there, and received bytes begin DPDK_LEAD into it. */
#define DPDK_LEAD 32u
#define DPDK_BEFORE (RTE_PKTMBUF_HEADROOM - DPDK_LEAD)

static int dpdk_ops_alloc(struct rte_mempool *mp)
{
	mp->pool_data = mp->pool_config;
	return 0;
}

static void dpdk_ops_free(struct rte_mempool *mp)
{
	(void)mp;
}

/* DPDK is done with these: what it was to send, or what it had taken to receive into. */
static int dpdk_ops_put(struct rte_mempool *mp, void *const *objects, unsigned n)
{
	struct dpdk_mem *m = mp->pool_data;

	if (unlikely(!m->ready))
		return 0;
	for (unsigned i = 0; i < n; i++) {
		uint32_t index = dpdk_index_of(m, objects[i]);

		m->busy[index] = 0;
		pkt_put(&m->pool->pkts[index]);
	}
	return 0;
}

static int dpdk_ops_take(struct rte_mempool *mp, void **objects, unsigned n)
{
	struct dpdk_mem *m = mp->pool_data;

	if (unlikely(!m->ready))	/* rte_mempool_free() takes all and looks at none */
		return 0;
	if (unlikely(m->pool->free_frames_n < n)) {
		m->pool->empty++;
		return -ENOBUFS;
	}
	for (unsigned i = 0; i < n; i++)
		objects[i] = dpdk_mbuf_of(m, pkt_new(m->pool));
	return 0;
}

static unsigned dpdk_ops_count(const struct rte_mempool *mp)
{
	const struct dpdk_mem *m = mp->pool_data;

	return m->ready ? m->pool->free_frames_n : m->n;
}

static const struct rte_mempool_ops dpdk_ops = {
	.name = DPDK_OPS,
	.alloc = dpdk_ops_alloc,
	.free = dpdk_ops_free,
	.enqueue = dpdk_ops_put,
	.dequeue = dpdk_ops_take,
	.get_count = dpdk_ops_count,
};

RTE_INIT(dpdk_ops_register)
{
	rte_mempool_register_ops(&dpdk_ops);
}

/* Called once for each object, in the order of memory. */
static void dpdk_mem_object(struct rte_mempool *mp, void *opaque, void *object, unsigned i)
{
	struct dpdk_mem *m = opaque;
	struct rte_mbuf *b = object;
	bool frame = i < m->pool->frames;

	assert(object == m->mbufs + (size_t)i * DPDK_STRIDE);
	mem_zero(b, sizeof(*b));
	b->pool = mp;
	b->nb_segs = 1;
	b->port = RTE_MBUF_PORT_INVALID;
	rte_mbuf_refcnt_set(b, 1);
	b->buf_len = frame ? FRAME_SIZE + DPDK_BEFORE : UINT16_MAX;
	b->buf_addr =
		frame ? m->pool->region.base + ((size_t)i << FRAME_SHIFT) - DPDK_BEFORE : NULL;
	/* Addresses of the device are our own: rte_eal_init() was told so, or there is no DMA. */
	rte_mbuf_iova_set(b, (rte_iova_t)(uintptr_t)b->buf_addr);
}

static unsigned dpdk_mem_n;	/* names: DPDK wants each to be different */

static int dpdk_mem_populate(struct dpdk_mem *m)
{
	struct rte_pktmbuf_pool_private private = {
		.mbuf_data_room_size = FRAME_SIZE + DPDK_BEFORE,
	};
	char name[RTE_MEMPOOL_NAMESIZE];
	int n;

	snprintf(name, sizeof(name), "leat-%u", dpdk_mem_n++);
	m->mp = rte_mempool_create_empty(name, m->n, sizeof(struct rte_mbuf), 0, sizeof(private),
					 SOCKET_ID_ANY,
					 RTE_MEMPOOL_F_NO_SPREAD | RTE_MEMPOOL_F_NO_IOVA_CONTIG);
	if (!m->mp)
		return -rte_errno;
	if (m->mp->header_size != DPDK_OBJECT_HEAD || m->mp->trailer_size ||
	    m->mp->elt_size != sizeof(struct rte_mbuf))
		return -E_PROTO;	/* not the DPDK that this was compiled for */
	if (rte_mempool_set_ops_byname(m->mp, DPDK_OPS, m))
		return -E_INVAL;
	mem_copy(rte_mempool_get_priv(m->mp), &private, sizeof(private));
	n = rte_mempool_populate_iova(m->mp, m->objects, RTE_BAD_IOVA, m->objects_bytes, NULL,
				      NULL);
	if (n < 0)
		return n;
	if ((uint32_t)n != m->n)
		return -E_NOMEM;
	rte_mempool_obj_iter(m->mp, dpdk_mem_object, m);
	m->ready = true;
	return 0;
}

int dpdk_mem_init(struct dpdk_mem *m, struct pool *pool, char *why, size_t size)
{
	int err = -E_NOMEM;

	*m = (struct dpdk_mem){ .pool = pool, .n = pool->frames + pool->bare };
	m->objects_bytes = (size_t)m->n * DPDK_STRIDE;
	m->objects = port_map(m->objects_bytes, true);
	m->busy = calloc(m->n, 1);
	if (m->objects && m->busy) {
		m->mbufs = (uint8_t *)m->objects + DPDK_OBJECT_HEAD;
		err = dpdk_mem_populate(m);
	}
	if (!err)
		return 0;
	fmt(why, size, "dpdk: no memory for the descriptors of %u frames (error %d)", m->n, -err);
	dpdk_mem_fini(m);
	return err;
}

void dpdk_mem_fini(struct dpdk_mem *m)
{
	m->ready = false;
	if (m->mp)
		rte_mempool_free(m->mp);
	if (m->objects)
		port_unmap(m->objects, m->objects_bytes);
	free(m->busy);
	m->mp = NULL;
	m->objects = m->busy = NULL;
}
