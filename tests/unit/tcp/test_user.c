/* What the user asks for, RFC 9293 §3.10.1 to §3.10.6: writing, reading, shutting down, closing,
 * aborting, in every state; what it is told. */
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

static const enum tcp_state owned[] = {
	TCP_SYN_SENT, TCP_ESTABLISHED, TCP_FIN_WAIT_1, TCP_FIN_WAIT_2, TCP_CLOSE_WAIT, TCP_CLOSING,
	TCP_LAST_ACK,
};

/* ---- SEND */

static void writing_is_for_states_in_which_we_have_not_closed(void **state)
{
	static const int want[] = {-E_NOTCONN, 1, -E_PIPE, -E_PIPE, 1, -E_PIPE, -E_PIPE};
	struct tcp_conn *c;

	for (unsigned i = 0; i < ARRAY_LEN(owned); i++) {
		struct lend lend = {0};

		c = rig_in_state(r, i, owned[i]);
		assert_int_equal(tcp_write(&r->tcp, c, "x", 1), want[i]);
		assert_int_equal(tcp_send(&r->tcp, c, pkt_lent(r->core->pool, &lend, "x", 1)),
				 MIN(want[i], 0));
		tcp_abort(&r->tcp, c);
		assert_int_equal(lend.refs, 0);
		r->core->pool->returned = NULL;
		rig_run(r);
		rig_out_skip(r);
	}
	c = tcp_open(&r->tcp, NULL);
	assert_int_equal(tcp_write(&r->tcp, c, "x", 1), -E_NOTCONN);
	tcp_close(&r->tcp, c);
}

static void error_of_a_connection_is_told_to_whoever_writes(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	rig_in(r, "R 1(0)");
	assert_int_equal(tcp_write(&r->tcp, c, "x", 1), -E_CONNRESET);
	assert_int_equal(tcp_shutdown(&r->tcp, c), -E_CONNRESET);
	tcp_close(&r->tcp, c);
}

static void connection_that_closed_in_order_is_a_broken_pipe(void **state)
{
	struct tcp_conn *c = rig_in_state(r, 0, TCP_LAST_ACK);

	rig_in(r, "A 2(0) 2");
	assert_int_equal(tcp_conn_state(c), TCP_CLOSED);
	assert_int_equal(tcp_write(&r->tcp, c, "x", 1), -E_PIPE);
	assert_int_equal(tcp_shutdown(&r->tcp, c), 0);
	tcp_close(&r->tcp, c);
}

static void short_write_is_followed_by_news_of_room(void **state)
{
	struct tcp_conn *c;

	config.tcp.sndbuf = 30000;
	again();
	c = rig_connected(r, 0);
	assert_int_equal(tcp_send_room(c), 30000);
	assert_int_equal(rig_write(r, c, 40000), 30000);
	assert_int_equal(rig_write(r, c, 1), 0);
	assert_int_equal(tcp_send_room(c), 0);
	rig_run(r);
	rig_out_skip(r);
	rig_in(r, "A 1(0) 7301");
	assert_int_equal(rig_ready(r, c), 0);		/* not worth waking for */
	rig_in(r, "A 1(0) 11681");
	assert_int_equal(rig_ready(r, c), TCP_READY_WRITABLE);
	assert_int_equal(tcp_send_room(c), 11680);
	rig_in(r, "A 1(0) 14601");
	assert_int_equal(rig_ready(r, c), 0);		/* told once */
	tcp_want_room(&r->tcp, c);
	rig_in(r, "A 1(0) 16061");
	assert_int_equal(rig_ready(r, c), TCP_READY_WRITABLE);
}

static void write_takes_what_frames_there_are(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);
	uint32_t few = MIN(LOWER_FRAMES / 8, 256);	/* some are left alone */
	struct pkt *taken = rig_starve(r, few + 3);
	int n = rig_write(r, c, 100000);

	assert_int_equal(n, 3 * 1460);
	assert_int_equal(rig_write(r, c, 1), 0);
	rig_feed(r, taken);
	rig_run(r);
	assert_int_equal(rig_out_skip(r), 3);
	assert_int_equal(rig_write(r, c, 1), 1);
}

static void nothing_is_written_by_a_write_of_nothing(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	assert_int_equal(tcp_write(&r->tcp, c, NULL, 0), 0);
	rig_run(r);
	OUT("");
}

/* ---- RECEIVE */

