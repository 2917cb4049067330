/* Epoll sets: the questions of epoll(7), and the order in which a set tells. */
#include "conformance/sockcheck.h"

#include <signal.h>
#include <sys/timerfd.h>

static char buf[65536];

static int new_set(void)
{
	return keep(S->epoll_create1(EPOLL_CLOEXEC));
}

static int ctl(int set, int op, int fd, unsigned events, int data)
{
	struct epoll_event ev = { .events = events, .data.u64 = (uint64_t)data };

	return S->epoll_ctl(set, op, fd, &ev);
}

static void add(int set, int fd, unsigned events, int data)
{
	RES("add", ctl(set, EPOLL_CTL_ADD, fd, events, data));
}

static void mod(int set, int fd, unsigned events, int data)
{
	RES("mod", ctl(set, EPOLL_CTL_MOD, fd, events, data));
}

static void del(int set, int fd)
{
	RES("del", S->epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL));
}

/* Says what the set tells now. */
static void told_max(int set, int max)
{
	struct epoll_event got[16];
	int n;

	settle();
	n = S->epoll_wait(set, got, max, 0);
	RES("wait", n);
	for (int i = 0; i < n; i++) {
		say_events("", got[i].events);
		say("%d", (int)got[i].data.u64);
	}
}

static void told(int set)
{
	told_max(set, 16);
}

static void put(int fd, const char *bytes)
{
	S->send(fd, bytes, strlen(bytes), 0);
	settle();
}

static void take(int fd, size_t n)
{
	RES("recv", S->recv(fd, buf, n, 0));
}

/* ---- level and edge */

static void level_in(void)
{
	int fd[2], set = new_set();

	pair(fd);
	add(set, fd[0], EPOLLIN, 1);
	told(set);
	put(fd[1], "hello");
	told(set);
	told(set);
	take(fd[0], 2);
	told(set);
	take(fd[0], 9);
	told(set);
}

static void edge_in(void)
{
	int fd[2], set = new_set();

	pair(fd);
	add(set, fd[0], EPOLLIN | EPOLLET, 1);
	told(set);
	put(fd[1], "hello");
	told(set);
	told(set);
	put(fd[1], "more");
	told(set);
	told(set);
}

static void edge_partial(void)
{
	int fd[2], set = new_set();

	pair(fd);
	add(set, fd[0], EPOLLIN | EPOLLET, 1);
	put(fd[1], "hello");
	told(set);
	take(fd[0], 2);
	told(set);
	put(fd[1], "x");
	told(set);
	take(fd[0], 99);
	told(set);
	take(fd[0], 99);
	put(fd[1], "y");
	told(set);
}

static void edge_taken_before(void)
{
	int fd[2], set = new_set();

	pair(fd);
	add(set, fd[0], EPOLLIN | EPOLLET, 1);
	put(fd[1], "hello");
	take(fd[0], 99);
	told(set);
}

static void edge_ready_at_add(void)
{
	int fd[2], set = new_set();

	pair(fd);
	put(fd[1], "hello");
	add(set, fd[0], EPOLLIN | EPOLLOUT | EPOLLET, 1);
	told(set);
	told(set);
}

static void edge_out(void)
{
	int fd[2], set = new_set(), n = 0;

	pair(fd);
	add(set, fd[0], EPOLLOUT | EPOLLET, 1);
	told(set);
	told(set);
	for (int i = 0; i < 20; i++) {
		while (S->send(fd[0], buf, sizeof(buf), 0) > 0)
			n++;
		settle();
	}
	say(" sent %d", n > 1);
	told(set);
	for (int i = 0; i < 200; i++) {
		while (S->recv(fd[1], buf, sizeof(buf), 0) > 0)
			;
		settle();
	}
	told(set);
	told(set);
}

static void edge_out_not_for_data(void)
{
	int fd[2], set = new_set();

	pair(fd);
	add(set, fd[0], EPOLLOUT | EPOLLET, 1);
	told(set);
	put(fd[1], "hello");
	told(set);
}

