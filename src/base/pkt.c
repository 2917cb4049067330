/* Packets: what pkt.h does not do inline.
 *
 * A chain owns its pieces through `frag`: each piece holds one reference on the next.  A piece that
 * somebody else holds too outlives the chain's first and keeps those behind it; but one that only
 * slices hold keeps its own bytes alone.  So no arrangement of chains with slices of each other can
 * hold itself, or needs recursion to be freed. */
#include "base/pkt.h"

#include "base/err.h"

size_t pool_bytes(uint32_t frames, uint32_t bare)
{
	size_t n = (size_t)frames + bare;

	return ALIGN_UP(n * sizeof(struct pkt) + n * sizeof(struct pkt *), CACHE_LINE);
}

/* Descriptors [first, first + n) onto a free stack, the lowest on top. */
static void fill_stack(struct pool *pool, struct pkt **stack, uint32_t first, uint32_t n,
		       uint8_t flags)
{
	for (uint32_t i = 0; i < n; i++) {
		struct pkt *p = &pool->pkts[first + i];

		p->pool = pool;
		p->index = flags & PKT_BARE ? i : first + i;
		p->flags = flags;
		p->refs = p->slices = 0;
		stack[n - 1 - i] = p;
	}
}

void pool_init(struct pool *pool, struct region region, uint32_t bare, void *mem)
{
	assert(((uintptr_t)region.base & (FRAME_SIZE - 1)) == 0);
	assert(((uintptr_t)mem & (CACHE_LINE - 1)) == 0);
	mem_zero(pool, sizeof(*pool));
	pool->region = region;
	pool->frames = pool->free_frames_n = pool->free_frames_low = region.frames;
	pool->bare = pool->free_bare_n = bare;
	pool->pkts = mem;
	pool->free_frames = (struct pkt **)(pool->pkts + region.frames + bare);
	pool->free_bare = pool->free_frames + region.frames;
	fill_stack(pool, pool->free_frames, 0, region.frames, 0);
	fill_stack(pool, pool->free_bare, region.frames, bare, PKT_BARE);
}

bool pool_at_rest(const struct pool *pool)
{
	return pool->free_frames_n == pool->frames && pool->free_bare_n == pool->bare;
}

/* Each of a stack's descriptors is free, of the right kind, and there once (its place is written
 * into the descriptor, where nothing of a free one counts). */
static void check_stack(const struct pool *pool, struct pkt **stack, uint32_t n, uint8_t kind)
{
	for (uint32_t i = 0; i < n; i++) {
		assert(stack[i] >= pool->pkts && stack[i] < pool->pkts + pool->frames + pool->bare);
		assert(stack[i]->refs == 0);
		assert((stack[i]->flags & PKT_BARE) == kind);
		stack[i]->len = i;
	}
	for (uint32_t i = 0; i < n; i++)
		assert(stack[i]->len == i);
}

static void check_bytes(const struct pkt *p)
{
	const struct pkt *of = p;

	if (p->flags & PKT_LENT) {
		assert(p->flags & PKT_BARE);
		assert(p->lend->refs > 0);
		return;
	}
	if (p->flags & PKT_BARE) {
		of = p->parent;
		assert(of->slices > 0);
		assert(!(of->flags & PKT_BARE));
	}
	assert(p->data >= pkt_frame(of));
	assert(p->data + p->len <= pkt_frame(of) + FRAME_SIZE);
}

void pool_check(const struct pool *pool)
{
	uint32_t free_n = 0;

	assert(pool->free_frames_n <= pool->frames);
	assert(pool->free_bare_n <= pool->bare);
	assert(pool->free_frames_low <= pool->free_frames_n);
	check_stack(pool, pool->free_frames, pool->free_frames_n, 0);
	check_stack(pool, pool->free_bare, pool->free_bare_n, PKT_BARE);
	for (uint32_t i = 0; i < pool->frames + pool->bare; i++) {
		const struct pkt *p = &pool->pkts[i];

		assert(p->pool == pool);
		assert(p->index == (i < pool->frames ? i : i - pool->frames));
		assert(!(p->flags & PKT_BARE) == (i < pool->frames));
		if (p->refs == 0) {
			free_n++;
			continue;
		}
		assert(p->refs >= p->slices);
		assert(!p->frag || p->refs > p->slices);
		assert(!p->frag || p->frag->refs > p->frag->slices);
		check_bytes(p);
	}
	assert(free_n == pool->free_frames_n + pool->free_bare_n);
}

static struct pkt *bare_new(struct pool *pool, const void *data, uint32_t len)
{
	struct pkt *p;

	if (unlikely(pool->free_bare_n == 0)) {
		pool->empty++;
		return NULL;
	}
	p = pool->free_bare[--pool->free_bare_n];
	p->data = (uint8_t *)(uintptr_t)data;
	p->len = p->total = len;
	p->frag = p->next = NULL;
	p->refs = 1;
	p->flags = PKT_BARE;
	p->if_index = 0;
	p->l3 = 0;
	return p;
}

struct pkt *pkt_lent(struct pool *pool, struct lend *lend, const void *data, uint32_t len)
{
	struct pkt *p = bare_new(pool, data, len);

