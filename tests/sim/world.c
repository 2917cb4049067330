/* Builds a world from its plan, lets it run, and says at the end whether everything is as it
 * must be.
 *
 * Three parts of a run: flows begin and live under faults; faults stop and every flow must
 * finish; listeners close and everything must come to rest: no connection, no TIME_WAIT, every
 * frame back. */
#include "sim/world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "sim/mouth.h"

#define BURST_MAX 4096u		/* polls of one station at one moment */
#define PATIENCE SEC(600)	/* virtual time to finish after the faults */
#define REST SEC(400)		/* virtual time to come to rest after that */
#define START_AGAIN MSEC(20)

void world_fail(struct world *w, const char *format, ...)
{
	va_list ap;
	int n;

	if (world_bad(w))
		return;
	n = snprintf(w->why, sizeof(w->why),
		     "at %.6f s: ", (double)(world_now(w) - SIM_START) / 1e9);
	va_start(ap, format);
	vsnprintf(w->why + n, sizeof(w->why) - (size_t)n, format, ap);
	va_end(ap);
}

static uint64_t drops(const struct world *w, enum drop why)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < w->plan.stations; i++)
		n += w->station[i].host.net.core.drops[why];
	return n;
}

bool world_excuses(const struct world *w)
{
	if (w->plan.attack != ATTACK_FLOOD && drops(w, DROP_TCP_HALF_OPEN))
		return true;		/* no room for so long */
	return w->plan.attack == ATTACK_ONPATH || drops(w, DROP_TCP_TIMEOUT) ||
	       drops(w, DROP_NEIGH_UNREACHABLE);
}

struct flow *world_flow(struct world *w, uint32_t src, uint16_t sport, uint32_t dst, uint16_t dport,
			bool *from_client)
{
	for (unsigned i = w->flows_begun; i-- > w->first_open;) {
		struct flow *f = &w->flow[i];
		uint32_t c = f->side[0].station->ip, v = f->side[1].station->ip;

		if (c == src && f->cport == sport && v == dst && f->plan->sport == dport) {
			*from_client = true;
			return f;
		}
		if (v == src && f->plan->sport == sport && c == dst && f->cport == dport) {
			*from_client = false;
			return f;
		}
	}
	return NULL;
}

/* ---- the wire's events */

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 32;
}

static uint64_t mix_bytes(uint64_t h, const uint8_t *b, uint32_t n)
{
	uint64_t v = 0;

	for (; n >= 8; b += 8, n -= 8) {
		memcpy(&v, b, 8);
		h = mix(h, v);
	}
	v = 0;
	memcpy(&v, b, n);
	return mix(h, v);
}

static void capture(struct world *w, const struct wire_event *e)
{
	const struct impair_delivery *d = e->delivery;
	char comment[128] = "";

	if (!e->arrival && e->fate != IMPAIR_PASS)
		snprintf(comment, sizeof(comment), "to host%u: %s", e->to,
			 impair_fate_name(e->fate));
	if (e->arrival && (d->flips_n || d->reordered || d->duplicate))
		snprintf(comment, sizeof(comment), "%s%s%s", d->flips_n ? "corrupted " : "",
			 d->reordered ? "reordered " : "", d->duplicate ? "duplicate" : "");
	pcapng_frame(w->pcap, e->end, e->at, e->arrival ? PCAPNG_IN : PCAPNG_OUT, e->bytes, e->len,
		     comment[0] ? comment : NULL);
}

static void on_event(void *ctx, const struct wire_event *e)
{
	struct world *w = ctx;

	w->trace = mix(w->trace, e->at ^ (uint64_t)e->end << 60 ^ (uint64_t)e->arrival << 59);
	w->trace = mix_bytes(w->trace, e->bytes, e->len);
	if (w->pcap)
		capture(w, e);
	if (e->arrival) {
		police_arrival(w, e->end, e->bytes, e->len);
		return;
	}
	w->frames++;
	police_departure(w, e->end, e->bytes, e->len);
	attack_saw(w, e);
}

