/* ICMP errors: which of theirs reach a transport and as what, and which of ours leave. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/fakedev.h"
#include "helper/lower.h"

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

/* ---- in */

struct quote {
	struct wire_icmp icmp;
	struct wire_ipv4 h;
	uint32_t l4_len;
};

/* A packet of ours to LOWER_FAR, about which a router complains. */
static struct quote quote(uint8_t type, uint8_t code)
{
	return (struct quote){
		.icmp = {.type = type, .code = code},
		.h = {
			.src = LOWER_US, .dst = LOWER_FAR, .proto = LOWER_PROTO, .ttl = 1,
			.total_len = 1500, .id = 3,
		},
		.l4_len = 8,
	};
}

static void in(const struct quote *q)
{
	uint8_t b[128];

	wire_ipv4_write(b, &q->h);
	memcpy(b + 20, "abcdefghijklmnop", 16);
	lower_icmp(l, &q->icmp, b, 20 + q->l4_len);
	lower_in(l);
}

static void error_names_our_packet_and_what_the_user_sees(void **state)
{
	static const struct { uint8_t type, code; int err; bool hard; } say[] = {
		{3, 0, E_NETUNREACH, false}, {3, 1, E_HOSTUNREACH, false},
		{3, 2, E_NOPROTOOPT, true}, {3, 3, E_CONNREFUSED, true},
		{3, 4, E_MSGSIZE, true}, {3, 5, E_OPNOTSUPP, false},
		{3, 6, E_NETUNREACH, false}, {3, 7, E_HOSTDOWN, false},
		{3, 9, E_NETUNREACH, false}, {3, 10, E_HOSTUNREACH, false},
		{3, 11, E_NETUNREACH, false}, {3, 12, E_HOSTUNREACH, false},
		{3, 13, E_HOSTUNREACH, false}, {3, 15, E_HOSTUNREACH, false},
		{11, 0, E_HOSTUNREACH, false}, {11, 1, E_HOSTUNREACH, false},
		{12, 0, E_PROTO, false},
	};

	for (unsigned i = 0; i < ARRAY_LEN(say); i++) {
		struct quote q = quote(say[i].type, say[i].code);

		in(&q);
		assert_int_equal(l->errors_n, i + 1);
		assert_int_equal(l->error.err, say[i].err);
		assert_int_equal(l->error.hard, say[i].hard);
		assert_int_equal(addr_to_v4(&l->error.src), LOWER_US);
		assert_int_equal(addr_to_v4(&l->error.dst), LOWER_FAR);
		assert_int_equal(l->error.l4_len, 8);
		assert_memory_equal(l->error_l4, "abcdefgh", 8);
		assert_int_equal(l->error.mtu != 0, say[i].code == 4 && say[i].type == 3);
	}
	assert_int_equal(lower_drops_all(l), 0);
}

static void unknown_code_is_ICMP_TYPE(void **state)
{
	struct quote q = quote(WIRE_ICMP_UNREACH, 16);

	in(&q);
	assert_int_equal(lower_drops(l, DROP_ICMP_TYPE), 1);
	assert_int_equal(l->errors_n, 0);
}

static void mtu_is_the_one_named_or_the_next_plateau(void **state)
{
	static const struct { uint16_t total, named, mtu; } say[] = {
		{1500, 1400, 1400}, {1500, 1499, 1499}, {1500, 0, 1492}, {1500, 1500, 1492},
		{1500, 9000, 1492}, {1492, 0, 1006}, {1006, 0, 508}, {576, 0, 508},
		{500, 0, 296}, {296, 0, 68}, {68, 0, 68}, {40, 0, 68}, {1500, 20, 68},
		{65535, 0, 32000}, {9000, 0, 8166},
	};

	for (unsigned i = 0; i < ARRAY_LEN(say); i++) {	/* RFC 1191 §5, §7.1 */
		struct quote q = quote(WIRE_ICMP_UNREACH, WIRE_ICMP_FRAG);

		q.h.total_len = say[i].total;
		q.icmp.mtu = say[i].named;
		in(&q);
		assert_int_equal(l->error.mtu, say[i].mtu);
	}
}

