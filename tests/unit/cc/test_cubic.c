/* CUBIC's window, RFC 9438, and HyStart++, RFC 9406.
 *
 * Method: a path of a fixed round trip on which each window is acknowledged in pieces. */
#include "helper/unit.h"

#include "cc/cc_int.h"

#define MSS 1000u
#define RTT MSEC(100)

static struct cc cc;
static nsec now;

static int setup(void **state)
{
	cc = (struct cc){0};
	cc_init(&cc, &cc_cubic, MSS);
	now = SEC(1);
	return 0;
}

/* One window of round trips, an ACK for two segments each. */
static void round_trip(nsec rtt)
{
	uint32_t left = cc.cwnd;
	bool first = true;

	now += rtt;
	while (left) {
		uint32_t n = MIN(left, 2 * MSS);

		cc.ops->on_ack(&cc, &(struct cc_ack){.now = now, .rtt = rtt, .srtt = rtt,
						     .acked = n, .inflight = left,
						     .round_start = first});
		first = false;
		left -= n;
	}
}

static void on(void (*event)(struct cc *, const struct cc_ack *), uint32_t inflight)
{
	event(&cc, &(struct cc_ack){.now = now, .inflight = inflight});
}

static void lose(void)
{
	on(cc.ops->on_loss, cc.cwnd);
	on(cc.ops->on_recovered, cc.cwnd);
}

static void cube_root_is_exact(void **state)
{
	for (uint64_t i = 1; i < 2000000; i = i * 5 / 4 + 1) {
		assert_int_equal(cc_cube_root(i * i * i), i);
		assert_int_equal(cc_cube_root(i * i * i - 1), i - 1);
	}
	assert_int_equal(cc_cube_root(0), 0);
	assert_int_equal(cc_cube_root(UINT64_MAX), 2642245);
}

static void loss_takes_three_tenths(void **state)
{
	cc.cwnd = 100 * MSS;
	lose();
	assert_int_equal(cc.cwnd, 70 * MSS);
	assert_int_equal(cc.ssthresh, 70 * MSS);
	cc.cwnd = 2 * MSS;
	lose();
	assert_int_equal(cc.cwnd, 2 * MSS);
}

static void what_is_not_in_flight_does_not_count_at_a_loss(void **state)
{
	cc.cwnd = 100 * MSS;
	on(cc.ops->on_loss, 39 * MSS);
	assert_int_equal(cc.ssthresh, 28 * MSS);
}

static void timeout_leaves_a_segment(void **state)
{
	cc.cwnd = 100 * MSS;
	on(cc.ops->on_rto, 100 * MSS);
	assert_int_equal(cc.cwnd, MSS);
	assert_int_equal(cc.ssthresh, 70 * MSS);
}

/* K = cbrt(300 / 0.4) = 9.086 s */
static void window_is_back_where_the_loss_was_after_k(void **state)
{
	uint32_t at_4s = 0, at_9s = 0;
	nsec from;

	cc.cwnd = 1000 * MSS;
	lose();
	from = now;
	while (now < from + SEC(12)) {
		round_trip(RTT);
		if (now == from + SEC(4))
			at_4s = cc.cwnd;
		if (now == from + SEC(9))
			at_9s = cc.cwnd;
	}
	/* 1000 - 0.4 (9.086 - 4)^3, within a round trip's growth */
	assert_in_range(at_4s, 945 * MSS, 952 * MSS);
	assert_in_range(at_9s, 996 * MSS, 1001 * MSS);
	/* 0.4 (12 - 9.086)^3 beyond */
	assert_in_range(cc.cwnd, 1007 * MSS, 1012 * MSS);
}

/* With a short round trip and a small window Reno is faster, RFC 9438 §4.3. */
static void window_is_never_less_than_renos(void **state)
{
	cc.cwnd = 20 * MSS;
	lose();
	assert_int_equal(cc.cwnd, 14 * MSS);
	for (unsigned i = 0; i < 40; i++)
		round_trip(MSEC(1));		/* 40 ms: the cubic has not moved */
	/* alpha 9/17 up to where the loss was, 1 from there on */
	assert_in_range(cc.cwnd, 44 * MSS, 50 * MSS);
}

