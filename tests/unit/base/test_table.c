/* The hash table: random operations against a list, with good and with terrible hashes; growth. */
#include "helper/unit.h"

#include "base/err.h"
#include "base/table.h"

struct rig {
	struct table t;
	void *mem;
	uint64_t *hash;		/* by index */
	bool *in;		/* the model: which indices are in the table */
	uint32_t max;
	uint32_t looked_at;	/* candidates that lookups compared */
};

static uint64_t hash_of(void *ctx, uint32_t idx)
{
	const struct rig *g = ctx;

	assert_true(idx < g->max);
	return g->hash[idx];
}

static void begin(struct rig *g, uint32_t max)
{
	g->mem = unit_memory(CACHE_LINE, table_bytes(max));
	g->hash = calloc(max, sizeof(*g->hash));
	g->in = calloc(max, sizeof(*g->in));
	g->max = max;
	g->looked_at = 0;
	table_init(&g->t, max, g->mem, hash_of, g);
	table_check(&g->t);
}

static void end(struct rig *g)
{
	free(g->mem);
	free(g->hash);
	free(g->in);
}

static bool found(struct rig *g, uint64_t hash, uint32_t want)
{
	table_each(&g->t, hash, idx) {
		g->looked_at++;
		if (idx == want)
			return true;
	}
	return false;
}

static int insert(struct rig *g, uint32_t idx, uint64_t hash)
{
	int e;

	g->hash[idx] = hash;
	e = table_insert(&g->t, hash, idx);
	g->in[idx] = e == 0;
	return e;
}

static void drop(struct rig *g, uint32_t idx)
{
	table_remove(&g->t, g->hash[idx], idx);
	g->in[idx] = false;
}

enum { GOOD, FEW_BUCKETS, FEW_TAGS, ALL_EQUAL, HASHES };

static uint64_t some_hash(struct prng *r, unsigned kind)
{
	uint64_t h = prng_u64(r);

	switch (kind) {
	case FEW_BUCKETS:
		return h & 0xffffffff00000003;
	case FEW_TAGS:
		return h & 0x0001ffffffffffff;
	case ALL_EQUAL:
		return 0xdeadbeef12345678;
	default:
		return h;
	}
}

static void random_operations_agree_with_a_list_whatever_the_hashes(void **state)
{
	struct prng r;
	struct rig g;

	(void)state;
	prng_seed(&r, 11);
	for (unsigned kind = 0; kind < HASHES; kind++) {
		uint32_t n = 0;

		begin(&g, 700);
		for (unsigned step = 0; step < 40000; step++) {
			/* Grows for a while, shrinks for a while. */
			bool grow = step / 2500 % 2 == 0;
			uint32_t idx = prng_below(&r, g.max);

			if (!g.in[idx] && prng_below(&r, 4) < (grow ? 4 : 1)) {
				assert_int_equal(insert(&g, idx, some_hash(&r, kind)), 0);
				n++;
			} else if (g.in[idx] && prng_below(&r, 4) < (grow ? 1 : 4)) {
				drop(&g, idx);
				n--;
			}
			assert_int_equal(g.t.entries, n);
			idx = prng_below(&r, g.max);
			assert_int_equal(found(&g, g.hash[idx], idx), g.in[idx]);
			if (step % 500 == 0)
				table_check(&g.t);
		}
		for (uint32_t idx = 0; idx < g.max; idx++) {
			assert_int_equal(found(&g, g.hash[idx], idx), g.in[idx]);
			if (g.in[idx])
				drop(&g, idx);
		}
		table_check(&g.t);
		assert_int_equal(g.t.entries, 0);
		end(&g);
	}
}

static void a_million_entries_are_all_found_mostly_in_their_first_cache_line(void **state)
{
	const uint32_t n = 1000000;
	struct prng r;
	struct rig g;
	uint32_t lines = 0;	/* that a search for everything would touch */

	(void)state;
	prng_seed(&r, 12);
	begin(&g, n);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(insert(&g, i, prng_u64(&r)), 0);
	table_check(&g.t);
	for (uint32_t i = 0; i < n; i++) {
		const struct table_bucket *b = table_bucket_of(&g.t, g.hash[i]);

		assert_true(found(&g, g.hash[i], i));
		for (; b; b = table_over(&g.t, b))
			lines++;
	}
	/* A tag of 16 bits: hardly ever is a wrong candidate compared. */
	assert_in_range(g.looked_at, n, n + n / 1000);
	assert_in_range(lines, n, n + n / 4);
	for (uint32_t i = 0; i < n; i += 2)
		drop(&g, i);
	table_check(&g.t);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(found(&g, g.hash[i], i), i % 2);
	end(&g);
}

