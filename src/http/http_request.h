/* The head of a request: request line and header section, RFC 9112 §3 and §5, RFC 9110 §5.
 *
 * Usual case, the whole head in one frame: nothing is copied, everything found points into it.
 *
 *	http_request_init(&r);
 *	err = http_request_parse(&r, &conf, bytes, n);
 *	HTTP_OK    the head is r.head_len bytes long; what follows is body or the next request
 *	HTTP_MORE  call again when there are more bytes: the same ones first, at the same or another
 *	           place; none of those seen is looked at again
 *	else       answer http_error_status(err), close
 *
 * http_request_feed() does this for a head that straddles frames, and keeps the first pieces.
 *
 * Always: the answer depends on the bytes, never on how they were cut into pieces; and it is the
 * first fault in their order that is reported.  Positions are kept as offsets from the head's
 * start.
 *
 * Strict where RFC 9112 leaves a choice: a lone LF does not end a line (§2.2), lines are not
 * unfolded (§5.2), Content-Length stands once (§6.3), Transfer-Encoding is exactly "chunked"
 * (§6.1).
 *
 * Not here: the body (http_body.h), what a path means (http_path.h), which methods are allowed. */
#ifndef HTTP_HTTP_REQUEST_H
#define HTTP_HTTP_REQUEST_H

#include "http/http_char.h"
#include "http/http_error.h"
#include "http/http_scan.h"

#define HTTP_LINE_MAX 8192	/* request line with its CRLF: else 414 */
#define HTTP_HEAD_MAX 16384	/* header section with its empty line: else 431 */
#define HTTP_FIELDS_MAX 64	/* header fields: else 431 */
#define HTTP_NAME_MAX 255	/* bytes of a field name: else 431 */
#define HTTP_EMPTY_LINES_MAX 4	/* in front of the request line, RFC 9112 §2.2: else 400 */
#define HTTP_BODY_MAX (1ull << 20)	/* bytes of a body: else 413 */
#define HTTP_EXTENSIONS_MAX 4096	/* bytes of a body's chunk extensions: else 400 */

/* A buffer of this size is large enough for every head within the limits. */
#define HTTP_GATHER_MAX (HTTP_EMPTY_LINES_MAX * 2 + HTTP_LINE_MAX + HTTP_HEAD_MAX)

/* One for a server.  Limits may be lowered; line_max is never over head_max. */
struct http_conf {
	uint32_t line_max, head_max, fields_max, extensions_max;
	uint64_t body_max;
	const struct http_scanner *scanner;
};

void http_conf_init(struct http_conf *conf);

enum http_method {
	HTTP_METHOD_UNKNOWN, HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_CONNECT,
	HTTP_OPTIONS, HTTP_TRACE, HTTP_PATCH, HTTP_METHOD_N,
};

/* Fields known by number; the name in lower case, to the right of 24 columns. */
#define HTTP_FIELDS(X) \
	X(HOST,                "                    host") \
	X(CONNECTION,          "              connection") \
	X(CONTENT_LENGTH,      "          content-length") \
	X(TRANSFER_ENCODING,   "       transfer-encoding") \
	X(EXPECT,              "                  expect") \
	X(IF_NONE_MATCH,       "           if-none-match") \
	X(IF_MODIFIED_SINCE,   "       if-modified-since") \
	X(IF_MATCH,            "                if-match") \
	X(IF_UNMODIFIED_SINCE, "     if-unmodified-since") \
	X(IF_RANGE,            "                if-range") \
	X(RANGE,               "                   range") \
	X(ACCEPT,              "                  accept") \
	X(ACCEPT_ENCODING,     "         accept-encoding") \
	X(ACCEPT_LANGUAGE,     "         accept-language") \
	X(AUTHORIZATION,       "           authorization") \
	X(CACHE_CONTROL,       "           cache-control") \
	X(CONTENT_TYPE,        "            content-type") \
	X(CONTENT_ENCODING,    "        content-encoding") \
	X(COOKIE,              "                  cookie") \
	X(DATE,                "                    date") \
	X(FORWARDED,           "               forwarded") \
	X(KEEP_ALIVE,          "              keep-alive") \
	X(ORIGIN,              "                  origin") \
	X(REFERER,             "                 referer") \
	X(TE,                  "                      te") \
	X(TRAILER,             "                 trailer") \
	X(UPGRADE,             "                 upgrade") \
	X(USER_AGENT,          "              user-agent") \
	X(VIA,                 "                     via") \
	X(X_FORWARDED_FOR,     "         x-forwarded-for")

