/* Runs simulated worlds: test-sim [--seeds N] [--first SEED] [--seed X [--pcap FILE]] [--conns
 * N] [--faults on|off] [--check-always] [--flood] [--seconds N]
 *
 * --model searches through a small world (model.c) instead.
 * --table CC prints how fast bulk flows go by loss and round trip (race.c), --fairness whether two
 * share.
 *
 * Worlds run in a child process, so that an assertion of the stack fails one seed and says
 * which.  The first failure ends the run: the seed is run again to write a capture of it, and
 * how to come back is printed. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim/model.h"
#include "sim/race.h"
#include "sim/world.h"

#define SEEDS_DEFAULT 1000u
#define AGAIN_EVERY 16u		/* so many seeds are run twice, for the trace */

struct options {
	struct plan_options plan;
	uint64_t first, seeds, seed;
	bool one, many;
	double seconds;		/* no new seed after so long; 0: no limit */
	const char *pcap;
	const struct cc_ops *table;	/* measure, and nothing else */
	bool fairness;
};

struct totals {			/* shared with the child */
	uint64_t seed;		/* the one that runs */
	uint64_t seeds, flows, failed, frames, steps, bytes, pings, datagrams, attacks;
	uint64_t twice;
	uint64_t stamp;		/* virtual seconds */
	double wall;
	bool done;
};

static struct totals *totals;

static double wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void count(const struct world *w)
{
	totals->seeds++;
	totals->flows += w->plan.flows;
	totals->failed += w->flows_failed;
	totals->frames += w->frames;
	totals->steps += w->sim.steps;
	totals->bytes += w->bytes;
	totals->pings += w->pings_answered;
	totals->datagrams += w->datagrams_good;
	totals->attacks += w->attacks;
	totals->stamp += (world_now(w) - SIM_START) / SEC(1);
}

static void say_more(const struct world *w)
{
	printf("%u connections (%u failed with an excuse), %" PRIu64 " frames, %" PRIu64
	       " bytes, %" PRIu64 " datagrams of %" PRIu64 ", %" PRIu64 " pings of %" PRIu64
	       ", %" PRIu64 " attacks, %.1f virtual seconds, trace %016" PRIx64 "\n",
	       w->plan.flows, w->flows_failed, w->frames, w->bytes, w->datagrams_good,
	       w->datagrams_sent, w->pings_answered, w->pings_sent, w->attacks,
	       (double)(world_now(w) - SIM_START) / 1e9, w->trace);
	for (unsigned i = 0; i < w->plan.stations; i++) {
		const struct core *c = &w->station[i].host.net.core;
		const struct tcp_counters *n = &w->station[i].host.net.tcp.n;

		printf("host%u: %" PRIu64 " segments in, %" PRIu64 " out, %" PRIu64
		       " retransmitted, %" PRIu64 " time-outs, %" PRIu64 " fast; drops:",
		       i, n->in_segs, n->out_segs, n->retrans_segs, n->rto_fired,
		       n->fast_retransmits);
		for (unsigned d = 1; d < DROP_N; d++)
			if (c->drops[d])
				printf(" %s %" PRIu64, drop_name(d), c->drops[d]);
		printf("\n");
	}
}

/* An assertion is about to end the program. */
static void assertion(void *ctx)
{
	const struct world *w = ctx;

	fprintf(stderr, "seed %" PRIu64 ", at %.6f s\n", w->plan.seed,
		(double)(world_now(w) - SIM_START) / 1e9);
}

static bool run_world(uint64_t seed, const struct plan_options *o, const char *pcap, bool verbose,
		      uint64_t *trace)
{
	static struct world w;
	bool good;

	sim_on_failure(assertion, &w);
	good = world_init(&w, seed, o, pcap, verbose) && world_run(&w);
	if (verbose)
		say_more(&w);
	count(&w);
	*trace = w.trace;
	world_fini(&w);
	if (w.why[0])
		printf("seed %" PRIu64 ": %s\n", seed, w.why);
	return good && !w.why[0];
}

static bool run_seed(const struct options *o, uint64_t seed)
{
	uint64_t trace, again;

	if (!run_world(seed, &o->plan, NULL, false, &trace))
		return false;
	if (seed % AGAIN_EVERY)
		return true;
	totals->twice++;
	if (!run_world(seed, &o->plan, NULL, false, &again))
		return false;
	if (trace != again)
		printf("seed %" PRIu64 ": its second run differs, trace %016" PRIx64
		       " and %016" PRIx64 "\n",
		       seed, trace, again);
	return trace == again;
}

static void progress(const struct options *o, double since)
{
	static double last;
	double now = wall();

	if (now - last < 10 || now - since < 10)
		return;
	last = now;
	printf("%" PRIu64 " of %" PRIu64 " seeds, %" PRIu64 " connections, %.0f a minute\n",
	       totals->seed - o->first, o->seeds, totals->flows,
	       (double)totals->flows * 60 / (now - since));
	fflush(stdout);
}

static int child(const struct options *o)
{
	double since = wall();

	for (uint64_t i = 0; i < o->seeds; i++) {
		totals->seed = o->first + i;
		if (o->seconds > 0 && wall() - since > o->seconds)
			break;
		if (!run_seed(o, o->first + i)) {
			fflush(stdout);
			return 1;
		}
		progress(o, since);
	}
	totals->wall = wall() - since;
	totals->done = true;
	fflush(stdout);
	return 0;
}

