/* Text into a bounded buffer that ends at a guard page: numbers, header lines and escapes. */
#include "unit/http/heads.h"

#include "http/http_out.h"

static struct http_out out;

static void begin(size_t size)
{
	http_out_init(&out, http_cut_guarded(0, size), size);
}

static void assert_out(const char *is)
{
	assert_false(out.failed);
	assert_slice((struct http_slice){ out.buf, out.len }, is);
}

static void writes_that_fit_are_appended(void **state)
{
	begin(6);
	http_out_str(&out, "abc");
	http_out_slice(&out, HTTP_SLICE("de"));
	http_out_bytes(&out, "f", 1);
	http_out_str(&out, "");
	assert_out("abcdef");
}

static void a_write_that_does_not_fit_fails_for_good(void **state)
{
	begin(5);
	http_out_str(&out, "abc");
	http_out_str(&out, "def");
	assert_true(out.failed);
	assert_int_equal(out.len, 3);
	http_out_str(&out, "d");
	assert_true(out.failed);
	assert_int_equal(out.len, 3);
}

static void numbers_are_written_without_zeros_in_front(void **state)
{
	begin(200);
	http_out_u64(&out, 0);
	http_out_str(&out, " ");
	http_out_u64(&out, 1234567890);
	http_out_str(&out, " ");
	http_out_u64(&out, UINT64_MAX);
	http_out_str(&out, " ");
	http_out_hex(&out, 0);
	http_out_str(&out, " ");
	http_out_hex(&out, 0x1a2b);
	http_out_str(&out, " ");
	http_out_hex(&out, UINT64_MAX);
	assert_out("0 1234567890 18446744073709551615 0 1a2b ffffffffffffffff");
}

static void a_field_is_a_line(void **state)
{
	begin(200);
	http_out_field(&out, "A", HTTP_SLICE("b c\t\x80"));
	http_out_field(&out, "D", HTTP_SLICE(""));
	http_out_field(&out, "E", HTTP_SLICE("a longer value\twith a tab ~"));
	assert_out("A: b c\t\x80\r\nD: \r\nE: a longer value\twith a tab ~\r\n");
}

static void value_fails(unsigned n, unsigned at, uint8_t c)
{
	uint8_t *value = http_cut_guarded(1, n);

	memset(value, 0xff, n);
	begin(200);
	http_out_field(&out, "A", (struct http_slice){ value, n });
	assert_false(out.failed);
	value[at] = c;
	begin(200);
	http_out_field(&out, "A", (struct http_slice){ value, n });
	assert_true(out.failed);
	assert_int_equal(out.len, 0);
}

static void a_field_value_with_a_control_character_fails(void **state)
{
	static const char bad[] = { '\r', '\n', 0, 127, 1, 31 };

	for (unsigned i = 0; i < sizeof(bad); i++) {
		for (unsigned n = 1; n < 30; n++)
			for (unsigned at = 0; at < n; at++)
				value_fails(n, at, (uint8_t)bad[i]);
	}
}

static void html_is_escaped(void **state)
{
	begin(200);
	http_out_html(&out, HTTP_SLICE("<a href=\"x\">'&'</a>"));
	assert_out("&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
	begin(200);
	http_out_html(&out, HTTP_SLICE("plain"));
	http_out_html(&out, HTTP_SLICE(""));
	assert_out("plain");
}

static void urls_are_escaped_but_for_slashes(void **state)
{
	begin(200);
	http_out_url(&out, HTTP_SLICE("/a b/%?#\"~-._z9\xc3\xa4\x01"));
	assert_out("/a%20b/%25%3f%23%22~-._z9%c3%a4%01");
}

static void json_strings_are_escaped(void **state)
{
	begin(200);
	http_out_json(&out, HTTP_SLICE("a\"b\\c\n \x01</\x7f"));
	assert_out("a\\\"b\\\\c\\u000a \\u0001\\u003c/\\u007f");
	begin(200);
	http_out_json(&out, (struct http_slice){ (const uint8_t *)"\0", 1 });
	assert_out("\\u0000");
}

static void json_keeps_utf_8_and_replaces_all_else(void **state)
{
	static const char *const good[] = {
		"\xc3\xa4", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
		"\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\xef\xbf\xbd",
	};
	static const struct {
		const char *text;
		unsigned replaced;
	} bad[] = {
		{ "\x80", 1 }, { "\xff", 1 }, { "\xc0\x80", 2 }, { "\xc1\xbf", 2 }, { "\xc3", 1 },
		{ "\xe0\x9f\xbf", 3 }, { "\xed\xa0\x80", 3 }, { "\xf0\x8f\xbf\xbf", 4 },
		{ "\xf4\x90\x80\x80", 4 }, { "\xf5\x80\x80\x80", 4 }, { "\xe2\x82", 2 },
		{ "\xf0\x9f\x92", 3 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(good); i++) {
		begin(200);
		http_out_json(&out, http_slice_str(good[i]));
		assert_out(good[i]);
	}
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		char is[100] = "";

		for (unsigned k = 0; k < bad[i].replaced; k++)
			memcpy(is + 6 * k, "\\ufffd", 6);
		begin(200);
		http_out_json(&out, http_slice_str(bad[i].text));
		assert_out(is);
	}
	begin(200);
	http_out_json(&out, HTTP_SLICE("\xc3" "a\xe2\x82" "b"));
	assert_out("\\ufffda\\ufffd\\ufffdb");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_that_fit_are_appended),
		cmocka_unit_test(a_write_that_does_not_fit_fails_for_good),
		cmocka_unit_test(numbers_are_written_without_zeros_in_front),
		cmocka_unit_test(a_field_is_a_line),
		cmocka_unit_test(a_field_value_with_a_control_character_fails),
		cmocka_unit_test(html_is_escaped),
		cmocka_unit_test(urls_are_escaped_but_for_slashes),
		cmocka_unit_test(json_strings_are_escaped),
		cmocka_unit_test(json_keeps_utf_8_and_replaces_all_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
