/* CONNECT: success, every kind of failure, and what is submitted while it lasts.
 *
 * Two stacks over a wire in memory; time is virtual: waiting for a time-out costs nothing. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/duo.h"

static uint8_t in[64];

static int stream(struct duo *d)
{
	struct leat_sqe sqe = duo_sqe(LEAT_OP_SOCKET, LEAT_AF_INET);

	sqe.off = LEAT_SOCK_STREAM;
	return duo_do(d, 0, sqe);
}

static struct leat_addr to;

static struct leat_sqe sqe_connect(int fd, struct leat_addr a)
{
	struct leat_sqe sqe = duo_sqe(LEAT_OP_CONNECT, fd);

	to = a;
	sqe.addr = (uintptr_t)&to;
	return sqe;
}

static void it_completes_when_the_connection_stands(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_conn_info info;
	int fd = stream(d);

	duo_listen(d, 1, 80);
	assert_int_equal(duo_do(d, 0, sqe_connect(fd, duo_addr(1, 80))), 0);
	assert_int_equal(leat_conn_info(&d->h[0].ring, fd, &info), 0);
	assert_string_equal(info.state, "ESTABLISHED");
	assert_int_equal(info.remote.port, 80);
	assert_int_equal(duo_do(d, 0, sqe_connect(fd, duo_addr(1, 80))), -E_ISCONN);
	duo_free(d);
}

static void it_leaves_from_where_it_was_bound(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_conn_info info;
	struct leat_addr from = duo_addr(0, 1234);
	struct leat_sqe sqe = duo_sqe(LEAT_OP_BIND, stream(d));
	int fd = sqe.fd;

	duo_listen(d, 1, 80);
	sqe.addr = (uintptr_t)&from;
	assert_int_equal(duo_do(d, 0, sqe), 0);
	assert_int_equal(duo_do(d, 0, sqe_connect(fd, duo_addr(1, 80))), 0);
	assert_int_equal(leat_conn_info(&d->h[0].ring, fd, &info), 0);
	assert_int_equal(info.local.port, 1234);
	sqe.fd = stream(d);
	assert_int_equal(duo_do(d, 0, sqe), -E_ADDRINUSE);
	for (int i = 0; i < 2; i++)
		assert_int_equal(leat_ring_setsockopt(&d->h[0].ring, i ? fd : sqe.fd, 1, 2,
						 &(int){1}, 4), 0);	/* SO_REUSEADDR */
	assert_int_equal(duo_do(d, 0, sqe), 0);
	assert_int_equal(duo_do(d, 0, sqe_connect(sqe.fd, duo_addr(1, 80))), -E_ADDRNOTAVAIL);
	duo_free(d);
}

static void refused_it_may_try_again(void **state)
{
	struct duo *d = duo_new(NULL);
	int fd = stream(d);

	assert_int_equal(duo_do(d, 0, sqe_connect(fd, duo_addr(1, 80))), -E_CONNREFUSED);
	assert_int_equal(duo_recv(d, 0, fd, in, 1), -E_NOTCONN);
	assert_int_equal(duo_send(d, 0, fd, in, 1), -E_PIPE);
	assert_int_equal(d->h[0].net.tcp.conns_used, 0);
	duo_listen(d, 1, 80);
	assert_int_equal(duo_do(d, 0, sqe_connect(fd, duo_addr(1, 80))), 0);
	duo_free(d);
}

static void nobody_answers(void **state)
{
	struct duo *d = duo_new(NULL);
	int fd = stream(d);
	nsec start = d->now;

	duo_listen(d, 1, 80);
	/* the neighbour is known, then the wire is cut */
	assert_int_equal(duo_do(d, 0, sqe_connect(fd, duo_addr(1, 81))), -E_CONNREFUSED);
	d->h[1].deaf = true;
	assert_int_equal(duo_do(d, 0, sqe_connect(fd, duo_addr(1, 80))), -E_TIMEDOUT);
	assert_in_range(d->now - start, SEC(30), SEC(200));
	d->h[1].deaf = false;
	assert_int_equal(duo_do(d, 0, sqe_connect(fd, duo_addr(1, 80))), 0);
	duo_free(d);
}

