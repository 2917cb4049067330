/* One instance of TCP and the life of a connection block: memory, readiness, the way to CLOSED,
 * facts.
 *
 * What the user asks for is in tcp_user.c; what segments do in tcp_input.c.
 * Always: a block is on exactly one of: the free list, its owner's hands, or an orphan that a
 * timer or the peer will end. */
#include "base/core.h"
#include "tcp/tcp_int.h"

const struct tcp_config tcp_config_default = {
	.conns_max = 4096,
	.timewaits_max = 16384,
	.halves_max = 4096,
	.listeners_max = 64,
	.rcvbuf = 256u << 10,
	.sndbuf = 128u << 10,
	.rcvbuf_max = 8u << 20,
	.sndbuf_max = 8u << 20,
	.rcv_wnd_initial = 64u << 10,
	.backlog = 128,
	/* RFC 6298 §2.4 says SHOULD be 1 s; 200 ms, as Linux and others:
	 * docs/adr/0002-rto-min.md. */
	.rto_min = MSEC(200),
	.rto_max = SEC(120),
	.rto_initial = SEC(1),
	.delack = MSEC(40),
	.quick_acks = 16,
	.msl = SEC(30),
	.fin_wait_2 = SEC(60),
	.syn_retries = 6,
	.synack_retries = 5,
	.syn_cookies = TCP_COOKIES_WHEN_FULL,
	.mtu_probing = TCP_PROBING_BLACK_HOLE,
	.data_retries = 15,
	.losses_max = 0,
	.timestamps = true,
	.window_scale = true,
	.sack = true,
	.ecn = TCP_ECN_ACCEPT,
	.cc = &cc_cubic,
};

static const char *config_fault(const struct tcp_config *g)
{
	if (g->conns_max < 1 || g->conns_max >= TCP_IDX_HALF)
		return "conns_max must be 1 to 2^30 - 1";
	if (g->timewaits_max < 1 || g->timewaits_max >= TCP_IDX_HALF)
		return "timewaits_max must be 1 to 2^30 - 1";
	if (g->halves_max < 1 || g->halves_max >= TCP_IDX_HALF)
		return "halves_max must be 1 to 2^30 - 1";
	if (g->synack_retries > TCP_SYNACK_TRIES_MAX)
		return "synack_retries must be at most 15";
	if (g->listeners_max < 1)
		return "listeners_max must be at least 1";
	if (g->rcvbuf < 2048 || g->rcvbuf > 1u << 30)
		return "rcvbuf must be 2 KiB to 1 GiB";
	if (g->sndbuf < 2048 || g->sndbuf > 1u << 30)
		return "sndbuf must be 2 KiB to 1 GiB";
	if (g->rcvbuf_max > 1u << 30 || g->sndbuf_max > 1u << 30)
		return "rcvbuf_max and sndbuf_max must be at most 1 GiB";
	if (g->rcv_wnd_initial < 1024)
		return "rcv_wnd_initial must be at least 1 KiB";
	if (g->rto_min < MSEC(1) || g->rto_max < g->rto_min || g->rto_initial < g->rto_min)
		return "rto_min must be at least 1 ms and not above rto_initial and rto_max";
	if (g->rto_max > SEC(3600) || g->rto_initial > SEC(3600))
		return "rto_initial and rto_max must be at most an hour";
	if (g->delack > MSEC(500))
		return "delack must be at most 500 ms (RFC 1122 4.2.3.2)";
	if (g->msl < MSEC(1) || g->msl > SEC(3600))
		return "msl must be 1 ms to an hour";
	if (g->fin_wait_2 > SEC(86400))
		return "fin_wait_2 must be at most a day";
	if (!g->cc || !g->backlog)
		return "cc must be set, backlog at least 1";
	return NULL;
}

struct tcp_layout {
	size_t conns, losses, sides, paces, halves, listeners, timewaits, table, end;
};

static uint32_t losses_of(const struct tcp_config *g)
{
	return g->losses_max ? g->losses_max : MIN(g->conns_max, 1024u);
}

static uint32_t sides_of(const struct tcp_config *g)
{
	return g->sides_max ? g->sides_max : MIN(g->conns_max, 4096u);
}

