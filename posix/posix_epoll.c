/* epoll(7): sets, and what is ready in them.
 *
 * Each socket of a set has an item, which hears of the socket's events and then stands on the set's
 * ready list; a wait looks at that list only, asks each what is true now, and tells it.  So a wait
 * costs what is ready, whatever the size of the set.  Level-triggered items go back to the end of
 * the list when they were told, edge-triggered ones wait for the next event, one-shot ones for
 * EPOLL_CTL_MOD: the same steps as Linux, hence the same order.
 *
 * Descriptors of the kernel stand in an epoll set of the kernel's that is made when the first one
 * comes; it is one more thing to sleep on, and its events come first in every other wait.
 *
 * Always: an item on the ready list is of this set and of a socket that is open; a set is at most
 * EPOLL_NESTS deep, and never in itself. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "posix/posix_int.h"

#define EPOLL_ITEMS 4096u	/* to begin with: buckets of the table */
#define EPOLL_EVENTS 1024	/* told in one wait */
#define EPOLL_EVENTS_MAX (INT32_MAX / (int)sizeof(struct epoll_event))
#define EPOLL_NESTS 5
#define EPOLL_MODES (EPOLLET | EPOLLONESHOT | EPOLLWAKEUP | EPOLLEXCLUSIVE)
#define EPOLL_EXCLUSIVE_OK (EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | \
			    EPOLLEXCLUSIVE)

struct item {
	struct file_watch watch;	/* on the socket */
	struct list ready;		/* on epoll->ready */
	struct item *next;		/* of its bucket */
	struct epoll *set;
	struct file *file;
	uint64_t data;
	uint32_t events;		/* what is wanted; 0 after a one-shot */
	int fd;
};

struct epoll {
	struct file f;
	struct list ready;
	struct item **buckets;
	uint32_t mask, items;
	uint32_t sleepers;		/* waits that block on this very set */
	int kernel;			/* its set of kernel descriptors, or -1 */
	bool kernel_first;		/* in the last wait */
};

static struct epoll *epoll_of(struct file *f)
{
	return container_of(f, struct epoll, f);
}

void *posix_epoll_of(struct file *f)
{
	return epoll_of(f);
}

/* ---- the table of items, by descriptor */

static struct item **bucket(struct epoll *e, int fd)
{
	return &e->buckets[(uint32_t)fd & e->mask];
}

/* Where the pointer to the item stands, or to NULL. */
static struct item **find(struct epoll *e, struct file *f, int fd)
{
	struct item **at = bucket(e, fd);

	while (*at && ((*at)->fd != fd || (*at)->file != f))
		at = &(*at)->next;
	return at;
}

/* Twice as many buckets, as far as there is memory. */
static void grow(struct epoll *e)
{
	uint32_t mask = e->mask * 2 + 1, old = e->mask;
	struct item **buckets = calloc(mask + 1, sizeof(*buckets)), **was = e->buckets;

	if (!buckets)
		return;
	e->buckets = buckets;
	e->mask = mask;
	for (uint32_t i = 0; i <= old; i++) {
		for (struct item *it = was[i], *next; it; it = next) {
			struct item **at = bucket(e, it->fd);

			next = it->next;
			it->next = *at;
			*at = it;
		}
	}
	free(was);
}

/* ---- events */

static void set_ready(struct item *it)
{
	struct epoll *e = it->set;

	if (!list_linked(&it->ready))
		list_push_back(&e->ready, &it->ready);
	posix_file_wake(&e->f, POLLIN);
}

/* An exclusive item has had its event when somebody waits for it. */
static bool item_wake(struct file_watch *w, uint32_t events)
{
	struct item *it = container_of(w, struct item, watch);

	if (!(events & it->events))
		return false;
	set_ready(it);
	return w->exclusive && it->set->sleepers;
}

static uint32_t item_events(struct item *it)
{
	return it->events ? posix_file_ready(it->file) & it->events : 0;
}

static void item_free(struct item *it)
{
	struct epoll *e = it->set;
	struct item **at = find(e, it->file, it->fd);

	assert(*at == it);
	*at = it->next;
	list_del(&it->watch.node);
	list_del(&it->ready);
	e->items--;
	free(it);
}

