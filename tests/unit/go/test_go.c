/* Coroutines: order, time, channels, deadlines, cancellation, and sockets that park. */
#include "helper/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>

#include "leat/go.h"

static char trace[256];

static void note(const char *word)
{
	strncat(trace, word, sizeof(trace) - strlen(trace) - 1);
}

static int setup(void **state)
{
	trace[0] = '\0';
	return leat_start("none", NULL, 0) ? 0 : -1;
}

static int teardown(void **state)
{
	return (int)leat_stop(0);
}

/* ---- order and time */

static void says(void *arg)
{
	for (int i = 0; i < 3; i++) {
		note(arg);
		leat_go_yield();
	}
}

static void three(void *arg)
{
	leat_go(says, (char *)"a");
	leat_go(says, (char *)"b");
	leat_go(says, (char *)"c");
	note("-");
}

static void coroutines_take_turns(void **state)
{
	assert_int_equal(leat_go_run(three, NULL), 0);
	assert_string_equal(trace, "-abcabcabc");
}

static void sleeps(void *arg)
{
	assert_int_equal(leat_go_sleep((uint64_t)(uintptr_t)arg * 1000000), 0);
	note((const char[]){ (char)('0' + (int)(uintptr_t)arg), '\0' });
}

static void three_sleepers(void *arg)
{
	uint64_t start = leat_now();
	struct leat_group *g = leat_group_open();

	leat_group_go(g, sleeps, (void *)9);
	leat_group_go(g, sleeps, (void *)3);
	leat_group_go(g, sleeps, (void *)6);
	assert_int_equal(leat_group_wait(g, LEAT_FOREVER), 0);
	assert_true(leat_now() - start >= 9000000);
	leat_group_close(g);
}

static void a_sleep_lasts_its_time_and_no_other_waits_for_it(void **state)
{
	assert_int_equal(leat_go_run(three_sleepers, NULL), 0);
	assert_string_equal(trace, "369");
}

static void nothing(void *arg)
{
	++*(int *)arg;
}

static void spawns_many(void *arg)
{
	for (int i = 0; i < 20; i++) {
		struct leat_group *g = leat_group_open();

		for (int k = 0; k < 100; k++)
			assert_int_equal(leat_group_go(g, nothing, arg), 0);
		assert_int_equal(leat_group_wait(g, LEAT_FOREVER), 0);
		leat_group_close(g);
	}
}

static void stacks_are_used_again(void **state)
{
	int n = 0;

	assert_int_equal(leat_go_run(spawns_many, &n), 0);
	assert_int_equal(n, 2000);
}

static void outside_there_is_no_coroutine(void **state)
{
	struct leat_chan *c = leat_chan_new(1, 1);

	assert_int_equal(leat_go(nothing, NULL), -1);
	assert_int_equal(errno, EPERM);
	assert_null(leat_group_open());
	assert_int_equal(leat_go_sleep(1), -1);
	assert_int_equal(leat_chan_send(c, "x", 0), -1);
	assert_int_equal(errno, EPERM);
	leat_chan_free(c);
}

/* ---- channels */

static void produces(void *arg)
{
	for (int i = 0; i < 100; i++)
		assert_int_equal(leat_chan_send(arg, &i, LEAT_FOREVER), 0);
	leat_chan_close(arg);
}

static void consumes(void *arg)
{
	int got, want = 0;

	leat_go(produces, arg);
	while (leat_chan_recv(arg, &got, LEAT_FOREVER) == 1)
		assert_int_equal(got, want++);
	assert_int_equal(want, 100);
	assert_int_equal(leat_chan_recv(arg, &got, LEAT_FOREVER), 0);
	assert_int_equal(leat_chan_send(arg, &got, LEAT_FOREVER), -1);
	assert_int_equal(errno, EPIPE);
}

static void a_channel_keeps_the_order_with_any_room(void **state)
{
	for (size_t room = 0; room < 5; room++) {
		struct leat_chan *c = leat_chan_new(sizeof(int), room);

		assert_int_equal(leat_go_run(consumes, c), 0);
		leat_chan_free(c);
	}
}

static void waits_in_vain(void *arg)
{
	uint64_t until = leat_now() + 2000000;
	int x;

	assert_int_equal(leat_chan_recv(arg, &x, until), -1);
	assert_int_equal(errno, ETIME);
	assert_true(leat_now() >= until);
	assert_int_equal(leat_chan_send(arg, &x, leat_now() + 1000000), -1);
	assert_int_equal(errno, ETIME);
	leat_go_deadline(leat_now() + 1000000);
	assert_int_equal(leat_chan_recv(arg, &x, LEAT_FOREVER), -1);
	assert_int_equal(errno, ETIME);
}

static void a_deadline_ends_a_wait(void **state)
{
	struct leat_chan *c = leat_chan_new(sizeof(int), 0);

	assert_int_equal(leat_go_run(waits_in_vain, c), 0);
	leat_chan_free(c);
}

/* ---- cancellation */

static void inner(void *arg)
{
	assert_int_equal(leat_go_sleep(LEAT_FOREVER - 1), -1);
	assert_int_equal(errno, ECANCELED);
	assert_int_equal(leat_go_canceled(), 1);
	note("i");
}

