/* Reassembly: datagrams from fragments in every order, and each bound that strangers run into. */
#include "helper/unit.h"

#include "helper/fakedev.h"
#include "helper/lower.h"

static struct lower *l;
static uint8_t data[65536 + 64];

static int setup(void **state)
{
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 13 + i / 247);
	l = lower_new(NULL);
	lower_watch(l);
	return 0;
}

static int teardown(void **state)
{
	lower_free(l);
	return 0;
}

/* Builds bytes [off, off + n) of the datagram `id` as a fragment from `src`. */
static void build(uint32_t src, uint16_t id, uint32_t off, uint32_t n, bool more)
{
	lower_ip(l, data + (off & 0xffff), n);
	store_be32(l->frame.b + FRAME_IP + 12, src);
	frame_fragment(&l->frame, id, off, more);
}

static void in(uint16_t id, uint32_t off, uint32_t n, bool more)
{
	build(LOWER_PEER, id, off, n, more);
	lower_in(l);
}

/* The last datagram that came is data[0, n); it is put away. */
static void expect_whole(uint32_t n)
{
	static uint8_t b[65536];
	struct pkt *p;

	assert_int_equal(l->got_n, 1);
	p = l->got_p[--l->got_n];
	assert_int_equal(p->total, n);
	assert_int_equal(pkt_read(p, 0, b, n), n);
	assert_memory_equal(b, data, n);
	assert_true(p->len >= MIN(n, IP_CONTIGUOUS));
	pkt_put(p);
}

/* ---- datagrams */

static void fragments_in_order_make_the_datagram(void **state)
{
	in(1, 0, 1480, true);
	in(1, 1480, 1480, true);
	assert_int_equal(l->got_n, 0);
	in(1, 2960, 100, false);
	expect_whole(3060);
	assert_int_equal(l->ip.reassembled, 1);
	assert_int_equal(l->stage.core.wheel.armed, 1);	/* the neighbour's */
}

static void fragments_in_any_order_make_the_datagram(void **state)
{
	struct prng prng;

	prng_seed(&prng, 5);
	for (unsigned round = 0; round < 200; round++) {
		unsigned order[20], n = 1 + prng_below(&prng, 20);

		for (unsigned i = 0; i < n; i++)
			order[i] = i;
		for (unsigned i = n - 1; i > 0; i--) {
			unsigned k = prng_below(&prng, i + 1), t = order[i];

			order[i] = order[k];
			order[k] = t;
		}
		for (unsigned i = 0; i < n; i++)
			in((uint16_t)round, order[i] * 64, order[i] == n - 1 ? 33 : 64,
			   order[i] != n - 1);
		if (n == 1)
			expect_whole(33);
		else
			expect_whole((n - 1) * 64 + 33);
	}
	assert_int_equal(lower_drops_all(l), 0);
}

static void header_in_front_of_the_datagram_is_as_if_it_had_been_whole(void **state)
{
	struct wire_ipv4 h;
	struct pkt *p;

	in(1, 1480, 520, false);
	in(1, 0, 1480, true);
	p = l->got_p[0];
	assert_int_equal(wire_ipv4_parse(&h, p->data - p->l3, 20, 2020), 0);
	assert_int_equal(h.total_len, 2020);
	assert_int_equal(h.frag, 0);
	assert_int_equal(h.src, LOWER_PEER);
}

static void tiny_first_fragment_is_joined_with_what_follows(void **state)
{
	in(1, 0, 8, true);		/* RFC 1858 §3: less than a transport's header */
	for (unsigned i = 1; i < 30; i++)
		in(1, i * 8, 8, i < 29);
	assert_int_equal(l->got_p[0]->l3, 20);
	assert_int_equal(load_be32(l->got_p[0]->data - 20 + 12), LOWER_PEER);
	expect_whole(240);
}

static void datagrams_with_other_ids_sources_or_protocols_are_others(void **state)
{
	in(1, 0, 64, true);
	in(2, 64, 64, false);
	build(LOWER_FAR, 1, 64, 64, false);
	lower_in(l);
	build(LOWER_PEER, 1, 64, 64, false);
	l->frame.b[FRAME_IP + 9] = 254;
	frame_sum_ip(&l->frame);
	lower_in(l);
	assert_int_equal(l->got_n, 0);
	in(1, 64, 64, false);
	expect_whole(128);
}