static void item_gone(struct file_watch *w)
{
	item_free(container_of(w, struct item, watch));
}

static bool kernel_ready(struct epoll *e)
{
	struct pollfd at = { .fd = e->kernel, .events = POLLIN };

	return e->kernel >= 0 && poll(&at, 1, 0) > 0;
}

/* As a file: is anything on the list still true?  What is not is taken off. */
uint32_t posix_epoll_ready(struct file *f)
{
	struct epoll *e = epoll_of(f);

	while (!list_empty(&e->ready)) {
		struct item *it = container_of(e->ready.next, struct item, ready);

		if (item_events(it))
			return POLLIN;
		list_del(&it->ready);
	}
	return kernel_ready(e) ? POLLIN : 0;
}

/* ---- making and closing */

int leat_epoll_create1(int flags)
{
	struct posix *p = posix_self();
	struct epoll *e;
	int fd;

	if (flags & ~EPOLL_CLOEXEC)
		return posix_answer(-E_INVAL);
	if (!p)
		return posix_answer(-E_NETDOWN);
	e = aligned_alloc(CACHE_LINE, ALIGN_UP(sizeof(*e), (size_t)CACHE_LINE));
	if (!e)
		return posix_answer(-E_NOMEM);
	*e = (struct epoll){ .mask = EPOLL_ITEMS - 1, .kernel = -1 };
	e->buckets = calloc(EPOLL_ITEMS, sizeof(struct item *));
	if (!e->buckets) {
		free(e);
		return posix_answer(-E_NOMEM);
	}
	list_init(&e->ready);
	posix_file_init(&e->f, p, FILE_EPOLL);
	posix_file_get(&e->f);
	fd = posix_fd_new(&e->f, 0, flags & EPOLL_CLOEXEC);
	posix_file_put(&e->f);
	return posix_answer(fd);
}

int leat_epoll_create(int size)
{
	return size <= 0 ? posix_answer(-E_INVAL) : leat_epoll_create1(0);
}

void posix_epoll_release(struct file *f)
{
	struct epoll *e = epoll_of(f);

	for (uint32_t i = 0; i <= e->mask; i++)
		while (e->buckets[i])
			item_free(e->buckets[i]);
	free(e->buckets);
	if (e->kernel >= 0)
		close(e->kernel);
}

/* ---- epoll_ctl */

/* How deep is what stands in the set; EPOLL_NESTS + 1 when too deep, or `top` is in it. */
static int depth_of(struct epoll *e, struct epoll *top)
{
	int depth = 1;

	for (uint32_t i = 0; i <= e->mask; i++) {
		for (struct item *it = e->buckets[i]; it; it = it->next) {
			int d;

			if (it->file->kind != FILE_EPOLL)
				continue;
			if (it->file == &top->f)
				return EPOLL_NESTS + 1;
			d = depth_of(epoll_of(it->file), top) + 1;
			if (d > depth)
				depth = d;
			if (depth > EPOLL_NESTS)
				return depth;
		}
	}
	return depth;
}

/* How many sets the set stands in, above each other. */
static int height_of(struct epoll *e)
{
	int height = 0;

	list_for_each(n, &e->f.watches) {
		struct file_watch *w = container_of(n, struct file_watch, node);
		int h;

		if (w->wake != item_wake)
			continue;
		h = height_of(container_of(w, struct item, watch)->set) + 1;
		if (h > height)
			height = h;
	}
	return height;
}

/* Told at once when something is true already. */
static void look(struct item *it)
{
	if (item_events(it))
		set_ready(it);
}

