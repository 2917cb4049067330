/* TCP over the lower half of a stack, and peers that speak by hand. */
#include "helper/tcprig.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper/fakedev.h"
#include "link/link.h"

uint8_t rig_byte(bool of_peer, uint64_t at)
{
	return (uint8_t)(at * 131 + (at >> 8) * 17 + (of_peer ? 3 : 101));
}

/* ---- life */

void rig_config(struct rig_config *config)
{
	*config = (struct rig_config){.tcp = tcp_config_default};
	config->tcp.conns_max = 64;
	config->tcp.timewaits_max = 8;
	config->tcp.listeners_max = 4;
	config->tcp.iss_below_wrap = 100;
	config->tcp.quick_acks = 0;
	config->tcp.rcvbuf_max = config->tcp.sndbuf_max = 0;
	config->tcp.cc = &cc_newreno;	/* whose windows can be counted by hand */
}

struct rig *rig_new(const struct rig_config *config)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct rig_config plain;
	const char *why = NULL;
	size_t n;

	assert(r != NULL);
	rig_config(&plain);
	if (!config)
		config = &plain;
	r->l = lower_new(&(struct lower_config){
		.mtu = config->mtu, .frames = config->frames, .chain_tx = true});
	r->core = &r->l->stage.core;
	n = tcp_bytes(&config->tcp, &why);
	assert(why == NULL);
	r->mem = aligned_alloc(CACHE_LINE, ALIGN_UP(n, (size_t)CACHE_LINE));
	assert(r->mem != NULL);
	memset(r->mem, 0, n);
	tcp_init(&r->tcp, r->core, &r->l->ip, &config->tcp, r->mem);
	r->peer = &r->peers[0];
	r->looked_at = r->l->dev->out_n;
	for (unsigned i = 0; i < RIG_PEERS; i++)
		r->peers[i] = (struct rig_peer){.port = (uint16_t)(RIG_PEER_PORT + i),
						.lport = RIG_PORT, .isn = UINT32_MAX - 50 - i,
						.win = 65535, .opts = SEG_OPT_MSS, .mss = 1460};
	return r;
}

void rig_free(struct rig *r)
{
	tcp_check(&r->tcp);
	tcp_fini(&r->tcp);
	/* What lower does not know: neighbours' timers are link's, ours must be gone. */
	lower_free(r->l);
	free(r->mem);
	free(r);
}

/* ---- text */

static struct rig_peer *peer_named(struct rig *r, const char **text)
{
	char *end;
	unsigned long i = strtoul(*text, &end, 10);

	if (end == *text || *end != ':')
		return r->peer;
	assert(i < RIG_PEERS);
	*text = end + 1;
	return &r->peers[i];
}

static uint8_t flag_of(char letter)
{
	static const char letters[] = "FSRPAUEC";
	const char *at = strchr(letters, letter);

	assert(at != NULL && letter);
	return (uint8_t)(1u << (at - letters));
}

static void get_sack(struct seg *s, const struct rig_peer *p, const char *at)
{
	char *end;

	if (!at)
		return;
	s->opts |= SEG_OPT_SACK;
	for (at += 6; *at; at = end + (*end == ' ')) {
		assert(s->sack_n < SEG_SACKS_MAX);
		s->sack[s->sack_n].left = p->local_isn + (uint32_t)strtol(at, &end, 10);
		assert(*end == '-');
		s->sack[s->sack_n++].right = p->local_isn + (uint32_t)strtol(end + 1, &end, 10);
	}
}

struct seg rig_seg(struct rig *r, const char *text)
{
	static uint8_t bytes[SEG_FRAME_MAX];
	struct rig_peer *p = peer_named(r, &text);
	struct seg s = {.proto = SEG_TCP, .eth_src = LOWER_MAC_PEER, .eth_dst = LOWER_MAC_US,
			.src = LOWER_PEER, .dst = LOWER_US, .sport = p->port, .dport = p->lport};
	long seq, ack = 0, win, n;
	char *at;

