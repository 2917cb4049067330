/* Two whole stacks and a wire between them that loses, doubles, delays and spoils: what goes in on
 * one side comes out on the other.
 *
 * The input is two programs, one behind the other: what the users of both stacks do, and what
 * happens to each frame; when the second ends the wire is perfect.  In the end everybody reads and
 * closes.  net_check() holds on both sides, time and again; bytes read are the bytes written; a
 * connection of which nobody gave up brought every byte; all is over within a bounded time and a
 * bounded number of frames; nothing leaks. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fail.h"
#include "helper/host.h"

#define CONNS 4u
#define STEPS_MAX 100u
#define FRAMES_MAX 1024u	/* on the wire at once */
#define ROUNDS_MAX 60000u	/* of both stacks, in the whole */
#define PATIENCE SEC(7200)
#define CHECK_ALL 100u		/* rounds after each of which everything is checked; then */
#define CHECK_EVERY 32u		/* one in so many: a check costs more than a round */
#define PORT 80
#define FIRST_PORT 2000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at, *end;
};

struct frame {
	nsec due;
	uint64_t order;
	uint8_t *b;
	uint32_t n;
	unsigned to;
};

/* One end of a connection as its user sees it. */
struct end {
	struct tcp_conn *conn;
	uint64_t written, read;
	bool was, eof, closed, broken;	/* broken: reset, timed out or aborted on this side */
};

struct side {
	struct fuzz *fuzz;
	unsigned which;
	struct host host;
	struct netdev dev;
	struct tcp_listener *listener;
	struct end ends[CONNS];
	nsec next;
};

struct fuzz {
	struct side sides[2];
	struct frame wire[FRAMES_MAX];
	unsigned wire_n;
	uint64_t orders;
	unsigned rounds;
	struct input fate;
	nsec now;
};

