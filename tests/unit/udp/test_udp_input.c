/* Datagrams in: what is taken, what it costs, under which name the rest is dropped; errors. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/lower.h"
#include "udp/udp_int.h"

static struct lower *l;
static struct udp_sock s, t;
static const struct addr any;

static int setup(void **state)
{
	l = lower_new_udp(NULL);
	udp_sock_init(&s, NULL);
	udp_sock_init(&t, NULL);
	return udp_bind(l->udp, &s, &any, 7);
}

static int teardown(void **state)
{
	udp_close(l->udp, &s);
	udp_close(l->udp, &t);
	lower_free(l);
	return 0;
}

static struct udp_sock *ready(unsigned want)
{
	unsigned bits = 0;
	struct udp_sock *sock = udp_ready_sock(l->udp, &bits);

	assert_int_equal(bits, want);
	return sock;
}

static void dropped(enum drop why)
{
	uint64_t before = lower_drops(l, why), all = lower_drops_all(l);

	lower_in(l);
	assert_int_equal(lower_drops(l, why), before + 1);
	assert_int_equal(lower_drops_all(l), all + 1);
	assert_int_equal(s.rx.n, 0);
	assert_int_equal(lower_out_n(l), 0);
}

static void datagram_reaches_its_socket_and_says_from_whom(void **state)
{
	struct pkt *p;

	lower_udp(l, 1000, 7, "hello", 5);
	lower_in(l);
	assert_ptr_equal(ready(UDP_READABLE), &s);
	assert_null(ready(0));
	assert_int_equal(s.rx_bytes, 5 + UDP_PKT_COST);
	p = udp_recv(l->udp, &s);
	assert_int_equal(p->total, 5);
	assert_memory_equal(p->data, "hello", 5);
	assert_int_equal(addr_to_v4(&p->rx.src), LOWER_PEER);
	assert_int_equal(p->rx.sport, 1000);
	assert_int_equal(addr_to_v4(&p->rx.dst), LOWER_US);
	assert_int_equal(s.rx_bytes, 0);
	assert_null(udp_recv(l->udp, &s));
	pkt_put(p);
}

static void empty_datagram_is_a_datagram(void **state)
{
	lower_udp(l, 1000, 7, "", 0);
	lower_in(l);
	assert_int_equal(s.rx.n, 1);
	assert_int_equal(s.rx.head->total, 0);
}

static void bytes_behind_the_datagram_go(void **state)
{
	lower_udp(l, 1000, 7, "hello", 5);
	frame_data(&l->frame, "junk", 4);
	store_be16(l->frame.b + FRAME_IP + 2, 20 + 8 + 9);
	frame_sum_ip(&l->frame);
	lower_in(l);
	assert_int_equal(s.rx.head->total, 5);
}

static void datagrams_wait_in_order_and_one_after_another(void **state)
{
	for (unsigned i = 0; i < 100; i++) {
		uint8_t b = (uint8_t)i;

		lower_udp(l, (uint16_t)(1000 + i / 10), 7, &b, 1);
		lower_in(l);
	}
	for (unsigned i = 0; i < 100; i++) {
		struct pkt *p = udp_recv(l->udp, &s);

		assert_int_equal(p->data[0], i);
		assert_int_equal(p->rx.sport, 1000 + i / 10);
		pkt_put(p);
	}
	assert_ptr_equal(ready(UDP_READABLE), &s);
	assert_null(ready(0));
}

static void short_datagram_is_UDP_SHORT(void **state)
{
	for (uint32_t n = 0; n < 8; n++) {
		frame_eth(&l->frame, LOWER_MAC_US, LOWER_MAC_PEER, WIRE_ETH_IPV4);
		frame_ip(&l->frame, LOWER_PEER, LOWER_US, WIRE_PROTO_UDP, n);
		frame_data(&l->frame, "\0\1\0\7\0\10\0", n);
		dropped(DROP_UDP_SHORT);
	}
}

static void wrong_length_is_UDP_LEN(void **state)
{
	static const uint16_t wrong[] = {0, 7, 14, 65535};

	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		lower_udp(l, 1000, 7, "hello", 5);
		store_be16(l->frame.b + FRAME_L4 + 4, wrong[i]);
		dropped(DROP_UDP_LEN);
	}
}

static void any_wrong_bit_is_noticed(void **state)
{
	for (unsigned bit = 0; bit < 8 * 13; bit++) {
		unsigned byte = bit / 8;

		lower_udp(l, 1000, 7, "hello", 5);
		l->frame.b[FRAME_L4 + byte] ^= (uint8_t)(1u << bit % 8);
		if (byte == 4 || byte == 5)
			continue;		/* the length has names of its own */
		dropped(DROP_UDP_CSUM);
	}
}

