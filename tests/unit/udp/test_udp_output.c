/* Datagrams out: header, checksum, path, and what is refused. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/lower.h"
#include "udp/udp_int.h"

static struct lower *l;
static struct udp_sock s;
static const struct addr any;
static uint8_t data[65536];

static int setup_with(const struct lower_config *config)
{
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 17 + i / 255);
	l = lower_new_udp(config);
	udp_sock_init(&s, NULL);
	return 0;
}

static int setup(void **state)
{
	return setup_with(NULL);
}

static int teardown(void **state)
{
	udp_close(l->udp, &s);
	lower_free(l);
	return 0;
}

static struct pkt *payload(uint32_t n)
{
	struct pkt *p = pkt_new(&l->stage.pool);

	assert_int_equal(pkt_write(p, data, n), 0);
	return p;
}

static int send_to(uint32_t ip, uint16_t port, uint32_t n)
{
	struct addr to = addr_v4(ip);

	return udp_send(l->udp, &s, &to, port, payload(n));
}

/* The datagram that left, with a right checksum (or one that the device is to fill). */
static const uint8_t *left(uint32_t n)
{
	struct addr src, dst;

	lower_run(l);
	assert_non_null(lower_out(l));
	assert_int_equal(l->got.n, FRAME_L4 + 8 + n);
	assert_int_equal(load_be16(l->got.b + FRAME_L4 + 4), 8 + n);
	assert_memory_equal(l->got.b + FRAME_L4 + 8, data, n);
	src = addr_v4(load_be32(l->got.b + FRAME_IP + 12));
	dst = addr_v4(load_be32(l->got.b + FRAME_IP + 16));
	assert_int_equal(csum_fold(csum_partial(l->got.b + FRAME_L4, 8 + n,
						csum_pseudo(&src, &dst, 17, 8 + n))), 0);
	assert_int_not_equal(load_be16(l->got.b + FRAME_L4 + 6), 0);
	return l->got.b;
}

static void datagram_has_ports_length_and_checksum(void **state)
{
	struct addr us = addr_v4(LOWER_US);

	assert_int_equal(udp_bind(l->udp, &s, &us, 53), 0);
	for (uint32_t n = 0; n < 100; n++) {
		assert_int_equal(send_to(LOWER_PEER, 9, n), 0);
		left(n);
		assert_int_equal(load_be16(l->got.b + FRAME_L4), 53);
		assert_int_equal(load_be16(l->got.b + FRAME_L4 + 2), 9);
	}
	assert_int_equal(l->udp->out, 100);
}

static void sum_of_zero_goes_as_all_ones(void **state)
{
	struct addr to = addr_v4(LOWER_PEER);
	uint16_t want = 0;

	assert_int_equal(udp_bind(l->udp, &s, &any, 53), 0);
	for (unsigned i = 0; i < 65536 && !want; i++) {	/* one of them sums to 0 */
		struct pkt *p = pkt_new(&l->stage.pool);
		uint16_t word = (uint16_t)i;

		assert_int_equal(pkt_write(p, &word, 2), 0);
		assert_int_equal(udp_send(l->udp, &s, &to, 9, p), 0);
		lower_run(l);
		lower_out(l);
		assert_int_not_equal(load_be16(l->got.b + FRAME_L4 + 6), 0);	/* RFC 768 */
		want = load_be16(l->got.b + FRAME_L4 + 6) == 0xffff;
	}
	assert_int_equal(want, 1);
}

static void unbound_socket_is_bound_by_its_first_datagram(void **state)
{
	uint16_t port;

	assert_int_equal(send_to(LOWER_PEER, 9, 5), 0);
	port = load_be16(left(5) + FRAME_L4);
	assert_true(port >= UDP_EPHEMERAL_MIN);
	assert_int_equal(send_to(LOWER_FAR, 9, 5), 0);
	assert_int_equal(load_be16(left(5) + FRAME_L4), port);
	assert_true(addr_is_any(&s.local));
}

