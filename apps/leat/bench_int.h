/* What the files of `leat bench` share. */
#ifndef APPS_LEAT_BENCH_INT_H
#define APPS_LEAT_BENCH_INT_H

#include <signal.h>

#include "leat/leat.h"

#include "apps/leat/hist.h"
#include "base/addr.h"

struct leat_bench {
	const char *net, *poll;
	uint32_t port, conns, size, time_ms, rate;
	struct addr to;
	struct leat_ring *ring;
};

extern volatile sig_atomic_t leat_bench_signals;

/* Opens b->ring for so many connections and lets signals end its waits; an exit status. */
int leat_bench_open(struct leat_bench *b);

/* Submits an operation that nothing can keep from being taken but a full ring: then it is tried
 * again after completions were taken, by the caller. */
int leat_bench_do(struct leat_ring *ring, struct leat_sqe sqe);

/* bench_echo.c: answers each read with the same bytes until a signal. */
int leat_bench_server(struct leat_bench *b);

/* bench_client.c: asks such a server. */
int leat_bench_client(struct leat_bench *b);

#endif
