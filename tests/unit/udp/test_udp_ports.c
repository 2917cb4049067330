/* Who gets a port, who gets a datagram, what connect fixes and what it takes back. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/lower.h"
#include "udp/udp_int.h"

#define SOCKS 4

static struct lower *l;
static struct udp_sock s[SOCKS];
static const struct addr any;

static int setup(void **state)
{
	l = lower_new_udp(NULL);
	for (unsigned i = 0; i < SOCKS; i++)
		udp_sock_init(&s[i], NULL);
	return 0;
}

static int teardown(void **state)
{
	for (unsigned i = 0; i < SOCKS; i++)
		udp_close(l->udp, &s[i]);
	lower_free(l);
	return 0;
}

static int bind_at(unsigned i, uint32_t ip, uint16_t port)
{
	struct addr a = addr_v4(ip);

	return udp_bind(l->udp, &s[i], &a, port);
}

static int connect_to(unsigned i, uint32_t ip, uint16_t port)
{
	struct addr a = addr_v4(ip);

	return udp_connect(l->udp, &s[i], &a, port);
}

/* The socket that a datagram finds, by number; -1: none. */
static int found(uint32_t src, uint16_t sport, uint32_t dst, uint16_t dport)
{
	struct addr from = addr_v4(src), to = addr_v4(dst);
	struct udp_sock *f = udp_lookup(l->udp, &from, sport, &to, dport);

	return f ? (int)(f - s) : -1;
}

static void port_belongs_to_one_socket(void **state)
{
	assert_int_equal(bind_at(0, 0, 53), 0);
	assert_int_equal(bind_at(1, 0, 53), -E_ADDRINUSE);
	assert_int_equal(bind_at(1, LOWER_US, 53), -E_ADDRINUSE);
	assert_int_equal(bind_at(1, LOWER_US, 54), 0);
	assert_int_equal(bind_at(2, 0, 54), -E_ADDRINUSE);
	assert_int_equal(bind_at(2, IPV4(127, 0, 0, 1), 54), 0);
	assert_int_equal(bind_at(2, 0, 55), -E_INVAL);		/* bound already */
}

static void port_with_equal_low_bits_is_another(void **state)
{
	assert_int_equal(bind_at(0, 0, 53), 0);
	assert_int_equal(bind_at(1, 0, 53 + UDP_PORTS_HASH), 0);
	assert_int_equal(found(LOWER_PEER, 9, LOWER_US, 53), 0);
	assert_int_equal(found(LOWER_PEER, 9, LOWER_US, 53 + UDP_PORTS_HASH), 1);
	assert_int_equal(found(LOWER_PEER, 9, LOWER_US, 53 + 2 * UDP_PORTS_HASH), -1);
}

static void port_is_free_again_after_close(void **state)
{
	assert_int_equal(bind_at(0, 0, 53), 0);
	udp_close(l->udp, &s[0]);
	assert_int_equal(bind_at(1, 0, 53), 0);
	assert_int_equal(found(LOWER_PEER, 9, LOWER_US, 53), 1);
	assert_int_equal(bind_at(0, 0, 54), 0);		/* the socket can be used again */
}

static void port_is_shared_when_both_agree_and_the_last_one_gets(void **state)
{
	s[0].reuse_addr = true;
	assert_int_equal(bind_at(0, 0, 53), 0);
	assert_int_equal(bind_at(1, 0, 53), -E_ADDRINUSE);
	s[1].reuse_addr = true;
	assert_int_equal(bind_at(1, 0, 53), 0);
	assert_int_equal(found(LOWER_PEER, 9, LOWER_US, 53), 1);
}

static void address_must_be_ours_or_a_groups(void **state)
{
	assert_int_equal(bind_at(0, LOWER_PEER, 53), -E_ADDRNOTAVAIL);
	assert_int_equal(bind_at(0, IPV4(10, 0, 0, 255), 53), 0);
	assert_int_equal(bind_at(1, IPV4(224, 0, 0, 1), 53), 0);
	assert_int_equal(bind_at(2, IPV4(127, 3, 4, 5), 53), 0);
}

static void port_0_is_one_of_the_ephemeral_and_never_the_same(void **state)
{
	assert_int_equal(bind_at(0, 0, 0), 0);
	assert_int_equal(bind_at(1, 0, 0), 0);
	assert_true(s[0].lport >= UDP_EPHEMERAL_MIN && s[1].lport >= UDP_EPHEMERAL_MIN);
	assert_int_not_equal(s[0].lport, s[1].lport);
}

