/* Writing text into a caller's buffer: bounded, and sticky when it is full.
 *
 * After the first write that does not fit, or that must not be written (a control character in a
 * field value), `failed` is set and nothing more is written: check it once, at the end.  Nothing
 * is terminated by NUL. */
#ifndef HTTP_HTTP_OUT_H
#define HTTP_HTTP_OUT_H

#include "base/mem.h"
#include "http/http_char.h"

struct http_out {
	uint8_t *buf;
	size_t size, len;
	bool failed;
};

static inline void http_out_init(struct http_out *out, void *buf, size_t size)
{
	*out = (struct http_out){ .buf = buf, .size = size };
}

static inline void http_out_bytes(struct http_out *out, const void *p, size_t n)
{
	if (unlikely(out->failed || n > out->size - out->len)) {
		out->failed = true;
		return;
	}
	if (n)			/* p may be NULL without */
		mem_copy(out->buf + out->len, p, n);
	out->len += n;
}

static inline void http_out_slice(struct http_out *out, struct http_slice s)
{
	http_out_bytes(out, s.p, s.n);
}

/* For literals the length is known when compiled. */
static inline void http_out_str(struct http_out *out, const char *s)
{
	http_out_bytes(out, s, str_len(s));
}

void http_out_u64(struct http_out *out, uint64_t value);	/* decimal */
void http_out_hex(struct http_out *out, uint64_t value);	/* lower case, no zeros in front */

/* Is it a field-value, RFC 9110 §5.5? */
bool http_out_is_value(struct http_slice s);

/* One header line.  A value that is no field-value fails: what a peer had a hand in must not
 * begin a second line.  Inline, because then the lengths of literals are known. */
static inline void http_out_field(struct http_out *out, const char *name, struct http_slice value)
{
	if (unlikely(!http_out_is_value(value)))
		out->failed = true;
	http_out_str(out, name);
	http_out_str(out, ": ");
	http_out_slice(out, value);
	http_out_str(out, "\r\n");
}

/* Text in the content, or in an attribute in quotes, of HTML. */
void http_out_html(struct http_out *out, struct http_slice text);

/* Bytes as the path of a URL, RFC 3986 §3.3: a slash stays one. */
void http_out_url(struct http_out *out, struct http_slice path);

/* Bytes as the inside of a JSON string, RFC 8259 §7.  What is no UTF-8 becomes U+FFFD; "<" is
 * escaped, so that the text may stand in a script element. */
void http_out_json(struct http_out *out, struct http_slice text);

#endif
