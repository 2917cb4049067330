/* Draws plans.  The order of draws is part of what a seed means: add new ones at the end. */
#include "sim/plan.h"

#include <stdio.h>
#include <stdlib.h>

#include "helper/host.h"
#include "port/sim/sim.h"

struct dice {
	struct prng r;
};

static uint32_t below(struct dice *d, uint32_t n)
{
	return prng_below(&d->r, n);
}

static bool chance(struct dice *d, uint32_t percent)
{
	return below(d, 100) < percent;
}

static uint64_t between(struct dice *d, uint64_t low, uint64_t high)
{
	return low + prng_u64(&d->r) % (high - low + 1);
}

/* Every doubling is as likely as every other: small numbers are as frequent as large ones. */
static uint64_t magnitude(struct dice *d, uint64_t low, uint64_t high)
{
	unsigned doublings = 0;

	while (low << doublings < high && doublings < 40)
		doublings++;
	if (doublings)
		doublings = below(d, doublings);
	high = MAX(high, low);
	return between(d, low << doublings, MIN(low << (doublings + 1), high));
}

/* ---- the way to a station */

static void draw_light(struct dice *d, struct impair_faults *f)
{
	f->loss_ppm = chance(d, 70) ? below(d, 20000) : 0;
	f->dup_ppm = chance(d, 40) ? below(d, 20000) : 0;
	f->reorder_ppm = chance(d, 40) ? below(d, 50000) : 0;
	f->corrupt_ppm = chance(d, 40) ? below(d, 10000) : 0;
	f->delay = magnitude(d, USEC(5), MSEC(50));
}

static void draw_heavy(struct dice *d, struct impair_faults *f)
{
	f->loss_ppm = chance(d, 80) ? (uint32_t)between(d, 20000, 300000) : 0;
	f->spell_ppm = chance(d, 30) ? below(d, 20000) : 0;
	f->spell_frames = 1 + below(d, 20);
	f->dup_ppm = chance(d, 50) ? below(d, 100000) : 0;
	f->reorder_ppm = chance(d, 60) ? below(d, 300000) : 0;
	f->corrupt_ppm = chance(d, 60) ? below(d, 100000) : 0;
	f->delay = magnitude(d, USEC(5), MSEC(300));
	if (chance(d, 30)) {
		f->blackout_every = between(d, SEC(5), SEC(20));
		f->blackout_for = between(d, MSEC(200), SEC(3));
	}
}

/* A way that is narrower than its ends, and does not say so: RFC 4821 §7.7. */
static void draw_black_hole(struct dice *d, struct impair_faults *f)
{
	if (chance(d, 10))
		f->mtu = (uint32_t)between(d, 600, 1500);
}

static void draw_wire(struct dice *d, struct impair_faults *f, enum weather w)
{
	*f = (struct impair_faults){.delay = magnitude(d, USEC(1), MSEC(5))};
	if (w == WEATHER_LIGHT)
		draw_light(d, f), draw_black_hole(d, f);
	else if (w == WEATHER_HEAVY)
		draw_heavy(d, f);
	f->jitter = chance(d, 50) ? magnitude(d, USEC(1), f->delay + USEC(2)) : 0;
	f->reorder_by = magnitude(d, USEC(10), 2 * f->delay + MSEC(2));
	if (chance(d, 30)) {
		f->rate_bps = magnitude(d, 1000000, 1000000000);
		f->queue_bytes = (uint32_t)magnitude(d, 8000, 400000);
	}
}

/* ---- a station */

