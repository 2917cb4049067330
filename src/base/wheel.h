/* Hierarchical timing wheel: arm and cancel in O(1), the next deadline without a walk.
 *
 * Ticks of 2^17 ns (131 us); 7 levels of 64 slots reach beyond ten years.  A timer never fires
 * early and at most one tick late; what is due later than the horizon is kept in the last level
 * and looked at again.  Intrusive nodes; one thread; no callbacks: the owner pops what is due. */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

#include "base/list.h"

#define WHEEL_TICK_SHIFT 17
#define WHEEL_BITS 6
#define WHEEL_SLOTS (1u << WHEEL_BITS)
#define WHEEL_LEVELS 7

struct wheel_node {
	struct list node;
	nsec deadline;		/* when it was armed for; meaningful while armed */
	uint8_t level, slot;	/* written by the wheel */
	uint8_t kind;		/* the owner's: which object this is part of */
};

struct wheel {
	uint64_t tick;		/* everything up to this tick has been popped or is in `due` */
	uint64_t used[WHEEL_LEVELS];	/* bit s: slot s of that level is not empty */
	uint64_t soonest;	/* no node's tick is before it, but of those in due and moving */
	struct list due;	/* expired, not yet popped */
	struct list moving;	/* from a slot that was reached, not yet spread over lower levels */
	struct list slot[WHEEL_LEVELS][WHEEL_SLOTS];
	uint32_t armed;
};

void wheel_init(struct wheel *w, nsec now);
void wheel_node_init(struct wheel_node *n, uint8_t kind);

/* Arms or re-arms; a deadline in the past is due at once. */
void wheel_arm(struct wheel *w, struct wheel_node *n, nsec deadline);
void wheel_cancel(struct wheel *w, struct wheel_node *n);

static inline bool wheel_armed(const struct wheel_node *n)
{
	return list_linked(&n->node);
}

/* The next node that is due at `now`, disarmed, or NULL.  Call until NULL or a budget is used up:
 * the rest stays due.  Nodes come in order of their tick.  Work a call is bounded: with very many
 * nodes to move, NULL may come early; then wheel_next() is not after `now`, and the next poll goes
 * on. */
struct wheel_node *wheel_pop_slow(struct wheel *w, nsec now);
static inline struct wheel_node *wheel_pop(struct wheel *w, nsec now)
{
	if (likely(now >> WHEEL_TICK_SHIFT < w->soonest && list_empty(&w->due) &&
		   list_empty(&w->moving)))
		return NULL;
	return wheel_pop_slow(w, now);
}

/* A moment no later than which nothing is due (a lower bound of the earliest deadline that makes
 * progress: popping at that moment, something fires or moves closer), or NSEC_NEVER when empty. */
static inline nsec wheel_next(const struct wheel *w)
{
	if (unlikely(!list_empty(&w->due) || !list_empty(&w->moving)))
		return w->tick << WHEEL_TICK_SHIFT;
	if (!w->armed || w->soonest > NSEC_NEVER >> WHEEL_TICK_SHIFT)
		return NSEC_NEVER;
	return w->soonest << WHEEL_TICK_SHIFT;
}

/* Asserts the structure; slow, tests only. */
void wheel_check(const struct wheel *w);

#endif
