/* Paths, RFC 3986 §2.1 and §5.2.4: each rule a test; input and result end at guard pages. */
#include "unit/http/heads.h"

#include "http/http_path.h"

static struct http_path path;

/* The result as text, or the name of the error; `size` bytes are there for it. */
static const char *resolve_in(const char *target, size_t size)
{
	char *buf = (char *)http_cut_guarded(1, size);
	struct http_slice s = { http_cut_piece(target, strlen(target)), strlen(target) };
	enum http_error err;

	memset(buf, '?', size);
	err = http_path_resolve(&path, buf, size, s);
	if (err)
		return http_error_name(err);
	assert_int_equal(strlen(buf), path.len);
	return buf;
}

static const char *resolve(const char *target)
{
	return resolve_in(target, 200);
}

static void file(const char *target, const char *is)
{
	assert_string_equal(resolve(target), is);
	assert_false(path.directory);
}

static void directory(const char *target, const char *is)
{
	assert_string_equal(resolve(target), is);
	assert_true(path.directory);
}

static void the_leading_slash_is_not_part_of_the_result(void **state)
{
	file("/a", "a");
	file("/a/b.html", "a/b.html");
	file("/.a/..b/c.", ".a/..b/c.");
	file("/...", "...");
}

static void a_trailing_slash_or_dot_segment_means_a_directory(void **state)
{
	directory("/", "");
	directory("", "");
	directory("/a/", "a");
	directory("/a/b//", "a/b");
	directory("/a/.", "a");
	directory("/a/b/..", "a");
	directory("/a/..", "");
	directory("/.", "");
}

static void the_query_is_split_off(void **state)
{
	file("/a?b=c/../d?e", "a");
	assert_slice(path.query, "b=c/../d?e");
	file("/a?", "a");
	assert_slice(path.query, "");
	assert_non_null(path.query.p);
	file("/a", "a");
	assert_null(path.query.p);
	directory("?q", "");
	assert_slice(path.query, "q");
	file("/a%3fb", "a?b");
	assert_null(path.query.p);
}

static void percent_encoding_is_decoded_once(void **state)
{
	file("/%61%2E%7a%7A", "a.zz");
	file("/a%20b%25", "a b%");
	file("/%252e%252e/a", "%2e%2e/a");
	file("/%c3%a4%ff", "\xc3\xa4\xff");
	file("/a+b", "a+b");
}

static void dot_segments_are_resolved_after_decoding(void **state)
{
	file("/a/./b", "a/b");
	file("/a/../b", "b");
	file("/a/b/../../c", "c");
	file("/a/%2e/b", "a/b");
	file("/a/%2E%2e/b", "b");
	file("/a/.%2e/b", "b");
	file("/a/bc/../d", "a/d");
}

static void empty_segments_are_dropped(void **state)
{
	file("//a///b", "a/b");
	file("/a//../b", "b");
}

static void a_path_above_the_root_is_refused(void **state)
{
	static const char *const targets[] = {
		"/..", "/../", "/../a", "/%2e%2e/a", "/.%2e/a", "/%2e./a", "/a/../../b", "/./../a",
		"//../a", "/a/../..", "/../a/b/c", "..", "../a", "/a/../../a",
	};

	for (unsigned i = 0; i < ARRAY_LEN(targets); i++)
		assert_string_equal(resolve(targets[i]), "PATH_ABOVE_ROOT");
	assert_int_equal(http_error_status(HTTP_ERR_PATH_ABOVE_ROOT), 400);
}

static void a_percent_sign_needs_two_digits(void **state)
{
	static const char *const targets[] = {
		"/%", "/%4", "/%4g", "/%g4", "/%%41", "/a%?41", "/% 1",
	};

	for (unsigned i = 0; i < ARRAY_LEN(targets); i++)
		assert_string_equal(resolve(targets[i]), "PATH_PERCENT");
	assert_int_equal(http_error_status(HTTP_ERR_PATH_PERCENT), 400);
}

static void what_browsers_encode_in_a_path_is_refused_raw(void **state)
{
	static const char bad[] = "\\`{}", good[] = "|[]^~!$&'()*+,;=:@";
	char target[8], want[8];

	for (const char *c = bad; *c; c++) {
		snprintf(target, sizeof(target), "/a%cb", *c);
		assert_string_equal(resolve(target), "TARGET_CHARACTER");
		snprintf(target, sizeof(target), "/a?%cb", *c);
		file(target, "a");
	}
	for (const char *c = good; *c; c++) {
		snprintf(target, sizeof(target), "/a%cb", *c);
		snprintf(want, sizeof(want), "a%cb", *c);
		file(target, want);
	}
	file("/a%5cb", "a\\b");
}

static void nul_is_refused(void **state)
{
	struct http_path out;
	char buf[10];

	assert_string_equal(resolve("/a%00.html"), "PATH_NUL");
	assert_int_equal(http_path_resolve(&out, buf, sizeof(buf),
					   (struct http_slice){ (const uint8_t *)"/\0", 2 }),
			 HTTP_ERR_PATH_NUL);
	assert_int_equal(http_error_status(HTTP_ERR_PATH_NUL), 400);
}

static void an_encoded_slash_is_refused(void **state)
{
	assert_string_equal(resolve("/a%2fb"), "PATH_SLASH");
	assert_string_equal(resolve("/..%2Fb"), "PATH_SLASH");
	assert_int_equal(http_error_status(HTTP_ERR_PATH_SLASH), 400);
}

static void a_path_that_does_not_fit_is_too_long(void **state)
{
	assert_string_equal(resolve_in("/abc/def", 8), "abc/def");
	assert_string_equal(resolve_in("/abc/def", 7), "PATH_LONG");
	assert_string_equal(resolve_in("/abc/d%65f", 8), "abc/def");
	assert_string_equal(resolve_in("/abc/de%66", 8), "abc/def");
	assert_string_equal(resolve_in("/abc/de%66", 7), "PATH_LONG");
	assert_string_equal(resolve_in("/abc/", 4), "abc");
	assert_string_equal(resolve_in("/abc/", 3), "PATH_LONG");
	assert_string_equal(resolve_in("/", 1), "");
	assert_string_equal(resolve_in("/a", 1), "PATH_LONG");
	assert_int_equal(http_error_status(HTTP_ERR_PATH_LONG), 414);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(the_leading_slash_is_not_part_of_the_result),
		T(a_trailing_slash_or_dot_segment_means_a_directory),
		T(the_query_is_split_off),
		T(percent_encoding_is_decoded_once),
		T(dot_segments_are_resolved_after_decoding),
		T(empty_segments_are_dropped),
		T(a_path_above_the_root_is_refused),
		T(a_percent_sign_needs_two_digits),
		T(what_browsers_encode_in_a_path_is_refused_raw),
		T(nul_is_refused),
		T(an_encoded_slash_is_refused),
		T(a_path_that_does_not_fit_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
