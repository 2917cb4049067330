/* What one segment costs the stack that gets it: bytes in order; an ACK of bytes, and what is sent
 * for it.
 *
 * One stack; its device is the other end, which makes segments as they are asked for and throws
 * away what the stack sends, having looked at its numbers.  Counted is everything from Ethernet to
 * the owner.  Checksums are the device's. */
#include <stdlib.h>

#include "bench/bench.h"
#include "net/net.h"
#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"

#define BURST 32u
#define MSS 1448u
#define US IPV4(10, 0, 0, 2)
#define THEM IPV4(10, 0, 0, 1)
#define TS_LEN (WIRE_TCP_LEN + 12)

static const struct mac mac_us = {{2, 0, 0, 0, 0, 2}}, mac_them = {{2, 0, 0, 0, 0, 1}};

static struct {
	struct net *net;
	struct netdev dev;
	struct tcp_conn *conn;
	uint64_t now;
	uint32_t seq;			/* the next of the other end */
	uint32_t nxt, acked;		/* of the stack: sent up to, acknowledged up to */
	uint32_t ts_val, ts_ecr;
	struct pkt *in[BURST];
	unsigned in_n;
} g;

/* ---- the other end */

static struct pkt *frame(uint16_t type, uint32_t len)
{
	struct pkt *p = pkt_new(&g.net->pool);

	bench_need(p != NULL, "no frame");
	wire_eth_write(p->data, mac_us, mac_them, type);
	p->len = p->total = WIRE_ETH_LEN + len;
	g.in[g.in_n++] = p;
	return p;
}

static void tcp_segment(const struct wire_tcp *h, uint32_t len)
{
	uint32_t size = wire_tcp_size(h);
	struct wire_ipv4 ip = {.src = THEM, .dst = US, .ttl = 64, .proto = WIRE_PROTO_TCP,
			       .total_len = (uint16_t)(WIRE_IPV4_LEN + size + len)};
	struct pkt *p = frame(WIRE_ETH_IPV4, WIRE_IPV4_LEN + size + len);

	p->flags |= PKT_CSUM_OK;
	wire_ipv4_write(p->data + WIRE_ETH_LEN, &ip);
	wire_tcp_write(p->data + WIRE_ETH_LEN + WIRE_IPV4_LEN, h);
	g.seq += len;
}

static void segment(uint32_t len)
{
	struct wire_tcp h = {.sport = 5000, .dport = 80, .seq = g.seq, .ack = g.acked,
			     .flags = WIRE_TCP_ACK, .wnd = 65535, .opts = WIRE_TCP_OPT_TS,
			     .ts_val = g.ts_val, .ts_ecr = g.ts_ecr};

	tcp_segment(&h, len);
}

static void answer_arp(void)
{
	struct wire_arp a = {.op = WIRE_ARP_REPLY, .sender_mac = mac_them, .sender_ip = THEM,
			     .target_mac = mac_us, .target_ip = US};
	struct pkt *p = frame(WIRE_ETH_ARP, WIRE_ARP_LEN);

	wire_arp_write(p->data + WIRE_ETH_LEN, &a);
}

static void look_at(const struct pkt *p)
{
	const uint8_t *at = p->data + WIRE_ETH_LEN + WIRE_IPV4_LEN;
	uint32_t head = WIRE_ETH_LEN + WIRE_IPV4_LEN + (at[12] >> 4) * 4u;
	bool syn = at[13] & WIRE_TCP_SYN;

	if (p->data[13] == 6) {
		answer_arp();
		return;
	}
	g.nxt = load_be32(at + 4) + (p->total - head) + syn;
	if (syn)
		g.acked = g.nxt;
	else if (p->total == head || head == WIRE_ETH_LEN + WIRE_IPV4_LEN + TS_LEN)
		g.ts_ecr = load_be32(at + 24);
}

