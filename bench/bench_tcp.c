/* TCP alone, without the door: what lwIP's raw API is to lwIP.  Both ends run in this thread
 * and both are counted; every segment goes through checksums, Ethernet and the in-memory wire. */
#include "bench/bench.h"
#include "net/net.h"

struct link_up {
	struct bench_pair pair;
	struct tcp_conn *client, *server;
};

static void connect_pair(struct link_up *l)
{
	struct addr any = {0}, b = addr_v4(IPV4(10, 0, 0, 2));
	struct tcp_listener *listener;
	int err;

	bench_pair_open(&l->pair);
	listener = tcp_listen(&l->pair.b->tcp, &any, 80, 0, NULL, &err);
	l->client = tcp_open(&l->pair.a->tcp, NULL);
	bench_need(listener && l->client, "no listener");
	bench_need(tcp_connect(&l->pair.a->tcp, l->client, &any, 0, &b, 80) == 0, "no connection");
	for (unsigned i = 0; i < 100 && !l->server; i++) {
		bench_pair_poll(&l->pair);
		l->server = tcp_accept(&l->pair.b->tcp, listener, NULL);
	}
	bench_need(l->server != NULL, "nothing to accept");
}

/* Takes what arrived and gives it back; returns how many bytes. */
static uint32_t take(struct tcp *t, struct tcp_conn *c)
{
	uint32_t n = 0;
	unsigned bits;
	struct pkt *p;

	if (!tcp_ready_conn(t, &bits))
		return 0;
	while ((p = tcp_recv(t, c))) {
		uint32_t total = p->total;

		n += total;
		pkt_put(p);
		tcp_recv_done(t, c, total);
	}
	return n;
}

static void pingpong(uint64_t n)
{
	static struct link_up l;
	static const char byte = 'x';

	if (!l.server)
		connect_pair(&l);
	for (uint64_t i = 0; i < n; i++) {
		tcp_write(&l.pair.a->tcp, l.client, &byte, 1);
		net_flush(l.pair.a);
		l.pair.now += 100;
		net_poll(l.pair.b, l.pair.now);
		bench_need(take(&l.pair.b->tcp, l.server) == 1, "a request was lost");
		tcp_write(&l.pair.b->tcp, l.server, &byte, 1);
		net_flush(l.pair.b);
		net_poll(l.pair.a, l.pair.now);
		bench_need(take(&l.pair.a->tcp, l.client) == 1, "a response was lost");
	}
}

const struct bench bench_tcp_pingpong = {
	.name = "tcp-pingpong",
	.what = "1-byte TCP request-response, both ends, tcp.h",
	.run = pingpong,
	.n = 200000,
};

static void bulk(uint64_t n)
{
	static struct link_up l;
	static char block[32 * 1448];
	uint64_t want = n * 1448, sent = 0, got = 0;

	if (!l.server)
		connect_pair(&l);
	while (got < want) {
		if (sent < want) {
			uint64_t some = want - sent < sizeof(block) ? want - sent : sizeof(block);
			int done = tcp_write(&l.pair.a->tcp, l.client, block, (uint32_t)some);

			bench_need(done >= 0, "the connection is gone");
			sent += (uint64_t)done;
		}
		bench_pair_poll(&l.pair);
		got += take(&l.pair.b->tcp, l.server);
	}
}

const struct bench bench_tcp_bulk = {
	.name = "tcp-bulk",
	.what = "1448 bytes one way, both ends, copied once in and read by no one",
	.run = bulk,
	.n = 50000,
};