static void edge_both_for_data(void)
{
	int fd[2], set = new_set();

	pair(fd);
	add(set, fd[0], EPOLLIN | EPOLLOUT | EPOLLET, 1);
	told(set);
	put(fd[1], "hello");
	told(set);
	told(set);
}

static void edge_fin(void)
{
	int fd[2], set = new_set();

	pair(fd);
	add(set, fd[0], EPOLLIN | EPOLLRDHUP | EPOLLET, 1);
	told(set);
	put(fd[1], "x");
	told(set);
	S->shutdown(fd[1], SHUT_WR);
	told(set);
	told(set);
	S->shutdown(fd[0], SHUT_WR);
	told(set);
	told(set);
}

static void level_out_full(void)
{
	int fd[2], set = new_set();

	pair(fd);
	add(set, fd[0], EPOLLOUT, 1);
	told(set);
	for (int i = 0; i < 20; i++) {
		while (S->send(fd[0], buf, sizeof(buf), 0) > 0)
			;
		settle();
	}
	told(set);
	for (int i = 0; i < 200; i++) {
		while (S->recv(fd[1], buf, sizeof(buf), 0) > 0)
			;
		settle();
	}
	told(set);
	told(set);
}

/* ---- oneshot */

static void oneshot(void)
{
	int fd[2], set = new_set();

	pair(fd);
	add(set, fd[0], EPOLLIN | EPOLLONESHOT, 1);
	put(fd[1], "hello");
	told(set);
	told(set);
	put(fd[1], "more");
	told(set);
	mod(set, fd[0], EPOLLIN | EPOLLONESHOT, 2);
	told(set);
	told(set);
	take(fd[0], 99);
	mod(set, fd[0], EPOLLIN | EPOLLONESHOT, 3);
	told(set);
	put(fd[1], "x");
	told(set);
}

static void oneshot_hup(void)
{
	int fd[2], set = new_set();

	pair(fd);
	add(set, fd[0], EPOLLIN | EPOLLONESHOT, 1);
	put(fd[1], "hello");
	told(set);
	linger0(fd[1]);
	S->close(fd[1]);
	told(set);
	mod(set, fd[0], 0, 2);
	told(set);
}

static void oneshot_edge(void)
{
	int fd[2], set = new_set();

	pair(fd);
	add(set, fd[0], EPOLLIN | EPOLLONESHOT | EPOLLET, 1);
	put(fd[1], "a");
	told(set);
	put(fd[1], "b");
	told(set);
	mod(set, fd[0], EPOLLIN | EPOLLONESHOT | EPOLLET, 2);
	told(set);
	told(set);
}

/* ---- mod, del, add again */

static void mod_rearms_edge(void)
{
	int fd[2], set = new_set();

	pair(fd);
	add(set, fd[0], EPOLLIN | EPOLLET, 1);
	put(fd[1], "hello");
	told(set);
	mod(set, fd[0], EPOLLIN | EPOLLET, 2);
	told(set);
	told(set);
}

static void mod_events(void)
{
	int fd[2], set = new_set();

	pair(fd);
	add(set, fd[0], EPOLLIN, 1);
	told(set);
	mod(set, fd[0], EPOLLIN | EPOLLOUT, 2);
	told(set);
	mod(set, fd[0], EPOLLIN, 3);
	told(set);
	mod(set, fd[0], 0, 3);
	put(fd[1], "x");
	told(set);
	S->close(fd[1]);
	told(set);
	S->shutdown(fd[0], SHUT_WR);
	told(set);
}

static void del_while_ready(void)
{
	int fd[2], set = new_set();

	pair(fd);
	add(set, fd[0], EPOLLIN, 1);
	put(fd[1], "x");
	del(set, fd[0]);
	told(set);
	del(set, fd[0]);
	add(set, fd[0], EPOLLIN, 2);
	told(set);
}

