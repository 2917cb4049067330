/* Retransmission: the RTO and its samples (RFC 6298, Karn), duplicate ACKs and recovery (RFC 5681,
 * RFC 6582), timeouts, probes of a closed window.
 *
 * Method: one stack that sends, a peer that acknowledges by hand or does not. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/tcprig.h"
#include "tcp/tcp_int.h"

#define MSS 1460u
#define TICK (USEC(132) + 1)		/* a timer is up to so much late */

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

static void again(void)			/* with the config that the test has changed */
{
	rig_free(r);
	r = rig_new(&config);
}

#define OUT(text) assert_string_equal(rig_out(r), text)

/* The next segment leaves after `after`, and not before. */
#define OUT_AFTER(after, text) \
	do { \
		nsec from_ = r->core->now, after_ = (after); \
		rig_pass_until_out(r, SEC(1000)); \
		OUT(text); \
		assert_in_range(r->core->now - from_, after_, after_ + TICK); \
	} while (0)

static void full_flight(struct tcp_conn *c, unsigned segs)
{
	assert_int_equal(rig_write(r, c, segs * MSS), segs * MSS);
	rig_run(r);
	assert_int_equal(rig_out_skip(r), segs);
	assert_int_equal(rig_info(r, c).unacked, segs * MSS);
}

static void dupacks(unsigned n, unsigned ack)
{
	while (n--)
		rig_inf(r, "A 1(0) %u", ack);
}

/* ---- samples */

static void first_sample_sets_srtt_and_half_of_it_as_variance(void **state)
{
	struct tcp_conn *c = rig_connecting(r, 0);

	rig_pass(r, MSEC(300));
	rig_in(r, "SA 0(0) 1");
	assert_in_range(rig_info(r, c).srtt, MSEC(300), MSEC(301));
	assert_in_range(rig_info(r, c).rttvar, MSEC(150), MSEC(151));
	assert_in_range(rig_info(r, c).rto, MSEC(900), MSEC(904));
}

static void later_samples_are_smoothed_as_the_rfc_says(void **state)
{
	struct tcp_conn *c = rig_connecting(r, 0);

	rig_pass(r, MSEC(300));
	rig_in(r, "SA 0(0) 1");
	rig_write(r, c, 10);
	rig_run(r);
	rig_pass(r, MSEC(100));
	rig_in(r, "A 1(0) 11");
	/* RTTVAR = 3/4 150 + 1/4 |300 - 100|, SRTT = 7/8 300 + 1/8 100 */
	assert_in_range(rig_info(r, c).rttvar, USEC(162300), USEC(162800));
	assert_in_range(rig_info(r, c).srtt, MSEC(275) - USEC(200), MSEC(275) + USEC(300));
	assert_in_range(rig_info(r, c).rto, MSEC(925) - MSEC(2), MSEC(925) + MSEC(3));
	assert_in_range(rig_info(r, c).rtt_min, MSEC(100), MSEC(101));
}

static void rto_stays_above_its_minimum(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	for (unsigned i = 0; i < 20; i++) {
		rig_write(r, c, 10);
		rig_run(r);
		rig_pass(r, USEC(50));
		rig_inf(r, "A 1(0) %u", 11 + 10 * i);
	}
	assert_in_range(rig_info(r, c).rto, MSEC(200), MSEC(201));
	assert_true(rig_info(r, c).srtt <= USEC(60));
}

static void round_trip_of_a_minute_is_the_most_that_is_believed(void **state)
{
	struct tcp_conn *c;

	config.tcp.rto_initial = SEC(100);
	again();
	c = rig_connecting(r, 0);
	rig_pass(r, SEC(90));
	rig_in(r, "SA 0(0) 1");
	assert_int_equal(rig_info(r, c).srtt, SEC(60));
	assert_int_equal(rig_info(r, c).rto, SEC(120));
}

