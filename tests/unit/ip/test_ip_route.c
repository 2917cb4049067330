/* Routes, and what a path says: longest prefix, next hop, source, MTU, and when it is stale. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/fakedev.h"
#include "helper/lower.h"
#include "link/link.h"

static struct lower *l;
static struct ip_path path;
static struct addr src;

static int setup(void **state)
{
	l = lower_new(NULL);
	path = (struct ip_path){0};
	return 0;
}

static int teardown(void **state)
{
	lower_free(l);
	return 0;
}

static int add_route(uint32_t dst, uint8_t prefix, uint32_t gateway)
{
	struct ip_route r = {
		.dst = addr_v4(dst), .prefix = prefix,
		.via_gateway = gateway != 0, .gateway = addr_v4(gateway),
	};

	return ip_add_route(&l->ip, &r);
}

static int del_route(uint32_t dst, uint8_t prefix)
{
	struct addr a = addr_v4(dst);

	return ip_del_route(&l->ip, &a, prefix);
}

/* Finds the path to `dst` from any source. */
static int find(uint32_t dst)
{
	struct addr to = addr_v4(dst);

	src = (struct addr){0};
	return ip_path_find(&l->ip, &path, &src, &to);
}

static int find_from(uint32_t from, uint32_t dst)
{
	struct addr to = addr_v4(dst);

	src = addr_v4(from);
	return ip_path_find(&l->ip, &path, &src, &to);
}

static uint32_t hop(void)
{
	return addr_to_v4(&path.neigh->addr);
}

/* A second interface with 10.0.1.1/24. */
static struct fakedev second;

static void add_second(void)
{
	struct addr a = addr_v4(IPV4(10, 0, 1, 1));

	fakedev_init(&second, &l->stage.pool, (struct mac){{2, 0, 0, 0, 1, 1}}, 1400, 0);
	assert_int_equal(link_add_dev(l->link, &second.dev), 1);
	assert_int_equal(ip_add_addr(&l->ip, &a, 24, 1), 0);
}

static void end_second(void)
{
	link_flush(l->link);
	fakedev_fini(&second);
}

static void neighbour_on_the_link_is_its_own_next_hop(void **state)
{
	assert_int_equal(find(IPV4(10, 0, 0, 9)), 0);
	assert_int_equal(hop(), IPV4(10, 0, 0, 9));
	assert_int_equal(addr_to_v4(&src), LOWER_US);
	assert_int_equal(path.mtu, 1500);
	assert_int_equal(path.if_index, 0);
	assert_int_equal(path.kind, IP_PATH_NEIGH);
	assert_true(ip_path_fresh(&l->ip, &path));
}

static void far_host_is_behind_the_gateway(void **state)
{
	assert_int_equal(find(LOWER_FAR), 0);
	assert_int_equal(hop(), LOWER_PEER);
}

static void longest_prefix_wins_whatever_the_order(void **state)
{
	assert_int_equal(add_route(IPV4(192, 0, 2, 0), 24, IPV4(10, 0, 0, 24)), 0);
	assert_int_equal(add_route(IPV4(192, 0, 2, 9), 32, IPV4(10, 0, 0, 32)), 0);
	assert_int_equal(add_route(IPV4(192, 0, 0, 0), 16, IPV4(10, 0, 0, 16)), 0);
	assert_int_equal(find(IPV4(192, 0, 2, 9)), 0);
	assert_int_equal(hop(), IPV4(10, 0, 0, 32));
	assert_int_equal(find(IPV4(192, 0, 2, 10)), 0);
	assert_int_equal(hop(), IPV4(10, 0, 0, 24));
	assert_int_equal(find(IPV4(192, 0, 3, 9)), 0);
	assert_int_equal(hop(), IPV4(10, 0, 0, 16));
	assert_int_equal(find(IPV4(192, 1, 0, 0)), 0);
	assert_int_equal(hop(), LOWER_PEER);
	assert_int_equal(del_route(IPV4(192, 0, 2, 9), 32), 0);
	assert_int_equal(find(IPV4(192, 0, 2, 9)), 0);
	assert_int_equal(hop(), IPV4(10, 0, 0, 24));
}

