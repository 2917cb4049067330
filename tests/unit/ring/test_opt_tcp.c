/* Options of levels IPPROTO_TCP and IPPROTO_IP on streams, as tcp(7) and ip(7) have them: before
 * there is a connection, on a listener, on a connection. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/duo.h"

enum { SOL_IP, SOL_SOCKET, SOL_TCP = 6 };
enum { NODELAY = 1, MAXSEG, CORK, KEEPIDLE, KEEPINTVL, KEEPCNT, SYNCNT, LINGER2, DEFER, CLAMP, INFO,
       QUICKACK, CONGESTION, USER_TIMEOUT = 18, FASTOPEN = 23, LOWAT = 25 };

static int socket_of(struct duo *d, unsigned side)
{
	struct leat_sqe sqe = duo_sqe(LEAT_OP_SOCKET, LEAT_AF_INET);

	sqe.off = LEAT_SOCK_STREAM;
	return duo_do(d, side, sqe);
}

static int set(struct duo *d, int fd, int level, int name, int value)
{
	return leat_ring_setsockopt(&d->h[0].ring, fd, level, name, &value, sizeof(value));
}

static int get(struct duo *d, int fd, int level, int name)
{
	uint32_t len = sizeof(int);
	int value = -1, err;

	err = leat_ring_getsockopt(&d->h[0].ring, fd, level, name, &value, &len);
	return err ? err : value;
}

static const char *cc_of(struct duo *d, int fd)
{
	static char name[16];
	uint32_t len = sizeof(name);

	assert_int_equal(leat_ring_getsockopt(&d->h[0].ring, fd, SOL_TCP, CONGESTION, name, &len),
			 0);
	return name;
}

static const struct {
	int level, name, value, read;
} numbers[] = {
	{SOL_TCP, NODELAY, 5, 1}, {SOL_TCP, CORK, 1, 1}, {SOL_TCP, CORK, 0, 0},
	{SOL_TCP, KEEPIDLE, 100, 100}, {SOL_TCP, KEEPINTVL, 10, 10}, {SOL_TCP, KEEPCNT, 3, 3},
	{SOL_TCP, SYNCNT, 4, 4}, {SOL_TCP, LINGER2, 30, 30}, {SOL_TCP, LINGER2, -1, -1},
	{SOL_TCP, LINGER2, 500, 120}, {SOL_TCP, CLAMP, 20000, 20000}, {SOL_TCP, CLAMP, 1, 1152},
	{SOL_TCP, QUICKACK, 1, 1}, {SOL_TCP, USER_TIMEOUT, 5000, 5000},
	{SOL_TCP, LOWAT, 16384, 16384}, {SOL_IP, 1, 0x10, 0x10}, {SOL_IP, 1, 0x11, 0x10},
	{SOL_IP, 2, 7, 7}, {SOL_IP, 2, -1, 64}, {SOL_IP, 10, 3, 3}, {SOL_SOCKET, 9, 1, 1},
	{SOL_SOCKET, 8, 10000, 20000}, {SOL_SOCKET, 7, 10000, 20000},
};

static void numbers_hold_in_any_state(void **state)
{
	struct duo *d = duo_new(NULL);
	int fd[3], pair[2];

	duo_pair(d, pair);
	fd[0] = socket_of(d, 0);
	fd[1] = duo_listen(d, 0, 81);
	fd[2] = pair[0];
	for (unsigned f = 0; f < 3; f++)
		for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
			assert_int_equal(set(d, fd[f], numbers[i].level, numbers[i].name,
					     numbers[i].value), 0);
			assert_int_equal(get(d, fd[f], numbers[i].level, numbers[i].name),
					 numbers[i].read);
		}
	duo_free(d);
}

static void what_is_out_of_range_is_refused(void **state)
{
	static const int wrong[][3] = {
		{SOL_TCP, KEEPIDLE, 0}, {SOL_TCP, KEEPIDLE, 32768}, {SOL_TCP, KEEPCNT, 128},
		{SOL_TCP, SYNCNT, 0}, {SOL_TCP, MAXSEG, 87}, {SOL_TCP, MAXSEG, 32768},
		{SOL_TCP, USER_TIMEOUT, -1}, {SOL_TCP, FASTOPEN, -1}, {SOL_IP, 2, 256},
		{SOL_IP, 2, 0}, {SOL_IP, 10, 6},
	};
	struct duo *d = duo_new(NULL);
	int fd = socket_of(d, 0);

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_int_equal(set(d, fd, wrong[i][0], wrong[i][1], wrong[i][2]), -E_INVAL);
	assert_int_equal(set(d, fd, SOL_TCP, 4711, 1), -E_NOPROTOOPT);
	assert_int_equal(set(d, fd, SOL_TCP, INFO, 1), -E_NOPROTOOPT);
	duo_free(d);
}

/* Linux counts retransmissions: 1, 3, 7 ... seconds. */
static void deferring_is_rounded_up(void **state)
{
	static const int pairs[][2] = {{0, 0}, {1, 1}, {2, 3}, {5, 7}, {60, 63}};
	struct duo *d = duo_new(NULL);
	int fd = socket_of(d, 0);

	for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
		assert_int_equal(set(d, fd, SOL_TCP, DEFER, pairs[i][0]), 0);
		assert_int_equal(get(d, fd, SOL_TCP, DEFER), pairs[i][1]);
	}
	duo_free(d);
}