static void draw_tcp(struct dice *d, struct tcp_config *t)
{
	t->rcvbuf = (uint32_t)magnitude(d, 2048, 256 << 10);
	t->sndbuf = (uint32_t)magnitude(d, 2048, 256 << 10);
	t->rcv_wnd_initial = (uint32_t)magnitude(d, 1024, 65536);
	t->rto_min = magnitude(d, MSEC(5), MSEC(200));
	t->rto_initial = between(d, MSEC(200), SEC(1));	/* not below rto_min, which is less */
	t->rto_max = between(d, SEC(2), SEC(20));
	t->delack = chance(d, 20) ? 0 : magnitude(d, MSEC(1), MSEC(200));
	t->msl = chance(d, 80) ? magnitude(d, MSEC(10), SEC(2)) : SEC(30);
	t->fin_wait_2 = between(d, SEC(5), SEC(60));
	t->timestamps = chance(d, 75);
	t->window_scale = chance(d, 75);
	t->iss_below_wrap = chance(d, 40) ? (uint32_t)magnitude(d, 1, 100000) : 0;
	t->conns_max = chance(d, 20) ? (uint32_t)between(d, 2, 8) : 96;
	t->halves_max = chance(d, 20) ? (uint32_t)between(d, 1, 8) : 64;
	/* A cookie whose ACK is lost leaves a silent client alone: RFC 4987 §3.6. */
	t->syn_cookies = TCP_COOKIES_NEVER;
	t->timewaits_max = chance(d, 20) ? (uint32_t)between(d, 1, 8) : 64;
}

static void draw_station(struct dice *d, struct station_plan *s, enum weather w)
{
	host_config(&s->config, prng_u64(&d->r));
	draw_tcp(d, &s->config.tcp);
	draw_wire(d, &s->faults, w);
	s->config.frames = 2048;
	s->config.bare = chance(d, 20) ? 128 : 2048;
	s->mtu = chance(d, 70) ? 1500 : (uint16_t)between(d, 576, 9000);
	s->door = chance(d, 50);
	s->poll_gap = chance(d, 50) ? magnitude(d, 1, USEC(200)) : 1;
	s->backlog = chance(d, 20) ? 1 + below(d, 3) : 128;
	if (w != WEATHER_CLEAR && chance(d, 25)) {
		s->starve_every = between(d, MSEC(500), SEC(5));
		s->starve_for = between(d, MSEC(1), s->starve_every / 4);
		s->starve_left = below(d, 12);
	}
	s->completions = chance(d, 20) ? 16 : 256;
}

/* Frames that a narrow way drops, and connections that nobody has room for, are not what a flood
 * is to show. */
static void draw_flooded(struct dice *d, struct station_plan *s)
{
	s->faults.rate_bps = 0;
	s->config.tcp.syn_cookies = TCP_COOKIES_WHEN_FULL;
	s->config.tcp.halves_max = (uint32_t)magnitude(d, 1, 1024);
	s->config.tcp.conns_max = 512;
	s->backlog = MAX(s->backlog, 8u);
}

/* ---- traffic */

static void draw_side(struct dice *d, struct side_plan *s, enum weather w)
{
	bool big = w != WEATHER_HEAVY && chance(d, 2);

	s->total = big ? between(d, 200000, 2000000) : chance(d, 10) ? 0 : magnitude(d, 1, 60000);
	s->write_max = (uint32_t)magnitude(d, 1, 65536);
	s->read_max = (uint32_t)magnitude(d, 1, 65536);
	s->write_gap = chance(d, 40) ? magnitude(d, USEC(1), MSEC(20)) : 0;
	s->read_gap = chance(d, 30) ? magnitude(d, USEC(1), MSEC(20)) : 0;
	if (chance(d, 8)) {
		s->sleep_at = magnitude(d, MSEC(1), SEC(1));
		s->sleep_for = magnitude(d, MSEC(10), SEC(30));
	}
	s->nodelay = chance(d, 40);
	s->cork = chance(d, 10);
	s->lend = chance(d, 30);
	s->hold = chance(d, 30);
	s->multishot = chance(d, 60);
}

static void draw_endings(struct dice *d, struct flow_plan *f)
{
	static const enum ending gentle[] = {END_SHUTDOWN, END_AFTER_EOF, END_CLOSE};

	f->side[0].ending = gentle[below(d, 3)];
	f->side[1].ending = gentle[below(d, 3)];
	if (f->side[0].ending == END_AFTER_EOF && f->side[1].ending == END_AFTER_EOF)
		f->side[below(d, 2)].ending = END_SHUTDOWN;
	if (chance(d, 12)) {
		struct side_plan *s = &f->side[below(d, 2)];

		s->ending = chance(d, 50) ? END_ABORT : END_EARLY;
		s->rough_at = between(d, 0, f->side[0].total + f->side[1].total);
	}
}

