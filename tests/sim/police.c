/* Looks at every frame a stack sends, with seg.h's eyes: it is well formed, its checksums are
 * right, its bytes are those of its stream, it acknowledges what exists, its window never moves
 * back, and it keeps to the window and the segment size that the other side told it.
 *
 * This is the oracle that says where a mistake was made, not only that bytes were wrong in the
 * end. */
#include <inttypes.h>
#include <stdlib.h>

#include "sim/world.h"

struct way {			/* what one side of a flow has sent */
	bool syn, fin, ws_sent, edge_known;
	uint32_t iss;
	/* highest sequence number sent, FIN and SYN counted, relative to iss */
	uint32_t end;
	uint32_t ack;		/* highest sent, relative to the other's iss */
	/* right edge of its window, as it told, relative to the other's iss */
	uint32_t edge;
	uint32_t edge_heard;	/* of the other's window, as far as it has arrived here */
	uint32_t wnd_heard;	/* the last window that arrived, scaled */
	uint16_t mss;		/* what it told the other to keep to */
	uint8_t ws;
	bool reborn;		/* it has sent SYNs with different numbers */
};

struct beat {			/* what is known of one flow */
	struct way way[2];
};

struct police {
	struct beat *beat;
};

void police_init(struct world *w)
{
	w->police = calloc(1, sizeof(*w->police));
	assert(w->police != NULL);
	w->police->beat = calloc(w->plan.flows, sizeof(*w->police->beat));
	assert(w->police->beat != NULL);
}

void police_fini(struct world *w)
{
	if (w->police)
		free(w->police->beat);
	free(w->police);
	w->police = NULL;
}

static void arrest(struct world *w, const struct flow *f, unsigned which, const struct seg *s,
		   const char *what)
{
	const struct way *me = &w->police->beat[f - w->flow].way[which];

	world_fail(
		w,
		"%s of host%u:%u > host%u:%u sent a segment that %s: flags %02x "
		"seq %u len %u ack %u "
		"win %u (iss %u, sent up to %u, ack %u, edge %u, heard edge %u)",
		which ? "server" : "client", f->plan->client, f->cport, f->plan->server,
		f->plan->sport, what, s->flags, s->seq - me->iss, s->len,
		s->ack - w->police->beat[f - w->flow].way[!which].iss, s->win, me->iss, me->end,
		me->ack, me->edge, me->edge_heard);
}

/* A shift applies to both or to none, and never on a SYN: RFC 7323 §2.2. */
static uint32_t window(const struct beat *b, unsigned which, const struct seg *s)
{
	if (s->flags & SEG_SYN || !b->way[0].ws_sent || !b->way[1].ws_sent)
		return s->win;
	return (uint32_t)s->win << MIN(b->way[which].ws, 14);
}

static void syn(struct beat *b, unsigned which, const struct seg *s)
{
	struct way *me = &b->way[which];

	if (!me->syn || me->iss != s->seq) {	/* the first, or another attempt */
		*me = (struct way){.syn = true, .iss = s->seq, .end = 1,
				   .edge_heard = me->edge_heard, .wnd_heard = me->wnd_heard,
				   .reborn = me->syn};
	}
	me->ws_sent = s->opts & SEG_OPT_WSCALE;
	me->ws = s->wscale;
	me->mss = s->opts & SEG_OPT_MSS ? s->mss : 536;
}

static const char *bytes(struct world *w, struct flow *f, unsigned which, const struct seg *s)
{
	struct beat *b = &w->police->beat[f - w->flow];
	struct way *me = &b->way[which];
	struct side *side = &f->side[which];
	uint32_t rel = s->seq - me->iss, end = rel + seg_span(s);
	const char *wrong = NULL;

	if (s->flags & SEG_SYN && s->len)
		return "carries bytes on a SYN";
	if (!s->len && !(s->flags & SEG_FIN))
		return NULL;
	if (rel == 0 || (uint64_t)rel - 1 + s->len > side->sent)
		wrong = "carries bytes that nobody has written";
	else if (!side_matches(f, which, rel - 1, s->payload, s->len))
		wrong = "carries other bytes than were written";
	else if (s->len > b->way[!which].mss)
		wrong = "is larger than the other side's MSS";
	else if (me->fin && end > me->end)
		wrong = "carries bytes behind its FIN";
	else if (s->flags & SEG_FIN && me->fin && end != me->end)
		wrong = "has its FIN elsewhere";
	else if (!w->plan.attack && s->len > 1 && rel + s->len > me->edge_heard &&
		 rel + s->len > me->end)
		wrong = "exceeds the other side's window";
	me->fin |= !!(s->flags & SEG_FIN);
	me->end = MAX(me->end, end);
	return wrong;
}

