/* Segment arrival, RFC 9293 §3.10.7: one function per numbered check, a measured fast path in
 * front.
 *
 * A batch is looked at in two passes, so that the table's cache lines are on their way when the
 * first segment is worked on.  Drop reasons travel up as return values; the caller counts and
 * frees.
 *
 * Writes the group rcv.  Always: nxt <= adv (but for our ACK of a FIN); queued + held +
 * reass.bytes within buf and what was advertised.
 * Start reading at segment_arrives(). */
#include "tcp/tcp_int.h"

#define BATCH 16
/* payloads up to this are copied behind their predecessor when it has room */
#define COALESCE_MAX 512u

/* ---- the receive window */

void tcp_rcv_buffers(struct tcp_conn *c, uint32_t buf, uint8_t wscale)
{
	c->rcv.buf = buf;
	c->rcv.wscale = wscale;
}

void tcp_rcv_quick(struct tcp_conn *c, uint8_t segments)
{
	c->rcv.quick = segments;
}

/* What a SYN of ours advertises: never scaled, RFC 7323 §2.2. */
uint16_t tcp_rcv_syn_window(const struct tcp *t, const struct tcp_conn *c)
{
	return (uint16_t)MIN(MIN(t->config.rcv_wnd_initial, c->rcv.buf), UINT16_MAX);
}

/* The peer's SYN: where its bytes begin. */
void tcp_rcv_init(struct tcp *t, struct tcp_conn *c, const struct wire_tcp *h)
{
	c->rcv.nxt = c->rcv.ack_sent = h->seq + 1;
	c->rcv.adv = c->rcv.nxt + tcp_rcv_syn_window(t, c);
	c->rcv.mss = TCP_MSS_DEFAULT;
	if (!(c->flags & TCPF_WSCALE))
		c->rcv.wscale = 0;
	if (c->flags & TCPF_TS) {
		c->rcv.ts_recent = h->ts_val;
		c->rcv.ts_recent_s = tcp_clock_s(t);
	}
}

void tcp_rcv_advertised(struct tcp_conn *c, uint32_t edge)
{
	c->rcv.adv = edge;
	c->rcv.ack_sent = c->rcv.nxt;
}

/* The most that a window can ever say. */
uint32_t tcp_rcv_window_max(const struct tcp_conn *c)
{
	return MIN(c->rcv.buf, 65535u << c->rcv.wscale);
}

/* What may be advertised now.  What came out of order lies within, not beside it. */
uint32_t tcp_rcv_free_space(const struct tcp_conn *c)
{
	uint32_t used = c->rcv.queued + c->rcv.held;

	return used < c->rcv.buf ? MIN(c->rcv.buf - used, tcp_rcv_window_max(c)) : 0;
}

void tcp_rcv_taken(struct tcp_conn *c, struct pkt *p)
{
	c->rcv.head = p->next;
	if (!c->rcv.head)
		c->rcv.tail = NULL;
	p->next = NULL;
	c->rcv.queued -= p->total;
	c->rcv.held += p->total;
}

void tcp_rcv_untaken(struct tcp_conn *c, struct pkt *p)
{
	p->next = c->rcv.head;
	c->rcv.head = p;
	if (!c->rcv.tail)
		c->rcv.tail = p;
	c->rcv.queued += p->total;
	c->rcv.held -= MIN(p->total, c->rcv.held);
}

void tcp_rcv_given_back(struct tcp_conn *c, uint32_t bytes)
{
	c->rcv.held -= MIN(bytes, c->rcv.held);
}

void tcp_rcv_free(struct tcp_conn *c)
{
	struct pkt *p;

	while ((p = c->rcv.head)) {
		c->rcv.head = p->next;
		pkt_put(p);
	}
	c->rcv.tail = NULL;
	c->rcv.queued = 0;
}

/* A small payload behind a packet of the queue that has room: many tiny segments must not hold
 * a frame each. */
static bool coalesce(struct pkt *tail, struct pkt *p)
{
	if (!tail || p->frag || tail->frag || p->len > COALESCE_MAX || tail->refs != 1 ||
	    pkt_tailroom(tail) < p->len)
		return false;
	mem_copy(tail->data + tail->len, p->data, p->len);
	tail->len += p->len;
	tail->total += p->len;
	return true;
}

