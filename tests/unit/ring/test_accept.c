/* SOCKET, BIND, LISTEN, ACCEPT: how a server gets its connections.
 *
 * Two stacks over a wire in memory; every step checks both stacks and both rings. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/duo.h"

static struct leat_sqe sqe_socket(int domain, int type, int proto)
{
	struct leat_sqe sqe = duo_sqe(LEAT_OP_SOCKET, domain);

	sqe.off = (uint64_t)type;
	sqe.len = (uint32_t)proto;
	return sqe;
}

static int bind_to(struct duo *d, int fd, struct leat_addr a)
{
	struct leat_sqe sqe = duo_sqe(LEAT_OP_BIND, fd);

	sqe.addr = (uintptr_t)&a;
	return duo_do(d, 1, sqe);
}

static void knock(struct duo *d, uint16_t port, uint64_t user_data)
{
	struct leat_addr a = duo_addr(1, port);
	struct leat_sqe sqe = duo_sqe(
		LEAT_OP_CONNECT, duo_do(d, 0, sqe_socket(LEAT_AF_INET, LEAT_SOCK_STREAM, 0)));

	sqe.addr = (uintptr_t)&a;
	sqe.user_data = user_data;
	duo_submit(d, 0, &sqe);
}

static void sockets_are_of_the_kinds_that_there_are(void **state)
{
	struct duo *d = duo_new(NULL);

	assert_true(duo_do(d, 0, sqe_socket(LEAT_AF_INET, LEAT_SOCK_STREAM, 0)) > 0);
	assert_true(duo_do(d, 0, sqe_socket(LEAT_AF_INET, LEAT_SOCK_STREAM, 6)) > 0);
	assert_true(duo_do(d, 0, sqe_socket(LEAT_AF_INET, LEAT_SOCK_DGRAM, 17)) > 0);
	assert_int_equal(duo_do(d, 0, sqe_socket(LEAT_AF_INET6, LEAT_SOCK_STREAM, 0)),
			 -E_AFNOSUPPORT);
	assert_int_equal(duo_do(d, 0, sqe_socket(LEAT_AF_INET, LEAT_SOCK_STREAM, 17)),
			 -E_PROTONOSUPPORT);
	assert_int_equal(duo_do(d, 0, sqe_socket(LEAT_AF_INET, LEAT_SOCK_DGRAM, 6)),
			 -E_PROTONOSUPPORT);
	assert_int_equal(duo_do(d, 0, sqe_socket(LEAT_AF_INET, 5, 0)), -E_SOCKTNOSUPPORT);
	duo_free(d);
}

static void when_all_are_in_use_there_is_none(void **state)
{
	struct duo_config config;
	struct duo *d;
	int fd[4];

	duo_config_default(&config);
	config.ring.sock.sockets = 4;
	config.ring.sock.dgrams = 1;
	d = duo_new(&config);
	fd[0] = duo_do(d, 0, sqe_socket(LEAT_AF_INET, LEAT_SOCK_DGRAM, 0));
	assert_int_equal(duo_do(d, 0, sqe_socket(LEAT_AF_INET, LEAT_SOCK_DGRAM, 0)), -E_NFILE);
	for (int i = 1; i < 4; i++)
		fd[i] = duo_do(d, 0, sqe_socket(LEAT_AF_INET, LEAT_SOCK_STREAM, 0));
	assert_true(fd[3] > 0);
	assert_int_equal(duo_do(d, 0, sqe_socket(LEAT_AF_INET, LEAT_SOCK_STREAM, 0)), -E_NFILE);
	assert_int_equal(duo_close(d, 0, fd[2]), 0);
	assert_int_equal(duo_close(d, 0, fd[0]), 0);
	fd[2] = duo_do(d, 0, sqe_socket(LEAT_AF_INET, LEAT_SOCK_DGRAM, 0));
	assert_true(fd[2] > 0);
	duo_free(d);
}

static void addresses_are_checked(void **state)
{
	struct duo *d = duo_new(NULL);
	int fd = duo_do(d, 1, sqe_socket(LEAT_AF_INET, LEAT_SOCK_STREAM, 0)), other;
	struct leat_sqe sqe = duo_sqe(LEAT_OP_BIND, fd);
	struct leat_addr any = {.port = 80};

	assert_int_equal(duo_do(d, 1, sqe), -E_FAULT);
	assert_int_equal(bind_to(d, fd, duo_addr(0, 80)), -E_ADDRNOTAVAIL);
	assert_int_equal(bind_to(d, fd, any), 0);
	assert_int_equal(bind_to(d, fd, any), -E_INVAL);
	assert_int_equal(duo_do(d, 1, duo_sqe(LEAT_OP_LISTEN, fd)), 0);
	assert_int_equal(duo_do(d, 1, duo_sqe(LEAT_OP_LISTEN, fd)), 0);
	assert_int_equal(bind_to(d, fd, any), -E_INVAL);
	other = duo_do(d, 1, sqe_socket(LEAT_AF_INET, LEAT_SOCK_STREAM, 0));
	assert_int_equal(bind_to(d, other, any), -E_ADDRINUSE);
	assert_int_equal(bind_to(d, other, duo_addr(1, 80)), -E_ADDRINUSE);
	assert_int_equal(bind_to(d, 999, any), -E_BADF);
	assert_int_equal(duo_do(d, 1, duo_sqe(LEAT_OP_LISTEN, 999)), -E_BADF);
	duo_free(d);
}

static void a_port_is_chosen_and_told(void **state)
{
	struct duo *d = duo_new(NULL);
	int fd = duo_do(d, 1, sqe_socket(LEAT_AF_INET, LEAT_SOCK_STREAM, 0)), conn;
	struct leat_conn_info info;

	assert_int_equal(leat_conn_info(&d->h[1].ring, fd, &info), -E_NOTCONN);
	assert_int_equal(duo_do(d, 1, duo_sqe(LEAT_OP_LISTEN, fd)), 0);
	assert_int_equal(leat_conn_info(&d->h[1].ring, fd, &info), 0);
	assert_string_equal(info.state, "LISTEN");
	assert_true(info.local.port >= 32768);
	knock(d, info.local.port, 1);
	conn = duo_do(d, 1, duo_sqe(LEAT_OP_ACCEPT, fd));
	assert_true(conn > 0 && conn != fd);
	assert_int_equal(duo_await(d, 0, 1).res, 0);
	assert_int_equal(leat_conn_info(&d->h[1].ring, conn, &info), 0);
	assert_string_equal(info.state, "ESTABLISHED");
	assert_memory_equal(info.remote.ip, duo_addr(0, 0).ip, 16);
	assert_int_equal(leat_conn_info(&d->h[1].ring, 999, &info), -E_BADF);
	duo_free(d);
}

static void accepts_are_served_in_order(void **state)
{
	struct duo *d = duo_new(NULL);
	int fd = duo_listen(d, 1, 80), conn[3];
	struct leat_sqe sqe = duo_sqe(LEAT_OP_ACCEPT, fd);

	for (sqe.user_data = 1; sqe.user_data <= 2; sqe.user_data++)
		duo_submit(d, 1, &sqe);
	duo_run(d, MSEC(1));
	assert_false(duo_has(d, 1, 1));
	knock(d, 80, 1);
	conn[0] = duo_await(d, 1, 1).res;
	assert_false(duo_has(d, 1, 2));
	knock(d, 80, 2);
	conn[1] = duo_await(d, 1, 2).res;
	knock(d, 80, 3);
	assert_int_equal(duo_await(d, 0, 3).res, 0);	/* established before anybody accepts */
	conn[2] = duo_do(d, 1, duo_sqe(LEAT_OP_ACCEPT, fd));
	assert_true(conn[0] > 0 && conn[1] > 0 && conn[2] > 0);
	duo_free(d);
}

