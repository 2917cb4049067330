/* Pages by a hand that only moves on: the smallest allocator there is, for a machine that takes all
 * its memory at the start. */
#include "port/pages/pages.h"

#include "base/assert.h"

void pages_init(struct pages *p)
{
	p->ranges_n = 0;
	p->left = 0;
}

void pages_add(struct pages *p, void *start, size_t bytes)
{
	assert((uintptr_t)start % PAGES_SIZE == 0 && bytes % PAGES_SIZE == 0);
	if (p->ranges_n == PAGES_RANGES_MAX)
		return;
	p->ranges[p->ranges_n++] = (struct pages_range){
		.start = start, .next = start, .end = (uint8_t *)start + bytes,
	};
	p->left += bytes;
}

void *pages_get(struct pages *p, size_t bytes)
{
	bytes = ALIGN_UP(bytes, (size_t)PAGES_SIZE);
	for (unsigned i = 0; i < p->ranges_n; i++) {
		struct pages_range *r = &p->ranges[i];
		uint8_t *at = r->next;

		if ((size_t)(r->end - at) < bytes || bytes == 0)
			continue;
		r->next += bytes;
		p->left -= bytes;
		return at;
	}
	return NULL;
}

void pages_put(struct pages *p, void *mem, size_t bytes)
{
	bytes = ALIGN_UP(bytes, (size_t)PAGES_SIZE);
	for (unsigned i = 0; i < p->ranges_n; i++) {
		struct pages_range *r = &p->ranges[i];

		if ((uint8_t *)mem + bytes != r->next || (uint8_t *)mem < r->start)
			continue;
		r->next = mem;
		p->left += bytes;
	}
}

uint64_t pages_left(const struct pages *p)
{
	return p->left;
}
