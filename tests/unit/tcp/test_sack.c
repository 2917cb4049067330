/* What is missing in either direction: blocks that we send (RFC 2018 §4, RFC 2883), the scoreboard
 * of what the peer has, and the pool that both live in.
 *
 * Method: one stack, a peer with SACK that speaks by hand. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/tcprig.h"
#include "tcp/tcp_int.h"

#define MSS 1460u
#define TICK (USEC(132) + 1)

static struct rig *r;
static struct rig_config config;

static void begin(void)
{
	r = rig_new(&config);
	for (unsigned i = 0; i < RIG_PEERS; i++)
		r->peers[i].opts |= SEG_OPT_SACK_OK;
}

static int setup(void **state)
{
	rig_config(&config);
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

#define OUT(text) assert_string_equal(rig_out(r), text)

static struct tcp_conn *flight(unsigned segs)
{
	struct tcp_conn *c = rig_connecting(r, 0);

	rig_pass(r, MSEC(40));			/* a round trip */
	rig_in(r, "SA 0(0) 1");
	rig_ready(r, c);
	rig_out_skip(r);
	assert_int_equal(rig_write(r, c, segs * MSS), segs * MSS);
	rig_run(r);
	assert_int_equal(rig_out_skip(r), segs);
	rig_pass(r, MSEC(40));
	return c;
}

/* ---- what we tell */

static void blocks_tell_the_latest_first_and_join(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "A 101(100) 1");
	OUT("A 1(0) 1 sack 101-201");
	rig_in(r, "A 301(100) 1");
	OUT("A 1(0) 1 sack 301-401 101-201");
	rig_in(r, "A 501(100) 1");
	OUT("A 1(0) 1 sack 501-601 301-401 101-201");
	rig_in(r, "A 201(100) 1");		/* joins two */
	OUT("A 1(0) 1 sack 101-401 501-601");
	rig_in(r, "A 1(100) 1");
	OUT("A 1(0) 401 sack 501-601");
	rig_in(r, "A 401(100) 1");
	OUT("A 1(0) 601");
	assert_null(c->loss);
	assert_int_equal(rig_read(r, c, 1000), 600);
}

static void four_blocks_are_told_three_beside_timestamps(void **state)
{
	rig_accepted(r, 0);
	for (unsigned i = 0; i < 6; i++)
		rig_inf(r, "A %u(10) 1", 101 + i * 100);
	for (unsigned i = 0; i < 5; i++)
		rig_out(r);
	OUT("A 1(0) 1 sack 601-611 501-511 401-411 301-311");
	r->peers[1].opts |= SEG_OPT_TS;
	rig_accepted(r, 1);
	for (unsigned i = 0; i < 6; i++)
		rig_inf(r, "1: A %u(10) 1", 101 + i * 100);
	for (unsigned i = 0; i < 5; i++)
		rig_out(r);
	OUT("1: A 1(0) 1 sack 601-611 501-511 401-411");
}

static void duplicates_are_told_once(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "A 1(100) 1");
	rig_in(r, "A 1(100) 1");
	OUT("A 1(0) 101 sack 1-101");
	assert_null(c->loss);
	rig_in(r, "A 301(100) 1");
	OUT("A 1(0) 101 sack 301-401");
	rig_in(r, "A 321(10) 1");
	OUT("A 1(0) 101 sack 321-331 301-401");
	rig_in(r, "A 201(10) 1");
	OUT("A 1(0) 101 sack 201-211 301-401");
}

static void full_segments_have_no_room_for_blocks(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_write(r, c, MSS + 100);
	tcp_set_nodelay(&r->tcp, c, true);
	rig_in(r, "A 301(100) 1");
	OUT("A 1(0) 1 sack 301-401");
	OUT("A 1(1460) 1");
	OUT("PA 1461(100) 1 sack 301-401");
}

static void nothing_is_told_to_who_did_not_ask(void **state)
{
	r->peer->opts = SEG_OPT_MSS;
	rig_accepted(r, 0);
	rig_in(r, "A 101(100) 1");
	OUT("A 1(0) 1");
	rig_in(r, "A 101(100) 1");
	OUT("A 1(0) 1");
}

/* ---- what we hear */

