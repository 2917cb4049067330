/* ICMP in: echo of any size is answered, everything that is not handled has a name. */
#include "helper/unit.h"

#include "helper/fakedev.h"
#include "helper/lower.h"

static struct lower *l;
static uint8_t data[65536];

static int setup(void **state)
{
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 253);
	l = lower_new(NULL);
	return 0;
}

static int teardown(void **state)
{
	lower_free(l);
	return 0;
}

static void ping(uint32_t n)
{
	struct wire_icmp echo = {.type = WIRE_ICMP_ECHO, .id = 0x1234, .seq = 7};

	lower_icmp(l, &echo, data, n);
}

static void echo_is_answered_with_the_same_bytes(void **state)
{
	struct wire_ipv4 h;

	for (uint32_t n = 0; n <= 1472; n += 1472 / 16) {
		ping(n);
		l->frame.b[FRAME_IP + 1] = 0x1b;	/* TOS comes back, ECN does not */
		frame_sum_ip(&l->frame);
		lower_in(l);
		assert_non_null(lower_out(l));
		assert_int_equal(l->got.n, FRAME_L4 + 8 + n);
		assert_int_equal(wire_ipv4_parse(&h, l->got.b + FRAME_IP, 20, 28 + n), 0);
		assert_int_equal(h.src, LOWER_US);
		assert_int_equal(h.dst, LOWER_PEER);
		assert_int_equal(h.tos, 0x18);
		assert_int_equal(l->got.b[FRAME_L4], WIRE_ICMP_ECHO_REPLY);
		assert_int_equal(load_be16(l->got.b + FRAME_L4 + 4), 0x1234);
		assert_int_equal(load_be16(l->got.b + FRAME_L4 + 6), 7);
		assert_memory_equal(l->got.b + FRAME_L4 + 8, data, n);
		assert_int_equal(csum_fold(csum_partial(l->got.b + FRAME_L4, 8 + n, 0)), 0);
	}
	assert_int_equal(lower_drops_all(l), 0);
	assert_int_equal(l->ip.echo_in, 17);
}

/* In fragments it comes and in fragments it goes. */
static void longest_echo_is_answered(void **state)
{
	static uint8_t answer[65536];
	uint32_t total = 65515, got = 0;
	struct wire_icmp echo = {.type = WIRE_ICMP_ECHO, .id = 1, .seq = 2};
	static struct frame whole;

	frame_icmp(&whole, LOWER_PEER, LOWER_US, &echo, data, total - 8);
	for (uint32_t off = 0; off < total; off += 1480) {
		uint32_t n = MIN(1480, total - off);

		frame_eth(&l->frame, LOWER_MAC_US, LOWER_MAC_PEER, WIRE_ETH_IPV4);
		frame_ip(&l->frame, LOWER_PEER, LOWER_US, WIRE_PROTO_ICMP, n);
		frame_data(&l->frame, whole.b + FRAME_L4 + off, n);
		frame_fragment(&l->frame, 9, off, off + n < total);
		lower_in(l);
	}
	while (lower_out(l)) {
		uint32_t off = (load_be16(l->got.b + 20) & WIRE_IPV4_OFFSET) * 8u;

		memcpy(answer + off, l->got.b + FRAME_L4, l->got.n - FRAME_L4);
		got += l->got.n - FRAME_L4;
	}
	assert_int_equal(got, total);
	assert_memory_equal(answer + 8, data, total - 8);
	assert_int_equal(csum_fold(csum_partial(answer, total, 0)), 0);
	assert_int_equal(lower_drops_all(l), 0);
}

static void echo_from_afar_is_answered_by_the_gateway(void **state)
{
	struct mac peer = LOWER_MAC_PEER;

	ping(56);
	store_be32(l->frame.b + FRAME_IP + 12, LOWER_FAR);
	frame_sum_ip(&l->frame);
	lower_in(l);
	assert_non_null(lower_out(l));
	assert_memory_equal(l->got.b, peer.b, 6);
	assert_int_equal(load_be32(l->got.b + FRAME_IP + 16), LOWER_FAR);
}