/* In-order bytes to the owner's queue. */
static inline void rcv_queue(struct tcp *t, struct tcp_conn *c, struct pkt *p TAKES)
{
	uint32_t n = p->total;

	c->rcv.nxt += n;
	c->rcv.queued += n;
	c->bytes_in += n;
	t->n.in_bytes += n;
	if (unlikely(n > c->rcv.mss))
		c->rcv.mss = (uint16_t)MIN(n, UINT16_MAX);
	if (c->rcv.tail && coalesce(c->rcv.tail, p)) {
		pkt_put(p);
		return;
	}
	p->next = NULL;
	if (c->rcv.tail)
		c->rcv.tail->next = p;
	else
		c->rcv.head = p;
	c->rcv.tail = p;
}

/* RFC 7413 §4.2.2: bytes on a SYN, as far as the window that the SYN-ACK says. */
void tcp_rcv_syn_data(struct tcp *t, struct tcp_conn *c, struct tcp_seg *s)
{
	if (!s->len)
		return;
	pkt_trim(s->p, MIN(s->len, c->rcv.adv - c->rcv.nxt));
	rcv_queue(t, c, s->p);
	s->p = NULL;
	tcp_rcv_advertised(c, c->rcv.nxt + tcp_rcv_syn_window(t, c));
	tcp_conn_ready(t, c, TCP_READY_READABLE);
}

/* RFC 1122 §4.2.3.2: at least every second full segment at once, the rest within
 * tcp_config.delack.  A stream that nobody answers is acknowledged at once in its first segments:
 * its sender is in slow start. */
static inline void owe_ack(struct tcp *t, struct tcp_conn *c, uint32_t len)
{
	c->acks_owed += c->acks_owed < UINT8_MAX;
	if ((c->acks_owed >= 2 && c->rcv.nxt - c->rcv.ack_sent > c->rcv.mss) ||
	    unlikely(c->rcv.quick || c->flags & TCPF_QUICKACK)) {
		c->rcv.quick -= !!c->rcv.quick;
		tcp_ack_now(t, c);
	} else if (!(c->flags & TCPF_ACK_DELAYED)) {
		c->flags |= TCPF_ACK_DELAYED;
		tcp_timer_ack(t, c, t->core->now + t->config.delack);
	}
}

/* RFC 5961 §7: at most so many a second in the whole stack; how many exactly is nobody's business,
 * who could count what is left find out about others' connections. */
uint32_t tcp_challenge_budget(struct tcp *t)
{
	return TCP_CHALLENGES_PER_S / 2 + prng_below(&t->core->prng, TCP_CHALLENGES_PER_S / 2 + 1);
}

bool tcp_challenge_may(struct tcp *t)
{
	if (t->core->now >= t->challenge_at) {
		t->challenge_at = t->core->now + SEC(1);
		t->challenge_left = tcp_challenge_budget(t);
	}
	if (!t->challenge_left)
		return false;
	t->challenge_left--;
	t->n.challenge_acks++;
	return true;
}

void tcp_challenge_ack(struct tcp *t, struct tcp_conn *c)
{
	if (tcp_challenge_may(t))
		tcp_ack_now(t, c);
}

/* Acknowledges what is outside of the window.  Bytes and FIN are sent again by a timer; anything
 * else may itself be such an answer, and two ends that disagree (a half-open connection and a
 * TIME_WAIT, say) would go on for ever: one in half a second will do. */
static void answer_outsider(struct tcp *t, struct tcp_conn *c, const struct tcp_seg *s)
{
	uint32_t now = tcp_clock_ms(t);
	bool known_syn = s->flags & WIRE_TCP_SYN && s->seq == c->rcv.nxt - 1;

	if (!s->len && !(s->flags & WIRE_TCP_FIN) && !known_syn) {
		if (c->outsider_ms && now - c->outsider_ms < TCP_OUTSIDER_MS)
			return;
		c->outsider_ms = MAX(now, 1u);
	}
	tcp_ack_now(t, c);
}

/* ---- first: sequence number; timestamps before it, RFC 7323 §5.3 R1 */

/* RFC 7323 §5.5: on a connection that was idle for 24 days the peer's clock may have gone half way
 * round, and says nothing. */
static inline bool ts_recent_outdated(const struct tcp *t, const struct tcp_conn *c)
{
	return tcp_clock_s(t) - c->rcv.ts_recent_s >= 24u * 86400u;
}

