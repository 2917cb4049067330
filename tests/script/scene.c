/* The scene: device, clock and translation. */
#include "script/scene.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"

/* polls at one moment: more is a stack that does not come to rest */
#define STEPS_MAX 100000u

static const struct mac local_mac = {{0x02, 0, 0, 0, 0, 1}}, remote_mac = {{0x02, 0, 0, 0, 0, 2}};

uint8_t scene_byte(bool inbound, uint64_t at)
{
	return (uint8_t)((at * 0x9e3779b1u >> 13) + at / 251 + (inbound ? 0x5a : 0));
}

/* ---- frames and the device */

static struct frame *frame_new(const uint8_t *bytes, uint32_t len)
{
	struct frame *f = malloc(sizeof(*f) + len);

	assert(f != NULL);
	f->next = NULL;
	f->len = len;
	if (bytes)
		memcpy(f->bytes, bytes, len);
	return f;
}

static void receive(struct scene *sc, const uint8_t *bytes, uint32_t len)
{
	struct frame *f = frame_new(bytes, len);

	*sc->in_end = f;
	sc->in_end = &f->next;
}

static int scene_rx(struct netdev *dev, struct pkt **out, unsigned max)
{
	struct scene *sc = dev->priv;
	unsigned n = 0;

	while (n < max && sc->in) {
		struct frame *f = sc->in;
		struct pkt *p = pkt_new(dev->pool);

		if (p && pkt_write(p, f->bytes, f->len) == 0) {
			out[n++] = p;
		} else {
			dev->stats.rx_no_frame++;
			if (p)
				pkt_put(p);
		}
		sc->in = f->next;
		if (!sc->in)
			sc->in_end = &sc->in;
		free(f);
	}
	return (int)n;
}

/* Answers for every address but the stack's own, so that scripts never see ARP. */
static void answer_arp(struct scene *sc, const uint8_t *request)
{
	uint8_t b[42];

	if (load_be16(request + 20) != 1 || load_be32(request + 38) == SCENE_LOCAL_IP)
		return;
	memcpy(b, request + 6, 6);
	memcpy(b + 6, remote_mac.b, 6);
	memcpy(b + 12, request + 12, 8);
	store_be16(b + 20, 2);
	memcpy(b + 22, remote_mac.b, 6);
	memcpy(b + 28, request + 38, 4);
	memcpy(b + 32, request + 22, 10);
	receive(sc, b, sizeof(b));
}

static unsigned scene_tx(struct netdev *dev, struct pkt **p, unsigned n)
{
	struct scene *sc = dev->priv;

	for (unsigned i = 0; i < n; i++) {
		struct frame *f = frame_new(NULL, p[i]->total);

		f->at = scene_now(sc);
		assert(pkt_read(p[i], 0, f->bytes, f->len) == f->len);
		pkt_put(p[i]);
		if (f->len >= 42 && load_be16(f->bytes + 12) == 0x0806) {
			answer_arp(sc, f->bytes);
			free(f);
		} else {
			*sc->out_end = f;
			sc->out_end = &f->next;
		}
	}
	return n;
}

static bool scene_arm(struct netdev *dev)
{
	return ((struct scene *)dev->priv)->in != NULL;
}

static void scene_close(struct netdev *dev)
{
	dev->up = false;
}

static const struct netdev_ops scene_ops = {
	.kind = "scene", .rx = scene_rx, .tx = scene_tx, .arm = scene_arm, .close = scene_close,
};

void scene_frame_free(struct scene *sc)
{
	struct frame *f = sc->out;

	sc->out = f->next;
	if (!sc->out)
		sc->out_end = &sc->out;
	free(f);
}

/* ---- start and end */

static bool drain(void *ctx)
{
	struct scene *sc = ctx;
	struct tcp_conn *c;
	unsigned bits;

	while ((c = tcp_ready_conn(&sc->host.net.tcp, &bits)) != NULL) {
		struct fd *f = tcp_owner(c);

		assert(f != NULL);
		if (bits & TCP_READY_CONNECTED)
			f->connected = true;
		if (bits & TCP_READY_EOF)
			f->eof = true;
		if (bits & TCP_READY_ERROR)
			f->err = tcp_error(c);
	}
	while (tcp_ready_listener(&sc->host.net.tcp))
		;
	return false;
}