static void short_message_is_ICMP_SHORT(void **state)
{
	for (uint32_t n = 0; n < 8; n++) {
		frame_eth(&l->frame, LOWER_MAC_US, LOWER_MAC_PEER, WIRE_ETH_IPV4);
		frame_ip(&l->frame, LOWER_PEER, LOWER_US, WIRE_PROTO_ICMP, n);
		frame_data(&l->frame, "\x08\0\0\0\0\0\0", n);
		lower_in(l);
	}
	assert_int_equal(lower_drops(l, DROP_ICMP_SHORT), 8);
}

static void any_wrong_bit_is_ICMP_CSUM(void **state)
{
	for (unsigned bit = 0; bit < 8 * 30; bit++) {
		ping(22);
		l->frame.b[FRAME_L4 + bit / 8] ^= (uint8_t)(1u << bit % 8);
		lower_in(l);
		assert_int_equal(lower_drops(l, DROP_ICMP_CSUM), bit + 1);
	}
	assert_int_equal(lower_out_n(l), 0);
}

static void echo_to_everybody_is_ICMP_BCAST(void **state)
{
	static const uint32_t all[] = {UINT32_MAX, IPV4(10, 0, 0, 255), IPV4(224, 0, 0, 1)};

	for (unsigned i = 0; i < ARRAY_LEN(all); i++) {	/* RFC 1122 §3.2.2.6 */
		ping(8);
		store_be32(l->frame.b + FRAME_IP + 16, all[i]);
		frame_sum_ip(&l->frame);
		lower_in(l);
		assert_int_equal(lower_drops(l, DROP_ICMP_BCAST), i + 1);
	}
	assert_int_equal(lower_out_n(l), 0);
}

static void send_type(uint8_t type)
{
	struct wire_icmp icmp = {.type = type};

	lower_icmp(l, &icmp, data, 40);
	lower_in(l);
}

static void redirect_and_source_quench_are_ICMP_REFUSED(void **state)
{
	send_type(4);
	send_type(5);
	assert_int_equal(lower_drops(l, DROP_ICMP_REFUSED), 2);
	assert_int_equal(l->ip.routes_n, 2);
	assert_int_equal(lower_out_n(l), 0);
}

static void everything_else_is_ICMP_TYPE(void **state)
{
	static const uint8_t other[] = {0, 1, 2, 6, 7, 9, 10, 13, 14, 15, 17, 18, 30, 255};

	for (unsigned i = 0; i < ARRAY_LEN(other); i++)
		send_type(other[i]);
	assert_int_equal(lower_drops(l, DROP_ICMP_TYPE), ARRAY_LEN(other));
	assert_int_equal(lower_out_n(l), 0);
}

static void echo_is_answered_without_taking_a_frame(void **state)
{
	struct pkt *p, *none;

	ping(40);
	p = fakedev_packet(l->dev, l->frame.b + FRAME_IP, l->frame.n - FRAME_IP);
	none = stage_starve(&l->stage, 0);
	ip_input(&l->ip, &p, 1);
	lower_run(l);
	stage_feed(&l->stage, none);
	assert_int_equal(lower_out_n(l), 1);
}

static void echo_that_somebody_else_holds_is_copied_or_POOL_EMPTY(void **state)
{
	struct pkt *p, *none;

	ping(40);
	p = fakedev_packet(l->dev, l->frame.b + FRAME_IP, l->frame.n - FRAME_IP);
	pkt_get(p);
	ip_input(&l->ip, &p, 1);
	lower_run(l);
	assert_int_equal(lower_out_n(l), 1);
	assert_int_equal(p->data[0], WIRE_ICMP_ECHO);	/* untouched */
	p->data -= 20;
	p->len += 20;
	p->total += 20;
	pkt_get(p);
	ip_input(&l->ip, &p, 1);
	none = stage_starve(&l->stage, 0);
	ip_deliver(&l->ip);
	stage_feed(&l->stage, none);
	assert_int_equal(lower_drops(l, DROP_POOL_EMPTY), 1);
	pkt_put(p);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(echo_is_answered_with_the_same_bytes),
		T(longest_echo_is_answered),
		T(echo_from_afar_is_answered_by_the_gateway),
		T(short_message_is_ICMP_SHORT),
		T(any_wrong_bit_is_ICMP_CSUM),
		T(echo_to_everybody_is_ICMP_BCAST),
		T(redirect_and_source_quench_are_ICMP_REFUSED),
		T(everything_else_is_ICMP_TYPE),
		T(echo_is_answered_without_taking_a_frame),
		T(echo_that_somebody_else_holds_is_copied_or_POOL_EMPTY),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
