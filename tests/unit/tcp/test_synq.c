/* Half-open connections: what they remember, what each kind of segment does to them, time.
 *
 * Method: one stack that listens, peers that speak by hand and stop half way. */
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
#define HALVES(n) assert_int_equal(r->tcp.halves_used, n)
#define DROPPED(why, text) \
	do { \
		uint64_t n_ = rig_drops(r, why); \
		rig_in(r, text); \
		assert_int_equal(rig_drops(r, why), n_ + 1); \
	} while (0)

static void half_open(void)
{
	rig_listen(r);
	rig_in(r, "S 0(0)");
	OUT("SA 0(0) 1");
	HALVES(1);
}

static void half_open_one_costs_no_connection(void **state)
{
	struct tcp_info info;
	struct addr us = addr_v4(LOWER_US), peer = addr_v4(LOWER_PEER);

	half_open();
	assert_int_equal(r->tcp.conns_used, 0);
	assert_int_equal(r->listener->half, 1);
	assert_true(tcp_find(&r->tcp, &us, RIG_PORT, &peer, RIG_PEER_PORT, &info));
	assert_int_equal(info.state, TCP_SYN_RECEIVED);
}

static void everything_the_syn_said_is_known_in_the_end(void **state)
{
	struct tcp_info info;

	r->peer->opts = SEG_OPT_MSS | SEG_OPT_WSCALE | SEG_OPT_TS;
	r->peer->mss = 1111;
	r->peer->wscale = 5;
	half_open();
	rig_pass(r, MSEC(30));
	rig_in(r, "A 1(0) 1 win 10");
	info = rig_info(r, tcp_accept(&r->tcp, r->listener, r));
	assert_int_equal(info.snd_mss, 1111 - 12);
	assert_int_equal(info.snd_wscale, 5);
	assert_int_equal(info.snd_wnd, 320);
	assert_true(info.timestamps);
	assert_int_equal(info.srtt, MSEC(30));
	HALVES(0);
}

static void answer_that_left_twice_is_no_sample(void **state)
{
	half_open();
	rig_pass_until_out(r, SEC(2));
	OUT("SA 0(0) 1");
	rig_in(r, "A 1(0) 1");
	assert_int_equal(rig_info(r, tcp_accept(&r->tcp, r->listener, r)).srtt, 0);
}

static void reset_in_the_window_must_be_exact(void **state)
{
	half_open();
	DROPPED(DROP_TCP_SEQ, "R 70000(0)");
	DROPPED(DROP_TCP_RST_SEQ, "R 2(0)");
	OUT("SA 0(0) 1");
	HALVES(1);
	DROPPED(DROP_TCP_RST, "R 1(0)");
	OUT("");
	HALVES(0);
	assert_int_equal(r->listener->half, 0);
	assert_int_equal(r->tcp.n.attempt_fails, 1);
}

/* RFC 9293 §3.10.7.4, fourth: passively opened, it returns to LISTEN. */
static void other_syn_in_the_window_makes_it_forget(void **state)
{
	half_open();
	DROPPED(DROP_TCP_SYN_IN_WINDOW, "S 5(0)");
	OUT("");
	HALVES(0);
}

static void segment_without_an_ack_or_with_a_wrong_one_changes_nothing(void **state)
{
	half_open();
	DROPPED(DROP_TCP_NO_ACK, "P 1(10)");
	OUT("");
	DROPPED(DROP_TCP_ACK_FUTURE, "A 1(0) 7");
	OUT("R 7(0)");
	DROPPED(DROP_TCP_SEQ, "A 70000(10) 1");
	OUT("SA 0(0) 1");
	HALVES(1);
}

static void timestamp_that_is_missing_or_old_is_not_taken(void **state)
{
	r->peer->opts = SEG_OPT_MSS | SEG_OPT_TS;
	half_open();
	r->peer->ts_val -= 1000000;
	r->peer->ts_stopped = true;
	DROPPED(DROP_TCP_PAWS, "A 1(0) 1");
	OUT("SA 0(0) 1");
	r->peer->opts = SEG_OPT_MSS;
	DROPPED(DROP_TCP_NO_TS, "A 1(0) 1");
	HALVES(1);
}

