/* A whole stack under fire: segments, what its user does, time and want of memory, in any order.
 *
 * The input is a program; each step begins with a byte that says what it is.  Segments are aimed:
 * their numbers count from what the stack last said on that connection, so that most of them
 * matter, and their checksums are right.  After each step net_check() holds; every byte that the
 * stack sends is the one that its user wrote at that place; at the end every frame has come back
 * and every lend as well. */
#include <stdlib.h>
#include <string.h>

#include "fuzz/fail.h"
#include "helper/host.h"
#include "helper/seg.h"

#define STEPS_MAX 400u
#define PEERS 5u		/* ports of the other side */
#define CONNS 6u
#define LENDS 8u
#define US IPV4(10, 0, 0, 1)
#define THEM IPV4(10, 0, 0, 2)
#define PORT 80

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at, *end;
};

/* What the stack said last to a port, and what it said its first number was. */
struct peer {
	uint32_t nxt, una;		/* of the stack's numbers */
	uint32_t rcv;			/* what it waits for */
	uint32_t isn, wnd;
	uint16_t lport, isn_port;
	uint32_t ts_val, ts_ecr;
	bool ts;
};

struct fuzz {
	struct host host;
	struct netdev dev;
	nsec now;
	struct pkt *in[8];
	unsigned in_n;
	struct pkt *kept[16];		/* a ring that is slow to give back */
	unsigned kept_n;
	bool keep, full;
	struct peer peers[PEERS];
	struct tcp_listener *listener;
	struct tcp_conn *conns[CONNS];
	uint64_t written[CONNS];
	struct lend lends[LENDS];
	struct pkt *taken;		/* frames that we keep from the stack */
};

static uint8_t lent_bytes[65536 + 32768];

static uint8_t byte_at(uint64_t at)
{
	return (uint8_t)(at * 7 + (at >> 8));
}

static uint8_t byte(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static uint16_t word(struct input *in)
{
	uint8_t high = byte(in);

	return (uint16_t)(high << 8 | byte(in));
}

/* ---- what the stack says */

static struct peer *peer_at(struct fuzz *f, uint16_t port)
{
	return port >= 1000 && port < 1000 + PEERS ? &f->peers[port - 1000] : NULL;
}

static void listen_to(struct fuzz *f, const struct seg *s)
{
	struct peer *p = peer_at(f, s->dport);

	if (!p)
		return;
	p->lport = s->sport;
	if (s->flags & SEG_SYN) {
		p->isn = s->seq;
		p->isn_port = s->sport;
	}
	if (s->opts & SEG_OPT_TS) {
		p->ts_ecr = s->ts_val;
		p->ts = true;
	}
	if (s->flags & SEG_ACK) {
		p->rcv = s->ack;
		p->wnd = s->win;
	}
	if (p->isn_port == s->sport)
		for (uint32_t i = 0; i < s->len; i++)
			assert(s->payload[i] == byte_at(s->seq - p->isn - 1 + i));
	if (!(s->flags & SEG_RST))
		p->nxt = s->seq + seg_span(s);
}

static unsigned dev_tx(struct netdev *dev, struct pkt **p, unsigned n)
{
	static uint8_t b[SEG_FRAME_MAX];
	struct fuzz *f = dev->priv;
	struct seg s;

	if (f->full)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		const char *wrong;

		assert(pkt_read(p[i], 0, b, p[i]->total) == p[i]->total);
		wrong = seg_parse(&s, b, p[i]->total);
		assert(wrong == NULL);
		if (s.proto == SEG_TCP)
			listen_to(f, &s);
		if (f->keep && f->kept_n < 16)
			f->kept[f->kept_n++] = p[i];
		else
			pkt_put(p[i]);
	}
	return n;
}

static int dev_rx(struct netdev *dev, struct pkt **out, unsigned max)
{
	struct fuzz *f = dev->priv;
	unsigned n = MIN(max, f->in_n);

	memcpy(out, f->in, n * sizeof(*out));
	f->in_n = 0;
	return (int)n;
}

static void give_back(struct fuzz *f)
{
	while (f->kept_n)
		pkt_put(f->kept[--f->kept_n]);
}

static void dev_close(struct netdev *dev)
{
	struct fuzz *f = dev->priv;

	give_back(f);
	while (f->in_n)
		pkt_put(f->in[--f->in_n]);
}

static const struct netdev_ops dev_ops = {
	.kind = "fuzz", .rx = dev_rx, .tx = dev_tx, .close = dev_close,
};

/* ---- polls */

static struct tcp_conn **slot_of(struct fuzz *f, const struct tcp_conn *c)
{
	for (unsigned i = 0; i < CONNS; i++)
		if (f->conns[i] == c)
			return &f->conns[i];
	return NULL;
}

