/* A device for tests. */
#include "helper/fakedev.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static int fake_rx(struct netdev *dev, struct pkt **out, unsigned max)
{
	struct fakedev *f = dev->priv;
	unsigned n = 0;

	while (n < max && f->in.n)
		out[n++] = pktq_pop(&f->in);
	return (int)n;
}

static void capture(struct fakedev *f, const struct pkt *p)
{
	struct fakedev_frame *to = &f->out[f->out_n % FAKEDEV_OUT_MAX];

	assert(f->out_n - f->out_at < FAKEDEV_OUT_MAX);
	free(to->b);
	*to = (struct fakedev_frame){.n = p->total, .flags = p->flags, .b = malloc(p->total + 1)};
	assert(pkt_read(p, 0, to->b, p->total) == p->total);
	for (; p; p = p->frag)
		to->pieces++;
	f->out_n++;
}

static unsigned fake_tx(struct netdev *dev, struct pkt **p, unsigned n)
{
	struct fakedev *f = dev->priv;

	f->bells++;
	n = MIN(n, f->room);
	for (unsigned i = 0; i < n; i++) {
		assert(p[i]->total <= dev->mtu + 14u);
		assert(!p[i]->frag || dev->features & NETDEV_CHAIN_TX);
		capture(f, p[i]);
		if (f->keep)
			pktq_push(&f->kept, p[i]);
		else
			pkt_put(p[i]);
	}
	if (f->room != UINT_MAX)
		f->room -= n;
	return n;
}

static bool fake_arm(struct netdev *dev)
{
	return ((struct fakedev *)dev->priv)->in.n > 0;
}

static void fake_close(struct netdev *dev)
{
	struct fakedev *f = dev->priv;

	pktq_free(&f->in);
	pktq_free(&f->kept);
}

static const struct netdev_ops fake_ops = {
	.kind = "fake", .rx = fake_rx, .tx = fake_tx, .arm = fake_arm, .close = fake_close,
};

void fakedev_init(struct fakedev *f, struct pool *pool, struct mac mac, uint16_t mtu,
		  uint32_t features)
{
	*f = (struct fakedev){
		.dev = {
			.ops = &fake_ops, .pool = pool, .mac = mac, .mtu = mtu,
			.features = features, .wake_fd = -1, .up = true, .name = "fake0",
			.priv = f,
		},
		.room = UINT_MAX,
	};
}

void fakedev_fini(struct fakedev *f)
{
	fake_close(&f->dev);
	for (unsigned i = 0; i < FAKEDEV_OUT_MAX; i++)
		free(f->out[i].b);
}

struct pkt *fakedev_packet(struct fakedev *f, const void *b, uint32_t n)
{
	struct pkt *p = pkt_new(f->dev.pool);

	if (p)
		memset(p->cb, 0xa5, sizeof(p->cb));	/* nobody cleared it */
	if (p && pkt_write(p, b, n)) {
		pkt_put(p);
		return NULL;
	}
	return p;
}

bool fakedev_put(struct fakedev *f, const void *b, uint32_t n)
{
	struct pkt *p = fakedev_packet(f, b, n);

	if (!p)
		return false;
	f->dev.stats.rx_frames++;
	f->dev.stats.rx_bytes += n;
	pktq_push(&f->in, p);
	return true;
}

const struct fakedev_frame *fakedev_take(struct fakedev *f)
{
	if (f->out_at == f->out_n)
		return NULL;
	return &f->out[f->out_at++ % FAKEDEV_OUT_MAX];
}
