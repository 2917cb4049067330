/* What goes out: decide (pure), then build.
 *
 * Nothing here is called by the user: connections that may have something to send are marked,
 * and tcp_flush() comes by once a poll, so that what belongs together leaves together and an
 * ACK rides on data.
 *
 * A segment carries one or more entries of the queue.  One entry in a frame of its own gets its
 * headers in the headroom in front: no copy.  Else (lent memory, a piece of a frame, a frame
 * that a driver still holds) a frame with the headers is chained before slices.
 * Always: una <= nxt <= end + 1; unsent entries follow on nxt. */
#include "tcp/tcp_int.h"

/* what the layers below may need in front of a payload, TCP included */
#define HEADER_ROOM 128u
/* payloads up to this are copied rather than sliced when a segment has several */
#define COPY_MAX 128u

void tcp_snd_init(struct tcp_conn *c, uint32_t iss, uint32_t buf)
{
	c->snd.una = c->snd.nxt = iss;
	c->snd.end = iss + 1;
	c->snd.buf = buf;
}

void tcp_snd_buffer(struct tcp_conn *c, uint32_t buf)
{
	c->snd.buf = buf;
}

bool tcp_writable(const struct tcp_conn *c)
{
	uint32_t room = tcp_send_room(c);

	if (likely(!c->side))
		return room;
	return room && (!(c->side->opts.chosen & 1u << TCP_OPT_NOTSENT_LOWAT) ||
			c->snd.end - c->snd.nxt < c->side->opts.value[TCP_OPT_NOTSENT_LOWAT]);
}

void tcp_snd_tell_room(struct tcp *t, struct tcp_conn *c)
{
	tcp_tune_sent(t, c);
	if (tcp_send_room(c) < c->snd.buf / 3 || !tcp_writable(c))
		return;
	c->flags &= ~(uint32_t)TCPF_WANT_ROOM;
	tcp_conn_ready(t, c, TCP_READY_WRITABLE);
}

void tcp_snd_set_mss(struct tcp *t, struct tcp_conn *c, uint32_t mss)
{
	uint32_t room = c->path.mtu > 40 ? c->path.mtu - 40u : TCP_MSS_DEFAULT;
	uint32_t chosen = tcp_conn_get(t, c, TCP_OPT_MAXSEG);

	if (chosen)
		room = MIN(room, chosen);
	mss = MIN(MAX(mss, TCP_MSS_MIN), room);
	if (c->flags & TCPF_TS)
		mss -= 12;	/* RFC 9293 §3.7.1: options count against the payload (RFC 6691) */
	c->snd.mss = (uint16_t)mss;
	cc_init(&c->cc, c->cc.ops ? c->cc.ops : t->config.cc, mss);
	cc_round_from(&c->cc, c->snd.una);
	tcp_pace_choose(t, c);
}

void tcp_snd_change_mss(struct tcp_conn *c, uint32_t mss)
{
	c->snd.mss = (uint16_t)mss;
	cc_set_mss(&c->cc, mss);
}

/* The peer's SYN told what it can do and take. */
void tcp_snd_options(struct tcp *t, struct tcp_conn *c, const struct wire_tcp *h)
{
	if (h->opts & WIRE_TCP_OPT_TS && t->config.timestamps)
		c->flags |= TCPF_TS;
	if (h->opts & WIRE_TCP_OPT_SACK_OK && t->config.sack)
		c->flags |= TCPF_SACK;
	if (h->opts & WIRE_TCP_OPT_WSCALE && t->config.window_scale) {
		c->flags |= TCPF_WSCALE;
		c->snd.wscale = MIN(h->wscale, TCP_WSCALE_MAX);
	}
	tcp_snd_set_mss(t, c, h->opts & WIRE_TCP_OPT_MSS ? h->mss : TCP_MSS_DEFAULT);
	tcp_ecn_agree(t, c, h->flags);
	c->snd.wnd = c->snd.wnd_max = h->wnd;	/* never scaled, RFC 7323 §2.2 */
	c->snd.wl1 = h->seq;
	c->snd.wl2 = c->iss;
}

