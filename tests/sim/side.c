/* One end of one flow: writes its stream, checks the other's, ends as its plan says.
 *
 * A flow is clean when each side got exactly the other's bytes and then the end, with no error.
 * It may be rough by plan (reset or closed in the middle), or excused by heavy weather: then
 * what was received must still be the beginning of what was sent. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "sim/mouth.h"

#define GRACE SEC(40)		/* how long a side waits after the other has failed */

/* ---- the stream: 8 bytes a step, any position */

static inline uint64_t stream_word(uint64_t key, uint64_t at)
{
	uint64_t x = (key + at) * 0x9e3779b97f4a7c15ull;

	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9ull;
	return x ^ x >> 32;
}

static uint64_t stream_key(const struct flow *f, unsigned which)
{
	return f->plan->key ^ (which ? 0x5555555555555555ull : 0);
}

void side_fill(struct flow *f, unsigned which, uint64_t at, uint8_t *to, uint32_t n)
{
	uint64_t key = stream_key(f, which);

	while (n) {
		uint64_t word = stream_word(key, at / 8);
		uint32_t skip = at % 8, take = MIN(8 - skip, n);

		memcpy(to, (uint8_t *)&word + skip, take);
		to += take;
		at += take;
		n -= take;
	}
}

bool side_matches(struct flow *f, unsigned which, uint64_t at, const uint8_t *bytes, uint32_t n)
{
	uint64_t key = stream_key(f, which);

	while (n) {
		uint64_t word = stream_word(key, at / 8);
		uint32_t skip = at % 8, take = MIN(8 - skip, n);

		if (memcmp(bytes, (uint8_t *)&word + skip, take) != 0)
			return false;
		bytes += take;
		at += take;
		n -= take;
	}
	return true;
}

/* ---- life */

static struct side *peer(struct side *s)
{
	return &s->flow->side[!s->which];
}

static void fail(struct side *s, const char *what)
{
	const struct flow_plan *p = s->flow->plan;
	struct side *o = peer(s);

	world_fail(s->station->world,
		   "flow host%u:%u > host%u:%u, %s: %s (sent %" PRIu64 " of %" PRIu64
		   ", received %" PRIu64 " of %" PRIu64
		   ", error %d; the other side: state %d sent %" PRIu64 " received %" PRIu64
		   " error %d)",
		   p->client, s->flow->cport, p->server, p->sport, s->which ? "server" : "client",
		   what, s->sent, s->plan->total, s->received, o->plan->total, s->err, o->state,
		   o->sent, o->received, o->err);
}

static void flow_over(struct flow *f)
{
	struct world *w = f->side[0].station->world;

	f->over = true;
	f->over_at = world_now(w);
	w->flows_over++;
	w->flows_failed += f->side[0].err || f->side[1].err;
}

void side_done(struct side *s)
{
	if (s->state == SIDE_DONE)
		return;
	if (s->state != SIDE_IDLE)
		list_del(&s->node);
	s->state = SIDE_DONE;
	if (peer(s)->state == SIDE_DONE)
		flow_over(s->flow);
	else if (s->err || s->rough)
		s->flow->cut_at = world_now(s->station->world) + GRACE;
	if (s->flow->cut_at)
		sim_task_by(&s->station->world->sim, &s->station->world->director, s->flow->cut_at);
}

static void enlist(struct side *s)
{
	list_push_back(&s->station->sides, &s->node);
	s->station->acted = true;
}

static bool begin_side(struct side *s, uint32_t to, uint16_t port, uint16_t from_port)
{
	s->state = SIDE_OPENING;
	enlist(s);
	if (s->station->mouth->connect(s, to, port, from_port))
		return true;
	if (s->state == SIDE_DONE)	/* it has failed */
		return true;
	list_del(&s->node);
	s->state = SIDE_IDLE;
	return false;
}

bool side_begin(struct flow *f)
{
	const struct flow_plan *p = f->plan;
	struct side *c = &f->side[0], *v = &f->side[1];

	f->cport = p->cport;
	if (c->state == SIDE_IDLE && !begin_side(c, v->station->ip, p->sport, p->cport))
		return false;
	f->begun = true;
	if (p->simultaneous && !begin_side(v, c->station->ip, p->cport, p->sport)) {
		c->rough = true;
		c->station->mouth->abort(c);
		side_done(c);
		side_done(v);
	}
	return true;
}

void side_opened(struct side *s)
{
	nsec now = world_now(s->station->world);

	s->state = SIDE_OPEN;
	s->opened_at = now;
	s->write_at = s->read_at = now;
	s->awake_at = 0;
}

void side_accepted(struct station *st, const struct addr *remote, uint16_t rport, uint16_t lport,
		   struct side **out)
{
	bool from_client;
	struct flow *f =
		world_flow(st->world, addr_to_v4(remote), rport, st->ip, lport, &from_client);
	struct side *s;

	*out = NULL;
	if (!f || !from_client) {
		if (st->world->plan.attack != ATTACK_ONPATH)
			world_fail(st->world,
				   "host%u accepted a connection that nobody made, port %u",
				   st->index, rport);
		return;
	}
	s = &f->side[1];
	if (s->state != SIDE_IDLE) {
		if (!world_excuses(st->world) && !f->over && s->state != SIDE_DONE)
			fail(s, "was accepted twice");
		return;
	}
	s->state = SIDE_OPENING;
	enlist(s);
	side_opened(s);
	*out = s;
}

