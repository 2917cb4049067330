/* The rules about a head as a whole: host, framing, expectation, persistence; each rule a test,
 * with every scanner and every cut (heads.h). */
#include "unit/http/heads.h"

static void host_may_be_missing_in_1_0_and_empty_in_1_1(void **state)
{
	accepted("GET / HTTP/1.0\r\n\r\n");
	accepted("GET / HTTP/1.1\r\nHost:\r\n\r\n");
}

static void hosts_of_every_form_are_taken(void **state)
{
	static const char *const hosts[] = {
		"a", "a.b-c_d~e", "a:80", "a:", "127.0.0.1:8080", "[::1]", "[::1]:65535",
		"[2001:db8::192.0.2.1]", "a!$&'()*+;=b", "a:0",
	};

	for (unsigned i = 0; i < ARRAY_LEN(hosts); i++)
		accepted(text("GET / HTTP/1.1\r\nHost: %s\r\n\r\n", hosts[i]));
}

static void a_missing_host_is_refused_in_1_1(void **state)
{
	refused("GET / HTTP/1.1\r\nHosts: a\r\n\r\n", HTTP_ERR_HOST_MISSING, 400);
	refused("GET http://a/ HTTP/1.1\r\n\r\n", HTTP_ERR_HOST_MISSING, 400);
}

static void a_second_host_is_refused(void **state)
{
	refused(GET HOST "\r\n", HTTP_ERR_HOST_REPEATED, 400);
	refused("GET / HTTP/1.0\r\n" HOST "hOST: a\r\n\r\n", HTTP_ERR_HOST_REPEATED, 400);
}

static void an_invalid_host_is_refused(void **state)
{
	static const char *const hosts[] = {
		"a b", "a/b", "a, b", "a,b", "u@a", "a:b", "a:80:80", "a:65536", "a:-1", ":80",
		"[::1", "[]", "[1.2.3.4]", "[::1]x", "[g::1]", "[v1.x]", "a\x80", "http://a", "a?b",
		"a%41",
		"::1", "[::::]", "[1:2:3:4:5:6:7:8:9]", "a:99999999999999999999",
	};

	for (unsigned i = 0; i < ARRAY_LEN(hosts); i++)
		refused(text("GET / HTTP/1.1\r\nHost: %s\r\n\r\n", hosts[i]), HTTP_ERR_HOST, 400);
}

