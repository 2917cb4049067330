/* `leat wire`: a cable between two links, as bad as one asks for.
 *
 * The simulator's wire (drivers/wire) with real time: what one device receives goes into one end of
 * it, what comes out at the other end is sent by the other device.  Here are only the pump and the
 * options; what happens to a frame is impair.h's decision, the same as in every simulated run. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leat/leat.h"

#include "apps/leat/leat.h"
#include "drivers/drivers.h"
#include "drivers/pcap/pcapng.h"
#include "drivers/wire/wire.h"
#include "port/port.h"

#define CABLE_FRAMES 4096u	/* of the pool: those that are just being moved */
#define CABLE_FLIGHTS 32768u	/* frames on the wire at once, both ways, and their memory */
#define CABLE_BYTES (256u << 20)
#define CABLE_FULL USEC(50)	/* a device that takes no more is tried again after so long */
#define CABLE_QUEUE_TIME 10	/* tenths of a second of the rate that may wait, 1/10 s */
#define CABLE_QUEUE_MIN 65536u

struct cable_side {
	struct drivers_link link;
	struct pkt *stuck[NETDEV_BURST];	/* for this device, which was full */
	unsigned stuck_n;
};

struct cable {
	const char *loss, *delay, *jitter, *rate, *reorder, *reorder_by, *dup, *corrupt, *queue;
	const char *burst, *mtu, *way, *pcap, *blackout;
	uint32_t seed, seconds_ms;
	bool seeded, poll_busy;
	struct impair_faults faults, perfect;
	struct cable_side side[2];
	struct pool pool;
	void *region, *mem;
	struct wire *wire;
	struct pcapng *capture;
	int64_t wall;			/* what makes port_now() a time since 1970 */
	uint64_t seed_used;
};

static volatile sig_atomic_t cable_signals;

static const char cable_usage[] =
	"usage: leat wire A B [OPTION...]\n"
	"\n"
	"Joins two links (see leat net help) by a cable that is as bad as one asks for: with the\n"
	"simulator's wire, in real time.  A word without a colon is a TAP: leat wire left right.\n"
	"\n"
	"      --loss P          chance that a frame is lost: 1% or 0.01\n"
	"      --burst P:N       chance that a bad spell begins, which takes N frames on average\n"
	"      --delay T         time on the way: 20ms, 100us, 1s\n"
	"      --jitter T        and up to so much more, order kept\n"
	"      --reorder P       chance that a frame is overtaken by those behind it\n"
	"      --reorder-by T    how late it may be (--delay, or 5ms)\n"
	"      --dup P           chance that it comes twice\n"
	"      --corrupt P       chance that bits are turned\n"
	"      --rate R          bits a second: 100mbit, 1gbit\n"
	"      --queue BYTES     may wait for the rate: 64k (what the rate carries in 100 ms)\n"
	"      --mtu N           longer packets are lost\n"
	"      --blackout T:L    in each period T nothing passes for the last L of it\n"
	"      --way ab|ba|both  which way is bad (both)\n"
	"      --seed N          all chance follows from it (random)\n"
	"      --pcap FILE       records what came out, and says what was lost\n"
	"      --seconds S       ends after so long\n"
	"      --busy            never sleeps: delays are kept to a few microseconds\n"
	"\n"
	"Ctrl-C ends it and prints what happened to how many frames.\n";

static int cable_bad(const char *option, const char *value, const char *want)
{
	fprintf(stderr, "leat wire: --%s is %s, not \"%s\"\n", option, want, value);
	return LEAT_EXIT_USAGE;
}

/* "A:B" into two; false when there is no colon or a part is too long. */
static bool cable_split(const char *text, char *a, const char **b, size_t size)
{
	const char *colon = strchr(text, ':');

	if (!colon || (size_t)(colon - text) >= size)
		return false;
	memcpy(a, text, (size_t)(colon - text));
	a[colon - text] = '\0';
	*b = colon + 1;
	return true;
}

