/* IPv4 packets in: what RFC 1122 §3.2.1 lets through, how it reaches its protocol, and the name
 * under which everything else is dropped. */
#include "helper/unit.h"

#include "helper/fakedev.h"
#include "helper/lower.h"
#include "link/link.h"

static struct lower *l;

static int setup(void **state)
{
	l = lower_new(NULL);
	lower_watch(l);
	return 0;
}

static int teardown(void **state)
{
	lower_free(l);
	return 0;
}

/* The frame in l->frame is dropped for `why`, and nobody is told. */
static void dropped(enum drop why)
{
	uint64_t before = lower_drops(l, why), all = lower_drops_all(l);
	unsigned got = l->got_n;

	lower_in(l);
	assert_int_equal(lower_drops(l, why), before + 1);
	assert_int_equal(lower_drops_all(l), all + 1);
	assert_int_equal(l->got_n, got);
	assert_int_equal(lower_out_n(l), 0);
}

static void taken(void)
{
	unsigned got = l->got_n;
	uint64_t all = lower_drops_all(l);

	lower_in(l);
	assert_int_equal(l->got_n, got + 1);
	assert_int_equal(lower_drops_all(l), all);
}

static void set_src(uint32_t ip)
{
	lower_ip(l, "12345678", 8);
	store_be32(l->frame.b + FRAME_IP + 12, ip);
	frame_sum_ip(&l->frame);
}

static void set_dst(uint32_t ip)
{
	lower_ip(l, "12345678", 8);
	store_be32(l->frame.b + FRAME_IP + 16, ip);
	frame_sum_ip(&l->frame);
}

/* Puts options between header and data. */
static void options(const void *b, unsigned n)
{
	lower_ip(l, "12345678", 8);
	memmove(l->frame.b + FRAME_L4 + n, l->frame.b + FRAME_L4, 8);
	memcpy(l->frame.b + FRAME_L4, b, n);
	l->frame.n += n;
	l->frame.b[FRAME_IP] = (uint8_t)(0x45 + n / 4);
	store_be16(l->frame.b + FRAME_IP + 2, (uint16_t)(28 + n));
	frame_sum_ip(&l->frame);
}

static void packet_reaches_its_protocol_with_everything_told(void **state)
{
	struct pkt *p;

	lower_ip(l, "12345678", 8);
	l->frame.b[FRAME_IP + 1] = 0xb9;
	l->frame.b[FRAME_IP + 8] = 17;
	frame_sum_ip(&l->frame);
	taken();
	p = l->got_p[0];
	assert_int_equal(p->total, 8);
	assert_memory_equal(p->data, "12345678", 8);
	assert_true(addr_is_v4(&p->rx.src) && addr_to_v4(&p->rx.src) == LOWER_PEER);
	assert_true(addr_is_v4(&p->rx.dst) && addr_to_v4(&p->rx.dst) == LOWER_US);
	assert_int_equal(p->rx.proto, LOWER_PROTO);
	assert_int_equal(p->rx.ttl, 17);
	assert_int_equal(p->rx.tos, 0xb9);
	assert_int_equal(p->rx.ecn, 1);
	assert_int_equal(p->l3, 20);
	assert_int_equal((p->data - p->l3)[0], 0x45);
	assert_int_equal(l->ip.delivered, 1);
	assert_int_equal(l->ip.in, 1);
}

static void padding_of_a_short_frame_goes(void **state)
{
	lower_ip(l, "12345678", 8);
	memset(l->frame.b + l->frame.n, 0xee, 60 - l->frame.n);
	l->frame.n = 60;
	taken();
	assert_int_equal(l->got_p[0]->total, 8);
	assert_int_equal(l->got_p[0]->len, 8);
}

static void packet_without_payload_is_a_packet(void **state)
{
	lower_ip(l, "", 0);
	taken();
	assert_int_equal(l->got_p[0]->total, 0);
}

static void ttl_of_zero_or_one_is_no_reason_to_drop(void **state)
{
	for (unsigned ttl = 0; ttl < 2; ttl++) {	/* RFC 1122 §3.2.1.7 */
		lower_ip(l, "12345678", 8);
		l->frame.b[FRAME_IP + 8] = (uint8_t)ttl;
		frame_sum_ip(&l->frame);
		taken();
	}
}

static void short_packet_is_IP_SHORT(void **state)
{
	lower_ip(l, "12345678", 8);
	for (l->frame.n = FRAME_IP; l->frame.n < FRAME_L4; l->frame.n++)
		dropped(DROP_IP_SHORT);
	lower_ip(l, "", 0);
	l->frame.b[FRAME_IP] = 0x46;
	dropped(DROP_IP_SHORT);		/* the header says 24 bytes, there are 20 */
}

