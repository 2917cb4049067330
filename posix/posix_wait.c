/* Waiting: a thread that has nothing to do runs the stack, looks on for a moment, and sleeps.
 *
 * It sleeps on what the stack's devices name, on the kernel's descriptors that anybody who waits
 * has named (each sleeper brings its own), and until the stack's next deadline or the caller's.
 * While there is work nobody asks the kernel more often than every POSIX_KERNEL_LOOK.
 *
 * In a coroutine the same call parks the coroutine: what happens then is the scheduler's. */
#include <stdlib.h>
#include <string.h>

#include "posix/posix_int.h"

#define SLEEP_FDS 64u	/* more are gathered in memory from the heap */
#define SIGNALS 65

void posix_sleeper_init(struct posix *p, struct posix_sleeper *s)
{
	*s = (struct posix_sleeper){ .owner = p->sched ? p->sched->current(p->sched) : NULL };
	list_init(&s->fds_node);
}

void posix_sleeper_wake(struct posix *p, struct posix_sleeper *s)
{
	if (s->woken)
		return;
	s->woken = true;
	if (s->owner)
		p->sched->wake(p->sched, s);
}

nsec posix_deadline(nsec timeout)
{
	nsec now;

	if (timeout == NSEC_NEVER)
		return NSEC_NEVER;
	now = leat_now();
	return timeout < NSEC_NEVER - now ? now + timeout : NSEC_NEVER;
}

/* ---- sleeping */

/* All that is to be slept on; NULL: no memory. `room` is tried first. */
static struct pollfd *gather(struct posix *p, const int *devs, unsigned devs_n,
			     struct pollfd *room, unsigned *n)
{
	struct pollfd *fds = room;

	*n = devs_n;
	list_for_each(at, &p->kernel_waits)
		*n += container_of(at, struct posix_sleeper, fds_node)->fds_n;
	if (*n > SLEEP_FDS) {
		fds = malloc(*n * sizeof(*fds));
		if (!fds)
			return NULL;
	}
	for (*n = 0; *n < devs_n; (*n)++)
		fds[*n] = (struct pollfd){ .fd = devs[*n], .events = POLLIN };
	list_for_each(at, &p->kernel_waits) {
		struct posix_sleeper *s = container_of(at, struct posix_sleeper, fds_node);

		memcpy(fds + *n, s->fds, s->fds_n * sizeof(*fds));
		*n += s->fds_n;
	}
	return fds;
}

/* Wakes those whose descriptors have something; `fds` as gather() laid them out. */
static void spread(struct posix *p, const struct pollfd *fds)
{
	list_for_each_safe(at, next, &p->kernel_waits) {
		struct posix_sleeper *s = container_of(at, struct posix_sleeper, fds_node);
		bool any = false;

		for (unsigned i = 0; i < s->fds_n; i++, fds++) {
			s->fds[i].revents = fds->revents;
			any |= fds->revents != 0;
		}
		if (any)
			posix_sleeper_wake(p, s);
	}
}

static int sleep_on(struct posix *p, const int *devs, unsigned devs_n, nsec span,
		    const sigset_t *mask)
{
	struct timespec ts = { .tv_sec = (time_t)(span / SEC(1)),
			       .tv_nsec = (long)(span % SEC(1)) };
	struct pollfd room[SLEEP_FDS], *fds;
	unsigned n;
	int ready, err;

	fds = gather(p, devs, devs_n, room, &n);
	if (!fds)
		return -E_NOMEM;
	ready = ppoll(fds, n, span == NSEC_NEVER ? NULL : &ts, mask);
	err = ready < 0 ? -errno : 0;
	p->kernel_looked = leat_now();
	if (ready > 0)
		spread(p, fds + devs_n);
	if (fds != room)
		free(fds);
	return err;
}

/* News of kernel descriptors while the stack is too busy to sleep. */
static void look_at_kernel(struct posix *p, nsec now)
{
	if (!list_empty(&p->kernel_waits) && now - p->kernel_looked >= POSIX_KERNEL_LOOK)
		(void)sleep_on(p, NULL, 0, 0, NULL);
}