static bool drain(void *ctx)
{
	struct fuzz *f = ctx;
	struct tcp *t = &f->host.net.tcp;
	struct tcp_conn *c, **slot;
	unsigned bits;

	while ((c = tcp_ready_conn(t, &bits))) {
		slot = slot_of(f, c);
		assert(slot != NULL && tcp_owner(c) == f);
		assert(!(bits & TCP_READY_ERROR) || tcp_error(c));
		if (bits & TCP_READY_ERROR) {
			tcp_close(t, c);
			*slot = NULL;
		}
	}
	while (tcp_ready_listener(t))
		;
	while (f->host.net.pool.returned)
		f->host.net.pool.returned = f->host.net.pool.returned->next;
	return false;
}

static void poll_once(struct fuzz *f)
{
	net_poll(&f->host.net, f->now);
	net_check(&f->host.net);
}

static void put_frame(struct fuzz *f, const uint8_t *b, uint32_t n)
{
	struct pkt *p = f->in_n < 8 ? pkt_new(&f->host.net.pool) : NULL;

	if (p && pkt_write(p, b, n)) {
		pkt_put(p);
		p = NULL;
	}
	if (p)
		f->in[f->in_n++] = p;
}

static void start(struct fuzz *f, uint8_t how)
{
	struct addr us = addr_v4(US), them = addr_v4(THEM);
	uint8_t answer[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6,
			      0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 2, 10, 0, 0, 2,
			      2, 0, 0, 0, 0, 1, 10, 0, 0, 1};
	struct net_config config;
	struct tcp_conn *c;
	const char *why;

	memset(f, 0, sizeof(*f));
	f->now = SEC(1);
	host_config(&config, how);
	config.frames = how & 1 ? 160 : 64;
	config.bare = how & 2 ? 128 : 64;
	config.tcp.conns_max = 5;
	config.tcp.timewaits_max = 2;
	config.tcp.halves_max = 16;
	config.tcp.listeners_max = 1;
	config.tcp.losses_max = how & 4 ? 1 : 5;
	config.tcp.rcvbuf = how & 8 ? 5000 : 150000;
	config.tcp.sndbuf = how & 16 ? 3000 : 60000;
	config.tcp.backlog = 2;
	config.tcp.data_retries = 3;
	config.tcp.iss_below_wrap = how & 32 ? 3000 : 0;
	why = host_init(&f->host, &config, f->now);
	assert(why == NULL);
	f->dev = (struct netdev){
		.ops = &dev_ops, .pool = &f->host.net.pool, .mac = {{2, 0, 0, 0, 0, 1}},
		.mtu = how & 64 ? 9000 : 1500, .features = how & 128 ? NETDEV_CHAIN_TX : 0,
		.wake_fd = -1, .up = true, .name = "fuzz0", .priv = f,
	};
	assert(net_add_dev(&f->host.net, &f->dev) == 0);
	assert(ip_add_addr(&f->host.net.ip, &us, 24, 0) == 0);
	f->host.net.drain = drain;
	f->host.net.drain_ctx = f;
	/* The neighbour is known before the fire begins. */
	c = tcp_open(&f->host.net.tcp, f);
	assert(tcp_connect(&f->host.net.tcp, c, &us, 1, &them, 1) == 0);
	poll_once(f);
	put_frame(f, answer, sizeof(answer));
	poll_once(f);
	tcp_abort(&f->host.net.tcp, c);
	for (unsigned i = 0; i < PEERS; i++)
		f->peers[i] = (struct peer){.lport = PORT, .rcv = 0xfffffff0u - i * 1000};
}

/* ---- steps: segments */

static uint32_t near(struct input *in, uint32_t base, uint32_t wnd)
{
	uint8_t how = byte(in);

	if (how < 128)
		return base;
	switch (how & 7) {
	case 0:
		return base + word(in);
	case 1:
		return base - word(in);
	case 2:
		return base + wnd - (how >> 4);
	case 3:
		return base + wnd;
	case 4:
		return base + 0x80000000u + byte(in);
	default:
		return base + (uint32_t)(int8_t)byte(in);
	}
}

static void options(struct fuzz *f, struct input *in, struct seg *s, struct peer *p)
{
	uint8_t what = byte(in);

	if (s->flags & SEG_SYN) {
		s->opts = what & (SEG_OPT_MSS | SEG_OPT_WSCALE | SEG_OPT_SACK_OK | SEG_OPT_TS);
		s->mss = what & 16 ? 1460 : word(in);
		s->wscale = what & 32 ? 2 : byte(in);
	} else if (p->ts != (what == 77)) {
		s->opts = SEG_OPT_TS;
	}
	if (what & 64 && !(s->flags & SEG_SYN)) {
		s->opts |= SEG_OPT_SACK;
		s->sack_n = 1 + (what & 1) + (what >> 1 & 1);
		for (unsigned i = 0; i < s->sack_n; i++) {
			s->sack[i].left = s->ack + word(in);
			s->sack[i].right = s->sack[i].left + (int16_t)word(in);
		}
	}
	p->ts_val = 5000 + (uint32_t)(f->now / 1000000u);
	s->ts_val = what & 128 ? near(in, p->ts_val, 100) : p->ts_val;
	s->ts_ecr = what & 8 ? p->ts_ecr - byte(in) : p->ts_ecr;
}