/* The packet that is quoted is not one of ours, in every way. */
static void error_about_nothing_we_sent_is_ICMP_ABOUT(void **state)
{
	struct quote q = quote(WIRE_ICMP_UNREACH, WIRE_ICMP_HOST);
	unsigned n = 0;

	q.h.src = LOWER_PEER;			/* not from us */
	in(&q);
	assert_int_equal(lower_drops(l, DROP_ICMP_ABOUT), ++n);
	q.h.src = IPV4(127, 0, 0, 1);		/* from us, but it never left */
	in(&q);
	assert_int_equal(lower_drops(l, DROP_ICMP_ABOUT), ++n);
	q.h.src = LOWER_US;
	q.h.dst = IPV4(10, 0, 0, 255);		/* to everybody: nobody may answer that */
	in(&q);
	assert_int_equal(lower_drops(l, DROP_ICMP_ABOUT), ++n);
	q.h.dst = LOWER_FAR;
	q.h.frag = 185;				/* not the first fragment: no ports to be seen */
	in(&q);
	assert_int_equal(lower_drops(l, DROP_ICMP_ABOUT), ++n);
	q.h.frag = 0;
	q.h.proto = 99;				/* a protocol that we do not speak */
	in(&q);
	assert_int_equal(lower_drops(l, DROP_ICMP_ABOUT), ++n);
	q.h.proto = WIRE_PROTO_ICMP;		/* our echo reply: nobody waits for news of it */
	in(&q);
	assert_int_equal(lower_drops(l, DROP_ICMP_ABOUT), ++n);
	assert_int_equal(l->errors_n, 0);
	assert_int_equal(lower_out_n(l), 0);
}

static void quote_that_is_cut_off_is_ICMP_SHORT(void **state)
{
	struct quote q = quote(WIRE_ICMP_UNREACH, WIRE_ICMP_HOST);

	for (q.l4_len = 0; q.l4_len < 8; q.l4_len++)
		in(&q);
	lower_icmp(l, &q.icmp, "short", 5);
	lower_in(l);
	assert_int_equal(lower_drops(l, DROP_ICMP_SHORT) + lower_drops(l, DROP_IP_SHORT), 9);
	assert_int_equal(l->errors_n, 0);
}

static void silent_neighbour_is_host_unreachable(void **state)
{
	assert_int_equal(lower_send(l, IPV4(10, 0, 0, 9), "abcdefgh", 8, true), 0);
	assert_int_equal(lower_send(l, IPV4(10, 0, 0, 9), "short", 5, true), 0);
	lower_pass(l, SEC(4));
	assert_int_equal(l->errors_n, 1);	/* five bytes have no ports */
	assert_int_equal(l->error.err, E_HOSTUNREACH);
	assert_false(l->error.hard);
	assert_int_equal(addr_to_v4(&l->error.dst), IPV4(10, 0, 0, 9));
	assert_int_equal(l->error.l4_len, 8);
	assert_memory_equal(l->error_l4, "abcdefgh", 8);
	assert_int_equal(lower_drops(l, DROP_NEIGH_UNREACHABLE), 2);
}

/* ---- out */

/* An error about the last packet taken in. */
static void complain(void)
{
	ip_icmp_error(&l->ip, l->got_p[l->got_n - 1], WIRE_ICMP_UNREACH, WIRE_ICMP_PORT, 0);
	lower_run(l);
}

static void error_quotes_the_packet_up_to_576_bytes_in_all(void **state)
{
	static const uint8_t big[1480] = {1, 2, 3, 4, 5};
	static const uint32_t sizes[] = {0, 8, 527, 528, 529, 1480};
	struct wire_ipv4 h;

	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		uint32_t quoted = MIN(sizes[i], 528);

		lower_ip(l, big, sizes[i]);
		lower_in(l);
		complain();
		assert_non_null(lower_out(l));
		assert_int_equal(l->got.n, FRAME_L4 + 8 + 20 + quoted);
		assert_int_equal(wire_ipv4_parse(&h, l->got.b + FRAME_IP, 20, 576), 0);
		assert_int_equal(h.src, LOWER_US);
		assert_int_equal(h.dst, LOWER_PEER);
		assert_int_equal(h.tos, 0);
		assert_int_equal(csum_fold(csum_partial(l->got.b + FRAME_L4, 28 + quoted, 0)), 0);
		assert_int_equal(l->got.b[FRAME_L4], WIRE_ICMP_UNREACH);
		assert_int_equal(l->got.b[FRAME_L4 + 1], WIRE_ICMP_PORT);
		assert_memory_equal(l->got.b + FRAME_L4 + 8, l->frame.b + FRAME_IP, 20 + quoted);
	}
}

static void error_says_where_or_how_much(void **state)
{
	lower_ip(l, "12345678", 8);
	lower_in(l);
	ip_icmp_error(&l->ip, l->got_p[0], WIRE_ICMP_PARAM, 0, 20);
	ip_icmp_error(&l->ip, l->got_p[0], WIRE_ICMP_UNREACH, WIRE_ICMP_FRAG, 1400);
	lower_run(l);
	assert_int_equal(lower_out(l)->b[FRAME_L4 + 4], 20);
	assert_int_equal(load_be16(lower_out(l)->b + FRAME_L4 + 6), 1400);
}

