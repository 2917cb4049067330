/* The Internet checksum, RFC 1071: sums, folds, updates and copies that sum on the way.
 *
 * A partial sum is a uint64_t of native-order 16-bit words with carries not yet folded; adding
 * partial sums of pieces is right when each piece but the last has an even length (csum_swap()
 * mends an odd one).  csum_fold() gives the value to store as it is (native order of the stored
 * bytes). */
#ifndef BASE_CSUM_H
#define BASE_CSUM_H

#include "base/addr.h"

struct pkt;

static inline uint64_t csum_add(uint64_t a, uint64_t b)
{
	a += b;
	return a + (a < b);
}

/* For csum_partial(): any length, not inline. */
uint64_t csum_bytes(const void *data, size_t n, uint64_t sum);

/* Words [first, first + 1) of constant place, when there are so many bytes. */
static inline uint64_t csum_word_of(const uint8_t *b, size_t n, size_t first, uint64_t sum)
{
	uint64_t w;

	if (n < 8 * (first + 1))
		return sum;
	mem_copy(&w, b + 8 * first, 8);
	return csum_add(sum, w);
}

/* Adds `n` bytes to `sum`.  A constant length of headers, up to 64 and a multiple of 4, is
 * inline. */
static inline uint64_t csum_partial(const void *data, size_t n, uint64_t sum)
{
	const uint8_t *b = data;
	uint32_t w;

	if (!__builtin_constant_p(n) || n > 64 || n % 4)
		return csum_bytes(data, n, sum);
	sum = csum_word_of(b, n, 0, sum);
	sum = csum_word_of(b, n, 1, sum);
	sum = csum_word_of(b, n, 2, sum);
	sum = csum_word_of(b, n, 3, sum);
	sum = csum_word_of(b, n, 4, sum);
	sum = csum_word_of(b, n, 5, sum);
	sum = csum_word_of(b, n, 6, sum);
	sum = csum_word_of(b, n, 7, sum);
	if (n % 8 == 0)
		return sum;
	mem_copy(&w, b + n - 4, 4);
	return csum_add(sum, w);
}

/* Copies and sums in one pass. */
uint64_t csum_copy(void *restrict to, const void *restrict from, size_t n, uint64_t sum);

/* The same for whole blocks of CSUM_BLOCK: `n` is a multiple.  csum_blocks.c, chosen by machine. */
#define CSUM_BLOCK 64u
uint64_t csum_blocks(const uint8_t *b, size_t n, uint64_t sum);
uint64_t csum_copy_blocks(uint8_t *restrict to, const uint8_t *restrict b, size_t n, uint64_t sum);

/* Adds bytes [off, off + n) of a chain. */
uint64_t csum_pkt(const struct pkt *p, uint32_t off, uint32_t n, uint64_t sum);

/* The upper half of x + (x with its halves exchanged) is the sum of the halves with its carry. */
static inline uint16_t csum_fold_raw(uint64_t sum)
{
	uint32_t s = (uint32_t)((sum + (sum << 32 | sum >> 32)) >> 32);

	return (uint16_t)((s + (s << 16 | s >> 16)) >> 16);
}

/* The field to store (mem_copy of this uint16_t), or 0 when checking bytes that include the
 * field. */
static inline uint16_t csum_fold(uint64_t sum)
{
	return (uint16_t)~csum_fold_raw(sum);
}

/* A sum over bytes that start at an odd offset, as it counts in the whole. */
static inline uint64_t csum_swap(uint64_t sum)
{
	return __builtin_bswap16(csum_fold_raw(sum));
}

/* The pseudo-header of RFC 9293 §3.1 and RFC 8200 §8.1; for mapped addresses the IPv4 form, which
 * sums to the same because the prefix ffff is one's-complement zero. `l4_len` in host order. */
static inline uint64_t csum_pseudo(const struct addr *src, const struct addr *dst,
				   uint8_t proto, uint32_t l4_len)
{
	uint64_t s = (uint64_t)src->w[3] + dst->w[3] + __builtin_bswap32(l4_len) +
		     ((uint32_t)proto << 24);

	if (!addr_is_v4(src))
		s += (uint64_t)src->w[0] + src->w[1] + src->w[2] +
		     dst->w[0] + dst->w[1] + dst->w[2];
	return s;
}

/* A kernel that sends through memory (a veth, a packet socket) leaves the sum over a TCP or UDP
 * segment to a device, and the field holds that of the pseudo-header.  Such a packet was never on a
 * wire.  `ip`: `n` bytes of an IPv4 packet, whatever they are. */
bool csum_left_out(const uint8_t *ip, uint32_t n);

/* RFC 1624: the stored checksum `csum` after a 16-bit word (native order) went from `old` to
 * `new`. */
static inline uint16_t csum_update(uint16_t csum, uint16_t old_word, uint16_t new_word)
{
	return csum_fold((uint64_t)(uint16_t)~csum + (uint16_t)~old_word + new_word);
}

#endif
