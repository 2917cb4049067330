/* The door: the same request-response as bench_tcp.c, through submissions and completions.
 *
 * What it costs more than tcp-pingpong is the price of four operations of the door: at each end a
 * receive handed over and given back, and a send. */
#include <stdlib.h>

#include "bench/bench.h"
#include "ring/ring.h"

struct end {
	struct leat_ring ring;
	int fd;
};

struct ring_pair {
	struct bench_pair pair;
	struct end a, b;
};

static nsec clock_of(void *pair)
{
	return ((struct bench_pair *)pair)->now;
}

static void end_open(struct ring_pair *p, struct end *e, struct net *net)
{
	struct ring_config config;
	size_t n;

	ring_config_default(&config);
	config.now = clock_of;
	config.now_ctx = &p->pair;
	n = ring_direct_bytes(&config, NULL);
	ring_direct_init(&e->ring, &config, net, bench_memory(n));
}

/* The next completion, polling until there is one. */
static struct leat_cqe await(struct ring_pair *p, struct end *e)
{
	const struct leat_cqe *at;
	struct leat_cqe cqe;

	for (unsigned i = 0; i < 1000 && !leat_cq_peek(&e->ring, &at); i++)
		bench_pair_poll(&p->pair);
	bench_need(leat_cq_peek(&e->ring, &at) > 0, "no completion");
	cqe = *at;
	leat_cq_advance(&e->ring, 1);
	return cqe;
}

static int ask(struct ring_pair *p, struct end *e, struct leat_sqe sqe)
{
	bench_need(leat_submit(&e->ring, &sqe) == 0, "not submitted");
	return await(p, e).res;
}

static void connect_pair(struct ring_pair *p)
{
	struct leat_sqe sock = {.opcode = LEAT_OP_SOCKET, .fd = LEAT_AF_INET,
				.off = LEAT_SOCK_STREAM};
	struct addr ip = addr_v4(IPV4(10, 0, 0, 2));
	struct leat_addr a = {.port = 80};
	struct leat_sqe sqe = {.opcode = LEAT_OP_BIND, .addr = (uintptr_t)&a};

	bench_pair_open(&p->pair);
	end_open(p, &p->a, p->pair.a);
	end_open(p, &p->b, p->pair.b);
	mem_copy(a.ip, ip.b, sizeof(a.ip));
	sqe.fd = ask(p, &p->b, sock);
	bench_need(ask(p, &p->b, sqe) == 0, "not bound");
	sqe.opcode = LEAT_OP_LISTEN;
	bench_need(ask(p, &p->b, sqe) == 0, "no listener");
	sqe.opcode = LEAT_OP_CONNECT;
	p->a.fd = ask(p, &p->a, sock);
	bench_need(ask(p, &p->a, (struct leat_sqe){.opcode = LEAT_OP_CONNECT, .fd = p->a.fd,
						   .addr = sqe.addr}) == 0, "not connected");
	p->b.fd = ask(p, &p->b, (struct leat_sqe){.opcode = LEAT_OP_ACCEPT, .fd = sqe.fd});
	bench_need(p->b.fd > 0, "nothing to accept");
}

static void arm(struct end *e)
{
	struct leat_sqe sqe = {.opcode = LEAT_OP_RECV, .fd = e->fd,
			       .ioprio = LEAT_RECV_MULTISHOT, .user_data = 1};

	bench_need(leat_submit(&e->ring, &sqe) == 0, "not armed");
}

static void send_byte(struct end *e)
{
	static const char byte = 'x';
	struct leat_sqe sqe = {.opcode = LEAT_OP_SEND, .fd = e->fd, .addr = (uintptr_t)&byte,
			       .len = 1, .user_data = 2};

	bench_need(leat_submit(&e->ring, &sqe) == 0, "not sent");
}

/* Takes all completions; gives buffers back; returns the bytes received. */
static uint32_t take(struct end *e)
{
	const struct leat_cqe *cqe;
	uint32_t bytes = 0;
	unsigned n;

	while ((n = leat_cq_peek(&e->ring, &cqe))) {
		for (unsigned i = 0; i < n; i++) {
			if (!(cqe[i].flags & LEAT_CQE_F_BUFFER))
				continue;
			bytes += *(const char *)leat_buf_ptr(&e->ring, &cqe[i]) == 'x' ?
					 (uint32_t)cqe[i].res : 0;
			leat_buf_put(&e->ring, &cqe[i]);
		}
		leat_cq_advance(&e->ring, n);
	}
	return bytes;
}