static enum drop check_paws(struct tcp *t, struct tcp_conn *c, struct tcp_seg *s)
{
	if (!(c->flags & TCPF_TS))
		return DROP_NOT;
	if (!(s->h->opts & WIRE_TCP_OPT_TS))
		return s->flags & WIRE_TCP_RST ? DROP_NOT : DROP_TCP_NO_TS;
	if (seq_lt(s->h->ts_val, c->rcv.ts_recent) && !(s->flags & WIRE_TCP_RST) &&
	    !ts_recent_outdated(t, c)) {
		answer_outsider(t, c, s);
		return DROP_TCP_PAWS;
	}
	return DROP_NOT;
}

/* RFC 7323 §4.3: the echo comes from the segment that moves the left edge (its own number counts,
 * before anything was trimmed). */
static inline void take_timestamp(struct tcp *t, struct tcp_conn *c, const struct tcp_seg *s)
{
	if (c->flags & TCPF_TS && s->h->opts & WIRE_TCP_OPT_TS &&
	    seq_le(s->h->seq, c->rcv.ack_sent) &&
	    (seq_ge(s->h->ts_val, c->rcv.ts_recent) || ts_recent_outdated(t, c))) {
		c->rcv.ts_recent = s->h->ts_val;
		c->rcv.ts_recent_s = tcp_clock_s(t);
	}
}

static void trim_front(struct tcp_seg *s, uint32_t n)
{
	if (s->flags & WIRE_TCP_SYN && n) {
		s->flags &= (uint8_t)~WIRE_TCP_SYN;
		s->seq++;
		n--;
	}
	n = MIN(n, s->len);
	if (n) {
		if (n == s->len)
			pkt_trim(s->p, 0);
		else
			s->p = pkt_trim_front(s->p, n);
		s->seq += n;
		s->len -= n;
	}
}

static void trim_back(struct tcp_seg *s, uint32_t edge)
{
	uint32_t keep = seq_gt(edge, s->seq) ? edge - s->seq : 0;

	if (s->len > keep) {
		pkt_trim(s->p, keep);
		s->len = keep;
		s->flags &= (uint8_t)~(WIRE_TCP_FIN | WIRE_TCP_PSH);
	}
}

static bool acceptable(const struct tcp_conn *c, const struct tcp_seg *s)
{
	return tcp_seg_acceptable(s, c->rcv.nxt, seq_max(c->rcv.adv, c->rcv.nxt));
}

static enum drop check_seq(struct tcp *t, struct tcp_conn *c, struct tcp_seg *s)
{
	/* Both opened at once: their SYN-ACK repeats the SYN that we know, and counts for its
	 * ACK (RFC 9293 §3.5, figure 7). */
	if (unlikely(c->state == TCP_SYN_RECEIVED && s->seq == c->rcv.nxt - 1 &&
		     s->flags & WIRE_TCP_SYN && s->flags & WIRE_TCP_ACK))
		trim_front(s, 1);
	if (unlikely(!acceptable(c, s))) {
		if (s->flags & WIRE_TCP_RST)
			return DROP_TCP_SEQ;
		answer_outsider(t, c, s);
		if (s->len && seq_le(tcp_seg_end(s), c->rcv.nxt) &&
		    tcp_synchronized((enum tcp_state)c->state))
			tcp_reass_duplicate(t, c, s->seq, s->seq + s->len);
		return seq_le(tcp_seg_end(s), c->rcv.nxt) && s->len ? DROP_TCP_DUP : DROP_TCP_SEQ;
	}
	if (s->flags & (WIRE_TCP_SYN | WIRE_TCP_RST))
		return DROP_NOT;	/* judged whole by check_rst() and check_syn() */
	if (seq_lt(s->seq, c->rcv.nxt)) {
		if (s->len && tcp_synchronized((enum tcp_state)c->state))
			tcp_reass_duplicate(t, c, s->seq, c->rcv.nxt);
		trim_front(s, c->rcv.nxt - s->seq);
		tcp_ack_now(t, c);
	}
	if (seq_gt(s->seq + s->len, c->rcv.adv) && s->len) {
		trim_back(s, c->rcv.adv);
		core_count_drop(t->core, DROP_TCP_RCVBUF, s->p);
		tcp_ack_now(t, c);
	}
	return DROP_NOT;
}