/* Broadcast of either layer, and anything that is itself an error. */
static void some_packets_deserve_no_error(void **state)
{
	struct quote q = quote(WIRE_ICMP_UNREACH, WIRE_ICMP_HOST);
	uint8_t b[64];
	struct pkt *p;

	lower_ip(l, "12345678", 8);
	store_be32(l->frame.b + FRAME_IP + 16, IPV4(10, 0, 0, 255));
	frame_sum_ip(&l->frame);
	lower_in(l);
	complain();
	assert_int_equal(lower_out_n(l), 0);
	assert_int_equal(lower_drops_all(l), 0);	/* none was begun */

	wire_ipv4_write(b, &q.h);
	lower_icmp(l, &q.icmp, b, 28);
	p = fakedev_packet(l->dev, l->frame.b + FRAME_IP, l->frame.n - FRAME_IP);
	p->l3 = 20;
	pkt_pull(p, 20);
	p->rx.proto = WIRE_PROTO_ICMP;
	p->rx.src = addr_v4(LOWER_PEER);
	p->rx.dst = addr_v4(LOWER_US);
	ip_icmp_error(&l->ip, p, WIRE_ICMP_TIME_EXCEEDED, 1, 0);
	lower_run(l);
	assert_int_equal(lower_out_n(l), 0);
	p->data[0] = WIRE_ICMP_ECHO;		/* about a question it may be */
	ip_icmp_error(&l->ip, p, WIRE_ICMP_TIME_EXCEEDED, 1, 0);
	lower_run(l);
	assert_int_equal(lower_out_n(l), 1);
	for (p->data[0] = 12; p->data[0] <= 19; p->data[0]++)	/* queries are 13 to 18 */
		ip_icmp_error(&l->ip, p, WIRE_ICMP_TIME_EXCEEDED, 1, 0);
	lower_run(l);
	assert_int_equal(lower_out_n(l), 7);
	lower_out_skip(l);
	p->data[0] = WIRE_ICMP_ECHO;
	store_be16(p->data - 14, 1);		/* but not about a later fragment */
	ip_icmp_error(&l->ip, p, WIRE_ICMP_TIME_EXCEEDED, 1, 0);
	lower_run(l);
	assert_int_equal(lower_out_n(l), 0);
	store_be16(p->data - 14, 0);
	p->len = p->total = 0;			/* nor about ICMP of no known type */
	ip_icmp_error(&l->ip, p, WIRE_ICMP_TIME_EXCEEDED, 1, 0);
	lower_run(l);
	assert_int_equal(lower_out_n(l), 0);
	pkt_put(p);
}

static void errors_are_limited_to_a_burst_and_a_rate_as_ICMP_RATE(void **state)
{
	unsigned sent;

	lower_ip(l, "12345678", 8);
	lower_in(l);
	l->ip.icmp_errors_per_s = 100;
	for (unsigned i = 0; i < 1000; i++)
		complain();
	sent = lower_out_n(l);
	assert_in_range(sent, 32, 33);
	assert_int_equal(lower_drops(l, DROP_ICMP_RATE), 1000 - sent);
	lower_out_skip(l);
	for (unsigned i = 0; i < 1000; i++) {
		lower_pass(l, MSEC(1));
		complain();
	}
	assert_in_range(lower_out_n(l), 99, 101);
	l->ip.icmp_errors_per_s = 0;		/* none at all */
	lower_out_skip(l);
	lower_pass(l, SEC(1));
	complain();
	assert_int_equal(lower_out_n(l), 0);
}

static void error_without_memory_is_POOL_EMPTY(void **state)
{
	struct pkt *none;

	lower_ip(l, "12345678", 8);
	lower_in(l);
	none = stage_starve(&l->stage, 0);
	complain();
	assert_int_equal(lower_drops(l, DROP_POOL_EMPTY), 1);
	stage_feed(&l->stage, none);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(error_names_our_packet_and_what_the_user_sees),
		T(unknown_code_is_ICMP_TYPE),
		T(mtu_is_the_one_named_or_the_next_plateau),
		T(error_about_nothing_we_sent_is_ICMP_ABOUT),
		T(quote_that_is_cut_off_is_ICMP_SHORT),
		T(silent_neighbour_is_host_unreachable),
		T(error_quotes_the_packet_up_to_576_bytes_in_all),
		T(error_says_where_or_how_much),
		T(some_packets_deserve_no_error),
		T(errors_are_limited_to_a_burst_and_a_rate_as_ICMP_RATE),
		T(error_without_memory_is_POOL_EMPTY),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
