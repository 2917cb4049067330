/* The decision of impair.h.  Draws from the generator in a fixed order, and only for faults
 * that are on, so that a fault's probability can be changed without moving the others' chance
 * by more than it must. */
#include "drivers/wire/impair.h"

#include "base/assert.h"

#define ETH_LEN 14u
#define WIRE_OVERHEAD 24u	/* preamble, FCS and gap: IEEE 802.3 §4.4.2; counted by rate_bps */
#define FRAME_BYTES_MIN 60u

const char *impair_fate_name(enum impair_fate fate)
{
	static const char *const names[IMPAIR_FATES] = {
		"passed", "lost", "queue full", "longer than the wire's MTU", "blackout",
	};

	return names[fate];
}

void impair_init(struct impair *w, const struct impair_faults *faults, uint64_t seed)
{
	*w = (struct impair){.faults = *faults, .faults_until = NSEC_NEVER};
	prng_seed(&w->prng, seed);
	w->flip_to = prng_u64(&w->prng) & 1;
}

static bool in_blackout(const struct impair *w, nsec now)
{
	const struct impair_faults *f = &w->faults;

	return f->blackout_for && now % f->blackout_every >= f->blackout_every - f->blackout_for;
}

static bool is_lost(struct impair *w)
{
	const struct impair_faults *f = &w->faults;

	if (w->spell_left == 0 && f->spell_ppm && prng_chance_ppm(&w->prng, f->spell_ppm))
		w->spell_left = 1 + prng_below(&w->prng, 2 * f->spell_frames + 1);
	if (w->spell_left) {
		w->spell_left--;
		return true;
	}
	return f->loss_ppm && prng_chance_ppm(&w->prng, f->loss_ppm);
}

/* When the frame's last bit has left, or false when it finds the queue full. */
static bool serialize(struct impair *w, uint32_t len, nsec now, nsec *leaves)
{
	const struct impair_faults *f = &w->faults;
	uint64_t bits = 8ull * (MAX(len, FRAME_BYTES_MIN) + WIRE_OVERHEAD);
	nsec start = MAX(w->line_free, now);

	*leaves = now;
	if (!f->rate_bps)
		return true;
	if (f->queue_bytes && (start - now) / 8000 * f->rate_bps / 1000000 > f->queue_bytes)
		return false;
	*leaves = w->line_free = start + bits * SEC(1) / f->rate_bps;
	return true;
}

static bool may_flip(const struct impair *w, const uint8_t *frame, uint32_t at,
		     const struct impair_delivery *d)
{
	for (uint32_t k = 0; k < d->flips_n; k++)
		if (d->flips[k] == at)
			return false;
	return (frame[at / 8] >> (7 - at % 8) & 1) != w->flip_to;
}

/* Each flip hits the first bit from a random one on that can still turn the wire's way. */
static void choose_flips(struct impair *w, const uint8_t *frame, uint32_t len,
			 struct impair_delivery *d)
{
	uint32_t bits = 8 * len, want = 1 + prng_below(&w->prng, IMPAIR_FLIPS_MAX);

	while (want--) {
		uint32_t at = prng_below(&w->prng, bits), tries = bits;

		while (!may_flip(w, frame, at, d) && --tries)
			at = at + 1 < bits ? at + 1 : 0;
		if (tries)
			d->flips[d->flips_n++] = at;
	}
	w->corrupted += d->flips_n != 0;
}

static void deliver(struct impair *w, const uint8_t *frame, uint32_t len, nsec leaves, bool faulty,
		    struct impair_delivery *d)
{
	const struct impair_faults *f = &w->faults;

	d->at = leaves + f->delay;
	if (f->jitter)
		d->at += prng_u64(&w->prng) % f->jitter;
	if (faulty && f->reorder_ppm && prng_chance_ppm(&w->prng, f->reorder_ppm)) {
		d->at += 1 + prng_u64(&w->prng) % (f->reorder_by + 1);
		d->reordered = true;
		w->reordered++;
	} else {
		d->at = w->last_at = MAX(d->at, w->last_at);
	}
	if (faulty && f->corrupt_ppm && prng_chance_ppm(&w->prng, f->corrupt_ppm))
		choose_flips(w, frame, len, d);
}

/* Would a router mark it? The two bits are 10 or 01, and the queue is long. */
static bool is_marked(struct impair *w, const uint8_t *frame, uint32_t len, nsec waits)
{
	const struct impair_faults *f = &w->faults;
	bool capable = len >= ETH_LEN + 20 && frame[12] == 8 && frame[13] == 0 &&
		       ((frame[ETH_LEN + 1] & 3) == 1 || (frame[ETH_LEN + 1] & 3) == 2);

	if (!f->mark_bytes || !capable || waits / 8000 * f->rate_bps / 1000000 <= f->mark_bytes)
		return false;
	w->marked++;
	return true;
}

static enum impair_fate fate_of(struct impair *w, uint32_t len, nsec now, bool faulty, nsec *leaves)
{
	const struct impair_faults *f = &w->faults;

	if (f->mtu && len > f->mtu + ETH_LEN)
		return IMPAIR_TOO_LONG;
	if (!serialize(w, len, now, leaves))
		return IMPAIR_QUEUE_FULL;
	if (faulty && in_blackout(w, now))
		return IMPAIR_BLACKOUT;
	if (faulty && is_lost(w))
		return IMPAIR_LOST;
	return IMPAIR_PASS;
}

void impair_decide(struct impair *w, const uint8_t *frame, uint32_t len, nsec now,
		   struct impair_verdict *out)
{
	bool faulty = now < w->faults_until;
	nsec leaves = now;

	assert(len > 0);
	*out = (struct impair_verdict){.fate = fate_of(w, len, now, faulty, &leaves)};
	w->frames++;
	w->fates[out->fate]++;
	if (out->fate != IMPAIR_PASS)
		return;
	out->to[0].marked = is_marked(w, frame, len, leaves - now);
	deliver(w, frame, len, leaves, faulty, &out->to[out->n++]);
	if (faulty && w->faults.dup_ppm && prng_chance_ppm(&w->prng, w->faults.dup_ppm)) {
		out->to[out->n].duplicate = true;
		deliver(w, frame, len, leaves, faulty, &out->to[out->n++]);
		w->duplicated++;
	}
}

/* CE, and the header's checksum as RFC 1624 §3 has it: m' - m is at most 3, in the low byte. */
static void mark(uint8_t *frame)
{
	uint8_t *tos = frame + ETH_LEN + 1, *sum = frame + ETH_LEN + 10;
	uint32_t c = (uint32_t)sum[0] << 8 | sum[1], more = 3u - (*tos & 3u);

	c = c >= more ? c - more : c + 0xffff - more;
	*tos |= 3;
	sum[0] = (uint8_t)(c >> 8);
	sum[1] = (uint8_t)c;
}

void impair_flip(const struct impair_delivery *d, uint8_t *frame, uint32_t len)
{
	if (d->marked)
		mark(frame);
	for (uint32_t i = 0; i < d->flips_n; i++) {
		assert(d->flips[i] < 8 * len);
		frame[d->flips[i] / 8] ^= (uint8_t)(0x80u >> d->flips[i] % 8);
	}
}
