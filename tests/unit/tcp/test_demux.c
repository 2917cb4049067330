/* Which connection a segment belongs to: four-tuples that differ in one part only, one bucket,
 * keys. */
#include "helper/unit.h"

#include "helper/tcprig.h"
#include "tcp/tcp_int.h"

static struct rig *r;

static int setup(void **state)
{
	r = rig_new(NULL);
	return 0;
}

static int teardown(void **state)
{
	rig_free(r);
	return 0;
}

static struct tcp_conn *found(const struct addr *local, uint16_t lport, const struct addr *remote,
			      uint16_t rport)
{
	struct wire_tcp h = {.sport = rport, .dport = lport};
	struct pkt key = {.rx = {.src = *remote, .dst = *local}};
	uint32_t other;

	return tcp_demux_conn(&r->tcp, tcp_hash(&r->tcp, local, lport, remote, rport), &key, &h,
			      &other);
}

static void each_part_of_the_four_tuple_counts(void **state)
{
	struct addr us = addr_v4(LOWER_US), them = addr_v4(LOWER_PEER), far = addr_v4(LOWER_FAR);
	struct tcp_conn *c = rig_accepted(r, 0), *d = rig_accepted(r, 1);

	assert_ptr_equal(found(&us, RIG_PORT, &them, RIG_PEER_PORT), c);
	assert_ptr_equal(found(&us, RIG_PORT, &them, RIG_PEER_PORT + 1), d);
	assert_null(found(&far, RIG_PORT, &them, RIG_PEER_PORT));
	assert_null(found(&us, RIG_PORT + 1, &them, RIG_PEER_PORT));
	assert_null(found(&us, RIG_PORT, &far, RIG_PEER_PORT));
	assert_null(found(&us, RIG_PORT, &them, RIG_PEER_PORT + 2));
	tcp_abort(&r->tcp, c);
	assert_null(found(&us, RIG_PORT, &them, RIG_PEER_PORT));
	assert_ptr_equal(found(&us, RIG_PORT, &them, RIG_PEER_PORT + 1), d);
	rig_run(r);
	rig_out_skip(r);
}

static void long_addresses_are_told_apart_by_every_byte(void **state)
{
	struct addr a = {.q = {0x0102030405060708, 0x1112131415161718}}, b = a, other;
	uint64_t h = tcp_hash(&r->tcp, &a, 1, &b, 2);

	for (unsigned i = 0; i < 16; i++) {
		other = a;
		other.b[i] ^= 1;
		assert_true(tcp_hash(&r->tcp, &other, 1, &b, 2) != h);
		assert_true(tcp_hash(&r->tcp, &a, 1, &other, 2) != h);
	}
	assert_true(tcp_hash(&r->tcp, &a, 2, &b, 1) != h);
	assert_int_equal(tcp_hash(&r->tcp, &a, 1, &b, 2), h);
}

static void hash_depends_on_the_key(void **state)
{
	struct addr us = addr_v4(LOWER_US), them = addr_v4(LOWER_PEER);
	uint64_t h = tcp_hash(&r->tcp, &us, 1, &them, 2);

	r->core->hash_key.k[0] ^= 1;
	assert_true(tcp_hash(&r->tcp, &us, 1, &them, 2) != h);
	r->core->hash_key.k[0] ^= 1;
	r->core->hash_key.k[1] ^= 1;
	assert_true(tcp_hash(&r->tcp, &us, 1, &them, 2) != h);
	r->core->hash_key.k[1] ^= 1;
}

static void many_connections_are_all_found_while_others_come_and_go(void **state)
{
	struct tcp_conn *c[RIG_PEERS] = {0};
	struct addr us = addr_v4(LOWER_US), them = addr_v4(LOWER_PEER);
	struct prng chance;

	prng_seed(&chance, 1);
	for (unsigned i = 0; i < 2000; i++) {
		unsigned k = prng_below(&chance, RIG_PEERS);

		if (c[k]) {
			tcp_abort(&r->tcp, c[k]);
			rig_run(r);
			rig_out_skip(r);
			c[k] = NULL;
		} else {
			c[k] = rig_accepted(r, k);
		}
		for (unsigned n = 0; n < RIG_PEERS; n++)
			assert_ptr_equal(found(&us, RIG_PORT, &them,
					       (uint16_t)(RIG_PEER_PORT + n)), c[n]);
	}
}

static void facts_are_told_of_whatever_has_the_four_tuple(void **state)
{
	struct addr us = addr_v4(LOWER_US), them = addr_v4(LOWER_PEER);
	struct tcp_info info;
	struct tcp_conn *c;

	assert_false(tcp_find(&r->tcp, &us, RIG_PORT, &them, RIG_PEER_PORT, &info));
	rig_in_state(r, 0, TCP_SYN_RECEIVED);
	assert_true(tcp_find(&r->tcp, &us, RIG_PORT, &them, RIG_PEER_PORT, &info));
	assert_int_equal(info.state, TCP_SYN_RECEIVED);
	c = rig_accepted(r, 1);
	tcp_close(&r->tcp, c);
	rig_run(r);
	rig_in(r, "1: FA 1(0) 2");
	assert_true(tcp_find(&r->tcp, &us, RIG_PORT, &them, RIG_PEER_PORT + 1, &info));
	assert_int_equal(info.state, TCP_TIME_WAIT);
	assert_int_equal(info.rport, RIG_PEER_PORT + 1);
	assert_true(tcp_demux_busy(&r->tcp, &us, RIG_PORT, &them, RIG_PEER_PORT + 1));
	assert_false(tcp_demux_busy(&r->tcp, &us, RIG_PORT, &them, RIG_PEER_PORT + 2));
	rig_out_skip(r);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(each_part_of_the_four_tuple_counts),
		T(long_addresses_are_told_apart_by_every_byte),
		T(hash_depends_on_the_key),
		T(many_connections_are_all_found_while_others_come_and_go),
		T(facts_are_told_of_whatever_has_the_four_tuple),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
