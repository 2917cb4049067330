/* Segment arrival, RFC 9293 §3.10.7.4, check by check; the receive window; when an ACK is due.
 *
 * Method: one stack, a peer that speaks by hand, virtual time. */
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

#define OUT(text) assert_string_equal(rig_out(r), text)

/* Takes it in: dropped for this reason and no other. */
#define DROPPED(why, text) \
	do { \
		uint64_t n_ = rig_drops(r, why), all_ = lower_drops_all(r->l); \
		rig_in(r, text); \
		assert_int_equal(rig_drops(r, why), n_ + 1); \
		assert_int_equal(lower_drops_all(r->l), all_ + 1); \
	} while (0)

/* ---- before any connection is looked for */

static void wrong_checksum_is_dropped(void **state)
{
	struct seg s = rig_seg(r, "S 0(0)");

	rig_listen(r);
	s.wrong.csum = true;
	rig_put(r, &s);
	rig_run(r);
	assert_int_equal(rig_drops(r, DROP_TCP_CSUM), 1);
	OUT("");
}

static void checksum_covers_payload_in_several_pieces(void **state)
{
	struct tcp_conn *c;
	struct rig_config config;

	rig_free(r);
	rig_config(&config);
	config.mtu = 9000;
	r = rig_new(&config);
	c = rig_accepted(r, 0);
	rig_in(r, "PA 1(7001) 1");
	assert_int_equal(rig_drops(r, DROP_TCP_CSUM), 0);
	assert_int_equal(rig_read(r, c, 8000), 7001);
}

static void header_that_is_cut_off_or_runs_out_is_dropped(void **state)
{
	struct seg s = rig_seg(r, "S 0(0)");

	s.opts = 0;
	s.wrong.cut = 4;
	s.wrong.ip_len = -4;
	rig_put(r, &s);
	assert_int_equal(rig_drops(r, DROP_TCP_SHORT), 1);
	s.wrong.cut = 0;
	s.wrong.ip_len = 0;
	s.wrong.doff = 8;
	rig_put(r, &s);
	assert_int_equal(rig_drops(r, DROP_TCP_OFFSET), 1);
	s.wrong.doff = 0;
	s.opts = SEG_OPT_RAW;
	memcpy(s.raw, "\x02\x00\x00\x00", s.raw_n = 4);
	rig_put(r, &s);
	assert_int_equal(rig_drops(r, DROP_TCP_OPTION), 1);
	rig_run(r);
	OUT("");
}

static void syn_with_fin_or_rst_is_no_segment(void **state)
{
	rig_listen(r);
	DROPPED(DROP_TCP_FLAGS, "FS 0(0)");
	DROPPED(DROP_TCP_FLAGS, "SR 0(0)");
	DROPPED(DROP_TCP_FLAGS, "FSRPAU 0(0) 0");
	OUT("");
}

static void port_zero_is_dropped(void **state)
{
	struct seg s = rig_seg(r, "S 0(0)");

	s.sport = 0;
	rig_put(r, &s);
	s.sport = 1;
	s.dport = 0;
	rig_put(r, &s);
	rig_run(r);
	assert_int_equal(rig_drops(r, DROP_TCP_PORT_ZERO), 2);
	OUT("");
}

static void segment_to_a_broadcast_address_is_not_even_reset(void **state)
{
	struct seg s = rig_seg(r, "S 0(0)");

	rig_listen(r);
	s.dst = IPV4(10, 0, 0, 255);
	s.wrong.eth_group = true;
	rig_put(r, &s);
	s.dst = UINT32_MAX;
	rig_put(r, &s);
	rig_run(r);
	assert_int_equal(rig_drops(r, DROP_TCP_BCAST), 2);
	OUT("");
}

