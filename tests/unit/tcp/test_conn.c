/* One instance of TCP: its configuration, its memory, its end; the life of connection blocks. */
#include "helper/unit.h"

#include "base/err.h"
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

/* ---- configuration */

static struct tcp_config config;

static void refused(const char *field)
{
	const char *why = NULL;

	assert_int_equal(tcp_bytes(&config, &why), 0);
	assert_non_null(strstr(why, field));
	config = tcp_config_default;
}

static void every_senseless_field_is_named(void **state)
{
	const char *why = NULL;

	config = tcp_config_default;
	assert_true(tcp_bytes(&config, &why) > 0);
	assert_null(why);
	config.conns_max = 0, refused("conns_max");
	config.conns_max = 1u << 31, refused("conns_max");
	config.timewaits_max = 0, refused("timewaits_max");
	config.timewaits_max = 1u << 31, refused("timewaits_max");
	config.listeners_max = 0, refused("listeners_max");
	config.rcvbuf = 2047, refused("rcvbuf");
	config.rcvbuf = (1u << 30) + 1, refused("rcvbuf");
	config.sndbuf = 2047, refused("sndbuf");
	config.sndbuf = (1u << 30) + 1, refused("sndbuf");
	config.rcv_wnd_initial = 1023, refused("rcv_wnd_initial");
	config.rto_min = USEC(999), refused("rto_min");
	config.rto_max = MSEC(199), refused("rto_max");
	config.rto_initial = MSEC(199), refused("rto_initial");
	config.rto_max = SEC(3601), refused("rto_max");
	config.rto_initial = SEC(3601), refused("rto_initial");
	config.delack = MSEC(501), refused("delack");
	config.msl = USEC(999), refused("msl");
	config.msl = SEC(3601), refused("msl");
	config.fin_wait_2 = SEC(86401), refused("fin_wait_2");
	config.cc = NULL, refused("cc");
	config.backlog = 0, refused("backlog");
}

static void longest_durations_that_are_allowed_are_kept(void **state)
{
	struct rig_config c;
	struct tcp_conn *conn;

	rig_free(r);
	rig_config(&c);
	c.tcp.rto_max = c.tcp.rto_initial = c.tcp.msl = SEC(3600);
	c.tcp.fin_wait_2 = SEC(86400);
	c.tcp.timestamps = false;
	r = rig_new(&c);
	conn = rig_connecting(r, 0);
	assert_int_equal(rig_info(r, conn).rto, SEC(3600));
	rig_pass(r, SEC(3599));
	assert_string_equal(rig_out(r), "");
	rig_pass(r, SEC(2));
	assert_string_equal(rig_out(r), "S 0(0)");
	rig_in(r, "SA 0(0) 1");
	tcp_shutdown(&r->tcp, conn);
	rig_run(r);
	rig_in(r, "FA 1(0) 2");
	tcp_close(&r->tcp, conn);
	rig_pass(r, SEC(7199));
	assert_int_equal(r->tcp.timewaits_used, 1);
	rig_pass(r, SEC(2));
	assert_int_equal(r->tcp.timewaits_used, 0);
	rig_out_skip(r);
}

static void smallest_stack_works(void **state)
{
	struct rig_config c;
	struct tcp_conn *conn;

	rig_free(r);
	rig_config(&c);
	c.tcp.conns_max = c.tcp.timewaits_max = c.tcp.listeners_max = c.tcp.backlog = 1;
	c.tcp.rcvbuf = c.tcp.sndbuf = 2048;
	c.tcp.rcv_wnd_initial = 1024;
	r = rig_new(&c);
	for (unsigned i = 0; i < 5; i++) {
		conn = rig_accepted(r, i);
		rig_write(r, conn, 5000);
		rig_run(r);
		rig_inf(r, "%u: PA 1(1000) 1461", i);
		assert_int_equal(rig_read(r, conn, 5000), 1000);
		tcp_abort(&r->tcp, conn);
		rig_run(r);
		rig_out_skip(r);
	}
}

/* ---- memory */

