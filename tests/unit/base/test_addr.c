/* Addresses and byte order. */
#include "helper/unit.h"

#include "base/addr.h"

static void an_ipv4_address_is_mapped_as_rfc_4291_says(void **state)
{
	static const uint8_t want[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [13] = 0, [14] = 2,
					 [15] = 33};
	struct addr a = addr_v4(IPV4(192, 0, 2, 33));

	(void)state;
	assert_memory_equal(a.b, want, 16);
	assert_true(addr_is_v4(&a));
	assert_int_equal(addr_to_v4(&a), IPV4(192, 0, 2, 33));
}

static void an_address_is_of_ipv4_only_with_the_whole_prefix(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < 128; bit++) {
		struct addr a = addr_v4(IPV4(192, 0, 2, 33)), b = a;

		b.b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(addr_is_v4(&b), bit >= 96);
		assert_false(addr_eq(&a, &b));
		assert_true(addr_eq(&b, &b));
	}
}

static void the_unspecified_address_is_so_in_both_families(void **state)
{
	struct addr v4 = addr_v4(0), v6 = {.q = {0, 0}}, one = addr_v4(1), loop = {.b = {[15] = 1}};
	struct addr other = {.b = {[10] = 0xff}};

	(void)state;
	assert_true(addr_is_any(&v4));
	assert_true(addr_is_any(&v6));
	assert_false(addr_is_any(&one));
	assert_false(addr_is_any(&loop));
	assert_false(addr_is_any(&other));
}

static void loads_and_stores_are_big_endian_at_any_alignment(void **state)
{
	uint8_t b[16];

	(void)state;
	for (unsigned at = 0; at < 8; at++) {
		store_be64(b + at, 0x0102030405060708);
		assert_memory_equal(b + at, "\1\2\3\4\5\6\7\x08", 8);
		assert_true(load_be64(b + at) == 0x0102030405060708);
		store_be32(b + at, 0xa1b2c3d4);
		assert_memory_equal(b + at, "\xa1\xb2\xc3\xd4\5", 5);
		assert_int_equal(load_be32(b + at), 0xa1b2c3d4);
		store_be16(b + at, 0xe5f6);
		assert_memory_equal(b + at, "\xe5\xf6\xc3", 3);
		assert_int_equal(load_be16(b + at), 0xe5f6);
	}
}

static void a_group_address_has_its_first_bit_set(void **state)
{
	(void)state;
	assert_true(mac_is_group((struct mac){{1, 0, 0x5e, 0, 0, 1}}));
	assert_true(mac_is_group((struct mac){{255, 255, 255, 255, 255, 255}}));
	assert_false(mac_is_group((struct mac){{2, 1, 1, 1, 1, 1}}));
	assert_true(mac_eq((struct mac){{1, 2, 3, 4, 5, 6}}, (struct mac){{1, 2, 3, 4, 5, 6}}));
	assert_false(mac_eq((struct mac){{1, 2, 3, 4, 5, 6}}, (struct mac){{1, 2, 3, 4, 5, 7}}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ipv4_address_is_mapped_as_rfc_4291_says),
		cmocka_unit_test(an_address_is_of_ipv4_only_with_the_whole_prefix),
		cmocka_unit_test(the_unspecified_address_is_so_in_both_families),
		cmocka_unit_test(loads_and_stores_are_big_endian_at_any_alignment),
		cmocka_unit_test(a_group_address_has_its_first_bit_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
