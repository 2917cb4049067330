/* The scanners for x86-64's three widths of vectors, and what SSSE3 and AVX2 share.
 *
 * SSSE3 is in every x86-64-v2 processor, for which all of leat is compiled; http_scanner.c asks for
 * the others at run time.  They classify a byte by looking its two halves up with a byte shuffle:
 * bit h of low[l] says that character 16 * h + l is in the class.  The tables repeat what
 * http_char_class says, which the tests prove. */
#ifndef HTTP_X86_64_HTTP_VECTORS_H
#define HTTP_X86_64_HTTP_VECTORS_H

#include "http/http_char.h"
#include "http/http_scan_int.h"

#include <immintrin.h>

#define ALWAYS_INLINE static inline __attribute__((always_inline))

extern const struct http_scanner http_scanner_ssse3, http_scanner_avx2, http_scanner_avx512;

static const uint8_t http_low_token[16] = {
	0xe8, 0xfc, 0xf8, 0xfc, 0xfc, 0xfc, 0xfc, 0xfc,
	0xf8, 0xf8, 0xf4, 0x54, 0xd0, 0x54, 0xf4, 0x70,
};
static const uint8_t http_low_target[16] = {
	0xf8, 0xfc, 0xf8, 0xf8, 0xfc, 0xfc, 0xfc, 0xfc,
	0xfc, 0xfc, 0xfc, 0xfc, 0xf4, 0xfc, 0xf4, 0x7c,
};
static const uint8_t http_low_host[16] = {
	0xa8, 0xfc, 0xf8, 0xf8, 0xfc, 0xf8, 0xfc, 0xfc,
	0xfc, 0xfc, 0xf4, 0x5c, 0x50, 0x5c, 0xd4, 0x70,
};
static const uint8_t http_high[16] = { 1, 2, 4, 8, 16, 32, 64, 128 };

ALWAYS_INLINE const uint8_t *http_low_of(uint8_t class)
{
	return class == HTTP_CH_TARGET ? http_low_target : http_low_host;
}

/* n < 16 bytes and zeros after them, without reading more than n. */
ALWAYS_INLINE __m128i http_load_few(const uint8_t *p, uint32_t n)
{
	uint64_t a = 0, b = 0;

	if (n > 8) {
		__builtin_memcpy(&a, p, 8);
		__builtin_memcpy(&b, p + n - 8, 8);
		b >>= 128 - 8 * n;
	} else if (n >= 4) {
		uint32_t head, tail;

		__builtin_memcpy(&head, p, 4);
		__builtin_memcpy(&tail, p + n - 4, 4);
		a = head | (uint64_t)tail << (8 * n - 32);
	} else if (n) {
		a = p[0] | (uint64_t)p[n / 2] << (n / 2 * 8) | (uint64_t)p[n - 1] << (8 * n - 8);
	}
	return _mm_set_epi64x((long long)b, (long long)a);
}

/* Of some bytes. */
struct http_bits {
	uint32_t cr, lf, control, nontoken;
};

ALWAYS_INLINE void http_bits_place(struct http_scan_masks *m, struct http_bits b, uint32_t at)
{
	m->cr |= (uint64_t)b.cr << at;
	m->lf |= (uint64_t)b.lf << at;
	m->control |= (uint64_t)b.control << at;
	m->nontoken |= (uint64_t)b.nontoken << at;
}

/* The last n < 64 bytes of a window that is longer: those of a whole block, read again from further
 * in front, less what is in front. */
ALWAYS_INLINE struct http_scan_masks http_masks_last(struct http_scan_masks m, uint32_t n)
{
	return (struct http_scan_masks){ m.cr >> (64 - n), m.lf >> (64 - n), m.control >> (64 - n),
					 m.nontoken >> (64 - n) };
}

__attribute__((target("ssse3")))
ALWAYS_INLINE struct http_bits http_classify_16(__m128i x)
{
	const __m128i low = _mm_loadu_si128((const void *)http_low_token);
	const __m128i high = _mm_loadu_si128((const void *)http_high);
	__m128i upper = _mm_and_si128(_mm_srli_epi16(x, 4), _mm_set1_epi8(15));
	__m128i token = _mm_and_si128(_mm_shuffle_epi8(low, x), _mm_shuffle_epi8(high, upper));
	__m128i below = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(31)), x);
	__m128i tab = _mm_cmpeq_epi8(x, _mm_set1_epi8('\t'));
	__m128i control = _mm_or_si128(_mm_andnot_si128(tab, below),
				       _mm_cmpeq_epi8(x, _mm_set1_epi8(127)));

	return (struct http_bits){
		.cr = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_set1_epi8('\r'))),
		.lf = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_set1_epi8('\n'))),
		.control = (uint32_t)_mm_movemask_epi8(control),
		.nontoken = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(token, _mm_setzero_si128())),
	};
}

/* A window of n < 64 bytes in all. */
__attribute__((target("ssse3")))
ALWAYS_INLINE struct http_scan_masks http_masks_short(const uint8_t *p, uint32_t n)
{
	struct http_scan_masks m = { 0 };
	uint32_t at = 0;

	for (; at + 16 <= n; at += 16)
		http_bits_place(&m, http_classify_16(_mm_loadu_si128((const void *)(p + at))), at);
	if (at < n) {
		struct http_bits b = http_classify_16(http_load_few(p + at, n - at));
		uint32_t valid = (1u << (n - at)) - 1;

		b.control &= valid;	/* the zeros are control characters and no tchars */
		b.nontoken &= valid;
		http_bits_place(&m, b, at);
	}
	return m;
}

/* Bit i: byte i is in the class of `low`. */
__attribute__((target("ssse3")))
ALWAYS_INLINE uint32_t http_class_16(__m128i x, const uint8_t *low)
{
	const __m128i high = _mm_loadu_si128((const void *)http_high);
	__m128i upper = _mm_and_si128(_mm_srli_epi16(x, 4), _mm_set1_epi8(15));
	__m128i in = _mm_and_si128(_mm_shuffle_epi8(_mm_loadu_si128((const void *)low), x),
				   _mm_shuffle_epi8(high, upper));

	return 0xffff ^ (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(in, _mm_setzero_si128()));
}

/* The zeros after the last bytes are in no class, so they end the span. */
__attribute__((target("ssse3")))
ALWAYS_INLINE size_t http_span_16(const uint8_t *p, size_t n, uint8_t class)
{
	const uint8_t *low = http_low_of(class);

	for (size_t at = 0;; at += 16) {
		uint32_t left = (uint32_t)MIN(n - at, 16), in;

		in = http_class_16(left == 16 ? _mm_loadu_si128((const void *)(p + at)) :
						http_load_few(p + at, left), low);
		if (in != 0xffff)
			return at + (uint32_t)__builtin_ctz(~in);
	}
}

#endif
