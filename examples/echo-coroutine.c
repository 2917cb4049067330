/* Echo for many at once in straight lines: a coroutine a connection.
 *
 *	build/echo-coroutine 7007 &	nc 127.0.0.1 7007
 *
 * A connection that is silent for a minute is closed: that is the deadline. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include <leat/go.h>

#define MINUTE 60000000000ull

static int listen_at(struct leat_ring *ring, int port)
{
	struct leat_addr host = { .ip = { [10] = 0xff, 0xff, 127, 0, 0, 1 },
				  .port = (uint16_t)port };
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(7) };
	int fd = leat_socket(AF_INET, SOCK_STREAM, 0);

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

static void echo(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char buf[16384];
	ssize_t n;

	while ((n = leat_go_recv(fd, buf, sizeof(buf), leat_now() + MINUTE)) > 0)
		if (leat_go_send(fd, buf, (size_t)n, leat_now() + MINUTE) != n)
			break;
	leat_close(fd);
}

static void serve(void *arg)
{
	int fd = (int)(intptr_t)arg, client;

	while ((client = leat_go_accept(fd, LEAT_FOREVER)) >= 0)
		if (leat_go(echo, (void *)(intptr_t)client) < 0)
			leat_close(client);
	perror("echo");
}

int main(int argc, char **argv)
{
	char why[160];
	struct leat_ring *ring = leat_start("slirp", why, sizeof(why));
	int fd;

	if (!ring)
		return fprintf(stderr, "echo: %s\n", why), 1;
	fd = listen_at(ring, argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0);
	if (fd >= 0)
		leat_go_run(serve, (void *)(intptr_t)fd);
	return 1;
}