static void pingpong(uint64_t n)
{
	static struct ring_pair p;

	if (!p.b.fd) {
		connect_pair(&p);
		arm(&p.a);
		arm(&p.b);
	}
	for (uint64_t i = 0; i < n; i++) {
		send_byte(&p.a);
		net_flush(p.pair.a);
		p.pair.now += 100;
		leat_poll(&p.b.ring);
		bench_need(take(&p.b) == 1, "a request was lost");
		send_byte(&p.b);
		net_flush(p.pair.b);
		leat_poll(&p.a.ring);
		bench_need(take(&p.a) == 1, "a response was lost");
	}
}

/* A byte out, or in, inside the call: what send(2) and recv(2) are made of. */
static void call_byte(struct end *e, unsigned opcode)
{
	static char byte = 'x';
	struct leat_sqe sqe = {.opcode = (uint8_t)opcode, .fd = e->fd, .addr = (uintptr_t)&byte,
			       .len = 1};

	bench_need(leat_call(&e->ring, &sqe) == 1, "a byte was lost");
}

static void call_pingpong(uint64_t n)
{
	static struct ring_pair p;

	if (!p.b.fd)
		connect_pair(&p);
	for (uint64_t i = 0; i < n; i++) {
		call_byte(&p.a, LEAT_OP_SEND);
		net_flush(p.pair.a);
		p.pair.now += 100;
		leat_poll(&p.b.ring);
		call_byte(&p.b, LEAT_OP_RECV);
		call_byte(&p.b, LEAT_OP_SEND);
		net_flush(p.pair.b);
		leat_poll(&p.a.ring);
		call_byte(&p.a, LEAT_OP_RECV);
	}
}

/* Connects, accepts, and resets both ends, so that nothing stays in TIME-WAIT. */
static void accept_one(uint64_t n)
{
	static struct ring_pair p;
	static struct leat_addr a = {.port = 81};
	static int listener;
	struct leat_sqe sock = {.opcode = LEAT_OP_SOCKET, .fd = LEAT_AF_INET,
				.off = LEAT_SOCK_STREAM};

	if (!listener) {
		struct addr ip = addr_v4(IPV4(10, 0, 0, 2));

		connect_pair(&p);
		mem_copy(a.ip, ip.b, sizeof(a.ip));
		listener = ask(&p, &p.b, sock);
		ask(&p, &p.b, (struct leat_sqe){.opcode = LEAT_OP_BIND, .fd = listener,
						.addr = (uintptr_t)&a});
		ask(&p, &p.b, (struct leat_sqe){.opcode = LEAT_OP_LISTEN, .fd = listener});
	}
	for (uint64_t i = 0; i < n; i++) {
		struct leat_sqe reset = {.opcode = LEAT_OP_CLOSE, .op_flags = LEAT_CLOSE_RESET};
		int fd = leat_call(&p.a.ring, &sock), peer;

		ask(&p, &p.a, (struct leat_sqe){.opcode = LEAT_OP_CONNECT, .fd = fd,
						.addr = (uintptr_t)&a});
		bench_pair_poll(&p.pair);
		peer = leat_call(&p.b.ring, &(struct leat_sqe){.opcode = LEAT_OP_ACCEPT,
							       .fd = listener});
		bench_need(peer > 0, "nothing to accept");
		reset.fd = fd;
		leat_call(&p.a.ring, &reset);
		bench_pair_poll(&p.pair);
		reset.fd = peer;
		leat_call(&p.b.ring, &reset);
	}
}

const struct bench bench_ring_call = {
	.name = "ring-call",
	.what = "a byte each way by leat_call(), both ends",
	.run = call_pingpong,
	.n = 20000,
};

const struct bench bench_ring_accept = {
	.name = "ring-accept",
	.what = "a connection: connect, accept, reset, both ends",
	.run = accept_one,
	.n = 5000,
};

const struct bench bench_ring_pingpong = {
	.name = "ring-pingpong",
	.what = "1-byte TCP request-response, both ends, through the door",
	.run = pingpong,
	.n = 200000,
};

static void nop(uint64_t n)
{
	static struct ring_pair p;
	static bool open;
	const struct leat_sqe sqe = {.opcode = LEAT_OP_NOP};
	const struct leat_cqe *cqe;

	if (!open)
		connect_pair(&p);
	open = true;
	for (uint64_t i = 0; i < n; i++) {
		bench_need(leat_submit(&p.a.ring, &sqe) == 0, "not submitted");
		bench_need(leat_cq_peek(&p.a.ring, &cqe) == 1, "no completion");
		leat_cq_advance(&p.a.ring, 1);
	}
}

const struct bench bench_ring_nop = {
	.name = "ring-nop",
	.what = "a submission and its completion",
	.run = nop,
	.n = 5000000,
};
