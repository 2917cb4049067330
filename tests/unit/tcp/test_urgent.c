/* The urgent mechanism: who is told what, and where the pointer points.
 *
 * Method: one connection; a peer that marks bytes by hand, and looks at our marks. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/tcprig.h"
#include "tcp/tcp_int.h"

static struct rig *r;
static struct tcp_conn *c;

static int setup(void **state)
{
	struct rig_config config;

	rig_config(&config);
	r = rig_new(&config);
	c = rig_connected(r, 0);
	(void)rig_ready(r, c);
	return 0;
}

static int teardown(void **state)
{
	rig_free(r);
	return 0;
}

static void urgent(const char *text, uint16_t pointer)
{
	struct seg s = rig_seg(r, text);

	s.flags |= SEG_URG;
	s.urg = pointer;
	rig_put(r, &s);
	rig_run(r);
}

static void owner_is_told_once_and_again_when_there_is_more(void **state)
{
	urgent("A 1(10) 1", 5);
	assert_int_equal(rig_ready(r, c) & TCP_READY_URGENT, TCP_READY_URGENT);
	urgent("A 11(10) 1", 0);
	assert_int_equal(rig_ready(r, c) & TCP_READY_URGENT, 0);
	urgent("A 21(10) 1", 30);
	assert_int_equal(rig_ready(r, c) & TCP_READY_URGENT, TCP_READY_URGENT);
}

static void owner_can_ask_how_much_is_left(void **state)
{
	assert_int_equal(tcp_urgent_left(c), 0);
	urgent("A 1(100) 1", 40);
	assert_int_equal(tcp_urgent_left(c), 40);
	assert_int_equal(rig_read(r, c, 1000), 100);
	assert_int_equal(tcp_urgent_left(c), 0);
}

static void pointer_is_to_what_follows(void **state)
{
	urgent("A 1(1) 1", 1);
	assert_int_equal(tcp_urgent_left(c), 1);
}

static void urgent_data_may_be_longer_than_a_segment(void **state)
{
	urgent("A 1(100) 1", 5000);
	assert_int_equal(tcp_urgent_left(c), 5000);
	rig_in(r, "A 101(1000) 1");
	assert_int_equal(tcp_urgent_left(c), 5000);
	assert_int_equal(rig_read(r, c, 2000), 1100);
}

static void urgent_bytes_are_delivered_in_their_place(void **state)
{
	urgent("A 1(10) 1", 3);
	rig_in(r, "A 11(10) 1");
	assert_int_equal(rig_read(r, c, 100), 20);
}

static void mark_counts_at_a_closed_window(void **state)
{
	urgent("A 1(0) 1", 700);
	assert_int_equal(tcp_urgent_left(c), 700);
}

static void what_we_mark_bears_the_flag_until_it_is_sent(void **state)
{
	rig_out_skip(r);
	assert_int_equal(rig_write(r, c, 100), 100);
	assert_int_equal(tcp_urgent_mark(&r->tcp, c), 0);
	rig_run(r);
	(void)rig_out(r);
	assert_int_equal(r->out.flags & SEG_URG, SEG_URG);
	assert_int_equal(r->out.urg, 100);
	rig_in(r, "A 1(0) 101");
	assert_int_equal(rig_write(r, c, 100), 100);
	rig_run(r);
	(void)rig_out(r);
	assert_int_equal(r->out.flags & SEG_URG, 0);
	assert_int_equal(r->out.urg, 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(owner_is_told_once_and_again_when_there_is_more),
		T(owner_can_ask_how_much_is_left),
		T(pointer_is_to_what_follows),
		T(urgent_data_may_be_longer_than_a_segment),
		T(urgent_bytes_are_delivered_in_their_place),
		T(mark_counts_at_a_closed_window),
		T(what_we_mark_bears_the_flag_until_it_is_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