/* ---- second: RST, RFC 5961 §3 */

static enum drop check_rst(struct tcp *t, struct tcp_conn *c, struct tcp_seg *s)
{
	if (likely(!(s->flags & WIRE_TCP_RST)))
		return DROP_NOT;
	if (s->seq != c->rcv.nxt) {
		tcp_challenge_ack(t, c);
		return DROP_TCP_RST_SEQ;
	}
	tcp_conn_fail(t, c, c->state == TCP_SYN_RECEIVED ? E_CONNREFUSED : E_CONNRESET);
	return DROP_TCP_RST;
}

/* ---- fourth: SYN, RFC 5961 §4 */

static enum drop check_syn(struct tcp *t, struct tcp_conn *c, struct tcp_seg *s)
{
	if (likely(!(s->flags & WIRE_TCP_SYN)))
		return DROP_NOT;
	tcp_challenge_ack(t, c);
	return DROP_TCP_SYN_IN_WINDOW;
}

/* ---- fifth: ACK */

static enum drop check_ack(struct tcp *t, struct tcp_conn *c, struct tcp_seg *s)
{
	if (unlikely(!(s->flags & WIRE_TCP_ACK)))
		return DROP_TCP_NO_ACK;
	if (unlikely(c->state == TCP_SYN_RECEIVED)) {
		if (s->ack != c->snd.nxt) {
			tcp_reply_rst(t, &c->local, &c->remote, s);
			return seq_le(s->ack, c->iss) ? DROP_TCP_ACK_OLD : DROP_TCP_ACK_FUTURE;
		}
		tcp_snd_window(t, c, s);
		tcp_open_established(t, c, s);
		return DROP_NOT;
	}
	if (unlikely(seq_gt(s->ack, c->snd.nxt))) {
		tcp_challenge_ack(t, c);
		return DROP_TCP_ACK_FUTURE;
	}
	/* RFC 5961 §5.2: nor older than the largest window we ever saw */
	if (unlikely(seq_lt(s->ack, c->snd.una - MAX(c->snd.wnd_max, 65535u)))) {
		tcp_challenge_ack(t, c);
		return DROP_TCP_ACK_OLD;
	}
	return DROP_NOT;
}

static void take_ack(struct tcp *t, struct tcp_conn *c, struct tcp_seg *s)
{
	bool again;

	if (unlikely(seq_lt(s->ack, c->snd.una))) {
		/* Old: neither bytes nor its window are news, but its blocks may be. */
		tcp_sack_take(t, c, s);
		if (c->loss && c->loss->sack.delivered)
			tcp_rtx_dupack(t, c);
		return;
	}
	again = s->ack == c->snd.una && s->ack != c->snd.nxt && !s->len &&
		s->wnd == c->snd.wnd && !(s->flags & WIRE_TCP_FIN);
	tcp_sack_take(t, c, s);
	if (unlikely(s->flags & WIRE_TCP_ECE && c->flags & TCPF_ECN))
		tcp_ecn_echoed(t, c);
	if (seq_gt(s->ack, c->snd.una)) {
		tcp_rtx_acked(t, c, s);
		tcp_want_output(t, c);
	} else if (c->loss && c->loss->sack.delivered) {
		again = true;		/* RFC 6675 §2: it tells of more that arrived */
	}
	if (s->wnd != c->snd.wnd)
		tcp_want_output(t, c);
	if (unlikely(c->flags & TCPF_PROBING))
		tcp_rtx_probe_answered(c);
	tcp_snd_window(t, c, s);
	if (again)
		tcp_rtx_dupack(t, c);
	if (unlikely(c->loss))
		tcp_loss_rest(t, c);
}

/* What the ACK of our FIN changes. False: the connection is over. */
static bool take_fin_ack(struct tcp *t, struct tcp_conn *c)
{
	if (likely(!(c->flags & TCPF_FIN_SENT)) || !tcp_fin_acked(c))
		return true;
	switch (c->state) {
	case TCP_FIN_WAIT_1:
		tcp_set_state(t, c, TCP_FIN_WAIT_2);
		if (c->flags & TCPF_ORPHAN)
			tcp_timer_life(t, c, tcp_fin_wait_2_ends(t, c));
		return true;
	case TCP_CLOSING:
		tcp_set_state(t, c, TCP_TIME_WAIT);
		tcp_conn_gone(t, c);
		return false;
	case TCP_LAST_ACK:
		tcp_conn_gone(t, c);
		return false;
	default:
		return true;
	}
}

