/* Clients from memory: see replay.h.
 *
 * A client has 24 bytes of state.  Those that have something to say stand in a ring, in the order
 * in which their answers came.
 *
 * Always: a client is in the ring once, or waits for the stack; `seq` is what the stack must
 * acknowledge next, `ack` what it must send next. */
#include "drivers/replay/replay.h"

#include <stdlib.h>

#include "base/byteorder.h"
#include "base/csum.h"
#include "base/err.h"

#define REPLAY_CONNS_MAX (1u << 20)
#define REPLAY_PORTS 50000u	/* clients with one address */
#define REPLAY_PORT_MIN 10000u
#define REPLAY_WND 0xffffu
#define REPLAY_CHECKED 64u	/* of so many answers one has its checksum verified */
#define ETH_HEADER 14u
#define IP_HEADER 20u
#define TCP_TS 32u		/* header with timestamps */
#define TCP_SYN_LEN 40u
#define HEADERS (ETH_HEADER + IP_HEADER + TCP_TS)
#define FLAG_SYN 2u
#define FLAG_RST 4u
#define FLAG_PSH 8u
#define FLAG_ACK 16u

enum replay_state { REPLAY_NEW, REPLAY_SYN, REPLAY_UP };

struct replay_conn {
	uint32_t seq, ack, got, ts_seen;
	uint8_t state;		/* enum replay_state */
	uint8_t pad[7];
};

struct replay {
	struct netdev *dev;
	struct replay_config config;
	struct replay_conn *conn;
	uint32_t *ready, mask, head, tail;	/* clients that have something to say */
	uint64_t answers;
	uint32_t up;
	uint32_t clock;		/* of the clients' timestamps */
	const char *fault;
	struct pkt *arp;	/* an answer that waits; NULL: none */
	uint32_t hello;		/* addresses that have still to ask for the stack, which so learns
				 * them before it answers a SYN */
	uint8_t head_template[HEADERS];
	uint8_t payload[REPLAY_SIZE_MAX];
	uint64_t payload_sum;
};

static void replay_say(struct replay *r, uint32_t i)
{
	r->ready[r->head++ & r->mask] = i;
}

static COLD void replay_wrong(struct replay *r, const char *what)
{
	if (!r->fault)
		r->fault = what;
}

/* ---- what the clients send */

static uint32_t replay_addr(const struct replay *r, uint32_t i)
{
	return r->config.clients + i / REPLAY_PORTS;
}

static uint16_t replay_port(uint32_t i)
{
	return (uint16_t)(REPLAY_PORT_MIN + i % REPLAY_PORTS);
}

/* Checksums of a segment whose TCP part is `n` bytes, payload included: `head` of them are header,
 * the payload's sum is known. */
static inline void replay_sums(uint8_t *ip, uint32_t head, uint32_t n, uint64_t payload_sum)
{
	uint8_t *tcp = ip + IP_HEADER;
	uint16_t sum = csum_fold(csum_partial(ip, IP_HEADER, 0));

	mem_copy(ip + 10, &sum, 2);
	payload_sum = csum_add(payload_sum, csum_partial(ip + 12, 8, __builtin_bswap32(n)));
	payload_sum = csum_add(payload_sum, (uint64_t)6 << 24);
	payload_sum = head == TCP_TS ? csum_partial(tcp, TCP_TS, payload_sum) :
				       csum_partial(tcp, TCP_SYN_LEN, payload_sum);
	sum = csum_fold(payload_sum);
	mem_copy(tcp + 16, &sum, 2);
}

/* Headers of client `i` up to the TCP options, for `n` bytes of TCP. */
static inline uint8_t *replay_head(struct replay *r, uint8_t *b, uint32_t i, uint32_t n)
{
	const struct replay_conn *c = &r->conn[i];
	uint8_t *tcp = b + ETH_HEADER + IP_HEADER;

	mem_copy(b, r->head_template, HEADERS);
	store_be16(b + ETH_HEADER + 2, (uint16_t)(IP_HEADER + n));
	store_be32(b + ETH_HEADER + 12, replay_addr(r, i));
	store_be16(tcp, replay_port(i));
	store_be32(tcp + 4, c->seq);
	store_be32(tcp + 8, c->ack);
	return tcp;
}

