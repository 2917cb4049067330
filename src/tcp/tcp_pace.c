/* Pacing, and how fast bytes arrive: what a connection needs besides while its congestion control
 * thinks in rates (cc_ops.room), or when tcp_config.pacing asks for it.
 *
 * A segment may leave when those before it have had their time; a deadline in the wheel wakes the
 * connection.  Rates are sampled as draft-ietf-ccwg-bbr has it (delivery rate estimation): the
 * bytes delivered between the moment that a segment left and the moment that it was acknowledged,
 * over the longer of the time that sending and acknowledging took.
 * Always: the block is there only while something is outstanding or waits, and the pool has one;
 * without it a connection is not paced, and its congestion control hears of no rate. */
#include "tcp/tcp_int.h"

/* A timer is up to a tick late; so much may leave before its time. */
#define EARLY USEC(140)
/* And what was not sent so long ago is not sent now. */
#define LATE MSEC(1)

/* Its congestion control is chosen, or another. */
void tcp_pace_choose(const struct tcp *t, struct tcp_conn *c)
{
	bool paces = c->cc.ops->room || t->config.pacing;

	c->flags = paces ? c->flags | TCPF_PACES : c->flags & ~(uint32_t)TCPF_PACES;
}

static void open(struct tcp *t, struct tcp_conn *c)
{
	struct list *n;
	struct tcp_pace *p;

	if (list_empty(&t->paces_free) || !tcp_side_get(t, c)) {
		t->n.paces_full++;
		return;
	}
	n = list_pop_front(&t->paces_free);
	p = container_of(n, struct tcp_pace, free_node);
	*p = (struct tcp_pace){.at = NSEC_NEVER, .delivered_at = t->core->now,
			       .first_sent_at = t->core->now, .opened_at = t->core->now};
	c->side->pace = p;
	if (c->cc.ops->open)
		c->cc.ops->open(&c->cc, p->room, t->core->now);
}

void tcp_pace_free(struct tcp *t, struct tcp_conn *c)
{
	struct tcp_pace *p = tcp_pace(c);

	if (!p)
		return;
	if (c->cc.ops->close)
		c->cc.ops->close(&c->cc, p->room);
	c->side->pace = NULL;
	list_push_front(&t->paces_free, &p->free_node);
}

/* ---- when */

/* Linux's factors: twice the window in a round trip of slow start, else six fifths. */
static uint64_t rate_of(const struct tcp_conn *c, const struct tcp_pace *p)
{
	uint64_t twice;

	if (c->cc.ops->pace)
		return c->cc.ops->pace(&c->cc, p->room);
	if (!c->rtx.srtt_us)
		return 0;
	twice = (uint64_t)c->cc.cwnd * 2000000u / c->rtx.srtt_us;
	return c->cc.cwnd < c->cc.ssthresh / 2 ? twice : twice / 10 * 6;
}

/* May a segment leave?  If not, the timer runs. */
bool tcp_pace_may(struct tcp *t, struct tcp_conn *c)
{
	struct tcp_pace *p = tcp_pace(c);

	if (!p) {
		open(t, c);
		return true;
	}
	if (p->next_at <= t->core->now + EARLY) {
		p->at = NSEC_NEVER;
		return true;
	}
	p->at = p->next_at;
	tcp_timer_pace(t, c);
	return false;
}

/* The deadline came. */
void tcp_pace_expired(struct tcp *t, struct tcp_conn *c)
{
	tcp_pace(c)->at = NSEC_NEVER;
	tcp_want_output(t, c);
}

/* ---- how fast */

/* An entry leaves, now or again; `idle`: nothing was outstanding. */
void tcp_pace_sent(struct tcp *t, struct tcp_conn *c, struct tcp_tx *tx, bool idle)
{
	struct tcp_pace *p = tcp_pace(c);
	nsec now = t->core->now;
	uint64_t rate;

	if (!p)
		return;
	if (idle)
		p->first_sent_at = p->delivered_at = now;
	tx->rate.first_sent_at = p->first_sent_at;
	tx->rate.delivered_at = p->delivered_at;
	tx->rate.delivered = p->delivered;
	tx->rate.app_limited = p->app_limited != 0;
	rate = rate_of(c, p);
	p->next_at = MAX(p->next_at, now > LATE ? now - LATE : 0);
	if (rate)
		p->next_at += tx->len * 1000000000ull / rate;
}

/* There was room in the window and nothing to send. */
void tcp_pace_app_limited(struct tcp_conn *c)
{
	struct tcp_pace *p = tcp_pace(c);

	if (p)
		p->app_limited = MAX(p->delivered + tcp_rtx_pipe(c), 1u);
}

void tcp_pace_lost(struct tcp_conn *c, uint32_t n)
{
	struct tcp_pace *p = tcp_pace(c);

	if (p)
		p->lost += n;
}

/* `n` bytes of an entry are known to have arrived: the one sent last counts. */
void tcp_pace_delivered(struct tcp *t, struct tcp_conn *c, const struct tcp_tx *tx, uint32_t n)
{
	struct tcp_pace *p = tcp_pace(c);

	if (!p)
		return;
	p->delivered += n;
	p->delivered_at = t->core->now;
	if (tx->rate.delivered_at < p->opened_at)
		return;			/* left before there was this block */
	if (p->sampled && (int32_t)(tx->rate.delivered - p->sample.delivered) < 0)
		return;
	p->sampled = true;
	p->sample = tx->rate;
	p->sample_sent_at = tx->sent_at;
}

/* What this ACK says; the next begins anew. */
void tcp_pace_sample(struct tcp *t, struct tcp_conn *c, struct cc_ack *a)
{
	struct tcp_pace *p = tcp_pace(c);
	nsec sending, acking, took;

	if (!p)
		return;
	a->room = p->room;
	a->delivered = p->delivered;
	a->arrived = p->delivered - p->told;
	p->told = p->delivered;
	a->lost = p->lost;
	p->lost = 0;
	a->pipe = tcp_rtx_pipe(c);
	if (p->app_limited && (int32_t)(p->delivered - p->app_limited) > 0)
		p->app_limited = 0;
	if (!p->sampled)
		return;
	p->sampled = false;
	sending = p->sample_sent_at - p->sample.first_sent_at;
	acking = t->core->now - p->sample.delivered_at;
	took = MAX(sending, acking);
	p->first_sent_at = p->sample_sent_at;
	a->prior_delivered = p->sample.delivered;
	a->rate_app_limited = p->sample.app_limited;
	/* faster than the path can be: an ACK for what was sent again came from the first time */
	if (took && took >= USEC(c->rtx.rtt_min_us))
		a->rate = (uint64_t)(p->delivered - p->sample.delivered) * 1000000000u / took;
}

/* Nothing is outstanding and nothing waits. */
void tcp_pace_rest(struct tcp *t, struct tcp_conn *c)
{
	if (c->snd.una == c->snd.nxt && !c->snd.unsent.head)
		tcp_pace_free(t, c);
}
