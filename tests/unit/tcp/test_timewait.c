/* TIME_WAIT: what an entry answers, what ends it and what does not, when it may be opened anew,
 * what it costs.
 *
 * Method: connections that we close first, and what their peers may send afterwards. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/tcprig.h"
#include "tcp/tcp_int.h"

static struct rig *r;
static struct rig_config config;

static int setup(void **state)
{
	rig_config(&config);
	r = rig_new(&config);
	return 0;
}

static int teardown(void **state)
{
	rig_free(r);
	return 0;
}

static void again(void)
{
	rig_free(r);
	r = rig_new(&config);
}

#define OUT(text) assert_string_equal(rig_out(r), text)
#define STATE(want) assert_int_equal(rig_state(r, 0), want)

#define DROPPED(why, text) \
	do { \
		uint64_t n_ = rig_drops(r, why), all_ = lower_drops_all(r->l); \
		rig_in(r, text); \
		assert_int_equal(rig_drops(r, why), n_ + 1); \
		assert_int_equal(lower_drops_all(r->l), all_ + 1); \
	} while (0)

/* The peer i is in TIME_WAIT here: both have used up 2, and nothing waits to be seen. */
static void time_wait(unsigned i)
{
	struct tcp_conn *c = rig_accepted(r, i);

	tcp_close(&r->tcp, c);
	rig_run(r);
	rig_inf(r, "%u: FA 1(0) 2", i);
	rig_out_skip(r);
	assert_int_equal(rig_state(r, i), TCP_TIME_WAIT);
}

#define TWO_MSL (2 * tcp_config_default.msl)

/* ---- what is answered */

static void fin_again_is_acknowledged_again_and_starts_the_wait_anew(void **state)
{
	time_wait(0);
	rig_pass(r, TWO_MSL - SEC(1));
	DROPPED(DROP_TCP_TIME_WAIT, "FA 1(0) 2");
	OUT("A 2(0) 2");
	rig_pass(r, TWO_MSL - SEC(1));
	STATE(TCP_TIME_WAIT);
	rig_pass(r, SEC(2));
	STATE(TCP_CLOSED);
}

static void fin_again_with_its_bytes_starts_the_wait_anew_too(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	tcp_shutdown(&r->tcp, c);
	rig_run(r);
	rig_in(r, "FPA 1(10) 2");
	rig_read(r, c, 10);
	tcp_close(&r->tcp, c);
	rig_out_skip(r);
	rig_pass(r, TWO_MSL - SEC(1));
	DROPPED(DROP_TCP_TIME_WAIT, "FPA 1(10) 2");
	OUT("A 2(0) 12");
	rig_pass(r, SEC(2));
	STATE(TCP_TIME_WAIT);
}

static void old_bytes_are_acknowledged_and_change_nothing(void **state)
{
	time_wait(0);
	rig_pass(r, TWO_MSL - SEC(1));
	DROPPED(DROP_TCP_TIME_WAIT, "PA 1(1) 2");
	OUT("A 2(0) 2");
	DROPPED(DROP_TCP_TIME_WAIT, "PA 2(100) 2");
	OUT("A 2(0) 2");
	DROPPED(DROP_TCP_TIME_WAIT, "SA 0(0) 1");
	OUT("A 2(0) 2");
	rig_pass(r, SEC(2));
	STATE(TCP_CLOSED);
}

static void last_ack_again_is_not_answered(void **state)
{
	time_wait(0);
	DROPPED(DROP_TCP_TIME_WAIT, "A 2(0) 2");
	OUT("");
}

static void reset_does_not_end_the_wait(void **state)
{
	time_wait(0);				/* RFC 1337 §3, F1 */
	DROPPED(DROP_TCP_TIME_WAIT, "R 2(0)");
	DROPPED(DROP_TCP_TIME_WAIT, "RA 2(0) 2");
	OUT("");
	STATE(TCP_TIME_WAIT);
}

static void answers_carry_timestamps_when_they_were_agreed(void **state)
{
	r->peer->opts |= SEG_OPT_TS;
	r->peer->ts_stopped = true;
	time_wait(0);
	DROPPED(DROP_TCP_TIME_WAIT, "FA 1(0) 2");
	OUT("A 2(0) 2");
	assert_int_equal(r->out.opts, SEG_OPT_TS);
	assert_int_equal(r->out.ts_ecr, r->peer->ts_val);
	r->peer->ts_val--;
	DROPPED(DROP_TCP_PAWS, "PA 2(10) 2");
	OUT("A 2(0) 2");
}