/* MSS, SACK permitted, timestamps, window scale 7. */
static void replay_syn(struct replay *r, struct pkt *p, uint32_t i)
{
	uint8_t *tcp = replay_head(r, p->data, i, TCP_SYN_LEN);

	store_be32(tcp + 8, 0);
	tcp[12] = (TCP_SYN_LEN / 4) << 4;
	tcp[13] = FLAG_SYN;
	store_be32(tcp + 20, 0x020405b4);
	store_be32(tcp + 24, 0x0402080a);
	store_be32(tcp + 28, r->clock);
	store_be32(tcp + 32, 0);
	store_be32(tcp + 36, 0x01030307);
	replay_sums(p->data + ETH_HEADER, TCP_SYN_LEN, TCP_SYN_LEN, 0);
	p->len = p->total = ETH_HEADER + IP_HEADER + TCP_SYN_LEN;
	r->conn[i].state = REPLAY_SYN;
	r->conn[i].seq++;
}

static inline void replay_ask(struct replay *r, struct pkt *p, uint32_t i)
{
	struct replay_conn *c = &r->conn[i];
	uint8_t *tcp = replay_head(r, p->data, i, TCP_TS + r->config.size);

	store_be32(tcp + 24, r->clock);
	store_be32(tcp + 28, c->ts_seen);
	mem_copy(tcp + TCP_TS, r->payload, r->config.size);
	replay_sums(p->data + ETH_HEADER, TCP_TS, TCP_TS + r->config.size, r->payload_sum);
	p->len = p->total = HEADERS + r->config.size;
	c->seq += r->config.size;
	c->got = 0;
}

/* The last of those that have not said hello: ARP, who has the stack's address? */
static COLD struct pkt *replay_hello(struct replay *r)
{
	struct pkt *p = pkt_new(r->dev->pool);
	static const uint8_t head[8] = { 0, 1, 8, 0, 6, 4, 0, 1 };

	if (!p)
		return NULL;
	mem_fill(p->data, 0xff, 6);
	mem_copy(p->data + 6, r->head_template + 6, 6);
	store_be16(p->data + 12, 0x0806);
	mem_copy(p->data + 14, head, sizeof(head));
	mem_copy(p->data + 22, r->head_template + 6, 6);
	store_be32(p->data + 28, r->config.clients + --r->hello);
	mem_zero(p->data + 32, 6);
	store_be32(p->data + 38, r->config.addr);
	p->len = p->total = 42;
	return p;
}

static int replay_rx(struct netdev *dev, struct pkt **out, unsigned max)
{
	struct replay *r = dev->priv;
	unsigned n = 0;

	if (unlikely(r->arp != NULL) && max) {
		out[n++] = r->arp;
		r->arp = NULL;
	}
	for (; unlikely(r->hello > 0) && n < max; n++)
		if (!(out[n] = replay_hello(r)))
			return (int)n;
	for (; n < max && r->tail != r->head; n++) {
		uint32_t i = r->ready[r->tail & r->mask];

		out[n] = pkt_new(dev->pool);
		if (unlikely(!out[n])) {
			dev->stats.rx_no_frame++;
			break;
		}
		r->tail++;
		if (unlikely(r->conn[i].state == REPLAY_NEW))
			replay_syn(r, out[n], i);
		else
			replay_ask(r, out[n], i);
		dev->stats.rx_bytes += out[n]->total;
	}
	r->clock++;
	dev->stats.rx_frames += n;
	return (int)n;
}

/* ---- what the stack sends */

