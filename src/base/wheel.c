/* The timing wheel of wheel.h.
 *
 * A node's tick, written in base 64, first differs from the wheel's tick in some digit: that
 * digit's place is the node's level, its value the slot.  So every occupied slot of a level lies
 * ahead of the wheel's own digit, all of a lower level comes before anything of a higher one, and
 * the next occupied slot is found from the bitmaps alone.  Only the last level is taken as a ring:
 * slots behind the wheel's digit come in the next turn, and what is further away than a turn waits
 * in the furthest slot.
 *
 * The wheel moves from one occupied slot to the next, never tick by tick.  A slot reached on level
 * 0 is due; one reached on a higher level is spread over the levels below, WHEEL_WORK_MAX nodes a
 * call. */
#include "base/wheel.h"

#include "base/assert.h"

#define TOP (WHEEL_LEVELS - 1)
#define DIGIT_MASK (WHEEL_SLOTS - 1)
#define WHEEL_WORK_MAX 128	/* nodes that one wheel_pop() moves before it says "not yet" */

/* The first tick at or after a moment; at most 2^47. */
static uint64_t tick_at_or_after(nsec t)
{
	return (t >> WHEEL_TICK_SHIFT) + ((t & ((1u << WHEEL_TICK_SHIFT) - 1)) != 0);
}

void wheel_init(struct wheel *w, nsec now)
{
	w->tick = now >> WHEEL_TICK_SHIFT;
	w->soonest = UINT64_MAX;
	w->armed = 0;
	list_init(&w->due);
	list_init(&w->moving);
	for (unsigned l = 0; l < WHEEL_LEVELS; l++) {
		w->used[l] = 0;
		for (unsigned s = 0; s < WHEEL_SLOTS; s++)
			list_init(&w->slot[l][s]);
	}
}

void wheel_node_init(struct wheel_node *n, uint8_t kind)
{
	list_init(&n->node);
	n->deadline = NSEC_NEVER;
	n->level = n->slot = 0;
	n->kind = kind;
}

/* Puts an unlinked node where its deadline belongs as seen from the wheel's tick. */
static void place(struct wheel *w, struct wheel_node *n)
{
	uint64_t tick = tick_at_or_after(n->deadline), ahead;
	unsigned level;

	if (tick <= w->tick) {
		list_push_back(&w->due, &n->node);
		return;
	}
	w->soonest = MIN(w->soonest, tick);
	level = (63 - (unsigned)__builtin_clzll(tick ^ w->tick)) / WHEEL_BITS;
	if (level >= TOP) {
		level = TOP;
		ahead = (tick >> TOP * WHEEL_BITS) - (w->tick >> TOP * WHEEL_BITS);
		if (ahead >= WHEEL_SLOTS)
			tick = w->tick + ((uint64_t)(WHEEL_SLOTS - 1) << TOP * WHEEL_BITS);
	}
	n->level = (uint8_t)level;
	n->slot = (tick >> level * WHEEL_BITS) & DIGIT_MASK;
	w->used[level] |= 1ull << n->slot;
	list_push_back(&w->slot[level][n->slot], &n->node);
}

/* A node that is due or moving keeps the level and slot it came from; to look at that slot again is
 * harmless, for its bit always tells whether it is empty. */
static void unlink_node(struct wheel *w, struct wheel_node *n)
{
	list_del(&n->node);
	if (list_empty(&w->slot[n->level][n->slot]))
		w->used[n->level] &= ~(1ull << n->slot);
}

void wheel_arm(struct wheel *w, struct wheel_node *n, nsec deadline)
{
	if (wheel_armed(n))
		unlink_node(w, n);
	else
		w->armed++;
	n->deadline = deadline;
	place(w, n);
}

void wheel_cancel(struct wheel *w, struct wheel_node *n)
{
	if (!wheel_armed(n))
		return;
	unlink_node(w, n);
	w->armed--;
}

/* Finds the next occupied slot; false when there is none. */
static bool next_slot(const struct wheel *w, unsigned *level, unsigned *slot, uint64_t *tick)
{
	for (unsigned l = 0; l < WHEEL_LEVELS; l++) {
		uint64_t digits = w->tick >> l * WHEEL_BITS, used = w->used[l];
		unsigned own = digits & DIGIT_MASK, ahead;

		if (!used)
			continue;
		/* Rotated so that bit 0 is the slot after our own. */
		used = own == DIGIT_MASK ? used : used >> (own + 1) | used << (DIGIT_MASK - own);
		ahead = (unsigned)__builtin_ctzll(used) + 1;
		*level = l;
		*slot = (own + ahead) & DIGIT_MASK;
		*tick = (digits + ahead) << l * WHEEL_BITS;
		return true;
	}
	return false;
}

/* One bounded step towards `now_tick`; false when there is nothing more to do until then. */
static bool step(struct wheel *w, uint64_t now_tick)
{
	struct list *moving = list_pop_front(&w->moving);
	unsigned level, slot;
	uint64_t tick;

	if (moving) {
		place(w, container_of(moving, struct wheel_node, node));
		return true;
	}
	if (!next_slot(w, &level, &slot, &tick))
		tick = UINT64_MAX;
	if (tick > now_tick) {
		w->tick = MAX(w->tick, now_tick);
		w->soonest = tick;
		return false;
	}
	w->tick = tick;
	w->used[level] &= ~(1ull << slot);
	list_splice_back(level ? &w->moving : &w->due, &w->slot[level][slot]);
	return true;
}

struct wheel_node *wheel_pop_slow(struct wheel *w, nsec now)
{
	unsigned work = 0;
	struct list *first;

	while (!(first = list_pop_front(&w->due)))
		if (work++ == WHEEL_WORK_MAX || !step(w, now >> WHEEL_TICK_SHIFT))
			return NULL;
	w->armed--;
	return container_of(first, struct wheel_node, node);
}

/* Asserts about one slot; returns how many nodes it holds. */
static uint32_t check_slot(const struct wheel *w, unsigned level, unsigned slot)
{
	uint32_t n = 0;

	assert(!!(w->used[level] >> slot & 1) == !list_empty(&w->slot[level][slot]));
	list_for_each(l, &w->slot[level][slot]) {
		const struct wheel_node *node = container_of(l, struct wheel_node, node);
		uint64_t tick = tick_at_or_after(node->deadline);
		unsigned own = w->tick >> level * WHEEL_BITS & DIGIT_MASK;

		assert(l->next->prev == l && l->prev->next == l);
		assert(node->level == level && node->slot == slot);
		assert(tick > w->tick && slot != own);
		assert(tick >= w->soonest);
		if (level < TOP) {
			assert((tick ^ w->tick) >> (level + 1) * WHEEL_BITS == 0);
			assert((tick >> level * WHEEL_BITS & DIGIT_MASK) == slot && slot > own);
		} else {
			assert(tick >> TOP * WHEEL_BITS > w->tick >> TOP * WHEEL_BITS);
		}
		n++;
	}
	return n;
}

void wheel_check(const struct wheel *w)
{
	uint32_t n = 0;

	list_for_each(l, &w->due) {
		assert(l->next->prev == l);
		const struct wheel_node *node = container_of(l, struct wheel_node, node);

		assert(tick_at_or_after(node->deadline) <= w->tick);
		n++;
	}
	list_for_each(l, &w->moving)
		n++;
	for (unsigned level = 0; level < WHEEL_LEVELS; level++)
		for (unsigned s = 0; s < WHEEL_SLOTS; s++)
			n += check_slot(w, level, s);
	assert(n == w->armed);
}
