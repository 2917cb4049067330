/* The virtio network driver against a model of the device, by all three ways to its registers. */
#include "helper/unit.h"

#include "base/err.h"
#include "drivers/virtio/virtio_net.h"
#include "helper/model_virtio.h"

#define EVENT VIRTIO_BIT(VIRTIO_F_EVENT_IDX)
#define MODERN VIRTIO_BIT(VIRTIO_F_VERSION_1)
#define CSUM VIRTIO_BIT(0)
#define GUEST_CSUM VIRTIO_BIT(1)
#define MTU VIRTIO_BIT(3)
#define MAC VIRTIO_BIT(5)
#define GUEST_TSO4 VIRTIO_BIT(7)
#define MERGEABLE VIRTIO_BIT(15)
#define STATUS VIRTIO_BIT(16)
#define USUAL (EVENT | MODERN | MAC | MERGEABLE | STATUS)

static struct hw m;
static struct model_virtio card;
static uint8_t frame[9000];

static int start(enum model_virtio_kind kind, uint64_t offers)
{
	hw_init(&m, 2048);
	model_virtio_init(&card, &m, kind, offers);
	memset(frame, 0x42, sizeof(frame));
	return virtio_net_open(&m.nic, &m.stage.pool, &m.dev);
}

static void stop(void)
{
	if (m.nic.priv)
		m.nic.ops->close(&m.nic);
	hw_fini(&m);
}

static int up(void **state)
{
	assert_int_equal(start(MODEL_VIRTIO_PCI, USUAL), 0);
	return 0;
}

static int down(void **state)
{
	stop();
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

static void both_ways(unsigned rounds)
{
	uint8_t fill = 0;

	for (unsigned i = 0; i < rounds; i++) {
		m.out_n = 0;
		assert_int_equal(send_one(80, (uint8_t)i, 1 + i % 3), 1);
		assert_true(hw_sent_is(&m, 0, 80, (uint8_t)i));
		memset(frame, (int)(uint8_t)i, 90);
		assert_true(model_virtio_receive(&card, frame, 90));
		assert_int_equal(rx(&fill), 1);
		assert_int_equal(fill, (uint8_t)i);
	}
}

static void each_kind_of_device_works_while_its_rings_wrap(void **state)
{
	static const struct {
		enum model_virtio_kind kind;
		uint64_t offers;
	} kinds[] = {
		{ MODEL_VIRTIO_PCI, USUAL }, { MODEL_VIRTIO_PCI, MODERN },
		{ MODEL_VIRTIO_MMIO, USUAL }, { MODEL_VIRTIO_MMIO, MODERN | MAC },
		{ MODEL_VIRTIO_LEGACY, USUAL & ~MODERN }, { MODEL_VIRTIO_LEGACY, 0 },
		{ MODEL_VIRTIO_LEGACY, EVENT }, { MODEL_VIRTIO_LEGACY, MERGEABLE },
	};

	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++) {
		assert_int_equal(start(kinds[i].kind, kinds[i].offers), 0);
		assert_int_equal(card.status & 4, 4);
		both_ways(1200);
		stop();
	}
}

static void what_stands_in_its_configuration_is_believed(void **state)
{
	assert_int_equal(start(MODEL_VIRTIO_PCI, USUAL | MTU), 0);
	assert_memory_equal(m.nic.mac.b, card.mac, 6);
	assert_int_equal(m.nic.mtu, 1400);
	assert_true(m.nic.up);
	stop();
}

static void merged_segments_are_taken_only_with_buffers_that_merge(void **state)
{
	assert_int_equal(start(MODEL_VIRTIO_PCI, USUAL | GUEST_CSUM | GUEST_TSO4), 0);
	assert_true(card.agreed & GUEST_TSO4);
	stop();
	assert_int_equal(start(MODEL_VIRTIO_PCI, (USUAL & ~MERGEABLE) | GUEST_TSO4), 0);
	assert_false(card.agreed & GUEST_TSO4);
	both_ways(10);
	stop();
}

static void a_device_that_refuses_is_left(void **state)
{
	hw_init(&m, 1024);
	model_virtio_init(&card, &m, MODEL_VIRTIO_PCI, USUAL);
	card.refuses = true;
	assert_int_equal(virtio_net_open(&m.nic, &m.stage.pool, &m.dev), -E_PROTO);
	assert_int_equal(card.status, 128);
	card.refuses = false;
	card.offers = USUAL & ~MODERN;		/* PCI without the standard */
	assert_int_equal(virtio_net_open(&m.nic, &m.stage.pool, &m.dev), -E_PROTO);
	card.offers = USUAL;
	card.no_queues = true;
	assert_int_equal(virtio_net_open(&m.nic, &m.stage.pool, &m.dev), -E_PROTO);
	m.dev.bars[4].size = 0;
	assert_int_equal(virtio_net_open(&m.nic, &m.stage.pool, &m.dev), -E_PROTO);
	hw_fini(&m);
}

