/* Options of level SOL_SOCKET as socket(7) has them, SETSOCKOPT and GETSOCKOPT, and who has which
 * port of TCP. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/duo.h"

enum { SOL_SOCKET = 1, REUSEADDR = 2, TYPE = 3, BROADCAST = 6, RCVBUF = 8, LINGER = 13,
       REUSEPORT = 15, RCVLOWAT = 18, RCVTIMEO = 20, ACCEPTCONN = 30, PROTOCOL = 38, DOMAIN = 39,
       COOKIE = 57, ZEROCOPY = 60 };

static int socket_of(struct duo *d, int type)
{
	struct leat_sqe sqe = duo_sqe(LEAT_OP_SOCKET, LEAT_AF_INET);

	sqe.off = (uint64_t)type;
	return duo_do(d, 0, sqe);
}

static int set(struct duo *d, int fd, int name, int value)
{
	return leat_ring_setsockopt(&d->h[0].ring, fd, SOL_SOCKET, name, &value, sizeof(value));
}

static int get(struct duo *d, int fd, int name)
{
	uint32_t len = sizeof(int);
	int value = -1, err;

	err = leat_ring_getsockopt(&d->h[0].ring, fd, SOL_SOCKET, name, &value, &len);
	return err ? err : value;
}

static int bind_to(struct duo *d, int fd, uint16_t port)
{
	struct leat_sqe sqe = duo_sqe(LEAT_OP_BIND, fd);
	struct leat_addr a = {.port = port};

	sqe.addr = (uintptr_t)&a;
	return duo_do(d, 0, sqe);
}

static void what_a_socket_is(void **state)
{
	struct duo *d = duo_new(NULL);
	int tcp = socket_of(d, LEAT_SOCK_STREAM), udp = socket_of(d, LEAT_SOCK_DGRAM);

	assert_int_equal(get(d, tcp, TYPE), LEAT_SOCK_STREAM);
	assert_int_equal(get(d, udp, TYPE), LEAT_SOCK_DGRAM);
	assert_int_equal(get(d, tcp, PROTOCOL), 6);
	assert_int_equal(get(d, udp, PROTOCOL), 17);
	assert_int_equal(get(d, udp, DOMAIN), LEAT_AF_INET);
	assert_int_equal(get(d, tcp, ACCEPTCONN), 0);
	assert_int_equal(get(d, duo_listen(d, 0, 80), ACCEPTCONN), 1);
	assert_int_equal(set(d, tcp, TYPE, 1), -E_NOPROTOOPT);
	duo_free(d);
}

static void a_number_is_read_as_it_was_written(void **state)
{
	static const struct {
		int name, value, read;
	} numbers[] = {
		{REUSEADDR, 1, 1}, {REUSEADDR, 7, 1}, {REUSEADDR, 0, 0}, {REUSEPORT, 1, 1},
		{BROADCAST, 1, 1}, {BROADCAST, 0, 0}, {RCVLOWAT, 5, 5}, {RCVLOWAT, 0, 1},
		{RCVLOWAT, -1, INT32_MAX}, {ZEROCOPY, 1, 1}, {12, 6, 6}, {36, 99, 99}, {46, 50, 50},
		{49, 1, 1}, {29, 1, 1}, {35, 1, 1}, {29, 0, 0}, {10, 1, 1},
	};
	struct duo *d = duo_new(NULL);

	for (int type = LEAT_SOCK_STREAM; type <= LEAT_SOCK_DGRAM; type++) {
		int fd = socket_of(d, type);

		for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
			assert_int_equal(set(d, fd, numbers[i].name, numbers[i].value), 0);
			assert_int_equal(get(d, fd, numbers[i].name), numbers[i].read);
		}
		assert_int_equal(set(d, fd, ZEROCOPY, 2), -E_INVAL);
		assert_int_equal(set(d, fd, 46, -1), -E_INVAL);
		assert_int_equal(set(d, fd, 10, 0), -E_OPNOTSUPP);
	}
	duo_free(d);
}

static void datagrams_get_twice_the_buffer_they_ask_for(void **state)
{
	struct duo *d = duo_new(NULL);
	int udp = socket_of(d, LEAT_SOCK_DGRAM);

	assert_int_equal(set(d, udp, RCVBUF, 5000), 0);
	assert_int_equal(get(d, udp, RCVBUF), 10000);
	assert_int_equal(set(d, udp, RCVBUF, 1), 0);
	assert_int_equal(get(d, udp, RCVBUF), 2304);
	assert_int_equal(set(d, udp, 7, 5000), 0);
	assert_int_equal(get(d, udp, 7), 10000);
	duo_free(d);
}

static void structs_have_a_length(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_ring *r = &d->h[0].ring;
	int fd = socket_of(d, LEAT_SOCK_STREAM);
	int64_t tv[2] = {3, 500000}, bad[2] = {0, 1000000};
	int32_t linger[2] = {1, 5};
	uint64_t cookie;
	uint32_t len = 16;

	assert_int_equal(leat_ring_setsockopt(r, fd, SOL_SOCKET, RCVTIMEO, tv, 15), -E_INVAL);
	assert_int_equal(leat_ring_setsockopt(r, fd, SOL_SOCKET, RCVTIMEO, bad, 16), -E_DOM);
	assert_int_equal(leat_ring_setsockopt(r, fd, SOL_SOCKET, RCVTIMEO, tv, 16), 0);
	assert_int_equal(leat_ring_getsockopt(r, fd, SOL_SOCKET, RCVTIMEO, bad, &len), 0);
	assert_int_equal(len, 16);
	assert_memory_equal(tv, bad, 16);
	assert_int_equal(leat_ring_setsockopt(r, fd, SOL_SOCKET, LINGER, linger, 4), -E_INVAL);
	assert_int_equal(leat_ring_setsockopt(r, fd, SOL_SOCKET, LINGER, linger, 8), 0);
	linger[1] = 0;
	assert_int_equal(leat_ring_getsockopt(r, fd, SOL_SOCKET, LINGER, linger, &len), 0);
	assert_int_equal(len, 8);
	assert_int_equal(linger[1], 5);
	len = 4;
	assert_int_equal(leat_ring_getsockopt(r, fd, SOL_SOCKET, COOKIE, &cookie, &len), -E_INVAL);
	len = 8;
	assert_int_equal(leat_ring_getsockopt(r, fd, SOL_SOCKET, COOKIE, &cookie, &len), 0);
	duo_free(d);
}

static void what_is_not_there_is_refused_in_order(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_ring *r = &d->h[0].ring;
	int fd = socket_of(d, LEAT_SOCK_STREAM), v = 1;
	uint32_t len = 4;

	assert_int_equal(leat_ring_setsockopt(r, 999, SOL_SOCKET, REUSEADDR, &v, 4), -E_BADF);
	assert_int_equal(leat_ring_getsockopt(r, 999, SOL_SOCKET, REUSEADDR, &v, &len), -E_BADF);
	assert_int_equal(leat_ring_setsockopt(r, fd, SOL_SOCKET, REUSEADDR, NULL, 4), -E_FAULT);
	assert_int_equal(leat_ring_setsockopt(r, fd, SOL_SOCKET, REUSEADDR, &v, 3), -E_INVAL);
	assert_int_equal(leat_ring_setsockopt(r, fd, SOL_SOCKET, 4711, &v, 4), -E_NOPROTOOPT);
	assert_int_equal(leat_ring_getsockopt(r, fd, SOL_SOCKET, 4711, &v, &len), -E_NOPROTOOPT);
	assert_int_equal(leat_ring_setsockopt(r, fd, 4711, REUSEADDR, &v, 4), -E_NOPROTOOPT);
	assert_int_equal(leat_ring_getsockopt(r, fd, SOL_SOCKET, REUSEADDR, &v, NULL), -E_FAULT);
	duo_free(d);
}

static void options_are_submissions_too(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe = duo_sqe(LEAT_OP_SETSOCKOPT, socket_of(d, LEAT_SOCK_STREAM));
	int v = 1;

	sqe.off = (uint64_t)SOL_SOCKET << 32 | REUSEADDR;
	sqe.addr = (uintptr_t)&v;
	sqe.len = sizeof(v);
	assert_int_equal(duo_do(d, 0, sqe), 0);
	v = 0;
	sqe.opcode = LEAT_OP_GETSOCKOPT;
	assert_int_equal(duo_do(d, 0, sqe), sizeof(v));
	assert_int_equal(v, 1);
	duo_free(d);
}

static void lingering_for_no_time_is_a_reset(void **state)
{
	struct duo *d = duo_new(NULL);
	int32_t linger[2] = {1, 0};
	char c;
	int fd[2];

	duo_pair(d, fd);
	assert_int_equal(leat_ring_setsockopt(&d->h[0].ring, fd[0], SOL_SOCKET, LINGER, linger, 8),
			 0);
	assert_int_equal(duo_close(d, 0, fd[0]), 0);
	assert_int_equal(duo_recv(d, 1, fd[1], &c, 1), -E_CONNRESET);
	duo_free(d);
}

static void a_port_is_shared_by_those_who_both_say_so(void **state)
{
	struct duo *d = duo_new(NULL);
	int a = socket_of(d, LEAT_SOCK_STREAM), b = socket_of(d, LEAT_SOCK_STREAM);
	struct leat_addr name;

	assert_int_equal(bind_to(d, a, 80), 0);
	assert_int_equal(bind_to(d, b, 80), -E_ADDRINUSE);
	assert_int_equal(set(d, b, REUSEADDR, 1), 0);
	assert_int_equal(bind_to(d, b, 80), -E_ADDRINUSE);
	assert_int_equal(set(d, a, REUSEADDR, 1), 0);
	assert_int_equal(bind_to(d, b, 80), 0);
	assert_int_equal(duo_do(d, 0, duo_sqe(LEAT_OP_LISTEN, a)), 0);
	assert_int_equal(duo_do(d, 0, duo_sqe(LEAT_OP_LISTEN, b)), -E_ADDRINUSE);
	assert_int_equal(duo_close(d, 0, a), 0);
	assert_int_equal(duo_do(d, 0, duo_sqe(LEAT_OP_LISTEN, b)), 0);
	a = socket_of(d, LEAT_SOCK_STREAM);
	assert_int_equal(bind_to(d, a, 0), 0);
	assert_int_equal(leat_ring_getsockname(&d->h[0].ring, a, &name), 0);
	assert_true(name.port >= 32768);
	duo_free(d);
}

/* What is left of connections keeps a port from who did not say SO_REUSEADDR. */
static void a_port_of_old_connections(void **state)
{
	struct duo *d = duo_new(NULL);
	int fd[2], listener = duo_listen(d, 0, 80), a;
	struct leat_addr to = duo_addr(0, 80);
	struct leat_sqe sqe = duo_sqe(LEAT_OP_SOCKET, LEAT_AF_INET);

	sqe.off = LEAT_SOCK_STREAM;
	fd[1] = duo_do(d, 1, sqe);
	sqe = duo_sqe(LEAT_OP_CONNECT, fd[1]);
	sqe.addr = (uintptr_t)&to;
	assert_int_equal(duo_do(d, 1, sqe), 0);
	fd[0] = duo_do(d, 0, duo_sqe(LEAT_OP_ACCEPT, listener));
	assert_int_equal(duo_close(d, 0, listener), 0);
	a = socket_of(d, LEAT_SOCK_STREAM);
	assert_int_equal(bind_to(d, a, 80), -E_ADDRINUSE);
	assert_int_equal(duo_close(d, 0, fd[0]), 0);
	assert_int_equal(duo_close(d, 1, fd[1]), 0);
	duo_run(d, SEC(1));
	assert_int_equal(bind_to(d, a, 80), -E_ADDRINUSE);	/* TIME_WAIT */
	assert_int_equal(set(d, a, REUSEADDR, 1), 0);
	assert_int_equal(bind_to(d, a, 80), 0);
	duo_free(d);
}

