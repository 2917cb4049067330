/* `leat bench`: what a stack and a link can do, asked from outside.
 *
 * Here are the command's words; the server is in bench_echo.c, the client in bench_client.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps/leat/bench_int.h"
#include "apps/leat/leat.h"
#include "base/fmt.h"

static const char leat_bench_usage[] =
	"usage: leat bench echo-server --port N [--net LINK] [--poll MODE] [--conns N]\n"
	"       leat bench echo ADDRESS:PORT [--net LINK] [--poll MODE] [--conns N]\n"
	"                  [--size BYTES] [--time SECONDS] [--rate N]\n"
	"\n"
	"The server answers each TCP read with the same bytes.  The client sends BYTES on each of\n"
	"its connections, waits until they are back, and tells how many times a second that went,\n"
	"and how long it took.\n"
	"\n"
	"  -p, --port N        of the server\n"
	"      --net LINK      link of the stack: leat net help (slirp)\n"
	"      --poll MODE     adaptive, busy or sleep while nothing happens (busy)\n"
	"      --conns N       connections at once (32)\n"
	"      --size BYTES    of a request, and of its answer (1)\n"
	"      --time SECONDS  how long, after the connections stand (5)\n"
	"      --rate N        requests a second, at even distances, ready or not: what an answer\n"
	"                      took counts from when its request was due (as fast as they go)\n";

volatile sig_atomic_t leat_bench_signals;
static struct leat_ring *leat_bench_ring;

static void leat_bench_on_signal(int sig)
{
	(void)sig;
	leat_bench_signals++;
	if (leat_bench_ring)
		leat_wake(leat_bench_ring);
}

int leat_bench_open(struct leat_bench *b)
{
	struct sigaction act = { .sa_handler = leat_bench_on_signal };
	static const char *const modes[] = { "adaptive", "busy", "sleep" };
	struct leat_options options;
	char why[256];

	leat_options_init(&options);
	options.net = b->net;
	options.conns = MAX(options.conns, 2 * b->conns);
	options.ops = MAX(options.ops, 4 * b->conns);
	options.frames = MAX(options.frames, 2 * b->conns);
	while (options.completions < 4 * b->conns && options.completions < 1u << 16)
		options.completions *= 2;
	for (unsigned i = 0; i < ARRAY_LEN(modes); i++)
		if (!strcmp(b->poll, modes[i]))
			options.poll = (enum leat_poll_mode)i;
	b->ring = leat_ring_open(&options, why, sizeof(why));
	if (!b->ring) {
		fprintf(stderr, "leat bench: %s\n", why);
		return LEAT_EXIT_FAILED;
	}
	leat_bench_ring = b->ring;
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	return LEAT_EXIT_OK;
}

int leat_bench_do(struct leat_ring *ring, struct leat_sqe sqe)
{
	return leat_submit(ring, &sqe);
}

/* "10.0.0.2:80" */
static bool leat_bench_where(struct leat_bench *b, const char *text)
{
	const char *colon = strrchr(text, ':');
	char host[64], *end;
	unsigned long port;

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return false;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	port = strtoul(colon + 1, &end, 10);
	if (!colon[1] || *end || port < 1 || port > 65535)
		return false;
	b->port = (uint32_t)port;
	return fmt_parse_addr(&b->to, host);
}

static int leat_bench_main(int argc, char **argv)
{
	struct leat_bench b = {
		.net = "slirp", .poll = "busy", .conns = 32, .size = 1, .time_ms = 5000,
	};
	const struct leat_option options[] = {
		{ "net", 0, LEAT_OPTION_TEXT, &b.net, 0, 0 },
		{ "poll", 0, LEAT_OPTION_TEXT, &b.poll, 0, 0 },
		{ "port", 'p', LEAT_OPTION_NUMBER, &b.port, 1, 65535 },
		{ "conns", 0, LEAT_OPTION_NUMBER, &b.conns, 1, 1u << 20 },
		{ "size", 0, LEAT_OPTION_NUMBER, &b.size, 1, 1u << 20 },
		{ "time", 0, LEAT_OPTION_SECONDS, &b.time_ms, 100, 86400000 },
		{ "rate", 0, LEAT_OPTION_NUMBER, &b.rate, 1, 100000000 },
		{ NULL, 0, LEAT_OPTION_FLAG, NULL, 0, 0 },
	};
	const char *word[2];
	int n = leat_options_read("bench", options, argc, argv, word, 2), status;

	if (n < 0)
		return LEAT_EXIT_USAGE;
	if (leat_net_check("bench", b.net))
		return LEAT_EXIT_USAGE;
	if (n == 1 && !strcmp(word[0], "echo-server") && b.port) {
		status = leat_bench_server(&b);
	} else if (n == 2 && !strcmp(word[0], "echo") && leat_bench_where(&b, word[1])) {
		status = leat_bench_client(&b);
	} else {
		fputs("leat bench: echo-server --port N, or echo ADDRESS:PORT; "
		      "see leat help bench\n", stderr);
		return LEAT_EXIT_USAGE;
	}
	leat_bench_ring = NULL;
	if (b.ring && leat_ring_close(b.ring)) {
		fputs("leat bench: frames are missing; please report it\n", stderr);
		return LEAT_EXIT_FAILED;
	}
	return status;
}

const struct leat_command leat_bench = {
	"bench", "what a stack and a link can do", leat_bench_usage, leat_bench_main,
};
