/* ARP: what is asked, what is answered, who is believed, and what is refused under which name. */
#include "helper/unit.h"

#include "helper/linkrig.h"
#include "link/link.h"

static struct linkrig r;

static int setup(void **state)
{
	linkrig_init(&r, 16, 0);
	return 0;
}

static int teardown(void **state)
{
	linkrig_fini(&r);
	return 0;
}

static uint64_t drops(enum drop why)
{
	return r.stage.core.drops[why];
}

static struct link_neigh *known(unsigned k)
{
	struct addr a = linkrig_ip(k);

	for (uint32_t i = 0; i < r.link.neighs_max; i++)
		if (r.link.neighs[i].state != NEIGH_FREE && addr_eq(&r.link.neighs[i].addr, &a))
			return &r.link.neighs[i];
	return NULL;
}

/* An ARP packet in which everything can be said. */
static void arp_in(uint16_t op, struct mac sender_mac, uint32_t sender_ip, uint32_t target_ip)
{
	struct wire_arp arp = {
		.op = op, .sender_mac = sender_mac, .sender_ip = sender_ip, .target_ip = target_ip,
	};

	frame_arp(&r.frame, WIRE_MAC_BCAST, &arp);
	linkrig_in(&r, r.frame.b, r.frame.n);
}

static void question_about_us_is_answered_to_the_asker_alone(void **state)
{
	struct mac to, asker = linkrig_mac(2), us = linkrig_mac(1);
	struct wire_arp arp;

	linkrig_arp(&r, WIRE_ARP_REQUEST, 2, 1, WIRE_MAC_BCAST);
	assert_true(linkrig_out_arp(&r, &to, &arp));
	assert_memory_equal(to.b, asker.b, 6);
	assert_int_equal(arp.op, WIRE_ARP_REPLY);
	assert_memory_equal(arp.sender_mac.b, us.b, 6);
	assert_int_equal(arp.sender_ip, IPV4(10, 0, 0, 1));
	assert_memory_equal(arp.target_mac.b, asker.b, 6);
	assert_int_equal(arp.target_ip, IPV4(10, 0, 0, 2));
	assert_int_equal(linkrig_out_n(&r), 0);
	for (unsigned why = 1; why < DROP_N; why++)
		assert_int_equal(drops((enum drop)why), 0);
}

static void question_about_us_makes_an_entry_to_be_confirmed(void **state)
{
	linkrig_arp(&r, WIRE_ARP_REQUEST, 2, 1, WIRE_MAC_BCAST);
	assert_non_null(known(2));
	assert_int_equal(known(2)->state, NEIGH_STALE);
}

static void probe_for_our_address_is_answered_and_makes_no_entry(void **state)
{
	struct mac to;
	struct wire_arp arp;

	arp_in(WIRE_ARP_REQUEST, linkrig_mac(2), 0, IPV4(10, 0, 0, 1));	/* RFC 5227 §1.1 */
	assert_true(linkrig_out_arp(&r, &to, &arp));
	assert_int_equal(arp.op, WIRE_ARP_REPLY);
	assert_int_equal(arp.target_ip, 0);
	assert_int_equal(r.link.neigh_table.entries, 0);
}

static void question_about_another_is_ARP_NOT_OURS_and_makes_no_entry(void **state)
{
	linkrig_arp(&r, WIRE_ARP_REQUEST, 2, 3, WIRE_MAC_BCAST);
	assert_int_equal(drops(DROP_ARP_NOT_OURS), 1);
	assert_int_equal(linkrig_out_n(&r), 0);
	assert_int_equal(r.link.neigh_table.entries, 0);
}

static void question_about_another_refreshes_its_askers_entry(void **state)
{
	struct mac moved = linkrig_mac(77);

	linkrig_arp(&r, WIRE_ARP_REQUEST, 2, 1, WIRE_MAC_BCAST);
	arp_in(WIRE_ARP_REQUEST, moved, IPV4(10, 0, 0, 2), IPV4(10, 0, 0, 3));	/* RFC 826 */
	assert_memory_equal(known(2)->mac.b, moved.b, 6);
}

static void answer_that_nobody_asked_for_is_ARP_UNSOLICITED_and_makes_no_entry(void **state)
{
	linkrig_answer(&r, 2);
	assert_int_equal(drops(DROP_ARP_UNSOLICITED), 1);
	assert_int_equal(r.link.neigh_table.entries, 0);
}

