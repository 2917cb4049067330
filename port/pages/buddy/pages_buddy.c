/* Pages by powers of two (Knowlton 1965): what is given back joins its neighbour again.
 *
 * A byte a page, at the start of each range, says what begins there: a free piece of some order, or
 * nothing.  Free pieces are lists in the free memory itself.  A piece that is not a power of two is
 * cut out of the next larger one, and its rest given back at once.
 *
 * Always: two neighbours of one order that could be one piece are never both free. */
#include "port/pages/pages.h"

#include "base/assert.h"
#include "base/mem.h"

#define FREE 0x80u		/* in a page's byte, with its order */

struct piece {
	struct piece *next, *prev;
};

void pages_init(struct pages *p)
{
	*p = (struct pages){ .ranges_n = 0 };
}

static size_t page_of(const struct pages_range *r, const void *at)
{
	return (size_t)((const uint8_t *)at - r->start) / PAGES_SIZE;
}

static void *page_at(const struct pages_range *r, size_t page)
{
	return r->start + page * PAGES_SIZE;
}

static size_t pages_in(const struct pages_range *r)
{
	return (size_t)(r->end - r->start) / PAGES_SIZE;
}

static void put_in(struct pages *p, struct pages_range *r, size_t page, unsigned order)
{
	struct piece *x = page_at(r, page), *first = p->free[order];

	r->orders[page] = (uint8_t)(FREE | order);
	*x = (struct piece){ .next = first };
	if (first)
		first->prev = x;
	p->free[order] = x;
}

static void take_out(struct pages *p, struct pages_range *r, size_t page, unsigned order)
{
	struct piece *x = page_at(r, page);

	if (x->prev)
		x->prev->next = x->next;
	else
		p->free[order] = x->next;
	if (x->next)
		x->next->prev = x->prev;
	r->orders[page] = 0;
}

/* A piece becomes free, and as large as its neighbours allow. */
static void free_piece(struct pages *p, struct pages_range *r, size_t page, unsigned order)
{
	while (order + 1 < PAGES_ORDERS) {
		size_t buddy = page ^ (size_t)1 << order;

		if (buddy + ((size_t)1 << order) > pages_in(r) ||
		    r->orders[buddy] != (FREE | order))
			break;
		take_out(p, r, buddy, order);
		page &= ~((size_t)1 << order);
		order++;
	}
	put_in(p, r, page, order);
}

/* Any run of pages: the largest aligned pieces that it is made of. */
static void free_run(struct pages *p, struct pages_range *r, size_t page, size_t n)
{
	p->left += (uint64_t)n * PAGES_SIZE;
	while (n > 0) {
		unsigned order = 0;

		while (order + 1 < PAGES_ORDERS && page % ((size_t)2 << order) == 0 &&
		       ((size_t)2 << order) <= n)
			order++;
		free_piece(p, r, page, order);
		page += (size_t)1 << order;
		n -= (size_t)1 << order;
	}
}

void pages_add(struct pages *p, void *start, size_t bytes)
{
	size_t n = bytes / PAGES_SIZE, own = ALIGN_UP(n, (size_t)PAGES_SIZE) / PAGES_SIZE;
	struct pages_range *r = &p->ranges[p->ranges_n];

	assert((uintptr_t)start % PAGES_SIZE == 0 && bytes % PAGES_SIZE == 0);
	if (p->ranges_n == PAGES_RANGES_MAX || n <= own)
		return;
	p->ranges_n++;
	*r = (struct pages_range){ .start = (uint8_t *)start + own * PAGES_SIZE,
				   .end = (uint8_t *)start + bytes, .orders = start };
	mem_zero(r->orders, n);
	free_run(p, r, 0, n - own);
}

static struct pages_range *range_of(struct pages *p, const void *at)
{
	for (unsigned i = 0; i < p->ranges_n; i++)
		if ((const uint8_t *)at >= p->ranges[i].start &&
		    (const uint8_t *)at < p->ranges[i].end)
			return &p->ranges[i];
	return NULL;
}

void *pages_get(struct pages *p, size_t bytes)
{
	size_t n = ALIGN_UP(bytes, (size_t)PAGES_SIZE) / PAGES_SIZE, page;
	unsigned order = 0, have;
	struct pages_range *r;
	void *at;

	while (((size_t)1 << order) < n)
		if (++order == PAGES_ORDERS)
			return NULL;
	for (have = order; have < PAGES_ORDERS && !p->free[have]; have++)
		;
	if (n == 0 || have == PAGES_ORDERS)
		return NULL;
	at = p->free[have];
	r = range_of(p, at);
	page = page_of(r, at);
	take_out(p, r, page, have);
	p->left -= (uint64_t)PAGES_SIZE << have;
	free_run(p, r, page + n, ((size_t)1 << have) - n);
	return at;
}

void pages_put(struct pages *p, void *mem, size_t bytes)
{
	struct pages_range *r = range_of(p, mem);

	assert(r != NULL);
	free_run(p, r, page_of(r, mem), ALIGN_UP(bytes, (size_t)PAGES_SIZE) / PAGES_SIZE);
}

uint64_t pages_left(const struct pages *p)
{
	return p->left;
}
