/* Half-open connections in 64 bytes: SYN-RECEIVED of a passive open, RFC 9293 §3.10.7.4, until the
 * ACK of our SYN comes and a connection block is worth its memory (RFC 4987 §3.3, a SYN cache).
 *
 * What is told again waits equally long for those that were told equally often: one queue by age
 * for each number of tries, one timer for all.  A listener holds at most as many as its backlog;
 * beyond that tcp_cookie.c answers without remembering.
 * Always: every entry in use is on exactly one queue and in the demultiplexing table, and its
 * listener is there and counts it. */
#include "tcp/tcp_int.h"

/* of sent_at: exact enough for a sample of the round trip, and an hour until it wraps */
#define TICK USEC(1)
#define EXPIRE_MAX 256u		/* entries that are told again in one go */

enum half_flags {
	HALF_TS = 1 << 0,
	HALF_SACK = 1 << 1,
	HALF_WSCALE = 1 << 2,
	HALF_ECN = 1 << 3,	/* the SYN asked for it, RFC 3168 §6.1.1 */
	HALF_ACKED = 1 << 4,	/* the handshake is done, bytes are awaited (TCP_DEFER_ACCEPT) */
	HALF_NO_ROOM = 1 << 6,	/* its ACK came and there was no room: the peer thinks it stands */
	HALF_FASTOPEN = 1 << 7,	/* the SYN-ACK gives a cookie, RFC 7413 §4.1.2 */
	HALF_AGAIN = 1 << 5,	/* the SYN-ACK left twice: no sample, Karn */
};

struct tcp_half {
	struct addr local, remote;
	uint16_t lport, rport;
	uint32_t iss, irs;
	uint32_t ts_recent;
	uint32_t sent_at;	/* the last SYN-ACK, in TICKs */
	uint32_t next, prev;	/* 1 + index; `next` on the free list too */
	uint16_t mss;
	uint8_t wscale : 4, tries : 4;
	uint8_t flags;
};
static_assert(sizeof(struct tcp_half) == 64, "issue: half-open at most 64 bytes");

size_t tcp_synq_bytes(uint32_t n)
{
	return (size_t)n * sizeof(struct tcp_half);
}

void tcp_synq_init(struct tcp *t, void *mem)
{
	t->halves = mem;
	for (uint32_t i = 0; i < t->config.halves_max; i++)
		t->halves[i].next = i + 1 < t->config.halves_max ? i + 2 : 0;
	t->half_free = 1;
	wheel_node_init(&t->half_timer, TIMER_TCP_MISC);
}

static struct tcp_ends ends_of(const struct tcp_half *h)
{
	return (struct tcp_ends){.local = h->local, .remote = h->remote, .lport = h->lport,
				 .rport = h->rport};
}

bool tcp_synq_is(const struct tcp *t, uint32_t i, const struct addr *local, uint16_t lport,
		 const struct addr *remote, uint16_t rport)
{
	const struct tcp_half *h = &t->halves[i];

	return h->rport == rport && h->lport == lport && addr_eq(&h->remote, remote) &&
	       addr_eq(&h->local, local);
}

uint64_t tcp_synq_hash(const struct tcp *t, uint32_t i)
{
	const struct tcp_half *h = &t->halves[i];

	return tcp_hash(t, &h->local, h->lport, &h->remote, h->rport);
}

static uint32_t ticks(const struct tcp *t)
{
	return (uint32_t)(t->core->now / TICK);
}

/* How long the answer to the (tries + 1)th SYN-ACK is awaited. */
static uint32_t patience(const struct tcp *t, unsigned tries)
{
	return (uint32_t)(MIN(t->config.rto_initial << tries, t->config.rto_max) / TICK);
}

static void unlink_half(struct tcp *t, struct tcp_half *h)
{
	if (h->prev)
		t->halves[h->prev - 1].next = h->next;
	else
		t->half_q[h->tries].head = h->next;
	if (h->next)
		t->halves[h->next - 1].prev = h->prev;
	else
		t->half_q[h->tries].tail = h->prev;
}

static void link_half(struct tcp *t, struct tcp_half *h)
{
	uint32_t at = (uint32_t)(h - t->halves) + 1, tail = t->half_q[h->tries].tail;
	nsec due = t->core->now + patience(t, h->tries) * TICK;

	h->sent_at = ticks(t);
	h->prev = tail;
	h->next = 0;
	if (tail)
		t->halves[tail - 1].next = at;
	else
		t->half_q[h->tries].head = at;
	t->half_q[h->tries].tail = at;
	if (!wheel_armed(&t->half_timer) || t->half_timer.deadline > due)
		wheel_arm(&t->core->wheel, &t->half_timer, due);
}

