/* What is sent and not acknowledged: the sent queue, RTT and RTO (RFC 6298, Karn), duplicate
 * ACKs and NewReno recovery (RFC 5681 §3.2, RFC 6582), timeouts.
 *
 * Decides what is lost and when; tcp_output.c sends it again, cc/ sets the window.
 * Always: the entries of the sent queue are contiguous from snd.una to the last data byte sent;
 * lost_bytes counts exactly the TX_LOST entries; no entry before `hint` is lost.
 * Start reading at tcp_rtx_acked(). */
#include "tcp/tcp_int.h"

#define RTT_MAX_US 60000000u
#define DUPACK_THRESHOLD 3	/* RFC 5681 §3.2 */

void tcp_rtx_init(struct tcp *t, struct tcp_conn *c)
{
	c->rtx.rto_us = (uint32_t)(t->config.rto_initial / 1000u);
	c->rtx.recover = c->iss;
}

nsec tcp_rto(const struct tcp *t, const struct tcp_conn *c)
{
	nsec rto = USEC(c->rtx.rto_us) << MIN(c->rtx.backoff, 20);

	return MIN(rto, t->config.rto_max);
}

uint32_t tcp_rtx_pipe(const struct tcp_conn *c)
{
	uint32_t out = c->snd.nxt - c->snd.una;
	uint32_t gone = c->rtx.lost_bytes + c->rtx.dup_bytes + tcp_sack_bytes(c);

	out -= out && c->flags & TCPF_FIN_SENT;		/* a FIN takes no room */
	return gone < out ? out - gone : 0;
}

/* RFC 6298 §2; the first sample when srtt is zero. */
void tcp_rtx_sample(struct tcp *t, struct tcp_conn *c, nsec rtt)
{
	uint32_t r = (uint32_t)MIN(MAX(rtt / 1000u, 1u), RTT_MAX_US), rto;

	if (!c->rtx.srtt_us) {
		c->rtx.srtt_us = r;
		c->rtx.rttvar_us = r / 2;
		c->rtx.rtt_min_us = r;
	} else {
		uint32_t err = r > c->rtx.srtt_us ? r - c->rtx.srtt_us : c->rtx.srtt_us - r;

		c->rtx.rttvar_us += (uint32_t)(((int32_t)err - (int32_t)c->rtx.rttvar_us) / 4);
		c->rtx.srtt_us += (uint32_t)(((int32_t)r - (int32_t)c->rtx.srtt_us) / 8);
		c->rtx.srtt_us = MAX(c->rtx.srtt_us, 1u);
		c->rtx.rtt_min_us = MIN(c->rtx.rtt_min_us, r);
	}
	rto = c->rtx.srtt_us + MAX(4 * c->rtx.rttvar_us, (uint32_t)(t->config.rto_min / 1000u));
	c->rtx.rto_us = MIN(rto, (uint32_t)(t->config.rto_max / 1000u));
}

/* RFC 6298 §5.1: something is outstanding now. */
static void rto_on(struct tcp *t, struct tcp_conn *c)
{
	nsec at = t->core->now + tcp_rto(t, c);

	c->flags &= ~(uint32_t)(TCPF_PTO | TCPF_REO);
	if (unlikely(c->side) && (c->rtx.retries || c->rtx.probes))
		at = MAX(MIN(at, tcp_user_timeout_at(t, c)), t->core->now);
	tcp_timer_rtx(t, c, at);
}

/* The same, but where a probe of the tail may be sent, that comes first, and no later (RFC 8985
 * §7.2). */
static void timer_on(struct tcp *t, struct tcp_conn *c)
{
	nsec rto = tcp_rto(t, c), pto = tcp_tlp_timeout(t, c);

	if (pto == NSEC_NEVER) {
		rto_on(t, c);
		return;
	}
	c->flags = (c->flags & ~(uint32_t)TCPF_REO) | TCPF_PTO;
	tcp_timer_rtx(t, c, t->core->now + MIN(pto, rto));
}

/* RFC 8985 §7.2: the probe's time counts from the last new segment, and is shorter once there
 * are two. */
