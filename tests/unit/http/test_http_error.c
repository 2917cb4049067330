/* Every error has a name, a text and a status that asks for a close. */
#include "unit/http/heads.h"

static void every_error_has_a_status_a_name_and_a_text(void **state)
{
	for (enum http_error e = HTTP_OK; e < HTTP_ERROR_N; e++) {
		unsigned status = http_error_status(e);

		if (e == HTTP_OK)
			assert_int_equal(status, 200);
		else if (e == HTTP_MORE)
			assert_int_equal(status, 0);
		else
			assert_true(status == 400 || status == 413 || status == 414 ||
				    status == 417 || status == 431 || status == 501 ||
				    status == 505);
		assert_non_null(http_error_name(e));
		assert_non_null(http_error_text(e));
	}
}

static void an_error_out_of_range_is_our_mistake(void **state)
{
	expect_assert_failure(http_error_name(HTTP_ERROR_N));
	expect_assert_failure(http_error_text(HTTP_ERROR_N));
	expect_assert_failure(http_error_status(HTTP_ERROR_N));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_has_a_status_a_name_and_a_text),
		cmocka_unit_test(an_error_out_of_range_is_our_mistake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