static struct tcp_listener *listener_of(struct tcp *t, const struct tcp_half *h)
{
	struct tcp_listener *l = tcp_demux_listener(
		t, &h->local, h->lport,
		tcp_hash(t, &h->local, h->lport, &h->remote, h->rport));

	assert(l != NULL);
	return l;
}

static void forget(struct tcp *t, struct tcp_half *h)
{
	uint32_t i = (uint32_t)(h - t->halves);

	listener_of(t, h)->half--;
	table_remove(&t->table, tcp_synq_hash(t, i), TCP_IDX_HALF | i);
	unlink_half(t, h);
	h->next = t->half_free;
	t->half_free = i + 1;
	t->halves_used--;
}

static void answer(struct tcp *t, const struct tcp_listener *l, const struct tcp_half *h)
{
	struct tcp_ends ends = ends_of(h);
	struct tcp_syn_ack a = {
		.iss = h->iss,
		.irs = h->irs,
		.ts_val = tcp_clock_ms(t) + tcp_ts_offset(t, &ends),
		.ts_ecr = h->ts_recent,
		.ts = h->flags & HALF_TS,
		.sack = h->flags & HALF_SACK,
		.wscale = h->flags & HALF_WSCALE,
		.ecn = h->flags & HALF_ECN,
		.fastopen = h->flags & HALF_FASTOPEN,
	};

	tcp_listen_syn_ack(t, l, &ends, &a);
}

static void answer_again(struct tcp *t, struct tcp_half *h)
{
	h->flags |= HALF_AGAIN;
	t->n.retrans_segs++;
	answer(t, listener_of(t, h), h);
}

/* ---- in */

enum drop tcp_synq_add(struct tcp *t, struct tcp_listener *l, const struct tcp_seg *s, uint32_t iss)
{
	const struct wire_tcp *syn = s->h;
	struct tcp_ends ends = tcp_seg_ends(s);
	struct tcp_half *h = &t->halves[t->half_free - 1];
	uint32_t i = t->half_free - 1, next = h->next;

	assert(t->half_free != 0);
	*h = (struct tcp_half){.local = ends.local, .remote = ends.remote, .lport = ends.lport,
			       .rport = ends.rport, .iss = iss, .irs = s->seq};
	h->mss = syn->opts & WIRE_TCP_OPT_MSS ? syn->mss : TCP_MSS_DEFAULT;
	if (syn->opts & WIRE_TCP_OPT_TS && t->config.timestamps) {
		h->flags |= HALF_TS;
		h->ts_recent = syn->ts_val;
	}
	if (syn->opts & WIRE_TCP_OPT_SACK_OK && t->config.sack)
		h->flags |= HALF_SACK;
	if (syn->opts & WIRE_TCP_OPT_WSCALE && t->config.window_scale) {
		h->flags |= HALF_WSCALE;
		h->wscale = MIN(syn->wscale, TCP_WSCALE_MAX) & 15u;
	}
	if ((s->flags & (WIRE_TCP_ECE | WIRE_TCP_CWR)) == (WIRE_TCP_ECE | WIRE_TCP_CWR))
		h->flags |= HALF_ECN;
	if (unlikely(syn->opts & WIRE_TCP_OPT_FASTOPEN) && tcp_fastopen_gives(t, l, s))
		h->flags |= HALF_FASTOPEN;
	if (table_insert(&t->table, tcp_synq_hash(t, i), TCP_IDX_HALF | i) < 0) {
		h->next = next;
		return DROP_TCP_SYNQ;
	}
	t->half_free = next;
	t->halves_used++;
	l->half++;
	link_half(t, h);
	answer(t, l, h);
	return DROP_NOT;
}

/* The SYN as it was, as far as it matters. */
static struct wire_tcp syn_of(const struct tcp_half *h)
{
	struct wire_tcp syn = {
		.sport = h->rport,
		.dport = h->lport,
		.seq = h->irs,
		.flags = WIRE_TCP_SYN | (h->flags & HALF_ECN ? WIRE_TCP_ECE | WIRE_TCP_CWR : 0),
		.opts = WIRE_TCP_OPT_MSS,
		.mss = h->mss,
		.wscale = h->wscale,
		.ts_val = h->ts_recent,
	};

