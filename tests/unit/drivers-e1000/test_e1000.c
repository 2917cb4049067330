/* The e1000 driver against a model of the card, faults included. */
#include "helper/unit.h"

#include "base/err.h"
#include "drivers/e1000/e1000.h"
#include "drivers/e1000/e1000_regs.h"
#include "helper/model_e1000.h"

static struct hw m;
static struct model_e1000 card;
static uint8_t frame[1600];

static int up(void **state)
{
	hw_init(&m, 1024);
	model_e1000_init(&card, &m);
	assert_int_equal(e1000_open(&m.nic, &m.stage.pool, &m.dev), 0);
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

static void the_card_is_known_by_its_numbers(void **state)
{
	struct port_hw other = m.dev;

	assert_true(e1000_is(&m.dev));
	other.device = 0x1234;
	assert_false(e1000_is(&other));
	other = m.dev;
	other.bars[0].size = 0;
	assert_false(e1000_is(&other));
}

static void the_address_is_the_cards_own(void **state)
{
	const uint8_t mac[6] = { 0x00, 0x12, 0x34, 0x56, 0x78, 0x9a };

	assert_memory_equal(m.nic.mac.b, mac, 6);
	assert_true(m.nic.up);
	assert_int_equal(card.resets, 1);
}

static void a_frame_leaves_as_it_is_in_one_piece_or_several(void **state)
{
	assert_int_equal(send_one(60, 1, 1), 1);
	assert_int_equal(send_one(1514, 2, 1), 1);
	assert_int_equal(send_one(1514, 3, 4), 1);
	assert_true(hw_sent_is(&m, 0, 60, 1));
	assert_true(hw_sent_is(&m, 1, 1514, 2));
	assert_true(hw_sent_is(&m, 2, 1514, 3));
}

static void a_burst_rings_one_doorbell(void **state)
{
	struct pkt *p[32];

	for (unsigned i = 0; i < 32; i++)
		p[i] = hw_packet(&m, 100, (uint8_t)i, 1);
	card.doorbells = 0;
	assert_int_equal(m.nic.ops->tx(&m.nic, p, 32), 32);
	assert_int_equal(card.doorbells, 1);
	assert_int_equal(m.out_n, 32);
	assert_true(hw_sent_is(&m, 31, 100, 31));
}

static void rings_wrap_many_times(void **state)
{
	uint8_t fill = 0;

	for (unsigned i = 0; i < 2000; i++) {
		m.out_n = 0;
		assert_int_equal(send_one(80, (uint8_t)i, 1 + i % 3), 1);
		assert_true(hw_sent_is(&m, 0, 80, (uint8_t)i));
		memset(frame, (int)(uint8_t)i, 90);
		assert_true(model_e1000_receive(&card, frame, 90));
		assert_int_equal(rx(&fill), 1);
		assert_int_equal(fill, (uint8_t)i);
	}
	assert_int_equal(m.nic.stats.rx_frames, 2000);
	assert_int_equal(m.nic.stats.tx_frames, 2000);
}

static void a_full_ring_hands_back_the_rest_and_takes_it_later(void **state)
{
	unsigned sent = 0;

	card.hold_tx = true;
	while (send_one(100, (uint8_t)sent, 1))
		sent++;
	assert_in_range(sent, 200, 255);
	assert_int_equal(m.nic.stats.tx_full, 1);
	assert_int_equal(m.out_n, 0);
	card.hold_tx = false;
	model_e1000_transmit(&card);
	assert_int_equal(m.out_n, sent);
	assert_int_equal(send_one(100, 7, 1), 1);
}

static void a_frame_is_held_until_the_card_reports_it(void **state)
{
	uint32_t before = m.stage.pool.free_frames_n;
	uint8_t fill;

	card.hold_tx = true;
	assert_int_equal(send_one(100, 1, 1), 1);
	rx(&fill);
	assert_int_equal(m.stage.pool.free_frames_n, before - 1);
	card.hold_tx = false;
	model_e1000_transmit(&card);
	rx(&fill);
	assert_int_equal(m.stage.pool.free_frames_n, before);
}

static void an_empty_ring_loses_frames_and_counts_them(void **state)
{
	uint8_t fill;
	unsigned got = 0, n;

	for (n = 0; model_e1000_receive(&card, frame, 100); n++)
		;
	assert_int_equal(n, 255);
	assert_false(m.nic.ops->arm(&m.nic) == false);
	while ((n = rx(&fill)))
		got += n;
	assert_int_equal(got, 255);
	assert_int_equal(m.nic.stats.rx_overrun, 1);
	assert_true(model_e1000_receive(&card, frame, 100));
	assert_int_equal(rx(&fill), 1);
}

static void without_memory_the_ring_runs_dry_and_recovers(void **state)
{
	uint32_t burst = 64;
	uint8_t fill;
	struct pkt *taken = stage_starve(&m.stage, 0);

	for (unsigned i = 0; i < burst; i++)
		assert_true(model_e1000_receive(&card, frame, 100));
	assert_int_equal(rx(&fill), 32);
	assert_int_equal(rx(&fill), 32);
	stage_feed(&m.stage, taken);
	for (unsigned i = 0; i < 600; i++) {
		assert_true(model_e1000_receive(&card, frame, 100));
		assert_int_equal(rx(&fill), 1);
	}
}

static void what_woke_us_is_asked_once_and_the_line_falls(void **state)
{
	uint8_t fill;
	unsigned reads;

	assert_false(m.nic.ops->arm(&m.nic));
	assert_int_equal(m.opened, 1);
	assert_false(model_e1000_line(&card));
	model_e1000_receive(&card, frame, 100);
	assert_true(model_e1000_line(&card));
	assert_int_equal(rx(&fill), 1);
	assert_false(model_e1000_line(&card));
	reads = m.reads;
	model_e1000_receive(&card, frame, 100);
	assert_int_equal(rx(&fill), 1);
	assert_int_equal(m.reads, reads);	/* polling touches no register */
	assert_false(model_e1000_line(&card));
}

static void work_that_waits_forbids_to_sleep(void **state)
{
	uint8_t fill;

	model_e1000_receive(&card, frame, 100);
	assert_true(m.nic.ops->arm(&m.nic));
	assert_int_equal(rx(&fill), 1);
	assert_false(m.nic.ops->arm(&m.nic));
}

static void frames_that_lie_are_lost_and_counted(void **state)
{
	uint8_t fill;

	card.lie_len = 9000;
	model_e1000_receive(&card, frame, 100);
	card.lie_len = 5;
	model_e1000_receive(&card, frame, 100);
	card.lie_len = 0;
	card.lie_status_off = E1000_RX_EOP;
	model_e1000_receive(&card, frame, 100);
	card.lie_status_off = 0;
	card.lie_errors = 1;
	model_e1000_receive(&card, frame, 100);
	card.lie_errors = 0;
	frame[14] = 0x77;
	model_e1000_receive(&card, frame, 100);
	assert_int_equal(rx(&fill), 1);
	assert_int_equal(fill, 0x77);
	assert_int_equal(m.nic.stats.rx_oversize, 3);
	assert_int_equal(m.nic.stats.rx_runt, 1);
}

static void a_card_that_stands_still_is_reset_and_goes_on(void **state)
{
	uint8_t fill;

	card.never_done = true;
	assert_int_equal(send_one(100, 1, 1), 1);
	hw_pass(SEC(1));
	rx(&fill);
	assert_int_equal(e1000_resets(&m.nic), 0);
	hw_pass(SEC(2));
	rx(&fill);
	assert_int_equal(e1000_resets(&m.nic), 1);
	card.never_done = false;
	m.out_n = 0;
	assert_int_equal(send_one(100, 9, 1), 1);
	assert_true(hw_sent_is(&m, 0, 100, 9));
	assert_true(model_e1000_receive(&card, frame, 100));
	assert_int_equal(rx(&fill), 1);
	hw_pass(SEC(5));
	rx(&fill);
	assert_int_equal(e1000_resets(&m.nic), 1);
}

static void a_card_that_never_recovers_is_gone(void **state)
{
	unsigned n;
	uint8_t fill;
	int res = 0;

	card.never_done = true;
	for (unsigned i = 0; i < 40 && res >= 0; i++) {
		send_one(100, 1, 1);
		hw_pass(SEC(3));
		res = hw_rx(&m, &n, &fill);
	}
	assert_int_equal(res, -E_NETDOWN);
	assert_false(m.nic.up);
}

static void a_checksum_is_asked_for_once_for_frames_of_a_kind(void **state)
{
	for (unsigned i = 0; i < 3; i++) {
		struct pkt *p = hw_packet(&m, 100, 0, 1);

		p->data[14] = 0x45;
		p->data[23] = 6;
		p->flags |= PKT_CSUM_TODO;
		assert_int_equal(m.nic.ops->tx(&m.nic, &p, 1), 1);
	}
	assert_int_equal(card.contexts, 1);
	assert_int_equal(card.context, 34 << 16 | 50);
	assert_true(card.insert);
	send_one(100, 0, 1);
	assert_false(card.insert);
}

static void without_memory_it_does_not_open(void **state)
{
	struct netdev other;

	for (unsigned i = 0; i < 3; i++) {
		m.memory_left = i;
		assert_int_equal(e1000_open(&other, &m.stage.pool, &m.dev), -E_NOMEM);
	}
	m.memory_left = UINT32_MAX;
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_card_is_known_by_its_numbers),
		T(the_address_is_the_cards_own),
		T(a_frame_leaves_as_it_is_in_one_piece_or_several),
		T(a_burst_rings_one_doorbell),
		T(rings_wrap_many_times),
		T(a_full_ring_hands_back_the_rest_and_takes_it_later),
		T(a_frame_is_held_until_the_card_reports_it),
		T(an_empty_ring_loses_frames_and_counts_them),
		T(without_memory_the_ring_runs_dry_and_recovers),
		T(what_woke_us_is_asked_once_and_the_line_falls),
		T(work_that_waits_forbids_to_sleep),
		T(frames_that_lie_are_lost_and_counted),
		T(a_card_that_stands_still_is_reset_and_goes_on),
		T(a_card_that_never_recovers_is_gone),
		T(a_checksum_is_asked_for_once_for_frames_of_a_kind),
		T(without_memory_it_does_not_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
