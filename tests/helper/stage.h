/* What every layer stands on, for tests of one layer: a core with frames, a clock that the
 * test sets, and what was logged and dropped. */
#ifndef HELPER_STAGE_H
#define HELPER_STAGE_H

#include "base/core.h"

struct stage {
	struct core core;
	struct pool pool;
	void *region, *mem;
	char logged[256];	/* the last line */
	unsigned logged_n;
};

void stage_init(struct stage *s, uint32_t frames, uint32_t bare);
void stage_fini(struct stage *s);	/* asserts that no packet leaked */

/* Lets time pass; each timer that falls due on the way fires at its moment. */
void stage_pass(struct stage *s, nsec duration, void (*fire)(void *ctx, struct wheel_node *n),
		void *ctx);

/* Takes frames away until `left` are free; gives them back. */
struct pkt *stage_starve(struct stage *s, uint32_t left);
void stage_feed(struct stage *s, struct pkt *taken);

#endif
