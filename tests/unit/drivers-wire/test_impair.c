/* The bad wire's decisions: rates, order, flips and the seed, each measured on many frames. */
#include "helper/unit.h"

#include "base/csum.h"
#include "drivers/wire/impair.h"

#define FRAMES 20000u

static uint8_t frame[1514];

/* How many deliveries come of FRAMES frames, one every millisecond. */
static uint32_t run(struct impair *w, nsec *last)
{
	struct impair_verdict v;
	uint32_t n = 0;

	for (uint32_t i = 0; i < FRAMES; i++) {
		impair_decide(w, frame, sizeof(frame), MSEC(i + 1), &v);
		n += v.n;
		assert_true((v.fate == IMPAIR_PASS) == (v.n > 0));
		for (uint32_t k = 0; k < v.n; k++) {
			assert_true(v.to[k].at >= MSEC(i + 1) + w->faults.delay);
			*last = v.to[k].at;
		}
	}
	return n;
}

static void a_wire_without_faults_delivers_at_once(void **state)
{
	struct impair_faults f = {0};
	struct impair w;
	nsec last;

	impair_init(&w, &f, 1);
	assert_int_equal(run(&w, &last), FRAMES);
	assert_int_equal(last, MSEC(FRAMES));
}

static void loss_is_as_frequent_as_asked(void **state)
{
	struct impair_faults f = {.loss_ppm = 100000};
	struct impair w;
	nsec last;

	impair_init(&w, &f, 2);
	assert_in_range(run(&w, &last), FRAMES * 88 / 100, FRAMES * 92 / 100);
	assert_in_range(w.fates[IMPAIR_LOST], FRAMES * 8 / 100, FRAMES * 12 / 100);
}

static void a_bad_spell_loses_frames_in_a_row(void **state)
{
	struct impair_faults f = {.spell_ppm = 1000, .spell_frames = 20};
	struct impair_verdict v;
	unsigned row = 0, longest = 0;
	struct impair w;

	impair_init(&w, &f, 3);
	for (uint32_t i = 0; i < FRAMES; i++) {
		impair_decide(&w, frame, sizeof(frame), MSEC(i + 1), &v);
		row = v.n ? 0 : row + 1;
		longest = MAX(longest, row);
	}
	assert_in_range(longest, 20, 42);
}

static void duplicates_arrive_twice_and_are_marked(void **state)
{
	struct impair_faults f = {.dup_ppm = 1000000, .delay = MSEC(5)};
	struct impair_verdict v;
	struct impair w;

	impair_init(&w, &f, 4);
	impair_decide(&w, frame, sizeof(frame), MSEC(1), &v);
	assert_int_equal(v.n, 2);
	assert_false(v.to[0].duplicate);
	assert_true(v.to[1].duplicate);
}

static void only_reordered_frames_are_overtaken(void **state)
{
	struct impair_faults f = {.reorder_ppm = 100000, .reorder_by = MSEC(50), .jitter = MSEC(5)};
	struct impair_verdict v;
	nsec in_order = 0;
	unsigned late = 0;
	struct impair w;

	impair_init(&w, &f, 5);
	for (uint32_t i = 0; i < FRAMES; i++) {
		impair_decide(&w, frame, sizeof(frame), MSEC(i + 1), &v);
		if (v.to[0].reordered) {
			late++;
			continue;
		}
		assert_true(v.to[0].at >= in_order);
		in_order = v.to[0].at;
	}
	assert_in_range(late, FRAMES * 8 / 100, FRAMES * 12 / 100);
}

static void a_rate_spaces_frames_by_their_length_on_the_wire(void **state)
{
	struct impair_faults f = {.rate_bps = 1538 * 8 * 1000};	/* a full frame a millisecond */
	struct impair_verdict a, b, c;
	struct impair w;

	impair_init(&w, &f, 6);
	impair_decide(&w, frame, 1514, SEC(1), &a);
	impair_decide(&w, frame, 1514, SEC(1), &b);
	impair_decide(&w, frame, 14, SEC(1), &c);
	assert_int_equal(a.to[0].at, SEC(1) + MSEC(1));
	assert_int_equal(b.to[0].at, SEC(1) + MSEC(2));
	assert_true(c.to[0].at - b.to[0].at < USEC(60));
}

static void a_full_queue_loses_the_tail(void **state)
{
	struct impair_faults f = {.rate_bps = 8000000, .queue_bytes = 15000};
	struct impair_verdict v;
	struct impair w;
	unsigned passed = 0;

	impair_init(&w, &f, 7);
	for (unsigned i = 0; i < 100; i++) {
		impair_decide(&w, frame, sizeof(frame), SEC(1), &v);
		passed += v.n;
		assert_true(v.n || v.fate == IMPAIR_QUEUE_FULL);
	}
	assert_in_range(passed, 10, 12);
}