	for (text += strspn(text, " "); *text != ' '; text++)
		if (*text != '.')
			s.flags |= flag_of(*text);
	seq = strtol(text, &at, 10);
	assert(*at == '(');
	n = strtol(at + 1, &at, 10);
	assert(*at == ')');
	at++;
	if (*at == ' ' && at[1] != 'w' && at[1] != 's')
		ack = strtol(at, &at, 10);
	if (sscanf(at, " win %ld", &win) == 1)
		p->win = (uint16_t)win;
	get_sack(&s, p, strstr(at, " sack "));
	s.seq = p->isn + (uint32_t)seq;
	s.len = (uint32_t)n;
	s.win = p->win;
	if (s.flags & SEG_ACK)
		s.ack = p->local_isn + (uint32_t)ack;
	s.opts |= s.flags & SEG_SYN ? p->opts : p->opts & SEG_OPT_TS;
	s.mss = p->mss;
	s.wscale = p->wscale;
	if (!p->ts_stopped)
		p->ts_val = 77000 + (uint32_t)(r->core->now / 1000000u);
	s.ts_val = p->ts_val;
	s.ts_ecr = s.flags & SEG_ACK ? p->ts_ecr : 0;
	for (uint32_t i = 0; i < s.len; i++)
		bytes[i] = rig_byte(true, (uint64_t)(seq + (long)i - !(s.flags & SEG_SYN)));
	s.payload = bytes;
	return s;
}

/* Writes in words what left the stack; checks the bytes. */
static void describe(struct rig *r, const struct rig_peer *p)
{
	static const char letters[] = "FSRPAUEC";
	const struct seg *s = &r->out;
	char flags[9] = "";
	unsigned n = 0;
	int32_t seq = (int32_t)(s->seq - p->local_isn), ack = (int32_t)(s->ack - p->isn), at;

	for (unsigned i = 0; i < 8; i++)
		if (s->flags >> i & 1)
			flags[n++] = letters[i];
	if (!n)
		flags[0] = '.';
	at = p == r->peer ? 0 : snprintf(r->text, sizeof(r->text), "%u: ", p->port - RIG_PEER_PORT);
	at += snprintf(r->text + at, sizeof(r->text) - (size_t)at, "%s %d(%u)", flags, seq, s->len);
	if (s->flags & SEG_ACK)
		at += snprintf(r->text + at, sizeof(r->text) - (size_t)at, " %d", ack);
	for (unsigned i = 0; i < s->sack_n; i++)
		at += snprintf(r->text + at, sizeof(r->text) - (size_t)at, "%s%d-%d",
			       i ? " " : " sack ", (int32_t)(s->sack[i].left - p->isn),
			       (int32_t)(s->sack[i].right - p->isn));
	for (uint32_t i = 0; i < s->len; i++)
		assert(s->payload[i] == rig_byte(false, (uint64_t)(seq - 1) + i));
}

const char *rig_out(struct rig *r)
{
	struct frame *f;
	struct rig_peer *p = NULL;

	r->text[0] = 0;
	memset(&r->out, 0, sizeof(r->out));
	while ((f = lower_out(r->l)) && load_be16(f->b + 12) == WIRE_ETH_ARP)
		;
	if (!f)
		return r->text;
	memcpy(r->frame.b, f->b, f->n);
	if (seg_parse(&r->out, r->frame.b, f->n) || r->out.proto != SEG_TCP) {
		snprintf(r->text, sizeof(r->text), "not TCP: kind %d", r->out.proto);
		return r->text;
	}
	for (unsigned i = 0; i < RIG_PEERS && !p; i++)
		if (r->peers[i].port == r->out.dport && r->peers[i].lport == r->out.sport)
			p = &r->peers[i];
	if (!p) {
		snprintf(r->text, sizeof(r->text), "to port %u", r->out.dport);
		return r->text;
	}
	if (r->out.flags & SEG_SYN)
		p->local_isn = r->out.seq;
	if (r->out.opts & SEG_OPT_TS)
		p->ts_ecr = r->out.ts_val;
	describe(r, p);
	return r->text;
}

unsigned rig_out_skip(struct rig *r)
{
	unsigned n = 0;

	while (*rig_out(r))
		n++;
	return n;
}

/* ---- polls */

static void check(struct rig *r)
{
	tcp_check(&r->tcp);
	pool_check(&r->l->stage.pool);
}

/* The peers' station answers whoever asks for it. */
static void answer_requests(struct rig *r)
{
	const struct fakedev *dev = r->l->dev;
	struct wire_arp answer = {
		.op = WIRE_ARP_REPLY, .sender_mac = LOWER_MAC_PEER, .sender_ip = LOWER_PEER,
		.target_mac = LOWER_MAC_US, .target_ip = LOWER_US,
	};
	bool asked = false;

	for (; r->looked_at != dev->out_n; r->looked_at++)
		asked |= load_be16(dev->out[r->looked_at % FAKEDEV_OUT_MAX].b + 12) == WIRE_ETH_ARP;
	if (!asked)
		return;
	frame_arp(&r->l->frame, LOWER_MAC_US, &answer);
	lower_in(r->l);
	r->looked_at = dev->out_n;
}

