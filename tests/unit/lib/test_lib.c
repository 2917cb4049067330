/* The hosted library: opening, waiting, waking, publishing, closing; a client of the kernel's talks
 * through slirp to a socket of the stack.  Real time and real sockets on 127.0.0.1. */
#include "helper/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "leat/leat.h"
#include "port/port.h"

static struct leat_ring *open_ring(enum leat_poll_mode mode)
{
	struct leat_options options;
	struct leat_ring *ring;
	char why[160] = "";

	leat_options_init(&options);
	options.conns = 64;
	options.frames = 1024;
	options.poll = mode;
	ring = leat_ring_open(&options, why, sizeof(why));
	if (!ring)
		fail_msg("%s", why);
	return ring;
}

static struct leat_cqe await(struct leat_ring *ring, uint64_t user_data)
{
	const struct leat_cqe *cqe;
	struct leat_cqe got;

	for (int i = 0; i < 1000; i++) {
		if (!leat_cq_peek(ring, &cqe)) {
			leat_wait(ring, MSEC(100));
			continue;
		}
		got = *cqe;
		leat_cq_advance(ring, 1);
		if (got.user_data == user_data)
			return got;
	}
	fail_msg("no completion");
	return (struct leat_cqe){ 0 };
}

static int ask(struct leat_ring *ring, struct leat_sqe sqe)
{
	static uint64_t next = 1000;

	sqe.user_data = ++next;
	assert_int_equal(leat_submit(ring, &sqe), 0);
	return await(ring, sqe.user_data).res;
}

static int listen_at(struct leat_ring *ring, uint16_t port)
{
	struct leat_addr any = { .ip = { [10] = 0xff, 0xff }, .port = port };
	struct leat_sqe sqe = { .opcode = LEAT_OP_SOCKET,
				.fd = LEAT_AF_INET,
				.off = LEAT_SOCK_STREAM };
	int fd = ask(ring, sqe);

	assert_true(fd > 0);
	sqe = (struct leat_sqe){ .opcode = LEAT_OP_BIND, .fd = fd, .addr = (uintptr_t)&any };
	assert_int_equal(ask(ring, sqe), 0);
	assert_int_equal(
		ask(ring, (struct leat_sqe){ .opcode = LEAT_OP_LISTEN, .fd = fd, .len = 9 }), 0);
	return fd;
}

static int kernel_connect(int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(0x7f000001) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

/* The stack's side writes into the kernel's socket before the kernel's side looks. */
static void bytes_go_both_ways_in_every_mode(void **state)
{
	for (int mode = LEAT_POLL_ADAPTIVE; mode <= LEAT_POLL_SLEEP; mode++) {
		struct leat_ring *ring = open_ring((enum leat_poll_mode)mode);
		int listener = listen_at(ring, 7), fd, out, port;
		struct leat_addr any = { .ip = { [10] = 0xff, 0xff, 127, 0, 0, 1 } };
		char text[16] = "";

		port = leat_publish(ring, &any, 7);
		assert_true(port > 0);
		out = kernel_connect(port);
		fd = ask(ring, (struct leat_sqe){ .opcode = LEAT_OP_ACCEPT, .fd = listener });
		assert_true(fd > 0);
		assert_int_equal(send(out, "hello", 5, 0), 5);
		assert_int_equal(ask(ring, (struct leat_sqe){ .opcode = LEAT_OP_RECV,
							      .fd = fd,
							      .addr = (uintptr_t)text,
							      .len = 16 }),
				 5);
		assert_string_equal(text, "hello");
		assert_int_equal(ask(ring, (struct leat_sqe){ .opcode = LEAT_OP_SEND,
							      .fd = fd,
							      .addr = (uintptr_t) "world",
							      .len = 5 }),
				 5);
		leat_wait(ring, MSEC(10));
		assert_int_equal(recv(out, text, sizeof(text), MSG_DONTWAIT), 5);
		assert_memory_equal(text, "world", 5);
		close(out);
		assert_int_equal(leat_ring_close(ring), 0);
	}
}

/* Out through slirp to a socket of this machine: 10.0.2.2 is it. */
static void the_stack_can_connect_out(void **state)
{
	struct leat_ring *ring = open_ring(LEAT_POLL_ADAPTIVE);
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	struct leat_addr to = { .ip = { [10] = 0xff, 0xff, 10, 0, 2, 2 } };
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd, in;
	socklen_t size = sizeof(at);
	char text[8] = "";

	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 1), 0);
	getsockname(listener, (struct sockaddr *)&at, &size);
	to.port = ntohs(at.sin_port);
	fd = ask(ring, (struct leat_sqe){ .opcode = LEAT_OP_SOCKET, .fd = LEAT_AF_INET,
					  .off = LEAT_SOCK_STREAM });
	assert_int_equal(ask(ring, (struct leat_sqe){ .opcode = LEAT_OP_CONNECT, .fd = fd,
						      .addr = (uintptr_t)&to }), 0);
	assert_int_equal(ask(ring, (struct leat_sqe){ .opcode = LEAT_OP_SEND, .fd = fd,
						      .addr = (uintptr_t)"out", .len = 3 }), 3);
	leat_wait(ring, MSEC(10));
	in = accept(listener, NULL, NULL);
	assert_int_equal(recv(in, text, sizeof(text), 0), 3);
	assert_string_equal(text, "out");
	close(in);
	close(listener);
	assert_int_equal(leat_ring_close(ring), 0);
}

