/* Which addresses are ours, and which are everybody's. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/lower.h"

static struct lower *l;

static int setup(void **state)
{
	l = lower_new(NULL);
	return 0;
}

static int teardown(void **state)
{
	lower_free(l);
	return 0;
}

static int add(uint32_t ip, uint8_t prefix, uint8_t if_index)
{
	struct addr a = addr_v4(ip);

	return ip_add_addr(&l->ip, &a, prefix, if_index);
}

static bool is_local(uint32_t ip)
{
	struct addr a = addr_v4(ip);

	return ip_is_local(&l->ip, &a);
}

static bool is_bcast(uint32_t ip)
{
	struct addr a = addr_v4(ip);

	return ip_is_bcast(&l->ip, &a);
}

static void our_addresses_and_all_of_127_are_local(void **state)
{
	assert_true(is_local(LOWER_US));
	assert_true(is_local(IPV4(127, 0, 0, 1)));
	assert_true(is_local(IPV4(127, 255, 3, 4)));
	assert_false(is_local(LOWER_PEER));
	assert_false(is_local(IPV4(10, 0, 0, 255)));
	assert_false(is_local(0));
}

static void broadcast_is_all_ones_the_subnets_and_any_group(void **state)
{
	assert_true(is_bcast(UINT32_MAX));
	assert_true(is_bcast(IPV4(10, 0, 0, 255)));
	assert_true(is_bcast(IPV4(224, 0, 0, 1)));
	assert_true(is_bcast(IPV4(239, 255, 255, 255)));
	assert_false(is_bcast(IPV4(10, 0, 1, 255)));
	assert_false(is_bcast(IPV4(240, 0, 0, 1)));
	assert_false(is_bcast(0));
	assert_false(is_bcast(LOWER_PEER));
}

static void ipv6_is_not_ours_and_its_groups_are_groups(void **state)
{
	struct addr six = {.b = {0x20, 1, 0xd, 0xb8, [15] = 1}}, all = {.b = {0xff, 2, [15] = 1}};

	assert_false(ip_is_local(&l->ip, &six));
	assert_false(ip_is_bcast(&l->ip, &six));
	assert_true(ip_is_bcast(&l->ip, &all));
}

static void link_of_two_has_no_broadcast_address(void **state)
{
	assert_int_equal(add(IPV4(192, 168, 0, 0), 31, 0), 0);	/* RFC 3021 §2.1 */
	assert_false(is_bcast(IPV4(192, 168, 0, 1)));
	assert_int_equal(add(IPV4(192, 168, 1, 1), 32, 0), 0);
	assert_false(is_bcast(IPV4(192, 168, 1, 1)));
}

static void new_address_is_announced_and_has_a_route(void **state)
{
	unsigned routes = l->ip.routes_n;
	uint32_t generation = l->ip.generation;

	assert_int_equal(add(IPV4(172, 16, 0, 1), 16, 0), 0);
	lower_run(l);
	assert_int_equal(load_be16(lower_out(l)->b + 12), WIRE_ETH_ARP);
	assert_int_equal(load_be32(l->got.b + 28), IPV4(172, 16, 0, 1));
	assert_int_equal(l->ip.routes_n, routes + 1);
	assert_int_not_equal(l->ip.generation, generation);
}

static void second_address_in_a_subnet_shares_its_route(void **state)
{
	unsigned routes = l->ip.routes_n;
	uint32_t generation = l->ip.generation;

	assert_int_equal(add(IPV4(10, 0, 0, 77), 24, 0), 0);
	assert_int_equal(l->ip.routes_n, routes);
	assert_int_not_equal(l->ip.generation, generation);	/* paths to it were by the wire */
	assert_true(is_local(IPV4(10, 0, 0, 77)));
}

static void address_of_the_loop_is_not_announced(void **state)
{
	assert_int_equal(add(IPV4(10, 9, 9, 9), 32, IP_IF_LOOP), 0);
	lower_run(l);
	assert_null(lower_out(l));
	assert_true(is_local(IPV4(10, 9, 9, 9)));
}

static void impossible_addresses_are_refused(void **state)
{
	struct addr six = {.b = {0x20, 1, 0xd, 0xb8, [15] = 1}};

	assert_int_equal(add(LOWER_US, 24, 0), -E_EXIST);
	assert_int_equal(add(IPV4(224, 0, 0, 0), 24, 0), -E_INVAL);
	assert_int_equal(add(UINT32_MAX, 24, 0), -E_INVAL);
	assert_int_equal(add(IPV4(0, 0, 0, 1), 24, 0), -E_INVAL);
	assert_int_equal(add(IPV4(10, 1, 0, 1), 33, 0), -E_INVAL);
	assert_int_equal(add(IPV4(10, 1, 0, 1), 24, 1), -E_INVAL);
	assert_int_equal(ip_add_addr(&l->ip, &six, 64, 0), -E_INVAL);
	assert_int_equal(l->ip.addrs_n, 1);
}

static void seventeenth_address_is_refused(void **state)
{
	for (unsigned i = 1; i < IP_ADDRS_MAX; i++)
		assert_int_equal(add(IPV4(10, 0, 0, 100) + i, 24, 0), 0);
	assert_int_equal(add(IPV4(10, 0, 0, 200), 24, 0), -E_NOSPC);
	assert_false(is_local(IPV4(10, 0, 0, 200)));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(our_addresses_and_all_of_127_are_local),
		T(broadcast_is_all_ones_the_subnets_and_any_group),
		T(ipv6_is_not_ours_and_its_groups_are_groups),
		T(link_of_two_has_no_broadcast_address),
		T(new_address_is_announced_and_has_a_route),
		T(second_address_in_a_subnet_shares_its_route),
		T(address_of_the_loop_is_not_announced),
		T(impossible_addresses_are_refused),
		T(seventeenth_address_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
