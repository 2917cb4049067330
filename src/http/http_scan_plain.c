/* The scanner for any machine: a table lookup a byte, no branches on data. */
#include "http/http_char.h"
#include "http/http_scan_int.h"

static struct http_scan_masks masks(const uint8_t *p, uint32_t n)
{
	struct http_scan_masks m = { 0 };

	for (uint32_t i = 0; i < n; i++) {
		uint8_t c = p[i], class = http_char_class[c];

		m.cr |= (uint64_t)(c == '\r') << i;
		m.lf |= (uint64_t)(c == '\n') << i;
		m.control |= (uint64_t)!(class & HTTP_CH_VALUE) << i;
		m.nontoken |= (uint64_t)!(class & HTTP_CH_TOKEN) << i;
	}
	return m;
}

static void scan(struct http_scan *s, const uint8_t *p, size_t n, unsigned after)
{
	struct http_scan_state st = http_scan_begin(s, after);
	uint32_t end = (uint32_t)MIN(n, HTTP_SCAN_WINDOW), at = 0;

	while (at < end && http_scan_room(s)) {
		uint32_t n_here = MIN(end - at, 64);
		struct http_scan_masks m = masks(p + at, n_here);
		bool go_on = http_scan_block(s, &st, &m, at, n_here);

		http_scan_store_eols(s, m.lf, at);
		if (!go_on)
			return;
		at += 64;
	}
	http_scan_exhausted(s, MIN(at, end));
}

static size_t span(const uint8_t *p, size_t n, uint8_t class)
{
	size_t i = 0;

	while (i < n && http_char_is(p[i], class))
		i++;
	return i;
}

const struct http_scanner http_scanner_plain = { "plain", scan, span };
