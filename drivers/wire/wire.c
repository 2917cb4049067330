/* The in-memory cable of wire.h.  Each end has a heap of arrivals ordered by (due, order of
 * sending). */
#include "drivers/wire/wire.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/err.h"
#include "port/port.h"

#define ETH_LEN 14u
#define IN_FLIGHT_DEFAULT 1024u

struct flight {			/* one frame on its way to one end */
	uint64_t order;
	uint32_t len;
	struct impair_delivery delivery;
	uint8_t bytes[];
};

struct end {
	struct wire *wire;
	unsigned index;
	struct netdev dev;
	struct impair impair;	/* of the way here */
	struct flight **heap;
	uint32_t heap_n;
};

struct wire {
	struct wire_config config;
	struct end ends[WIRE_ENDS_MAX];
	uint8_t *memory;
	struct flight **free;	/* a stack */
	struct flight *sending;	/* where tx gathers a chain */
	uint32_t free_n, flights;
	uint64_t order;
	uint32_t frame_max;
};

/* ---- the heap */

static bool before(const struct flight *a, const struct flight *b)
{
	if (a->delivery.at != b->delivery.at)
		return a->delivery.at < b->delivery.at;
	return a->order < b->order;
}

static void heap_push(struct end *e, struct flight *f)
{
	uint32_t i = e->heap_n++;

	for (; i > 0 && before(f, e->heap[(i - 1) / 2]); i = (i - 1) / 2)
		e->heap[i] = e->heap[(i - 1) / 2];
	e->heap[i] = f;
}

static struct flight *heap_pop(struct end *e)
{
	struct flight *first = e->heap[0], *last = e->heap[--e->heap_n];
	uint32_t i = 0;

	for (uint32_t k; (k = 2 * i + 1) < e->heap_n; i = k) {
		if (k + 1 < e->heap_n && before(e->heap[k + 1], e->heap[k]))
			k++;
		if (!before(e->heap[k], last))
			break;
		e->heap[i] = e->heap[k];
	}
	e->heap[i] = last;
	return first;
}

/* ---- departures */

static void tell(struct wire *w, const struct wire_event *e)
{
	if (w->config.on_event)
		w->config.on_event(w->config.ctx, e);
}

static bool depart(struct end *to, const struct flight *f, const struct impair_delivery *d)
{
	struct wire *w = to->wire;
	struct flight *copy;

	if (w->free_n == 0)
		return false;
	copy = w->free[--w->free_n];
	copy->order = w->order++;
	copy->len = f->len;
	copy->delivery = *d;
	mem_copy(copy->bytes, f->bytes, f->len);
	impair_flip(d, copy->bytes, f->len);
	heap_push(to, copy);
	if (w->config.on_due)
		w->config.on_due(w->config.ctx, to->index, d->at);
	return true;
}

static void send_to(struct end *from, struct end *to, const struct flight *f, nsec now)
{
	struct impair_verdict v;
	bool sent = true;

	impair_decide(&to->impair, f->bytes, f->len, now, &v);
	for (uint32_t i = 0; i < v.n; i++)
		sent &= depart(to, f, &v.to[i]);
	if (!sent)
		v.fate = IMPAIR_QUEUE_FULL;
	tell(from->wire, &(struct wire_event){.at = now,
					      .end = from->index,
					      .fate = v.fate,
					      .to = to->index,
					      .bytes = f->bytes,
					      .len = f->len});
}

static void send_one(struct end *from, const struct flight *f, nsec now)
{
	struct wire *w = from->wire;
	struct mac dst;

	mem_copy(dst.b, f->bytes, sizeof(dst.b));
	for (unsigned i = 0; i < w->config.ends; i++)
		if (i != from->index &&
		    (w->config.ends == 2 || mac_is_group(dst) || mac_eq(dst, w->ends[i].dev.mac)))
			send_to(from, &w->ends[i], f, now);
}

static unsigned wire_tx(struct netdev *dev, struct pkt **p, unsigned n)
{
	struct end *e = dev->priv;
	struct wire *w = e->wire;
	nsec now = port_now();
	unsigned take = w->config.tx_max ? MIN(n, w->config.tx_max) : n;

	for (unsigned i = 0; i < take; i++) {
		w->sending->len = pkt_read(p[i], 0, w->sending->bytes, w->frame_max);
		if (w->sending->len != p[i]->total || w->sending->len < ETH_LEN) {
			dev->stats.tx_error++;
		} else {
			dev->stats.tx_frames++;
			dev->stats.tx_bytes += w->sending->len;
			send_one(e, w->sending, now);
		}
		pkt_put(p[i]);
	}
	dev->stats.tx_full += n - take;
	return take;
}

bool wire_inject(struct wire *w, unsigned end, const uint8_t *bytes, uint32_t len, nsec at)
{
	struct impair_delivery d = {.at = at};

	assert(end < w->config.ends);
	if (len > w->frame_max)
		return false;
	w->sending->len = len;
	mem_copy(w->sending->bytes, bytes, len);
	return depart(&w->ends[end], w->sending, &d);
}

