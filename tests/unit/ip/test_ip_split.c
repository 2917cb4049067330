/* Fragments out: their shape, that nothing is copied, and all or nothing. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/fakedev.h"
#include "helper/lower.h"

static struct lower *l;
static uint8_t data[65536];

static int setup_with(bool chains, uint16_t mtu)
{
	struct lower_config config = {.chain_tx = chains, .mtu = mtu};

	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 11 + i / 251);
	l = lower_new(&config);
	lower_watch(l);
	return 0;
}

static int setup(void **state)
{
	return setup_with(true, 1500);
}

static int setup_no_chains(void **state)
{
	return setup_with(false, 1500);
}

static int setup_narrow(void **state)
{
	return setup_with(true, 577);
}

static int teardown(void **state)
{
	lower_free(l);
	return 0;
}

/* Takes the fragments of one datagram of `n` bytes off the wire and checks each. */
static void expect_fragments(uint32_t n, uint32_t step)
{
	uint32_t at = 0;
	uint16_t id = 0;
	struct wire_ipv4 h;

	lower_run(l);
	while (lower_out(l)) {
		uint32_t len = l->got.n - FRAME_L4;

		assert_int_equal(wire_ipv4_parse(&h, l->got.b + FRAME_IP, 20, len + 20), 0);
		assert_int_equal(h.total_len, len + 20);
		assert_int_equal((h.frag & WIRE_IPV4_OFFSET) * 8, at);
		assert_memory_equal(l->got.b + FRAME_L4, data + at, len);
		assert_int_equal(h.frag & WIRE_IPV4_DF, 0);
		assert_int_equal(!!(h.frag & WIRE_IPV4_MF), at + len < n);
		assert_int_equal(len, MIN(step, n - at));
		assert_true(at == 0 || h.id == id);
		id = h.id;
		at += len;
	}
	assert_int_equal(at, n);
}

static void datagram_longer_than_the_mtu_leaves_in_fragments_of_eights(void **state)
{
	static const uint32_t sizes[] = {1481, 2960, 2961, 4000, 65515};

	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		assert_int_equal(lower_send(l, LOWER_PEER, data, sizes[i], false), 0);
		expect_fragments(sizes[i], 1480);
	}
	assert_int_equal(l->ip.fragmented, ARRAY_LEN(sizes));
	assert_int_equal(lower_drops_all(l), 0);
}

static void datagram_that_just_fits_is_not_fragmented(void **state)
{
	assert_int_equal(lower_send(l, LOWER_PEER, data, 1480, false), 0);
	lower_run(l);
	assert_int_equal(lower_out_n(l), 1);
	assert_int_equal(l->ip.fragmented, 0);
}

static void step_is_a_multiple_of_eight_whatever_the_mtu(void **state)
{
	assert_int_equal(lower_send(l, LOWER_PEER, data, 3000, false), 0);
	expect_fragments(3000, 552);		/* 557 fit */
}

static void payload_is_not_copied(void **state)
{
	uint32_t frames = l->stage.pool.free_frames_n;

	assert_int_equal(lower_send(l, LOWER_PEER, data, 2 * 1480, false), 0);
	/* two frames of payload (1856 and 1104 bytes), two headers */
	assert_int_equal(frames - l->stage.pool.free_frames_n, 4);
	lower_run(l);
	assert_int_equal(l->dev->out[l->dev->out_at].pieces, 2);	/* header, slice */
	assert_int_equal(l->dev->out[l->dev->out_at + 1].pieces, 3);	/* header, two slices */
}

static void fragments_are_made_one_piece_for_a_device_that_takes_no_chains(void **state)
{
	assert_int_equal(lower_send(l, LOWER_PEER, data, 5000, false), 0);
	lower_run(l);
	assert_int_equal(l->dev->out[l->dev->out_at].pieces, 1);
	expect_fragments(5000, 1480);
}

static void over_65535_bytes_is_E_MSGSIZE(void **state)
{
	assert_int_equal(lower_send(l, LOWER_PEER, data, 65516, false), -E_MSGSIZE);
	assert_int_equal(lower_drops(l, DROP_IP_TOTAL_LEN), 1);
	assert_int_equal(lower_out_n(l), 0);
}

/* Whatever is missing, frames or descriptors, nothing leaves and nothing is lost. */
static void without_memory_for_all_fragments_none_leaves(void **state)
{
	struct addr us = addr_v4(LOWER_US), to = addr_v4(LOWER_PEER);
	struct ip_send how = {.proto = LOWER_PROTO};

	for (unsigned left = 0; left < 7; left++) {
		struct ip_path path = {0};
		struct pkt *p = fakedev_packet(l->dev, data, 10000), *none;

		none = stage_starve(&l->stage, left);
		assert_int_equal(ip_output(&l->ip, &path, &us, &to, &how, p), -E_NOBUFS);
		stage_feed(&l->stage, none);
		lower_run(l);
		assert_int_equal(lower_out_n(l), 0);
		assert_int_equal(lower_drops(l, DROP_POOL_EMPTY), left + 1);
	}
	l->stage.pool.free_bare_n -= 250;
	assert_int_equal(lower_send(l, LOWER_PEER, data, 10000, false), -E_NOBUFS);
	l->stage.pool.free_bare_n += 250;
	assert_int_equal(lower_drops(l, DROP_POOL_EMPTY), 8);
	assert_int_equal(lower_send(l, LOWER_PEER, data, 10000, false), 0);
	expect_fragments(10000, 1480);
}

static void datagram_to_ourselves_longer_than_the_loops_mtu_comes_whole(void **state)
{
	assert_int_equal(lower_send(l, LOWER_US, data, 65515, false), 0);
	assert_int_equal(l->ip.loop.n, 2);
	lower_run(l);
	assert_int_equal(l->got_n, 1);
	assert_int_equal(l->got_p[0]->total, 65515);
	assert_true(l->got_p[0]->flags & PKT_CSUM_OK);
	for (uint32_t at = 0; at < 65515; at += 1000) {
		uint8_t b[1000];
		uint32_t n = pkt_read(l->got_p[0], at, b, 1000);

		assert_memory_equal(b, data + at, n);
	}
}

static void fragments_wait_for_the_neighbour_like_any_packet(void **state)
{
	assert_int_equal(lower_send(l, IPV4(10, 0, 0, 9), data, 4000, false), 0);
	lower_run(l);
	assert_int_equal(lower_out_n(l), 1);	/* the question */
	lower_out_skip(l);
	lower_pass(l, SEC(4));
	/* The first fragment tells the transport; the others have nothing to tell. */
	assert_int_equal(l->errors_n, 1);
	assert_int_equal(l->error.err, E_HOSTUNREACH);
	assert_memory_equal(l->error_l4, data, 8);
	assert_int_equal(lower_drops(l, DROP_NEIGH_UNREACHABLE), 3);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(datagram_longer_than_the_mtu_leaves_in_fragments_of_eights),
		T(datagram_that_just_fits_is_not_fragmented),
		cmocka_unit_test_setup_teardown(step_is_a_multiple_of_eight_whatever_the_mtu,
						setup_narrow, teardown),
		T(payload_is_not_copied),
		cmocka_unit_test_setup_teardown(
			fragments_are_made_one_piece_for_a_device_that_takes_no_chains,
			setup_no_chains, teardown),
		T(over_65535_bytes_is_E_MSGSIZE),
		T(without_memory_for_all_fragments_none_leaves),
		T(datagram_to_ourselves_longer_than_the_loops_mtu_comes_whole),
		T(fragments_wait_for_the_neighbour_like_any_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
