/* The ring: order, fullness, wrap-around, a hostile other side, and two threads. */
#include "helper/unit.h"

#include <pthread.h>
#include <sched.h>

#include "base/spsc.h"

#define SIZE 8u

struct rig {
	struct spsc_shared shared;
	uint64_t slots[SIZE];
	struct spsc producer, consumer;
};

/* Both indices start at `first`, so that tests see them wrap. */
static void begin(struct rig *g, uint32_t size, uint32_t first)
{
	memset(g, 0, sizeof(*g));
	g->shared.head = g->shared.tail = first;
	spsc_init(&g->producer, &g->shared, g->slots, size);
	spsc_init(&g->consumer, &g->shared, g->slots, size);
	g->producer.own = g->producer.other = first;
	g->consumer.own = g->consumer.other = first;
}

static void an_empty_ring_gives_nothing_and_a_full_one_takes_nothing(void **state)
{
	uint64_t in[SIZE + 2] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, out[SIZE + 2];
	struct rig g;

	(void)state;
	begin(&g, SIZE, 0);
	assert_int_equal(spsc_pop(&g.consumer, out, 3), 0);
	assert_int_equal(spsc_push(&g.producer, in, 0), 0);
	assert_int_equal(spsc_push(&g.producer, in, SIZE + 2), SIZE);
	assert_int_equal(spsc_push(&g.producer, in, 1), 0);
	assert_int_equal(spsc_pop(&g.consumer, out, SIZE + 2), SIZE);
	assert_memory_equal(in, out, SIZE * sizeof(*in));
	assert_int_equal(spsc_pop(&g.consumer, out, 1), 0);
	assert_int_equal(spsc_push(&g.producer, in, 1), 1);
}

static void random_batches_come_out_in_order_also_where_indices_wrap(void **state)
{
	struct prng r;

	(void)state;
	prng_seed(&r, 10);
	for (uint32_t size = 1; size <= SIZE; size *= 2) {
		uint64_t in = 0, out = 0, words[SIZE + 2];
		struct rig g;

		begin(&g, size, UINT32_MAX - 50);
		for (unsigned i = 0; i < 20000; i++) {
			uint32_t n = prng_below(&r, size + 3), k;

			for (k = 0; k < n; k++)
				words[k] = in + k;
			k = spsc_push(&g.producer, words, n);
			assert_true(k == MIN(n, size - (in - out)));
			in += k;
			n = prng_below(&r, size + 3);
			k = spsc_pop(&g.consumer, words, n);
			assert_true(k == MIN(n, in - out));
			for (uint32_t m = 0; m < k; m++)
				assert_true(words[m] == out++);
		}
	}
}

static void impossible_indices_of_the_other_side_mean_full_and_empty(void **state)
{
	static const uint32_t wrong[] = {SIZE + 1, SIZE + 2, 1u << 31, UINT32_MAX - SIZE};
	uint64_t words[4 * SIZE];
	struct rig g;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		begin(&g, SIZE, 0);
		g.shared.tail = wrong[i];
		assert_int_equal(spsc_pop(&g.consumer, words, 4 * SIZE), 0);
		g.shared.tail = 0;
		begin(&g, SIZE, 0);
		assert_int_equal(spsc_push(&g.producer, words, SIZE), SIZE);
		g.shared.head = SIZE + wrong[i];
		assert_int_equal(spsc_push(&g.producer, words, 4 * SIZE), 0);
		g.shared.head = 1;
		assert_int_equal(spsc_push(&g.producer, words, 4 * SIZE), 1);
	}
}

static void a_size_that_is_no_power_of_two_is_an_assertion(void **state)
{
	struct rig g;

	(void)state;
	expect_assert_failure(spsc_init(&g.producer, &g.shared, g.slots, 6));
	expect_assert_failure(spsc_init(&g.producer, &g.shared, g.slots, 0));
}

#define WORDS 2000000u

static void *produce(void *arg)
{
	struct rig *g = arg;
	uint64_t next = 0, words[5];

	while (next < WORDS) {
		uint32_t n = (uint32_t)MIN(1 + next % 5, WORDS - next);

		for (uint32_t i = 0; i < n; i++)
			words[i] = (next + i) * 0x9e3779b97f4a7c15u;
		n = spsc_push(&g->producer, words, n);
		next += n;
		if (!n)
			sched_yield();
	}
	return NULL;
}

static void two_threads_pass_every_word_once_and_in_order(void **state)
{
	struct rig *g = unit_memory(CACHE_LINE, sizeof(*g));
	uint64_t next = 0, words[7];
	pthread_t t;

	(void)state;
	begin(g, SIZE, UINT32_MAX - 1000);
	assert_int_equal(pthread_create(&t, NULL, produce, g), 0);
	while (next < WORDS) {
		uint32_t n = spsc_pop(&g->consumer, words, 7);

		for (uint32_t i = 0; i < n; i++)
			assert_true(words[i] == next++ * 0x9e3779b97f4a7c15u);
		if (!n)
			sched_yield();
	}
	pthread_join(t, NULL);
	assert_int_equal(spsc_pop(&g->consumer, words, 1), 0);
	free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_ring_gives_nothing_and_a_full_one_takes_nothing),
		cmocka_unit_test(random_batches_come_out_in_order_also_where_indices_wrap),
		cmocka_unit_test(impossible_indices_of_the_other_side_mean_full_and_empty),
		cmocka_unit_test(a_size_that_is_no_power_of_two_is_an_assertion),
		cmocka_unit_test(two_threads_pass_every_word_once_and_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
