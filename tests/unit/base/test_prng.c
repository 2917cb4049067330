/* The generator against published values, and the fairness of what is drawn with it. */
#include "helper/unit.h"

#include "base/prng.h"

static void xoshiro256pp_gives_its_published_sequence(void **state)
{
	/* From the state 1 2 3 4, as in the test vectors of other implementations. */
	static const uint64_t want[] = {
		41943041, 58720359, 3588806011781223, 3591011842654386, 9228616714210784205u,
		9973669472204895162u, 14011001112246962877u, 12406186145184390807u,
		15849039046786891736u, 10450023813501588000u,
	};
	struct prng r = {{1, 2, 3, 4}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_true(prng_u64(&r) == want[i]);
}

static void a_seed_becomes_a_state_by_splitmix64(void **state)
{
	/* splitmix64 from 1234567. */
	static const uint64_t want[] = {
		6457827717110365317, 3203168211198807973, 9817491932198370423u,
		4593380528125082431,
	};
	struct prng r;

	(void)state;
	prng_seed(&r, 1234567);
	assert_memory_equal(r.s, want, sizeof(want));
}

static void the_same_seed_gives_the_same_sequence_and_another_another(void **state)
{
	struct prng a, b, c;
	unsigned same = 0;

	(void)state;
	prng_seed(&a, 0);
	prng_seed(&b, 0);
	prng_seed(&c, 1);
	for (unsigned i = 0; i < 1000; i++) {
		uint64_t x = prng_u64(&a);

		assert_true(x == prng_u64(&b));
		same += x == prng_u64(&c);
	}
	assert_int_equal(same, 0);
}

static void below_stays_below_and_reaches_every_value_about_equally_often(void **state)
{
	static const uint32_t bounds[] = {1, 2, 3, 7, 10, 64, 100};
	struct prng r;

	(void)state;
	prng_seed(&r, 5);
	for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
		unsigned count[100] = {0}, each = 2000;

		for (unsigned k = 0; k < bounds[i] * each; k++) {
			uint32_t v = prng_below(&r, bounds[i]);

			assert_true(v < bounds[i]);
			count[v]++;
		}
		for (unsigned v = 0; v < bounds[i]; v++)	/* five standard deviations */
			assert_in_range(count[v], each - 225, each + 225);
	}
}

static void below_has_no_bias_for_a_bound_that_two_to_the_32_does_not_divide(void **state)
{
	/* With a plain remainder or product the lower half of [0, 3 * 2^30) came twice as often as
	 * it should, or every third value did. */
	const uint32_t bound = 3u << 30;
	unsigned third[3] = {0}, residue[3] = {0};
	struct prng r;

	(void)state;
	prng_seed(&r, 6);
	for (unsigned i = 0; i < 90000; i++) {
		uint32_t v = prng_below(&r, bound);

		assert_true(v < bound);
		third[v >> 30]++;
		residue[v % 3]++;
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_in_range(third[i], 29300, 30700);
		assert_in_range(residue[i], 29300, 30700);
	}
}

static void no_chance_in_a_million_never_comes_true(void **state)
{
	const struct prng least = {{0, 1, 1, 1 << 9}};	/* draws 0 of a million next */
	struct prng r = least;

	(void)state;
	assert_int_equal(prng_below(&r, 1000000), 0);
	r = least;
	assert_false(prng_chance_ppm(&r, 0));
	r = least;
	assert_true(prng_chance_ppm(&r, 1));
}

static void a_chance_in_ppm_comes_true_as_often_as_it_says(void **state)
{
	struct prng r;
	unsigned n = 0;

	(void)state;
	prng_seed(&r, 7);
	for (unsigned i = 0; i < 100000; i++) {
		assert_false(prng_chance_ppm(&r, 0));
		assert_true(prng_chance_ppm(&r, 1000000));
		n += prng_chance_ppm(&r, 250000);
	}
	assert_in_range(n, 24300, 25700);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xoshiro256pp_gives_its_published_sequence),
		cmocka_unit_test(a_seed_becomes_a_state_by_splitmix64),
		cmocka_unit_test(the_same_seed_gives_the_same_sequence_and_another_another),
		cmocka_unit_test(below_stays_below_and_reaches_every_value_about_equally_often),
		cmocka_unit_test(below_has_no_bias_for_a_bound_that_two_to_the_32_does_not_divide),
		cmocka_unit_test(no_chance_in_a_million_never_comes_true),
		cmocka_unit_test(a_chance_in_ppm_comes_true_as_often_as_it_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
