/* A request and its answer as a server sees them: the stack, the door and an echo server, driven by
 * clients from memory (drivers/replay), which are counted too: replay-alone says what they cost.
 *
 * A round is a poll: as many requests as clients have answers, up to what a poll takes. */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"
#include "drivers/replay/replay.h"
#include "net/net.h"
#include "ring/ring.h"

struct echo {
	struct net net;
	struct netdev dev;
	struct leat_ring ring;
	nsec now;
	uint32_t conns;
};

static nsec clock_of(void *echo)
{
	return ((struct echo *)echo)->now;
}

static void echo_net(struct echo *e, uint32_t conns)
{
	struct addr us = addr_v4(IPV4(10, 0, 0, 2));
	struct replay_config clients = {
		.conns = conns, .size = 1, .addr = IPV4(10, 0, 0, 2), .clients = IPV4(10, 0, 0, 10),
		.port = 7,
	};
	struct net_config config;
	const char *why = "";

	net_config_default(&config);
	config.frames = 4096 + conns;
	config.bare = 4096;
	config.tcp.conns_max = conns + 64;
	config.hash_key = (struct siphash_key){{3, 5}};
	config.secret_key = (struct siphash_key){{7, 11}};
	bench_need(net_private_bytes(&config, &why) > 0, why);
	e->now = SEC(1);
	net_init(&e->net, &config, bench_memory(net_region_bytes(&config, &why)),
		 bench_memory(net_private_bytes(&config, &why)), e->now);
	bench_need(replay_open(&e->dev, &e->net.pool, &clients) == 0, "no clients");
	bench_need(net_add_dev(&e->net, &e->dev) >= 0 && !ip_add_addr(&e->net.ip, &us, 24, 0),
		   "no address");
}

static void submit(struct echo *e, struct leat_sqe sqe)
{
	bench_need(leat_submit(&e->ring, &sqe) == 0, "not submitted");
}

static int await(struct echo *e)
{
	const struct leat_cqe *c;
	int res;

	leat_poll(&e->ring);
	bench_need(leat_cq_peek(&e->ring, &c) > 0, "no completion");
	res = c->res;
	leat_cq_advance(&e->ring, 1);
	return res;
}

static void echo_listen(struct echo *e)
{
	struct leat_addr any = {.ip = {[10] = 0xff, [11] = 0xff}, .port = 7};
	int fd;

	submit(e, (struct leat_sqe){.opcode = LEAT_OP_SOCKET, .fd = LEAT_AF_INET,
				    .off = LEAT_SOCK_STREAM});
	fd = await(e);
	submit(e, (struct leat_sqe){.opcode = LEAT_OP_BIND, .fd = fd, .addr = (uintptr_t)&any});
	bench_need(await(e) == 0, "not bound");
	submit(e, (struct leat_sqe){.opcode = LEAT_OP_LISTEN, .fd = fd, .len = 1u << 16});
	bench_need(await(e) == 0, "no listener");
	submit(e, (struct leat_sqe){.opcode = LEAT_OP_ACCEPT, .fd = fd,
				    .ioprio = LEAT_ACCEPT_MULTISHOT, .user_data = UINT64_MAX});
}

static void answer(struct echo *e, const struct leat_cqe *c)
{
	struct leat_sqe send = {.opcode = LEAT_OP_SEND, .fd = (int)c->user_data,
				.addr = (uintptr_t)leat_buf_ptr(&e->ring, c),
				.len = (uint32_t)c->res};

	bench_need(c->res > 0 && leat_call(&e->ring, &send) == c->res, "not sent");
	leat_buf_put(&e->ring, c);
}

/* One poll, and what the server does with what came of it. */
static void turn(struct echo *e)
{
	const struct leat_cqe *c;
	unsigned n;

	e->now += 1000;
	leat_poll(&e->ring);
	while ((n = leat_cq_peek(&e->ring, &c))) {
		for (unsigned i = 0; i < n; i++) {
			if (c[i].user_data != UINT64_MAX)
				answer(e, &c[i]);
			else
				submit(e, (struct leat_sqe){
					.opcode = LEAT_OP_RECV, .fd = c[i].res,
					.ioprio = LEAT_RECV_MULTISHOT,
					.user_data = (uint64_t)c[i].res});
		}
		leat_cq_advance(&e->ring, n);
	}
	net_flush(&e->net);
}

static void echo_open(struct echo *e, uint32_t conns)
{
	struct ring_config ring;

	ring_config_default(&ring);
	ring.sock.sockets = conns + 64;
	ring.sock.dgrams = 16;
	ring.sock.ops = 2 * conns + 1024;
	ring.sock.completions = 4096;
	ring.now = clock_of;
	ring.now_ctx = e;
	e->conns = conns;
	echo_net(e, conns);
	ring_direct_init(&e->ring, &ring, &e->net, bench_memory(ring_direct_bytes(&ring, NULL)));
	echo_listen(e);
	replay_start(&e->dev);
	for (unsigned i = 0; i < 1000 + conns && replay_answers(&e->dev) < 4ull * conns; i++)
		turn(e);
	bench_need(replay_open_conns(&e->dev) == conns, "not all connections stand");
	bench_need(replay_answers(&e->dev) >= conns, "no answers");
}