static void datagram_without_a_checksum_is_taken(void **state)
{
	lower_udp(l, 1000, 7, "hello", 5);
	store_be16(l->frame.b + FRAME_L4 + 6, 0);	/* RFC 768; RFC 1122 §4.1.3.4 */
	lower_in(l);
	assert_int_equal(s.rx.n, 1);
}

static void port_0_is_UDP_PORT_ZERO(void **state)
{
	lower_udp(l, 1000, 0, "hello", 5);
	dropped(DROP_UDP_PORT_ZERO);
}

static void nobodys_port_is_UDP_NO_PORT_and_answered(void **state)
{
	lower_udp(l, 1000, 8, "hello", 5);
	lower_in(l);
	assert_int_equal(lower_drops(l, DROP_UDP_NO_PORT), 1);
	assert_int_equal(l->udp->no_port, 1);
	assert_non_null(lower_out(l));
	assert_int_equal(l->got.b[FRAME_L4], WIRE_ICMP_UNREACH);
	assert_int_equal(l->got.b[FRAME_L4 + 1], WIRE_ICMP_PORT);
	assert_memory_equal(l->got.b + FRAME_L4 + 8, l->frame.b + FRAME_IP, 33);
}

static void nobodys_port_is_not_answered_to_a_broadcast(void **state)
{
	lower_udp(l, 1000, 8, "hello", 5);
	store_be32(l->frame.b + FRAME_IP + 16, UINT32_MAX);
	frame_sum_ip(&l->frame);
	frame_sum_udp(&l->frame);
	dropped(DROP_UDP_NO_PORT);
}

static void full_buffer_is_UDP_RCVBUF_but_an_empty_one_takes_anything(void **state)
{
	static const uint8_t big[1400];
	unsigned n = 0;

	s.rcvbuf = 3 * (1400 + UDP_PKT_COST) + 1;
	while (n < 10 && !lower_drops(l, DROP_UDP_RCVBUF)) {
		lower_udp(l, 1000, 7, big, 1400);
		lower_in(l);
		n++;
	}
	assert_int_equal(n, 4);
	assert_int_equal(s.rx.n, 3);
	while (s.rx.n)
		pkt_put(udp_recv(l->udp, &s));
	s.rcvbuf = 100;
	lower_udp(l, 1000, 7, big, 1400);
	lower_in(l);
	assert_int_equal(s.rx.n, 1);
}

static void broadcast_reaches_every_socket_on_the_port(void **state)
{
	struct udp_sock bound;
	struct addr us = addr_v4(LOWER_US);

	s.reuse_addr = t.reuse_addr = true;
	udp_sock_init(&bound, NULL);
	bound.reuse_addr = true;
	assert_int_equal(udp_bind(l->udp, &t, &any, 7), 0);
	assert_int_equal(udp_bind(l->udp, &bound, &us, 7), 0);	/* that is not for everybody */
	lower_udp(l, 1000, 7, "hello", 5);
	store_be32(l->frame.b + FRAME_IP + 16, IPV4(10, 0, 0, 255));
	frame_sum_ip(&l->frame);
	frame_sum_udp(&l->frame);
	lower_in(l);
	assert_int_equal(s.rx.n, 1);
	assert_int_equal(t.rx.n, 1);
	assert_int_equal(bound.rx.n, 0);
	for (unsigned i = 0; i < 2; i++) {
		struct pkt *p = udp_recv(l->udp, i ? &s : &t);

		assert_int_equal(p->total, 5);
		assert_memory_equal(p->data, "hello", 5);
		assert_int_equal(p->rx.sport, 1000);
		assert_int_equal(addr_to_v4(&p->rx.src), LOWER_PEER);
		pkt_put(p);
	}
	udp_close(l->udp, &bound);
}

