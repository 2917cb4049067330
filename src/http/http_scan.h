/* The first look at the bytes of a head: where lines end, where names end, what must not be there.
 *
 * A scanner reads each byte of a window once and answers with positions and a bitmap, so that the
 * parser behind it (http_request.c) does not look at bytes one by one.  It knows nothing of fields.
 * There is one scanner for every kind of machine, all with the same answers; http_scanner_best()
 * finds the fastest that runs here, and its file is chosen by the build (x86_64/ or generic/).
 *
 * No scanner reads outside its window. */
#ifndef HTTP_HTTP_SCAN_H
#define HTTP_HTTP_SCAN_H

#include "base/types.h"

#define HTTP_SCAN_WINDOW 2048	/* bytes that one call looks at, at most */
#define HTTP_SCAN_EOLS 128	/* line ends that one call has room for */

enum http_scan_stop {
	HTTP_SCAN_ALL,	/* the window is exhausted, or nearly HTTP_SCAN_EOLS lines are found */
	HTTP_SCAN_END,	/* the last byte scanned ends an empty line: the end of the head */
	HTTP_SCAN_BAD,	/* byte number `scanned` must not stand where it stands */
};

struct http_scan {
	/* Bit i: byte i of the window is not a tchar (RFC 9110 §5.6.2).  Valid for the bytes
	 * scanned; one word more may be read. */
	uint64_t nontoken[HTTP_SCAN_WINDOW / 64 + 1];
	/* Positions of the LFs that end a line, each after its CR; not that of the empty line. */
	uint16_t eol[HTTP_SCAN_EOLS];
	uint32_t eols;
	uint32_t scanned;	/* bytes of the window looked at and found good */
	enum http_scan_stop stop;
};

/* What stood before the window. */
enum {
	HTTP_SCAN_AFTER_CR = 1,		/* the byte before was CR */
	HTTP_SCAN_AFTER_LF = 2,		/* the byte before was LF */
	HTTP_SCAN_AFTER_LF_2 = 4,	/* the byte before that was LF */
};

struct http_scanner {
	const char *name;
	/* Scans up to HTTP_SCAN_WINDOW of the `n` bytes at `p`. */
	void (*scan)(struct http_scan *s, const uint8_t *p, size_t n, unsigned after);
	/* How many of the `n` bytes at `p` are in `class` (HTTP_CH_TARGET or HTTP_CH_HOST) before
	 * the first that is not? */
	size_t (*span)(const uint8_t *p, size_t n, uint8_t class);
};

extern const struct http_scanner http_scanner_plain;

/* The fastest scanner for this processor.  Asks the processor: call once, not once a request. */
const struct http_scanner *http_scanner_best(void);

/* Scanner number i of those that run on this processor, for tests; NULL after the last. */
const struct http_scanner *http_scanner_nth(unsigned i);

#endif