static int cable_chances(struct cable *c)
{
	const struct {
		const char *name, *text;
		uint32_t *to;
	} chance[] = {
		{ "loss", c->loss, &c->faults.loss_ppm },
		{ "reorder", c->reorder, &c->faults.reorder_ppm },
		{ "dup", c->dup, &c->faults.dup_ppm },
		{ "corrupt", c->corrupt, &c->faults.corrupt_ppm },
	};
	const char *n;
	char p[32];

	for (unsigned i = 0; i < ARRAY_LEN(chance); i++)
		if (chance[i].text && !leat_unit_ppm(chance[i].text, chance[i].to))
			return cable_bad(chance[i].name, chance[i].text,
					 "a chance such as 1% or 0.01");
	if (!c->burst)
		return LEAT_EXIT_OK;
	if (!cable_split(c->burst, p, &n, sizeof(p)) || !leat_unit_ppm(p, &c->faults.spell_ppm) ||
	    !leat_unit_bytes(n, &c->faults.spell_frames) || !c->faults.spell_frames)
		return cable_bad("burst", c->burst, "a chance and a number of frames: 0.1%:8");
	return LEAT_EXIT_OK;
}

static int cable_times(struct cable *c)
{
	const struct {
		const char *name, *text;
		nsec *to;
	} times[] = {
		{ "delay", c->delay, &c->faults.delay },
		{ "jitter", c->jitter, &c->faults.jitter },
		{ "reorder-by", c->reorder_by, &c->faults.reorder_by },
	};
	const char *length;
	char period[32];

	for (unsigned i = 0; i < ARRAY_LEN(times); i++)
		if (times[i].text && !leat_unit_time(times[i].text, times[i].to))
			return cable_bad(times[i].name, times[i].text, "a time such as 20ms");
	if (c->faults.reorder_ppm && !c->reorder_by)
		c->faults.reorder_by = c->faults.delay ? c->faults.delay : MSEC(5);
	if (!c->blackout)
		return LEAT_EXIT_OK;
	if (!cable_split(c->blackout, period, &length, sizeof(period)) ||
	    !leat_unit_time(period, &c->faults.blackout_every) ||
	    !leat_unit_time(length, &c->faults.blackout_for) ||
	    c->faults.blackout_for >= c->faults.blackout_every)
		return cable_bad("blackout", c->blackout, "a period and a shorter time: 10s:1s");
	return LEAT_EXIT_OK;
}

static int cable_sizes(struct cable *c)
{
	struct impair_faults *f = &c->faults;

	if (c->rate && !leat_unit_rate(c->rate, &f->rate_bps))
		return cable_bad("rate", c->rate, "a rate such as 100mbit");
	if (c->queue && !leat_unit_bytes(c->queue, &f->queue_bytes))
		return cable_bad("queue", c->queue, "a number of bytes such as 64k");
	if (c->mtu && (!leat_unit_bytes(c->mtu, &f->mtu) || f->mtu < 68))
		return cable_bad("mtu", c->mtu, "a number of bytes, 68 or more");
	if (f->rate_bps && !c->queue)
		f->queue_bytes = (uint32_t)MIN(MAX(f->rate_bps / 8 / CABLE_QUEUE_TIME,
						   CABLE_QUEUE_MIN), UINT32_MAX);
	if (c->way && strcmp(c->way, "both") && strcmp(c->way, "ab") && strcmp(c->way, "ba"))
		return cable_bad("way", c->way, "ab, ba or both");
	return LEAT_EXIT_OK;
}

