/* What the files of go/ say to each other: the coroutine, the scheduler of a thread, the switch. */
#ifndef GO_GO_INT_H
#define GO_GO_INT_H

#include <errno.h>

#include "leat/go.h"

#include "base/assert.h"
#include "base/err.h"
#include "posix/posix.h"

#define GO_STACK (256u * 1024)	/* bytes, touched as they are used; the guard page is apart */
#define GO_POOL_MAX 1024u	/* stacks that are kept for the next ones */
#define GO_AT_NONE UINT32_MAX	/* not in the heap */

struct go {
	void *sp;			/* while it does not run */
	struct list node;		/* on the run queue, or on the pool */
	struct list member;		/* on group->members */
	struct list groups;		/* that it opened */
	struct leat_group *group;
	void (*fn)(void *arg);
	void *arg;
	struct posix_sleeper *sleeper;	/* what it waits with */
	nsec deadline;			/* of everything it waits for */
	nsec wake_at;			/* of what it waits for now; in the heap */
	uint32_t heap_at;
	bool canceled, shielded, ended;
	uint8_t *stack;			/* its lowest byte, above the guard page */
	void *fake_stack;		/* AddressSanitizer's */
};

struct leat_group {
	struct list members;
	struct list node;		/* on go->groups */
	unsigned live;
	bool canceled;
	struct posix_sleeper *waiter;
};

struct sched {
	struct posix_sched hooks;
	struct posix *p;
	struct go *current;		/* NULL: the scheduler itself */
	struct list ready;
	struct list pool;
	unsigned pooled, live;
	struct go **heap;		/* those with a deadline, the earliest first */
	uint32_t heap_n, heap_size;
	void *sp;			/* of the thread's own stack */
	void *fake_stack;
	const void *stack;		/* the thread's own, as AddressSanitizer tells it */
	size_t stack_size;
};

/* go.c */
struct sched *go_sched(void);
/* Parks the coroutine that runs: 0 when it was woken, -ETIME, -E_TIMEDOUT (`deadline`, not the
 * coroutine's own), -E_CANCELED. */
int go_park(struct posix_sleeper *s, nsec deadline);
void go_wake(struct posix_sleeper *s);
void go_make_ready(struct sched *sd, struct go *g);
int go_spawn(struct leat_group *group, void (*fn)(void *arg), void *arg);

/* go_heap.c */
int go_heap_add(struct sched *sd, struct go *g);
void go_heap_del(struct sched *sd, struct go *g);

/* go_group.c */
void go_group_init(struct leat_group *group);
void go_group_leave(struct go *g);
void go_groups_close(struct go *g);
void go_cancel(struct go *g);

static inline int go_answer(int res)
{
	if (res >= 0)
		return res;
	errno = -res;
	return -1;
}

#endif