static void a_burst_kicks_once_and_a_busy_device_not_at_all(void **state)
{
	struct pkt *p[8];
	unsigned kicks = card.kicks;

	for (unsigned i = 0; i < 8; i++)
		p[i] = hw_packet(&m, 100, (uint8_t)i, 1);
	assert_int_equal(m.nic.ops->tx(&m.nic, p, 8), 8);
	assert_int_equal(card.kicks, kicks + 1);
	assert_int_equal(m.out_n, 8);
	card.hold_tx = true;
	send_one(100, 1, 1);		/* it was told, and has not looked yet */
	kicks = card.kicks;
	send_one(100, 2, 1);
	send_one(100, 3, 1);
	assert_int_equal(card.kicks, kicks);
	card.hold_tx = false;
	model_virtio_transmit(&card);
	assert_int_equal(m.out_n, 11);
}

static void a_full_ring_hands_back_the_rest_and_wakes_when_there_is_room(void **state)
{
	unsigned sent = 0, interrupts;

	card.hold_tx = true;
	while (send_one(100, 1, 1))
		sent++;
	assert_int_equal(sent, 256);
	assert_int_equal(m.nic.stats.tx_full, 1);
	assert_false(m.nic.ops->arm(&m.nic));
	interrupts = card.interrupts;
	card.hold_tx = false;
	model_virtio_transmit(&card);
	assert_int_equal(card.interrupts, interrupts + 1);
	assert_int_equal(send_one(100, 1, 1), 1);
}

static void interrupts_come_only_when_asked_for_and_once(void **state)
{
	uint8_t fill;
	unsigned before = card.interrupts;

	both_ways(50);
	assert_int_equal(card.interrupts, before);
	assert_false(m.nic.ops->arm(&m.nic));
	model_virtio_receive(&card, frame, 100);
	model_virtio_receive(&card, frame, 100);
	assert_int_equal(card.interrupts, before + 1);
	assert_int_equal(card.isr, 1);
	assert_int_equal(rx(&fill), 2);
	assert_int_equal(card.isr, 0);
	model_virtio_receive(&card, frame, 100);
	assert_int_equal(card.interrupts, before + 1);
	assert_true(m.nic.ops->arm(&m.nic));	/* something waits: no sleep */
	assert_int_equal(rx(&fill), 1);
}

static void a_large_frame_comes_in_several_buffers_as_one_packet(void **state)
{
	struct pkt *got[4];

	for (unsigned i = 0; i < 5000; i++)
		frame[i] = (uint8_t)(i / 7);
	card.rx_gso = 1448;
	assert_true(model_virtio_receive(&card, frame, 5000));
	assert_int_equal(m.nic.ops->rx(&m.nic, got, 4), 1);
	assert_int_equal(got[0]->total, 5000);
	assert_int_equal(got[0]->gso, 1448);
	for (uint32_t at = 0; at < 5000; at += 100) {
		uint8_t part[100];

		assert_int_equal(pkt_read(got[0], at, part, 100), 100);
		assert_memory_equal(part, frame + at, 100);
	}
	pkt_put(got[0]);
}

static void checksums_are_left_to_the_device_in_both_directions(void **state)
{
	struct pkt *p, *got[4];

	assert_int_equal(start(MODEL_VIRTIO_MMIO, USUAL | CSUM | GUEST_CSUM), 0);
	assert_int_equal(m.nic.features & (NETDEV_CSUM_TX | NETDEV_CSUM_RX),
			 NETDEV_CSUM_TX | NETDEV_CSUM_RX);
	p = hw_packet(&m, 100, 0, 1);
	p->data[14] = 0x46;
	p->data[23] = 17;
	p->flags |= PKT_CSUM_TODO;
	assert_int_equal(m.nic.ops->tx(&m.nic, &p, 1), 1);
	assert_int_equal(card.tx_flags, 1);
	assert_int_equal(card.tx_start, 38);
	assert_int_equal(card.tx_offset, 6);
	send_one(100, 0, 1);
	assert_int_equal(card.tx_flags, 0);
	card.rx_flags = 2;
	model_virtio_receive(&card, frame, 100);
	assert_int_equal(m.nic.ops->rx(&m.nic, got, 4), 1);
	assert_int_equal(got[0]->flags & PKT_CSUM_OK, PKT_CSUM_OK);
	pkt_put(got[0]);
	stop();
}

