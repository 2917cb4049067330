/* Time-based loss detection and the tail loss probe: RACK-TLP, RFC 8985.
 *
 * Decides which sent entries are lost and when to probe.  Does not retransmit (tcp_output.c)
 * and does not touch the window (cc/, tcp_prr.c).
 *
 * Invariant: an entry marked lost was sent before some delivered entry.
 * Start reading at tcp_rack_detect_loss(). */
#include "tcp/tcp_int.h"

#define DUP_THRESHOLD_BYTES(c) (3u * (c)->snd.mss)
#define REO_PERSIST 16u		/* recoveries that a widened window lasts, RFC 8985 §6.2 step 4 */
#define WC_DELACK MSEC(200)	/* RFC 8985 §7.2: worst-case delayed ACK */
#define PTO_MIN MSEC(1)		/* the wheel's tick, several times */

/* RFC 8985 §6.2 step 2: sent later, or at the same time and further on. */
static bool sent_after(nsec a_at, uint32_t a_end, nsec b_at, uint32_t b_end)
{
	return a_at > b_at || (a_at == b_at && seq_gt(a_end, b_end));
}

void tcp_rack_delivered(struct tcp *t, struct tcp_conn *c, const struct tcp_tx *tx,
			const struct tcp_seg *s)
{
	nsec rtt = t->core->now - tx->sent_at;
	uint32_t end = tx->seq + tx->len;

	if (tx->sends > 1) {
		/* The ACK may be for an earlier transmission. */
		if (c->flags & TCPF_TS && s->h->opts & WIRE_TCP_OPT_TS && s->h->ts_ecr) {
			uint32_t sent_ms = (uint32_t)(tx->sent_at / 1000000u) + c->ts_offset;

			if (seq_lt(s->h->ts_ecr, sent_ms))
				return;
		}
		if (rtt < USEC(c->rtx.rtt_min_us))
			return;
	} else if (c->loss->rack.fack && seq_lt(end, c->loss->rack.fack)) {
		c->loss->rack.reordering = true;	/* step 3 */
	}
	c->loss->rack.rtt = rtt;
	if (sent_after(tx->sent_at, end, c->loss->rack.xmit_at, c->loss->rack.end_seq)) {
		c->loss->rack.xmit_at = tx->sent_at;
		c->loss->rack.end_seq = end;
	}
	if (!c->loss->rack.fack || seq_gt(end, c->loss->rack.fack))
		c->loss->rack.fack = end;
}

/* RFC 8985 §6.2 step 4: a DSACK says that the window was too narrow; once a round trip. */
void tcp_rack_dsack(struct tcp_conn *c)
{
	if (c->loss->rack.dsack_seen && seq_lt(c->snd.una, c->loss->rack.dsack_round))
		return;
	c->loss->rack.dsack_seen = true;
	c->loss->rack.dsack_round = c->snd.nxt;
	c->loss->rack.reo_mult += c->loss->rack.reo_mult < UINT8_MAX;
	c->loss->rack.reo_persist = REO_PERSIST;
}

void tcp_rack_recovered(struct tcp_conn *c)
{
	if (c->loss->rack.reo_persist && --c->loss->rack.reo_persist == 0)
		c->loss->rack.reo_mult = 0;
}

static nsec reo_wnd(const struct tcp_conn *c)
{
	if (!c->loss->rack.reordering && (c->flags & (TCPF_RECOVERY | TCPF_LOSS) ||
					  c->loss->sack.bytes >= DUP_THRESHOLD_BYTES(c)))
		return 0;
	return MIN(USEC(c->rtx.rtt_min_us) / 4 * (1u + c->loss->rack.reo_mult),
		   USEC(c->rtx.srtt_us));
}

void tcp_rack_detect_loss(struct tcp *t, struct tcp_conn *c)
{
	nsec now = t->core->now, wnd, wait = 0;

	if (!c->loss || !c->loss->rack.xmit_at)
		return;
	wnd = reo_wnd(c);
	for (struct pkt *p = c->rtx.sent.head; p; p = tcp_tx(p)->link) {
		struct tcp_tx *tx = tcp_tx(p);
		nsec lost_at = tx->sent_at + c->loss->rack.rtt + wnd;

		if (tx->flags & (TX_SACKED | TX_LOST) ||
		    !sent_after(c->loss->rack.xmit_at, c->loss->rack.end_seq, tx->sent_at,
				tx->seq + tx->len))
			continue;
		if (lost_at <= now)
			tcp_rtx_mark_lost(c, p);
		else
			wait = MAX(wait, lost_at - now);
	}
	if (c->rtx.lost_bytes && !(c->flags & (TCPF_RECOVERY | TCPF_LOSS)))
		tcp_rtx_recover(t, c);
	if (wait && now + wait < c->timer.rtx_at) {
		c->flags = (c->flags & ~(uint32_t)TCPF_PTO) | TCPF_REO;
		tcp_timer_rtx(t, c, now + wait);
	}
}

/* ---- the tail, RFC 8985 §7 */

nsec tcp_tlp_timeout(const struct tcp *t, const struct tcp_conn *c)
{
	nsec pto = 2 * USEC(c->rtx.srtt_us);

	if (!(c->flags & TCPF_SACK) || c->flags & (TCPF_RECOVERY | TCPF_LOSS | TCPF_PROBING) ||
	    !c->rtx.srtt_us || c->rtx.backoff ||
	    (!c->rtx.sent.head && !(c->flags & TCPF_FIN_SENT)) ||
	    (c->loss && (c->loss->sack.bytes || c->loss->tlp.out)))
		return NSEC_NEVER;
	if (c->snd.nxt - c->snd.una <= c->snd.mss)
		pto += WC_DELACK;
	return MAX(pto, PTO_MIN);
}

/* §7.3: a new segment when there is one, else the last again, be it the FIN alone. */
void tcp_tlp_send(struct tcp *t, struct tcp_conn *c)
{
	if (!tcp_loss_get(t, c))
		return;
	c->loss->tlp.out = true;
	c->loss->tlp.again = !tcp_output_new(t, c);
	if (c->loss->tlp.again && c->rtx.sent.tail)
		tcp_output_entry(t, c, c->rtx.sent.tail);
	else if (c->loss->tlp.again)
		tcp_output_fin_again(t, c);
	c->loss->tlp.end_seq = c->snd.nxt;
	t->n.tail_loss_probes++;
}

/* §7.4: did the probe mend a loss that the window must hear of? */
void tcp_tlp_acked(struct tcp *t, struct tcp_conn *c, const struct tcp_seg *s, bool dsack)
{
	struct cc_ack e;

	if (!c->loss || !c->loss->tlp.out || seq_lt(s->ack, c->loss->tlp.end_seq))
		return;
	c->loss->tlp.out = false;
	if (c->loss->tlp.again && !dsack && seq_gt(s->ack, c->loss->tlp.end_seq) &&
	    !(c->flags & (TCPF_RECOVERY | TCPF_LOSS))) {
		tcp_cc_event(t, c, &e);
		c->cc.ops->on_loss(&c->cc, &e);
	}
}
