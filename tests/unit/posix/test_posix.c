/* What sockcheck does not see, because Linux has nothing to compare it with: whose a descriptor is,
 * large sets, the life of a thread's sockets, signals and kernel descriptors while a call waits. */
#include "helper/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "leat/socket.h"

static int setup(void **state)
{
	return leat_start("none", NULL, 0) ? 0 : -1;
}

static int teardown(void **state)
{
	return (int)leat_stop(0);
}

static void pair(int fd[2])
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	socklen_t len = sizeof(at);
	int l = leat_socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(leat_bind(l, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(leat_listen(l, 4), 0);
	assert_int_equal(leat_getsockname(l, (struct sockaddr *)&at, &len), 0);
	fd[0] = leat_socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(leat_connect(fd[0], (struct sockaddr *)&at, sizeof(at)), 0);
	fd[1] = leat_accept(l, NULL, NULL);
	assert_true(fd[1] >= 0);
	assert_int_equal(leat_close(l), 0);
}

/* ---- descriptors */

static void a_descriptor_is_leats_or_the_kernels(void **state)
{
	int fd = leat_socket(AF_INET, SOCK_STREAM, 0), p[2];
	struct stat st;

	assert_int_equal(pipe(p), 0);
	assert_int_equal(leat_is(fd), 1);
	assert_int_equal(leat_is(p[0]), 0);
	assert_int_equal(leat_is(99999), -1);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(leat_write(p[1], "x", 1), 1);
	assert_int_equal(leat_close(fd), 0);
	assert_int_equal(leat_is(fd), -1);
	assert_int_equal(leat_close(fd), -1);
	assert_int_equal(errno, EBADF);
	leat_close(p[0]);
	leat_close(p[1]);
}

static void a_number_is_given_out_once(void **state)
{
	int fd[300], p[2];

	for (int i = 0; i < 300; i++) {
		fd[i] = leat_socket(AF_INET, SOCK_STREAM, 0);
		assert_true(fd[i] > (i ? fd[i - 1] : 2));
		if (i % 50 == 0) {
			assert_int_equal(pipe(p), 0);
			assert_int_equal(leat_is(p[0]), 0);
			close(p[0]);
			close(p[1]);
		}
	}
	assert_int_equal(leat_close(fd[7]), 0);
	assert_int_equal(leat_close(fd[3]), 0);
	assert_int_equal(leat_socket(AF_INET, SOCK_STREAM, 0), fd[3]);
	assert_int_equal(leat_socket(AF_INET, SOCK_STREAM, 0), fd[7]);
	for (int i = 0; i < 300; i++)
		assert_int_equal(leat_close(fd[i]), 0);
}

/* Without leat_beyond() the limits of the process hold for leat's descriptors as for others. */
static void the_limit_of_descriptors_holds(void **state)
{
	int fd = leat_socket(AF_INET, SOCK_STREAM, 0), n = 0;

	while (leat_dup(fd) >= 0)
		assert_true(++n < 5000000);
	assert_int_equal(errno, EMFILE);
	leat_beyond(1);
	assert_int_equal(leat_is(leat_dup(fd)), 1);
	leat_beyond(0);
}

static void detaching_closes_everything(void **state)
{
	int fd[2], set = leat_epoll_create1(0);
	struct epoll_event ev = { .events = EPOLLIN };

	pair(fd);
	assert_int_equal(leat_epoll_ctl(set, EPOLL_CTL_ADD, fd[0], &ev), 0);
	assert_int_equal(leat_stop(0), 0);
	assert_int_equal(leat_is(fd[0]), -1);
	assert_int_equal(leat_socket(AF_INET, SOCK_STREAM, 0), -1);
	assert_int_equal(errno, ENETDOWN);
	assert_non_null(leat_start("none", NULL, 0));
	assert_null(leat_start("none", NULL, 0));
	assert_int_equal(errno, EBUSY);
}

static void stopping_waits_for_what_was_sent(void **state)
{
	int fd[2];

	pair(fd);
	assert_int_equal(leat_fcntl(fd[0], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(leat_send(fd[0], "last words", 10, 0), 10);
	assert_int_equal(leat_stop(20000000), 0);
	assert_non_null(leat_start("none", NULL, 0));
}

/* ---- waiting */

static void *writes_later(void *arg)
{
	usleep(5000);
	assert_int_equal(write(*(int *)arg, "x", 1), 1);
	return NULL;
}

/* The thread sleeps on the stack and on the pipe at once. */
static void a_kernel_descriptor_wakes_a_call(void **state)
{
	struct pollfd at[2] = { { .events = POLLIN }, { .events = POLLIN } };
	struct epoll_event ev = { .events = EPOLLIN, .data.u32 = 5 }, got;
	int fd[2], p[2], set = leat_epoll_create1(0);
	pthread_t writer;
	char c;

	pair(fd);
	assert_int_equal(pipe(p), 0);
	at[0].fd = fd[0];
	at[1].fd = p[0];
	pthread_create(&writer, NULL, writes_later, &p[1]);
	assert_int_equal(leat_poll_fds(at, 2, 5000), 1);
	assert_int_equal(at[1].revents, POLLIN);
	pthread_join(writer, NULL);
	assert_int_equal(leat_read(p[0], &c, 1), 1);
	assert_int_equal(leat_epoll_ctl(set, EPOLL_CTL_ADD, p[0], &ev), 0);
	assert_int_equal(leat_epoll_ctl(set, EPOLL_CTL_ADD, fd[0], &ev), 0);
	pthread_create(&writer, NULL, writes_later, &p[1]);
	assert_int_equal(leat_epoll_wait(set, &got, 1, 5000), 1);
	assert_int_equal(got.data.u32, 5);
	pthread_join(writer, NULL);
	for (int i = 0; i < 2; i++) {
		leat_close(fd[i]);
		leat_close(p[i]);
	}
	leat_close(set);
}

static void on_alarm(int sig)
{
}

static int interrupted_recv(int flags)
{
	struct itimerval soon = { .it_value = { .tv_usec = 5000 } };
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = flags };
	struct timeval limit = { .tv_usec = 60000 };
	int fd[2], err;
	char c;

	pair(fd);
	if (flags)
		leat_setsockopt(fd[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	err = leat_recv(fd[0], &c, 1, 0) < 0 ? errno : 0;
	leat_close(fd[0]);
	leat_close(fd[1]);
	return err;
}

static void a_signal_ends_a_call_that_sleeps(void **state)
{
	assert_int_equal(interrupted_recv(0), EINTR);
}

/* Nobody is told that a socket is watched when it is not. */
static void a_set_says_when_no_more_can_be_watched(void **state)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct leat_options options;
	struct leat_ring *ring;
	int set, n = 0;

	assert_int_equal(leat_stop(0), 0);
	leat_options_init(&options);
	options.net = "none";
	options.ops = 16;
	ring = leat_ring_open(&options, NULL, 0);
	assert_non_null(ring);
	assert_int_equal(leat_attach(ring), 0);
	set = leat_epoll_create1(0);
	while (leat_epoll_ctl(set, EPOLL_CTL_ADD, leat_socket(AF_INET, SOCK_DGRAM, 0), &ev) == 0)
		assert_true(++n < 100);
	assert_int_equal(errno, ENOSPC);
	assert_true(n > 10);
	leat_detach();
	assert_int_equal(leat_ring_close(ring), 0);
	assert_int_equal(setup(state), 0);
}

/* ---- large sets */

#define MANY 1000000

/* The best of some. */
static uint64_t wait_one(int set)
{
	struct epoll_event got[4];
	uint64_t best = UINT64_MAX;

	for (int k = 0; k < 50; k++) {
		uint64_t start = leat_now(), ns;

		for (int i = 0; i < 500; i++)
			assert_int_equal(leat_epoll_wait(set, got, 4, 0), 1);
		ns = (leat_now() - start) / 500;
		best = ns < best ? ns : best;
	}
	return best;
}

/* A million, of which the kernel would not give out that many; one of them is ready. */
static void a_wait_costs_what_is_ready_and_not_what_is_in_the_set(void **state)
{
	struct epoll_event ev = { .events = EPOLLIN };
	int fd[2], set = leat_epoll_create1(0), n = 0, other;
	uint64_t small, large;

	leat_beyond(1);
	pair(fd);
	assert_int_equal(leat_epoll_ctl(set, EPOLL_CTL_ADD, fd[0], &ev), 0);
	assert_int_equal(leat_send(fd[1], "x", 1, 0), 1);
	small = wait_one(set);
	while (n < MANY && (other = leat_dup(fd[1])) >= 0) {
		assert_int_equal(leat_epoll_ctl(set, EPOLL_CTL_ADD, other, &ev), 0);
		n++;
	}
	large = wait_one(set);
	print_message("an epoll_wait takes %u ns with 1 descriptor in the set, %u ns with %d\n",
		      (unsigned)small, (unsigned)large, n + 1);
	assert_int_equal(n, MANY);
	assert_true(large < 4 * small + 1000);
	assert_int_equal(leat_close(set), 0);
	leat_detach();
	assert_int_equal(setup(state), 0);
	leat_beyond(0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_descriptor_is_leats_or_the_kernels),
		T(a_number_is_given_out_once),
		T(the_limit_of_descriptors_holds),
		T(detaching_closes_everything),
		T(stopping_waits_for_what_was_sent),
		T(a_kernel_descriptor_wakes_a_call),
		T(a_signal_ends_a_call_that_sleeps),
		T(a_set_says_when_no_more_can_be_watched),
		T(a_wait_costs_what_is_ready_and_not_what_is_in_the_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
