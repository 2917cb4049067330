/* When a silent peer is given up: keepalive (RFC 9293 §3.8.4, RFC 1122 §4.2.3.6) and the user
 * timeout (RFC 9293 §3.8.3, RFC 5482).
 *
 * Keepalive asks when nothing is outstanding and nothing came for a while; it is off unless the
 * owner says otherwise.  The user timeout bounds how long bytes go unacknowledged; while it is set
 * it rules instead of tcp_config.data_retries.  Both live in the connection's side.
 * Writes the group keep. */
#include "tcp/tcp_int.h"

/* RFC 5482 §3.1: what a peer may make us wait, at least and at most. */
#define TOLD_MIN SEC(100)
#define TOLD_MAX SEC(7200)
#define MINUTES 0x8000u		/* the option's granularity bit */

/* ---- keepalive */

static bool has_probe_to_send(const struct tcp_conn *c)
{
	return tcp_synchronized((enum tcp_state)c->state) && c->snd.una == c->snd.nxt &&
	       !c->snd.unsent.head;
}

void tcp_keep_start(struct tcp *t, struct tcp_conn *c)
{
	if (!c->side)
		return;
	c->side->keep.at = NSEC_NEVER;
	c->side->keep.probes = 0;
	if (!tcp_conn_get(t, c, TCP_OPT_KEEPALIVE) ||
	    !tcp_synchronized((enum tcp_state)c->state) || c->flags & TCPF_ORPHAN)
		return;
	c->side->keep.at = t->core->now + MSEC(tcp_conn_get(t, c, TCP_OPT_KEEPIDLE_MS));
	tcp_timer_keep(t, c);
}

void tcp_keep_stop(struct tcp_conn *c)
{
	if (c->side)
		c->side->keep.at = NSEC_NEVER;
}

/* RFC 9293 §3.8.4: asked often enough?  The user timeout rules when there is one, as in Linux. */
static bool asked_enough(const struct tcp *t, const struct tcp_conn *c, nsec silent)
{
	nsec user = tcp_user_timeout(t, c);

	if (user)
		return c->side->keep.probes && silent >= user;
	return c->side->keep.probes >= tcp_conn_get(t, c, TCP_OPT_KEEPCNT);
}

/* The deadline has come.  False: the connection is over. */
bool tcp_keep_expired(struct tcp *t, struct tcp_conn *c)
{
	nsec idle = MSEC(tcp_conn_get(t, c, TCP_OPT_KEEPIDLE_MS));
	nsec silent = (nsec)(tcp_clock_seen(t) - c->rcv.seen) << TCP_SEEN_SHIFT;

	if (c->side->keep.heard != c->rcv.seen)
		c->side->keep.probes = 0;
	c->side->keep.heard = c->rcv.seen;
	if (!has_probe_to_send(c)) {
		c->side->keep.at = t->core->now + idle;	/* retransmission asks */
	} else if (silent + (1u << TCP_SEEN_SHIFT) < idle) {
		c->side->keep.at = t->core->now + idle - silent;
	} else if (asked_enough(t, c, silent)) {
		core_count_drop(t->core, DROP_TCP_TIMEOUT, NULL);
		tcp_output_rst(t, c);
		tcp_conn_fail(t, c, E_TIMEDOUT);
		return false;
	} else {
		tcp_output_keepalive(t, c);
		c->side->keep.probes++;
		t->n.keepalives++;
		c->side->keep.at = t->core->now + MSEC(tcp_conn_get(t, c, TCP_OPT_KEEPINTVL_MS));
	}
	return true;
}

/* ---- user timeout */

nsec tcp_user_timeout(const struct tcp *t, const struct tcp_conn *c)
{
	uint32_t own;

	if (likely(!c->side))
		return 0;
	own = tcp_conn_get(t, c, TCP_OPT_USER_TIMEOUT_MS);
	/* RFC 5482 §3.1: what our user chose is not changed by the peer */
	return own ? MSEC(own) : c->side->keep.told;
}

/* Progress ended at `since` (a byte's first transmission, a window that closed). */
void tcp_user_timeout_from(struct tcp_conn *c, nsec since)
{
	if (c->side)
		c->side->keep.since = since;
}

/* When bytes that wait since then are given up; NSEC_NEVER without a user timeout. */
nsec tcp_user_timeout_at(const struct tcp *t, const struct tcp_conn *c)
{
	nsec user = tcp_user_timeout(t, c);

	return user && c->side->keep.since ? c->side->keep.since + user : NSEC_NEVER;
}

/* RFC 5482 §3: what our SYN, or the next segment, tells the peer: our wish, or our default. */
uint16_t tcp_user_timeout_option(const struct tcp *t, const struct tcp_conn *c)
{
	uint32_t s = tcp_conn_get(t, c, TCP_OPT_USER_TIMEOUT_MS) / 1000;

	if (!s)
		return 0;
	return (uint16_t)(s < MINUTES ? s : MIN(s / 60, MINUTES - 1) | MINUTES);
}

/* RFC 5482 §3.1: the peer told its own; we adapt unless our user chose.  One that is out of bounds
 * is bounded, so that nobody makes us wait for ever, or not at all. */
void tcp_user_timeout_told(struct tcp *t, struct tcp_conn *c, uint16_t option)
{
	uint32_t n = option & (MINUTES - 1);
	nsec told = SEC((nsec)n * (option & MINUTES ? 60 : 1));

	if (!n || !tcp_conn_get(t, c, TCP_OPT_USER_TIMEOUT_TOLD))
		return;
	c->side->keep.told = MIN(MAX(told, TOLD_MIN), TOLD_MAX);
}
