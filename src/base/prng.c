/* xoshiro256++ 1.0 and its recommended seeding by splitmix64. */
#include "base/prng.h"

#include "base/assert.h"

#define PPM 1000000u

static uint64_t rotl(uint64_t x, unsigned k)
{
	return x << k | x >> (64 - k);
}

static uint64_t splitmix64(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* Four outputs of splitmix64 are never all zero, the one state that xoshiro must not have. */
void prng_seed(struct prng *r, uint64_t seed)
{
	for (unsigned i = 0; i < ARRAY_LEN(r->s); i++)
		r->s[i] = splitmix64(&seed);
}

uint64_t prng_u64(struct prng *r)
{
	uint64_t *s = r->s, result = rotl(s[0] + s[3], 23) + s[0], t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return result;
}

/* The upper half of a 32x32 bit product, drawing again for the few low halves that would favour
 * some results (Lemire, "Fast random integer generation in an interval"). */
uint32_t prng_below(struct prng *r, uint32_t bound)
{
	uint64_t product;
	uint32_t unfair;

	assert(bound > 0);
	product = (prng_u64(r) >> 32) * bound;
	if (unlikely((uint32_t)product < bound)) {
		unfair = -bound % bound;
		while ((uint32_t)product < unfair)
			product = (prng_u64(r) >> 32) * bound;
	}
	return (uint32_t)(product >> 32);
}

bool prng_chance_ppm(struct prng *r, uint32_t ppm)
{
	return prng_below(r, PPM) < ppm;
}