static void segment_for_nobody_is_reset_as_the_rfc_spells_it(void **state)
{
	rig_listen(r);
	r->peer->lport = 81;
	DROPPED(DROP_TCP_NO_CONN, "S 0(0)");
	OUT("RA 0(0) 1");
	assert_int_equal(r->out.seq, 0);
	DROPPED(DROP_TCP_NO_CONN, "A 1(10) 5");
	OUT("R 5(0)");
	DROPPED(DROP_TCP_NO_CONN, "F 7(2)");
	OUT("RA 0(0) 10");
	DROPPED(DROP_TCP_RST_NO_CONN, "R 1(0)");
	OUT("");
	assert_int_equal(r->tcp.n.out_rsts, 3);
}

/* ---- first: sequence number */

static void segment_beside_the_window_is_acknowledged_and_dropped(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);
	uint32_t wnd = rig_info(r, c).rcv_wnd;
	char text[64];

	assert_int_equal(wnd, 65535);
	DROPPED(DROP_TCP_SEQ, "A 65536(0) 1");		/* just right of it */
	OUT("A 1(0) 1");
	DROPPED(DROP_TCP_SEQ, "A 65536(1) 1");
	OUT("A 1(0) 1");
	rig_pass(r, MSEC(501));
	DROPPED(DROP_TCP_SEQ, "A 0(0) 1");		/* just left of it: a keepalive probe */
	OUT("A 1(0) 1");
	DROPPED(DROP_TCP_DUP, "A 0(1) 1");
	OUT("A 1(0) 1");
	rig_pass(r, MSEC(501));
	snprintf(text, sizeof(text), "A %d(0) 1", INT32_MIN + 2);
	DROPPED(DROP_TCP_SEQ, text);
	OUT("A 1(0) 1");
	rig_in(r, "A 65535(0) 1");			/* its last place */
	OUT("");
	assert_int_equal(rig_ready(r, c), 0);
}

/* Two ends that disagree would answer each other's answers for ever. */
static void segments_without_bytes_beside_the_window_are_answered_twice_a_second(void **state)
{
	rig_accepted(r, 0);
	DROPPED(DROP_TCP_SEQ, "A 70000(0) 1");
	OUT("A 1(0) 1");
	for (unsigned i = 0; i < 10; i++) {
		rig_pass(r, MSEC(49));
		DROPPED(DROP_TCP_SEQ, "A 70000(0) 1");
		OUT("");
	}
	DROPPED(DROP_TCP_SEQ, "A 70000(9) 1");		/* bytes are sent again by a timer */
	OUT("A 1(0) 1");
	rig_pass(r, MSEC(11));
	DROPPED(DROP_TCP_SEQ, "A 70000(0) 1");
	OUT("A 1(0) 1");
}

static void what_is_old_in_front_is_cut_and_the_rest_is_taken(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "PA 1(100) 1");
	rig_in(r, "PA 51(100) 1");
	OUT("A 1(0) 151");
	assert_int_equal(rig_read(r, c, 1000), 150);
	DROPPED(DROP_TCP_DUP, "PA 101(50) 1");
	OUT("A 1(0) 151");
}

static void what_is_beyond_the_window_is_cut_off_behind(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);
	struct seg s;

	for (unsigned i = 0; i < 65; i++)
		rig_inf(r, "A %u(1000) 1", 1 + i * 1000);
	assert_int_equal(rig_info(r, c).rcv_queued, 65000);
	while (rig_out(r)[0])
		;
	/* what was not announced is not taken, even though there is room: 64 KiB went out first */
	r->tcp.n.in_bytes = 0;
	s = rig_seg(r, "FPA 65001(1400) 1");
	assert_true(rig_info(r, c).rcv_wnd < 200000);
	s.seq = r->peer->isn + 65001 + rig_info(r, c).rcv_wnd - 535;
	rig_put(r, &s);
	assert_int_equal(rig_drops(r, DROP_TCP_RCVBUF), 1);
	assert_int_equal(rig_info(r, c).reass_pieces, 1);
	rig_run(r);
	tcp_abort(&r->tcp, c);
}

