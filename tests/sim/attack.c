/* Strangers: frames that no station has sent, with checksums that are right.
 *
 * A blind one knows who talks to whom, but no number in the window: what it forges must change
 * nothing. One on the path repeats what it saw with something changed: nothing is promised then
 * but that no assertion fails, nothing is lost, and the world comes to rest.  A flood is SYNs of
 * nobody, in bursts; their answers go to a station that did not ask. */
#include <stdlib.h>
#include <string.h>

#include "sim/world.h"

#define SEEN_MAX 32u
#define FRAME_MAX 1600u
#define FLOOD_BURST 32u

struct seen {
	unsigned to;
	uint32_t len;
	uint8_t bytes[FRAME_MAX];
};

struct attack_memory {
	struct seen seen[SEEN_MAX];
	uint32_t n;
};

static uint32_t dice(struct world *w, uint32_t n)
{
	return prng_below(&w->dice, n);
}

static bool chance(struct world *w, uint32_t percent)
{
	return dice(w, 100) < percent;
}

static uint32_t anything(struct world *w)
{
	return (uint32_t)prng_u64(&w->dice);
}

void attack_init(struct world *w)
{
	if (!w->plan.attack)
		return;
	w->memory = calloc(1, sizeof(*w->memory));
	assert(w->memory != NULL);
	sim_task_init(&w->attacker, attack_step, w);
	sim_task_by(&w->sim, &w->attacker, world_now(w) + w->plan.attack_gap);
}

void attack_fini(struct world *w)
{
	free(w->memory);
	w->memory = NULL;
}

/* A flood's target is a SYN that was seen: those are kept. */
static bool worth_keeping(const struct world *w, const struct wire_event *e)
{
	return w->plan.attack != ATTACK_FLOOD || (e->len > 47 && e->bytes[47] == SEG_SYN);
}

void attack_saw(struct world *w, const struct wire_event *e)
{
	struct seen *s;

	if (!w->memory || e->len > FRAME_MAX || !worth_keeping(w, e) ||
	    (w->memory->n >= SEEN_MAX && !chance(w, 30)))
		return;
	s = &w->memory->seen[w->memory->n++ % SEEN_MAX];
	s->to = e->to;
	s->len = e->len;
	memcpy(s->bytes, e->bytes, e->len);
}

static void inject(struct world *w, unsigned to, const uint8_t *frame, uint32_t len)
{
	w->attacks += wire_inject(w->wire, to, frame, len, world_now(w) + dice(w, MSEC(1)));
}

/* ---- blind */

/* A number at least a GiB from the real one: outside of every window. */
static uint32_t far_from(struct world *w, uint32_t real)
{
	return real + (1u << 30) + dice(w, 1u << 31);
}

static void forge_options(struct world *w, struct seg *s)
{
	s->opts = (uint8_t)dice(w, 32) & (uint8_t)~SEG_OPT_SACK;
	s->mss = (uint16_t)anything(w);
	s->wscale = (uint8_t)anything(w);
	s->ts_val = anything(w);
	s->ts_ecr = anything(w);
	if (chance(w, 20)) {
		s->opts |= SEG_OPT_RAW;
		s->raw_n = (uint8_t)(1 + dice(w, 16));
		for (unsigned i = 0; i < s->raw_n; i++)
			s->raw[i] = (uint8_t)anything(w);
	}
}

static void blind(struct world *w, const struct seen *seen)
{
	static uint8_t frame[SEG_FRAME_MAX];
	uint8_t payload[512];
	struct seg s;

	if (seg_parse(&s, seen->bytes, seen->len) || s.proto != SEG_TCP)
		return;
	s.flags = (uint8_t)anything(w);
	if (chance(w, 60))
		s.flags = (uint8_t[]){SEG_RST, SEG_RST | SEG_ACK, SEG_SYN,
				      SEG_ACK, SEG_FIN | SEG_ACK, SEG_SYN | SEG_ACK}[dice(w, 6)];
	s.seq = far_from(w, s.seq);
	s.ack = far_from(w, s.ack);
	s.win = (uint16_t)anything(w);
	s.urg = (uint16_t)anything(w);
	s.len = chance(w, 50) ? dice(w, sizeof(payload)) : 0;
	for (uint32_t i = 0; i < s.len; i++)
		payload[i] = (uint8_t)anything(w);
	s.payload = payload;
	s.raw_n = 0;
	forge_options(w, &s);
	if (chance(w, 20))		/* as if from somebody who has no connection */
		s.sport = (uint16_t)(40000 + dice(w, 20000));
	inject(w, seen->to, frame, seg_build(frame, &s));
}