static void a_wait_ends_in_its_time(void **state)
{
	for (int mode = LEAT_POLL_ADAPTIVE; mode <= LEAT_POLL_SLEEP; mode++) {
		struct leat_ring *ring = open_ring((enum leat_poll_mode)mode);
		nsec start = port_now();

		leat_wait(ring, MSEC(30));
		assert_true(port_now() - start >= MSEC(30));
		assert_true(port_now() - start < SEC(5));
		start = port_now();
		leat_wait(ring, 0);
		assert_true(port_now() - start < SEC(1));
		leat_ring_close(ring);
	}
}

static struct leat_ring *to_wake;

static void on_alarm(int sig)
{
	leat_wake(to_wake);
}

static void *wake(void *arg)
{
	usleep(20000);
	leat_wake(arg);
	return NULL;
}

static void a_wait_ends_when_somebody_wakes_it(void **state)
{
	for (int mode = LEAT_POLL_ADAPTIVE; mode <= LEAT_POLL_SLEEP; mode++) {
		struct sigaction act = { .sa_handler = on_alarm }, old;
		struct itimerval soon = { .it_value.tv_usec = 20000 };
		pthread_t t;

		to_wake = open_ring((enum leat_poll_mode)mode);
		leat_wake(to_wake);
		leat_wait(to_wake, LEAT_FOREVER);
		sigaction(SIGALRM, &act, &old);
		setitimer(ITIMER_REAL, &soon, NULL);
		leat_wait(to_wake, LEAT_FOREVER);
		sigaction(SIGALRM, &old, NULL);
		pthread_create(&t, NULL, wake, to_wake);
		leat_wait(to_wake, LEAT_FOREVER);
		pthread_join(t, NULL);
		leat_ring_close(to_wake);
	}
}

/* Goal: the data path and the sleep work together.  Method: a timer of the ring, three devices
 * asleep. */
static void a_time_out_of_the_ring_ends_the_sleep(void **state)
{
	struct leat_ring *ring = open_ring(LEAT_POLL_SLEEP);
	struct leat_sqe sqe = { .opcode = LEAT_OP_TIMEOUT, .off = MSEC(20), .user_data = 5 };
	const struct leat_cqe *cqe;
	nsec start = port_now();

	assert_int_equal(leat_submit(ring, &sqe), 0);
	leat_wait(ring, LEAT_FOREVER);
	assert_int_equal(leat_cq_peek(ring, &cqe), 1);
	assert_int_equal(cqe->user_data, 5);
	assert_true(port_now() - start >= MSEC(20));
	assert_true(port_now() - start < SEC(5));
	leat_ring_close(ring);
}

static void an_idle_wait_costs_next_to_nothing(void **state)
{
	struct leat_ring *ring = open_ring(LEAT_POLL_ADAPTIVE);
	struct rusage before, after;
	uint64_t used;

	listen_at(ring, 7);
	getrusage(RUSAGE_SELF, &before);
	leat_wait(ring, SEC(1));
	getrusage(RUSAGE_SELF, &after);
	used = (uint64_t)(after.ru_utime.tv_usec + after.ru_stime.tv_usec + 2000000) -
	       (uint64_t)(before.ru_utime.tv_usec + before.ru_stime.tv_usec + 2000000) +
	       (uint64_t)(after.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_utime.tv_sec -
			  before.ru_stime.tv_sec) * 1000000;
	assert_true(used < 20000);
	leat_ring_close(ring);
}

