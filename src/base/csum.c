/* The Internet checksum, RFC 1071: sums over bytes, over chains, and while copying.
 *
 * Short pieces are added a 64-bit word at a time with the carry brought around, which changes
 * nothing modulo 65535.  From a block of 64 bytes on it goes in vectors (the compilers' own, so on
 * any machine), which have no carry: there `all` adds up whole words modulo 2^64 and `high` their
 * upper halves, which cannot overflow; so the lower halves' sum is all - (high << 32), and that
 * cannot either. */
#include "base/csum.h"

#include "base/pkt.h"

#define BLOCK 64u

typedef uint64_t vec __attribute__((vector_size(16)));

struct lanes {
	vec all[4], high[4];
};

static inline uint64_t load_word(const uint8_t *b)
{
	uint64_t w;

	mem_copy(&w, b, 8);
	return w;
}

static inline vec load_vec(const uint8_t *b)
{
	vec v;

	mem_copy(&v, b, 16);
	return v;
}

static inline void take_vec(struct lanes *l, unsigned i, vec v)
{
	l->all[i] += v;
	l->high[i] += v >> 32;
}

static inline uint64_t add_lanes(const struct lanes *l, uint64_t sum)
{
	vec all = (l->all[0] + l->all[1]) + (l->all[2] + l->all[3]);
	vec high = (l->high[0] + l->high[1]) + (l->high[2] + l->high[3]);
	uint64_t a = all[0] + all[1], h = high[0] + high[1];

	return csum_add(csum_add(sum, a - (h << 32)), h);
}

/* Whole blocks of `n` bytes. */
static uint64_t sum_blocks(const uint8_t *b, size_t n, uint64_t sum)
{
	struct lanes l = {0};

	for (; n >= BLOCK; b += BLOCK, n -= BLOCK) {
		take_vec(&l, 0, load_vec(b));
		take_vec(&l, 1, load_vec(b + 16));
		take_vec(&l, 2, load_vec(b + 32));
		take_vec(&l, 3, load_vec(b + 48));
	}
	return add_lanes(&l, sum);
}

static inline void copy_vec(struct lanes *l, unsigned i, uint8_t *to, const uint8_t *from)
{
	vec v = load_vec(from);

	mem_copy(to, &v, 16);
	take_vec(l, i, v);
}

static uint64_t copy_blocks(uint8_t *restrict to, const uint8_t *restrict b, size_t n, uint64_t sum)
{
	struct lanes l = {0};

	for (; n >= BLOCK; b += BLOCK, to += BLOCK, n -= BLOCK) {
		copy_vec(&l, 0, to, b);
		copy_vec(&l, 1, to + 16, b + 16);
		copy_vec(&l, 2, to + 32, b + 32);
		copy_vec(&l, 3, to + 48, b + 48);
	}
	return add_lanes(&l, sum);
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
		sum = sum_blocks(b, blocks, sum);
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
		sum = copy_blocks(t, b, blocks, sum);
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
