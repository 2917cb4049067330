/* `leat bench echo`: asks an echo server, and counts how often and how long.
 *
 * Closed loop: each connection asks again as soon as its answer is whole.  Open loop (--rate): asks
 * are due at even distances; one that finds every connection waiting stays due, and what it took is
 * counted from then, so that a server that stalls cannot hide it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apps/leat/bench_int.h"
#include "apps/leat/leat.h"
#include "port/port.h"

#define CLIENT_CONNECT_FOR SEC(10)
#define CLIENT_OPENING_MAX 256u		/* handshakes at the same time */

enum client_what { CLIENT_SOCKET, CLIENT_CONNECT, CLIENT_RECV, CLIENT_SEND, CLIENT_CLOSE };
#define CLIENT_TAG(what, which) ((uint64_t)(what) << 32 | (uint32_t)(which))

struct client_conn {
	int fd;
	uint32_t got;
	nsec asked;	/* when, or when it was due; 0: it waits for nothing */
};

struct client {
	struct leat_bench *b;
	struct leat_ring *ring;
	struct client_conn *conn;
	uint32_t *idle;		/* open loop: connections that wait for nothing, a stack */
	uint32_t idle_n, begun, open, failed;
	struct leat_addr to;
	uint8_t *request;
	struct leat_hist hist;
	uint64_t asks, answers;
	nsec now, started, end, due, gap;
};

static void client_ask(struct client *c, uint32_t i, nsec when)
{
	c->conn[i].asked = when;
	c->conn[i].got = 0;
	c->asks++;
	leat_bench_do(c->ring, (struct leat_sqe){
		.opcode = LEAT_OP_SEND, .fd = c->conn[i].fd, .addr = (uintptr_t)c->request,
		.len = c->b->size, .flags = LEAT_SQE_CQE_SKIP_SUCCESS,
		.user_data = CLIENT_TAG(CLIENT_SEND, i) });
}

/* The answer of connection `i` is whole. */
static void client_answer(struct client *c, uint32_t i)
{
	leat_hist_add(&c->hist, c->now - c->conn[i].asked);
	c->answers++;
	c->conn[i].asked = 0;
	if (c->now >= c->end)
		return;
	if (c->gap)
		c->idle[c->idle_n++] = i;
	else
		client_ask(c, i, c->now);
}

static void client_lost(struct client *c, uint32_t i, const char *what, int err)
{
	if (!c->failed++)
		fprintf(stderr, "leat bench: connection %u: %s: %s\n", i, what,
			err < 0 ? strerror(-err) : "the server closed it");
}

static void client_recv(struct client *c, const struct leat_cqe *e, uint32_t i)
{
	if (e->flags & LEAT_CQE_F_BUFFER)
		leat_buf_put(c->ring, e);
	if (e->res <= 0) {
		if (c->now < c->end)
			client_lost(c, i, "lost", e->res);
		return;
	}
	c->conn[i].got += (uint32_t)e->res;
	if (c->conn[i].got >= c->b->size && c->conn[i].asked)
		client_answer(c, i);
}

static void client_begin(struct client *c)
{
	while (c->begun < c->b->conns && c->begun - c->open < CLIENT_OPENING_MAX)
		leat_bench_do(c->ring, (struct leat_sqe){
			.opcode = LEAT_OP_SOCKET, .fd = LEAT_AF_INET, .off = LEAT_SOCK_STREAM,
			.user_data = CLIENT_TAG(CLIENT_SOCKET, c->begun++) });
}

static void client_connected(struct client *c, uint32_t i)
{
	c->idle[c->open++] = i;
	leat_bench_do(c->ring, (struct leat_sqe){
		.opcode = LEAT_OP_RECV, .fd = c->conn[i].fd, .ioprio = LEAT_RECV_MULTISHOT,
		.user_data = CLIENT_TAG(CLIENT_RECV, i) });
	client_begin(c);
}

static void client_completion(struct client *c, const struct leat_cqe *e)
{
	uint32_t i = (uint32_t)e->user_data;

	switch ((enum client_what)(e->user_data >> 32)) {
	case CLIENT_SOCKET:
		if (e->res < 0) {
			client_lost(c, i, "no descriptor", e->res);
			break;
		}
		c->conn[i].fd = e->res;
		leat_bench_do(c->ring, (struct leat_sqe){
			.opcode = LEAT_OP_CONNECT, .fd = e->res, .addr = (uintptr_t)&c->to,
			.user_data = CLIENT_TAG(CLIENT_CONNECT, i) });
		break;
	case CLIENT_CONNECT:
		if (e->res < 0)
			client_lost(c, i, "cannot connect", e->res);
		else
			client_connected(c, i);
		break;
	case CLIENT_RECV:
		client_recv(c, e, i);
		break;
	case CLIENT_SEND:	/* comes when it failed only */
		client_lost(c, i, "cannot send", e->res);
		break;
	case CLIENT_CLOSE:
		break;
	}
}

