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

uint64_t siphash_bytes(const struct siphash_key *key, const void *data, size_t n);	/* 2-4 */
/* 2-4 over LE words */
uint64_t siphash_words(const struct siphash_key *key, const uint64_t *w, unsigned n);
uint64_t siphash13_words(const struct siphash_key *key, const uint64_t *w, unsigned n);	/* 1-3 */

#endif