static void a_connection_takes_them_from_its_socket_and_its_listener(void **state)
{
	struct duo *d = duo_new(NULL);
	int listener = duo_listen(d, 0, 80), fd, peer;
	struct leat_addr a = duo_addr(0, 80);
	struct leat_sqe sqe;
	int32_t linger[2] = {1, 7};
	uint32_t len = 8;

	assert_int_equal(set(d, listener, SOL_TCP, NODELAY, 1), 0);
	assert_int_equal(set(d, listener, SOL_TCP, KEEPIDLE, 55), 0);
	assert_int_equal(set(d, listener, SOL_SOCKET, 2, 1), 0);
	assert_int_equal(leat_ring_setsockopt(&d->h[0].ring, listener, 1, 13, linger, 8), 0);
	assert_int_equal(leat_ring_setsockopt(&d->h[0].ring, listener, 6, CONGESTION, "reno", 4),
			 0);
	fd = socket_of(d, 1);
	sqe = duo_sqe(LEAT_OP_CONNECT, fd);
	sqe.addr = (uintptr_t)&a;
	assert_int_equal(duo_do(d, 1, sqe), 0);
	peer = duo_do(d, 0, duo_sqe(LEAT_OP_ACCEPT, listener));
	assert_int_equal(get(d, peer, SOL_TCP, NODELAY), 1);
	assert_int_equal(get(d, peer, SOL_TCP, KEEPIDLE), 55);
	assert_int_equal(get(d, peer, SOL_SOCKET, 2), 1);
	assert_string_equal(cc_of(d, peer), "newreno");
	linger[1] = 0;
	assert_int_equal(leat_ring_getsockopt(&d->h[0].ring, peer, 1, 13, linger, &len), 0);
	assert_int_equal(linger[1], 7);
	/* and one that connects from its own socket */
	duo_listen(d, 1, 81);
	a = duo_addr(1, 81);
	fd = socket_of(d, 0);
	assert_int_equal(set(d, fd, SOL_IP, 2, 9), 0);
	assert_int_equal(leat_ring_setsockopt(&d->h[0].ring, fd, 6, CONGESTION, "reno", 4), 0);
	sqe.fd = fd;
	assert_int_equal(duo_do(d, 0, sqe), 0);
	assert_string_equal(cc_of(d, fd), "newreno");
	assert_int_equal(get(d, fd, SOL_IP, 2), 9);
	duo_free(d);
}

