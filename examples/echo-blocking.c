/* Echo, one connection after the other, in calls that block: the shortest way to write it.
 *
 *	build/echo-blocking 7007 &	nc 127.0.0.1 7007
 *
 * The same in three other styles: echo-epoll.c, echo-ring.c, echo-coroutine.c. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include <leat/socket.h>

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

static void echo(int fd)
{
	char buf[16384];
	ssize_t n;

	while ((n = leat_recv(fd, buf, sizeof(buf), 0)) > 0)
		if (leat_send(fd, buf, (size_t)n, MSG_NOSIGNAL) < 0)
			break;
	leat_close(fd);
}

int main(int argc, char **argv)
{
	char why[160];
	struct leat_ring *ring = leat_start("slirp", why, sizeof(why));
	int fd, client;

	if (!ring)
		return fprintf(stderr, "echo: %s\n", why), 1;
	fd = listen_at(ring, argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0);
	while (fd >= 0 && (client = leat_accept(fd, NULL, NULL)) >= 0)
		echo(client);
	return 1;
}