static int cable_options(struct cable *c, int argc, char **argv, const char **ends)
{
	const char *seed = NULL;
	const struct leat_option options[] = {
		{ "loss", 0, LEAT_OPTION_TEXT, &c->loss, 0, 0 },
		{ "burst", 0, LEAT_OPTION_TEXT, &c->burst, 0, 0 },
		{ "delay", 0, LEAT_OPTION_TEXT, &c->delay, 0, 0 },
		{ "jitter", 0, LEAT_OPTION_TEXT, &c->jitter, 0, 0 },
		{ "reorder", 0, LEAT_OPTION_TEXT, &c->reorder, 0, 0 },
		{ "reorder-by", 0, LEAT_OPTION_TEXT, &c->reorder_by, 0, 0 },
		{ "dup", 0, LEAT_OPTION_TEXT, &c->dup, 0, 0 },
		{ "corrupt", 0, LEAT_OPTION_TEXT, &c->corrupt, 0, 0 },
		{ "rate", 0, LEAT_OPTION_TEXT, &c->rate, 0, 0 },
		{ "queue", 0, LEAT_OPTION_TEXT, &c->queue, 0, 0 },
		{ "mtu", 0, LEAT_OPTION_TEXT, &c->mtu, 0, 0 },
		{ "blackout", 0, LEAT_OPTION_TEXT, &c->blackout, 0, 0 },
		{ "way", 0, LEAT_OPTION_TEXT, &c->way, 0, 0 },
		{ "seed", 0, LEAT_OPTION_TEXT, &seed, 0, 0 },
		{ "pcap", 0, LEAT_OPTION_TEXT, &c->pcap, 0, 0 },
		{ "seconds", 0, LEAT_OPTION_SECONDS, &c->seconds_ms, 1, UINT32_MAX },
		{ "busy", 0, LEAT_OPTION_FLAG, &c->poll_busy, 0, 0 },
		{ NULL, 0, LEAT_OPTION_FLAG, NULL, 0, 0 },
	};
	int n = leat_options_read("wire", options, argc, argv, ends, 2), err;
	char *end;

	if (n < 0)
		return LEAT_EXIT_USAGE;
	if (n < 2) {
		fprintf(stderr, "leat wire: a cable has two ends: leat wire A B; see leat help "
			"wire\n");
		return LEAT_EXIT_USAGE;
	}
	port_entropy(&c->seed_used, sizeof(c->seed_used));
	if (seed) {
		c->seed_used = strtoull(seed, &end, 0);
		if (*end || end == seed)
			return cable_bad("seed", seed, "a number");
	}
	err = cable_chances(c);
	err = err ? err : cable_times(c);
	return err ? err : cable_sizes(c);
}

/* ---- opening */

static int cable_memory(struct cable *c)
{
	size_t bytes = pool_bytes(CABLE_FRAMES, 64);

	c->region = port_map((size_t)CABLE_FRAMES * FRAME_SIZE, false);
	c->mem = port_map(bytes, false);
	if (!c->region || !c->mem) {
		fprintf(stderr, "leat wire: no memory\n");
		return LEAT_EXIT_FAILED;
	}
	pool_init(&c->pool, (struct region){ .base = c->region, .frames = CABLE_FRAMES }, 64,
		  c->mem);
	return LEAT_EXIT_OK;
}

/* An end as it was typed; a word without a colon is a TAP.  A device must not merge frames: each is
 * to be judged by itself. */
static int cable_open_end(struct cable *c, unsigned i, const char *end)
{
	bool tap = !strchr(end, ':');
	char spec[DRIVERS_SPEC_MAX], why[512];
	const char *mode = "";
	int n = snprintf(spec, sizeof(spec), "%s%s", tap ? "tap:" : "", end);

	if (!strstr(spec, ",mode="))
		mode = !strncmp(spec, "tap:", 4) ? ",mode=plain" :
		       !strncmp(spec, "packet:", 7) ? ",mode=cable" : "";
	n += snprintf(spec + n, sizeof(spec) - MIN((size_t)n, sizeof(spec)), "%s", mode);
	if ((size_t)n >= sizeof(spec))
		snprintf(spec, sizeof(spec), "too-long");
	if (leat_net_check("wire", spec))
		return LEAT_EXIT_USAGE;
	if (drivers_open(&c->side[i].link, spec, &c->pool, why, sizeof(why)) == 0 &&
	    c->side[i].link.dev.ops)
		return LEAT_EXIT_OK;
	c->side[i].link.dev.ops = NULL;
	fprintf(stderr, "leat wire: %s\n", why);
	return LEAT_EXIT_FAILED;
}

