/* IPv4 packets out: the header, the identification, the way, and what cannot leave. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/fakedev.h"
#include "helper/lower.h"
#include "ip/ip_int.h"

static struct lower *l;
static struct ip_path path;

static int setup(void **state)
{
	l = lower_new(NULL);
	lower_watch(l);
	path = (struct ip_path){0};
	return 0;
}

static int teardown(void **state)
{
	lower_free(l);
	return 0;
}

static int send_how(uint32_t dst, const struct ip_send *how)
{
	struct addr us = addr_v4(LOWER_US), to = addr_v4(dst);
	struct pkt *p = fakedev_packet(l->dev, "12345678", 8);

	return ip_output(&l->ip, &path, &us, &to, how, p);
}

/* What left is right in all that does not depend on the case; returns its IP header. */
static const uint8_t *left(void)
{
	struct wire_ipv4 h;
	struct mac us = LOWER_MAC_US;

	lower_run(l);
	assert_non_null(lower_out(l));
	assert_memory_equal(l->got.b + 6, us.b, 6);
	assert_int_equal(load_be16(l->got.b + 12), WIRE_ETH_IPV4);
	assert_int_equal(wire_ipv4_parse(&h, l->got.b + FRAME_IP, 20, l->got.n - FRAME_IP), 0);
	assert_int_equal(h.total_len, l->got.n - FRAME_IP);
	assert_int_equal(h.src, LOWER_US);
	return l->got.b + FRAME_IP;
}

static void header_says_what_was_asked_for(void **state)
{
	struct ip_send how = {
		.proto = LOWER_PROTO, .ttl = 5, .tos = 0xb8, .dont_fragment = true,
	};
	struct mac peer = LOWER_MAC_PEER;

	for (unsigned round = 0; round < 2; round++) {	/* found, then fresh */
		const uint8_t *h;

		assert_int_equal(send_how(LOWER_PEER, &how), 0);
		h = left();
		assert_memory_equal(l->got.b, peer.b, 6);
		assert_int_equal(l->got.n, 14 + 28);
		assert_int_equal(h[1], 0xb8);
		assert_int_equal(load_be16(h + 6), WIRE_IPV4_DF);
		assert_int_equal(h[8], 5);
		assert_int_equal(h[9], LOWER_PROTO);
		assert_int_equal(load_be32(h + 16), LOWER_PEER);
		assert_memory_equal(h + 20, "12345678", 8);
	}
	assert_int_equal(l->ip.out, 3);		/* and one of lower_resolve() */
}

static void ttl_is_64_unless_said(void **state)
{
	struct ip_send how = {.proto = LOWER_PROTO};

	assert_int_equal(send_how(LOWER_FAR, &how), 0);
	assert_int_equal(left()[8], 64);
	assert_int_equal(load_be16(l->got.b + FRAME_IP + 6), 0);
}

/* RFC 6864 §4.1: ... to one place all 65,536 come before one comes again. */
static void identifications_of_a_flow_do_not_come_again_soon(void **state)
{
	static uint8_t seen[65536];
	struct addr src = addr_v4(LOWER_US), dst = addr_v4(LOWER_FAR);

	for (unsigned i = 0; i < 65536; i++)
		seen[ip_id(&l->ip, &src, &dst, 17)]++;
	for (unsigned i = 0; i < 65536; i++)
		assert_int_equal(seen[i], 1);
}

static void identifications_of_two_flows_have_nothing_in_common(void **state)
{
	struct addr src = addr_v4(LOWER_US), a = addr_v4(LOWER_FAR), b = addr_v4(LOWER_FAR + 1);
	uint16_t first = ip_id(&l->ip, &src, &a, 17), next;

	for (unsigned i = 0; i < 100; i++)
		ip_id(&l->ip, &src, &b, 17);
	next = ip_id(&l->ip, &src, &a, 17);
	assert_int_equal(next, (uint16_t)(first + 1));
	assert_int_not_equal(ip_id(&l->ip, &src, &a, 6), (uint16_t)(next + 1));
}

static void path_is_found_again_when_it_is_stale(void **state)
{
	struct ip_send how = {.proto = LOWER_PROTO};
	struct ip_route other = {
		.dst = addr_v4(LOWER_FAR), .prefix = 32,
		.via_gateway = true, .gateway = addr_v4(IPV4(10, 0, 0, 3)),
	};

	assert_int_equal(send_how(LOWER_FAR, &how), 0);
	left();
	assert_int_equal(ip_add_route(&l->ip, &other), 0);
	assert_int_equal(send_how(LOWER_FAR, &how), 0);
	lower_run(l);
	assert_int_equal(load_be16(lower_out(l)->b + 12), WIRE_ETH_ARP);
	assert_int_equal(load_be32(l->got.b + 38), IPV4(10, 0, 0, 3));
}

