/* All deadlines of a connection behind one wheel node: lazily moved, none forgotten.
 *
 * Method: deadlines are set by hand and by segments; what counts is when something leaves, and how
 * often the wheel is touched. */
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

static void earlier_deadline_moves_the_node_and_a_later_one_does_not(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);
	nsec now = r->core->now;

	tcp_timer_stop(&r->tcp, c);
	assert_false(wheel_armed(&c->timer.node));
	tcp_timer_life(&r->tcp, c, now + SEC(5));
	assert_int_equal(c->timer.node.deadline, now + SEC(5));
	tcp_timer_rtx(&r->tcp, c, now + SEC(9));
	assert_int_equal(c->timer.node.deadline, now + SEC(5));
	tcp_timer_ack(&r->tcp, c, now + SEC(1));
	assert_int_equal(c->timer.node.deadline, now + SEC(1));
	tcp_timer_ack(&r->tcp, c, now + SEC(3));
	assert_int_equal(c->timer.node.deadline, now + SEC(1));	/* looks again when it fires */
	tcp_timer_stop(&r->tcp, c);
	assert_int_equal(c->timer.rtx_at, NSEC_NEVER);
	assert_int_equal(c->timer.ack_at, NSEC_NEVER);
	assert_int_equal(c->timer.life_at, NSEC_NEVER);
}

static void node_that_fires_early_is_armed_for_what_is_next(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);
	nsec now = r->core->now;

	tcp_timer_ack(&r->tcp, c, now + MSEC(10));
	tcp_timer_ack(&r->tcp, c, now + MSEC(30));
	rig_pass(r, MSEC(20));
	OUT("");
	assert_true(wheel_armed(&c->timer.node));
	assert_int_equal(c->timer.node.deadline, now + MSEC(30));
	rig_pass(r, MSEC(11));
	OUT("A 1(0) 1");
}

static void deadlines_of_all_kinds_are_kept_side_by_side(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	rig_write(r, c, 100);
	rig_run(r);
	OUT("PA 1(100) 1");			/* RTO */
	rig_in(r, "PA 1(10) 1");		/* delayed ACK */
	rig_pass(r, tcp_config_default.delack + MSEC(1));
	OUT("A 101(0) 11");
	rig_pass(r, MSEC(300));
	OUT("PA 1(100) 11");
	rig_in(r, "A 11(0) 101");
	rig_pass(r, SEC(100));
	OUT("");
	assert_false(wheel_armed(&c->timer.node));
}

static void running_connection_rarely_touches_the_wheel(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);
	nsec armed = 0;
	unsigned changes = 0;

	for (unsigned i = 0; i < 1000; i++) {
		rig_write(r, c, 100);
		rig_run(r);
		rig_inf(r, "A 1(0) %u", 101 + i * 100);
		rig_pass(r, MSEC(1));
		rig_out_skip(r);
		changes += c->timer.node.deadline != armed;
		armed = c->timer.node.deadline;
	}
	assert_in_range(changes, 1, 20);	/* in a second */
	assert_int_equal(rig_info(r, c).rto_fired, 0);
}

static void orphan_in_fin_wait_2_lives_its_time_and_no_longer(void **state)
{
	struct tcp_conn *c = rig_in_state(r, 0, TCP_FIN_WAIT_2);

	rig_pass(r, SEC(1000));			/* with an owner: as long as he likes */
	assert_int_equal(tcp_conn_state(c), TCP_FIN_WAIT_2);
	tcp_close(&r->tcp, c);
	rig_pass(r, tcp_config_default.fin_wait_2 - MSEC(1));
	assert_int_equal(rig_state(r, 0), TCP_FIN_WAIT_2);
	rig_pass(r, MSEC(2));
	assert_int_equal(rig_state(r, 0), TCP_CLOSED);
	assert_int_equal(r->tcp.conns_used, 0);
	OUT("");
}

static void orphan_that_gets_there_later_lives_as_long(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	tcp_close(&r->tcp, c);
	rig_run(r);
	OUT("FA 1(0) 1");
	rig_pass(r, MSEC(100));
	rig_in(r, "A 1(0) 2");
	rig_pass(r, tcp_config_default.fin_wait_2 - MSEC(1));
	assert_int_equal(r->tcp.conns_used, 1);
	rig_pass(r, MSEC(2));
	assert_int_equal(r->tcp.conns_used, 0);
}

static void orphans_fin_wait_2_may_end_in_time_wait(void **state)
{
	struct tcp_conn *c = rig_in_state(r, 0, TCP_FIN_WAIT_2);

	tcp_close(&r->tcp, c);
	rig_pass(r, SEC(59));
	rig_in(r, "FA 1(0) 2");
	OUT("A 2(0) 2");
	assert_int_equal(rig_state(r, 0), TCP_TIME_WAIT);
	rig_pass(r, SEC(2));
	assert_int_equal(rig_state(r, 0), TCP_TIME_WAIT);
}

/* RFC 1122 §4.2.2.17 does not bind those whom nobody waits for. */
static void no_orphan_outlives_its_limits(void **state)
{
	static const enum tcp_state begin[] = {TCP_ESTABLISHED, TCP_FIN_WAIT_1, TCP_FIN_WAIT_2,
					       TCP_CLOSE_WAIT, TCP_CLOSING, TCP_LAST_ACK};

	struct tcp_conn *c[ARRAY_LEN(begin)];

	for (unsigned i = 0; i < ARRAY_LEN(begin); i++)
		c[i] = rig_in_state(r, i, begin[i]);
	for (unsigned i = 0; i < ARRAY_LEN(begin); i++)
		tcp_close(&r->tcp, c[i]);
	assert_int_equal(r->tcp.conns_used, ARRAY_LEN(begin));
	rig_pass(r, SEC(3600));			/* nobody answers any more */
	assert_int_equal(r->tcp.conns_used, 0);
	rig_out_skip(r);
}

static void what_closes_in_closed_states_is_gone_at_once(void **state)
{
	struct tcp_conn *c = tcp_open(&r->tcp, NULL);

	tcp_close(&r->tcp, c);
	assert_int_equal(r->tcp.conns_used, 0);
	c = rig_connecting(r, 0);
	tcp_close(&r->tcp, c);
	assert_int_equal(r->tcp.conns_used, 0);
	rig_pass(r, SEC(10));
	OUT("");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(earlier_deadline_moves_the_node_and_a_later_one_does_not),
		T(node_that_fires_early_is_armed_for_what_is_next),
		T(deadlines_of_all_kinds_are_kept_side_by_side),
		T(running_connection_rarely_touches_the_wheel),
		T(orphan_in_fin_wait_2_lives_its_time_and_no_longer),
		T(orphan_that_gets_there_later_lives_as_long),
		T(orphans_fin_wait_2_may_end_in_time_wait),
		T(no_orphan_outlives_its_limits),
		T(what_closes_in_closed_states_is_gone_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