static void draw_request_response(struct dice *d, struct flow_plan *f)
{
	uint32_t rounds = (uint32_t)magnitude(d, 1, 30);

	f->request = (uint32_t)magnitude(d, 1, 3000);
	f->response = (uint32_t)magnitude(d, 1, 20000);
	f->side[0].total = (uint64_t)rounds * f->request;
	f->side[1].total = (uint64_t)rounds * f->response;
}

static void draw_flow(struct dice *d, struct plan *p, struct flow_plan *f, unsigned i)
{
	f->client = (uint8_t)below(d, p->stations);
	f->server = (uint8_t)((f->client + 1 + below(d, p->stations - 1)) % p->stations);
	f->start = SIM_START + between(d, 0, p->flows_over);
	f->sport = (uint16_t)(80 + below(d, 2));
	f->key = prng_u64(&d->r);
	draw_side(d, &f->side[0], p->weather);
	draw_side(d, &f->side[1], p->weather);
	if (chance(d, 40))
		draw_request_response(d, f);
	draw_endings(d, f);
	for (unsigned k = 0; k < 2; k++) {	/* tiny writes, but not for a whole day */
		f->side[k].write_max =
			MAX(f->side[k].write_max, (uint32_t)(f->side[k].total / 300));
		f->side[k].read_max = MAX(f->side[k].read_max, (uint32_t)(f->side[!k].total / 300));
	}
	f->simultaneous =
		chance(d, 5) && !p->station[f->client].door && !p->station[f->server].door;
	if (f->simultaneous || chance(d, 40))
		f->cport = (uint16_t)(1024 + i % 30000);
	if (f->simultaneous)
		f->sport = (uint16_t)(2024 + i % 30000);
}

