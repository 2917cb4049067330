/* The Internet checksum, RFC 1071: sums over bytes, over chains, and while copying.
 *
 * Short pieces are added a 64-bit word at a time with the carry brought around, which changes
 * nothing modulo 65535.  Whole blocks go as the machine likes best: csum_blocks.c of generic/
 * (vectors) or metal/ (plain words). */
#include "base/csum.h"

#include "base/pkt.h"

#define BLOCK CSUM_BLOCK

static inline uint64_t load_word(const uint8_t *b)
{
	uint64_t w;

	mem_copy(&w, b, 8);
	return w;
}

/* The n < 8 bytes at `b` as a word, zeros behind them. */
static inline uint64_t load_few(const uint8_t *b, size_t n)
{
	uint64_t w = 0;
	uint32_t four;
	uint16_t two;
	unsigned shift = 0;

	if (n & 4) {
		mem_copy(&four, b, 4);
		w = four;
		b += 4;
		shift = 32;
	}
	if (n & 2) {
		mem_copy(&two, b, 2);
		w |= (uint64_t)two << shift;
		b += 2;
		shift += 16;
	}
	return n & 1 ? w | (uint64_t)*b << shift : w;
}

uint64_t csum_bytes(const void *data, size_t n, uint64_t sum)
{
	const uint8_t *b = data;
	size_t blocks = n & ~(size_t)(BLOCK - 1);

	if (blocks) {
		sum = csum_blocks(b, blocks, sum);
		b += blocks;
		n -= blocks;
	}
	if (n < 8 && !blocks)
		return csum_add(sum, load_few(b, n));
	for (; n >= 8; b += 8, n -= 8)
		sum = csum_add(sum, load_word(b));
	/* The last n < 8 bytes are the upper ones of the eight that end with them. */
	return csum_add(sum, load_word(b + n - 8) >> 1 >> (63 - 8 * n));
}

uint64_t csum_copy(void *restrict to, const void *restrict from, size_t n, uint64_t sum)
{
	const uint8_t *b = from;
	uint8_t *t = to;
	size_t blocks = n & ~(size_t)(BLOCK - 1);
	uint64_t w;

	if (blocks) {
		sum = csum_copy_blocks(t, b, blocks, sum);
		b += blocks;
		t += blocks;
		n -= blocks;
	}
	for (; n >= 8; b += 8, t += 8, n -= 8) {
		w = load_word(b);
		mem_copy(t, &w, 8);
		sum = csum_add(sum, w);
	}
	w = load_few(b, n);
	if (n & 4) {
		mem_copy(t, &w, 4);
		t += 4;
	}
	if (n & 2) {
		mem_copy(t, (const uint8_t *)&w + (n & 4), 2);
		t += 2;
	}
	if (n & 1)
		*t = ((const uint8_t *)&w)[n & 6];
	return csum_add(sum, w);
}

uint64_t csum_pkt(const struct pkt *p, uint32_t off, uint32_t n, uint64_t sum)
{
	bool odd = false;
	uint64_t s;

	for (; p && off >= p->len; p = p->frag)
		off -= p->len;
	for (; p && n; p = p->frag, off = 0) {
		uint32_t k = MIN(n, p->len - off);

		s = csum_partial(p->data + off, k, 0);
		sum = csum_add(sum, odd ? csum_swap(s) : s);
		odd ^= k & 1;
		n -= k;
	}
	assert(n == 0);
	return sum;
}

bool csum_left_out(const uint8_t *ip, uint32_t n)
{
	uint32_t head, field, total;
	uint64_t sum;
	uint16_t was;

	if (n < 20)
		return false;
	head = (ip[0] & 15u) * 4u;
	total = load_be16(ip + 2);
	field = ip[9] == 6 ? 16 : ip[9] == 17 ? 6 : UINT32_MAX;
	if (field == UINT32_MAX || head < 20 || head + field + 2 > total || total > n)
		return false;
	mem_copy(&was, ip + head + field, 2);
	sum = csum_partial(ip + 12, 8, __builtin_bswap32(total - head));
	return was == csum_fold_raw(csum_add(sum, (uint32_t)ip[9] << 24));
}
