/* What a bad wire does to a frame: a decision, and nothing else.
 *
 * (faults, seed, bytes, moment) -> fate and deliveries.  No queue of frames, no clock, no
 * device: the simulator asks with virtual time, a cable between two real devices with real
 * time.  One struct per direction; its state is the generator, the serialization clock and the
 * order of deliveries.
 * Always: the same seed and the same calls give the same answers; a frame that is not reordered
 * arrives no earlier than the one before it. */
#ifndef DRIVERS_WIRE_IMPAIR_H
#define DRIVERS_WIRE_IMPAIR_H

#include "base/prng.h"

#define IMPAIR_FLIPS_MAX 4u
#define IMPAIR_DELIVERIES_MAX 2u

struct impair_faults {		/* all zero: a perfect wire without delay */
	uint32_t loss_ppm;	/* chance of loss, a frame */
	/* chance that a bad spell begins with this frame (Gilbert's model) */
	uint32_t spell_ppm;
	uint32_t spell_frames;	/* mean length of a spell; all frames in it are lost */
	uint32_t dup_ppm;
	uint32_t reorder_ppm;	/* delivered up to `reorder_by` late, overtaken meanwhile */
	uint32_t corrupt_ppm;	/* 1..IMPAIR_FLIPS_MAX bits flipped: impair_flip() */
	nsec delay, jitter;	/* delay + uniform [0, jitter), order kept */
	nsec reorder_by;
	uint64_t rate_bps;	/* bits a second; 0: no limit */
	uint32_t queue_bytes;	/* may wait for the rate; 0: no limit */
	/* when so many wait, ECN-capable IPv4 packets are marked (RFC 3168 §5); 0: never */
	uint32_t mark_bytes;
	/* bytes of a frame without its Ethernet header; longer is lost; 0: no limit */
	uint32_t mtu;
	nsec blackout_every, blackout_for;	/* nothing passes in the last part of each period */
};

enum impair_fate {
	IMPAIR_PASS,
	IMPAIR_LOST,
	IMPAIR_QUEUE_FULL,
	IMPAIR_TOO_LONG,
	IMPAIR_BLACKOUT,
	IMPAIR_FATES
};

struct impair_delivery {
	nsec at;
	uint8_t flips_n;
	/* bit positions, 0: highest bit of the first byte */
	uint32_t flips[IMPAIR_FLIPS_MAX];
	bool reordered, duplicate, marked;
};

struct impair_verdict {
	enum impair_fate fate;
	uint32_t n;		/* deliveries, 0 unless IMPAIR_PASS */
	struct impair_delivery to[IMPAIR_DELIVERIES_MAX];
};

struct impair {
	struct impair_faults faults;
	struct prng prng;
	/* loss, duplication, reordering, corruption and blackouts end then */
	nsec faults_until;
	nsec line_free;		/* when the last accepted frame has left at rate_bps */
	nsec last_at;		/* delivery of the latest frame that was not reordered */
	uint32_t spell_left;	/* frames still to be lost in this bad spell */
	/* every flip of this wire turns a bit into this: see impair_flip() */
	bool flip_to;
	uint64_t frames, fates[IMPAIR_FATES], duplicated, reordered, corrupted, marked;
};

void impair_init(struct impair *w, const struct impair_faults *faults, uint64_t seed);

/* `len` bytes of frame, Ethernet header included, begin to leave at `now` (which never goes
 * back). */
void impair_decide(struct impair *w, const uint8_t *frame, uint32_t len, nsec now,
		   struct impair_verdict *out);

/* Applies the flips and the mark of a delivery to its copy of the frame.
 *
 * The flips of one wire all turn bits the same way, so their sum over any set of its frames is
 * no multiple of 65535 and the Internet checksum always notices.  Damage that it cannot notice
 * would be damage that no stack without another checksum could: it would prove nothing. */
void impair_flip(const struct impair_delivery *d, uint8_t *frame, uint32_t len);

const char *impair_fate_name(enum impair_fate fate);

#endif