static void add_route(struct net *net)
{
	struct ip_route r = {.dst = addr_v4(0), .prefix = 0, .if_index = 0, .via_gateway = true,
			     .gateway = addr_v4(SCENE_GATEWAY_IP)};
	struct addr local = addr_v4(SCENE_LOCAL_IP);

	ip_add_addr(&net->ip, &local, 24, 0);
	ip_add_route(&net->ip, &r);
}

const char *scene_init(struct scene *sc, struct script *s)
{
	const char *why;
	struct net_config *g = &s->config;

	memset(sc, 0, sizeof(*sc));
	sc->script = s;
	sc->out_end = &sc->out;
	sc->in_end = &sc->in;
	sc->local_port = SCENE_LOCAL_PORT;
	sim_init(&sc->sim, 1);
	why = host_init(&sc->host, g, scene_now(sc));
	if (why)
		return why;
	sc->dev = (struct netdev){.ops = &scene_ops,
				  .pool = &sc->host.net.pool,
				  .mac = local_mac,
				  .mtu = s->mtu,
				  .wake_fd = -1,
				  .up = true,
				  .name = "scene",
				  .priv = sc};
	net_add_dev(&sc->host.net, &sc->dev);
	add_route(&sc->host.net);
	sc->host.net.drain = drain;
	sc->host.net.drain_ctx = sc;
	scene_settle(sc);
	while (sc->out)			/* what a stack says when it gets an address */
		scene_frame_free(sc);
	return NULL;
}

bool scene_fini(struct scene *sc)
{
	for (unsigned i = 0; i < SCENE_FDS_MAX; i++)
		if (sc->fds[i].partly)
			pkt_put(sc->fds[i].partly);
	while (sc->out)
		scene_frame_free(sc);
	while (sc->in) {
		struct frame *f = sc->in;

		sc->in = f->next;
		free(f);
	}
	return host_fini(&sc->host);
}

/* ---- the clock */

static nsec poll_once(struct scene *sc)
{
	nsec next = net_poll(&sc->host.net, scene_now(sc));

	net_check(&sc->host.net);
	return sc->in ? scene_now(sc) : next;
}

static nsec settle(struct scene *sc)
{
	unsigned steps = 0;
	nsec next;

	while ((next = poll_once(sc)) <= scene_now(sc))
		assert(++steps < STEPS_MAX);
	return next;
}

void scene_settle(struct scene *sc)
{
	settle(sc);
}

void scene_advance(struct scene *sc, nsec until)
{
	nsec next = settle(sc);

	while (!sc->out && scene_now(sc) < until) {
		sc->sim.now = MIN(next, until);
		next = settle(sc);
	}
}

/* ---- translation */

struct tuple *scene_tuple(struct scene *sc, uint32_t remote_ip, uint16_t rport, uint16_t lport)
{
	struct tuple *t = sc->tuples;

	for (; t < sc->tuples + sc->tuples_n; t++)
		if (t->remote_ip == remote_ip && t->rport == rport && t->lport == lport)
			return t;
	if (sc->tuples_n == SCENE_TUPLES_MAX)
		return NULL;
	sc->tuples_n++;
	*t = (struct tuple){.remote_ip = remote_ip, .rport = rport, .lport = lport};
	t->remote_start = 1;
	if (!sc->main)
		sc->main = t;
	return t;
}

struct tuple *scene_tuple_of(struct scene *sc, const struct spec *p, bool inbound)
{
	uint32_t ip = p->from_set ? p->seg.src : SCENE_REMOTE_IP;

	if (p->has_ports)
		return scene_tuple(sc, ip, inbound ? p->seg.sport : p->seg.dport,
				   inbound ? p->seg.dport : p->seg.sport);
	if (p->from_set)
		return scene_tuple(sc, ip, SCENE_REMOTE_PORT, sc->local_port);
	if (sc->main)
		return sc->main;
	return scene_tuple(sc, ip, SCENE_REMOTE_PORT, sc->local_port);
}

