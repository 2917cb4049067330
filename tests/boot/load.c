/* A client that costs little: keep-alive connections, one request at a time on each, for a while.
 *
 * usage: load PORT CONNECTIONS SECONDS PATH      prints requests a second, and how many failed
 *
 * Each answer must be as long as the first one was: this is for measuring, not for checking. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNS_MAX 1024

static char request[512];
static size_t request_n, answer_n;
static size_t got[CONNS_MAX];
static int fds[CONNS_MAX];
static unsigned long answers, failed;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void ask(int i)
{
	got[i] = 0;
	if (write(fds[i], request, request_n) != (ssize_t)request_n)
		failed++;
}

/* Its length by Content-Length, read whole; dies when there is none. */
static void first_answer(int fd)
{
	char b[65536], *head, *length;
	size_t n = 0;

	if (write(fd, request, request_n) < 0)
		exit(1);
	for (;;) {
		ssize_t k = read(fd, b + n, sizeof(b) - 1 - n);

		if (k <= 0) {
			perror("load: the first answer does not come");
			exit(1);
		}
		n += (size_t)k;
		b[n] = '\0';
		head = strstr(b, "\r\n\r\n");
		length = strstr(b, "Content-Length: ");
		if (!head || !length)
			continue;
		answer_n = (size_t)(head + 4 - b) + strtoul(length + 16, NULL, 10);
		if (n == answer_n)
			return;
	}
}

static int dial(int port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		perror("connect");
		exit(1);
	}
	return fd;
}

static void take(int i)
{
	char b[65536];
	ssize_t n = recv(fds[i], b, sizeof(b), MSG_DONTWAIT);

	if (n <= 0) {
		if (n == 0 || errno != EAGAIN) {
			fprintf(stderr, "load: a connection has ended\n");
			exit(1);
		}
		return;
	}
	got[i] += (size_t)n;
	if (got[i] < answer_n)
		return;
	failed += got[i] != answer_n;
	answers++;
	ask(i);
}

int main(int argc, char **argv)
{
	struct epoll_event ev, evs[64];
	int port, conns, ep = epoll_create1(0);
	double begun, seconds;

	if (argc != 5)
		return 2;
	port = (int)strtol(argv[1], NULL, 10);
	conns = (int)strtol(argv[2], NULL, 10);
	seconds = strtod(argv[3], NULL);
	request_n = (size_t)snprintf(request, sizeof(request),
				     "GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", argv[4]);
	for (int i = 0; i < conns && i < CONNS_MAX; i++) {
		fds[i] = dial(port);
		first_answer(fds[i]);
		ev = (struct epoll_event){ .events = EPOLLIN, .data.fd = i };
		epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &ev);
	}
	begun = now();
	for (int i = 0; i < conns; i++)
		ask(i);
	while (now() - begun < seconds) {
		int n = epoll_wait(ep, evs, 64, 1000);

		for (int k = 0; k < n; k++)
			take(evs[k].data.fd);
		failed += n == 0;	/* nothing for a second */
	}
	printf("%.0f %lu\n", (double)answers / (now() - begun), failed);
	return 0;
}