static void a_port_that_is_chosen_for_a_peer_is_at_home(void **state)
{
	struct addr to = addr_v4(LOWER_PEER);

	l->stage.core.spread = (struct spread){ .id = 1, .n = 4 };
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(udp_connect(l->udp, &s[i], &to, 53), 0);
		assert_int_equal(spread_home(&l->stage.core.spread, LOWER_PEER, LOWER_US, 53,
					     s[i].lport), 1);
	}
	l->stage.core.spread.n = 0;
}

static void last_free_ephemeral_port_is_found_and_then_none(void **state)
{
	unsigned n = 65536 - UDP_EPHEMERAL_MIN;
	struct udp_sock *all = test_calloc(n, sizeof(*all));

	for (unsigned i = 0; i < n; i++) {
		udp_sock_init(&all[i], NULL);
		assert_int_equal(udp_bind(l->udp, &all[i], &any, 0), 0);
	}
	assert_int_equal(bind_at(0, 0, 0), -E_ADDRINUSE);
	assert_int_equal(connect_to(0, LOWER_PEER, 7), -E_ADDRINUSE);
	assert_false(s[0].bound || s[0].connected);
	udp_close(l->udp, &all[n - 1]);		/* the one that is looked at last */
	assert_int_equal(udp_bind(l->udp, &s[0], &any, 0), 0);
	for (unsigned i = 0; i < n; i++)
		udp_close(l->udp, &all[i]);
	test_free(all);
}

static void connected_comes_before_bound_to_an_address_before_bound_to_any(void **state)
{
	/* The general ones are bound last, so that it is not the order that decides. */
	for (unsigned i = 0; i < 3; i++)
		s[i].reuse_addr = true;
	assert_int_equal(bind_at(2, 0, 53), 0);
	assert_int_equal(connect_to(2, LOWER_PEER, 9), 0);
	assert_int_equal(bind_at(1, LOWER_US, 53), 0);
	assert_int_equal(bind_at(0, 0, 53), 0);
	assert_int_equal(found(LOWER_PEER, 9, LOWER_US, 53), 2);
	assert_int_equal(found(LOWER_PEER, 8, LOWER_US, 53), 1);
	assert_int_equal(found(LOWER_FAR, 9, LOWER_US, 53), 1);
	assert_int_equal(found(LOWER_PEER, 9, IPV4(127, 0, 0, 1), 53), 0);
}

static void connected_socket_hears_nobody_else(void **state)
{
	assert_int_equal(bind_at(0, 0, 53), 0);
	assert_int_equal(connect_to(0, LOWER_PEER, 9), 0);
	assert_int_equal(found(LOWER_PEER, 9, LOWER_US, 53), 0);
	assert_int_equal(found(LOWER_PEER, 8, LOWER_US, 53), -1);
	assert_int_equal(found(LOWER_FAR, 9, LOWER_US, 53), -1);
	assert_int_equal(found(LOWER_PEER, 9, IPV4(127, 0, 0, 1), 53), -1);
}

static void connect_chooses_what_is_open_and_disconnect_takes_it_back(void **state)
{
	assert_int_equal(connect_to(0, LOWER_FAR, 9), 0);
	assert_int_equal(addr_to_v4(&s[0].local), LOWER_US);
	assert_true(s[0].lport >= UDP_EPHEMERAL_MIN);
	assert_int_equal(connect_to(0, IPV4(127, 0, 0, 1), 9), 0);	/* and again */
	assert_int_equal(addr_to_v4(&s[0].local), IPV4(127, 0, 0, 1));
	assert_int_equal(udp_connect(l->udp, &s[0], &any, 0), 0);
	assert_false(s[0].connected);
	assert_true(addr_is_any(&s[0].local) && addr_is_any(&s[0].remote));
	assert_int_equal(s[0].rport, 0);
	assert_int_equal(s[0].lport, 0);	/* nobody asked for a port */
	assert_int_equal(bind_at(0, 0, 5353), 0);
	assert_int_equal(connect_to(0, LOWER_FAR, 9), 0);
	assert_int_equal(udp_connect(l->udp, &s[0], &any, 0), 0);
	assert_int_equal(found(LOWER_FAR, 1, LOWER_US, 5353), 0);
}

