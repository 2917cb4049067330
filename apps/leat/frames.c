/* `leat frames`: what a driver and its link carry, without a stack.
 *
 * One end sends frames back as they come, the other keeps so many of them under way and counts what
 * returns.  Both say what a frame has cost: time of this process on a processor, there and back. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apps/leat/leat.h"
#include "drivers/drivers.h"
#include "port/port.h"

#define FRAMES_POOL 8192u
#define FRAMES_TYPE 0x88b5u	/* IEEE 802: local experiments */
#define FRAMES_HEADER 14u
#define FRAMES_LOST MSEC(200)	/* no answer for so long: what is under way is lost */
#define FRAMES_SPIN USEC(50)	/* after the last frame */

struct frames {
	const char *net, *what;
	uint32_t size, window, seconds_ms;
	bool echo, busy;
	struct drivers_link link;
	struct pool pool;
	struct mac peer;
	uint64_t sent, got, lost;
	uint32_t under_way;
	nsec last;
};

static volatile sig_atomic_t frames_signals;

static const char frames_usage[] =
	"usage: leat frames echo --net LINK [--busy]\n"
	"       leat frames send --net LINK [--size BYTES] [--window N] [--seconds S] [--busy]\n"
	"\n"
	"The driver alone, without a stack: the one end sends frames back, the other keeps N of\n"
	"them under way (256; 1 measures the time of a round) and counts what returns.\n"
	"\n"
	"      --size BYTES   of a frame with its header and FCS, as on a wire (64)\n"
	"      --window N     frames under way\n"
	"      --seconds S    how long (3)\n"
	"      --busy         never sleeps\n";

static nsec frames_cpu(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return SEC((uint64_t)ts.tv_sec) + (uint64_t)ts.tv_nsec;
}

/* Is it one of ours?  Others (the kernel sends some by itself) are thrown away. */
static bool frames_ours(const struct pkt *p)
{
	return p->len >= FRAMES_HEADER && load_be16(p->data + 12) == FRAMES_TYPE;
}

static void frames_send(struct frames *f, struct pkt **p, unsigned n)
{
	struct netdev *dev = &f->link.dev;
	unsigned sent = dev->ops->tx(dev, p, n);

	f->sent += sent;
	f->under_way += f->echo ? 0 : sent;
	while (n > sent)
		pkt_put(p[--n]);
}

static unsigned frames_new(struct frames *f, struct pkt **p, unsigned n)
{
	static const uint8_t zeros[2048];

	for (unsigned i = 0; i < n; i++) {
		p[i] = pkt_new(&f->pool);
		if (!p[i])
			return i;
		memcpy(p[i]->data, f->peer.b, 6);
		memcpy(p[i]->data + 6, f->link.dev.mac.b, 6);
		store_be16(p[i]->data + 12, FRAMES_TYPE);
		memcpy(p[i]->data + FRAMES_HEADER, zeros, f->size - 4 - FRAMES_HEADER);
		p[i]->len = p[i]->total = f->size - 4;
	}
	return n;
}

/* What came: sent back, or counted. */
static void frames_take(struct frames *f, struct pkt **p, unsigned n)
{
	struct pkt *back[NETDEV_BURST];
	unsigned back_n = 0;

	for (unsigned i = 0; i < n; i++) {
		if (!frames_ours(p[i])) {
			pkt_put(p[i]);
			continue;
		}
		f->got++;
		f->last = port_now();
		memcpy(f->peer.b, p[i]->data + 6, 6);
		if (f->echo) {
			memcpy(p[i]->data, f->peer.b, 6);
			memcpy(p[i]->data + 6, f->link.dev.mac.b, 6);
			back[back_n++] = p[i];
			continue;
		}
		f->under_way -= f->under_way > 0;
		pkt_put(p[i]);
	}
	if (back_n)
		frames_send(f, back, back_n);
}

static void frames_round(struct frames *f, nsec now)
{
	struct netdev *dev = &f->link.dev;
	struct pkt *p[NETDEV_BURST];
	int n = dev->ops->rx(dev, p, NETDEV_BURST);

	if (n > 0)
		frames_take(f, p, (unsigned)n);
	if (f->echo)
		return;
	if (f->under_way && now > f->last + FRAMES_LOST) {
		f->lost += f->under_way;
		f->under_way = 0;
		f->last = now;
	}
	if (f->under_way < f->window)
		frames_send(f, p, frames_new(f, p, MIN(f->window - f->under_way, NETDEV_BURST)));
}

static void frames_run(struct frames *f)
{
	struct netdev *dev = &f->link.dev;
	nsec now = port_now(), end = f->seconds_ms ? now + MSEC(f->seconds_ms) : NSEC_NEVER;

	f->last = now;
	while (!frames_signals && now < end) {
		struct port_wait wait = { .fd = dev->wake_fd };

		frames_round(f, now);
		now = port_now();
		if (f->busy || now < f->last + FRAMES_SPIN || dev->ops->arm(dev))
			continue;
		port_idle_until(MIN(end, now + MSEC(10)), &wait, wait.fd >= 0);
		now = port_now();
	}
}