static void answer_to_a_retransmission_is_no_sample_and_keeps_the_backed_off_rto(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);
	nsec srtt = rig_info(r, c).srtt, rto = rig_info(r, c).rto;

	rig_write(r, c, 100);
	rig_run(r);
	OUT("PA 1(100) 1");
	OUT_AFTER(rto, "PA 1(100) 1");
	rig_pass(r, MSEC(50));
	rig_in(r, "A 1(0) 101");
	assert_int_equal(rig_info(r, c).srtt, srtt);
	assert_int_equal(rig_info(r, c).rto, 2 * rto);
	rig_write(r, c, 100);			/* RFC 6298 §5.7: until a sample is sure */
	rig_run(r);
	OUT("PA 101(100) 1");
	rig_pass(r, MSEC(1));
	rig_in(r, "A 1(0) 201");
	assert_true(rig_info(r, c).rto < 2 * rto);
}

static void what_waited_behind_a_retransmission_is_no_sample_either(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);
	nsec srtt = rig_info(r, c).srtt;

	full_flight(c, 5);
	rig_pass(r, USEC(100));
	dupacks(3, 1);
	OUT("A 1(1460) 1");
	rig_pass(r, MSEC(100));
	rig_in(r, "A 1(0) 7301");		/* four of these bytes' segments were sent once */
	assert_int_equal(rig_info(r, c).srtt, srtt);
}

static void timestamps_tell_which_transmission_was_answered(void **state)
{
	struct tcp_conn *c;
	nsec rto;

	r->peer->opts |= SEG_OPT_TS;
	c = rig_connected(r, 0);
	rto = rig_info(r, c).rto;
	rig_write(r, c, 100);
	rig_run(r);
	OUT("PA 1(100) 1");
	OUT_AFTER(rto, "PA 1(100) 1");
	rig_pass(r, MSEC(20));
	rig_in(r, "A 1(0) 101");		/* echoes the second one's */
	assert_in_range(rig_info(r, c).srtt, MSEC(1), MSEC(21) / 8 + MSEC(1));
	assert_true(rig_info(r, c).rto < 2 * rto);
}

static void absurd_echo_is_no_sample(void **state)
{
	struct tcp_conn *c;
	nsec rto;

	r->peer->opts |= SEG_OPT_TS;
	c = rig_connected(r, 0);
	rto = rig_info(r, c).rto;
	rig_write(r, c, 100);
	rig_run(r);
	OUT("PA 1(100) 1");
	OUT_AFTER(rto, "PA 1(100) 1");
	r->peer->ts_ecr += 5000;		/* of the future */
	rig_in(r, "A 1(0) 101");
	assert_int_equal(rig_info(r, c).rto, 2 * rto);
}

static void syn_sent_twice_makes_the_rto_three_seconds(void **state)
{
	struct tcp_conn *c = rig_connecting(r, 0);

	OUT_AFTER(SEC(1), "S 0(0)");
	rig_in(r, "SA 0(0) 1");
	assert_int_equal(rig_info(r, c).rto, SEC(3));
	assert_int_equal(rig_info(r, c).cwnd, 10 * MSS);	/* RFC 6928 §2: one may be chance */
}

static void syn_sent_thrice_makes_the_window_one_segment(void **state)
{
	struct tcp_conn *c = rig_connecting(r, 0);

	OUT_AFTER(SEC(1), "S 0(0)");
	OUT_AFTER(SEC(2), "S 0(0)");
	rig_in(r, "SA 0(0) 1");
	assert_int_equal(rig_info(r, c).cwnd, MSS);
}

static void syn_ack_sent_again_because_the_syn_came_again_is_no_sample(void **state)
{
	struct tcp_conn *c;

	rig_listen(r);
	rig_in(r, "S 0(0)");
	OUT("SA 0(0) 1");
	rig_pass(r, MSEC(500));
	rig_in(r, "S 0(0)");
	OUT("SA 0(0) 1");
	rig_pass(r, MSEC(1));
	rig_in(r, "A 1(0) 1");
	tcp_ready_listener(&r->tcp);
	c = tcp_accept(&r->tcp, r->listener, NULL);
	assert_int_equal(rig_info(r, c).srtt, 0);
	assert_int_equal(rig_info(r, c).rto, SEC(1));
	tcp_abort(&r->tcp, c);
}