static void probe_after_last(struct tcp *t, struct tcp_conn *c)
{
	nsec pto = tcp_tlp_timeout(t, c), at = t->core->now + pto;

	if (pto == NSEC_NEVER || (at >= c->timer.rtx_at && !(c->flags & TCPF_PTO)))
		return;
	c->flags |= TCPF_PTO;
	tcp_timer_rtx(t, c, at);
}

/* The bytes from `seq` went out the first time.  If nothing was outstanding before, a timer that
 * runs waits for something else, a window or memory. */
static void timer_for(struct tcp *t, struct tcp_conn *c, uint32_t seq)
{
	if (c->timer.rtx_at == NSEC_NEVER || seq == c->snd.una)
		timer_on(t, c);
}

void tcp_rtx_sent(struct tcp *t, struct tcp_conn *c, struct pkt *entry TAKES)
{
	struct tcp_tx *tx = tcp_tx(entry);

	tx->link = NULL;
	tx->sent_at = t->core->now;
	tx->sends = 1;
	if (c->rtx.sent.tail)
		tcp_tx(c->rtx.sent.tail)->link = entry;
	else
		c->rtx.sent.head = entry;
	c->rtx.sent.tail = entry;
	tcp_prr_sent(c, tx->len);
	if (unlikely(c->flags & TCPF_PACES))
		tcp_pace_sent(t, c, tx, tx->seq == c->snd.una);
	timer_for(t, c, tx->seq);
	if (c->snd.nxt - c->snd.una > c->snd.mss)
		probe_after_last(t, c);
}

/* SYN or FIN went out: no entry on the queue, but the timer runs. */
void tcp_rtx_syn_sent(struct tcp *t, struct tcp_conn *c)
{
	if (c->timer.rtx_at == NSEC_NEVER)
		timer_on(t, c);
}

/* It left before this connection had a block, and so often again. */
void tcp_rtx_syn_was_sent(struct tcp *t, struct tcp_conn *c, unsigned again)
{
	c->rtx.retries = (uint8_t)again;
	timer_on(t, c);
}

void tcp_rtx_fin_sent(struct tcp *t, struct tcp_conn *c)
{
	timer_for(t, c, c->snd.nxt - 1);
}

void tcp_rtx_resent(struct tcp *t, struct tcp_conn *c, struct pkt *entry)
{
	struct tcp_tx *tx = tcp_tx(entry);

	if (tx->flags & TX_LOST) {
		tx->flags &= (uint8_t)~TX_LOST;
		c->rtx.lost_bytes -= tx->len;
	}
	tx->sent_at = t->core->now;
	tx->sends += tx->sends < UINT8_MAX;
	tcp_prr_sent(c, tx->len);
	if (unlikely(c->flags & TCPF_PACES))
		tcp_pace_sent(t, c, tx, false);
	tcp_undo_resent(t, c);
	if (c->timer.rtx_at == NSEC_NEVER)
		timer_on(t, c);
}

void tcp_rtx_mark_lost(struct tcp_conn *c, struct pkt *entry)
{
	struct tcp_tx *tx = tcp_tx(entry);

	if (tx->flags & (TX_LOST | TX_SACKED))
		return;
	if (unlikely(c->side))
		tcp_pmtu_lost(c, tx);
	tx->flags |= TX_LOST;
	c->rtx.lost_bytes += tx->len;
	if (unlikely(c->flags & TCPF_PACES))
		tcp_pace_lost(c, tx->len);
	if (!c->rtx.hint || seq_lt(tx->seq, tcp_tx(c->rtx.hint)->seq))
		c->rtx.hint = entry;
}

struct pkt *tcp_rtx_split(struct tcp *t, struct tcp_conn *c, struct pkt *p, uint32_t len)
{
	struct pkt *front = tcp_snd_front(t, c, p, len), **slot = &c->rtx.sent.head;
	struct tcp_tx *tx = tcp_tx(p), *ftx;

	if (!front)
		return NULL;
	ftx = tcp_tx(front);
	ftx->sent_at = tx->sent_at;
	ftx->sends = tx->sends;
	tx->flags &= (uint8_t)~TX_SUM;
	ftx->flags = tx->flags;
	tx->payload += len;
	tx->seq += len;
	tx->len -= len;
	while (*slot != p)
		slot = &tcp_tx(*slot)->link;
	*slot = front;
	if (c->rtx.hint == p)
		c->rtx.hint = front;
	return front;
}

