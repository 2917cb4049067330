/* The simulator as a platform: time is a number, and it moves when everybody has nothing to do.
 *
 * A simulation is a set of tasks, each with the moment it wants to run next; a step sets the
 * clock to the earliest of them and runs that one.  Stacks, traffic and attackers are tasks; so
 * port.h's promises hold for code that runs in one (port_now() is the clock, port_idle_until()
 * lets the others run meanwhile).
 *
 * Nothing here reads real time or real chance: a run depends on the seed and on nothing else.
 * Tasks due at one moment run in the order in which they asked for it.  One simulation at a
 * time, in one thread. */
#ifndef PORT_SIM_SIM_H
#define PORT_SIM_SIM_H

#include "base/prng.h"
#include "port/port.h"

#define SIM_TASKS_MAX 64u
#define SIM_START SEC(1)	/* the clock at sim_init(): a moment is never 0 */

struct sim_task {
	/* returns when it wants to run again, NSEC_NEVER: only when asked */
	nsec (*run)(void *ctx);
	void *ctx;
	nsec due;
	uint64_t order;		/* of asking, among equal moments */
	uint8_t slot;		/* in the heap, 1 + index; 0: not waiting */
};

struct sim {
	nsec now;
	uint64_t steps, orders;
	struct prng entropy;
	struct sim_task *heap[SIM_TASKS_MAX];
	unsigned heap_n;
	bool woken;
};

/* Makes `sim` the one that port.h speaks of, until the next sim_init(). */
void sim_init(struct sim *sim, uint64_t seed);

void sim_task_init(struct sim_task *t, nsec (*run)(void *ctx), void *ctx);

/* The task wants to run by `due`: an earlier wish than the present one moves it, a later one
 * does not. */
void sim_task_by(struct sim *sim, struct sim_task *t, nsec due);

/* Runs the earliest task if it is due by `until`; false, with the clock at `until` (but never
 * moved to NSEC_NEVER), when there is none. */
bool sim_step(struct sim *sim, nsec until);

/* Called by assert_fail() before it ends the program: says how to come back here. */
void sim_on_failure(void (*say)(void *ctx), void *ctx);

#endif
