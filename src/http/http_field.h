/* Field names by number: a perfect hash, and a comparison without branches on the name's length.
 *
 * The name is loaded as words that end where it ends; what stands before it is masked off.  The
 * table holds the names the same way, blanks in front, so that a word of one is compared with a
 * word of the other. */
#ifndef HTTP_HTTP_FIELD_H
#define HTTP_HTTP_FIELD_H

#include "http/http_request_int.h"

#define HTTP_FIELD_WIDTH 24	/* longer names are no known ones */

/* Found by search, such that (last word + length) * HASH >> 58 differs for all names; a test asks
 * for each of them. */
#define HTTP_FIELD_HASH 0x1937223244ab70bfull

struct http_field_name {
	char name[HTTP_FIELD_WIDTH];
	char to_32[8];		/* a power of two is quicker to index by */
};

extern const struct http_field_name http_field_names[HTTP_FIELD_N];
extern const uint8_t http_field_by_hash[64];
/* WIDTH times 0, then 0xff: from byte n on, the mask of a name of n bytes. */
extern const uint8_t http_field_mask[HTTP_FIELD_WIDTH + HTTP_NAME_MAX];

/* Which known field has the name of 0 < `len` <= HTTP_NAME_MAX tchars that ends at `end`?  Reads
 * the 16 bytes in front of `end`, and the 24 if len is over 16: the request line stands there, if
 * nothing else.  The blanks make the length part of what is compared, but for the end of a longer
 * known name: that hashes elsewhere (the tests prove it). */
static inline unsigned http_field_lookup(const uint8_t *end, size_t len)
{
	const uint64_t lower = 0x2020202020202020;	/* makes no tchar a letter that is none */
	const uint8_t *mask = http_field_mask + len;
	uint64_t b = (http_load8(end - 16) & http_load8(mask + 8)) | lower;
	uint64_t c = (http_load8(end - 8) & http_load8(mask + 16)) | lower;
	unsigned id = http_field_by_hash[(c + len) * HTTP_FIELD_HASH >> 58];
	const uint8_t *name = (const uint8_t *)http_field_names[id].name;

	if ((b ^ http_load8(name + 8)) | (c ^ http_load8(name + 16)))
		return HTTP_FIELD_OTHER;
	if (likely(len <= 16))
		return id;
	b = (http_load8(end - 24) & http_load8(mask)) | lower;
	return b == http_load8(name) && len <= HTTP_FIELD_WIDTH ? id : HTTP_FIELD_OTHER;
}

#endif
