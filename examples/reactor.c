/* A reactor: an acceptor hands each connection to the least busy of several workers, and a worker
 * runs a pipeline of handlers over what its connections receive.
 *
 * The workers are sets in one set, of one thread and its stack; more threads are more of the whole.
 *
 *	build/reactor 7007 &	printf 'hello\n' | nc 127.0.0.1 7007	answers: 1 HELLO
 *
 * The pipeline: split into lines, shout, number, reply.  A handler is a function that takes a line
 * and may change it, drop it, or answer by itself. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <leat/socket.h>

#define WORKERS 4
#define LINE 1024

struct client {
	int fd;
	struct worker *worker;
	unsigned lines;
	size_t used;
	char in[LINE];
};

struct worker {
	int set;
	unsigned clients;
};

struct line {
	struct client *client;
	char text[LINE + 32];
};

/* ---- handlers: 0 passes the line on, 1 ends its way */

static int shout(struct line *l)
{
	for (char *p = l->text; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	return 0;
}

static int number(struct line *l)
{
	char was[LINE];

	snprintf(was, sizeof(was), "%.*s", LINE - 1, l->text);
	snprintf(l->text, sizeof(l->text), "%u %s", ++l->client->lines, was);
	return 0;
}

static int reply(struct line *l)
{
	size_t n = strlen(l->text);

	l->text[n++] = '\n';
	return leat_send(l->client->fd, l->text, n, MSG_NOSIGNAL) != (ssize_t)n;
}

static int (*const pipeline[])(struct line *) = { shout, number, reply };

/* ---- a worker */

static void feed(struct client *c)
{
	char *end;

	while ((end = memchr(c->in, '\n', c->used))) {
		struct line l = { .client = c };
		size_t n = (size_t)(end - c->in);

		memcpy(l.text, c->in, n);
		c->used -= n + 1;
		memmove(c->in, end + 1, c->used);
		for (size_t i = 0; i < sizeof(pipeline) / sizeof(pipeline[0]); i++)
			if (pipeline[i](&l))
				break;
	}
}

static void on_readable(struct client *c)
{
	ssize_t n = leat_recv(c->fd, c->in + c->used, sizeof(c->in) - c->used, MSG_DONTWAIT);

	if (n > 0) {
		c->used += (size_t)n;
		feed(c);
	}
	if (n == 0 || c->used == sizeof(c->in)) {
		c->worker->clients--;
		leat_close(c->fd);
		free(c);
	}
}

static void work(struct worker *w)
{
	struct epoll_event got[32];
	int n = leat_epoll_wait(w->set, got, 32, 0);

	for (int i = 0; i < n; i++)
		on_readable(got[i].data.ptr);
}

/* ---- the acceptor */

static void accept_one(int listener, struct worker *workers)
{
	struct worker *idle = workers;
	struct client *c = calloc(1, sizeof(*c));
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = c };
	int fd = leat_accept4(listener, NULL, NULL, SOCK_NONBLOCK);

	for (int i = 1; i < WORKERS; i++)
		if (workers[i].clients < idle->clients)
			idle = &workers[i];
	if (!c || fd < 0 || leat_epoll_ctl(idle->set, EPOLL_CTL_ADD, fd, &ev) < 0) {
		free(c);
		if (fd >= 0)
			leat_close(fd);
		return;
	}
	*c = (struct client){ .fd = fd, .worker = idle };
	idle->clients++;
}

static int listen_at(struct leat_ring *ring, int port)
{
	struct leat_addr host = { .ip = { [10] = 0xff, 0xff, 127, 0, 0, 1 },
				  .port = (uint16_t)port };
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(7) };
	int fd = leat_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd < 0 || leat_bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 ||
	    leat_listen(fd, 128) < 0)
		return perror("reactor"), -1;
	printf("127.0.0.1:%d\n", leat_publish(ring, &host, 7));
	fflush(stdout);
	return fd;
}

int main(int argc, char **argv)
{
	struct worker workers[WORKERS] = { { 0 } };
	struct epoll_event got[WORKERS + 1], ev = { .events = EPOLLIN };
	char why[160];
	struct leat_ring *ring = leat_start("slirp", why, sizeof(why));
	int listener, all, n;

	if (!ring)
		return fprintf(stderr, "reactor: %s\n", why), 1;
	all = leat_epoll_create1(0);
	listener = listen_at(ring, argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0);
	if (listener < 0 || leat_epoll_ctl(all, EPOLL_CTL_ADD, listener, &ev) < 0)
		return 1;
	for (int i = 0; i < WORKERS; i++) {
		workers[i].set = leat_epoll_create1(0);
		ev.data.ptr = &workers[i];
		leat_epoll_ctl(all, EPOLL_CTL_ADD, workers[i].set, &ev);
	}
	while ((n = leat_epoll_wait(all, got, WORKERS + 1, -1)) >= 0) {
		for (int i = 0; i < n; i++) {
			if (got[i].data.ptr)
				work(got[i].data.ptr);
			else
				accept_one(listener, workers);
		}
	}
	return 1;
}