void tcp_rtx_too_long(struct tcp *t, struct tcp_conn *c, uint32_t mss)
{
	for (struct pkt *p = c->rtx.sent.head; p; p = tcp_tx(p)->link)
		if (tcp_tx(p)->len > mss)
			tcp_rtx_mark_lost(c, p);
}

uint32_t tcp_rtx_head_len(const struct tcp_conn *c)
{
	uint32_t len = 0;

	for (struct pkt *p = c->rtx.sent.head; p && len + tcp_tx(p)->len <= c->snd.mss;
	     p = tcp_tx(p)->link)
		len += tcp_tx(p)->len;
	return len;
}

void tcp_rtx_unmark(struct tcp_conn *c)
{
	for (struct pkt *p = c->rtx.sent.head; p; p = tcp_tx(p)->link)
		tcp_tx(p)->flags &= (uint8_t)~TX_LOST;
	c->rtx.lost_bytes = 0;
	c->flags &= ~(uint32_t)(TCPF_RECOVERY | TCPF_LOSS);
}

void tcp_rtx_sacked(struct tcp_conn *c, struct tcp_tx *tx)
{
	if (tx->flags & TX_LOST)
		c->rtx.lost_bytes -= tx->len;
	tx->flags = (uint8_t)((tx->flags & ~TX_LOST) | TX_SACKED);
}

/* The oldest segment's worth of entries. */
static void mark_head_lost(struct tcp_conn *c)
{
	uint32_t left = c->snd.mss;

	for (struct pkt *p = c->rtx.sent.head; p && tcp_tx(p)->len <= left; p = tcp_tx(p)->link) {
		left -= tcp_tx(p)->len;
		tcp_rtx_mark_lost(c, p);
	}
}

struct pkt *tcp_rtx_next_lost(struct tcp_conn *c)
{
	struct pkt *p = c->rtx.lost_bytes ? c->rtx.hint : NULL;

	while (p && !(tcp_tx(p)->flags & TX_LOST))
		p = tcp_tx(p)->link;
	c->rtx.hint = p;
	return p;
}

static NOINLINE void loss_acked(struct tcp *t, struct tcp_conn *c, struct tcp_tx *tx,
				const struct tcp_seg *s)
{
	if (tx->flags & TX_SACKED)
		tcp_sack_forget(c, tx);
	else if (c->flags & TCPF_SACK)
		tcp_rack_delivered(t, c, tx, s);
}

/* Frees what lies before the ACK; *original: some of it was sent once. *rtt becomes the newest
 * sample, or 0 when Karn's rule forbids one: any of it was sent twice, so that the rest waited for
 * that. Returns the bytes of lent memory among it. */
static uint32_t free_acked(struct tcp *t, struct tcp_conn *c, const struct tcp_seg *s, nsec *rtt,
			   bool *original)
{
	struct pkt *p;
	uint32_t lent = 0, una = s->ack;
	bool again = false;

	*rtt = 0;
	*original = false;
	while ((p = c->rtx.sent.head) && seq_lt(tcp_tx(p)->seq, una)) {
		struct tcp_tx *tx = tcp_tx(p);
		uint32_t covered = una - tx->seq;

		if (tx->flags & TX_LOST)
			c->rtx.lost_bytes -= MIN(covered, tx->len);
		if (covered < tx->len) {	/* part of an entry */
			if (tx->flags & TX_SACKED)
				tcp_sack_trim(c, covered);
			else if (unlikely(c->flags & TCPF_PACES))
				tcp_pace_delivered(t, c, tx, covered);
			if (p->flags & PKT_BARE)
				lent += covered;
			tx->seq = una;
			tx->payload += covered;
			tx->len -= covered;
			tx->flags &= (uint8_t)~TX_SUM;
			break;
		}
		*rtt = MAX(t->core->now - tx->sent_at, 1u);
		again |= tx->sends > 1;
		*original |= tx->sends == 1;
		if (unlikely(c->flags & TCPF_PACES) && !(tx->flags & TX_SACKED))
			tcp_pace_delivered(t, c, tx, tx->len);
		if (unlikely(c->loss))
			loss_acked(t, c, tx, s);
		if (p->flags & PKT_BARE)
			lent += tx->len;
		c->rtx.sent.head = tx->link;
		if (!tx->link)
			c->rtx.sent.tail = NULL;
		if (c->rtx.hint == p)
			c->rtx.hint = tx->link;
		pkt_put(p);
	}
	if (unlikely(again))
		*rtt = 0;
	return lent;
}

