/* Sockets, epoll and coroutines: what each costs on top of the door, by a stack alone. */
#include <arpa/inet.h>
#include <stdlib.h>

#include "bench/bench.h"
#include "leat/go.h"

static void up(void)
{
	static int is_up;

	if (!is_up)
		bench_need(leat_start("none", NULL, 0) != NULL, "no stack");
	is_up = 1;
}

static int listener(struct sockaddr_in *at)
{
	int fd = leat_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(*at);

	*at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001) };
	bench_need(leat_bind(fd, (struct sockaddr *)at, sizeof(*at)) == 0, "not bound");
	bench_need(leat_listen(fd, 128) == 0, "no listener");
	bench_need(leat_getsockname(fd, (struct sockaddr *)at, &len) == 0, "no name");
	return fd;
}

static void round_of_stack(void)
{
	leat_poll_fds(NULL, 0, 0);
}

static void connect_pair(int l, const struct sockaddr_in *at, int fd[2])
{
	fd[0] = leat_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	(void)leat_connect(fd[0], (const struct sockaddr *)at, sizeof(*at));
	for (int i = 0; i < 10; i++) {
		fd[1] = leat_accept4(l, NULL, NULL, SOCK_NONBLOCK);
		if (fd[1] >= 0)
			return;
	}
	bench_need(0, "not accepted");
}

static void pair_of(int fd[2])
{
	struct sockaddr_in at;
	int l, one = 1;

	up();
	l = listener(&at);
	connect_pair(l, &at, fd);
	for (int i = 0; i < 2; i++)
		leat_setsockopt(fd[i], IPPROTO_TCP, 1 /* TCP_NODELAY */, &one, sizeof(one));
	leat_close(l);
}

static void pingpong(uint64_t n)
{
	static int fd[2];
	char c = 'x';

	if (!fd[0])
		pair_of(fd);
	for (uint64_t i = 0; i < n; i++) {
		bench_need(leat_send(fd[0], &c, 1, 0) == 1, "not sent");
		round_of_stack();
		bench_need(leat_recv(fd[1], &c, 1, 0) == 1, "a request was lost");
		bench_need(leat_send(fd[1], &c, 1, 0) == 1, "not sent");
		round_of_stack();
		bench_need(leat_recv(fd[0], &c, 1, 0) == 1, "a response was lost");
	}
}

const struct bench bench_sock_pingpong = {
	.name = "sock-pingpong",
	.what = "1-byte TCP request-response, both ends, through recv() and send()",
	.run = pingpong,
	.n = 100000,
};

/* One of 1,000 is readable, and stays so. */
static void epoll_one(uint64_t n)
{
	static int set;
	struct epoll_event got[16], ev = { .events = EPOLLIN };
	int fd[2];

	if (!set) {
		pair_of(fd);
		set = leat_epoll_create1(0);
		for (int i = 0; i < 999; i++)
			leat_epoll_ctl(set, EPOLL_CTL_ADD, leat_dup(fd[1]), &ev);
		leat_epoll_ctl(set, EPOLL_CTL_ADD, fd[0], &ev);
		bench_need(leat_send(fd[1], "x", 1, 0) == 1, "not sent");
		round_of_stack();
	}
	for (uint64_t i = 0; i < n; i++)
		bench_need(leat_epoll_wait(set, got, 16, 0) == 1, "no event");
}

const struct bench bench_sock_epoll = {
	.name = "sock-epoll",
	.what = "an epoll_wait() that returns one event, the stack's round included",
	.run = epoll_one,
	.n = 500000,
};

static void accept_one(uint64_t n)
{
	static struct sockaddr_in at;
	static int l;
	struct linger none = { 1, 0 };
	int fd[2];

	if (!l) {
		up();
		l = listener(&at);
	}
	for (uint64_t i = 0; i < n; i++) {
		connect_pair(l, &at, fd);
		leat_setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &none, sizeof(none));
		leat_close(fd[0]);
		leat_close(fd[1]);
		round_of_stack();
	}
}

const struct bench bench_sock_accept = {
	.name = "sock-accept",
	.what = "connect(), accept() and close() of both ends",
	.run = accept_one,
	.n = 50000,
};

static uint64_t yields;

static void yields_often(void *arg)
{
	for (uint64_t i = 0; i < yields; i++)
		leat_go_yield();
}

static void two(void *arg)
{
	leat_go(yields_often, NULL);
	yields_often(NULL);
}

/* Two coroutines give way to each other: half of the switches are between them and the loop. */
static void go_switch_n(uint64_t n)
{
	up();
	yields = n / 2;
	bench_need(leat_go_run(two, NULL) == 0, "it does not run");
}

const struct bench bench_go_yield = {
	.name = "go-yield",
	.what = "a coroutine gives way: two switches, and a 32nd of a round of the stack",
	.run = go_switch_n,
	.n = 2000000,
};