static void on_due(void *ctx, unsigned end, nsec due)
{
	struct world *w = ctx;
	struct station *st = &w->station[end];

	sim_task_by(&w->sim, &st->task, MAX(due, st->polled_at + st->plan->poll_gap));
}

/* ---- a station */

/* Every n-th allocation failing, and worse: for a while all frames but a few are gone. */
static void starve(struct station *st)
{
	const struct station_plan *p = st->plan;
	struct pool *pool = &st->host.net.pool;
	nsec now = world_now(st->world);

	if (!p->starve_every || now < st->starve_at)
		return;
	if (st->starved_n) {
		while (st->starved_n)
			pkt_put(st->starved[--st->starved_n]);
		st->starve_at = now + p->starve_every;
	} else if (now < st->world->plan.faults_until) {
		while (pool->free_frames_n > p->starve_left && st->starved_n < STATION_STARVED_MAX)
			st->starved[st->starved_n++] = pkt_new(pool);
		st->starve_at = now + p->starve_for;
	} else {
		st->starve_at = NSEC_NEVER;
	}
}

/* A machine that sleeps: nothing is polled, and then much time has passed at once. */
static bool sleeps(struct station *st)
{
	const struct station_plan *p = st->plan;
	nsec now = world_now(st->world);

	if (!p->sleep_every || now >= st->world->plan.faults_until)
		return false;
	if (now >= st->sleep_at + p->sleep_for)
		st->sleep_at = now + p->sleep_every;
	return now >= st->sleep_at;
}

/* A router on the way here takes shorter packets from now on, or longer ones again, and tells
 * nobody. */
static void change_mtu(struct station *st)
{
	const struct station_plan *p = st->plan;
	struct impair *way = wire_impair(st->world->wire, st->index);
	nsec now = world_now(st->world);

	bool over = now >= st->world->plan.faults_until;

	if (!p->mtu_every || now < st->mtu_at)
		return;
	st->mtu_at = over ? NSEC_NEVER : MIN(now + p->mtu_every, st->world->plan.faults_until);
	way->faults.mtu = way->faults.mtu || over ? 0 : p->mtu_low;
}

static void check(struct station *st)
{
	struct world *w = st->world;

	if (++w->steps % w->plan.check_every && !w->ending)
		return;
	net_check(&st->host.net);
	if (st->plan->door)
		ring_check(&st->ring);
}

static nsec station_run(void *ctx)
{
	struct station *st = ctx;
	struct world *w = st->world;
	nsec now = world_now(w), next;

	if (sleeps(st))
		return st->sleep_at + st->plan->sleep_for;
	change_mtu(st);
	st->polls_now = st->polled_at == now ? st->polls_now + 1 : 0;
	if (st->polls_now > BURST_MAX)
		world_fail(w, "host%u does not come to rest", st->index);
	st->polled_at = now;
	starve(st);
	next = st->mouth->poll(st);
	check(st);
	if (st->plan->starve_every)
		next = MIN(next, st->starve_at);
	if (st->plan->mtu_every)
		next = MIN(next, st->mtu_at);
	return next == NSEC_NEVER ? next : MAX(next, now + st->plan->poll_gap);
}

static void station_init(struct world *w, unsigned i)
{
	struct station *st = &w->station[i];
	const char *why;
	struct ip_route via;
	struct addr a;

	st->world = w;
	st->index = i;
	st->plan = &w->plan.station[i];
	st->mouth = st->plan->door ? &mouth_door : &mouth_tcp;
	st->ip = IPV4(10, 0, 0, i + 1);
	list_init(&st->sides);
	st->next = NSEC_NEVER;
	st->sleep_at = world_now(w) + st->plan->sleep_every;
	st->starve_at = st->plan->starve_every ? world_now(w) + st->plan->starve_every : NSEC_NEVER;
	why = host_init(&st->host, &st->plan->config, world_now(w));
	if (why) {
		world_fail(w, "host%u: %s", i, why);
		return;
	}
	st->dev = wire_dev(w->wire, i);
	st->dev->pool = &st->host.net.pool;
	net_add_dev(&st->host.net, st->dev);
	a = addr_v4(st->ip);
	ip_add_addr(&st->host.net.ip, &a, 24, 0);
	via = (struct ip_route){.dst = addr_v4(0), .via_gateway = true,
				.gateway = addr_v4(IPV4(10, 0, 0, (i + 1) % w->plan.stations + 1))};
	ip_add_route(&st->host.net.ip, &via);
	st->mouth->start(st);
	beside_init(st);
	sim_task_init(&st->task, station_run, st);
	for (unsigned k = 0; k < 2; k++) {
		st->mouth->listen(st, k, (uint16_t)(80 + k), st->plan->backlog);
		st->listening[k] = true;
	}
	sim_task_by(&w->sim, &st->task, world_now(w));
}

