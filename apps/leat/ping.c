/* `leat ping`: ICMP echo from a stack of its own, on any link.  RFC 792, RFC 1122 §3.2.2.6. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leat/leat.h"

#include "apps/leat/leat.h"
#include "base/csum.h"
#include "base/fmt.h"
#include "lib/lib_look.h"
#include "port/port.h"
#include "wire/icmp.h"
#include "wire/ipv4.h"

#define PING_SEQS 65536u
#define PING_LAST MSEC(1000)	/* the last answers may take so long */

struct ping {
	const char *net, *interval_text, *to_text;
	uint32_t count, size;
	bool flood, quiet;
	struct addr to;
	nsec interval;
	struct leat_ring *ring;
	uint16_t id;
	uint32_t sent, got, twice, damaged;
	nsec sent_at[PING_SEQS];	/* 0: not sent, or answered */
	nsec min, max, sum;
};

static struct leat_ring *ping_ring;
static volatile sig_atomic_t ping_signals;

static const char ping_usage[] =
	"usage: leat ping ADDRESS [--count N] [--interval T] [--size BYTES] [--net LINK]\n"
	"\n"
	"Sends echo requests and times the answers.\n"
	"\n"
	"  -c, --count N      of requests, 0 for no end (4)\n"
	"  -i, --interval T   between them: 1s, 200ms (1s)\n"
	"  -s, --size BYTES   behind the header (56)\n"
	"  -f, --flood        the next goes as soon as the last is answered, or after 10 ms\n"
	"  -q, --quiet        only the summary\n"
	"      --net LINK     link of the stack: leat net help (slirp)\n"
	"\n"
	"0 when every request was answered, 1 when not.\n";

static uint8_t ping_byte(uint32_t seq, uint32_t i)
{
	return (uint8_t)(seq * 7 + i);
}

/* An answer, in the middle of a poll. */
static void ping_answered(void *ctx, const struct pkt *p)
{
	struct ping *g = ctx;
	uint32_t seq, n = p->total - WIRE_ICMP_LEN;
	struct wire_icmp icmp;
	nsec now = port_now(), took;
	uint8_t b[65536];

	if (wire_icmp_parse(&icmp, p->data, p->len) || icmp.id != g->id)
		return;
	seq = icmp.seq;
	if (!g->sent_at[seq]) {
		g->twice++;
		return;
	}
	took = now - g->sent_at[seq];
	g->sent_at[seq] = 0;
	pkt_read(p, WIRE_ICMP_LEN, b, n);
	for (uint32_t i = 0; i < n; i++) {
		if (n == g->size && b[i] == ping_byte(seq, i))
			continue;
		g->damaged++;
		return;
	}
	g->got++;
	g->min = g->min ? MIN(g->min, took) : took;
	g->max = MAX(g->max, took);
	g->sum += took;
	if (!g->quiet)
		printf("%u bytes from %s: seq=%u ttl=%u time=%.3f ms\n", n, g->to_text, seq,
		       p->rx.ttl, (double)took / 1e6);
	if (g->flood || g->got == g->count)
		leat_wake(g->ring);
}

static void ping_send(struct ping *g)
{
	struct net *net = lib_net(g->ring);
	uint16_t seq = (uint16_t)g->sent, csum;
	struct wire_icmp icmp = { .type = WIRE_ICMP_ECHO, .id = g->id, .seq = seq };
	struct ip_send how = { .proto = WIRE_PROTO_ICMP };
	struct ip_path path = { 0 };
	struct addr from = { { { 0 } } };
	uint8_t b[WIRE_ICMP_LEN + 65536];
	struct pkt *p = pkt_new(&net->pool);

	g->sent++;
	g->sent_at[seq] = port_now();
	wire_icmp_write(b, &icmp);
	for (uint32_t i = 0; i < g->size; i++)
		b[WIRE_ICMP_LEN + i] = ping_byte(seq, i);
	csum = csum_fold(csum_bytes(b, WIRE_ICMP_LEN + g->size, 0));
	mem_copy(b + 2, &csum, 2);
	if (!p)
		return;
	if (pkt_write(p, b, WIRE_ICMP_LEN + g->size) ||
	    ip_path_find(&net->ip, &path, &from, &g->to)) {
		pkt_put(p);
		return;
	}
	ip_output(&net->ip, &path, &from, &g->to, &how, p);
}

