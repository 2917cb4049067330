/* The scanner with vectors of 32 bytes. */
#include "http/x86_64/http_vectors.h"

#define AVX2 __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))

ALWAYS_INLINE AVX2 __m256i both(const uint8_t table[16])
{
	return _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)table));
}

ALWAYS_INLINE AVX2 struct http_bits classify_32(__m256i x)
{
	const __m256i low = both(http_low_token), high = both(http_high);
	const __m256i zero = _mm256_setzero_si256();
	__m256i upper = _mm256_and_si256(_mm256_srli_epi16(x, 4), _mm256_set1_epi8(15));
	__m256i token = _mm256_and_si256(_mm256_shuffle_epi8(low, x),
					 _mm256_shuffle_epi8(high, upper));
	__m256i below = _mm256_cmpeq_epi8(_mm256_min_epu8(x, _mm256_set1_epi8(31)), x);
	__m256i tab = _mm256_cmpeq_epi8(x, _mm256_set1_epi8('\t'));
	__m256i control = _mm256_or_si256(_mm256_andnot_si256(tab, below),
					  _mm256_cmpeq_epi8(x, _mm256_set1_epi8(127)));

	return (struct http_bits){
		.cr = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(x, _mm256_set1_epi8('\r'))),
		.lf = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(x, _mm256_set1_epi8('\n'))),
		.control = (uint32_t)_mm256_movemask_epi8(control),
		.nontoken = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(token, zero)),
	};
}

ALWAYS_INLINE AVX2 struct http_scan_masks masks(const uint8_t *p)
{
	struct http_scan_masks m = { 0 };

	http_bits_place(&m, classify_32(_mm256_loadu_si256((const void *)p)), 0);
	http_bits_place(&m, classify_32(_mm256_loadu_si256((const void *)(p + 32))), 32);
	return m;
}

ALWAYS_INLINE AVX2 bool take(struct http_scan *s, struct http_scan_state *st,
			 struct http_scan_masks m, uint32_t at, uint32_t n)
{
	bool go_on = http_scan_block(s, st, &m, at, n);

	http_scan_store_eols(s, m.lf, at);
	return go_on;
}

static AVX2 void scan(struct http_scan *s, const uint8_t *p, size_t n, unsigned after)
{
	struct http_scan_state st = http_scan_begin(s, after);
	uint32_t end = (uint32_t)MIN(n, HTTP_SCAN_WINDOW), at = 0;

	for (; at + 64 <= end && http_scan_room(s); at += 64)
		if (!take(s, &st, masks(p + at), at, 64))
			return;
	if (at < end && http_scan_room(s)) {
		uint32_t n_here = end - at;

		if (!take(s, &st, at ? http_masks_last(masks(p + end - 64), n_here) :
				       http_masks_short(p, n_here), at, n_here))
			return;
		at = end;
	}
	http_scan_exhausted(s, at);
}

/* Targets and hosts are short: twice the width gains nothing. */
static AVX2 size_t span(const uint8_t *p, size_t n, uint8_t class)
{
	return http_span_16(p, n, class);
}

const struct http_scanner http_scanner_avx2 = { "avx2", scan, span };
