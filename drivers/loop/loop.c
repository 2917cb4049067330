/* The in-memory wire: see loop.h.
 *
 * Each direction is a ring of slots.  The receiver posts empty frames (`posted`), the sender fills
 * them in order (`filled`); each index is written by one side and only grows.  A packet longer than
 * a frame takes several slots, of which all but the last say that more follow, and are published
 * together.
 *
 * Always: filled <= posted <= filled + slots of packets not yet taken; a slot between `taken` and
 * `posted` holds a packet of the receiver's pool. */
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "drivers/loop/loop.h"

#define LOOP_MTU 1500u
#define LOOP_SLOTS 256u
#define LOOP_SLOTS_MAX 4096u
#define ETH_HEADER 14u

struct loop_slot {
	uint8_t *to;		/* written by the receiver: an empty frame's data */
	uint32_t len;		/* written by the sender */
	uint16_t more;		/* the packet goes on in the next slot */
	uint16_t flags;		/* of the packet, of those that go along */
};

struct loop_ring {
	_Atomic uint32_t posted CACHE_ALIGNED;	/* by the receiver */
	_Atomic uint32_t asleep;	/* by the receiver, cleared by the sender who wakes it */
	uint32_t taken;			/* the receiver's own */
	_Atomic uint32_t filled CACHE_ALIGNED;	/* by the sender */
	uint32_t posted_seen;		/* the sender's own: `posted` as it was last seen */
	uint32_t mask;
	uint16_t flags;			/* that go along */
	int wake_fd;			/* of the receiver; -1: it never sleeps */
	struct loop_slot *slots;
	struct pkt **pkts;		/* the receiver's own: what was posted */
};

struct loop_wire {
	struct loop_ring ring[2];	/* [i]: received by side i */
	_Atomic uint32_t open;		/* sides not yet closed */
};

struct loop_side {
	struct loop_wire *wire;
	struct loop_ring *in, *out;
};

/* ---- receiver */

/* Posts as many frames as there is room and memory for; what is missing is posted later. */
static void loop_post(struct loop_ring *r, struct pool *pool)
{
	uint32_t posted = atomic_load_explicit(&r->posted, memory_order_relaxed);
	uint32_t was = posted;

	while (posted - r->taken <= r->mask && pool->free_frames_n > 0) {
		struct pkt *p = pkt_new(pool);

		r->pkts[posted & r->mask] = p;
		r->slots[posted & r->mask].to = p->data;
		posted++;
	}
	if (posted != was)
		atomic_store_explicit(&r->posted, posted, memory_order_release);
}

/* Takes the packet that starts at slot `taken`, which is complete. */
static struct pkt *loop_take(struct loop_ring *r)
{
	struct pkt *head = NULL, **end = &head;
	struct loop_slot *slot;
	uint32_t total = 0;

	do {
		struct pkt *p = r->pkts[r->taken & r->mask];

		slot = &r->slots[r->taken & r->mask];
		p->len = slot->len;
		total += slot->len;
		*end = p;
		end = &p->frag;
		r->taken++;
	} while (slot->more);
	head->flags = (uint8_t)(head->flags | slot->flags);
	head->total = total;
	return head;
}

static int loop_rx(struct netdev *dev, struct pkt **out, unsigned max)
{
	struct loop_side *side = dev->priv;
	struct loop_ring *r = side->in;
	uint32_t filled = atomic_load_explicit(&r->filled, memory_order_acquire);
	unsigned n = 0;

	while (n < max && r->taken != filled) {
		out[n] = loop_take(r);
		dev->stats.rx_frames++;
		dev->stats.rx_bytes += out[n]->total;
		n++;
	}
	loop_post(r, dev->pool);
	return (int)n;
}

static bool loop_arm(struct netdev *dev)
{
	struct loop_side *side = dev->priv;
	struct loop_ring *r = side->in;
	uint64_t count;

	loop_post(r, dev->pool);
	if (r->wake_fd >= 0) {
		if (read(r->wake_fd, &count, sizeof(count)) < 0)
			count = 0;	/* nobody had woken us: as usual */
		atomic_store_explicit(&r->asleep, 1, memory_order_relaxed);
		atomic_thread_fence(memory_order_seq_cst);	/* pairs with loop_ring_bell() */
	}
	return atomic_load_explicit(&r->filled, memory_order_acquire) != r->taken;
}

/* ---- sender */

/* Copies one packet into slots from `at`; returns the slot behind it, or `at` when there are too
 * few. */
static uint32_t loop_fill(struct loop_ring *r, const struct pkt *p, uint32_t at)
{
	uint32_t off = 0, start = at;

	if (r->posted_seen - at < (p->total + PKT_ROOM - 1) / PKT_ROOM) {
		r->posted_seen = atomic_load_explicit(&r->posted, memory_order_acquire);
		if (r->posted_seen - at < (p->total + PKT_ROOM - 1) / PKT_ROOM)
			return start;
	}
	while (off < p->total) {
		struct loop_slot *slot = &r->slots[at & r->mask];

		if (!p->frag) {	/* the usual case, without a walk */
			slot->len = MIN(p->len - off, PKT_ROOM);
			mem_copy(slot->to, p->data + off, slot->len);
		} else {
			slot->len = pkt_read(p, off, slot->to, PKT_ROOM);
		}
		off += slot->len;
		slot->more = off < p->total;
		slot->flags = p->flags & r->flags;
		at++;
	}
	return at;
}

