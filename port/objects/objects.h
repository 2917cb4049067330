/* Memory in pieces smaller than pages, on top of port/pages.
 *
 * One interface, several makes, of which the build takes one (meson's option `objects`):
 *
 *	bump/	hands out in order; what is given back is lost
 *	pool/	a list of free pieces for each power of two
 *
 * Always: pieces are disjoint, aligned to OBJECTS_ALIGN, and inside of pages that were got. */
#ifndef PORT_OBJECTS_OBJECTS_H
#define PORT_OBJECTS_OBJECTS_H

#include "port/pages/pages.h"

#define OBJECTS_ALIGN 16u
#define OBJECTS_MAX 2048u	/* larger ones are whole pages */
#define OBJECTS_CLASSES 8u	/* pool: 16, 32 ... 2048 */

/* What a make keeps; the others' are unused. */
struct objects {
	struct pages *pages;
	uint8_t *next, *end;		/* bump */
	void *free[OBJECTS_CLASSES];	/* pool: lists, linked in the free memory itself */
	uint64_t held;			/* pieces got and not put back */
};

void objects_init(struct objects *o, struct pages *pages);

/* NULL: no memory. */
void *objects_get(struct objects *o, size_t bytes);

/* With the same `bytes`. */
void objects_put(struct objects *o, void *mem, size_t bytes);

#endif