/* ---- timeouts */

static void rto_doubles_on_each_expiry_up_to_rto_max(void **state)
{
	struct tcp_conn *c;
	nsec rto;

	config.tcp.rto_max = SEC(5);
	again();
	c = rig_connected(r, 0);
	rto = rig_info(r, c).rto;
	rig_write(r, c, 100);
	rig_run(r);
	OUT("PA 1(100) 1");
	for (unsigned i = 0; i < tcp_config_default.data_retries; i++) {
		OUT_AFTER(rto, "PA 1(100) 1");
		rto = MIN(2 * rto, SEC(5));
	}
	assert_int_equal(rig_info(r, c).rto_fired, 15);
	rig_pass(r, rto - MSEC(1));
	assert_int_equal(rig_ready(r, c), 0);
	rig_pass(r, MSEC(2));
	assert_int_equal(rig_ready(r, c), TCP_READY_ERROR);
	assert_int_equal(tcp_error(c), E_TIMEDOUT);
	assert_int_equal(rig_drops(r, DROP_TCP_TIMEOUT), 1);
	OUT("");
	tcp_close(&r->tcp, c);
}

static void acknowledged_bytes_restart_the_timer_and_the_last_stop_it(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);
	nsec rto = rig_info(r, c).rto;

	tcp_set_nodelay(&r->tcp, c, true);
	rig_write(r, c, 10);
	rig_run(r);
	rig_pass(r, rto - MSEC(10));
	rig_write(r, c, 10);
	rig_run(r);
	assert_int_equal(rig_out_skip(r), 2);
	rig_in(r, "A 1(0) 11");
	rto = rig_info(r, c).rto;
	rig_pass(r, rto - MSEC(1));
	OUT("");
	rig_pass(r, MSEC(1) + TICK);
	OUT("PA 11(10) 1");
	rig_in(r, "A 1(0) 21");
	rig_pass(r, SEC(1000));
	OUT("");
}

static void timeout_shrinks_the_window_to_a_segment_and_halves_the_threshold_once(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	full_flight(c, 10);
	OUT_AFTER(rig_info(r, c).rto, "A 1(1460) 1");
	OUT("");
	assert_int_equal(rig_info(r, c).cwnd, MSS);
	assert_int_equal(rig_info(r, c).ssthresh, 5 * MSS);
	rig_pass_until_out(r, SEC(10));
	OUT("A 1(1460) 1");
	assert_int_equal(rig_info(r, c).ssthresh, 5 * MSS);
}

static void after_a_timeout_everything_is_sent_again_in_slow_start(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	full_flight(c, 6);
	OUT_AFTER(rig_info(r, c).rto, "A 1(1460) 1");
	rig_in(r, "A 1(0) 1461");
	OUT("A 1461(1460) 1");
	OUT("A 2921(1460) 1");
	OUT("");				/* L = 1 after a timeout, RFC 3465 §2.3 */
	rig_in(r, "A 1(0) 4381");
	OUT("A 4381(1460) 1");
	OUT("A 5841(1460) 1");
	OUT("PA 7301(1460) 1");
	rig_in(r, "A 1(0) 8761");
	OUT("");
	assert_int_equal(rig_info(r, c).retrans_segs, 6);
}

