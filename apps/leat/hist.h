/* Counts of durations, so finely that a percentile is right to 1/64 of itself, in fixed memory:
 * a power of two is cut into 64 equal parts (as HdrHistogram does). */
#ifndef APPS_LEAT_HIST_H
#define APPS_LEAT_HIST_H

#include "base/types.h"

#define LEAT_HIST_PARTS 64u
#define LEAT_HIST_N (LEAT_HIST_PARTS * 40u)

struct leat_hist {
	uint64_t count[LEAT_HIST_N], all, most;
};

void leat_hist_add(struct leat_hist *h, nsec value);
void leat_hist_merge(struct leat_hist *h, const struct leat_hist *other);

/* The least duration that `share` (0 to 1) of all did not exceed; 0 when there are none. */
nsec leat_hist_at(const struct leat_hist *h, double share);

#endif