static void other_version_is_IP_VERSION(void **state)
{
	lower_ip(l, "12345678", 8);
	l->frame.b[FRAME_IP] = 0x65;
	frame_sum_ip(&l->frame);
	dropped(DROP_IP_VERSION);
}

static void header_length_below_five_words_is_IP_HEADER_LEN(void **state)
{
	for (uint8_t words = 0; words < 5; words++) {
		lower_ip(l, "12345678", 8);
		l->frame.b[FRAME_IP] = 0x40 | words;
		dropped(DROP_IP_HEADER_LEN);
	}
}

static void wrong_total_length_is_IP_TOTAL_LEN(void **state)
{
	static const uint16_t wrong[] = {0, 19, 29, 65535};

	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		lower_ip(l, "12345678", 8);
		store_be16(l->frame.b + FRAME_IP + 2, wrong[i]);
		frame_sum_ip(&l->frame);
		dropped(DROP_IP_TOTAL_LEN);
	}
}

static void any_wrong_bit_of_the_header_is_noticed(void **state)
{
	for (unsigned bit = 0; bit < 160; bit++) {
		lower_ip(l, "12345678", 8);
		l->frame.b[FRAME_IP + bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (bit >= 8)		/* those of the first byte have names of their own */
			dropped(DROP_IP_CSUM);
	}
}

static void impossible_sources_are_IP_SRC(void **state)
{
	static const uint32_t wrong[] = {	/* RFC 1122 §3.2.1.3 */
		0, IPV4(0, 1, 2, 3), IPV4(127, 0, 0, 1), IPV4(224, 0, 0, 1),
		IPV4(239, 255, 255, 255), IPV4(240, 0, 0, 1), UINT32_MAX,
		IPV4(10, 0, 0, 255),	/* our subnet's broadcast */
		LOWER_US,		/* ourselves */
	};

	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		set_src(wrong[i]);
		dropped(DROP_IP_SRC);
	}
	set_src(IPV4(223, 255, 255, 254));
	taken();
}

static void source_that_became_ours_is_IP_SRC(void **state)
{
	struct addr peer = addr_v4(LOWER_PEER);

	set_src(LOWER_PEER);
	taken();
	assert_int_equal(ip_add_addr(&l->ip, &peer, 24, 0), 0);
	lower_run(l);
	lower_out_skip(l);
	set_src(LOWER_PEER);
	dropped(DROP_IP_SRC);
}

static void impossible_destinations_are_IP_DST(void **state)
{
	static const uint32_t wrong[] = {
		0, IPV4(0, 1, 2, 3), IPV4(127, 0, 0, 1), IPV4(240, 0, 0, 0), UINT32_MAX - 1,
	};

	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		set_dst(wrong[i]);
		dropped(DROP_IP_DST);
	}
}

/* However unusual the header is. */
static void addresses_of_fragments_and_with_options_are_judged(void **state)
{
	static const uint8_t nop[4] = {1, 1, 1, 1};

	set_src(IPV4(127, 0, 0, 1));
	frame_fragment(&l->frame, 1, 0, true);
	dropped(DROP_IP_SRC);
	options(nop, 4);
	store_be32(l->frame.b + FRAME_IP + 16, LOWER_FAR);
	frame_sum_ip(&l->frame);
	dropped(DROP_IP_NOT_OURS);
}

static void broadcast_of_another_interfaces_subnet_is_IP_NOT_OURS(void **state)
{
	static struct fakedev second;
	struct addr a = addr_v4(IPV4(10, 0, 1, 1));

	fakedev_init(&second, &l->stage.pool, (struct mac){{2, 0, 0, 0, 1, 1}}, 1400, 0);
	assert_int_equal(link_add_dev(l->link, &second.dev), 1);
	assert_int_equal(ip_add_addr(&l->ip, &a, 24, 1), 0);
	set_dst(IPV4(10, 0, 1, 255));
	dropped(DROP_IP_NOT_OURS);
	set_dst(IPV4(10, 0, 1, 1));	/* but the address itself is ours: RFC 1122 §3.3.4.2 */
	taken();
	fakedev_fini(&second);
}

static void unicast_in_a_broadcast_frame_is_IP_DST(void **state)
{
	struct mac all = WIRE_MAC_BCAST;

	lower_ip(l, "12345678", 8);
	taken();			/* the same two, properly, a moment ago */
	memcpy(l->frame.b, all.b, 6);
	dropped(DROP_IP_DST);		/* RFC 1122 §3.3.6 */
}

