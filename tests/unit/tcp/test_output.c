/* What goes out and when: Nagle, cork, silly windows on both sides, what a header says of our
 * window, segments of several pieces, memory that is lent, what fits one flush.
 *
 * Method: one stack that writes, a peer that acknowledges by hand. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/tcprig.h"
#include "tcp/tcp_int.h"

#define MSS 1460u

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

static void write_and_run(struct tcp_conn *c, uint32_t n)
{
	assert_int_equal(rig_write(r, c, n), n);
	rig_run(r);
}

/* ---- Nagle, cork */

static void second_small_segment_waits_for_the_ack_of_the_first(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	write_and_run(c, 10);
	OUT("PA 1(10) 1");
	write_and_run(c, 10);
	write_and_run(c, 10);
	OUT("");
	rig_in(r, "A 1(0) 11");
	OUT("PA 11(20) 1");
}

static void full_segment_does_not_wait(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	write_and_run(c, 10);
	OUT("PA 1(10) 1");
	write_and_run(c, MSS + 5);
	OUT("A 11(1460) 1");
	OUT("");
	rig_in(r, "A 1(0) 1471");
	OUT("PA 1471(5) 1");
}

static void nodelay_sends_at_once(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	tcp_set_nodelay(&r->tcp, c, true);
	write_and_run(c, 10);
	OUT("PA 1(10) 1");
	write_and_run(c, 10);
	OUT("PA 11(10) 1");
	tcp_set_nodelay(&r->tcp, c, false);
	write_and_run(c, 10);
	OUT("");
	tcp_set_nodelay(&r->tcp, c, true);	/* lets out what waits */
	rig_run(r);
	OUT("PA 21(10) 1");
}

static void fin_takes_along_what_nagle_held_back(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	write_and_run(c, 10);
	OUT("PA 1(10) 1");
	write_and_run(c, 10);
	tcp_close(&r->tcp, c);
	rig_run(r);
	OUT("FPA 11(10) 1");
}

static void cork_holds_what_is_no_full_segment(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	tcp_cork(&r->tcp, c, true);
	write_and_run(c, 1000);
	OUT("");
	write_and_run(c, 1000);
	OUT("A 1(1460) 1");
	OUT("");
	rig_in(r, "A 1(0) 1461");
	rig_pass(r, MSEC(199));
	OUT("");
	tcp_cork(&r->tcp, c, false);
	rig_run(r);
	OUT("PA 1461(540) 1");
}

static void cork_holds_for_200_milliseconds_at_most(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	tcp_cork(&r->tcp, c, true);
	write_and_run(c, 100);
	rig_pass(r, MSEC(150));
	write_and_run(c, 100);		/* does not begin again */
	OUT("");
	rig_pass(r, MSEC(52));
	OUT("PA 1(200) 1");
	rig_in(r, "A 1(0) 201");
	write_and_run(c, 100);
	rig_pass(r, MSEC(150));
	OUT("");
	rig_pass(r, MSEC(52));
	OUT("PA 201(100) 1");
}

static void cork_ends_with_the_stream(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	tcp_cork(&r->tcp, c, true);
	write_and_run(c, 100);
	OUT("");
	tcp_shutdown(&r->tcp, c);
	rig_run(r);
	OUT("FPA 1(100) 1");
}

static void writes_of_one_poll_leave_as_one_segment(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	for (unsigned i = 0; i < 7; i++)
		rig_write(r, c, 33);
	rig_run(r);
	OUT("PA 1(231) 1");
	OUT("");
}

/* ---- the peer's window */

static void no_more_leaves_than_the_peer_allows(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	rig_in(r, "A 1(0) 1 win 2000");
	write_and_run(c, 5000);
	OUT("A 1(1460) 1");
	OUT("");				/* 540 more would be silly */
	rig_in(r, "A 1(0) 1461 win 3000");
	OUT("A 1461(1460) 1");
	OUT("PA 2921(1460) 1");
	OUT("");
	rig_in(r, "A 1(0) 2921 win 1460");
	OUT("");
	rig_in(r, "A 1(0) 4381 win 1460");
	OUT("PA 4381(620) 1");
}