static void an_insertion_splits_one_bucket_at_most(void **state)
{
	struct prng r;
	struct rig g;

	(void)state;
	prng_seed(&r, 13);
	begin(&g, 5000);
	for (uint32_t i = 0; i < g.max; i++) {
		uint32_t before = g.t.buckets_n;

		assert_int_equal(insert(&g, i, prng_u64(&r)), 0);
		assert_in_range(g.t.buckets_n - before, 0, 1);
	}
	assert_int_equal(g.t.buckets_n, g.t.buckets_max);
	end(&g);
}

static void one_entry_more_than_agreed_is_refused(void **state)
{
	struct prng r;
	struct rig g;

	(void)state;
	prng_seed(&r, 14);
	for (uint32_t max = 0; max < 40; max++) {
		begin(&g, max + 1);
		g.t.entries_max = max;
		for (uint32_t i = 0; i < max; i++)
			assert_int_equal(insert(&g, i, prng_u64(&r)), 0);
		assert_int_equal(insert(&g, max, prng_u64(&r)), -E_NOSPC);
		table_check(&g.t);
		if (max) {
			drop(&g, 0);
			assert_int_equal(insert(&g, max, prng_u64(&r)), 0);
		}
		table_check(&g.t);
		end(&g);
	}
}

static void a_table_of_any_size_takes_all_its_entries_in_one_bucket(void **state)
{
	static const uint32_t sizes[] = {1, 2, 9, 10, 11, 20, 21, 60, 61, 100, 1000, 20000};
	struct rig g;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		begin(&g, sizes[i]);
		for (uint32_t k = 0; k < g.max; k++)
			assert_int_equal(insert(&g, k, 42), 0);
		table_check(&g.t);
		for (uint32_t k = 0; k < g.max; k++)
			drop(&g, g.max - 1 - k);
		table_check(&g.t);
		end(&g);
	}
}

static void out_of_overflow_buckets_an_insertion_is_refused_and_nothing_lost(void **state)
{
	const uint32_t max = 200000;
	uint32_t n = 0;
	struct rig g;

	(void)state;
	begin(&g, max);
	while (n < max && insert(&g, n, 7) == 0)
		n++;
	assert_in_range(n, 40960, max - 1);
	table_check(&g.t);
	assert_int_equal(g.t.entries, n);
	drop(&g, 0);
	assert_int_equal(insert(&g, n, 7), 0);
	assert_int_equal(insert(&g, n + 1, 7), -E_NOSPC);
	assert_int_equal(insert(&g, n + 1, 8), 0);
	table_check(&g.t);
	end(&g);
}

static void removing_what_is_not_there_is_an_assertion(void **state)
{
	struct rig g;

	(void)state;
	begin(&g, 10);
	assert_int_equal(insert(&g, 3, 99), 0);
	expect_assert_failure(table_remove(&g.t, 99, 4));
	expect_assert_failure(table_remove(&g.t, 99 | 2ull << 48, 3));
	end(&g);
}

static void a_very_large_table_has_no_more_overflow_buckets_than_it_can_name(void **state)
{
	const uint32_t max = 3000000;
	void *mem = aligned_alloc(CACHE_LINE, table_bytes(max));
	struct table t;

	(void)state;
	assert_non_null(mem);
	table_init(&t, max, mem, hash_of, NULL);
	assert_in_range(t.over_max, 60000, UINT16_MAX);
	free(mem);
}

static void prefetching_any_hash_is_harmless(void **state)
{
	struct rig g;

	(void)state;
	begin(&g, 1);
	table_prefetch(&g.t, 0);
	table_prefetch(&g.t, UINT64_MAX);
	end(&g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_operations_agree_with_a_list_whatever_the_hashes),
		cmocka_unit_test(a_million_entries_are_all_found_mostly_in_their_first_cache_line),
		cmocka_unit_test(an_insertion_splits_one_bucket_at_most),
		cmocka_unit_test(one_entry_more_than_agreed_is_refused),
		cmocka_unit_test(a_table_of_any_size_takes_all_its_entries_in_one_bucket),
		cmocka_unit_test(out_of_overflow_buckets_an_insertion_is_refused_and_nothing_lost),
		cmocka_unit_test(removing_what_is_not_there_is_an_assertion),
		cmocka_unit_test(a_very_large_table_has_no_more_overflow_buckets_than_it_can_name),
		cmocka_unit_test(prefetching_any_hash_is_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
