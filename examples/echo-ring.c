/* Echo on the completion ring itself: nothing is copied on the way in, nothing is asked twice.
 *
 *	build/echo-ring 7007 &	nc 127.0.0.1 7007
 *
 * One submission accepts every connection, one more receives all of a connection's bytes; what a
 * completion says stands in its user_data: what it is about, and of which descriptor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <leat/leat.h>

enum about { ACCEPTED, RECEIVED, SENT, SHUT };

static struct leat_ring *ring;

static void submit(struct leat_sqe sqe, enum about about, void *what)
{
	sqe.user_data = (uint64_t)(uintptr_t)what << 2 | about;
	while (leat_submit(ring, &sqe) < 0)
		leat_poll(ring);
}

static int call(struct leat_sqe sqe)
{
	return leat_call(ring, &sqe);
}

static void on_accepted(int fd)
{
	if (fd > 0)
		submit((struct leat_sqe){ .opcode = LEAT_OP_RECV, .fd = fd,
					  .ioprio = LEAT_RECV_MULTISHOT },
		       RECEIVED, (void *)(intptr_t)fd);
}

/* The bytes go back out of a copy, because the buffer is given back at once. */
static void on_received(int fd, const struct leat_cqe *cqe)
{
	char *bytes;

	if (cqe->flags & LEAT_CQE_F_BUFFER) {
		bytes = malloc((size_t)cqe->res);
		if (bytes) {
			memcpy(bytes, leat_buf_ptr(ring, cqe), (size_t)cqe->res);
			submit((struct leat_sqe){ .opcode = LEAT_OP_SEND, .fd = fd,
						  .addr = (uintptr_t)bytes,
						  .len = (uint32_t)cqe->res },
			       SENT, bytes);
		}
		leat_buf_put(ring, cqe);
	}
	if (!(cqe->flags & LEAT_CQE_F_MORE))	/* the end; behind what is still to be sent */
		submit((struct leat_sqe){ .opcode = LEAT_OP_SHUTDOWN, .fd = fd, .len = 1 }, SHUT,
		       (void *)(intptr_t)fd);
}

static int listen_at(int port)
{
	struct leat_addr host = { .ip = { [10] = 0xff, 0xff, 127, 0, 0, 1 },
				  .port = (uint16_t)port };
	struct leat_addr any = { .ip = { [10] = 0xff, 0xff }, .port = 7 };
	int fd = call((struct leat_sqe){ .opcode = LEAT_OP_SOCKET, .fd = LEAT_AF_INET,
					 .off = LEAT_SOCK_STREAM });

	call((struct leat_sqe){ .opcode = LEAT_OP_BIND, .fd = fd, .addr = (uintptr_t)&any });
	call((struct leat_sqe){ .opcode = LEAT_OP_LISTEN, .fd = fd, .len = 128 });
	printf("127.0.0.1:%d\n", leat_publish(ring, &host, 7));
	fflush(stdout);
	return fd;
}

int main(int argc, char **argv)
{
	const struct leat_cqe *cqe;
	struct leat_options options;

	leat_options_init(&options);
	ring = leat_ring_open(&options, NULL, 0);
	if (!ring)
		return fprintf(stderr, "echo: no stack\n"), 1;
	submit((struct leat_sqe){ .opcode = LEAT_OP_ACCEPT, .ioprio = LEAT_ACCEPT_MULTISHOT,
				  .fd = listen_at(argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0) },
	       ACCEPTED, NULL);
	for (;; leat_cq_advance(ring, 1)) {
		while (!leat_cq_peek(ring, &cqe))
			leat_wait(ring, LEAT_FOREVER);
		if ((cqe->user_data & 3) == ACCEPTED)
			on_accepted(cqe->res);
		else if ((cqe->user_data & 3) == RECEIVED)
			on_received((int)(cqe->user_data >> 2), cqe);
		else if ((cqe->user_data & 3) == SHUT)
			call((struct leat_sqe){ .opcode = LEAT_OP_CLOSE,
						.fd = (int)(cqe->user_data >> 2) });
		else
			free((void *)(uintptr_t)(cqe->user_data >> 2));
	}
}