	syn.opts |= h->flags & HALF_TS ? WIRE_TCP_OPT_TS : 0;
	syn.opts |= h->flags & HALF_SACK ? WIRE_TCP_OPT_SACK_OK : 0;
	syn.opts |= h->flags & HALF_WSCALE ? WIRE_TCP_OPT_WSCALE : 0;
	return syn;
}

/* RFC 9293 §3.10.7.4 for SYN-RECEIVED, first to fourth.  What is not in the window is answered
 * with the SYN-ACK: it carries the ACK. */
static enum drop judge(struct tcp *t, struct tcp_half *h, const struct tcp_seg *s)
{
	uint32_t nxt = h->irs + 1, edge = nxt + tcp_listen_window(t, listener_of(t, h));
	bool rst = s->flags & WIRE_TCP_RST;

	if (s->flags & WIRE_TCP_SYN && s->seq == h->irs) {
		answer_again(t, h);		/* ours was lost, with bytes or without */
		return DROP_TCP_SEQ;
	}
	if (h->flags & HALF_TS && !rst) {
		if (!(s->h->opts & WIRE_TCP_OPT_TS))
			return DROP_TCP_NO_TS;
		if (seq_lt(s->h->ts_val, h->ts_recent)) {
			if (tcp_challenge_may(t))
				answer_again(t, h);
			return DROP_TCP_PAWS;
		}
	}
	if (!tcp_seg_acceptable(s, nxt, edge)) {
		if (rst)
			return DROP_TCP_SEQ;
		if (s->len || s->flags & WIRE_TCP_FIN || tcp_challenge_may(t))
			answer_again(t, h);
		return s->len && seq_le(tcp_seg_end(s), nxt) ? DROP_TCP_DUP : DROP_TCP_SEQ;
	}
	if (rst && s->seq != nxt) {		/* RFC 5961 §3.2 */
		if (tcp_challenge_may(t))
			answer_again(t, h);
		return DROP_TCP_RST_SEQ;
	}
	if (s->flags & (WIRE_TCP_RST | WIRE_TCP_SYN)) {	/* back to LISTEN */
		t->n.attempt_fails++;
		forget(t, h);
		return rst ? DROP_TCP_RST : DROP_TCP_SYN_IN_WINDOW;
	}
	return DROP_NOT;
}

/* How often a SYN-ACK is told again before TCP_DEFER_ACCEPT's time is over. */
static unsigned defer_tries(const struct tcp *t, const struct tcp_listener *l)
{
	nsec wait = MSEC(tcp_listener_get(t, l, TCP_OPT_DEFER_ACCEPT_MS)), passed = 0;
	unsigned n = 0;

	while (passed < wait && n < TCP_SYNACK_TRIES_MAX) {
		passed += patience(t, n) * TICK;
		n++;
	}
	return n;
}

static enum drop check_ack(struct tcp *t, struct tcp_half *h, const struct tcp_seg *s)
{
	struct tcp_listener *l = listener_of(t, h);

	if (!(s->flags & WIRE_TCP_ACK))
		return DROP_TCP_NO_ACK;
	if (s->ack != h->iss + 1) {
		tcp_reply_rst(t, &h->local, &h->remote, s);
		return seq_le(s->ack, h->iss) ? DROP_TCP_ACK_OLD : DROP_TCP_ACK_FUTURE;
	}
	if (!s->len && !(s->flags & WIRE_TCP_FIN) && h->tries < defer_tries(t, l)) {
		h->flags |= HALF_ACKED;
		return DROP_TCP_DEFERRED;
	}
	/* Without room the SYN-ACK leaves again in time, and so does its ACK. */
	h->flags |= HALF_NO_ROOM;
	if (tcp_listen_full(l)) {
		t->n.listen_overflows++;
		return DROP_TCP_BACKLOG;
	}
	return list_empty(&t->conns_free) ? DROP_TCP_CONNS : DROP_NOT;
}

enum drop tcp_synq_input(struct tcp *t, uint32_t i, struct tcp_seg *s, struct tcp_conn **c)
{
	struct tcp_half *h = &t->halves[i], was;
	struct tcp_listener *l = listener_of(t, h);
	enum drop why = judge(t, h, s);
	struct tcp_ends ends;
	struct wire_tcp syn;
	nsec age;