static int by_start(const void *a, const void *b)
{
	const struct flow_plan *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/* ---- the world */

static enum weather draw_weather(struct dice *d)
{
	uint32_t n = below(d, 100);

	return n < 15 ? WEATHER_CLEAR : n < 70 ? WEATHER_LIGHT : WEATHER_HEAVY;
}

static void draw_trouble(struct dice *d, struct plan *p, const struct plan_options *o)
{
	uint32_t attack = below(d, 100);

	p->weather = draw_weather(d);
	p->attack = attack < 15 ? ATTACK_BLIND : attack < 25 ? ATTACK_ONPATH : ATTACK_NONE;
	if (attack >= 95 || o->flood) {
		p->attack = ATTACK_FLOOD;
		p->weather = WEATHER_CLEAR;
	}
	if (o->no_faults && !o->flood) {
		p->weather = WEATHER_CLEAR;
		p->attack = ATTACK_NONE;
	}
	p->attack_gap = magnitude(d, USEC(100), MSEC(50));
}

static void draw_later(struct dice *d, struct station_plan *s)
{
	unsigned n = 0;

	while (cc_at(n))
		n++;
	if (chance(d, 15)) {
		s->sleep_every = between(d, MSEC(500), SEC(20));
		s->sleep_for = magnitude(d, MSEC(1), SEC(8));
	}
	if (chance(d, 15)) {
		s->mtu_every = between(d, MSEC(300), SEC(10));
		s->mtu_low = (uint16_t)between(d, 576, s->mtu);
	}
	if (chance(d, 50))
		s->config.tcp.rcvbuf_max = s->config.tcp.sndbuf_max = 0;
	s->config.tcp.ecn = (enum tcp_ecn)below(d, 3);
	if (s->faults.rate_bps && chance(d, 50))
		s->faults.mark_bytes = below(d, s->faults.queue_bytes);
	s->config.tcp.cc = chance(d, 50) ? tcp_config_default.cc : cc_at(below(d, n));
}

void plan_draw(struct plan *p, uint64_t seed, const struct plan_options *o)
{
	struct dice d;

	*p = (struct plan){.seed = seed};
	prng_seed(&d.r, seed);
	draw_trouble(&d, p, o);
	if (p->attack == ATTACK_FLOOD)
		p->attack_gap = magnitude(&d, USEC(50), MSEC(2));
	p->stations = chance(&d, 80) ? 2 : (unsigned)between(&d, 3, PLAN_STATIONS_MAX);
	for (unsigned i = 0; i < p->stations; i++)
		draw_station(&d, &p->station[i], p->weather);
	for (unsigned i = 0; i < p->stations && p->attack == ATTACK_FLOOD; i++)
		draw_flooded(&d, &p->station[i]);
	p->flows = (unsigned)magnitude(&d, 4, 200);
	if (o->flows)
		p->flows = MIN(o->flows, PLAN_FLOWS_MAX);
	p->flows_over =
		magnitude(&d, MSEC(1), SEC(1)) + p->flows * magnitude(&d, USEC(10), MSEC(300));
	p->faults_until = SIM_START + p->flows_over + between(&d, SEC(1), SEC(60));
	p->listeners_close = chance(&d, 15) ? SIM_START + between(&d, 1, p->flows_over) : 0;
	p->datagrams = chance(&d, 50);
	p->pings = chance(&d, 50);
	p->small_ring = chance(&d, 15);
	p->check_every = o->check_always || p->flows < 10 ? 1 : 1 + below(&d, 64);
	p->flow = calloc(p->flows, sizeof(*p->flow));
	assert(p->flow != NULL);
	for (unsigned i = 0; i < p->flows; i++)
		draw_flow(&d, p, &p->flow[i], i);
	qsort(p->flow, p->flows, sizeof(*p->flow), by_start);
	for (unsigned i = 0; i < p->stations; i++)
		draw_later(&d, &p->station[i]);
}

void plan_free(struct plan *p)
{
	free(p->flow);
	p->flow = NULL;
}

static void print_station(unsigned i, const struct station_plan *s)
{
	const struct impair_faults *f = &s->faults;
	const struct tcp_config *t = &s->config.tcp;

	printf("host%u: %s, %s, mtu %u, rcvbuf %u sndbuf %u wnd %u, ts %d ws %d, "
	       "rto %.3f..%.1f, delack "
	       "%.3f, msl %.2f, conns %u timewaits %u backlog %u, wrap %u, "
	       "gap %.6f, starve %.3f/%.3f "
	       "to %u, sleep %.3f/%.3f, mtu %u every %.3f\n",
	       i, s->door ? "door" : "tcp.h", t->cc->name, s->mtu, t->rcvbuf, t->sndbuf,
	       t->rcv_wnd_initial,
	       t->timestamps, t->window_scale, (double)t->rto_min / 1e9, (double)t->rto_max / 1e9,
	       (double)t->delack / 1e9, (double)t->msl / 1e9, t->conns_max, t->timewaits_max,
	       s->backlog, t->iss_below_wrap, (double)s->poll_gap / 1e9,
	       (double)s->starve_for / 1e9, (double)s->starve_every / 1e9, s->starve_left,
	       (double)s->sleep_for / 1e9, (double)s->sleep_every / 1e9, s->mtu_low,
	       (double)s->mtu_every / 1e9);
	printf("  the way there: loss %.2f%% spell %.2f%%x%u dup %.2f%% "
	       "reorder %.2f%% corrupt %.2f%%, "
	       "delay %.6f + %.6f, rate %.1f Mbit/s queue %u, blackout %.1f/%.1f\n",
	       f->loss_ppm / 1e4, f->spell_ppm / 1e4, f->spell_frames, f->dup_ppm / 1e4,
	       f->reorder_ppm / 1e4, f->corrupt_ppm / 1e4, (double)f->delay / 1e9,
	       (double)f->jitter / 1e9, (double)f->rate_bps / 1e6, f->queue_bytes,
	       (double)f->blackout_for / 1e9, (double)f->blackout_every / 1e9);
}

void plan_print(const struct plan *p)
{
	static const char *const weathers[] = {"clear", "light", "heavy"};
	static const char *const attacks[] = {"nobody attacks", "a blind attacker",
						"an attacker on the path", "a SYN flood"};

	printf("seed %llu: %u hosts, %u connections in %.3f s, %s weather until %.1f s, %s\n",
	       (unsigned long long)p->seed, p->stations, p->flows, (double)p->flows_over / 1e9,
	       weathers[p->weather], (double)(p->faults_until - SIM_START) / 1e9,
	       attacks[p->attack]);
	for (unsigned i = 0; i < p->stations; i++)
		print_station(i, &p->station[i]);
}