static void first_question_is_broadcast_from_our_address(void **state)
{
	struct mac to, all = WIRE_MAC_BCAST;
	struct wire_arp arp;

	linkrig_send(&r, 2, 40);
	assert_true(linkrig_out_arp(&r, &to, &arp));
	assert_memory_equal(to.b, all.b, 6);
	assert_int_equal(arp.op, WIRE_ARP_REQUEST);
	assert_int_equal(arp.sender_ip, IPV4(10, 0, 0, 1));
	assert_int_equal(arp.target_ip, IPV4(10, 0, 0, 2));
}

static void question_comes_from_our_address_in_the_same_subnet(void **state)
{
	struct addr other = addr_v4(IPV4(172, 16, 0, 1)), to = addr_v4(IPV4(172, 16, 0, 9));
	struct addr third = addr_v4(IPV4(172, 31, 0, 1)), else_where = addr_v4(IPV4(172, 16, 0, 8));
	static struct fakedev second;
	struct link_neigh *n;
	struct wire_arp arp;
	struct mac mac;

	fakedev_init(&second, &r.stage.pool, linkrig_mac(8), 1500, 0);
	assert_int_equal(link_add_dev(&r.link, &second.dev), 1);
	assert_int_equal(link_add_local(&r.link, &else_where, 1), 0);
	assert_int_equal(link_add_local(&r.link, &other, 0), 0);
	assert_int_equal(link_add_local(&r.link, &third, 0), 0);
	linkrig_out_skip(&r);
	n = link_neigh_get(&r.link, 0, &to);
	link_output(&r.link, n, WIRE_ETH_IPV4, pkt_new(&r.stage.pool));
	assert_true(linkrig_out_arp(&r, &mac, &arp));
	assert_int_equal(arp.sender_ip, IPV4(172, 16, 0, 1));
}

static void new_address_is_announced(void **state)
{
	struct addr other = addr_v4(IPV4(10, 0, 0, 50));
	struct mac to, all = WIRE_MAC_BCAST;
	struct wire_arp arp;

	assert_int_equal(link_add_local(&r.link, &other, 0), 0);
	assert_true(linkrig_out_arp(&r, &to, &arp));		/* RFC 5227 §2.3 */
	assert_memory_equal(to.b, all.b, 6);
	assert_int_equal(arp.op, WIRE_ARP_REQUEST);
	assert_int_equal(arp.sender_ip, IPV4(10, 0, 0, 50));
	assert_int_equal(arp.target_ip, IPV4(10, 0, 0, 50));
}

static void seventeenth_address_is_refused(void **state)
{
	for (unsigned i = 1; i < LINK_LOCALS_MAX; i++) {
		struct addr a = linkrig_ip(100 + i);

		assert_int_equal(link_add_local(&r.link, &a, 0), 0);
	}
	struct addr a = linkrig_ip(99);

	assert_true(link_add_local(&r.link, &a, 0) < 0);
}

static void conflict_is_ARP_CONFLICT_noticed_and_defended_once_in_ten_seconds(void **state)
{
	struct mac to;
	struct wire_arp arp;

	arp_in(WIRE_ARP_REQUEST, linkrig_mac(66), IPV4(10, 0, 0, 1), IPV4(10, 0, 0, 9));
	assert_int_equal(drops(DROP_ARP_CONFLICT), 1);
	assert_int_equal(r.stage.logged_n, 1);
	assert_non_null(strstr(r.stage.logged, "10.0.0.1"));
	assert_non_null(strstr(r.stage.logged, "02:00:00:00:00:42"));
	assert_true(linkrig_out_arp(&r, &to, &arp));		/* RFC 5227 §2.4 */
	assert_int_equal(arp.sender_ip, IPV4(10, 0, 0, 1));
	assert_int_equal(arp.target_ip, IPV4(10, 0, 0, 1));
	for (unsigned i = 0; i < 9; i++) {
		linkrig_pass(&r, SEC(1));
		arp_in(WIRE_ARP_REPLY, linkrig_mac(66), IPV4(10, 0, 0, 1), IPV4(10, 0, 0, 9));
	}
	assert_int_equal(linkrig_out_n(&r), 0);
	assert_int_equal(r.stage.logged_n, 1);
	linkrig_pass(&r, SEC(1));
	arp_in(WIRE_ARP_REPLY, linkrig_mac(66), IPV4(10, 0, 0, 1), IPV4(10, 0, 0, 9));
	assert_int_equal(linkrig_out_n(&r), 1);
	assert_int_equal(r.link.conflicts, 11);
	assert_int_equal(drops(DROP_ARP_CONFLICT), 11);
	assert_int_equal(r.link.neigh_table.entries, 0);
}

