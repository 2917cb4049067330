/* What include/leat/ring.h promises, but for leat_submit(): completions, the poll, buffers,
 * facts. */
#include "base/err.h"
#include "ring/ring.h"

unsigned leat_cq_peek(struct leat_ring *ring, const struct leat_cqe **cqe)
{
	const struct socks *s = &ring->socks;
	uint32_t at = s->cq_head & s->cq_mask, n = s->cq_tail - s->cq_head;

	if (unlikely(ring->make))
		return ring->make->cq_peek(ring, cqe);
	*cqe = &s->cqes[at];
	return MIN(n, s->cq_mask + 1 - at);
}

void leat_cq_advance(struct leat_ring *ring, unsigned n)
{
	if (unlikely(ring->make)) {
		ring->make->cq_advance(ring, n);
		return;
	}
	sock_cq_advance(&ring->socks, n);
}

uint64_t leat_poll(struct leat_ring *ring)
{
	if (unlikely(ring->make))
		return ring->make->poll(ring);
	return net_poll(ring->net, ring->now(ring->now_ctx));
}

static uint32_t number_of(const struct leat_cqe *cqe)
{
	return cqe->flags & LEAT_CQE_F_BUFFER ? cqe->flags >> LEAT_CQE_BUFFER_SHIFT : UINT32_MAX;
}

const void *leat_buf_ptr(struct leat_ring *ring, const struct leat_cqe *cqe)
{
	uint32_t number = number_of(cqe);
	const struct pool *pool;

	if (unlikely(ring->make))
		return ring->make->buf_ptr(ring, cqe);
	pool = &ring->net->pool;
	return likely(number < pool->frames + pool->bare) ? pool->pkts[number].data : NULL;
}

void leat_buf_put(struct leat_ring *ring, const struct leat_cqe *cqe)
{
	if (unlikely(ring->make)) {
		ring->make->buf_put(ring, cqe);
		return;
	}
	sock_buf_put(&ring->socks, number_of(cqe));
}

void leat_bufs_put(struct leat_ring *ring, const struct leat_cqe *cqe, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (cqe[i].flags & LEAT_CQE_F_BUFFER)
			leat_buf_put(ring, &cqe[i]);
}

size_t leat_buf_control(struct leat_ring *ring, const struct leat_cqe *cqe, int fd, void *control,
			size_t size)
{
	if (unlikely(ring->make))
		return 0;
	return sock_buf_control(&ring->socks, number_of(cqe), fd, control, size);
}

void leat_buf_from(struct leat_ring *ring, const struct leat_cqe *cqe, struct leat_addr *from)
{
	if (unlikely(ring->make)) {
		*from = (struct leat_addr){0};
		return;
	}
	sock_buf_from(&ring->socks, number_of(cqe), from);
}

int leat_ready(struct leat_ring *ring, int fd)
{
	if (unlikely(ring->make))
		return ring->make->ready(ring, fd);
	return sock_ready(&ring->socks, fd);
}

int leat_ring_getsockname(struct leat_ring *ring, int fd, struct leat_addr *addr)
{
	if (unlikely(ring->make))
		return ring->make->name(ring, fd, addr, false);
	return sock_name(&ring->socks, fd, addr);
}

int leat_ring_getpeername(struct leat_ring *ring, int fd, struct leat_addr *addr)
{
	if (unlikely(ring->make))
		return ring->make->name(ring, fd, addr, true);
	return sock_peer(&ring->socks, fd, addr);
}

int leat_queued(struct leat_ring *ring, int fd, enum leat_queue queue)
{
	if (unlikely(ring->make))
		return ring->make->queued(ring, fd, queue);
	return sock_queued(&ring->socks, fd, queue);
}

int leat_ring_setsockopt(struct leat_ring *ring, int fd, int level, int name, const void *value,
		    uint32_t len)
{
	if (unlikely(ring->make))
		return ring->make->setopt(ring, fd, level, name, value, len);
	return sock_setopt(&ring->socks, fd, level, name, value, len);
}

int leat_ring_getsockopt(struct leat_ring *ring, int fd, int level, int name, void *value,
			 uint32_t *len)
{
	if (unlikely(ring->make))
		return ring->make->getopt(ring, fd, level, name, value, len);
	return sock_getopt(&ring->socks, fd, level, name, value, len);
}

int leat_conn_info(struct leat_ring *ring, int fd, struct leat_conn_info *out)
{
	if (unlikely(ring->make))
		return ring->make->info(ring, fd, out);
	return sock_info(&ring->socks, fd, out);
}
