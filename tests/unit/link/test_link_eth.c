/* Ethernet: which frames are taken in and by whom, and how frames leave. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/linkrig.h"

static struct linkrig r;

static int setup(void **state)
{
	linkrig_init(&r, 16, NETDEV_CHAIN_TX);
	return 0;
}

static int teardown(void **state)
{
	linkrig_fini(&r);
	return 0;
}

static uint64_t drops(enum drop why)
{
	return r.stage.core.drops[why];
}

/* A frame with `n` bytes behind its header. */
static void frame_to(struct mac dst, struct mac src, uint16_t type, uint32_t n)
{
	frame_eth(&r.frame, dst, src, type);
	memset(r.frame.b + r.frame.n, 0x5a, n);
	r.frame.n += n;
	linkrig_in(&r, r.frame.b, r.frame.n);
}

static struct pkt *packet(uint32_t n)
{
	static const uint8_t zero[4096];
	struct pkt *p = fakedev_packet(&r.dev, zero, n);

	assert_non_null(p);
	return p;
}

static void frame_for_us_reaches_its_upper_without_the_header(void **state)
{
	frame_to(linkrig_mac(1), linkrig_mac(2), WIRE_ETH_IPV4, 46);
	assert_int_equal(r.got_n, 1);
	assert_int_equal(r.got[0]->total, 46);
	assert_int_equal(r.got[0]->data[0], 0x5a);
	assert_int_equal(r.got[0]->if_index, 0);
	assert_false(r.got[0]->flags & PKT_LINK_BCAST);
}

static void broadcast_and_multicast_are_taken_and_marked(void **state)
{
	frame_to(WIRE_MAC_BCAST, linkrig_mac(2), WIRE_ETH_IPV4, 46);
	frame_to((struct mac){{1, 0, 0x5e, 0, 0, 1}}, linkrig_mac(2), WIRE_ETH_IPV4, 46);
	assert_int_equal(r.got_n, 2);
	assert_true(r.got[0]->flags & PKT_LINK_BCAST);
	assert_true(r.got[1]->flags & PKT_LINK_BCAST);
}

static void runt_is_dropped_as_LINK_SHORT(void **state)
{
	for (uint32_t n = 1; n < WIRE_ETH_LEN; n++)
		linkrig_in(&r, r.frame.b, n);
	assert_int_equal(drops(DROP_LINK_SHORT), WIRE_ETH_LEN - 1);
}

static void frame_for_another_is_dropped_as_LINK_NOT_OURS(void **state)
{
	struct mac near = linkrig_mac(1);

	near.b[5] ^= 0x80;
	frame_to(near, linkrig_mac(2), WIRE_ETH_IPV4, 46);
	near = linkrig_mac(1);
	near.b[0] ^= 4;
	frame_to(near, linkrig_mac(2), WIRE_ETH_IPV4, 46);
	assert_int_equal(drops(DROP_LINK_NOT_OURS), 2);
	assert_int_equal(r.got_n, 0);
}

static void frame_from_a_group_is_dropped_as_LINK_SRC_GROUP(void **state)
{
	frame_to(linkrig_mac(1), WIRE_MAC_BCAST, WIRE_ETH_IPV4, 46);
	frame_to(WIRE_MAC_BCAST, (struct mac){{1, 0, 0x5e, 0, 0, 1}}, WIRE_ETH_IPV4, 46);
	assert_int_equal(drops(DROP_LINK_SRC_GROUP), 2);
	assert_int_equal(r.got_n, 0);
}

static void unknown_type_is_dropped_as_LINK_TYPE(void **state)
{
	frame_to(linkrig_mac(1), linkrig_mac(2), 0x88cc, 46);
	frame_to(linkrig_mac(1), linkrig_mac(2), 46, 46);	/* IEEE 802.3 length */
	assert_int_equal(drops(DROP_LINK_TYPE), 2);
}

/* The upper is called once for a burst, bad frames and ARP in between notwithstanding. */
static void burst_of_one_type_is_one_call(void **state)
{
	struct pkt *p[32];
	struct mac to = linkrig_mac(1), other = linkrig_mac(9);

	for (unsigned i = 0; i < 32; i++) {
		frame_eth(&r.frame, i % 8 == 3 ? other : to, linkrig_mac(2),
			  i % 8 == 5 ? WIRE_ETH_ARP : WIRE_ETH_IPV4);
		r.frame.b[WIRE_ETH_LEN] = (uint8_t)i;
		p[i] = fakedev_packet(&r.dev, r.frame.b, 60);
	}
	link_input(&r.link, 0, p, 32);
	assert_int_equal(r.got_calls, 1);
	assert_int_equal(r.got_n, 24);
	assert_int_equal(drops(DROP_LINK_NOT_OURS), 4);
	assert_int_equal(drops(DROP_ARP_FORMAT), 4);
	for (unsigned i = 1; i < r.got_n; i++)
		assert_true(r.got[i]->data[0] > r.got[i - 1]->data[0]);
}