static void lower_loss_makes_room_for_others(void **state)
{
	cc.cwnd = 100 * MSS;
	lose();				/* w_max 100 */
	lose();				/* at 70: w_max 70 x 0.85 */
	assert_int_equal(cc.own[0], 59500);
}

static void growth_in_a_round_trip_is_at_most_half(void **state)
{
	uint32_t before;

	cc.cwnd = 1000 * MSS;
	lose();
	round_trip(RTT);
	now += SEC(100);
	before = cc.cwnd;
	round_trip(RTT);
	assert_true(cc.cwnd <= before + before / 2 + MSS);
	assert_true(cc.cwnd > before + before / 4);
}

static void time_without_a_full_window_does_not_count(void **state)
{
	struct cc_ack a = {.acked = MSS, .srtt = RTT, .app_limited = true};
	uint32_t before;

	cc.cwnd = 1000 * MSS;
	lose();
	round_trip(RTT);
	before = cc.cwnd;
	now += SEC(60);
	a.now = now;
	cc.ops->on_ack(&cc, &a);
	assert_int_equal(cc.cwnd, before);
	round_trip(RTT);
	assert_true(cc.cwnd < before + 50 * MSS);
}

static void idleness_halves_the_window_for_each_timeout(void **state)
{
	cc.cwnd = 100 * MSS;
	cc.ssthresh = 20 * MSS;
	cc.ops->on_idle(&cc, SEC(2), SEC(1));
	assert_int_equal(cc.cwnd, 25 * MSS);
	assert_int_equal(cc.ssthresh, 75 * MSS);
	cc.ops->on_idle(&cc, SEC(200), SEC(1));
	assert_int_equal(cc.cwnd, 10 * MSS);
}

static void what_was_no_loss_is_forgotten(void **state)
{
	struct cc was;

	cc.cwnd = 500 * MSS;
	lose();
	round_trip(RTT);
	was = cc;
	on(cc.ops->on_rto, cc.cwnd);
	cc_restore(&cc, &was);
	assert_int_equal(cc.cwnd, was.cwnd);
	assert_int_equal(cc.ssthresh, was.ssthresh);
	assert_memory_equal(cc.own, was.own, sizeof(was.own));
}

static void switch_keeps_the_window(void **state)
{
	cc.cwnd = 50 * MSS;
	lose();
	cc_switch(&cc, &cc_newreno);
	assert_int_equal(cc.cwnd, 35 * MSS);
	assert_int_equal(cc.ssthresh, 35 * MSS);
	cc_switch(&cc, &cc_cubic);
	round_trip(RTT);
	assert_true(cc.cwnd >= 35 * MSS);
}

static void all_are_found_by_name(void **state)
{
	for (unsigned i = 0; cc_at(i); i++) {
		const char *name = cc_at(i)->name;

		assert_true(strlen(name) < CC_NAME_MAX);
		assert_ptr_equal(cc_find(name, strlen(name)), cc_at(i));
		assert_ptr_equal(cc_find(name, CC_NAME_MAX), cc_at(i));	/* with its end */
	}
	assert_ptr_equal(cc_find("reno", 4), &cc_newreno);
	assert_null(cc_find("cubi", 4));
	assert_null(cc_find("cubics", 6));
	assert_null(cc_find("", 0));
}

/* ---- HyStart++ */

static void slow_start_doubles_while_the_path_stays_as_it_is(void **state)
{
	for (unsigned i = 0; i < 5; i++)
		round_trip(RTT);
	assert_int_equal(cc.cwnd, 320 * MSS);
}

static void rising_rtt_makes_slow_start_careful_and_then_ends_it(void **state)
{
	uint32_t before;

	for (unsigned i = 0; i < 4; i++)
		round_trip(RTT);
	before = cc.cwnd;
	round_trip(RTT + MSEC(14));		/* more than an eighth */
	assert_in_range(cc.cwnd, before + before / 4, 2 * before);
	before = cc.cwnd;
	round_trip(RTT + MSEC(20));
	assert_in_range(cc.cwnd, before + before / 4 - MSS, before + before / 4 + MSS);
	for (unsigned i = 0; i < 3; i++)
		round_trip(RTT + MSEC(20));
	assert_int_equal(cc.ssthresh, CC_SSTHRESH_INITIAL);
	round_trip(RTT + MSEC(20));
	assert_true(cc.ssthresh < CC_SSTHRESH_INITIAL);
	before = cc.cwnd;
	round_trip(RTT + MSEC(20));
	assert_true(cc.cwnd < before + 20 * MSS);	/* avoidance */
}

