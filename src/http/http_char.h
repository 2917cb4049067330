/* Bytes and slices of bytes as HTTP sees them: character classes, comparing without case.
 *
 * A slice borrows memory of somebody else and has no end mark.  Nothing here knows what a header or
 * a path is. */
#ifndef HTTP_HTTP_CHAR_H
#define HTTP_HTTP_CHAR_H

#include "base/mem.h"

enum {
	HTTP_CH_TOKEN = 1,	/* tchar, RFC 9110 §5.6.2 */
	HTTP_CH_DIGIT = 2,
	HTTP_CH_HEX = 4,
	HTTP_CH_HOST = 8,	/* reg-name of RFC 3986 §3.2.2, but neither "%" nor "," */
	/* visible US-ASCII but <, >, #, and the double quote: docs/adr/0051-request-targets.md */
	HTTP_CH_TARGET = 16,
	HTTP_CH_VALUE = 32,	/* field-vchar, SP or HTAB, RFC 9110 §5.5 */
	HTTP_CH_PLAIN = 64,	/* unreserved or "/": needs no escape in the path of a URL */
	HTTP_CH_SPACE = 128,	/* SP or HTAB */
};

extern const uint8_t http_char_class[256];

static inline bool http_char_is(uint8_t c, uint8_t classes)
{
	return http_char_class[c] & classes;
}

/* The value of a hexadecimal digit. */
static inline unsigned http_char_hex(uint8_t c)
{
	return (c & 15u) + (c >> 6) * 9u;
}

static inline uint8_t http_char_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* Eight bytes as they lie in memory, at any alignment. */
static inline uint64_t http_load8(const uint8_t *p)
{
	uint64_t v;

	mem_copy(&v, p, sizeof(v));
	return v;
}

struct http_slice {
	const uint8_t *p;
	size_t n;
};

/* A slice of a string literal, without its NUL. */
#define HTTP_SLICE(literal) \
	((struct http_slice){ (const uint8_t *)("" literal), sizeof(literal) - 1 })

struct http_slice http_slice_str(const char *s);

bool http_slice_eq(struct http_slice a, struct http_slice b);

/* Letters compare without case; every other byte exactly. */
bool http_slice_eq_nocase(struct http_slice a, struct http_slice b);

/* Without SP and HTAB at either end. */
struct http_slice http_slice_trim(struct http_slice s);

/* Cuts the next element off a comma-separated list without quotes (RFC 9110 §5.6.1): trimmed, empty
 * ones left out.  False at the end of the list. */
bool http_slice_next(struct http_slice *list, struct http_slice *element);

/* 1*DIGIT into a number: false when anything else is in it, or when it is over `max`. */
bool http_slice_u64(struct http_slice s, uint64_t max, uint64_t *out);

#endif