static void what_cannot_be_opened_is_said_in_a_line(void **state)
{
	struct leat_options options;
	char why[160];

	leat_options_init(&options);
	options.net = "nonsense";
	assert_null(leat_ring_open(&options, why, sizeof(why)));
	assert_non_null(strstr(why, "no link of kind \"nonsense\""));
	assert_null(leat_ring_open(&options, NULL, 0));
	leat_options_init(&options);
	options.frames = 3;
	assert_null(leat_ring_open(&options, why, sizeof(why)));
	assert_non_null(strstr(why, "frames must be"));
	leat_options_init(&options);
	options.completions = 100;
	assert_null(leat_ring_open(&options, why, sizeof(why)));
	assert_non_null(strstr(why, "power of two"));
	options.size = 7;
	assert_null(leat_ring_open(&options, why, sizeof(why)));
	assert_non_null(strstr(why, "leat_options_init()"));
}

static void two_stacks_live_side_by_side(void **state)
{
	struct leat_ring *a = open_ring(LEAT_POLL_ADAPTIVE), *b = open_ring(LEAT_POLL_ADAPTIVE);
	struct leat_addr any = { .ip = { [10] = 0xff, 0xff, 127, 0, 0, 1 } };
	int port = leat_publish(a, &any, 7);

	any.port = (uint16_t)port;
	assert_true(port > 0);
	assert_int_equal(leat_publish(b, &any, 7), -EADDRINUSE);
	assert_int_equal(leat_ring_close(a), 0);
	assert_int_equal(leat_publish(b, &any, 7), port);
	assert_int_equal(leat_ring_close(b), 0);
}

static void look(void *ctx, const char *group, const char *name, const char *what, uint64_t value)
{
	unsigned *n = ctx;

	assert_true(*group && *name);
	if (!strcmp(group, "memory") && !strcmp(name, "frames"))
		assert_int_equal(value, 1024);
	(*n)++;
}

static void every_counter_is_told(void **state)
{
	struct leat_ring *ring = open_ring(LEAT_POLL_ADAPTIVE);
	struct leat_addr at;
	unsigned n = 0;

	leat_counters(ring, look, &n);
	assert_true(n > 80);
	leat_address(ring, &at);
	assert_memory_equal(at.ip, ((uint8_t[16]){ [10] = 0xff, 0xff, 10, 0, 2, 15 }), 16);
	assert_string_equal(leat_version(), LEAT_VERSION);
	leat_ring_close(ring);
}

/* A stack without a link has nothing to sleep on but its own deadlines. */
static void a_stack_says_what_to_sleep_on(void **state)
{
	struct leat_ring *ring = open_ring(LEAT_POLL_ADAPTIVE), *alone;
	struct leat_options options;
	uint64_t until = UINT64_MAX;
	int fds[4], n;

	while ((n = leat_sleep_on(ring, fds, 4, &until)) == -EAGAIN)
		until = leat_poll(ring);
	assert_true(n > 0 || until < UINT64_MAX);
	leat_options_init(&options);
	options.net = "none";
	alone = leat_ring_open(&options, NULL, 0);
	assert_non_null(alone);
	until = leat_poll(alone);
	assert_int_equal(leat_sleep_on(alone, fds, 4, &until), 0);
	assert_true(until > leat_now());
	assert_int_equal(leat_ring_close(alone), 0);
	assert_int_equal(leat_ring_close(ring), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_go_both_ways_in_every_mode),
		cmocka_unit_test(the_stack_can_connect_out),
		cmocka_unit_test(a_wait_ends_in_its_time),
		cmocka_unit_test(a_wait_ends_when_somebody_wakes_it),
		cmocka_unit_test(a_time_out_of_the_ring_ends_the_sleep),
		cmocka_unit_test(an_idle_wait_costs_next_to_nothing),
		cmocka_unit_test(what_cannot_be_opened_is_said_in_a_line),
		cmocka_unit_test(two_stacks_live_side_by_side),
		cmocka_unit_test(every_counter_is_told),
		cmocka_unit_test(a_stack_says_what_to_sleep_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
