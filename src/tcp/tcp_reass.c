/* Data that came out of order, RFC 9293 §3.10.7.4 (seventh) and §3.4: kept, in sequence and
 * disjoint, until the gap before it is filled; and what SACK says of it (RFC 2018, RFC 2883).
 *
 * What is already there wins over what comes later, except that a piece wholly covered by a
 * newcomer gives way.  Bounded by the receive window in bytes and by TCP_REASS_PIECES_MAX in
 * pieces; under memory pressure nothing is kept at all: the peer sends it again.
 *
 * Always: pieces ascend, do not overlap, and begin behind rcv.nxt; the blocks are disjoint and
 * cover nothing that is not there. */
#include "tcp/tcp_int.h"

static inline uint32_t piece_end(struct pkt *p)
{
	return tcp_rx(p)->seq + tcp_rx(p)->len;
}

static void unlink_next(struct tcp_conn *c, struct pkt *prev)
{
	struct pkt **slot = prev ? &prev->next : &c->loss->reass.head, *p = *slot;

	*slot = p->next;
	p->next = NULL;
	c->loss->reass.bytes -= tcp_rx(p)->len;
	c->loss->reass.pieces--;
	if (c->loss->reass.tail == p)
		c->loss->reass.tail = prev;
}

static bool short_of_frames(const struct tcp *t)
{
	return t->core->pool->free_frames_n < t->core->pool->frames / 8;
}

/* The last piece that begins at or before `seq`, NULL when there is none. */
static struct pkt *predecessor(const struct tcp_conn *c, uint32_t seq)
{
	struct pkt *prev = NULL, *tail = c->loss->reass.tail;

	if (tail && seq_le(tcp_rx(tail)->seq, seq))
		return tail;
	for (struct pkt *p = c->loss->reass.head; p && seq_le(tcp_rx(p)->seq, seq); p = p->next)
		prev = p;
	return prev;
}

/* Makes [*seq, end) free of what is there; false when nothing new remains. */
static bool trim_to_gap(struct tcp_conn *c, struct pkt *prev, uint32_t *seq, uint32_t *end,
			bool *fin)
{
	struct pkt *next;

	if (prev && seq_gt(piece_end(prev), *seq))
		*seq = piece_end(prev);
	if (seq_gt(*seq, *end))
		return false;		/* a FIN within bytes that are there: not believed */
	while ((next = prev ? prev->next : c->loss->reass.head) && seq_le(piece_end(next), *end) &&
	       !(tcp_rx(next)->fin && !*fin)) {
		unlink_next(c, prev);
		pkt_put(next);
	}
	if (next && seq_lt(tcp_rx(next)->seq, *end)) {
		*end = tcp_rx(next)->seq;
		*fin = false;
	}
	return seq_lt(*seq, *end) || *fin;
}

/* ---- what to tell the peer */

/* RFC 2018 §4: the block with the latest segment comes first; blocks that it touches join it. */
static void sack_note(struct tcp_conn *c, uint32_t left, uint32_t right)
{
	struct wire_tcp_sack *b = c->loss->reass.sack, now = {left, right};
	unsigned kept = 0;
	struct wire_tcp_sack old[WIRE_TCP_SACK_MAX];

	for (unsigned i = 0; i < c->loss->reass.sack_n; i++) {
		if (seq_le(b[i].left, now.right) && seq_ge(b[i].right, now.left)) {
			now.left = seq_lt(b[i].left, now.left) ? b[i].left : now.left;
			now.right = seq_max(b[i].right, now.right);
		} else {
			old[kept++] = b[i];
		}
	}
	kept = MIN(kept, WIRE_TCP_SACK_MAX - 1u);
	b[0] = now;
	mem_copy(b + 1, old, kept * sizeof(old[0]));
	c->loss->reass.sack_n = (uint8_t)(kept + 1);
}

/* What is in order now is no news. */
static void sack_prune(struct tcp_conn *c)
{
	struct wire_tcp_sack *b = c->loss->reass.sack;
	unsigned kept = 0;

	for (unsigned i = 0; i < c->loss->reass.sack_n; i++)
		if (seq_gt(b[i].left, c->rcv.nxt))
			b[kept++] = b[i];
	c->loss->reass.sack_n = (uint8_t)kept;
}

void tcp_reass_duplicate(struct tcp *t, struct tcp_conn *c, uint32_t left, uint32_t right)
{
	if (!(c->flags & TCPF_SACK) || !seq_lt(left, right) || !tcp_loss_get(t, c))
		return;
	c->loss->reass.dup = true;
	c->loss->reass.again = (struct wire_tcp_sack){left, right};
}

