/* The wheel: what wheel.h promises, then random arming, cancelling and jumping against a list. */
#include "helper/unit.h"

#include "base/wheel.h"

#define TICK (1ull << WHEEL_TICK_SHIFT)
#define YEAR SEC(365ull * 86400)
#define MODEL_N 400

/* As wheel_node_init() leaves it; a node must not be copied, for it points to itself. */
#define NODE(n) {.node = {&(n).node, &(n).node}, .deadline = NSEC_NEVER}

static struct wheel wheel;

static void begin(nsec now)
{
	wheel_init(&wheel, now);
	wheel_check(&wheel);
}

/* Pops `n` no earlier than its deadline and no later than a tick after it, following
 * wheel_next(). */
static void assert_fires_in_time(struct wheel_node *n)
{
	struct wheel_node *got = NULL;

	for (unsigned wakes = 0; !got; wakes++) {
		nsec now = wheel_next(&wheel);

		assert_true(wakes < 2 * WHEEL_LEVELS);
		assert_true(now != NSEC_NEVER);
		got = wheel_pop(&wheel, now);
		wheel_check(&wheel);
		if (got)
			assert_in_range(now - got->deadline, 0, TICK - 1);
	}
	assert_ptr_equal(got, n);
	assert_false(wheel_armed(n));
}

static void a_timer_fires_within_a_tick_of_its_deadline_and_never_before(void **state)
{
	(void)state;
	for (nsec after = 1; after < 17 * YEAR; after = after * 3 + 1) {
		struct wheel_node n = NODE(n);

		begin(SEC(1) + after);
		wheel_arm(&wheel, &n, wheel.tick * TICK + after);
		assert_null(wheel_pop(&wheel, n.deadline - 1));
		assert_fires_in_time(&n);
		assert_int_equal(wheel.armed, 0);
	}
}

static void a_deadline_that_is_a_tick_fires_at_that_moment(void **state)
{
	struct wheel_node n = NODE(n);

	(void)state;
	begin(SEC(1));
	wheel_arm(&wheel, &n, 100000 * TICK);
	assert_null(wheel_pop(&wheel, 100000 * TICK - 1));
	assert_ptr_equal(wheel_pop(&wheel, 100000 * TICK), &n);
}

static void a_deadline_in_the_past_is_due_at_once(void **state)
{
	struct wheel_node n = NODE(n);

	(void)state;
	begin(SEC(10));
	wheel_arm(&wheel, &n, SEC(3));
	assert_true(wheel_next(&wheel) <= SEC(10));
	assert_ptr_equal(wheel_pop(&wheel, SEC(10)), &n);
	wheel_arm(&wheel, &n, 0);
	assert_ptr_equal(wheel_pop(&wheel, SEC(10)), &n);
	assert_null(wheel_pop(&wheel, SEC(10)));
}

static void an_empty_wheel_has_no_next_moment(void **state)
{
	struct wheel_node n = NODE(n);

	(void)state;
	begin(SEC(1));
	assert_true(wheel_next(&wheel) == NSEC_NEVER);
	wheel_arm(&wheel, &n, SEC(2));
	assert_true(wheel_next(&wheel) <= SEC(2) + TICK);
	wheel_cancel(&wheel, &n);
	assert_true(wheel_next(&wheel) == NSEC_NEVER);
	wheel_check(&wheel);
}

static void a_cancelled_timer_does_not_fire(void **state)
{
	struct wheel_node n = NODE(n), due = NODE(due), other = NODE(other);

	(void)state;
	begin(SEC(1));
	wheel_cancel(&wheel, &n);
	wheel_arm(&wheel, &n, SEC(2));
	wheel_arm(&wheel, &due, SEC(1) - TICK);
	wheel_arm(&wheel, &other, SEC(2));
	wheel_cancel(&wheel, &n);
	wheel_cancel(&wheel, &n);
	wheel_cancel(&wheel, &due);
	wheel_check(&wheel);
	assert_int_equal(wheel.armed, 1);
	assert_fires_in_time(&other);
	assert_null(wheel_pop(&wheel, YEAR));
}

static void arming_again_moves_the_deadline(void **state)
{
	struct wheel_node n = NODE(n);

	(void)state;
	begin(SEC(1));
	wheel_arm(&wheel, &n, SEC(2));
	wheel_arm(&wheel, &n, SEC(9));
	assert_int_equal(wheel.armed, 1);
	assert_null(wheel_pop(&wheel, SEC(8)));
	wheel_arm(&wheel, &n, SEC(8) + MSEC(1));
	assert_fires_in_time(&n);
}