static void closed_window_takes_no_byte_but_its_ack(void **state)
{
	struct rig_config config;
	struct tcp_conn *c;

	rig_free(r);
	rig_config(&config);
	config.tcp.rcvbuf = 4096;
	r = rig_new(&config);
	c = rig_accepted(r, 0);
	rig_in(r, "A 1(1400) 1");
	rig_in(r, "A 1401(1400) 1");
	rig_in(r, "A 2801(1296) 1");
	rig_pass(r, MSEC(50));
	rig_out_skip(r);
	assert_int_equal(rig_info(r, c).rcv_wnd, 0);
	rig_write(r, c, 10);
	rig_run(r);
	OUT("PA 1(10) 4097");
	assert_int_equal(r->out.win, 0);
	rig_in(r, "A 4097(1) 11");			/* a probe, and it acknowledges */
	OUT("A 11(0) 4097");
	assert_int_equal(rig_drops(r, DROP_TCP_RCVBUF), 1);
	assert_int_equal(rig_info(r, c).unacked, 0);
	rig_in(r, "FA 4097(0) 11");			/* a FIN takes no room */
	OUT("A 11(0) 4098");
	assert_int_equal(tcp_conn_state(c), TCP_CLOSE_WAIT);
	rig_in(r, "R 4098(0)");
	assert_int_equal(tcp_error(c), E_CONNRESET);
	assert_int_equal(rig_read(r, c, 5000), 4096);	/* what came before is not lost */
	tcp_close(&r->tcp, c);
}

/* ---- timestamps */

static struct tcp_conn *with_timestamps(void)
{
	r->peer->opts |= SEG_OPT_TS;
	return rig_accepted(r, 0);
}

static void older_timestamp_is_refused_and_acknowledged(void **state)
{
	struct tcp_conn *c = with_timestamps();

	r->peer->ts_stopped = true;
	rig_in(r, "PA 1(10) 1");
	r->peer->ts_val -= 1;
	DROPPED(DROP_TCP_PAWS, "PA 11(10) 1");
	OUT("A 1(0) 11");
	assert_int_equal(r->out.ts_ecr, r->peer->ts_val + 1);
	r->peer->ts_val += 1;				/* the same again is not old */
	rig_in(r, "PA 11(10) 1");
	assert_int_equal(rig_read(r, c, 100), 20);
}

static void segment_without_the_agreed_timestamp_is_dropped_unless_it_is_a_reset(void **state)
{
	struct tcp_conn *c = with_timestamps();

	r->peer->opts = 0;
	DROPPED(DROP_TCP_NO_TS, "PA 1(10) 1");
	OUT("");
	DROPPED(DROP_TCP_RST, "R 1(0)");
	assert_int_equal(tcp_error(c), E_CONNRESET);
	tcp_close(&r->tcp, c);
}

static void reset_with_an_old_timestamp_counts(void **state)
{
	struct tcp_conn *c = with_timestamps();

	r->peer->ts_stopped = true;
	r->peer->ts_val -= 1000;
	DROPPED(DROP_TCP_RST, "R 1(0)");
	tcp_close(&r->tcp, c);
}

static void timestamps_may_wrap(void **state)
{
	struct tcp_conn *c;

	r->peer->ts_stopped = true;
	r->peer->ts_val = UINT32_MAX - 1;
	c = with_timestamps();
	r->peer->ts_val += 5;
	rig_in(r, "PA 1(10) 1");
	rig_pass(r, MSEC(50));
	OUT("A 1(0) 11");
	assert_int_equal(r->out.ts_ecr, 3);
	assert_int_equal(rig_read(r, c, 100), 10);
}

static void timestamp_of_a_connection_idle_for_a_month_is_no_measure(void **state)
{
	struct tcp_conn *c = with_timestamps();

	r->peer->ts_stopped = true;
	rig_pass(r, SEC(25 * 86400));
	r->peer->ts_val -= 1000;		/* its clock has gone round, or it is another's */
	rig_in(r, "PA 1(10) 1");
	rig_pass(r, MSEC(50));
	OUT("A 1(0) 11");
	assert_int_equal(r->out.ts_ecr, r->peer->ts_val);	/* the measure from now on */
	r->peer->ts_val--;
	DROPPED(DROP_TCP_PAWS, "PA 11(10) 1");
	assert_int_equal(rig_read(r, c, 100), 10);
}