/* What the echoed timestamp says of a segment that was sent twice, RFC 7323 §4.1; 0 when it
 * says nothing. */
static nsec echoed_rtt(const struct tcp *t, const struct tcp_conn *c, const struct tcp_seg *s)
{
	uint32_t ms;

	if (!(c->flags & TCPF_TS) || !(s->h->opts & WIRE_TCP_OPT_TS) || !s->h->ts_ecr)
		return 0;
	ms = tcp_clock_ms(t) + c->ts_offset - s->h->ts_ecr;
	return ms < RTT_MAX_US / 1000 ? MSEC(MAX(ms, 1u)) : 0;
}

/* The handshake is done: its round trip is the first sample, unless the SYN was sent again (then
 * RFC 6298 §5.7, and RFC 6928 §2 for more than once). */
void tcp_rtx_established(struct tcp *t, struct tcp_conn *c, const struct tcp_seg *s)
{
	nsec rtt = 0;

	if (c->snd.sent_at)
		rtt = c->retrans_segs ? echoed_rtt(t, c, s)
				      : MAX(t->core->now - c->snd.sent_at, 1u);
	tcp_timer_rtx_off(c);
	if (rtt)
		tcp_rtx_sample(t, c, rtt);
	else if (c->rtx.retries)
		c->rtx.rto_us = (uint32_t)(MAX(t->config.rto_initial, SEC(3)) / 1000u);
	if (c->rtx.retries > 1)
		cc_one_segment(&c->cc);
	c->rtx.retries = c->rtx.backoff = 0;
}

/* What happens now, as congestion control hears of it. */
void tcp_cc_event(const struct tcp *t, const struct tcp_conn *c, struct cc_ack *e)
{
	struct tcp_pace *p = tcp_pace(c);

	cc_ack_init(e, t->core->now, c->snd.nxt - c->snd.una);
	e->srtt = USEC(c->rtx.srtt_us);
	e->rtt_min = USEC(c->rtx.rtt_min_us);
	if (unlikely(p)) {
		e->room = p->room;
		e->rate = e->lost = e->arrived = 0;
		e->prior_delivered = e->delivered = p->delivered;
		e->pipe = tcp_rtx_pipe(c);
		e->rate_app_limited = false;
	}
}

static void recovery_ends(struct tcp *t, struct tcp_conn *c)
{
	struct cc_ack e;

	tcp_cc_event(t, c, &e);
	if (c->flags & TCPF_RECOVERY) {
		c->cc.ops->on_recovered(&c->cc, &e);
		if (!(c->flags & TCPF_SACK))	/* RFC 6582 §3.2 step 3, option 1: no burst */
			cc_set_window(&c->cc, MIN(c->cc.cwnd, MAX(e.inflight, c->snd.mss) +
								      c->snd.mss));
	}
	if (c->loss)
		tcp_rack_recovered(c);
	c->flags &= ~(uint32_t)(TCPF_RECOVERY | TCPF_LOSS);
	c->rtx.dup_bytes = 0;
}

/* Something is lost that nobody expected: a new episode. */
void tcp_rtx_recover(struct tcp *t, struct tcp_conn *c)
{
	struct cc_ack e;

	tcp_undo_begin(t, c);
	c->flags |= TCPF_RECOVERY;
	c->rtx.recover = c->snd.nxt;
	tcp_cc_event(t, c, &e);
	if (!(c->flags & TCPF_ECN_CUT))
		c->cc.ops->on_loss(&c->cc, &e);
	if (c->flags & TCPF_ECN)
		c->flags |= TCPF_CWR;	/* RFC 3168 §6.1.2 */
	if (c->loss)
		tcp_prr_begin(c);
	t->n.fast_retransmits++;
	tcp_want_output(t, c);
}

/* RFC 6582 §3.2 step 3: a partial acknowledgment means that the next segment is lost too.  With
 * SACK the scoreboard knows better. */