static void silly_window_is_not_filled_until_waiting_is_over(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);
	nsec rto = rig_info(r, c).rto;

	rig_in(r, "A 1(0) 1 win 500");		/* it was 65535 */
	write_and_run(c, 1000);
	OUT("");
	rig_pass(r, rto - MSEC(1));
	OUT("");
	rig_pass(r, MSEC(2));
	OUT("A 1(500) 1");			/* RFC 9293 §3.8.6.2.1: the override timeout */
	rig_in(r, "A 1(0) 501");
	OUT("PA 501(500) 1");			/* all there is */
	assert_int_equal(r->tcp.n.zero_window_probes, 0);
}

static void half_of_the_largest_window_is_worth_a_segment(void **state)
{
	struct tcp_conn *c;

	r->peer->win = 1000;
	c = rig_connected(r, 0);
	write_and_run(c, 5000);
	OUT("A 1(1000) 1");
	rig_in(r, "A 1(0) 1001 win 499");
	OUT("");
	rig_in(r, "A 1(0) 1001 win 500");
	OUT("A 1001(500) 1");
}

static void window_is_scaled_but_not_that_of_a_syn(void **state)
{
	struct tcp_conn *c;

	r->peer->opts |= SEG_OPT_WSCALE;
	r->peer->wscale = 7;
	r->peer->win = 1000;
	c = rig_connected(r, 0);
	assert_int_equal(rig_info(r, c).snd_wnd, 1000);
	rig_in(r, "A 1(0) 1");
	assert_int_equal(rig_info(r, c).snd_wnd, 128000);
}

/* ---- our window */

/* The right edge that the segment in r->out announces, relative. */
static uint32_t edge(unsigned wscale)
{
	return r->out.ack - r->peer->isn + ((uint32_t)r->out.win << wscale);
}

static void small_reads_do_not_move_the_window(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	config.tcp.rcvbuf = 8192;
	again();
	c = rig_accepted(r, 0);
	for (unsigned i = 0; i < 6; i++)
		rig_inf(r, "A %u(1365) 1", 1 + i * 1365);
	rig_pass(r, MSEC(50));
	while (lower_out_n(r->l))
		rig_out(r);
	assert_int_equal(rig_info(r, c).rcv_wnd, 2);
	rig_read(r, c, 100);
	rig_run(r);
	OUT("");
	rig_read(r, c, 1200);
	rig_run(r);
	OUT("");
	rig_read(r, c, 100);			/* a segment's worth, RFC 9293 §3.8.6.2.2 */
	rig_run(r);
	OUT("A 1(0) 8191");
	assert_int_equal(r->out.win, 1402);
	rig_read(r, c, 4000);			/* there is something to send into already */
	rig_run(r);
	OUT("");
	rig_read(r, c, 1000);
	rig_run(r);
	OUT("A 1(0) 8191");
	assert_int_equal(r->out.win, 6402);
}

static void repeated_acks_all_say_the_same_window(void **state)
{
	struct tcp_conn *c;
	uint16_t win;

	r->peer->opts |= SEG_OPT_WSCALE;
	c = rig_accepted(r, 0);
	rig_in(r, "A 1(1001) 1");
	rig_in(r, "A 1002(1002) 1");
	OUT("A 1(0) 2004");
	win = r->out.win;
	for (unsigned i = 0; i < 20; i++) {
		rig_inf(r, "A %u(777) 1", 4000 + i * 777);
		OUT("A 1(0) 2004");
		assert_int_equal(r->out.win, win);
	}
	assert_int_equal(rig_info(r, c).reass_pieces, 20);
}

/* A peer that sends whatever it may in segments of `step`; nobody reads.  Returns what the stack
 * took. */
static uint32_t fill(struct tcp_conn *c, uint32_t step, unsigned wscale)
{
	uint32_t at = 1, highest = 1 + rig_info(r, c).rcv_wnd, n;

	for (unsigned idle = 0; idle < 3;) {
		n = MIN(step, highest - at);
		if (!n)
			idle++;
		rig_inf(r, "A %u(%u) 1", at, n);
		if (!n)
			rig_pass(r, MSEC(50));
		at += n;
		while (*rig_out(r)) {
			assert_true(r->out.ack - r->peer->isn <= at);
			/* what is taken back is less than the scale can tell */
			assert_true(edge(wscale) + (1u << wscale) > highest);
			highest = MAX(highest, edge(wscale));
		}
		assert_true(rig_info(r, c).rcv_queued <= config.tcp.rcvbuf);
	}
	assert_int_equal(rig_info(r, c).rcv_queued, at - 1);
	return at - 1;
}