static void month_is_told_from_a_moment_after_the_clock_of_milliseconds_wrapped(void **state)
{
	struct tcp_conn *c = with_timestamps();

	r->peer->ts_stopped = true;
	rig_pass(r, SEC(50 * 86400));			/* 2^32 ms are 49.7 days */
	r->peer->ts_val -= 1000;
	rig_in(r, "PA 1(10) 1");
	assert_int_equal(rig_read(r, c, 100), 10);
}

static void echo_is_of_the_segment_that_the_last_ack_waited_for(void **state)
{
	struct tcp_conn *c = with_timestamps();
	uint32_t first;

	r->peer->ts_stopped = true;
	first = r->peer->ts_val += 10;
	rig_in(r, "PA 1(10) 1");			/* its ACK is delayed */
	r->peer->ts_val += 10;
	rig_in(r, "PA 11(10) 1");			/* RFC 7323 §4.3 (2): not this one's */
	rig_pass(r, MSEC(50));
	OUT("A 1(0) 21");
	assert_int_equal(r->out.ts_ecr, first);
	r->peer->ts_val += 10;
	rig_in(r, "PA 41(10) 1");			/* a gap: nor this one's */
	OUT("A 1(0) 21");
	assert_int_equal(r->out.ts_ecr, first);
	r->peer->ts_val += 10;
	rig_in(r, "PA 21(20) 1");
	OUT("A 1(0) 51");
	assert_int_equal(r->out.ts_ecr, r->peer->ts_val);
	assert_int_equal(rig_read(r, c, 100), 50);
}

static void overlapping_retransmission_moves_the_echo_as_its_first_byte_does(void **state)
{
	struct tcp_conn *c = with_timestamps();

	r->peer->ts_stopped = true;
	r->peer->ts_val += 10;
	rig_in(r, "PA 1(10) 1");			/* its ACK is delayed ... */
	r->peer->ts_val += 10;
	rig_in(r, "PA 1(20) 1");			/* ... and this one is waited for */
	OUT("A 1(0) 21");
	assert_int_equal(r->out.ts_ecr, r->peer->ts_val);
	assert_int_equal(rig_read(r, c, 100), 20);
}

/* ---- second: RST */

static const enum tcp_state synchronized[] = {TCP_ESTABLISHED, TCP_FIN_WAIT_1, TCP_FIN_WAIT_2,
					      TCP_CLOSE_WAIT, TCP_CLOSING, TCP_LAST_ACK};

static void exact_reset_ends_a_connection_in_every_state(void **state)
{
	for (unsigned i = 0; i < ARRAY_LEN(synchronized); i++) {
		struct tcp_conn *c = rig_in_state(r, i, synchronized[i]);
		uint64_t n = rig_drops(r, DROP_TCP_RST);

		rig_inf(r, "%u: R %u(0)", i, r->peers[i].seq);
		assert_int_equal(rig_drops(r, DROP_TCP_RST), n + 1);
		assert_int_equal(tcp_conn_state(c), TCP_CLOSED);
		assert_int_equal(tcp_error(c), E_CONNRESET);
		assert_int_equal(rig_ready(r, c), TCP_READY_ERROR);
		assert_int_equal(rig_state(r, i), TCP_CLOSED);
		tcp_close(&r->tcp, c);
		OUT("");
	}
	assert_int_equal(r->tcp.conns_used, 0);
}