static void timers_come_in_the_order_of_their_ticks_after_a_jump_of_years(void **state)
{
	static struct wheel_node n[1000];
	struct wheel_node *got;
	struct prng r;
	nsec last = 0;
	unsigned count = 0;

	(void)state;
	prng_seed(&r, 2);
	begin(SEC(1));
	for (unsigned i = 0; i < ARRAY_LEN(n); i++) {
		wheel_node_init(&n[i], 0);
		wheel_arm(&wheel, &n[i], SEC(1) + (prng_u64(&r) >> (5 + prng_below(&r, 40))));
	}
	while (wheel.armed) {
		got = wheel_pop(&wheel, 30 * YEAR);
		if (!got)
			continue;
		assert_true(got->deadline + TICK > last);
		last = MAX(last, got->deadline);
		count++;
	}
	wheel_check(&wheel);
	assert_int_equal(count, ARRAY_LEN(n));
}

static void a_deadline_beyond_the_horizon_is_looked_at_again(void **state)
{
	struct wheel_node n = NODE(n), m = NODE(m);

	(void)state;
	begin(10 * YEAR);
	wheel_arm(&wheel, &n, 10 * YEAR + 200 * YEAR);
	wheel_arm(&wheel, &m, 10 * YEAR + 17 * YEAR);
	wheel_check(&wheel);
	assert_fires_in_time(&m);
	for (unsigned i = 0; i < 12 && wheel_next(&wheel) + TICK < n.deadline; i++) {
		assert_null(wheel_pop(&wheel, wheel_next(&wheel)));
		wheel_check(&wheel);
	}
	assert_fires_in_time(&n);
}

static void a_deadline_exactly_at_the_horizon_fires_in_time(void **state)
{
	const nsec turn = TICK << WHEEL_BITS * (WHEEL_LEVELS - 1);

	(void)state;
	for (unsigned slots = WHEEL_SLOTS - 1; slots <= WHEEL_SLOTS + 1; slots++) {
		struct wheel_node n = NODE(n);

		begin(SEC(1));
		wheel_arm(&wheel, &n, slots * turn);
		wheel_check(&wheel);
		assert_null(wheel_pop(&wheel, n.deadline - 1));
		wheel_check(&wheel);
		assert_fires_in_time(&n);
	}
}

static void a_timer_for_never_does_not_fire_and_does_no_harm(void **state)
{
	struct wheel_node n = NODE(n), m = NODE(m);

	(void)state;
	begin(SEC(1));
	wheel_arm(&wheel, &n, NSEC_NEVER);
	wheel_arm(&wheel, &m, NSEC_NEVER - TICK);
	wheel_check(&wheel);
	assert_ptr_equal(wheel_pop(&wheel, NSEC_NEVER - 1), &m);
	assert_null(wheel_pop(&wheel, NSEC_NEVER - 1));
	assert_true(wheel_next(&wheel) == NSEC_NEVER);
	wheel_check(&wheel);
	wheel_cancel(&wheel, &n);
}

static void time_that_stands_still_or_goes_back_does_no_harm(void **state)
{
	struct wheel_node n = NODE(n);

	(void)state;
	begin(SEC(5));
	wheel_arm(&wheel, &n, SEC(6));
	assert_null(wheel_pop(&wheel, SEC(5)));
	assert_null(wheel_pop(&wheel, SEC(4)));
	assert_null(wheel_pop(&wheel, 1));
	assert_int_equal(wheel.tick, SEC(5) >> WHEEL_TICK_SHIFT);
	wheel_check(&wheel);
	assert_fires_in_time(&n);
}

static void the_work_of_one_call_is_bounded(void **state)
{
	enum { N = 5000 };
	struct wheel_node *n = test_calloc(N, sizeof(*n));
	const nsec now = SEC(2000);
	unsigned popped = 0, calls = 0, moves = 0;

	(void)state;
	begin(SEC(1));
	for (unsigned i = 0; i < N; i++) {
		wheel_node_init(&n[i], 0);
		wheel_arm(&wheel, &n[i], SEC(1000) + i * 64 * TICK);
	}
	while (wheel.armed) {
		struct wheel_node *got = wheel_pop(&wheel, now);

		calls++;
		popped += got != NULL;
		moves += got == NULL;
		if (!got)
			assert_true(wheel_next(&wheel) <= now);
		if (calls % 256 == 0)
			wheel_check(&wheel);
	}
	assert_int_equal(popped, N);
	assert_in_range(moves, 1, 200);
	test_free(n);
}

