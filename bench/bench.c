/* The benchmark program: runs the cases, prints a table of cycles and instructions an
 * operation.
 *
 *   bench                 all cases, medians of 9 rounds
 *   bench NAME ...        those
 *   bench --once NAME N   the operation N times and nothing printed: for callgrind (tools/bench.sh)
 *   bench --threads       stacks on 1, 2 ... processors, and what they do together
 *   bench --counts        exit status 0 when the processor counts instructions for us
 *   bench --try           every case for a moment: that it does its work, as a test
 *
 * Absolute times are never judged.  Where the machine has no counters for us, cycles come from
 * the clock of the process's own time, scaled by a loop of dependent additions (one a cycle on any
 * x86-64) before and after each round, and instructions from callgrind: two runs of different
 * length, subtracted.  Others on the machine then cost a round its caches, and nothing else. */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bench/bench.h"

#define ROUNDS 9
#define SCALES 8		/* pieces of a calibration; the fastest was not disturbed */
#define TRIES 40		/* operations of a case in --try */

struct meter {
	int cycles_fd, instructions_fd;		/* -1: not on this machine */
};

struct reading {
	uint64_t ns, cycles, instructions;
};

static int perf_open(uint64_t event, int group)
{
	struct perf_event_attr attr = {.type = PERF_TYPE_HARDWARE,
				       .size = sizeof(attr),
				       .config = event,
				       .exclude_kernel = 1,
				       .exclude_hv = 1};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, group, 0);
}

static uint64_t counter(int fd)
{
	uint64_t v = 0;

	return fd >= 0 && read(fd, &v, sizeof(v)) == sizeof(v) ? v : 0;
}

static struct reading read_meter(const struct meter *m)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (struct reading){.ns = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec,
				.cycles = counter(m->cycles_fd),
				.instructions = counter(m->instructions_fd)};
}

/* Cycles a nanosecond, by a chain of additions that no machine does faster than one a cycle. */
static double scale_once(const struct meter *m)
{
	const uint64_t n = 1000000;
	struct reading from = read_meter(m), to;
	uint64_t x = 1;

	for (uint64_t i = 0; i < n / 10; i++)
		__asm__ volatile(
			"add %0, %0\n\tadd %0, %0\n\tadd %0, %0\n\tadd %0, %0\n\tadd %0, %0\n\t"
			"add %0, %0\n\tadd %0, %0\n\tadd %0, %0\n\tadd %0, %0\n\tadd %0, %0"
			: "+r"(x));
	to = read_meter(m);
	return (double)n / (double)(to.ns - from.ns);
}

/* What disturbs a piece makes it slower, never faster.  0: the machine counts cycles for us. */
static double cycles_per_ns(const struct meter *m)
{
	double best = 0, one;

	for (unsigned i = 0; m->cycles_fd < 0 && i < SCALES; i++) {
		one = scale_once(m);
		best = one > best ? one : best;
	}
	return best;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void measure(const struct bench *b, const struct meter *m)
{
	double ns[ROUNDS], cycles[ROUNDS], instructions[ROUNDS];

	b->run(b->n / 4 + 1);		/* warm up */
	for (unsigned r = 0; r < ROUNDS; r++) {
		double scale = cycles_per_ns(m), after, n = (double)b->n;
		struct reading from = read_meter(m), to;

		b->run(b->n);
		to = read_meter(m);
		after = cycles_per_ns(m);
		scale = after > scale ? after : scale;
		ns[r] = (double)(to.ns - from.ns) / n;
		cycles[r] = scale > 0 ? ns[r] * scale : (double)(to.cycles - from.cycles) / n;
		instructions[r] = (double)(to.instructions - from.instructions) / n;
	}
	qsort(ns, ROUNDS, sizeof(ns[0]), by_value);
	qsort(cycles, ROUNDS, sizeof(cycles[0]), by_value);
	qsort(instructions, ROUNDS, sizeof(instructions[0]), by_value);
	printf("%-20s %9.1f %9.1f %9.1f", b->name, cycles[ROUNDS / 2], cycles[0], ns[ROUNDS / 2]);
	if (m->instructions_fd >= 0)
		printf(" %9.0f", instructions[ROUNDS / 2]);
	else
		printf(" %9s", "-");
	printf("  %s\n", b->what);
	fflush(stdout);
}

void bench_need(int fact, const char *what)
{
	if (fact)
		return;
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

static const struct bench *find(const char *name)
{
	for (size_t i = 0; i < bench_cases_n; i++)
		if (!strcmp(bench_cases[i]->name, name))
			return bench_cases[i];
	fprintf(stderr, "bench: no case is called '%s'; there are:", name);
	for (size_t i = 0; i < bench_cases_n; i++)
		fprintf(stderr, " %s", bench_cases[i]->name);
	fprintf(stderr, "\n");
	exit(2);
}

/* A name that two cases have reaches one of them. */
static void check_names(void)
{
	for (size_t i = 0; i < bench_cases_n; i++) {
		if (find(bench_cases[i]->name) == bench_cases[i])
			continue;
		fprintf(stderr, "bench: two cases are called '%s'\n", bench_cases[i]->name);
		exit(1);
	}
}

static int try_all(void)
{
	for (size_t i = 0; i < bench_cases_n; i++) {
		bench_cases[i]->run(TRIES);
		printf("ok %zu - %s does its work\n", i + 1, bench_cases[i]->name);
		fflush(stdout);
	}
	printf("1..%zu\n", bench_cases_n);
	return 0;
}

int main(int argc, char **argv)
{
	struct meter m = {.cycles_fd = -1, .instructions_fd = -1};

	check_names();
	if (argc == 2 && !strcmp(argv[1], "--try"))
		return try_all();
	if (argc == 4 && !strcmp(argv[1], "--once")) {
		find(argv[2])->run(strtoull(argv[3], NULL, 10));
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (size_t i = 0; i < bench_cases_n; i++)
			printf("%s %llu\n", bench_cases[i]->name,
			       (unsigned long long)bench_cases[i]->n);
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "--threads")) {
		bench_threads(2000000);
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "--counts"))
		return perf_open(PERF_COUNT_HW_INSTRUCTIONS, -1) < 0;
	for (int i = 1; i < argc; i++)
		find(argv[i]);
	m.cycles_fd = perf_open(PERF_COUNT_HW_CPU_CYCLES, -1);
	m.instructions_fd = perf_open(PERF_COUNT_HW_INSTRUCTIONS, -1);
	printf("%-20s %9s %9s %9s %9s  (an operation; medians of %d rounds; cycles by %s)\n",
	       "case", "cycles", "best", "ns", "instr", ROUNDS,
	       m.cycles_fd >= 0 ? "the machine's counter" : "a calibrated clock");
	for (size_t i = 0; i < bench_cases_n; i++) {
		bool wanted = argc == 1;

		for (int a = 1; a < argc; a++)
			wanted |= find(argv[a]) == bench_cases[i];
		if (wanted)
			measure(bench_cases[i], &m);
	}
	return 0;
}