void tcp_snd_syn_sent(struct tcp_conn *c, nsec at)
{
	c->snd.nxt = c->iss + 1;
	c->snd.sent_at = at;
}

void tcp_snd_syn_acked(struct tcp_conn *c)
{
	c->snd.una = c->iss + 1;
}

void tcp_snd_acked(struct tcp *t, struct tcp_conn *c, uint32_t ack, uint32_t lent)
{
	c->snd.una = ack;
	c->snd.lent -= lent;
	if (unlikely(c->flags & TCPF_WANT_ROOM))
		tcp_snd_tell_room(t, c);
	if (unlikely(tcp_fin_acked(c)))
		tcp_conn_ready(t, c, TCP_READY_DRAINED);
}

/* RFC 9293 §3.10.7.4, fifth, orders segments by SEG.SEQ, then SEG.ACK, because it has put them in
 * sequence before.  We look at each as it comes: there a retransmission (an old SEQ) may tell a
 * newer window than a segment that came out of order, and the ACK, which never goes back, says
 * so. */
static inline bool newer_window(const struct tcp_conn *c, const struct tcp_seg *s)
{
	if (s->ack != c->snd.wl2)
		return seq_gt(s->ack, c->snd.wl2);
	return seq_ge(s->seq, c->snd.wl1) || s->wnd > c->snd.wnd;
}

/* RFC 9293 §3.10.7.4, fifth: SND.WND from an acceptable ACK. */
void tcp_snd_window(struct tcp *t, struct tcp_conn *c, const struct tcp_seg *s)
{
	bool was_closed = c->snd.wnd == 0;

	if (!newer_window(c, s))
		return;
	c->snd.wl1 = s->seq;
	c->snd.wl2 = s->ack;
	if (c->snd.wnd == s->wnd)
		return;
	c->snd.wnd = s->wnd;
	c->snd.wnd_max = MAX(c->snd.wnd_max, s->wnd);
	if (was_closed && c->flags & TCPF_PROBING)
		tcp_rtx_window_opened(t, c);
}

uint32_t tcp_send_room(const struct tcp_conn *c)
{
	uint32_t queued = c->snd.end - c->snd.una, copied = queued - MIN(c->snd.lent, queued);

	if (c->flags & TCPF_FIN_QUEUED || queued >= TCP_SEND_MAX)
		return 0;
	return copied < c->snd.buf ? c->snd.buf - copied : 0;
}

void tcp_snd_queue(struct tcp_conn *c, struct pkt *p TAKES)
{
	struct tcp_tx *tx = tcp_tx(p);

	tx->link = NULL;
	tx->seq = c->snd.end;
	if (c->snd.unsent.tail)
		tcp_tx(c->snd.unsent.tail)->link = p;
	else
		c->snd.unsent.head = p;
	c->snd.unsent.tail = p;
	c->snd.end += tx->len;
	if (p->flags & PKT_BARE)
		c->snd.lent += tx->len;
}

void tcp_snd_appended(struct tcp_conn *c, uint32_t n)
{
	c->snd.end += n;
}

void tcp_snd_free(struct tcp_conn *c)
{
	while (c->snd.unsent.head) {
		struct pkt *p = c->snd.unsent.head;

		c->snd.unsent.head = tcp_tx(p)->link;
		pkt_put(p);
	}
	c->snd.unsent.tail = NULL;
}

bool tcp_fin_acked(const struct tcp_conn *c)
{
	return c->flags & TCPF_FIN_SENT && seq_gt(c->snd.una, c->snd.end);
}

/* ---- what our header says */

/* The right edge of our window, by RFC 9293 §3.8.6.2.2: moved only when it is worth it, never
 * back. */
