/* The lower half as a whole: one walk through each of its ways. */
#include "helper/unit.h"

#include "helper/lower.h"
#include "udp/udp.h"

static void echo_is_answered(void **state)
{
	struct lower *l = lower_new_udp(NULL);
	struct wire_icmp echo = {.type = WIRE_ICMP_ECHO, .id = 5, .seq = 6};
	uint8_t data[56];
	struct frame *f;

	memset(data, 3, sizeof(data));
	lower_icmp(l, &echo, data, sizeof(data));
	lower_in(l);
	f = lower_out(l);
	assert_non_null(f);
	assert_int_equal(f->n, 14 + 20 + 8 + 56);
	assert_int_equal(f->b[34], 0);
	assert_int_equal(csum_fold(csum_partial(f->b + 34, 64, 0)), 0);
	assert_null(lower_out(l));
	assert_int_equal(lower_drops_all(l), 0);
	lower_free(l);
}

static void datagram_and_back(void **state)
{
	struct lower *l = lower_new_udp(NULL);
	struct udp_sock s;
	struct addr any = {0}, from;
	struct pkt *p;
	struct frame *f;
	unsigned bits;

	udp_sock_init(&s, NULL);
	assert_int_equal(udp_bind(l->udp, &s, &any, 7), 0);
	lower_udp(l, 1000, 7, "hello", 5);
	lower_in(l);
	assert_ptr_equal(udp_ready_sock(l->udp, &bits), &s);
	p = udp_recv(l->udp, &s);
	assert_non_null(p);
	from = p->rx.src;
	assert_int_equal(udp_send(l->udp, &s, &from, p->rx.sport, p), 0);
	lower_run(l);
	f = lower_out(l);
	assert_non_null(f);
	assert_int_equal(f->n, 14 + 20 + 8 + 5);
	assert_memory_equal(f->b + 42, "hello", 5);
	udp_close(l->udp, &s);
	lower_free(l);
}

static void big_datagrams_in_fragments(void **state)
{
	struct lower *l = lower_new_udp(NULL);
	struct udp_sock s;
	struct addr any = {0}, us = addr_v4(LOWER_US), peer = addr_v4(LOWER_PEER);
	static uint8_t big[60000], back[60000];
	struct pkt *p = pkt_new(&l->stage.pool);

	for (unsigned i = 0; i < sizeof(big); i++)
		big[i] = (uint8_t)(i * 7 + i / 256);
	udp_sock_init(&s, NULL);
	assert_int_equal(udp_bind(l->udp, &s, &any, 7), 0);
	assert_int_equal(pkt_write(p, big, sizeof(big)), 0);
	assert_int_equal(udp_send(l->udp, &s, &peer, 9, p), 0);
	lower_run(l);
	assert_int_equal(lower_out_n(l), (60008 + 1479) / 1480);
	/* turned round, they come back */
	for (struct frame *f; (f = lower_out(l));) {
		l->frame = *f;
		wire_eth_write(l->frame.b, LOWER_MAC_US, LOWER_MAC_PEER, WIRE_ETH_IPV4);
		store_be32(l->frame.b + 26, LOWER_PEER);
		store_be32(l->frame.b + 30, LOWER_US);
		if ((load_be16(l->frame.b + 20) & WIRE_IPV4_OFFSET) == 0) {
			store_be16(l->frame.b + 34, 9);
			store_be16(l->frame.b + 36, 7);
		}
		frame_sum_ip(&l->frame);
		lower_in(l);
	}
	p = udp_recv(l->udp, &s);
	assert_non_null(p);
	assert_int_equal(pkt_read(p, 0, back, sizeof(back)), sizeof(back));
	assert_memory_equal(back, big, sizeof(big));
	pkt_put(p);
	/* and to ourselves */
	p = pkt_new(&l->stage.pool);
	assert_int_equal(pkt_write(p, big, sizeof(big)), 0);
	assert_int_equal(udp_send(l->udp, &s, &us, 7, p), 0);
	lower_run(l);
	p = udp_recv(l->udp, &s);
	assert_non_null(p);
	assert_int_equal(p->total, 60000);
	pkt_put(p);
	udp_close(l->udp, &s);
	assert_int_equal(lower_drops_all(l), 0);
	lower_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(echo_is_answered),
		cmocka_unit_test(datagram_and_back),
		cmocka_unit_test(big_datagrams_in_fragments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
