/* What one segment costs the stack that receives it: bytes in order, and an ACK of bytes.
 *
 * The other end is a generator of frames: one stack only is counted, from Ethernet to the owner's
 * queue, and for bytes the ACKs that it sends.  Checksums are the device's. */
#include "bench/bench.h"
#include "net/net.h"
#include "tcp/tcp_int.h"
#include "wire/eth.h"

#define BURST 32u
#define MSS 1448u

static struct {
	struct bench_pair pair;
	struct tcp_conn *client, *server;
	struct tcp *tcp;		/* the server's */
} g;

static void prepare(void)
{
	struct addr any = {0}, b = addr_v4(IPV4(10, 0, 0, 2));
	struct tcp_listener *l;
	int err;

	if (g.server)
		return;
	bench_pair_open(&g.pair);
	g.tcp = &g.pair.b->tcp;
	l = tcp_listen(g.tcp, &any, 80, 0, NULL, &err);
	g.client = tcp_open(&g.pair.a->tcp, NULL);
	bench_need(l && g.client, "no listener");
	bench_need(!tcp_connect(&g.pair.a->tcp, g.client, &any, 0, &b, 80), "no connection");
	for (unsigned i = 0; i < 100 && !g.server; i++) {
		bench_pair_poll(&g.pair);
		g.server = tcp_accept(g.tcp, l, NULL);
	}
	bench_need(g.server != NULL, "nothing to accept");
}

/* A segment from the client as it comes from a device. */
static struct pkt *segment(uint32_t seq, uint32_t ack, uint32_t len)
{
	struct net *b = g.pair.b;
	struct tcp_conn *c = g.server;
	struct pkt *p = pkt_new(&b->pool);
	struct wire_ipv4 ip = {.src = IPV4(10, 0, 0, 1), .dst = IPV4(10, 0, 0, 2), .ttl = 64,
			       .proto = WIRE_PROTO_TCP,
			       .total_len = (uint16_t)(WIRE_IPV4_LEN + 32 + len)};
	uint8_t *at;

	bench_need(p != NULL, "no frame");
	at = p->data;
	wire_eth_write(at, b->link.devs[0].dev->mac, g.pair.a->link.devs[0].dev->mac,
		       WIRE_ETH_IPV4);
	wire_ipv4_write(at + WIRE_ETH_LEN, &ip);
	at += WIRE_ETH_LEN + WIRE_IPV4_LEN;
	wire_tcp_write_plain(at, c->rport, c->lport, seq, ack, WIRE_TCP_ACK, 65535);
	wire_tcp_write_ts(at, c->rcv.ts_recent, tcp_clock_ms(g.tcp) + c->ts_offset);
	p->len = p->total = WIRE_ETH_LEN + WIRE_IPV4_LEN + 32 + len;
	p->flags |= PKT_CSUM_OK;
	return p;
}

static void take_in(struct pkt **p, unsigned n)
{
	link_input(&g.pair.b->link, 0, p, n);
	ip_deliver(&g.pair.b->ip);
}

/* What would leave is thrown away. */
static void flush(void)
{
	struct link_dev *d = &g.pair.b->link.devs[0];

	tcp_flush(g.tcp);
	while (d->tx_n)
		pkt_put(d->txq[--d->tx_n]);
}

static void data(uint64_t n)
{
	struct pkt *p[BURST];
	unsigned bits;
	uint64_t got = 0;

	prepare();
	for (uint64_t i = 0; i < n; i += BURST) {
		for (unsigned k = 0; k < BURST; k++)
			p[k] = segment(g.server->rcv.nxt + k * MSS, g.server->snd.una, MSS);
		take_in(p, BURST);
		bench_need(tcp_ready_conn(g.tcp, &bits) == g.server, "nothing to read");
		while ((p[0] = tcp_recv(g.tcp, g.server))) {
			got += p[0]->total;
			tcp_recv_done(g.tcp, g.server, p[0]->total);
			pkt_put(p[0]);
		}
		flush();
	}
	bench_need(got >= n * MSS, "a segment was lost");
}

const struct bench bench_tcp_data_in = {
	.name = "tcp-data-in",
	.what = "1448 bytes in order: received, read, acknowledged; one end",
	.run = data,
	.n = 100000,
};

/* The same ACKs come again and again: what they acknowledged is outstanding again afterwards. */
static void acks(uint64_t n)
{
	static uint8_t block[BURST * MSS];
	struct tcp_conn *c, was;

	prepare();
	c = g.server;
	c->cc.cwnd = 4 * BURST * MSS;
	c->snd.wnd = c->snd.wnd_max = 1u << 20;
	if (!c->rtx.sent.head) {
		bench_need(tcp_write(g.tcp, c, block, sizeof(block)) == sizeof(block), "no room");
		flush();
	}
	was = *c;
	for (uint64_t i = 0; i < n; i += BURST) {
		struct pkt *p[BURST];
		unsigned bits;

		for (struct pkt *q = was.rtx.sent.head; q; q = tcp_tx(q)->link)
			pkt_get(q);
		for (unsigned k = 0; k < BURST; k++)
			p[k] = segment(c->rcv.nxt, was.snd.una + (k + 1) * MSS, 0);
		take_in(p, BURST);
		bench_need(c->snd.una == was.snd.nxt, "an ACK was lost");
		tcp_ready_conn(g.tcp, &bits);
		list_del(&c->out_node);
		c->snd = was.snd;
		c->rtx.sent = was.rtx.sent;
		c->cc = was.cc;
	}
}

const struct bench bench_tcp_ack_in = {
	.name = "tcp-ack-in",
	.what = "an ACK of 1448 bytes, one end",
	.run = acks,
	.n = 100000,
};