static void ctl_errors(void)
{
	int fd[2], set = new_set(), other = tcp();

	pair(fd);
	add(set, fd[0], EPOLLIN, 1);
	add(set, fd[0], EPOLLIN, 2);
	mod(set, other, EPOLLIN, 1);
	del(set, other);
	RES("op", ctl(set, 77, fd[0], EPOLLIN, 1));
	RES("self", ctl(set, EPOLL_CTL_ADD, set, EPOLLIN, 1));
	RES("bad", ctl(set, EPOLL_CTL_ADD, -1, EPOLLIN, 1));
	RES("bad", ctl(-1, EPOLL_CTL_ADD, fd[0], EPOLLIN, 1));
	RES("noset", ctl(fd[0], EPOLL_CTL_ADD, fd[1], EPOLLIN, 1));
	RES("null", S->epoll_ctl(set, EPOLL_CTL_ADD, fd[1], NULL));
	RES("op", ctl(set, 77, other, EPOLLIN, 1));
	RES("closed", ctl(9999, EPOLL_CTL_ADD, fd[1], EPOLLIN, 1));
}

static void wait_errors(void)
{
	struct epoll_event ev;
	int set = new_set(), fd = tcp();

	RES("zero", S->epoll_wait(set, &ev, 0, 0));
	RES("negative", S->epoll_wait(set, &ev, -1, 0));
	RES("huge", S->epoll_wait(set, &ev, 0x7fffffff, 0));
	RES("noset", S->epoll_wait(fd, &ev, 1, 0));
	RES("bad", S->epoll_wait(-1, &ev, 1, 0));
	RES("bad", S->epoll_wait(9999, &ev, 1, 0));
	RES("size", S->epoll_create(0));
	RES("size", S->epoll_create(-3));
	RES("flags", S->epoll_create1(4));
	RES("ok", keep(S->epoll_create(1)) >= 0);
	RES("empty", S->epoll_wait(set, &ev, 1, 0));
	RES("empty", S->epoll_wait(set, &ev, 1, 5));
}

static void file_in_set(void)
{
	int set = new_set(), fd = keep(open("/etc/passwd", O_RDONLY | O_CLOEXEC));

	add(set, fd, EPOLLIN, 1);
	del(set, fd);
}

/* ---- closed descriptors */

static void closed_leaves(void)
{
	int fd[2], set = new_set();

	pair(fd);
	put(fd[1], "x");
	add(set, fd[0], EPOLLIN, 1);
	told(set);
	S->close(fd[0]);
	told(set);
	mod(set, fd[0], EPOLLIN, 2);
}

static void closed_dup_stays(void)
{
	int fd[2], set = new_set(), other;

	pair(fd);
	add(set, fd[0], EPOLLIN, 1);
	other = keep(S->dup(fd[0]));
	S->close(fd[0]);
	put(fd[1], "x");
	told(set);
	RES("del", S->epoll_ctl(set, EPOLL_CTL_DEL, fd[0], NULL));
	RES("del", S->epoll_ctl(set, EPOLL_CTL_DEL, other, NULL));
	told(set);
	S->close(other);
	told(set);
}

static void dup_is_another(void)
{
	int fd[2], set = new_set(), other;

	pair(fd);
	other = keep(S->dup(fd[0]));
	add(set, fd[0], EPOLLIN, 1);
	add(set, other, EPOLLIN, 2);
	put(fd[1], "x");
	told(set);
	del(set, fd[0]);
	told(set);
}

static void number_used_again(void)
{
	int fd[2], set = new_set(), other, again;

	pair(fd);
	add(set, fd[0], EPOLLIN, 1);
	other = keep(S->dup(fd[0]));
	again = tcp();
	RES("dup2", S->dup2(again, fd[0]) == fd[0]);
	add(set, fd[0], EPOLLIN | EPOLLET, 3);
	put(fd[1], "x");
	told(set);
	S->close(other);
	told(set);
}

static void set_closed(void)
{
	int fd[2], set = new_set(), other;

	pair(fd);
	add(set, fd[0], EPOLLIN, 1);
	other = keep(S->dup(set));
	S->close(set);
	put(fd[1], "x");
	told(set);
	told(other);
	add(other, fd[1], EPOLLOUT, 2);
	told(other);
}

/* ---- several sets, several sockets */

