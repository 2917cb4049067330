/* Data that came out of order, RFC 9293 §3.10.7.4 (seventh) and §3.4: kept, in sequence and
 * disjoint, until the gap before it is filled.
 *
 * What is already there wins over what comes later, except that a piece wholly covered by a
 * newcomer gives way.  Bounded by the receive window in bytes and by TCP_REASS_PIECES_MAX in
 * pieces; under memory pressure nothing is kept at all: the peer sends it again.
 * Always: pieces ascend, do not overlap, and begin behind rcv.nxt. */
#include "tcp/tcp_int.h"

static inline uint32_t piece_end(struct pkt *p)
{
	return tcp_rx(p)->seq + tcp_rx(p)->len;
}

static void unlink_next(struct tcp_conn *c, struct pkt *prev)
{
	struct pkt **slot = prev ? &prev->next : &c->reass.head, *p = *slot;

	*slot = p->next;
	p->next = NULL;
	c->reass.bytes -= tcp_rx(p)->len;
	c->reass.pieces--;
	if (c->reass.tail == p)
		c->reass.tail = prev;
}

static bool short_of_frames(const struct tcp *t)
{
	return t->core->pool->free_frames_n < t->core->pool->frames / 8;
}

/* The last piece that begins at or before `seq`, NULL when there is none. */
static struct pkt *predecessor(const struct tcp_conn *c, uint32_t seq)
{
	struct pkt *prev = NULL;

	if (c->reass.tail && seq_le(tcp_rx(c->reass.tail)->seq, seq))
		return c->reass.tail;
	for (struct pkt *p = c->reass.head; p && seq_le(tcp_rx(p)->seq, seq); p = p->next)
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
	while ((next = prev ? prev->next : c->reass.head) && seq_le(piece_end(next), *end) &&
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

enum drop tcp_reass_insert(struct tcp *t, struct tcp_conn *c, struct tcp_seg *s)
{
	bool fin = s->flags & WIRE_TCP_FIN;
	uint32_t seq = s->seq, end = s->seq + s->len;
	struct pkt *prev, **slot, *p;

	if (c->reass.pieces >= TCP_REASS_PIECES_MAX || short_of_frames(t))
		return DROP_TCP_REASS;
	prev = predecessor(c, seq);
	if ((prev && tcp_rx(prev)->fin) || !trim_to_gap(c, prev, &seq, &end, &fin))
		return DROP_TCP_DUP;
	p = s->p;
	s->p = NULL;
	if (seq_lt(end, s->seq + s->len))
		pkt_trim(p, end - s->seq);
	if (seq != s->seq && seq != end)
		p = pkt_trim_front(p, seq - s->seq);
	*tcp_rx(p) = (struct tcp_rx){.seq = seq, .len = end - seq, .fin = fin};
	slot = prev ? &prev->next : &c->reass.head;
	p->next = *slot;
	*slot = p;
	if (!p->next)
		c->reass.tail = p;
	c->reass.bytes += end - seq;
	c->reass.pieces++;
	return DROP_NOT;
}

/* The first piece when it joins on to `nxt`, trimmed to begin there; NULL when there is still a
 * gap.  A piece of no bytes carries only a FIN. */
struct pkt *tcp_reass_pop(struct tcp_conn *c, uint32_t nxt, bool *fin)
{
	struct pkt *p;

	while ((p = c->reass.head) && seq_le(tcp_rx(p)->seq, nxt)) {
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
	while (c->reass.head) {
		struct pkt *p = c->reass.head;

		unlink_next(c, NULL);
		pkt_put(p);
	}
}

void tcp_reass_check(const struct tcp_conn *c)
{
	uint32_t bytes = 0, pieces = 0, at = c->rcv.nxt;

	for (struct pkt *p = c->reass.head; p; p = p->next) {
		assert(seq_le(at, tcp_rx(p)->seq));
		at = piece_end(p);
		bytes += tcp_rx(p)->len;
		pieces++;
		assert(p->next || c->reass.tail == p);
	}
	assert(bytes == c->reass.bytes);
	assert(pieces == c->reass.pieces);
}
