/* SYN cookies: a handshake that costs no memory until it is done, RFC 4987 §3.6.
 *
 * When a listener's queue of half-open connections is full, our initial sequence number is the
 * memory: 2 bits of time, 3 bits of the peer's MSS, and 27 bits of a keyed hash over these, the
 * ends, the peer's number and the options.  The options travel in the last bits of our timestamp,
 * which the peer echoes; without timestamps there is neither scale nor SACK.
 *
 * Always: a cookie is taken for two minutes at most, and only while its listener has given some
 * out within that time. */
#include "tcp/tcp_int.h"

#define PERIOD_S 64u		/* a cookie lives one to two of these */
#define MAC_BITS 27u
#define TS_BITS 6u		/* of the timestamp: scale (15: none), SACK, ECN */
#define TS_MASK ((1u << TS_BITS) - 1)
#define NO_WSCALE 15u

static const uint16_t mss_of[8] = {216, 536, 1024, 1220, 1360, 1440, 1460, 8960};

static uint32_t period(const struct tcp *t)
{
	return tcp_clock_s(t) / PERIOD_S;
}

static uint32_t mac(const struct tcp *t, const struct tcp_ends *e, uint32_t irs, uint32_t when,
		    uint32_t mss, uint32_t opts)
{
	uint64_t w[7] = {e->local.q[0], e->local.q[1], e->remote.q[0], e->remote.q[1],
			 (uint64_t)e->lport << 48 | (uint64_t)e->rport << 32 | irs,
			 (uint64_t)when << 32 | mss << 16 | opts, 0x636f6f6b6965u /* "cookie" */};

	return (uint32_t)(siphash_words(&t->core->secret_key, w, 7) >> (64 - MAC_BITS));
}

static uint32_t cookie_of(const struct tcp *t, const struct tcp_ends *e, uint32_t irs,
			  uint32_t when, uint32_t mss, uint32_t opts)
{
	return (when & 3u) << 30 | mss << MAC_BITS | mac(t, e, irs, when, mss, opts);
}

/* The largest of ours that is not above the peer's. */
static uint32_t mss_index(const struct wire_tcp *syn)
{
	uint32_t mss = syn->opts & WIRE_TCP_OPT_MSS ? syn->mss : TCP_MSS_DEFAULT, i = 7;

	while (i && mss_of[i] > mss)
		i--;
	return i;
}

/* A clock that is not ahead of ours, whose last bits say `opts`. */
static uint32_t ts_with(uint32_t now, uint32_t opts)
{
	uint32_t ts = (now & ~TS_MASK) | opts;

	return seq_gt(ts, now) ? ts - (1u << TS_BITS) : ts;
}

void tcp_cookie_answer(struct tcp *t, struct tcp_listener *l, const struct tcp_seg *s)
{
	const struct wire_tcp *syn = s->h;
	struct tcp_ends ends = tcp_seg_ends(s);
	struct tcp_syn_ack a = {.irs = s->seq};
	uint32_t opts = UINT16_MAX;	/* no timestamp */

	a.ts = syn->opts & WIRE_TCP_OPT_TS && t->config.timestamps;
	if (a.ts) {
		uint8_t both = WIRE_TCP_ECE | WIRE_TCP_CWR;

		a.sack = syn->opts & WIRE_TCP_OPT_SACK_OK && t->config.sack;
		a.wscale = syn->opts & WIRE_TCP_OPT_WSCALE && t->config.window_scale;
		a.ecn = (s->flags & both) == both;
		opts = a.wscale ? MIN(syn->wscale, TCP_WSCALE_MAX) : NO_WSCALE;
		opts |= (a.sack ? 16u : 0) | (a.ecn ? 32u : 0);
		a.ts_val = ts_with(tcp_clock_ms(t) + tcp_ts_offset(t, &ends), opts);
		a.ts_ecr = syn->ts_val;
	}
	a.iss = cookie_of(t, &ends, a.irs, period(t), mss_index(syn), opts);
	l->cookies_at = t->core->now;
	t->n.cookies_sent++;
	tcp_listen_syn_ack(t, l, &ends, &a);
}

/* The SYN that the ACK `s` and its cookie speak of. */
static struct wire_tcp syn_of(const struct tcp_seg *s, uint32_t cookie, uint32_t opts)
{
	struct wire_tcp syn = {.sport = s->h->sport,
			       .dport = s->h->dport,
			       .seq = s->seq - 1,
			       .flags = WIRE_TCP_SYN,
			       .opts = WIRE_TCP_OPT_MSS,
			       .mss = mss_of[cookie >> MAC_BITS & 7u]};

	if (opts == UINT16_MAX)
		return syn;
	syn.opts |= WIRE_TCP_OPT_TS;
	syn.ts_val = s->h->ts_val;
	if (opts & 16u)
		syn.opts |= WIRE_TCP_OPT_SACK_OK;
	if ((opts & 15u) != NO_WSCALE) {
		syn.opts |= WIRE_TCP_OPT_WSCALE;
		syn.wscale = opts & 15u;
	}
	if (opts & 32u)
		syn.flags |= WIRE_TCP_ECE | WIRE_TCP_CWR;
	return syn;
}

bool tcp_cookie_recent(const struct tcp *t, const struct tcp_listener *l)
{
	return l->cookies_at && t->core->now - l->cookies_at < SEC(2 * PERIOD_S);
}

enum drop tcp_cookie_input(struct tcp *t, struct tcp_listener *l, struct tcp_seg *s,
			   struct tcp_conn **c)
{
	struct tcp_ends ends = tcp_seg_ends(s);
	uint32_t cookie = s->ack - 1, when = period(t);
	uint32_t opts = s->h->opts & WIRE_TCP_OPT_TS && t->config.timestamps
				? s->h->ts_ecr & TS_MASK
				: UINT16_MAX;
	struct wire_tcp syn;

	when -= (when - (cookie >> 30)) & 3u;
	if (period(t) - when > 1 ||
	    cookie != cookie_of(t, &ends, s->seq - 1, when, cookie >> MAC_BITS & 7u, opts)) {
		t->n.cookies_failed++;
		/* The ACK and the first bytes may have been lost: they come again, and with them
		 * the number that the cookie belongs to. */
		if (!s->len && !(s->flags & WIRE_TCP_FIN))
			tcp_reply_rst(t, &ends.local, &ends.remote, s);
		return DROP_TCP_COOKIE;
	}
	if (tcp_listen_full(l)) {
		t->n.listen_overflows++;
		return DROP_TCP_BACKLOG;
	}
	if (list_empty(&t->conns_free))
		return DROP_TCP_CONNS;
	syn = syn_of(s, cookie, opts);
	*c = tcp_listen_child(t, l, &ends, &syn, cookie);
	if (!*c)
		return DROP_IP_NO_ROUTE;
	t->n.cookies_taken++;
	tcp_snd_syn_sent(*c, 0);		/* when it left nobody knows */
	tcp_rtx_syn_was_sent(t, *c, 0);
	return DROP_NOT;
}