static void a_new_backlog_for_a_listener(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe = duo_sqe(LEAT_OP_LISTEN, duo_listen(d, 0, 80));

	sqe.len = 3;
	assert_int_equal(duo_do(d, 0, sqe), 0);
	duo_free(d);
}

static void without_room_for_options(void **state)
{
	struct duo_config config;
	struct duo *d;
	int fd[3];

	duo_config_default(&config);
	config.ring.sock.colds = 2;
	d = duo_new(&config);
	for (int i = 0; i < 3; i++)
		fd[i] = socket_of(d, LEAT_SOCK_STREAM);
	assert_int_equal(bind_to(d, fd[0], 80), 0);
	assert_int_equal(set(d, fd[1], RCVLOWAT, 1), 0);
	assert_int_equal(set(d, fd[2], RCVLOWAT, 1), -E_NOBUFS);
	assert_int_equal(set(d, fd[2], REUSEADDR, 1), 0);
	assert_int_equal(bind_to(d, fd[2], 81), -E_NOBUFS);
	assert_int_equal(duo_close(d, 0, fd[1]), 0);
	assert_int_equal(bind_to(d, fd[2], 81), 0);
	duo_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_socket_is),
		cmocka_unit_test(a_number_is_read_as_it_was_written),
		cmocka_unit_test(datagrams_get_twice_the_buffer_they_ask_for),
		cmocka_unit_test(structs_have_a_length),
		cmocka_unit_test(what_is_not_there_is_refused_in_order),
		cmocka_unit_test(options_are_submissions_too),
		cmocka_unit_test(lingering_for_no_time_is_a_reset),
		cmocka_unit_test(a_port_is_shared_by_those_who_both_say_so),
		cmocka_unit_test(a_port_of_old_connections),
		cmocka_unit_test(a_new_backlog_for_a_listener),
		cmocka_unit_test(without_room_for_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