/* RFC 5682 §2.1: two new segments tell whether the others are lost. */
static void timeout_of_a_peer_without_sack_is_judged_by_new_segments(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);
	uint32_t cwnd = rig_info(r, c).cwnd;

	full_flight(c, 6);
	OUT_AFTER(rig_info(r, c).rto, "A 1(1460) 1");
	rig_write(r, c, 4 * MSS);
	rig_in(r, "A 1(0) 1461");
	OUT("A 8761(1460) 1");
	OUT("A 10221(1460) 1");
	OUT("");
	rig_in(r, "A 1(0) 2921");		/* that was not sent again */
	OUT("A 11681(1460) 1");
	OUT("PA 13141(1460) 1");
	OUT("");
	assert_int_equal(r->tcp.n.frto_spurious, 1);
	assert_true(rig_info(r, c).cwnd >= cwnd);
	assert_int_equal(rig_info(r, c).retrans_segs, 1);
}

static void timeout_that_was_right_goes_on_after_a_duplicate(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	full_flight(c, 6);
	OUT_AFTER(rig_info(r, c).rto, "A 1(1460) 1");
	rig_write(r, c, 4 * MSS);
	rig_in(r, "A 1(0) 1461");
	OUT("A 8761(1460) 1");
	OUT("A 10221(1460) 1");
	OUT("");
	rig_in(r, "A 1(0) 1461");		/* for 8761 */
	OUT("A 1461(1460) 1");
	assert_int_equal(r->tcp.n.frto_spurious, 0);
	assert_int_equal(rig_info(r, c).ssthresh, 3 * MSS);
	rig_out_skip(r);
}

static void duplicates_after_a_timeout_start_no_fast_retransmit(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	full_flight(c, 6);
	OUT_AFTER(rig_info(r, c).rto, "A 1(1460) 1");
	dupacks(5, 1);				/* of the segments sent before */
	OUT("");
	rig_in(r, "A 1(0) 8761");		/* ends it */
	full_flight(c, 1);
	dupacks(4, 8761);
	assert_int_equal(r->tcp.n.fast_retransmits, 0);
}

static void segment_of_several_pieces_is_sent_again_as_one(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	for (unsigned i = 0; i < 10; i++) {	/* tcp_write() makes one piece of what waits, */
		rig_write(r, c, 100);		/* but not of what was split */
		tcp_tx(c->snd.unsent.tail)->flags = 0;
	}
	rig_run(r);
	OUT("PA 1(1000) 1");
	OUT_AFTER(rig_info(r, c).rto, "PA 1(1000) 1");
	assert_int_equal(rig_info(r, c).retrans_segs, 1);
	rig_in(r, "A 1(0) 451");		/* within a piece */
	OUT_AFTER(rig_info(r, c).rto, "PA 451(550) 1");
}

static void part_of_a_segment_acknowledged_is_not_sent_again(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	rig_write(r, c, 1000);
	rig_run(r);
	OUT("PA 1(1000) 1");
	rig_in(r, "A 1(0) 334");
	OUT_AFTER(rig_info(r, c).rto, "PA 334(667) 1");
}

static void last_segment_is_sent_again_with_its_fin(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	rig_write(r, c, 1000);
	tcp_shutdown(&r->tcp, c);
	rig_run(r);
	OUT("FPA 1(1000) 1");
	OUT_AFTER(rig_info(r, c).rto, "FPA 1(1000) 1");
	rig_in(r, "A 1(0) 1001");
	OUT_AFTER(rig_info(r, c).rto, "FA 1001(0) 1");
	assert_int_equal(rig_info(r, c).retrans_segs, 2);
	rig_in(r, "A 1(0) 1002");
	rig_pass(r, SEC(100));
	OUT("");
}

/* The FIN behind it takes no room in the network. */
static void full_segment_with_a_fin_behind_it_is_sent_again(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	rig_write(r, c, 2 * MSS);
	tcp_shutdown(&r->tcp, c);
	rig_run(r);
	OUT("A 1(1460) 1");
	OUT("FPA 1461(1460) 1");
	OUT_AFTER(rig_info(r, c).rto, "A 1(1460) 1");
	rig_in(r, "A 1(0) 1461");
	OUT("FPA 1461(1460) 1");
	OUT_AFTER(rig_info(r, c).rto, "FPA 1461(1460) 1");
}