static void host_and_target_must_agree(void **state)
{
	refused("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", HTTP_ERR_HOST_DIFFERS, 400);
	refused("GET http://a/ HTTP/1.1\r\nHost:\r\n\r\n", HTTP_ERR_HOST_DIFFERS, 400);
	refused("GET http://a:8080/ HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_ERR_HOST_DIFFERS, 400);
	refused("GET http://a/ HTTP/1.1\r\nHost: a:8\r\n\r\n", HTTP_ERR_HOST_DIFFERS, 400);
	refused("GET http://[::80]/ HTTP/1.1\r\nHost: [::]\r\n\r\n", HTTP_ERR_HOST_DIFFERS, 400);
	refused("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_ERR_HOST_DIFFERS, 400);
	refused("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", HTTP_ERR_HOST_DIFFERS, 400);
}

static void port_80_is_the_same_as_none(void **state)
{
	static const char *const same[] = { "a", "a:", "a:80", "A:80" };

	for (unsigned i = 0; i < ARRAY_LEN(same); i++)
		for (unsigned k = 0; k < ARRAY_LEN(same); k++)
			accepted(text("GET http://%s/ HTTP/1.1\r\nHost: %s\r\n\r\n", same[i],
				      same[k]));
}

static void content_length_frames_the_body(void **state)
{
	const struct http_request *r = accepted(POST "Content-Length: 017\r\n\r\n");

	assert_int_equal(r->framing, HTTP_BODY_LENGTH);
	assert_int_equal(r->content_length, 17);
	r = accepted(POST "Content-Length: 0\r\n\r\n");
	assert_int_equal(r->framing, HTTP_BODY_NONE);
}

static void content_length_must_be_digits_only(void **state)
{
	static const char *const lengths[] = {
		"+5", "-5", " 5 5", "5,5", "5, 5", "0x5", "5.", "", "5;", "a",
		"9223372036854775808", "18446744073709551621", "99999999999999999999999999",
	};

	for (unsigned i = 0; i < ARRAY_LEN(lengths); i++)
		refused(text(POST "Content-Length: %s\r\n\r\n", lengths[i]), HTTP_ERR_LENGTH, 400);
}

static void a_second_content_length_is_refused_even_if_equal(void **state)
{
	refused(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
		HTTP_ERR_LENGTH_REPEATED, 400);
	refused(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
		HTTP_ERR_LENGTH_REPEATED, 400);
}

static void a_content_length_over_the_limit_is_too_large(void **state)
{
	conf.body_max = 1234;
	accepted(POST "Content-Length: 1234\r\n\r\n");
	refused(POST "Content-Length: 1235\r\n\r\n", HTTP_ERR_BODY_LONG, 413);
	refused(POST "Content-Length: 9223372036854775807\r\n\r\n", HTTP_ERR_BODY_LONG, 413);
}

static void chunked_frames_the_body(void **state)
{
	assert_int_equal(accepted(POST "Transfer-Encoding: chunked\r\n\r\n")->framing,
			 HTTP_BODY_CHUNKED);
	assert_int_equal(accepted(POST "transfer-encoding:\tChunked \r\n\r\n")->framing,
			 HTTP_BODY_CHUNKED);
}

static void transfer_encoding_with_content_length_is_refused(void **state)
{
	refused(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
		HTTP_ERR_CODING_AND_LENGTH, 400);
	refused(POST "Content-Length: 5\r\nTransfer-Encoding: x\r\n\r\n",
		HTTP_ERR_CODING_AND_LENGTH, 400);
}

static void transfer_encoding_in_1_0_is_refused(void **state)
{
	refused("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
		HTTP_ERR_CODING_IN_1_0, 400);
}

static void a_coding_list_must_end_with_its_only_chunked(void **state)
{
	static const struct {
		const char *list;
		enum http_error err;
		unsigned status;
	} t[] = {
		{ "gzip", HTTP_ERR_CODING_NOT_CHUNKED, 400 },
		{ "identity", HTTP_ERR_CODING_NOT_CHUNKED, 400 },
		{ "xchunked", HTTP_ERR_CODING_NOT_CHUNKED, 400 },
		{ "chunked, gzip", HTTP_ERR_CODING_NOT_CHUNKED, 400 },
		{ "chunked, chunked", HTTP_ERR_CODING_REPEATED, 400 },
		{ "chunked, gzip, chunked", HTTP_ERR_CODING_REPEATED, 400 },
		{ "gzip, chunked", HTTP_ERR_CODING_UNKNOWN, 501 },
		{ "foo;bar=1, chunked", HTTP_ERR_CODING_UNKNOWN, 501 },
		{ "chunked;a=b", HTTP_ERR_CODING, 400 },
		{ "chunked,", HTTP_ERR_CODING, 400 },
		{ ", chunked", HTTP_ERR_CODING, 400 },
		{ "", HTTP_ERR_CODING, 400 },
		{ "\"chunked\"", HTTP_ERR_CODING, 400 },
		{ "chunked x", HTTP_ERR_CODING, 400 },
		{ "gzip x, chunked", HTTP_ERR_CODING, 400 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(t); i++)
		refused(text(POST "Transfer-Encoding: %s\r\n\r\n", t[i].list), t[i].err,
			t[i].status);
}

static void a_second_transfer_encoding_is_refused(void **state)
{
	refused(POST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n",
		HTTP_ERR_CODING_REPEATED, 400);
}

static void expect_100_continue_is_recognised_when_a_body_follows(void **state)
{
	assert_true(accepted(POST "Content-Length: 1\r\nExpect: 100-Continue\r\n\r\n")
		    ->expect_continue);
	assert_true(accepted(POST "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
		    ->expect_continue);
	assert_false(accepted(GET "Expect: 100-continue\r\n\r\n")->expect_continue);
	assert_false(accepted("POST / HTTP/1.0\r\nContent-Length: 1\r\n"
			      "Expect: 100-continue\r\n\r\n")->expect_continue);
}

static void an_unknown_expectation_fails(void **state)
{
	refused(GET "Expect: 200-ok\r\n\r\n", HTTP_ERR_EXPECT, 417);
	refused(GET "Expect: 100-continue\r\nExpect: 100-continue\r\n\r\n", HTTP_ERR_EXPECT, 417);
}

static void connection_options_decide_about_close(void **state)
{
	static const struct {
		const char *version, *lines;
		bool close;
	} t[] = {
		{ "1.1", "", false },
		{ "1.1", "Connection: close\r\n", true },
		{ "1.1", "Connection: CLOSE\r\n", true },
		{ "1.1", "Connection: keep-alive\r\n", false },
		{ "1.1", "Connection: upgrade, close\r\n", true },
		{ "1.1", "Connection: ,, upgrade\t,close ,\r\n", true },
		{ "1.1", "Connection: closed\r\n", false },
		{ "1.1", "Connection: close\r\nConnection: keep-alive\r\n", true },
		{ "1.1", "Connection: keep-alive\r\nConnection: close\r\n", true },
		{ "1.1", "Connection: keep-alive, close\r\n", true },
		{ "1.1", "Connection:\r\n", false },
		{ "1.0", "", true },
		{ "1.0", "Connection: keep-alive\r\n", false },
		{ "1.0", "Connection: Keep-Alive\r\n", false },
		{ "1.0", "Connection: keep-alivf\r\n", true },
		{ "1.0", "Connection: x, keep-alive\r\n", false },
		{ "1.0", "Connection: close\r\n", true },
		{ "1.0", "Connection: keep-alive\r\nConnection: close\r\n", true },
	};

	for (unsigned i = 0; i < ARRAY_LEN(t); i++)
		assert_int_equal(accepted(text("GET / HTTP/%s\r\n" HOST "%s\r\n", t[i].version,
					       t[i].lines))->close, t[i].close);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(host_may_be_missing_in_1_0_and_empty_in_1_1),
		T(hosts_of_every_form_are_taken),
		T(a_missing_host_is_refused_in_1_1),
		T(a_second_host_is_refused),
		T(an_invalid_host_is_refused),
		T(host_and_target_must_agree),
		T(port_80_is_the_same_as_none),
		T(content_length_frames_the_body),
		T(content_length_must_be_digits_only),
		T(a_second_content_length_is_refused_even_if_equal),
		T(a_content_length_over_the_limit_is_too_large),
		T(chunked_frames_the_body),
		T(transfer_encoding_with_content_length_is_refused),
		T(transfer_encoding_in_1_0_is_refused),
		T(a_coding_list_must_end_with_its_only_chunked),
		T(a_second_transfer_encoding_is_refused),
		T(expect_100_continue_is_recognised_when_a_body_follows),
		T(an_unknown_expectation_fails),
		T(connection_options_decide_about_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