static uint16_t window_field(const struct tcp_conn *c, uint32_t *edge)
{
	uint32_t nxt = c->rcv.nxt, adv = seq_max(c->rcv.adv, nxt),
		 want = nxt + tcp_rcv_free_space(c);
	uint32_t step = MIN(tcp_rcv_window_max(c) / 2, MAX(c->rcv.mss, 1u)),
		 unit = 1u << c->rcv.wscale, wnd, field;

	wnd = seq_ge(want, adv + step) ? want - nxt : adv - nxt;
	field = MIN(wnd >> c->rcv.wscale, 65535u);
	/* Rounding takes nothing back where there is room to round up.  Where there is none, the
	 * header says less than a unit too little, and what was promised counts all the same:
	 * RFC 7323 §2.4. */
	if (seq_lt(nxt + field * unit, adv) && field < 65535 &&
	    seq_le(nxt + (field + 1) * unit, want))
		field++;
	*edge = seq_max(adv, nxt + field * unit);
	return (uint16_t)field;
}

/* The SACK option behind a header of `hlen` bytes whose payload is `len`: as many blocks as fit
 * the header and the path.  Pushes nothing: the caller made room for the longest header.
 * Returns its length. */
static NOINLINE uint32_t sack_option(struct tcp_conn *c, uint8_t *o, uint32_t hlen, uint32_t len)
{
	struct wire_tcp_sack b[WIRE_TCP_SACK_MAX];
	uint32_t used = WIRE_IPV4_LEN + hlen + len, room, n;

	room = c->path.mtu > used ? MIN(c->path.mtu - used, WIRE_TCP_LEN_MAX - hlen) : 0;
	if (room < 12)
		return 0;
	n = tcp_reass_sack(c, b, MIN((room - 4) / 8, WIRE_TCP_SACK_MAX));
	if (!n)
		return 0;
	wire_tcp_write_sack(o, b, n);
	return 4 + 8 * n;
}

/* 20 or 32 bytes: too short for a call. */
static inline uint64_t header_sum(const uint8_t *b, uint32_t n, uint64_t sum)
{
	uint64_t q[4] = {0};

	if (n == WIRE_TCP_LEN + 12)
		mem_copy(q, b, WIRE_TCP_LEN + 12);
	else
		mem_copy(q, b, WIRE_TCP_LEN);
	return csum_add(csum_add(csum_add(csum_add(sum, q[0]), q[1]), q[2]), q[3]);
}

/* RFC 9293 §3.8.5. */
static void mark_urgent(const struct tcp_conn *c, uint8_t *b, uint32_t seq)
{
	uint16_t to = tcp_urgent_pointer(c, seq);

	if (to) {
		b[13] |= WIRE_TCP_URG;
		store_be16(b + 18, to);
	}
}

/* Puts TCP's and IP's header before `p` and sends it.  `sum` is the payload's. */
static void emit(struct tcp *t, struct tcp_conn *c, struct pkt *p TAKES, uint32_t seq,
		 uint8_t flags, uint64_t sum)
{
	struct ip_send how = {.proto = WIRE_PROTO_TCP, .ttl = IP_TTL_DEFAULT,
			      .dont_fragment = true};
	uint32_t edge, hlen = c->flags & TCPF_TS ? WIRE_TCP_LEN + 12 : WIRE_TCP_LEN, sack = 0;
	uint16_t wnd = window_field(c, &edge), csum;
	struct ip_send own;
	uint8_t option[WIRE_TCP_LEN_MAX], *b;

	if (unlikely(c->loss && c->flags & TCPF_SACK))
		sack = sack_option(c, option, hlen, p->total);
	if (unlikely(c->flags & TCPF_ECN))	/* a probe of a closed window is not new data */
		how.tos = tcp_ecn_send(c, &flags, p->total && seq == c->snd.nxt && c->snd.wnd);
	b = pkt_push(p, hlen + sack);
	wire_tcp_write_plain(b, c->lport, c->rport, seq, c->rcv.nxt, flags, wnd);
	if (unlikely(c->side))
		mark_urgent(c, b, seq);
	if (c->flags & TCPF_TS)
		wire_tcp_write_ts(b, tcp_clock_ms(t) + c->ts_offset, c->rcv.ts_recent);
	if (unlikely(sack)) {
		mem_copy(b + hlen, option, sack);
		b[12] = (uint8_t)((hlen + sack) / 4 << 4);
		sum = csum_partial(option, sack, sum);
	}
	sum = csum_add(sum, csum_pseudo(&c->local, &c->remote, WIRE_PROTO_TCP, p->total));
	csum = csum_fold(header_sum(b, hlen, sum));
	mem_copy(b + 16, &csum, 2);
	tcp_rcv_advertised(c, edge);
	c->flags &= ~(uint32_t)(TCPF_ACK_NOW | TCPF_ACK_DELAYED);
	c->acks_owed = 0;
	tcp_timer_ack_off(c);
	c->segs_out++;
	t->n.out_segs++;
	if (unlikely(c->side || c->path.kind & IP_PATH_FRAGMENT)) {
		own = c->side ? tcp_opt_how(c, &how) : how;
		own.dont_fragment = !tcp_pmtu_fragments(t, c);
		ip_output(t->ip, &c->path, &c->local, &c->remote, &own, p);
		return;
	}
	ip_output(t->ip, &c->path, &c->local, &c->remote, &how, p);
}

