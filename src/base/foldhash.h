/* A keyed hash for tables in a dozen instructions: 64 x 64 -> 128 bit products, folded.
 *
 * For tables only: who does not know the key and does not see the hash cannot aim at a bucket,
 * which is all that a table needs.  What goes on the wire is siphash.h's.  (SipHash-1-3 over
 * the same two words takes ten times the instructions, and was the dearest single step of
 * receiving a segment: docs/adr/0010-table-hash.md.) */
#ifndef BASE_FOLDHASH_H
#define BASE_FOLDHASH_H

#include "base/siphash.h"

static inline uint64_t foldhash_mul(uint64_t a, uint64_t b)
{
	unsigned __int128 p = (unsigned __int128)a * b;

	return (uint64_t)p ^ (uint64_t)(p >> 64);
}

/* Two words. Both halves of the key go in before a product, and once more behind it, so that no
 * choice of words makes a factor zero but by chance. */
static inline uint64_t foldhash_2(const struct siphash_key *key, uint64_t w0, uint64_t w1)
{
	uint64_t h = foldhash_mul(w0 ^ key->k[0], w1 ^ key->k[1]);

	return foldhash_mul(h ^ key->k[1], key->k[0] ^ 0x9e3779b97f4a7c15u) ^ h;
}

static inline uint64_t foldhash_words(const struct siphash_key *key, const uint64_t *w, unsigned n)
{
	uint64_t h = n;

	while (n--)
		h = foldhash_2(key, h, w[n]);
	return h;
}

#endif