static void congestion_control_has_a_name(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_ring *r = &d->h[0].ring;
	char name[16] = "";
	uint32_t len = sizeof(name);
	int fd = socket_of(d, 0), pair[2];

	assert_int_equal(leat_ring_getsockopt(r, fd, SOL_TCP, CONGESTION, name, &len), 0);
	assert_int_equal(len, 16);
	assert_string_equal(name, "cubic");
	assert_int_equal(leat_ring_setsockopt(r, fd, SOL_TCP, CONGESTION, "nosuch", 6), -E_NOENT);
	assert_int_equal(leat_ring_setsockopt(r, fd, SOL_TCP, CONGESTION, "newreno", 7), 0);
	assert_int_equal(leat_ring_getsockopt(r, fd, SOL_TCP, CONGESTION, name, &len), 0);
	assert_string_equal(name, "newreno");
	duo_pair(d, pair);
	assert_int_equal(leat_ring_setsockopt(r, pair[0], SOL_TCP, CONGESTION, "newreno", 7), 0);
	assert_int_equal(leat_ring_getsockopt(r, pair[0], SOL_TCP, CONGESTION, name, &len), 0);
	assert_string_equal(name, "newreno");
	duo_free(d);
}

static void info_is_linuxs_struct(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_ring *r = &d->h[0].ring;
	uint8_t info[300];
	uint32_t len = sizeof(info), mss;
	int fd[2];

	assert_int_equal(leat_ring_getsockopt(r, socket_of(d, 0), SOL_TCP, INFO, info, &len), 0);
	assert_int_equal(len, 280);
	assert_int_equal(info[0], 7);		/* TCP_CLOSE */
	duo_pair(d, fd);
	len = 100;
	assert_int_equal(leat_ring_getsockopt(r, fd[0], SOL_TCP, INFO, info, &len), 0);
	assert_int_equal(len, 100);
	assert_int_equal(info[0], 1);		/* TCP_ESTABLISHED */
	memcpy(&mss, info + 16, sizeof(mss));
	assert_int_equal(mss, 1448);
	duo_free(d);
}

/* Of listeners that share a port each gets its part, and the same connection the same one. */
static void listeners_share_a_port(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_addr a = duo_addr(0, 80);
	struct leat_sqe sqe;
	int listener[3];
	unsigned got[3] = {0};

	for (int i = 0; i < 3; i++) {
		listener[i] = socket_of(d, 0);
		assert_int_equal(set(d, listener[i], SOL_SOCKET, 15, 1), 0);
		sqe = duo_sqe(LEAT_OP_BIND, listener[i]);
		sqe.addr = (uintptr_t)&a;
		assert_int_equal(duo_do(d, 0, sqe), 0);
		assert_int_equal(duo_do(d, 0, duo_sqe(LEAT_OP_LISTEN, listener[i])), 0);
	}
	for (int i = 0; i < 60; i++) {
		sqe = duo_sqe(LEAT_OP_CONNECT, socket_of(d, 1));
		sqe.addr = (uintptr_t)&a;
		assert_int_equal(duo_do(d, 1, sqe), 0);
	}
	duo_run(d, MSEC(100));
	for (int i = 0; i < 3; i++) {
		sqe = duo_sqe(LEAT_OP_ACCEPT, listener[i]);
		while (leat_call(&d->h[0].ring, &sqe) > 0)
			got[i]++;
		assert_in_range(got[i], 5, 40);
	}
	assert_int_equal(got[0] + got[1] + got[2], 60);
	duo_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_hold_in_any_state),
		cmocka_unit_test(what_is_out_of_range_is_refused),
		cmocka_unit_test(deferring_is_rounded_up),
		cmocka_unit_test(a_connection_takes_them_from_its_socket_and_its_listener),
		cmocka_unit_test(congestion_control_has_a_name),
		cmocka_unit_test(info_is_linuxs_struct),
		cmocka_unit_test(listeners_share_a_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
