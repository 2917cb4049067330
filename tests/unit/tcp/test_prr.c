/* Proportional rate reduction, RFC 6937, and what is undone when nothing was lost, RFC 3522, 3708.
 *
 * Method: one stack, a peer with SACK that speaks by hand. */
#include "helper/unit.h"

#include "helper/tcprig.h"
#include "tcp/tcp_int.h"

#define MSS 1460u

static struct rig *r;
static struct rig_config config;

static int setup(void **state)
{
	rig_config(&config);
	r = rig_new(&config);
	r->peers[0].opts |= SEG_OPT_SACK_OK;
	return 0;
}

static int teardown(void **state)
{
	rig_free(r);
	return 0;
}

static struct tcp_conn *flight(unsigned segs, unsigned waiting)
{
	struct tcp_conn *c = rig_connecting(r, 0);

	rig_pass(r, MSEC(40));
	rig_in(r, "SA 0(0) 1");
	rig_ready(r, c);
	rig_out_skip(r);
	rig_write(r, c, (segs + waiting) * MSS);
	rig_run(r);
	assert_int_equal(rig_out_skip(r), segs);
	rig_pass(r, MSEC(40));
	return c;
}

/* RFC 6937 §3.1: half as many leave as arrive, until the flight is ssthresh. */
static void one_segment_leaves_for_two_that_arrive(void **state)
{
	struct tcp_conn *c = flight(10, 10);
	unsigned sent;

	rig_in(r, "A 1(0) 1 sack 1461-2921");
	rig_in(r, "A 1(0) 1 sack 1461-4381");
	rig_in(r, "A 1(0) 1 sack 1461-5841");
	sent = rig_out_skip(r);
	assert_true(c->flags & TCPF_RECOVERY);
	for (unsigned i = 5; i <= 9; i++) {
		rig_inf(r, "A 1(0) 1 sack 1461-%u", 1 + i * MSS);
		sent += rig_out_skip(r);
	}
	/* eight arrived: four and the first retransmission at least, not eight */
	assert_in_range(sent, 4, 6);
	assert_int_equal(rig_info(r, c).ssthresh, 6 * MSS);	/* of ten, and two of RFC 3042 */
}

static void window_is_the_threshold_when_recovery_is_over(void **state)
{
	struct tcp_conn *c = flight(10, 0);

	rig_in(r, "A 1(0) 1 sack 1461-5841");
	assert_true(c->flags & TCPF_RECOVERY);
	rig_in(r, "A 1(0) 14601");
	assert_false(c->flags & TCPF_RECOVERY);
	assert_true(rig_info(r, c).cwnd <= 5 * MSS);
	rig_out_skip(r);
}

/* RFC 3708: each retransmission came twice. */
static void duplicates_that_the_peer_tells_undo_the_reduction(void **state)
{
	struct tcp_conn *c = flight(10, 0);
	uint32_t cwnd = rig_info(r, c).cwnd;

	rig_in(r, "A 1(0) 1 sack 1461-5841");
	assert_int_equal(rig_out_skip(r), 1);
	assert_true(rig_info(r, c).ssthresh < cwnd);
	rig_in(r, "A 1(0) 7301 sack 1-1461");	/* late it was, not lost */
	assert_int_equal(r->tcp.n.undone, 1);
	assert_true(rig_info(r, c).cwnd >= cwnd);
	assert_false(c->flags & TCPF_RECOVERY);
	rig_in(r, "A 1(0) 14601");
	rig_out_skip(r);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_segment_leaves_for_two_that_arrive),
		T(window_is_the_threshold_when_recovery_is_over),
		T(duplicates_that_the_peer_tells_undo_the_reduction),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
