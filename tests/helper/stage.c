/* What every layer stands on, for tests of one layer. */
#include "helper/stage.h"

#include <stdlib.h>
#include <string.h>

static void stage_log(void *ctx, enum log_level level, const char *line)
{
	struct stage *s = ctx;

	s->logged_n++;
	strncpy(s->logged, line, sizeof(s->logged) - 1);
}

void stage_init(struct stage *s, uint32_t frames, uint32_t bare)
{
	size_t n = pool_bytes(frames, bare);

	memset(s, 0, sizeof(*s));
	s->region = aligned_alloc(FRAME_SIZE, (size_t)frames * FRAME_SIZE);
	s->mem = aligned_alloc(CACHE_LINE, n);
	assert(s->region && s->mem);
	memset(s->region, 0xa5, (size_t)frames * FRAME_SIZE);
	memset(s->mem, 0, n);
	pool_init(&s->pool, (struct region){.base = s->region, .frames = frames}, bare, s->mem);
	s->core.now = SEC(1);
	s->core.pool = &s->pool;
	s->core.log = stage_log;
	s->core.log_ctx = s;
	s->core.hash_key = (struct siphash_key){{1, 2}};
	s->core.secret_key = (struct siphash_key){{3, 4}};
	wheel_init(&s->core.wheel, s->core.now);
	prng_seed(&s->core.prng, 1);
}

void stage_fini(struct stage *s)
{
	pool_check(&s->pool);
	assert(pool_at_rest(&s->pool));
	assert(s->core.wheel.armed == 0);
	free(s->region);
	free(s->mem);
}

void stage_pass(struct stage *s, nsec duration, void (*fire)(void *ctx, struct wheel_node *n),
		void *ctx)
{
	nsec end = s->core.now + duration;
	struct wheel_node *n;

	for (;;) {
		nsec next = wheel_next(&s->core.wheel);

		s->core.now = MIN(MAX(next, s->core.now), end);
		while ((n = wheel_pop(&s->core.wheel, s->core.now)))
			fire(ctx, n);
		if (next >= end)
			return;
	}
}

struct pkt *stage_starve(struct stage *s, uint32_t left)
{
	struct pkt *taken = NULL;

	while (s->pool.free_frames_n > left) {
		struct pkt *p = pkt_new(&s->pool);

		p->next = taken;
		taken = p;
	}
	return taken;
}

void stage_feed(struct stage *s, struct pkt *taken)
{
	while (taken) {
		struct pkt *p = taken;

		taken = p->next;
		p->next = NULL;
		pkt_put(p);
	}
}
