/* TIMEOUT, TIMEOUT_REMOVE: never early, soon after, once.
 *
 * Time is virtual. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/duo.h"

#define LATE MSEC(1)	/* the wheel's tick and the step of the test */

static struct leat_sqe sqe_timeout(uint64_t off, uint32_t op_flags, uint64_t user_data)
{
	struct leat_sqe sqe = duo_sqe(LEAT_OP_TIMEOUT, 0);

	sqe.off = off;
	sqe.op_flags = op_flags;
	sqe.user_data = user_data;
	return sqe;
}

static struct leat_sqe sqe_remove(uint64_t which, uint64_t off, uint32_t op_flags)
{
	struct leat_sqe sqe = duo_sqe(LEAT_OP_TIMEOUT_REMOVE, 0);

	sqe.addr = which;
	sqe.off = off;
	sqe.op_flags = op_flags;
	return sqe;
}

static void it_fires_in_time(void **state)
{
	struct duo *d = duo_new(NULL);
	const nsec waits[] = {0, 1, USEC(150), MSEC(3), MSEC(70), SEC(5), SEC(4000)};

	for (unsigned i = 0; i < ARRAY_LEN(waits); i++) {
		nsec start = d->now;
		struct leat_sqe sqe = sqe_timeout(waits[i], 0, i);

		duo_submit(d, 0, &sqe);
		while (!duo_has(d, 0, i))
			duo_run(d, MAX(MIN(waits[i] / 100, SEC(1)), USEC(10)));
		assert_int_equal(duo_await(d, 0, i).res, -E_TIME);
		assert_in_range(d->now - start, waits[i],
				waits[i] + LATE + MIN(waits[i] / 100, SEC(1)));
	}
	assert_int_equal(d->h[0].ring.socks.ops_used, 0);
	duo_free(d);
}

static void absolute_times_are_of_the_same_clock(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe = sqe_timeout(d->now + MSEC(20), LEAT_TIMEOUT_ABS, 1);
	nsec start = d->now;

	duo_submit(d, 0, &sqe);
	assert_int_equal(duo_await(d, 0, 1).res, -E_TIME);
	assert_in_range(d->now - start, MSEC(20), MSEC(20) + LATE);
	sqe.off = 1;	/* long ago */
	duo_submit(d, 0, &sqe);
	start = d->now;
	assert_int_equal(duo_await(d, 0, 1).res, -E_TIME);
	assert_in_range(d->now - start, 0, LATE);
	duo_free(d);
}

static void a_relative_time_counts_from_the_submission(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe = sqe_timeout(MSEC(20), 0, 1);
	nsec start;

	d->now += MSEC(500);	/* nobody has polled for long */
	start = d->now;
	duo_submit(d, 0, &sqe);
	assert_int_equal(duo_await(d, 0, 1).res, -E_TIME);
	assert_in_range(d->now - start, MSEC(20), MSEC(20) + LATE);
	duo_free(d);
}

static void the_next_poll_is_asked_for(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe = sqe_timeout(MSEC(20), 0, 1);

	duo_run(d, SEC(1));
	duo_submit(d, 0, &sqe);
	assert_in_range(leat_poll(&d->h[0].ring), d->now, d->now + MSEC(20) + LATE);
	duo_free(d);
}

static void many_fire_in_order(void **state)
{
	struct duo *d = duo_new(NULL);
	unsigned last = 0;

	for (unsigned i = 0; i < 200; i++) {
		struct leat_sqe sqe = sqe_timeout(MSEC((i * 73 % 200 + 1) * 5), 0,
						  i * 73 % 200 + 1);

		duo_submit(d, 0, &sqe);
	}
	duo_run(d, SEC(2));
	assert_int_equal(d->h[0].got_n, 200);
	for (unsigned i = 0; i < 200; i++) {
		assert_true(d->h[0].got[i].user_data > last);
		last = (unsigned)d->h[0].got[i].user_data;
	}
	duo_free(d);
}

