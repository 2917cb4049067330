/* Ethernet headers: every reason to refuse one, and the round trip. */
#include "helper/unit.h"

#include "fuzz/guard.h"
#include "wire/eth.h"

static const uint8_t good[WIRE_ETH_LEN] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00};

static void a_header_is_read_and_written_back(void **state)
{
	struct wire_eth eth;
	uint8_t b[WIRE_ETH_LEN];

	(void)state;
	assert_int_equal(wire_eth_parse(&eth, guard_input(good, sizeof(good)), sizeof(good)), 0);
	assert_true(mac_eq(eth.dst, (struct mac){{2, 0, 0, 0, 0, 1}}));
	assert_true(mac_eq(eth.src, (struct mac){{2, 0, 0, 0, 0, 2}}));
	assert_int_equal(eth.type, WIRE_ETH_IPV4);
	wire_eth_write(b, eth.dst, eth.src, eth.type);
	assert_memory_equal(b, good, sizeof(good));
}

static void whatever_is_written_reads_back(void **state)
{
	struct wire_eth in, out;
	uint8_t b[WIRE_ETH_LEN];
	struct prng r;

	(void)state;
	prng_seed(&r, 1);
	for (unsigned i = 0; i < 10000; i++) {
		unit_fill(&r, &in, sizeof(in));
		in.src.b[0] &= 0xfe;
		in.type |= 0x0800;
		wire_eth_write(b, in.dst, in.src, in.type);
		assert_int_equal(wire_eth_parse(&out, b, sizeof(b)), DROP_NOT);
		assert_memory_equal(&in, &out, sizeof(in));
	}
}

static void a_frame_shorter_than_its_header_is_refused(void **state)
{
	struct wire_eth eth;

	(void)state;
	for (size_t n = 0; n < WIRE_ETH_LEN; n++)
		assert_int_equal(wire_eth_parse(&eth, guard_input(good, n), n), DROP_LINK_SHORT);
}

static void a_group_source_is_refused(void **state)
{
	struct wire_eth eth;
	uint8_t b[WIRE_ETH_LEN];

	(void)state;
	memcpy(b, good, sizeof(b));
	b[6] |= 1;
	assert_int_equal(wire_eth_parse(&eth, b, sizeof(b)), DROP_LINK_SRC_GROUP);
}

static void a_length_in_place_of_a_type_is_refused(void **state)
{
	struct wire_eth eth;
	uint8_t b[WIRE_ETH_LEN];

	(void)state;
	memcpy(b, good, sizeof(b));
	store_be16(b + 12, 0x05ff);
	assert_int_equal(wire_eth_parse(&eth, b, sizeof(b)), DROP_LINK_TYPE);
	store_be16(b + 12, 0x0600);
	assert_int_equal(wire_eth_parse(&eth, b, sizeof(b)), DROP_NOT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_read_and_written_back),
		cmocka_unit_test(whatever_is_written_reads_back),
		cmocka_unit_test(a_frame_shorter_than_its_header_is_refused),
		cmocka_unit_test(a_group_source_is_refused),
		cmocka_unit_test(a_length_in_place_of_a_type_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
