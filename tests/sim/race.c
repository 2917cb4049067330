/* Bulk flows through one bottleneck, the table of their throughput, and whether they share. */
#include "sim/race.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/wire/wire.h"
#include "helper/host.h"
#include "port/sim/sim.h"

#define STACKS_MAX (RACE_FLOWS_MAX + 1)
#define MINE 0u				/* the receiver's end */
#define FRAMES 24576u
#define BLOCK (256u << 10)
#define TABLE_RUNS 4u

struct runner {
	struct course *course;
	unsigned index;
	struct host host;
	struct sim_task task;
	struct tcp_conn *conn;		/* a sender's */
	struct tcp_listener *listener;	/* the receiver's */
};

struct course {
	const struct race *race;
	struct race_result *out;
	struct sim sim;
	struct wire *wire;
	struct runner runner[STACKS_MAX];
};

static uint8_t block[BLOCK];

static struct addr addr_of(unsigned i)
{
	return addr_v4(IPV4(10, 0, 0, 1 + i));
}

static void start_flow(struct runner *r)
{
	struct addr any = {0}, to = addr_of(MINE);
	struct tcp *t = &r->host.net.tcp;
	int err;

	r->conn = tcp_open(t, r);
	assert(r->conn != NULL);
	tcp_set_cc(t, r->conn, r->course->race->cc[r->index - 1]->name, CC_NAME_MAX);
	err = tcp_connect(t, r->conn, &any, (uint16_t)(1000 + r->index), &to, 80);
	assert(err == 0);
}

static void receive(struct course *k, struct tcp *t)
{
	struct tcp_conn *c;
	unsigned bits;

	while (tcp_ready_listener(t))
		;
	while ((c = tcp_accept(t, k->runner[MINE].listener, NULL)))
		;
	while ((c = tcp_ready_conn(t, &bits))) {
		struct tcp_info info;
		struct pkt *p;
		uint32_t n = 0;

		tcp_get_info(t, c, &info);
		while ((p = tcp_recv(t, c))) {
			n += p->total;
			pkt_put(p);
		}
		tcp_recv_done(t, c, n);
		if (k->sim.now >= SIM_START + k->race->count_from)
			k->out->bytes[info.rport - 1001] += n;
	}
}

static void send(struct runner *r, struct tcp *t)
{
	unsigned bits;

	while (tcp_ready_conn(t, &bits))
		;
	while (r->conn && tcp_write(t, r->conn, block, BLOCK) > 0)
		;
}

static nsec run(void *ctx)
{
	struct runner *r = ctx;
	struct course *k = r->course;
	nsec next = net_poll(&r->host.net, k->sim.now), begin;

	if (r->index == MINE) {
		receive(k, &r->host.net.tcp);
	} else {
		begin = SIM_START + MSEC(1) + k->race->start[r->index - 1];
		if (!r->conn && k->sim.now >= begin)
			start_flow(r);
		if (!r->conn)
			next = MIN(next, begin);
		send(r, &r->host.net.tcp);
	}
	net_flush(&r->host.net);
	return MIN(next, wheel_next(&r->host.net.core.wheel));
}

static void on_due(void *ctx, unsigned end, nsec due)
{
	struct course *k = ctx;

	sim_task_by(&k->sim, &k->runner[end].task, due);
}

static void join(struct course *k, unsigned i)
{
	struct runner *r = &k->runner[i];
	struct addr us = addr_of(i), any = {0};
	struct net_config config;
	const char *why;
	int err;

	*r = (struct runner){.course = k, .index = i};
	host_config(&config, k->race->seed + i);
	config.frames = config.bare = FRAMES;
	config.tcp = k->race->tcp ? *k->race->tcp : tcp_config_default;
	if (i == MINE && k->race->cc[0]->ecn)
		config.tcp.cc = k->race->cc[0];	/* who echoes exactly */
	if (k->race->mark_bytes)
		config.tcp.ecn = TCP_ECN_ASK;
	config.tcp.conns_max = config.tcp.timewaits_max = 16;
	why = host_init(&r->host, &config, k->sim.now);
	assert(why == NULL);
	wire_dev(k->wire, i)->pool = &r->host.net.pool;
	net_add_dev(&r->host.net, wire_dev(k->wire, i));
	ip_add_addr(&r->host.net.ip, &us, 24, 0);
	if (i == MINE)
		r->listener = tcp_listen(&r->host.net.tcp, &any, 80, 0, NULL, &err);
	sim_task_init(&r->task, run, r);
	sim_task_by(&k->sim, &r->task, k->sim.now);
}

static uint32_t queue_of(const struct race *r)
{
	uint64_t bdp = r->rate_bps / 8 * (r->rtt / 1000) / 1000000;

	return r->queue_bytes ? r->queue_bytes : (uint32_t)MAX(bdp, 65536u);
}

