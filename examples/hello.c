/* The smallest server on the door: every connection hears a line and is closed.
 *
 *	build/hello &		curl http://127.0.0.1:8000/ */
#include <stdio.h>
#include <string.h>

#include <leat/leat.h>

static const char hello[] =
	"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nhello\n";

/* Submits and waits for the answer; only while nothing else is pending. */
static int ask(struct leat_ring *ring, struct leat_sqe sqe)
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

int main(void)
{
	struct leat_addr any = { .ip = { [10] = 0xff, 0xff }, .port = 8000 };
	struct leat_options options;
	struct leat_ring *ring;
	char why[160], request[4096];
	int listener, fd;

	leat_options_init(&options);
	ring = leat_ring_open(&options, why, sizeof(why));
	if (!ring)
		return fprintf(stderr, "hello: %s\n", why), 1;
	listener = ask(ring, (struct leat_sqe){ .opcode = LEAT_OP_SOCKET, .fd = LEAT_AF_INET,
						.off = LEAT_SOCK_STREAM });
	ask(ring, (struct leat_sqe){ .opcode = LEAT_OP_BIND, .fd = listener,
				     .addr = (uintptr_t)&any });
	ask(ring, (struct leat_sqe){ .opcode = LEAT_OP_LISTEN, .fd = listener, .len = 16 });
	if (leat_publish(ring, NULL, 8000) < 0)
		return fprintf(stderr, "hello: port 8000 is taken\n"), 1;
	puts("http://127.0.0.1:8000/");
	fflush(stdout);
	while ((fd = ask(ring, (struct leat_sqe){ .opcode = LEAT_OP_ACCEPT, .fd = listener })) >
	       0) {
		ask(ring, (struct leat_sqe){ .opcode = LEAT_OP_RECV, .fd = fd,
					     .addr = (uintptr_t)request, .len = sizeof(request) });
		ask(ring, (struct leat_sqe){ .opcode = LEAT_OP_SEND, .fd = fd,
					     .addr = (uintptr_t)hello, .len = strlen(hello) });
		ask(ring, (struct leat_sqe){ .opcode = LEAT_OP_CLOSE, .fd = fd });
	}
	return 1;
}