static void no_memory(struct tcp *t, struct tcp_conn *c)
{
	t->n.out_no_memory++;
	/* what is outstanding has a timer, or is just about to get one */
	if (c->timer.rtx_at == NSEC_NEVER && c->snd.una == c->snd.nxt)
		tcp_timer_rtx(t, c, t->core->now + MSEC(10));
}

/* A header-only segment. */
static bool emit_bare(struct tcp *t, struct tcp_conn *c, uint32_t seq, uint8_t flags)
{
	struct pkt *p = pkt_new(t->core->pool);

	if (!p) {
		no_memory(t, c);
		return false;
	}
	emit(t, c, p, seq, flags, 0);
	return true;
}

static uint64_t payload_sum(const struct tcp_tx *tx)
{
	return tx->flags & TX_SUM ? tx->sum : csum_partial(tx->payload, tx->len, 0);
}

/* Puts an entry's payload behind `head`: a slice of it, or a copy when it is short or when no
 * descriptor is left: bytes that wait in many pieces must get out with few. */
static bool attach(struct pkt *head, struct pkt *p)
{
	const struct tcp_tx *tx = tcp_tx(p);
	struct pkt *piece = NULL;

	if (tx->len > COPY_MAX)
		piece = pkt_slice(p, (uint32_t)(tx->payload - p->data), tx->len);
	if (!piece)
		return pkt_write(head, tx->payload, tx->len) == 0;
	pkt_append(head, piece);
	return true;
}

/* One entry as one segment, its headers in place where that is possible. */
static bool emit_entry(struct tcp *t, struct tcp_conn *c, struct pkt *p, uint8_t flags)
{
	struct tcp_tx *tx = tcp_tx(p);
	struct pkt *head;

	if (likely(p->refs == 1 && !(p->flags & PKT_BARE))) {
		p->data = tx->payload;
		p->len = p->total = tx->len;
		emit(t, c, pkt_get(p), tx->seq, flags, payload_sum(tx));
		return true;
	}
	head = pkt_new(t->core->pool);
	if (!head)
		return no_memory(t, c), false;
	if (!attach(head, p)) {
		pkt_put(head);
		return no_memory(t, c), false;
	}
	emit(t, c, head, tx->seq, flags, payload_sum(tx));
	return true;
}

/* Several entries, `len` bytes in all, as one segment; as many of them as there are descriptors
 * for.  Returns the bytes that went. */
static uint32_t emit_entries(struct tcp *t, struct tcp_conn *c, struct pkt *first, uint32_t len,
			     uint8_t flags)
{
	struct pkt *head = pkt_new(t->core->pool);
	uint64_t sum = 0;
	uint32_t done = 0;

	if (!head)
		return no_memory(t, c), 0;
	for (struct pkt *p = first; done < len; p = tcp_tx(p)->link) {
		struct tcp_tx *tx = tcp_tx(p);
		uint64_t part = payload_sum(tx);

		if (!attach(head, p))
			break;
		sum = csum_add(sum, done & 1 ? csum_swap(part) : part);
		done += tx->len;
	}
	if (unlikely(!done)) {
		pkt_put(head);
		return no_memory(t, c), 0;
	}
	if (unlikely(done < len))
		flags = WIRE_TCP_ACK;
	emit(t, c, head, tcp_tx(first)->seq, flags, sum);
	return done;
}