void race_run(const struct race *r, struct race_result *out)
{
	static struct course k;
	struct wire_config c = {.ends = r->flows + 1, .seed = r->seed, .in_flight_max = 32768,
				.features = NETDEV_CHAIN_TX, .name = "race", .on_due = on_due,
				.ctx = &k};

	k = (struct course){.race = r, .out = out};
	*out = (struct race_result){{0}};
	sim_init(&k.sim, r->seed);
	for (unsigned i = 0; i <= r->flows; i++) {
		c.mtu[i] = 1500;
		c.mac[i] = (struct mac){{2, 0, 0, 0, 0, (uint8_t)(1 + i)}};
		c.faults[i] = (struct impair_faults){.delay = r->rtt / 2, .jitter = r->jitter};
	}
	c.faults[MINE].rate_bps = r->rate_bps;
	c.faults[MINE].queue_bytes = queue_of(r);
	c.faults[MINE].mark_bytes = r->mark_bytes;
	c.faults[MINE].loss_ppm = r->loss_ppm;
	wire_new(&k.wire, &c);
	for (unsigned i = 0; i <= r->flows; i++)
		join(&k, i);
	wire_impair(k.wire, MINE)->faults_until = NSEC_NEVER;
	while (sim_step(&k.sim, SIM_START + r->duration))
		;
	out->queue_full = wire_impair(k.wire, MINE)->fates[IMPAIR_QUEUE_FULL];
	out->marked = wire_impair(k.wire, MINE)->marked;
	out->lost = wire_impair(k.wire, MINE)->fates[IMPAIR_LOST];
	for (unsigned i = 0; i <= r->flows; i++) {
		if (i != MINE)
			out->n[i - 1] = k.runner[i].host.net.tcp.n;
		host_fini(&k.runner[i].host);
	}
	wire_free(k.wire);
}

double race_rate(const struct race *r, const struct race_result *out, unsigned flow)
{
	return (double)out->bytes[flow] * 8e9 / (double)(r->duration - r->count_from);
}

/* The mean of some runs of one cell. */
static void cell(const struct cc_ops *cc, nsec duration, uint32_t loss_ppm, nsec rtt)
{
	double rate = 0, resent = 0, timeouts = 0;
	struct race_result out;

	for (unsigned i = 0; i < TABLE_RUNS; i++) {
		struct race r = {.rate_bps = 100000000, .rtt = rtt, .loss_ppm = loss_ppm,
				 .flows = 1, .cc = {cc}, .duration = duration, .seed = 11 + i};

		race_run(&r, &out);
		rate += race_rate(&r, &out, 0) / 1e6 / TABLE_RUNS;
		resent += (double)out.n[0].retrans_segs / TABLE_RUNS;
		timeouts += (double)out.n[0].rto_fired / TABLE_RUNS;
	}
	printf(" %8.3f (%6.0f, %4.1f)", rate, resent, timeouts);
	fflush(stdout);
}

int race_table(const struct cc_ops *cc, nsec duration)
{
	static const uint32_t losses[] = {0, 1000, 10000, 30000, 100000};
	static const unsigned rtts_ms[] = {1, 20, 100, 300};

	printf("%s: Mbit/s of one flow over 100 Mbit/s in %llu s (segments sent again, time-outs)\n"
	       "loss ",
	       cc->name, (unsigned long long)(duration / SEC(1)));
	for (unsigned i = 0; i < ARRAY_LEN(rtts_ms); i++)
		printf("%20u ms", rtts_ms[i]);
	for (unsigned l = 0; l < ARRAY_LEN(losses); l++) {
		printf("\n%4.1f%%", losses[l] / 1e4);
		for (unsigned i = 0; i < ARRAY_LEN(rtts_ms); i++)
			cell(cc, duration, losses[l], MSEC(rtts_ms[i]));
	}
	printf("\n");
	return 0;
}

/* Two flows, one of them later; what they got after a minute.  A little jitter: where
 * every round trip is equal to the nanosecond, a full queue always drops the same flow's. */
static bool shared(const char *name, nsec rtt, nsec late)
{
	const struct cc_ops *cc = cc_find(name, CC_NAME_MAX);
	struct race r = {.rate_bps = 40000000, .rtt = rtt, .flows = 2, .cc = {cc, cc},
			 .start = {0, late}, .duration = SEC(240), .count_from = SEC(60),
			 .seed = 3, .jitter = rtt / 50};
	struct race_result out;
	double a, b;

	race_run(&r, &out);
	a = race_rate(&r, &out, 0) / 1e6;
	b = race_rate(&r, &out, 1) / 1e6;
	printf("%s - two flows of %s over 40 Mbit/s, %llu ms: %.2f and %.2f Mbit/s\n",
	       MIN(a, b) > 0.9 * MAX(a, b) ? "ok" : "not ok", name,
	       (unsigned long long)(rtt / 1000000), a, b);
	return MIN(a, b) > 0.9 * MAX(a, b);
}

/* Where routers mark, a flow fills the path and loses nothing. */
static int marks(const char *name)
{
	const struct cc_ops *cc = cc_find(name, CC_NAME_MAX);
	bool dctcp = cc->ecn;
	struct race r = {.rate_bps = 100000000, .rtt = dctcp ? MSEC(2) : MSEC(20), .flows = 1,
			 .cc = {cc}, .duration = SEC(20), .count_from = SEC(2), .seed = 5,
			 .mark_bytes = dctcp ? 20000 : 120000, .queue_bytes = 1000000};
	struct race_result out;
	double rate;
	bool good;

	race_run(&r, &out);
	rate = race_rate(&r, &out, 0) / 1e6;
	good = rate > 88 && !out.queue_full && out.marked && out.n[0].ecn_cuts;
	printf("%s - %s where %u bytes are marked: %.1f Mbit/s of 100, %llu marked, %llu cuts, "
	       "%llu lost\n",
	       good ? "ok" : "not ok", name, r.mark_bytes, rate, (unsigned long long)out.marked,
	       (unsigned long long)out.n[0].ecn_cuts, (unsigned long long)out.queue_full);
	return !good;
}

int race_fairness(void)
{
	int bad = 0;

	bad += marks("cubic") + marks("dctcp");

	bad += !shared("cubic", MSEC(20), SEC(10));
	bad += !shared("cubic", MSEC(10), SEC(10));
	bad += !shared("newreno", MSEC(20), SEC(10));
	bad += !shared("bbr", MSEC(20), SEC(10));
	return bad;
}
