/* poll(2) and select(2) over descriptors of the stack and of the kernel.
 *
 * Each descriptor of ours is watched for the time of the call only; the kernel's are asked together
 * by one poll(2) and slept on with everything else.  What is true is looked at afresh in each
 * round. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "posix/posix_int.h"

#define POLL_ROOM 64u	/* descriptors of a call that needs no memory from the heap */
#define POLL_TOLD (POLLIN | POLLPRI | POLLOUT | POLLRDHUP | POLLRDNORM | POLLWRNORM)

struct poll_call;

struct poll_watch {
	struct file_watch watch;
	struct poll_call *call;
	struct file *file;
	uint32_t events;
};

struct poll_call {
	struct posix *p;
	struct posix_sleeper *sleeper;
	struct pollfd *fds;		/* the caller's */
	nfds_t n;
	struct poll_watch *watches;	/* one a descriptor of ours */
	struct pollfd *kernel;		/* the kernel's, and which of `fds` each is */
	unsigned *kernel_at;
	unsigned watches_n, kernel_n;
	bool watched;
};

static bool poll_woken(struct file_watch *w, uint32_t events)
{
	struct poll_watch *me = container_of(w, struct poll_watch, watch);

	if (events & (me->events | EVENTS_ALWAYS))
		posix_sleeper_wake(me->call->p, me->call->sleeper);
	return false;
}

static void poll_gone(struct file_watch *w)
{
	struct poll_watch *me = container_of(w, struct poll_watch, watch);

	me->file = NULL;
	posix_sleeper_wake(me->call->p, me->call->sleeper);
}

/* What poll(2) says for bits of ours: the normal-data bits go along. */
static uint32_t told(uint32_t ready)
{
	return ready | (ready & POLLIN ? POLLRDNORM : 0) | (ready & POLLOUT ? POLLWRNORM : 0);
}

/* Sorts the descriptors; an error for one is its POLLNVAL. */
static int sort(struct poll_call *c)
{
	for (nfds_t i = 0; i < c->n; i++) {
		int err;
		struct file *f = c->fds[i].fd < 0 ? NULL : posix_file(c->fds[i].fd, &err);

		c->fds[i].revents = 0;
		if (c->fds[i].fd < 0)
			continue;
		if (err == -EXDEV)
			return err;
		if (err) {
			c->fds[i].revents = POLLNVAL;
			continue;
		}
		if (f) {
			c->watches[c->watches_n++] = (struct poll_watch){
				.watch = { .wake = poll_woken, .gone = poll_gone },
				.call = c, .file = f,
				.events = (uint32_t)c->fds[i].events & POLL_TOLD,
			};
			list_init(&c->watches[c->watches_n - 1].watch.node);
			continue;
		}
		c->kernel_at[c->kernel_n] = (unsigned)i;
		c->kernel[c->kernel_n++] = c->fds[i];
	}
	return 0;
}

/* How many have something now. */
static int look(struct poll_call *c)
{
	unsigned w = 0;
	int n = 0, err;

	if (c->kernel_n && poll(c->kernel, c->kernel_n, 0) < 0)
		return -errno;
	for (unsigned k = 0; k < c->kernel_n; k++)
		c->fds[c->kernel_at[k]].revents = c->kernel[k].revents;
	for (nfds_t i = 0; i < c->n; i++) {
		struct pollfd *at = &c->fds[i];

		if (at->fd >= 0 && w < c->watches_n && posix_file(at->fd, &err) &&
		    posix_file(at->fd, &err) == c->watches[w].file) {
			struct poll_watch *pw = &c->watches[w++];

			at->revents = (short)(told(posix_file_ready(pw->file)) &
					      (pw->events | EVENTS_ALWAYS));
		}
		n += at->revents != 0;
	}
	return n;
}

static int watch_all(struct poll_call *c)
{
	int err = 0;

	for (unsigned i = 0; i < c->watches_n && !err; i++)
		err = posix_file_watch(c->watches[i].file, &c->watches[i].watch);
	return err;
}

static void unwatch_all(struct poll_call *c)
{
	for (unsigned i = 0; i < c->watches_n; i++)
		list_del(&c->watches[i].watch.node);
}

static int run(struct poll_call *c, nsec timeout, const sigset_t *mask)
{
	nsec deadline = posix_deadline(timeout);
	struct posix_sleeper s;
	int n = sort(c), err = 0;

	if (n)
		return n;
	posix_step(c->p);
	n = look(c);
	if (n || timeout == 0)
		return n;
	c->sleeper = &s;
	posix_sleeper_init(c->p, &s);
	err = watch_all(c);
	while (n == 0 && !err) {
		posix_sleeper_init(c->p, &s);
		s.fds = c->kernel;
		s.fds_n = c->kernel_n;
		s.mask = mask;
		err = posix_block(c->p, &s, deadline);
		n = look(c);
	}
	unwatch_all(c);
	return n ? n : err == -E_TIMEDOUT ? 0 : err;
}

/* Memory for a call: arrays for the worst of each kind. */
static int call(struct pollfd *fds, nfds_t n, nsec timeout, const sigset_t *mask)
{
	struct poll_call c = { .p = posix_self(), .fds = fds, .n = n };
	size_t each = sizeof(struct poll_watch) + sizeof(struct pollfd) + sizeof(unsigned);
	char room[POLL_ROOM * (sizeof(struct poll_watch) + sizeof(struct pollfd) +
			       sizeof(unsigned))] __attribute__((aligned(16)));
	void *mem = n <= POLL_ROOM ? room : malloc(n * each);
	int res;

	if (!mem)
		return -E_NOMEM;
	c.watches = mem;
	c.kernel = (struct pollfd *)(c.watches + n);
	c.kernel_at = (unsigned *)(c.kernel + n);
	res = run(&c, timeout, mask);
	if (mem != room)
		free(mem);
	return res;
}

