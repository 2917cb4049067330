/* Bodies, RFC 9112 §6 and §7.1: each rule a test; every input is fed whole, cut in two at every
 * position, and in pieces of every small size, must give the same bytes and answer each time, and
 * ends at a guard page. */
#include "unit/http/heads.h"

static const struct http_request chunked = { .framing = HTTP_BODY_CHUNKED };

static struct {
	enum http_error err;
	uint8_t bytes[HTTP_CUT_MAX];
	size_t len;	/* of the body */
	size_t end;	/* of the input that was the body and its framing */
} got;

static void take_same(const struct http_request *r, const char *input, size_t n, http_cut_fn *cut,
		      size_t arg)
{
	static uint8_t bytes[HTTP_CUT_MAX];
	size_t len, end;

	assert_int_equal(http_cut_body(r, &conf, input, n, cut, arg, bytes, &len, &end), got.err);
	if (got.err == HTTP_OK || got.err == HTTP_MORE) {
		assert_int_equal(end, got.end);
		assert_int_equal(len, got.len);
		assert_memory_equal(bytes, got.bytes, len);
	}
}

static void take(const struct http_request *r, const char *input)
{
	size_t n = strlen(input), step = n > 2000 ? 97 : 1;

	got.err = http_cut_body(r, &conf, input, n, http_cut_whole, 0, got.bytes, &got.len,
				&got.end);
	for (size_t at = 1; at < n; at += step)
		take_same(r, input, n, http_cut_once, at);
	for (size_t size = 1; size < 10; size++)
		take_same(r, input, n, http_cut_every, size);
}

/* The body is `is`, and `rest` stands behind it. */
static void taken(const char *input, const char *is, const char *rest)
{
	take(&chunked, input);
	assert_string_equal(http_error_name(got.err), "OK");
	assert_int_equal(got.len, strlen(is));
	assert_memory_equal(got.bytes, is, got.len);
	assert_string_equal(input + got.end, rest);
}

static void answers(const char *input, enum http_error err)
{
	take(&chunked, input);
	assert_string_equal(http_error_name(got.err), http_error_name(err));
}

static void refuses(const char *input, enum http_error err, unsigned status)
{
	answers(input, err);
	assert_int_equal(http_error_status(err), status);
}

static void a_body_of_known_length_ends_there(void **state)
{
	struct http_request r = { .framing = HTTP_BODY_LENGTH, .content_length = 5 };

	take(&r, "helloGET / HTTP/1.1");
	assert_int_equal(got.err, HTTP_OK);
	assert_int_equal(got.end, 5);
	assert_int_equal(got.len, 5);
	assert_memory_equal(got.bytes, "hello", 5);
	take(&r, "hell");
	assert_int_equal(got.err, HTTP_MORE);
	assert_int_equal(got.len, 4);
}

static void no_body_takes_nothing(void **state)
{
	struct http_request r = { .framing = HTTP_BODY_NONE };
	struct http_body b;

	take(&r, "GET");
	assert_int_equal(got.err, HTTP_OK);
	assert_int_equal(got.end, 0);
	http_body_init(&b, &r, &conf);
	assert_true(http_body_done(&b));
	http_body_init(&b, &chunked, &conf);
	assert_false(http_body_done(&b));
}

static void data_is_not_copied(void **state)
{
	const uint8_t input[] = "5\r\nhello\r\n0\r\n\r\n", *p = input;
	struct http_slice data;
	struct http_body b;

	http_body_init(&b, &chunked, &conf);
	assert_int_equal(http_body_take(&b, &p, input + sizeof(input) - 1, &data), HTTP_MORE);
	assert_ptr_equal(data.p, input + 3);
	assert_int_equal(data.n, 5);
	assert_int_equal(http_body_take(&b, &p, input + sizeof(input) - 1, &data), HTTP_OK);
	assert_true(http_body_done(&b));
	assert_int_equal(data.n, 0);
}

static void chunks_are_joined(void **state)
{
	taken("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET", "hello world", "GET");
	taken("0\r\n\r\n", "", "");
	taken("000\r\n\r\n", "", "");
	taken("A\r\n0123456789\r\n0f\r\n0123456789abcde\r\n0\r\n\r\n",
	      "01234567890123456789abcde", "");
	taken("2\r\n\r\n\r\n0\r\n\r\n", "\r\n", "");
	answers("5\r\nhello\r\n0\r\n\r", HTTP_MORE);
	answers("5\r\nhello\r\n0\r\n", HTTP_MORE);
	answers("5\r\nhel", HTTP_MORE);
}

static void extensions_are_dropped(void **state)
{
	taken("1;a\r\nx\r\n0;b=c\r\n\r\n", "x", "");
	taken("1 ; a = b ;c\r\nx\r\n0\r\n\r\n", "x", "");
	taken("1\t;\ta=\"q;\\\"\\\\ \x80\t\";d=e\r\nx\r\n0\r\n\r\n", "x", "");
	taken("1;a=\"\"\r\nx\r\n0\r\n\r\n", "x", "");
}

static void trailers_are_dropped(void **state)
{
	taken("0\r\nA: b\r\nContent-Length: 5\r\nC:\r\n\r\nGET", "", "GET");
	taken("1\r\nx\r\n0;a\r\nA: \"\\b\\\" ;=\x80\t\r\n\r\n", "x", "");
}