static void cable_event(void *ctx, const struct wire_event *e)
{
	struct cable *c = ctx;
	nsec at = (nsec)((int64_t)e->at + c->wall);

	if (!c->capture)
		return;
	if (e->arrival)
		pcapng_frame(c->capture, e->end, at, PCAPNG_OUT, e->bytes, e->len,
			     e->delivery->flips_n ? "damaged" :
			     e->delivery->duplicate ? "a duplicate" :
			     e->delivery->reordered ? "late" : NULL);
	else if (e->fate != IMPAIR_PASS)
		pcapng_frame(c->capture, e->to, at, PCAPNG_UNKNOWN, e->bytes, e->len,
			     impair_fate_name(e->fate));
}

static int cable_lay(struct cable *c)
{
	uint16_t mtu = MAX(c->side[0].link.dev.mtu, c->side[1].link.dev.mtu);
	struct wire_config config = {
		.ends = 2,
		.faults = { c->way && !strcmp(c->way, "ab") ? c->perfect : c->faults,
			    c->way && !strcmp(c->way, "ba") ? c->perfect : c->faults },
		.seed = c->seed_used,
		.mtu = { mtu, mtu },
		.features = NETDEV_CHAIN_TX,
		.in_flight_max = MIN(CABLE_FLIGHTS, CABLE_BYTES / (mtu + 256u)),
		.name = "cable",
		.on_event = cable_event,
		.ctx = c,
	};

	if (c->pcap) {
		c->capture = pcapng_open(c->pcap, "leat wire");
		if (!c->capture) {
			fprintf(stderr, "leat wire: cannot write %s\n", c->pcap);
			return LEAT_EXIT_FAILED;
		}
		for (unsigned i = 0; i < 2; i++)
			pcapng_add_interface(c->capture, c->side[i].link.dev.name, 65535);
	}
	c->wall = (int64_t)SEC(port_wall_seconds()) - (int64_t)port_now();
	if (wire_new(&c->wire, &config)) {
		fprintf(stderr, "leat wire: no memory\n");
		return LEAT_EXIT_FAILED;
	}
	wire_dev(c->wire, 0)->pool = &c->pool;
	wire_dev(c->wire, 1)->pool = &c->pool;
	return LEAT_EXIT_OK;
}

/* ---- the pump */

/* What device `i` has received goes into its end of the wire.  True when there may be more. */
static bool cable_in(struct cable *c, unsigned i)
{
	struct netdev *dev = &c->side[i].link.dev, *end = wire_dev(c->wire, i);
	struct pkt *burst[NETDEV_BURST];
	int n = dev->ops->rx(dev, burst, NETDEV_BURST);

	if (n <= 0)
		return false;
	end->ops->tx(end, burst, (unsigned)n);	/* takes all: there is no tx_max */
	return n == NETDEV_BURST;
}

/* What is due at end `i` of the wire goes out by its device.  True when there may be more. */
static bool cable_out(struct cable *c, unsigned i)
{
	struct cable_side *s = &c->side[i];
	struct netdev *dev = &s->link.dev, *end = wire_dev(c->wire, i);
	unsigned sent;
	int n;

	if (!s->stuck_n) {
		n = end->ops->rx(end, s->stuck, NETDEV_BURST);
		s->stuck_n = n > 0 ? (unsigned)n : 0;
	}
	if (!s->stuck_n)
		return false;
	sent = dev->ops->tx(dev, s->stuck, s->stuck_n);
	s->stuck_n -= sent;
	memmove(s->stuck, s->stuck + sent, s->stuck_n * sizeof(s->stuck[0]));
	return !s->stuck_n;
}

/* When somebody wants the pump to run again; the devices are armed. */
static nsec cable_due(struct cable *c, nsec now, struct port_wait *waits, unsigned *n)
{
	nsec due = NSEC_NEVER;

	for (unsigned i = 0; i < 2; i++) {
		struct netdev *dev = &c->side[i].link.dev;

		if (dev->ops->arm(dev))
			return now;
		if (dev->wake_fd >= 0)
			waits[(*n)++].fd = dev->wake_fd;
		if (dev->ops->deadline)
			due = MIN(due, dev->ops->deadline(dev, now));
		due = MIN(due, c->side[i].stuck_n ? now + CABLE_FULL : wire_due(c->wire, i));
	}
	return due;
}

