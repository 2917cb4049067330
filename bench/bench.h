/* One benchmark: a function that does an operation n times, and what an operation is.
 *
 * bench.c measures it (cycles and instructions by perf_event_open(2) where the machine allows, else
 * cycles from a calibrated clock); a case only works.  A case prepares itself on its first call. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>

struct bench {
	const char *name;
	const char *what;		/* "1-byte TCP request-response, both ends" */
	void (*run)(uint64_t n);
	uint64_t n;			/* operations in one measured round */
};

extern const struct bench *const bench_cases[];
extern const size_t bench_cases_n;

/* Two stacks joined by drivers/loop, 10.0.0.1 and 10.0.0.2, their neighbours known; lives until the
 * program ends. */
struct bench_pair {
	struct net *a, *b;
	uint64_t now;
};
void bench_pair_open(struct bench_pair *pair);

/* One stack without a device. */
struct net *bench_stack(uint64_t seed);
/* Prints requests a second of 1, 2 ... stacks on as many processors, `each` requests a stack. */
void bench_threads(uint64_t each);

/* Zeroed pages for a stack or a ring, present already. */
void *bench_memory(size_t n);

/* One round of both stacks, with time going on a little. */
void bench_pair_poll(struct bench_pair *pair);

/* Ends the program with a message: a benchmark that did not do its work has no figure. */
void bench_need(int fact, const char *what);

#endif