static void unlisten(struct station *st, unsigned k)
{
	if (st->listening[k])
		st->mouth->unlisten(st, k);
	st->listening[k] = false;
	sim_task_by(&st->world->sim, &st->task, world_now(st->world));
}

/* ---- the director: what happens to the world as a whole */

static void cut(struct flow *f)
{
	for (unsigned k = 0; k < 2; k++) {
		struct side *s = &f->side[k];

		if (s->state == SIDE_DONE)
			continue;
		s->rough = true;
		if (s->state != SIDE_IDLE)
			s->station->mouth->abort(s);
		side_done(s);
		sim_task_by(&s->station->world->sim, &s->station->task,
			    world_now(s->station->world));
	}
}

/* Polls the stations that a flow begins at, so that their clocks are right, then begins it. */
static bool begin(struct world *w, struct flow *f)
{
	struct station *c = f->side[0].station, *v = f->side[1].station;

	c->mouth->poll(c);
	if (f->plan->simultaneous)
		v->mouth->poll(v);
	if (!side_begin(f))
		return false;
	sim_task_by(&w->sim, &c->task, world_now(w));
	sim_task_by(&w->sim, &v->task, world_now(w));
	return true;
}

/* A flow finds no room for its connection.  Somebody on the path may have ended one side of those
 * there are, and the other waits for bytes that never come: then they are cut after a while. */
static void no_room(struct world *w)
{
	if (world_now(w) < w->plan.faults_until + PATIENCE)
		return;
	if (!world_excuses(w))
		world_fail(w, "no room for a new connection, and none has ended for long");
	for (unsigned i = w->first_open; i < w->flows_begun; i++)
		if (!w->flow[i].over)
			cut(&w->flow[i]);
}

static nsec begin_flows(struct world *w)
{
	while (w->flows_begun < w->plan.flows) {
		struct flow *f = &w->flow[w->flows_begun];

		if (f->plan->start > world_now(w))
			return f->plan->start;
		w->flows_begun++;
		if (!begin(w, f)) {
			w->flows_begun--;
			no_room(w);
			return world_now(w) + START_AGAIN;
		}
	}
	return NSEC_NEVER;
}

static nsec cut_flows(struct world *w)
{
	nsec next = NSEC_NEVER, now = world_now(w);

	while (w->first_open < w->flows_begun && w->flow[w->first_open].over &&
	       w->flow[w->first_open].over_at + SEC(300) < now)
		w->first_open++;
	for (unsigned i = w->first_open; i < w->flows_begun; i++) {
		struct flow *f = &w->flow[i];

		if (!f->over && f->cut_at && f->cut_at <= now)
			cut(f);
		else if (!f->over && f->cut_at)
			next = MIN(next, f->cut_at);
	}
	return next;
}

static void listeners_close(struct world *w)
{
	for (unsigned i = 0; i < w->plan.stations; i++) {
		struct station *st = &w->station[i];

		st->mouth->poll(st);
		unlisten(st, 0);
		st->mouth->poll(st);
		st->mouth->listen(st, 0, 80, st->plan->backlog);
		st->listening[0] = true;
	}
}

/* Flows that a closing listener may have reset before anybody accepted them: nobody may ever
 * hear. */
