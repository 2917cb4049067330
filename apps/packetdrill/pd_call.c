/* See pd_call.h.  One mutex; requests in a list; the stack's thread works through it.
 *
 * Who waited and has its answer is the next to look at the clock (packetdrill notes when a call
 * ended): until then time stands still for the others, HANDOFF_MS of real time at most. */
#include "apps/packetdrill/pd_call.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apps/packetdrill/pd_stack.h"
#include "base/list.h"
#include "leat/socket.h"

#define HANDOFF_MS 200
#define PATIENCE SEC(120)	/* virtual; for a packet that does not come */

struct request {
	struct list node;
	pd_call_fn fn;
	long *args, result;
	nsec until;
	int error;
	bool waited, done;
	pthread_t who;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t asked, answered, handed;
	pthread_t thread;
	struct list requests, waiting;
	char flags[128];
	bool stop, open;
	bool handoff;
	pthread_t handed_to;
} pd = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.asked = PTHREAD_COND_INITIALIZER,
	.answered = PTHREAD_COND_INITIALIZER,
	.handed = PTHREAD_COND_INITIALIZER,
};

/* ---- the stack's thread */

static void answer(struct request *r)
{
	list_del(&r->node);
	r->done = true;
	if (r->waited) {
		pd.handoff = true;
		pd.handed_to = r->who;
	}
	pthread_cond_broadcast(&pd.answered);
}

/* False: it has to wait. */
static bool attempt(struct request *r)
{
	errno = 0;
	r->result = r->fn(r->args);
	r->error = errno;
	return !(r->result == -1 && r->error == EAGAIN) || r->until <= pd_stack_now();
}

static void attempt_waiting(void)
{
	list_for_each_safe(n, next, &pd.waiting) {
		struct request *r = container_of(n, struct request, node);

		if (attempt(r))
			answer(r);
	}
	pd_stack_run();
}

static void round_of_sockets(void)
{
	leat_poll_fds(NULL, 0, 0);
}

static void start(void)
{
	if (leat_attach(pd_stack_open(pd.flags, round_of_sockets))) {
		perror("libleat-packetdrill: no sockets");
		exit(1);
	}
	pd_stack_run();
	pd.open = true;
}

static void *serve(void *unused)
{
	pthread_mutex_lock(&pd.lock);
	while (!pd.stop || !list_empty(&pd.requests)) {
		struct list *n = list_pop_front(&pd.requests);
		struct request *r;

		if (!n) {
			pthread_cond_wait(&pd.asked, &pd.lock);
			continue;
		}
		if (!pd.open)
			start();
		r = container_of(n, struct request, node);
		list_init(&r->node);
		if (attempt(r)) {
			answer(r);
		} else {
			r->waited = true;
			list_push_back(&pd.waiting, &r->node);
		}
		pd_stack_run();
		attempt_waiting();
	}
	if (pd.open) {
		leat_detach();
		pd_stack_close();
	}
	pthread_mutex_unlock(&pd.lock);
	return NULL;
}

/* ---- the others */

bool pd_call_inside(void)
{
	return pthread_equal(pthread_self(), pd.thread);
}

void pd_call_start(const char *flags)
{
	snprintf(pd.flags, sizeof(pd.flags), "%s", flags ? flags : "");
	list_init(&pd.requests);
	list_init(&pd.waiting);
	if (pthread_create(&pd.thread, NULL, serve, NULL)) {
		fprintf(stderr, "libleat-packetdrill: no thread\n");
		exit(1);
	}
}

void pd_call_stop(void)
{
	pthread_mutex_lock(&pd.lock);
	pd.stop = true;
	pthread_cond_signal(&pd.asked);
	pthread_mutex_unlock(&pd.lock);
	pthread_join(pd.thread, NULL);
}

long pd_call(pd_call_fn fn, long *args, nsec until)
{
	struct request r = { .fn = fn, .args = args, .until = until, .who = pthread_self() };

	pthread_mutex_lock(&pd.lock);
	list_push_back(&pd.requests, &r.node);
	pthread_cond_signal(&pd.asked);
	while (!r.done)
		pthread_cond_wait(&pd.answered, &pd.lock);
	pthread_mutex_unlock(&pd.lock);
	errno = r.error;
	return r.result;
}

/* Before time moves. */
static void let_the_other_look(void)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_nsec += HANDOFF_MS * 1000000L;
	at.tv_sec += at.tv_nsec / 1000000000;
	at.tv_nsec %= 1000000000;
	pthread_mutex_lock(&pd.lock);
	while (pd.handoff && !pthread_equal(pd.handed_to, pthread_self()))
		if (pthread_cond_timedwait(&pd.handed, &pd.lock, &at))
			break;
	pd.handoff = false;
	pthread_cond_broadcast(&pd.handed);
	pthread_mutex_unlock(&pd.lock);
}

/* When something happens by itself again. */
static nsec next_moment(void)
{
	nsec next = pd_stack_run();

	list_for_each(n, &pd.waiting) {
		struct request *r = container_of(n, struct request, node);

		next = MIN(next, MAX(r->until, pd_stack_now()));
	}
	return next;
}

/* args: at.  0: it is that time; 1: somebody has been answered and looks at the clock first. */
static long until(long *args)
{
	nsec next;

	while ((next = next_moment()) <= (nsec)args[0]) {
		pd_stack_move(next);
		attempt_waiting();
		if (pd.handoff)
			return 1;
	}
	pd_stack_move((nsec)args[0]);
	return 0;
}

/* args: micro-seconds to go on.  Returns the moment before that. */
static long look(long *args)
{
	nsec now = pd_stack_now();

	if (args[0])
		until((long[PD_ARGS]){ (long)(now + USEC(1)) });
	return (long)(now / USEC(1));
}

long pd_call_time(void)
{
	bool mine;
	long now;

	pthread_mutex_lock(&pd.lock);
	mine = pd.handoff && pthread_equal(pd.handed_to, pthread_self());
	pthread_mutex_unlock(&pd.lock);
	if (!mine)
		let_the_other_look();
	now = pd_call(look, (long[PD_ARGS]){ !mine }, 0);
	if (mine)
		let_the_other_look();
	return now;
}

void pd_call_sleep(nsec span)
{
	long at[PD_ARGS] = { (long)(pd_call_time() * 1000 + (long)span) };

	do
		let_the_other_look();
	while (pd_call(until, at, 0));
}

/* args: to, n, time_us, give up at.  0: here it is; 1: somebody looks at the clock first. */
static long packet(long *args)
{
	nsec when, next;

	while (!pd_stack_left((void *)args[0], (size_t *)args[1], &when)) {
		next = next_moment();
		if (next > (nsec)args[3])
			return -1;
		pd_stack_move(next);
		attempt_waiting();
		if (pd.handoff)
			return 1;
	}
	*(long long *)args[2] = (long long)(when / USEC(1));
	return 0;
}

bool pd_call_packet(void *to, size_t *n, long long *time_us)
{
	long args[PD_ARGS] = { (long)to, (long)n, (long)time_us,
			       pd_call_time() * 1000 + (long)PATIENCE }, r;

	do {
		let_the_other_look();
		r = pd_call(packet, args, 0);
	} while (r > 0);
	return r == 0;
}