void rig_run(struct rig *r)
{
	ip_deliver(&r->l->ip);
	tcp_flush(&r->tcp);
	lower_run(r->l);
	answer_requests(r);
	check(r);
}

void rig_put(struct rig *r, const struct seg *s)
{
	static uint8_t b[SEG_FRAME_MAX];
	uint32_t n = seg_build(b, s);
	struct pkt *p;

	if (!fakedev_put(r->l->dev, b, n)) {
		core_count_drop(r->core, DROP_POOL_EMPTY, NULL);
		return;
	}
	while (r->l->dev->dev.ops->rx(&r->l->dev->dev, &p, 1) == 1)
		link_input(r->l->link, 0, &p, 1);
	ip_deliver(&r->l->ip);
	check(r);
}

void rig_in(struct rig *r, const char *text)
{
	struct seg s = rig_seg(r, text);

	rig_put(r, &s);
	rig_run(r);
}

void rig_inf(struct rig *r, const char *format, ...)
{
	char line[RIG_TEXT];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	rig_in(r, line);
}

static void fire(void *ctx, struct wheel_node *n)
{
	struct rig *r = ctx;

	if (n->kind == TIMER_NEIGH)
		link_timer(r->l->link, n);
	else if (n->kind == TIMER_FRAG)
		ip_frag_timer(&r->l->ip, n);
	else
		tcp_timer(&r->tcp, n);
	rig_run(r);
}

void rig_pass(struct rig *r, nsec duration)
{
	stage_pass(&r->l->stage, duration, fire, r);
	rig_run(r);
}

static bool something_left(struct rig *r)
{
	const struct fakedev *dev = r->l->dev;

	for (unsigned i = dev->out_at; i != dev->out_n; i++)
		if (load_be16(dev->out[i % FAKEDEV_OUT_MAX].b + 12) != WIRE_ETH_ARP)
			return true;
	return false;
}

void rig_pass_until_out(struct rig *r, nsec limit)
{
	nsec end = r->core->now + limit;

	while (!something_left(r) && r->core->now < end) {
		nsec next = wheel_next(&r->core->wheel);

		rig_pass(r, MIN(MAX(next, r->core->now), end) - r->core->now);
	}
}

/* ---- the user */

void rig_listen(struct rig *r)
{
	struct addr any = {0};
	int err;

	r->listener = tcp_listen(&r->tcp, &any, RIG_PORT, 0, r, &err);
	assert(r->listener != NULL && err == 0);
}

struct rig_peer *rig_peer_of(struct rig *r, const struct tcp_conn *c)
{
	struct tcp_info info;

	tcp_get_info(&r->tcp, c, &info);
	for (unsigned i = 0; i < RIG_PEERS; i++)
		if (r->peers[i].port == info.rport)
			return &r->peers[i];
	return NULL;
}

struct tcp_conn *rig_accepted(struct rig *r, unsigned i)
{
	struct tcp_conn *c;

	if (!r->listener)
		rig_listen(r);
	rig_inf(r, "%u: S 0(0)", i);
	rig_out(r);
	assert(r->out.flags == (SEG_SYN | SEG_ACK));
	rig_inf(r, "%u: A 1(0) 1", i);
	assert(!*rig_out(r));
	assert(tcp_ready_listener(&r->tcp) == r->listener);
	c = tcp_accept(&r->tcp, r->listener, &r->peers[i]);
	assert(c != NULL && tcp_conn_state(c) == TCP_ESTABLISHED);
	return c;
}

struct tcp_conn *rig_connecting(struct rig *r, unsigned i)
{
	struct addr any = {0}, to = addr_v4(LOWER_PEER);
	struct tcp_conn *c = tcp_open(&r->tcp, &r->peers[i]);
	int err;

	assert(c != NULL);
	err = tcp_connect(&r->tcp, c, &any, (uint16_t)(40000 + i), &to, r->peers[i].port);
	assert(err == 0);
	r->peers[i].lport = (uint16_t)(40000 + i);
	rig_run(r);
	rig_out(r);
	assert(r->out.flags == SEG_SYN);
	return c;
}