static void without_memory_the_ring_runs_dry_and_recovers(void **state)
{
	struct pkt *taken = stage_starve(&m.stage, 0);
	unsigned got = 0, n;
	uint8_t fill;

	while (model_virtio_receive(&card, frame, 100))
		;
	while ((n = rx(&fill)))
		got += n;
	assert_in_range(got, 256, 2 * 256);
	stage_feed(&m.stage, taken);
	both_ways(600);
}

static void a_runt_is_counted(void **state)
{
	uint8_t fill;

	model_virtio_receive(&card, frame, 5);
	assert_int_equal(rx(&fill), 0);
	assert_int_equal(m.nic.stats.rx_runt, 1);
}

/* Whatever the lie: the device is reset, nothing is lost but what it held, and it works again. */
static void expect_reset(void)
{
	uint64_t before = virtio_net_resets(&m.nic);
	uint8_t fill;

	memset(frame, 0x42, sizeof(frame));
	rx(&fill);
	assert_int_equal(virtio_net_resets(&m.nic), before + 1);
	card.lie_id = card.lie_len = 0;
	card.lie_idx = card.lie_buffers = 0;
	both_ways(300);
	assert_int_equal(virtio_net_resets(&m.nic), before + 1);
}

static void a_number_of_no_buffer_is_a_lie(void **state)
{
	card.lie_id = 70000;
	model_virtio_receive(&card, frame, 100);
	expect_reset();
	card.lie_id = 255;		/* a buffer twice */
	model_virtio_receive(&card, frame, 100);
	model_virtio_receive(&card, frame, 100);
	expect_reset();
}

static void a_length_beyond_the_buffer_is_a_lie(void **state)
{
	card.lie_len = 1u << 20;
	model_virtio_receive(&card, frame, 100);
	expect_reset();
}

static void an_index_that_jumps_is_a_lie(void **state)
{
	card.lie_idx = 1000;
	model_virtio_receive(&card, frame, 100);
	expect_reset();
}

static void buffers_that_do_not_follow_are_a_lie(void **state)
{
	card.lie_buffers = 9;
	model_virtio_receive(&card, frame, 100);
	expect_reset();
}

static void a_lie_about_what_was_sent_is_one_too(void **state)
{
	card.lie_id = 4711;
	send_one(100, 1, 1);
	expect_reset();
}

static void a_device_that_asks_for_a_reset_gets_one(void **state)
{
	assert_false(m.nic.ops->arm(&m.nic));
	card.status |= 64;
	card.isr |= 2;
	expect_reset();
	assert_int_equal(card.status & 64, 0);
}

static void a_device_that_only_lies_is_gone(void **state)
{
	unsigned n;
	uint8_t fill;
	int res = 0;

	card.lie_id = 70000;
	for (unsigned i = 0; i < 40 && res >= 0; i++) {
		model_virtio_receive(&card, frame, 100);
		res = hw_rx(&m, &n, &fill);
	}
	assert_int_equal(res, -E_NETDOWN);
}

#define T(f) cmocka_unit_test_setup_teardown(f, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_device_works_while_its_rings_wrap),
		cmocka_unit_test(what_stands_in_its_configuration_is_believed),
		cmocka_unit_test(merged_segments_are_taken_only_with_buffers_that_merge),
		cmocka_unit_test(a_device_that_refuses_is_left),
		T(a_burst_kicks_once_and_a_busy_device_not_at_all),
		T(a_full_ring_hands_back_the_rest_and_wakes_when_there_is_room),
		T(interrupts_come_only_when_asked_for_and_once),
		T(a_large_frame_comes_in_several_buffers_as_one_packet),
		cmocka_unit_test(checksums_are_left_to_the_device_in_both_directions),
		T(without_memory_the_ring_runs_dry_and_recovers),
		T(a_runt_is_counted),
		T(a_number_of_no_buffer_is_a_lie),
		T(a_length_beyond_the_buffer_is_a_lie),
		T(an_index_that_jumps_is_a_lie),
		T(buffers_that_do_not_follow_are_a_lie),
		T(a_lie_about_what_was_sent_is_one_too),
		T(a_device_that_asks_for_a_reset_gets_one),
		T(a_device_that_only_lies_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
