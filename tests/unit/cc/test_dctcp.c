/* DCTCP's window, RFC 8257 §3.3. */
#include "helper/unit.h"

#include "cc/cc.h"

#define MSS 1000u
#define ONE (1u << 20)

static struct cc cc;

static int setup(void **state)
{
	cc = (struct cc){0};
	cc_init(&cc, &cc_dctcp, MSS);
	cc.ssthresh = cc.cwnd = 100 * MSS;
	return 0;
}

static void window_of(uint32_t marked)
{
	cc.ops->on_ack(&cc, &(struct cc_ack){.acked = 100 * MSS, .marked = marked});
	cc.ops->on_ack(&cc, &(struct cc_ack){.acked = 1, .round_start = true});
}

static void marked(void)
{
	cc.ops->on_ecn(&cc, &(struct cc_ack){.inflight = cc.cwnd});
}

static void first_mark_halves(void **state)
{
	marked();
	assert_int_equal(cc.cwnd, 50 * MSS);
	assert_int_equal(cc.ssthresh, 50 * MSS);
}

static void few_marks_take_little(void **state)
{
	for (unsigned i = 0; i < 200; i++)
		window_of(10 * MSS);
	assert_in_range(cc.own[0], ONE / 10 - ONE / 100, ONE / 10 + ONE / 100);
	cc.cwnd = 100 * MSS;
	marked();
	assert_in_range(cc.cwnd, 94 * MSS, 96 * MSS);
}

static void windows_without_marks_are_remembered_slowly(void **state)
{
	window_of(0);
	assert_in_range(cc.own[0], ONE * 15 / 16 - 1, ONE * 15 / 16);
	window_of(100 * MSS);
	assert_true(cc.own[0] > ONE * 15 / 16);
	assert_true(cc.own[0] <= ONE);
}

static void what_is_marked_does_not_make_the_window_grow(void **state)
{
	cc.cwnd = 10 * MSS;
	cc.ops->on_ack(&cc, &(struct cc_ack){.acked = 2 * MSS, .marked = 2 * MSS});
	assert_int_equal(cc.cwnd, 10 * MSS);
	cc.ops->on_ack(&cc, &(struct cc_ack){.acked = 2 * MSS});
	assert_int_equal(cc.cwnd, 12 * MSS);
}

static void loss_is_a_loss(void **state)
{
	window_of(0);
	cc.ops->on_loss(&cc, &(struct cc_ack){.inflight = 100 * MSS});
	assert_int_equal(cc.cwnd, 50 * MSS);
}

static void two_segments_always_remain(void **state)
{
	for (unsigned i = 0; i < 20; i++)
		marked();
	assert_int_equal(cc.cwnd, 2 * MSS);
}

#define T(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(first_mark_halves),
		T(few_marks_take_little),
		T(windows_without_marks_are_remembered_slowly),
		T(what_is_marked_does_not_make_the_window_grow),
		T(loss_is_a_loss),
		T(two_segments_always_remain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