/* Whoever is asked for answers with one and the same address. */
static COLD void replay_arp(struct replay *r, const uint8_t *f)
{
	struct pkt *p = r->arp ? NULL : pkt_new(r->dev->pool);
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 0xc };

	if (!p || load_be16(f + 20) != 1 || load_be32(f + 38) == r->config.addr) {
		if (p)
			pkt_put(p);
		return;
	}
	mem_copy(p->data, f + 6, 6);
	mem_copy(p->data + 6, mac, 6);
	mem_copy(p->data + 12, f + 12, 8);
	store_be16(p->data + 20, 2);
	mem_copy(p->data + 22, mac, 6);
	mem_copy(p->data + 28, f + 38, 4);
	mem_copy(p->data + 32, f + 22, 10);
	p->len = p->total = 42;
	r->arp = p;
}

static COLD void replay_answered(struct replay *r, struct replay_conn *c, const uint8_t *tcp)
{
	c->ack = load_be32(tcp + 4) + 1;
	c->state = REPLAY_UP;
	r->up++;
}

/* The checksum of a whole segment, once in a while. */
static COLD void replay_verify(struct replay *r, const struct pkt *p, uint32_t l4)
{
	const uint8_t *ip = p->data + ETH_HEADER;
	uint64_t sum = csum_partial(ip + 12, 8, __builtin_bswap32(l4));

	sum = csum_add(sum, (uint64_t)6 << 24);
	if (csum_fold(csum_pkt(p, ETH_HEADER + IP_HEADER, l4, sum)))
		replay_wrong(r, "a checksum");
}

/* The timestamp of a segment that has nothing else. */
static inline uint32_t replay_ts(const uint8_t *tcp, uint32_t head)
{
	for (uint32_t at = 20; at + 10 <= head;) {
		if (tcp[at] == 8)
			return load_be32(tcp + at + 2);
		at += tcp[at] <= 1 ? 1u : MAX(tcp[at + 1], 2u);
	}
	return 0;
}

/* Bytes of an answer from the pieces of a packet. */
static void replay_bytes(struct replay *r, struct replay_conn *c, const struct pkt *p,
			 uint32_t off, uint32_t n)
{
	uint8_t got[REPLAY_SIZE_MAX];

	if (c->got + n > r->config.size || pkt_read(p, off, got, n) != n ||
	    !mem_eq(got, r->payload + c->got, n))
		replay_wrong(r, "bytes");
	c->got += n;
	c->ack += n;
}

static void replay_segment(struct replay *r, const struct pkt *p)
{
	const uint8_t *ip = p->data + ETH_HEADER, *tcp = ip + IP_HEADER;
	uint32_t l4 = load_be16(ip + 2) - IP_HEADER, head = (tcp[12] >> 4) * 4u, i;
	struct replay_conn *c;

	i = (load_be32(ip + 16) - r->config.clients) * REPLAY_PORTS + load_be16(tcp + 2) -
	    REPLAY_PORT_MIN;
	if (unlikely(i >= r->config.conns || tcp[13] & FLAG_RST)) {
		replay_wrong(r, "a segment to nobody, or a reset");
		return;
	}
	c = &r->conn[i];
	c->ts_seen = replay_ts(tcp, head);
	if (unlikely(tcp[13] & FLAG_SYN)) {
		if (c->state == REPLAY_SYN) {
			replay_answered(r, c, tcp);
			replay_say(r, i);
		}
		return;
	}
	if (unlikely(l4 == head))
		return;		/* an acknowledgement alone */
	if (unlikely(load_be32(tcp + 4) != c->ack || load_be32(tcp + 8) != c->seq)) {
		replay_wrong(r, "a number");
		return;
	}
	replay_bytes(r, c, p, ETH_HEADER + IP_HEADER + head, l4 - head);
	if (c->got < r->config.size)
		return;
	if (unlikely(r->answers++ % REPLAY_CHECKED == 0))
		replay_verify(r, p, l4);
	replay_say(r, i);
}