/* RFC 2883 §4: of a segment that repeats some of what is kept, the first contiguous bytes of it. */
void tcp_reass_overlap(struct tcp *t, struct tcp_conn *c, uint32_t left, uint32_t right)
{
	uint32_t from = 0, to = 0;

	if (!(c->flags & TCPF_SACK) || c->loss->reass.dup)
		return;
	for (struct pkt *p = c->loss->reass.head; p && seq_lt(tcp_rx(p)->seq, right); p = p->next) {
		if (seq_le(piece_end(p), left))
			continue;
		if (from == to)
			from = seq_max(tcp_rx(p)->seq, left);
		else if (tcp_rx(p)->seq != to)
			break;
		to = piece_end(p);
	}
	if (from != to)
		tcp_reass_duplicate(t, c, from, seq_lt(to, right) ? to : right);
}

unsigned tcp_reass_sack(struct tcp_conn *c, struct wire_tcp_sack *out, unsigned max)
{
	unsigned n = 0;

	sack_prune(c);
	if (c->loss->reass.dup && max) {
		out[n++] = c->loss->reass.again;
		c->loss->reass.dup = false;
	}
	for (unsigned i = 0; i < c->loss->reass.sack_n && n < max; i++)
		out[n++] = c->loss->reass.sack[i];
	return n;
}

/* ---- in and out */

static void insert_behind(struct tcp_conn *c, struct pkt *prev, struct pkt *p TAKES)
{
	struct pkt **slot = prev ? &prev->next : &c->loss->reass.head;

	p->next = *slot;
	*slot = p;
	if (!p->next)
		c->loss->reass.tail = p;
	c->loss->reass.bytes += tcp_rx(p)->len;
	c->loss->reass.pieces++;
}

enum drop tcp_reass_insert(struct tcp *t, struct tcp_conn *c, struct tcp_seg *s)
{
	bool fin = s->flags & WIRE_TCP_FIN;
	uint32_t seq = s->seq, end = s->seq + s->len;
	struct pkt *prev, *p;

	if (short_of_frames(t) || !tcp_loss_get(t, c) ||
	    c->loss->reass.pieces >= TCP_REASS_PIECES_MAX)
		return DROP_TCP_REASS;
	tcp_reass_overlap(t, c, seq, end);
	prev = predecessor(c, seq);
	if ((prev && tcp_rx(prev)->fin) || !trim_to_gap(c, prev, &seq, &end, &fin)) {
		tcp_reass_duplicate(t, c, s->seq, s->seq + s->len);
		if (s->len)
			sack_note(c, s->seq, s->seq + s->len);
		return DROP_TCP_DUP;
	}
	p = s->p;
	s->p = NULL;
	if (seq_lt(end, s->seq + s->len))
		pkt_trim(p, end - s->seq);
	if (seq != s->seq && seq != end)
		p = pkt_trim_front(p, seq - s->seq);
	*tcp_rx(p) = (struct tcp_rx){.seq = seq, .len = end - seq, .fin = fin};
	insert_behind(c, prev, p);
	if (seq != end)
		sack_note(c, seq, end);
	return DROP_NOT;
}

/* The first piece when it joins on to `nxt`, trimmed to begin there; NULL when there is still a
 * gap.  A piece of no bytes carries only a FIN. */
struct pkt *tcp_reass_pop(struct tcp_conn *c, uint32_t nxt, bool *fin)
{
	struct pkt *p;

	*fin = false;
	if (!c->loss)
		return NULL;
	while ((p = c->loss->reass.head) && seq_le(tcp_rx(p)->seq, nxt)) {
		uint32_t skip = nxt - tcp_rx(p)->seq;

		unlink_next(c, NULL);
		*fin = tcp_rx(p)->fin;
		if (skip < tcp_rx(p)->len || (*fin && skip == tcp_rx(p)->len)) {
			struct tcp_rx rx = *tcp_rx(p);

			if (skip && skip < rx.len)
				p = pkt_trim_front(p, skip);
			rx.seq = nxt;
			rx.len -= skip;
			*tcp_rx(p) = rx;
			return p;
		}
		pkt_put(p);	/* all of it came again in the meantime */
	}
	*fin = false;
	return NULL;
}

void tcp_reass_free(struct tcp_conn *c)
{
	while (c->loss && c->loss->reass.head) {
		struct pkt *p = c->loss->reass.head;

		unlink_next(c, NULL);
		pkt_put(p);
	}
	if (c->loss)
		c->loss->reass.sack_n = 0;
}

void tcp_reass_check(const struct tcp_conn *c)
{
	uint32_t bytes = 0, pieces = 0, at = c->rcv.nxt;

	if (!c->loss)
		return;
	for (struct pkt *p = c->loss->reass.head; p; p = p->next) {
		assert(seq_le(at, tcp_rx(p)->seq));
		at = piece_end(p);
		bytes += tcp_rx(p)->len;
		pieces++;
		assert(p->next || c->loss->reass.tail == p);
	}
	assert(bytes == c->loss->reass.bytes);
	assert(pieces == c->loss->reass.pieces);
	for (unsigned i = 0; i < c->loss->reass.sack_n; i++)
		assert(seq_lt(c->loss->reass.sack[i].left, c->loss->reass.sack[i].right));
}