static void without_a_route_there_is_no_path(void **state)
{
	uint32_t generation;

	assert_int_equal(find(LOWER_FAR), 0);
	generation = l->ip.generation;
	assert_int_equal(del_route(0, 0), 0);
	assert_int_not_equal(l->ip.generation, generation);
	path.generation = l->ip.generation;
	assert_int_equal(find(LOWER_FAR), -E_NETUNREACH);
	assert_false(ip_path_fresh(&l->ip, &path));
}

static void impossible_destinations_have_no_path(void **state)
{
	struct addr six = {.b = {0x20, 1, 0xd, 0xb8, [15] = 1}};

	assert_int_equal(find(0), -E_NETUNREACH);
	assert_int_equal(find(IPV4(0, 0, 0, 5)), -E_NETUNREACH);
	assert_int_equal(find(IPV4(240, 0, 0, 0)), -E_NETUNREACH);
	src = (struct addr){0};
	assert_int_equal(ip_path_find(&l->ip, &path, &src, &six), -E_NETUNREACH);
}

static void wrong_routes_are_refused(void **state)
{
	struct ip_route r = {.dst = addr_v4(IPV4(192, 0, 2, 0)), .prefix = 24, .if_index = 1};
	struct addr six = {.b = {0x20, 1, 0xd, 0xb8, [15] = 1}};

	assert_int_equal(ip_add_route(&l->ip, &r), -E_INVAL);	/* no such interface */
	r.if_index = IP_IF_LOOP;
	assert_int_equal(ip_add_route(&l->ip, &r), -E_INVAL);
	assert_int_equal(add_route(IPV4(192, 0, 2, 1), 24, 0), -E_INVAL);	/* host bits */
	assert_int_equal(add_route(IPV4(192, 0, 2, 0), 33, 0), -E_INVAL);
	r.if_index = 0;
	r.via_gateway = true;		/* without an address */
	assert_int_equal(ip_add_route(&l->ip, &r), -E_INVAL);
	r.gateway = six;
	assert_int_equal(ip_add_route(&l->ip, &r), -E_INVAL);
	r.dst = six;
	assert_int_equal(ip_add_route(&l->ip, &r), -E_INVAL);
	assert_int_equal(add_route(0, 0, LOWER_PEER), -E_EXIST);
	assert_int_equal(del_route(IPV4(192, 0, 2, 0), 24), -E_NOENT);
	assert_int_equal(del_route(0, 1), -E_NOENT);
}

static void sixty_fifth_route_is_refused(void **state)
{
	while (l->ip.routes_n < IP_ROUTES_MAX)
		assert_int_equal(add_route(IPV4(20, l->ip.routes_n, 0, 0), 16, LOWER_PEER), 0);
	assert_int_equal(add_route(IPV4(30, 0, 0, 0), 8, LOWER_PEER), -E_NOSPC);
}

static void to_ourselves_the_path_is_the_loop(void **state)
{
	assert_int_equal(find(LOWER_US), 0);
	assert_int_equal(path.kind, IP_PATH_LOOP);
	assert_int_equal(path.mtu, IP_LOOP_MTU);
	assert_null(path.neigh);
	assert_int_equal(addr_to_v4(&src), LOWER_US);
	assert_int_equal(find(IPV4(127, 0, 0, 3)), 0);
	assert_int_equal(addr_to_v4(&src), IPV4(127, 0, 0, 3));
	assert_int_equal(find_from(LOWER_US, IPV4(127, 0, 0, 3)), 0);
	assert_int_equal(find_from(LOWER_PEER, IPV4(127, 0, 0, 3)), -E_ADDRNOTAVAIL);
}

static void source_must_be_ours_and_127_stays_at_home(void **state)
{
	assert_int_equal(find_from(LOWER_US, LOWER_FAR), 0);
	assert_int_equal(find_from(LOWER_PEER, LOWER_FAR), -E_ADDRNOTAVAIL);
	assert_int_equal(find_from(IPV4(127, 0, 0, 1), LOWER_FAR), -E_ADDRNOTAVAIL);
}