static void a_multishot_accepts_all(void **state)
{
	struct duo *d = duo_new(NULL);
	int fd = duo_listen(d, 1, 80);
	struct leat_sqe sqe = duo_sqe(LEAT_OP_ACCEPT, fd);
	struct leat_cqe cqe;

	knock(d, 80, 1);
	assert_int_equal(duo_await(d, 0, 1).res, 0);
	sqe.ioprio = LEAT_ACCEPT_MULTISHOT;
	sqe.user_data = 9;
	duo_submit(d, 1, &sqe);
	for (int i = 0; i < 40; i++)
		knock(d, 80, 2);
	for (int i = 0; i < 41; i++) {
		cqe = duo_await(d, 1, 9);
		assert_true(cqe.res > 0);
		assert_int_equal(cqe.flags, LEAT_CQE_F_MORE);
	}
	assert_int_equal(duo_close(d, 1, fd), 0);
	cqe = duo_await(d, 1, 9);
	assert_int_equal(cqe.res, -E_CANCELED);
	assert_int_equal(cqe.flags, 0);
	duo_free(d);
}

static void without_a_free_socket_a_connection_waits(void **state)
{
	struct duo_config config;
	struct duo *d;
	struct leat_sqe sqe;
	int listener, a, b;

	duo_config_default(&config);
	config.ring.sock.sockets = 3;
	config.ring.sock.dgrams = 0;
	d = duo_new(&config);
	listener = duo_listen(d, 1, 80);
	sqe = duo_sqe(LEAT_OP_ACCEPT, listener);
	sqe.ioprio = LEAT_ACCEPT_MULTISHOT;
	sqe.user_data = 9;
	duo_submit(d, 1, &sqe);
	for (uint64_t i = 1; i <= 3; i++) {
		knock(d, 80, i);
		assert_int_equal(duo_await(d, 0, i).res, 0);
	}
	a = duo_await(d, 1, 9).res;
	b = duo_await(d, 1, 9).res;
	duo_run(d, SEC(1));
	assert_false(duo_has(d, 1, 9));
	assert_int_equal(duo_close(d, 1, a), 0);
	assert_true(duo_await(d, 1, 9).res > 0);
	assert_int_equal(duo_close(d, 1, b), 0);
	duo_run(d, SEC(1));
	assert_false(duo_has(d, 1, 9));
	duo_free(d);
}