static void answer_without_a_frame_is_lost_and_nothing_else(void **state)
{
	struct seg s;
	struct pkt *taken;

	time_wait(0);
	s = rig_seg(r, "FA 1(0) 2");
	taken = rig_starve(r, 1);
	rig_put(r, &s);				/* takes the last one, and gives it back too late */
	rig_feed(r, taken);
	rig_run(r);
	OUT("");
	STATE(TCP_TIME_WAIT);
	assert_int_equal(r->tcp.n.out_no_memory, 1);
}

/* ---- opened anew */

static void newer_syn_opens_the_connection_anew_above_its_old_numbers(void **state)
{
	uint32_t old_nxt;

	time_wait(0);
	old_nxt = r->peer->local_isn + 2;
	rig_in(r, "S 3(0)");
	rig_out(r);
	assert_int_equal(r->out.flags, SEG_SYN | SEG_ACK);
	assert_int_equal(r->out.ack, r->peer->isn + 4);
	assert_true(seq_gt(r->out.seq, old_nxt));
	STATE(TCP_SYN_RECEIVED);
	assert_int_equal(r->tcp.timewaits_used, 0);
	rig_in(r, "A 4(0) 1");
	STATE(TCP_ESTABLISHED);
}

static void fast_connection_that_overtook_the_clock_is_followed_above_its_numbers(void **state)
{
	uint32_t old_nxt;
	struct tcp_conn *c;

	config.tcp.iss_below_wrap = 0;		/* the numbers of RFC 6528 */
	again();
	c = rig_accepted(r, 0);
	for (unsigned i = 0; i < 2000; i++) {	/* 2.9 MB at once: 12 s of the clock */
		rig_write(r, c, 1460);
		rig_run(r);
		rig_inf(r, "A 1(0) %u", 1 + (i + 1) * 1460);
		rig_out_skip(r);
	}
	old_nxt = c->snd.nxt + 1;
	tcp_close(&r->tcp, c);
	rig_run(r);
	rig_inf(r, "FA 1(0) %u", 2000 * 1460 + 2);
	rig_out_skip(r);
	STATE(TCP_TIME_WAIT);
	rig_in(r, "S 3(0)");
	rig_out(r);
	assert_int_equal(r->out.flags, SEG_SYN | SEG_ACK);
	assert_true(seq_gt(r->out.seq, old_nxt));
}

static void syn_that_is_not_newer_is_an_old_duplicate(void **state)
{
	time_wait(0);
	DROPPED(DROP_TCP_TIME_WAIT, "S 0(0)");
	OUT("A 2(0) 2");
	DROPPED(DROP_TCP_TIME_WAIT, "S 2(0)");
	OUT("A 2(0) 2");
	STATE(TCP_TIME_WAIT);
}

static void timestamp_tells_a_newer_syn_whatever_its_number(void **state)
{
	r->peer->opts |= SEG_OPT_TS;
	r->peer->ts_stopped = true;
	time_wait(0);
	DROPPED(DROP_TCP_TIME_WAIT, "S -1000(0)");	/* the same moment, an older number */
	OUT("A 2(0) 2");
	r->peer->ts_val--;
	DROPPED(DROP_TCP_PAWS, "S 1000(0)");		/* an older moment, whatever the number */
	OUT("A 2(0) 2");
	r->peer->ts_val += 2;
	rig_in(r, "S -1000(0)");
	STATE(TCP_SYN_RECEIVED);
	rig_out_skip(r);
}

static void same_timestamp_and_a_larger_number_open_anew(void **state)
{
	r->peer->opts |= SEG_OPT_TS;
	r->peer->ts_stopped = true;
	time_wait(0);
	rig_in(r, "S 1000(0)");
	STATE(TCP_SYN_RECEIVED);
	rig_out_skip(r);
}

static void wait_goes_on_where_nobody_listens(void **state)
{
	time_wait(0);
	tcp_listener_close(&r->tcp, r->listener);
	r->listener = NULL;
	DROPPED(DROP_TCP_TIME_WAIT, "S 1000(0)");
	OUT("A 2(0) 2");
	STATE(TCP_TIME_WAIT);
}

static void wait_goes_on_where_there_is_no_room_for_another(void **state)
{
	config.tcp.conns_max = 1;
	again();
	time_wait(0);
	rig_in(r, "1: S 0(0)");
	OUT("1: SA 0(0) 1");
	rig_in(r, "1: A 1(0) 1");
	DROPPED(DROP_TCP_TIME_WAIT, "0: S 1000(0)");
	OUT("A 2(0) 2");
	STATE(TCP_TIME_WAIT);
}

