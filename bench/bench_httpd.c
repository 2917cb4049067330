/* A GET of a 600-byte file, kept alive: the whole web server on one stack, a client on another,
 * both ends counted, by the wire in memory.
 *
 * The client does as little as it can: a request of 84 bytes, ready-made, and a look at the first
 * bytes of the response and at its length. */
#include <stdlib.h>
#include <string.h>

#include "apps/httpd/httpd.h"
#include "bench/bench.h"
#include "ring/ring.h"

#define CONNS_MAX 64
#define BODY 600u

static const char request[] = "GET /page.html HTTP/1.1\r\nHost: 10.0.0.2\r\nUser-Agent: bench\r\n"
			      "Accept: */*\r\n\r\n";

struct site {
	struct bench_pair pair;
	struct leat_ring a, b;
	struct httpd_files tree;
	struct httpd *httpd;
	int fd[CONNS_MAX];
	uint8_t body[BODY];
	uint32_t response;	/* bytes of one */
};

static nsec clock_of(void *ctx)
{
	return ((struct site *)ctx)->pair.now;
}

static uint64_t wall(void *ctx)
{
	return 784111777;
}

static enum httpd_found open_page(void *ctx, const char *path, struct httpd_blob *out)
{
	struct site *s = ctx;

	*out = (struct httpd_blob){.data = s->body, .size = BODY, .mtime_ns = SEC(1), .id = 1};
	return strcmp(path, "page.html") ? HTTPD_NOT_FOUND : HTTPD_FOUND;
}

static bool page_fresh(void *ctx, const char *path, const struct httpd_blob *blob)
{
	return true;
}

static bool page_intact(void *ctx, const struct httpd_blob *blob)
{
	return true;
}

static void page_close(void *ctx, struct httpd_blob *blob)
{
}

static uint32_t page_broken(void *ctx)
{
	return 0;
}

static void ring_open(struct site *s, struct leat_ring *ring, struct net *net)
{
	struct ring_config config;

	ring_config_default(&config);
	config.now = clock_of;
	config.now_ctx = s;
	ring_direct_init(ring, &config, net, bench_memory(ring_direct_bytes(&config, NULL)));
}

static void server_open(struct site *s)
{
	struct httpd_config config;

	httpd_config_default(&config);
	config.port = 80;
	config.conns = CONNS_MAX;
	s->tree = (struct httpd_files){ open_page,  page_fresh,	 page_intact,
					page_close, page_broken, s };
	config.tree = &s->tree;
	config.now = clock_of;
	config.wall_seconds = wall;
	config.ctx = s;
	s->httpd = httpd_new(bench_memory(httpd_bytes(&config)), &config, &s->b);
	httpd_run(s->httpd);
	bench_need(httpd_listens(s->httpd) == 1, "the server does not listen");
}

static void round_trip(struct site *s)
{
	net_flush(s->pair.a);
	s->pair.now += 100;
	leat_poll(&s->b);
	httpd_run(s->httpd);
	net_flush(s->pair.b);
	leat_poll(&s->a);
}

static int ask(struct site *s, struct leat_sqe sqe)
{
	const struct leat_cqe *cqe;
	int res;

	bench_need(leat_submit(&s->a, &sqe) == 0, "not submitted");
	for (int i = 0; i < 100 && !leat_cq_peek(&s->a, &cqe); i++)
		round_trip(s);
	bench_need(leat_cq_peek(&s->a, &cqe) > 0, "no completion");
	res = cqe->res;
	leat_cq_advance(&s->a, 1);
	return res;
}

/* Takes what came; returns how many bytes. */
static uint32_t take(struct site *s)
{
	const struct leat_cqe *cqe;
	uint32_t bytes = 0;
	unsigned n;

	while ((n = leat_cq_peek(&s->a, &cqe))) {
		for (unsigned i = 0; i < n; i++) {
			if (!(cqe[i].flags & LEAT_CQE_F_BUFFER))
				continue;
			bytes += (uint32_t)cqe[i].res;
			leat_buf_put(&s->a, &cqe[i]);
		}
		leat_cq_advance(&s->a, n);
	}
	return bytes;
}

static void say(struct site *s, int fd, const char *text, uint32_t n)
{
	struct leat_sqe sqe = {.opcode = LEAT_OP_SEND, .fd = fd, .addr = (uintptr_t)text, .len = n,
			       .user_data = 2};

	bench_need(leat_submit(&s->a, &sqe) == 0, "not sent");
}

static void connect_all(struct site *s)
{
	struct leat_addr to = {.ip = {[10] = 0xff, 0xff, 10, 0, 0, 2}, .port = 80};
	struct leat_sqe sock = {.opcode = LEAT_OP_SOCKET, .fd = LEAT_AF_INET,
				.off = LEAT_SOCK_STREAM};

	for (int i = 0; i < CONNS_MAX; i++) {
		struct leat_sqe sqe = {.opcode = LEAT_OP_CONNECT, .addr = (uintptr_t)&to};

		sqe.fd = s->fd[i] = ask(s, sock);
		bench_need(ask(s, sqe) == 0, "not connected");
		sqe = (struct leat_sqe){.opcode = LEAT_OP_RECV, .fd = s->fd[i],
					.ioprio = LEAT_RECV_MULTISHOT, .user_data = 1};
		bench_need(leat_submit(&s->a, &sqe) == 0, "not armed");
	}
	say(s, s->fd[0], request, sizeof(request) - 1);
	for (int i = 0; i < 10; i++) {
		round_trip(s);
		s->response += take(s);
	}
	bench_need(s->response > BODY, "no response");
}

static struct site *site(void)
{
	static struct site s;

	if (s.httpd)
		return &s;
	memset(s.body, 'x', sizeof(s.body));
	bench_pair_open(&s.pair);
	ring_open(&s, &s.a, s.pair.a);
	ring_open(&s, &s.b, s.pair.b);
	server_open(&s);
	connect_all(&s);
	return &s;
}

/* `conns` connections ask at once, `deep` requests each. */
static void rounds(uint64_t n, unsigned conns, unsigned deep)
{
	static char text[16 * (sizeof(request) - 1)];
	struct site *s = site();

	for (unsigned i = 0; i < deep; i++)
		memcpy(text + i * (sizeof(request) - 1), request, sizeof(request) - 1);
	for (uint64_t i = 0; i < n; i += (uint64_t)conns * deep) {
		uint32_t want = s->response * conns * deep;

		for (unsigned k = 0; k < conns; k++)
			say(s, s->fd[k], text, deep * (uint32_t)(sizeof(request) - 1));
		for (int turns = 0; want && turns < 20; turns++) {
			round_trip(s);
			want -= take(s);
		}
		bench_need(want == 0, "a response was lost");
	}
}

static void get_1(uint64_t n)
{
	rounds(n, 1, 1);
}

static void get_64(uint64_t n)
{
	rounds(n, CONNS_MAX, 1);
}

static void get_16_deep(uint64_t n)
{
	rounds(n, 1, 16);
}

const struct bench bench_httpd_get = {
	.name = "http-get-door",
	.what = "GET of a 600-byte file, kept alive, both ends, client on a door too",
	.run = get_1,
	.n = 100000,
};
const struct bench bench_httpd_get_64 = {
	.name = "http-get-64",
	.what = "the same, 64 connections at once",
	.run = get_64,
	.n = 128000,
};
const struct bench bench_httpd_get_deep = {
	.name = "http-get-deep",
	.what = "the same, one connection, 16 requests at once",
	.run = get_16_deep,
	.n = 160000,
};