static void buffer_is_never_overfilled_whatever_the_size_of_segments(void **state)
{
	static const uint32_t steps[] = {1, 3, 7, 8, 100, 536, 1459, 1460};

	config.tcp.rcvbuf = 70000;		/* scale 1 ... */
	for (unsigned i = 0; i < 2 * ARRAY_LEN(steps); i++) {
		unsigned wscale = i & 1 ? 3 : 1;
		struct tcp_conn *c;
		uint32_t n;

		config.tcp.rcvbuf = i & 1 ? 270001 : 70001;
		again();
		r->peer->opts |= SEG_OPT_WSCALE;
		c = rig_accepted(r, 0);
		c->rcv.adv = c->rcv.nxt + 4000;	/* keep it short: begin almost full */
		c->rcv.held = config.tcp.rcvbuf - 5003;
		n = fill(c, steps[i / 2], wscale);
		assert_in_range(n, 3000, 5003);
		tcp_abort(&r->tcp, c);
	}
}

static void window_promised_is_kept_however_little_is_read(void **state)
{
	struct tcp_conn *c;
	struct prng chance;
	uint32_t at = 1, highest;

	config.tcp.rcvbuf = 300000;
	again();
	prng_seed(&chance, 5);
	r->peer->opts |= SEG_OPT_WSCALE;
	c = rig_accepted(r, 0);
	highest = 1 + rig_info(r, c).rcv_wnd;
	for (unsigned i = 0; i < 3000; i++) {
		uint32_t n = MIN(1 + prng_below(&chance, 1460), highest - at);

		rig_inf(r, "A %u(%u) 1", at, n);
		at += n;
		if (prng_below(&chance, 3) == 0)
			rig_read(r, c, prng_below(&chance, 4000));
		rig_run(r);
		while (*rig_out(r)) {
			assert_true(edge(3) + 8 > highest);
			highest = MAX(highest, edge(3));
		}
		/* every byte that was ever promised has been taken */
		assert_int_equal(r->peer->read + rig_info(r, c).rcv_queued, at - 1);
	}
	assert_int_equal(rig_drops(r, DROP_TCP_RCVBUF), 0);
}

/* ---- sizes and pieces */

static void segments_are_as_long_as_the_peer_asks_for_and_no_longer(void **state)
{
	struct tcp_conn *c;

	r->peer->mss = 1000;
	c = rig_connected(r, 0);
	write_and_run(c, 2500);
	OUT("A 1(1000) 1");
	OUT("A 1001(1000) 1");
	OUT("");
	rig_in(r, "A 1(0) 2001");
	OUT("PA 2001(500) 1");
}

static void timestamps_take_their_room_from_the_payload(void **state)
{
	struct tcp_conn *c;

	r->peer->opts |= SEG_OPT_TS;
	c = rig_connected(r, 0);
	write_and_run(c, 3000);
	OUT("A 1(1448) 1");
	assert_true(r->out.opts & SEG_OPT_TS);
	OUT("A 1449(1448) 1");
}

static void large_segments_are_made_of_several_frames(void **state)
{
	struct tcp_conn *c;

	config.mtu = 9000;
	again();
	r->peer->mss = 8960;
	c = rig_connected(r, 0);
	write_and_run(c, 20001);
	OUT("A 1(8960) 1");
	OUT("PA 8961(8960) 1");
	rig_in(r, "A 1(0) 8961");
	OUT("");
	rig_in(r, "A 1(0) 17921");
	OUT("PA 17921(2081) 1");
	rig_pass(r, SEC(1));
	OUT("PA 17921(2081) 1");
}

