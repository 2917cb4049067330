/* The Internet checksum, RFC 1071: sums over bytes, over chains, and while copying.
 *
 * Words are added eight bytes at a time with the carry brought around, which changes nothing modulo
 * 65535; bytes at the end count as if zeros followed. */
#include "base/csum.h"

#include "base/pkt.h"

/* The last n < 8 bytes as a word. */
static uint64_t load_tail(const uint8_t *b, size_t n)
{
	uint64_t w = 0;

	mem_copy(&w, b, n);
	return w;
}

uint64_t csum_partial(const void *data, size_t n, uint64_t sum)
{
	const uint8_t *b = data;
	uint64_t w;

	for (; n >= 8; b += 8, n -= 8) {
		mem_copy(&w, b, 8);
		sum = csum_add(sum, w);
	}
	return n ? csum_add(sum, load_tail(b, n)) : sum;
}

uint64_t csum_copy(void *restrict to, const void *restrict from, size_t n, uint64_t sum)
{
	mem_copy(to, from, n);
	return csum_partial(to, n, sum);
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