static unsigned v6_n;

static void v6_upper(void *self, struct pkt **p, unsigned n)
{
	v6_n += n;
	for (unsigned i = 0; i < n; i++)
		pkt_put(p[i]);
}

static void burst_of_two_types_is_sorted_in_order(void **state)
{
	struct pkt *p[8];

	v6_n = 0;
	link_add_upper(&r.link, WIRE_ETH_IPV6, v6_upper, NULL);
	for (unsigned i = 0; i < 8; i++) {
		frame_eth(&r.frame, linkrig_mac(1), linkrig_mac(2),
			  i % 4 == 0 ? WIRE_ETH_IPV6 : WIRE_ETH_IPV4);
		p[i] = fakedev_packet(&r.dev, r.frame.b, 60);
	}
	link_input(&r.link, 0, p, 8);
	assert_int_equal(v6_n, 2);
	assert_int_equal(r.got_n, 6);
	assert_int_equal(r.got_calls, 2);
}

static void output_has_our_mac_and_rings_once_a_flush(void **state)
{
	const struct fakedev_frame *f;
	struct mac us = linkrig_mac(1);
	unsigned bells = r.dev.bells;

	for (unsigned i = 0; i < 5; i++)
		link_output_mac(&r.link, 0, linkrig_mac(7), WIRE_ETH_IPV4, packet(40));
	assert_int_equal(r.dev.bells, bells);
	assert_false(link_flush(&r.link));
	assert_int_equal(r.dev.bells, bells + 1);
	f = fakedev_take(&r.dev);
	assert_int_equal(f->n, 54);
	assert_int_equal(f->b[5], 7);
	assert_memory_equal(f->b + 6, us.b, 6);
	assert_int_equal(load_be16(f->b + 12), WIRE_ETH_IPV4);
	assert_int_equal(linkrig_out_n(&r), 4);
}

static void idle_flush_does_not_ring(void **state)
{
	unsigned bells = r.dev.bells;

	assert_false(link_flush(&r.link));
	assert_int_equal(r.dev.bells, bells);
}

static void full_ring_keeps_frames_in_order_then_drops_as_DEV_TX_FULL(void **state)
{
	r.dev.room = 3;
	for (unsigned i = 0; i < LINK_TXQ_MAX + 10; i++) {
		struct pkt *p = packet(40);

		store_be16(p->data, (uint16_t)i);
		link_output_mac(&r.link, 0, linkrig_mac(7), WIRE_ETH_IPV4, p);
		link_check(&r.link);
	}
	assert_int_equal(drops(DROP_DEV_TX_FULL), 7);	/* three left when the queue was full */
	assert_true(link_flush(&r.link));
	r.dev.room = UINT32_MAX;
	assert_false(link_flush(&r.link));
	for (unsigned i = 0; i < LINK_TXQ_MAX + 3; i++)
		assert_int_equal(load_be16(fakedev_take(&r.dev)->b + WIRE_ETH_LEN), i);
	assert_null(fakedev_take(&r.dev));
}

static void too_long_frame_is_dropped_as_DEV_TX_OVERSIZE(void **state)
{
	link_output_mac(&r.link, 0, linkrig_mac(7), WIRE_ETH_IPV4, packet(1500));
	assert_int_equal(linkrig_out_n(&r), 1);
	link_output_mac(&r.link, 0, linkrig_mac(7), WIRE_ETH_IPV4, packet(1501));
	assert_int_equal(linkrig_out_n(&r), 1);
	assert_int_equal(drops(DROP_DEV_TX_OVERSIZE), 1);
}

/* A packet of two pieces, 20 and 980 bytes. */
static struct pkt *chain(void)
{
	struct pkt *p = packet(20), *rest = packet(980);

	for (unsigned i = 0; i < 980; i++)
		rest->data[i] = (uint8_t)i;
	pkt_append(p, rest);
	return p;
}

static void chain_goes_as_it_is_to_a_device_that_takes_it(void **state)
{
	link_output_mac(&r.link, 0, linkrig_mac(7), WIRE_ETH_IPV4, chain());
	assert_int_equal(linkrig_out(&r)->pieces, 2);
}