/* Completions that wait; false when there were none. */
static bool client_take(struct client *c)
{
	const struct leat_cqe *e;
	unsigned n, all = 0;

	while ((n = leat_cq_peek(c->ring, &e))) {
		for (unsigned i = 0; i < n; i++)
			client_completion(c, &e[i]);
		leat_cq_advance(c->ring, n);
		all += n;
	}
	return all > 0;
}

/* What is due by now goes, as far as connections are free. */
static void client_due(struct client *c)
{
	while (c->gap && c->idle_n && c->due <= c->now && c->due < c->end) {
		client_ask(c, c->idle[--c->idle_n], c->due);
		c->due += c->gap;
	}
}

static bool client_connect(struct client *c)
{
	nsec end = port_now() + CLIENT_CONNECT_FOR;

	client_begin(c);
	while (c->open < c->b->conns && !c->failed && !leat_bench_signals) {
		leat_wait(c->ring, MSEC(100));
		c->now = port_now();
		client_take(c);
		if (c->now > end) {
			fprintf(stderr, "leat bench: %u of %u connections stand after 10 s\n",
				c->open, c->b->conns);
			return false;
		}
	}
	return !c->failed && !leat_bench_signals;
}

static void client_progress(struct client *c, uint64_t *before, nsec *told)
{
	if (c->now - *told < SEC(1) || !isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\r%4.0f s  %9.0f requests a second ", (double)(c->now - c->started) / 1e9,
		(double)(c->answers - *before) * 1e9 / (double)(c->now - *told));
	*before = c->answers;
	*told = c->now;
}

static void client_run(struct client *c)
{
	uint64_t before = 0;
	nsec told;

	c->now = c->started = c->due = told = port_now();
	c->end = c->started + MSEC(c->b->time_ms);
	c->gap = c->b->rate ? SEC(1) / c->b->rate : 0;
	c->idle_n = c->open;
	while (!c->gap && c->idle_n)
		client_ask(c, c->idle[--c->idle_n], c->now);
	while (c->now < c->end && !c->failed && !leat_bench_signals) {
		client_due(c);
		leat_wait(c->ring, !c->gap ? MSEC(100) :
			  c->due > c->now ? c->due - c->now : c->idle_n ? 0 : USEC(100));
		c->now = port_now();
		client_take(c);
		client_progress(c, &before, &told);
	}
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

static void client_report(const struct client *c)
{
	static const double shares[] = { 0.5, 0.9, 0.99, 0.999, 0.9999 };
	double seconds = (double)(MIN(c->now, c->end) - c->started) / 1e9;

	printf("%llu requests of %u bytes on %u connections in %.2f s: %.0f a second\n",
	       (unsigned long long)c->answers, c->b->size, c->b->conns, seconds,
	       (double)c->answers / seconds);
	printf("microseconds:");
	for (unsigned i = 0; i < ARRAY_LEN(shares); i++)
		printf("  %g%% %.2f", shares[i] * 100,
		       (double)leat_hist_at(&c->hist, shares[i]) / 1e3);
	printf("  most %.2f\n", (double)c->hist.most / 1e3);
	if (c->asks > c->answers)
		printf("%llu had no answer when the time was over\n",
		       (unsigned long long)(c->asks - c->answers));
}

int leat_bench_client(struct leat_bench *b)
{
	struct client *c = calloc(1, sizeof(*c));
	int status = c ? leat_bench_open(b) : LEAT_EXIT_FAILED;

	if (status) {
		free(c);
		return status;
	}
	c->b = b;
	c->ring = b->ring;
	c->conn = calloc(b->conns, sizeof(*c->conn));
	c->idle = calloc(b->conns, sizeof(*c->idle));
	c->request = calloc(1, b->size);
	mem_copy(c->to.ip, b->to.b, sizeof(c->to.ip));
	c->to.port = (uint16_t)b->port;
	status = LEAT_EXIT_FAILED;
	if (c->conn && c->idle && c->request && client_connect(c)) {
		client_run(c);
		client_report(c);
		status = c->failed || !c->answers ? LEAT_EXIT_FAILED : LEAT_EXIT_OK;
	}
	free(c->conn);
	free(c->idle);
	free(c->request);
	free(c);
	return status;
}