struct tcp_conn *rig_connected(struct rig *r, unsigned i)
{
	struct tcp_conn *c = rig_connecting(r, i);
	unsigned bits;

	rig_inf(r, "%u: SA 0(0) 1", i);
	rig_out(r);
	assert(r->out.flags == SEG_ACK);
	assert(tcp_ready_conn(&r->tcp, &bits) == c);
	assert(bits == (TCP_READY_CONNECTED | TCP_READY_WRITABLE));
	return c;
}

/* Both FINs in the order that leads there. */
static void close_to(struct rig *r, struct tcp_conn *c, unsigned i, enum tcp_state state)
{
	struct rig_peer *p = &r->peers[i];

	if (state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK) {
		rig_inf(r, "%u: FA 1(0) 1", i);
		p->seq++;
	}
	if (state != TCP_CLOSE_WAIT && state != TCP_ESTABLISHED) {
		assert(tcp_shutdown(&r->tcp, c) == 0);
		rig_run(r);
		p->ack++;
	}
	if (state == TCP_CLOSING) {
		rig_inf(r, "%u: FA 1(0) 1", i);
		p->seq++;
	} else if (state == TCP_FIN_WAIT_2) {
		rig_inf(r, "%u: A 1(0) 2", i);
	}
}

struct tcp_conn *rig_in_state(struct rig *r, unsigned i, enum tcp_state state)
{
	struct rig_peer *p = &r->peers[i];
	struct tcp_conn *c = NULL;

	p->seq = p->ack = 1;
	if (state == TCP_SYN_SENT)
		return rig_connecting(r, i);
	if (state == TCP_SYN_RECEIVED) {
		if (!r->listener)
			rig_listen(r);
		rig_inf(r, "%u: S 0(0)", i);
		rig_out(r);
	} else {
		c = rig_connected(r, i);
		close_to(r, c, i, state);
		rig_out_skip(r);
		assert(tcp_conn_state(c) == state);
	}
	rig_ready(r, c);
	return c;
}

int rig_write(struct rig *r, struct tcp_conn *c, uint32_t n)
{
	struct rig_peer *p = rig_peer_of(r, c);
	uint8_t *b = malloc(n + 1);
	int done;

	assert(b != NULL);
	for (uint32_t i = 0; i < n; i++)
		b[i] = rig_byte(false, p->written + i);
	done = tcp_write(&r->tcp, c, b, n);
	free(b);
	if (done > 0)
		p->written += (unsigned)done;
	tcp_check(&r->tcp);
	return done;
}

uint32_t rig_read(struct rig *r, struct tcp_conn *c, uint32_t n)
{
	struct rig_peer *peer = rig_peer_of(r, c);
	uint8_t b[SEG_FRAME_MAX];
	uint32_t done = 0;
	struct pkt *p;

	while (done < n && (p = tcp_recv(&r->tcp, c))) {
		uint32_t k = MIN(n - done, p->total);

		assert(pkt_read(p, 0, b, k) == k);
		for (uint32_t i = 0; i < k; i++)
			assert(b[i] == rig_byte(true, peer->read++));
		done += k;
		if (k < p->total)
			tcp_unrecv(&r->tcp, c, pkt_trim_front(p, k));
		else
			pkt_put(p);
	}
	tcp_recv_done(&r->tcp, c, done);
	tcp_check(&r->tcp);
	return done;
}

unsigned rig_ready(struct rig *r, const struct tcp_conn *c)
{
	unsigned bits = 0, ignored;
	struct tcp_conn *who = tcp_ready_conn(&r->tcp, &bits);

	assert(!who || who == c);
	assert(!tcp_ready_conn(&r->tcp, &ignored));
	return bits;
}

enum tcp_state rig_state(struct rig *r, unsigned peer)
{
	struct addr us = addr_v4(LOWER_US), them = addr_v4(LOWER_PEER);
	struct tcp_info info;

	return tcp_find(&r->tcp, &us, r->peers[peer].lport, &them, r->peers[peer].port, &info)
		       ? info.state : TCP_CLOSED;
}

struct tcp_info rig_info(struct rig *r, const struct tcp_conn *c)
{
	struct tcp_info info;

	tcp_get_info(&r->tcp, c, &info);
	return info;
}

struct pkt *rig_starve(struct rig *r, uint32_t left)
{
	return stage_starve(&r->l->stage, left);
}

void rig_feed(struct rig *r, struct pkt *taken)
{
	stage_feed(&r->l->stage, taken);
}