static void partial_ack(struct tcp_conn *c, uint32_t acked)
{
	uint32_t deflate = acked > c->snd.mss ? acked - c->snd.mss : 0;

	if (c->flags & TCPF_SACK && c->loss)
		return;
	c->rtx.dup_bytes -= MIN(c->rtx.dup_bytes, deflate);
	if (c->flags & TCPF_RECOVERY)
		mark_head_lost(c);
}

/* An ACK that advanced while something was missing. */
static NOINLINE void acked_in_loss(struct tcp *t, struct tcp_conn *c, const struct tcp_seg *s,
				   const struct cc_ack *ack, uint32_t delivered, bool original)
{
	tcp_tlp_acked(t, c, s, false);
	if (c->flags & (TCPF_RECOVERY | TCPF_LOSS) && !tcp_undo_acked(t, c, s, original)) {
		if (seq_ge(s->ack, c->rtx.recover))
			recovery_ends(t, c);
		else
			partial_ack(c, ack->acked);
	}
	if (c->flags & TCPF_SACK)
		tcp_rack_detect_loss(t, c);
	if (c->flags & TCPF_RECOVERY && c->flags & TCPF_SACK && c->loss && !c->cc.ops->room)
		tcp_prr_acked(c, delivered, true);
}

/* New data is acknowledged: snd.una < s->ack <= snd.nxt. */
void tcp_rtx_acked(struct tcp *t, struct tcp_conn *c, const struct tcp_seg *s)
{
	struct cc_ack ack;
	bool original;
	nsec rtt;
	/* RFC 6937 §2: what arrived that was not known to have arrived */
	uint32_t sacked = tcp_sack_bytes(c), news = sacked ? c->loss->sack.delivered : 0;
	uint32_t lent = free_acked(t, c, s, &rtt, &original);

	tcp_cc_event(t, c, &ack);
	ack.rtt = rtt;
	ack.acked = s->ack - c->snd.una;
	ack.app_limited = cc_app_limited(&c->cc);
	ack.round_start = cc_round(&c->cc, s->ack, c->snd.nxt);
	if (unlikely(c->flags & TCPF_ECN)) {
		ack.marked = s->flags & WIRE_TCP_ECE ? ack.acked : 0;
		if (ack.round_start)
			c->flags &= ~(uint32_t)TCPF_ECN_CUT;
	}
	tcp_snd_acked(t, c, s->ack, lent);
	if (unlikely(c->side))
		tcp_pmtu_acked(t, c);
	ip_path_confirm(t->ip, &c->path);
	c->rtx.dupacks = c->rtx.retries = c->rtx.probes = 0;
	if (unlikely(!ack.rtt))
		ack.rtt = echoed_rtt(t, c, s);
	if (likely(ack.rtt)) {
		tcp_rtx_sample(t, c, ack.rtt);
		/* RFC 6298 §5: Karn keeps the backed-off RTO until a sample is sure */
		c->rtx.backoff = 0;
	}
	if (!(c->flags & (TCPF_RECOVERY | TCPF_LOSS))) {
		c->rtx.dup_bytes = 0;
		/* kept close behind, for comparisons on the circle */
		if (seq_gt(s->ack, c->rtx.recover))
			c->rtx.recover = s->ack - 1;
	}
	if (unlikely(c->loss || c->flags & (TCPF_RECOVERY | TCPF_LOSS)))
		acked_in_loss(t, c, s, &ack, ack.acked + news - (sacked - tcp_sack_bytes(c)),
			      original);
	ack.in_recovery = c->flags & TCPF_RECOVERY;
	if (unlikely(c->flags & TCPF_PACES))
		tcp_pace_sample(t, c, &ack);
	c->cc.ops->on_ack(&c->cc, &ack);
	if (c->snd.una == c->snd.nxt)
		tcp_timer_rtx_off(c);	/* RFC 6298 §5.2 */
	else if (!(c->flags & TCPF_REO) || c->timer.rtx_at <= t->core->now)
		timer_on(t, c);			/* §5.3 */
	if (unlikely(c->flags & TCPF_PACES))
		tcp_pace_rest(t, c);
	if (unlikely(c->loss))
		tcp_loss_rest(t, c);
}