/* ---- arrivals */

static struct pkt *to_pkt(struct netdev *dev, const struct flight *f)
{
	struct pkt *p;

	if (f->len < ETH_LEN) {
		dev->stats.rx_runt++;
		return NULL;
	}
	if (f->len > dev->mtu + ETH_LEN) {
		dev->stats.rx_oversize++;
		return NULL;
	}
	p = pkt_new(dev->pool);
	if (p && pkt_write(p, f->bytes, f->len) == 0)
		return p;
	if (p)
		pkt_put(p);
	dev->stats.rx_no_frame++;
	return NULL;
}

static int wire_rx(struct netdev *dev, struct pkt **out, unsigned max)
{
	struct end *e = dev->priv;
	struct wire *w = e->wire;
	nsec now = port_now();
	unsigned n = 0;

	while (n < max && e->heap_n && e->heap[0]->delivery.at <= now) {
		struct flight *f = heap_pop(e);

		tell(w, &(struct wire_event){.at = f->delivery.at,
					     .end = e->index,
					     .arrival = true,
					     .delivery = &f->delivery,
					     .bytes = f->bytes,
					     .len = f->len});
		out[n] = to_pkt(dev, f);
		if (out[n]) {
			dev->stats.rx_frames++;
			dev->stats.rx_bytes += f->len;
			n++;
		}
		w->free[w->free_n++] = f;
	}
	return (int)n;
}

static bool wire_arm(struct netdev *dev)
{
	return wire_due(((struct end *)dev->priv)->wire, ((struct end *)dev->priv)->index) <=
	       port_now();
}

static nsec wire_deadline(struct netdev *dev, nsec now)
{
	struct end *e = dev->priv;

	return wire_due(e->wire, e->index);
}

static void wire_close(struct netdev *dev)
{
	struct end *e = dev->priv;

	while (e->heap_n)
		e->wire->free[e->wire->free_n++] = heap_pop(e);
	dev->up = false;
}

static const struct netdev_ops wire_ops = {
	.kind = "wire",
	.rx = wire_rx,
	.tx = wire_tx,
	.arm = wire_arm,
	.deadline = wire_deadline,
	.close = wire_close,
};

/* ---- the whole */

static void end_init(struct wire *w, unsigned i)
{
	struct end *e = &w->ends[i];
	const struct wire_config *c = &w->config;

	*e = (struct end){.wire = w, .index = i};
	e->heap = calloc(w->flights, sizeof(*e->heap));
	impair_init(&e->impair, &c->faults[i], c->seed + 0x9e3779b97f4a7c15ull * (i + 1));
	e->dev = (struct netdev){.ops = &wire_ops,
				 .mac = c->mac[i],
				 .mtu = c->mtu[i],
				 .features = c->features,
				 .wake_fd = -1,
				 .up = true,
				 .priv = e};
	snprintf(e->dev.name, sizeof(e->dev.name), "%s%u", c->name ? c->name : "wire", i);
}

int wire_new(struct wire **out, const struct wire_config *config)
{
	struct wire *w;
	size_t stride;
	bool ok = true;

	if (config->ends < 2 || config->ends > WIRE_ENDS_MAX)
		return -E_INVAL;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -E_NOMEM;
	w->config = *config;
	w->flights = config->in_flight_max ? config->in_flight_max : IN_FLIGHT_DEFAULT;
	for (unsigned i = 0; i < config->ends; i++) {
		end_init(w, i);
		ok &= w->ends[i].heap != NULL;
		w->frame_max = MAX(w->frame_max, config->mtu[i] + ETH_LEN);
	}
	stride = ALIGN_UP(sizeof(struct flight) + w->frame_max, (size_t)CACHE_LINE);
	w->memory = calloc(w->flights + 1, stride);
	w->free = calloc(w->flights, sizeof(*w->free));
	if (!ok || !w->memory || !w->free) {
		wire_free(w);
		return -E_NOMEM;
	}
	w->sending = (struct flight *)w->memory;
	for (uint32_t i = w->flights; i > 0; i--)
		w->free[w->free_n++] = (struct flight *)(w->memory + i * stride);
	*out = w;
	return 0;
}

void wire_free(struct wire *w)
{
	for (unsigned i = 0; i < w->config.ends; i++)
		free(w->ends[i].heap);
	free(w->free);
	free(w->memory);
	free(w);
}

struct netdev *wire_dev(struct wire *w, unsigned end)
{
	assert(end < w->config.ends);
	return &w->ends[end].dev;
}

struct impair *wire_impair(struct wire *w, unsigned end)
{
	assert(end < w->config.ends);
	return &w->ends[end].impair;
}

nsec wire_due(const struct wire *w, unsigned end)
{
	const struct end *e = &w->ends[end];

	assert(end < w->config.ends);
	return e->heap_n ? e->heap[0]->delivery.at : NSEC_NEVER;
}

uint32_t wire_in_flight(const struct wire *w)
{
	return w->flights - w->free_n;
}