static void fill_payload(struct scene *sc, struct seg *s, const struct tuple *t)
{
	uint32_t first = s->seq + !!(s->flags & SEG_SYN) - t->remote_start;
	static uint8_t bytes[65536];

	for (uint32_t i = 0; i < s->len; i++)
		bytes[i] = scene_byte(true, (uint64_t)first + i);
	s->payload = bytes;
}

/* The headers of one of our segments, as a router on the way back would quote them. */
static void fill_quote(struct scene *sc, struct seg *s, const struct spec *p, const struct tuple *t)
{
	static uint8_t frame[SEG_FRAME_MAX];
	struct seg ours = {.proto = SEG_TCP,
			   .src = SCENE_LOCAL_IP,
			   .dst = t->remote_ip,
			   .sport = t->lport,
			   .dport = t->rport,
			   .flags = SEG_ACK,
			   .seq = p->quote_seq + t->local_isn,
			   .ack = sc->script->remote_isn + 1,
			   .len = p->quote_len};

	seg_build(frame, &ours);
	s->payload = frame + 14;
	s->len = 28;
}

void scene_inject(struct scene *sc, const struct spec *p)
{
	struct tuple *t = scene_tuple_of(sc, p, true);
	struct seg s = p->seg;

	assert(t != NULL);
	s.eth_src = remote_mac;
	s.eth_dst = local_mac;
	s.src = t->remote_ip;
	s.dst = s.dst ? s.dst : SCENE_LOCAL_IP;
	s.sport = t->rport;
	s.dport = t->lport;
	if (s.proto == SEG_ICMP) {
		s.src = p->from_set ? p->seg.src : SCENE_GATEWAY_IP;
		if (p->quotes)
			fill_quote(sc, &s, p, t);
	} else {
		if (s.flags & SEG_SYN && !s.wrong.csum)
			t->remote_start = s.seq + 1;
		fill_payload(sc, &s, t);
		s.seq += sc->script->remote_isn;
		if (p->has_ack)
			s.ack += t->local_isn;
		if (s.opts & SEG_OPT_TS && s.ts_ecr && t->ts_known)
			s.ts_ecr += t->ts_offset;
		for (unsigned i = 0; i < s.sack_n; i++) {
			s.sack[i].left += t->local_isn;
			s.sack[i].right += t->local_isn;
		}
	}
	receive(sc, sc->scratch, seg_build(sc->scratch, &s));
}

static const char *check_payload(const struct seg *s)
{
	uint32_t first = s->seq + !!(s->flags & SEG_SYN) - 1;

	for (uint32_t i = 0; i < s->len; i++)
		if (s->payload[i] != scene_byte(false, (uint64_t)first + i))
			return "carries bytes that do not belong there";
	return NULL;
}

const char *scene_read(struct scene *sc, const struct frame *f, struct seg *out, struct tuple **tp)
{
	const char *wrong = seg_parse(out, f->bytes, f->len);
	struct tuple *t;

	*tp = NULL;
	if (wrong || out->proto != SEG_TCP)
		return wrong;
	if (!mac_eq(out->eth_src, local_mac) || !mac_eq(out->eth_dst, remote_mac))
		return "Ethernet addresses wrong";
	if (out->src != SCENE_LOCAL_IP)
		return "source address wrong";
	*tp = t = scene_tuple(sc, out->dst, out->dport, out->sport);
	if (!t)
		return "too many connections for a script";
	if (out->flags & SEG_SYN) {
		t->local_isn = out->seq;
		t->isn_known = true;
	}
	out->seq -= t->local_isn;
	if (out->flags & SEG_ACK)
		out->ack -= sc->script->remote_isn;
	else if (out->ack != 0)
		return "acknowledgment number without ACK";
	for (unsigned i = 0; i < out->sack_n; i++) {
		out->sack[i].left -= sc->script->remote_isn;
		out->sack[i].right -= sc->script->remote_isn;
	}
	if (out->opts & SEG_OPT_TS && t->ts_known)
		out->ts_val -= t->ts_offset;
	return check_payload(out);
}

bool scene_info(struct scene *sc, const struct tuple *t, struct tcp_info *info)
{
	struct addr local = addr_v4(SCENE_LOCAL_IP), remote = addr_v4(t->remote_ip);

	return tcp_find(&sc->host.net.tcp, &local, t->lport, &remote, t->rport, info);
}