static void fin_gives_up_as_bytes_do(void **state)
{
	struct tcp_conn *c;

	config.tcp.data_retries = 3;
	again();
	c = rig_connected(r, 0);
	tcp_close(&r->tcp, c);
	rig_pass(r, SEC(100));
	assert_int_equal(rig_out_skip(r), 4);
	assert_int_equal(r->tcp.conns_used, 0);
	assert_int_equal(rig_drops(r, DROP_TCP_TIMEOUT), 1);
}

static void fin_that_found_no_frame_is_sent_when_there_is_one(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);
	struct pkt *taken = rig_starve(r, 0);

	tcp_close(&r->tcp, c);
	rig_run(r);
	OUT("");
	rig_feed(r, taken);
	rig_pass(r, MSEC(20));
	OUT("FA 1(0) 1");
}

/* A timer that ran for something else must not fire for what is sent meanwhile. */
static void wait_for_memory_is_not_taken_for_a_timeout(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);
	struct pkt *taken;

	full_flight(c, 4);
	rig_in(r, "A 1(0) 5841");
	rig_out_skip(r);
	rig_write(r, c, 100);
	taken = rig_starve(r, 0);
	tcp_shutdown(&r->tcp, c);
	rig_run(r);
	rig_feed(r, taken);
	rig_out_skip(r);
	rig_run(r);
	rig_pass(r, MSEC(100));
	assert_int_equal(rig_info(r, c).rto_fired, 0);
	assert_int_equal(rig_info(r, c).cwnd >= 10 * MSS, 1);
}

/* ---- duplicate ACKs */

static void third_duplicate_ack_sends_the_segment_again(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	full_flight(c, 10);
	dupacks(2, 1);
	OUT("");
	dupacks(1, 1);
	OUT("A 1(1460) 1");
	OUT("");
	assert_int_equal(rig_info(r, c).ssthresh, 5 * MSS);
	assert_int_equal(r->tcp.n.fast_retransmits, 1);
	dupacks(5, 1);
	OUT("");				/* no news, and nothing new to send */
	rig_in(r, "A 1(0) 14601");
	assert_true(rig_info(r, c).cwnd <= 5 * MSS);
	assert_int_equal(rig_info(r, c).rto_fired, 0);
}

static void first_duplicates_let_new_segments_out(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	full_flight(c, 10);
	rig_write(r, c, 5 * MSS);
	rig_run(r);
	OUT("");
	dupacks(1, 1);				/* limited transmit, RFC 3042 §2 */
	OUT("A 14601(1460) 1");
	OUT("");
	dupacks(1, 1);
	OUT("A 16061(1460) 1");
	OUT("");
	dupacks(1, 1);
	OUT("A 1(1460) 1");
}

static void recovery_sends_new_segments_for_those_that_left(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);
	unsigned sent = 0;

	full_flight(c, 10);
	dupacks(3, 1);
	OUT("A 1(1460) 1");
	rig_write(r, c, 20 * MSS);
	rig_run(r);
	for (unsigned i = 0; i < 6; i++) {
		dupacks(1, 1);
		sent += rig_out_skip(r);
	}
	/* 10 were out, 1 + 9 have left but for the one sent again; half of them may be out */
	assert_in_range(sent, 3, 5);
	assert_true(rig_info(r, c).unacked <= (10 + 5) * MSS);
}

static void partial_ack_sends_the_next_hole_at_once(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	full_flight(c, 10);
	dupacks(7, 1);				/* 1, 4 and 7 are lost */
	OUT("A 1(1460) 1");
	rig_in(r, "A 1(0) 4381");
	OUT("A 4381(1460) 1");
	rig_in(r, "A 1(0) 8761");
	OUT("A 8761(1460) 1");
	OUT("");
	rig_in(r, "A 1(0) 14601");
	OUT("");
	assert_int_equal(r->tcp.n.fast_retransmits, 1);
	assert_int_equal(rig_info(r, c).retrans_segs, 3);
	assert_int_equal(rig_info(r, c).ssthresh, 5 * MSS);	/* once a window */
	assert_true(rig_info(r, c).cwnd <= 5 * MSS);
}

