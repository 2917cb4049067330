/* Memory in pieces of whole pages, where nothing lies below that has any.
 *
 * One interface, several makes, of which the build takes one (meson's option `pages`):
 *
 *	bump/	hands out in order; what is given back is lost unless it was the last
 *	buddy/	powers of two that join their neighbours again
 *
 * Always: pieces are disjoint, aligned to pages, and inside of what was added. */
#ifndef PORT_PAGES_PAGES_H
#define PORT_PAGES_PAGES_H

#include "base/types.h"

#define PAGES_SIZE 4096u
#define PAGES_RANGES_MAX 32u	/* more that are added are left alone */
#define PAGES_ORDERS 20u	/* buddy: pieces of up to 2^19 pages */

/* What a make keeps; the others' are unused. */
struct pages {
	struct pages_range {
		uint8_t *start, *next, *end;	/* next: bump */
		uint8_t *orders;		/* buddy: what begins at each page */
	} ranges[PAGES_RANGES_MAX];
	unsigned ranges_n;
	void *free[PAGES_ORDERS];		/* buddy: lists, linked in the free memory itself */
	uint64_t left;
};

void pages_init(struct pages *p);

/* Memory to hand out: `start` and `bytes` in whole pages. */
void pages_add(struct pages *p, void *start, size_t bytes);

/* `bytes`, rounded up to pages, in one piece; NULL: there is no such piece. */
void *pages_get(struct pages *p, size_t bytes);

/* With the same `bytes`. */
void pages_put(struct pages *p, void *mem, size_t bytes);

/* Bytes that are free; what can be had in one piece is at most that. */
uint64_t pages_left(const struct pages *p);

#endif