static void loop_ring_bell(struct loop_ring *r)
{
	uint64_t one = 1;

	if (r->wake_fd < 0)
		return;
	atomic_thread_fence(memory_order_seq_cst);	/* pairs with loop_arm() */
	if (!atomic_load_explicit(&r->asleep, memory_order_relaxed))
		return;
	atomic_store_explicit(&r->asleep, 0, memory_order_relaxed);
	if (write(r->wake_fd, &one, sizeof(one)) < 0)
		return;		/* full: then it is awake */
}

static unsigned loop_tx(struct netdev *dev, struct pkt **p, unsigned n)
{
	struct loop_side *side = dev->priv;
	struct loop_ring *r = side->out;
	uint32_t at = atomic_load_explicit(&r->filled, memory_order_relaxed);
	bool alone = atomic_load_explicit(&side->wire->open, memory_order_acquire) < 2;
	unsigned done;

	for (done = 0; done < n; done++) {
		uint32_t next;

		if (unlikely(alone || p[done]->total > (uint32_t)dev->mtu + ETH_HEADER)) {
			dev->stats.tx_error++;
			pkt_put(p[done]);
			continue;
		}
		next = loop_fill(r, p[done], at);
		if (next == at)
			break;
		at = next;
		dev->stats.tx_frames++;
		dev->stats.tx_bytes += p[done]->total;
		pkt_put(p[done]);
	}
	dev->stats.tx_full += n - done;
	atomic_store_explicit(&r->filled, at, memory_order_release);
	loop_ring_bell(r);
	return done;
}

/* ---- opening and closing */

static void loop_free(struct loop_wire *w)
{
	for (int i = 0; i < 2; i++) {
		if (w->ring[i].wake_fd >= 0)
			close(w->ring[i].wake_fd);
		free(w->ring[i].slots);
		free(w->ring[i].pkts);
	}
	free(w);
}

/* What is still on the wire towards this side is lost; what is towards the other side may still be
 * taken.  When the other side is another thread, it must not be sending just now. */
static void loop_close(struct netdev *dev)
{
	struct loop_side *side = dev->priv;
	struct loop_ring *r = side->in;
	uint32_t posted = atomic_load_explicit(&r->posted, memory_order_relaxed);

	while (r->taken != posted)
		pkt_put(r->pkts[r->taken++ & r->mask]);
	if (atomic_fetch_sub(&side->wire->open, 1) == 1)
		loop_free(side->wire);
	free(side);
	dev->priv = NULL;
	dev->up = false;
}

static const struct netdev_ops loop_ops = {
	.kind = "loop",
	.rx = loop_rx,
	.tx = loop_tx,
	.arm = loop_arm,
	.close = loop_close,
};

static struct loop_wire *loop_wire_new(uint32_t slots, bool sleeps, int *err)
{
	struct loop_wire *w = aligned_alloc(CACHE_LINE, sizeof(*w));

	*err = -E_NOMEM;
	if (!w)
		return NULL;
	mem_zero(w, sizeof(*w));
	w->ring[0].wake_fd = w->ring[1].wake_fd = -1;
	atomic_store(&w->open, 2);
	for (int i = 0; i < 2; i++) {
		struct loop_ring *r = &w->ring[i];

		r->mask = slots - 1;
		r->slots = calloc(slots, sizeof(*r->slots));
		r->pkts = calloc(slots, sizeof(struct pkt *));
		if (sleeps && (r->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) < 0)
			*err = -E_NFILE;
		if (!r->slots || !r->pkts || (sleeps && r->wake_fd < 0)) {
			loop_free(w);
			return NULL;
		}
	}
	*err = 0;
	return w;
}

static void loop_side_init(struct netdev *dev, struct loop_side *side, struct loop_wire *w, int i,
			   struct pool *pool, uint32_t mtu)
{
	side->wire = w;
	side->in = &w->ring[i];
	side->out = &w->ring[1 - i];
	*dev = (struct netdev){
		.ops = &loop_ops,
		.pool = pool,
		.mac = { { 0x02, 0x6c, 0x65, 0x61, 0x74, (uint8_t)(i + 1) } },
		.mtu = (uint16_t)mtu,
		.features = NETDEV_CHAIN_TX,
		.wake_fd = w->ring[i].wake_fd,
		.up = true,
		.name = { 'l', 'o', 'o', 'p', (char)('0' + i) },
		.priv = side,
	};
	loop_post(side->in, pool);
}

int loop_open(struct netdev *a, struct pool *pool_a, struct netdev *b, struct pool *pool_b,
	      const struct loop_config *config)
{
	uint32_t mtu = config->mtu ? config->mtu : LOOP_MTU;
	uint32_t slots = config->slots ? config->slots : LOOP_SLOTS;
	struct loop_side *side_a, *side_b;
	struct loop_wire *w;
	int err;

	if (mtu < NETDEV_MTU_MIN || mtu > NETDEV_MTU_MAX || !IS_POW2(slots) ||
	    slots > LOOP_SLOTS_MAX || slots < (mtu + ETH_HEADER + PKT_ROOM - 1) / PKT_ROOM)
		return -E_INVAL;
	side_a = calloc(1, sizeof(*side_a));
	side_b = calloc(1, sizeof(*side_b));
	w = side_a && side_b ? loop_wire_new(slots, config->sleeps, &err) : NULL;
	if (!w) {
		err = side_a && side_b ? err : -E_NOMEM;
		free(side_a);
		free(side_b);
		return err;
	}
	w->ring[0].flags = w->ring[1].flags = config->vouches ? PKT_CSUM_OK : 0;
	loop_side_init(a, side_a, w, 0, pool_a, mtu);
	loop_side_init(b, side_b, w, 1, pool_b, mtu);
	return 0;
}