/* Each flow has its socket, and keeps it. */
static void those_that_share_a_port_share_its_flows(void **state)
{
	unsigned got[3] = {0};

	for (int i = 0; i < 3; i++) {
		s[i].reuse_port = true;
		assert_int_equal(bind_at(i, 0, 53), 0);
	}
	for (uint16_t port = 1; port <= 300; port++) {
		int at = found(LOWER_FAR, port, LOWER_US, 53);

		assert_in_range(at, 0, 2);
		assert_int_equal(found(LOWER_FAR, port, LOWER_US, 53), at);
		got[at]++;
	}
	for (int i = 0; i < 3; i++)
		assert_in_range(got[i], 60, 140);
}

static void socket_of_a_group_sends_from_an_address_of_ours(void **state)
{
	assert_int_equal(bind_at(0, IPV4(224, 0, 0, 1), 53), 0);
	assert_int_equal(connect_to(0, LOWER_FAR, 9), 0);
	assert_int_equal(addr_to_v4(&s[0].path_src), LOWER_US);
	assert_int_equal(addr_to_v4(&s[0].local), IPV4(224, 0, 0, 1));
}

static void new_socket_is_as_documented(void **state)
{
	struct udp_sock n;

	memset(&n, 0xa5, sizeof(n));
	udp_sock_init(&n, &s[0]);
	assert_ptr_equal(n.owner, &s[0]);
	assert_int_equal(n.ttl, IP_TTL_DEFAULT);
	assert_int_equal(n.rcvbuf, UDP_RCVBUF_DEFAULT);
	assert_false(n.bound || n.connected || n.broadcast || n.reuse_addr || n.ready || n.err);
	udp_close(l->udp, &n);
	assert_ptr_equal(n.owner, &s[0]);
}

static void connect_keeps_what_was_bound(void **state)
{
	assert_int_equal(bind_at(0, LOWER_US, 53), 0);
	assert_int_equal(connect_to(0, LOWER_FAR, 9), 0);
	assert_int_equal(udp_connect(l->udp, &s[0], &any, 0), 0);
	assert_int_equal(addr_to_v4(&s[0].local), LOWER_US);
	assert_int_equal(s[0].lport, 53);
}

static void connect_that_cannot_be_changes_nothing(void **state)
{
	assert_int_equal(connect_to(0, IPV4(10, 0, 0, 255), 9), -E_ACCES);
	assert_int_equal(connect_to(0, UINT32_MAX, 9), -E_ACCES);
	assert_int_equal(connect_to(0, IPV4(240, 0, 0, 1), 9), -E_NETUNREACH);
	assert_false(s[0].bound || s[0].connected);
	s[0].broadcast = true;
	assert_int_equal(connect_to(0, IPV4(10, 0, 0, 255), 9), 0);
	assert_int_equal(bind_at(1, IPV4(127, 0, 0, 1), 53), 0);
	assert_int_equal(connect_to(1, LOWER_FAR, 9), -E_ADDRNOTAVAIL);
	assert_false(s[1].connected);
}

/* getaddrinfo() of the C library asks in this way which source would be used. */
static void connect_to_port_0_tells_the_source(void **state)
{
	assert_int_equal(connect_to(0, LOWER_FAR, 0), 0);
	assert_int_equal(addr_to_v4(&s[0].local), LOWER_US);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(port_belongs_to_one_socket),
		T(port_with_equal_low_bits_is_another),
		T(port_is_free_again_after_close),
		T(port_is_shared_when_both_agree_and_the_last_one_gets),
		T(address_must_be_ours_or_a_groups),
		T(port_0_is_one_of_the_ephemeral_and_never_the_same),
		T(a_port_that_is_chosen_for_a_peer_is_at_home),
		T(last_free_ephemeral_port_is_found_and_then_none),
		T(connected_comes_before_bound_to_an_address_before_bound_to_any),
		T(connected_socket_hears_nobody_else),
		T(connect_chooses_what_is_open_and_disconnect_takes_it_back),
		T(those_that_share_a_port_share_its_flows),
		T(socket_of_a_group_sends_from_an_address_of_ours),
		T(new_socket_is_as_documented),
		T(connect_keeps_what_was_bound),
		T(connect_that_cannot_be_changes_nothing),
		T(connect_to_port_0_tells_the_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