static void flows_may_be_lost(struct world *w)
{
	for (unsigned i = w->first_open; i < w->flows_begun; i++)
		if (w->flow[i].side[1].state == SIDE_IDLE && !w->flow[i].cut_at)
			w->flow[i].cut_at = world_now(w) + SEC(60);
}

static nsec director_run(void *ctx)
{
	struct world *w = ctx;
	nsec now = world_now(w), next = begin_flows(w), c;

	if (w->plan.listeners_close && w->plan.listeners_close <= now) {
		listeners_close(w);
		flows_may_be_lost(w);
		w->plan.listeners_close = NSEC_NEVER;	/* it has happened */
	} else if (w->plan.listeners_close && w->plan.listeners_close != NSEC_NEVER) {
		next = MIN(next, w->plan.listeners_close);
	}
	c = cut_flows(w);
	if (w->plan.pings && now < w->plan.faults_until) {
		beside_ping(w);
		next = MIN(next, now + MSEC(100));
	}
	return MIN(next, c);
}

/* ---- the run */

static void open_pcap(struct world *w, const char *path)
{
	char name[32];

	w->pcap = pcapng_open(path, "leat's simulator");
	if (!w->pcap) {
		fprintf(stderr, "%s: cannot be written\n", path);
		return;
	}
	for (unsigned i = 0; i < w->plan.stations; i++) {
		snprintf(name, sizeof(name), "host%u", i);
		pcapng_add_interface(w->pcap, name, 65535);
	}
}

static bool open_wire(struct world *w)
{
	struct wire_config c = {.ends = w->plan.stations, .seed = w->plan.seed, .name = "host",
				.in_flight_max = 4096, .tx_max = w->plan.small_ring ? 3 : 0,
				.on_event = on_event, .on_due = on_due, .ctx = w};

	c.features = prng_below(&w->dice, 2) ? NETDEV_CHAIN_TX : 0;
	for (unsigned i = 0; i < c.ends; i++) {
		/* no frame takes that in one piece */
		if (w->plan.station[i].mtu > PKT_ROOM - 14)
			c.features = NETDEV_CHAIN_TX;
		c.faults[i] = w->plan.station[i].faults;
		c.mtu[i] = w->plan.station[i].mtu;
		c.mac[i] = w->station[i].mac = (struct mac){{2, 0, 0, 0, 0, (uint8_t)(i + 1)}};
	}
	if (wire_new(&w->wire, &c) < 0)
		return false;
	for (unsigned i = 0; i < c.ends; i++)
		wire_impair(w->wire, i)->faults_until = w->plan.faults_until;
	return true;
}

static void flows_init(struct world *w)
{
	w->flow = calloc(w->plan.flows, sizeof(*w->flow));
	assert(w->flow != NULL);
	for (unsigned i = 0; i < w->plan.flows; i++) {
		struct flow *f = &w->flow[i];

		f->plan = &w->plan.flow[i];
		for (unsigned k = 0; k < 2; k++) {
			f->side[k].flow = f;
			f->side[k].which = k;
			f->side[k].plan = &f->plan->side[k];
			f->side[k].station = &w->station[k ? f->plan->server : f->plan->client];
		}
	}
}

bool world_init(struct world *w, uint64_t seed, const struct plan_options *o, const char *pcap,
		bool verbose)
{
	memset(w, 0, sizeof(*w));
	plan_draw(&w->plan, seed, o);
	w->verbose = verbose;
	sim_init(&w->sim, seed);
	prng_seed(&w->dice, seed ^ 0x64696365);
	if (verbose)
		plan_print(&w->plan);
	if (pcap)
		open_pcap(w, pcap);
	if (!open_wire(w)) {
		world_fail(w, "no memory for the wire");
		return false;
	}
	flows_init(w);
	police_init(w);
	attack_init(w);
	for (unsigned i = 0; i < w->plan.stations; i++)
		station_init(w, i);
	sim_task_init(&w->director, director_run, w);
	sim_task_by(&w->sim, &w->director, world_now(w));
	return !world_bad(w);
}