/* Entries of `len` bytes in all as one segment, by the cheaper way.  Returns the bytes that went:
 * fewer when memory is short. */
static uint32_t emit_run(struct tcp *t, struct tcp_conn *c, struct pkt *first, uint32_t len,
			 uint8_t flags)
{
	if (likely(tcp_tx(first)->len == len))
		return emit_entry(t, c, first, flags) ? len : 0;
	return emit_entries(t, c, first, len, flags);
}

/* ---- what to send */

struct plan {
	uint32_t len;
	uint32_t room;		/* what the windows leave, this segment included */
	bool fin, send;
	bool push;		/* the receiver has nothing to wait for */
};

/* Is what waits held back by the owner?  A cork holds less than a segment, and only while more
 * could be written behind it. */
static inline bool corked(const struct tcp_conn *c)
{
	return c->flags & TCPF_CORK && c->snd.end - c->snd.nxt < c->snd.mss &&
	       tcp_send_room(c) > 0;
}

/* RFC 9293 §3.8.6.2.1 (silly window), §3.7.4 (Nagle), RFC 5681 (window).  Pure. */
static struct plan decide(const struct tcp_conn *c)
{
	uint32_t avail = c->flags & TCPF_FIN_SENT ? 0 : c->snd.end - c->snd.nxt;
	uint32_t out = c->snd.nxt - c->snd.una, pipe = tcp_rtx_pipe(c);
	uint32_t wnd = out < c->snd.wnd ? c->snd.wnd - out : 0,
		 cwnd = pipe < c->cc.cwnd ? c->cc.cwnd - pipe : 0;
	struct plan plan = {.room = MIN(wnd, cwnd)};
	bool last;

	plan.len = MIN(MIN(avail, plan.room), c->snd.mss);
	last = plan.len == avail;
	if (c->flags & TCPF_FIN_SENT)
		return (struct plan){0};
	plan.fin = last && c->flags & TCPF_FIN_QUEUED;
	if (plan.fin)
		plan.send = true;
	else if (plan.len == 0)
		plan.send = false;
	else if (plan.len == c->snd.mss)
		plan.send = true;
	else if (last)
		plan.send = !corked(c) && (out == 0 || c->flags & TCPF_NODELAY);
	else
		plan.send = plan.len == wnd && plan.len >= c->snd.wnd_max / 2 && plan.len > 0;
	return plan;
}

/* The first `len` bytes of an entry as an entry of their own: a slice, or a copy when no
 * descriptor is left.  NULL for want of memory. */
struct pkt *tcp_snd_front(struct tcp *t, struct tcp_conn *c, struct pkt *p, uint32_t len)
{
	struct tcp_tx *tx = tcp_tx(p);
	struct pkt *front = pkt_slice(p, (uint32_t)(tx->payload - p->data), len);

	if (!front && len <= PKT_ROOM) {
		front = pkt_new(t->core->pool);
		if (front)
			pkt_write(front, tx->payload, len);
	}
	if (!front)
		return NULL;
	if (front->flags & PKT_BARE && !(p->flags & PKT_BARE))
		c->snd.lent += len;	/* counted as bare from now on */
	if (!(front->flags & PKT_BARE) && p->flags & PKT_BARE)
		c->snd.lent -= len;
	*tcp_tx(front) = (struct tcp_tx){
		.link = p,
		.payload = front->flags & PKT_BARE ? tx->payload : front->data,
		.seq = tx->seq,
		.len = len};
	return front;
}

/* Makes an entry boundary `len` bytes behind the head of the unsent queue; false for want of
 * memory. */
static bool split_unsent(struct tcp *t, struct tcp_conn *c, uint32_t len)
{
	struct pkt *p = c->snd.unsent.head, **slot = &c->snd.unsent.head, *front;
	struct tcp_tx *tx = tcp_tx(p);

	while (len && tx->len <= len) {
		len -= tx->len;
		slot = &tx->link;
		p = *slot;
		if (!len)
			return true;
		tx = tcp_tx(p);
	}
	front = tcp_snd_front(t, c, p, len);
	if (!front)
		return no_memory(t, c), false;
	tx->payload += len;
	tx->seq += len;
	tx->len -= len;
	tx->flags &= (uint8_t)~TX_SUM;
	*slot = front;
	return true;
}

