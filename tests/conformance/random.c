/* Random walks: sockets and sets, the same steps for both, drawn from the check's number.
 *
 * Left out is what is known to differ (docs/sockets.md): bytes sent to a peer that has closed. */
#include "conformance/sockcheck.h"

#define PAIRS 3
#define SETS 2
#define STEPS 80
#define WALKS 200

static struct {
	int fd[2];
	bool shut[2], open;
} pairs[PAIRS];
static int sets[SETS];
static uint64_t state;
static char buf[4096];

static unsigned draw(unsigned n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % n;
}

static void open_pair(unsigned p)
{
	if (p == 0)
		udp_pair(pairs[p].fd);
	else
		pair(pairs[p].fd);
	pairs[p].shut[0] = pairs[p].shut[1] = false;
	pairs[p].open = true;
}

/* Linux tells edge-triggered sets also that a datagram was read or a FIN acknowledged, which is
 * news to nobody and comes at any time: so streams are level-triggered here, and room is never an
 * edge. */
static unsigned some_events(unsigned p)
{
	static const unsigned flags[] = { EPOLLIN, EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLET,
					  EPOLLET, EPOLLONESHOT };
	unsigned events = 0;

	for (int i = 0; i < 3; i++)
		events |= flags[draw(sizeof(flags) / sizeof(flags[0]))];
	if (p)
		return events & ~(unsigned)EPOLLET;
	return events & EPOLLET ? events & ~(unsigned)EPOLLOUT : events;
}

static int by_data(const void *a, const void *b)
{
	return (int)((const struct epoll_event *)a)->data.u64 -
	       (int)((const struct epoll_event *)b)->data.u64;
}

/* In a fixed order: which end of a connection hears first of its end is a matter of time. */
static void step_wait(unsigned s)
{
	struct epoll_event got[16];
	int n;

	settle();
	n = S->epoll_wait(sets[s], got, 16, 0);
	RES("wait", n);
	if (n > 0)
		qsort(got, (size_t)n, sizeof(got[0]), by_data);
	for (int i = 0; i < n; i++) {
		say_events("", got[i].events);
		say("%d", (int)got[i].data.u64);
	}
}

static void step_ctl(unsigned p, unsigned e, unsigned s)
{
	static const int ops[] = { EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL };
	int op = ops[draw(4)];
	struct epoll_event ev = { .events = some_events(p), .data.u64 = p * 2 + e };

	RES(op == EPOLL_CTL_ADD ? "add" : op == EPOLL_CTL_MOD ? "mod" : "del",
	    S->epoll_ctl(sets[s], op, pairs[p].fd[e], &ev));
}

static void step_poll(unsigned p, unsigned e)
{
	struct pollfd at = { .fd = pairs[p].fd[e], .events = POLLIN | POLLOUT | POLLRDHUP };

	RES("poll", S->poll(&at, 1, 0));
	say_events("", (unsigned)at.revents);
}

static void step_bytes(unsigned p, unsigned e)
{
	int n = -1;

	switch (draw(5)) {
	case 0:
	case 1:
		if (!pairs[p].shut[e])
			RES("send", S->send(pairs[p].fd[e], buf, 1 + draw(2000), MSG_NOSIGNAL));
		break;
	case 2:
		RES("recv", S->recv(pairs[p].fd[e], buf, 1 + draw(4000), 0));
		break;
	case 3:
		RES("peek", S->recv(pairs[p].fd[e], buf, 1 + draw(4000), MSG_PEEK));
		break;
	case 4:
		RES("fionread", S->ioctl(pairs[p].fd[e], FIONREAD, &n));
		say("%d", n);
		break;
	}
	settle();
}

static void step_end(unsigned p, unsigned e)
{
	if (draw(2) && p && !pairs[p].shut[e]) {
		RES("shutdown", S->shutdown(pairs[p].fd[e], SHUT_WR));
		pairs[p].shut[e] = true;
		settle();
	} else if (draw(3) == 0) {
		RES("close", S->close(pairs[p].fd[0]));
		settle();
		step_poll(p, 1);
		step_wait(0);
		RES("close", S->close(pairs[p].fd[1]));
		settle();
		open_pair(p);
	}
}

static void walk(void)
{
	for (unsigned p = 0; p < PAIRS; p++)
		open_pair(p);
	for (unsigned s = 0; s < SETS; s++)
		sets[s] = keep(S->epoll_create1(0));
	for (unsigned i = 0; i < STEPS; i++) {
		unsigned p = draw(PAIRS), e = draw(2), s = draw(SETS);

		switch (draw(8)) {
		case 0:
		case 1:
			step_ctl(p, e, s);
			break;
		case 2:
		case 3:
			step_wait(s);
			break;
		case 4:
			step_poll(p, e);
			break;
		case 5:
		case 6:
			step_bytes(p, e);
			break;
		case 7:
			step_end(p, e);
			break;
		}
	}
}

static uint64_t seed;

static void run_walk(void)
{
	state = seed;
	walk();
}

void random_run(void (*check)(const char *name, void (*run)(void)))
{
	char name[32];

	for (unsigned i = 0; i < WALKS; i++) {
		seed = i * 0x9e3779b97f4a7c15u + 1;
		snprintf(name, sizeof(name), "random/%u", i);
		check(name, run_walk);
	}
}