static int dev_rx(struct netdev *dev, struct pkt **out, unsigned max)
{
	unsigned n = MIN(max, g.in_n);

	for (unsigned i = 0; i < n; i++)
		out[i] = g.in[i];
	g.in_n = 0;
	return (int)n;
}

static unsigned dev_tx(struct netdev *dev, struct pkt **p, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		look_at(p[i]);
		pkt_put(p[i]);
	}
	return n;
}

static void dev_close(struct netdev *dev)
{
}

static const struct netdev_ops ops = {
	.kind = "bench", .rx = dev_rx, .tx = dev_tx, .close = dev_close,
};

/* ---- the stack */

static void poll(void)
{
	g.now += 10000;
	net_poll(g.net, g.now);
}

static void connect_pair(void)
{
	struct addr us = addr_v4(US), any = {0};
	struct wire_tcp syn = {.sport = 5000, .dport = 80, .seq = 999, .flags = WIRE_TCP_SYN,
			       .wnd = 65535, .mss = 1460, .wscale = 8, .ts_val = 1,
			       .opts = WIRE_TCP_OPT_MSS | WIRE_TCP_OPT_TS | WIRE_TCP_OPT_WSCALE};
	struct tcp_listener *l;
	int err;

	g.net = bench_stack(3);
	g.now = SEC(1);
	g.dev = (struct netdev){.ops = &ops, .pool = &g.net->pool, .mtu = 1500, .wake_fd = -1,
				.up = true, .name = "bench", .mac = mac_us};
	bench_need(net_add_dev(g.net, &g.dev) >= 0, "no device");
	bench_need(!ip_add_addr(&g.net->ip, &us, 24, 0), "no address");
	l = tcp_listen(&g.net->tcp, &any, 80, 0, NULL, &err);
	g.seq = 1000;
	g.ts_val = 1;
	tcp_segment(&syn, 0);
	for (unsigned i = 0; i < 10 && !g.acked; i++)
		poll();
	segment(0);
	poll();
	g.conn = tcp_accept(&g.net->tcp, l, NULL);
	bench_need(g.conn != NULL, "nothing to accept");
}

static void data(uint64_t n)
{
	uint64_t got = 0;
	unsigned bits;
	struct pkt *p;

	if (!g.conn)
		connect_pair();
	for (uint64_t i = 0; i < n; i += BURST) {
		for (unsigned k = 0; k < BURST; k++)
			segment(MSS);
		poll();
		bench_need(tcp_ready_conn(&g.net->tcp, &bits) == g.conn, "nothing to read");
		while ((p = tcp_recv(&g.net->tcp, g.conn))) {
			got += p->total;
			tcp_recv_done(&g.net->tcp, g.conn, p->total);
			pkt_put(p);
		}
	}
	bench_need(got >= n * MSS, "a segment was lost");
}

const struct bench bench_tcp_data_in = {
	.name = "tcp-data-in",
	.what = "1448 bytes in order: received, read, acknowledged; one end",
	.run = data,
	.n = 100000,
};

/* A burst of segments waits to be acknowledged; each ACK frees one, and another takes its place. */
static void acks(uint64_t n)
{
	static uint8_t block[BURST * MSS];
	uint64_t done = 0;
	unsigned bits;

	if (!g.conn)
		connect_pair();
	while (done < n) {
		int wrote = tcp_write(&g.net->tcp, g.conn, block, sizeof(block));

		bench_need(wrote >= 0, "the connection is gone");
		net_flush(g.net);
		while (g.nxt - g.acked >= MSS && g.in_n < BURST) {
			g.acked += MSS;
			segment(0);
			done++;
		}
		poll();
		tcp_ready_conn(&g.net->tcp, &bits);
	}
}

const struct bench bench_tcp_ack_in = {
	.name = "tcp-ack-in",
	.what = "an ACK of 1448 bytes, and 1448 more are written and leave; one end",
	.run = acks,
	.n = 100000,
};
