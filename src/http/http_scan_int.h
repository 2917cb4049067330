/* What all scanners share: from four masks of a block of 64 bytes to the answer of http_scan.h. */
#ifndef HTTP_HTTP_SCAN_INT_H
#define HTTP_HTTP_SCAN_INT_H

#include "http/http_scan.h"

/* Bit i speaks of byte i of the block.  Beyond the window's end all are 0 but `nontoken`, which
 * may be anything. */
struct http_scan_masks {
	uint64_t cr, lf;
	uint64_t control;	/* CTL without HTAB: includes CR and LF */
	uint64_t nontoken;
};

struct http_scan_state {
	uint64_t after_cr;	/* bit 0: the byte before the block was CR */
	uint64_t after_lf;	/* bits 1 and 0: the byte before, and the one before that, was LF */
};

static inline struct http_scan_state http_scan_begin(struct http_scan *s, unsigned after)
{
	s->eols = 0;
	s->stop = HTTP_SCAN_ALL;
	return (struct http_scan_state){
		.after_cr = after & HTTP_SCAN_AFTER_CR,
		.after_lf = (after & HTTP_SCAN_AFTER_LF) | (after & HTTP_SCAN_AFTER_LF_2) >> 2,
	};
}

/* Most blocks hold less than four line ends: four are stored whatever they hold, because a loop
 * over so few is a mispredicted branch a block. */
static inline void http_scan_store_eols(struct http_scan *s, uint64_t lf, uint32_t at)
{
	const uint64_t top = 1ull << 63;	/* keeps the argument of ctz from being 0 */
	uint16_t *to = s->eol + s->eols;
	unsigned n = (unsigned)__builtin_popcountll(lf);

	for (unsigned i = 0; i < 4; i++) {
		to[i] = (uint16_t)(at + (unsigned)__builtin_ctzll(lf | top));
		lf &= lf - 1;
	}
	for (unsigned i = 4; unlikely(i < n); i++) {
		to[i] = (uint16_t)(at + (unsigned)__builtin_ctzll(lf));
		lf &= lf - 1;
	}
	s->eols += n;
}

/* Checks the block of n <= 64 bytes that starts at byte `at` of the window; false when the scan
 * ends in it.  What is left of m->lf are the line ends to be stored. */
static inline __attribute__((always_inline)) bool
http_scan_block(struct http_scan *s, struct http_scan_state *st, struct http_scan_masks *m,
		uint32_t at, uint32_t n)
{
	uint64_t valid = ~0ull >> (64 - n);
	uint64_t lf_due = m->cr << 1 | st->after_cr;
	/* RFC 9112 §2.2: a line ends with CRLF; each half alone is refused, and so is any other
	 * control character. */
	uint64_t bad = ((m->lf ^ lf_due) & valid) | (m->control & ~(m->cr | m->lf));
	uint64_t end = m->lf & (m->lf << 2 | st->after_lf);

	s->nontoken[at / 64] = m->nontoken;
	if (unlikely(bad | end)) {
		uint64_t before = ((bad | end) - 1) & ~(bad | end);	/* the first of them */

		s->stop = bad & (before + 1) ? HTTP_SCAN_BAD : HTTP_SCAN_END;
		s->scanned = at + (uint32_t)__builtin_popcountll(before) +
			     (s->stop == HTTP_SCAN_END);
		s->nontoken[at / 64 + 1] = 0;
		m->lf &= before;
		return false;
	}
	st->after_cr = m->cr >> 63;
	st->after_lf = m->lf >> 62;
	return true;
}

/* Is there room for the line ends of one more block? */
static inline bool http_scan_room(const struct http_scan *s)
{
	return likely(s->eols <= HTTP_SCAN_EOLS - 32);
}

/* All of the `n` bytes are scanned and good. */
static inline void http_scan_exhausted(struct http_scan *s, uint32_t n)
{
	s->nontoken[(n + 63) / 64] = 0;
	s->scanned = n;
}

#endif