static void window_does_not_grow_in_recovery(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);
	uint32_t cwnd;

	full_flight(c, 10);
	dupacks(3, 1);
	cwnd = rig_info(r, c).cwnd;
	rig_in(r, "A 1(0) 4381");
	assert_int_equal(rig_info(r, c).cwnd, cwnd);
}

static void duplicates_of_a_recovery_that_is_over_start_no_other(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	full_flight(c, 10);
	dupacks(3, 1);
	rig_in(r, "A 1(0) 14601");		/* all of it, and nothing beyond */
	rig_out_skip(r);
	full_flight(c, 4);
	dupacks(3, 14601);			/* RFC 6582 §3.2 step 1 */
	assert_int_equal(r->tcp.n.fast_retransmits, 1);
	rig_in(r, "A 1(0) 16061");
	dupacks(3, 16061);
	assert_int_equal(r->tcp.n.fast_retransmits, 2);
}

static void loss_is_seen_again_after_two_gigabytes_without_one(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	c->rtx.recover = c->snd.una - 0x7ffffa00u;	/* the last loss was so long ago */
	full_flight(c, 1);
	rig_in(r, "A 1(0) 1461");
	full_flight(c, 10);
	rig_inf(r, "A 1(0) %u", 2921);
	dupacks(3, 2921);
	assert_int_equal(r->tcp.n.fast_retransmits, 1);
}

static void only_bare_repetitions_are_duplicates(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	full_flight(c, 10);
	for (unsigned i = 0; i < 3; i++)
		rig_inf(r, "PA %u(10) 1", 1 + 10 * i);	/* carries data */
	for (unsigned i = 0; i < 5; i++)
		rig_inf(r, "A 31(0) 1 win %u", 60000 - i);	/* moves the window */
	rig_inf(r, "FA 31(0) 1");
	assert_int_equal(r->tcp.n.fast_retransmits, 0);
	assert_int_equal(rig_info(r, c).retrans_segs, 0);
}

static void repetitions_with_nothing_outstanding_are_nothing(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	dupacks(5, 1);
	assert_int_equal(r->tcp.n.fast_retransmits, 0);
	full_flight(c, 3);
	dupacks(2, 1);
	assert_int_equal(r->tcp.n.fast_retransmits, 0);
}

/* ---- the closed window */

static void closed_window_is_probed_with_one_byte_and_backoff(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);
	nsec rto;

	rig_in(r, "A 1(0) 1 win 0");
	rto = rig_info(r, c).rto;
	rig_write(r, c, 1000);
	rig_run(r);
	OUT("");
	OUT_AFTER(rto, "A 1(1) 1");
	OUT_AFTER(2 * rto, "A 1(1) 1");
	OUT_AFTER(4 * rto, "A 1(1) 1");
	assert_int_equal(r->tcp.n.zero_window_probes, 3);
	assert_int_equal(rig_info(r, c).rto_fired, 0);
	assert_int_equal(rig_info(r, c).cwnd, 10 * MSS);
}

static void answered_probes_go_on_for_ever(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	rig_in(r, "A 1(0) 1 win 0");
	rig_write(r, c, 1000);
	for (unsigned i = 0; i < 100; i++) {
		rig_pass_until_out(r, SEC(130));
		OUT("A 1(1) 1");
		rig_in(r, "A 1(0) 1");
	}
	assert_int_equal(rig_ready(r, c), 0);
	assert_int_equal(tcp_conn_state(c), TCP_ESTABLISHED);
	rig_in(r, "A 1(0) 1 win 5000");
	OUT("A 1(1) 1");			/* the probe's byte was never taken */
	rig_in(r, "A 1(0) 2");
	OUT("PA 2(999) 1");
}

