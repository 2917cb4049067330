/* Calls of sockets with a deadline of their own: it is the coroutine's for the time of the call. */
#include "go/go_int.h"

/* The nearer of the two holds. */
static nsec enter(nsec deadline)
{
	nsec was = leat_go_deadline(deadline);

	if (was < deadline)
		(void)leat_go_deadline(was);
	return was;
}

static void leave(nsec was)
{
	int err = errno;

	(void)leat_go_deadline(was);
	errno = err;
}

int leat_go_accept(int fd, uint64_t deadline)
{
	nsec was = enter(deadline);
	int res = leat_accept(fd, NULL, NULL);

	leave(was);
	return res;
}

int leat_go_connect(int fd, const struct sockaddr *addr, socklen_t len, uint64_t deadline)
{
	nsec was = enter(deadline);
	int res = leat_connect(fd, addr, len);

	leave(was);
	return res;
}

ssize_t leat_go_recv(int fd, void *buf, size_t n, uint64_t deadline)
{
	nsec was = enter(deadline);
	ssize_t res = leat_recv(fd, buf, n, 0);

	leave(was);
	return res;
}

ssize_t leat_go_recv_all(int fd, void *buf, size_t n, uint64_t deadline)
{
	nsec was = enter(deadline);
	ssize_t res = leat_recv(fd, buf, n, MSG_WAITALL);

	leave(was);
	return res;
}

ssize_t leat_go_send(int fd, const void *buf, size_t n, uint64_t deadline)
{
	nsec was = enter(deadline);
	ssize_t res = leat_send(fd, buf, n, MSG_NOSIGNAL);

	leave(was);
	return res;
}

int leat_go_await(int fd, unsigned events, uint64_t deadline)
{
	int res = posix_await(fd, events, deadline);

	return go_answer(res == -E_TIMEDOUT ? -E_TIME : res);
}