static void removed_it_completes_as_cancelled(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe = sqe_timeout(SEC(1), 0, 1);

	duo_submit(d, 0, &sqe);
	assert_int_equal(duo_do(d, 0, sqe_remove(1, 0, 0)), 0);
	assert_int_equal(duo_await(d, 0, 1).res, -E_CANCELED);
	assert_int_equal(duo_do(d, 0, sqe_remove(1, 0, 0)), -E_NOENT);
	duo_run(d, SEC(2));
	assert_false(duo_has(d, 0, 1));
	duo_submit(d, 0, &sqe);
	sqe = duo_sqe(LEAT_OP_ASYNC_CANCEL, 0);
	sqe.addr = 1;
	assert_int_equal(duo_do(d, 0, sqe), 0);
	assert_int_equal(duo_await(d, 0, 1).res, -E_CANCELED);
	assert_int_equal(d->h[0].net.core.wheel.armed, d->h[1].net.core.wheel.armed);
	duo_free(d);
}

static void it_can_be_moved(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe = sqe_timeout(SEC(1), 0, 1);
	nsec start = d->now;

	duo_submit(d, 0, &sqe);
	assert_int_equal(duo_do(d, 0, sqe_remove(1, SEC(3), LEAT_TIMEOUT_UPDATE)), 0);
	duo_run(d, SEC(2));
	assert_false(duo_has(d, 0, 1));
	assert_int_equal(duo_do(d, 0, sqe_remove(1, start + MSEC(2500),
						 LEAT_TIMEOUT_UPDATE | LEAT_TIMEOUT_ABS)), 0);
	assert_int_equal(duo_await(d, 0, 1).res, -E_TIME);
	assert_in_range(d->now - start, MSEC(2500), MSEC(2500) + LATE);
	assert_int_equal(duo_do(d, 0, sqe_remove(1, SEC(3), LEAT_TIMEOUT_UPDATE)), -E_NOENT);
	duo_free(d);
}

static void one_that_has_fired_cannot_be_removed(void **state)
{
	struct duo_config config;
	struct duo *d;
	struct leat_sqe nop = duo_sqe(LEAT_OP_NOP, 0), sqe = sqe_timeout(MSEC(1), 0, 1);
	const struct leat_cqe *cqe;

	duo_config_default(&config);
	config.ring.sock.completions = 16;
	d = duo_new(&config);
	d->h[0].hold = true;
	duo_submit(d, 0, &sqe);
	for (int i = 0; i < 16; i++)
		duo_submit(d, 0, &nop);
	duo_run(d, MSEC(10));
	assert_int_equal(leat_cq_peek(&d->h[0].ring, &cqe), 16);
	leat_cq_advance(&d->h[0].ring, 1);	/* the timeout moves in */
	for (int i = 0; i < 2; i++) {
		sqe = sqe_timeout(0, 0, 2);
		assert_int_equal(leat_submit(&d->h[0].ring, &sqe), -E_BUSY);
	}
	leat_cq_advance(&d->h[0].ring, 1);
	duo_submit(d, 0, &sqe);
	duo_submit(d, 0, &nop);
	duo_run(d, MSEC(10));
	/* user_data 2 has fired and waits for room */
	assert_int_equal(d->h[0].ring.socks.n.backlogged, 2);
	leat_cq_advance(&d->h[0].ring, 0);
	d->h[0].hold = false;
	assert_int_equal(duo_await(d, 0, 2).res, -E_TIME);
	duo_free(d);
}

static void flags_that_make_no_sense_are_refused(void **state)
{
	struct duo *d = duo_new(NULL);

	assert_int_equal(duo_do(d, 0, sqe_timeout(1, LEAT_TIMEOUT_UPDATE, 0)), -E_INVAL);
	assert_int_equal(duo_do(d, 0, sqe_timeout(1, 8, 0)), -E_INVAL);
	assert_int_equal(duo_do(d, 0, sqe_remove(1, 0, LEAT_TIMEOUT_ABS)), -E_INVAL);
	duo_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_fires_in_time),
		cmocka_unit_test(absolute_times_are_of_the_same_clock),
		cmocka_unit_test(a_relative_time_counts_from_the_submission),
		cmocka_unit_test(the_next_poll_is_asked_for),
		cmocka_unit_test(many_fire_in_order),
		cmocka_unit_test(removed_it_completes_as_cancelled),
		cmocka_unit_test(it_can_be_moved),
		cmocka_unit_test(one_that_has_fired_cannot_be_removed),
		cmocka_unit_test(flags_that_make_no_sense_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
