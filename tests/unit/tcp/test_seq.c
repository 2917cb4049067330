/* Sequence numbers, RFC 9293 §3.4: comparisons on the circle. */
#include "helper/unit.h"

#include "tcp/tcp_seq.h"

static const uint32_t starts[] = {0, 1, 1000, INT32_MAX, (uint32_t)INT32_MAX + 1,
				  UINT32_MAX - 1, UINT32_MAX};
static const uint32_t steps[] = {1, 2, 65535, 1u << 30, INT32_MAX};

static void what_comes_later_is_larger_wherever_the_circle_begins(void **state)
{
	for (unsigned i = 0; i < ARRAY_LEN(starts); i++) {
		for (unsigned k = 0; k < ARRAY_LEN(steps); k++) {
			uint32_t a = starts[i], b = a + steps[k];

			assert_true(seq_lt(a, b) && seq_le(a, b) && seq_gt(b, a) && seq_ge(b, a));
			assert_false(seq_lt(b, a) || seq_le(b, a) || seq_gt(a, b) || seq_ge(a, b));
			assert_int_equal(seq_max(a, b), b);
			assert_int_equal(seq_max(b, a), b);
		}
	}
}

static void number_equals_itself_and_is_neither_less_nor_greater(void **state)
{
	for (unsigned i = 0; i < ARRAY_LEN(starts); i++) {
		uint32_t a = starts[i];

		assert_true(seq_le(a, a) && seq_ge(a, a));
		assert_false(seq_lt(a, a) || seq_gt(a, a));
		assert_int_equal(seq_max(a, a), a);
	}
}

static void between_counts_both_ends_and_nothing_beside_them(void **state)
{
	for (unsigned i = 0; i < ARRAY_LEN(starts); i++) {
		for (unsigned k = 0; k < ARRAY_LEN(steps); k++) {
			uint32_t lo = starts[i], hi = lo + steps[k];

			assert_true(seq_between(lo, lo, hi));
			assert_true(seq_between(hi, lo, hi));
			assert_true(seq_between(lo + steps[k] / 2, lo, hi));
			assert_false(seq_between(lo - 1, lo, hi));
			assert_false(seq_between(hi + 1, lo, hi));
		}
		assert_true(seq_between(starts[i], starts[i], starts[i]));
		assert_false(seq_between(starts[i] + 1, starts[i], starts[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_later_is_larger_wherever_the_circle_begins),
		cmocka_unit_test(number_equals_itself_and_is_neither_less_nor_greater),
		cmocka_unit_test(between_counts_both_ends_and_nothing_beside_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
