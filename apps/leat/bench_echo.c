/* `leat bench echo-server`: each read of a connection is answered with its bytes.
 *
 * The answer is sent from the buffer that the request came in.  Usually the send buffer takes it at
 * once and the buffer goes back; else the buffer waits with its send. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/leat/bench_int.h"
#include "apps/leat/leat.h"
#include "port/port.h"

#define ECHO_HELD_MAX 16384u	/* no more than there are frames */
#define ECHO_FDS_MAX (1u << 21)

/* user_data: what, and of which descriptor or held buffer */
enum echo_what { ECHO_SETUP, ECHO_ACCEPT, ECHO_RECV, ECHO_SEND, ECHO_CLOSE };
#define ECHO_TAG(what, which) ((uint64_t)(what) << 32 | (uint32_t)(which))

struct echo_held {
	struct leat_cqe buffer;
	int fd;
	uint32_t next;		/* of the free ones */
};

struct echo {
	struct leat_ring *ring;
	struct echo_held *held;
	uint32_t free;
	uint32_t *waiting;	/* by descriptor: sends that wait */
	uint64_t conns, reads, bytes;
	int listener;
};

static void echo_close(struct echo *e, int fd)
{
	leat_bench_do(e->ring, (struct leat_sqe){ .opcode = LEAT_OP_CLOSE, .fd = fd,
						  .user_data = ECHO_TAG(ECHO_CLOSE, fd) });
}

/* The send buffer is full: the rest goes when there is room. */
static void echo_later(struct echo *e, const struct leat_cqe *c, int fd, uint32_t done)
{
	struct echo_held *h = &e->held[e->free];
	uint32_t which = e->free;

	if (e->free == ECHO_HELD_MAX) {		/* cannot be: there are no more frames */
		leat_buf_put(e->ring, c);
		return;
	}
	e->free = h->next;
	h->buffer = *c;
	h->fd = fd;
	e->waiting[fd]++;
	leat_bench_do(e->ring, (struct leat_sqe){
		.opcode = LEAT_OP_SEND, .fd = fd, .len = (uint32_t)c->res - done,
		.addr = (uintptr_t)leat_buf_ptr(e->ring, c) + done,
		.user_data = ECHO_TAG(ECHO_SEND, which),
	});
}

static void echo_recv(struct echo *e, const struct leat_cqe *c, int fd)
{
	struct leat_sqe send = { .opcode = LEAT_OP_SEND, .fd = fd };
	int sent = 0;

	if (c->res <= 0) {
		if (c->flags & LEAT_CQE_F_BUFFER)
			leat_buf_put(e->ring, c);
		echo_close(e, fd);
		return;
	}
	e->reads++;
	e->bytes += (uint32_t)c->res;
	if (!e->waiting[fd]) {
		send.addr = (uintptr_t)leat_buf_ptr(e->ring, c);
		send.len = (uint32_t)c->res;
		sent = leat_call(e->ring, &send);
	}
	if (sent == c->res || (sent < 0 && sent != -11))
		leat_buf_put(e->ring, c);
	else
		echo_later(e, c, fd, (uint32_t)MAX(sent, 0));
}

static void echo_sent(struct echo *e, uint32_t which)
{
	struct echo_held *h = &e->held[which];

	leat_buf_put(e->ring, &h->buffer);
	e->waiting[h->fd]--;
	h->next = e->free;
	e->free = which;
}

static void echo_completion(struct echo *e, const struct leat_cqe *c)
{
	uint32_t which = (uint32_t)c->user_data;

	switch ((enum echo_what)(c->user_data >> 32)) {
	case ECHO_ACCEPT:
		if (c->res <= 0 || (uint32_t)c->res >= ECHO_FDS_MAX)
			break;
		e->conns++;
		e->waiting[c->res] = 0;
		leat_bench_do(e->ring, (struct leat_sqe){
			.opcode = LEAT_OP_RECV, .fd = c->res, .ioprio = LEAT_RECV_MULTISHOT,
			.user_data = ECHO_TAG(ECHO_RECV, c->res) });
		break;
	case ECHO_RECV:
		echo_recv(e, c, (int)which);
		break;
	case ECHO_SEND:
		echo_sent(e, which);
		break;
	case ECHO_SETUP:
	case ECHO_CLOSE:
		break;
	}
}

/* Descriptor, address, listener: one after the other, each with its completion. */
static int echo_ask(struct echo *e, struct leat_sqe sqe)
{
	const struct leat_cqe *c;
	int res;

	leat_bench_do(e->ring, sqe);
	while (!leat_cq_peek(e->ring, &c))
		leat_poll(e->ring);
	res = c->res;
	leat_cq_advance(e->ring, 1);
	return res;
}

static int echo_listen(struct echo *e, uint32_t port)
{
	struct leat_addr any = { .ip = { [10] = 0xff, [11] = 0xff }, .port = (uint16_t)port };
	int err;

	e->listener = echo_ask(e, (struct leat_sqe){ .opcode = LEAT_OP_SOCKET, .fd = LEAT_AF_INET,
						     .off = LEAT_SOCK_STREAM });
	if (e->listener < 0)
		return e->listener;
	err = echo_ask(e, (struct leat_sqe){ .opcode = LEAT_OP_BIND, .fd = e->listener,
					     .addr = (uintptr_t)&any });
	if (!err)
		err = echo_ask(e, (struct leat_sqe){ .opcode = LEAT_OP_LISTEN, .fd = e->listener,
						     .len = 4096 });
	if (!err)
		err = leat_bench_do(e->ring, (struct leat_sqe){
			.opcode = LEAT_OP_ACCEPT, .fd = e->listener,
			.ioprio = LEAT_ACCEPT_MULTISHOT, .user_data = ECHO_TAG(ECHO_ACCEPT, 0) });
	return err;
}

static void echo_run(struct echo *e)
{
	const struct leat_cqe *c;

	while (!leat_bench_signals) {
		unsigned n;

		leat_wait(e->ring, LEAT_FOREVER);
		while ((n = leat_cq_peek(e->ring, &c))) {
			for (unsigned i = 0; i < n; i++)
				echo_completion(e, &c[i]);
			leat_cq_advance(e->ring, n);
		}
	}
}

int leat_bench_server(struct leat_bench *b)
{
	struct echo e = { 0 };
	struct leat_addr at = { .port = (uint16_t)b->port };
	int status = leat_bench_open(b), err;

	if (status)
		return status;
	e.ring = b->ring;
	e.held = calloc(ECHO_HELD_MAX, sizeof(*e.held));
	e.waiting = calloc(ECHO_FDS_MAX, sizeof(*e.waiting));
	err = e.held && e.waiting ? echo_listen(&e, b->port) : -12;
	if (!err) {
		mem_copy(at.ip, addr_v4(IPV4(127, 0, 0, 1)).b, sizeof(at.ip));
		err = leat_publish(b->ring, &at, (uint16_t)b->port);
	}
	if (err < 0) {
		fprintf(stderr, "leat bench: cannot listen at port %u: %s\n", b->port,
			strerror(-err));
		status = LEAT_EXIT_FAILED;
	} else {
		for (uint32_t i = 0; i < ECHO_HELD_MAX; i++)
			e.held[i].next = i + 1;
		printf("leat: answering at port %u (Ctrl-C ends)\n", b->port);
		fflush(stdout);
		echo_run(&e);
		printf("leat: %llu connections, %llu reads, %llu bytes\n",
		       (unsigned long long)e.conns, (unsigned long long)e.reads,
		       (unsigned long long)e.bytes);
	}
	free(e.held);
	free(e.waiting);
	return status;
}
