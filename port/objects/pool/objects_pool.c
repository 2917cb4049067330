/* Objects from pools, one for each power of two: a page is cut into pieces of one size when the
 * pool is empty, and stays so. */
#include "port/objects/objects.h"

#include "base/assert.h"

struct piece {
	struct piece *next;
};

void objects_init(struct objects *o, struct pages *pages)
{
	*o = (struct objects){ .pages = pages };
}

static unsigned class_of(size_t bytes)
{
	unsigned class = 0;

	while (((size_t)OBJECTS_ALIGN << class) < bytes)
		class++;
	assert(class < OBJECTS_CLASSES);
	return class;
}

static bool cut_page(struct objects *o, unsigned class)
{
	uint8_t *page = pages_get(o->pages, PAGES_SIZE);
	size_t size = (size_t)OBJECTS_ALIGN << class;

	if (!page)
		return false;
	for (size_t at = PAGES_SIZE; at > 0; at -= size) {
		struct piece *p = (struct piece *)(page + at - size);

		p->next = o->free[class];
		o->free[class] = p;
	}
	return true;
}

void *objects_get(struct objects *o, size_t bytes)
{
	unsigned class;
	struct piece *p;

	if (bytes > OBJECTS_MAX) {
		p = pages_get(o->pages, bytes);
		o->held += p != NULL;
		return p;
	}
	class = class_of(bytes);
	if (!o->free[class] && !cut_page(o, class))
		return NULL;
	p = o->free[class];
	o->free[class] = p->next;
	o->held++;
	return p;
}

void objects_put(struct objects *o, void *mem, size_t bytes)
{
	struct piece *p = mem;
	unsigned class;

	o->held--;
	if (bytes > OBJECTS_MAX) {
		pages_put(o->pages, mem, bytes);
		return;
	}
	class = class_of(bytes);
	p->next = o->free[class];
	o->free[class] = p;
}
