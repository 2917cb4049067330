/* The rtl8139 driver against a model of the card, faults included. */
#include "helper/unit.h"

#include "base/err.h"
#include "drivers/rtl8139/rtl8139.h"
#include "drivers/rtl8139/rtl8139_regs.h"
#include "helper/model_rtl8139.h"

static struct hw m;
static struct model_rtl8139 card;
static uint8_t frame[1600];

static int up(void **state)
{
	hw_init(&m, 1024);
	model_rtl8139_init(&card, &m);
	assert_int_equal(rtl8139_open(&m.nic, &m.stage.pool, &m.dev), 0);
	memset(frame, 0x42, sizeof(frame));
	return 0;
}

static int down(void **state)
{
	m.nic.ops->close(&m.nic);
	hw_fini(&m);
	return 0;
}

static unsigned send_one(uint32_t n, uint8_t fill, unsigned pieces)
{
	struct pkt *p = hw_packet(&m, n, fill, pieces);
	unsigned sent = m.nic.ops->tx(&m.nic, &p, 1);

	if (!sent)
		pkt_put(p);
	return sent;
}

static unsigned rx(uint8_t *fill)
{
	unsigned n;

	assert_true(hw_rx(&m, &n, fill) >= 0);
	return n;
}

static void the_card_is_known_and_tells_its_address(void **state)
{
	struct port_hw other = m.dev;

	assert_true(rtl8139_is(&m.dev));
	other.vendor = 0x8086;
	assert_false(rtl8139_is(&other));
	assert_memory_equal(m.nic.mac.b, "\x52\x54\x00\x0a\x0b\x0c", 6);
	assert_true(m.nic.up);
}

static void frames_leave_whole_and_short_ones_are_filled_up(void **state)
{
	assert_int_equal(send_one(1514, 2, 3), 1);
	assert_true(hw_sent_is(&m, 0, 1514, 2));
	assert_int_equal(send_one(42, 5, 1), 1);
	assert_int_equal(m.out[1].n, 60);
	assert_int_equal(m.out[1].b[41], 5);
	assert_int_equal(m.out[1].b[42], 0);
}

static void the_ring_wraps_many_times_with_frames_of_all_sizes(void **state)
{
	uint8_t fill = 0;

	for (unsigned i = 0; i < 3000; i++) {
		memset(frame, (int)(uint8_t)i, sizeof(frame));
		assert_true(model_rtl8139_receive(&card, frame, 60 + i * 7 % 1455));
		assert_int_equal(rx(&fill), 1);
		assert_int_equal(fill, (uint8_t)i);
		m.out_n = 0;
		assert_int_equal(send_one(100, (uint8_t)i, 1), 1);
		assert_true(hw_sent_is(&m, 0, 100, (uint8_t)i));
	}
	assert_int_equal(rtl8139_resets(&m.nic), 0);
}

static void four_slots_are_all_there_are(void **state)
{
	card.hold_tx = true;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(send_one(100, 1, 1), 1);
	assert_int_equal(send_one(100, 1, 1), 0);
	assert_int_equal(m.nic.stats.tx_full, 1);
}

static void a_full_ring_loses_frames_and_counts_them(void **state)
{
	unsigned n = 0, got = 0, k;
	uint8_t fill;

	while (model_rtl8139_receive(&card, frame, 1000))
		n++;
	assert_true(m.nic.ops->arm(&m.nic));
	while ((k = rx(&fill)))
		got += k;
	assert_int_equal(got, n);
	assert_int_equal(m.nic.stats.rx_overrun, 1);
	assert_true(model_rtl8139_receive(&card, frame, 1000));
	assert_int_equal(rx(&fill), 1);
}

static void without_memory_a_frame_is_lost_and_counted(void **state)
{
	struct pkt *taken = stage_starve(&m.stage, 0);
	uint8_t fill;

	model_rtl8139_receive(&card, frame, 100);
	assert_int_equal(rx(&fill), 0);
	assert_int_equal(m.nic.stats.rx_no_frame, 1);
	stage_feed(&m.stage, taken);
	model_rtl8139_receive(&card, frame, 100);
	assert_int_equal(rx(&fill), 1);
}

static void what_woke_us_is_asked_once_and_the_line_falls(void **state)
{
	uint8_t fill;

	assert_false(m.nic.ops->arm(&m.nic));
	assert_int_equal(m.opened, 1);
	model_rtl8139_receive(&card, frame, 100);
	assert_true(model_rtl8139_line(&card));
	assert_int_equal(rx(&fill), 1);
	assert_false(model_rtl8139_line(&card));
	model_rtl8139_receive(&card, frame, 100);
	assert_false(model_rtl8139_line(&card));
	assert_true(m.nic.ops->arm(&m.nic));
	assert_int_equal(rx(&fill), 1);
}

/* Nothing behind a bad head can be found: the card is reset, and works again. */
static void expect_reset(void)
{
	uint64_t before = rtl8139_resets(&m.nic);
	uint8_t fill;

	assert_true(model_rtl8139_receive(&card, frame, 100));
	assert_int_equal(rx(&fill), 0);
	assert_int_equal(rtl8139_resets(&m.nic), before + 1);
	card.lie_len = card.lie_status = 0;
	assert_true(model_rtl8139_receive(&card, frame, 100));
	assert_int_equal(rx(&fill), 1);
}

static void a_head_that_makes_no_sense_resets_the_card(void **state)
{
	card.lie_len = 5000;
	expect_reset();
	card.lie_len = 4;
	expect_reset();
	card.lie_len = 0xfff0;		/* still being written, says the data sheet */
	expect_reset();
	card.lie_status = 0x0004;
	expect_reset();
}

static void a_card_that_stands_still_is_reset_and_then_gone(void **state)
{
	unsigned n;
	uint8_t fill;
	int res = 0;

	card.hold_tx = true;
	assert_int_equal(send_one(100, 1, 1), 1);
	hw_pass(SEC(3));
	rx(&fill);
	assert_int_equal(rtl8139_resets(&m.nic), 1);
	for (unsigned i = 0; i < 40 && res >= 0; i++) {
		send_one(100, 1, 1);
		hw_pass(SEC(3));
		res = hw_rx(&m, &n, &fill);
	}
	assert_int_equal(res, -E_NETDOWN);
	assert_false(m.nic.up);
}

static void without_memory_it_does_not_open(void **state)
{
	struct netdev other;

	for (unsigned i = 0; i < 3; i++) {
		m.memory_left = i;
		assert_int_equal(rtl8139_open(&other, &m.stage.pool, &m.dev), -E_NOMEM);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_card_is_known_and_tells_its_address),
		T(frames_leave_whole_and_short_ones_are_filled_up),
		T(the_ring_wraps_many_times_with_frames_of_all_sizes),
		T(four_slots_are_all_there_are),
		T(a_full_ring_loses_frames_and_counts_them),
		T(without_memory_a_frame_is_lost_and_counted),
		T(what_woke_us_is_asked_once_and_the_line_falls),
		T(a_head_that_makes_no_sense_resets_the_card),
		T(a_card_that_stands_still_is_reset_and_then_gone),
		T(without_memory_it_does_not_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