static void probes_answered_by_segments_with_bytes_are_answered(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	rig_in(r, "A 1(0) 1 win 0");
	rig_write(r, c, 1000);
	for (unsigned i = 0; i < 40; i++) {
		rig_pass_until_out(r, SEC(130));
		rig_out_skip(r);
		rig_inf(r, "PA %u(10) 1", 1 + 10 * i);
		rig_out_skip(r);
	}
	assert_int_equal(tcp_conn_state(c), TCP_ESTABLISHED);
}

static void unanswered_probes_end_the_connection(void **state)
{
	struct tcp_conn *c;

	config.tcp.data_retries = 4;
	again();
	c = rig_connected(r, 0);
	rig_in(r, "A 1(0) 1 win 0");
	rig_write(r, c, 1000);
	rig_run(r);
	rig_pass(r, SEC(100));
	assert_int_equal(rig_out_skip(r), 4);
	assert_int_equal(rig_ready(r, c), TCP_READY_ERROR);
	assert_int_equal(tcp_error(c), E_TIMEDOUT);
	tcp_close(&r->tcp, c);
}

static void orphan_does_not_wait_for_ever_on_a_closed_window(void **state)
{
	struct tcp_conn *c;

	config.tcp.data_retries = 4;
	again();
	c = rig_connected(r, 0);
	rig_in(r, "A 1(0) 1 win 0");
	rig_write(r, c, 1000);
	tcp_close(&r->tcp, c);
	for (unsigned i = 0; i < 10 && r->tcp.conns_used; i++) {
		rig_pass_until_out(r, SEC(130));
		if (*rig_out(r))
			rig_in(r, "A 1(0) 1");
	}
	assert_int_equal(r->tcp.conns_used, 0);
}

static void byte_that_a_probe_got_through_is_not_sent_again(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	rig_in(r, "A 1(0) 1 win 0");
	rig_write(r, c, 100);
	rig_pass_until_out(r, SEC(10));
	OUT("A 1(1) 1");
	rig_in(r, "A 1(0) 2 win 0");		/* taken, and closed still */
	OUT("");
	rig_pass_until_out(r, SEC(10));
	OUT("A 2(1) 1");
	rig_in(r, "A 1(0) 3 win 1000");
	OUT("PA 3(98) 1");
	OUT("");
}

static void fast_retransmit_works_again_after_a_window_was_closed(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	rig_in(r, "A 1(0) 1 win 0");
	rig_write(r, c, 10 * MSS + 1);
	rig_pass_until_out(r, SEC(10));
	OUT("A 1(1) 1");
	rig_in(r, "A 1(0) 2 win 65000");
	assert_int_equal(rig_out_skip(r), 10);
	dupacks(3, 2);
	OUT("A 2(1460) 1");
	assert_int_equal(r->tcp.n.fast_retransmits, 1);
}

static void window_that_opens_just_before_a_probe_is_no_timeout(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);
	nsec rto = rig_info(r, c).rto;

	rig_in(r, "A 1(0) 1 win 0");
	rig_write(r, c, 1000);
	rig_run(r);
	rig_pass(r, rto - MSEC(1));
	rig_in(r, "A 1(0) 1 win 5000");
	OUT("PA 1(1000) 1");
	rig_pass(r, rto - MSEC(1));
	OUT("");
	assert_int_equal(rig_info(r, c).rto_fired, 0);
	rig_pass(r, MSEC(2));
	OUT("PA 1(1000) 1");
}

static void fin_behind_a_closed_window_waits_as_long_as_it_is_answered(void **state)
{
	struct tcp_conn *c;

	config.tcp.data_retries = 4;
	again();
	c = rig_connected(r, 0);
	rig_in(r, "A 1(0) 1 win 0");
	assert_int_equal(tcp_shutdown(&r->tcp, c), 0);
	rig_run(r);
	for (unsigned i = 0; i < 20; i++) {
		rig_pass_until_out(r, SEC(130));
		OUT("FA 1(0) 1");
		rig_in(r, "A 1(0) 1");		/* it is beyond the window: RFC 9293 §3.4 */
	}
	assert_int_equal(tcp_conn_state(c), TCP_FIN_WAIT_1);
	rig_in(r, "A 1(0) 2 win 0");
	assert_int_equal(tcp_conn_state(c), TCP_FIN_WAIT_2);
	rig_pass(r, SEC(1000));
	OUT("");
}

