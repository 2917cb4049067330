/* Request heads in tests: every input goes through every scanner of this machine, whole, cut in
 * two at every position, and byte by byte, and must give the same each time; all end at a guard
 * page. */
#ifndef UNIT_HTTP_HEADS_H
#define UNIT_HTTP_HEADS_H

#include "helper/unit.h"

#include "helper/http_cut.h"

#define HOST "Host: a\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST
#define POST "POST / HTTP/1.1\r\n" HOST

static struct http_conf conf;

UNUSED static int setup(void **state)
{
	http_conf_init(&conf);
	return 0;
}

/* Formats into a buffer that lives until the call after the next. */
PRINTF_LIKE(1, 2) UNUSED static const char *text(const char *format, ...)
{
	static char buf[2][HTTP_CUT_MAX];
	static unsigned which;
	va_list ap;

	which ^= 1;
	va_start(ap, format);
	assert_in_range(vsnprintf(buf[which], sizeof(buf[0]), format, ap), 0, sizeof(buf[0]) - 1);
	va_end(ap);
	return buf[which];
}

static void assert_same(const struct http_request *r, enum http_error err, size_t end,
			const void *bytes, size_t n, http_cut_fn *cut, size_t arg)
{
	static struct http_request other;
	size_t other_end;

	assert_int_equal(http_cut_request(&other, &conf, bytes, n, cut, arg, &other_end), err);
	if (err == HTTP_OK) {
		assert_int_equal(other_end, end);
		http_cut_same_request(&other, r);
	}
}

/* The answer to the whole input, which is also the answer however it is scanned and cut. */
UNUSED static enum http_error parse_bytes(struct http_request *r, const void *bytes, size_t n)
{
	size_t end, step = n > 2000 ? 97 : 1;
	const struct http_scanner *scanner;
	enum http_error err;

	conf.scanner = &http_scanner_plain;
	err = http_cut_request(r, &conf, bytes, n, http_cut_whole, 0, &end);
	for (unsigned s = 0; (scanner = http_scanner_nth(s)) != NULL; s++) {
		conf.scanner = scanner;
		for (size_t cut = 1; cut < n + step; cut += step)
			assert_same(r, err, end, bytes, n, http_cut_once, cut);
		assert_same(r, err, end, bytes, n, http_cut_every, 1);
	}
	/* once more, so that r's base is good */
	return http_cut_request(r, &conf, bytes, n, http_cut_whole, 0, &end);
}

UNUSED static const struct http_request *accepted(const char *head)
{
	static struct http_request r;

	assert_string_equal(http_error_name(parse_bytes(&r, head, strlen(head))), "OK");
	return &r;
}

UNUSED static void answered(const char *head, enum http_error err)
{
	struct http_request r;

	assert_string_equal(http_error_name(parse_bytes(&r, head, strlen(head))),
			    http_error_name(err));
}

UNUSED static void refused(const char *head, enum http_error err, unsigned status)
{
	answered(head, err);
	assert_int_equal(http_error_status(err), status);
}

UNUSED static void assert_slice(struct http_slice s, const char *is)
{
	assert_int_equal(s.n, strlen(is));
	assert_memory_equal(s.p, is, s.n);
}

/* n times the same character. */
UNUSED static const char *repeat(char c, size_t n)
{
	static char buf[HTTP_CUT_MAX];

	assert_in_range(n, 0, sizeof(buf) - 1);
	memset(buf, c, n);
	buf[n] = 0;
	return buf;
}

#endif