static void impossible_addresses_are_refused_at_once(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_addr far = duo_addr(1, 80), none = {.port = 80};
	struct leat_sqe sqe;
	int fd = stream(d);

	far.ip[12] = 99;
	assert_int_equal(duo_do(d, 0, sqe_connect(fd, far)), -E_NETUNREACH);
	assert_int_equal(duo_do(d, 0, sqe_connect(fd, duo_addr(1, 0))), -E_INVAL);
	assert_int_equal(duo_do(d, 0, sqe_connect(fd, none)), -E_INVAL);
	sqe = sqe_connect(fd, duo_addr(1, 80));
	sqe.addr = 0;
	assert_int_equal(duo_do(d, 0, sqe), -E_FAULT);
	assert_int_equal(duo_do(d, 0, sqe_connect(77, duo_addr(1, 80))), -E_BADF);
	assert_int_equal(duo_do(d, 0, sqe_connect(duo_listen(d, 0, 9), duo_addr(1, 80))),
			 -E_ISCONN);
	assert_int_equal(d->h[0].net.tcp.conns_used, 0);
	duo_free(d);
}

static void sends_and_receives_wait_for_the_connection(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd = stream(d), listener = duo_listen(d, 1, 80), peer;

	sqe = sqe_connect(fd, duo_addr(1, 80));
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	for (uint64_t i = 2; i < 5; i++) {
		sqe = duo_sqe_send(fd, &"abcdef"[i], 1);
		sqe.user_data = i;
		duo_submit(d, 0, &sqe);
	}
	sqe = duo_sqe_recv(fd, in, 9);
	sqe.user_data = 5;
	duo_submit(d, 0, &sqe);
	assert_int_equal(duo_do(d, 0, sqe_connect(fd, duo_addr(1, 80))), -E_ALREADY);
	sqe = duo_sqe(LEAT_OP_SHUTDOWN, fd);
	assert_int_equal(duo_do(d, 0, sqe), -E_NOTCONN);
	peer = duo_do(d, 1, duo_sqe(LEAT_OP_ACCEPT, listener));
	for (uint64_t i = 1; i < 5; i++)
		assert_int_equal(duo_await(d, 0, i).res, i > 1);
	duo_run(d, SEC(1));
	assert_int_equal(duo_recv(d, 1, peer, in, 9), 3);
	assert_memory_equal(in, "cde", 3);
	assert_int_equal(duo_send(d, 1, peer, "xyz", 3), 3);
	assert_int_equal(duo_await(d, 0, 5).res, 3);
	assert_memory_equal(in, "xyz", 3);
	duo_free(d);
}

static void what_waits_for_a_refused_connection_fails_too(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd = stream(d);

	sqe = sqe_connect(fd, duo_addr(1, 80));
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	sqe = duo_sqe_send(fd, "abc", 3);
	sqe.user_data = 2;
	duo_submit(d, 0, &sqe);
	sqe.opcode = LEAT_OP_SEND_ZC;
	sqe.user_data = 3;
	duo_submit(d, 0, &sqe);
	sqe = duo_sqe_recv_multi(fd);
	sqe.user_data = 4;
	duo_submit(d, 0, &sqe);
	sqe = duo_sqe(LEAT_OP_POLL_ADD, fd);
	sqe.op_flags = LEAT_POLLIN;
	sqe.user_data = 5;
	duo_submit(d, 0, &sqe);
	assert_int_equal(duo_await(d, 0, 1).res, -E_CONNREFUSED);
	assert_int_equal(duo_await(d, 0, 2).res, -E_PIPE);
	assert_int_equal(duo_await(d, 0, 3).res, -E_PIPE);
	assert_int_equal(duo_await(d, 0, 4).res, -E_NOTCONN);
	assert_true(duo_await(d, 0, 5).res & LEAT_POLLHUP);
	assert_int_equal(d->h[0].ring.socks.ops_used, 0);
	duo_free(d);
}

static void cancelled_the_attempt_goes_on(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd = stream(d);

	duo_listen(d, 1, 80);
	sqe = sqe_connect(fd, duo_addr(1, 80));
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	sqe = duo_sqe(LEAT_OP_ASYNC_CANCEL, 0);
	sqe.addr = 1;
	assert_int_equal(duo_do(d, 0, sqe), 0);
	assert_int_equal(duo_await(d, 0, 1).res, -E_CANCELED);
	assert_int_equal(duo_do(d, 0, sqe_connect(fd, duo_addr(1, 80))), 0);
	assert_int_equal(duo_do(d, 0, sqe_connect(fd, duo_addr(1, 80))), -E_ISCONN);
	duo_free(d);
}

