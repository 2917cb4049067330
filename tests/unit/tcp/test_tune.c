/* Buffers that grow with what a round trip moves, and when they do not.
 *
 * Method: one stack, a peer on a path of 40 ms that fills the window or opens it. */
#include "helper/unit.h"

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
	config.frames = 256;
	config.tcp.rcvbuf = 16 << 10;
	config.tcp.sndbuf = 16 << 10;
	config.tcp.rcvbuf_max = 64 << 10;
	config.tcp.sndbuf_max = 64 << 10;
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

/* `n` bytes come and are read, in one round trip. */
static void round_trip(uint32_t n)
{
	uint32_t got = 0, seq = (uint32_t)rig_peer_of(r, c)->read + 1;

	for (; got < n; got += 1024)
		rig_inf(r, "A %u(1024) 1", seq + got);
	rig_read(r, c, n);
	rig_pass(r, RTT + MSEC(1));
	rig_out_skip(r);
}

static void receive_buffer_grows_to_four_times_what_a_round_trip_brings(void **state)
{
	round_trip(1024);
	assert_int_equal(c->rcv.buf, 16 << 10);
	round_trip(8192);
	round_trip(8192);
	assert_in_range(c->rcv.buf, 28000, 32768);
	assert_int_equal(r->tcp.n.rcvbufs_grown, 1);
	assert_true(rig_info(r, c).rcv_wnd > 20000);
	for (unsigned i = 0; i < 8; i++)
		round_trip(24 << 10);
	assert_int_equal(c->rcv.buf, 64 << 10);	/* as far as it may */
}

static void receive_buffer_never_shrinks(void **state)
{
	uint32_t edge = c->rcv.adv;

	for (unsigned i = 0; i < 20; i++) {
		round_trip(i < 5 ? 8192 : 1024);
		assert_true(seq_ge(c->rcv.adv, edge));
		edge = c->rcv.adv;
	}
	assert_true(c->rcv.buf > 28000);
}

static void slow_peer_needs_no_larger_buffer(void **state)
{
	for (unsigned i = 0; i < 20; i++)
		round_trip(3072);
	assert_int_equal(c->rcv.buf, 16 << 10);
}

static void buffers_that_were_chosen_stay(void **state)
{
	tcp_conn_set(&r->tcp, c, TCP_OPT_RCVBUF, 20000);
	tcp_conn_set(&r->tcp, c, TCP_OPT_SNDBUF, 20000);
	for (unsigned i = 0; i < 5; i++)
		round_trip(8192);
	assert_int_equal(c->rcv.buf, 20000);
	rig_write(r, c, 30000);
	rig_run(r);
	rig_in(r, "A 40961(0) 14601");
	assert_int_equal(c->snd.buf, 20000);
	rig_out_skip(r);
}

static void nothing_grows_while_frames_are_few(void **state)
{
	struct pkt *taken = rig_starve(r, 100);

	for (unsigned i = 0; i < 5; i++)
		round_trip(8192);
	assert_int_equal(c->rcv.buf, 16 << 10);
	rig_feed(r, taken);
}

static void send_buffer_grows_to_twice_the_window_when_its_owner_waits(void **state)
{
	assert_int_equal(rig_write(r, c, 30000), 16 << 10);
	rig_run(r);
	rig_pass(r, RTT);
	rig_in(r, "A 1(0) 2921");
	assert_int_equal(c->snd.buf, 2 * 14600);	/* the window before this ACK */
	assert_int_equal(r->tcp.n.sndbufs_grown, 1);
	assert_true(rig_write(r, c, 30000) > 8000);
	rig_out_skip(r);
}

static void send_buffer_stays_when_its_owner_does_not_wait(void **state)
{
	assert_int_equal(rig_write(r, c, 16000), 16000);
	rig_run(r);
	rig_pass(r, RTT);
	rig_in(r, "A 1(0) 14601");
	assert_int_equal(c->snd.buf, 16 << 10);
	rig_out_skip(r);
}

static void window_scale_is_for_the_largest_window(void **state)
{
	config.tcp.rcvbuf_max = 8 << 20;
	again();
	assert_int_equal(rig_info(r, c).rcv_wscale, r->peer->opts & SEG_OPT_WSCALE ? 8 : 0);
	r->peers[1].opts |= SEG_OPT_WSCALE;
	c = rig_accepted(r, 1);
	assert_int_equal(rig_info(r, c).rcv_wscale, 8);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(receive_buffer_grows_to_four_times_what_a_round_trip_brings),
		T(receive_buffer_never_shrinks),
		T(slow_peer_needs_no_larger_buffer),
		T(buffers_that_were_chosen_stay),
		T(nothing_grows_while_frames_are_few),
		T(send_buffer_grows_to_twice_the_window_when_its_owner_waits),
		T(send_buffer_stays_when_its_owner_does_not_wait),
		T(window_scale_is_for_the_largest_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
