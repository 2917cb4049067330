/* The state machine: the arrows of RFC 9293 §3.3.2 and no others, and the ways through it that
 * segments take.
 *
 * Method: the setter is asked for every pair of states; then two ends close in every order. */
#include "helper/unit.h"

#include "helper/tcprig.h"
#include "tcp/tcp_int.h"

static struct rig *r;

static int setup(void **state)
{
	r = rig_new(NULL);
	return 0;
}

static int teardown(void **state)
{
	rig_free(r);
	return 0;
}

#define OUT(text) assert_string_equal(rig_out(r), text)
#define STATE(want) assert_int_equal(rig_state(r, 0), want)

/* The arrows, written down a second time and in another way. */
static bool arrow(enum tcp_state from, enum tcp_state to)
{
	static const char *const arrows[TCP_STATE_N] = {
		[TCP_CLOSED] = "LS",
		[TCP_LISTEN] = "RC",
		[TCP_SYN_SENT] = "REC",
		[TCP_SYN_RECEIVED] = "E1C",
		[TCP_ESTABLISHED] = "1WC",
		[TCP_FIN_WAIT_1] = "2GTC",
		[TCP_FIN_WAIT_2] = "TC",
		[TCP_CLOSE_WAIT] = "AC",
		[TCP_CLOSING] = "TC",
		[TCP_LAST_ACK] = "C",
		[TCP_TIME_WAIT] = "C",
	};

	return strchr(arrows[from], "CLSRE12WGAT"[to]) != NULL;
}

static NOINLINE void refused(enum tcp_state from, enum tcp_state to)
{
	struct tcp_conn c = {.state = (uint8_t)from};

	expect_assert_failure(tcp_set_state(&r->tcp, &c, to));
	assert_int_equal(c.state, from);
}

static void every_arrow_of_the_rfc_is_allowed_and_every_other_is_our_mistake(void **state)
{
	unsigned allowed = 0;

	for (enum tcp_state from = 0; from < TCP_STATE_N; from++) {
		for (enum tcp_state to = 0; to < TCP_STATE_N; to++) {
			struct tcp_conn c = {.state = (uint8_t)from};

			if (!arrow(from, to)) {
				refused(from, to);
				continue;
			}
			tcp_set_state(&r->tcp, &c, to);
			assert_int_equal(c.state, to);
			assert_int_equal(c.states_passed, 1 << to);
			allowed++;
		}
	}
	assert_int_equal(allowed, 25);
}

static void each_state_has_the_name_that_the_rfc_gives_it(void **state)
{
	assert_string_equal(tcp_state_name(TCP_CLOSED), "CLOSED");
	assert_string_equal(tcp_state_name(TCP_SYN_RECEIVED), "SYN-RECEIVED");
	assert_string_equal(tcp_state_name(TCP_FIN_WAIT_1), "FIN-WAIT-1");
	assert_string_equal(tcp_state_name(TCP_LAST_ACK), "LAST-ACK");
	assert_string_equal(tcp_state_name(TCP_TIME_WAIT), "TIME-WAIT");
	assert_string_equal(tcp_state_name(TCP_STATE_N), "?");
}

static void failed_attempts_and_resets_are_counted_as_the_mib_says(void **state)
{
	static const enum tcp_state attempt[] = {TCP_SYN_SENT, TCP_SYN_RECEIVED};
	static const enum tcp_state reset[] = {TCP_ESTABLISHED, TCP_CLOSE_WAIT};
	static const enum tcp_state neither[] = {TCP_FIN_WAIT_1, TCP_FIN_WAIT_2, TCP_CLOSING,
						 TCP_LAST_ACK, TCP_TIME_WAIT, TCP_LISTEN};

	for (unsigned i = 0; i < ARRAY_LEN(attempt); i++)
		tcp_set_state(&r->tcp, &(struct tcp_conn){.state = attempt[i]}, TCP_CLOSED);
	assert_int_equal(r->tcp.n.attempt_fails, 2);
	for (unsigned i = 0; i < ARRAY_LEN(reset); i++)
		tcp_set_state(&r->tcp, &(struct tcp_conn){.state = reset[i]}, TCP_CLOSED);
	assert_int_equal(r->tcp.n.estab_resets, 2);
	for (unsigned i = 0; i < ARRAY_LEN(neither); i++)
		tcp_set_state(&r->tcp, &(struct tcp_conn){.state = neither[i]}, TCP_CLOSED);
	assert_int_equal(r->tcp.n.attempt_fails, 2);
	assert_int_equal(r->tcp.n.estab_resets, 2);
}

/* ---- close orders */

static void we_close_first_and_end_in_time_wait(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	tcp_close(&r->tcp, c);
	rig_run(r);
	OUT("FA 1(0) 1");
	STATE(TCP_FIN_WAIT_1);
	rig_in(r, "A 1(0) 2");
	STATE(TCP_FIN_WAIT_2);
	rig_in(r, "FA 1(0) 2");
	OUT("A 2(0) 2");
	STATE(TCP_TIME_WAIT);
	assert_int_equal(r->tcp.conns_used, 0);
	rig_pass(r, 2 * tcp_config_default.msl + MSEC(10));
	STATE(TCP_CLOSED);
}

static void peer_closes_first_and_nothing_remains_here(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "FA 1(0) 1");
	OUT("A 1(0) 2");
	STATE(TCP_CLOSE_WAIT);
	assert_int_equal(rig_ready(r, c), TCP_READY_READABLE | TCP_READY_EOF);
	tcp_close(&r->tcp, c);
	rig_run(r);
	OUT("FA 1(0) 2");
	STATE(TCP_LAST_ACK);
	rig_in(r, "A 2(0) 2");
	OUT("");
	STATE(TCP_CLOSED);
	assert_int_equal(r->tcp.conns_used, 0);
}