static void window_taken_back_is_probed_with_what_is_outstanding(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	full_flight(c, 3);
	rig_in(r, "A 1(0) 1461 win 0");		/* RFC 1122 §4.2.2.16: SHOULD NOT, but happens */
	rig_pass_until_out(r, SEC(10));
	OUT("A 1461(1460) 1");
	assert_int_equal(rig_info(r, c).rto_fired, 0);
	rig_in(r, "A 1(0) 1461 win 10000");
	OUT("A 1461(1460) 1");
	OUT("PA 2921(1460) 1");
	rig_in(r, "A 1(0) 4381");
	assert_int_equal(rig_info(r, c).unacked, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(first_sample_sets_srtt_and_half_of_it_as_variance),
		T(later_samples_are_smoothed_as_the_rfc_says),
		T(rto_stays_above_its_minimum),
		T(round_trip_of_a_minute_is_the_most_that_is_believed),
		T(answer_to_a_retransmission_is_no_sample_and_keeps_the_backed_off_rto),
		T(what_waited_behind_a_retransmission_is_no_sample_either),
		T(timestamps_tell_which_transmission_was_answered),
		T(absurd_echo_is_no_sample),
		T(syn_sent_twice_makes_the_rto_three_seconds),
		T(syn_sent_thrice_makes_the_window_one_segment),
		T(syn_ack_sent_again_because_the_syn_came_again_is_no_sample),
		T(rto_doubles_on_each_expiry_up_to_rto_max),
		T(acknowledged_bytes_restart_the_timer_and_the_last_stop_it),
		T(timeout_shrinks_the_window_to_a_segment_and_halves_the_threshold_once),
		T(after_a_timeout_everything_is_sent_again_in_slow_start),
		T(timeout_of_a_peer_without_sack_is_judged_by_new_segments),
		T(timeout_that_was_right_goes_on_after_a_duplicate),
		T(duplicates_after_a_timeout_start_no_fast_retransmit),
		T(segment_of_several_pieces_is_sent_again_as_one),
		T(part_of_a_segment_acknowledged_is_not_sent_again),
		T(last_segment_is_sent_again_with_its_fin),
		T(full_segment_with_a_fin_behind_it_is_sent_again),
		T(fin_gives_up_as_bytes_do),
		T(fin_that_found_no_frame_is_sent_when_there_is_one),
		T(wait_for_memory_is_not_taken_for_a_timeout),
		T(third_duplicate_ack_sends_the_segment_again),
		T(first_duplicates_let_new_segments_out),
		T(recovery_sends_new_segments_for_those_that_left),
		T(partial_ack_sends_the_next_hole_at_once),
		T(window_does_not_grow_in_recovery),
		T(duplicates_of_a_recovery_that_is_over_start_no_other),
		T(loss_is_seen_again_after_two_gigabytes_without_one),
		T(only_bare_repetitions_are_duplicates),
		T(repetitions_with_nothing_outstanding_are_nothing),
		T(closed_window_is_probed_with_one_byte_and_backoff),
		T(answered_probes_go_on_for_ever),
		T(probes_answered_by_segments_with_bytes_are_answered),
		T(unanswered_probes_end_the_connection),
		T(orphan_does_not_wait_for_ever_on_a_closed_window),
		T(byte_that_a_probe_got_through_is_not_sent_again),
		T(fast_retransmit_works_again_after_a_window_was_closed),
		T(window_that_opens_just_before_a_probe_is_no_timeout),
		T(fin_behind_a_closed_window_waits_as_long_as_it_is_answered),
		T(window_taken_back_is_probed_with_what_is_outstanding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
