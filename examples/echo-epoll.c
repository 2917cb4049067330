/* Echo for many at once with an epoll set: a program as it is written for Linux.
 *
 *	build/echo-epoll 7007 &	nc 127.0.0.1 7007 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <leat/socket.h>

struct client {
	int fd;
	size_t from, to;	/* of buf: read, not written yet */
	char buf[16384];
};

static int listen_at(struct leat_ring *ring, int port)
{
	struct leat_addr host = { .ip = { [10] = 0xff, 0xff, 127, 0, 0, 1 },
				  .port = (uint16_t)port };
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(7) };
	int fd = leat_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0 || leat_bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 ||
	    leat_listen(fd, 128) < 0)
		return perror("echo"), -1;
	port = leat_publish(ring, &host, 7);
	if (port < 0)
		return fprintf(stderr, "echo: the port is taken\n"), -1;
	printf("127.0.0.1:%d\n", port);
	fflush(stdout);
	return fd;
}

static void welcome(int set, int listener)
{
	int fd;

	while ((fd = leat_accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		struct client *c = calloc(1, sizeof(*c));
		struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };

		if (!c || leat_epoll_ctl(set, EPOLL_CTL_ADD, fd, &ev) < 0) {
			free(c);
			leat_close(fd);
			continue;
		}
		c->fd = fd;
	}
}

/* Until there is nothing to read or no room to write; false: it is over. */
static int serve(struct client *c)
{
	for (;;) {
		ssize_t n;

		if (c->from == c->to) {
			n = leat_recv(c->fd, c->buf, sizeof(c->buf), 0);
			if (n <= 0)
				return n < 0 && errno == EAGAIN;
			c->from = 0;
			c->to = (size_t)n;
		}
		n = leat_send(c->fd, c->buf + c->from, c->to - c->from, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN;
		c->from += (size_t)n;
	}
}

int main(int argc, char **argv)
{
	char why[160];
	struct leat_ring *ring = leat_start("slirp", why, sizeof(why));
	struct epoll_event got[64], ev = { .events = EPOLLIN };
	int set, listener, n;

	if (!ring)
		return fprintf(stderr, "echo: %s\n", why), 1;
	listener = listen_at(ring, argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0);
	set = leat_epoll_create1(0);
	if (listener < 0 || leat_epoll_ctl(set, EPOLL_CTL_ADD, listener, &ev) < 0)
		return 1;
	while ((n = leat_epoll_wait(set, got, 64, -1)) >= 0) {
		for (int i = 0; i < n; i++) {
			struct client *c = got[i].data.ptr;

			if (!c) {
				welcome(set, listener);
			} else if (!serve(c)) {
				leat_close(c->fd);
				free(c);
			}
		}
	}
	return 1;
}
