/* What compilers call without being asked: copying, clearing, comparing.
 *
 * By 64-bit words, unrolled: under emulation string instructions are a hundred times slower. */
#include "base/types.h"
#include "port/metal/mem.h"

typedef uint64_t mem_word __attribute__((may_alias, aligned(1)));

#define WORD 8u
#define RUN (4 * WORD)

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	uint8_t *d = to;
	const uint8_t *s = from;

	for (; n >= RUN; n -= RUN, d += RUN, s += RUN) {
		uint64_t a = *(const mem_word *)s, b = *(const mem_word *)(s + WORD);
		uint64_t c = *(const mem_word *)(s + 2 * WORD);
		uint64_t e = *(const mem_word *)(s + 3 * WORD);

		*(mem_word *)d = a;
		*(mem_word *)(d + WORD) = b;
		*(mem_word *)(d + 2 * WORD) = c;
		*(mem_word *)(d + 3 * WORD) = e;
	}
	for (; n >= WORD; n -= WORD, d += WORD, s += WORD)
		*(mem_word *)d = *(const mem_word *)s;
	while (n--)
		*d++ = *s++;
	return to;
}

static void mem_backward(uint8_t *d, const uint8_t *s, size_t n)
{
	while (n >= WORD) {
		n -= WORD;
		*(mem_word *)(d + n) = *(const mem_word *)(s + n);
	}
	while (n--)
		d[n] = s[n];
}

void *memmove(void *to, const void *from, size_t n)
{
	uint8_t *d = to;
	const uint8_t *s = from;

	if ((uintptr_t)d - (uintptr_t)s >= n)	/* forward never overtakes itself */
		return memcpy(to, from, n);
	mem_backward(d, s, n);
	return to;
}

void *memset(void *to, int byte, size_t n)
{
	uint64_t v = (uint8_t)byte * 0x0101010101010101ull;
	uint8_t *d = to;

	for (; n >= RUN; n -= RUN, d += RUN) {
		*(mem_word *)d = v;
		*(mem_word *)(d + WORD) = v;
		*(mem_word *)(d + 2 * WORD) = v;
		*(mem_word *)(d + 3 * WORD) = v;
	}
	for (; n >= WORD; n -= WORD, d += WORD)
		*(mem_word *)d = v;
	while (n--)
		*d++ = (uint8_t)byte;
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a, *y = b;

	for (; n >= WORD; n -= WORD, x += WORD, y += WORD)
		if (*(const mem_word *)x != *(const mem_word *)y)
			break;
	for (; n > 0; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return n;
}

/* Bits that are set: for processors without an instruction for it. */
int __popcountdi2(long v)
{
	uint64_t n = (uint64_t)v;

	n -= n >> 1 & 0x5555555555555555ull;
	n = (n & 0x3333333333333333ull) + (n >> 2 & 0x3333333333333333ull);
	n = (n + (n >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (int)(n * 0x0101010101010101ull >> 56);
}
