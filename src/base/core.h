/* What all layers of one stack share: the moment, the frames, the timers, chance and the
 * counters.
 *
 * The composition root (net/) owns one and hands every layer a pointer; there are no globals.
 * `now` changes only at the start of a poll. */
#ifndef BASE_CORE_H
#define BASE_CORE_H

#include "base/drop.h"
#include "base/pkt.h"
#include "base/prng.h"
#include "base/siphash.h"
#include "base/spread.h"
#include "base/wheel.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Which object a wheel_node is part of; net/ sends an expired node home by it. */
enum core_timer {
	TIMER_NEIGH, TIMER_FRAG, TIMER_GROUP, TIMER_TCP_CONN, TIMER_TCP_MISC, TIMER_SOCK,
	TIMER_RING, TIMER_N
};

struct core {
	nsec now;
	struct pool *pool;
	struct wheel wheel;
	struct prng prng;
	struct siphash_key hash_key;	/* for tables: a peer must not be able to aim at a bucket */
	struct siphash_key secret_key;	/* for what goes on the wire */
	struct spread spread;		/* which of several stacks behind one address this is */
	void (*log)(void *ctx, enum log_level level, const char *line);	/* may be NULL */
	void *log_ctx;
	/* trace point; NULL when off */
	void (*on_drop)(void *ctx, enum drop why, const struct pkt *p);
	void *on_drop_ctx;
	/* Who takes what is nobody's here instead of its being dropped (and answered by a refusal);
	 * NULL: nobody.  True: `p` was taken. */
	bool (*foreign)(void *ctx, enum drop why, struct pkt *p);
	void *foreign_ctx;
	uint64_t drops[DROP_N];
};

static inline void core_count_drop(struct core *core, enum drop why, const struct pkt *p)
{
	core->drops[why]++;
	if (unlikely(core->on_drop != NULL))
		core->on_drop(core->on_drop_ctx, why, p);
}

/* Counts, traces and frees; or hands on. */
static inline void core_drop(struct core *core, enum drop why, struct pkt *p TAKES)
{
	if (unlikely(core->foreign != NULL) && core->foreign(core->foreign_ctx, why, p))
		return;
	core_count_drop(core, why, p);
	pkt_put(p);
}

PRINTF_LIKE(3, 4) void core_log(struct core *core, enum log_level level, const char *format, ...);

#endif