static void a_frame_longer_than_the_mtu_is_lost(void **state)
{
	struct impair_faults f = {.mtu = 1499};
	struct impair_verdict v;
	struct impair w;

	impair_init(&w, &f, 8);
	impair_decide(&w, frame, 1514, SEC(1), &v);
	assert_int_equal(v.fate, IMPAIR_TOO_LONG);
	impair_decide(&w, frame, 1513, SEC(1), &v);
	assert_int_equal(v.fate, IMPAIR_PASS);
}

static void a_blackout_takes_the_end_of_each_period(void **state)
{
	struct impair_faults f = {.blackout_every = SEC(10), .blackout_for = SEC(2)};
	struct impair_verdict v;
	struct impair w;

	impair_init(&w, &f, 9);
	impair_decide(&w, frame, 100, SEC(17), &v);
	assert_int_equal(v.fate, IMPAIR_PASS);
	impair_decide(&w, frame, 100, SEC(18), &v);
	assert_int_equal(v.fate, IMPAIR_BLACKOUT);
	impair_decide(&w, frame, 100, SEC(20), &v);
	assert_int_equal(v.fate, IMPAIR_PASS);
}

static void the_internet_checksum_notices_every_corruption(void **state)
{
	struct impair_faults f = {.corrupt_ppm = 1000000};
	struct impair_verdict v;
	struct impair w;
	uint8_t copy[64];
	struct prng r;

	prng_seed(&r, 10);
	for (uint64_t seed = 0; seed < 100; seed++) {
		impair_init(&w, &f, seed);
		for (unsigned i = 0; i < 200; i++) {
			unit_fill(&r, copy, sizeof(copy));
			uint16_t before = csum_fold(csum_partial(copy, sizeof(copy), 0));

			impair_decide(&w, copy, sizeof(copy), SEC(1), &v);
			impair_flip(&v.to[0], copy, sizeof(copy));
			assert_int_not_equal(csum_fold(csum_partial(copy, sizeof(copy), 0)),
					     before);
		}
		assert_int_equal(w.corrupted, 200);
	}
}

static void faults_end_when_they_are_told_to(void **state)
{
	struct impair_faults f = {.loss_ppm = 1000000, .corrupt_ppm = 1000000, .dup_ppm = 1000000};
	struct impair_verdict v;
	struct impair w;

	impair_init(&w, &f, 11);
	w.faults_until = SEC(5);
	impair_decide(&w, frame, 100, SEC(5) - 1, &v);
	assert_int_equal(v.fate, IMPAIR_LOST);
	impair_decide(&w, frame, 100, SEC(5), &v);
	assert_int_equal(v.n, 1);
	assert_int_equal(v.to[0].flips_n, 0);
}

static void one_seed_gives_one_wire(void **state)
{
	struct impair_faults f = {.loss_ppm = 50000, .dup_ppm = 50000, .reorder_ppm = 50000,
				  .corrupt_ppm = 50000, .jitter = MSEC(3), .reorder_by = MSEC(9)};
	struct impair a, b, c;
	nsec la = 0, lb = 0, lc = 0;

	impair_init(&a, &f, 12);
	impair_init(&b, &f, 12);
	impair_init(&c, &f, 13);
	assert_int_equal(run(&a, &la), run(&b, &lb));
	assert_int_equal(la, lb);
	assert_memory_equal(&a, &b, sizeof(a));
	run(&c, &lc);
	assert_memory_not_equal(a.fates, c.fates, sizeof(a.fates));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_wire_without_faults_delivers_at_once),
		cmocka_unit_test(loss_is_as_frequent_as_asked),
		cmocka_unit_test(a_bad_spell_loses_frames_in_a_row),
		cmocka_unit_test(duplicates_arrive_twice_and_are_marked),
		cmocka_unit_test(only_reordered_frames_are_overtaken),
		cmocka_unit_test(a_rate_spaces_frames_by_their_length_on_the_wire),
		cmocka_unit_test(a_full_queue_loses_the_tail),
		cmocka_unit_test(a_frame_longer_than_the_mtu_is_lost),
		cmocka_unit_test(a_blackout_takes_the_end_of_each_period),
		cmocka_unit_test(the_internet_checksum_notices_every_corruption),
		cmocka_unit_test(faults_end_when_they_are_told_to),
		cmocka_unit_test(one_seed_gives_one_wire),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