enum http_field_id {
	HTTP_FIELD_OTHER,
#define X(id, name) HTTP_FIELD_##id,
	HTTP_FIELDS(X)
#undef X
	HTTP_FIELD_N,
};

enum http_target_form {		/* RFC 9112 §3.2 */
	HTTP_TARGET_ORIGIN, HTTP_TARGET_ABSOLUTE, HTTP_TARGET_AUTHORITY, HTTP_TARGET_ASTERISK,
};

enum http_framing { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED };

/* One header line; offsets from the head's start. */
struct http_field {
	uint16_t name, value, value_len;
	uint8_t name_len;
	uint8_t id;	/* enum http_field_id */
};

/* A part of the head. */
struct http_span {
	uint16_t at, len;
};

struct http_request {
	const uint8_t *base;	/* the head's first byte, borrowed; as of the last call */

	/* Where the parser is. */
	uint32_t scanned;	/* bytes seen */
	uint32_t line;		/* where the line begins that is not complete yet */
	uint32_t start;		/* where the request line begins, after empty lines */
	uint32_t headers;	/* where the header section begins; 0 in front of it */

	/* What it found.  Valid after HTTP_OK. */
	uint32_t head_len;
	uint32_t seen, repeated;	/* bit i: field with id i was there, more than once */
	uint64_t content_length;	/* for HTTP_BODY_LENGTH */
	struct http_span method_name, target;
	struct http_span authority;	/* of a target in absolute or authority form */
	struct http_span path;		/* path and query; empty means "/" */
	uint8_t method;			/* enum http_method */
	uint8_t minor;			/* HTTP/1.minor as we treat it: 0 or 1 */
	uint8_t target_form;		/* enum http_target_form */
	uint8_t framing;		/* enum http_framing */
	bool close;			/* it says so, or is 1.0 without keep-alive */
	bool expect_continue;		/* it waits for a 100 before it sends the body */
	uint8_t fields;
	uint8_t last[HTTP_FIELD_N];	/* index of the last field with that id, if in `seen` */
	struct http_field field[HTTP_FIELDS_MAX];
};

void http_request_init(struct http_request *r);

/* Takes as much of the n bytes at `head` as the head has; see above.  After an error, or for the
 * next request, `r` begins anew with http_request_init(). */
enum http_error http_request_parse(struct http_request *r, const struct http_conf *conf,
				   const uint8_t *head, size_t n);

/* Where the pieces of a head go that does not come in one.  `len` is 0 at the start of each
 * request. `buf` may stay NULL as long as heads come whole. */
struct http_gather {
	uint8_t *buf;
	uint32_t size, len;
};

/* Feeds the next piece: parses it in place when it is the first, and keeps a copy in `g` when it
 * does not hold the whole head.  *taken says how many of the piece's bytes belong to the head (all,
 * unless HTTP_OK).  `piece` must live as long as `r` is read, if it was the first and only one.
 *
 * The head is too long for a `g` without room: 414 or 431, as if that had been the limit.
 * HTTP_MORE with nothing taken: `g` has no buffer; give it one and feed the same piece again. */
enum http_error http_request_feed(struct http_request *r, const struct http_conf *conf,
				  struct http_gather *g, const uint8_t *piece, size_t n,
				  size_t *taken);

/* Has any byte of this request arrived? */
static inline bool http_request_begun(const struct http_request *r)
{
	return r->scanned > 0;
}

static inline struct http_slice http_request_slice(const struct http_request *r, struct http_span s)
{
	return (struct http_slice){ r->base + s.at, s.len };
}

static inline struct http_slice http_request_name(const struct http_request *r, unsigned i)
{
	return (struct http_slice){ r->base + r->field[i].name, r->field[i].name_len };
}

static inline struct http_slice http_request_value(const struct http_request *r, unsigned i)
{
	return (struct http_slice){ r->base + r->field[i].value, r->field[i].value_len };
}

static inline bool http_request_has(const struct http_request *r, enum http_field_id id)
{
	return r->seen >> id & 1;
}

/* The value of a known field, the last if it is repeated; p is NULL when there is none. */
static inline struct http_slice http_request_field(const struct http_request *r,
						   enum http_field_id id)
{
	if (!http_request_has(r, id))
		return (struct http_slice){ NULL, 0 };
	return http_request_value(r, r->last[id]);
}

/* "GET" */
const char *http_method_name(enum http_method method);

#endif
