/* Segments that fit the path: RFC 1191 (what routers say) and RFC 4821 (what we find out).
 *
 * An ICMP error that quotes bytes in flight lowers the MTU that ip keeps for the destination; every
 * connection notices when it sends next.  Where routers are silent, a segment that is lost again
 * and again while smaller ones might pass lowers the connection's own bound (a black hole,
 * RFC 4821 §7.7); from there larger segments are tried, one at a time, and the bound rises with
 * each that is acknowledged.  What is outstanding and does not fit is cut when it is sent again.
 * Writes the group mtu.
 * Always: snd.mss fits what is believed of the path; a probe is out only while bound < high. */
#include "tcp/tcp_int.h"

#define HEADERS 40u
#define STEP_MIN 32u		/* closer than that is close enough */
#define SEARCH_AGAIN SEC(600)	/* RFC 4821 §7.3: a while after the search ended */
#define TRY_SOON SEC(1)
#define BLACK_HOLE_TRIES 3u	/* time-outs in a row that make one suspect one */

/* RFC 8899 §5.1.2: sizes that pass most tunnels, then all that is left. */
static const uint16_t safe[] = {1280, 1024, IP_PMTU_MIN};

static bool follows(const struct tcp *t, const struct tcp_conn *c)
{
	uint32_t how = tcp_conn_get(t, c, TCP_OPT_MTU_DISCOVER);

	return how == TCP_MTU_WANT || how == TCP_MTU_DO;
}

static uint32_t mtu_of(const struct tcp_conn *c)
{
	uint32_t bound = c->side && c->side->mtu.bound ? c->side->mtu.bound : UINT16_MAX;

	return MIN(c->path.mtu, bound);
}

static uint32_t mss_for(const struct tcp_conn *c, uint32_t mtu)
{
	uint32_t options = c->flags & TCPF_TS ? 12 : 0;

	return mtu > HEADERS + options + TCP_MSS_MIN ? mtu - HEADERS - options : TCP_MSS_MIN;
}

/* The path, or what we believe of it, changed: segments are cut anew. */
static void fit(struct tcp *t, struct tcp_conn *c)
{
	uint32_t mss = mss_for(c, mtu_of(c));

	if (mss < c->snd.mss && tcp_side_get(t, c))	/* else it never grows again */
		c->side->mtu.mss_max = MAX(c->side->mtu.mss_max, c->snd.mss);
	mss = MIN(mss, c->side && c->side->mtu.mss_max ? c->side->mtu.mss_max : c->snd.mss);
	if (mss == c->snd.mss)
		return;
	if (mss < c->snd.mss)
		tcp_rtx_too_long(t, c, mss);
	tcp_snd_change_mss(c, mss);
	tcp_want_output(t, c);
}

void tcp_pmtu_refresh(struct tcp *t, struct tcp_conn *c)
{
	if (ip_path_find(t->ip, &c->path, &c->local, &c->remote) < 0)
		return;			/* ip says why when something is sent */
	if (tcp_synchronized((enum tcp_state)c->state))
		fit(t, c);
}

/* May routers fragment what this connection sends? */
bool tcp_pmtu_fragments(const struct tcp *t, const struct tcp_conn *c)
{
	return c->path.kind & IP_PATH_FRAGMENT ||
	       tcp_conn_get(t, c, TCP_OPT_MTU_DISCOVER) == TCP_MTU_DONT;
}

/* RFC 1191 §6.2, RFC 5927 §7: an error about bytes that are in flight. */
void tcp_pmtu_icmp(struct tcp *t, struct tcp_conn *c, const struct ip_error *e)
{
	/* A packet that no way we believe in is too narrow for was not too long. */
	if (!follows(t, c) || e->mtu >= mtu_of(c) || e->len <= IP_PMTU_MIN)
		return;
	t->n.pmtu_lowered++;
	if (ip_pmtu_lower(t->ip, &c->remote, e->mtu))
		tcp_pmtu_refresh(t, c);
}

/* ---- black holes */