static void two_sets(void)
{
	int fd[2], a = new_set(), b = new_set();

	pair(fd);
	add(a, fd[0], EPOLLIN, 1);
	add(b, fd[0], EPOLLIN | EPOLLET, 2);
	put(fd[1], "x");
	told(a);
	told(b);
	told(a);
	told(b);
	take(fd[0], 9);
	told(a);
	told(b);
	put(fd[1], "y");
	told(b);
	told(a);
}

static void order_of_arrival(void)
{
	int fd[4][2], set = new_set();

	for (int i = 0; i < 4; i++) {
		pair(fd[i]);
		add(set, fd[i][0], EPOLLIN, i);
	}
	put(fd[2][1], "x");
	put(fd[0][1], "x");
	put(fd[3][1], "x");
	told(set);
	told(set);
	take(fd[0][0], 9);
	told(set);
	put(fd[1][1], "x");
	told(set);
}

static void order_rotates(void)
{
	int fd[4][2], set = new_set();

	for (int i = 0; i < 4; i++) {
		pair(fd[i]);
		add(set, fd[i][0], EPOLLIN, i);
		put(fd[i][1], "x");
	}
	for (int i = 0; i < 6; i++)
		told_max(set, 1);
	told_max(set, 3);
	told_max(set, 3);
}

static void order_edge(void)
{
	int fd[3][2], set = new_set();

	for (int i = 0; i < 3; i++) {
		pair(fd[i]);
		add(set, fd[i][0], EPOLLIN | EPOLLET, i);
		put(fd[i][1], "x");
	}
	told_max(set, 2);
	told_max(set, 2);
	told_max(set, 2);
	put(fd[1][1], "x");
	put(fd[0][1], "x");
	told(set);
}

/* ---- nested sets */

static void nested(void)
{
	int fd[2], inner = new_set(), outer = new_set();
	struct pollfd at = { .fd = outer, .events = POLLIN };

	pair(fd);
	add(inner, fd[0], EPOLLIN, 1);
	add(outer, inner, EPOLLIN, 2);
	told(outer);
	RES("poll", S->poll(&at, 1, 0));
	put(fd[1], "x");
	told(outer);
	RES("poll", S->poll(&at, 1, 0));
	told(inner);
	told(outer);
	take(fd[0], 9);
	told(outer);
	told(inner);
	RES("poll", S->poll(&at, 1, 0));
}

static void nested_edge(void)
{
	int fd[2], inner = new_set(), outer = new_set();

	pair(fd);
	add(inner, fd[0], EPOLLIN, 1);
	add(outer, inner, EPOLLIN | EPOLLET, 2);
	put(fd[1], "x");
	told(outer);
	told(outer);
	put(fd[1], "y");
	told(outer);
	told(inner);
}

static void nested_events(void)
{
	int fd[2], inner = new_set(), outer = new_set();

	pair(fd);
	add(inner, fd[0], EPOLLIN | EPOLLOUT, 1);
	add(outer, inner, EPOLLIN | EPOLLOUT | EPOLLRDHUP, 2);
	told(outer);
}

static void nested_loop(void)
{
	int a = new_set(), b = new_set(), c = new_set();

	add(a, b, EPOLLIN, 1);
	add(b, a, EPOLLIN, 1);
	add(b, c, EPOLLIN, 1);
	add(c, a, EPOLLIN, 1);
}

static void nested_deep(void)
{
	int set[8];

	for (int i = 0; i < 8; i++)
		set[i] = new_set();
	for (int i = 0; i < 7; i++)
		add(set[i + 1], set[i], EPOLLIN, i);
}

static void nested_deep_down(void)
{
	int set[8];

	for (int i = 0; i < 8; i++)
		set[i] = new_set();
	for (int i = 0; i < 7; i++)
		add(set[i], set[i + 1], EPOLLIN, i);
}

static void nested_exclusive(void)
{
	int a = new_set(), b = new_set();

	add(a, b, EPOLLIN | EPOLLEXCLUSIVE, 1);
}

/* ---- exclusive */