/* ---- seventh: the bytes */

static bool can_receive(const struct tcp_conn *c)
{
	return c->state == TCP_ESTABLISHED || c->state == TCP_FIN_WAIT_1 ||
	       c->state == TCP_FIN_WAIT_2;
}

/* The peer has no more to say: RFC 9293 §3.10.7.4, eighth. */
static void take_fin(struct tcp *t, struct tcp_conn *c)
{
	c->rcv.nxt++;
	c->flags |= TCPF_FIN_RCVD;
	tcp_ack_now(t, c);
	tcp_conn_ready(t, c, TCP_READY_READABLE | TCP_READY_EOF);
	switch (c->state) {
	case TCP_ESTABLISHED:
		tcp_set_state(t, c, TCP_CLOSE_WAIT);
		break;
	case TCP_FIN_WAIT_1:
		tcp_set_state(t, c, TCP_CLOSING);
		break;
	case TCP_FIN_WAIT_2:
		tcp_set_state(t, c, TCP_TIME_WAIT);
		tcp_conn_gone(t, c);
		break;
	default:
		break;
	}
}

/* What the gap held back. */
static bool drain_reass(struct tcp *t, struct tcp_conn *c)
{
	struct pkt *p;
	bool fin = false;

	while (!fin && (p = tcp_reass_pop(c, c->rcv.nxt, &fin))) {
		if (tcp_rx(p)->len)
			rcv_queue(t, c, p);
		else
			pkt_put(p);
	}
	return fin;
}

static enum drop take_data(struct tcp *t, struct tcp_conn *c, struct tcp_seg *s)
{
	bool fin = s->flags & WIRE_TCP_FIN;

	if (!s->len && !fin)
		return DROP_NOT;
	if (c->flags & TCPF_FIN_RCVD)
		return s->len ? DROP_TCP_DATA_AFTER_FIN : DROP_NOT;
	if (!can_receive(c))
		return DROP_NOT;
	if (c->flags & TCPF_ORPHAN && s->len) {
		/* RFC 1122 §4.2.2.13: nobody will read it; say so */
		tcp_reply_rst(t, &c->local, &c->remote, s);
		tcp_conn_fail(t, c, E_CONNRESET);
		return DROP_TCP_DATA_AFTER_CLOSE;
	}
	if (s->seq != c->rcv.nxt) {
		enum drop why = tcp_reass_insert(t, c, s);

		tcp_output_ack(t, c);	/* RFC 5681 §4.2: one duplicate ACK for each, at once */
		tcp_loss_rest(t, c);
		return why;
	}
	if (s->len) {
		rcv_queue(t, c, s->p);
		s->p = NULL;
		owe_ack(t, c, s->len);
		tcp_conn_ready(t, c, TCP_READY_READABLE);
	}
	if (c->loss && c->loss->reass.head && !fin) {
		tcp_ack_now(t, c);	/* a gap was filled */
		tcp_reass_overlap(t, c, s->seq, s->seq + s->len);
		fin = drain_reass(t, c);
		tcp_loss_rest(t, c);
	}
	if (fin) {
		tcp_reass_free(c);
		take_fin(t, c);
	}
	return DROP_NOT;
}

static enum drop segment_arrives(struct tcp *t, struct tcp_conn *c, struct tcp_seg *s)
{						/* RFC 9293 §3.10.7.4 */
	enum drop why;

	if ((why = check_paws(t, c, s)))
		return why;
	if ((why = check_seq(t, c, s)))		/* first:  sequence number */
		return why;
	if ((why = check_rst(t, c, s)))		/* second: RST (third, security, is obsolete) */
		return why;
	if ((why = check_syn(t, c, s)))		/* fourth: SYN */
		return why;
	if ((why = check_ack(t, c, s)))		/* fifth:  ACK */
		return why;
	take_timestamp(t, c, s);		/* of nobody who does not know our numbers */
	if (c->flags & TCPF_ECN)
		tcp_ecn_received(t, c, s);
	if (unlikely(s->h->opts & WIRE_TCP_OPT_USER_TIMEOUT))
		tcp_user_timeout_told(t, c, s->h->user_timeout);
	take_ack(t, c, s);
	if (!take_fin_ack(t, c))
		return DROP_NOT;
	if (unlikely(s->flags & WIRE_TCP_URG))	/* sixth:  urgent */
		tcp_urgent_take(t, c, s);
	/* seventh and eighth */
	return take_data(t, c, s);
}