static void both_close_at_once_and_both_wait(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	tcp_close(&r->tcp, c);
	rig_run(r);
	OUT("FA 1(0) 1");
	rig_in(r, "FA 1(0) 1");
	OUT("A 2(0) 2");
	STATE(TCP_CLOSING);
	rig_in(r, "A 2(0) 2");
	OUT("");
	STATE(TCP_TIME_WAIT);
}

static void fin_that_acknowledges_our_fin_goes_straight_to_time_wait(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	tcp_close(&r->tcp, c);
	rig_run(r);
	OUT("FA 1(0) 1");
	rig_in(r, "FA 1(0) 2");
	OUT("A 2(0) 2");
	STATE(TCP_TIME_WAIT);
}

static void data_queued_before_a_close_goes_out_before_the_fin(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_write(r, c, 2000);
	tcp_close(&r->tcp, c);
	rig_run(r);
	OUT("A 1(1460) 1");
	OUT("FPA 1461(540) 1");
	STATE(TCP_FIN_WAIT_1);
	rig_in(r, "A 1(0) 2001");
	STATE(TCP_FIN_WAIT_1);		/* the bytes, not the FIN */
	rig_in(r, "A 1(0) 2002");
	STATE(TCP_FIN_WAIT_2);
}

static void half_closed_we_still_receive_until_the_peer_closes_too(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	assert_int_equal(tcp_shutdown(&r->tcp, c), 0);
	rig_run(r);
	OUT("FA 1(0) 1");
	rig_in(r, "A 1(0) 2");
	assert_int_equal(rig_ready(r, c), TCP_READY_DRAINED);
	rig_in(r, "PA 1(100) 2");
	assert_int_equal(rig_ready(r, c), TCP_READY_READABLE);
	assert_int_equal(rig_read(r, c, 1000), 100);
	rig_in(r, "FA 101(0) 2");
	OUT("A 2(0) 102");
	assert_true(rig_ready(r, c) & TCP_READY_EOF);
	STATE(TCP_TIME_WAIT);
	assert_int_equal(tcp_conn_state(c), TCP_TIME_WAIT);
	assert_int_equal(r->tcp.conns_used, 1);		/* still its owner's */
	tcp_close(&r->tcp, c);
	assert_int_equal(r->tcp.conns_used, 0);
	STATE(TCP_TIME_WAIT);
}

static void half_closed_peer_still_gets_data_until_we_close_too(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "FA 1(0) 1");
	OUT("A 1(0) 2");
	assert_int_equal(rig_write(r, c, 10), 10);
	rig_run(r);
	OUT("PA 1(10) 2");
	rig_in(r, "A 2(0) 11");
	rig_ready(r, c);
	assert_int_equal(tcp_shutdown(&r->tcp, c), 0);
	rig_run(r);
	OUT("FA 11(0) 2");
	STATE(TCP_LAST_ACK);
	rig_in(r, "A 2(0) 12");
	STATE(TCP_CLOSED);
	assert_int_equal(rig_ready(r, c), TCP_READY_DRAINED);
	tcp_close(&r->tcp, c);
}

static void closing_moves_on_only_by_the_ack_of_our_fin(void **state)
{
	struct tcp_conn *c = rig_in_state(r, 0, TCP_CLOSING);

	rig_in(r, "A 2(0) 1");
	assert_int_equal(tcp_conn_state(c), TCP_CLOSING);
	rig_in(r, "A 2(0) 2");
	assert_int_equal(tcp_conn_state(c), TCP_TIME_WAIT);
	tcp_close(&r->tcp, c);
}

static void last_ack_ends_only_by_the_ack_of_our_fin(void **state)
{
	struct tcp_conn *c = rig_in_state(r, 0, TCP_LAST_ACK);

	rig_in(r, "A 2(0) 1");
	assert_int_equal(tcp_conn_state(c), TCP_LAST_ACK);
	rig_in(r, "A 2(0) 2");
	assert_int_equal(tcp_conn_state(c), TCP_CLOSED);
	tcp_close(&r->tcp, c);
}

static void states_passed_tell_the_way(void **state)
{
	struct tcp_conn *c = rig_in_state(r, 0, TCP_FIN_WAIT_2);

	assert_int_equal(rig_info(r, c).states_passed,
			 1 << TCP_CLOSED | 1 << TCP_SYN_SENT | 1 << TCP_ESTABLISHED |
				 1 << TCP_FIN_WAIT_1 | 1 << TCP_FIN_WAIT_2);
	tcp_abort(&r->tcp, c);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_arrow_of_the_rfc_is_allowed_and_every_other_is_our_mistake),
		T(each_state_has_the_name_that_the_rfc_gives_it),
		T(failed_attempts_and_resets_are_counted_as_the_mib_says),
		T(we_close_first_and_end_in_time_wait),
		T(peer_closes_first_and_nothing_remains_here),
		T(both_close_at_once_and_both_wait),
		T(fin_that_acknowledges_our_fin_goes_straight_to_time_wait),
		T(data_queued_before_a_close_goes_out_before_the_fin),
		T(half_closed_we_still_receive_until_the_peer_closes_too),
		T(half_closed_peer_still_gets_data_until_we_close_too),
		T(closing_moves_on_only_by_the_ack_of_our_fin),
		T(last_ack_ends_only_by_the_ack_of_our_fin),
		T(states_passed_tell_the_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