/* Bytes have arrived beyond a gap: who thinks in rates hears of it at once. */
static void arrived_beyond(struct tcp *t, struct tcp_conn *c)
{
	struct cc_ack ack;

	tcp_cc_event(t, c, &ack);
	ack.in_recovery = c->flags & TCPF_RECOVERY;
	tcp_pace_sample(t, c, &ack);
	c->cc.ops->on_ack(&c->cc, &ack);
}

/* A duplicate ACK of a peer with SACK: the scoreboard judges. */
static void dupack_sack(struct tcp *t, struct tcp_conn *c)
{
	tcp_undo_dupack(c);
	if (c->flags & TCPF_PTO)
		rto_on(t, c);		/* the peer talks: no need to probe */
	tcp_rack_detect_loss(t, c);
	if (c->cc.ops->room)
		arrived_beyond(t, c);
	else if (c->flags & TCPF_RECOVERY && c->loss)
		tcp_prr_acked(c, c->loss->sack.delivered, false);
	tcp_want_output(t, c);
	tcp_loss_rest(t, c);
}

/* RFC 5681 §3.2: the same ACK again while data is outstanding. */
void tcp_rtx_dupack(struct tcp *t, struct tcp_conn *c)
{
	uint32_t out = c->snd.nxt - c->snd.una;

	if (!c->rtx.sent.head || c->flags & TCPF_PROBING)
		return;
	if (c->flags & TCPF_SACK && c->loss) {
		dupack_sack(t, c);
		return;
	}
	if (c->flags & TCPF_LOSS) {
		tcp_undo_dupack(c);
		tcp_want_output(t, c);
		return;
	}
	c->rtx.dup_bytes = MIN(c->rtx.dup_bytes + c->snd.mss, out);
	/* limited transmit (RFC 3042), or room that recovery made */
	tcp_want_output(t, c);
	if (c->rtx.dupacks < UINT8_MAX)
		c->rtx.dupacks++;
	if (c->rtx.dupacks != DUPACK_THRESHOLD || c->flags & TCPF_RECOVERY)
		return;
	if (seq_le(c->snd.una, c->rtx.recover))
		return;			/* RFC 6582 §3.2 step 1: the old window's duplicates */
	tcp_rtx_recover(t, c);
	mark_head_lost(c);
}

/* An ACK came while the window is closed: the peer is there and says "not yet".  Nobody waits for
 * ever on behalf of an orphan. */
void tcp_rtx_probe_answered(struct tcp_conn *c)
{
	if (!(c->flags & TCPF_ORPHAN))
		c->rtx.probes = 0;
}

/* The window opened with a probe's byte outstanding: the receiver has thrown it away. */
void tcp_rtx_window_opened(struct tcp *t, struct tcp_conn *c)
{
	c->flags &= ~(uint32_t)TCPF_PROBING;
	c->rtx.probes = c->rtx.backoff = 0;
	for (struct pkt *p = c->rtx.sent.head; p; p = tcp_tx(p)->link)
		tcp_rtx_mark_lost(c, p);
	tcp_timer_rtx_off(c);
	if (c->snd.una != c->snd.nxt)
		timer_on(t, c);
	tcp_want_output(t, c);
}

/* Asked `tries` times in vain, of `limit`, or for as long as the user waits (RFC 1122 §4.2.3.5,
 * RFC 9293 §3.8.3): then the connection is over. */
static bool given_up(struct tcp *t, struct tcp_conn *c, uint32_t tries, uint32_t limit)
{
	nsec at = tcp_synchronized((enum tcp_state)c->state) ? tcp_user_timeout_at(t, c)
							     : NSEC_NEVER;

	if (at != NSEC_NEVER ? t->core->now < at : tries < limit)
		return false;
	core_count_drop(t->core, DROP_TCP_TIMEOUT, NULL);
	tcp_conn_fail(t, c, E_TIMEDOUT);
	return true;
}

