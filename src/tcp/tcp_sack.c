/* The scoreboard: what the peer says it has beyond snd.una, RFC 2018 §5, RFC 6675 §4, RFC 2883.
 *
 * Marks entries of the sent queue; judges nothing (tcp_rack.c does).  A block that is not
 * within what is outstanding is ignored; one that covers a part of an entry does not mark it.
 * Always: sack.bytes counts exactly the TX_SACKED entries; none of them is TX_LOST. */
#include "tcp/tcp_int.h"

/* RFC 2883 §4: the first block reports a duplicate when it lies below the ACK or within the
 * second. */
static bool is_dsack(const struct tcp_seg *s)
{
	const struct wire_tcp_sack *b = s->h->sack;

	if (seq_lt(b[0].left, s->ack))
		return seq_le(b[0].right, s->ack) || seq_lt(b[0].left, s->ack);
	return s->h->sack_n > 1 && seq_ge(b[0].left, b[1].left) && seq_le(b[0].right, b[1].right);
}

static void mark(struct tcp *t, struct tcp_conn *c, const struct wire_tcp_sack *b,
		 const struct tcp_seg *s)
{
	for (struct pkt *p = c->rtx.sent.head; p; p = tcp_tx(p)->link) {
		struct tcp_tx *tx = tcp_tx(p);

		if (!seq_lt(tx->seq, b->right))
			break;
		if (seq_lt(tx->seq, b->left) || seq_gt(tx->seq + tx->len, b->right) ||
		    tx->flags & TX_SACKED)
			continue;
		tcp_rtx_sacked(c, tx);
		c->loss->sack.bytes += tx->len;
		c->loss->sack.delivered += tx->len;
		if (c->loss->sack.bytes == tx->len || seq_gt(tx->seq + tx->len, c->loss->sack.high))
			c->loss->sack.high = tx->seq + tx->len;
		tcp_rack_delivered(t, c, tx, s);
		if (unlikely(c->flags & TCPF_PACES))
			tcp_pace_delivered(t, c, tx, tx->len);
	}
}

void tcp_sack_take(struct tcp *t, struct tcp_conn *c, const struct tcp_seg *s)
{
	bool dsack;

	if (c->loss)
		c->loss->sack.delivered = 0;
	if (!(c->flags & TCPF_SACK) || !(s->h->opts & WIRE_TCP_OPT_SACK) || !tcp_loss_get(t, c))
		return;
	c->loss->sack.delivered = 0;
	dsack = is_dsack(s);
	if (dsack) {
		t->n.dsacks++;
		tcp_rack_dsack(c);
		tcp_undo_dsack(c);
	}
	for (unsigned i = dsack; i < s->h->sack_n; i++) {
		const struct wire_tcp_sack *b = &s->h->sack[i];

		if (seq_lt(b->left, b->right) && seq_ge(b->left, c->snd.una) &&
		    seq_gt(b->left, s->ack) && seq_le(b->right, c->snd.nxt))
			mark(t, c, b, s);
	}
}

void tcp_sack_forget(struct tcp_conn *c, struct tcp_tx *tx)
{
	if (tx->flags & TX_SACKED)
		c->loss->sack.bytes -= tx->len;
}

void tcp_sack_trim(struct tcp_conn *c, uint32_t covered)
{
	c->loss->sack.bytes -= covered;
}

/* RFC 2018 §8: a timeout with the first entry sacked: the peer has thrown away what it had. */
void tcp_sack_renege(struct tcp_conn *c)
{
	for (struct pkt *p = c->rtx.sent.head; p; p = tcp_tx(p)->link)
		tcp_tx(p)->flags &= (uint8_t)~TX_SACKED;
	if (c->loss)
		c->loss->sack.bytes = 0;
}