static void bytes_are_read_in_any_portions_and_put_back(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);
	struct pkt *p;

	rig_in(r, "A 1(1400) 1");
	rig_in(r, "A 1401(1400) 1");
	assert_int_equal(tcp_recv_queued(c), 2800);
	p = tcp_recv(&r->tcp, c);
	assert_int_equal(p->total, 1400);
	assert_int_equal(tcp_recv_queued(c), 1400);
	assert_int_equal(c->rcv.held, 1400);
	tcp_unrecv(&r->tcp, c, p);
	tcp_check(&r->tcp);
	assert_int_equal(c->rcv.held, 0);
	assert_int_equal(rig_read(r, c, 1), 1);
	assert_int_equal(rig_read(r, c, 1500), 1500);
	assert_int_equal(rig_read(r, c, 5000), 1299);
	assert_null(tcp_recv(&r->tcp, c));
	assert_int_equal(c->rcv.held, 0);
}

static void last_packet_put_back_is_the_queue_again(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "A 1(1400) 1");
	tcp_unrecv(&r->tcp, c, tcp_recv(&r->tcp, c));
	rig_in(r, "A 1401(1400) 1");
	assert_int_equal(rig_read(r, c, 5000), 2800);
}

static void small_segments_share_a_frame(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);
	uint32_t before = r->core->pool->free_frames_n;

	for (unsigned i = 0; i < 500; i++)
		rig_inf(r, "PA %u(1) 1", 1 + i);
	rig_pass(r, MSEC(50));
	assert_int_equal(before - r->core->pool->free_frames_n, 1);
	assert_int_equal(rig_read(r, c, 1000), 500);
}

static void bytes_that_are_held_stay_charged_to_the_window(void **state)
{
	struct tcp_conn *c;
	struct pkt *p;

	config.tcp.rcvbuf = 4096;
	again();
	c = rig_accepted(r, 0);
	rig_in(r, "A 1(1400) 1");
	rig_in(r, "A 1401(1400) 1");
	rig_in(r, "A 2801(1296) 1");
	rig_pass(r, MSEC(50));
	rig_out_skip(r);
	while ((p = tcp_recv(&r->tcp, c)))
		pkt_put(p);
	rig_run(r);
	OUT("");
	assert_int_equal(rig_info(r, c).rcv_wnd, 0);
	tcp_recv_done(&r->tcp, c, 4096);
	rig_run(r);
	OUT("A 1(0) 4097");
	assert_int_equal(r->out.win, 4096);
	tcp_recv_done(&r->tcp, c, 4096);		/* more than was taken: no more room */
	assert_int_equal(tcp_rcv_free_space(c), 4096);
}

static void nobody_is_told_of_room_behind_the_end(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	for (unsigned i = 0; i < 40; i++)
		rig_inf(r, "A %u(1000) 1", 1 + i * 1000);
	rig_in(r, "FA 40001(0) 1");
	rig_out_skip(r);
	assert_int_equal(rig_read(r, c, 50000), 40000);
	rig_run(r);
	OUT("");
}

static void what_was_received_can_be_read_after_a_reset(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "PA 1(100) 1");
	rig_in(r, "R 101(0)");
	assert_int_equal(rig_ready(r, c), TCP_READY_READABLE | TCP_READY_ERROR);
	assert_int_equal(rig_read(r, c, 1000), 100);
	tcp_close(&r->tcp, c);
}

/* ---- CLOSE */

static void shutdown_is_for_connections_and_counts_once(void **state)
{
	static const int want[] = {-E_NOTCONN, 0, 0, 0, 0, 0, 0};

	for (unsigned i = 0; i < ARRAY_LEN(owned); i++) {
		struct tcp_conn *c = rig_in_state(r, i, owned[i]);

		assert_int_equal(tcp_shutdown(&r->tcp, c), want[i]);
		assert_int_equal(tcp_shutdown(&r->tcp, c), want[i]);
		rig_run(r);
		assert_int_equal(rig_out_skip(r),
				 owned[i] == TCP_ESTABLISHED || owned[i] == TCP_CLOSE_WAIT);
		tcp_abort(&r->tcp, c);
		rig_run(r);
		rig_out_skip(r);
	}
}

static void close_with_unread_bytes_resets(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "PA 1(100) 1");
	tcp_close(&r->tcp, c);
	rig_run(r);
	OUT("RA 1(0) 101");
	assert_int_equal(r->tcp.conns_used, 0);
}

static void close_in_every_state_says_what_the_peer_must_know(void **state)
{
	static const char *const want[] = {"", "1: FA 1(0) 1", "", "", "4: FA 1(0) 2", "", ""};

	for (unsigned i = 0; i < ARRAY_LEN(owned); i++) {
		tcp_close(&r->tcp, rig_in_state(r, i, owned[i]));
		rig_run(r);
		OUT(want[i]);
		OUT("");
		rig_inf(r, "%u: R %u(0)", i, r->peers[i].seq);
	}
	assert_int_equal(r->tcp.conns_used, 0);
}

