/* When nothing was lost after all: Eifel detection by timestamps (RFC 3522), by duplicates that
 * the peer reports (RFC 3708), and F-RTO after a timeout (RFC 5682).
 *
 * Remembers what the window was when an episode began and returns to it.  Undoes only its own
 * episode. */
#include "tcp/tcp_int.h"

void tcp_undo_begin(struct tcp *t, struct tcp_conn *c)
{
	if (!tcp_loss_get(t, c) || c->flags & (TCPF_RECOVERY | TCPF_LOSS))
		/* one episode follows another: the first one's memory counts */
		return;
	c->loss->undo.cc = c->cc;
	c->loss->undo.una = c->snd.una;
	c->loss->undo.ts = 0;
	c->loss->undo.resends = 0;
	c->loss->undo.frto = 0;
}

void tcp_undo_frto(struct tcp_conn *c, uint8_t step)
{
	if (c->loss)
		c->loss->undo.frto = step;
}

void tcp_undo_dupack(struct tcp_conn *c)
{
	if (!c->loss)
		return;
	if (c->loss->undo.frto == 3)	/* RFC 5682 §2.1 step 3a: beside the two new ones */
		cc_set_window(&c->cc, MAX(c->cc.cwnd, 3u * c->snd.mss));
	c->loss->undo.frto = 0;
}

void tcp_undo_resent(struct tcp *t, struct tcp_conn *c)
{
	if (!c->loss || !(c->flags & (TCPF_RECOVERY | TCPF_LOSS)))
		return;
	if (c->flags & TCPF_TS && !c->loss->undo.ts)
		c->loss->undo.ts = MAX(tcp_clock_ms(t) + c->ts_offset, 1u);
	c->loss->undo.resends++;
}

void tcp_undo_dsack(struct tcp_conn *c)
{
	if (c->loss->undo.resends > 0 && --c->loss->undo.resends == 0)
		c->loss->undo.resends = -1;	/* every one was needless */
}

static void undo(struct tcp *t, struct tcp_conn *c)
{
	cc_restore(&c->cc, &c->loss->undo.cc);
	tcp_rtx_unmark(c);
	c->loss->undo.frto = 0;
	c->loss->undo.resends = 0;
	t->n.undone++;
	tcp_want_output(t, c);
}

/* RFC 5682 §3.1, with SACK §3.2: the second ACK after a timeout, when it acknowledges what was
 * not sent again, says that the first transmission arrived. */
static bool frto_acked(struct tcp *t, struct tcp_conn *c, bool original)
{
	switch (c->loss->undo.frto) {
	case 1:
		c->loss->undo.frto = c->snd.unsent.head && !(c->flags & TCPF_FIN_SENT) ? 2 : 0;
		return false;
	case 2:
	case 3:			/* the new segments are out */
		c->loss->undo.frto = 0;
		t->n.frto_spurious += original;
		return original;
	default:
		return false;
	}
}

/* An ACK that advances during an episode. `original`: it covers an entry that was sent once.
 * True when the episode is undone. */
bool tcp_undo_acked(struct tcp *t, struct tcp_conn *c, const struct tcp_seg *s, bool original)
{
	bool eifel;

	if (!c->loss || !(c->flags & (TCPF_RECOVERY | TCPF_LOSS)))
		return false;
	eifel = c->loss->undo.ts && s->h->opts & WIRE_TCP_OPT_TS && s->h->ts_ecr &&
		seq_lt(s->h->ts_ecr, c->loss->undo.ts);
	if (!frto_acked(t, c, original && c->flags & TCPF_LOSS) && !eifel &&
	    c->loss->undo.resends != -1)
		return false;
	undo(t, c);
	return true;
}
