/* TIME_WAIT in 64 bytes: what must be remembered of a connection that is over, RFC 9293 §3.6.1.
 *
 * All entries last equally long, so they stand in one queue by age with one timer; when the
 * table is full the oldest goes early (counted).  Resets are ignored (RFC 1337 §3, fix F1); a
 * SYN that is clearly newer may reopen (RFC 6191 §2).
 * Always: every entry in use is on the queue and in the demultiplexing table. */
#include "tcp/tcp_int.h"

struct tcp_timewait {
	struct addr local, remote;
	uint16_t lport, rport;
	uint32_t snd_nxt, rcv_nxt;
	uint32_t ts_recent, ts_offset;
	uint32_t expire_ms;		/* on the clock of tcp_clock_ms() */
	uint32_t next : 31, has_ts : 1;	/* 1 + index; on the free list too */
	uint32_t prev;			/* 1 + index */
};
static_assert(sizeof(struct tcp_timewait) == 64, "issue: TIME_WAIT at most 64 bytes");

size_t tcp_timewait_bytes(uint32_t n)
{
	return (size_t)n * sizeof(struct tcp_timewait);
}

void tcp_timewait_init(struct tcp *t, void *mem)
{
	t->timewaits = mem;
	for (uint32_t i = 0; i < t->config.timewaits_max; i++)
		t->timewaits[i].next = i + 1 < t->config.timewaits_max ? i + 2 : 0;
	t->timewait_free = 1;
	wheel_node_init(&t->timewait_timer, TIMER_TCP_MISC);
}

struct tcp_timewait *tcp_timewait_at(struct tcp *t, uint32_t i)
{
	return &t->timewaits[i];
}

bool tcp_timewait_is(const struct tcp_timewait *tw, const struct addr *local, uint16_t lport,
		     const struct addr *remote, uint16_t rport)
{
	return tw->rport == rport && tw->lport == lport && addr_eq(&tw->remote, remote) &&
	       addr_eq(&tw->local, local);
}

bool tcp_timewait_has(const struct tcp *t, const struct addr *local, uint16_t port)
{
	for (uint32_t i = t->timewait_head; i; i = t->timewaits[i - 1].next) {
		const struct tcp_timewait *tw = &t->timewaits[i - 1];

		if (tw->lport == port && (addr_is_any(local) || addr_eq(&tw->local, local)))
			return true;
	}
	return false;
}

uint64_t tcp_timewait_hash(const struct tcp *t, uint32_t i)
{
	const struct tcp_timewait *tw = &t->timewaits[i];

	return tcp_hash(t, &tw->local, tw->lport, &tw->remote, tw->rport);
}

static void unlink_entry(struct tcp *t, struct tcp_timewait *tw)
{
	if (tw->prev)
		t->timewaits[tw->prev - 1].next = tw->next;
	else
		t->timewait_head = tw->next;
	if (tw->next)
		t->timewaits[tw->next - 1].prev = tw->prev;
	else
		t->timewait_tail = tw->prev;
}

/* To the end of the queue, with a full life. */
static void link_entry(struct tcp *t, struct tcp_timewait *tw)
{
	uint32_t at = (uint32_t)(tw - t->timewaits) + 1;

	tw->expire_ms = tcp_clock_ms(t) + (uint32_t)(2 * t->config.msl / 1000000u);
	tw->prev = t->timewait_tail;
	tw->next = 0;
	if (t->timewait_tail)
		t->timewaits[t->timewait_tail - 1].next = at & 0x7fffffffu;
	else
		t->timewait_head = at;
	t->timewait_tail = at;
	if (!wheel_armed(&t->timewait_timer))
		wheel_arm(&t->core->wheel, &t->timewait_timer,
			  t->core->now + 2 * t->config.msl + MSEC(1));
}

static void forget(struct tcp *t, struct tcp_timewait *tw)
{
	uint32_t i = (uint32_t)(tw - t->timewaits);

	table_remove(&t->table, tcp_timewait_hash(t, i), TCP_IDX_TIMEWAIT | i);
	unlink_entry(t, tw);
	tw->next = t->timewait_free & 0x7fffffffu;
	t->timewait_free = i + 1;
	t->timewaits_used--;
}