static void a_chunk_size_must_be_hexadecimal_digits_only(void **state)
{
	static const char *const sizes[] = {
		"", "g", "-1", "+1", " 1", "0x1", "1g", "1.", "1,", "\n", "1\n", "1\rx", "\r\n",
		"11111111111111111", "00000000000000001",
	};

	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++)
		refuses(text("%s\r\nx\r\n0\r\n\r\n", sizes[i]), HTTP_ERR_CHUNK_SIZE, 400);
}

static void a_chunk_extension_must_be_well_formed(void **state)
{
	static const char *const extensions[] = {
		" ", ";", "; ", ";=b", ";a=", ";a=;b", ";a b", ";a=b c", ";a=\"b", ";a=\"b\\",
		";a=\"b\"c", ";a ", ";a=b ", ";a=\"b\" ", ";a=\"\x01\"", ";a\x80", ";a\n",
		";a=\"\n\"", " x", ";a=b=c", ";a=\"b\\\n\"",
	};

	for (unsigned i = 0; i < ARRAY_LEN(extensions); i++)
		refuses(text("1%s\r\nx\r\n0\r\n\r\n", extensions[i]),
			HTTP_ERR_CHUNK_EXTENSION, 400);
}

static void chunk_data_must_be_followed_by_crlf(void **state)
{
	refuses("1\r\nxy\r\n0\r\n\r\n", HTTP_ERR_CHUNK_END, 400);
	refuses("1\r\nx\n0\r\n\r\n", HTTP_ERR_CHUNK_END, 400);
	refuses("1\r\nx\rx0\r\n\r\n", HTTP_ERR_CHUNK_END, 400);
	refuses("2\r\nx\r\n0\r\n\r\n", HTTP_ERR_CHUNK_END, 400);
}

static void trailers_must_be_well_formed(void **state)
{
	static const char *const trailers[] = {
		"a", "a b: c", "a : b", ": b", " a: b", "a: b\n", "a: \x01", "a: b\rc", "\xff: b",
		"a: b\r\n c",
	};

	for (unsigned i = 0; i < ARRAY_LEN(trailers); i++)
		refuses(text("0\r\n%s\r\n\r\n", trailers[i]), HTTP_ERR_TRAILER, 400);
	refuses("0\r\n\n", HTTP_ERR_TRAILER, 400);
	refuses("0\r\n\rx", HTTP_ERR_TRAILER, 400);
}

static void a_body_over_the_limit_is_too_large(void **state)
{
	conf.body_max = 10;
	taken("5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n", "0123456789", "");
	refuses("5\r\n01234\r\n6\r\n567890\r\n0\r\n\r\n", HTTP_ERR_BODY_LONG, 413);
	refuses("b\r\n", HTTP_ERR_BODY_LONG, 413);
	refuses("ffffffffffffffff\r\n", HTTP_ERR_BODY_LONG, 413);
	refuses("5\r\n01234\r\nfffffffffffffffb\r\n", HTTP_ERR_BODY_LONG, 413);
}

static void chunk_extensions_over_the_limit_are_too_long(void **state)
{
	static const char *const counted[] = {	/* 6 bytes each, behind the first ";" or space */
		"1;a\r\nx\r\n0;bcd\r\n\r\n", "0;a=bcd\r\n\r\n", "0  ;abc\r\n\r\n",
		"0;a=\"b\"\r\n\r\n", "0;a;b;c\r\n\r\n", "0;a;  b\r\n\r\n",
	};

	for (unsigned i = 0; i < ARRAY_LEN(counted); i++) {
		conf.extensions_max = 6;
		answers(counted[i], HTTP_OK);
		conf.extensions_max = 5;
		refuses(counted[i], HTTP_ERR_CHUNK_EXTENSIONS_LONG, 400);
	}
	conf.extensions_max = HTTP_EXTENSIONS_MAX;
	refuses(text("1;%s", repeat('a', HTTP_EXTENSIONS_MAX + 1)), HTTP_ERR_CHUNK_EXTENSIONS_LONG,
		400);
}

static void trailers_over_the_limit_are_too_long(void **state)
{
	size_t room = HTTP_HEAD_MAX - strlen("A:\r\n\r\n");

	taken(text("0\r\nA:%s\r\n\r\n", repeat('a', room)), "", "");
	refuses(text("0\r\nA:%s\r\n\r\n", repeat('a', room + 1)), HTTP_ERR_TRAILERS_LONG, 431);
}

static void the_65th_trailer_is_too_many(void **state)
{
	char lines[5 * HTTP_FIELDS_MAX + 6] = "";

	for (unsigned i = 0; i <= HTTP_FIELDS_MAX; i++)
		memcpy(lines + 5 * i, "A:b\r\n", 6);
	taken(text("0\r\n%s\r\n", lines + 5), "", "");
	refuses(text("0\r\n%s\r\n", lines), HTTP_ERR_TRAILERS_MANY, 431);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(a_body_of_known_length_ends_there),
		T(no_body_takes_nothing),
		T(data_is_not_copied),
		T(chunks_are_joined),
		T(extensions_are_dropped),
		T(trailers_are_dropped),
		T(a_chunk_size_must_be_hexadecimal_digits_only),
		T(a_chunk_extension_must_be_well_formed),
		T(chunk_data_must_be_followed_by_crlf),
		T(trailers_must_be_well_formed),
		T(a_body_over_the_limit_is_too_large),
		T(chunk_extensions_over_the_limit_are_too_long),
		T(trailers_over_the_limit_are_too_long),
		T(the_65th_trailer_is_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
