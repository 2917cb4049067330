/* The neighbour cache over virtual time: each transition of the state machine, the queue, and
 * who may push out whom. */
#include "helper/unit.h"

#include "helper/linkrig.h"

#define NEIGHS 16u

static struct linkrig r;

static int setup(void **state)
{
	linkrig_init(&r, NEIGHS, 0);
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

/* An entry that answered just now; nothing waits to be seen. */
static struct link_neigh *reachable(unsigned k)
{
	struct link_neigh *n = linkrig_send(&r, k, 40);

	linkrig_answer(&r, k);
	assert_int_equal(n->state, NEIGH_REACHABLE);
	linkrig_out_skip(&r);
	return n;
}

static struct link_neigh *stale(unsigned k)
{
	struct link_neigh *n = reachable(k);

	linkrig_pass(&r, SEC(31));
	assert_int_equal(n->state, NEIGH_STALE);
	return n;
}

/* ---- states */

static void packet_waits_for_the_answer_then_leaves(void **state)
{
	const struct fakedev_frame *f;
	struct link_neigh *n = linkrig_send(&r, 2, 40);

	assert_int_equal(n->state, NEIGH_INCOMPLETE);
	assert_int_equal(linkrig_out_n(&r), 1);	/* the question */
	linkrig_out_skip(&r);
	linkrig_answer(&r, 2);
	assert_int_equal(n->state, NEIGH_REACHABLE);
	f = linkrig_out(&r);
	assert_int_equal(f->n, 54);
	assert_int_equal(f->b[5], 2);
	assert_int_equal(f->b[14], 2);
	assert_int_equal(load_be16(f->b + 12), WIRE_ETH_IPV4);
}

static void packets_that_waited_leave_in_order(void **state)
{
	for (unsigned i = 0; i < LINK_NEIGH_QUEUE_MAX; i++)
		linkrig_send(&r, 2, 40 + i);
	linkrig_out_skip(&r);
	linkrig_answer(&r, 2);
	for (unsigned i = 0; i < LINK_NEIGH_QUEUE_MAX; i++)
		assert_int_equal(linkrig_out(&r)->n, 54 + i);
}

static void ninth_packet_pushes_out_the_oldest_as_NEIGH_QUEUE(void **state)
{
	for (unsigned i = 0; i < LINK_NEIGH_QUEUE_MAX + 2; i++)
		linkrig_send(&r, 2, 40 + i);
	assert_int_equal(drops(DROP_NEIGH_QUEUE), 2);
	linkrig_out_skip(&r);
	linkrig_answer(&r, 2);
	assert_int_equal(linkrig_out_n(&r), LINK_NEIGH_QUEUE_MAX);
	assert_int_equal(linkrig_out(&r)->n, 54 + 2);
}

static void question_is_repeated_each_second_three_times_in_all(void **state)
{
	linkrig_send(&r, 2, 40);
	assert_int_equal(linkrig_out_n(&r), 1);
	linkrig_pass(&r, MSEC(999));
	assert_int_equal(linkrig_out_n(&r), 1);
	linkrig_pass(&r, MSEC(2));
	assert_int_equal(linkrig_out_n(&r), 2);
	linkrig_pass(&r, SEC(1));
	assert_int_equal(linkrig_out_n(&r), 3);
	linkrig_pass(&r, SEC(60));
	assert_int_equal(linkrig_out_n(&r), 3);
}

static void sending_more_asks_no_more(void **state)
{
	for (unsigned i = 0; i < 100; i++)
		linkrig_send(&r, 2, 40);
	assert_int_equal(linkrig_out_n(&r), 1);	/* RFC 1122 §2.3.2.1 */
}

static void silence_makes_it_failed_and_tells_of_each_packet(void **state)
{
	struct link_neigh *n = linkrig_send(&r, 2, 40);

	linkrig_send(&r, 2, 41);
	linkrig_pass(&r, MSEC(2990));
	assert_int_equal(r.unreachable_n, 0);
	linkrig_pass(&r, MSEC(20));
	assert_int_equal(r.unreachable_n, 2);
	assert_int_equal(n->state, NEIGH_FAILED);
}

static void without_a_listener_silence_is_NEIGH_UNREACHABLE(void **state)
{
	r.link.unreachable = NULL;
	linkrig_send(&r, 2, 40);
	linkrig_pass(&r, SEC(4));
	assert_int_equal(drops(DROP_NEIGH_UNREACHABLE), 1);
}

static void after_failure_the_next_packet_asks_again(void **state)
{
	struct link_neigh *n = linkrig_send(&r, 2, 40);

	linkrig_pass(&r, SEC(4));
	linkrig_out_skip(&r);
	assert_ptr_equal(linkrig_send(&r, 2, 40), n);
	assert_int_equal(n->state, NEIGH_INCOMPLETE);
	assert_int_equal(linkrig_out_n(&r), 1);
	linkrig_answer(&r, 2);
	assert_int_equal(n->state, NEIGH_REACHABLE);
}

static void question_of_the_neighbours_own_lets_the_queue_go(void **state)
{
	struct link_neigh *n = linkrig_send(&r, 2, 40);

	linkrig_out_skip(&r);
	linkrig_arp(&r, WIRE_ARP_REQUEST, 2, 3, WIRE_MAC_BCAST);
	assert_int_equal(linkrig_out(&r)->n, 54);
	assert_int_equal(n->state, NEIGH_PROBE);	/* known, not proven, and used */
}

static void reachable_becomes_stale_after_30_seconds(void **state)
{
	struct link_neigh *n = reachable(2);

	linkrig_pass(&r, MSEC(29990));
	assert_int_equal(n->state, NEIGH_REACHABLE);
	linkrig_pass(&r, MSEC(20));
	assert_int_equal(n->state, NEIGH_STALE);
}

static void reachable_time_begins_with_the_answer(void **state)
{
	struct link_neigh *n = linkrig_send(&r, 2, 40);

	linkrig_pass(&r, MSEC(2500));
	linkrig_answer(&r, 2);
	linkrig_pass(&r, SEC(29));
	assert_int_equal(n->state, NEIGH_REACHABLE);
}

/* A transport may have made progress with a packet that came, before one went. */
static void confirmation_of_an_entry_never_sent_to_counts_as_use(void **state)
{
	struct addr a = linkrig_ip(2);
	struct link_neigh *n;

	linkrig_arp(&r, WIRE_ARP_REQUEST, 2, 1, WIRE_MAC_BCAST);
	n = link_neigh_get(&r.link, 0, &a);
	link_neigh_confirm(&r.link, n);
	assert_int_equal(n->state, NEIGH_REACHABLE);
	assert_int_equal(n->used, r.stage.core.now);
	link_check(&r.link);
}

static void confirmation_keeps_it_reachable_without_a_question(void **state)
{
	struct link_neigh *n = reachable(2);

	for (unsigned i = 0; i < 20; i++) {
		linkrig_pass(&r, SEC(20));
		link_neigh_confirm(&r.link, n);
	}
	assert_int_equal(n->state, NEIGH_REACHABLE);
	assert_int_equal(linkrig_out_n(&r), 0);
	linkrig_pass(&r, SEC(31));
	assert_int_equal(n->state, NEIGH_STALE);
}

static void stale_entry_still_carries_packets_and_is_probed_after_five_seconds(void **state)
{
	struct link_neigh *n = stale(2);
	struct mac to, old = linkrig_mac(2);
	struct wire_arp arp;

	linkrig_send(&r, 2, 40);
	assert_int_equal(n->state, NEIGH_PROBE);
	assert_int_equal(linkrig_out(&r)->n, 54);
	linkrig_send(&r, 2, 41);
	assert_int_equal(linkrig_out(&r)->n, 55);
	linkrig_pass(&r, MSEC(4990));
	assert_int_equal(linkrig_out_n(&r), 0);
	linkrig_pass(&r, MSEC(20));
	assert_true(linkrig_out_arp(&r, &to, &arp));
	assert_memory_equal(to.b, old.b, 6);		/* RFC 1122 §2.3.2.1 (2): to it alone */
	linkrig_answer(&r, 2);
	assert_int_equal(n->state, NEIGH_REACHABLE);
}

static void unused_stale_entry_asks_nothing(void **state)
{
	stale(2);
	linkrig_pass(&r, SEC(200));
	assert_int_equal(linkrig_out_n(&r), 0);
}

static void confirmation_ends_a_probe_before_it_asks(void **state)
{
	struct link_neigh *n = stale(2);

	linkrig_send(&r, 2, 40);
	linkrig_out_skip(&r);
	linkrig_pass(&r, SEC(1));
	link_neigh_confirm(&r.link, n);
	assert_int_equal(n->state, NEIGH_REACHABLE);
	linkrig_pass(&r, SEC(10));
	assert_int_equal(linkrig_out_n(&r), 0);
}

static void probe_without_answer_asks_three_times_then_fails(void **state)
{
	struct link_neigh *n = stale(2);

	linkrig_send(&r, 2, 40);
	linkrig_out_skip(&r);
	linkrig_pass(&r, MSEC(7900));
	assert_int_equal(n->state, NEIGH_PROBE);
	assert_int_equal(linkrig_out_n(&r), 3);
	linkrig_pass(&r, MSEC(200));
	assert_int_equal(n->state, NEIGH_FAILED);
	assert_int_equal(r.unreachable_n, 0);		/* no packet waited */
}

static void answer_to_no_question_does_not_end_a_probe(void **state)
{
	struct link_neigh *n = stale(2);

	linkrig_send(&r, 2, 40);
	linkrig_answer(&r, 2);
	assert_int_equal(n->state, NEIGH_PROBE);
}

static void neighbour_that_moved_is_used_at_its_new_place_and_probed(void **state)
{
	struct link_neigh *n = reachable(2);
	const struct fakedev_frame *f;

	linkrig_arp(&r, WIRE_ARP_REQUEST, 2, 3, WIRE_MAC_BCAST);
	assert_int_equal(n->state, NEIGH_REACHABLE);	/* nothing new */
	r.frame.b[27] = 77;
	linkrig_in(&r, r.frame.b, r.frame.n);
	assert_int_equal(n->state, NEIGH_STALE);
	linkrig_send(&r, 2, 40);
	assert_int_equal(n->state, NEIGH_PROBE);
	f = linkrig_out(&r);
	assert_int_equal(f->b[5], 77);
	r.frame.b[27] = 78;		/* and again, while we probe */
	linkrig_in(&r, r.frame.b, r.frame.n);
	assert_int_equal(n->state, NEIGH_STALE);
	linkrig_send(&r, 2, 40);
	assert_int_equal(linkrig_out(&r)->b[5], 78);
}

static void claim_revives_a_failed_entry(void **state)
{
	struct link_neigh *n = linkrig_send(&r, 2, 40);

	linkrig_pass(&r, SEC(4));
	assert_int_equal(n->state, NEIGH_FAILED);
	linkrig_arp(&r, WIRE_ARP_REQUEST, 2, 3, WIRE_MAC_BCAST);
	assert_int_equal(n->state, NEIGH_STALE);
}

static void entry_is_kept_five_minutes_after_its_last_use(void **state)
{
	uint32_t generation = r.link.generation;

	stale(2);
	linkrig_pass(&r, SEC(268));
	assert_non_null(known(2));
	assert_int_equal(r.link.generation, generation);
	linkrig_pass(&r, SEC(2));
	assert_null(known(2));
	assert_int_equal(r.link.generation, generation + 1);
	assert_int_equal(r.changed_n, 1);
	assert_int_equal(r.link.neigh_table.entries, 0);
}

static void hearing_of_it_keeps_an_entry(void **state)
{
	stale(2);
	for (unsigned i = 0; i < 5; i++) {
		linkrig_pass(&r, SEC(260));
		linkrig_arp(&r, WIRE_ARP_REQUEST, 2, 3, WIRE_MAC_BCAST);
		assert_non_null(known(2));
	}
	linkrig_pass(&r, SEC(302));
	assert_null(known(2));
}

static void use_keeps_an_entry(void **state)
{
	reachable(2);
	for (unsigned i = 0; i < 30; i++) {
		linkrig_pass(&r, SEC(60));
		linkrig_send(&r, 2, 40);
		linkrig_pass(&r, SEC(5) + MSEC(1));
		linkrig_answer(&r, 2);
	}
	assert_int_equal(r.changed_n, 0);
	assert_non_null(known(2));
}

static void keeping_time_can_be_set(void **state)
{
	r.link.neigh_keep = SEC(40);
	stale(2);
	linkrig_pass(&r, SEC(10));
	assert_null(known(2));
}

static void neighbours_on_two_interfaces_are_two(void **state)
{
	static struct fakedev second;
	struct addr a = linkrig_ip(2);
	struct link_neigh *n;

	fakedev_init(&second, &r.stage.pool, linkrig_mac(8), 1500, 0);
	assert_int_equal(link_add_dev(&r.link, &second.dev), 1);
	n = reachable(2);
	assert_ptr_not_equal(link_neigh_get(&r.link, 1, &a), n);
	assert_ptr_equal(link_neigh_get(&r.link, 0, &a), n);
}

static void question_that_finds_no_frame_is_asked_a_second_later(void **state)
{
	struct addr to = linkrig_ip(2);
	struct link_neigh *n = link_neigh_get(&r.link, 0, &to);
	struct pkt *p = pkt_new(&r.stage.pool), *taken = stage_starve(&r.stage, 0);

	link_output(&r.link, n, WIRE_ETH_IPV4, p);
	assert_int_equal(drops(DROP_POOL_EMPTY), 1);
	assert_int_equal(linkrig_out_n(&r), 0);
	stage_feed(&r.stage, taken);
	linkrig_pass(&r, MSEC(1001));
	assert_int_equal(linkrig_out_n(&r), 1);
}

static void generation_skips_zero_which_means_never(void **state)
{
	r.link.generation = UINT32_MAX;
	stale(2);
	linkrig_pass(&r, SEC(300));
	assert_int_equal(r.changed_n, 1);
	assert_int_equal(r.link.generation, 1);
}

/* Nothing of the neighbour that had the slot before is taken for the new one's. */
static void entry_in_an_old_slot_begins_anew(void **state)
{
	for (unsigned k = 2; k < 2 + NEIGHS; k++)
		reachable(k);
	linkrig_pass(&r, SEC(400));
	assert_int_equal(r.link.neigh_table.entries, 0);
	assert_non_null(link_neigh_get(&r.link, 0, &(struct addr){{{1}}}));
	linkrig_pass(&r, SEC(299));
	assert_int_equal(r.link.neigh_table.entries, 1);
	linkrig_pass(&r, SEC(2));
	assert_int_equal(r.link.neigh_table.entries, 0);
	r.changed_n = 0;
	for (unsigned k = 1000; k < 1000 + NEIGHS + 5; k++)
		linkrig_arp(&r, WIRE_ARP_REQUEST, k, 1, WIRE_MAC_BCAST);
	assert_non_null(known(1000 + NEIGHS + 4));	/* nobody uses the first ones */
	assert_int_equal(r.changed_n, 0);		/* nor remembers them */
	linkrig_pass(&r, SEC(299));
	assert_non_null(known(1000 + NEIGHS));
	linkrig_pass(&r, SEC(2));
	assert_null(known(1000 + NEIGHS));
}

/* ---- who may push out whom */

static void scan_of_ours_costs_no_neighbour_in_use_its_entry(void **state)
{
	for (unsigned k = 2; k < 6; k++)
		reachable(k);
	for (unsigned k = 1000; k < 2000; k++) {
		linkrig_send(&r, k, 40);
		linkrig_pass(&r, MSEC(10));
		if (k % 100 == 0)
			for (unsigned i = 2; i < 6; i++)
				linkrig_send(&r, i, 40);
	}
	for (unsigned k = 2; k < 6; k++)
		assert_int_equal(known(k)->state, NEIGH_REACHABLE);
	assert_true(drops(DROP_NEIGH_FULL) > 900);	/* what waited in entries pushed out */
}

static void neighbours_that_never_answered_take_half_of_the_idle_ones_at_most(void **state)
{
	unsigned left = 0;

	for (unsigned k = 2; k < 2 + NEIGHS; k++)
		reachable(k);
	linkrig_pass(&r, SEC(6));		/* all idle now */
	for (unsigned k = 1000; k < 1500; k++)
		linkrig_send(&r, k, 40);
	for (unsigned k = 2; k < 2 + NEIGHS; k++)
		left += known(k) != NULL;
	assert_int_equal(left, NEIGHS / 2);
}

static void idle_neighbour_gives_way_the_least_recently_used_first(void **state)
{
	for (unsigned k = 2; k < 2 + NEIGHS; k++) {
		reachable(k);
		linkrig_pass(&r, MSEC(10));
	}
	linkrig_pass(&r, SEC(6));
	linkrig_send(&r, 2, 40);
	linkrig_out_skip(&r);
	linkrig_send(&r, 100, 40);
	assert_null(known(3));
	for (unsigned k = 4; k < 2 + NEIGHS; k++)
		assert_non_null(known(k));
	assert_non_null(known(2));
	assert_int_equal(r.changed_n, 1);
}

static void cache_full_of_neighbours_in_use_takes_no_more(void **state)
{
	for (unsigned k = 2; k < 2 + NEIGHS; k++)
		reachable(k);
	assert_null(linkrig_send(&r, 100, 40));
	assert_int_equal(drops(DROP_NEIGH_FULL), 1);
	linkrig_pass(&r, MSEC(4900));
	assert_null(linkrig_send(&r, 100, 40));
	linkrig_pass(&r, MSEC(200));
	assert_non_null(linkrig_send(&r, 100, 40));
}

static void strangers_who_ask_push_out_only_each_other(void **state)
{
	for (unsigned k = 2; k < 2 + NEIGHS / 2; k++)
		reachable(k);
	linkrig_pass(&r, SEC(100));		/* even when they are long idle */
	for (unsigned k = 1000; k < 1500; k++)
		linkrig_arp(&r, WIRE_ARP_REQUEST, k, 1, WIRE_MAC_BCAST);
	for (unsigned k = 2; k < 2 + NEIGHS / 2; k++)
		assert_non_null(known(k));
	assert_non_null(known(1499));
	assert_int_equal(linkrig_out_n(&r), 500);	/* all were answered */
	assert_int_equal(r.changed_n, 0);		/* nobody had heard of those that went */
}

static void strangers_find_a_full_cache_and_are_answered_all_the_same(void **state)
{
	for (unsigned k = 2; k < 2 + NEIGHS; k++)
		reachable(k);
	linkrig_pass(&r, SEC(100));
	linkrig_arp(&r, WIRE_ARP_REQUEST, 1000, 1, WIRE_MAC_BCAST);
	assert_null(known(1000));
	assert_int_equal(linkrig_out_n(&r), 1);
}

static void entry_pushed_out_while_asking_drops_its_packets_as_NEIGH_FULL(void **state)
{
	for (unsigned k = 2; k < 2 + NEIGHS; k++)
		linkrig_send(&r, k, 40);
	assert_int_equal(drops(DROP_NEIGH_FULL), 0);
	linkrig_send(&r, 100, 40);
	assert_int_equal(drops(DROP_NEIGH_FULL), 1);
	assert_null(known(2));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(packet_waits_for_the_answer_then_leaves),
		T(packets_that_waited_leave_in_order),
		T(ninth_packet_pushes_out_the_oldest_as_NEIGH_QUEUE),
		T(question_is_repeated_each_second_three_times_in_all),
		T(sending_more_asks_no_more),
		T(silence_makes_it_failed_and_tells_of_each_packet),
		T(without_a_listener_silence_is_NEIGH_UNREACHABLE),
		T(after_failure_the_next_packet_asks_again),
		T(question_of_the_neighbours_own_lets_the_queue_go),
		T(reachable_becomes_stale_after_30_seconds),
		T(reachable_time_begins_with_the_answer),
		T(confirmation_of_an_entry_never_sent_to_counts_as_use),
		T(confirmation_keeps_it_reachable_without_a_question),
		T(stale_entry_still_carries_packets_and_is_probed_after_five_seconds),
		T(unused_stale_entry_asks_nothing),
		T(confirmation_ends_a_probe_before_it_asks),
		T(probe_without_answer_asks_three_times_then_fails),
		T(answer_to_no_question_does_not_end_a_probe),
		T(neighbour_that_moved_is_used_at_its_new_place_and_probed),
		T(claim_revives_a_failed_entry),
		T(entry_is_kept_five_minutes_after_its_last_use),
		T(hearing_of_it_keeps_an_entry),
		T(use_keeps_an_entry),
		T(keeping_time_can_be_set),
		T(neighbours_on_two_interfaces_are_two),
		T(question_that_finds_no_frame_is_asked_a_second_later),
		T(generation_skips_zero_which_means_never),
		T(entry_in_an_old_slot_begins_anew),
		T(scan_of_ours_costs_no_neighbour_in_use_its_entry),
		T(neighbours_that_never_answered_take_half_of_the_idle_ones_at_most),
		T(idle_neighbour_gives_way_the_least_recently_used_first),
		T(cache_full_of_neighbours_in_use_takes_no_more),
		T(strangers_who_ask_push_out_only_each_other),
		T(strangers_find_a_full_cache_and_are_answered_all_the_same),
		T(entry_pushed_out_while_asking_drops_its_packets_as_NEIGH_FULL),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