void tcp_pmtu_timeout(struct tcp *t, struct tcp_conn *c)
{
	uint32_t mtu = mtu_of(c), to = 0;

	if (c->rtx.retries < BLACK_HOLE_TRIES || c->rtx.retries % 2 == 0 ||
	    t->config.mtu_probing == TCP_PROBING_OFF || tcp_pmtu_fragments(t, c) ||
	    !c->rtx.sent.head || tcp_tx(c->rtx.sent.head)->len > c->snd.mss)
		return;
	for (unsigned i = 0; i < ARRAY_LEN(safe) && !to; i++)
		if (safe[i] + safe[i] / 8u < MIN(mtu, c->snd.mss + HEADERS))
			to = safe[i];
	/* What is small enough already is lost for another reason; the smallest is for ways where
	 * a larger one has not helped. */
	if (!to || (to == IP_PMTU_MIN && !(c->side && c->side->mtu.bound)) ||
	    tcp_rtx_head_len(c) <= mss_for(c, to) || !tcp_side_get(t, c))
		return;
	if (!c->side->mtu.high)
		c->side->mtu.high = (uint16_t)MIN(c->path.mtu, UINT16_MAX);
	c->side->mtu.bound = (uint16_t)to;
	c->side->mtu.probe = 0;
	c->side->mtu.next_at = t->core->now + SEARCH_AGAIN;
	t->n.black_holes++;
	fit(t, c);
}

/* ---- the way up */

/* The next size to try: all at once first, then halves. */
static uint32_t next_size(const struct tcp_conn *c)
{
	uint32_t bound = c->side->mtu.bound, high = MIN(c->side->mtu.high, c->path.mtu);

	if (high < bound + STEP_MIN)
		return 0;
	return c->side->mtu.halving ? (bound + high + 1) / 2 : high;
}

void tcp_pmtu_start(struct tcp *t, struct tcp_conn *c)
{
	if (t->config.mtu_probing != TCP_PROBING_ALWAYS || c->path.mtu <= safe[1] ||
	    !follows(t, c) || !tcp_side_get(t, c))
		return;
	c->side->mtu.bound = safe[1];
	c->side->mtu.high = c->path.mtu;
	c->side->mtu.next_at = t->core->now;
	fit(t, c);
}

/* Bytes for a probe that may be sent now, 0: none.  RFC 4821 §7.4: enough behind it that its loss
 * shows by duplicate ACKs, and nothing else is missing. */
uint32_t tcp_pmtu_probe_len(const struct tcp *t, struct tcp_conn *c)
{
	uint32_t size, mss;

	if (!c->side->mtu.bound || c->side->mtu.probe || t->core->now < c->side->mtu.next_at ||
	    c->state != TCP_ESTABLISHED || c->loss || c->flags & (TCPF_RECOVERY | TCPF_LOSS))
		return 0;
	size = next_size(c);
	if (!size) {			/* found; the way may widen */
		c->side->mtu.high = c->path.mtu;
		c->side->mtu.halving = false;
		c->side->mtu.next_at = t->core->now + SEARCH_AGAIN;
		return 0;
	}
	mss = MIN(mss_for(c, size), c->side->mtu.mss_max);
	if (mss <= c->snd.mss || c->snd.end - c->snd.nxt < mss + 3 * c->snd.mss)
		return 0;
	return mss;
}

void tcp_pmtu_probe_sent(struct tcp *t, struct tcp_conn *c, uint32_t from)
{
	c->side->mtu.probe = (uint16_t)next_size(c);
	c->side->mtu.from = from;
	c->side->mtu.to = c->snd.nxt;
	t->n.pmtu_probes++;
}

/* An entry is lost: the probe's? */
void tcp_pmtu_lost(struct tcp_conn *c, const struct tcp_tx *tx)
{
	if (c->side->mtu.probe && !seq_lt(tx->seq, c->side->mtu.from) &&
	    seq_lt(tx->seq, c->side->mtu.to)) {
		c->side->mtu.high = c->side->mtu.probe - 1;
		c->side->mtu.halving = true;
		c->side->mtu.probe = 0;
	}
}

/* Bytes are acknowledged: all of the probe, which was not lost before? */
void tcp_pmtu_acked(struct tcp *t, struct tcp_conn *c)
{
	if (!c->side->mtu.probe || seq_lt(c->snd.una, c->side->mtu.to))
		return;
	c->side->mtu.bound = c->side->mtu.probe;
	c->side->mtu.probe = 0;
	c->side->mtu.next_at = t->core->now;
	fit(t, c);
}