static const char *acks(struct world *w, struct flow *f, unsigned which, const struct seg *s)
{
	struct beat *b = &w->police->beat[f - w->flow];
	struct way *me = &b->way[which], *other = &b->way[!which];
	uint32_t ack = s->ack - other->iss, edge = ack + window(b, which, s);

	if (!(s->flags & SEG_ACK) || s->flags & SEG_RST || !other->syn)
		return NULL;
	if (ack > other->end && other->reborn) {
		/* It knows a SYN-ACK of before the listener came back, and will be reset. */
		f->side[which].rough = true;
		return NULL;
	}
	if (ack > other->end)
		return "acknowledges what was never sent";
	if (ack < me->ack)
		return "acknowledges less than one before";
	me->ack = ack;
	if (other->fin && ack == other->end)
		return NULL;		/* nothing more can come: the window means nothing */
	/* The field's unit may hide that much of what was promised: RFC 7323 §2.4. */
	if (me->edge_known && edge + (1u << me->ws) <= me->edge && !(s->flags & SEG_SYN))
		return "moves its window back";
	me->edge = MAX(me->edge, edge);
	me->edge_known = true;
	return NULL;
}

/* An answer to a SYN that is too late, or forged: there is another connection than the flow's. */
static bool is_ghost(struct world *w, struct flow *f, unsigned which, const struct seg *s)
{
	const struct way *me = &w->police->beat[f - w->flow].way[which];
	const struct way *other = &w->police->beat[f - w->flow].way[!which];

	if (me->syn && me->iss != s->seq && f->side[which].state >= SIDE_OPEN)
		return true;
	return s->flags & SEG_ACK && other->syn && s->ack != other->iss + 1;
}

static void tcp_departure(struct world *w, unsigned from, const struct seg *s)
{
	bool from_client;
	struct flow *f = world_flow(w, s->src, s->sport, s->dst, s->dport, &from_client);
	const char *wrong;
	unsigned which;

	if (s->flags & SEG_SYN && s->flags & (SEG_FIN | SEG_RST))
		world_fail(w, "host%u sent flags %02x", from, s->flags);
	if (!f || w->plan.attack == ATTACK_ONPATH)
		return;
	which = !from_client;
	if (s->flags & SEG_SYN && !(s->flags & SEG_RST)) {
		if (is_ghost(w, f, which, s))
			return;
		syn(&w->police->beat[f - w->flow], which, s);
	}
	if (!w->police->beat[f - w->flow].way[which].syn || s->flags & SEG_RST)
		return;
	wrong = bytes(w, f, which, s);
	if (!wrong)
		wrong = acks(w, f, which, s);
	if (wrong)
		arrest(w, f, which, s, wrong);
}

void police_departure(struct world *w, unsigned from, const uint8_t *b, uint32_t len)
{
	const struct station *st = &w->station[from];
	const char *wrong;
	struct seg s;

	wrong = seg_parse(&s, b, len);
	if (wrong)
		world_fail(w, "host%u sent a malformed frame: %s", from, wrong);
	else if (!mac_eq(s.eth_src, st->mac) || len > st->plan->mtu + 14u)
		world_fail(w, "host%u sent a frame of %u bytes or of another station", from, len);
	else if (s.proto != SEG_ARP && s.src != st->ip)
		world_fail(w, "host%u sent a packet from another address", from);
	else if (s.proto == SEG_TCP)
		tcp_departure(w, from, &s);
	else if (s.proto == SEG_ICMP && w->plan.attack == ATTACK_NONE)
		beside_pong(w, &s);
}

/* What a station hears of its peer's window; only what it can have taken. */
void police_arrival(struct world *w, unsigned at, const uint8_t *b, uint32_t len)
{
	bool from_client;
	struct beat *beat;
	struct way *me;
	struct flow *f;
	struct seg s;
	unsigned peer;
	uint32_t edge;

	if (w->plan.attack || seg_parse(&s, b, len) || s.proto != SEG_TCP || !(s.flags & SEG_ACK))
		return;
	f = world_flow(w, s.src, s.sport, s.dst, s.dport, &from_client);
	if (!f)
		return;
	peer = !from_client;
	beat = &w->police->beat[f - w->flow];
	me = &beat->way[!peer];
	if (!me->syn || s.flags & SEG_RST)
		return;
	edge = s.ack - me->iss + window(beat, peer, &s);
	if (edge < 1u << 31)
		me->edge_heard = MAX(me->edge_heard, edge);
}
