/* Lock-free ring between one producer and one consumer, of 32-bit or 64-bit words, batch by
 * batch.
 *
 * Each side keeps a private copy of the other's index and looks at the shared one only when it
 * seems full or empty (cached index).  Sizes are powers of two.  The shared part may lie in a
 * shared mapping; the private part never does. */
#ifndef BASE_SPSC_H
#define BASE_SPSC_H

#include <stdatomic.h>

#include "base/types.h"

struct spsc_shared {
	_Atomic uint32_t head CACHE_ALIGNED;	/* written by the consumer */
	_Atomic uint32_t tail CACHE_ALIGNED;	/* written by the producer */
};

struct spsc {			/* one side's private view */
	struct spsc_shared *shared;
	uint64_t *slots;
	uint32_t mask;
	uint32_t own;		/* this side's index */
	uint32_t other;		/* the other side's, as last seen */
};

/* `size` a power of two; `slots` holds so many words. */
void spsc_init(struct spsc *side, struct spsc_shared *shared, uint64_t *slots, uint32_t size);

/* Producer: how many of n words were put. */
uint32_t spsc_push(struct spsc *producer, const uint64_t *words, uint32_t n);

/* Consumer: how many of at most n words were taken. */
uint32_t spsc_pop(struct spsc *consumer, uint64_t *words, uint32_t n);

#endif
