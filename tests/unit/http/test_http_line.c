/* The request line, RFC 9112 §3: each rule a test, with every scanner and every cut (heads.h). */
#include "unit/http/heads.h"

static void every_method_is_known_by_its_name(void **state)
{
	for (unsigned m = HTTP_GET; m < HTTP_METHOD_N; m++) {
		const char *target = m == HTTP_CONNECT ? "a:1" : "/";
		const char *host = m == HTTP_CONNECT ? "a:1" : "a";
		const char *name = http_method_name(m);

		assert_int_equal(accepted(text("%s %s HTTP/1.1\r\nHost: %s\r\n\r\n", name, target,
					       host))->method, m);
	}
}

static void a_higher_minor_version_is_taken_as_1_1(void **state)
{
	assert_int_equal(accepted("GET / HTTP/1.9\r\n" HOST "\r\n")->minor, 1);
	assert_int_equal(accepted("GET / HTTP/1.0\r\n\r\n")->minor, 0);
}

static void absolute_form_gives_authority_and_path(void **state)
{
	const struct http_request *r;

	r = accepted("GET http://www.Example.org:80/x?y HTTP/1.1\r\n"
		     "Host: www.example.org:80\r\n\r\n");
	assert_int_equal(r->target_form, HTTP_TARGET_ABSOLUTE);
	assert_slice(http_request_slice(r, r->authority), "www.Example.org:80");
	assert_slice(http_request_slice(r, r->path), "/x?y");
	r = accepted("GET HTTP://a HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_slice(http_request_slice(r, r->path), "");
	r = accepted("GET http://a?q HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_slice(http_request_slice(r, r->path), "?q");
	r = accepted("GET http://a/ HTTP/1.0\r\n\r\n");
	assert_slice(http_request_slice(r, r->authority), "a");
}

static void asterisk_form_is_for_options(void **state)
{
	assert_int_equal(accepted("OPTIONS * HTTP/1.1\r\n" HOST "\r\n")->target_form,
			 HTTP_TARGET_ASTERISK);
	assert_int_equal(accepted("OPTIONS /x HTTP/1.1\r\n" HOST "\r\n")->target_form,
			 HTTP_TARGET_ORIGIN);
	refused("GET * HTTP/1.1\r\n" HOST "\r\n", HTTP_ERR_TARGET_FORM, 400);
	refused("OPTIONS ** HTTP/1.1\r\n" HOST "\r\n", HTTP_ERR_TARGET_FORM, 400);
}

static void authority_form_is_for_connect(void **state)
{
	assert_int_equal(accepted("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n")->target_form,
			 HTTP_TARGET_AUTHORITY);
	refused("CONNECT / HTTP/1.1\r\n" HOST "\r\n", HTTP_ERR_TARGET_FORM, 400);
	refused("CONNECT a HTTP/1.1\r\n" HOST "\r\n", HTTP_ERR_TARGET_FORM, 400);
	refused("CONNECT a: HTTP/1.1\r\n" HOST "\r\n", HTTP_ERR_TARGET_FORM, 400);
	refused("CONNECT http://a:1/ HTTP/1.1\r\n" HOST "\r\n", HTTP_ERR_TARGET_FORM, 400);
	refused("GET a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", HTTP_ERR_TARGET_FORM, 400);
}

static void a_request_line_must_have_three_parts_one_space_apart(void **state)
{
	static const char *const lines[] = {
		"GET", "GET ", "GET / ", "GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET / HTTP/1.1 ",
		"GET HTTP/1.1", "GET  HTTP/1.1", "GET /a b HTTP/1.1", "GET / / HTTP/1.1",
	};

	for (unsigned i = 0; i < ARRAY_LEN(lines); i++)
		refused(text("%s\r\n" HOST "\r\n", lines[i]), HTTP_ERR_LINE_SHAPE, 400);
	assert_int_equal(http_error_status(HTTP_ERR_LINE_SHAPE), 400);
	refused("GET /\r\n", HTTP_ERR_LINE_SHAPE, 400);	/* HTTP/0.9 */
}

static void a_method_must_be_a_token(void **state)
{
	refused(" GET / HTTP/1.1\r\n" HOST "\r\n", HTTP_ERR_METHOD_TOKEN, 400);
	refused("G@T / HTTP/1.1\r\n" HOST "\r\n", HTTP_ERR_METHOD_TOKEN, 400);
	refused("GET\t/ HTTP/1.1\r\n" HOST "\r\n", HTTP_ERR_METHOD_TOKEN, 400);
	refused("GE\xc3\x84T / HTTP/1.1\r\n" HOST "\r\n", HTTP_ERR_METHOD_TOKEN, 400);
}

static void an_unknown_method_is_not_implemented(void **state)
{
	refused("BREW / HTTP/1.1\r\n" HOST "\r\n", HTTP_ERR_METHOD_UNKNOWN, 501);
	refused("get / HTTP/1.1\r\n" HOST "\r\n", HTTP_ERR_METHOD_UNKNOWN, 501);
	refused("GETS / HTTP/1.1\r\n" HOST "\r\n", HTTP_ERR_METHOD_UNKNOWN, 501);
	refused("A / HTTP/1.1\r\n" HOST "\r\n", HTTP_ERR_METHOD_UNKNOWN, 501);
	refused("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ"
		" / HTTP/1.1\r\n" HOST "\r\n", HTTP_ERR_METHOD_UNKNOWN, 501);
}

static void a_version_must_be_well_formed(void **state)
{
	static const char *const versions[] = {
		"HTTP/1", "HTTP/1.", "HTTP/1.10", "HTTP/11.1", "http/1.1", "HTTP/1,1", "HTTP/a.1",
		"HTTP/1.a", "HTTP1.1", "XTTP/1.1", "HTTP/1.1x", "X", "HTTP/-1.1",
	};

	for (unsigned i = 0; i < ARRAY_LEN(versions); i++)
		refused(text("GET / %s\r\n" HOST "\r\n", versions[i]), HTTP_ERR_VERSION, 400);
}

static void another_major_version_is_not_supported(void **state)
{
	refused("GET / HTTP/2.0\r\n" HOST "\r\n", HTTP_ERR_VERSION_UNKNOWN, 505);
	refused("GET / HTTP/0.9\r\n" HOST "\r\n", HTTP_ERR_VERSION_UNKNOWN, 505);
	refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP_ERR_VERSION_UNKNOWN, 505);
}

static void eight_bit_characters_and_tabs_in_the_target_are_refused(void **state)
{
	for (unsigned at = 0; at < 70; at++)
		refused(text("GET /%s\x80 HTTP/1.1\r\n" HOST "\r\n", repeat('n', at)),
			HTTP_ERR_TARGET_CHARACTER, 400);
	refused("GET /\xff HTTP/1.1\r\n" HOST "\r\n", HTTP_ERR_TARGET_CHARACTER, 400);
	refused("GET /a\tb HTTP/1.1\r\n" HOST "\r\n", HTTP_ERR_TARGET_CHARACTER, 400);
}

static void what_no_browser_sends_is_refused_in_the_target(void **state)
{
	static const char bad[] = "\"<>";

	for (const char *c = bad; *c; c++) {
		refused(text("GET /%c HTTP/1.1\r\n" HOST "\r\n", *c), HTTP_ERR_TARGET_CHARACTER,
			400);
		refused(text("GET /?q=%c HTTP/1.1\r\n" HOST "\r\n", *c),
			HTTP_ERR_TARGET_CHARACTER, 400);
	}
}

/* In a query, that is: paths have a rule of their own in http_path.c. */
static void every_other_visible_character_may_stand_in_the_target(void **state)
{
	for (char c = '!'; c < 127; c++)
		if (!strchr("#\"<>", c))
			accepted(text("GET /%c HTTP/1.1\r\n" HOST "\r\n", c));
}

static void a_fragment_in_the_target_is_refused(void **state)
{
	refused("GET /a#b HTTP/1.1\r\n" HOST "\r\n", HTTP_ERR_TARGET_FRAGMENT, 400);
	refused("GET # HTTP/1.1\r\n" HOST "\r\n", HTTP_ERR_TARGET_FRAGMENT, 400);
}

static void a_target_must_have_a_form_that_fits(void **state)
{
	refused("GET index.html HTTP/1.1\r\n" HOST "\r\n", HTTP_ERR_TARGET_FORM, 400);
	refused("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_ERR_TARGET_FORM, 400);
	refused("GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_ERR_TARGET_FORM, 400);
	refused("GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_ERR_TARGET_FORM, 400);
	refused("GET ?a HTTP/1.1\r\n" HOST "\r\n", HTTP_ERR_TARGET_FORM, 400);
}

static void the_authority_of_a_target_must_be_valid_and_without_userinfo(void **state)
{
	refused("GET http:/// HTTP/1.1\r\nHost:\r\n\r\n", HTTP_ERR_TARGET_AUTHORITY, 400);
	refused("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_ERR_TARGET_AUTHORITY, 400);
	refused("GET http://a:x/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_ERR_TARGET_AUTHORITY, 400);
	refused("GET http://[::1/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_ERR_TARGET_AUTHORITY, 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(every_method_is_known_by_its_name),
		T(a_higher_minor_version_is_taken_as_1_1),
		T(absolute_form_gives_authority_and_path),
		T(asterisk_form_is_for_options),
		T(authority_form_is_for_connect),
		T(a_request_line_must_have_three_parts_one_space_apart),
		T(a_method_must_be_a_token),
		T(an_unknown_method_is_not_implemented),
		T(a_version_must_be_well_formed),
		T(another_major_version_is_not_supported),
		T(eight_bit_characters_and_tabs_in_the_target_are_refused),
		T(what_no_browser_sends_is_refused_in_the_target),
		T(every_other_visible_character_may_stand_in_the_target),
		T(a_fragment_in_the_target_is_refused),
		T(a_target_must_have_a_form_that_fits),
		T(the_authority_of_a_target_must_be_valid_and_without_userinfo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