static void source_is_chosen_from_the_next_hops_subnet(void **state)
{
	struct addr other = addr_v4(IPV4(172, 16, 0, 1));

	assert_int_equal(ip_add_addr(&l->ip, &other, 16, 0), 0);
	assert_int_equal(add_route(IPV4(192, 0, 2, 0), 24, IPV4(172, 16, 0, 2)), 0);
	assert_int_equal(find(IPV4(172, 16, 3, 4)), 0);
	assert_int_equal(addr_to_v4(&src), IPV4(172, 16, 0, 1));
	assert_int_equal(find(LOWER_FAR), 0);
	assert_int_equal(addr_to_v4(&src), IPV4(172, 16, 0, 1));
	assert_int_equal(find(LOWER_PEER), 0);
	assert_int_equal(addr_to_v4(&src), LOWER_US);
}

static void path_by_the_second_interface_is_the_seconds(void **state)
{
	add_second();
	assert_int_equal(find(IPV4(10, 0, 1, 7)), 0);
	assert_int_equal(path.if_index, 1);
	assert_int_equal(path.mtu, 1400);
	assert_int_equal(addr_to_v4(&src), IPV4(10, 0, 1, 1));
	end_second();
}

/* A gateway in no subnet of ours: the interface's own address, or else any. */
static void source_for_a_strange_gateway_is_of_the_same_interface_if_there_is_one(void **state)
{
	struct ip_route r = {
		.dst = addr_v4(IPV4(192, 0, 2, 0)), .prefix = 24, .if_index = 1,
		.via_gateway = true, .gateway = addr_v4(IPV4(172, 16, 0, 1)),
	};

	add_second();
	assert_int_equal(ip_add_route(&l->ip, &r), 0);
	assert_int_equal(find(LOWER_FAR), 0);
	assert_int_equal(addr_to_v4(&src), IPV4(10, 0, 1, 1));
	l->ip.addrs_n = 1;
	assert_int_equal(find(LOWER_FAR), 0);
	assert_int_equal(addr_to_v4(&src), LOWER_US);
	end_second();
}

static void broadcast_leaves_by_its_subnet_or_its_source_or_a_route(void **state)
{
	struct ip_route r = {.dst = addr_v4(IPV4(239, 0, 0, 0)), .prefix = 8, .if_index = 1};

	add_second();
	assert_int_equal(find(IPV4(10, 0, 1, 255)), 0);
	assert_int_equal(path.if_index, 1);
	assert_int_equal(find_from(IPV4(10, 0, 1, 1), UINT32_MAX), 0);
	assert_int_equal(path.if_index, 1);
	assert_int_equal(find(IPV4(239, 1, 1, 1)), 0);
	assert_int_equal(path.if_index, 0);		/* by the default route */
	assert_int_equal(ip_add_route(&l->ip, &r), 0);
	assert_int_equal(find(IPV4(239, 1, 1, 1)), 0);
	assert_int_equal(path.if_index, 1);
	assert_int_equal(del_route(0, 0), 0);
	assert_int_equal(find(UINT32_MAX), 0);
	assert_int_equal(path.if_index, 0);		/* by the first that has an address */
	end_second();
}

static void broadcast_with_nothing_but_the_loop_has_no_path(void **state)
{
	struct addr loop = addr_v4(IPV4(10, 9, 9, 9));

	assert_int_equal(ip_add_addr(&l->ip, &loop, 24, IP_IF_LOOP), 0);
	assert_int_equal(find(IPV4(10, 9, 9, 255)), -E_NETUNREACH);
	l->ip.addrs[0] = l->ip.addrs[1];
	l->ip.v4[0] = l->ip.v4[1];
	l->ip.addrs_n = 1;
	assert_int_equal(del_route(0, 0), 0);
	assert_int_equal(find(UINT32_MAX), -E_NETUNREACH);
}

static void without_an_address_there_is_no_source(void **state)
{
	l->ip.addrs_n = 0;
	assert_int_equal(find(LOWER_FAR), -E_ADDRNOTAVAIL);
	assert_int_equal(find(UINT32_MAX), -E_ADDRNOTAVAIL);
	l->ip.addrs_n = 1;
}

static void broadcast_and_groups_have_an_interface_and_no_neighbour(void **state)
{
	assert_int_equal(find(LOWER_PEER), 0);
	assert_int_equal(find(UINT32_MAX), 0);
	assert_int_equal(path.kind, IP_PATH_BCAST);
	assert_null(path.neigh);
	assert_int_equal(addr_to_v4(&src), LOWER_US);
	assert_int_equal(find(IPV4(10, 0, 0, 255)), 0);
	assert_int_equal(path.kind, IP_PATH_BCAST);
	assert_int_equal(find(IPV4(239, 1, 2, 3)), 0);
	assert_int_equal(path.kind, IP_PATH_MCAST);
}

