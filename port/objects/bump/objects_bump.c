/* Objects by a hand that only moves on, for a machine that makes few and keeps them. */
#include "port/objects/objects.h"

void objects_init(struct objects *o, struct pages *pages)
{
	*o = (struct objects){ .pages = pages };
}

void *objects_get(struct objects *o, size_t bytes)
{
	void *at;

	if (bytes > OBJECTS_MAX) {
		at = pages_get(o->pages, bytes);
		o->held += at != NULL;
		return at;
	}
	bytes = ALIGN_UP(bytes ? bytes : 1, (size_t)OBJECTS_ALIGN);
	if ((size_t)(o->end - o->next) < bytes) {
		uint8_t *page = pages_get(o->pages, PAGES_SIZE);

		if (!page)
			return NULL;
		o->next = page;
		o->end = page + PAGES_SIZE;
	}
	at = o->next;
	o->next += bytes;
	o->held++;
	return at;
}

void objects_put(struct objects *o, void *mem, size_t bytes)
{
	o->held--;
	if (bytes > OBJECTS_MAX)
		pages_put(o->pages, mem, bytes);
}