static void chain_is_made_one_piece_for_a_device_that_does_not(void **state)
{
	const struct fakedev_frame *f;
	struct pkt *taken;

	linkrig_fini(&r);
	linkrig_init(&r, 16, 0);
	link_output_mac(&r.link, 0, linkrig_mac(7), WIRE_ETH_IPV4, chain());
	f = linkrig_out(&r);
	assert_int_equal(f->pieces, 1);
	assert_int_equal(f->n, 1014);
	assert_int_equal(f->b[WIRE_ETH_LEN + 20 + 700], (uint8_t)700);
	taken = stage_starve(&r.stage, 2);
	link_output_mac(&r.link, 0, linkrig_mac(7), WIRE_ETH_IPV4, chain());
	stage_feed(&r.stage, taken);
	assert_int_equal(drops(DROP_POOL_EMPTY), 1);
	assert_int_equal(linkrig_out_n(&r), 0);
}

/* A device with a large MTU that takes no chains cannot be given what fills more than a frame. */
static void chain_longer_than_a_frame_for_a_device_that_does_not_is_DEV_TX_OVERSIZE(void **state)
{
	struct fakedev wide;

	fakedev_init(&wide, &r.stage.pool, linkrig_mac(3), 9000, 0);
	assert_int_equal(link_add_dev(&r.link, &wide.dev), 1);
	link_output_mac(&r.link, 1, linkrig_mac(7), WIRE_ETH_IPV4, packet(4000));
	assert_int_equal(drops(DROP_DEV_TX_OVERSIZE), 1);
	link_flush(&r.link);
	assert_int_equal(wide.out_n, 0);
	r.link.devs_n--;
	fakedev_fini(&wide);
}

static void frame_says_from_which_device_it_came(void **state)
{
	struct fakedev second;
	struct pkt *p;

	fakedev_init(&second, &r.stage.pool, linkrig_mac(8), 1500, 0);
	assert_int_equal(link_add_dev(&r.link, &second.dev), 1);
	frame_eth(&r.frame, linkrig_mac(8), linkrig_mac(2), WIRE_ETH_IPV4);
	p = fakedev_packet(&r.dev, r.frame.b, 60);
	link_input(&r.link, 1, &p, 1);
	assert_int_equal(r.got_n, 1);
	assert_int_equal(r.got[0]->if_index, 1);
	p = fakedev_packet(&r.dev, r.frame.b, 60);
	link_input(&r.link, 0, &p, 1);		/* its MAC is not that of the first device */
	assert_int_equal(drops(DROP_LINK_NOT_OURS), 1);
	fakedev_fini(&second);
}

static void ninth_device_is_refused(void **state)
{
	static struct fakedev more[LINK_DEVS_MAX];

	for (unsigned i = 1; i <= LINK_DEVS_MAX; i++) {
		fakedev_init(&more[i - 1], &r.stage.pool, linkrig_mac(i), 1500, 0);
		assert_int_equal(link_add_dev(&r.link, &more[i - 1].dev),
				 i < LINK_DEVS_MAX ? (int)i : -E_NOSPC);
	}
}

static void queued_frames_are_freed_at_the_end(void **state)
{
	for (unsigned i = 0; i < 5; i++)
		link_output_mac(&r.link, 0, linkrig_mac(7), WIRE_ETH_IPV4, packet(40));
	linkrig_send(&r, 5, 40);	/* and one that waits for an answer; teardown counts */
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(frame_for_us_reaches_its_upper_without_the_header),
		T(broadcast_and_multicast_are_taken_and_marked),
		T(runt_is_dropped_as_LINK_SHORT),
		T(frame_for_another_is_dropped_as_LINK_NOT_OURS),
		T(frame_from_a_group_is_dropped_as_LINK_SRC_GROUP),
		T(unknown_type_is_dropped_as_LINK_TYPE),
		T(burst_of_one_type_is_one_call),
		T(burst_of_two_types_is_sorted_in_order),
		T(output_has_our_mac_and_rings_once_a_flush),
		T(idle_flush_does_not_ring),
		T(full_ring_keeps_frames_in_order_then_drops_as_DEV_TX_FULL),
		T(too_long_frame_is_dropped_as_DEV_TX_OVERSIZE),
		T(chain_goes_as_it_is_to_a_device_that_takes_it),
		T(chain_is_made_one_piece_for_a_device_that_does_not),
		T(chain_longer_than_a_frame_for_a_device_that_does_not_is_DEV_TX_OVERSIZE),
		T(frame_says_from_which_device_it_came),
		T(ninth_device_is_refused),
		T(queued_frames_are_freed_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