static void block_of_a_connection_leaves_room_for_a_socket_within_512_bytes(void **state)
{
	const char *why = NULL;
	struct tcp_config one = tcp_config_default, two = one;
	size_t bytes;

	two.conns_max *= 2;
	bytes = (tcp_bytes(&two, &why) - tcp_bytes(&one, &why)) / one.conns_max;
	print_message("bytes of a connection: block %zu, with its places in the tables %zu\n",
		      sizeof(struct tcp_conn), bytes);
	assert_true(bytes + 32 < 512);
	assert_true(offsetof(struct tcp_conn, snd.buf) <= 2 * CACHE_LINE);
}

static void idle_connection_holds_no_frame(void **state)
{
	uint32_t frames = r->core->pool->free_frames_n, bare = r->core->pool->free_bare_n;
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "PA 1(100) 1");
	rig_write(r, c, 100);
	rig_run(r);
	rig_out_skip(r);
	rig_in(r, "A 101(0) 101");
	rig_read(r, c, 100);
	assert_int_equal(r->core->pool->free_frames_n, frames);
	assert_int_equal(r->core->pool->free_bare_n, bare);
}

/* ---- the end */

static void end_frees_everything_in_every_state(void **state)
{
	static const enum tcp_state states[] = {
		TCP_SYN_SENT, TCP_SYN_RECEIVED, TCP_ESTABLISHED, TCP_FIN_WAIT_1, TCP_FIN_WAIT_2,
		TCP_CLOSE_WAIT, TCP_CLOSING, TCP_LAST_ACK,
	};
	struct tcp_conn *c;

	for (unsigned i = 0; i < ARRAY_LEN(states); i++)
		rig_in_state(r, i, states[i]);
	rig_out_skip(r);
	c = rig_accepted(r, 20);
	rig_write(r, c, 50000);
	rig_run(r);
	rig_in(r, "20: A 1(100) 1");
	rig_in(r, "20: FA 300(1000) 1461");
	rig_write(r, c, 50000);
	rig_out_skip(r);
	c = rig_accepted(r, 21);
	tcp_close(&r->tcp, c);
	rig_run(r);
	rig_in(r, "21: FA 1(0) 2");
	rig_out_skip(r);
	rig_in(r, "22: S 0(0)");
	rig_out(r);
	rig_in(r, "22: A 1(0) 1");		/* not accepted */
	rig_out_skip(r);
	/* teardown: nothing may be left */
}

static void slots_are_used_again_and_know_their_life(void **state)
{
	struct tcp_conn *first = tcp_open(&r->tcp, NULL), *c = first;
	uint32_t reuse = c->reuse;

	for (unsigned i = 0; i < 10; i++) {
		tcp_close(&r->tcp, c);
		c = tcp_open(&r->tcp, r);
		assert_ptr_equal(c, first);
		assert_int_equal(c->reuse, ++reuse);
		assert_ptr_equal(tcp_owner(c), r);
		assert_int_equal(tcp_conn_state(c), TCP_CLOSED);
		assert_int_equal(tcp_error(c), 0);
	}
	tcp_close(&r->tcp, c);
}

static void block_freed_twice_is_our_mistake(void **state)
{
	struct tcp_conn *c = tcp_open(&r->tcp, NULL);

	tcp_close(&r->tcp, c);
	expect_assert_failure(tcp_conn_free(&r->tcp, c));
}

static void error_that_says_nothing_is_our_mistake(void **state)
{
	struct tcp_conn *c = tcp_open(&r->tcp, NULL);

	expect_assert_failure(tcp_conn_fail(&r->tcp, c, 0));
	expect_assert_failure(tcp_conn_fail(&r->tcp, c, -E_CONNRESET));
	tcp_close(&r->tcp, c);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(every_senseless_field_is_named),
		T(longest_durations_that_are_allowed_are_kept),
		T(smallest_stack_works),
		T(block_of_a_connection_leaves_room_for_a_socket_within_512_bytes),
		T(idle_connection_holds_no_frame),
		T(end_frees_everything_in_every_state),
		T(slots_are_used_again_and_know_their_life),
		T(block_freed_twice_is_our_mistake),
		T(error_that_says_nothing_is_our_mistake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