static void broadcast_without_memory_for_all_reaches_one(void **state)
{
	struct pkt *p, *none;

	s.reuse_addr = t.reuse_addr = true;
	assert_int_equal(udp_bind(l->udp, &t, &any, 7), 0);
	lower_udp(l, 1000, 7, "hello", 5);
	store_be32(l->frame.b + FRAME_IP + 16, IPV4(10, 0, 0, 255));
	frame_sum_ip(&l->frame);
	frame_sum_udp(&l->frame);
	p = pkt_new(&l->stage.pool);
	assert_int_equal(pkt_write(p, l->frame.b + FRAME_IP, l->frame.n - FRAME_IP), 0);
	none = stage_starve(&l->stage, 0);
	ip_input(&l->ip, &p, 1);
	ip_deliver(&l->ip);
	assert_int_equal(s.rx.n + t.rx.n, 1);
	assert_int_equal(lower_drops(l, DROP_POOL_EMPTY), 1);
	stage_feed(&l->stage, none);
}

/* In one batch: two flows, a bad one between them, nobody's, a full socket's. */
static void batch_is_taken_datagram_by_datagram(void **state)
{
	static const uint16_t ports[] = {7, 7, 9, 7, 5, 7, 7};
	struct pkt *p[ARRAY_LEN(ports)];

	assert_int_equal(udp_bind(l->udp, &t, &any, 9), 0);
	for (unsigned i = 0; i < ARRAY_LEN(ports); i++) {
		uint8_t b = (uint8_t)i;

		lower_udp(l, 1000, ports[i], &b, 1);
		if (i == 3)
			l->frame.b[FRAME_L4 + 6] ^= 1;
		p[i] = pkt_new(&l->stage.pool);
		assert_int_equal(pkt_write(p[i], l->frame.b + FRAME_IP, l->frame.n - FRAME_IP), 0);
	}
	ip_input(&l->ip, p, ARRAY_LEN(ports));
	lower_run(l);
	assert_int_equal(s.rx.n, 4);
	assert_int_equal(t.rx.n, 1);
	assert_int_equal(lower_drops(l, DROP_UDP_CSUM), 1);
	assert_int_equal(lower_drops(l, DROP_UDP_NO_PORT), 1);
	assert_int_equal(l->udp->in, 7);
}

/* Two flows to one port in one batch, of which one has a connected socket. */
static void batch_is_told_apart_by_source_ports(void **state)
{
	static const uint16_t sports[] = {1000, 1001, 1000, 1000, 1001, 1001, 1000};
	struct addr peer = addr_v4(LOWER_PEER);
	struct pkt *p[ARRAY_LEN(sports)];

	s.reuse_addr = t.reuse_addr = true;
	assert_int_equal(udp_bind(l->udp, &t, &any, 7), 0);
	assert_int_equal(udp_connect(l->udp, &t, &peer, 1001), 0);
	for (unsigned i = 0; i < ARRAY_LEN(sports); i++) {
		lower_udp(l, sports[i], 7, "x", 1);
		p[i] = pkt_new(&l->stage.pool);
		assert_int_equal(pkt_write(p[i], l->frame.b + FRAME_IP, l->frame.n - FRAME_IP), 0);
	}
	ip_input(&l->ip, p, ARRAY_LEN(sports));
	lower_run(l);
	assert_int_equal(s.rx.n, 4);
	assert_int_equal(t.rx.n, 3);
}

static void closed_socket_is_not_ready_any_more(void **state)
{
	lower_udp(l, 1000, 7, "hello", 5);
	lower_in(l);
	udp_close(l->udp, &s);
	assert_null(ready(0));
}

/* ---- errors */