static void reset_in_the_window_but_not_exact_is_challenged(void **state)
{
	char ack[32];

	for (unsigned i = 0; i < ARRAY_LEN(synchronized); i++) {
		struct tcp_conn *c = rig_in_state(r, i, synchronized[i]);
		uint64_t n = rig_drops(r, DROP_TCP_RST_SEQ);

		rig_inf(r, "%u: R %u(0)", i, r->peers[i].seq + 1);
		rig_inf(r, "%u: RA %u(0) %u", i, r->peers[i].seq + 60000, r->peers[i].ack);
		assert_int_equal(rig_drops(r, DROP_TCP_RST_SEQ), n + 2);
		snprintf(ack, sizeof(ack), i ? "%u: A %u(0) %u" : "%.0uA %u(0) %u", i,
			 r->peers[i].ack, r->peers[i].seq);
		OUT(ack);
		OUT(ack);
		OUT("");
		assert_int_equal(tcp_conn_state(c), synchronized[i]);
		tcp_abort(&r->tcp, c);
		rig_run(r);
		rig_out_skip(r);
	}
}

static void reset_beside_the_window_is_nothing(void **state)
{
	for (unsigned i = 0; i < ARRAY_LEN(synchronized); i++) {
		struct tcp_conn *c = rig_in_state(r, i, synchronized[i]);

		rig_inf(r, "%u: R %u(0)", i, r->peers[i].seq - 1);
		rig_inf(r, "%u: R %u(0)", i, r->peers[i].seq + 300000);
		OUT("");
		assert_int_equal(tcp_conn_state(c), synchronized[i]);
		tcp_abort(&r->tcp, c);
		rig_run(r);
		rig_out_skip(r);
	}
	assert_int_equal(rig_drops(r, DROP_TCP_SEQ), 2 * ARRAY_LEN(synchronized));
}

/* RFC 5961 §3.2: the reset's own number counts, whatever bytes it carries. */
static void bytes_on_a_reset_do_not_make_its_number_fit(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "R -999(1001)");
	assert_int_equal(tcp_conn_state(c), TCP_ESTABLISHED);
	assert_int_equal(rig_drops(r, DROP_TCP_RST), 0);
	tcp_abort(&r->tcp, c);
}

static void reset_of_a_half_open_connection_frees_it_quietly(void **state)
{
	rig_in_state(r, 0, TCP_SYN_RECEIVED);
	rig_in(r, "R 1(0)");
	assert_int_equal(r->tcp.conns_used, 0);
	assert_int_equal(r->tcp.n.attempt_fails, 1);
	OUT("");
	rig_accepted(r, 1);			/* its place on the backlog is free again */
}

/* ---- fourth: SYN */

static void syn_on_a_synchronized_connection_is_challenged(void **state)
{
	char ack[32];

	for (unsigned i = 0; i < ARRAY_LEN(synchronized); i++) {
		struct tcp_conn *c = rig_in_state(r, i, synchronized[i]);
		uint64_t n = rig_drops(r, DROP_TCP_SYN_IN_WINDOW);

		rig_inf(r, "%u: S %u(0)", i, r->peers[i].seq);
		rig_inf(r, "%u: SA %u(10) %u", i, r->peers[i].seq + 100, r->peers[i].ack);
		assert_int_equal(rig_drops(r, DROP_TCP_SYN_IN_WINDOW), n + 2);
		snprintf(ack, sizeof(ack), i ? "%u: A %u(0) %u" : "%.0uA %u(0) %u", i,
			 r->peers[i].ack, r->peers[i].seq);
		OUT(ack);
		OUT(ack);
		assert_int_equal(tcp_conn_state(c), synchronized[i]);
		tcp_abort(&r->tcp, c);
		rig_run(r);
		rig_out_skip(r);
	}
}

static void challenges_are_limited_in_number(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);
	unsigned sent;

	for (unsigned i = 0; i < 2 * TCP_CHALLENGES_PER_S; i++)
		rig_in(r, "R 10(0)");
	sent = rig_out_skip(r);
	assert_in_range(sent, TCP_CHALLENGES_PER_S / 2, TCP_CHALLENGES_PER_S);
	assert_int_equal(r->tcp.n.challenge_acks, sent);
	rig_in(r, "R 10(0)");
	OUT("");
	rig_pass(r, SEC(1));
	rig_in(r, "R 10(0)");
	OUT("A 1(0) 1");
	tcp_abort(&r->tcp, c);
}