static uint32_t paces_of(const struct tcp_config *g)
{
	return g->paces_max ? g->paces_max : MIN(g->conns_max, 1024u);
}

uint32_t tcp_sides_max(const struct tcp *t)
{
	return sides_of(&t->config);
}

static struct tcp_layout layout(const struct tcp_config *g)
{
	struct tcp_layout at;

	at.conns = 0;
	at.losses = at.conns + (size_t)g->conns_max * sizeof(struct tcp_conn);
	at.sides = ALIGN_UP(at.losses + losses_of(g) * sizeof(struct tcp_loss), CACHE_LINE);
	at.paces = ALIGN_UP(at.sides + sides_of(g) * sizeof(struct tcp_side), CACHE_LINE);
	at.halves = ALIGN_UP(at.paces + paces_of(g) * sizeof(struct tcp_pace), CACHE_LINE);
	at.listeners = ALIGN_UP(at.halves + tcp_synq_bytes(g->halves_max), CACHE_LINE);
	at.timewaits =
		ALIGN_UP(at.listeners + g->listeners_max * sizeof(struct tcp_listener), CACHE_LINE);
	at.table = ALIGN_UP(at.timewaits + tcp_timewait_bytes(g->timewaits_max), CACHE_LINE);
	at.end = at.table + table_bytes(g->conns_max + g->timewaits_max + g->halves_max);
	return at;
}

size_t tcp_bytes(const struct tcp_config *config, const char **why)
{
	const char *fault = config_fault(config);

	if (fault) {
		*why = fault;
		return 0;
	}
	return layout(config).end;
}

void tcp_init(struct tcp *t, struct core *core, struct ip *ip, const struct tcp_config *config,
	      void *mem)
{
	struct tcp_layout at = layout(config);
	uint8_t *m = mem;

	mem_zero(t, sizeof(*t));
	t->core = core;
	t->ip = ip;
	t->config = *config;
	list_init(&t->ready);
	list_init(&t->ready_listeners);
	list_init(&t->out);
	list_init(&t->conns_free);
	list_init(&t->listeners_free);
	for (unsigned i = 0; i < ARRAY_LEN(t->listeners_hash); i++)
		list_init(&t->listeners_hash[i]);
	t->conns = (struct tcp_conn *)(m + at.conns);
	for (uint32_t i = config->conns_max; i-- > 0;) {
		t->conns[i].reuse = 0;
		list_push_front(&t->conns_free, &t->conns[i].ready_node);
	}
	list_init(&t->losses_free);
	t->losses = (struct tcp_loss *)(m + at.losses);
	for (uint32_t i = losses_of(config); i-- > 0;)
		list_push_front(&t->losses_free, &t->losses[i].free_node);
	list_init(&t->sides_free);
	t->sides = (struct tcp_side *)(m + at.sides);
	for (uint32_t i = sides_of(config); i-- > 0;)
		list_push_front(&t->sides_free, &t->sides[i].free_node);
	list_init(&t->paces_free);
	t->paces = (struct tcp_pace *)(m + at.paces);
	for (uint32_t i = paces_of(config); i-- > 0;)
		list_push_front(&t->paces_free, &t->paces[i].free_node);
	t->listeners = (struct tcp_listener *)(m + at.listeners);
	for (uint32_t i = config->listeners_max; i-- > 0;)
		list_push_front(&t->listeners_free, &t->listeners[i].hash_node);
	tcp_timewait_init(t, m + at.timewaits);
	tcp_synq_init(t, m + at.halves);
	table_init(&t->table, config->conns_max + config->timewaits_max + config->halves_max,
		   m + at.table,
		   tcp_demux_hash_of, t);
	t->challenge_left = tcp_challenge_budget(t);

	struct ip_proto row = {
		.proto = WIRE_PROTO_TCP, .input = tcp_input, .error = tcp_icmp_error, .self = t};
	ip_add_proto(ip, &row);
}

void tcp_fini(struct tcp *t)
{
	for (uint32_t i = 0; i < t->config.conns_max; i++)
		if (t->conns[i].flags & TCPF_USED)
			tcp_conn_free(t, &t->conns[i]);
	wheel_cancel(&t->core->wheel, &t->timewait_timer);
	wheel_cancel(&t->core->wheel, &t->half_timer);
}

