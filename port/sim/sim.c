/* The task queue and the platform's functions of the simulator.
 *
 * Task queue and port.h stand in one file so that whoever links the simulator gets its clock. */
#include "port/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

#define PAGE 4096u
#define EPOCH_SECONDS 1700000000u	/* the wall clock of every simulation begins here */

static struct sim *current;

void sim_init(struct sim *sim, uint64_t seed)
{
	*sim = (struct sim){.now = SIM_START};
	prng_seed(&sim->entropy, seed ^ 0x656e74726f7079ull);
	current = sim;
}

/* ---- tasks: a binary heap by (due, order) */

static bool before(const struct sim_task *a, const struct sim_task *b)
{
	return a->due != b->due ? a->due < b->due : a->order < b->order;
}

static void place(struct sim *s, unsigned i, struct sim_task *t)
{
	s->heap[i] = t;
	t->slot = (uint8_t)(i + 1);
}

static void sift_up(struct sim *s, unsigned i, struct sim_task *t)
{
	for (; i > 0 && before(t, s->heap[(i - 1) / 2]); i = (i - 1) / 2)
		place(s, i, s->heap[(i - 1) / 2]);
	place(s, i, t);
}

static void sift_down(struct sim *s, unsigned i, struct sim_task *t)
{
	for (unsigned k; (k = 2 * i + 1) < s->heap_n; i = k) {
		if (k + 1 < s->heap_n && before(s->heap[k + 1], s->heap[k]))
			k++;
		if (!before(s->heap[k], t))
			break;
		place(s, i, s->heap[k]);
	}
	place(s, i, t);
}

static struct sim_task *pop(struct sim *s)
{
	struct sim_task *first = s->heap[0], *last = s->heap[--s->heap_n];

	if (s->heap_n)
		sift_down(s, 0, last);
	first->slot = 0;
	return first;
}

void sim_task_init(struct sim_task *t, nsec (*run)(void *ctx), void *ctx)
{
	*t = (struct sim_task){.run = run, .ctx = ctx, .due = NSEC_NEVER};
}

void sim_task_by(struct sim *s, struct sim_task *t, nsec due)
{
	if (due == NSEC_NEVER || (t->slot && t->due <= due))
		return;
	if (!t->slot) {
		assert(s->heap_n < SIM_TASKS_MAX);
		t->slot = (uint8_t)++s->heap_n;
	}
	t->due = MAX(due, s->now);
	t->order = s->orders++;
	sift_up(s, t->slot - 1u, t);
}

bool sim_step(struct sim *s, nsec until)
{
	struct sim_task *t;

	if (s->heap_n == 0 || s->heap[0]->due > until) {
		if (until != NSEC_NEVER)
			s->now = MAX(s->now, until);
		return false;
	}
	t = pop(s);
	assert(t->due >= s->now);
	s->now = t->due;
	s->steps++;
	sim_task_by(s, t, t->run(t->ctx));
	return true;
}

/* ---- port.h */

nsec port_now(void)
{
	return current->now;
}

uint64_t port_wall_seconds(void)
{
	return EPOCH_SECONDS + current->now / SEC(1);
}

void port_entropy(void *to, size_t n)
{
	uint8_t *b = to;

	for (size_t i = 0; i < n; i++)
		b[i] = (uint8_t)prng_u64(&current->entropy);
}

void *port_map(size_t bytes, bool huge)
{
	size_t whole = ALIGN_UP(bytes, (size_t)PAGE);
	void *mem = aligned_alloc(PAGE, whole);

	if (mem)
		mem_zero(mem, whole);
	return mem;
}

void port_unmap(void *mem, size_t bytes)
{
	free(mem);
}

/* There are no descriptors in here: what a wire brings shows at the device's next rx. */
void port_idle_until(nsec deadline, struct port_wait *waits, unsigned n)
{
	struct sim *s = current;

	for (unsigned i = 0; i < n; i++)
		waits[i].ready = false;
	while (!s->woken && sim_step(s, deadline))
		;
	s->woken = false;
}

void port_wake(void)
{
	current->woken = true;
}

void port_log(void *ctx, enum log_level level, const char *line)
{
	fprintf(stderr, "%s\n", line);
}