int posix_idle(struct posix *p, nsec until, const sigset_t *mask)
{
	nsec now = leat_now(), next = p->next;
	int devs[16], n;

	look_at_kernel(p, now);
	if (now - p->worked < POSIX_SPIN || next <= now || until <= now)
		return 0;
	n = leat_sleep_on(p->ring, devs, ARRAY_LEN(devs), &next);
	next = MIN(next, until);
	if (n < 0 || next <= now)
		return 0;
	return sleep_on(p, devs, (unsigned)n, next == NSEC_NEVER ? next : next - now, mask);
}

/* ---- blocking */

int posix_block(struct posix *p, struct posix_sleeper *s, nsec deadline)
{
	int err = 0;

	if (s->fds_n)
		list_push_back(&p->kernel_waits, &s->fds_node);
	if (s->owner && !s->woken)
		err = p->sched->park(p->sched, s, deadline);
	while (!s->owner && !err) {
		posix_step(p);
		if (s->woken)
			break;
		if (deadline != NSEC_NEVER && leat_now() >= deadline)
			err = -E_TIMEDOUT;
		else
			err = posix_idle(p, deadline, s->mask);
	}
	list_del(&s->fds_node);
	return s->woken ? 0 : err;
}

/* Somebody who waits for events of one file. */
struct file_waiter {
	struct file_watch watch;
	struct posix_sleeper sleeper;
	struct posix *p;
	uint32_t events;
};

static bool waiter_wake(struct file_watch *w, uint32_t events)
{
	struct file_waiter *me = container_of(w, struct file_waiter, watch);

	if (events & (me->events | EVENTS_ALWAYS))
		posix_sleeper_wake(me->p, &me->sleeper);
	return false;
}

static void waiter_gone(struct file_watch *w)
{
	struct file_waiter *me = container_of(w, struct file_waiter, watch);

	posix_sleeper_wake(me->p, &me->sleeper);
}

/* The watch is set before the look, so that nothing in between is missed; an event that was there
 * already wakes nobody, but the look sees it. */
int posix_wait(struct file *f, uint32_t events, nsec deadline)
{
	struct posix *p = f->owner;
	struct file_waiter w = { .watch = { .wake = waiter_wake, .gone = waiter_gone },
				 .p = p, .events = events };
	int err = posix_file_watch(f, &w.watch);

	if (err)
		return err;
	while (!err && !(posix_file_ready(f) & (events | EVENTS_ALWAYS))) {
		posix_sleeper_init(p, &w.sleeper);
		err = posix_block(p, &w.sleeper, deadline);
		if (f->dead)
			err = -E_BADF;
	}
	list_del(&w.watch.node);
	return err;
}

static int await_kernel(struct posix *p, int fd, unsigned events, nsec deadline)
{
	struct pollfd at = { .fd = fd, .events = (short)events };
	struct posix_sleeper s;
	int err = poll(&at, 1, 0);

	if (err)
		return err < 0 ? -errno : at.revents;
	posix_sleeper_init(p, &s);
	s.fds = &at;
	s.fds_n = 1;
	err = posix_block(p, &s, deadline);
	return err ? err : at.revents;
}

int posix_await(int fd, unsigned events, nsec deadline)
{
	struct posix *p = posix_self();
	struct file *f;
	int err;

	if (!p)
		return -E_NETDOWN;
	f = posix_file(fd, &err);
	if (err || !f)
		return err ? err : await_kernel(p, fd, events, deadline);
	posix_file_get(f);
	err = posix_wait(f, events, deadline);
	if (!err)
		err = (int)(posix_file_ready(f) & (events | EVENTS_ALWAYS));
	posix_file_put(f);
	return err;
}

/* ---- signals */

/* Nothing says which handler ran.  When all of them restart, so do we; else the program that left
 * SA_RESTART out hears of it. */
bool posix_restarts(void)
{
	for (int sig = 1; sig < SIGNALS; sig++) {
		struct sigaction at;

		if (sigaction(sig, NULL, &at) == 0 && at.sa_handler != SIG_DFL &&
		    at.sa_handler != SIG_IGN && !(at.sa_flags & SA_RESTART))
			return false;
	}
	return true;
}