/* Runs `f` in a child; its exit status, or 128 and the signal. */
static int in_child(const struct options *o, int (*f)(const struct options *o))
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(f(o));
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int one(const struct options *o)
{
	uint64_t trace;
	bool good = run_world(o->seed, &o->plan, o->pcap, true, &trace);

	fflush(stdout);
	return good ? 0 : 1;
}

static void how_to_replay(const struct options *o, uint64_t seed)
{
	struct options again = *o;
	char path[64];

	snprintf(path, sizeof(path), "sim-%" PRIu64 ".pcapng", seed);
	again.seed = seed;
	again.pcap = path;
	in_child(&again, one);
	printf("\nSEED %" PRIu64
	       " FAILED; its frames are in %s. Replay it:\n\tmake sim SEED=%" PRIu64 "\n",
	       seed, path, seed);
	if (o->plan.flows || o->plan.no_faults || o->plan.check_always || o->plan.flood)
		printf("(with the options of this run%s%s%s)\n", o->plan.flood ? " --flood" : "",
		       o->plan.no_faults ? " --faults off" : "",
		       o->plan.check_always ? " --check-always" : "");
}

static void final_line(void)
{
	double minutes = totals->wall / 60;

	printf("%" PRIu64 " seeds (%" PRIu64 " of them twice, equal), %" PRIu64
	       " connections (%" PRIu64 " failed with an excuse), %" PRIu64 " frames, %" PRIu64
	       " MB, %" PRIu64 " attacks, %" PRIu64
	       " virtual seconds in %.1f s: %.0f connections a minute\n",
	       totals->seeds, totals->twice, totals->flows, totals->failed, totals->frames,
	       totals->bytes / 1000000, totals->attacks, totals->stamp, totals->wall,
	       minutes > 0 ? (double)totals->flows / minutes : 0);
}

static int usage(void)
{
	fprintf(stderr,
		"usage: test-sim [--seeds N] [--first SEED] [--seconds N] [--conns N] "
		"[--faults on|off] "
		"[--check-always] [--flood]\n       test-sim --seed X [--pcap FILE] [...]\n"
		"       test-sim --table CC [--seconds N] | --fairness\n"
		"       test-sim --model SECONDS [DEPTH]\n");
	return 2;
}

/* What was asked for makes no run. */
static bool senseless(const struct options *o)
{
	if (o->seeds == 0)
		fprintf(stderr, "test-sim: no seeds, no run: --seeds is 1 or more\n");
	else if (o->one && o->many)
		fprintf(stderr, "test-sim: --seed runs one, --seeds many: choose\n");
	else
		return false;
	return true;
}

/* A whole number, or the program ends: a seed that was mistyped must not look as if it ran. */
static uint64_t number(const char *option, const char *text)
{
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(text, &end, 0);
	if (*text < '0' || *text > '9' || *end || errno) {
		fprintf(stderr, "test-sim: %s takes a number below 2^64, not \"%s\"\n", option,
			text);
		exit(2);
	}
	return n;
}

static bool parse(struct options *o, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i], *v = i + 1 < argc ? argv[i + 1] : NULL;

		if (strcmp(a, "--flood") == 0) {
			o->plan.flood = true;
			continue;
		}
		if (strcmp(a, "--check-always") == 0) {
			o->plan.check_always = true;
			continue;
		}
		if (strcmp(a, "--fairness") == 0) {
			o->fairness = true;
			continue;
		}
		if (!v)
			return false;
		if (strcmp(a, "--table") == 0)
			o->table = cc_find(v, strlen(v));
		else if (strcmp(a, "--seeds") == 0)
			o->many = true, o->seeds = number(a, v);
		else if (strcmp(a, "--first") == 0)
			o->first = number(a, v);
		else if (strcmp(a, "--seed") == 0)
			o->one = true, o->seed = number(a, v);
		else if (strcmp(a, "--seconds") == 0)
			o->seconds = strtod(v, NULL);
		else if (strcmp(a, "--conns") == 0)
			o->plan.flows = (unsigned)number(a, v);
		else if (strcmp(a, "--faults") == 0)
			o->plan.no_faults = strcmp(v, "off") == 0;
		else if (strcmp(a, "--pcap") == 0)
			o->pcap = v;
		else
			return false;
		i++;
	}
	return true;
}

/* "--model SECONDS [DEPTH]": another program, which shares nothing with the worlds. */
static int model(int argc, char **argv)
{
	return model_run(strtod(argv[2], NULL), argc > 3 ? (unsigned)number(argv[1], argv[3]) : 40);
}

int main(int argc, char **argv)
{
	struct options o = {.first = 1, .seeds = SEEDS_DEFAULT};
	char path[64];
	int bad;

	if (argc > 2 && strcmp(argv[1], "--model") == 0)
		return model(argc, argv);
	if (!parse(&o, argc, argv))
		return usage();
	if (senseless(&o))
		return 2;
	if (o.table)
		return race_table(o.table, o.seconds > 0 ? (nsec)(o.seconds * 1e9) : SEC(30));
	if (o.fairness)
		return race_fairness() ? 1 : 0;
	totals = mmap(NULL, sizeof(*totals), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (totals == MAP_FAILED)
		return 1;
	if (o.one) {
		snprintf(path, sizeof(path), "sim-%" PRIu64 ".pcapng", o.seed);
		o.pcap = o.pcap ? o.pcap : path;
		bad = in_child(&o, one);
		printf("%s; its frames are in %s\n", bad ? "FAILED" : "all is well", o.pcap);
		return bad ? 1 : 0;
	}
	bad = in_child(&o, child);
	if (bad)
		how_to_replay(&o, totals->seed);
	else
		final_line();
	return bad ? 1 : 0;
}