static void hole_is_found_and_only_it_is_sent_again(void **state)
{
	struct tcp_conn *c = flight(10);

	rig_in(r, "A 1(0) 1461 sack 2921-4381");
	rig_in(r, "A 1(0) 1461 sack 2921-5841");
	rig_in(r, "A 1(0) 1461 sack 2921-7301");
	OUT("A 1461(1460) 1");
	OUT("");
	rig_in(r, "A 1(0) 7301");
	rig_in(r, "A 1(0) 14601");
	assert_int_equal(rig_info(r, c).unacked, 0);
	assert_int_equal(rig_info(r, c).retrans_segs, 1);
	assert_int_equal(r->tcp.n.fast_retransmits, 1);
	assert_null(c->loss);
}

static void several_holes_are_sent_again_in_one_round_trip(void **state)
{
	struct tcp_conn *c = flight(10);

	rig_in(r, "A 1(0) 1 sack 1461-2921");
	rig_in(r, "A 1(0) 1 sack 4381-5841 1461-2921");
	rig_in(r, "A 1(0) 1 sack 7301-14601 4381-5841 1461-2921");
	/* lost: 1, 2921, 5841 */
	OUT("A 1(1460) 1");
	OUT("A 2921(1460) 1");
	OUT("A 5841(1460) 1");
	OUT("");
	rig_in(r, "A 1(0) 14601");
	assert_int_equal(rig_info(r, c).unacked, 0);
	assert_int_equal(c->rtx.lost_bytes, 0);
}

static void senseless_blocks_mark_nothing(void **state)
{
	static const char *const blocks[] = {
		"A 1(0) 1 sack 2921-2921",		/* empty */
		"A 1(0) 1 sack 4381-2921",		/* the wrong way round */
		"A 1(0) 1 sack 2921-14602",		/* beyond what was sent */
		"A 1(0) 1 sack 2000-2500",		/* part of a segment */
		"A 1(0) 1 sack -100000-100000",
		"A 1(0) 1 sack 2147483000-2147483640",
		"A 1(0) 1461 sack 1-1461",		/* what it acknowledges: a duplicate */
	};
	struct tcp_conn *c = flight(10);

	for (unsigned i = 0; i < ARRAY_LEN(blocks); i++) {
		rig_in(r, blocks[i]);
		assert_int_equal(tcp_sack_bytes(c), 0);
		assert_int_equal(c->rtx.lost_bytes, 0);
	}
	OUT("");
	rig_in(r, "A 1(0) 14601");
	assert_null(c->loss);
}

static void block_for_nothing_takes_no_place_for_long(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	rig_in(r, "A 1(0) 1 sack 100-200");
	assert_null(c->loss);
	assert_int_equal(r->tcp.losses_used, 0);
	rig_in(r, "PA 1(10) 1 sack 100-200");
	assert_null(c->loss);
}

static void sacked_bytes_that_are_acknowledged_in_part_are_counted_right(void **state)
{
	struct tcp_conn *c = flight(4);

	rig_in(r, "A 1(0) 1 sack 1461-4381");
	assert_int_equal(tcp_sack_bytes(c), 2 * MSS);
	rig_in(r, "A 1(0) 2000");
	assert_int_equal(tcp_sack_bytes(c), 2381);
	rig_in(r, "A 1(0) 4381");
	assert_int_equal(tcp_sack_bytes(c), 0);
}

static void peer_that_forgets_what_it_had_gets_it_again(void **state)
{
	struct tcp_conn *c = flight(4);

	rig_in(r, "A 1(0) 1 sack 1461-5841");
	OUT("A 1(1460) 1");
	rig_in(r, "A 1(0) 1461");		/* and not 5841: reneged, RFC 2018 §8 */
	rig_pass(r, SEC(2));
	assert_true(rig_out_skip(r) > 0);
	for (unsigned i = 0; i < 3; i++) {
		rig_inf(r, "A 1(0) %u", 2921 + i * MSS);
		rig_out_skip(r);
	}
	assert_int_equal(rig_info(r, c).unacked, 0);
}

