/* What every allocator of pages must do: the same sentences for each make, one program a make.
 *
 * With the argument "joins", also what a make promises that takes everything back. */
#include "helper/unit.h"

#include "port/pages/pages.h"

#define SUITE_PAGES 3000u
#define SUITE_HELD 200u

static uint8_t *suite_memory;

/* Whole: the memory of one piece; two ranges with a gap between when `gap`. */
static void suite_begin(struct pages *p, bool gap)
{
	size_t bytes = (size_t)SUITE_PAGES * PAGES_SIZE, part = 1001u * PAGES_SIZE;

	suite_memory = unit_memory(PAGES_SIZE, bytes);
	pages_init(p);
	pages_add(p, suite_memory, gap ? part : bytes);
	if (gap)
		pages_add(p, suite_memory + part + PAGES_SIZE, bytes - part - PAGES_SIZE);
}

static bool suite_inside(const void *at, size_t n)
{
	const uint8_t *b = at;

	return b >= suite_memory && b + n <= suite_memory + (size_t)SUITE_PAGES * PAGES_SIZE;
}

static void pieces_are_aligned_disjoint_and_inside(void **state)
{
	struct { uint8_t *at; size_t n; } held[SUITE_HELD];
	struct pages p;
	struct prng r;

	suite_begin(&p, true);
	prng_seed(&r, 7);
	for (unsigned i = 0; i < SUITE_HELD; i++) {
		held[i].n = 1 + prng_u64(&r) % (12 * PAGES_SIZE);
		held[i].at = pages_get(&p, held[i].n);
		assert_non_null(held[i].at);
		assert_int_equal((uintptr_t)held[i].at % PAGES_SIZE, 0);
		assert_true(suite_inside(held[i].at, held[i].n));
		memset(held[i].at, (int)i, held[i].n);
	}
	for (unsigned i = 0; i < SUITE_HELD; i++)
		for (size_t k = 0; k < held[i].n; k += 97)
			assert_int_equal(held[i].at[k], (uint8_t)i);
	free(suite_memory);
}

static void what_is_left_goes_down_by_whole_pages(void **state)
{
	struct pages p;
	uint64_t left;

	suite_begin(&p, false);
	left = pages_left(&p);
	assert_in_range(left, (SUITE_PAGES - 2) * PAGES_SIZE, SUITE_PAGES * PAGES_SIZE);
	assert_non_null(pages_get(&p, 1));
	assert_int_equal(pages_left(&p), left - PAGES_SIZE);
	assert_non_null(pages_get(&p, 5 * PAGES_SIZE));
	assert_int_equal(pages_left(&p), left - 6 * PAGES_SIZE);
	free(suite_memory);
}

static void the_last_piece_given_back_can_be_had_again(void **state)
{
	struct pages p;
	uint64_t left;

	suite_begin(&p, false);
	left = pages_left(&p);
	for (unsigned i = 0; i < 10000; i++) {
		void *at = pages_get(&p, 700 * PAGES_SIZE);

		assert_non_null(at);
		pages_put(&p, at, 700 * PAGES_SIZE);
	}
	assert_int_equal(pages_left(&p), left);
	free(suite_memory);
}

static void what_there_is_not_is_refused_and_costs_nothing(void **state)
{
	struct pages p;
	uint64_t left;

	suite_begin(&p, false);
	left = pages_left(&p);
	assert_null(pages_get(&p, (size_t)(SUITE_PAGES + 1) * PAGES_SIZE));
	assert_null(pages_get(&p, SIZE_MAX / 2));
	assert_null(pages_get(&p, 0));
	assert_int_equal(pages_left(&p), left);
	while (pages_get(&p, PAGES_SIZE))
		;
	assert_int_equal(pages_left(&p), 0);
	assert_null(pages_get(&p, 1));
	free(suite_memory);
}

static void all_that_is_given_back_in_any_order_is_one_piece_again(void **state)
{
	struct { void *at; size_t n; } held[SUITE_HELD];
	size_t most = 0;
	struct pages p;
	struct prng r;
	void *all;

	suite_begin(&p, false);
	while ((all = pages_get(&p, (most + 1) * PAGES_SIZE))) {
		pages_put(&p, all, ++most * PAGES_SIZE);
	}
	prng_seed(&r, 11);
	for (unsigned round = 0; round < 20; round++) {
		for (unsigned i = 0; i < SUITE_HELD; i++) {
			held[i].n = 1 + prng_u64(&r) % (12 * PAGES_SIZE);
			held[i].at = pages_get(&p, held[i].n);
			assert_non_null(held[i].at);
		}
		for (unsigned n = SUITE_HELD; n > 0; n--) {
			unsigned i = (unsigned)(prng_u64(&r) % n);

			memset(held[i].at, 0xee, held[i].n);
			pages_put(&p, held[i].at, held[i].n);
			held[i] = held[n - 1];
		}
		all = pages_get(&p, most * PAGES_SIZE);
		assert_non_null(all);
		pages_put(&p, all, most * PAGES_SIZE);
	}
	free(suite_memory);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest joins[] = {
		cmocka_unit_test(all_that_is_given_back_in_any_order_is_one_piece_again),
	};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_are_aligned_disjoint_and_inside),
		cmocka_unit_test(what_is_left_goes_down_by_whole_pages),
		cmocka_unit_test(the_last_piece_given_back_can_be_had_again),
		cmocka_unit_test(what_there_is_not_is_refused_and_costs_nothing),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	if (argc > 1 && !strcmp(argv[1], "joins"))
		failed += cmocka_run_group_tests(joins, NULL, NULL);
	return failed;
}
