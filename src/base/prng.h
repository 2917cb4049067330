/* A seeded generator (xoshiro256++, Blackman and Vigna): jitter, identifiers, simulation.
 *
 * Not a source of secrets: what a peer must not guess comes from siphash.h with a key drawn from
 * the platform's entropy. */
#ifndef BASE_PRNG_H
#define BASE_PRNG_H

#include "base/types.h"

struct prng {
	uint64_t s[4];
};

void prng_seed(struct prng *r, uint64_t seed);
uint64_t prng_u64(struct prng *r);

/* Uniform in [0, bound), bound > 0, without modulo bias. */
uint32_t prng_below(struct prng *r, uint32_t bound);

/* True with probability p / 1,000,000. */
bool prng_chance_ppm(struct prng *r, uint32_t ppm);

#endif