/* Sends `plan` from the unsent queue. */
static bool send_plan(struct tcp *t, struct tcp_conn *c, struct plan plan)
{
	uint8_t flags = WIRE_TCP_ACK | (plan.fin ? WIRE_TCP_FIN : 0);
	uint32_t left = 0;

	if (plan.len) {
		if (tcp_tx(c->snd.unsent.head)->len != plan.len && !split_unsent(t, c, plan.len))
			return false;
		if (plan.push || c->snd.nxt + plan.len == c->snd.end)
			flags |= WIRE_TCP_PSH;
		if (unlikely(c->rcv.quick) && c->acks_owed)
			tcp_rcv_quick(c, 0);	/* question and answer: ACKs go with the data */
		left = emit_run(t, c, c->snd.unsent.head, plan.len, flags);
		if (!left)
			return false;
		plan.fin &= left == plan.len;
		plan.len = left;
	} else if (!emit_bare(t, c, c->snd.nxt, flags)) {
		return false;
	}
	while (left) {
		struct pkt *p = c->snd.unsent.head;

		left -= tcp_tx(p)->len;
		c->snd.unsent.head = tcp_tx(p)->link;
		if (!c->snd.unsent.head)
			c->snd.unsent.tail = NULL;
		c->snd.nxt += tcp_tx(p)->len;
		tcp_rtx_sent(t, c, p);
	}
	t->n.out_bytes += plan.len;
	c->bytes_out += plan.len;
	c->snd.sent_at = t->core->now;
	if (plan.fin) {
		c->snd.nxt++;
		c->flags |= TCPF_FIN_SENT;
		tcp_rtx_fin_sent(t, c);
	}
	return true;
}

/* Bytes of an entry and of those behind it that are lost as well, as far as they fit a segment:
 * what was sent as one goes again as one. */
static uint32_t run_of(const struct tcp_conn *c, struct pkt *entry)
{
	uint32_t len = tcp_tx(entry)->len;
	struct pkt *p = entry;

	while ((p = tcp_tx(p)->link) && tcp_tx(p)->flags & TX_LOST &&
	       len + tcp_tx(p)->len <= c->snd.mss)
		len += tcp_tx(p)->len;
	return len;
}

bool tcp_output_entry(struct tcp *t, struct tcp_conn *c, struct pkt *entry)
{
	uint32_t len, left;
	uint8_t flags;
	bool last;

	while (unlikely(tcp_tx(entry)->len > c->snd.mss)) {
		entry = tcp_rtx_split(t, c, entry, c->snd.mss);
		if (!entry)
			return no_memory(t, c), false;
	}
	len = run_of(c, entry);
	last = tcp_tx(entry)->seq + len == c->snd.end;
	flags = WIRE_TCP_ACK | (last ? WIRE_TCP_PSH : 0) |
		(last && c->flags & TCPF_FIN_SENT ? WIRE_TCP_FIN : 0);
	left = emit_run(t, c, entry, len, flags);
	if (!left)
		return false;
	for (struct pkt *p = entry; left; p = tcp_tx(p)->link) {
		left -= tcp_tx(p)->len;
		tcp_rtx_resent(t, c, p);
	}
	c->retrans_segs++;
	t->n.retrans_segs++;
	return true;
}

bool tcp_output_probe(struct tcp *t, struct tcp_conn *c)
{
	return send_plan(t, c, (struct plan){.len = 1});
}

/* As much of what waits as the window takes in one segment, however little that is. */
void tcp_output_override(struct tcp *t, struct tcp_conn *c)
{
	struct plan plan = {.len = MIN(MIN(c->snd.end - c->snd.nxt, c->snd.wnd), c->snd.mss)};

	if (plan.len)
		send_plan(t, c, plan);
}

