/* A keep-alive GET of a 600-byte file: the HTTP server of apps/httpd on the door of one stack, a
 * client that speaks TCP (tcp.h) on the other; both ends and the wire between them are counted. */
#include "apps/httpd/httpd.h"
#include "bench/bench.h"
#include "ring/ring.h"

struct site {
	struct bench_pair pair;
	struct leat_ring ring;
	struct httpd *httpd;
	struct tcp_conn *client;
};

static uint8_t body[600];

static enum httpd_found tree_open(void *ctx, const char *path, struct httpd_blob *out)
{
	*out = (struct httpd_blob){.data = body, .size = sizeof(body), .mtime_ns = SEC(1), .id = 1};
	return HTTPD_FOUND;
}

static bool tree_fresh(void *ctx, const char *path, const struct httpd_blob *blob)
{
	return true;
}

static bool tree_intact(void *ctx, const struct httpd_blob *blob)
{
	return true;
}

static void tree_close(void *ctx, struct httpd_blob *blob)
{
}

static uint32_t tree_broken(void *ctx)
{
	return 0;
}

static const struct httpd_files tree = {.open = tree_open, .fresh = tree_fresh,
					.intact = tree_intact, .close = tree_close,
					.broken = tree_broken};

static nsec clock_of(void *site)
{
	return ((struct site *)site)->pair.now;
}

static uint64_t wall_seconds(void *site)
{
	return 1700000000 + ((struct site *)site)->pair.now / SEC(1);
}

static void step(struct site *s)
{
	bench_pair_poll(&s->pair);
	httpd_run(s->httpd);
	net_flush(s->pair.b);
}

static void site_open(struct site *s)
{
	struct ring_config ring;
	struct httpd_config config;
	struct addr any = {0}, b = addr_v4(IPV4(10, 0, 0, 2));

	bench_pair_open(&s->pair);
	ring_config_default(&ring);
	ring.now = clock_of;
	ring.now_ctx = s;
	ring_direct_init(&s->ring, &ring, s->pair.b, bench_memory(ring_direct_bytes(&ring, NULL)));
	httpd_config_default(&config);
	config.port = 80;
	config.tree = &tree;
	config.now = clock_of;
	config.wall_seconds = wall_seconds;
	config.ctx = s;
	s->httpd = httpd_new(bench_memory(httpd_bytes(&config)), &config, &s->ring);
	for (unsigned i = 0; i < 10; i++)
		step(s);
	bench_need(httpd_listens(s->httpd) == 1, "the server does not listen");
	s->client = tcp_open(&s->pair.a->tcp, NULL);
	bench_need(tcp_connect(&s->pair.a->tcp, s->client, &any, 0, &b, 80) == 0, "no connection");
	for (unsigned i = 0; i < 100 && tcp_conn_state(s->client) != TCP_ESTABLISHED; i++)
		step(s);
	bench_need(tcp_conn_state(s->client) == TCP_ESTABLISHED, "not connected");
}

/* Takes what the client got; how many bytes. */
static uint32_t take(struct site *s)
{
	struct tcp *t = &s->pair.a->tcp;
	uint32_t n = 0;
	unsigned bits;
	struct pkt *p;

	if (!tcp_ready_conn(t, &bits))
		return 0;
	while ((p = tcp_recv(t, s->client))) {
		uint32_t total = p->total;

		n += total;
		pkt_put(p);
		tcp_recv_done(t, s->client, total);
	}
	return n;
}

static void get(uint64_t n)
{
	static const char request[] = "GET /index.html HTTP/1.1\r\nHost: leat\r\n\r\n";
	static struct site *s;
	static uint32_t length;		/* of a response, heads are all equally long */

	if (!s) {
		s = bench_memory(sizeof(*s));
		site_open(s);
	}
	for (uint64_t i = 0; i < n; i++) {
		uint32_t got = 0;

		tcp_write(&s->pair.a->tcp, s->client, request, sizeof(request) - 1);
		net_flush(s->pair.a);
		for (unsigned k = 0; k < 100 && (got < sizeof(body) || got < length); k++) {
			s->pair.now += 100;
			net_poll(s->pair.b, s->pair.now);
			httpd_run(s->httpd);
			net_flush(s->pair.b);
			net_poll(s->pair.a, s->pair.now);
			got += take(s);
		}
		bench_need(got > sizeof(body), "a response was lost");
		length = got;
	}
}

const struct bench bench_http_get = {
	.name = "http-get",
	.what = "keep-alive GET of 600 bytes, server on the door and client, both ends",
	.run = get,
	.n = 50000,
};