static void a_connection_that_dies_before_accept_is_not_accepted(void **state)
{
	struct duo *d = duo_new(NULL);
	int listener = duo_listen(d, 1, 80), fd;
	struct leat_conn_info a, b;
	struct tcp *t = &d->h[0].net.tcp;

	knock(d, 80, 1);
	assert_int_equal(duo_await(d, 0, 1).res, 0);
	duo_run(d, MSEC(1));
	tcp_abort(t, d->h[0].ring.socks.all[1].conn);
	d->h[0].ring.socks.all[1].conn = tcp_open(t, &d->h[0].ring.socks.all[1]);
	duo_run(d, MSEC(1));
	knock(d, 80, 2);
	fd = duo_do(d, 1, duo_sqe(LEAT_OP_ACCEPT, listener));
	assert_int_equal(duo_await(d, 0, 2).res, 0);
	assert_int_equal(leat_conn_info(&d->h[1].ring, fd, &a), 0);
	assert_int_equal(leat_conn_info(&d->h[0].ring, 2, &b), 0);
	assert_int_equal(a.remote.port, b.local.port);
	duo_free(d);
}

static void what_does_not_listen_does_not_accept(void **state)
{
	struct duo *d = duo_new(NULL);
	int stream = duo_do(d, 1, sqe_socket(LEAT_AF_INET, LEAT_SOCK_STREAM, 0));
	int dgram = duo_do(d, 1, sqe_socket(LEAT_AF_INET, LEAT_SOCK_DGRAM, 0)), fd[2];
	struct leat_sqe sqe = duo_sqe(LEAT_OP_ACCEPT, stream);

	duo_pair(d, fd);
	assert_int_equal(duo_do(d, 1, sqe), -E_INVAL);
	sqe.fd = fd[1];
	assert_int_equal(duo_do(d, 1, sqe), -E_INVAL);
	sqe.fd = dgram;
	assert_int_equal(duo_do(d, 1, sqe), -E_OPNOTSUPP);
	sqe.fd = -7;
	assert_int_equal(duo_do(d, 1, sqe), -E_BADF);
	sqe.ioprio = 0x8000;
	assert_int_equal(duo_do(d, 1, sqe), -E_INVAL);
	sqe = duo_sqe(LEAT_OP_LISTEN, dgram);
	assert_int_equal(duo_do(d, 1, sqe), -E_OPNOTSUPP);
	sqe.fd = fd[1];
	assert_int_equal(duo_do(d, 1, sqe), -E_INVAL);
	duo_free(d);
}

static void closing_a_listener_resets_who_waits(void **state)
{
	struct duo *d = duo_new(NULL);
	int listener = duo_listen(d, 1, 80), fd;
	struct leat_sqe sqe;
	char c;

	knock(d, 80, 1);
	fd = 1;
	assert_int_equal(duo_await(d, 0, 1).res, 0);
	duo_run(d, MSEC(1));
	sqe = duo_sqe(LEAT_OP_ACCEPT, listener);
	assert_int_equal(duo_close(d, 1, listener), 0);
	assert_int_equal(duo_recv(d, 0, fd, &c, 1), -E_CONNRESET);
	assert_int_equal(duo_do(d, 1, sqe), -E_BADF);
	duo_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sockets_are_of_the_kinds_that_there_are),
		cmocka_unit_test(when_all_are_in_use_there_is_none),
		cmocka_unit_test(addresses_are_checked),
		cmocka_unit_test(a_port_is_chosen_and_told),
		cmocka_unit_test(accepts_are_served_in_order),
		cmocka_unit_test(a_multishot_accepts_all),
		cmocka_unit_test(without_a_free_socket_a_connection_waits),
		cmocka_unit_test(a_connection_that_dies_before_accept_is_not_accepted),
		cmocka_unit_test(what_does_not_listen_does_not_accept),
		cmocka_unit_test(closing_a_listener_resets_who_waits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