bool tcp_output_new(struct tcp *t, struct tcp_conn *c)
{
	uint32_t out = c->snd.nxt - c->snd.una, wnd = out < c->snd.wnd ? c->snd.wnd - out : 0;
	uint32_t avail = c->flags & TCPF_FIN_SENT ? 0 : c->snd.end - c->snd.nxt;
	struct plan plan = {.len = MIN(MIN(avail, wnd), c->snd.mss)};

	plan.fin = plan.len == avail && c->flags & TCPF_FIN_QUEUED;
	return plan.len && send_plan(t, c, plan);
}

/* A number that the peer finds in its window: SND.NXT, unless a probe of a closed window, or a
 * window that shrank, put it beyond; a reset out there would be ignored. */
static uint32_t acceptable_seq(const struct tcp_conn *c)
{
	uint32_t edge = c->snd.una + c->snd.wnd;

	return seq_le(c->snd.nxt, edge) ? c->snd.nxt : edge;
}

/* RFC 9293 §3.8.4: a number that was acknowledged before asks for an ACK. */
void tcp_output_keepalive(struct tcp *t, struct tcp_conn *c)
{
	emit_bare(t, c, c->snd.nxt - 1, WIRE_TCP_ACK);
}

/* RFC 5482 §3: the user chose anew; said once, on an ACK of its own. */
void tcp_output_user_timeout(struct tcp *t, struct tcp_conn *c)
{
	uint32_t edge;
	struct wire_tcp h = {.sport = c->lport,
			     .dport = c->rport,
			     .seq = acceptable_seq(c),
			     .ack = c->rcv.nxt,
			     .flags = WIRE_TCP_ACK,
			     .wnd = window_field(c, &edge),
			     .opts = WIRE_TCP_OPT_USER_TIMEOUT,
			     .user_timeout = tcp_user_timeout_option(t, c)};

	if (!tcp_synchronized((enum tcp_state)c->state) || !h.user_timeout ||
	    !tcp_conn_get(t, c, TCP_OPT_USER_TIMEOUT_TOLD))
		return;
	tcp_rcv_advertised(c, edge);
	if (c->flags & TCPF_TS) {
		h.opts |= WIRE_TCP_OPT_TS;
		h.ts_val = tcp_clock_ms(t) + c->ts_offset;
		h.ts_ecr = c->rcv.ts_recent;
	}
	c->segs_out++;
	tcp_reply_on(t, &c->path, &c->local, &c->remote, &h);
}

void tcp_output_fin_again(struct tcp *t, struct tcp_conn *c)
{
	if (emit_bare(t, c, c->snd.nxt - 1, WIRE_TCP_ACK | WIRE_TCP_FIN)) {
		c->retrans_segs++;
		t->n.retrans_segs++;
	}
}

void tcp_output_ack(struct tcp *t, struct tcp_conn *c)
{
	emit_bare(t, c, acceptable_seq(c), WIRE_TCP_ACK);
}

void tcp_output_rst(struct tcp *t, struct tcp_conn *c)
{
	t->n.out_rsts++;
	emit_bare(t, c, acceptable_seq(c), WIRE_TCP_RST | WIRE_TCP_ACK);
}

/* What fast recovery found lost goes at once (RFC 5681 §3.2 step 3, RFC 6582 §3.2 step 3); what a
 * timeout did, as the window allows. */
static bool resend_lost(struct tcp *t, struct tcp_conn *c)
{
	struct pkt *lost = tcp_rtx_next_lost(c);
	uint32_t pipe = tcp_rtx_pipe(c);
	bool at_once = c->flags & TCPF_RECOVERY && lost == c->rtx.sent.head;

	if (!lost || (!at_once && pipe && pipe + run_of(c, lost) > c->cc.cwnd))
		return false;
	return tcp_output_entry(t, c, lost);
}

/* RFC 5681 §4.1: an old window says nothing about the network of now. */
static void restart_after_idle(struct tcp *t, struct tcp_conn *c)
{
	nsec idle = t->core->now - c->snd.sent_at, rto = USEC(c->rtx.rto_us);

	if (unlikely(idle > rto) && c->snd.sent_at)
		c->cc.ops->on_idle(&c->cc, idle, rto);
}