static void complain(uint16_t lport, uint32_t dst, uint16_t rport)
{
	struct wire_icmp icmp = {.type = WIRE_ICMP_UNREACH, .code = WIRE_ICMP_PORT};
	struct wire_ipv4 h = {
		.src = LOWER_US, .dst = dst, .proto = WIRE_PROTO_UDP, .ttl = 1, .total_len = 100,
	};
	struct wire_udp u = {.sport = lport, .dport = rport, .len = 80};
	uint8_t b[28];

	wire_ipv4_write(b, &h);
	wire_udp_write(b + 20, &u);
	lower_icmp(l, &icmp, b, sizeof(b));
	lower_in(l);
}

static void connected_socket_hears_that_nobody_is_there(void **state)
{
	struct addr peer = addr_v4(LOWER_PEER);

	assert_int_equal(udp_connect(l->udp, &s, &peer, 9), 0);
	complain(7, LOWER_PEER, 9);
	assert_ptr_equal(ready(UDP_ERROR), &s);
	lower_udp(l, 9, 7, "hello", 5);
	lower_in(l);
	assert_ptr_equal(ready(UDP_READABLE), &s);	/* what was told is not told again */
	assert_int_equal(udp_take_error(&s), E_CONNREFUSED);
	assert_int_equal(udp_take_error(&s), 0);
}

static void pending_error_fails_the_next_send_once(void **state)
{
	struct addr peer = addr_v4(LOWER_PEER);

	assert_int_equal(udp_connect(l->udp, &s, &peer, 9), 0);
	complain(7, LOWER_PEER, 9);
	assert_int_equal(udp_send(l->udp, &s, NULL, 0, pkt_new(&l->stage.pool)), -E_CONNREFUSED);
	assert_int_equal(udp_send(l->udp, &s, NULL, 0, pkt_new(&l->stage.pool)), 0);
}

static void nobodys_port_of_our_own_is_heard_of_too(void **state)
{
	struct addr us = addr_v4(IPV4(127, 0, 0, 1));

	assert_int_equal(udp_connect(l->udp, &s, &us, 9), 0);
	assert_int_equal(udp_send(l->udp, &s, NULL, 0, pkt_new(&l->stage.pool)), 0);
	lower_run(l);			/* the datagram */
	lower_run(l);			/* the error about it */
	assert_int_equal(udp_take_error(&s), E_CONNREFUSED);
}

static void error_for_a_socket_that_is_not_connected_there_is_ICMP_ABOUT(void **state)
{
	struct addr peer = addr_v4(LOWER_PEER);

	complain(7, LOWER_PEER, 9);		/* not connected */
	complain(8, LOWER_PEER, 9);		/* not there */
	assert_int_equal(udp_connect(l->udp, &s, &peer, 9), 0);
	complain(7, LOWER_PEER, 10);		/* connected elsewhere */
	complain(7, LOWER_FAR, 9);
	assert_int_equal(lower_drops(l, DROP_ICMP_ABOUT), 4);
	assert_int_equal(udp_take_error(&s), 0);
	assert_null(ready(0));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(datagram_reaches_its_socket_and_says_from_whom),
		T(empty_datagram_is_a_datagram),
		T(bytes_behind_the_datagram_go),
		T(datagrams_wait_in_order_and_one_after_another),
		T(short_datagram_is_UDP_SHORT),
		T(wrong_length_is_UDP_LEN),
		T(any_wrong_bit_is_noticed),
		T(datagram_without_a_checksum_is_taken),
		T(port_0_is_UDP_PORT_ZERO),
		T(nobodys_port_is_UDP_NO_PORT_and_answered),
		T(nobodys_port_is_not_answered_to_a_broadcast),
		T(full_buffer_is_UDP_RCVBUF_but_an_empty_one_takes_anything),
		T(broadcast_reaches_every_socket_on_the_port),
		T(broadcast_without_memory_for_all_reaches_one),
		T(batch_is_taken_datagram_by_datagram),
		T(batch_is_told_apart_by_source_ports),
		T(closed_socket_is_not_ready_any_more),
		T(connected_socket_hears_that_nobody_is_there),
		T(pending_error_fails_the_next_send_once),
		T(nobodys_port_of_our_own_is_heard_of_too),
		T(error_for_a_socket_that_is_not_connected_there_is_ICMP_ABOUT),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
