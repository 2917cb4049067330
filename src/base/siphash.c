/* SipHash-c-d: c rounds a word, d rounds at the end. */
#include "base/siphash.h"

#include "base/mem.h"

struct state {
	uint64_t v[4];
};

static inline uint64_t rotl(uint64_t x, unsigned k)
{
	return x << k | x >> (64 - k);
}

static inline void sip_round(struct state *s)
{
	uint64_t *v = s->v;

	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] = rotl(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] = rotl(v[2], 32);
}

static inline struct state begin(const struct siphash_key *key)
{
	return (struct state){{
		key->k[0] ^ 0x736f6d6570736575u, key->k[1] ^ 0x646f72616e646f6du,
		key->k[0] ^ 0x6c7967656e657261u, key->k[1] ^ 0x7465646279746573u,
	}};
}

static inline void take(struct state *s, uint64_t word, unsigned rounds)
{
	s->v[3] ^= word;
	while (rounds--)
		sip_round(s);
	s->v[0] ^= word;
}

static inline uint64_t finish(struct state *s, unsigned rounds)
{
	s->v[2] ^= 0xff;
	while (rounds--)
		sip_round(s);
	return s->v[0] ^ s->v[1] ^ s->v[2] ^ s->v[3];
}

uint64_t siphash_bytes(const struct siphash_key *key, const void *data, size_t n)
{
	const uint8_t *b = data;
	struct state s = begin(key);
	uint64_t word, last = (uint64_t)n << 56;
	size_t i;

	for (i = 0; i + 8 <= n; i += 8) {
		mem_copy(&word, b + i, 8);
		take(&s, word, 2);
	}
	for (unsigned shift = 0; i < n; i++, shift += 8)
		last |= (uint64_t)b[i] << shift;
	take(&s, last, 2);
	return finish(&s, 4);
}

uint64_t siphash_words(const struct siphash_key *key, const uint64_t *w, unsigned n)
{
	struct state s = begin(key);

	for (unsigned i = 0; i < n; i++)
		take(&s, w[i], 2);
	take(&s, (uint64_t)n << 59, 2);
	return finish(&s, 4);
}

uint64_t siphash13_words(const struct siphash_key *key, const uint64_t *w, unsigned n)
{
	struct state s = begin(key);

	for (unsigned i = 0; i < n; i++)
		take(&s, w[i], 1);
	take(&s, (uint64_t)n << 59, 1);
	return finish(&s, 3);
}