static void each_waits_for_its_own_time(void **state)
{
	config.tcp.synack_retries = 1;
	again();
	rig_listen(r);
	rig_in(r, "0: S 0(0)");
	rig_pass(r, MSEC(400));
	rig_in(r, "1: S 0(0)");
	rig_out_skip(r);
	rig_pass_until_out(r, SEC(1));
	OUT("SA 0(0) 1");
	rig_pass_until_out(r, SEC(1));
	OUT("1: SA 0(0) 1");
	rig_pass(r, MSEC(1610));
	HALVES(1);
	rig_pass(r, MSEC(410));
	HALVES(0);
	OUT("");
}

static void listener_that_closes_resets_its_half_open_ones_alone(void **state)
{
	struct addr any = {0};
	struct tcp_listener *other;
	int err;

	half_open();
	other = tcp_listen(&r->tcp, &any, RIG_PORT + 1, 5, NULL, &err);
	r->peers[1].lport = RIG_PORT + 1;
	rig_in(r, "1: S 0(0)");
	rig_out_skip(r);
	HALVES(2);
	tcp_listener_close(&r->tcp, other);
	HALVES(1);
	rig_run(r);
	OUT("1: RA 1(0) 1");
	OUT("");
}

static void peer_that_thinks_it_is_connected_is_told_when_there_never_was_room(void **state)
{
	struct tcp_conn *c;

	config.tcp.conns_max = 1;
	config.tcp.synack_retries = 1;
	again();
	half_open();
	c = tcp_open(&r->tcp, NULL);		/* the last block */
	DROPPED(DROP_TCP_CONNS, "A 1(0) 1");
	rig_pass_until_out(r, SEC(2));
	OUT("SA 0(0) 1");
	rig_pass_until_out(r, SEC(3));
	OUT("RA 1(0) 1");
	HALVES(0);
	assert_int_equal(rig_drops(r, DROP_TCP_HALF_OPEN), 1);
	tcp_close(&r->tcp, c);
}

/* ---- TCP_DEFER_ACCEPT */

static void bare_ack_is_not_enough_when_bytes_are_awaited(void **state)
{
	rig_listen(r);
	assert_int_equal(tcp_listener_set(r->listener, TCP_OPT_DEFER_ACCEPT_MS, 3000), 0);
	rig_in(r, "S 0(0)");
	OUT("SA 0(0) 1");
	DROPPED(DROP_TCP_DEFERRED, "A 1(0) 1");
	assert_false(tcp_acceptable(r->listener));
	rig_pass(r, MSEC(1500));
	OUT("");
	rig_in(r, "PA 1(10) 1");
	assert_true(tcp_acceptable(r->listener));
	OUT("");
}

static void after_its_time_a_bare_ack_will_do(void **state)
{
	rig_listen(r);
	assert_int_equal(tcp_listener_set(r->listener, TCP_OPT_DEFER_ACCEPT_MS, 3000), 0);
	rig_in(r, "S 0(0)");
	OUT("SA 0(0) 1");
	DROPPED(DROP_TCP_DEFERRED, "A 1(0) 1");
	rig_pass_until_out(r, SEC(4));
	OUT("SA 0(0) 1");
	rig_in(r, "A 1(0) 1");
	assert_true(tcp_acceptable(r->listener));
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(half_open_one_costs_no_connection),
		T(everything_the_syn_said_is_known_in_the_end),
		T(answer_that_left_twice_is_no_sample),
		T(reset_in_the_window_must_be_exact),
		T(other_syn_in_the_window_makes_it_forget),
		T(segment_without_an_ack_or_with_a_wrong_one_changes_nothing),
		T(timestamp_that_is_missing_or_old_is_not_taken),
		T(each_waits_for_its_own_time),
		T(listener_that_closes_resets_its_half_open_ones_alone),
		T(peer_that_thinks_it_is_connected_is_told_when_there_never_was_room),
		T(bare_ack_is_not_enough_when_bytes_are_awaited),
		T(after_its_time_a_bare_ack_will_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