/* Ticks of the time stamp counter in a second. */
static double frames_ticks(void)
{
	uint64_t ticks = __builtin_ia32_rdtsc();
	nsec start = port_now();

	while (port_now() < start + MSEC(20))
		;
	return (double)(__builtin_ia32_rdtsc() - ticks) / ((double)(port_now() - start) / 1e9);
}

static void frames_tell(struct frames *f, nsec wall, nsec cpu)
{
	double n = (double)MAX(f->got, 1u);
	const struct netdev_stats *s = &f->link.dev.stats;

	printf("leat: %s: %.0f frames a second there and back, %.0f ns of processor and %.0f "
	       "cycles a frame here", f->link.dev.ops->kind, n / ((double)wall / 1e9),
	       (double)cpu / n, (double)cpu / n * frames_ticks() / 1e9);
	if (f->window == 1)
		printf(", a round takes %.1f us", (double)wall / 1e3 / n);
	printf("; %llu lost\n", (unsigned long long)f->lost);
	if (s->rx_overrun || s->tx_error || s->rx_no_frame)
		printf("leat:   %llu lost at the ring, %llu on the way out, %llu without a frame\n",
		       (unsigned long long)s->rx_overrun, (unsigned long long)s->tx_error,
		       (unsigned long long)s->rx_no_frame);
}

static int frames_options(struct frames *f, int argc, char **argv)
{
	const struct leat_option options[] = {
		{ "net", 0, LEAT_OPTION_TEXT, &f->net, 0, 0 },
		{ "size", 's', LEAT_OPTION_NUMBER, &f->size, 64, 1518 },
		{ "window", 'w', LEAT_OPTION_NUMBER, &f->window, 1, FRAMES_POOL / 4 },
		{ "seconds", 0, LEAT_OPTION_SECONDS, &f->seconds_ms, 1, UINT32_MAX },
		{ "busy", 0, LEAT_OPTION_FLAG, &f->busy, 0, 0 },
		{ NULL, 0, LEAT_OPTION_FLAG, NULL, 0, 0 },
	};
	int n = leat_options_read("frames", options, argc, argv, &f->what, 1);

	if (n < 0)
		return LEAT_EXIT_USAGE;
	if (n < 1 || !f->net || (strcmp(f->what, "echo") && strcmp(f->what, "send"))) {
		fputs(frames_usage, stderr);
		return LEAT_EXIT_USAGE;
	}
	f->echo = !strcmp(f->what, "echo");
	if (!f->echo && !f->seconds_ms)
		f->seconds_ms = 3000;
	return leat_net_check("frames", f->net);
}

static void frames_on_signal(int sig)
{
	(void)sig;
	frames_signals++;
	port_wake();
}

static int frames_open(struct frames *f)
{
	struct sigaction act = { .sa_handler = frames_on_signal };
	void *region = port_map((size_t)FRAMES_POOL * FRAME_SIZE, true);
	void *mem = port_map(pool_bytes(FRAMES_POOL, 64), false);
	char why[512] = "no memory";

	if (region && mem) {
		pool_init(&f->pool, (struct region){ .base = region, .frames = FRAMES_POOL }, 64,
			  mem);
		if (!drivers_open(&f->link, f->net, &f->pool, why, sizeof(why)) &&
		    f->link.dev.ops) {
			sigaction(SIGINT, &act, NULL);
			sigaction(SIGTERM, &act, NULL);
			return LEAT_EXIT_OK;
		}
	}
	fprintf(stderr, "leat frames: %s\n", why);
	return LEAT_EXIT_FAILED;
}

static int frames_main(int argc, char **argv)
{
	static struct frames f = { .size = 64, .window = 256,
				   .peer = { { 255, 255, 255, 255, 255, 255 } } };
	int status = frames_options(&f, argc, argv);
	nsec wall, cpu;

	status = status ? status : frames_open(&f);
	if (status)
		return status;
	if (f.echo) {
		printf("leat: frames go back over %s (Ctrl-C ends)\n", f.link.dev.name);
		fflush(stdout);
	}
	cpu = frames_cpu();
	wall = port_now();
	frames_run(&f);
	frames_tell(&f, port_now() - wall, frames_cpu() - cpu);
	f.link.dev.ops->close(&f.link.dev);
	if (!pool_at_rest(&f.pool)) {
		fprintf(stderr, "leat frames: frames are missing; please report it\n");
		return LEAT_EXIT_FAILED;
	}
	return f.got || f.echo ? LEAT_EXIT_OK : LEAT_EXIT_FAILED;
}

const struct leat_command leat_frames = {
	"frames", "what a driver and its link carry, without a stack", frames_usage, frames_main,
};