static void abort_in_every_state_frees_at_once(void **state)
{
	for (unsigned i = 0; i < ARRAY_LEN(owned); i++) {
		struct tcp_conn *c = rig_in_state(r, i, owned[i]);

		tcp_abort(&r->tcp, c);
		rig_run(r);
		assert_int_equal(rig_out_skip(r), owned[i] != TCP_SYN_SENT);
		assert_int_equal(r->out.opts, 0);
		assert_int_equal(rig_state(r, i), TCP_CLOSED);
	}
	assert_int_equal(r->tcp.conns_used, 0);
}

static void everything_acknowledged_is_told(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_write(r, c, 100);
	tcp_shutdown(&r->tcp, c);
	rig_run(r);
	rig_in(r, "A 1(0) 101");
	assert_int_equal(rig_ready(r, c), 0);
	rig_in(r, "A 1(0) 102");
	assert_int_equal(rig_ready(r, c), TCP_READY_DRAINED);
}

static void nobody_is_told_anything_about_an_orphan(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_write(r, c, 100);
	rig_in(r, "FA 1(0) 1");
	tcp_close(&r->tcp, c);
	rig_run(r);
	rig_in(r, "A 2(0) 102");
	assert_int_equal(rig_ready(r, c), 0);
	rig_out_skip(r);
}

/* ---- identity */

static void cookie_names_one_life_of_a_connection(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0), *d;
	uint64_t cookie = tcp_conn_cookie(&r->tcp, c);

	assert_ptr_equal(tcp_conn_by_cookie(&r->tcp, cookie), c);
	assert_null(tcp_conn_by_cookie(&r->tcp, cookie + ((uint64_t)1 << 32)));
	assert_null(tcp_conn_by_cookie(&r->tcp, UINT64_MAX));
	tcp_abort(&r->tcp, c);
	assert_null(tcp_conn_by_cookie(&r->tcp, cookie));
	rig_run(r);
	rig_out_skip(r);
	d = rig_connected(r, 1);
	assert_ptr_equal(d, c);				/* the same slot */
	assert_null(tcp_conn_by_cookie(&r->tcp, cookie));
}

static void facts_add_up(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);
	struct tcp_info info;

	rig_write(r, c, 20000);
	rig_run(r);
	rig_in(r, "PA 1(100) 1461");
	rig_in(r, "PA 301(100) 1461");
	info = rig_info(r, c);
	assert_int_equal(info.bytes_in, 100);
	assert_int_equal(info.bytes_out, info.unacked + 1460);
	assert_int_equal(info.unsent, 20000 - info.bytes_out);
	assert_int_equal(info.rcv_queued, 100);
	assert_int_equal(info.reass_pieces, 1);
	assert_int_equal(info.segs_in, 3);
	assert_int_equal(info.segs_out, rig_out_skip(r) + 2);	/* SYN and ACK were seen before */
	assert_int_equal(info.rcv_mss, 536);
	tcp_shutdown(&r->tcp, c);
	rig_inf(r, "A 101(0) %u", 1 + (unsigned)info.bytes_out);
	assert_int_equal(rig_info(r, c).unsent, 0);
	assert_int_equal(c->snd.nxt, c->snd.end + 1);
	rig_out_skip(r);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(writing_is_for_states_in_which_we_have_not_closed),
		T(error_of_a_connection_is_told_to_whoever_writes),
		T(connection_that_closed_in_order_is_a_broken_pipe),
		T(short_write_is_followed_by_news_of_room),
		T(write_takes_what_frames_there_are),
		T(nothing_is_written_by_a_write_of_nothing),
		T(bytes_are_read_in_any_portions_and_put_back),
		T(last_packet_put_back_is_the_queue_again),
		T(small_segments_share_a_frame),
		T(bytes_that_are_held_stay_charged_to_the_window),
		T(nobody_is_told_of_room_behind_the_end),
		T(what_was_received_can_be_read_after_a_reset),
		T(shutdown_is_for_connections_and_counts_once),
		T(close_with_unread_bytes_resets),
		T(close_in_every_state_says_what_the_peer_must_know),
		T(abort_in_every_state_frees_at_once),
		T(everything_acknowledged_is_told),
		T(nobody_is_told_anything_about_an_orphan),
		T(cookie_names_one_life_of_a_connection),
		T(facts_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