/* Bytes of no meaning; now and then with a good beginning. */
static void garbage(struct world *w, const struct seen *seen)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = 1 + dice(w, FRAME_MAX - 1), keep = dice(w, 60);

	for (uint32_t i = 0; i < len; i++)
		frame[i] = (uint8_t)anything(w);
	memcpy(frame, seen->bytes, MIN(MIN(keep, len), seen->len));
	if (keep < 24)			/* not an ARP packet that lies well */
		store_be16(frame + 12, 0x0800);
	if (len > 14 && load_be16(frame + 12) == 0x0806)
		return;
	inject(w, seen->to, frame, len);
}

/* ---- on the path */

static void change_number(struct world *w, uint8_t *at)
{
	uint32_t v = load_be32(at);

	v += chance(w, 50) ? dice(w, 3000) - 1500 : anything(w);
	store_be32(at, v);
}

static void on_path(struct world *w, const struct seen *seen)
{
	uint8_t frame[FRAME_MAX];
	uint32_t len = seen->len, n = 1 + dice(w, 3);
	uint8_t *tcp = frame + 34;

	memcpy(frame, seen->bytes, len);
	if (len < 54 || load_be16(frame + 12) != 0x0800 || frame[23] != 6)
		return;
	while (n--) {
		switch (dice(w, 8)) {
		case 0: tcp[13] = (uint8_t)anything(w); break;
		case 1: change_number(w, tcp + 4); break;
		case 2: change_number(w, tcp + 8); break;
		case 3: store_be16(tcp + 14, (uint16_t)anything(w)); break;
		case 4: tcp[12] = (uint8_t)anything(w); break;
		case 5: frame[20 + dice(w, len - 20)] = (uint8_t)anything(w); break;
		case 6: store_be16(frame + 20, (uint16_t)anything(w)); break;	/* a fragment */
		case 7: tcp[20 + dice(w, len - 54 + 1) % 20] = (uint8_t)anything(w); break;
		}
	}
	frame[14] = 0x45;
	if (chance(w, 10))
		len -= dice(w, len - 54 + 1);
	seg_fix(frame, len);
	inject(w, seen->to, frame, len);
}

/* ---- a flood */

static void flood(struct world *w, const struct seen *seen)
{
	static uint8_t frame[SEG_FRAME_MAX];
	struct seg s;

	if (seg_parse(&s, seen->bytes, seen->len) || s.proto != SEG_TCP ||
	    (s.flags & (SEG_SYN | SEG_ACK)) != SEG_SYN)
		return;
	for (unsigned i = 0; i < FLOOD_BURST; i++) {
		s.src = IPV4(172, 16, 0, 0) + dice(w, 1u << 20);
		s.sport = (uint16_t)(1024 + dice(w, 64000));
		s.seq = anything(w);
		s.raw_n = 0;
		forge_options(w, &s);
		inject(w, seen->to, frame, seg_build(frame, &s));
	}
}

static uint32_t attacks_max(const struct world *w)
{
	return w->plan.attack == ATTACK_FLOOD ? 2000 + 400 * w->plan.flows
					      : 500 + 40 * w->plan.flows;
}

nsec attack_step(void *world)
{
	struct world *w = world;
	const struct seen *s;

	if (world_now(w) >= w->plan.faults_until || w->attacks > attacks_max(w))
		return NSEC_NEVER;
	if (w->memory->n) {
		s = &w->memory->seen[dice(w, MIN(w->memory->n, SEEN_MAX))];
		if (w->plan.attack == ATTACK_FLOOD)
			flood(w, s);
		else if (chance(w, 15))
			garbage(w, s);
		else if (w->plan.attack == ATTACK_BLIND)
			blind(w, s);
		else
			on_path(w, s);
	}
	return world_now(w) + 1 + dice(w, (uint32_t)MIN(2 * w->plan.attack_gap, SEC(2)));
}