static void impossible_senders_are_ARP_SENDER(void **state)
{
	static const uint32_t ip[] = {
		IPV4(127, 0, 0, 1), IPV4(224, 0, 0, 0), IPV4(239, 255, 255, 255),
		IPV4(240, 0, 0, 1), IPV4(255, 255, 255, 255), IPV4(0, 0, 0, 1),
	};
	struct mac zero = {{0}};

	for (unsigned i = 0; i < ARRAY_LEN(ip); i++)
		arp_in(WIRE_ARP_REQUEST, linkrig_mac(2), ip[i], IPV4(10, 0, 0, 1));
	assert_int_equal(drops(DROP_ARP_SENDER), 6);
	/* our own MAC */
	arp_in(WIRE_ARP_REQUEST, linkrig_mac(1), IPV4(10, 0, 0, 2), IPV4(10, 0, 0, 1));
	assert_int_equal(drops(DROP_ARP_SENDER), 7);
	/* The frame comes from an honest address, ARP names a group, or nothing. */
	arp_in(WIRE_ARP_REQUEST, linkrig_mac(2), IPV4(10, 0, 0, 2), IPV4(10, 0, 0, 1));
	linkrig_out_skip(&r);
	memset(r.frame.b + 22, 0xff, 6);
	linkrig_in(&r, r.frame.b, r.frame.n);
	memcpy(r.frame.b + 22, zero.b, 6);
	linkrig_in(&r, r.frame.b, r.frame.n);
	assert_int_equal(drops(DROP_ARP_SENDER), 9);
	assert_int_equal(linkrig_out_n(&r), 0);
}

static void malformed_packets_are_dropped_by_their_names(void **state)
{
	linkrig_arp(&r, WIRE_ARP_REQUEST, 2, 3, WIRE_MAC_BCAST);
	linkrig_in(&r, r.frame.b, r.frame.n - 1);
	assert_int_equal(drops(DROP_ARP_SHORT), 1);
	r.frame.b[15] = 6;
	linkrig_in(&r, r.frame.b, r.frame.n);
	assert_int_equal(drops(DROP_ARP_FORMAT), 1);
	r.frame.b[15] = 1;
	r.frame.b[21] = 3;
	linkrig_in(&r, r.frame.b, r.frame.n);
	assert_int_equal(drops(DROP_ARP_OP), 1);
}

static void answer_without_memory_is_POOL_EMPTY(void **state)
{
	struct pkt *p, *taken;

	linkrig_arp(&r, WIRE_ARP_REQUEST, 2, 3, WIRE_MAC_BCAST);
	store_be32(r.frame.b + 38, IPV4(10, 0, 0, 1));
	p = fakedev_packet(&r.dev, r.frame.b, r.frame.n);
	taken = stage_starve(&r.stage, 0);
	link_input(&r.link, 0, &p, 1);
	assert_int_equal(drops(DROP_POOL_EMPTY), 1);
	stage_feed(&r.stage, taken);
	assert_int_equal(linkrig_out_n(&r), 0);
}

/* An address belongs to one interface: the question on another one is not about us. */
static void question_on_another_interface_is_not_answered(void **state)
{
	static struct fakedev second;
	struct pkt *p;

	fakedev_init(&second, &r.stage.pool, linkrig_mac(8), 1500, 0);
	assert_int_equal(link_add_dev(&r.link, &second.dev), 1);
	linkrig_arp(&r, WIRE_ARP_REQUEST, 2, 3, WIRE_MAC_BCAST);
	store_be32(r.frame.b + 38, IPV4(10, 0, 0, 1));
	p = fakedev_packet(&r.dev, r.frame.b, r.frame.n);
	link_input(&r.link, 1, &p, 1);
	assert_int_equal(drops(DROP_ARP_NOT_OURS), 2);
	assert_int_equal(linkrig_out_n(&r), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(question_about_us_is_answered_to_the_asker_alone),
		T(question_about_us_makes_an_entry_to_be_confirmed),
		T(probe_for_our_address_is_answered_and_makes_no_entry),
		T(question_about_another_is_ARP_NOT_OURS_and_makes_no_entry),
		T(question_about_another_refreshes_its_askers_entry),
		T(answer_that_nobody_asked_for_is_ARP_UNSOLICITED_and_makes_no_entry),
		T(first_question_is_broadcast_from_our_address),
		T(question_comes_from_our_address_in_the_same_subnet),
		T(new_address_is_announced),
		T(seventeenth_address_is_refused),
		T(conflict_is_ARP_CONFLICT_noticed_and_defended_once_in_ten_seconds),
		T(impossible_senders_are_ARP_SENDER),
		T(malformed_packets_are_dropped_by_their_names),
		T(answer_without_memory_is_POOL_EMPTY),
		T(question_on_another_interface_is_not_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