/* RFC 5682 §2.1 step 2: two new segments instead of what seems lost; the next ACK tells.  False
 * when none could be sent: then there is nothing to learn. */
static bool frto_new(struct tcp *t, struct tcp_conn *c)
{
	unsigned n = 0;

	while (n < 2 && tcp_output_new(t, c))
		n++;
	tcp_undo_frto(c, n ? 3 : 0);
	return n;
}

/* RFC 4821 §7.4: one segment that is larger than the others. */
static NOINLINE void probe_mtu(struct tcp *t, struct tcp_conn *c)
{
	struct plan plan = {.len = tcp_pmtu_probe_len(t, c)};
	uint32_t from = c->snd.nxt, wnd = c->snd.wnd - MIN(from - c->snd.una, c->snd.wnd);

	if (!plan.len || plan.len > wnd || tcp_rtx_pipe(c) + plan.len > c->cc.cwnd)
		return;
	if (send_plan(t, c, plan) && c->snd.nxt - from == plan.len)
		tcp_pmtu_probe_sent(t, c, from);
}

/* Is it time for a segment, of a connection that paces? */
static inline bool in_time(struct tcp *t, struct tcp_conn *c)
{
	return likely(!(c->flags & TCPF_PACES)) || tcp_pace_may(t, c);
}

static void send_what_may_go(struct tcp *t, struct tcp_conn *c)
{
	unsigned n = 0;

	if (unlikely(c->side && c->side->mtu.bound && c->snd.unsent.head))
		probe_mtu(t, c);
	while (n < TCP_OUT_SEGS_MAX && c->rtx.lost_bytes && in_time(t, c) && resend_lost(t, c))
		n++;
	while (n < TCP_OUT_SEGS_MAX && !(c->rtx.lost_bytes)) {
		struct plan plan = decide(c);

		if (plan.send && !in_time(t, c))
			break;

		/* The last of a burst says so: whoever merges segments hands them up. */
		plan.push = n && plan.room - plan.len < c->snd.mss;
		if (!plan.send || !send_plan(t, c, plan))
			break;
		n++;
	}
	if (n == TCP_OUT_SEGS_MAX)
		tcp_want_output(t, c);
	if (n || c->snd.unsent.head)
		cc_sent(&c->cc, tcp_rtx_pipe(c));
	if (unlikely(c->flags & TCPF_PACES) && !c->snd.unsent.head && !c->rtx.lost_bytes &&
	    tcp_rtx_pipe(c) < c->cc.cwnd)
		tcp_pace_app_limited(c);
}

void tcp_output(struct tcp *t, struct tcp_conn *c)
{
	if (unlikely(!tcp_synchronized((enum tcp_state)c->state))) {
		if (c->flags & TCPF_ACK_NOW && c->state != TCP_CLOSED)
			tcp_open_send_syn(t, c);
		return;
	}
	if (unlikely(!ip_path_fresh(t->ip, &c->path)))
		tcp_pmtu_refresh(t, c);
	if (c->snd.una == c->snd.nxt && c->snd.unsent.head)
		restart_after_idle(t, c);
	if (!unlikely(c->loss && c->loss->undo.frto == 2) || !frto_new(t, c))
		send_what_may_go(t, c);
	if (c->flags & TCPF_ACK_NOW)
		tcp_output_ack(t, c);
	if (c->snd.unsent.head && c->snd.una == c->snd.nxt && c->timer.rtx_at == NSEC_NEVER)
		tcp_timer_rtx(t, c, t->core->now + (corked(c) && c->snd.wnd
							    ? TCP_CORK_NS
							    : tcp_rto(t, c)));	/* persist */
	if (unlikely(c->side && c->flags & TCPF_WANT_ROOM))
		tcp_snd_tell_room(t, c);	/* fewer bytes are unsent now */
	if (unlikely(c->loss))
		tcp_loss_rest(t, c);
}

void tcp_flush(struct tcp *t)
{
	struct list now, *n;

	list_init(&now);
	list_splice_back(&now, &t->out);
	while ((n = list_pop_front(&now)))
		tcp_output(t, container_of(n, struct tcp_conn, out_node));
}