static void bytes_delivered_are_counted_once(void **state)
{
	struct tcp_conn *c = flight(10);
	uint32_t before;

	/* lost: 1, 4381, 8761 */
	rig_in(r, "A 1(0) 1 sack 1461-4381");
	rig_in(r, "A 1(0) 1 sack 5841-8761 1461-4381");
	rig_in(r, "A 1(0) 1 sack 10221-14601 5841-8761 1461-4381");
	rig_out_skip(r);
	before = c->loss->prr.delivered;
	rig_in(r, "A 1(0) 4381 sack 10221-14601 5841-8761");
	assert_int_equal(c->loss->prr.delivered - before, MSS);
	rig_in(r, "A 1(0) 8761 sack 10221-14601");
	assert_int_equal(c->loss->prr.delivered - before, 2 * MSS);
}

/* ---- the pool */

static void without_a_place_in_the_pool_recovery_is_newrenos(void **state)
{
	struct tcp_conn *c;

	config.tcp.losses_max = 1;
	again();
	rig_accepted(r, 1);
	rig_in(r, "1: A 101(100) 1");		/* takes the one there is */
	rig_out_skip(r);
	c = flight(10);
	rig_in(r, "A 1(0) 1 sack 1461-2921");
	rig_in(r, "A 1(0) 1 sack 1461-4381");
	rig_in(r, "A 1(0) 1 sack 1461-4381 5841-14601");
	OUT("A 1(1460) 1");
	OUT("");
	assert_null(c->loss);
	assert_true(r->tcp.n.losses_full > 0);
	rig_in(r, "A 1(0) 4381");
	OUT("A 4381(1460) 1");			/* RFC 6582 §3.2 step 3 */
	rig_in(r, "A 1(0) 14601");
	assert_int_equal(rig_info(r, c).rto_fired, 0);
}

static void without_a_place_in_the_pool_nothing_is_kept(void **state)
{
	struct tcp_conn *c;

	config.tcp.losses_max = 1;
	again();
	rig_accepted(r, 1);
	rig_in(r, "1: A 101(100) 1");
	rig_out_skip(r);
	c = rig_accepted(r, 0);
	rig_in(r, "A 101(100) 1");
	OUT("A 1(0) 1");
	assert_int_equal(rig_drops(r, DROP_TCP_REASS), 1);
	assert_null(c->loss);
	rig_in(r, "1: R 1(0)");
	assert_int_equal(r->tcp.losses_used, 0);
	rig_in(r, "A 101(100) 1");
	OUT("A 1(0) 1 sack 101-201");
}

static void dropped_piece_takes_no_place_for_long(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "A 1(100) 1");
	rig_in(r, "FA 301(0) 1");
	rig_out_skip(r);
	assert_non_null(c->loss);
	rig_in(r, "A 101(200) 1");
	rig_out_skip(r);
	assert_null(c->loss);
	assert_int_equal(tcp_conn_state(c), TCP_CLOSE_WAIT);
	rig_in(r, "A 201(50) 1");		/* a duplicate: told, and gone */
	OUT("A 1(0) 302 sack 201-251");
	assert_null(c->loss);
}

static void duplicates_after_two_acks_are_forgotten_with_the_next_advance(void **state)
{
	struct tcp_conn *c;

	r->peer->opts = SEG_OPT_MSS;		/* NewReno, with a gap on our side */
	c = flight(10);
	rig_in(r, "A 101(100) 1");
	rig_out_skip(r);
	assert_non_null(c->loss);
	rig_in(r, "A 1(0) 1");
	rig_in(r, "A 1(0) 1");
	assert_int_equal(c->rtx.dup_bytes, 2 * MSS);
	rig_in(r, "A 1(0) 1461");
	assert_int_equal(c->rtx.dup_bytes, 0);
	assert_int_equal(c->rtx.recover, c->snd.una - 1);
}

/* ---- the tail, RFC 8985 §7 */

static void probe_of_the_tail_comes_before_the_timeout(void **state)
{
	struct tcp_conn *c = flight(3);
	nsec from = r->core->now;

	rig_pass_until_out(r, SEC(10));
	OUT("PA 2921(1460) 1");			/* the last again, after two round trips */
	assert_in_range(r->core->now - from, MSEC(40), MSEC(41));
	assert_int_equal(r->tcp.n.tail_loss_probes, 1);
	rig_pass(r, MSEC(40));
	rig_in(r, "A 1(0) 1 sack 2921-4381");
	rig_pass_until_out(r, MSEC(11));	/* a quarter of a round trip for reordering */
	OUT("A 1(1460) 1");			/* it shows what is missing */
	assert_int_equal(rig_info(r, c).rto_fired, 0);
}