static void cable_pump(struct cable *c)
{
	nsec end = c->seconds_ms ? port_now() + MSEC(c->seconds_ms) : NSEC_NEVER;

	while (!cable_signals) {
		struct port_wait waits[2];
		unsigned n = 0;
		bool more = false;
		nsec now, due;

		for (unsigned i = 0; i < 2; i++) {
			more |= cable_in(c, i);
			more |= cable_out(c, !i);
		}
		now = port_now();
		if (now >= end)
			return;
		if (more || c->poll_busy)
			continue;
		due = cable_due(c, now, waits, &n);
		if (due > now)
			port_idle_until(MIN(due, end), waits, n);
	}
}

/* ---- after */

static void cable_tell(const struct cable *c, unsigned to)
{
	const struct impair *w = wire_impair(c->wire, to);
	const struct netdev_stats *in = &c->side[!to].link.dev.stats;
	const struct netdev_stats *out = &c->side[to].link.dev.stats;

	printf("leat: %s to %s: %llu frames in, %llu out", c->side[!to].link.dev.name,
	       c->side[to].link.dev.name, (unsigned long long)in->rx_frames,
	       (unsigned long long)out->tx_frames);
	for (enum impair_fate f = IMPAIR_PASS + 1; f < IMPAIR_FATES; f++)
		if (w->fates[f])
			printf(", %llu %s", (unsigned long long)w->fates[f], impair_fate_name(f));
	if (w->duplicated)
		printf(", %llu duplicated", (unsigned long long)w->duplicated);
	if (w->reordered)
		printf(", %llu reordered", (unsigned long long)w->reordered);
	if (w->corrupted)
		printf(", %llu damaged", (unsigned long long)w->corrupted);
	if (out->tx_error)
		printf(", %llu not taken by %s", (unsigned long long)out->tx_error,
		       c->side[to].link.dev.name);
	if (in->rx_overrun)
		printf(", %llu lost at %s", (unsigned long long)in->rx_overrun,
		       c->side[!to].link.dev.name);
	printf("\n");
}

static int cable_end(struct cable *c, int status)
{
	for (unsigned i = 0; i < 2; i++) {
		struct cable_side *s = &c->side[i];

		while (s->stuck_n)
			pkt_put(s->stuck[--s->stuck_n]);
		if (s->link.dev.ops)
			s->link.dev.ops->close(&s->link.dev);
	}
	if (c->wire) {
		for (unsigned i = 0; i < 2; i++)
			wire_dev(c->wire, i)->ops->close(wire_dev(c->wire, i));
		wire_free(c->wire);
	}
	if (c->capture && pcapng_close(c->capture) < 0) {
		fprintf(stderr, "leat wire: %s is not complete\n", c->pcap);
		status = LEAT_EXIT_FAILED;
	}
	if (c->mem && !pool_at_rest(&c->pool)) {
		fprintf(stderr, "leat wire: frames are missing; please report it\n");
		status = LEAT_EXIT_FAILED;
	}
	return status;
}

static void cable_on_signal(int sig)
{
	(void)sig;
	cable_signals++;
	port_wake();
}

static int cable_main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = cable_on_signal };
	static struct cable c;		/* large, and zero at the start */
	const char *ends[2];
	int status = cable_options(&c, argc, argv, ends);

	if (status)
		return status;
	status = cable_memory(&c);
	for (unsigned i = 0; i < 2 && !status; i++)
		status = cable_open_end(&c, i, ends[i]);
	status = status ? status : cable_lay(&c);
	if (!status) {
		sigaction(SIGINT, &act, NULL);
		sigaction(SIGTERM, &act, NULL);
		printf("leat: %s and %s are joined, seed %llu (Ctrl-C ends)\n",
		       c.side[0].link.dev.name, c.side[1].link.dev.name,
		       (unsigned long long)c.seed_used);
		fflush(stdout);
		cable_pump(&c);
		cable_tell(&c, 1);
		cable_tell(&c, 0);
	}
	return cable_end(&c, status);
}

const struct leat_command leat_wire = {
	"wire", "a cable between two links, as bad as one asks for", cable_usage, cable_main,
};
