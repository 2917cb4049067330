/* The scanner with vectors of 16 bytes. */
#include "http/x86_64/http_vectors.h"

#define SSSE3 __attribute__((target("ssse3,popcnt")))

ALWAYS_INLINE SSSE3 struct http_scan_masks masks(const uint8_t *p)
{
	struct http_scan_masks m = { 0 };

	for (uint32_t at = 0; at < 64; at += 16)
		http_bits_place(&m, http_classify_16(_mm_loadu_si128((const void *)(p + at))), at);
	return m;
}

ALWAYS_INLINE SSSE3 bool take(struct http_scan *s, struct http_scan_state *st,
			 struct http_scan_masks m, uint32_t at, uint32_t n)
{
	bool go_on = http_scan_block(s, st, &m, at, n);

	http_scan_store_eols(s, m.lf, at);
	return go_on;
}

static SSSE3 void scan(struct http_scan *s, const uint8_t *p, size_t n, unsigned after)
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

static SSSE3 size_t span(const uint8_t *p, size_t n, uint8_t class)
{
	return http_span_16(p, n, class);
}

const struct http_scanner http_scanner_ssse3 = { "ssse3", scan, span };