static void device_that_sums_says_so_in_the_path(void **state)
{
	struct lower_config config = {.csum_tx = true};
	struct lower *plain = l;

	l = lower_new(&config);
	assert_int_equal(find(LOWER_PEER), 0);
	assert_int_equal(path.kind, IP_PATH_NEIGH | IP_PATH_CSUM);
	assert_int_equal(find(LOWER_US), 0);
	assert_int_equal(path.kind, IP_PATH_LOOP);
	lower_free(l);
	l = plain;
}

static void path_is_stale_after_a_new_route_and_after_its_neighbour_went(void **state)
{
	assert_int_equal(find(IPV4(10, 0, 0, 9)), 0);
	assert_int_equal(add_route(IPV4(192, 0, 2, 0), 24, IPV4(10, 0, 0, 24)), 0);
	assert_false(ip_path_fresh(&l->ip, &path));
	assert_int_equal(find(IPV4(10, 0, 0, 9)), 0);
	assert_true(ip_path_fresh(&l->ip, &path));
	lower_pass(l, SEC(400));
	assert_false(ip_path_fresh(&l->ip, &path));
}

/* All entries answered just now: there is no room for another neighbour. */
static void full_neighbour_cache_is_no_path(void **state)
{
	struct wire_arp answer = {
		.op = WIRE_ARP_REPLY, .sender_mac = LOWER_MAC_PEER,
		.target_mac = LOWER_MAC_US, .target_ip = LOWER_US,
	};

	for (unsigned i = 1; i < l->link->neighs_max; i++) {
		assert_int_equal(lower_send(l, IPV4(10, 0, 0, 10) + i, "12345678", 8, true), 0);
		answer.sender_ip = IPV4(10, 0, 0, 10) + i;
		frame_arp(&l->frame, LOWER_MAC_US, &answer);
		lower_in(l);
	}
	lower_send(l, LOWER_PEER, "12345678", 8, true);
	assert_int_equal(find(IPV4(10, 0, 0, 200)), -E_NOBUFS);
	assert_int_equal(lower_send(l, IPV4(10, 0, 0, 200), "", 0, true), -E_NOBUFS);
	assert_int_equal(lower_drops(l, DROP_NEIGH_FULL), 1);
}

static void progress_confirms_the_neighbour(void **state)
{
	assert_int_equal(find(LOWER_PEER), 0);
	lower_pass(l, SEC(29));
	ip_path_confirm(&l->ip, &path);
	lower_pass(l, SEC(29));
	assert_int_equal(path.neigh->state, NEIGH_REACHABLE);
	lower_pass(l, SEC(2));
	assert_int_equal(path.neigh->state, NEIGH_STALE);
	ip_path_confirm(&l->ip, &path);
	assert_int_equal(path.neigh->state, NEIGH_REACHABLE);
	assert_int_equal(find(LOWER_US), 0);
	ip_path_confirm(&l->ip, &path);		/* nobody to confirm */
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(neighbour_on_the_link_is_its_own_next_hop),
		T(far_host_is_behind_the_gateway),
		T(longest_prefix_wins_whatever_the_order),
		T(without_a_route_there_is_no_path),
		T(impossible_destinations_have_no_path),
		T(wrong_routes_are_refused),
		T(sixty_fifth_route_is_refused),
		T(to_ourselves_the_path_is_the_loop),
		T(source_must_be_ours_and_127_stays_at_home),
		T(source_is_chosen_from_the_next_hops_subnet),
		T(path_by_the_second_interface_is_the_seconds),
		T(source_for_a_strange_gateway_is_of_the_same_interface_if_there_is_one),
		T(broadcast_leaves_by_its_subnet_or_its_source_or_a_route),
		T(broadcast_with_nothing_but_the_loop_has_no_path),
		T(without_an_address_there_is_no_source),
		T(broadcast_and_groups_have_an_interface_and_no_neighbour),
		T(device_that_sums_says_so_in_the_path),
		T(path_is_stale_after_a_new_route_and_after_its_neighbour_went),
		T(full_neighbour_cache_is_no_path),
		T(progress_confirms_the_neighbour),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
