/* A client on leat's own stack: fetches a path from another machine on a link, and writes what
 * comes, head included, until the other end closes.
 *
 * usage: fetch LINK ADDRESS PATH */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <leat/leat.h>

#define FETCH_PORT 80

static int fetch_ask(struct leat_ring *ring, struct leat_sqe sqe)
{
	const struct leat_cqe *cqe;
	int res = leat_submit(ring, &sqe);

	if (res == 0) {
		while (!leat_cq_peek(ring, &cqe))
			leat_wait(ring, LEAT_FOREVER);
		res = cqe->res;
		leat_cq_advance(ring, 1);
	}
	return res;
}

static struct leat_ring *fetch_open(const char *link)
{
	struct leat_options options;
	struct leat_ring *ring;
	char why[256];

	leat_options_init(&options);
	options.net = link;
	ring = leat_ring_open(&options, why, sizeof(why));
	if (!ring)
		fprintf(stderr, "fetch: %s\n", why);
	return ring;
}

static int fetch_connect(struct leat_ring *ring, const char *address)
{
	struct leat_addr to = { .ip = { [10] = 0xff, 0xff }, .port = FETCH_PORT };
	unsigned a[4];
	int fd, err;

	if (sscanf(address, "%u.%u.%u.%u", &a[0], &a[1], &a[2], &a[3]) != 4)
		return -1;
	for (unsigned i = 0; i < 4; i++)
		to.ip[12 + i] = (uint8_t)a[i];
	fd = fetch_ask(ring, (struct leat_sqe){ .opcode = LEAT_OP_SOCKET, .fd = LEAT_AF_INET,
						.off = LEAT_SOCK_STREAM });
	err = fetch_ask(ring, (struct leat_sqe){ .opcode = LEAT_OP_CONNECT, .fd = fd,
						 .addr = (uintptr_t)&to });
	if (err < 0)
		fprintf(stderr, "fetch: cannot connect: %s\n", strerror(-err));
	return err < 0 ? err : fd;
}

int main(int argc, char **argv)
{
	static char buf[1 << 16], request[512];
	struct leat_ring *ring;
	int fd, n;

	if (argc != 4 || !(ring = fetch_open(argv[1])))
		return 2;
	fd = fetch_connect(ring, argv[2]);
	if (fd < 0)
		return 1;
	n = snprintf(request, sizeof(request),
		     "GET /%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", argv[3]);
	fetch_ask(ring, (struct leat_sqe){ .opcode = LEAT_OP_SEND, .fd = fd,
					   .addr = (uintptr_t)request, .len = (uint32_t)n });
	while ((n = fetch_ask(ring, (struct leat_sqe){ .opcode = LEAT_OP_RECV, .fd = fd,
						       .addr = (uintptr_t)buf,
						       .len = sizeof(buf) })) > 0)
		fwrite(buf, 1, (size_t)n, stdout);
	fflush(stdout);
	return n < 0;
}