static nsec span_of(const struct timespec *ts)
{
	return ts ? SEC(ts->tv_sec) + (nsec)ts->tv_nsec : NSEC_NEVER;
}

static bool bad_span(const struct timespec *ts)
{
	return ts && (ts->tv_sec < 0 || (unsigned long)ts->tv_nsec >= SEC(1));
}

static bool too_many(nfds_t n)
{
	struct rlimit r;

	return n > POLL_ROOM && getrlimit(RLIMIT_NOFILE, &r) == 0 && n > r.rlim_cur;
}

int leat_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	if (bad_span(timeout) || too_many(n))
		return posix_answer(-E_INVAL);
	if (!fds && n)
		return posix_answer(-E_FAULT);
	if (!posix_self())
		return ppoll(fds, n, timeout, mask);
	return posix_answer(call(fds, n, span_of(timeout), mask));
}

int leat_poll_fds(struct pollfd *fds, nfds_t n, int timeout_ms)
{
	struct timespec ts = { .tv_sec = timeout_ms / 1000,
			       .tv_nsec = timeout_ms % 1000 * 1000000L };

	return leat_ppoll(fds, n, timeout_ms < 0 ? NULL : &ts, NULL);
}

/* ---- select: sets of bits, as long as `n` says */

#define BITS (8 * (int)sizeof(unsigned long))
#define SELECT_IN (POLLRDNORM | POLLIN | POLLHUP | POLLERR)
#define SELECT_OUT (POLLWRNORM | POLLOUT | POLLERR)
#define SELECT_EXCEPT POLLPRI

static bool bit(const fd_set *set, int i)
{
	return set && ((const unsigned long *)set)[i / BITS] >> i % BITS & 1;
}

static void set_bit(fd_set *set, int i)
{
	((unsigned long *)set)[i / BITS] |= 1ul << i % BITS;
}

static void clear(fd_set *set, int n)
{
	if (set)
		memset(set, 0, (size_t)((n + BITS - 1) / BITS) * sizeof(unsigned long));
}

static int spread(const struct pollfd *fds, nfds_t n, fd_set *in, fd_set *out, fd_set *except)
{
	int bits = 0;

	for (nfds_t i = 0; i < n; i++) {
		short want = fds[i].events, got = fds[i].revents;

		if (want & POLLIN && got & SELECT_IN) {
			set_bit(in, fds[i].fd);
			bits++;
		}
		if (want & POLLOUT && got & SELECT_OUT) {
			set_bit(out, fds[i].fd);
			bits++;
		}
		if (want & POLLPRI && got & SELECT_EXCEPT) {
			set_bit(except, fds[i].fd);
			bits++;
		}
	}
	return bits;
}

static int select_call(int n, fd_set *in, fd_set *out, fd_set *except, nsec timeout,
		       const sigset_t *mask)
{
	struct pollfd *fds = malloc((size_t)MAX(n, 1) * sizeof(*fds));
	nfds_t used = 0;
	int res = 0;

	if (!fds)
		return -E_NOMEM;
	for (int i = 0; i < n; i++) {
		short events = (short)((bit(in, i) ? POLLIN : 0) | (bit(out, i) ? POLLOUT : 0) |
				       (bit(except, i) ? POLLPRI : 0));
		if (!events)
			continue;
		if (leat_is(i) < 0)
			res = -E_BADF;
		fds[used++] = (struct pollfd){ .fd = i, .events = events };
	}
	if (!res)
		res = call(fds, used, timeout, mask);
	if (res >= 0) {
		clear(in, n);
		clear(out, n);
		clear(except, n);
		res = spread(fds, used, in, out, except);
	}
	free(fds);
	return res;
}

int leat_pselect(int n, fd_set *in, fd_set *out, fd_set *except, const struct timespec *timeout,
		 const sigset_t *mask)
{
	if (n < 0 || bad_span(timeout))
		return posix_answer(-E_INVAL);
	if (!posix_self())
		return pselect(n, in, out, except, timeout, mask);
	return posix_answer(select_call(n, in, out, except, span_of(timeout), mask));
}

/* The time that is left is written back, as Linux does. */
int leat_select(int n, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout)
{
	nsec start = leat_now(), span = NSEC_NEVER, gone;
	struct timespec ts;
	int res;

	if (timeout && (timeout->tv_sec < 0 || timeout->tv_usec < 0))
		return posix_answer(-E_INVAL);
	if (timeout) {
		span = SEC(timeout->tv_sec) + USEC(timeout->tv_usec);
		ts.tv_sec = (time_t)(span / SEC(1));
		ts.tv_nsec = (long)(span % SEC(1));
	}
	res = leat_pselect(n, in, out, except, timeout ? &ts : NULL, NULL);
	if (timeout) {
		gone = leat_now() - start;
		gone = gone < span ? span - gone : 0;
		timeout->tv_sec = (time_t)(gone / SEC(1));
		timeout->tv_usec = (suseconds_t)(gone % SEC(1) / USEC(1));
	}
	return res;
}
