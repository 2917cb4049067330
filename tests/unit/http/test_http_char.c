/* Character classes against their definitions, and slices. */
#include "unit/http/heads.h"

static bool defined(unsigned c, uint8_t class)
{
	bool digit = c >= '0' && c <= '9', visible = c > 32 && c < 127;
	bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

	switch (class) {
	case HTTP_CH_TOKEN:
		return alpha || digit || (c && c < 127 && strchr("!#$%&'*+-.^_`|~", (int)c));
	case HTTP_CH_DIGIT:
		return digit;
	case HTTP_CH_HEX:
		return digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
	case HTTP_CH_HOST:
		return alpha || digit || (c && c < 127 && strchr("-._~!$&'()*+;=", (int)c));
	case HTTP_CH_TARGET:
		return visible && !strchr("#\"<>", (int)c);
	case HTTP_CH_VALUE:
		return visible || c >= 128 || c == ' ' || c == '\t';
	case HTTP_CH_PLAIN:
		return alpha || digit || (c && c < 127 && strchr("-._~/", (int)c));
	default:
		return c == ' ' || c == '\t';
	}
}

static void every_class_is_what_its_rfc_says(void **state)
{
	for (unsigned class = 1; class < 256; class <<= 1)
		for (unsigned c = 0; c < 256; c++)
			assert_int_equal(http_char_is((uint8_t)c, (uint8_t)class),
					 defined(c, (uint8_t)class));
}

static void hexadecimal_digits_have_their_value(void **state)
{
	static const char digits[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";

	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(http_char_hex((uint8_t)digits[i]), i);
		assert_int_equal(http_char_hex((uint8_t)upper[i]), i);
	}
}

static void slices_compare_with_and_without_case(void **state)
{
	assert_true(http_slice_eq(HTTP_SLICE("ab"), HTTP_SLICE("ab")));
	assert_false(http_slice_eq(HTTP_SLICE("ab"), HTTP_SLICE("aB")));
	assert_false(http_slice_eq(HTTP_SLICE("ab"), HTTP_SLICE("abc")));
	assert_true(http_slice_eq_nocase(HTTP_SLICE("aZ[@\xc4"), HTTP_SLICE("Az[@\xc4")));
	assert_false(http_slice_eq_nocase(HTTP_SLICE("["), HTTP_SLICE("{")));
	assert_false(http_slice_eq_nocase(HTTP_SLICE("\xc4"), HTTP_SLICE("\xe4")));
	assert_false(http_slice_eq_nocase(HTTP_SLICE("a"), HTTP_SLICE("ab")));
	assert_true(http_slice_eq((struct http_slice){ NULL, 0 }, HTTP_SLICE("")));
}

static void a_trim_takes_spaces_and_tabs_off_both_ends(void **state)
{
	assert_slice(http_slice_trim(HTTP_SLICE(" \t a b\t ")), "a b");
	assert_slice(http_slice_trim(HTTP_SLICE(" \t ")), "");
	assert_slice(http_slice_trim(HTTP_SLICE("")), "");
}

static void a_list_gives_its_elements_without_empty_ones(void **state)
{
	struct http_slice list = HTTP_SLICE(" ,a,, b\t, c d ,"), e;

	assert_true(http_slice_next(&list, &e));
	assert_slice(e, "a");
	assert_true(http_slice_next(&list, &e));
	assert_slice(e, "b");
	assert_true(http_slice_next(&list, &e));
	assert_slice(e, "c d");
	assert_false(http_slice_next(&list, &e));
	list = HTTP_SLICE("x");
	assert_true(http_slice_next(&list, &e));
	assert_slice(e, "x");
	assert_false(http_slice_next(&list, &e));
}

static bool number_is(const char *digits, uint64_t max, uint64_t is)
{
	uint64_t n;

	return http_slice_u64(http_slice_str(digits), max, &n) && n == is;
}

static void a_number_is_digits_up_to_its_maximum(void **state)
{
	uint64_t n;

	assert_true(number_is("0", 0, 0));
	assert_true(number_is("007", 7, 7));
	assert_true(number_is("255", 255, 255));
	assert_true(number_is("18446744073709551615", UINT64_MAX, UINT64_MAX));
	assert_false(http_slice_u64(HTTP_SLICE("18446744073709551616"), UINT64_MAX, &n));
	assert_false(http_slice_u64(HTTP_SLICE("256"), 255, &n));
	assert_false(http_slice_u64(HTTP_SLICE("1000"), 255, &n));
	assert_false(http_slice_u64(HTTP_SLICE("8"), 7, &n));
	assert_false(http_slice_u64(HTTP_SLICE(""), 255, &n));
	assert_false(http_slice_u64(HTTP_SLICE("1 "), 255, &n));
	assert_false(http_slice_u64(HTTP_SLICE("+1"), 255, &n));
	assert_false(http_slice_u64(HTTP_SLICE("/"), 255, &n));
	assert_false(http_slice_u64(HTTP_SLICE(":"), 255, &n));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_class_is_what_its_rfc_says),
		cmocka_unit_test(hexadecimal_digits_have_their_value),
		cmocka_unit_test(slices_compare_with_and_without_case),
		cmocka_unit_test(a_trim_takes_spaces_and_tabs_off_both_ends),
		cmocka_unit_test(a_list_gives_its_elements_without_empty_ones),
		cmocka_unit_test(a_number_is_digits_up_to_its_maximum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