static void step_segment(struct fuzz *f, struct input *in, uint8_t who)
{
	static uint8_t b[SEG_FRAME_MAX], payload[9000];
	struct peer *p = &f->peers[who % PEERS];
	struct seg s = {.proto = SEG_TCP, .eth_src = {{2, 0, 0, 0, 0, 2}},
			.eth_dst = {{2, 0, 0, 0, 0, 1}}, .src = THEM, .dst = US,
			.sport = (uint16_t)(1000 + who % PEERS), .dport = p->lport,
			.payload = payload};
	uint8_t kind = byte(in);
	uint32_t len = 0;

	static const uint8_t flags[] = {SEG_ACK, SEG_ACK | SEG_PSH, SEG_ACK | SEG_FIN, SEG_SYN,
					SEG_SYN | SEG_ACK, SEG_RST, SEG_RST | SEG_ACK, 0};

	s.flags = kind < 8 ? flags[kind] : kind < 240 ? flags[kind & 1] : byte(in);
	s.seq = near(in, p->rcv, p->wnd);
	s.ack = s.flags & SEG_ACK ? near(in, p->nxt, 100) : 0;
	if (kind & 16)
		s.ack = p->una + (kind & 32 ? word(in) : 0);
	p->una = s.ack;
	s.win = kind & 64 ? (uint16_t)(word(in) >> (kind >> 4 & 7)) : 65535;
	if (kind & 8)
		len = kind & 1 ? word(in) % (f->dev.mtu - 80u) : byte(in);
	options(f, in, &s, p);
	s.len = len;
	put_frame(f, b, seg_build(b, &s));
}

/* A frame whose TCP header is the input's, but for its checksum. */
static void step_raw(struct fuzz *f, struct input *in)
{
	static uint8_t b[SEG_FRAME_MAX];
	struct peer *p = &f->peers[byte(in) % PEERS];
	struct seg s = {.proto = SEG_TCP, .eth_src = {{2, 0, 0, 0, 0, 2}},
			.eth_dst = {{2, 0, 0, 0, 0, 1}}, .src = THEM, .dst = US,
			.sport = (uint16_t)(1000 + (p - f->peers)), .dport = p->lport,
			.seq = p->rcv, .ack = p->nxt, .flags = byte(in), .win = word(in)};
	uint32_t n;

	s.len = byte(in) % 64;
	n = seg_build(b, &s);
	for (uint32_t i = 0; i < s.len; i++)
		b[n - s.len + i] = byte(in);
	b[14 + 20 + 12] = (uint8_t)(byte(in) << 4);
	seg_fix(b, n);
	put_frame(f, b, n);
}

/* ---- steps: the user */

static void user_opens(struct fuzz *f, struct input *in, uint8_t i)
{
	struct tcp *t = &f->host.net.tcp;
	struct addr us = addr_v4(US), to = addr_v4(byte(in) & 1 ? THEM : US);
	uint16_t port = (uint16_t)(1000 + byte(in) % PEERS);
	struct addr any = {0};
	int err;

	if (!f->listener) {
		f->listener = tcp_listen(t, &any, PORT, 0, f, &err);
		return;
	}
	if (f->conns[i])
		return;
	f->written[i] = 0;
	f->conns[i] = tcp_accept(t, f->listener, f);
	if (f->conns[i])
		return;
	f->conns[i] = tcp_open(t, f);
	if (f->conns[i] && tcp_connect(t, f->conns[i], &us, byte(in) & 1 ? 0 : port, &to, port)) {
		tcp_close(t, f->conns[i]);
		f->conns[i] = NULL;
	}
}

static void user_writes(struct fuzz *f, struct input *in, uint8_t i)
{
	static uint8_t b[65536];
	struct tcp *t = &f->host.net.tcp;
	uint32_t n = byte(in) & 1 ? word(in) : byte(in);
	struct pkt *p;
	uint8_t lend = byte(in);
	int done;

	if (!(lend & 128) || f->lends[lend % LENDS].refs || !tcp_send_room(f->conns[i])) {
		for (uint32_t k = 0; k < n; k++)
			b[k] = byte_at(f->written[i] + k);
		done = tcp_write(t, f->conns[i], b, n);
		f->written[i] += done > 0 ? (unsigned)done : 0;
		return;
	}
	/* Lent memory lives until it comes back; byte_at() repeats every 64 KiB. */
	p = pkt_lent(&f->host.net.pool, &f->lends[lend % LENDS],
		     lent_bytes + f->written[i] % 65536, n % 32768);
	if (p && tcp_send(t, f->conns[i], p) == 0)
		f->written[i] += n % 32768;
}

