/* Heads of responses: their lines, and that nothing gets into one that was not meant to. */
#include "unit/http/heads.h"

#include "http/http_response.h"

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"

static struct http_out out;

static const char *head_of(const struct http_response *p)
{
	static char buf[2048];

	http_out_init(&out, buf, sizeof(buf) - 1);
	http_response_head(&out, p);
	assert_false(out.failed);
	buf[out.len] = 0;
	return buf;
}

static void a_full_head_has_all_fields(void **state)
{
	struct http_response p;

	http_response_init(&p, 200, accepted(GET "\r\n"));
	p.date = HTTP_SLICE(DATE);
	p.content_type = HTTP_SLICE("text/plain");
	p.has_length = true;
	p.content_length = 123;
	p.last_modified = HTTP_SLICE(DATE);
	p.etag = HTTP_SLICE("\"x\"");
	p.extra = HTTP_SLICE("Accept-Ranges: none\r\n");
	assert_string_equal(head_of(&p),
			    "HTTP/1.1 200 OK\r\n"
			    "Server: leat\r\n"
			    "Date: " DATE "\r\n"
			    "Content-Type: text/plain\r\n"
			    "Content-Length: 123\r\n"
			    "Last-Modified: " DATE "\r\n"
			    "ETag: \"x\"\r\n"
			    "Accept-Ranges: none\r\n"
			    "\r\n");
}

static void what_is_not_given_is_left_out(void **state)
{
	struct http_response p;

	http_response_init(&p, 304, accepted(GET "\r\n"));
	assert_string_equal(head_of(&p), "HTTP/1.1 304 Not Modified\r\nServer: leat\r\n\r\n");
}

static void persistence_is_said_where_it_is_not_the_default(void **state)
{
	struct http_response p;

	http_response_init(&p, 304, accepted(GET "Connection: close\r\n\r\n"));
	assert_non_null(strstr(head_of(&p), "\r\nConnection: close\r\n"));
	http_response_init(&p, 304, accepted("GET / HTTP/1.0\r\n\r\n"));
	assert_non_null(strstr(head_of(&p), "\r\nConnection: close\r\n"));
	http_response_init(&p, 304, accepted("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
	assert_non_null(strstr(head_of(&p), "\r\nConnection: keep-alive\r\n"));
	http_response_init(&p, 400, NULL);
	assert_non_null(strstr(head_of(&p), "\r\nConnection: close\r\n"));
	http_response_init(&p, 304, accepted("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
	p.close = true;		/* the server's own wish goes first */
	assert_non_null(strstr(head_of(&p), "\r\nConnection: close\r\n"));
	assert_null(strstr(head_of(&p), "keep-alive"));
}

static void a_length_of_zero_is_said(void **state)
{
	struct http_response p;

	http_response_init(&p, 200, accepted(GET "\r\n"));
	p.has_length = true;
	assert_non_null(strstr(head_of(&p), "\r\nContent-Length: 0\r\n"));
}

static void location_and_allow_are_written(void **state)
{
	struct http_response p;

	http_response_init(&p, 301, accepted(GET "\r\n"));
	p.location = HTTP_SLICE("/a/");
	p.allow = HTTP_SLICE("GET, HEAD");
	assert_non_null(strstr(head_of(&p), "\r\nLocation: /a/\r\nAllow: GET, HEAD\r\n"));
}

static void a_value_cannot_begin_a_line(void **state)
{
	struct http_response p;
	char buf[1000];

	http_response_init(&p, 301, accepted(GET "\r\n"));
	p.location = HTTP_SLICE("/\r\nSet-Cookie: a");
	http_out_init(&out, buf, sizeof(buf));
	http_response_head(&out, &p);
	assert_true(out.failed);
}

static void a_head_that_does_not_fit_fails(void **state)
{
	struct http_response p;
	size_t n;

	http_response_init(&p, 200, accepted(GET "\r\n"));
	n = strlen(head_of(&p));
	http_out_init(&out, http_cut_guarded(0, n - 1), n - 1);
	http_response_head(&out, &p);
	assert_true(out.failed);
	http_out_init(&out, http_cut_guarded(0, n), n);
	http_response_head(&out, &p);
	assert_false(out.failed);
}

static void every_status_has_its_reason(void **state)
{
	struct http_response p = { .status = 431 };

	for (enum http_error e = HTTP_MORE + 1; e < HTTP_ERROR_N; e++) {
		const char *reason = http_status_reason(http_error_status(e));

		assert_string_not_equal(reason, "Internal Server Error");
		p.status = http_error_status(e);
		assert_non_null(strstr(head_of(&p), text("HTTP/1.1 %u %s\r\n", p.status, reason)));
	}
	p.status = 999;
	assert_int_equal(strncmp(head_of(&p), "HTTP/1.1 500 Internal Server Error\r\n", 36), 0);
	assert_string_equal(http_status_reason(500), "Internal Server Error");
	assert_string_equal(http_status_reason(999), "Internal Server Error");
	assert_string_equal(http_status_reason(404), "Not Found");
}

static void a_page_says_what_was_wrong(void **state)
{
	static char buf[2048];
	struct http_response p;
	const char *body;

	http_response_init(&p, 404, NULL);
	http_out_init(&out, buf, sizeof(buf) - 1);
	http_response_page(&out, &p, "no <such> file", false);
	assert_false(out.failed);
	buf[out.len] = 0;
	body = strstr(buf, "\r\n\r\n") + 4;
	assert_non_null(strstr(body, "<title>404 Not Found</title>"));
	assert_non_null(strstr(body, "<p>no &lt;such&gt; file</p>"));
	assert_non_null(strstr(buf, text("\r\nContent-Length: %zu\r\n", strlen(body))));
	http_out_init(&out, buf, sizeof(buf) - 1);
	http_response_page(&out, &p, "x", true);
	buf[out.len] = 0;
	assert_string_equal(strstr(buf, "\r\n\r\n"), "\r\n\r\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(a_full_head_has_all_fields),
		T(what_is_not_given_is_left_out),
		T(persistence_is_said_where_it_is_not_the_default),
		T(a_length_of_zero_is_said),
		T(location_and_allow_are_written),
		T(a_value_cannot_begin_a_line),
		T(a_head_that_does_not_fit_fails),
		T(every_status_has_its_reason),
		T(a_page_says_what_was_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