static void odd_pieces_sum_up(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);
	struct prng chance;
	uint32_t acked = 1;

	prng_seed(&chance, 3);
	for (unsigned i = 0; i < 200; i++) {
		for (unsigned k = prng_below(&chance, 5); k; k--)
			rig_write(r, c, 1 + prng_below(&chance, 700));
		rig_run(r);
		rig_out_skip(r);		/* checks each checksum and byte */
		acked += prng_below(&chance, rig_info(r, c).unacked + 1);
		rig_inf(r, "A 1(0) %u", acked);
		if (i % 10 == 0)
			rig_pass(r, SEC(1));
		rig_out_skip(r);
	}
	assert_true(rig_info(r, c).retrans_segs > 10);
}

static void first_flight_is_the_initial_window(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	write_and_run(c, 50000);
	assert_int_equal(rig_out_skip(r), 10);
	assert_int_equal(rig_info(r, c).unacked, 14600);
	assert_int_equal(rig_info(r, c).unsent, 50000 - 14600);
}

static void idle_connection_starts_again_with_the_initial_window(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);
	uint32_t at = 1;

	for (unsigned i = 0; i < 30; i++) {
		write_and_run(c, 2 * MSS * 10);
		at += 1460 * rig_out_skip(r);
		rig_inf(r, "A 1(0) %u", at);
	}
	while (rig_info(r, c).unacked) {
		at = 1 + (uint32_t)r->peer->written - rig_info(r, c).unsent;
		rig_inf(r, "A 1(0) %u", at);
	}
	rig_out_skip(r);
	assert_true(rig_info(r, c).cwnd > 20 * MSS);
	rig_pass(r, SEC(10));
	write_and_run(c, 30 * MSS);
	assert_int_equal(rig_out_skip(r), 10);	/* RFC 5681 §4.1 */
}

static void one_flush_sends_a_bounded_number_and_the_next_goes_on(void **state)
{
	struct tcp_conn *c;

	r->peer->mss = 536;
	r->peer->opts |= SEG_OPT_WSCALE;
	r->peer->wscale = 4;
	c = rig_connected(r, 0);
	c->cc.cwnd = 1 << 20;
	rig_in(r, "A 1(0) 1");
	write_and_run(c, 536 * 100);
	assert_int_equal(rig_out_skip(r), TCP_OUT_SEGS_MAX);
	rig_run(r);
	assert_int_equal(rig_out_skip(r), 100 - TCP_OUT_SEGS_MAX);
}

/* ---- lent memory */

static struct pkt *lent(struct lend *lend, uint64_t at, uint32_t n, uint8_t *b)
{
	for (uint32_t i = 0; i < n; i++)
		b[i] = rig_byte(false, at + i);
	return pkt_lent(r->core->pool, lend, b, n);
}

static void lent_bytes_are_held_until_they_are_acknowledged(void **state)
{
	static uint8_t b[10000];
	struct tcp_conn *c = rig_connected(r, 0);
	struct lend lend = {0};

	tcp_set_nodelay(&r->tcp, c, true);
	assert_int_equal(tcp_send(&r->tcp, c, lent(&lend, 0, sizeof(b), b)), 0);
	rig_run(r);
	for (unsigned i = 0; i < 6; i++)
		rig_out(r);
	OUT("PA 8761(1240) 1");
	rig_in(r, "A 1(0) 10000");
	assert_true(lend.refs > 0);
	assert_null(r->core->pool->returned);
	rig_in(r, "A 1(0) 10001");
	assert_int_equal(lend.refs, 0);
	assert_ptr_equal(r->core->pool->returned, &lend);
	r->core->pool->returned = NULL;
}

static void lent_bytes_do_not_count_against_the_send_buffer(void **state)
{
	static uint8_t b[200000];
	struct tcp_conn *c = rig_connected(r, 0);
	struct lend lend = {0};
	uint32_t room = tcp_send_room(c);

	assert_int_equal(room, config.tcp.sndbuf);
	assert_int_equal(tcp_send(&r->tcp, c, lent(&lend, 0, sizeof(b), b)), 0);
	assert_int_equal(tcp_send_room(c), room);
	r->peer->written = sizeof(b);
	assert_int_equal(rig_write(r, c, 1000), 1000);
	assert_int_equal(tcp_send_room(c), room - 1000);
	rig_run(r);
	rig_in(r, "A 1(0) 5001");
	assert_int_equal(tcp_send_room(c), room - 1000);
	tcp_abort(&r->tcp, c);
	assert_ptr_equal(r->core->pool->returned, &lend);
	rig_out_skip(r);
}