/* ---- the fast path: header prediction after Van Jacobson.  An established connection, nothing
 * lost, nothing out of order, the expected sequence number; bytes, or an ACK of bytes, or both. */
static bool fast_path(struct tcp *t, struct tcp_conn *c, struct tcp_seg *s)
{
	if (c->state != TCP_ESTABLISHED || s->seq != c->rcv.nxt ||
	    (s->flags & ~WIRE_TCP_PSH) != WIRE_TCP_ACK || c->loss ||
	    s->h->opts & WIRE_TCP_OPT_USER_TIMEOUT ||
	    c->flags & (TCPF_RECOVERY | TCPF_LOSS | TCPF_PROBING | TCPF_FIN_SENT | TCPF_ORPHAN))
		return false;
	if (c->flags & TCPF_ECN && (s->p->rx.ecn == TCP_ECN_CE || c->flags & TCPF_ECE))
		return false;
	if (s->ack - c->snd.una > c->snd.nxt - c->snd.una || s->len > c->rcv.adv - c->rcv.nxt)
		return false;
	if (c->flags & TCPF_TS) {
		if (!(s->h->opts & WIRE_TCP_OPT_TS) || seq_lt(s->h->ts_val, c->rcv.ts_recent))
			return false;
		take_timestamp(t, c, s);
	}
	if (s->ack == c->snd.una) {
		if (!s->len)
			return false;	/* a duplicate ACK or a window update */
	} else {
		tcp_rtx_acked(t, c, s);
		if (c->snd.unsent.head)
			tcp_want_output(t, c);
	}
	if (s->wnd != c->snd.wnd)
		tcp_want_output(t, c);
	tcp_snd_window(t, c, s);
	if (s->len) {
		rcv_queue(t, c, s->p);
		s->p = NULL;
		owe_ack(t, c, s->len);
		tcp_conn_ready(t, c, TCP_READY_READABLE);
		t->n.fast_path_data++;
	} else {
		t->n.fast_path_ack++;
	}
	return true;
}

/* ---- from ip */

/* What is wrong with it whatever connection it is for. */
static enum drop check_segment(const struct pkt *p, const struct wire_tcp *h)
{
	if (!(p->flags & PKT_CSUM_OK)) {
		uint64_t sum = csum_pseudo(&p->rx.src, &p->rx.dst, WIRE_PROTO_TCP, p->total);

		if (csum_fold(p->frag ? csum_pkt(p, 0, p->total, sum)
				      : csum_partial(p->data, p->len, sum)))
			return DROP_TCP_CSUM;
	}
	if (!h->sport || !h->dport)
		return DROP_TCP_PORT_ZERO;
	if (unlikely(h->flags & WIRE_TCP_SYN && h->flags & (WIRE_TCP_FIN | WIRE_TCP_RST)))
		return DROP_TCP_FLAGS;
	return DROP_NOT;
}

/* RFC 9293 §3.10.7.1: for nobody. */
static enum drop closed_input(struct tcp *t, struct tcp_seg *s)
{
	if (s->flags & WIRE_TCP_RST)
		return DROP_TCP_RST_NO_CONN;
	if (!t->core->foreign)
		tcp_reply_rst(t, &s->p->rx.dst, &s->p->rx.src, s);
	return DROP_TCP_NO_CONN;
}

/* A segment for TIME-WAIT, a half-open connection, a listener or nobody. *c: as
 * tcp_listen_input(). */
static enum drop no_conn_input(struct tcp *t, uint32_t other, struct tcp_seg *s,
			       struct tcp_conn **c)
{
	struct tcp_listener *l;
	enum drop why;
	bool reopen;