	if (!p)
		return NULL;
	p->flags = PKT_BARE | PKT_LENT;
	p->lend = lend;
	lend->refs++;
	return p;
}

struct pkt *pkt_slice(struct pkt *of, uint32_t off, uint32_t len)
{
	struct pkt *p, *frame = of->flags & PKT_BARE ? of->parent : of;

	assert(off <= of->len && len <= of->len - off);
	if (of->flags & PKT_LENT)
		return pkt_lent(of->pool, of->lend, of->data + off, len);
	if (unlikely(frame->refs == UINT16_MAX)) {
		of->pool->empty++;
		return NULL;
	}
	p = bare_new(of->pool, of->data + off, len);
	if (!p)
		return NULL;
	p->parent = pkt_get(frame);
	frame->slices++;
	return p;
}

static void lend_put(struct pool *pool, struct lend *lend)
{
	assert(lend->refs > 0);
	if (--lend->refs)
		return;
	lend->next = pool->returned;
	pool->returned = lend;
}

/* Gives back one descriptor that nobody holds. */
static void release(struct pkt *p)
{
	struct pool *pool = p->pool;

	if (!(p->flags & PKT_BARE)) {
		pool->free_frames[pool->free_frames_n++] = p;
		return;
	}
	pool->free_bare[pool->free_bare_n++] = p;
	if (p->flags & PKT_LENT) {
		lend_put(pool, p->lend);
		return;
	}
	assert(p->parent->slices > 0);
	p->parent->slices--;
	if (--p->parent->refs == 0)	/* then it is a frame, and no chain hangs on it any more */
		release(p->parent);
}

void pkt_free_chain(struct pkt *p)
{
	struct pkt *frag;

	for (;;) {
		frag = p->frag;
		p->frag = NULL;
		if (p->refs == 0)
			release(p);
		if (!frag || --frag->refs != frag->slices)
			return;
		p = frag;
	}
}

void pkt_trim(struct pkt *p, uint32_t total)
{
	struct pkt *last = p;
	uint32_t left = total;

	if (total >= p->total)
		return;
	p->total = total;
	while (left > last->len) {
		left -= last->len;
		last = last->frag;
	}
	last->len = left;
	if (last->frag) {
		pkt_put(last->frag);
		last->frag = NULL;
	}
}

/* What belongs to the packet and not to its first piece goes along to its new first piece. */
static void hand_on(struct pkt *to, const struct pkt *from)
{
	const uint8_t own = PKT_BARE | PKT_LENT;

	to->flags = (to->flags & own) | (from->flags & (uint8_t)~own);
	to->if_index = from->if_index;
	to->l3 = from->l3;
	mem_copy(to->cb, from->cb, sizeof(to->cb));
}

struct pkt *pkt_trim_front(struct pkt *p TAKES, uint32_t n)
{
	struct pkt *after;

	assert(n < p->total);
	while (n >= p->len) {
		n -= p->len;
		after = pkt_get(p->frag);
		after->total = p->total - p->len;
		after->next = p->next;
		hand_on(after, p);
		pkt_put(p);
		p = after;
	}
	pkt_pull(p, n);
	return p;
}

void pkt_append(struct pkt *p, struct pkt *tail TAKES)
{
	p->total += tail->total;
	while (p->frag)
		p = p->frag;
	p->frag = tail;
}

uint32_t pkt_read(const struct pkt *p, uint32_t off, void *to, uint32_t n)
{
	uint8_t *at = to;
	uint32_t k, left = n;

	for (; p && off >= p->len; p = p->frag)
		off -= p->len;
	for (; p && left; p = p->frag, off = 0) {
		k = MIN(left, p->len - off);
		mem_copy(at, p->data + off, k);
		at += k;
		left -= k;
	}
	return n - left;
}

int pkt_write(struct pkt *p, const void *from, uint32_t n)
{
	const uint8_t *at = from;
	struct pool *pool = p->pool;
	struct pkt *first = p;
	uint32_t k;

	while (p->frag)
		p = p->frag;
	/* Others' bytes may lie behind the last of a piece that is shared. */
	k = p->refs == 1 ? MIN(n, pkt_tailroom(p)) : 0;
	if (n - k > (uint64_t)pool->free_frames_n * PKT_ROOM) {
		pool->empty++;
		return -E_NOBUFS;
	}
	first->total += n;
	for (;;) {
		mem_copy(p->data + p->len, at, k);
		p->len += k;
		at += k;
		n -= k;
		if (n == 0)
			return 0;
		p = p->frag = pkt_new(pool);
		k = MIN(n, PKT_ROOM);
	}
}

struct pkt *pkt_copy(struct pool *pool, const struct pkt *p)
{
	struct pkt *copy = pkt_new(pool);

	if (!copy)
		return NULL;
	hand_on(copy, p);
	for (const struct pkt *q = p; q; q = q->frag) {
		if (pkt_write(copy, q->data, q->len)) {
			pkt_put(copy);
			return NULL;
		}
	}
	return copy;
}

void pktq_free(struct pktq *q)
{
	struct pkt *p;

	while ((p = pktq_pop(q)))
		pkt_put(p);
}
