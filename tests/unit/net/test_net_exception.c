/* What is nobody's here goes to the exception device as a whole frame, unanswered; what comes from
 * there goes out. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/fakedev.h"
#include "helper/frame.h"
#include "helper/host.h"
#include "wire/tcp.h"

#define US IPV4(10, 0, 0, 2)
#define PEER IPV4(10, 0, 0, 1)

static const struct mac our_mac = { { 2, 0, 0, 0, 0, 2 } }, peer_mac = { { 2, 0, 0, 0, 0, 1 } };
static struct host host;
static struct fakedev wire, kernel;
static struct frame f;

static int setup(void **state)
{
	struct addr us = addr_v4(US);
	struct net_config config;

	host_config(&config, 1);
	assert_null(host_init(&host, &config, SEC(1)));
	fakedev_init(&wire, &host.net.pool, our_mac, 1500, NETDEV_CHAIN_TX);
	fakedev_init(&kernel, &host.net.pool, our_mac, 1500, NETDEV_CHAIN_TX);
	assert_int_equal(net_add_dev(&host.net, &wire.dev), 0);
	assert_int_equal(ip_add_addr(&host.net.ip, &us, 24, 0), 0);
	net_exception(&host.net, &kernel.dev);
	net_poll(&host.net, SEC(1));
	while (fakedev_take(&wire))	/* the announcement */
		;
	return 0;
}

static int teardown(void **state)
{
	net_check(&host.net);
	net_exception_stop(&host.net);
	fakedev_fini(&wire);
	fakedev_fini(&kernel);
	assert_true(host_fini(&host));
	return 0;
}

static void in(void)
{
	assert_true(fakedev_put(&wire, f.b, f.n));
	net_poll(&host.net, SEC(1));
}

/* The kernel has got the frame (but for a source address that was made up), and nobody an
 * answer. */
static void expect_handed_on(void)
{
	const struct fakedev_frame *got = fakedev_take(&kernel);

	assert_non_null(got);
	assert_int_equal(got->n, f.n);
	assert_memory_equal(got->b, f.b, 6);
	assert_memory_equal(got->b + 12, f.b + 12, f.n - 12);
	assert_null(fakedev_take(&kernel));
	assert_null(fakedev_take(&wire));
}

static void to_us(void)
{
	wire_eth_write(f.b, our_mac, peer_mac, WIRE_ETH_IPV4);
}

static void segment(uint8_t flags)
{
	struct addr src = addr_v4(PEER), dst = addr_v4(US);
	uint8_t h[20] = { 0x10, 0, 0, 22 };

	store_be32(h + 4, 1000);
	h[12] = 0x50;
	h[13] = flags;
	store_be16(h + 14, 4096);
	frame_ip(&f, PEER, US, WIRE_PROTO_TCP, sizeof(h));
	frame_data(&f, h, sizeof(h));
	frame_sum_l4(&f, FRAME_L4 + 16, csum_pseudo(&src, &dst, WIRE_PROTO_TCP, sizeof(h)));
	to_us();
}

static void a_segment_for_a_port_that_is_not_ours_is_the_kernel_s(void **state)
{
	segment(WIRE_TCP_SYN);
	in();
	expect_handed_on();
	segment(WIRE_TCP_RST);
	in();
	expect_handed_on();
	assert_int_equal(host.net.core.drops[DROP_TCP_NO_CONN], 0);
	assert_int_equal(host.net.foreign_out, 2);
}

static void a_datagram_for_a_port_that_is_not_ours_is_the_kernel_s(void **state)
{
	frame_udp(&f, PEER, 53, US, 5353, "who", 3);
	to_us();
	in();
	expect_handed_on();
}

static void other_protocols_and_other_types_are_the_kernel_s(void **state)
{
	frame_ip(&f, PEER, US, 47, 8);		/* GRE */
	frame_data(&f, "12345678", 8);
	to_us();
	in();
	expect_handed_on();
	frame_eth(&f, our_mac, peer_mac, WIRE_ETH_IPV6);
	frame_data(&f, "not spoken here", 15);
	in();
	expect_handed_on();
}

static void an_answer_by_arp_goes_to_both(void **state)
{
	struct wire_arp arp = { .op = WIRE_ARP_REPLY, .sender_mac = peer_mac, .sender_ip = PEER,
				.target_mac = our_mac, .target_ip = US };

	frame_arp(&f, our_mac, &arp);
	in();
	expect_handed_on();
}

static void a_request_for_our_address_is_answered_here_alone(void **state)
{
	struct wire_arp arp = { .op = WIRE_ARP_REQUEST, .sender_mac = peer_mac,
				.sender_ip = PEER, .target_ip = US };
	const struct fakedev_frame *got;

	frame_arp(&f, WIRE_MAC_BCAST, &arp);
	in();
	got = fakedev_take(&wire);
	assert_non_null(got);
	assert_int_equal(load_be16(got->b + 20), WIRE_ARP_REPLY);
	assert_null(fakedev_take(&kernel));
}

static void what_the_kernel_sends_goes_out_as_it_is(void **state)
{
	frame_udp(&f, US, 68, PEER, 67, "mine", 4);
	wire_eth_write(f.b, peer_mac, our_mac, WIRE_ETH_IPV4);
	assert_true(fakedev_put(&kernel, f.b, f.n));
	net_poll(&host.net, SEC(1));
	assert_memory_equal(fakedev_take(&wire)->b, f.b, f.n);
	assert_int_equal(host.net.foreign_in, 1);
}

static void what_is_broken_is_dropped_as_ever(void **state)
{
	segment(WIRE_TCP_SYN);
	f.b[FRAME_L4 + 16] ^= 1;
	in();
	assert_null(fakedev_take(&kernel));
	assert_int_equal(host.net.core.drops[DROP_TCP_CSUM], 1);
}

static void a_full_kernel_loses_and_holds_nothing_up(void **state)
{
	kernel.room = 3;
	for (unsigned i = 0; i < 10; i++) {
		segment(WIRE_TCP_SYN);
		assert_true(fakedev_put(&wire, f.b, f.n));
	}
	net_poll(&host.net, SEC(1));
	assert_int_equal(host.net.foreign_n, 0);
	assert_int_equal(kernel.out_n, 3);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(a_segment_for_a_port_that_is_not_ours_is_the_kernel_s),
		CASE(a_datagram_for_a_port_that_is_not_ours_is_the_kernel_s),
		CASE(other_protocols_and_other_types_are_the_kernel_s),
		CASE(an_answer_by_arp_goes_to_both),
		CASE(a_request_for_our_address_is_answered_here_alone),
		CASE(what_the_kernel_sends_goes_out_as_it_is),
		CASE(what_is_broken_is_dropped_as_ever),
		CASE(a_full_kernel_loses_and_holds_nothing_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