	if (ip_is_bcast(t->ip, &s->p->rx.dst) || s->p->flags & PKT_LINK_BCAST)
		return DROP_TCP_BCAST;
	if (other != TCP_IDX_NONE && other & TCP_IDX_HALF)
		return tcp_synq_input(t, other & ~TCP_IDX_HALF, s, c);
	l = tcp_demux_listener(t, &s->p->rx.dst, s->h->dport,
			       tcp_hash(t, &s->p->rx.dst, s->h->dport, &s->p->rx.src, s->h->sport));
	reopen = l && tcp_listener_has_room(t, l);
	if (other != TCP_IDX_NONE) {
		why = tcp_timewait_input(t, tcp_timewait_at(t, other & ~TCP_IDX_TIMEWAIT), s,
					 &reopen);
		if (!reopen)
			return why;
	}
	return l ? tcp_listen_input(t, l, s, c) : closed_input(t, s);
}

static inline enum drop conn_input(struct tcp *t, struct tcp_conn *c, struct tcp_seg *s)
{
	c->segs_in++;
	c->rcv.seen = tcp_clock_seen(t);
	if (!(s->flags & WIRE_TCP_SYN))
		s->wnd <<= c->snd.wscale;
	pkt_pull(s->p, s->h->header_len);
	if (unlikely(c->state == TCP_SYN_SENT))
		return tcp_syn_sent_input(t, c, s);
	return fast_path(t, c, s) ? DROP_NOT : segment_arrives(t, c, s);
}

static void segment_input(struct tcp *t, struct pkt *p TAKES, const struct wire_tcp *h,
			  uint64_t hash)
{
	uint32_t other;
	struct tcp_conn *c = tcp_demux_conn(t, hash, p, h, &other);
	struct tcp_seg s = {.p = p, .h = h, .seq = h->seq, .ack = h->ack, .flags = h->flags,
			    .len = p->total - h->header_len, .wnd = h->wnd};
	enum drop why = DROP_NOT;

	if (unlikely(!c))
		why = no_conn_input(t, other, &s, &c);
	if (likely(c != NULL))
		why = conn_input(t, c, &s);
	if (unlikely(why && s.p))
		core_drop(t->core, why, s.p);
	else if (unlikely(why))
		core_count_drop(t->core, why, NULL);
	else if (s.p)
		pkt_put(s.p);
}

static void batch_input(struct tcp *t, struct pkt **p TAKES, unsigned n)
{
	struct wire_tcp h[BATCH];
	uint64_t hash[BATCH];

	for (unsigned i = 0; i < n; i++) {
		enum drop why = wire_tcp_parse(&h[i], p[i]->data, p[i]->len);

		if (!why)
			why = check_segment(p[i], &h[i]);
		if (unlikely(why)) {
			core_drop(t->core, why, p[i]);
			p[i] = NULL;
			continue;
		}
		hash[i] = tcp_hash(t, &p[i]->rx.dst, h[i].dport, &p[i]->rx.src, h[i].sport);
		table_prefetch(&t->table, hash[i]);
	}
	for (unsigned i = 0; i < n; i++)
		if (p[i])
			segment_input(t, p[i], &h[i], hash[i]);
}

void tcp_input(void *tcp, struct pkt **p TAKES, unsigned n)
{
	struct tcp *t = tcp;

	t->n.in_segs += n;
	for (unsigned i = 0; i < n; i += BATCH)
		batch_input(t, p + i, MIN(n - i, BATCH));
}

/* RFC 1122 §4.2.3.9, RFC 5461: before the handshake is done an error ends it, afterwards it is
 * only a hint. */
void tcp_icmp_error(void *tcp, const struct ip_error *e)
{
	struct tcp *t = tcp;
	uint32_t other;
	struct wire_tcp h = {.dport = load_be16(e->l4),
			     .sport = load_be16(e->l4 + 2),
			     .seq = load_be32(e->l4 + 4)};
	struct pkt key = {.rx = {.src = e->dst, .dst = e->src}};
	uint64_t hash = tcp_hash(t, &e->src, h.dport, &e->dst, h.sport);
	struct tcp_conn *c = tcp_demux_conn(t, hash, &key, &h, &other);

	/* RFC 5927 §4.1: it must quote a sequence number that is in flight */
	if (!c || !seq_between(h.seq, c->snd.una, c->snd.nxt)) {
		core_count_drop(t->core, DROP_ICMP_ABOUT, NULL);
		return;
	}
	if (e->mtu)
		tcp_pmtu_icmp(t, c, e);
	else if (c->state == TCP_SYN_SENT && e->hard)
		tcp_conn_fail(t, c, e->err);
}
