/* A packet through link and ip, in and out, in bursts of 32 and without a transport; and a
 * datagram there and back, both ends. */
#include "bench/bench.h"
#include "net/net.h"
#include "wire/eth.h"
#include "wire/ipv4.h"

#define BURST 32u
#define PAYLOAD 64u
#define PROTO 253		/* RFC 3692 §2.1: for experiments */

static struct {
	struct bench_pair pair;
	struct pkt *p[BURST];
	uint8_t *at[BURST];		/* where its frame begins */
	unsigned got;
} g;

static void sink(void *self, struct pkt **p, unsigned n)
{
	g.got += n;
}

/* Frames from a to b, built once and taken in again and again. */
static void prepare(void)
{
	struct ip_proto row = {.proto = PROTO, .input = sink};
	struct wire_ipv4 h = {
		.src = IPV4(10, 0, 0, 1), .dst = IPV4(10, 0, 0, 2), .ttl = 64, .proto = PROTO,
		.total_len = WIRE_IPV4_LEN + PAYLOAD,
	};

	if (g.pair.a)
		return;
	bench_pair_open(&g.pair);
	ip_add_proto(&g.pair.b->ip, &row);
	for (unsigned i = 0; i < BURST; i++) {
		struct pkt *p = g.p[i] = pkt_new(&g.pair.b->pool);

		g.at[i] = p->data;
		wire_eth_write(p->data, g.pair.b->link.devs[0].dev->mac,
			       g.pair.a->link.devs[0].dev->mac, WIRE_ETH_IPV4);
		wire_ipv4_write(p->data + WIRE_ETH_LEN, &h);
	}
}

static void set(struct pkt *p, uint8_t *at, uint32_t n)
{
	p->data = at;
	p->len = p->total = n;
	p->flags = 0;
}

static void in(uint64_t n)
{
	prepare();
	g.got = 0;
	for (uint64_t i = 0; i < n; i += BURST) {
		struct pkt *p[BURST];

		for (unsigned k = 0; k < BURST; k++) {
			p[k] = g.p[k];
			set(p[k], g.at[k], WIRE_ETH_LEN + WIRE_IPV4_LEN + PAYLOAD);
		}
		link_input(&g.pair.b->link, 0, p, BURST);
		ip_deliver(&g.pair.b->ip);
	}
	bench_need(g.got >= n, "a packet was lost");
}

/* Out as far as the device's queue, which is then forgotten. */
static void out(uint64_t n)
{
	struct addr src = addr_v4(IPV4(10, 0, 0, 2)), dst = addr_v4(IPV4(10, 0, 0, 1));
	struct ip_send how = {.proto = PROTO, .dont_fragment = true};
	struct link_dev *d;
	struct ip_path path = {0};

	prepare();
	d = &g.pair.b->link.devs[0];
	bench_need(!ip_path_find(&g.pair.b->ip, &path, &src, &dst), "no path");
	for (uint64_t i = 0; i < n; i += BURST) {
		path.neigh->state = NEIGH_REACHABLE;
		for (unsigned k = 0; k < BURST; k++) {
			set(g.p[k], g.at[k] + WIRE_ETH_LEN + WIRE_IPV4_LEN, PAYLOAD);
			ip_output(&g.pair.b->ip, &path, &src, &dst, &how, g.p[k]);
		}
		bench_need(d->tx_n == BURST, "a packet was lost");
		d->tx_n = 0;
	}
}

/* ---- UDP */

static struct {
	struct bench_pair pair;
	struct udp_sock client, server;
} u;

static void connect_pair(void)
{
	struct addr any = {0}, b = addr_v4(IPV4(10, 0, 0, 2));

	bench_pair_open(&u.pair);
	udp_sock_init(&u.client, NULL);
	udp_sock_init(&u.server, NULL);
	bench_need(!udp_bind(&u.pair.b->udp, &u.server, &any, 7), "no port");
	bench_need(!udp_connect(&u.pair.a->udp, &u.client, &b, 7), "no connection");
}

static struct pkt *received(struct udp *udp)
{
	unsigned bits;
	struct udp_sock *s = udp_ready_sock(udp, &bits);

	return s ? udp_recv(udp, s) : NULL;
}

/* One datagram there and back; false when it did not come. */
static bool there_and_back(void)
{
	struct pkt *p = pkt_new(&u.pair.a->pool);
	struct addr from;

	p->len = p->total = PAYLOAD;
	udp_send(&u.pair.a->udp, &u.client, NULL, 0, p);
	net_flush(u.pair.a);
	u.pair.now += 100;
	net_poll(u.pair.b, u.pair.now);
	p = received(&u.pair.b->udp);
	if (!p)
		return false;
	from = p->rx.src;
	udp_send(&u.pair.b->udp, &u.server, &from, p->rx.sport, p);
	net_flush(u.pair.b);
	net_poll(u.pair.a, u.pair.now);
	p = received(&u.pair.a->udp);
	if (!p)
		return false;
	pkt_put(p);
	return true;
}

static void echo(uint64_t n)
{
	if (!u.pair.a) {
		connect_pair();
		there_and_back();	/* the neighbours find each other */
		bench_pair_poll(&u.pair);
		bench_pair_poll(&u.pair);
		while (received(&u.pair.a->udp) || received(&u.pair.b->udp))
			;
	}
	for (uint64_t i = 0; i < n; i++)
		bench_need(there_and_back(), "a datagram was lost");
}

const struct bench bench_ip_in = {
	"ip-in", "64 bytes through Ethernet and IPv4, bursts of 32", in, 2000000,
};
const struct bench bench_ip_out = {
	"ip-out", "64 bytes into IPv4 and Ethernet, bursts of 32", out, 2000000,
};
const struct bench bench_udp_echo = {
	"udp-echo", "64-byte datagram there and back, both ends", echo, 400000,
};