static void ping_run(struct ping *g)
{
	nsec next = port_now(), end = NSEC_NEVER;
	uint32_t answered = 0;

	while (!ping_signals && !(g->count && g->got == g->count)) {
		nsec now = port_now();

		if (now >= end)
			return;
		if (end == NSEC_NEVER && (now >= next || (g->flood && g->got > answered))) {
			answered = g->got;
			ping_send(g);
			next = now + g->interval;
			if (g->count && g->sent == g->count)
				end = now + PING_LAST;
		}
		leat_wait(g->ring, MIN(end == NSEC_NEVER ? next : end, now + SEC(1)) - now);
	}
}

static int ping_summary(const struct ping *g)
{
	printf("%u sent, %u answered, %.3g %% lost", g->sent, g->got,
	       g->sent ? 100.0 * (g->sent - g->got) / g->sent : 0);
	if (g->twice)
		printf(", %u answered twice", g->twice);
	if (g->damaged)
		printf(", %u damaged", g->damaged);
	if (g->got)
		printf("; round trip %.3f min, %.3f mean, %.3f max ms", (double)g->min / 1e6,
		       (double)g->sum / g->got / 1e6, (double)g->max / 1e6);
	printf("\n");
	return g->got && g->got == g->sent ? LEAT_EXIT_OK : LEAT_EXIT_FAILED;
}

static int ping_options(struct ping *g, int argc, char **argv)
{
	const struct leat_option options[] = {
		{ "count", 'c', LEAT_OPTION_NUMBER, &g->count, 0, 1000000000 },
		{ "interval", 'i', LEAT_OPTION_TEXT, &g->interval_text, 0, 0 },
		{ "size", 's', LEAT_OPTION_NUMBER, &g->size, 0, 65000 },
		{ "flood", 'f', LEAT_OPTION_FLAG, &g->flood, 0, 0 },
		{ "quiet", 'q', LEAT_OPTION_FLAG, &g->quiet, 0, 0 },
		{ "net", 0, LEAT_OPTION_TEXT, &g->net, 0, 0 },
		{ NULL, 0, LEAT_OPTION_FLAG, NULL, 0, 0 },
	};
	int n = leat_options_read("ping", options, argc, argv, &g->to_text, 1);

	if (n < 0)
		return LEAT_EXIT_USAGE;
	if (n < 1 || !fmt_parse_addr(&g->to, g->to_text) || !addr_is_v4(&g->to)) {
		fprintf(stderr, "leat ping: say an IPv4 address; see leat help ping\n");
		return LEAT_EXIT_USAGE;
	}
	if (!leat_unit_time(g->interval_text, &g->interval)) {
		fprintf(stderr, "leat ping: --interval is a time such as 200ms, not \"%s\"\n",
			g->interval_text);
		return LEAT_EXIT_USAGE;
	}
	if (g->flood)
		g->interval = MSEC(10);
	g->quiet |= g->flood;
	return leat_net_check("ping", g->net);
}

static void ping_on_signal(int sig)
{
	(void)sig;
	ping_signals++;
	leat_wake(ping_ring);
}

struct leat_ring *leat_stack_open(const char *command, const char *net)
{
	struct leat_options options;
	struct leat_ring *ring;
	char why[512];

	leat_options_init(&options);
	options.net = net;
	ring = leat_ring_open(&options, why, sizeof(why));
	if (!ring)
		fprintf(stderr, "leat %s: %s\n", command, why);
	return ring;
}

static int ping_main(int argc, char **argv)
{
	static struct ping g = { .net = "slirp", .interval_text = "1s", .count = 4, .size = 56 };
	struct sigaction act = { .sa_handler = ping_on_signal };
	int status = ping_options(&g, argc, argv);
	struct ip *ip;

	if (status)
		return status;
	g.ring = ping_ring = leat_stack_open("ping", g.net);
	if (!g.ring)
		return LEAT_EXIT_FAILED;
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	port_entropy(&g.id, sizeof(g.id));
	ip = &lib_net(g.ring)->ip;
	ip->echo_ctx = &g;
	ip->echo_answered = ping_answered;
	ping_run(&g);
	status = ping_summary(&g);
	ip->echo_answered = NULL;
	if (leat_ring_close(g.ring)) {
		fprintf(stderr, "leat ping: frames are missing; please report it\n");
		status = LEAT_EXIT_FAILED;
	}
	return status;
}

const struct leat_command leat_ping = {
	"ping", "is somebody there, and how far away?", ping_usage, ping_main,
};
