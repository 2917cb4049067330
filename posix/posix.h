/* What else waits beside blocking calls: for go/, whose coroutines park where a thread would sleep.
 *
 * A sleeper is somebody who waits: for events of a file (a struct file_wait on it), for descriptors
 * of the kernel, or for a moment.  posix_block() returns when it was woken; in a coroutine it parks
 * that, in a thread it runs the stack and sleeps.
 *
 * Always: a sleeper, its waits and its descriptors live on the stack of the call that waits and are
 * taken off every list before it returns. */
#ifndef POSIX_POSIX_H
#define POSIX_POSIX_H

#include <poll.h>
#include <signal.h>

#include "leat/socket.h"

#include "base/list.h"

struct posix_sleeper {
	bool woken;
	void *owner;			/* of the coroutine that waits, NULL: the thread */
	/* kernel descriptors that wake it, and where they stand while it waits */
	struct pollfd *fds;
	unsigned fds_n;
	struct list fds_node;
	const sigset_t *mask;		/* while the thread sleeps */
};

/* What a scheduler of coroutines puts into a thread's sockets. */
struct posix_sched {
	void *(*current)(struct posix_sched *sched);	/* NULL: the thread itself */
	int (*park)(struct posix_sched *sched, struct posix_sleeper *s, nsec deadline);
	void (*wake)(struct posix_sched *sched, struct posix_sleeper *s);
};

struct posix;

/* This thread's, or NULL. */
struct posix *posix_self(void);
struct leat_ring *posix_ring(struct posix *p);
void posix_set_sched(struct posix *p, struct posix_sched *sched);

void posix_sleeper_init(struct posix *p, struct posix_sleeper *s);
void posix_sleeper_wake(struct posix *p, struct posix_sleeper *s);

/* 0: woken; -E_TIMEDOUT; -E_INTR: a signal came while the thread slept; or what the scheduler's
 * park() says. */
int posix_block(struct posix *p, struct posix_sleeper *s, nsec deadline);

/* One round of the stack, events told.  Then sleeps until `until`, unless there was something to
 * do.  For a scheduler that has nothing to run.  -E_INTR, or 0. */
void posix_step(struct posix *p);
int posix_idle(struct posix *p, nsec until, const sigset_t *mask);

/* Waits for events (poll(2)'s bits) of a descriptor; it may be one of the kernel's.  Returns those
 * that are true, or a negative error. */
int posix_await(int fd, unsigned events, nsec deadline);

#endif
