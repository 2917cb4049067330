/* A socket of AF_XDP, its memory and its four rings: opening and closing.
 *
 *   fill        we give the kernel empty frames        rx   it gives them back with a frame in
 *   tx          we give it frames to send      completion   it gives them back when they have left
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "drivers/xdp/xdp_int.h"

static int xdp_ring_map(int fd, struct xdp_ring *r, const struct xdp_ring_offset *at,
			uint32_t slots, size_t slot, off_t where)
{
	uint8_t *map;

	r->map_bytes = at->desc + slots * slot;
	map = mmap(NULL, r->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
		   where);
	if (map == MAP_FAILED)
		return -errno;
	r->map = map;
	r->producer = (uint32_t *)(void *)(map + at->producer);
	r->consumer = (uint32_t *)(void *)(map + at->consumer);
	r->flags = (uint32_t *)(void *)(map + at->flags);
	r->slots = map + at->desc;
	r->mask = slots - 1;
	r->mine = r->theirs = 0;
	return 0;
}

static int xdp_rings_set(int fd, int option, uint32_t slots)
{
	return setsockopt(fd, SOL_XDP, option, &slots, sizeof(slots)) < 0 ? -errno : 0;
}

static int xdp_rings_map(struct xdp_rings *g, uint32_t n)
{
	struct xdp_mmap_offsets at;
	socklen_t size = sizeof(at);
	int err;

	if (getsockopt(g->fd, SOL_XDP, XDP_MMAP_OFFSETS, &at, &size) < 0)
		return -errno;
	err = xdp_ring_map(g->fd, &g->fill, &at.fr, n, 8, (off_t)XDP_UMEM_PGOFF_FILL_RING);
	if (!err)
		err = xdp_ring_map(g->fd, &g->completion, &at.cr, n, 8,
				   (off_t)XDP_UMEM_PGOFF_COMPLETION_RING);
	if (!err)
		err = xdp_ring_map(g->fd, &g->rx, &at.rx, n, sizeof(struct xdp_desc),
				   XDP_PGOFF_RX_RING);
	if (!err)
		err = xdp_ring_map(g->fd, &g->tx, &at.tx, n, sizeof(struct xdp_desc),
				   (off_t)XDP_PGOFF_TX_RING);
	return err;
}

int xdp_rings_open(struct xdp_rings *g, const struct region *region, uint32_t slots)
{
	struct xdp_umem_reg memory = {
		.addr = (uintptr_t)region->base,
		.len = (uint64_t)region->frames << FRAME_SHIFT,
		.chunk_size = FRAME_SIZE,
	};
	int err;

	*g = (struct xdp_rings){ .fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0) };
	if (g->fd < 0)
		return -errno;
	err = setsockopt(g->fd, SOL_XDP, XDP_UMEM_REG, &memory, sizeof(memory)) < 0 ? -errno : 0;
	if (!err)
		err = xdp_rings_set(g->fd, XDP_UMEM_FILL_RING, slots);
	if (!err)
		err = xdp_rings_set(g->fd, XDP_UMEM_COMPLETION_RING, slots);
	if (!err)
		err = xdp_rings_set(g->fd, XDP_RX_RING, slots);
	if (!err)
		err = xdp_rings_set(g->fd, XDP_TX_RING, slots);
	if (!err)
		err = xdp_rings_map(g, slots);
	if (err)
		xdp_rings_close(g);
	return err;
}

int xdp_rings_bind(struct xdp_rings *g, unsigned ifindex, uint32_t queue, uint16_t flags)
{
	struct sockaddr_xdp to = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = flags,
		.sxdp_ifindex = ifindex,
		.sxdp_queue_id = queue,
	};

	return bind(g->fd, (struct sockaddr *)&to, sizeof(to)) < 0 ? -errno : 0;
}

void xdp_rings_close(struct xdp_rings *g)
{
	struct xdp_ring *all[] = { &g->fill, &g->completion, &g->rx, &g->tx };

	for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
		if (all[i]->map)
			munmap(all[i]->map, all[i]->map_bytes);
		all[i]->map = NULL;
	}
	if (g->fd >= 0)
		close(g->fd);
	g->fd = -1;
}
