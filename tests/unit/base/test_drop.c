/* Drop reasons: each has a name and a text of its own. */
#include "helper/unit.h"

#include "base/drop.h"

static void a_reason_is_named_as_in_the_source_and_explained(void **state)
{
	(void)state;
	assert_string_equal(drop_name(DROP_NOT), "NOT");
	assert_string_equal(drop_name(DROP_TCP_CSUM), "TCP_CSUM");
	assert_string_equal(drop_text(DROP_TCP_CSUM), "TCP checksum wrong");
}

static void no_two_reasons_share_a_name_or_a_text(void **state)
{
	(void)state;
	for (enum drop a = 0; a < DROP_N; a++) {
		assert_true(drop_name(a)[0] != '\0' && drop_text(a)[0] != '\0');
		for (enum drop b = 0; b < a; b++) {
			assert_string_not_equal(drop_name(a), drop_name(b));
			assert_string_not_equal(drop_text(a), drop_text(b));
		}
	}
}

static void what_is_no_reason_is_an_assertion(void **state)
{
	(void)state;
	expect_assert_failure(drop_name(DROP_N));
	expect_assert_failure(drop_text((enum drop)-1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reason_is_named_as_in_the_source_and_explained),
		cmocka_unit_test(no_two_reasons_share_a_name_or_a_text),
		cmocka_unit_test(what_is_no_reason_is_an_assertion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