static bool excused(struct side *s)
{
	struct world *w = s->station->world;

	/* A forged SYN makes a simultaneous open of it, which the real peer refuses: nothing in
	 * RFC 9293 prevents that. */
	if (w->plan.attack == ATTACK_BLIND && s->state == SIDE_OPENING)
		return true;
	/* Both have ended, and our FIN came after the other's TIME-WAIT, drawn too short for
	 * a bad wire. */
	if (s->err == E_CONNRESET && s->shut && peer(s)->state == SIDE_DONE &&
	    w->plan.weather == WEATHER_HEAVY)
		return true;
	return world_excuses(w) || s->rough || peer(s)->rough || peer(s)->err ||
	       peer(s)->plan->ending == END_ABORT || peer(s)->plan->ending == END_EARLY ||
	       w->plan.listeners_close || s->flow->cut_at;
}

void side_failed(struct side *s, int err)
{
	if (s->state == SIDE_DONE)
		return;
	s->err = err;
	s->rough |= err == E_NOBUFS && s->state == SIDE_OPENING;	/* a full table */
	if (!excused(s))
		fail(s, "ended with an error");
	s->station->mouth->close(s);
	side_done(s);
}

/* ---- bytes */

void side_take(struct side *s, const uint8_t *bytes, uint32_t n)
{
	struct side *o = peer(s);

	if (s->station->world->plan.attack != ATTACK_ONPATH) {
		if (s->eof)
			fail(s, "received bytes behind the end");
		else if (s->received + n > o->plan->total)
			fail(s, "received more than was sent");
		else if (!side_matches(s->flow, o->which, s->received, bytes, n))
			fail(s, "received other bytes than were sent");
	}
	s->received += n;
	s->station->world->bytes += n;
}

void side_eof(struct side *s)
{
	struct side *o = peer(s);

	if (s->eof)
		return;
	s->eof = true;
	if (s->received != o->plan->total && !o->rough && !o->err &&
	    s->station->world->plan.attack != ATTACK_ONPATH)
		fail(s, "the other side ended before it had sent all");
}

/* How many bytes the conversation lets this side have sent by now. */
static uint64_t may_send(const struct side *s)
{
	const struct flow_plan *p = s->flow->plan;
	uint64_t n;

	if (!p->request)
		return s->plan->total;
	n = s->which ? s->received / p->request * p->response :
		       (s->received / p->response + 1) * p->request;
	return MIN(n, s->plan->total);
}

static uint32_t dice(struct side *s, uint32_t n)
{
	return prng_below(&s->station->world->dice, n);
}

static nsec later(struct side *s, nsec gap)
{
	return world_now(s->station->world) + (gap ? 1 + dice(s, (uint32_t)MIN(gap, SEC(2))) : 0);
}

static void step_read(struct side *s)
{
	nsec now = world_now(s->station->world);
	uint32_t n;

	if (s->eof || now < s->read_at)
		return;
	if (s->plan->sleep_for && !s->awake_at && now >= s->opened_at + s->plan->sleep_at) {
		s->read_at = s->awake_at = now + s->plan->sleep_for;
		return;
	}
	do {
		n = s->station->mouth->read(s, 1 + dice(s, s->plan->read_max));
		if (n)
			s->read_at = later(s, s->plan->read_gap);
	} while (n && s->read_at <= now);
}

static void step_write(struct side *s)
{
	uint64_t may = may_send(s);
	uint32_t n;

	while (s->sent < may && world_now(s->station->world) >= s->write_at && !s->shut) {
		n = 1 + dice(s, s->plan->write_max);
		n = (uint32_t)MIN(n, may - s->sent);
		n = s->station->mouth->write(s, n, s->plan->cork && s->sent + n < may);
		s->sent += n;
		if (!n)
			return;
		s->write_at = later(s, s->plan->write_gap);
	}
}

static bool step_rough(struct side *s)
{
	if ((s->plan->ending != END_ABORT && s->plan->ending != END_EARLY) ||
	    s->sent + s->received < s->plan->rough_at)
		return false;
	s->rough = true;
	if (s->plan->ending == END_ABORT)
		s->station->mouth->abort(s);
	else
		s->station->mouth->close(s);
	side_done(s);
	return true;
}

static void step_end(struct side *s)
{
	const struct mouth *m = s->station->mouth;
	bool all = s->sent == s->plan->total, got = s->received == peer(s)->plan->total;

	if (s->plan->ending == END_SHUTDOWN && all && !s->shut) {
		s->shut = true;
		m->shutdown(s);
	}
	if (m->busy(s))
		return;
	if ((s->eof && all) || (s->plan->ending == END_CLOSE && all && got) ||
	    (s->eof && s->received < peer(s)->plan->total)) {
		m->close(s);
		side_done(s);
	}
}

nsec side_step(struct side *s)
{
	nsec now = world_now(s->station->world), next = NSEC_NEVER;

	if (s->state != SIDE_OPEN)
		return NSEC_NEVER;
	if (s->flow->cut_at && now >= s->flow->cut_at) {
		s->rough = true;
		s->station->mouth->abort(s);
		side_done(s);
		return NSEC_NEVER;
	}
	step_read(s);
	if (s->state == SIDE_OPEN)
		step_write(s);
	if (s->state == SIDE_OPEN && !step_rough(s))
		step_end(s);
	if (s->state != SIDE_OPEN)
		return NSEC_NEVER;
	if (s->read_at > now)
		next = s->read_at;
	if (s->write_at > now && s->sent < may_send(s))
		next = MIN(next, s->write_at);
	if (s->flow->cut_at)
		next = MIN(next, s->flow->cut_at);
	return next;
}