static void longest_datagram_is_whole_with_65515_bytes(void **state)
{
	struct lower_config config = {.mtu = 9000, .frames = 4096};

	lower_free(l);
	l = lower_new(&config);
	lower_watch(l);
	for (uint32_t off = 0; off < 65515; off += 8192)
		in(1, off, MIN(8192, 65515 - off), off + 8192 < 65515);
	expect_whole(65515);
}

static void congestion_seen_by_one_fragment_was_seen_by_all(void **state)
{
	for (unsigned i = 0; i < 3; i++) {
		build(LOWER_PEER, 1, i * 64, 64, i < 2);
		l->frame.b[FRAME_IP + 1] = i == 1 ? 3 : 2;
		frame_sum_ip(&l->frame);
		lower_in(l);
	}
	assert_int_equal(l->got_p[0]->rx.ecn, 3);	/* RFC 3168 §5.3 */
	in(2, 0, 64, true);
	in(2, 64, 64, false);
	assert_int_equal(l->got_p[1]->rx.ecn, 0);	/* and by none, by none */
}

/* A device that vouches for each frame's checksum does not know the datagram's. */
static void device_cannot_vouch_for_the_whole(void **state)
{
	for (unsigned i = 0; i < 2; i++) {
		struct pkt *p;

		build(LOWER_PEER, 1, i * 64, 64, i < 1);
		p = fakedev_packet(l->dev, l->frame.b + FRAME_IP, l->frame.n - FRAME_IP);
		p->flags |= PKT_CSUM_OK;
		ip_input(&l->ip, &p, 1);
	}
	lower_run(l);
	assert_int_equal(l->got_n, 1);
	assert_false(l->got_p[0]->flags & PKT_CSUM_OK);
}

/* ---- refused */

static void exact_copy_is_FRAG_DUP_and_harmless(void **state)
{
	in(1, 0, 64, true);
	in(1, 0, 64, true);
	in(1, 128, 64, false);
	in(1, 128, 64, false);
	assert_int_equal(lower_drops(l, DROP_FRAG_DUP), 2);
	in(1, 64, 64, true);
	expect_whole(192);
}

static void overlap_is_FRAG_OVERLAP_and_refuses_the_datagram(void **state)
{
	/* offset, length and more-fragments of the third piece, after [64, 128) and [192, 256) */
	static const struct { uint32_t off, n; bool more; } third[] = {
		{0, 72, true}, {64, 56, true}, {64, 72, true}, {72, 8, true}, {120, 80, true},
		{184, 16, true}, {248, 16, false}, {0, 512, true},
	};

	for (unsigned i = 0; i < ARRAY_LEN(third); i++) {
		uint64_t before = lower_drops(l, DROP_FRAG_OVERLAP);
		uint16_t id = (uint16_t)(10 + i);

		in(id, 64, 64, true);
		in(id, 192, 64, true);
		in(id, third[i].off, third[i].n, third[i].more);
		assert_int_equal(lower_drops(l, DROP_FRAG_OVERLAP), before + 3);
		in(id, 0, 64, true);		/* RFC 5722 §4: and those still to come */
		in(id, 256, 64, false);
		assert_int_equal(lower_drops(l, DROP_FRAG_OVERLAP), before + 5);
	}
	assert_int_equal(l->got_n, 0);
}

static void two_ends_or_bytes_behind_the_end_are_FRAG_OVERLAP(void **state)
{
	in(1, 64, 64, false);
	in(1, 128, 64, false);
	assert_int_equal(lower_drops(l, DROP_FRAG_OVERLAP), 2);
	in(2, 64, 64, false);
	in(2, 128, 64, true);
	assert_int_equal(lower_drops(l, DROP_FRAG_OVERLAP), 4);
	in(3, 128, 64, true);
	in(3, 64, 64, false);
	assert_int_equal(lower_drops(l, DROP_FRAG_OVERLAP), 6);
}

static void empty_fragment_or_one_not_of_eights_is_FRAG_SHORT(void **state)
{
	in(1, 0, 0, true);
	in(1, 64, 0, false);
	in(1, 0, 63, true);
	in(1, 0, 7, true);
	assert_int_equal(lower_drops(l, DROP_FRAG_SHORT), 4);
	assert_int_equal(l->stage.core.wheel.armed, 1);	/* nothing was begun */
}

