/* The scanner with vectors of 64 bytes: AVX-512 with VBMI, whose byte permutation looks a
 * character's class up in all of US-ASCII at once, and whose masked loads end where the window
 * ends. */
#include "http/x86_64/http_vectors.h"

#define AVX512 __attribute__((target( \
	"avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2,bmi,bmi2,lzcnt,popcnt")))

/* http_char_class of each byte; wrong from 0x80 on, as the lookup ignores the top bit. */
ALWAYS_INLINE AVX512 __m512i classes(__m512i x)
{
	return _mm512_permutex2var_epi8(_mm512_loadu_si512(http_char_class), x,
					_mm512_loadu_si512(http_char_class + 64));
}

ALWAYS_INLINE AVX512 struct http_scan_masks masks(const uint8_t *p, uint64_t valid)
{
	__m512i x = _mm512_maskz_loadu_epi8(valid, p), class = classes(x);
	const __m512i value = _mm512_set1_epi8(HTTP_CH_VALUE);
	const __m512i token = _mm512_set1_epi8(HTTP_CH_TOKEN);
	uint64_t ascii = ~_mm512_movepi8_mask(x);

	return (struct http_scan_masks){
		.cr = _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8('\r')),
		.lf = _mm512_cmpeq_epi8_mask(x, _mm512_set1_epi8('\n')),
		.control = _mm512_testn_epi8_mask(class, value) & ascii & valid,
		.nontoken = ~(_mm512_test_epi8_mask(class, token) & ascii),
	};
}

/* As http_scan_store_eols(). */
ALWAYS_INLINE AVX512 void store_eols(struct http_scan *s, uint64_t lf, uint32_t at)
{
	const __m512i count = _mm512_set_epi64(0x3f3e3d3c3b3a3938, 0x3736353433323130,
					       0x2f2e2d2c2b2a2928, 0x2726252423222120,
					       0x1f1e1d1c1b1a1918, 0x1716151413121110,
					       0x0f0e0d0c0b0a0908, 0x0706050403020100);
	const union { __m512i all; __m256i few; } found = { _mm512_maskz_compress_epi8(lf, count) };
	__m512i wide = _mm512_cvtepu8_epi16(found.few);

	_mm512_storeu_si512(s->eol + s->eols, _mm512_add_epi16(wide, _mm512_set1_epi16((short)at)));
	s->eols += (uint32_t)__builtin_popcountll(lf);
}

ALWAYS_INLINE AVX512 bool take(struct http_scan *s, struct http_scan_state *st,
			 struct http_scan_masks m, uint32_t at, uint32_t n)
{
	bool go_on = http_scan_block(s, st, &m, at, n);

	store_eols(s, m.lf, at);
	return go_on;
}

static AVX512 void scan(struct http_scan *s, const uint8_t *p, size_t n, unsigned after)
{
	struct http_scan_state st = http_scan_begin(s, after);
	uint32_t end = (uint32_t)MIN(n, HTTP_SCAN_WINDOW), at = 0;

	for (; at + 64 <= end && http_scan_room(s); at += 64)
		if (!take(s, &st, masks(p + at, ~0ull), at, 64))
			return;
	if (at < end && http_scan_room(s)) {
		uint32_t n_here = end - at;

		if (!take(s, &st, masks(p + at, ~0ull >> (64 - n_here)), at, n_here))
			return;
		at = end;
	}
	http_scan_exhausted(s, at);
}

static AVX512 size_t span(const uint8_t *p, size_t n, uint8_t class)
{
	for (size_t at = 0;; at += 64) {
		uint64_t valid = _bzhi_u64(~0ull, (uint32_t)MIN(n - at, 64));
		__m512i x = _mm512_maskz_loadu_epi8(valid, p + at);
		uint64_t in = _mm512_test_epi8_mask(classes(x), _mm512_set1_epi8((char)class)) &
			      ~_mm512_movepi8_mask(x);

		if (~in)	/* the zeros after the last byte are in no class */
			return at + _tzcnt_u64(~in);
	}
}

const struct http_scanner http_scanner_avx512 = { "avx512", scan, span };
