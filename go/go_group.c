/* Groups: the coroutines that one coroutine started and answers for.
 *
 * Always: a group's members have not ended; a group that was opened is closed by its opener, at the
 * latest when that ends, and closing waits, cancelled or not. */
#include <stdlib.h>

#include "go/go_int.h"

void go_group_init(struct leat_group *group)
{
	*group = (struct leat_group){ .live = 0 };
	list_init(&group->members);
	list_init(&group->node);
}

/* The coroutine has done its work. */
void go_group_leave(struct go *g)
{
	struct leat_group *group = g->group;

	list_del(&g->member);
	if (--group->live == 0 && group->waiter)
		go_wake(group->waiter);
}

void go_cancel(struct go *g)
{
	if (g->canceled)
		return;
	g->canceled = true;
	list_for_each(n, &g->groups)
		leat_group_cancel(container_of(n, struct leat_group, node));
	if (g->sleeper && !g->shielded)
		go_make_ready(go_sched(), g);
}

struct leat_group *leat_group_open(void)
{
	struct sched *sd = go_sched();
	struct leat_group *group;

	if (!sd || !sd->current) {
		errno = EPERM;
		return NULL;
	}
	group = malloc(sizeof(*group));
	if (!group)
		return NULL;
	go_group_init(group);
	group->canceled = sd->current->canceled;
	list_push_back(&sd->current->groups, &group->node);
	return group;
}

int leat_group_go(struct leat_group *group, void (*fn)(void *arg), void *arg)
{
	return go_answer(go_spawn(group, fn, arg));
}

int leat_group_wait(struct leat_group *group, uint64_t deadline)
{
	struct posix_sleeper s;
	int err;

	if (group->live == 0)
		return 0;
	posix_sleeper_init(go_sched()->p, &s);
	group->waiter = &s;
	err = go_park(&s, deadline);
	group->waiter = NULL;
	return go_answer(err == -E_TIMEDOUT ? -E_TIME : err);
}

void leat_group_cancel(struct leat_group *group)
{
	group->canceled = true;
	list_for_each(n, &group->members)
		go_cancel(container_of(n, struct go, member));
}

void leat_group_close(struct leat_group *group)
{
	struct go *g = go_sched()->current;

	leat_group_cancel(group);
	g->shielded = true;
	(void)leat_group_wait(group, LEAT_FOREVER);
	g->shielded = false;
	assert(group->live == 0);
	list_del(&group->node);
	free(group);
}

void go_groups_close(struct go *g)
{
	while (!list_empty(&g->groups))
		leat_group_close(container_of(g->groups.next, struct leat_group, node));
}
