/* The head of a response, into a caller's buffer.
 *
 * Always: a head says HTTP/1.1, how its body is framed, and when the connection closes after it;
 * all that is not given is left out. */
#ifndef HTTP_HTTP_RESPONSE_H
#define HTTP_HTTP_RESPONSE_H

#include "http/http_out.h"
#include "http/http_request.h"

#define HTTP_SERVER "leat"

/* What the client that said "Expect: 100-continue" waits for. */
#define HTTP_CONTINUE "HTTP/1.1 100 Continue\r\n\r\n"

struct http_response {
	unsigned status;
	bool close;		/* the connection closes afterwards */
	bool keep_1_0;		/* it does not, and the client speaks HTTP/1.0: it must be told */
	bool has_length;	/* else there is no body (204, 304), or `extra` frames it */
	uint64_t content_length;
	struct http_slice date;			/* see http_date_at() */
	struct http_slice content_type;
	struct http_slice etag;
	struct http_slice last_modified;	/* see http_date_format() */
	struct http_slice location;
	struct http_slice allow;
	struct http_slice extra;		/* whole header lines, each with its CRLF */
};

/* A response to `r` with this status: persistence as `r` wants it; close if `r` is NULL, because
 * its head was refused. */
void http_response_init(struct http_response *p, unsigned status, const struct http_request *r);

/* Writes the head with its empty line. */
void http_response_head(struct http_out *out, const struct http_response *p);

/* Writes the head, and unless `head_only` a small page, that say what the status means and, in
 * `why`, what was wrong; sets p's content_type and length. */
void http_response_page(struct http_out *out, struct http_response *p, const char *why,
			bool head_only);

/* "Not Found" */
const char *http_status_reason(unsigned status);

#endif