static void probe_that_finds_no_frame_is_no_early_timeout(void **state)
{
	struct tcp_conn *c = flight(3);
	struct pkt *taken;
	nsec rto = rig_info(r, c).rto;

	for (struct pkt *p = c->rtx.sent.head; p; p = tcp_tx(p)->link)
		pkt_get(p);			/* in a ring still: not to be sent as they are */
	taken = rig_starve(r, 0);
	rig_pass(r, MSEC(45));
	rig_feed(r, taken);
	OUT("");
	rig_pass(r, rto - MSEC(10));
	assert_int_equal(rig_info(r, c).rto_fired, 0);
	for (struct pkt *p = c->rtx.sent.head; p; p = tcp_tx(p)->link)
		pkt_put(p);
	rig_pass(r, SEC(1));
	assert_true(rig_info(r, c).rto_fired > 0);
	rig_out_skip(r);
}

static void probe_brings_a_new_segment_when_there_is_one(void **state)
{
	struct tcp_conn *c = flight(10);

	rig_write(r, c, 100);
	rig_run(r);
	OUT("");
	rig_pass_until_out(r, SEC(10));
	OUT("PA 14601(100) 1");			/* beyond the congestion window */
	assert_int_equal(rig_info(r, c).rto_fired, 0);
}

/* ---- F-RTO, RFC 5682 §2.1 */

static void timeout_with_nothing_new_to_send_sends_again_what_is_lost(void **state)
{
	struct tcp_conn *c = flight(4);

	rig_in(r, "A 1(0) 1 win 5840");
	rig_write(r, c, 10 * MSS);		/* more is there, but the window is full */
	rig_pass(r, SEC(1));
	assert_true(rig_info(r, c).rto_fired > 0);
	rig_out_skip(r);
	rig_in(r, "A 1(0) 1461 win 4380");	/* the right edge stays */
	OUT("A 1461(1460) 1");
}

static void timeout_that_was_needless_is_undone(void **state)
{
	struct tcp_conn *c = flight(10);
	uint32_t cwnd = rig_info(r, c).cwnd;

	rig_pass(r, SEC(1));			/* a probe, and timeouts */
	assert_true(rig_info(r, c).rto_fired > 0);
	assert_int_equal(rig_info(r, c).cwnd, MSS);
	rig_out_skip(r);
	rig_write(r, c, 5 * MSS);
	if (rig_info(r, c).rto_fired == 1) {
		rig_in(r, "A 1(0) 1461");
		OUT("A 14601(1460) 1");		/* two new segments ... */
		OUT("A 16061(1460) 1");
		OUT("");
		rig_in(r, "A 1(0) 2921");	/* ... and what was sent once arrived */
		assert_int_equal(r->tcp.n.frto_spurious, 1);
		assert_true(rig_info(r, c).cwnd >= cwnd);
		assert_int_equal(c->rtx.lost_bytes, 0);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(blocks_tell_the_latest_first_and_join),
		T(four_blocks_are_told_three_beside_timestamps),
		T(duplicates_are_told_once),
		T(full_segments_have_no_room_for_blocks),
		T(nothing_is_told_to_who_did_not_ask),
		T(hole_is_found_and_only_it_is_sent_again),
		T(several_holes_are_sent_again_in_one_round_trip),
		T(senseless_blocks_mark_nothing),
		T(block_for_nothing_takes_no_place_for_long),
		T(sacked_bytes_that_are_acknowledged_in_part_are_counted_right),
		T(peer_that_forgets_what_it_had_gets_it_again),
		T(bytes_delivered_are_counted_once),
		T(without_a_place_in_the_pool_recovery_is_newrenos),
		T(without_a_place_in_the_pool_nothing_is_kept),
		T(dropped_piece_takes_no_place_for_long),
		T(duplicates_after_two_acks_are_forgotten_with_the_next_advance),
		T(probe_of_the_tail_comes_before_the_timeout),
		T(probe_that_finds_no_frame_is_no_early_timeout),
		T(probe_brings_a_new_segment_when_there_is_one),
		T(timeout_with_nothing_new_to_send_sends_again_what_is_lost),
		T(timeout_that_was_needless_is_undone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