static void its_ports_are_in_use_for_whoever_wants_to_connect(void **state)
{
	struct addr us = addr_v4(LOWER_US), to = addr_v4(LOWER_PEER);
	struct tcp_conn *c;

	time_wait(0);
	c = tcp_open(&r->tcp, NULL);
	assert_int_equal(tcp_connect(&r->tcp, c, &us, RIG_PORT, &to, RIG_PEER_PORT),
			 -E_ADDRINUSE);
	tcp_close(&r->tcp, c);
}

/* ---- the table */

static void full_table_forgets_the_oldest(void **state)
{
	for (unsigned i = 0; i < 8; i++)
		time_wait(i);
	assert_int_equal(r->tcp.timewaits_used, 8);
	assert_int_equal(r->tcp.n.timewait_full, 0);
	rig_in(r, "0: FA 1(0) 2");		/* now the peer 1 is the oldest */
	rig_out_skip(r);
	time_wait(8);
	assert_int_equal(r->tcp.timewaits_used, 8);
	assert_int_equal(r->tcp.n.timewait_full, 1);
	assert_int_equal(rig_state(r, 0), TCP_TIME_WAIT);
	assert_int_equal(rig_state(r, 1), TCP_CLOSED);
	assert_int_equal(rig_state(r, 2), TCP_TIME_WAIT);
	assert_int_equal(rig_state(r, 8), TCP_TIME_WAIT);
}

static void each_entry_ends_when_its_own_time_is_over(void **state)
{
	for (unsigned i = 0; i < 5; i++) {
		time_wait(i);
		rig_pass(r, SEC(1));
	}
	rig_pass(r, TWO_MSL - SEC(5) - MSEC(100));
	for (unsigned gone = 0; gone <= 5; gone++) {
		assert_int_equal(r->tcp.timewaits_used, 5 - gone);
		rig_pass(r, SEC(1));
	}
	assert_false(wheel_armed(&r->tcp.timewait_timer));
}

static void many_that_end_at_once_end_a_bounded_number_at_a_time(void **state)
{
	config.tcp.timewaits_max = 2 * TCP_TIMEWAIT_EXPIRE_MAX;
	again();
	for (unsigned i = 0; i < TCP_TIMEWAIT_EXPIRE_MAX + 10; i++) {
		r->peers[0].port = (uint16_t)(10000 + i);
		time_wait(0);
	}
	r->core->now += TWO_MSL + MSEC(10);
	tcp_timewait_expire(&r->tcp);
	assert_int_equal(r->tcp.timewaits_used, 10);
	tcp_check(&r->tcp);
	rig_pass(r, MSEC(5));
	assert_int_equal(r->tcp.timewaits_used, 0);
}

static void wait_lasts_as_long_when_the_clock_of_milliseconds_wraps(void **state)
{
	rig_pass(r, MSEC(UINT32_MAX) - r->core->now - SEC(30));
	time_wait(0);
	rig_pass(r, TWO_MSL - SEC(1));
	STATE(TCP_TIME_WAIT);
	rig_pass(r, SEC(2));
	STATE(TCP_CLOSED);
}

static void entries_are_at_most_64_bytes(void **state)
{
	size_t bytes = tcp_timewait_bytes(1000) / 1000;

	print_message("bytes of a TIME_WAIT entry: %zu\n", bytes);
	assert_true(bytes <= 64);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(fin_again_is_acknowledged_again_and_starts_the_wait_anew),
		T(fin_again_with_its_bytes_starts_the_wait_anew_too),
		T(old_bytes_are_acknowledged_and_change_nothing),
		T(last_ack_again_is_not_answered),
		T(reset_does_not_end_the_wait),
		T(answers_carry_timestamps_when_they_were_agreed),
		T(answer_without_a_frame_is_lost_and_nothing_else),
		T(newer_syn_opens_the_connection_anew_above_its_old_numbers),
		T(fast_connection_that_overtook_the_clock_is_followed_above_its_numbers),
		T(syn_that_is_not_newer_is_an_old_duplicate),
		T(timestamp_tells_a_newer_syn_whatever_its_number),
		T(same_timestamp_and_a_larger_number_open_anew),
		T(wait_goes_on_where_nobody_listens),
		T(wait_goes_on_where_there_is_no_room_for_another),
		T(its_ports_are_in_use_for_whoever_wants_to_connect),
		T(full_table_forgets_the_oldest),
		T(each_entry_ends_when_its_own_time_is_over),
		T(many_that_end_at_once_end_a_bounded_number_at_a_time),
		T(wait_lasts_as_long_when_the_clock_of_milliseconds_wraps),
		T(entries_are_at_most_64_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