static void a_timer_may_be_cancelled_while_its_slot_is_being_spread(void **state)
{
	enum { N = 1000 };
	struct wheel_node *n = test_calloc(N, sizeof(*n));
	unsigned popped = 0;

	(void)state;
	begin(SEC(1));
	for (unsigned i = 0; i < N; i++) {
		wheel_node_init(&n[i], 0);
		wheel_arm(&wheel, &n[i], SEC(1000) + i);
	}
	assert_null(wheel_pop(&wheel, SEC(1001)));
	assert_false(list_empty(&wheel.moving));
	for (unsigned i = 0; i < N; i += 2)
		wheel_cancel(&wheel, &n[i]);
	wheel_check(&wheel);
	while (wheel.armed)
		popped += wheel_pop(&wheel, SEC(1001)) != NULL;
	assert_int_equal(popped, N / 2);
	test_free(n);
}

/* Some deadline: usually near, sometimes far, sometimes past. */
static nsec some_deadline(struct prng *r, nsec now)
{
	nsec d = prng_u64(r) >> (8 + prng_below(r, 48));

	return prng_below(r, 16) == 0 ? now - MIN(d, now - 1) : now + MIN(d, 20 * YEAR);
}

/* Everything that the model has due must come, in order; nothing else may. */
static void pop_all(struct wheel_node *n, nsec before, nsec now)
{
	struct wheel_node *got;
	uint64_t last = 0, tick;

	do {
		got = wheel_pop(&wheel, now);
		if (!got)
			continue;
		assert_true(got->deadline <= now);
		got->kind = 0;
		if (got->deadline <= before)
			continue;	/* due since it was armed */
		tick = (got->deadline + TICK - 1) >> WHEEL_TICK_SHIFT;
		assert_true(tick >= last);
		last = tick;
	} while (got || wheel_next(&wheel) <= now);
	for (unsigned i = 0; i < MODEL_N; i++) {
		assert_int_equal(n[i].kind, wheel_armed(&n[i]));
		if (n[i].kind)
			assert_true(n[i].deadline + TICK > now);
	}
}

static void random_arming_cancelling_and_jumping_agrees_with_a_list(void **state)
{
	static struct wheel_node n[MODEL_N];	/* kind: the model believes that it is armed */
	nsec now = SEC(1), before, earliest;
	struct prng r;

	(void)state;
	prng_seed(&r, 3);
	begin(now);
	for (unsigned i = 0; i < MODEL_N; i++)
		wheel_node_init(&n[i], 0);
	for (unsigned round = 0; round < 20000 && now < 400 * YEAR; round++) {
		for (unsigned i = prng_below(&r, 20); i; i--) {
			struct wheel_node *x = &n[prng_below(&r, MODEL_N)];

			x->kind = prng_below(&r, 4) != 0;
			if (x->kind)
				wheel_arm(&wheel, x, some_deadline(&r, now));
			else
				wheel_cancel(&wheel, x);
		}
		earliest = NSEC_NEVER;
		for (unsigned i = 0; i < MODEL_N; i++)
			if (n[i].kind)
				earliest = MIN(earliest, n[i].deadline);
		if (earliest == NSEC_NEVER)
			assert_true(wheel_next(&wheel) == NSEC_NEVER);
		else
			assert_true(wheel_next(&wheel) < MAX(earliest, now) + TICK);
		before = now;
		if (prng_below(&r, 2))
			now = MAX(now, wheel_next(&wheel) == NSEC_NEVER ? 0 : wheel_next(&wheel));
		else
			now += prng_u64(&r) >> (10 + prng_below(&r, 50));
		pop_all(n, before, now);
		if (round % 16 == 0)
			wheel_check(&wheel);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_timer_fires_within_a_tick_of_its_deadline_and_never_before),
		cmocka_unit_test(a_deadline_that_is_a_tick_fires_at_that_moment),
		cmocka_unit_test(a_deadline_in_the_past_is_due_at_once),
		cmocka_unit_test(an_empty_wheel_has_no_next_moment),
		cmocka_unit_test(a_cancelled_timer_does_not_fire),
		cmocka_unit_test(arming_again_moves_the_deadline),
		cmocka_unit_test(timers_come_in_the_order_of_their_ticks_after_a_jump_of_years),
		cmocka_unit_test(a_deadline_beyond_the_horizon_is_looked_at_again),
		cmocka_unit_test(a_deadline_exactly_at_the_horizon_fires_in_time),
		cmocka_unit_test(a_timer_for_never_does_not_fire_and_does_no_harm),
		cmocka_unit_test(time_that_stands_still_or_goes_back_does_no_harm),
		cmocka_unit_test(the_work_of_one_call_is_bounded),
		cmocka_unit_test(a_timer_may_be_cancelled_while_its_slot_is_being_spread),
		cmocka_unit_test(random_arming_cancelling_and_jumping_agrees_with_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
