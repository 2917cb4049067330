/* Validators and conditional requests, RFC 9110 §8.8 and §13. */
#include "unit/http/heads.h"

#include "http/http_condition.h"

#define ETAG "\"abc\""
#define MTIME 784111777ull	/* Sun, 06 Nov 1994 08:49:37 GMT */
#define NOW 1790000000ull
#define SINCE(s) "If-Modified-Since: Sun, 06 Nov 1994 08:49:" s " GMT\r\n"
#define UNLESS(s) "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:" s " GMT\r\n"

static void an_entity_tag_is_made_of_inode_size_and_time(void **state)
{
	uint8_t tag[HTTP_ETAG_MAX];
	size_t n = http_etag_make(tag, 1, 2, 255);

	assert_slice((struct http_slice){ tag, n }, "\"1-2-ff\"");
	n = http_etag_make(tag, UINT64_MAX, UINT64_MAX, UINT64_MAX);
	assert_int_equal(n, HTTP_ETAG_MAX);
	assert_int_equal(tag[n - 1], '"');
}

static bool in_list(const char *list, bool weak)
{
	struct http_slice s = { http_cut_piece(list, strlen(list)), strlen(list) };

	return http_etag_in(s, HTTP_SLICE(ETAG), weak);
}

static void a_tag_is_found_in_a_list(void **state)
{
	static const char *const lists[] = {
		ETAG, "*", " * ", "\"x\", " ETAG, "\"x\"," ETAG ",\"y\"", ",, " ETAG " ,",
		"\"a,b\"," ETAG, "W/\"x\"\t,\t" ETAG, "\"\"," ETAG,
	};

	for (unsigned i = 0; i < ARRAY_LEN(lists); i++) {
		assert_true(in_list(lists[i], true));
		assert_true(in_list(lists[i], false));
	}
	assert_false(in_list("", true));
	assert_false(in_list("\"abcd\", \"ab\", \"x" "abc\"", true));
}

static void weak_tags_match_in_weak_comparison_only(void **state)
{
	assert_true(in_list("W/" ETAG, true));
	assert_false(in_list("W/" ETAG, false));
	assert_true(in_list("W/" ETAG ", " ETAG, false));
}

static void what_is_no_list_of_tags_matches_nothing(void **state)
{
	static const char *const lists[] = {
		"abc", "\"abc", "abc\"", "w/" ETAG, "W " ETAG, "W", "W/", ETAG " x", ETAG " " ETAG,
		ETAG ", x", "*, " ETAG, "\"a c\", " ETAG, ETAG ", *", "\"", "W/\"",
	};

	for (unsigned i = 0; i < ARRAY_LEN(lists); i++)
		assert_false(in_list(lists[i], true));
}

static unsigned outcome(const char *method, const char *lines)
{
	const struct http_request *r;

	r = accepted(text("%s / HTTP/1.1\r\n" HOST "%s\r\n", method, lines));
	return http_condition(r, HTTP_SLICE(ETAG), MTIME, NOW);
}

static void without_conditions_a_request_goes_on(void **state)
{
	assert_int_equal(outcome("GET", ""), 0);
}

static void if_none_match_answers_not_modified(void **state)
{
	assert_int_equal(outcome("GET", "If-None-Match: " ETAG "\r\n"), 304);
	assert_int_equal(outcome("HEAD", "If-None-Match: W/" ETAG "\r\n"), 304);
	assert_int_equal(outcome("GET", "If-None-Match: *\r\n"), 304);
	assert_int_equal(outcome("GET", "If-None-Match: \"x\"\r\n"), 0);
	assert_int_equal(outcome("GET", "If-None-Match: \"x\"\r\n"
				 "If-None-Match: " ETAG "\r\n"), 304);
	assert_int_equal(outcome("GET", "If-None-Match: " ETAG "\r\n"
				 "If-None-Match: \"x\"\r\n"), 304);
	assert_int_equal(outcome("POST", "If-None-Match: *\r\n"), 412);
}

static void if_modified_since_answers_not_modified(void **state)
{
	assert_int_equal(outcome("GET", SINCE("37")), 304);
	assert_int_equal(outcome("HEAD", "If-Modified-Since: Sun Nov  6 08:49:38 1994\r\n"), 304);
	assert_int_equal(outcome("GET", "If-Modified-Since: Sunday, 06-Nov-94 08:49:36 GMT\r\n"),
			 0);
	assert_int_equal(outcome("POST", SINCE("37")), 0);
	assert_int_equal(outcome("GET", "If-Modified-Since: now\r\n"), 0);
	assert_int_equal(outcome("GET", SINCE("37") SINCE("37")), 0);
}

static void if_none_match_goes_before_if_modified_since(void **state)
{
	assert_int_equal(outcome("GET", SINCE("37")
				 "If-None-Match: \"x\"\r\n"), 0);
	assert_int_equal(outcome("GET", SINCE("36")
				 "If-None-Match: " ETAG "\r\n"), 304);
}

static void if_match_and_if_unmodified_since_fail_when_it_has_changed(void **state)
{
	assert_int_equal(outcome("GET", "If-Match: " ETAG "\r\n"), 0);
	assert_int_equal(outcome("GET", "If-Match: *\r\n"), 0);
	assert_int_equal(outcome("GET", "If-Match: W/" ETAG "\r\n"), 412);
	assert_int_equal(outcome("GET", "If-Match: \"x\"\r\n"), 412);
	assert_int_equal(outcome("GET", UNLESS("37")), 0);
	assert_int_equal(outcome("GET", UNLESS("36")), 412);
	assert_int_equal(outcome("GET", "If-Match: " ETAG "\r\n"
				 UNLESS("36")), 0);
	assert_int_equal(outcome("GET", "If-Match: " ETAG "\r\nIf-None-Match: " ETAG "\r\n"), 304);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(an_entity_tag_is_made_of_inode_size_and_time),
		T(a_tag_is_found_in_a_list),
		T(weak_tags_match_in_weak_comparison_only),
		T(what_is_no_list_of_tags_matches_nothing),
		T(without_conditions_a_request_goes_on),
		T(if_none_match_answers_not_modified),
		T(if_modified_since_answers_not_modified),
		T(if_none_match_goes_before_if_modified_since),
		T(if_match_and_if_unmodified_since_fail_when_it_has_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
