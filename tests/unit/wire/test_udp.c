/* UDP headers: every reason to refuse one, and the round trip. */
#include "helper/unit.h"

#include "fuzz/guard.h"
#include "wire/udp.h"

static void a_header_is_written_and_reads_back(void **state)
{
	struct wire_udp in = {.sport = 0x1234, .dport = 53, .len = 20}, out;
	uint8_t b[WIRE_UDP_LEN];

	(void)state;
	memset(b, 0xa5, sizeof(b));
	wire_udp_write(b, &in);
	assert_memory_equal(b, "\x12\x34\0\x35\0\x14\0\0", 8);
	assert_int_equal(wire_udp_parse(&out, guard_input(b, 8), 8, 20), DROP_NOT);
	assert_int_equal(out.sport, in.sport);
	assert_int_equal(out.dport, in.dport);
	assert_int_equal(out.len, in.len);
	assert_false(out.has_csum);
}

static void a_checksum_of_zero_is_none(void **state)
{
	uint8_t b[WIRE_UDP_LEN] = {0, 1, 0, 2, 0, 8, 0, 0};
	struct wire_udp out;

	(void)state;
	for (unsigned c = 0; c < 65536; c += 255) {
		store_be16(b + 6, (uint16_t)c);
		assert_int_equal(wire_udp_parse(&out, b, 8, 8), DROP_NOT);
		assert_int_equal(out.has_csum, c != 0);
	}
}

static void a_short_datagram_is_refused(void **state)
{
	static const uint8_t b[WIRE_UDP_LEN] = {0, 1, 0, 2, 0, 8, 0, 0};
	struct wire_udp out;

	(void)state;
	for (size_t n = 0; n < WIRE_UDP_LEN; n++)
		assert_int_equal(wire_udp_parse(&out, guard_input(b, n), n, n), DROP_UDP_SHORT);
}

static void a_length_below_the_header_or_beyond_the_payload_is_refused(void **state)
{
	uint8_t b[WIRE_UDP_LEN] = {0, 1, 0, 2};
	struct wire_udp out;

	(void)state;
	for (unsigned len = 0; len < 65536; len++) {
		store_be16(b + 4, (uint16_t)len);
		assert_int_equal(wire_udp_parse(&out, b, 8, 1000),
				 len < 8 || len > 1000 ? DROP_UDP_LEN : DROP_NOT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_written_and_reads_back),
		cmocka_unit_test(a_checksum_of_zero_is_none),
		cmocka_unit_test(a_short_datagram_is_refused),
		cmocka_unit_test(a_length_below_the_header_or_beyond_the_payload_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