static void packet_for_another_host_is_IP_NOT_OURS(void **state)
{
	static const uint32_t other[] = {
		LOWER_PEER, LOWER_FAR, IPV4(10, 0, 1, 255), IPV4(224, 0, 0, 251),
	};

	for (unsigned i = 0; i < ARRAY_LEN(other); i++) {
		set_dst(other[i]);
		dropped(DROP_IP_NOT_OURS);
	}
}

static void broadcast_and_all_hosts_are_taken_and_marked(void **state)
{
	static const uint32_t all[] = {UINT32_MAX, IPV4(10, 0, 0, 255), IPV4(224, 0, 0, 1)};

	for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
		set_dst(all[i]);
		taken();
		assert_true(l->got_p[i]->flags & PKT_LINK_BCAST);
	}
}

static void unknown_protocol_is_IP_PROTO_and_answered(void **state)
{
	lower_ip(l, "12345678", 8);
	l->frame.b[FRAME_IP + 9] = 99;
	frame_sum_ip(&l->frame);
	lower_in(l);
	assert_int_equal(lower_drops(l, DROP_IP_PROTO), 1);
	assert_non_null(lower_out(l));
	assert_int_equal(l->got.b[FRAME_L4], WIRE_ICMP_UNREACH);
	assert_int_equal(l->got.b[FRAME_L4 + 1], WIRE_ICMP_PROTO);
	assert_null(lower_out(l));
}

static void harmless_options_are_skipped(void **state)
{
	static const uint8_t record_route[8] = {7, 7, 4};
	static const uint8_t unknown[4] = {0x5e, 4, 1, 2};

	options(record_route, 8);
	taken();
	assert_memory_equal(l->got_p[0]->data, "12345678", 8);
	assert_int_equal(l->got_p[0]->l3, 28);
	options(unknown, 4);
	taken();
	assert_int_equal(l->got_p[1]->total, 8);
}

static void malformed_option_is_IP_OPTION(void **state)
{
	static const uint8_t too_long[4] = {7, 5, 4}, zero[4] = {7, 0}, alone[4] = {1, 1, 1, 7};

	options(too_long, 4);
	dropped(DROP_IP_OPTION);
	options(zero, 4);
	dropped(DROP_IP_OPTION);
	options(alone, 4);
	dropped(DROP_IP_OPTION);
}

static void source_route_is_IP_SOURCE_ROUTE(void **state)
{
	static const uint8_t loose[8] = {131, 7, 4, 10, 0, 0, 9};
	static const uint8_t strict[8] = {137, 7, 4, 10, 0, 0, 9};

	options(loose, 8);
	dropped(DROP_IP_SOURCE_ROUTE);
	options(strict, 8);
	dropped(DROP_IP_SOURCE_ROUTE);
}

/* A burst of 100 packets of one protocol is two calls: 64 when the batch is full, and the rest. */
static void packets_of_a_burst_come_in_one_batch(void **state)
{
	struct pkt *p[100];

	for (unsigned i = 0; i < 100; i++) {
		uint8_t b = (uint8_t)i;

		lower_ip(l, &b, 1);
		p[i] = fakedev_packet(l->dev, l->frame.b, l->frame.n);
	}
	link_input(l->link, 0, p, 100);
	assert_int_equal(l->got_n, IP_BATCH);
	ip_deliver(&l->ip);
	assert_int_equal(l->got_n, 100);
	assert_int_equal(l->got_calls, 2);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(l->got_p[i]->data[0], i);
}

/* Cuts the frame in l->frame into pieces of one byte, then of a few, and so on. */
static void packet_in_any_pieces_is_the_same_packet(void **state)
{
	uint8_t data[300];

	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 3);
	for (uint32_t cut = 1; cut < 200; cut += 7) {
		struct pkt *p = NULL;

		lower_ip(l, data, sizeof(data));
		for (uint32_t at = FRAME_IP; at < l->frame.n; at += cut) {
			uint32_t n = MIN(cut, l->frame.n - at);
			struct pkt *piece = fakedev_packet(l->dev, l->frame.b + at, n);

			assert_non_null(piece);
			if (p)
				pkt_append(p, piece);
			else
				p = piece;
		}
		p->if_index = 3;
		ip_input(&l->ip, &p, 1);
		lower_run(l);
		assert_int_equal(l->got_n, 1);
		p = l->got_p[--l->got_n];
		assert_int_equal(p->total, sizeof(data));
		assert_true(p->len >= IP_CONTIGUOUS);
		assert_int_equal(p->if_index, 3);
		for (uint32_t i = 0; i < sizeof(data); i++) {
			uint8_t b;

			assert_int_equal(pkt_read(p, i, &b, 1), 1);
			assert_int_equal(b, data[i]);
		}
		assert_int_equal(load_be32(p->data - p->l3 + 12), LOWER_PEER);
		pkt_put(p);
	}
	assert_int_equal(lower_drops_all(l), 0);
}