static void connected_socket_sends_there_and_elsewhere_when_told(void **state)
{
	struct addr peer = addr_v4(LOWER_PEER);

	assert_int_equal(udp_connect(l->udp, &s, &peer, 9), 0);
	assert_int_equal(udp_send(l->udp, &s, NULL, 0, payload(5)), 0);
	assert_int_equal(load_be32(left(5) + FRAME_IP + 16), LOWER_PEER);
	assert_int_equal(send_to(LOWER_FAR, 10, 5), 0);
	assert_int_equal(load_be32(left(5) + FRAME_IP + 16), LOWER_FAR);
	assert_int_equal(load_be16(l->got.b + FRAME_L4 + 2), 10);
	assert_int_equal(udp_send(l->udp, &s, NULL, 0, payload(5)), 0);
	assert_int_equal(load_be32(left(5) + FRAME_IP + 16), LOWER_PEER);
}

/* What is remembered of the last destination is not taken for the next one's. */
static void datagrams_to_one_and_another_go_each_its_way(void **state)
{
	struct addr us = addr_v4(IPV4(127, 0, 0, 1));

	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(send_to(LOWER_PEER, 9, 5), 0);
		assert_int_equal(load_be32(left(5) + FRAME_IP + 12), LOWER_US);
		assert_int_equal(send_to(IPV4(127, 0, 0, 1), 9, 5), 0);
		assert_int_equal(l->ip.loop.n, 1);
		lower_run(l);
		lower_run(l);
	}
	assert_int_equal(send_to(LOWER_PEER, 9, 5), 0);
	left(5);
	assert_int_equal(udp_connect(l->udp, &s, &us, 9), 0);
	assert_int_equal(udp_connect(l->udp, &s, &any, 0), 0);
	assert_int_equal(send_to(LOWER_PEER, 9, 5), 0);
	left(5);
}

static void ttl_and_tos_are_the_sockets_but_groups_get_ttl_1(void **state)
{
	s.ttl = 9;
	s.tos = 0x10;
	assert_int_equal(send_to(LOWER_PEER, 9, 5), 0);
	assert_int_equal(left(5)[FRAME_IP + 8], 9);
	assert_int_equal(l->got.b[FRAME_IP + 1], 0x10);
	assert_int_equal(send_to(IPV4(224, 0, 0, 251), 9, 5), 0);
	assert_int_equal(left(5)[FRAME_IP + 8], 1);		/* RFC 1112 §6.1 */
}

static void broadcast_needs_permission(void **state)
{
	assert_int_equal(send_to(IPV4(10, 0, 0, 255), 9, 5), -E_ACCES);
	assert_int_equal(send_to(UINT32_MAX, 9, 5), -E_ACCES);
	assert_int_equal(send_to(UINT32_MAX, 9, 5), -E_ACCES);
	s.broadcast = true;
	assert_int_equal(send_to(UINT32_MAX, 9, 5), 0);
	assert_int_equal(left(5)[0], 0xff);
}

static void destination_and_port_are_required(void **state)
{
	assert_int_equal(udp_send(l->udp, &s, NULL, 0, payload(5)), -E_DESTADDRREQ);
	assert_int_equal(send_to(LOWER_PEER, 0, 5), -E_INVAL);
	assert_int_equal(send_to(IPV4(240, 0, 0, 1), 9, 5), -E_NETUNREACH);
	lower_run(l);
	assert_int_equal(lower_out_n(l), 0);
}

static void over_65507_bytes_is_E_MSGSIZE(void **state)
{
	assert_int_equal(send_to(LOWER_PEER, 9, 65508), -E_MSGSIZE);
	assert_int_equal(lower_drops_all(l), 0);	/* it never became a packet */
	assert_int_equal(send_to(LOWER_PEER, 9, 65507), 0);
	lower_run(l);
	assert_int_equal(lower_out_n(l), (65515 + 1479) / 1480);
}

static void datagram_to_ourselves_arrives_whatever_its_size(void **state)
{
	static const uint32_t sizes[] = {0, 1, 1472, 1473, 30000, 65492, 65493, 65507};

	assert_int_equal(udp_bind(l->udp, &s, &any, 53), 0);
	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		static uint8_t b[65536];
		struct pkt *p;

		assert_int_equal(send_to(i % 2 ? LOWER_US : IPV4(127, 0, 0, 1), 53, sizes[i]), 0);
		lower_run(l);
		p = udp_recv(l->udp, &s);
		assert_non_null(p);
		assert_int_equal(p->total, sizes[i]);
		assert_int_equal(pkt_read(p, 0, b, sizes[i]), sizes[i]);
		assert_memory_equal(b, data, sizes[i]);
		pkt_put(p);
	}
	assert_int_equal(lower_drops_all(l), 0);
	assert_int_equal(lower_out_n(l), 0);
}

