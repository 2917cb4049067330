/* Coroutines that wait with a deadline, in a binary heap.
 *
 * Always: heap[g->heap_at] is g; a parent wakes no later than its children. */
#include <stdlib.h>

#include "go/go_int.h"

#define HEAP_FIRST 64u

static void place(struct sched *sd, struct go *g, uint32_t at)
{
	sd->heap[at] = g;
	g->heap_at = at;
}

static void up(struct sched *sd, struct go *g, uint32_t at)
{
	while (at > 0 && sd->heap[(at - 1) / 2]->wake_at > g->wake_at) {
		place(sd, sd->heap[(at - 1) / 2], at);
		at = (at - 1) / 2;
	}
	place(sd, g, at);
}

static void down(struct sched *sd, struct go *g, uint32_t at)
{
	for (;;) {
		uint32_t child = 2 * at + 1;

		if (child + 1 < sd->heap_n &&
		    sd->heap[child + 1]->wake_at < sd->heap[child]->wake_at)
			child++;
		if (child >= sd->heap_n || sd->heap[child]->wake_at >= g->wake_at)
			break;
		place(sd, sd->heap[child], at);
		at = child;
	}
	place(sd, g, at);
}

int go_heap_add(struct sched *sd, struct go *g)
{
	if (sd->heap_n == sd->heap_size) {
		uint32_t size = sd->heap_size ? sd->heap_size * 2 : HEAP_FIRST;
		struct go **heap = realloc(sd->heap, size * sizeof(struct go *));

		if (!heap)
			return -E_NOMEM;
		sd->heap = heap;
		sd->heap_size = size;
	}
	up(sd, g, sd->heap_n++);
	return 0;
}

void go_heap_del(struct sched *sd, struct go *g)
{
	uint32_t at = g->heap_at;
	struct go *last;

	if (at == GO_AT_NONE)
		return;
	g->heap_at = GO_AT_NONE;
	last = sd->heap[--sd->heap_n];
	if (last == g)
		return;
	down(sd, last, at);
	up(sd, last, last->heap_at);
}
