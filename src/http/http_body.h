/* The body of a request: where its bytes are and where it ends, RFC 9112 §6 and §7.1.
 *
 * Nothing is copied or kept: each call hands out a slice of what was handed in.
 *
 *	http_body_init(&b, &request, &conf);
 *	do {
 *		err = http_body_take(&b, &p, end, &data);
 *		use(data);
 *	} while (data.n);
 *	HTTP_OK    the body is complete; p is the first byte behind it: the next request
 *	HTTP_MORE  p == end, and more is to come
 *	else       answer http_error_status(err), close
 *
 * Chunk extensions and trailer fields are checked, bounded, and dropped.  Always: the bytes
 * handed out and the answer depend on the input, never on how it was cut. */
#ifndef HTTP_HTTP_BODY_H
#define HTTP_HTTP_BODY_H

#include "http/http_request.h"

struct http_body {
	uint64_t left;		/* bytes to come, of the body or of this chunk */
	uint64_t room;		/* bytes that chunks may still bring */
	uint32_t extensions;	/* bytes that chunk extensions may still have */
	uint32_t trailers;	/* bytes that the trailer section may still have */
	uint8_t fields;		/* trailer fields that may still come */
	uint8_t digits;		/* of this chunk's size */
	uint8_t state;		/* see http_body.c */
	bool chunked;
};

void http_body_init(struct http_body *b, const struct http_request *r,
		    const struct http_conf *conf);

/* Takes bytes from *p up to `end`; `data` is the next run of the body's bytes, or empty. */
enum http_error http_body_take(struct http_body *b, const uint8_t **p, const uint8_t *end,
			       struct http_slice *data);

bool http_body_done(const struct http_body *b);

#endif