static uint8_t byte(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static uint8_t byte_of(unsigned conn, unsigned side, uint64_t at)
{
	return (uint8_t)(at * 13 + (at >> 8) * 7 + conn * 50 + side * 100);
}

/* ---- the wire */

static void put(struct fuzz *f, unsigned to, const uint8_t *b, uint32_t n, nsec delay,
		uint32_t spoil)
{
	struct frame *w = &f->wire[f->wire_n];

	if (f->wire_n == FRAMES_MAX)
		return;
	f->wire_n++;
	*w = (struct frame){.due = f->now + delay, .order = f->orders++, .b = malloc(n), .n = n,
			    .to = to};
	if (!w->b)
		abort();
	memcpy(w->b, b, n);
	if (spoil)
		w->b[spoil / 8 % n] ^= (uint8_t)(1 << spoil % 8);
}

static void meet_fate(struct fuzz *f, unsigned to, const uint8_t *b, uint32_t n)
{
	bool arp = n > 13 && b[13] == 6;
	uint8_t v = byte(&f->fate);
	nsec delay = USEC(100);

	if (v >= 160 && v < 190)
		return;
	if (v >= 190 && v < 205)
		put(f, to, b, n, USEC(v), 0);
	else if (v >= 205 && v < 230)
		delay += (v - 204u) * USEC(200);
	else if (v >= 245)
		delay += (v - 244u) * MSEC(100);
	/* One bit wrong is always seen by a checksum; ARP has none. */
	put(f, to, b, n, delay,
	    v >= 230 && v < 245 && !arp ? 8 * 14 + (byte(&f->fate) * 37u) % (8 * (n - 14)) : 0);
}

static unsigned dev_tx(struct netdev *dev, struct pkt **p, unsigned n)
{
	static uint8_t b[65536];
	struct side *s = dev->priv;

	for (unsigned i = 0; i < n; i++) {
		assert(pkt_read(p[i], 0, b, p[i]->total) == p[i]->total);
		meet_fate(s->fuzz, !s->which, b, p[i]->total);
		pkt_put(p[i]);
	}
	return n;
}

/* The frame for `to` that is due first, or NULL. */
static struct frame *due_frame(struct fuzz *f, unsigned to)
{
	struct frame *best = NULL;

	for (unsigned i = 0; i < f->wire_n; i++) {
		struct frame *w = &f->wire[i];

		if (w->to == to && w->due <= f->now &&
		    (!best || w->due < best->due ||
		     (w->due == best->due && w->order < best->order)))
			best = w;
	}
	return best;
}

static int dev_rx(struct netdev *dev, struct pkt **out, unsigned max)
{
	struct side *s = dev->priv;
	struct fuzz *f = s->fuzz;
	struct frame *w;
	unsigned n = 0;

	while (n < max && (w = due_frame(f, s->which))) {
		struct pkt *p = pkt_new(dev->pool);

		if (p && pkt_write(p, w->b, w->n)) {
			pkt_put(p);
			p = NULL;
		}
		if (p)
			out[n++] = p;
		free(w->b);
		*w = f->wire[--f->wire_n];
	}
	return (int)n;
}

static void dev_close(struct netdev *dev)
{
}

static const struct netdev_ops dev_ops = {
	.kind = "fuzz", .rx = dev_rx, .tx = dev_tx, .close = dev_close,
};

/* ---- users */

static struct end *end_of(struct side *s, const struct tcp_conn *c)
{
	for (unsigned i = 0; i < CONNS; i++)
		if (s->ends[i].conn == c)
			return &s->ends[i];
	return NULL;
}

static void user_reads(struct side *s, unsigned i, uint32_t want)
{
	struct tcp *t = &s->host.net.tcp;
	struct end *e = &s->ends[i];
	uint8_t b[9000];
	uint32_t done = 0;
	struct pkt *p;

	while (e->conn && done < want && (p = tcp_recv(t, e->conn))) {
		uint32_t n = MIN(MIN(want - done, p->total), sizeof(b));

		assert(pkt_read(p, 0, b, n) == n);
		for (uint32_t k = 0; k < n; k++)
			assert(b[k] == byte_of(i, !s->which, e->read++));
		done += n;
		if (n < p->total)
			tcp_unrecv(t, e->conn, pkt_trim_front(p, n));
		else
			pkt_put(p);
	}
	if (e->conn)
		tcp_recv_done(t, e->conn, done);
}

static void user_closes(struct side *s, unsigned i, bool abort_it)
{
	struct end *e = &s->ends[i];

	if (!e->conn)
		return;
	e->broken |= abort_it || tcp_recv_queued(e->conn) || !e->eof;
	e->closed = true;
	if (abort_it)
		tcp_abort(&s->host.net.tcp, e->conn);
	else
		tcp_close(&s->host.net.tcp, e->conn);
	e->conn = NULL;
}

static void user_writes(struct side *s, unsigned i, uint32_t n)
{
	struct end *e = &s->ends[i];
	uint8_t b[20000];
	int done;

	if (!e->conn)
		return;
	n = MIN(n, sizeof(b));
	for (uint32_t k = 0; k < n; k++)
		b[k] = byte_of(i, s->which, e->written + k);
	done = tcp_write(&s->host.net.tcp, e->conn, b, n);
	e->written += done > 0 ? (unsigned)done : 0;
}

static void user_accepts(struct side *s)
{
	struct tcp *t = &s->host.net.tcp;
	struct tcp_info info;
	struct tcp_conn *c;

	while (s->listener && (c = tcp_accept(t, s->listener, s))) {
		tcp_get_info(t, c, &info);
		assert(info.rport >= FIRST_PORT && info.rport < FIRST_PORT + CONNS);
		s->ends[info.rport - FIRST_PORT] = (struct end){.conn = c, .was = true};
	}
}

static bool drain(void *ctx)
{
	struct side *s = ctx;
	struct tcp *t = &s->host.net.tcp;
	struct tcp_conn *c;
	struct end *e;
	unsigned bits;

	while ((c = tcp_ready_conn(t, &bits))) {
		e = end_of(s, c);
		assert(e != NULL);
		e->eof |= !!(bits & TCP_READY_EOF);
		if (bits & TCP_READY_ERROR) {
			user_reads(s, (unsigned)(e - s->ends), UINT32_MAX);
			e->broken = e->closed = true;
			tcp_close(t, c);
			e->conn = NULL;
		}
	}
	while (tcp_ready_listener(t))
		;
	return false;
}

/* ---- time */

static void round_of_both(struct fuzz *f)
{
	f->rounds++;
	assert(f->rounds < ROUNDS_MAX);
	for (unsigned i = 0; i < 2; i++) {
		struct side *s = &f->sides[i];

		s->next = net_poll(&s->host.net, f->now);
		if (f->rounds < CHECK_ALL || f->rounds % CHECK_EVERY == 0)
			net_check(&s->host.net);
	}
}

static void pass(struct fuzz *f, nsec duration)
{
	nsec end = f->now + duration, next;

	for (;;) {
		round_of_both(f);
		next = MIN(f->sides[0].next, f->sides[1].next);
		for (unsigned i = 0; i < f->wire_n; i++)
			next = MIN(next, f->wire[i].due);
		if (f->now >= end)
			return;
		f->now = MIN(end, MAX(next, f->now + USEC(10)));
	}
}

/* ---- the whole */

static void start(struct fuzz *f, unsigned which, const uint8_t *how)
{
	struct side *s = &f->sides[which];
	struct addr us = addr_v4(IPV4(10, 0, 0, 1 + which)), any = {0};
	struct net_config config;
	const char *why;
	int err;

	host_config(&config, how[0]);
	config.frames = config.bare = how[1] & 1 ? 64 : 256;
	config.tcp.conns_max = config.tcp.timewaits_max = CONNS + 1;
	config.tcp.halves_max = 16;
	config.tcp.rcvbuf = how[1] & 2 ? 2500 : how[1] & 4 ? 70001 : 20000;
	config.tcp.sndbuf = how[1] & 8 ? 2048 : 40000;
	config.tcp.timestamps = !(how[1] & 16);
	config.tcp.sack = !(how[1] & 32);
	config.tcp.window_scale = !(how[1] & 64);
	config.tcp.iss_below_wrap = how[1] & 128 ? 5000 : 0;
	config.tcp.losses_max = how[0] & 1 ? 1 : CONNS;
	why = host_init(&s->host, &config, f->now);
	assert(why == NULL);
	s->fuzz = f;
	s->which = which;
	s->dev = (struct netdev){
		.ops = &dev_ops, .pool = &s->host.net.pool, .mac = {{2, 0, 0, 0, 0, 1}},
		.mtu = how[0] & 2 ? 9000 : 1500, .features = NETDEV_CHAIN_TX, .wake_fd = -1,
		.up = true, .name = "fuzz0", .priv = s,
	};
	s->dev.mac.b[5] = (uint8_t)(1 + which);
	assert(net_add_dev(&s->host.net, &s->dev) == 0);
	assert(ip_add_addr(&s->host.net.ip, &us, 24, 0) == 0);
	s->host.net.drain = drain;
	s->host.net.drain_ctx = s;
	s->listener = tcp_listen(&s->host.net.tcp, &any, PORT, 0, s, &err);
	assert(s->listener != NULL);
}

static void user_connects(struct fuzz *f, unsigned which, unsigned i, bool both)
{
	struct addr us = addr_v4(IPV4(10, 0, 0, 1 + which));
	struct addr them = addr_v4(IPV4(10, 0, 0, 2 - which));
	struct side *s = &f->sides[which];
	struct end *e = &s->ends[i];
	uint16_t port = (uint16_t)(FIRST_PORT + i);

	/* One life for each number: what comes late must not be taken for the next one's. */
	if (e->was || f->sides[!which].ends[i].was)
		return;
	e->conn = tcp_open(&s->host.net.tcp, s);
	if (!e->conn)
		return;
	if (tcp_connect(&s->host.net.tcp, e->conn, &us, port, &them, both ? port : PORT)) {
		tcp_close(&s->host.net.tcp, e->conn);
		e->conn = NULL;
		return;
	}
	e->was = true;
}

static void one_step(struct fuzz *f, struct input *in)
{
	uint8_t what = byte(in), n = byte(in);
	struct side *s = &f->sides[what >> 3 & 1];
	unsigned i = what >> 4 & 3;

	switch (what & 7) {
	case 0:
		user_connects(f, s->which, i, false);
		break;
	case 1:				/* both at once */
		user_connects(f, s->which, i, true);
		if (s->ends[i].was && !f->sides[!s->which].ends[i].was) {
			s->ends[i].was = false;
			user_connects(f, !s->which, i, true);
			s->ends[i].was = true;
		}
		break;
	case 2:
		user_writes(s, i, n * 100u);
		break;
	case 3:
		user_reads(s, i, n * 100u);
		break;
	case 4:
		if (s->ends[i].conn)
			tcp_shutdown(&s->host.net.tcp, s->ends[i].conn);
		break;
	case 5:
		if (n < 64)
			user_closes(s, i, n & 1);
		else if (s->ends[i].conn)
			tcp_set_nodelay(&s->host.net.tcp, s->ends[i].conn, n & 1);
		break;
	case 6:
		user_accepts(s);
		break;
	default:
		pass(f, n < 200 ? n * USEC(200) : (n - 199u) * MSEC(100));
		return;
	}
	pass(f, USEC(50));
}

/* Everybody reads what comes, closes when the other has, and waits for the end. */
static bool settle(struct fuzz *f)
{
	bool busy = f->wire_n > 0;

	for (unsigned k = 0; k < 2; k++) {
		struct side *s = &f->sides[k];

		user_accepts(s);
		for (unsigned i = 0; i < CONNS; i++) {
			struct end *e = &s->ends[i];

			user_reads(s, i, UINT32_MAX);
			if (!e->conn)
				continue;
			busy = true;
			tcp_shutdown(&s->host.net.tcp, e->conn);
			if (e->eof && !tcp_recv_queued(e->conn))
				user_closes(s, i, false);
		}
		busy |= s->host.net.tcp.conns_used > 0 || s->host.net.tcp.timewaits_used > 0;
	}
	return busy;
}

/* What is not over, for whoever looks into a find. */
static void say_what_remains(struct fuzz *f)
{
	for (unsigned k = 0; k < 2; k++) {
		struct tcp *t = &f->sides[k].host.net.tcp;

		fprintf(stderr, "side %u: %u connections, %u waiting, %u frames on the wire\n", k,
			t->conns_used, t->timewaits_used, f->wire_n);
		for (unsigned i = 0; i < CONNS; i++) {
			struct end *e = &f->sides[k].ends[i];
			struct tcp_info info = {0};

			if (e->conn)
				tcp_get_info(t, e->conn, &info);
			fprintf(stderr, "  %u: was %d eof %d broken %d read %llu written %llu, "
				"%s unacked %u unsent %u wnd %u cwnd %u rto %llu ms\n", i, e->was,
				e->eof, e->broken, (unsigned long long)e->read,
				(unsigned long long)e->written,
				e->conn ? tcp_state_name(info.state) : "-", info.unacked,
				info.unsent, info.snd_wnd, info.cwnd,
				(unsigned long long)(info.rto / 1000000));
		}
	}
}

static void finish(struct fuzz *f)
{
	nsec end = f->now + PATIENCE;

	f->fate.at = f->fate.end;
	while (settle(f)) {
		if (f->now >= end)
			say_what_remains(f);
		assert(f->now < end);
		pass(f, f->now + PATIENCE / 2 < end ? MSEC(20) : SEC(10));
		if (f->rounds > ROUNDS_MAX / 2)
			pass(f, SEC(5));
	}
	for (unsigned i = 0; i < CONNS; i++) {
		struct end *a = &f->sides[0].ends[i], *b = &f->sides[1].ends[i];

		assert(a->read <= b->written && b->read <= a->written);
		if (a->was && b->was && !a->broken && !b->broken)
			assert(a->read == b->written && b->read == a->written);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz f;
	struct input in;
	size_t users;

	if (size < 8)
		return 0;
	users = 5 + (size - 5) * data[0] / 256;
	memset(&f, 0, sizeof(f));
	f.now = SEC(1);
	in = (struct input){.at = data + 5, .end = data + users};
	f.fate = (struct input){.at = data + users, .end = data + size};
	start(&f, 0, data + 1);
	start(&f, 1, data + 3);
	for (unsigned i = 0; i < STEPS_MAX && in.at < in.end; i++)
		one_step(&f, &in);
	finish(&f);
	for (unsigned i = 0; i < 2; i++) {
		bool rest = host_fini(&f.sides[i].host);

		assert(rest);
	}
	assert(f.wire_n == 0);
	return 0;
}