static int item_add(struct epoll *e, struct file *f, int fd, const struct epoll_event *ev)
{
	struct item *it;

	if (f->kind == FILE_EPOLL && depth_of(epoll_of(f), e) + height_of(e) >= EPOLL_NESTS)
		return -ELOOP;
	it = calloc(1, sizeof(*it));
	if (!it)
		return -E_NOMEM;
	*it = (struct item){
		.watch = { .wake = item_wake, .gone = item_gone,
			   .exclusive = ev->events & EPOLLEXCLUSIVE },
		.set = e, .file = f, .fd = fd, .data = ev->data.u64,
		.events = ev->events | EPOLLERR | EPOLLHUP,
	};
	list_init(&it->ready);
	if (e->items > e->mask)
		grow(e);
	it->next = *bucket(e, fd);
	*bucket(e, fd) = it;
	e->items++;
	if (posix_file_watch(f, &it->watch)) {
		item_free(it);
		return -E_NOSPC;
	}
	look(it);
	return 0;
}

static int item_mod(struct item *it, const struct epoll_event *ev)
{
	if (it->watch.exclusive || ev->events & EPOLLEXCLUSIVE)
		return -E_INVAL;
	it->events = ev->events | EPOLLERR | EPOLLHUP;
	it->data = ev->data.u64;
	look(it);
	return 0;
}

static int kernel_ctl(struct epoll *e, int op, int fd, struct epoll_event *ev)
{
	if (e->kernel < 0)
		e->kernel = epoll_create1(EPOLL_CLOEXEC);
	if (e->kernel < 0)
		return -errno;
	return epoll_ctl(e->kernel, op, fd, ev) < 0 ? -errno : 0;
}

static int file_ctl(struct epoll *e, int op, struct file *f, int fd, struct epoll_event *ev)
{
	struct item **at = find(e, f, fd);

	if (f == &e->f)
		return -E_INVAL;
	if (op != EPOLL_CTL_DEL && ev->events & EPOLLEXCLUSIVE &&
	    (op == EPOLL_CTL_MOD || f->kind == FILE_EPOLL || ev->events & ~EPOLL_EXCLUSIVE_OK))
		return -E_INVAL;
	switch (op) {
	case EPOLL_CTL_ADD:
		return *at ? -E_EXIST : item_add(e, f, fd, ev);
	case EPOLL_CTL_MOD:
		return *at ? item_mod(*at, ev) : -E_NOENT;
	case EPOLL_CTL_DEL:
		if (!*at)
			return -E_NOENT;
		item_free(*at);
		return 0;
	}
	return -E_INVAL;
}

int leat_epoll_ctl(int set, int op, int fd, struct epoll_event *event)
{
	int err, err_fd;
	struct file *s = posix_file(set, &err), *f = posix_file(fd, &err_fd);

	if (op != EPOLL_CTL_DEL && !event)
		return posix_answer(-E_FAULT);
	if (err || err_fd)
		return posix_answer(err ? err : err_fd);
	if (!s && !f)
		return epoll_ctl(set, op, fd, event);
	if (!s)
		return posix_answer(leat_is(set) < 0 ? -E_BADF : -E_INVAL);
	if (s->kind != FILE_EPOLL)
		return posix_answer(-E_INVAL);
	return posix_answer(f ? file_ctl(epoll_of(s), op, f, fd, event) :
				kernel_ctl(epoll_of(s), op, fd, event));
}

/* ---- epoll_wait */

/* Tells what is ready: each item that was on the list at the start is looked at once. */
static int harvest(struct epoll *e, struct epoll_event *events, int max)
{
	struct list todo;
	int n = 0;

	list_init(&todo);
	list_splice_back(&todo, &e->ready);
	while (n < max && !list_empty(&todo)) {
		struct item *it = container_of(todo.next, struct item, ready);
		uint32_t now;

		list_del(&it->ready);
		now = item_events(it);
		if (!now)
			continue;
		events[n].events = now;
		events[n++].data.u64 = it->data;
		if (it->events & EPOLLONESHOT)
			it->events &= EPOLL_MODES;
		else if (!(it->events & EPOLLET))
			list_push_back(&e->ready, &it->ready);
	}
	/* Those whose turn did not come stay in front. */
	list_splice_back(&todo, &e->ready);
	list_splice_back(&e->ready, &todo);
	return n;
}

