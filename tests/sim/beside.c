/* What runs beside TCP: datagrams of every size between the stations that are driven on tcp.h,
 * and pings from nowhere whose answers are checked. */
#include <string.h>

#include "sim/world.h"

#define PORT 7000u
#define DATAGRAM_MAX 6000u
#define HEAD 12u		/* sender's draw, length */
#define PING_ID 0x6c65u
#define GATEWAY 250u

static uint8_t datagram_byte(uint64_t draw, uint32_t at)
{
	return (uint8_t)((draw >> (at % 57)) + at * 7);
}

static void build(uint8_t *b, uint64_t draw, uint32_t n)
{
	memcpy(b, &draw, 8);
	memcpy(b + 8, &n, 4);
	for (uint32_t i = HEAD; i < n; i++)
		b[i] = datagram_byte(draw, i);
}

static void examine(struct station *st, const struct pkt *p)
{
	struct world *w = st->world;
	uint8_t b[DATAGRAM_MAX];
	uint32_t n = pkt_read(p, 0, b, sizeof(b)), said;
	uint64_t draw;

	memcpy(&draw, b, 8);
	memcpy(&said, b + 8, 4);
	w->datagrams_good++;
	if (w->plan.attack != ATTACK_NONE)
		return;
	if (n < HEAD || n != p->total || n != said) {
		world_fail(w, "host%u got a datagram of %u bytes that was sent with %u", st->index,
			   p->total, said);
		return;
	}
	for (uint32_t i = HEAD; i < n; i++)
		if (b[i] != datagram_byte(draw, i)) {
			world_fail(w, "host%u got a datagram of %u bytes that differs at %u",
				   st->index, n, i);
			return;
		}
}

static void send_one(struct station *st)
{
	struct world *w = st->world;
	struct net *net = &st->host.net;
	uint32_t to = prng_below(&w->dice, w->plan.stations);
	uint32_t n =
		HEAD + prng_below(&w->dice, prng_below(&w->dice, 3) ? 1400 : DATAGRAM_MAX - HEAD);
	struct addr a = addr_v4(w->station[to].ip);
	uint8_t b[DATAGRAM_MAX];
	struct pkt *p;

	if (w->station[to].plan->door)
		return;
	build(b, prng_u64(&w->dice), n);
	p = pkt_new(&net->pool);
	if (!p)
		return;
	if (pkt_write(p, b, n) < 0) {
		pkt_put(p);
		return;
	}
	if (udp_send(&net->udp, &st->udp, &a, PORT, p) == 0)
		w->datagrams_sent++;
}

void beside_init(struct station *st)
{
	struct addr any = addr_v4(0);

	if (st->plan->door || !st->world->plan.datagrams)
		return;
	udp_sock_init(&st->udp, st);
	st->udp_up = udp_bind(&st->host.net.udp, &st->udp, &any, PORT) == 0;
	st->datagram_at = world_now(st->world);
}

nsec beside_step(struct station *st)
{
	struct world *w = st->world;
	struct list *n;
	struct pkt *p;

	while ((n = list_pop_front(&st->host.net.udp.ready)) != NULL)
		container_of(n, struct udp_sock, ready_node)->ready = 0;
	if (!st->udp_up)
		return NSEC_NEVER;
	while ((p = udp_recv(&st->host.net.udp, &st->udp)) != NULL) {
		examine(st, p);
		pkt_put(p);
	}
	if (world_now(w) >= w->plan.faults_until)
		return NSEC_NEVER;
	if (world_now(w) >= st->datagram_at) {
		send_one(st);
		st->datagram_at = world_now(w) + 1 + prng_below(&w->dice, MSEC(200));
	}
	return st->datagram_at;
}

void beside_fini(struct station *st)
{
	if (st->udp_up)
		udp_close(&st->host.net.udp, &st->udp);
	st->udp_up = false;
}

void beside_ping(struct world *w)
{
	struct station *to = &w->station[prng_below(&w->dice, w->plan.stations)];
	struct station *from = &w->station[(to->index + 1) % w->plan.stations];
	static uint8_t frame[SEG_FRAME_MAX];
	uint8_t payload[1400];
	struct seg s = {.proto = SEG_ICMP,
			.eth_src = from->mac,
			.eth_dst = to->mac,
			.src = from->ip,
			.dst = to->ip,
			.icmp_type = 8,
			.payload = payload};

	s.len = prng_below(&w->dice, to->plan->mtu > 1428 ? 1400 : to->plan->mtu - 28u);
	s.icmp_info = PING_ID << 16 | s.len;
	for (uint32_t i = 0; i < s.len; i++)
		payload[i] = (uint8_t)(i * s.len);
	w->pings_sent += wire_inject(w->wire, to->index, frame, seg_build(frame, &s), world_now(w));
}

void beside_pong(struct world *w, const struct seg *s)
{
	if (s->icmp_type != 0 || s->icmp_info >> 16 != PING_ID)
		return;
	w->pings_answered++;
	if (s->len != (s->icmp_info & 0xffff)) {
		world_fail(w, "a ping of %u bytes was answered with %u", s->icmp_info & 0xffff,
			   s->len);
		return;
	}
	for (uint32_t i = 0; i < s->len; i++)
		if (s->payload[i] != (uint8_t)(i * s->len)) {
			world_fail(w, "a ping of %u bytes was answered wrongly at %u", s->len, i);
			return;
		}
}