struct tcp_conn *tcp_conn_new(struct tcp *t)
{
	struct list *n = list_pop_front(&t->conns_free);
	struct tcp_conn *c;
	uint32_t reuse;

	if (!n)
		return NULL;
	c = container_of(n, struct tcp_conn, ready_node);
	reuse = c->reuse + 1;
	mem_zero(c, sizeof(*c));
	c->reuse = reuse;
	c->flags = TCPF_USED;
	c->states_passed = 1u << TCP_CLOSED;
	list_init(&c->ready_node);
	list_init(&c->out_node);
	tcp_timer_init(c);
	t->conns_used++;
	return c;
}

/* Everything that needs the initial sequence number: called once, when the four-tuple is known. */
void tcp_conn_setup(struct tcp *t, struct tcp_conn *c, uint32_t iss)
{
	struct tcp_ends ends = tcp_conn_ends(c);

	c->iss = iss;
	c->ts_offset = tcp_ts_offset(t, &ends);
	tcp_rcv_quick(c, t->config.quick_acks);
	tcp_snd_init(c, iss, tcp_conn_get(t, c, TCP_OPT_SNDBUF));
	tcp_rtx_init(t, c);
	tcp_snd_set_mss(t, c, TCP_MSS_DEFAULT);
}

void tcp_conn_free(struct tcp *t, struct tcp_conn *c)
{
	assert(c->flags & TCPF_USED);
	tcp_fastopen_over(t, c);
	tcp_listener_forget(t, c);
	tcp_timer_stop(t, c);
	tcp_snd_free(c);
	tcp_rtx_free(c);
	tcp_rcv_free(c);
	tcp_loss_free(t, c);
	tcp_pace_free(t, c);
	tcp_side_free(t, c);
	if (c->flags & TCPF_HASHED)
		tcp_demux_remove(t, c);
	list_del(&c->ready_node);
	list_del(&c->out_node);
	c->flags = 0;
	list_push_front(&t->conns_free, &c->ready_node);
	t->conns_used--;
}

void tcp_conn_ready(struct tcp *t, struct tcp_conn *c, unsigned bits)
{
	if (c->flags & TCPF_ORPHAN)
		return;
	c->ready |= (uint8_t)bits;
	/* Not accepted yet: ready_node is the listener's; tcp_accept() links it. */
	if (!(c->flags & TCPF_EMBRYO) && !list_linked(&c->ready_node))
		list_push_back(&t->ready, &c->ready_node);
}

/* What remains of a connection that has reached CLOSED: nothing on the wire, no timers, what
 * was received stays readable for the owner. */
static void retire(struct tcp *t, struct tcp_conn *c)
{
	tcp_fastopen_over(t, c);
	tcp_timer_stop(t, c);
	tcp_snd_free(c);
	tcp_rtx_free(c);
	tcp_loss_free(t, c);
	tcp_pace_free(t, c);
	if (c->flags & TCPF_HASHED)
		tcp_demux_remove(t, c);
	list_del(&c->out_node);
	c->flags &= ~(uint32_t)(TCPF_ACK_NOW | TCPF_ACK_DELAYED);
	if (c->flags & (TCPF_ORPHAN | TCPF_EMBRYO))
		tcp_conn_free(t, c);
}

void tcp_conn_fail(struct tcp *t, struct tcp_conn *c, int err)
{
	assert(err > 0 && err < 256);
	tcp_set_state(t, c, TCP_CLOSED);
	c->err_ = (uint8_t)err;
	tcp_conn_ready(t, c, TCP_READY_ERROR);
	retire(t, c);
}

void tcp_conn_gone(struct tcp *t, struct tcp_conn *c)
{
	tcp_conn_ready(t, c, TCP_READY_DRAINED);
	if (c->state == TCP_TIME_WAIT)
		tcp_timewait_enter(t, c);
	else
		tcp_set_state(t, c, TCP_CLOSED);
	retire(t, c);
}

struct tcp_conn *tcp_ready_conn(struct tcp *t, unsigned *bits)
{
	struct list *n = list_pop_front(&t->ready);
	struct tcp_conn *c;

	if (!n)
		return NULL;
	c = container_of(n, struct tcp_conn, ready_node);
	*bits = c->ready;
	c->ready = 0;
	return c;
}

