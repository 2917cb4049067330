/* ARP: every reason to refuse a packet, and the round trip. */
#include "helper/unit.h"

#include "fuzz/guard.h"
#include "wire/arp.h"

static const uint8_t good[WIRE_ARP_LEN] = {
	0, 1, 8, 0, 6, 4, 0, 1,
	2, 0, 0, 0, 0, 1, 192, 0, 2, 1,
	0, 0, 0, 0, 0, 0, 192, 0, 2, 2,
};

static enum drop parse(const uint8_t *b, size_t n)
{
	struct wire_arp arp;

	return wire_arp_parse(&arp, guard_input(b, n), n);
}

/* The good packet with one byte changed. */
static enum drop parse_with(size_t at, uint8_t value)
{
	uint8_t b[WIRE_ARP_LEN];

	memcpy(b, good, sizeof(b));
	b[at] = value;
	return parse(b, sizeof(b));
}

static void a_request_is_read_and_written_back(void **state)
{
	struct wire_arp arp;
	uint8_t b[WIRE_ARP_LEN];

	(void)state;
	assert_int_equal(wire_arp_parse(&arp, good, sizeof(good)), DROP_NOT);
	assert_int_equal(arp.op, WIRE_ARP_REQUEST);
	assert_true(mac_eq(arp.sender_mac, (struct mac){{2, 0, 0, 0, 0, 1}}));
	assert_true(mac_eq(arp.target_mac, (struct mac){{0}}));
	assert_int_equal(arp.sender_ip, IPV4(192, 0, 2, 1));
	assert_int_equal(arp.target_ip, IPV4(192, 0, 2, 2));
	wire_arp_write(b, &arp);
	assert_memory_equal(b, good, sizeof(good));
}

static void whatever_is_written_reads_back(void **state)
{
	struct wire_arp in, out;
	uint8_t b[WIRE_ARP_LEN];
	struct prng r;

	(void)state;
	prng_seed(&r, 1);
	for (unsigned i = 0; i < 10000; i++) {
		unit_fill(&r, b, sizeof(b));
		in = (struct wire_arp){.op = 1 + (b[0] & 1), .sender_ip = load_be32(b),
				       .target_ip = load_be32(b + 4)};
		memcpy(in.sender_mac.b, b + 8, 6);
		memcpy(in.target_mac.b, b + 14, 6);
		in.sender_mac.b[0] = (in.sender_mac.b[0] & 0xfe) | 2;
		wire_arp_write(b, &in);
		assert_int_equal(wire_arp_parse(&out, b, sizeof(b)), DROP_NOT);
		assert_int_equal(out.op, in.op);
		assert_int_equal(out.sender_ip, in.sender_ip);
		assert_int_equal(out.target_ip, in.target_ip);
		assert_true(mac_eq(out.sender_mac, in.sender_mac));
		assert_true(mac_eq(out.target_mac, in.target_mac));
	}
}

static void a_short_packet_is_refused_and_padding_is_not(void **state)
{
	uint8_t padded[46] = {0};

	(void)state;
	for (size_t n = 0; n < WIRE_ARP_LEN; n++)
		assert_int_equal(parse(good, n), DROP_ARP_SHORT);
	memcpy(padded, good, sizeof(good));
	assert_int_equal(parse(padded, sizeof(padded)), DROP_NOT);
}

static void other_hardware_protocols_and_lengths_are_refused(void **state)
{
	(void)state;
	for (size_t at = 0; at < 6; at++)
		for (unsigned v = 0; v < 256; v++)
			assert_int_equal(parse_with(at, (uint8_t)v),
					 v == good[at] ? DROP_NOT : DROP_ARP_FORMAT);
}

static void unknown_operations_are_refused(void **state)
{
	(void)state;
	assert_int_equal(parse_with(7, 0), DROP_ARP_OP);
	assert_int_equal(parse_with(7, 2), DROP_NOT);
	assert_int_equal(parse_with(7, 3), DROP_ARP_OP);
	assert_int_equal(parse_with(6, 1), DROP_ARP_OP);
}

static void a_group_or_zero_sender_is_refused(void **state)
{
	uint8_t b[WIRE_ARP_LEN];

	(void)state;
	assert_int_equal(parse_with(8, 3), DROP_ARP_SENDER);
	memcpy(b, good, sizeof(b));
	memset(b + 8, 0, 6);
	assert_int_equal(parse(b, sizeof(b)), DROP_ARP_SENDER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_read_and_written_back),
		cmocka_unit_test(whatever_is_written_reads_back),
		cmocka_unit_test(a_short_packet_is_refused_and_padding_is_not),
		cmocka_unit_test(other_hardware_protocols_and_lengths_are_refused),
		cmocka_unit_test(unknown_operations_are_refused),
		cmocka_unit_test(a_group_or_zero_sender_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