static void bytes_beyond_65535_are_FRAG_OVERSIZE(void **state)
{
	in(1, 65504, 12, false);	/* "ping of death" */
	in(1, 65528, 64, false);
	assert_int_equal(lower_drops(l, DROP_FRAG_OVERSIZE), 2);
	in(1, 65504, 11, false);
	assert_int_equal(lower_drops(l, DROP_FRAG_OVERSIZE), 2);
}

/* With options in its first header, a datagram can be too long although its data are not. */
static void whole_with_its_header_beyond_65535_is_FRAG_OVERSIZE(void **state)
{
	struct lower_config config = {.mtu = 9000, .frames = 4096};

	lower_free(l);
	l = lower_new(&config);
	lower_watch(l);
	for (uint32_t off = 8192; off < 65515; off += 8192)
		in(1, off, MIN(8192, 65515 - off), off + 8192 < 65515);
	build(LOWER_PEER, 1, 0, 8192, true);
	memmove(l->frame.b + FRAME_L4 + 4, l->frame.b + FRAME_L4, 8192);
	memset(l->frame.b + FRAME_L4, 1, 4);
	l->frame.n += 4;
	l->frame.b[FRAME_IP] = 0x46;
	store_be16(l->frame.b + FRAME_IP + 2, 8192 + 24);
	frame_sum_ip(&l->frame);
	lower_in(l);
	assert_int_equal(lower_drops(l, DROP_FRAG_OVERSIZE), 1);
	assert_int_equal(l->got_n, 0);
}

static void sixty_fifth_piece_is_FRAG_TOO_MANY_and_refuses_the_datagram(void **state)
{
	for (unsigned i = 0; i < IP_FRAG_PIECES_MAX; i++)
		in(1, i * 16, 8, true);
	assert_int_equal(lower_drops_all(l), 0);
	in(1, IP_FRAG_PIECES_MAX * 16, 8, true);
	assert_int_equal(lower_drops(l, DROP_FRAG_TOO_MANY), IP_FRAG_PIECES_MAX + 1);
	in(1, 8, 8, true);
	assert_int_equal(lower_drops(l, DROP_FRAG_TOO_MANY), IP_FRAG_PIECES_MAX + 2);
}

static void full_table_pushes_out_the_oldest_as_FRAG_TABLE(void **state)
{
	for (unsigned i = 0; i < IP_FRAG_DATAGRAMS_MAX; i++) {
		build(LOWER_FAR + i, 1, 0, 64, true);
		lower_in(l);
	}
	assert_int_equal(lower_drops_all(l), 0);
	in(1, 0, 64, true);
	assert_int_equal(lower_drops(l, DROP_FRAG_TABLE), 1);
	build(LOWER_FAR + 1, 1, 64, 64, false);	/* the second is still there, the first is not */
	lower_in(l);
	expect_whole(128);
	build(LOWER_FAR, 1, 64, 64, false);
	lower_in(l);
	assert_int_equal(l->got_n, 0);
}

static void source_with_many_datagrams_pushes_out_its_own(void **state)
{
	build(LOWER_FAR, 1, 0, 64, true);
	lower_in(l);
	for (uint16_t i = 0; i < 1000; i++)
		in(i, 0, 64, true);
	build(LOWER_FAR, 1, 64, 64, false);
	lower_in(l);
	expect_whole(128);
}

static void frames_held_are_a_quarter_of_the_pool_at_most(void **state)
{
	uint32_t least = l->stage.pool.free_frames_n;

	for (unsigned k = 0; k < 20; k++) {
		for (unsigned i = 0; i < 30; i++) {
			build(LOWER_FAR + k, 1, i * 16, 8, true);
			lower_in(l);
			least = MIN(least, l->stage.pool.free_frames_n);
		}
	}
	assert_int_equal(LOWER_FRAMES - least, LOWER_FRAMES / 4);
	assert_true(lower_drops(l, DROP_FRAG_TABLE) >= 20 * 30 - LOWER_FRAMES / 4);
}

/* One datagram that alone wants more than the share is not completed, and nothing else breaks. */
static void datagram_larger_than_the_share_is_FRAG_TABLE(void **state)
{
	struct lower_config config = {.frames = 64};

	lower_free(l);
	l = lower_new(&config);
	lower_watch(l);
	for (unsigned i = 0; i < 17; i++)
		in(1, i * 16, 8, true);
	assert_int_equal(lower_drops(l, DROP_FRAG_TABLE), 1);
}