void tcp_timewait_enter(struct tcp *t, struct tcp_conn *c)
{
	struct tcp_timewait *tw;
	uint32_t i;

	assert(c->state == TCP_TIME_WAIT);
	if (c->flags & TCPF_ACK_NOW)	/* of the peer's FIN; after this only the entry answers */
		tcp_output_ack(t, c);
	if (c->flags & TCPF_HASHED)
		tcp_demux_remove(t, c);
	if (!t->timewait_free) {
		t->n.timewait_full++;
		forget(t, &t->timewaits[t->timewait_head - 1]);
	}
	i = t->timewait_free - 1;
	tw = &t->timewaits[i];
	t->timewait_free = tw->next;
	*tw = (struct tcp_timewait){.local = c->local,
				    .remote = c->remote,
				    .lport = c->lport,
				    .rport = c->rport,
				    .snd_nxt = c->snd.nxt,
				    .rcv_nxt = c->rcv.nxt,
				    .ts_recent = c->rcv.ts_recent,
				    .ts_offset = c->ts_offset,
				    .has_ts = !!(c->flags & TCPF_TS)};
	link_entry(t, tw);
	t->timewaits_used++;
	if (table_insert(&t->table, tcp_timewait_hash(t, i), TCP_IDX_TIMEWAIT | i) < 0) {
		/* No bucket left: forget at once, as if 2 MSL had passed. */
		unlink_entry(t, tw);
		tw->next = t->timewait_free & 0x7fffffffu;
		t->timewait_free = i + 1;
		t->timewaits_used--;
		t->n.timewait_full++;
	}
}

static void answer(struct tcp *t, const struct tcp_timewait *tw)
{
	struct wire_tcp h = {.sport = tw->lport,
			     .dport = tw->rport,
			     .seq = tw->snd_nxt,
			     .ack = tw->rcv_nxt,
			     .flags = WIRE_TCP_ACK};

	if (tw->has_ts) {
		h.opts = WIRE_TCP_OPT_TS;
		h.ts_val = tcp_clock_ms(t) + tw->ts_offset;
		h.ts_ecr = tw->ts_recent;
	}
	tcp_reply(t, &tw->local, &tw->remote, &h);
}

/* RFC 6191 §2: may this SYN open the connection anew? */
static bool newer(const struct tcp_timewait *tw, const struct tcp_seg *s)
{
	bool ts = s->h->opts & WIRE_TCP_OPT_TS;

	if (tw->has_ts && ts && s->h->ts_val != tw->ts_recent)
		return seq_gt(s->h->ts_val, tw->ts_recent);
	return seq_gt(s->seq, tw->rcv_nxt);
}

enum drop tcp_timewait_input(struct tcp *t, struct tcp_timewait *tw, struct tcp_seg *s,
			     bool *reopen)
{
	*reopen &= s->flags & WIRE_TCP_SYN && !(s->flags & (WIRE_TCP_ACK | WIRE_TCP_RST)) &&
		   newer(tw, s);
	if (*reopen) {
		s->reopens = true;
		s->old_nxt = tw->snd_nxt;
		forget(t, tw);
		return DROP_NOT;
	}
	if (s->flags & WIRE_TCP_RST)
		return DROP_TCP_TIME_WAIT;
	if (tw->has_ts && s->h->opts & WIRE_TCP_OPT_TS && seq_lt(s->h->ts_val, tw->ts_recent)) {
		answer(t, tw);
		return DROP_TCP_PAWS;
	}
	if (s->flags & WIRE_TCP_FIN && tcp_seg_end(s) == tw->rcv_nxt) {
		unlink_entry(t, tw);	/* the peer's FIN again: our ACK was lost; 2 MSL from now */
		link_entry(t, tw);
	}
	if (s->len || s->flags & WIRE_TCP_FIN)
		answer(t, tw);
	else if ((s->seq != tw->rcv_nxt || s->flags & WIRE_TCP_SYN) && tcp_challenge_may(t))
		answer(t, tw);	/* which may be answered: not without bound */
	return DROP_TCP_TIME_WAIT;
}

void tcp_timewait_expire(struct tcp *t)
{
	uint32_t now_ms = tcp_clock_ms(t), left = 0;

	for (unsigned n = 0; t->timewait_head && n < TCP_TIMEWAIT_EXPIRE_MAX; n++) {
		struct tcp_timewait *oldest = &t->timewaits[t->timewait_head - 1];

		if (seq_gt(oldest->expire_ms, now_ms)) {
			left = oldest->expire_ms - now_ms;
			break;
		}
		forget(t, oldest);
	}
	if (t->timewait_head)
		wheel_arm(&t->core->wheel, &t->timewait_timer, t->core->now + MSEC(left + 1));
}

void tcp_timewait_check(const struct tcp *t)
{
	uint32_t n = 0, prev = 0;

	for (uint32_t i = t->timewait_head; i; prev = i, i = t->timewaits[i - 1].next, n++) {
		assert(n < t->config.timewaits_max);
		assert(t->timewaits[i - 1].prev == prev);
	}
	assert(n == t->timewaits_used);
	assert(prev == t->timewait_tail);
	assert(!n || wheel_armed(&t->timewait_timer));
}
