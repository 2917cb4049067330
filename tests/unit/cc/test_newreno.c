/* NewReno's window: RFC 5681 §3.1, RFC 3465, RFC 6582, RFC 6928. */
#include "helper/unit.h"

#include "cc/cc.h"

#define MSS 1000u

static struct cc cc;

static int setup(void **state)
{
	cc_init(&cc, &cc_newreno, MSS);
	return 0;
}

static void ack(uint32_t acked)
{
	cc.ops->on_ack(&cc, &(struct cc_ack){.now = 1, .acked = acked, .inflight = cc.cwnd});
}

static void on(void (*event)(struct cc *, const struct cc_ack *), uint32_t inflight)
{
	event(&cc, &(struct cc_ack){.now = 1, .inflight = inflight});
}

static void first_window_is_ten_segments_but_not_much_more_than_14_kib(void **state)
{
	assert_int_equal(cc_initial_window(1460), 14600);
	assert_int_equal(cc_initial_window(536), 5360);
	assert_int_equal(cc_initial_window(1), 10);
	assert_int_equal(cc_initial_window(4000), 14600);
	assert_int_equal(cc_initial_window(9000), 18000);
	assert_int_equal(cc_initial_window(65495), 2 * 65495);
	assert_int_equal(cc.cwnd, 10 * MSS);
	assert_int_equal(cc.ssthresh, 16 << 20);
	assert_string_equal(cc.ops->name, "newreno");
}

static void slow_start_grows_by_what_is_acknowledged_up_to_two_segments(void **state)
{
	ack(300);
	assert_int_equal(cc.cwnd, 10 * MSS + 300);
	ack(2 * MSS);
	assert_int_equal(cc.cwnd, 12 * MSS + 300);
	ack(50 * MSS);
	assert_int_equal(cc.cwnd, 14 * MSS + 300);
}

static void slow_start_after_a_timeout_grows_by_one_segment_an_ack(void **state)
{
	on(cc.ops->on_rto, 10 * MSS);
	assert_int_equal(cc.cwnd, MSS);
	assert_int_equal(cc.ssthresh, 5 * MSS);
	ack(2 * MSS);
	assert_int_equal(cc.cwnd, 2 * MSS);
	ack(2 * MSS);
	ack(2 * MSS);
	ack(2 * MSS);
	assert_int_equal(cc.cwnd, 5 * MSS);
	ack(4 * MSS);
	assert_int_equal(cc.cwnd, 5 * MSS);		/* avoidance: not a window's worth yet */
	cc.ssthresh = 100 * MSS;			/* a later slow start is an ordinary one */
	ack(2 * MSS);
	assert_int_equal(cc.cwnd, 7 * MSS);
}

static void avoidance_grows_by_one_segment_for_each_window_acknowledged(void **state)
{
	cc.ssthresh = cc.cwnd;
	for (unsigned i = 0; i < 9; i++)
		ack(MSS);
	assert_int_equal(cc.cwnd, 10 * MSS);
	ack(MSS);
	assert_int_equal(cc.cwnd, 11 * MSS);
	for (unsigned i = 0; i < 10; i++)
		ack(MSS);
	assert_int_equal(cc.cwnd, 11 * MSS);
	ack(MSS);
	assert_int_equal(cc.cwnd, 12 * MSS);
}

static void avoidance_counts_small_acks_too(void **state)
{
	cc.ssthresh = cc.cwnd;
	for (unsigned i = 0; i < 100; i++)
		ack(100);
	assert_int_equal(cc.cwnd, 11 * MSS);
}

static void window_does_not_grow_while_it_is_not_the_limit_or_in_recovery(void **state)
{
	struct cc_ack a = {.acked = MSS, .app_limited = true};

	cc.ops->on_ack(&cc, &a);
	a.app_limited = false;
	a.in_recovery = true;
	cc.ops->on_ack(&cc, &a);
	assert_int_equal(cc.cwnd, 10 * MSS);
}

static void loss_halves_the_flight_but_leaves_two_segments(void **state)
{
	on(cc.ops->on_loss, 20 * MSS);
	assert_int_equal(cc.ssthresh, 10 * MSS);
	assert_int_equal(cc.cwnd, 10 * MSS);
	on(cc.ops->on_loss, 3 * MSS);
	assert_int_equal(cc.ssthresh, 2 * MSS);
	assert_int_equal(cc.cwnd, 2 * MSS);
	on(cc.ops->on_rto, MSS);
	assert_int_equal(cc.ssthresh, 2 * MSS);
	assert_int_equal(cc.cwnd, MSS);
}

static void end_of_recovery_makes_no_burst(void **state)
{
	on(cc.ops->on_loss, 20 * MSS);
	on(cc.ops->on_recovered, 4 * MSS);
	assert_int_equal(cc.cwnd, 5 * MSS);
	on(cc.ops->on_recovered, 0);
	assert_int_equal(cc.cwnd, 2 * MSS);
	on(cc.ops->on_recovered, 30 * MSS);
	assert_int_equal(cc.cwnd, 10 * MSS);		/* ssthresh */
}

static void idle_connection_begins_again_with_the_first_window(void **state)
{
	cc.cwnd = 100 * MSS;
	cc.ops->on_idle(&cc, SEC(10), SEC(1));
	assert_int_equal(cc.cwnd, 10 * MSS);
	cc.cwnd = 3 * MSS;
	cc.ops->on_idle(&cc, SEC(10), SEC(1));
	assert_int_equal(cc.cwnd, 3 * MSS);
}

static void window_has_an_end(void **state)
{
	cc.ssthresh = UINT32_MAX;
	cc.cwnd = CC_CWND_MAX - 1;
	ack(2 * MSS);
	assert_int_equal(cc.cwnd, CC_CWND_MAX);
	cc.ssthresh = 0;
	ack(CC_CWND_MAX);
	assert_int_equal(cc.cwnd, CC_CWND_MAX);
}

static void window_is_never_less_than_a_segment(void **state)
{
	cc.cwnd = MSS;
	cc_set_mss(&cc, 1460);
	assert_int_equal(cc.cwnd, 1460);
	assert_int_equal(cc.mss, 1460);
	cc_one_segment(&cc);
	assert_int_equal(cc.cwnd, 1460);
}

static void segment_of_no_bytes_is_our_mistake(void **state)
{
	expect_assert_failure(cc_init(&cc, &cc_newreno, 0));
	expect_assert_failure(cc_set_mss(&cc, 0));
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(first_window_is_ten_segments_but_not_much_more_than_14_kib),
		T(slow_start_grows_by_what_is_acknowledged_up_to_two_segments),
		T(slow_start_after_a_timeout_grows_by_one_segment_an_ack),
		T(avoidance_grows_by_one_segment_for_each_window_acknowledged),
		T(avoidance_counts_small_acks_too),
		T(window_does_not_grow_while_it_is_not_the_limit_or_in_recovery),
		T(loss_halves_the_flight_but_leaves_two_segments),
		T(end_of_recovery_makes_no_burst),
		T(idle_connection_begins_again_with_the_first_window),
		T(window_has_an_end),
		T(window_is_never_less_than_a_segment),
		T(segment_of_no_bytes_is_our_mistake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