static void header_and_lent_body_leave_as_one_segment(void **state)
{
	static uint8_t b[500];
	struct tcp_conn *c = rig_connected(r, 0);
	struct lend lend = {0};

	rig_write(r, c, 201);
	assert_int_equal(tcp_send(&r->tcp, c, lent(&lend, 201, sizeof(b), b)), 0);
	r->peer->written += sizeof(b);
	rig_write(r, c, 3);
	rig_run(r);
	OUT("PA 1(704) 1");
	OUT("");
	rig_pass(r, SEC(1));
	OUT("PA 1(704) 1");
	rig_in(r, "A 1(0) 705");
	r->core->pool->returned = NULL;
}

static void chain_is_queued_piece_by_piece_and_empty_pieces_are_not(void **state)
{
	static uint8_t b[300];
	struct tcp_conn *c = rig_connected(r, 0);
	struct lend lend = {0};
	struct pkt *p = lent(&lend, 0, 100, b);

	pkt_append(p, lent(&lend, 100, 0, b + 100));
	pkt_append(p, lent(&lend, 100, 200, b + 100));
	assert_int_equal(tcp_send(&r->tcp, c, p), 0);
	rig_run(r);
	OUT("PA 1(300) 1");
	rig_in(r, "A 1(0) 301");
	r->core->pool->returned = NULL;
}

static void too_much_at_once_is_refused(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);
	struct lend lend = {0};
	static uint8_t one;
	struct pkt *p = pkt_lent(r->core->pool, &lend, &one, TCP_SEND_MAX + 1);

	assert_int_equal(tcp_send(&r->tcp, c, p), -E_MSGSIZE);
	assert_int_equal(lend.refs, 0);
	r->core->pool->returned = NULL;
}

/* ---- resets and replies */

static void abort_resets_with_the_next_number_and_frees_at_once(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	write_and_run(c, 100);
	OUT("PA 1(100) 1");
	tcp_abort(&r->tcp, c);
	rig_run(r);
	OUT("RA 101(0) 1");
	assert_int_equal(r->tcp.conns_used, 0);
	assert_int_equal(r->tcp.n.out_rsts, 1);
}

static void reset_without_a_frame_is_lost_and_nothing_else(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);
	struct pkt *taken = rig_starve(r, 0);

	tcp_abort(&r->tcp, c);
	rig_run(r);
	rig_feed(r, taken);
	rig_pass(r, SEC(1));
	OUT("");
	assert_int_equal(r->tcp.conns_used, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(second_small_segment_waits_for_the_ack_of_the_first),
		T(full_segment_does_not_wait),
		T(nodelay_sends_at_once),
		T(fin_takes_along_what_nagle_held_back),
		T(cork_holds_what_is_no_full_segment),
		T(cork_holds_for_200_milliseconds_at_most),
		T(cork_ends_with_the_stream),
		T(writes_of_one_poll_leave_as_one_segment),
		T(no_more_leaves_than_the_peer_allows),
		T(silly_window_is_not_filled_until_waiting_is_over),
		T(half_of_the_largest_window_is_worth_a_segment),
		T(window_is_scaled_but_not_that_of_a_syn),
		T(small_reads_do_not_move_the_window),
		T(repeated_acks_all_say_the_same_window),
		T(buffer_is_never_overfilled_whatever_the_size_of_segments),
		T(window_promised_is_kept_however_little_is_read),
		T(segments_are_as_long_as_the_peer_asks_for_and_no_longer),
		T(timestamps_take_their_room_from_the_payload),
		T(large_segments_are_made_of_several_frames),
		T(odd_pieces_sum_up),
		T(first_flight_is_the_initial_window),
		T(idle_connection_starts_again_with_the_initial_window),
		T(one_flush_sends_a_bounded_number_and_the_next_goes_on),
		T(lent_bytes_are_held_until_they_are_acknowledged),
		T(lent_bytes_do_not_count_against_the_send_buffer),
		T(header_and_lent_body_leave_as_one_segment),
		T(chain_is_queued_piece_by_piece_and_empty_pieces_are_not),
		T(too_much_at_once_is_refused),
		T(abort_resets_with_the_next_number_and_frees_at_once),
		T(reset_without_a_frame_is_lost_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
