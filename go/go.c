/* The scheduler: who runs, who waits, and what the thread does when nobody can run.
 *
 * Coroutines that can run stand in a queue and get a few turns each between two rounds of the
 * stack; with an empty queue the thread sleeps on the stack's descriptors until the earliest
 * deadline.  A coroutine leaves the processor in go_park() and leat_go_yield() only.
 *
 * Always: a coroutine runs, or is on the queue, or waits with a sleeper; one that has ended is on
 * the pool, or its stack is gone. */
#include <stdlib.h>
#include <sys/mman.h>

#include "go/go_asan.h"
#include "go/go_int.h"
#include "go/go_switch.h"

#define PAGE 4096u
#define GO_TURNS 16u	/* of everybody who can run, between two rounds of the stack */

static _Thread_local struct sched *self;

struct sched *go_sched(void)
{
	return self;
}

/* ---- stacks */

static struct go *go_new(struct sched *sd)
{
	struct list *n = list_pop_front(&sd->pool);
	struct go *g;
	uint8_t *mem;

	if (n) {
		sd->pooled--;
		return container_of(n, struct go, node);
	}
	g = malloc(sizeof(*g));
	mem = mmap(NULL, GO_STACK + PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (!g || mem == MAP_FAILED || mprotect(mem, PAGE, PROT_NONE) < 0) {
		if (mem != MAP_FAILED)
			munmap(mem, GO_STACK + PAGE);
		free(g);
		return NULL;
	}
	g->stack = mem + PAGE;
	return g;
}

static void go_free(struct sched *sd, struct go *g)
{
	if (sd->pooled < GO_POOL_MAX) {
		list_push_front(&sd->pool, &g->node);
		sd->pooled++;
		return;
	}
	munmap(g->stack - PAGE, GO_STACK + PAGE);
	free(g);
}

/* ---- switching */

static void to_scheduler(struct sched *sd, struct go *g)
{
	go_asan_leave(g->ended ? NULL : &g->fake_stack, sd->stack, sd->stack_size);
	go_switch(&g->sp, sd->sp);
	go_asan_enter(g->fake_stack, &sd->stack, &sd->stack_size);
}

static void run(struct sched *sd, struct go *g)
{
	sd->current = g;
	go_asan_leave(&sd->fake_stack, g->stack, GO_STACK);
	go_switch(&sd->sp, g->sp);
	go_asan_enter(sd->fake_stack, NULL, NULL);
	sd->current = NULL;
	if (g->ended)
		go_free(sd, g);
}

static void start(void)
{
	struct sched *sd = self;
	struct go *g = sd->current;

	go_asan_enter(NULL, &sd->stack, &sd->stack_size);
	g->fn(g->arg);
	go_groups_close(g);
	go_group_leave(g);
	g->ended = true;
	sd->live--;
	to_scheduler(sd, g);
	assert(false);
}

void go_make_ready(struct sched *sd, struct go *g)
{
	if (!list_linked(&g->node) && g != sd->current)
		list_push_back(&sd->ready, &g->node);
}

int go_spawn(struct leat_group *group, void (*fn)(void *arg), void *arg)
{
	struct sched *sd = self;
	struct go *g;
	uint8_t *stack;

	if (group->canceled)
		return -E_CANCELED;
	g = go_new(sd);
	if (!g)
		return -E_NOMEM;
	stack = g->stack;
	*g = (struct go){ .group = group, .fn = fn, .arg = arg, .deadline = NSEC_NEVER,
			  .heap_at = GO_AT_NONE, .stack = stack };
	g->sp = go_switch_init(stack, GO_STACK, start);
	list_init(&g->node);
	list_init(&g->groups);
	list_push_back(&group->members, &g->member);
	group->live++;
	sd->live++;
	go_make_ready(sd, g);
	return 0;
}

/* ---- parking */

int go_park(struct posix_sleeper *s, nsec deadline)
{
	struct sched *sd = self;
	struct go *g = sd->current;
	nsec own = g->shielded ? NSEC_NEVER : g->deadline;
	int err = 0;

	if (s->woken)
		return 0;
	if (g->canceled && !g->shielded)
		return -E_CANCELED;
	g->wake_at = MIN(deadline, own);
	if (g->wake_at != NSEC_NEVER)
		err = go_heap_add(sd, g);
	if (err)
		return err;
	g->sleeper = s;
	to_scheduler(sd, g);
	g->sleeper = NULL;
	go_heap_del(sd, g);
	if (s->woken)
		return 0;
	if (g->canceled && !g->shielded)
		return -E_CANCELED;
	return own < deadline ? -E_TIME : -E_TIMEDOUT;
}

void go_wake(struct posix_sleeper *s)
{
	s->woken = true;
	go_make_ready(self, s->owner);
}

static void *hook_current(struct posix_sched *hooks)
{
	return container_of(hooks, struct sched, hooks)->current;
}

static int hook_park(struct posix_sched *hooks, struct posix_sleeper *s, nsec deadline)
{
	return go_park(s, deadline);
}

static void hook_wake(struct posix_sched *hooks, struct posix_sleeper *s)
{
	go_make_ready(container_of(hooks, struct sched, hooks), s->owner);
}

/* ---- the thread */

static void fire(struct sched *sd, nsec now)
{
	while (sd->heap_n && sd->heap[0]->wake_at <= now) {
		struct go *g = sd->heap[0];

		go_heap_del(sd, g);
		go_make_ready(sd, g);
	}
}

/* One turn for each that can run now. */
static void run_ready(struct sched *sd)
{
	struct list turn, *n;

	list_init(&turn);
	list_splice_back(&turn, &sd->ready);
	while ((n = list_pop_front(&turn)))
		run(sd, container_of(n, struct go, node));
}

static void loop(struct sched *sd)
{
	while (sd->live) {
		for (unsigned i = 0; i < GO_TURNS && !list_empty(&sd->ready); i++)
			run_ready(sd);
		posix_step(sd->p);
		if (sd->heap_n)
			fire(sd, leat_now());
		if (list_empty(&sd->ready) && sd->live)
			(void)posix_idle(sd->p, sd->heap_n ? sd->heap[0]->wake_at : NSEC_NEVER,
					 NULL);
	}
}

static void sched_free(struct sched *sd)
{
	struct list *n;

	posix_set_sched(sd->p, NULL);
	while ((n = list_pop_front(&sd->pool))) {
		struct go *g = container_of(n, struct go, node);

		munmap(g->stack - PAGE, GO_STACK + PAGE);
		free(g);
	}
	free(sd->heap);
	free(sd);
	self = NULL;
}

int leat_go_run(void (*fn)(void *arg), void *arg)
{
	struct posix *p = posix_self();
	struct leat_group root;
	struct sched *sd;
	int err;

	if (!p)
		return go_answer(-E_NETDOWN);
	if (self)
		return go_answer(-E_BUSY);
	sd = calloc(1, sizeof(*sd));
	if (!sd)
		return go_answer(-E_NOMEM);
	sd->hooks = (struct posix_sched){ hook_current, hook_park, hook_wake };
	sd->p = p;
	list_init(&sd->ready);
	list_init(&sd->pool);
	self = sd;
	posix_set_sched(p, &sd->hooks);
	go_group_init(&root);
	err = go_spawn(&root, fn, arg);
	loop(sd);
	sched_free(sd);
	return go_answer(err);
}

/* ---- what coroutines call */

int leat_go(void (*fn)(void *arg), void *arg)
{
	struct sched *sd = self;

	if (!sd || !sd->current)
		return go_answer(-E_PERM);
	return go_answer(go_spawn(sd->current->group, fn, arg));
}

void leat_go_yield(void)
{
	struct sched *sd = self;

	if (!sd || !sd->current)
		return;
	list_push_back(&sd->ready, &sd->current->node);
	to_scheduler(sd, sd->current);
}

int leat_go_sleep(uint64_t ns)
{
	struct sched *sd = self;
	struct posix_sleeper s;
	nsec now = leat_now();
	int err;

	if (!sd || !sd->current)
		return go_answer(-E_PERM);
	posix_sleeper_init(sd->p, &s);
	err = go_park(&s, ns < NSEC_NEVER - now ? now + ns : NSEC_NEVER);
	return go_answer(err == -E_TIMEDOUT ? 0 : err);
}

uint64_t leat_go_deadline(uint64_t deadline)
{
	struct go *g = self ? self->current : NULL;
	nsec was;

	if (!g)
		return LEAT_FOREVER;
	was = g->deadline;
	g->deadline = deadline;
	return was;
}

int leat_go_canceled(void)
{
	return self && self->current && self->current->canceled;
}