static int collect(struct epoll *e, struct epoll_event *events, int max)
{
	int n = 0, k;

	if (likely(e->kernel < 0))
		return list_empty(&e->ready) ? 0 : harvest(e, events, max);
	/* Who comes first takes turns, so that neither fills every wait. */
	e->kernel_first = !e->kernel_first;
	if (!e->kernel_first && !list_empty(&e->ready))
		n = harvest(e, events, max);
	k = n < max ? epoll_wait(e->kernel, events + n, max - n, 0) : 0;
	n += MAX(k, 0);
	if (e->kernel_first && n < max && !list_empty(&e->ready))
		n += harvest(e, events + n, max - n);
	return n;
}

struct set_waiter {
	struct file_watch watch;
	struct posix_sleeper sleeper;
	struct posix *p;
};

static bool set_woken(struct file_watch *w, uint32_t events)
{
	struct set_waiter *me = container_of(w, struct set_waiter, watch);

	posix_sleeper_wake(me->p, &me->sleeper);
	return false;
}

static void set_gone(struct file_watch *w)
{
	(void)set_woken(w, 0);
}

static int wait_blocking(struct epoll *e, struct epoll_event *events, int max, nsec deadline,
			 const sigset_t *mask)
{
	struct pollfd kernel = { .fd = e->kernel, .events = POLLIN };
	struct set_waiter w = { .watch = { .wake = set_woken, .gone = set_gone },
				.p = e->f.owner };
	int err = 0, n = 0;

	(void)posix_file_watch(&e->f, &w.watch);	/* a set: it cannot fail */
	while (!err && n == 0 && !e->f.dead) {
		posix_sleeper_init(w.p, &w.sleeper);
		if (kernel.fd >= 0) {
			w.sleeper.fds = &kernel;
			w.sleeper.fds_n = 1;
		}
		w.sleeper.mask = mask;
		e->sleepers++;
		err = posix_block(w.p, &w.sleeper, deadline);
		e->sleepers--;
		n = e->f.dead ? 0 : collect(e, events, max);
	}
	list_del(&w.watch.node);
	return n ? n : err == -E_TIMEDOUT ? 0 : err;
}

static int wait_for(int set, struct epoll_event *events, int max, nsec timeout,
		    const sigset_t *mask)
{
	int err, n;
	struct file *f = posix_file(set, &err);
	struct epoll *e;

	if (err || !f)
		return err ? err : -E_BADF;
	if (max <= 0 || max > EPOLL_EVENTS_MAX || f->kind != FILE_EPOLL)
		return -E_INVAL;
	if (!events)
		return -E_FAULT;
	e = epoll_of(f);
	max = MIN(max, EPOLL_EVENTS);
	posix_step(f->owner);
	n = collect(e, events, max);
	if (n || timeout == 0)
		return n;
	posix_file_get(f);
	n = wait_blocking(e, events, max, posix_deadline(timeout), mask);
	posix_file_put(f);
	return n;
}

static bool is_kernels(int set)
{
	int err;

	return !posix_file(set, &err) && !err;
}

int leat_epoll_pwait(int set, struct epoll_event *events, int max, int timeout_ms,
		     const sigset_t *mask)
{
	nsec timeout = timeout_ms < 0 ? NSEC_NEVER : MSEC(timeout_ms);

	if (unlikely(is_kernels(set)))
		return epoll_pwait(set, events, max, timeout_ms, mask);
	return posix_answer(wait_for(set, events, max, timeout, mask));
}

int leat_epoll_wait(int set, struct epoll_event *events, int max, int timeout_ms)
{
	return leat_epoll_pwait(set, events, max, timeout_ms, NULL);
}

int leat_epoll_pwait2(int set, struct epoll_event *events, int max, const struct timespec *timeout,
		      const sigset_t *mask)
{
	nsec span = NSEC_NEVER;

	if (timeout && (timeout->tv_sec < 0 || (unsigned long)timeout->tv_nsec >= SEC(1)))
		return posix_answer(-E_INVAL);
	if (timeout)
		span = SEC(timeout->tv_sec) + (nsec)timeout->tv_nsec;
	if (unlikely(is_kernels(set)))
		return epoll_pwait2(set, events, max, timeout, mask);
	return posix_answer(wait_for(set, events, max, span, mask));
}