/* ---- fifth: ACK */

static void segment_without_ack_is_dropped(void **state)
{
	rig_accepted(r, 0);
	DROPPED(DROP_TCP_NO_ACK, "P 1(10)");
	OUT("");
}

static void ack_of_what_was_never_sent_is_answered_and_dropped(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	DROPPED(DROP_TCP_ACK_FUTURE, "PA 1(10) 2");
	OUT("A 1(0) 1");
	assert_int_equal(rig_info(r, c).rcv_queued, 0);
}

static void ack_older_than_any_window_is_answered_and_dropped(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	DROPPED(DROP_TCP_ACK_OLD, "PA 1(10) -65535");
	OUT("A 1(0) 1");
	rig_in(r, "PA 1(10) -65534");			/* old, but it may be true */
	assert_int_equal(rig_read(r, c, 100), 10);
}

static void old_ack_says_nothing_about_the_window(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_write(r, c, 1000);
	rig_run(r);
	rig_in(r, "A 1(0) 1001 win 500");
	rig_in(r, "PA 11(10) 1 win 2000");	/* counted from its own ACK, not from ours */
	assert_int_equal(rig_info(r, c).snd_wnd, 500);
	rig_in(r, "A 1(10) 1001 win 600");
	assert_int_equal(rig_info(r, c).snd_wnd, 600);
}

static void window_comes_from_the_newest_segment_only(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "PA 11(10) 1 win 3000");
	assert_int_equal(rig_info(r, c).snd_wnd, 3000);
	rig_in(r, "PA 1(10) 1 win 2000");		/* sent before, RFC 9293 §3.10.7.4: WL1 */
	assert_int_equal(rig_info(r, c).snd_wnd, 3000);
	rig_in(r, "A 21(0) 1 win 1000");
	assert_int_equal(rig_info(r, c).snd_wnd, 1000);
}

/* ---- seventh: bytes */

static void bytes_behind_the_fin_are_dropped(void **state)
{
	struct tcp_conn *c = rig_in_state(r, 0, TCP_CLOSE_WAIT);

	DROPPED(DROP_TCP_DATA_AFTER_FIN, "PA 2(10) 1");
	assert_int_equal(rig_info(r, c).rcv_queued, 0);
}

static void bytes_for_a_closed_receiver_reset_the_connection(void **state)
{
	static const enum tcp_state closed[] = {TCP_FIN_WAIT_1, TCP_FIN_WAIT_2};

	for (unsigned i = 0; i < ARRAY_LEN(closed); i++) {
		struct tcp_conn *c = rig_in_state(r, i, closed[i]);
		uint64_t n = rig_drops(r, DROP_TCP_DATA_AFTER_CLOSE);

		tcp_close(&r->tcp, c);
		rig_inf(r, "%u: PA 1(10) 2", i);
		assert_int_equal(rig_drops(r, DROP_TCP_DATA_AFTER_CLOSE), n + 1);
		OUT(i ? "1: R 2(0)" : "R 2(0)");
		assert_int_equal(rig_state(r, i), TCP_CLOSED);
	}
	assert_int_equal(r->tcp.conns_used, 0);
}

static void fin_with_bytes_is_taken_with_them(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "FPA 1(100) 1");
	OUT("A 1(0) 102");
	assert_int_equal(rig_ready(r, c), TCP_READY_READABLE | TCP_READY_EOF);
	assert_int_equal(rig_read(r, c, 1000), 100);
	DROPPED(DROP_TCP_DUP, "FPA 1(100) 1");		/* once more: our ACK was lost */
	OUT("A 1(0) 102");
}

static void fin_ahead_of_its_turn_waits(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "FA 101(0) 1");
	OUT("A 1(0) 1");
	assert_int_equal(tcp_conn_state(c), TCP_ESTABLISHED);
	rig_in(r, "PA 1(100) 1");
	OUT("A 1(0) 102");
	assert_int_equal(tcp_conn_state(c), TCP_CLOSE_WAIT);
	assert_int_equal(rig_read(r, c, 1000), 100);
}

