/* The ring of spsc.h.
 *
 * The other side may be a stranger in another process: whatever it writes into its index is taken
 * for "full" or "empty" when it cannot be true, and never for more slots than there are. */
#include "base/spsc.h"

#include "base/assert.h"

void spsc_init(struct spsc *side, struct spsc_shared *shared, uint64_t *slots, uint32_t size)
{
	assert(IS_POW2(size));
	side->shared = shared;
	side->slots = slots;
	side->mask = size - 1;
	side->own = side->other = 0;
}

/* Slots the producer may fill, as far as it knows; 0 when the consumer's index is impossible. */
static uint32_t room(const struct spsc *p)
{
	uint32_t filled = p->own - p->other;

	return filled > p->mask + 1 ? 0 : p->mask + 1 - filled;
}

/* Slots the consumer may take, as far as it knows; 0 when the producer's index is impossible. */
static uint32_t ready(const struct spsc *c)
{
	uint32_t filled = c->other - c->own;

	return filled > c->mask + 1 ? 0 : filled;
}

static uint32_t load_index(_Atomic uint32_t *index)
{
	return atomic_load_explicit(index, memory_order_acquire);
}

uint32_t spsc_push(struct spsc *producer, const uint64_t *words, uint32_t n)
{
	uint32_t free_n = room(producer);

	if (free_n < n) {
		producer->other = load_index(&producer->shared->head);
		free_n = room(producer);
	}
	n = MIN(n, free_n);
	if (n == 0)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		producer->slots[(producer->own + i) & producer->mask] = words[i];
	producer->own += n;
	atomic_store_explicit(&producer->shared->tail, producer->own, memory_order_release);
	return n;
}

uint32_t spsc_pop(struct spsc *consumer, uint64_t *words, uint32_t n)
{
	uint32_t have = ready(consumer);

	if (have < n) {
		consumer->other = load_index(&consumer->shared->tail);
		have = ready(consumer);
	}
	n = MIN(n, have);
	if (n == 0)
		return 0;
	for (uint32_t i = 0; i < n; i++)
		words[i] = consumer->slots[(consumer->own + i) & consumer->mask];
	consumer->own += n;
	atomic_store_explicit(&consumer->shared->head, consumer->own, memory_order_release);
	return n;
}
