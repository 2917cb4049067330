/* What every allocator of objects must do: the same sentences for each make, one program a make.
 *
 * With the argument "returns", also what a make promises that takes back what it is given. */
#include "helper/unit.h"

#include "port/objects/objects.h"

#define SUITE_PAGES 2000u
#define SUITE_HELD 500u

static uint8_t *suite_memory;
static struct pages suite_pages;
static struct objects suite;

static int suite_up(void **state)
{
	suite_memory = unit_memory(PAGES_SIZE, (size_t)SUITE_PAGES * PAGES_SIZE);
	pages_init(&suite_pages);
	pages_add(&suite_pages, suite_memory, (size_t)SUITE_PAGES * PAGES_SIZE);
	objects_init(&suite, &suite_pages);
	return 0;
}

static int suite_down(void **state)
{
	free(suite_memory);
	return 0;
}

static size_t suite_size(struct prng *r)
{
	return prng_u64(r) % 10 ? 1 + prng_u64(r) % 300 : 1 + prng_u64(r) % 9000;
}

static void pieces_are_aligned_disjoint_and_inside(void **state)
{
	struct { uint8_t *at; size_t n; } held[SUITE_HELD];
	struct prng r;

	prng_seed(&r, 3);
	for (unsigned i = 0; i < SUITE_HELD; i++) {
		held[i].n = suite_size(&r);
		held[i].at = objects_get(&suite, held[i].n);
		assert_non_null(held[i].at);
		assert_int_equal((uintptr_t)held[i].at % OBJECTS_ALIGN, 0);
		assert_true(held[i].at >= suite_memory);
		assert_true(held[i].at + held[i].n <=
			    suite_memory + (size_t)SUITE_PAGES * PAGES_SIZE);
		memset(held[i].at, (int)i, held[i].n);
	}
	assert_int_equal(suite.held, SUITE_HELD);
	for (unsigned i = 0; i < SUITE_HELD; i++)
		for (size_t k = 0; k < held[i].n; k++)
			assert_int_equal(held[i].at[k], (uint8_t)i);
}

static void small_ones_share_a_page(void **state)
{
	uint64_t left = pages_left(&suite_pages);

	for (unsigned i = 0; i < 100; i++)
		assert_non_null(objects_get(&suite, 16));
	assert_int_equal(pages_left(&suite_pages), left - PAGES_SIZE);
}

static void without_memory_there_is_none_and_nothing_breaks(void **state)
{
	struct prng r;
	unsigned n = 0;

	prng_seed(&r, 5);
	while (objects_get(&suite, suite_size(&r)))
		n++;
	while (objects_get(&suite, 16))
		n++;
	assert_null(objects_get(&suite, 16));
	assert_null(objects_get(&suite, 100000));
	assert_int_equal(suite.held, n);
}

static void what_is_given_back_is_used_again(void **state)
{
	struct { void *at; size_t n; } held[SUITE_HELD];
	uint64_t left = 0;
	struct prng r;

	for (unsigned round = 0; round < 50; round++) {
		prng_seed(&r, 9);
		for (unsigned i = 0; i < SUITE_HELD; i++) {
			held[i].n = 1 + prng_u64(&r) % OBJECTS_MAX;
			held[i].at = objects_get(&suite, held[i].n);
			assert_non_null(held[i].at);
			memset(held[i].at, 0xee, held[i].n);
		}
		for (unsigned n = SUITE_HELD; n > 0; n--) {
			unsigned i = (unsigned)(prng_u64(&r) % n);

			objects_put(&suite, held[i].at, held[i].n);
			held[i] = held[n - 1];
		}
		assert_int_equal(suite.held, 0);
		if (round == 0)
			left = pages_left(&suite_pages);
		assert_int_equal(pages_left(&suite_pages), left);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, suite_up, suite_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest returns[] = { T(what_is_given_back_is_used_again) };
	const struct CMUnitTest tests[] = {
		T(pieces_are_aligned_disjoint_and_inside),
		T(small_ones_share_a_page),
		T(without_memory_there_is_none_and_nothing_breaks),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	if (argc > 1 && !strcmp(argv[1], "returns"))
		failed += cmocka_run_group_tests(returns, NULL, NULL);
	return failed;
}