/* Nobody waits when the refusal comes: it is kept for who asks. */
static void a_failure_nobody_waits_for_is_kept(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd = stream(d);

	sqe = sqe_connect(fd, duo_addr(1, 80));
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	sqe = duo_sqe(LEAT_OP_ASYNC_CANCEL, 0);
	sqe.addr = 1;
	assert_int_equal(duo_do(d, 0, sqe), 0);
	duo_run(d, SEC(1));
	sqe = duo_sqe(LEAT_OP_POLL_ADD, fd);
	sqe.op_flags = LEAT_POLLIN;
	assert_true(duo_do(d, 0, sqe) & LEAT_POLLERR);
	assert_int_equal(duo_recv(d, 0, fd, in, 1), -E_CONNREFUSED);
	assert_int_equal(duo_recv(d, 0, fd, in, 1), -E_NOTCONN);
	assert_int_equal(duo_close(d, 0, fd), 0);
	duo_free(d);
}

/* One submission connects and sends. */
static void a_send_that_opens(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_addr at = duo_addr(1, 80);
	struct leat_sqe sqe = duo_sqe_send(stream(d), "hello", 5);
	int listener = duo_listen(d, 1, 80), peer;

	sqe.opcode = LEAT_OP_SENDTO;
	sqe.addr2 = (uintptr_t)&at;
	assert_int_equal(duo_do(d, 0, sqe), -E_PIPE);
	sqe.op_flags = LEAT_MSG_FASTOPEN;
	assert_int_equal(duo_do(d, 0, sqe), 5);
	peer = duo_do(d, 1, duo_sqe(LEAT_OP_ACCEPT, listener));
	assert_int_equal(duo_recv(d, 1, peer, in, 10), 5);
	assert_int_equal(duo_do(d, 0, sqe), -E_ISCONN);
	sqe.fd = stream(d);
	at.port = 81;
	assert_int_equal(duo_do(d, 0, sqe), -E_CONNREFUSED);
	sqe.fd = stream(d);
	assert_int_equal(leat_call(&d->h[0].ring, &sqe), -E_INPROGRESS);
	duo_free(d);
}

static void closing_ends_the_attempt(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd = stream(d);

	duo_listen(d, 1, 80);
	d->h[1].deaf = true;
	sqe = sqe_connect(fd, duo_addr(1, 80));
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	duo_run(d, MSEC(10));
	assert_int_equal(duo_close(d, 0, fd), 0);
	assert_int_equal(duo_await(d, 0, 1).res, -E_CANCELED);
	assert_int_equal(d->h[0].net.tcp.conns_used, 0);
	duo_free(d);
}

static void both_ends_may_be_here(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd = stream(d), listener = duo_listen(d, 0, 80), peer;
	struct leat_cqe cqe;
	uint8_t big[5000];
	unsigned got = 0;

	memset(big, 7, sizeof(big));
	assert_int_equal(duo_do(d, 0, sqe_connect(fd, duo_addr(0, 80))), 0);
	peer = duo_do(d, 0, duo_sqe(LEAT_OP_ACCEPT, listener));
	sqe = duo_sqe_recv_multi(peer);
	sqe.user_data = 3;
	duo_submit(d, 0, &sqe);
	assert_int_equal(duo_send(d, 0, fd, big, sizeof(big)), sizeof(big));
	assert_int_equal(duo_close(d, 0, fd), 0);
	while ((cqe = duo_await(d, 0, 3)).flags & LEAT_CQE_F_MORE) {
		assert_true(cqe.res > 0);
		assert_memory_equal(leat_buf_ptr(&d->h[0].ring, &cqe), big, cqe.res);
		got += (unsigned)cqe.res;
		leat_buf_put(&d->h[0].ring, &cqe);
	}
	assert_int_equal(got, sizeof(big));
	assert_int_equal(cqe.res, 0);
	assert_int_equal(duo_close(d, 0, peer), 0);
	duo_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_completes_when_the_connection_stands),
		cmocka_unit_test(it_leaves_from_where_it_was_bound),
		cmocka_unit_test(refused_it_may_try_again),
		cmocka_unit_test(nobody_answers),
		cmocka_unit_test(impossible_addresses_are_refused_at_once),
		cmocka_unit_test(sends_and_receives_wait_for_the_connection),
		cmocka_unit_test(what_waits_for_a_refused_connection_fails_too),
		cmocka_unit_test(cancelled_the_attempt_goes_on),
		cmocka_unit_test(a_failure_nobody_waits_for_is_kept),
		cmocka_unit_test(a_send_that_opens),
		cmocka_unit_test(closing_ends_the_attempt),
		cmocka_unit_test(both_ends_may_be_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
