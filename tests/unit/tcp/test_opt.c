/* What an owner chooses: ranges, defaults, inheritance, where it is kept.
 *
 * Method: choices are set and asked for, on a connection, a listener and neither. */
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

static void value_out_of_range_is_refused_and_changes_nothing(void **state)
{
	struct tcp_opts o = {0};

	assert_int_equal(tcp_opts_set(&o, TCP_OPT_KEEPCNT, 0), -E_INVAL);
	assert_int_equal(tcp_opts_set(&o, TCP_OPT_KEEPCNT, 128), -E_INVAL);
	assert_int_equal(tcp_opts_set(&o, TCP_OPT_MAXSEG, 87), -E_INVAL);
	assert_int_equal(tcp_opts_set(&o, TCP_OPT_N, 1), -E_INVAL);
	assert_int_equal(o.chosen, 0);
	assert_int_equal(tcp_opts_set(&o, TCP_OPT_KEEPCNT, 127), 0);
	assert_int_equal(tcp_opts_get(&r->tcp, &o, TCP_OPT_KEEPCNT), 127);
}

static void zero_takes_a_choice_back_where_zero_is_out_of_range(void **state)
{
	struct tcp_opts o = {0};

	assert_int_equal(tcp_opts_set(&o, TCP_OPT_RCVBUF, 4096), 0);
	assert_int_equal(tcp_opts_get(&r->tcp, &o, TCP_OPT_RCVBUF), 4096);
	assert_int_equal(tcp_opts_set(&o, TCP_OPT_RCVBUF, 0), 0);
	assert_int_equal(o.chosen, 0);
	assert_int_equal(tcp_opts_get(&r->tcp, &o, TCP_OPT_RCVBUF), r->tcp.config.rcvbuf);
}

static void defaults_are_those_that_are_documented(void **state)
{
	struct tcp_opts o = {0};
	static const uint32_t want[TCP_OPT_N] = {
		[TCP_OPT_KEEPIDLE_MS] = 7200000, [TCP_OPT_KEEPINTVL_MS] = 75000,
		[TCP_OPT_KEEPCNT] = 9, [TCP_OPT_SYNCNT] = 6, [TCP_OPT_LINGER2_MS] = 60000,
		[TCP_OPT_MTU_DISCOVER] = TCP_MTU_WANT, [TCP_OPT_NOTSENT_LOWAT] = UINT32_MAX,
		[TCP_OPT_RCVBUF] = 256u << 10, [TCP_OPT_SNDBUF] = 128u << 10,
		[TCP_OPT_TTL] = 64,
	};

	for (unsigned i = 0; i < TCP_OPT_N; i++)
		assert_int_equal(tcp_opts_get(&r->tcp, &o, i), want[i]);
}

static void flags_and_defaults_cost_no_side(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	assert_int_equal(tcp_conn_set(&r->tcp, c, TCP_OPT_NODELAY, 1), 0);
	assert_int_equal(tcp_conn_set(&r->tcp, c, TCP_OPT_QUICKACK, 1), 0);
	assert_int_equal(tcp_conn_set(&r->tcp, c, TCP_OPT_KEEPCNT, 9), 0);
	assert_int_equal(r->tcp.sides_used, 0);
	assert_int_equal(tcp_conn_get(&r->tcp, c, TCP_OPT_NODELAY), 1);
	assert_int_equal(tcp_conn_get(&r->tcp, c, TCP_OPT_CORK), 0);
	assert_int_equal(tcp_conn_get(&r->tcp, c, TCP_OPT_KEEPCNT), 9);
	assert_int_equal(tcp_conn_set(&r->tcp, c, TCP_OPT_KEEPCNT, 3), 0);
	assert_int_equal(r->tcp.sides_used, 1);
	tcp_abort(&r->tcp, c);
	assert_int_equal(r->tcp.sides_used, 0);
}

static void choice_is_refused_when_no_side_is_left(void **state)
{
	struct tcp_conn *c, *d;

	config.tcp.sides_max = 1;
	rig_free(r);
	r = rig_new(&config);
	c = rig_connected(r, 0);
	d = rig_connected(r, 1);
	assert_int_equal(tcp_conn_set(&r->tcp, c, TCP_OPT_KEEPCNT, 3), 0);
	assert_int_equal(tcp_conn_set(&r->tcp, d, TCP_OPT_KEEPCNT, 3), -E_NOBUFS);
	assert_int_equal(r->tcp.n.sides_full, 1);
	assert_int_equal(tcp_conn_get(&r->tcp, d, TCP_OPT_KEEPCNT), 9);
	tcp_abort(&r->tcp, c);
	assert_int_equal(tcp_conn_set(&r->tcp, d, TCP_OPT_KEEPCNT, 3), 0);
}

static void accepted_connection_has_its_listeners_choices(void **state)
{
	struct tcp_conn *c;

	rig_listen(r);
	assert_int_equal(tcp_listener_set(r->listener, TCP_OPT_KEEPIDLE_MS, 5000), 0);
	assert_int_equal(tcp_listener_set(r->listener, TCP_OPT_NODELAY, 1), 0);
	c = rig_accepted(r, 0);
	assert_int_equal(tcp_conn_get(&r->tcp, c, TCP_OPT_KEEPIDLE_MS), 5000);
	assert_int_equal(tcp_conn_get(&r->tcp, c, TCP_OPT_NODELAY), 1);
	assert_int_equal(tcp_listener_get(&r->tcp, r->listener, TCP_OPT_KEEPIDLE_MS), 5000);
}

/* TCP_NOTSENT_LOWAT: what waits behind a full window counts, room in the buffer alone does not. */
static void writable_waits_until_little_is_unsent(void **state)
{
	struct tcp_conn *c;

	r->peer->win = 1000;
	c = rig_connected(r, 0);
	assert_true(tcp_writable(c));
	assert_int_equal(tcp_conn_set(&r->tcp, c, TCP_OPT_NOTSENT_LOWAT, 500), 0);
	assert_int_equal(rig_write(r, c, 2000), 2000);
	rig_run(r);
	rig_out_skip(r);
	assert_false(tcp_writable(c));
	assert_true(tcp_send_room(c) > 0);
	rig_ready(r, c);
	tcp_want_room(&r->tcp, c);
	rig_in(r, "A 1(0) 1001 win 600");
	assert_int_equal(rig_ready(r, c) & TCP_READY_WRITABLE, TCP_READY_WRITABLE);
	assert_true(tcp_writable(c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(value_out_of_range_is_refused_and_changes_nothing,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			zero_takes_a_choice_back_where_zero_is_out_of_range, setup, teardown),
		cmocka_unit_test_setup_teardown(defaults_are_those_that_are_documented, setup,
						teardown),
		cmocka_unit_test_setup_teardown(flags_and_defaults_cost_no_side, setup, teardown),
		cmocka_unit_test_setup_teardown(choice_is_refused_when_no_side_is_left, setup,
						teardown),
		cmocka_unit_test_setup_teardown(accepted_connection_has_its_listeners_choices,
						setup, teardown),
		cmocka_unit_test_setup_teardown(writable_waits_until_little_is_unsent, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
