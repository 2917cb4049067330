/* Blocks of 64 bytes summed by plain words, for a machine whose vector registers are left alone.
 *
 * Without carries, which an emulator has to work out: `all` adds up whole words modulo 2^64 and
 * `high` their upper halves, which cannot overflow; so the lower halves' sum is all - (high << 32).
 */
#include "base/csum.h"

#include "base/mem.h"

#define WORDS (CSUM_BLOCK / 8)

uint64_t csum_blocks(const uint8_t *b, size_t n, uint64_t sum)
{
	uint64_t all = 0, high = 0, w[WORDS];

	for (; n >= CSUM_BLOCK; b += CSUM_BLOCK, n -= CSUM_BLOCK) {
		for (unsigned i = 0; i < WORDS; i++) {
			mem_copy(&w[i], b + 8 * i, 8);
			all += w[i];
			high += w[i] >> 32;
		}
	}
	return csum_add(csum_add(sum, all - (high << 32)), high);
}

uint64_t csum_copy_blocks(uint8_t *restrict to, const uint8_t *restrict b, size_t n, uint64_t sum)
{
	uint64_t all = 0, high = 0, w[WORDS];

	for (; n >= CSUM_BLOCK; b += CSUM_BLOCK, to += CSUM_BLOCK, n -= CSUM_BLOCK) {
		for (unsigned i = 0; i < WORDS; i++) {
			mem_copy(&w[i], b + 8 * i, 8);
			mem_copy(to + 8 * i, &w[i], 8);
			all += w[i];
			high += w[i] >> 32;
		}
	}
	return csum_add(csum_add(sum, all - (high << 32)), high);
}
