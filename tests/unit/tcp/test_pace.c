/* Pacing and delivery rates: when segments may leave, what a rate sample says, the pool.
 *
 * Method: one stack, a peer on a path of 40 ms, BBR or paced CUBIC. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/tcprig.h"
#include "tcp/tcp_int.h"

#define MSS 1460u
#define RTT MSEC(40)

static struct rig *r;
static struct rig_config config;
static struct tcp_conn *c;

static void begin(void)
{
	r = rig_new(&config);
	c = rig_connecting(r, 0);
	rig_pass(r, RTT);
	rig_in(r, "SA 0(0) 1 win 65535");
	rig_ready(r, c);
	rig_out_skip(r);
}

static int setup(void **state)
{
	rig_config(&config);
	config.tcp.cc = &cc_bbr;
	begin();
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
	begin();
}

static void segments_leave_one_after_the_other(void **state)
{
	unsigned at_once, n;

	config.tcp.cc = &cc_newreno;
	config.tcp.pacing = true;
	again();
	rig_write(r, c, 10 * MSS);
	rig_run(r);
	at_once = rig_out_skip(r);		/* twice the window in a round trip: 2 ms each */
	assert_in_range(at_once, 1, 2);
	rig_pass(r, MSEC(8));
	n = rig_out_skip(r);
	assert_in_range(n, 3, 5);
	rig_pass(r, MSEC(20));
	assert_int_equal(at_once + n + rig_out_skip(r), 10);
}

static void block_is_there_only_while_something_is_outstanding(void **state)
{
	assert_null(tcp_pace(c));
	rig_write(r, c, 100);
	rig_run(r);
	assert_non_null(tcp_pace(c));
	rig_pass(r, RTT);
	rig_in(r, "A 1(0) 101");
	assert_null(tcp_pace(c));
	rig_out_skip(r);
}

static void what_was_learnt_outlives_the_block(void **state)
{
	uint32_t bw;

	rig_write(r, c, 4 * MSS);
	rig_run(r);
	rig_pass(r, RTT + MSEC(2));
	rig_out_skip(r);
	rig_in(r, "A 1(0) 5841");
	assert_null(tcp_pace(c));
	bw = c->cc.own[0] << 4;			/* bytes a second: 4 segments in 40 ms */
	assert_in_range(bw, 100000, 160000);
	rig_write(r, c, 100);
	rig_run(r);
	assert_non_null(tcp_pace(c));
	assert_true(c->cc.ops->pace(&c->cc, tcp_pace(c)->room) > bw / 2);
	rig_out_skip(r);
}

static void without_a_place_in_the_pool_nothing_is_paced(void **state)
{
	struct tcp_conn *other;

	config.tcp.paces_max = 1;
	again();
	rig_write(r, c, 100);
	rig_run(r);
	rig_out_skip(r);
	other = rig_connected(r, 1);
	rig_write(r, other, 10 * MSS);
	rig_run(r);
	assert_null(tcp_pace(other));
	assert_int_equal(rig_out_skip(r), 10);
	assert_true(r->tcp.n.paces_full > 0);
}

static void another_congestion_control_may_be_chosen_while_it_sends(void **state)
{
	rig_write(r, c, 4 * MSS);
	rig_run(r);
	assert_int_equal(tcp_set_cc(&r->tcp, c, "cubic", 5), 0);
	assert_string_equal(tcp_cc_name(&r->tcp, c), "cubic");
	assert_null(tcp_pace(c));
	rig_run(r);
	assert_int_equal(tcp_set_cc(&r->tcp, c, "bbr", 3), 0);
	assert_int_equal(tcp_set_cc(&r->tcp, c, "vegas", 5), -E_NOENT);
	rig_write(r, c, 4 * MSS);
	rig_pass(r, RTT);
	rig_in(r, "A 1(0) 2921");
	rig_pass(r, RTT);
	rig_in(r, "A 1(0) 11681");
	assert_int_equal(rig_info(r, c).unacked, 0);
	rig_out_skip(r);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(segments_leave_one_after_the_other),
		T(block_is_there_only_while_something_is_outstanding),
		T(what_was_learnt_outlives_the_block),
		T(without_a_place_in_the_pool_nothing_is_paced),
		T(another_congestion_control_may_be_chosen_while_it_sends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
