/* Blocks of 64 bytes summed in vectors (the compilers' own, so on any machine).
 *
 * Vectors have no carry: `all` adds up whole words modulo 2^64 and `high` their upper halves, which
 * cannot overflow; so the lower halves' sum is all - (high << 32), and that cannot either. */
#include "base/csum.h"

#include "base/mem.h"

#define BLOCK CSUM_BLOCK

typedef uint64_t vec __attribute__((vector_size(16)));

struct lanes {
	vec all[4], high[4];
};

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

uint64_t csum_blocks(const uint8_t *b, size_t n, uint64_t sum)
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

uint64_t csum_copy_blocks(uint8_t *restrict to, const uint8_t *restrict b, size_t n, uint64_t sum)
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
