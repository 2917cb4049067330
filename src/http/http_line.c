/* Takes the request line apart: method SP target SP version, RFC 9112 §3.
 *
 * Order of the checks: shape and syntax (400), then version (505), then method (501), then whether
 * target and method fit (400); so malformed is malformed whatever else it is. */
#include "http/http_request_int.h"

#define SPACE_VERSION_LEN 9	/* " HTTP/1.1" */

static const char method_names[HTTP_METHOD_N][8] = {
	[HTTP_METHOD_UNKNOWN] = "?", [HTTP_GET] = "GET", [HTTP_HEAD] = "HEAD", [HTTP_POST] = "POST",
	[HTTP_PUT] = "PUT", [HTTP_DELETE] = "DELETE", [HTTP_CONNECT] = "CONNECT",
	[HTTP_OPTIONS] = "OPTIONS", [HTTP_TRACE] = "TRACE", [HTTP_PATCH] = "PATCH",
};

const char *http_method_name(enum http_method method)
{
	return method_names[method];
}

/* Case matters, RFC 9110 §9.1. */
static enum http_method find_method(const uint8_t *p, uint32_t len)
{
	if (likely(len == 3 && mem_eq(p, "GET", 3)))
		return HTTP_GET;
	for (unsigned m = HTTP_HEAD; m < HTTP_METHOD_N; m++)
		if (len == str_len(method_names[m]) && mem_eq(p, method_names[m], len))
			return m;
	return HTTP_METHOD_UNKNOWN;
}

static COLD enum http_error bad_target(uint8_t c)
{
	return c == ' ' ? HTTP_ERR_LINE_SHAPE : c == '#' ? HTTP_ERR_TARGET_FRAGMENT :
							   HTTP_ERR_TARGET_CHARACTER;
}

/* What is wrong with a version that is neither HTTP/1.0 nor HTTP/1.1.  RFC 9110 §2.5: a higher
 * minor version is to be treated as the highest that we know. */
static COLD enum http_error other_version(struct http_request *r, const uint8_t *p,
					  uint32_t method_len, uint32_t len)
{
	uint32_t at = len;

	while (p[at - 1] != ' ')	/* there is one after the method */
		at--;
	if (at <= method_len + 2 || at == len)
		return HTTP_ERR_LINE_SHAPE;
	p += at;
	if (len - at != 8 || !mem_eq(p, "HTTP/", 5) || p[6] != '.' ||
	    !http_char_is(p[5], HTTP_CH_DIGIT) || !http_char_is(p[7], HTTP_CH_DIGIT))
		return HTTP_ERR_VERSION;
	r->minor = 1;
	return p[5] == '1' ? HTTP_OK : HTTP_ERR_VERSION_UNKNOWN;
}

static enum http_error parse_version(struct http_request *r, const uint8_t *p, uint32_t method_len,
				     uint32_t len)
{
	if (len >= method_len + 2 + SPACE_VERSION_LEN && p[len - SPACE_VERSION_LEN] == ' ') {
		const uint8_t *version = p + len - SPACE_VERSION_LEN + 1;

		r->minor = 1;
		if (likely(mem_eq(version, "HTTP/1.1", 8)))
			return HTTP_OK;
		r->minor = 0;
		if (mem_eq(version, "HTTP/1.0", 8))
			return HTTP_OK;
	}
	return other_version(r, p, method_len, len);
}

/* RFC 9112 §3.2.2: "http://" authority, then path and query.  Not https: not on this wire. */
static COLD enum http_error parse_absolute(struct http_request *r, const struct http_conf *conf)
{
	struct http_slice target = http_request_slice(r, r->target);
	struct http_slice scheme = { target.p, 7 };
	uint16_t n = 7;

	if (target.n < 7 || !http_slice_eq_nocase(scheme, HTTP_SLICE("http://")))
		return HTTP_ERR_TARGET_FORM;
	while (n < target.n && target.p[n] != '/' && target.p[n] != '?')
		n++;
	r->target_form = HTTP_TARGET_ABSOLUTE;
	r->authority = (struct http_span){ r->target.at + 7, n - 7 };
	r->path = (struct http_span){ r->target.at + n, r->target.len - n };
	return http_authority_valid(conf, http_request_slice(r, r->authority), false) ?
	       HTTP_OK : HTTP_ERR_TARGET_AUTHORITY;
}

static enum http_error parse_form(struct http_request *r, const struct http_conf *conf)
{
	uint8_t first = r->base[r->target.at];

	if (unlikely(r->method == HTTP_CONNECT)) {
		r->target_form = HTTP_TARGET_AUTHORITY;
		r->authority = r->target;
		return http_authority_valid(conf, http_request_slice(r, r->target), true) ?
		       HTTP_OK : HTTP_ERR_TARGET_FORM;
	}
	if (likely(first == '/')) {
		r->target_form = HTTP_TARGET_ORIGIN;
		r->path = r->target;
		return HTTP_OK;
	}
	if (first == '*' && r->target.len == 1) {
		r->target_form = HTTP_TARGET_ASTERISK;
		return r->method == HTTP_OPTIONS ? HTTP_OK : HTTP_ERR_TARGET_FORM;
	}
	return parse_absolute(r, conf);
}

enum http_error http_line_parse(struct http_request *r, const struct http_conf *conf, uint32_t line,
				uint32_t token_len, uint32_t cr)
{
	const uint8_t *p = r->base + line;
	uint32_t len = cr - line, target = token_len + 1, target_len, good;
	enum http_error version_err;

	if (unlikely(token_len == 0 || p[token_len] != ' '))
		return token_len == len ? HTTP_ERR_LINE_SHAPE : HTTP_ERR_METHOD_TOKEN;
	version_err = parse_version(r, p, token_len, len);
	if (unlikely(version_err && version_err != HTTP_ERR_VERSION_UNKNOWN))
		return version_err;
	target_len = len - SPACE_VERSION_LEN - target;
	good = (uint32_t)conf->scanner->span(p + target, target_len, HTTP_CH_TARGET);
	if (unlikely(good < target_len))
		return bad_target(p[target + good]);
	if (unlikely(version_err))
		return version_err;
	r->method_name = (struct http_span){ (uint16_t)line, (uint16_t)token_len };
	r->target = (struct http_span){ (uint16_t)(line + target), (uint16_t)target_len };
	r->method = find_method(p, token_len);
	if (unlikely(r->method == HTTP_METHOD_UNKNOWN))
		return HTTP_ERR_METHOD_UNKNOWN;
	return parse_form(r, conf);
}