void *tcp_owner(const struct tcp_conn *c)
{
	return c->owner;
}

int tcp_error(const struct tcp_conn *c)
{
	return c->err_;
}

enum tcp_state tcp_conn_state(const struct tcp_conn *c)
{
	return (enum tcp_state)c->state;
}

uint64_t tcp_conn_cookie(const struct tcp *t, const struct tcp_conn *c)
{
	return (uint64_t)c->reuse << 32 | (uint32_t)(c - t->conns);
}

struct tcp_conn *tcp_conn_by_cookie(struct tcp *t, uint64_t cookie)
{
	struct tcp_conn *c;

	if ((uint32_t)cookie >= t->config.conns_max)
		return NULL;
	c = &t->conns[(uint32_t)cookie];
	return c->reuse == cookie >> 32 && c->flags & TCPF_USED ? c : NULL;
}

static enum tcp_ca_state ca_state(const struct tcp_conn *c)
{
	if (c->flags & TCPF_LOSS)
		return TCP_CA_LOSS;
	if (c->flags & TCPF_RECOVERY)
		return TCP_CA_RECOVERY;
	if (c->flags & TCPF_ECN_CUT)
		return TCP_CA_CWR;
	return c->rtx.dupacks || tcp_sack_bytes(c) ? TCP_CA_DISORDER : TCP_CA_OPEN;
}

/* What Linux tells and our own pages do not. */
static void info_of_linux(const struct tcp *t, const struct tcp_conn *c, struct tcp_info *i)
{
	i->ca_state = (uint8_t)ca_state(c);
	i->retransmits = c->rtx.retries;
	i->probes = c->rtx.probes;
	i->backoff = c->rtx.backoff;
	i->options = (uint8_t)((c->flags & TCPF_TS ? 1 : 0) | (c->flags & TCPF_SACK ? 2 : 0) |
			       (c->flags & TCPF_WSCALE ? 4 : 0) | (c->flags & TCPF_ECN ? 8 : 0));
	i->pmtu = c->path.mtu;
	i->advmss = tcp_open_mss(t, c);
	i->lost = c->rtx.lost_bytes;
	i->sacked = tcp_sack_bytes(c);
	i->ato = c->flags & TCPF_QUICKACK ? 0 : t->config.delack;
	i->last_data_sent = c->snd.sent_at ? t->core->now - c->snd.sent_at : 0;
	if (c->segs_in)
		i->last_recv = (nsec)(tcp_clock_seen(t) - c->rcv.seen) << TCP_SEEN_SHIFT;
}

void tcp_get_info(const struct tcp *t, const struct tcp_conn *c, struct tcp_info *info)
{
	*info = (struct tcp_info){
		.local = c->local,
		.remote = c->remote,
		.lport = c->lport,
		.rport = c->rport,
		.state = (enum tcp_state)c->state,
		.states_passed = c->states_passed,
		.snd_wscale = c->snd.wscale,
		.rcv_wscale = c->rcv.wscale,
		.timestamps = c->flags & TCPF_TS,
		.snd_mss = c->snd.mss,
		.rcv_mss = c->rcv.mss,
		.srtt = USEC(c->rtx.srtt_us),
		.rttvar = USEC(c->rtx.rttvar_us),
		.rtt_min = USEC(c->rtx.rtt_min_us),
		.rto = tcp_rto(t, c),
		.cwnd = c->cc.cwnd,
		.ssthresh = c->cc.ssthresh,
		.snd_wnd = c->snd.wnd,
		.rcv_wnd = c->rcv.adv - c->rcv.nxt,
		.retrans_segs = c->retrans_segs,
		.rto_fired = c->rto_fired,
		.bytes_in = c->bytes_in,
		.bytes_out = c->bytes_out,
		.segs_in = c->segs_in,
		.segs_out = c->segs_out,
		.unsent = c->flags & TCPF_FIN_SENT ? 0 : c->snd.end - c->snd.nxt,
		.unacked = c->snd.nxt - c->snd.una,
		.rcv_queued = c->rcv.queued,
		.reass_pieces = (uint8_t)(c->loss ? MIN(c->loss->reass.pieces, UINT8_MAX) : 0),
	};
	info_of_linux(t, c, info);
}