static void outer(void *arg)
{
	struct leat_group *g = leat_group_open();

	leat_group_go(g, inner, NULL);
	leat_group_go(g, inner, NULL);
	(void)leat_group_wait(g, LEAT_FOREVER);	/* ECANCELED, unless they were faster */
	assert_int_equal(leat_go_canceled(), 1);
	note("o");
	/* not closed: its end does that */
}

static void cancels(void *arg)
{
	struct leat_group *g = leat_group_open();

	leat_group_go(g, outer, NULL);
	assert_int_equal(leat_go_sleep(1000000), 0);
	assert_int_equal(leat_go_canceled(), 0);
	leat_group_cancel(g);
	assert_int_equal(leat_group_go(g, inner, NULL), -1);
	assert_int_equal(errno, ECANCELED);
	leat_group_close(g);
	note("c");
}

static void cancelling_reaches_the_groups_below_and_waits(void **state)
{
	assert_int_equal(leat_go_run(cancels, NULL), 0);
	assert_int_equal(strlen(trace), 4);
	assert_int_equal(trace[3], 'c');
}

/* ---- sockets */

static void echoes(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[64];
	ssize_t n;

	while ((n = leat_recv(fd, buf, sizeof(buf), 0)) > 0)
		assert_int_equal(leat_go_send(fd, buf, (size_t)n, LEAT_FOREVER), n);
	assert_int_equal(n, 0);
	assert_int_equal(leat_close(fd), 0);
}

static void accepts(void *arg)
{
	int l = (int)(intptr_t)arg, fd;

	for (int i = 0; i < 10; i++) {
		fd = leat_go_accept(l, LEAT_FOREVER);
		assert_true(fd > 0);
		leat_go(echoes, (void *)(intptr_t)fd);
	}
}

static void asks(void *arg)
{
	int fd = leat_socket(AF_INET, SOCK_STREAM, 0);
	char buf[16];

	assert_int_equal(leat_go_connect(fd, arg, sizeof(struct sockaddr_in), LEAT_FOREVER), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(leat_send(fd, "question", 8, 0), 8);
		assert_int_equal(leat_go_recv_all(fd, buf, 8, LEAT_FOREVER), 8);
		assert_memory_equal(buf, "question", 8);
	}
	assert_int_equal(leat_go_recv(fd, buf, 8, leat_now() + 1000000), -1);
	assert_int_equal(errno, ETIME);
	assert_int_equal(leat_close(fd), 0);
	note("q");
}

static void talk(void *arg)
{
	static struct sockaddr_in at;
	socklen_t len = sizeof(at);
	int l = leat_socket(AF_INET, SOCK_STREAM, 0), p[2];
	struct leat_group *g = leat_group_open();

	at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	assert_int_equal(leat_bind(l, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(leat_listen(l, 16), 0);
	assert_int_equal(leat_getsockname(l, (struct sockaddr *)&at, &len), 0);
	leat_group_go(g, accepts, (void *)(intptr_t)l);
	for (int i = 0; i < 10; i++)
		leat_group_go(g, asks, &at);
	assert_int_equal(leat_group_wait(g, LEAT_FOREVER), 0);
	leat_group_close(g);
	assert_int_equal(pipe(p), 0);
	assert_int_equal(leat_go_await(p[0], POLLIN, leat_now() + 1000000), -1);
	assert_int_equal(errno, ETIME);
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_int_equal(leat_go_await(p[0], POLLIN, LEAT_FOREVER), POLLIN);
	close(p[0]);
	close(p[1]);
	assert_int_equal(leat_close(l), 0);
}

static void a_call_that_would_block_parks_its_coroutine(void **state)
{
	assert_int_equal(leat_go_run(talk, NULL), 0);
	assert_string_equal(trace, "qqqqqqqqqq");
}

static void waits_for_peer(void *arg)
{
	char c;

	assert_int_equal(leat_recv((int)(intptr_t)arg, &c, 1, 0), -1);
	assert_int_equal(errno, ECANCELED);
	note("x");
}

static void cancels_recv(void *arg)
{
	int fd = leat_socket(AF_INET, SOCK_DGRAM, 0);
	struct leat_group *g = leat_group_open();

	leat_group_go(g, waits_for_peer, (void *)(intptr_t)fd);
	leat_go_yield();
	leat_group_close(g);
	assert_int_equal(leat_close(fd), 0);
}

static void cancelling_ends_a_receive(void **state)
{
	assert_int_equal(leat_go_run(cancels_recv, NULL), 0);
	assert_string_equal(trace, "x");
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(coroutines_take_turns),
		T(a_sleep_lasts_its_time_and_no_other_waits_for_it),
		T(stacks_are_used_again),
		T(outside_there_is_no_coroutine),
		T(a_channel_keeps_the_order_with_any_room),
		T(a_deadline_ends_a_wait),
		T(cancelling_reaches_the_groups_below_and_waits),
		T(a_call_that_would_block_parks_its_coroutine),
		T(cancelling_ends_a_receive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
