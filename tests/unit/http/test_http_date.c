/* Dates, RFC 9110 §5.6.7; the calendar against the C library's. */
#include "unit/http/heads.h"

#include <time.h>

#include "http/http_date.h"

#define NOW 1790000000ull	/* in September 2026 */

static const char *formatted(uint64_t unix_s)
{
	static char buf[HTTP_DATE_LEN + 1];

	http_date_format((uint8_t *)buf, unix_s);
	return buf;
}

static void a_date_is_formatted_as_imf_fixdate(void **state)
{
	assert_string_equal(formatted(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
	assert_string_equal(formatted(0), "Thu, 01 Jan 1970 00:00:00 GMT");
	assert_string_equal(formatted(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
	assert_string_equal(formatted(HTTP_DATE_MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
	assert_string_equal(formatted(UINT64_MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
}

static void every_day_is_formatted_as_the_c_library_does(void **state)
{
	for (uint64_t s = 0; s < HTTP_DATE_MAX; s += 86400 * 5 + 7919) {
		time_t t = (time_t)s;
		char is[HTTP_DATE_LEN + 1];
		struct tm tm;

		strftime(is, sizeof(is), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&t, &tm));
		assert_string_equal(formatted(s), is);
	}
}

static bool date_is(const char *date, uint64_t now_s, uint64_t is)
{
	uint64_t unix_s;
	size_t n = strlen(date);
	struct http_slice s = { http_cut_piece(date, n), n };

	return http_date_parse(s, now_s, &unix_s) && unix_s == is;
}

static void all_three_formats_are_read(void **state)
{
	assert_true(date_is("Sun, 06 Nov 1994 08:49:37 GMT", NOW, 784111777));
	assert_true(date_is("Sunday, 06-Nov-94 08:49:37 GMT", NOW, 784111777));
	assert_true(date_is("Sun Nov  6 08:49:37 1994", NOW, 784111777));
	assert_true(date_is("Wed Nov 16 08:49:37 1994", NOW, 784975777));
	assert_true(date_is("Tue, 29 Feb 2000 00:00:00 GMT", NOW, 951782400));
	assert_true(date_is("Sat, 31 Dec 2016 23:59:60 GMT", NOW, 1483228800));
}

static void what_is_formatted_is_read_again(void **state)
{
	for (uint64_t s = 0; s < HTTP_DATE_MAX; s += 86400 * 29 + 3607)
		assert_true(date_is(formatted(s), NOW, s));
}

static void two_digits_of_a_year_are_never_over_50_years_ahead(void **state)
{
	assert_true(date_is("Wednesday, 01-Jan-76 00:00:00 GMT", NOW, 3345062400));	/* 2076 */
	assert_true(date_is("Saturday, 01-Jan-77 00:00:00 GMT", NOW, 220924800));	/* 1977 */
	assert_true(date_is("Thursday, 01-Jan-26 00:00:00 GMT", NOW, 1767225600));	/* 2026 */
}

static void a_malformed_date_is_none(void **state)
{
	static const char *const dates[] = {
		"", "Sun", "Sun,", "yesterday", "Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 UTC",
		"Sun, 06 Nov 1994 08:49:37 GMT ", "sun, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 nov 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 94 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
		"Sun, 31 Nov 1994 08:49:37 GMT", "Sun, 29 Feb 1994 08:49:37 GMT",
		"Sun, 29 Feb 2100 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
		"Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
		"Sun, 06 Nov 1969 08:49:37 GMT", "Sun,  6 Nov 1994 08:49:37 GMT",
		"Sun, 06-Nov-94 08:49:37 GMT", "Sunday, 06 Nov 1994 08:49:37 GMT",
		"Sun Nov 6 08:49:37 1994", "Sun Nov  6 08:49:37 94", "Sun Nov  6 08:49:37 1994 GMT",
		"Sun, 06 Nov 19x4 08:49:37 GMT", "784111777",
	};

	for (unsigned i = 0; i < ARRAY_LEN(dates); i++) {
		size_t n = strlen(dates[i]);
		struct http_slice s = { http_cut_piece(dates[i], n), n };
		uint64_t unix_s;

		assert_false(http_date_parse(s, NOW, &unix_s));
	}
}

static void the_text_of_a_second_is_kept(void **state)
{
	struct http_date d;

	http_date_init(&d, 784111777);
	assert_slice(http_date_at(&d, 784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
	d.text[0] = 'x';
	assert_slice(http_date_at(&d, 784111777), "xun, 06 Nov 1994 08:49:37 GMT");
	assert_slice(http_date_at(&d, 784111778), "Sun, 06 Nov 1994 08:49:38 GMT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_date_is_formatted_as_imf_fixdate),
		cmocka_unit_test(every_day_is_formatted_as_the_c_library_does),
		cmocka_unit_test(all_three_formats_are_read),
		cmocka_unit_test(what_is_formatted_is_read_again),
		cmocka_unit_test(two_digits_of_a_year_are_never_over_50_years_ahead),
		cmocka_unit_test(a_malformed_date_is_none),
		cmocka_unit_test(the_text_of_a_second_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