static void rtt_that_falls_again_ends_the_care(void **state)
{
	uint32_t before;

	for (unsigned i = 0; i < 4; i++)
		round_trip(RTT);
	round_trip(RTT + MSEC(20));
	round_trip(RTT);
	before = cc.cwnd;
	round_trip(RTT);
	assert_int_equal(cc.cwnd, 2 * before);
	assert_int_equal(cc.ssthresh, CC_SSTHRESH_INITIAL);
}

static void loss_ends_slow_start_and_what_it_knew(void **state)
{
	for (unsigned i = 0; i < 4; i++)
		round_trip(RTT);
	lose();
	assert_int_equal(cc.bits, 0);
	assert_int_equal(cc.own[0], 160 * MSS);
	assert_int_equal(cc.cwnd, 112 * MSS);
}

/* 100 ms of path, ACKs 1 ms apart: after 50 ms in a row the path is full. */
static void acks_in_a_row_for_half_a_round_trip_end_slow_start(void **state)
{
	struct cc_ack a = {.rtt = RTT, .srtt = RTT, .rtt_min = RTT, .acked = MSS,
			   .round_start = true};

	cc.cwnd = 40 * MSS;
	for (unsigned i = 0; i < 80; i++) {
		a.now = now += MSEC(1);
		cc.ops->on_ack(&cc, &a);
		a.round_start = false;
	}
	assert_in_range(cc.ssthresh, 89 * MSS, 92 * MSS);
}

static void acks_with_gaps_between_them_do_not(void **state)
{
	struct cc_ack a = {.rtt = RTT, .srtt = RTT, .rtt_min = RTT, .acked = MSS,
			   .round_start = true};

	cc.cwnd = 40 * MSS;
	for (unsigned i = 0; i < 80; i++) {
		a.now = now += MSEC(3);
		cc.ops->on_ack(&cc, &a);
		a.round_start = false;
	}
	assert_int_equal(cc.cwnd, 120 * MSS);
	assert_int_equal(cc.ssthresh, CC_SSTHRESH_INITIAL);
}

static void one_ack_for_very_much_counts_for_eight_segments(void **state)
{
	cc.ops->on_ack(&cc, &(struct cc_ack){.now = now, .acked = 100 * MSS});
	assert_int_equal(cc.cwnd, 18 * MSS);
}

static void acks_in_pieces_gain_nothing(void **state)
{
	for (unsigned i = 0; i < 100; i++)
		cc.ops->on_ack(&cc, &(struct cc_ack){.now = now, .acked = MSS / 100});
	assert_int_equal(cc.cwnd, 11 * MSS);
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(cube_root_is_exact),
		T(loss_takes_three_tenths),
		T(what_is_not_in_flight_does_not_count_at_a_loss),
		T(timeout_leaves_a_segment),
		T(window_is_back_where_the_loss_was_after_k),
		T(window_is_never_less_than_renos),
		T(lower_loss_makes_room_for_others),
		T(growth_in_a_round_trip_is_at_most_half),
		T(time_without_a_full_window_does_not_count),
		T(idleness_halves_the_window_for_each_timeout),
		T(what_was_no_loss_is_forgotten),
		T(switch_keeps_the_window),
		T(all_are_found_by_name),
		T(slow_start_doubles_while_the_path_stays_as_it_is),
		T(rising_rtt_makes_slow_start_careful_and_then_ends_it),
		T(rtt_that_falls_again_ends_the_care),
		T(loss_ends_slow_start_and_what_it_knew),
		T(acks_in_a_row_for_half_a_round_trip_end_slow_start),
		T(acks_with_gaps_between_them_do_not),
		T(one_ack_for_very_much_counts_for_eight_segments),
		T(acks_in_pieces_gain_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