static void exclusive_rules(void)
{
	int fd[2], set = new_set();

	pair(fd);
	add(set, fd[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 1);
	add(set, fd[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLRDHUP, 1);
	add(set, fd[0], EPOLLIN | EPOLLEXCLUSIVE, 1);
	mod(set, fd[0], EPOLLIN, 1);
	mod(set, fd[0], EPOLLIN | EPOLLEXCLUSIVE, 1);
	add(set, fd[1], EPOLLIN, 1);
	mod(set, fd[1], EPOLLIN | EPOLLEXCLUSIVE, 1);
	put(fd[1], "x");
	told(set);
	del(set, fd[0]);
}

static void exclusive_nobody_waits(void)
{
	int fd[2], a = new_set(), b = new_set();

	pair(fd);
	add(a, fd[0], EPOLLIN | EPOLLEXCLUSIVE, 1);
	add(b, fd[0], EPOLLIN | EPOLLEXCLUSIVE, 2);
	put(fd[1], "x");
	told(a);
	told(b);
}

/* ---- what a socket tells in its life */

static void life_of_accept(void)
{
	struct sockaddr_in at;
	int set = new_set(), l = listener(&at), c = tcp(), d = tcp();

	add(set, l, EPOLLIN, 1);
	told(set);
	S->connect(c, SA(at), sizeof(at));
	S->connect(d, SA(at), sizeof(at));
	told(set);
	RES("accept", keep(S->accept(l, NULL, NULL)) >= 0);
	told(set);
	RES("accept", keep(S->accept(l, NULL, NULL)) >= 0);
	told(set);
}

static void life_of_accept_edge(void)
{
	struct sockaddr_in at;
	int set = new_set(), l = listener(&at), c = tcp(), d = tcp();

	add(set, l, EPOLLIN | EPOLLET, 1);
	S->connect(c, SA(at), sizeof(at));
	told(set);
	told(set);
	S->connect(d, SA(at), sizeof(at));
	told(set);
}

static void life_of_connect(void)
{
	struct sockaddr_in at;
	int set = new_set(), c = tcp();

	listener(&at);
	add(set, c, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, 1);
	told(set);
	S->connect(c, SA(at), sizeof(at));
	told(set);
	told(set);
}

static void life_of_refusal(void)
{
	struct sockaddr_in at = closed_port(SOCK_STREAM);
	int set = new_set(), c = tcp();

	add(set, c, EPOLLIN | EPOLLOUT | EPOLLRDHUP, 1);
	S->connect(c, SA(at), sizeof(at));
	told(set);
	RES("recv", S->recv(c, buf, 1, 0));
	told(set);
}

static void life_of_peer(void)
{
	int fd[2], set = new_set();

	pair(fd);
	add(set, fd[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP, 1);
	told(set);
	put(fd[1], "x");
	told(set);
	S->shutdown(fd[1], SHUT_WR);
	told(set);
	take(fd[0], 9);
	told(set);
	take(fd[0], 9);
	S->shutdown(fd[0], SHUT_WR);
	told(set);
	S->close(fd[1]);
	told(set);
}

static void life_of_reset(void)
{
	int fd[2], set = new_set();

	pair(fd);
	add(set, fd[0], EPOLLIN | EPOLLRDHUP | EPOLLET, 1);
	linger0(fd[1]);
	S->close(fd[1]);
	told(set);
	told(set);
	take(fd[0], 9);
	told(set);
	take(fd[0], 9);
}

static void life_of_own_shutdown(void)
{
	int fd[2], set = new_set();

	pair(fd);
	add(set, fd[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP, 1);
	S->shutdown(fd[0], SHUT_WR);
	told(set);
	S->shutdown(fd[0], SHUT_RD);
	told(set);
}

static void life_of_unread_close(void)
{
	int fd[2], set = new_set();

	pair(fd);
	put(fd[0], "unread");
	add(set, fd[0], EPOLLIN | EPOLLRDHUP, 1);
	S->close(fd[1]);
	told(set);
	take(fd[0], 9);
}

static void life_of_dgrams(void)
{
	int fd[2], set = new_set();

	udp_pair(fd);
	add(set, fd[0], EPOLLIN | EPOLLOUT, 1);
	told(set);
	put(fd[1], "a");
	put(fd[1], "b");
	told(set);
	take(fd[0], 9);
	told(set);
	take(fd[0], 9);
	told(set);
}

static void dgrams_edge(void)
{
	int fd[2], set = new_set();

	udp_pair(fd);
	add(set, fd[0], EPOLLIN | EPOLLET, 1);
	told(set);
	put(fd[1], "a");
	told(set);
	told(set);
	put(fd[1], "b");
	told(set);
}

static void dgram_error(void)
{
	struct sockaddr_in at = closed_port(SOCK_DGRAM);
	int fd = udp(), set = new_set();

	S->connect(fd, SA(at), sizeof(at));
	add(set, fd, EPOLLIN, 1);
	S->send(fd, "x", 1, 0);
	told(set);
	take(fd, 9);
	told(set);
}

/* ---- the kernel's descriptors in the same set */

static void with_a_pipe(void)
{
	int fd[2], p[2], set = new_set();

	pair(fd);
	if (pipe2(p, O_NONBLOCK | O_CLOEXEC) < 0)
		return;
	keep(p[0]);
	keep(p[1]);
	add(set, fd[0], EPOLLIN, 1);
	add(set, p[0], EPOLLIN, 2);
	add(set, p[1], EPOLLOUT | EPOLLET, 3);
	told(set);
	RES("write", S->write(p[1], "x", 1));
	told(set);
	told(set);
	mod(set, p[0], EPOLLIN, 4);
	told(set);
	del(set, p[0]);
	told(set);
}

static void with_a_timer(void)
{
	struct itimerspec when = { .it_value = { .tv_nsec = 3000000 } };
	int fd[2], set = new_set(), t = keep(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
	struct epoll_event got[2];

	pair(fd);
	add(set, fd[0], EPOLLIN, 1);
	add(set, t, EPOLLIN, 2);
	timerfd_settime(t, 0, &when, NULL);
	RES("wait", S->epoll_wait(set, got, 2, 1000));
	say_events("", got[0].events);
	say("%d", (int)got[0].data.u64);
}

/* ---- time and signals */

static long elapsed_ms(int (*wait)(int set), int set)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	RES("wait", wait(set));
	clock_gettime(CLOCK_MONOTONIC, &b);
	return (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
}

static int wait_20ms(int set)
{
	struct epoll_event got;

	return S->epoll_wait(set, &got, 1, 20);
}

static int wait_5ms_2(int set)
{
	struct timespec ts = { .tv_nsec = 5500000 };
	struct epoll_event got;

	return S->epoll_pwait2(set, &got, 1, &ts, NULL);
}

static void timeouts(void)
{
	int set = new_set(), fd = tcp();
	struct timespec bad = { .tv_nsec = -1 };
	struct epoll_event got;
	long ms = elapsed_ms(wait_20ms, set);

	(void)fd;
	say(" 20 %d", ms >= 20 && ms < 5000);
	ms = elapsed_ms(wait_5ms_2, set);
	say(" 5 %d", ms >= 5 && ms < 5000);
	RES("bad", S->epoll_pwait2(set, &got, 1, &bad, NULL));
}

static void on_usr1(int sig)
{
}

static void interrupted(void)
{
	struct sigaction action = { .sa_handler = on_usr1, .sa_flags = SA_RESTART };
	struct itimerspec when = { .it_value = { .tv_nsec = 5000000 } };
	struct sigevent ev = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct epoll_event got;
	int set = new_set();
	timer_t timer;

	sigaction(SIGUSR1, &action, NULL);
	timer_create(CLOCK_MONOTONIC, &ev, &timer);
	timer_settime(timer, 0, &when, NULL);
	RES("wait", S->epoll_wait(set, &got, 1, 1000));
	timer_delete(timer);
}

static void masked(void)
{
	struct sigaction action = { .sa_handler = on_usr1 };
	struct epoll_event got;
	int set = new_set();
	sigset_t blocked, open;

	sigaction(SIGUSR1, &action, NULL);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, &open);
	raise(SIGUSR1);
	RES("wait", S->epoll_wait(set, &got, 1, 3));
	RES("pwait", S->epoll_pwait(set, &got, 1, 1000, &open));
	sigprocmask(SIG_SETMASK, &open, NULL);
}

static void many(void)
{
	struct epoll_event got[64];
	int fd[50][2], set = new_set(), n, sum = 0;

	for (int i = 0; i < 50; i++) {
		udp_pair(fd[i]);
		add(set, fd[i][0], EPOLLIN, i);
	}
	for (int i = 0; i < 50; i += 3)
		put(fd[i][1], "x");
	settle();
	n = S->epoll_wait(set, got, 64, 0);
	for (int i = 0; i < n; i++)
		sum += (int)got[i].data.u64;
	say(" %d %d", n, sum);
}

const struct check checks_epoll[] = {
	{ "epoll/level-in", level_in }, { "epoll/edge-in", edge_in },
	{ "epoll/edge-partial", edge_partial }, { "epoll/edge-taken-before", edge_taken_before },
	{ "epoll/edge-ready-at-add", edge_ready_at_add }, { "epoll/edge-out", edge_out },
	{ "epoll/edge-out-not-for-data", edge_out_not_for_data },
	{ "epoll/edge-both-for-data", edge_both_for_data }, { "epoll/edge-fin", edge_fin },
	{ "epoll/level-out-full", level_out_full }, { "epoll/oneshot", oneshot },
	{ "epoll/oneshot-hup", oneshot_hup }, { "epoll/oneshot-edge", oneshot_edge },
	{ "epoll/mod-rearms-edge", mod_rearms_edge }, { "epoll/mod-events", mod_events },
	{ "epoll/del-while-ready", del_while_ready }, { "epoll/ctl-errors", ctl_errors },
	{ "epoll/wait-errors", wait_errors }, { "epoll/file-in-set", file_in_set },
	{ "epoll/closed-leaves", closed_leaves }, { "epoll/closed-dup-stays", closed_dup_stays },
	{ "epoll/dup-is-another", dup_is_another },
	{ "epoll/number-used-again", number_used_again }, { "epoll/set-closed", set_closed },
	{ "epoll/two-sets", two_sets }, { "epoll/order-of-arrival", order_of_arrival },
	{ "epoll/order-rotates", order_rotates }, { "epoll/order-edge", order_edge },
	{ "epoll/nested", nested }, { "epoll/nested-edge", nested_edge },
	{ "epoll/nested-events", nested_events }, { "epoll/nested-loop", nested_loop },
	{ "epoll/nested-deep", nested_deep }, { "epoll/nested-deep-down", nested_deep_down },
	{ "epoll/nested-exclusive", nested_exclusive },
	{ "epoll/exclusive-rules", exclusive_rules },
	{ "epoll/exclusive-nobody-waits", exclusive_nobody_waits },
	{ "epoll/life-of-accept", life_of_accept },
	{ "epoll/life-of-accept-edge", life_of_accept_edge },
	{ "epoll/life-of-connect", life_of_connect },
	{ "epoll/life-of-refusal", life_of_refusal }, { "epoll/life-of-peer", life_of_peer },
	{ "epoll/life-of-reset", life_of_reset },
	{ "epoll/life-of-own-shutdown", life_of_own_shutdown },
	{ "epoll/life-of-unread-close", life_of_unread_close },
	{ "epoll/life-of-dgrams", life_of_dgrams }, { "epoll/dgrams-edge", dgrams_edge },
	{ "epoll/dgram-error", dgram_error }, { "epoll/with-a-pipe", with_a_pipe },
	{ "epoll/with-a-timer", with_a_timer }, { "epoll/timeouts", timeouts },
	{ "epoll/interrupted", interrupted }, { "epoll/masked", masked }, { "epoll/many", many },
};
const size_t checks_epoll_n = sizeof(checks_epoll) / sizeof(checks_epoll[0]);