/* RFC 6298 §5.4-5.7 */
static void rto(struct tcp *t, struct tcp_conn *c)
{
	uint32_t limit = c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED
				? tcp_conn_get(t, c, TCP_OPT_SYNCNT)
				: t->config.data_retries;

	if (!c->rtx.retries)
		tcp_user_timeout_from(c, c->rtx.sent.head ? tcp_tx(c->rtx.sent.head)->sent_at
							  : c->snd.sent_at);
	if (given_up(t, c, c->rtx.retries, limit))
		return;
	c->rtx.retries += c->rtx.retries < UINT8_MAX;
	c->rto_fired += c->rto_fired < UINT16_MAX;
	t->n.rto_fired++;
	if (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED) {
		c->rtx.backoff += c->rtx.backoff < 20;
		tcp_open_send_syn(t, c);
		timer_on(t, c);
		return;
	}
	if (c->rtx.sent.head) {
		struct cc_ack e;
		bool first = !(c->flags & TCPF_LOSS);

		tcp_cc_event(t, c, &e);
		tcp_undo_begin(t, c);
		tcp_undo_frto(c, first);
		if (tcp_tx(c->rtx.sent.head)->flags & TX_SACKED)
			tcp_sack_renege(c);
		if (first)	/* RFC 5681 §3.1: ssthresh once for a window */
			c->cc.ops->on_rto(&c->cc, &e);
		else
			cc_one_segment(&c->cc);
		c->flags = (c->flags & ~(uint32_t)TCPF_RECOVERY) | TCPF_LOSS;
		c->rtx.recover = c->snd.nxt;
		c->rtx.dup_bytes = c->rtx.dupacks = 0;
		for (struct pkt *p = c->rtx.sent.head; p; p = tcp_tx(p)->link)
			tcp_rtx_mark_lost(c, p);
		tcp_pmtu_timeout(t, c);
	} else {
		tcp_output_fin_again(t, c);
	}
	c->rtx.backoff += c->rtx.backoff < 20;
	rto_on(t, c);
	tcp_want_output(t, c);
}

/* RFC 9293 §3.8.6.1: the window is closed; one byte asks whether it still is.  Answered probes
 * never time a connection out (RFC 1122 §4.2.2.17), unanswered ones do, as any retransmission. */
static void persist(struct tcp *t, struct tcp_conn *c)
{
	if (!(c->flags & TCPF_PROBING))
		tcp_user_timeout_from(c, t->core->now);
	if (given_up(t, c, c->rtx.probes, t->config.data_retries))
		return;
	if (c->rtx.sent.head)
		tcp_output_entry(t, c, c->rtx.sent.head);
	else if (!c->snd.unsent.head)
		tcp_output_fin_again(t, c);
	else if (!tcp_output_probe(t, c))
		return;			/* no memory: soon again */
	c->rtx.probes += c->rtx.probes < UINT8_MAX;
	c->flags |= TCPF_PROBING;
	t->n.zero_window_probes++;
	c->rtx.backoff += c->rtx.backoff < 20;
	timer_on(t, c);
}

/* Nothing is outstanding and something waits: for memory, or for a window worth a segment, and
 * then long enough (RFC 9293 §3.8.6.2.1, the override timeout). */
static void stuck(struct tcp *t, struct tcp_conn *c)
{
	tcp_output(t, c);
	if (c->snd.una == c->snd.nxt && c->snd.unsent.head)
		tcp_output_override(t, c);
}

void tcp_rtx_expired(struct tcp *t, struct tcp_conn *c)
{
	bool outstanding = c->snd.una != c->snd.nxt;
	uint32_t kind = c->flags & (TCPF_PTO | TCPF_REO);

	c->flags &= ~(uint32_t)(TCPF_PTO | TCPF_REO);
	if (unlikely(kind) && c->snd.una != c->snd.nxt && c->snd.wnd) {
		if (kind & TCPF_PTO)
			tcp_tlp_send(t, c);
		else
			tcp_rack_detect_loss(t, c);
		if (!(c->flags & TCPF_REO))
			rto_on(t, c);
		tcp_want_output(t, c);
		return;
	}
	if (tcp_synchronized((enum tcp_state)c->state) && c->snd.wnd == 0 &&
	    (outstanding || c->snd.unsent.head))
		persist(t, c);
	else if (outstanding)
		rto(t, c);
	else
		stuck(t, c);
}

void tcp_rtx_free(struct tcp_conn *c)
{
	while (c->rtx.sent.head) {
		struct pkt *p = c->rtx.sent.head;

		c->rtx.sent.head = tcp_tx(p)->link;
		pkt_put(p);
	}
	c->rtx.sent.tail = c->rtx.hint = NULL;
	c->rtx.lost_bytes = 0;
}
