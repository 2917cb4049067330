/* A thread has its own sockets: what another thread's descriptor answers, and what a thread without
 * a stack hears.  Meant for ThreadSanitizer, too. */
#include "helper/unit.h"

#include <errno.h>
#include <pthread.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <unistd.h>

#include "leat/socket.h"
#include "posix/posix.h"

static void *in_another(void *arg)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct pollfd at = { .events = POLLIN };
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);
	int fd = *(int *)arg, set;
	char c;

	assert_int_equal(leat_recv(fd, &c, 1, 0), -1);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(leat_socket(AF_INET, SOCK_STREAM, 0), -1);
	assert_int_equal(errno, ENETDOWN);
	assert_non_null(leat_start("none", NULL, 0));
	assert_int_equal(leat_send(fd, &c, 1, 0), -1);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(leat_close(fd), -1);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(leat_dup(fd), -1);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(leat_dup2(0, fd), -1);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(leat_getsockname(fd, (struct sockaddr *)&name, &len), -1);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(leat_fcntl(fd, F_GETFL), -1);
	assert_int_equal(errno, EXDEV);
	at.fd = fd;
	assert_int_equal(leat_poll_fds(&at, 1, 0), -1);
	assert_int_equal(errno, EXDEV);
	set = leat_epoll_create1(0);
	assert_int_equal(leat_epoll_ctl(set, EPOLL_CTL_ADD, fd, &ev), -1);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(leat_is(fd), 1);
	assert_int_equal(leat_stop(0), 0);
	return NULL;
}

static void a_descriptor_of_another_thread_answers_exdev(void **state)
{
	pthread_t other;
	int fd;

	assert_non_null(leat_start("none", NULL, 0));
	fd = leat_socket(AF_INET, SOCK_STREAM, 0);
	assert_true(fd > 2);
	assert_int_equal(pthread_create(&other, NULL, in_another, &fd), 0);
	for (int i = 0; i < 200; i++) {
		int more = leat_socket(AF_INET, SOCK_DGRAM, 0);

		assert_true(more > fd);
		assert_int_equal(leat_close(more), 0);
	}
	pthread_join(other, NULL);
	assert_int_equal(leat_close(fd), 0);
	assert_int_equal(leat_stop(0), 0);
}

/* Each talks to itself; they share the table of descriptors and nothing else. */
static void *talks_to_itself(void *arg)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	socklen_t len = sizeof(at);
	int l, c, s;
	char got[8];

	assert_non_null(leat_start("none", NULL, 0));
	for (int i = 0; i < 50; i++) {
		at.sin_port = 0;
		l = leat_socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(leat_bind(l, (struct sockaddr *)&at, sizeof(at)), 0);
		assert_int_equal(leat_listen(l, 4), 0);
		assert_int_equal(leat_getsockname(l, (struct sockaddr *)&at, &len), 0);
		c = leat_socket(AF_INET, SOCK_STREAM, 0);
		assert_int_equal(leat_connect(c, (struct sockaddr *)&at, sizeof(at)), 0);
		s = leat_accept(l, NULL, NULL);
		assert_true(s > 2);
		assert_int_equal(leat_send(c, "hello", 5, 0), 5);
		assert_int_equal(leat_recv(s, got, 5, MSG_WAITALL), 5);
		assert_int_equal(leat_close(c), 0);
		assert_int_equal(leat_recv(s, got, 5, 0), 0);
		assert_int_equal(leat_close(s), 0);
		assert_int_equal(leat_close(l), 0);
	}
	assert_int_equal(leat_stop(0), 0);
	return NULL;
}

static void threads_with_a_stack_each_do_not_meet(void **state)
{
	pthread_t thread[3];

	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, talks_to_itself, NULL), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_descriptor_of_another_thread_answers_exdev),
		cmocka_unit_test(threads_with_a_stack_each_do_not_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