/* What a slow wire, slow readers and back-off may still need when the faults are over. */
static nsec deadline(const struct world *w)
{
	nsec t = w->plan.faults_until + PATIENCE;

	for (unsigned i = 0; i < w->plan.flows; i++)
		for (unsigned k = 0; k < 2; k++) {
			const struct side_plan *s = &w->plan.flow[i].side[k];

			t += s->total / s->write_max * s->write_gap / 8;
			t += s->total * 8 * 1000 / 4;	/* 1 Mbit/s and some */
		}
	return t;
}

static bool flows_finish(struct world *w)
{
	nsec end = deadline(w);

	while (!world_bad(w) && w->flows_over < w->plan.flows) {
		if (sim_step(&w->sim, end))
			continue;
		for (unsigned i = w->first_open; i < w->plan.flows && !world_bad(w); i++) {
			struct flow *f = &w->flow[i];

			if (f->over)
				continue;
			if (!world_excuses(w))
				world_fail(
					w,
					"flow host%u:%u > host%u:%u (%u) has not finished: client "
					"state %d sent %" PRIu64 " of %" PRIu64
					", server state %d sent %" PRIu64 " of %" PRIu64,
					f->plan->client, f->cport, f->plan->server, f->plan->sport,
					i, f->side[0].state, f->side[0].sent,
					f->side[0].plan->total, f->side[1].state, f->side[1].sent,
					f->side[1].plan->total);
			cut(f);
			w->flows_failed++;
		}
	}
	return !world_bad(w);
}

static bool at_rest(const struct world *w)
{
	for (unsigned i = 0; i < w->plan.stations; i++) {
		const struct tcp *t = &w->station[i].host.net.tcp;

		if (t->conns_used || t->timewaits_used || w->station[i].starved_n ||
		    !pool_at_rest(&w->station[i].host.net.pool))
			return false;
	}
	return wire_in_flight(w->wire) == 0;
}

static bool comes_to_rest(struct world *w)
{
	nsec end = MAX(world_now(w), w->plan.faults_until) + REST;

	w->ending = true;
	for (unsigned i = 0; i < w->plan.stations; i++) {
		struct station *st = &w->station[i];

		st->mouth->poll(st);
		unlisten(st, 0);
		unlisten(st, 1);
		beside_fini(st);
	}
	while (!world_bad(w) && !at_rest(w)) {
		if (sim_step(&w->sim, end))
			continue;
		for (unsigned i = 0; i < w->plan.stations; i++) {
			const struct net *n = &w->station[i].host.net;

			world_fail(
				w,
				"host%u is not at rest: %u connections, %u in TIME_WAIT, %u of %u "
				"frames and %u of %u bare free, %u in flight",
				i, n->tcp.conns_used, n->tcp.timewaits_used, n->pool.free_frames_n,
				n->pool.frames, n->pool.free_bare_n, n->pool.bare,
				wire_in_flight(w->wire));
		}
	}
	return !world_bad(w);
}

bool world_run(struct world *w)
{
	while (!world_bad(w) && w->flows_begun < w->plan.flows)
		sim_step(&w->sim, NSEC_NEVER);
	return flows_finish(w) && comes_to_rest(w);
}

void world_fini(struct world *w)
{
	bool bad = world_bad(w);

	for (unsigned i = 0; i < w->plan.stations; i++)
		if (w->station[i].mouth)
			w->station[i].mouth->stop(&w->station[i]);
	for (unsigned i = 0; i < w->plan.flows; i++)
		for (unsigned k = 0; k < 2; k++)
			w->flow[i].side[k].station->mouth->release(&w->flow[i].side[k]);
	for (unsigned i = 0; i < w->plan.stations; i++) {
		struct station *st = &w->station[i];

		while (st->starved_n)
			pkt_put(st->starved[--st->starved_n]);
		st->dev->ops->close(st->dev);
		if (!host_fini(&st->host) && !bad)
			world_fail(w, "host%u has lost a frame", i);
	}
	wire_free(w->wire);
	police_fini(w);
	attack_fini(w);
	free(w->flow);
	plan_free(&w->plan);
	if (w->pcap)
		pcapng_close(w->pcap);
	w->pcap = NULL;
}