/* ---- when an ACK is due */

static void lone_segment_is_acknowledged_after_the_delay_and_not_before(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "PA 1(1460) 1");
	rig_pass(r, tcp_config_default.delack - MSEC(1));
	OUT("");
	rig_pass(r, MSEC(1) + USEC(132));		/* the wheel's tick */
	OUT("A 1(0) 1461");
	assert_int_equal(r->tcp.n.delayed_acks, 1);
	rig_pass(r, SEC(10));
	OUT("");
	assert_int_equal(rig_read(r, c, 2000), 1460);
}

static void acks_at_once_are_over_with_the_first_answer(void **state)
{
	struct tcp_conn *c;
	struct seg s;

	r->tcp.config.quick_acks = 16;
	c = rig_accepted(r, 0);
	rig_in(r, "PA 1(10) 1");
	OUT("A 1(0) 11");
	rig_in(r, "PA 11(10) 1");
	OUT("A 1(0) 21");
	s = rig_seg(r, "PA 21(10) 1");
	rig_put(r, &s);
	assert_int_equal(rig_write(r, c, 5), 5);
	rig_run(r);
	OUT("PA 1(5) 31");		/* the ACK went with it */
	rig_in(r, "PA 31(10) 6");
	OUT("");
	assert_int_equal(rig_read(r, c, 100), 40);
}

static void second_full_segment_is_acknowledged_at_once(void **state)
{
	rig_accepted(r, 0);
	rig_in(r, "A 1(1460) 1");
	OUT("");
	rig_in(r, "A 1461(1460) 1");
	OUT("A 1(0) 2921");
	rig_in(r, "A 2921(1460) 1");
	OUT("");
	rig_in(r, "A 4381(1460) 1");
	OUT("A 1(0) 5841");
}

static void ack_rides_on_data_when_there_is_some(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "PA 1(10) 1");
	rig_write(r, c, 5);
	rig_run(r);
	OUT("PA 1(5) 11");
	rig_pass(r, MSEC(100));
	OUT("");
	assert_int_equal(r->tcp.n.delayed_acks, 0);
}

static void each_piece_out_of_order_and_the_filled_gap_are_acknowledged_at_once(void **state)
{
	rig_accepted(r, 0);
	rig_in(r, "A 101(100) 1");
	OUT("A 1(0) 1");
	rig_in(r, "A 301(100) 1");
	OUT("A 1(0) 1");
	rig_in(r, "A 1(50) 1");			/* half of the gap */
	OUT("A 1(0) 51");
	rig_in(r, "A 51(50) 1");
	OUT("A 1(0) 201");
	rig_in(r, "A 201(100) 1");
	OUT("A 1(0) 401");
	rig_pass(r, SEC(1));
	OUT("");
}

static void ack_that_found_no_frame_is_sent_when_there_is_one(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);
	struct seg s[2];
	struct pkt *taken;

	s[0] = rig_seg(r, "A 1(1460) 1");
	rig_put(r, &s[0]);
	s[1] = rig_seg(r, "A 1461(1460) 1");
	rig_put(r, &s[1]);
	taken = rig_starve(r, 0);
	rig_run(r);
	OUT("");
	assert_int_equal(r->tcp.n.out_no_memory, 1);
	rig_feed(r, taken);
	rig_pass(r, MSEC(20));
	OUT("A 1(0) 2921");
	tcp_abort(&r->tcp, c);
}

/* ---- the fast path */

static void fast_path_takes_bytes_and_acks_of_a_quiet_connection(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "PA 1(10) 1");
	assert_int_equal(r->tcp.n.fast_path_data, 1);
	rig_write(r, c, 10);
	rig_run(r);
	rig_in(r, "A 11(0) 11");
	assert_int_equal(r->tcp.n.fast_path_ack, 1);
	rig_in(r, "FA 11(0) 11");
	rig_in(r, "PAU 11(1) 11");
	assert_int_equal(r->tcp.n.fast_path_data + r->tcp.n.fast_path_ack, 2);
	assert_int_equal(rig_read(r, c, 100), 10);
}

