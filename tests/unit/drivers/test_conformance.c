/* The driver contract of link/netdev.h, asked of every driver in the same words.
 *
 * Goal: whatever moves frames, the stack above can rely on the same things.  Method: each case runs
 * once for each row of helper/kinds.h, with a far end that is not the driver's own code. */
#include "helper/unit.h"

#include <poll.h>

#include "helper/kinds.h"
#include "port/port.h"

#define ETH 14u
#define PATIENCE SEC(3)

static struct kinds_rig rig;
static uint8_t buffer[KINDS_FRAME_MAX];

/* Frame number `k` of `n` bytes; every byte follows from both. */
static void frame_make(uint8_t *b, uint32_t n, uint32_t k)
{
	for (uint32_t i = 0; i < n; i++)
		b[i] = (uint8_t)(k * 31 + i * 7 + (i >> 8));
	memcpy(b, rig.dev.mac.b, MIN(n, 6u));
	if (n >= 12)
		memcpy(b + 6, "\x02\x00\x00\x00\x00\x77", 6);
	if (n >= ETH)
		store_be16(b + 12, KINDS_ETHERTYPE);
}

static bool frame_is(const uint8_t *b, uint32_t n, uint32_t k)
{
	static uint8_t want[KINDS_FRAME_MAX];

	frame_make(want, n, k);
	return !memcmp(b, want, n);
}

/* A packet in `pieces` pieces of odd lengths, the first with the Ethernet header. */
static struct pkt *packet(uint32_t n, uint32_t k, unsigned pieces)
{
	struct pkt *p = pkt_new(&rig.pool);
	uint32_t at = pieces > 1 ? ETH : n;

	frame_make(buffer, n, k);
	assert_non_null(p);
	assert_int_equal(pkt_write(p, buffer, at), 0);
	for (unsigned i = 1; i < pieces; i++) {
		uint32_t part = i + 1 < pieces ? MIN((n - at) / (pieces - i) | 1, n - at) : n - at;
		struct pkt *more = pkt_new(&rig.pool);

		assert_non_null(more);
		assert_int_equal(pkt_write(more, buffer + at, part), 0);
		pkt_append(p, more);
		at += part;
	}
	return p;
}

/* Only frames of the suite; the kernel's own go. */
static int rx(struct pkt **out, unsigned max)
{
	int got = rig.dev.ops->rx(&rig.dev, out, max), n = 0;

	for (int i = 0; i < got; i++) {
		if (out[i]->len >= ETH && load_be16(out[i]->data + 12) == KINDS_ETHERTYPE)
			out[n++] = out[i];
		else
			pkt_put(out[i]);
	}
	return got < 0 ? got : n;
}

static struct pkt *rx_one(void)
{
	nsec end = port_now() + PATIENCE;
	struct pkt *p;

	while (rx(&p, 1) != 1)
		if (port_now() > end)
			return NULL;
	return p;
}

static uint32_t take(void)
{
	nsec end = port_now() + PATIENCE;
	uint32_t n;

	while (!(n = rig.row->take(&rig, buffer, sizeof(buffer))))
		if (port_now() > end)
			return 0;
	return n;
}

static void expect_rx(uint32_t n, uint32_t k)
{
	struct pkt *p = rx_one();

	if (!p)
		fail_msg("%s: frame %u of %u bytes did not arrive", rig.row->name, k, n);
	assert_int_equal(p->total, n);
	assert_int_equal(p->refs, 1);
	assert_ptr_equal(p->pool, &rig.pool);
	assert_int_equal(pkt_read(p, 0, buffer, sizeof(buffer)), n);
	if (!frame_is(buffer, n, k))
		fail_msg("%s: frame %u of %u bytes is another", rig.row->name, k, n);
	pkt_put(p);
}

static void expect_take(uint32_t n, uint32_t k)
{
	uint32_t got = take();

	if (got != n || !frame_is(buffer, n, k))
		fail_msg("%s: frame %u: %u bytes for %u, or others", rig.row->name, k, got, n);
}

static void put(uint32_t n, uint32_t k)
{
	frame_make(buffer, n, k);
	if (!rig.row->put(&rig, buffer, n))
		fail_msg("%s: the far end cannot send %u bytes", rig.row->name, n);
}

