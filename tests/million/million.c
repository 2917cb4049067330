/* A million connections that are silent, and a million more that come, echo and go.
 *
 *	million [N]
 *
 * Both ends live in one process, on one stack that talks to itself, behind sockets; what is printed
 * is what an end costs in all: the stack, its tables and frames, the descriptor, the socket.  Fails
 * when the second million leaves the process larger. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <leat/socket.h>

#define PER_ADDRESS 20000	/* connections to each of 127.0.0.1, 127.0.0.2 ... */
#define GROWTH_MAX (16 << 20)	/* bytes left behind: a sanitizer keeps some of what is freed */

static int listener;
static struct sockaddr_in at;

static void need(int fact, const char *what)
{
	if (fact)
		return;
	fprintf(stderr, "million: %s: %s\n", what, strerror(errno));
	exit(1);
}

static size_t resident(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "re");
	unsigned long kib = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f) && sscanf(line, "Rss: %lu", &kib) != 1)
		;
	need(f && kib, "/proc/self/smaps_rollup");
	fclose(f);
	return kib * 1024;
}

static void start(unsigned n)
{
	struct leat_options options;
	struct leat_ring *ring;
	char why[160] = "";
	socklen_t len = sizeof(at);

	leat_options_init(&options);
	options.net = "none";
	options.conns = 2 * n + 4096;
	options.ops = 65536;
	ring = leat_ring_open(&options, why, sizeof(why));
	need(ring != NULL, why);
	need(leat_attach(ring) == 0, "attach");
	leat_beyond(1);
	listener = leat_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	at = (struct sockaddr_in){ .sin_family = AF_INET };
	need(leat_bind(listener, (struct sockaddr *)&at, sizeof(at)) == 0, "bind");
	need(leat_listen(listener, 128) == 0, "listen");
	need(leat_getsockname(listener, (struct sockaddr *)&at, &len) == 0, "name");
}

static void connect_one(unsigned i, int fd[2])
{
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i / PER_ADDRESS);
	fd[0] = leat_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	need(fd[0] >= 0, "socket");
	if (leat_connect(fd[0], (struct sockaddr *)&at, sizeof(at)) < 0)
		need(errno == EINPROGRESS, "connect");
	for (int k = 0; k < 20; k++) {
		fd[1] = leat_accept4(listener, NULL, NULL, SOCK_NONBLOCK);
		if (fd[1] >= 0)
			return;
	}
	need(0, "accept");
}

static void pass(int from, int to)
{
	char c = 'x';
	ssize_t n;

	need(leat_send(from, &c, 1, 0) == 1, "send");
	for (int k = 0; k < 20; k++) {
		n = leat_recv(to, &c, 1, 0);
		if (n >= 0)
			break;
	}
	need(n == 1 && c == 'x', "recv");
}

int main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000000;
	size_t before, idle, after;
	uint64_t t0, t1, t2;
	int fd[2];

	before = resident();
	start(n);
	t0 = leat_now();
	for (unsigned i = 0; i < n; i++)
		connect_one(i, fd);
	idle = resident();
	t1 = leat_now();
	printf("%u connections, both ends here: %zu bytes an end in all, %.1f us each\n", n,
	       (idle - before) / n / 2, (double)(t1 - t0) / 1000 / n);
	fflush(stdout);
	for (unsigned i = 0; i < n; i++) {
		connect_one(n + i % n, fd);
		pass(fd[0], fd[1]);
		pass(fd[1], fd[0]);
		need(leat_close(fd[0]) == 0 && leat_close(fd[1]) == 0, "close");
		if (i == n / 2)
			idle = resident();	/* TIME-WAIT has its share by now */
	}
	after = resident();
	t2 = leat_now();
	printf("%u more connected, echoed a byte and closed: %.1f us each, %zd bytes of growth in "
	       "the second half\n", n, (double)(t2 - t1) / 1000 / n, (ssize_t)(after - idle));
	return after > idle + GROWTH_MAX;
}
