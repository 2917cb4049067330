/* IGMP: groups are told when they are joined and left, and when a router asks. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/fakedev.h"
#include "helper/lower.h"
#include "wire/ipv4.h"

#define GROUP IPV4(239, 1, 2, 3)
#define ALL IPV4(224, 0, 0, 1)
#define IGMP (FRAME_IP + 24)	/* behind a header with Router Alert */

static struct lower *l;
static struct addr group;

static int setup(void **state)
{
	l = lower_new(NULL);
	group = addr_v4(GROUP);
	return 0;
}

static int teardown(void **state)
{
	lower_free(l);
	return 0;
}

static void expect_report(uint32_t to, uint8_t type, uint8_t record)
{
	struct wire_ipv4 h;

	lower_run(l);
	assert_non_null(lower_out(l));
	assert_int_equal(wire_ipv4_parse(&h, l->got.b + FRAME_IP, 60, l->got.n - FRAME_IP), 0);
	assert_int_equal(h.header_len, 24);
	assert_int_equal(h.ttl, 1);
	assert_int_equal(h.dst, to);
	assert_int_equal(h.proto, WIRE_PROTO_IGMP);
	assert_int_equal(l->got.b[IGMP], type);
	assert_int_equal(csum_fold(csum_partial(l->got.b + IGMP, type == 0x22 ? 16 : 8, 0)), 0);
	if (type == 0x22) {
		assert_int_equal(l->got.b[IGMP + 8], record);
		assert_int_equal(load_be32(l->got.b + IGMP + 12), GROUP);
	} else {
		assert_int_equal(load_be32(l->got.b + IGMP + 4), GROUP);
	}
}

static void query(uint8_t type, uint8_t code, uint32_t about, uint32_t n)
{
	static const uint8_t none[12];
	uint8_t m[12] = {type, code};

	store_be32(m + 4, about);
	frame_eth(&l->frame, (struct mac){{1, 0, 0x5e, 0, 0, 1}}, LOWER_MAC_PEER, WIRE_ETH_IPV4);
	frame_ip(&l->frame, LOWER_PEER, ALL, WIRE_PROTO_IGMP, n);
	frame_data(&l->frame, n > 12 ? none : m, n);
	frame_sum_l4(&l->frame, FRAME_L4 + 2, 0);
}

static void joining_and_leaving_is_told_once(void **state)
{
	assert_int_equal(ip_join(&l->ip, &group, 0), 0);
	expect_report(IPV4(224, 0, 0, 22), 0x22, 4);
	assert_int_equal(ip_join(&l->ip, &group, 0), 0);
	ip_leave(&l->ip, &group, 0);
	lower_run(l);
	assert_null(lower_out(l));
	ip_leave(&l->ip, &group, 0);
	expect_report(IPV4(224, 0, 0, 22), 0x22, 3);
}

static void a_query_is_answered_within_its_time(void **state)
{
	assert_int_equal(ip_join(&l->ip, &group, 0), 0);
	lower_run(l);
	lower_out_skip(l);
	query(0x11, 10, 0, 12);
	lower_in(l);
	lower_pass(l, SEC(1) + MSEC(1));
	expect_report(IPV4(224, 0, 0, 22), 0x22, 2);
	query(0x11, 10, IPV4(239, 9, 9, 9), 12);	/* not about us */
	lower_in(l);
	lower_pass(l, SEC(2));
	assert_null(lower_out(l));
	query(0x11, 10, GROUP, 8);			/* of IGMPv2 */
	lower_in(l);
	lower_pass(l, SEC(1) + MSEC(1));
	expect_report(GROUP, 0x16, 0);
	ip_leave(&l->ip, &group, 0);
	expect_report(IPV4(224, 0, 0, 2), 0x17, 0);
}

static void what_is_no_query_is_dropped(void **state)
{
	query(0x16, 0, GROUP, 8);
	lower_in(l);
	assert_int_equal(lower_drops(l, DROP_IGMP_TYPE), 1);
	query(0x11, 10, 0, 8);
	l->frame.b[FRAME_L4 + 7] ^= 1;
	lower_in(l);
	assert_int_equal(lower_drops(l, DROP_IGMP_CSUM), 1);
	query(0x11, 10, 0, 4);
	lower_in(l);
	assert_int_equal(lower_drops(l, DROP_IGMP_SHORT), 1);
}

static void only_groups_on_devices_and_not_too_many(void **state)
{
	struct addr other = addr_v4(LOWER_PEER);

	assert_int_equal(ip_join(&l->ip, &other, 0), -E_INVAL);
	assert_int_equal(ip_join(&l->ip, &group, 9), -E_NODEV);
	for (uint32_t i = 0; i < IP_GROUPS_MAX; i++) {
		other = addr_v4(IPV4(239, 0, 0, 1 + i));
		assert_int_equal(ip_join(&l->ip, &other, 0), 0);
	}
	assert_int_equal(ip_join(&l->ip, &group, 0), -E_NOBUFS);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(joining_and_leaving_is_told_once),
		T(a_query_is_answered_within_its_time),
		T(what_is_no_query_is_dropped),
		T(only_groups_on_devices_and_not_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