static unsigned tx(struct pkt **p, unsigned n)
{
	return rig.dev.ops->tx(&rig.dev, p, n);
}

/* Runs a case for every kind. */
static void each(uint32_t mtu, void (*run)(void))
{
	for (unsigned i = 0; i < kinds_n; i++) {
		struct pkt *p;

		if (mtu > 1500 && !kinds[i].jumbo)
			continue;
		if (kinds_open(&rig, &kinds[i], mtu))
			continue;
		assert_int_equal(rig.dev.mtu, mtu);
		assert_true(rig.dev.ops->kind && rig.dev.name[0] && !mac_is_group(rig.dev.mac));
		while (rx(&p, 1) == 1)
			pkt_put(p);
		run();
		kinds_close(&rig);
	}
}

/* ---- the contract */

static void run_bursts(void)
{
	unsigned most = rig.row->holds ? rig.row->holds : NETDEV_BURST;
	unsigned sizes[] = { 0, 1, 2, most - 1, most };
	struct pkt *p[NETDEV_BURST];
	uint64_t tx_frames = rig.dev.stats.tx_frames;
	unsigned all = 0;

	for (unsigned s = 0; s < ARRAY_LEN(sizes); s++) {
		for (unsigned i = 0; i < sizes[s]; i++)
			p[i] = packet(60 + i, s * 100 + i, 1);
		assert_int_equal(tx(p, sizes[s]), sizes[s]);
		for (unsigned i = 0; i < sizes[s]; i++)
			expect_take(60 + i, s * 100 + i);
		for (unsigned i = 0; i < sizes[s]; i++)
			put(60 + i, s * 100 + i);
		for (unsigned i = 0; i < sizes[s]; i++)
			expect_rx(60 + i, s * 100 + i);
		all += sizes[s];
	}
	assert_int_equal(rx(p, 0), 0);
	assert_int_equal(rig.dev.stats.tx_frames - tx_frames, all);
	assert_true(rig.dev.stats.rx_frames >= all);
}

static void bursts_of_any_size_arrive_whole_and_in_order(void **state)
{
	each(1500, run_bursts);
}

static void run_lengths(void)
{
	uint32_t lengths[] = { ETH, ETH + 1, 60, 61, 1000, PKT_ROOM - 1, PKT_ROOM, PKT_ROOM + 1,
			       rig.mtu + ETH - 1, rig.mtu + ETH };

	for (unsigned i = 0; i < ARRAY_LEN(lengths); i++) {
		struct pkt *p;

		if (lengths[i] > rig.mtu + ETH)
			continue;
		p = packet(lengths[i], i, 1);
		assert_int_equal(tx(&p, 1), 1);
		expect_take(lengths[i], i);
		put(lengths[i], i);
		expect_rx(lengths[i], i);
	}
}

static void frames_of_any_length_up_to_the_mtu_pass(void **state)
{
	each(1500, run_lengths);
	each(9000, run_lengths);
}

static void run_chains(void)
{
	for (unsigned pieces = 1; pieces <= 8; pieces++) {
		struct pkt *p = packet(1400, pieces, pieces);

		assert_true(pieces == 1 || rig.dev.features & NETDEV_CHAIN_TX);
		assert_int_equal(tx(&p, 1), 1);
		expect_take(1400, pieces);
	}
}

static void a_packet_of_several_pieces_is_one_frame(void **state)
{
	each(1500, run_chains);
}

/* tx keeps the reference that it took, and no other. */
static void run_references(void)
{
	struct pkt *p = packet(100, 1, 1), *same = pkt_get(p);

	assert_int_equal(tx(&p, 1), 1);
	expect_take(100, 1);
	for (nsec end = port_now() + PATIENCE; same->refs > 1 && port_now() < end;)
		tx(&p, 0);
	assert_int_equal(same->refs, 1);
	assert_true(frame_is(same->data, 100, 1));
	pkt_put(same);
}

static void the_reference_comes_back_when_the_frame_is_out(void **state)
{
	each(1500, run_references);
}