static void pieces_without_memory_to_join_them_are_POOL_EMPTY(void **state)
{
	struct pkt *p, *rest, *none;

	lower_ip(l, "12345678", 8);
	p = fakedev_packet(l->dev, l->frame.b + FRAME_IP, 24);
	rest = fakedev_packet(l->dev, l->frame.b + FRAME_L4 + 4, 4);
	pkt_append(p, rest);
	none = stage_starve(&l->stage, 0);
	ip_input(&l->ip, &p, 1);
	assert_int_equal(lower_drops(l, DROP_POOL_EMPTY), 1);
	stage_feed(&l->stage, none);
}

/* ---- to ourselves */

static void packet_to_ourselves_comes_back_by_the_next_delivery(void **state)
{
	struct pkt *none = stage_starve(&l->stage, 1);	/* none for a copy */

	assert_int_equal(lower_send(l, LOWER_US, "12345678", 8, true), 0);
	assert_int_equal(l->got_n, 0);
	lower_run(l);
	assert_int_equal(l->got_n, 1);
	assert_int_equal(l->got_p[0]->if_index, IP_IF_LOOP);
	assert_int_equal(addr_to_v4(&l->got_p[0]->rx.src), LOWER_US);
	assert_true(l->got_p[0]->flags & PKT_LOOPED && l->got_p[0]->flags & PKT_CSUM_OK);
	assert_int_equal(lower_out_n(l), 0);
	stage_feed(&l->stage, none);
}

static void delivery_takes_in_a_bounded_number(void **state)
{
	for (unsigned i = 0; i < IP_LOOP_BUDGET + 10; i++)
		assert_int_equal(lower_send(l, LOWER_US, "12345678", 8, true), 0);
	assert_true(ip_deliver(&l->ip));
	assert_int_equal(l->got_n, IP_LOOP_BUDGET);
	assert_false(ip_deliver(&l->ip));
	assert_int_equal(l->got_n, IP_LOOP_BUDGET + 10);
}

static void what_is_answered_to_ourselves_waits_for_the_next_delivery(void **state)
{
	struct wire_icmp echo = {.type = WIRE_ICMP_ECHO};
	struct addr us = addr_v4(LOWER_US);
	struct ip_send how = {.proto = WIRE_PROTO_ICMP};
	struct ip_path path = {0};
	struct pkt *p = pkt_new(&l->stage.pool);

	p->len = p->total = WIRE_ICMP_LEN;
	wire_icmp_write(p->data, &echo);
	assert_int_equal(ip_output(&l->ip, &path, &us, &us, &how, p), 0);
	assert_true(ip_deliver(&l->ip));	/* the question, and now the answer waits */
	assert_int_equal(l->ip.loop.n, 1);
	assert_false(ip_deliver(&l->ip));	/* the answer: nobody here asks */
	assert_int_equal(lower_drops(l, DROP_ICMP_TYPE), 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(packet_reaches_its_protocol_with_everything_told),
		T(padding_of_a_short_frame_goes),
		T(packet_without_payload_is_a_packet),
		T(ttl_of_zero_or_one_is_no_reason_to_drop),
		T(short_packet_is_IP_SHORT),
		T(other_version_is_IP_VERSION),
		T(header_length_below_five_words_is_IP_HEADER_LEN),
		T(wrong_total_length_is_IP_TOTAL_LEN),
		T(any_wrong_bit_of_the_header_is_noticed),
		T(impossible_sources_are_IP_SRC),
		T(source_that_became_ours_is_IP_SRC),
		T(impossible_destinations_are_IP_DST),
		T(addresses_of_fragments_and_with_options_are_judged),
		T(broadcast_of_another_interfaces_subnet_is_IP_NOT_OURS),
		T(unicast_in_a_broadcast_frame_is_IP_DST),
		T(packet_for_another_host_is_IP_NOT_OURS),
		T(broadcast_and_all_hosts_are_taken_and_marked),
		T(unknown_protocol_is_IP_PROTO_and_answered),
		T(harmless_options_are_skipped),
		T(malformed_option_is_IP_OPTION),
		T(source_route_is_IP_SOURCE_ROUTE),
		T(packets_of_a_burst_come_in_one_batch),
		T(packet_in_any_pieces_is_the_same_packet),
		T(pieces_without_memory_to_join_them_are_POOL_EMPTY),
		T(packet_to_ourselves_comes_back_by_the_next_delivery),
		T(delivery_takes_in_a_bounded_number),
		T(what_is_answered_to_ourselves_waits_for_the_next_delivery),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