static void user_reads(struct fuzz *f, struct input *in, uint8_t i)
{
	struct tcp *t = &f->host.net.tcp;
	uint32_t want = word(in), done = 0;
	struct pkt *p;

	while (done < want && (p = tcp_recv(t, f->conns[i]))) {
		uint32_t n = MIN(want - done, p->total);

		done += n;
		if (n < p->total)
			tcp_unrecv(t, f->conns[i], pkt_trim_front(p, n));
		else
			pkt_put(p);
	}
	tcp_recv_done(t, f->conns[i], done);
}

static void user_ends(struct fuzz *f, struct input *in, uint8_t i)
{
	struct tcp *t = &f->host.net.tcp;
	uint8_t how = byte(in);

	if (how % 16 == 0 && f->listener) {
		tcp_listener_close(t, f->listener);
		f->listener = NULL;
	}
	if (!f->conns[i])
		return;
	if (how & 16) {
		tcp_shutdown(t, f->conns[i]);
		return;
	}
	if (how & 32)
		tcp_abort(t, f->conns[i]);
	else
		tcp_close(t, f->conns[i]);
	f->conns[i] = NULL;
}

static void user_turns_knobs(struct fuzz *f, struct input *in, uint8_t i)
{
	struct tcp *t = &f->host.net.tcp;
	uint8_t what = byte(in);

	if (what & 64) {
		f->keep = what & 1;
		f->full = what & 2;
		if (!f->keep)
			give_back(f);
	} else if (what & 128 && !f->taken) {
		f->taken = NULL;
		while (f->host.net.pool.free_frames_n > (what & 7u)) {
			struct pkt *p = pkt_new(&f->host.net.pool);

			p->next = f->taken;
			f->taken = p;
		}
	} else if (f->taken) {
		while (f->taken) {
			struct pkt *p = f->taken;

			f->taken = p->next;
			p->next = NULL;
			pkt_put(p);
		}
	} else if (f->conns[i]) {
		tcp_cork(t, f->conns[i], what & 1);
		tcp_set_nodelay(t, f->conns[i], what & 2);
		if (what & 4)
			tcp_want_room(t, f->conns[i]);
	}
}

static void step_time(struct fuzz *f, struct input *in)
{
	static const nsec spans[] = {USEC(10), MSEC(1), MSEC(50), MSEC(300), SEC(2), SEC(70)};
	nsec end = f->now + spans[byte(in) % ARRAY_LEN(spans)] * (1 + byte(in) % 8), next;

	for (unsigned i = 0; i < 64 && f->now < end; i++) {
		next = net_poll(&f->host.net, f->now);
		net_check(&f->host.net);
		f->now = MIN(end, MAX(next, f->now + USEC(1)));
	}
	f->now = end;
	poll_once(f);
}

static void one_step(struct fuzz *f, struct input *in)
{
	uint8_t what = byte(in), i = what / 32 % CONNS;

	switch (what % 16) {
	case 8:
		step_raw(f, in);
		break;
	case 9:
		user_opens(f, in, i);
		break;
	case 10:
		if (f->conns[i])
			user_writes(f, in, i);
		break;
	case 11:
		if (f->conns[i])
			user_reads(f, in, i);
		break;
	case 12:
		user_ends(f, in, i);
		break;
	case 13:
		user_turns_knobs(f, in, i);
		break;
	case 14:
		step_time(f, in);
		return;
	default:
		step_segment(f, in, what / 32);
		if (what & 16)
			return;			/* more of them in one burst */
	}
	poll_once(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz f;
	struct input in = {.at = data, .end = data + size};
	bool rest;

	for (uint32_t i = 0; i < sizeof(lent_bytes); i++)
		lent_bytes[i] = byte_at(i);
	start(&f, byte(&in));
	for (unsigned i = 0; i < STEPS_MAX && in.at < in.end; i++)
		one_step(&f, &in);
	while (f.taken) {
		struct pkt *p = f.taken;

		f.taken = p->next;
		p->next = NULL;
		pkt_put(p);
	}
	for (unsigned i = 0; i < CONNS; i++)
		if (f.conns[i] && (i & 1))
			tcp_close(&f.host.net.tcp, f.conns[i]);
	poll_once(&f);
	dev_close(&f.dev);
	rest = host_fini(&f.host);
	assert(rest);
	for (unsigned i = 0; i < LENDS; i++)
		assert(f.lends[i].refs == 0);
	return 0;
}