static void run_full(void)
{
	struct pkt *p[NETDEV_BURST];
	uint64_t before = rig.dev.stats.tx_frames + rig.dev.stats.tx_error;
	unsigned taken = 0, next = 0;

	for (unsigned round = 0; round < 64; round++) {
		unsigned sent;

		for (unsigned i = 0; i < NETDEV_BURST; i++)
			p[i] = packet(1514, taken + i, 1);
		sent = tx(p, NETDEV_BURST);
		assert_true(sent <= NETDEV_BURST);
		for (unsigned i = sent; i < NETDEV_BURST; i++)
			pkt_put(p[i]);		/* still ours */
		taken += sent;
		if (sent < NETDEV_BURST)
			break;
	}
	assert_int_equal(rig.dev.stats.tx_frames + rig.dev.stats.tx_error - before, taken);
	assert_true(taken == 64 * NETDEV_BURST || rig.dev.stats.tx_full > 0);
	/* What arrives is in order and none comes twice; a kernel in between may lose some. */
	for (uint32_t n; (n = rig.row->take(&rig, buffer, sizeof(buffer)));) {
		while (next < taken && !frame_is(buffer, n, next))
			next++;
		assert_true(next < taken);
		next++;
		tx(p, 0);
	}
	assert_true(next > 0);
	p[0] = packet(77, 9, 1);	/* and it goes on */
	assert_int_equal(tx(p, 1), 1);
	expect_take(77, 9);
}

static void a_full_ring_hands_frames_back_and_goes_on(void **state)
{
	each(1500, run_full);
}

static void run_flood(void)
{
	uint64_t before = rig.dev.stats.rx_frames;
	unsigned sent = 0, next = 0, got = 0;
	struct pkt *p;

	for (; sent < 3000; sent++) {
		frame_make(buffer, 1514, sent);
		if (!rig.row->put(&rig, buffer, 1514))
			break;
	}
	while (rx(&p, 1) == 1) {
		assert_int_equal(pkt_read(p, 0, buffer, sizeof(buffer)), 1514);
		while (next < sent && !frame_is(buffer, 1514, next))
			next++;
		assert_true(next < sent);
		next++;
		got++;
		pkt_put(p);
	}
	assert_true(got > 0 && got <= sent);
	assert_true(rig.dev.stats.rx_frames - before >= got);
}

static void a_flood_loses_frames_at_the_ring_and_nothing_else(void **state)
{
	each(1500, run_flood);
}

static void run_giants(void)
{
	uint64_t before = rig.dev.stats.rx_oversize;

	if (!rig.row->giants)
		return;
	put(rig.mtu + ETH + 1, 1);
	put(rig.mtu + ETH + 400, 2);
	put(80, 3);
	expect_rx(80, 3);
	assert_int_equal(rig.dev.stats.rx_oversize - before, 2);
}

static void a_frame_beyond_the_mtu_is_counted_and_lost(void **state)
{
	each(1000, run_giants);
	each(1500, run_giants);
}

static void run_runts(void)
{
	if (!rig.row->runts)
		return;
	put(1, 1);
	put(ETH - 1, 2);
	put(ETH, 3);
	expect_rx(ETH, 3);
	assert_int_equal(rig.dev.stats.rx_runt, 2);
}

static void a_frame_shorter_than_a_header_is_counted_and_lost(void **state)
{
	each(1500, run_runts);
}

static void run_hunger(void)
{
	struct pkt *held = NULL, *p;
	unsigned arrived = 0;

	while (rig.pool.free_frames_n) {
		p = pkt_new(&rig.pool);
		p->next = held;
		held = p;
	}
	for (unsigned i = 0; i < 600; i++) {	/* more than any driver keeps ready */
		frame_make(buffer, 200, i);
		rig.row->put(&rig, buffer, 200);
		if (rx(&p, 1) == 1) {
			arrived++;
			p->next = held;
			held = p;
		}
	}
	assert_true(arrived < 600);
	while ((p = held)) {
		held = p->next;
		p->next = NULL;
		pkt_put(p);
	}
	for (unsigned i = 0; i < 3000; i++)	/* what had waited outside */
		if (rx(&p, 1) == 1)
			pkt_put(p);
	while ((p = NULL, rx(&p, 1)) == 1)
		pkt_put(p);
	put(99, 7);
	expect_rx(99, 7);
}

