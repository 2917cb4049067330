/* Keyed hashing: SipHash-1-3 for tables, SipHash-2-4 for secrets on the wire (ISN, cookies, ports).
 *
 * Aumasson and Bernstein, "SipHash: a fast short-input PRF".  The fixed-size forms are inline and
 * take words; the general form takes bytes. */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include "base/types.h"

struct siphash_key {
	uint64_t k[2];
};

/* 2-4 over bytes. */
uint64_t siphash_bytes(const struct siphash_key *key, const void *data, size_t n);

struct siphash_state {
	uint64_t v[4];
};

static inline uint64_t siphash_rotl(uint64_t x, unsigned k)
{
	return x << k | x >> (64 - k);
}

static inline void siphash_round(struct siphash_state *s)
{
	uint64_t *v = s->v;

	v[0] += v[1];
	v[2] += v[3];
	v[1] = siphash_rotl(v[1], 13) ^ v[0];
	v[3] = siphash_rotl(v[3], 16) ^ v[2];
	v[0] = siphash_rotl(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = siphash_rotl(v[1], 17) ^ v[2];
	v[3] = siphash_rotl(v[3], 21) ^ v[0];
	v[2] = siphash_rotl(v[2], 32);
}

static inline struct siphash_state siphash_begin(const struct siphash_key *key)
{
	return (struct siphash_state){{
		key->k[0] ^ 0x736f6d6570736575u, key->k[1] ^ 0x646f72616e646f6du,
		key->k[0] ^ 0x6c7967656e657261u, key->k[1] ^ 0x7465646279746573u,
	}};
}

/* Takes one word in `rounds` rounds. */
static inline void siphash_take(struct siphash_state *s, uint64_t word, unsigned rounds)
{
	s->v[3] ^= word;
	while (rounds--)
		siphash_round(s);
	s->v[0] ^= word;
}

static inline uint64_t siphash_finish(struct siphash_state *s, unsigned rounds)
{
	s->v[2] ^= 0xff;
	while (rounds--)
		siphash_round(s);
	return s->v[0] ^ s->v[1] ^ s->v[2] ^ s->v[3];
}

/* 2-4 over little-endian words: the same as siphash_bytes() over 8 * n bytes. */
static inline uint64_t siphash_words(const struct siphash_key *key, const uint64_t *w, unsigned n)
{
	struct siphash_state s = siphash_begin(key);

	for (unsigned i = 0; i < n; i++)
		siphash_take(&s, w[i], 2);
	siphash_take(&s, (uint64_t)n << 59, 2);
	return siphash_finish(&s, 4);
}

/* 1-3. */
static inline uint64_t siphash13_words(const struct siphash_key *key, const uint64_t *w,
				       unsigned n)
{
	struct siphash_state s = siphash_begin(key);

	for (unsigned i = 0; i < n; i++)
		siphash_take(&s, w[i], 1);
	siphash_take(&s, (uint64_t)n << 59, 1);
	return siphash_finish(&s, 3);
}

#endif
