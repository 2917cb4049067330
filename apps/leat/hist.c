/* Counts of durations: see hist.h.
 *
 * Durations below 64 ns have a counter each; above, the highest six bits behind the leading one
 * choose within their power of two. */
#include "apps/leat/hist.h"

static unsigned leat_hist_index(nsec v)
{
	unsigned shift;

	if (v < LEAT_HIST_PARTS)
		return (unsigned)v;
	shift = 63u - (unsigned)__builtin_clzll(v) - 6u;
	return MIN((shift + 1) * LEAT_HIST_PARTS + (unsigned)(v >> shift) - LEAT_HIST_PARTS,
		   LEAT_HIST_N - 1);
}

/* The highest duration that the counter counts. */
static nsec leat_hist_value(unsigned i)
{
	unsigned shift = i / LEAT_HIST_PARTS;

	if (!shift)
		return i;
	return (((nsec)(i % LEAT_HIST_PARTS) + LEAT_HIST_PARTS + 1) << (shift - 1)) - 1;
}

void leat_hist_add(struct leat_hist *h, nsec value)
{
	h->count[leat_hist_index(value)]++;
	h->all++;
	if (value > h->most)
		h->most = value;
}

void leat_hist_merge(struct leat_hist *h, const struct leat_hist *other)
{
	for (unsigned i = 0; i < LEAT_HIST_N; i++)
		h->count[i] += other->count[i];
	h->all += other->all;
	h->most = MAX(h->most, other->most);
}

nsec leat_hist_at(const struct leat_hist *h, double share)
{
	uint64_t want = (uint64_t)(share * (double)h->all + 0.5), seen = 0;

	for (unsigned i = 0; i < LEAT_HIST_N && h->all; i++) {
		seen += h->count[i];
		if (seen >= MAX(want, 1u))
			return MIN(leat_hist_value(i), h->most);
	}
	return h->most;
}