static void echo_run(struct echo *e, uint64_t n)
{
	uint64_t end = replay_answers(&e->dev) + n;

	for (uint64_t i = 0; i < 2 * n + 100 && replay_answers(&e->dev) < end; i++)
		turn(e);
	bench_need(replay_answers(&e->dev) >= end, "answers are missing");
	bench_need(!replay_fault(&e->dev), "an answer was wrong");
}

static void run_32(uint64_t n)
{
	static struct echo *e;

	if (!e) {
		e = bench_memory(sizeof(*e));
		echo_open(e, 32);
	}
	echo_run(e, n);
}

static void run_1000(uint64_t n)
{
	static struct echo *e;

	if (!e) {
		e = bench_memory(sizeof(*e));
		echo_open(e, 1000);
	}
	echo_run(e, n);
}

/* Clients against nothing: each segment is turned round where it lies. */
static void run_alone(uint64_t n)
{
	static struct echo *e;
	struct pkt *p[NETDEV_BURST];
	uint64_t end;

	if (!e) {
		e = bench_memory(sizeof(*e));
		echo_net(e, 32);
		replay_start(&e->dev);
	}
	end = replay_answers(&e->dev) + n;
	while (replay_answers(&e->dev) < end) {
		int got = e->dev.ops->rx(&e->dev, p, NETDEV_BURST);

		for (int i = 0; i < got; i++) {
			uint8_t *ip = p[i]->data + 14, *tcp = ip + 20, *ts = tcp + 24;
			uint32_t seq = load_be32(tcp + 4), len = load_be16(ip + 2) - 52u;
			bool syn = tcp[13] & 2;

			store_be32(ip + 16, load_be32(ip + 12));
			store_be16(tcp + 2, load_be16(tcp));
			store_be32(tcp + 4, syn ? 1000 : load_be32(tcp + 8));
			store_be32(tcp + 8, seq + (syn ? 1 : len));
			if (!syn)
				store_be32(ts, 1);
		}
		e->dev.ops->tx(&e->dev, p, (unsigned)got);
	}
}

/* ---- threads: stacks that share nothing */

struct worker {
	struct echo *echo;
	pthread_t thread;
	uint64_t n;
	double seconds;
};

static pthread_barrier_t start_line;

static double seconds_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void *work(void *ctx)
{
	struct worker *w = ctx;
	double from;

	echo_run(w->echo, w->n / 10);
	pthread_barrier_wait(&start_line);
	from = seconds_now();
	echo_run(w->echo, w->n);
	w->seconds = seconds_now() - from;
	return NULL;
}

/* Requests a second of all. */
static double together(unsigned n, uint64_t each)
{
	struct worker w[8] = {{0}};
	double rate = 0;

	pthread_barrier_init(&start_line, NULL, n);
	for (unsigned i = 0; i < n; i++) {
		cpu_set_t one;

		CPU_ZERO(&one);
		CPU_SET(i, &one);
		w[i].n = each;
		w[i].echo = bench_memory(sizeof(*w[i].echo));
		echo_open(w[i].echo, 32);
		bench_need(!pthread_create(&w[i].thread, NULL, work, &w[i]), "no thread");
		pthread_setaffinity_np(w[i].thread, sizeof(one), &one);
	}
	for (unsigned i = 0; i < n; i++) {
		pthread_join(w[i].thread, NULL);
		rate += (double)each / w[i].seconds;
	}
	pthread_barrier_destroy(&start_line);
	return rate;
}

void bench_threads(uint64_t each)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	double one = 0;

	for (unsigned n = 1; n <= 8 && (long)n <= cpus; n *= 2) {
		double all = together(n, each);

		one = n == 1 ? all : one;
		printf("replay-echo, %u thread%s %9.0f requests a second, %.2f times one\n", n,
		       n == 1 ? ": " : "s:", all, all / one);
	}
}

const struct bench bench_replay_echo = {
	.name = "replay-echo",
	.what = "1-byte request-response, 32 connections: stack, door, server, memory clients",
	.run = run_32,
	.n = 100000,
};
const struct bench bench_replay_echo_1000 = {
	.name = "replay-echo-1000",
	.what = "the same on 1,000 connections",
	.run = run_1000,
	.n = 100000,
};
const struct bench bench_replay_alone = {
	.name = "replay-alone",
	.what = "of that, the clients",
	.run = run_alone,
	.n = 100000,
};