/* A device that fills checksums gets the pseudo-header's sum, unless fragments are made. */
static void device_that_sums_is_left_to_it(void **state)
{
	struct lower_config config = {.csum_tx = true};
	struct addr src = addr_v4(LOWER_US), dst = addr_v4(LOWER_PEER);
	uint16_t csum;

	teardown(state);
	setup_with(&config);
	assert_int_equal(send_to(LOWER_PEER, 9, 100), 0);
	lower_run(l);
	assert_non_null(lower_out(l));
	memcpy(&csum, l->got.b + FRAME_L4 + 6, 2);
	assert_int_equal(csum, csum_fold_raw(csum_pseudo(&src, &dst, 17, 108)));
	assert_true(l->got_flags & PKT_CSUM_TODO);
	assert_int_equal(send_to(LOWER_PEER, 9, 1472), 0);
	lower_run(l);
	assert_non_null(lower_out(l));
	assert_true(l->got_flags & PKT_CSUM_TODO);
	assert_int_equal(send_to(LOWER_PEER, 9, 1473), 0);
	lower_run(l);
	assert_int_equal(lower_out_n(l), 2);
	csum = (uint16_t)csum_fold_raw(csum_pseudo(&src, &dst, 17, 1481));
	lower_out(l);
	assert_memory_not_equal(l->got.b + FRAME_L4 + 6, &csum, 2);
	assert_false(l->got_flags & PKT_CSUM_TODO);
}

static struct lend lend;

static void lent_and_shared_payloads_get_headers_of_their_own(void **state)
{
	struct addr to = addr_v4(LOWER_PEER);
	struct pkt *p = pkt_lent(&l->stage.pool, &lend, data, 1000), *none;

	assert_int_equal(udp_send(l->udp, &s, &to, 9, p), 0);
	left(1000);
	p = payload(1000);
	assert_int_equal(udp_send(l->udp, &s, &to, 9, pkt_get(p)), 0);
	left(1000);
	assert_int_equal(p->total, 1000);
	none = stage_starve(&l->stage, 0);
	assert_int_equal(udp_send(l->udp, &s, &to, 9, pkt_get(p)), -E_NOBUFS);
	stage_feed(&l->stage, none);
	assert_int_equal(lower_drops(l, DROP_POOL_EMPTY), 1);
	pkt_put(p);
}

/* An echo server's way: the very packet that came goes back. */
static void received_packet_can_be_sent_back(void **state)
{
	struct addr from;
	struct pkt *p;

	assert_int_equal(udp_bind(l->udp, &s, &any, 7), 0);
	for (unsigned i = 0; i < 3; i++) {
		lower_udp(l, 1000, 7, data, 300);
		lower_in(l);
		p = udp_recv(l->udp, &s);
		from = p->rx.src;
		assert_int_equal(udp_send(l->udp, &s, &from, p->rx.sport, p), 0);
		left(300);
		assert_int_equal(load_be16(l->got.b + FRAME_L4 + 2), 1000);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(datagram_has_ports_length_and_checksum),
		T(sum_of_zero_goes_as_all_ones),
		T(unbound_socket_is_bound_by_its_first_datagram),
		T(connected_socket_sends_there_and_elsewhere_when_told),
		T(datagrams_to_one_and_another_go_each_its_way),
		T(ttl_and_tos_are_the_sockets_but_groups_get_ttl_1),
		T(broadcast_needs_permission),
		T(destination_and_port_are_required),
		T(over_65507_bytes_is_E_MSGSIZE),
		T(datagram_to_ourselves_arrives_whatever_its_size),
		T(device_that_sums_is_left_to_it),
		T(lent_and_shared_payloads_get_headers_of_their_own),
		T(received_packet_can_be_sent_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