static void fast_path_and_the_long_way_leave_the_same_behind(void **state)
{
	struct tcp_info a, b;

	for (unsigned i = 0; i < 2; i++) {
		struct tcp_conn *c = rig_accepted(r, i);

		rig_write(r, c, 3000);
		rig_run(r);
		/* URG is ignored, and not predicted: RFC 6093 §5 */
		rig_inf(r, i ? "%u: AU 1(700) 1461" : "%u: A 1(700) 1461", i);
		rig_inf(r, i ? "%u: AU 701(700) 2921" : "%u: A 701(700) 2921", i);
		rig_inf(r, i ? "%u: AU 1401(0) 3001" : "%u: A 1401(0) 3001", i);
		rig_out_skip(r);
		*(i ? &b : &a) = rig_info(r, c);
	}
	assert_int_equal(r->tcp.n.fast_path_data, 2);
	assert_int_equal(r->tcp.n.fast_path_ack, 1);
	b.rport = a.rport;
	assert_memory_equal(&a, &b, sizeof(a));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(wrong_checksum_is_dropped),
		T(checksum_covers_payload_in_several_pieces),
		T(header_that_is_cut_off_or_runs_out_is_dropped),
		T(syn_with_fin_or_rst_is_no_segment),
		T(port_zero_is_dropped),
		T(segment_to_a_broadcast_address_is_not_even_reset),
		T(segment_for_nobody_is_reset_as_the_rfc_spells_it),
		T(segment_beside_the_window_is_acknowledged_and_dropped),
		T(segments_without_bytes_beside_the_window_are_answered_twice_a_second),
		T(what_is_old_in_front_is_cut_and_the_rest_is_taken),
		T(what_is_beyond_the_window_is_cut_off_behind),
		T(closed_window_takes_no_byte_but_its_ack),
		T(older_timestamp_is_refused_and_acknowledged),
		T(segment_without_the_agreed_timestamp_is_dropped_unless_it_is_a_reset),
		T(reset_with_an_old_timestamp_counts),
		T(timestamps_may_wrap),
		T(timestamp_of_a_connection_idle_for_a_month_is_no_measure),
		T(month_is_told_from_a_moment_after_the_clock_of_milliseconds_wrapped),
		T(echo_is_of_the_segment_that_the_last_ack_waited_for),
		T(overlapping_retransmission_moves_the_echo_as_its_first_byte_does),
		T(exact_reset_ends_a_connection_in_every_state),
		T(reset_in_the_window_but_not_exact_is_challenged),
		T(reset_beside_the_window_is_nothing),
		T(bytes_on_a_reset_do_not_make_its_number_fit),
		T(reset_of_a_half_open_connection_frees_it_quietly),
		T(syn_on_a_synchronized_connection_is_challenged),
		T(challenges_are_limited_in_number),
		T(segment_without_ack_is_dropped),
		T(ack_of_what_was_never_sent_is_answered_and_dropped),
		T(ack_older_than_any_window_is_answered_and_dropped),
		T(old_ack_says_nothing_about_the_window),
		T(window_comes_from_the_newest_segment_only),
		T(bytes_behind_the_fin_are_dropped),
		T(bytes_for_a_closed_receiver_reset_the_connection),
		T(fin_with_bytes_is_taken_with_them),
		T(fin_ahead_of_its_turn_waits),
		T(lone_segment_is_acknowledged_after_the_delay_and_not_before),
		T(acks_at_once_are_over_with_the_first_answer),
		T(second_full_segment_is_acknowledged_at_once),
		T(ack_rides_on_data_when_there_is_some),
		T(each_piece_out_of_order_and_the_filled_gap_are_acknowledged_at_once),
		T(ack_that_found_no_frame_is_sent_when_there_is_one),
		T(fast_path_takes_bytes_and_acks_of_a_quiet_connection),
		T(fast_path_and_the_long_way_leave_the_same_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