	if (!why)
		why = check_ack(t, h, s);
	if (why)
		return why;
	was = *h;
	age = (ticks(t) - h->sent_at) * TICK;
	forget(t, h);
	ends = ends_of(&was);
	syn = syn_of(&was);
	*c = tcp_listen_child(t, l, &ends, &syn, was.iss);
	if (!*c)
		return DROP_IP_NO_ROUTE;
	tcp_snd_syn_sent(*c, t->core->now - MIN(age, t->core->now - 1));
	(*c)->retrans_segs = was.tries + !!(was.flags & HALF_AGAIN);
	tcp_rtx_syn_was_sent(t, *c, was.tries);
	return DROP_NOT;
}

/* ---- time */

static void reset(struct tcp *t, const struct tcp_half *h)
{
	struct wire_tcp rst = {.sport = h->lport,
			       .dport = h->rport,
			       .seq = h->iss + 1,
			       .ack = h->irs + 1,
			       .flags = WIRE_TCP_RST | WIRE_TCP_ACK};

	tcp_reply(t, &h->local, &h->remote, &rst);
}

/* The oldest of those with so many tries waited long enough. */
static void again_or_over(struct tcp *t, struct tcp_half *h)
{
	struct tcp_listener *l = listener_of(t, h);
	unsigned defer = defer_tries(t, l), most = t->config.synack_retries;
	bool acked = h->flags & HALF_ACKED;

	if (h->tries >= (acked ? MAX(defer, most) : most) || h->tries == TCP_SYNACK_TRIES_MAX) {
		core_count_drop(t->core, DROP_TCP_HALF_OPEN, NULL);
		t->n.attempt_fails++;
		if (h->flags & HALF_NO_ROOM)
			reset(t, h);
		forget(t, h);
		return;
	}
	unlink_half(t, h);
	h->tries = (h->tries + 1) & 15u;
	link_half(t, h);
	if (!acked || h->tries >= defer)
		answer_again(t, h);
}

void tcp_synq_expire(struct tcp *t)
{
	uint32_t now = ticks(t), first = UINT32_MAX, left = EXPIRE_MAX;

	for (unsigned n = 0; n <= TCP_SYNACK_TRIES_MAX; n++) {
		while (t->half_q[n].head) {
			struct tcp_half *h = &t->halves[t->half_q[n].head - 1];
			uint32_t age = now - h->sent_at, wait = patience(t, n);

			if (age < wait || !left) {
				first = MIN(first, age < wait ? wait - age : 1);
				break;
			}
			left--;
			again_or_over(t, h);
		}
	}
	if (first != UINT32_MAX)
		wheel_arm(&t->core->wheel, &t->half_timer,
			  t->core->now + first * TICK);
}

/* The listener goes: its half-open connections are reset, RFC 9293 §3.10.5. */
void tcp_synq_reset(struct tcp *t, struct tcp_listener *l)
{
	for (unsigned n = 0; n <= TCP_SYNACK_TRIES_MAX; n++) {
		for (uint32_t i = t->half_q[n].head, next; i; i = next) {
			struct tcp_half *h = &t->halves[i - 1];

			next = h->next;
			if (listener_of(t, h) != l)
				continue;
			reset(t, h);
			forget(t, h);
		}
	}
	assert(l->half == 0);
}

void tcp_synq_recount(struct tcp *t, uint16_t port)
{
	list_for_each(n, tcp_listener_bucket(t, port)) {
		struct tcp_listener *l = container_of(n, struct tcp_listener, hash_node);

		if (l->port == port)
			l->half = 0;
	}
	for (unsigned n = 0; n <= TCP_SYNACK_TRIES_MAX; n++)
		for (uint32_t i = t->half_q[n].head; i; i = t->halves[i - 1].next)
			if (t->halves[i - 1].lport == port)
				listener_of(t, &t->halves[i - 1])->half++;
}

/* ---- belief */

void tcp_synq_check(const struct tcp *t)
{
	uint32_t n = 0;

	for (unsigned q = 0; q <= TCP_SYNACK_TRIES_MAX; q++) {
		uint32_t prev = 0;

		for (uint32_t i = t->half_q[q].head; i; prev = i, i = t->halves[i - 1].next, n++) {
			assert(n < t->config.halves_max);
			assert(t->halves[i - 1].prev == prev);
			assert(t->halves[i - 1].tries == q);
		}
		assert(prev == t->half_q[q].tail);
	}
	assert(n == t->halves_used);
	assert(!n || wheel_armed(&t->half_timer));
}