static void broadcast_and_groups_go_to_their_macs(void **state)
{
	struct mac all = WIRE_MAC_BCAST, group = {{1, 0, 0x5e, 0x01, 0x02, 0x03}};
	struct ip_send how = {.proto = LOWER_PROTO};

	assert_int_equal(send_how(IPV4(10, 0, 0, 255), &how), 0);
	left();
	assert_memory_equal(l->got.b, all.b, 6);
	path = (struct ip_path){0};
	assert_int_equal(send_how(IPV4(239, 129, 2, 3), &how), 0);
	left();
	assert_memory_equal(l->got.b, group.b, 6);
}

static void no_route_is_IP_NO_ROUTE(void **state)
{
	struct addr zero = addr_v4(0);

	assert_int_equal(ip_del_route(&l->ip, &zero, 0), 0);
	assert_int_equal(lower_send(l, LOWER_FAR, "12345678", 8, false), -E_NETUNREACH);
	assert_int_equal(lower_drops(l, DROP_IP_NO_ROUTE), 1);
}

static void source_of_another_or_of_nobody_is_IP_SRC(void **state)
{
	struct addr other = addr_v4(LOWER_PEER), any = {0}, to = addr_v4(LOWER_FAR);
	struct ip_send how = {.proto = LOWER_PROTO};

	assert_int_equal(ip_output(&l->ip, &path, &other, &to, &how, pkt_new(&l->stage.pool)),
			 -E_ADDRNOTAVAIL);
	assert_int_equal(ip_output(&l->ip, &path, &any, &to, &how, pkt_new(&l->stage.pool)),
			 -E_ADDRNOTAVAIL);
	assert_int_equal(lower_drops(l, DROP_IP_SRC), 2);
}

static void too_long_and_not_to_be_fragmented_is_IP_DF(void **state)
{
	static const uint8_t big[1500];

	assert_int_equal(lower_send(l, LOWER_PEER, big, 1480, true), 0);
	assert_int_equal(lower_send(l, LOWER_PEER, big, 1481, true), -E_MSGSIZE);
	assert_int_equal(lower_drops(l, DROP_IP_DF), 1);
	lower_run(l);
	assert_int_equal(lower_out_n(l), 1);
}

static void full_loop_is_IP_LOOP_FULL(void **state)
{
	struct lower_config config = {.frames = IP_LOOP_MAX + 100};
	struct lower *small = l;

	l = lower_new(&config);
	for (unsigned i = 0; i < IP_LOOP_MAX; i++)
		assert_int_equal(lower_send(l, LOWER_US, "12345678", 8, true), 0);
	assert_int_equal(lower_send(l, LOWER_US, "12345678", 8, true), -E_NOBUFS);
	assert_int_equal(lower_drops(l, DROP_IP_LOOP_FULL), 1);
	lower_free(l);
	l = small;
}

/* Whoever keeps his packet (to send it again) keeps it as it was. */
static void looped_packet_that_its_sender_holds_is_copied(void **state)
{
	struct addr us = addr_v4(LOWER_US);
	struct ip_send how = {.proto = LOWER_PROTO};
	struct pkt *p = fakedev_packet(l->dev, "12345678", 8), *none;

	p->cb[0] = 77;
	assert_int_equal(ip_output(&l->ip, &path, &us, &us, &how, pkt_get(p)), 0);
	lower_run(l);
	assert_int_equal(l->got_n, 1);
	assert_ptr_not_equal(l->got_p[0], p);
	assert_int_equal(p->cb[0], 77);
	pkt_pull(p, 20);
	none = stage_starve(&l->stage, 0);
	assert_int_equal(ip_output(&l->ip, &path, &us, &us, &how, pkt_get(p)), -E_NOBUFS);
	assert_int_equal(lower_drops(l, DROP_POOL_EMPTY), 1);
	stage_feed(&l->stage, none);
	pkt_put(p);
}

static void stale_neighbour_still_gets_packets(void **state)
{
	struct ip_send how = {.proto = LOWER_PROTO};

	assert_int_equal(send_how(LOWER_PEER, &how), 0);
	left();
	lower_pass(l, SEC(31));
	assert_int_equal(path.neigh->state, NEIGH_STALE);
	assert_int_equal(send_how(LOWER_PEER, &how), 0);
	left();
	assert_int_equal(path.neigh->state, NEIGH_PROBE);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(header_says_what_was_asked_for),
		T(ttl_is_64_unless_said),
		T(identifications_of_a_flow_do_not_come_again_soon),
		T(identifications_of_two_flows_have_nothing_in_common),
		T(path_is_found_again_when_it_is_stale),
		T(broadcast_and_groups_go_to_their_macs),
		T(no_route_is_IP_NO_ROUTE),
		T(source_of_another_or_of_nobody_is_IP_SRC),
		T(too_long_and_not_to_be_fragmented_is_IP_DF),
		T(full_loop_is_IP_LOOP_FULL),
		T(looped_packet_that_its_sender_holds_is_copied),
		T(stale_neighbour_still_gets_packets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