static unsigned replay_tx(struct netdev *dev, struct pkt **p, unsigned n)
{
	struct replay *r = dev->priv;

	for (unsigned i = 0; i < n; i++) {
		if (likely(p[i]->len >= HEADERS && load_be16(p[i]->data + 12) == 0x0800))
			replay_segment(r, p[i]);
		else if (p[i]->len >= 42)
			replay_arp(r, p[i]->data);
		dev->stats.tx_frames++;
		dev->stats.tx_bytes += p[i]->total;
		pkt_put(p[i]);
	}
	return n;
}

/* ---- opening and closing */

static bool replay_arm(struct netdev *dev)
{
	const struct replay *r = dev->priv;

	return r->tail != r->head || r->arp;
}

static void replay_close(struct netdev *dev)
{
	struct replay *r = dev->priv;

	if (r->arp)
		pkt_put(r->arp);
	free(r->conn);
	free(r->ready);
	free(r);
	dev->priv = NULL;
	dev->up = false;
}

static const struct netdev_ops replay_ops = {
	.kind = "replay",
	.rx = replay_rx,
	.tx = replay_tx,
	.arm = replay_arm,
	.close = replay_close,
};

static void replay_templates(struct replay *r)
{
	static const uint8_t from[6] = { 2, 0, 0, 0, 0, 0xc };
	uint8_t *b = r->head_template, *ip = b + ETH_HEADER, *tcp = ip + IP_HEADER;

	mem_copy(b, r->dev->mac.b, 6);
	mem_copy(b + 6, from, 6);
	store_be16(b + 12, 0x0800);
	ip[0] = 0x45;
	ip[6] = 0x40;		/* not to be fragmented */
	ip[8] = 64;
	ip[9] = 6;
	store_be32(ip + 16, r->config.addr);
	store_be16(tcp + 2, r->config.port);
	tcp[12] = (TCP_TS / 4) << 4;
	tcp[13] = FLAG_ACK | FLAG_PSH;
	store_be16(tcp + 14, REPLAY_WND);
	store_be32(tcp + 20, 0x0101080a);
	for (uint32_t i = 0; i < r->config.size; i++)
		r->payload[i] = (uint8_t)(i * 7 + 1);
	r->payload_sum = csum_bytes(r->payload, r->config.size, 0);
}

int replay_open(struct netdev *dev, struct pool *pool, const struct replay_config *config)
{
	struct replay *r;
	uint32_t slots = 1;

	if (!config->conns || config->conns > REPLAY_CONNS_MAX || !config->size ||
	    config->size > REPLAY_SIZE_MAX)
		return -E_INVAL;
	while (slots < config->conns)
		slots *= 2;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -E_NOMEM;
	*dev = (struct netdev){
		.ops = &replay_ops, .pool = pool, .mac = { { 2, 0, 0, 0, 0, 0x5 } }, .mtu = 1500,
		.features = NETDEV_CHAIN_TX, .wake_fd = -1, .up = true, .name = "replay",
		.priv = r,
	};
	r->dev = dev;
	r->config = *config;
	r->mask = slots - 1;
	r->conn = calloc(config->conns, sizeof(*r->conn));
	r->ready = calloc(slots, sizeof(*r->ready));
	if (!r->conn || !r->ready) {
		replay_close(dev);
		return -E_NOMEM;
	}
	replay_templates(r);
	return 0;
}

void replay_start(struct netdev *dev)
{
	struct replay *r = dev->priv;

	r->hello = (r->config.conns + REPLAY_PORTS - 1) / REPLAY_PORTS;
	for (uint32_t i = 0; i < r->config.conns; i++) {
		r->conn[i].seq = i * 977;
		replay_say(r, i);
	}
}

uint64_t replay_answers(const struct netdev *dev)
{
	return ((const struct replay *)dev->priv)->answers;
}

uint32_t replay_open_conns(const struct netdev *dev)
{
	return ((const struct replay *)dev->priv)->up;
}

const char *replay_fault(const struct netdev *dev)
{
	return ((const struct replay *)dev->priv)->fault;
}