static void without_frames_it_waits_or_counts_and_then_goes_on(void **state)
{
	each(1500, run_hunger);
}

static void run_wake(void)
{
	struct pollfd fd = { .fd = rig.dev.wake_fd, .events = POLLIN };
	struct pkt *p;

	if (fd.fd < 0)
		return;
	while (rig.dev.ops->arm(&rig.dev))
		while (rx(&p, 1) == 1)
			pkt_put(p);
	put(64, 1);
	assert_int_equal(poll(&fd, 1, 3000), 1);
	expect_rx(64, 1);
	put(65, 2);
	assert_true(rig.dev.ops->arm(&rig.dev) || poll(&fd, 1, 3000) == 1);
	expect_rx(65, 2);
}

static void a_frame_wakes_who_sleeps_and_none_comes_unseen(void **state)
{
	each(1500, run_wake);
}

static void run_unplug(void)
{
	struct pkt *p;
	nsec end;
	uint64_t lost = rig.dev.stats.tx_error;

	if (!rig.row->unplug)
		return;
	put(64, 1);
	expect_rx(64, 1);
	rig.row->unplug(&rig);
	for (unsigned i = 0; i < 50; i++) {
		p = packet(100, i, 1);
		assert_true(rx(&p + 0, 0) <= 0);
		if (!tx(&p, 1))
			pkt_put(p);
		assert_true(rx(&p, 1) <= 0);
	}
	assert_true(rig.dev.stats.tx_error > lost);
	rig.row->plug(&rig);
	for (end = port_now() + PATIENCE; port_now() < end;) {
		frame_make(buffer, 69, 4);
		if (rx(&p, 1) == 1) {	/* a kernel's queue opens a moment after its carrier */
			pkt_put(p);
			break;
		}
		rig.row->put(&rig, buffer, 69);
	}
	assert_true(rig.dev.up);
	for (end = port_now() + MSEC(20); port_now() < end;)
		if (rx(&p, 1) == 1)
			pkt_put(p);
	while (rig.row->take(&rig, buffer, sizeof(buffer)))
		;
	put(70, 5);
	expect_rx(70, 5);
	p = packet(71, 6, 1);
	assert_int_equal(tx(&p, 1), 1);
	expect_take(71, 6);
}

static void a_link_that_is_pulled_away_is_survived_and_found_again(void **state)
{
	each(1500, run_unplug);
}

/* kinds_close() asserts that nothing is missing. */
static void run_shutdown(void)
{
	struct pkt *p[NETDEV_BURST];
	unsigned sent;

	for (unsigned i = 0; i < NETDEV_BURST; i++) {
		if (!rig.row->holds || i < rig.row->holds)
			put(1514, i);
		p[i] = packet(1514, i, 1 + i % 3);
	}
	sent = tx(p, NETDEV_BURST);
	for (unsigned i = sent; i < NETDEV_BURST; i++)
		pkt_put(p[i]);
	if (rx(p, 1) == 1)
		pkt_put(p[0]);
}

static void a_shutdown_with_frames_in_flight_leaks_none(void **state)
{
	each(1500, run_shutdown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bursts_of_any_size_arrive_whole_and_in_order),
		cmocka_unit_test(frames_of_any_length_up_to_the_mtu_pass),
		cmocka_unit_test(a_packet_of_several_pieces_is_one_frame),
		cmocka_unit_test(the_reference_comes_back_when_the_frame_is_out),
		cmocka_unit_test(a_full_ring_hands_frames_back_and_goes_on),
		cmocka_unit_test(a_flood_loses_frames_at_the_ring_and_nothing_else),
		cmocka_unit_test(a_frame_beyond_the_mtu_is_counted_and_lost),
		cmocka_unit_test(a_frame_shorter_than_a_header_is_counted_and_lost),
		cmocka_unit_test(without_frames_it_waits_or_counts_and_then_goes_on),
		cmocka_unit_test(a_frame_wakes_who_sleeps_and_none_comes_unseen),
		cmocka_unit_test(a_link_that_is_pulled_away_is_survived_and_found_again),
		cmocka_unit_test(a_shutdown_with_frames_in_flight_leaks_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
