/* SipHash over bytes of any length; the forms over words are inline in siphash.h. */
#include "base/siphash.h"

#include "base/mem.h"

uint64_t siphash_bytes(const struct siphash_key *key, const void *data, size_t n)
{
	const uint8_t *b = data;
	struct siphash_state s = siphash_begin(key);
	uint64_t word, last = (uint64_t)n << 56;
	size_t i;

	for (i = 0; i + 8 <= n; i += 8) {
		mem_copy(&word, b + i, 8);
		siphash_take(&s, word, 2);
	}
	for (unsigned shift = 0; i < n; i++, shift += 8)
		last |= (uint64_t)b[i] << shift;
	siphash_take(&s, last, 2);
	return siphash_finish(&s, 4);
}