static void unfinished_datagram_times_out_and_its_source_is_told(void **state)
{
	in(1, 64, 64, false);
	in(1, 0, 56, true);
	lower_pass(l, IP_FRAG_TIMEOUT - MSEC(10));
	assert_int_equal(lower_drops_all(l), 0);
	lower_pass(l, MSEC(20));
	assert_int_equal(lower_drops(l, DROP_FRAG_TIMEOUT), 2);
	assert_non_null(lower_out(l));
	assert_int_equal(l->got.b[FRAME_L4], WIRE_ICMP_TIME_EXCEEDED);
	assert_int_equal(l->got.b[FRAME_L4 + 1], 1);
	assert_memory_equal(l->got.b + FRAME_L4 + 28, data, 56);
	in(1, 56, 8, true);			/* begins anew */
	assert_int_equal(l->got_n, 0);
}

static void without_its_first_fragment_a_timeout_is_silent(void **state)
{
	in(1, 64, 64, true);
	lower_pass(l, IP_FRAG_TIMEOUT + MSEC(1));
	assert_int_equal(lower_drops(l, DROP_FRAG_TIMEOUT), 1);
	assert_null(lower_out(l));		/* RFC 792: time exceeded */
}

static void refused_datagram_is_forgotten_after_the_timeout(void **state)
{
	in(1, 0, 64, true);
	in(1, 32, 64, true);
	lower_pass(l, IP_FRAG_TIMEOUT + MSEC(1));
	assert_null(lower_out(l));
	in(1, 0, 64, true);
	in(1, 64, 64, false);
	expect_whole(128);
}

static void whole_without_a_frame_to_join_its_head_is_POOL_EMPTY(void **state)
{
	struct pkt *p, *none;

	in(1, 0, 8, true);
	build(LOWER_PEER, 1, 8, 64, false);
	p = fakedev_packet(l->dev, l->frame.b + FRAME_IP, l->frame.n - FRAME_IP);
	none = stage_starve(&l->stage, 0);
	ip_input(&l->ip, &p, 1);
	assert_int_equal(lower_drops(l, DROP_POOL_EMPTY), 1);
	stage_feed(&l->stage, none);
}

static void fragments_that_wait_are_freed_at_the_end(void **state)
{
	in(1, 0, 64, true);
	in(2, 64, 64, true);		/* teardown counts */
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(fragments_in_order_make_the_datagram),
		T(fragments_in_any_order_make_the_datagram),
		T(header_in_front_of_the_datagram_is_as_if_it_had_been_whole),
		T(tiny_first_fragment_is_joined_with_what_follows),
		T(datagrams_with_other_ids_sources_or_protocols_are_others),
		T(longest_datagram_is_whole_with_65515_bytes),
		T(congestion_seen_by_one_fragment_was_seen_by_all),
		T(device_cannot_vouch_for_the_whole),
		T(exact_copy_is_FRAG_DUP_and_harmless),
		T(overlap_is_FRAG_OVERLAP_and_refuses_the_datagram),
		T(two_ends_or_bytes_behind_the_end_are_FRAG_OVERLAP),
		T(empty_fragment_or_one_not_of_eights_is_FRAG_SHORT),
		T(bytes_beyond_65535_are_FRAG_OVERSIZE),
		T(whole_with_its_header_beyond_65535_is_FRAG_OVERSIZE),
		T(sixty_fifth_piece_is_FRAG_TOO_MANY_and_refuses_the_datagram),
		T(full_table_pushes_out_the_oldest_as_FRAG_TABLE),
		T(source_with_many_datagrams_pushes_out_its_own),
		T(frames_held_are_a_quarter_of_the_pool_at_most),
		T(datagram_larger_than_the_share_is_FRAG_TABLE),
		T(unfinished_datagram_times_out_and_its_source_is_told),
		T(without_its_first_fragment_a_timeout_is_silent),
		T(refused_datagram_is_forgotten_after_the_timeout),
		T(whole_without_a_frame_to_join_its_head_is_POOL_EMPTY),
		T(fragments_that_wait_are_freed_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
