/* leat_call(), and the facts that need no submission: what recv(2) and its like are made of.
 *
 * Two stacks over a wire in memory; nothing that is called may wait or complete. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/duo.h"

static uint8_t buf[1 << 20];

static int call(struct duo *d, unsigned side, struct leat_sqe sqe)
{
	const struct leat_cqe *cqe;
	int res = leat_call(&d->h[side].ring, &sqe);

	assert_int_equal(leat_cq_peek(&d->h[side].ring, &cqe), 0);
	ring_check(&d->h[side].ring);
	return res;
}

static struct leat_sqe sqe_at(unsigned opcode, int fd, const struct leat_addr *a)
{
	struct leat_sqe sqe = duo_sqe(opcode, fd);

	sqe.addr = (uintptr_t)a;
	return sqe;
}

static int stream(struct duo *d, unsigned side)
{
	struct leat_sqe sqe = duo_sqe(LEAT_OP_SOCKET, LEAT_AF_INET);

	sqe.off = LEAT_SOCK_STREAM;
	return call(d, side, sqe);
}

static void a_connection_from_one_end_to_the_other(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_addr a = duo_addr(1, 80), name;
	int listener = stream(d, 1), fd = stream(d, 0), peer;

	assert_int_equal(call(d, 1, sqe_at(LEAT_OP_BIND, listener, &a)), 0);
	assert_int_equal(call(d, 1, duo_sqe(LEAT_OP_LISTEN, listener)), 0);
	assert_int_equal(call(d, 1, duo_sqe(LEAT_OP_ACCEPT, listener)), -E_AGAIN);
	assert_int_equal(call(d, 0, sqe_at(LEAT_OP_CONNECT, fd, &a)), -E_INPROGRESS);
	assert_int_equal(call(d, 0, sqe_at(LEAT_OP_CONNECT, fd, &a)), -E_ALREADY);
	assert_int_equal(leat_ready(&d->h[0].ring, fd), 0);
	assert_int_equal(leat_ring_getpeername(&d->h[0].ring, fd, &name), -E_NOTCONN);
	assert_int_equal(call(d, 0, duo_sqe_send(fd, "x", 1)), -E_AGAIN);
	duo_run(d, MSEC(10));
	assert_int_equal(leat_ready(&d->h[0].ring, fd), LEAT_POLLOUT);
	assert_int_equal(call(d, 0, sqe_at(LEAT_OP_CONNECT, fd, &a)), -E_ISCONN);
	assert_int_equal(leat_ring_getpeername(&d->h[0].ring, fd, &name), 0);
	assert_memory_equal(&name, &a, sizeof(a));
	peer = call(d, 1, duo_sqe(LEAT_OP_ACCEPT, listener));
	assert_true(peer > 0);
	assert_int_equal(leat_ring_getsockname(&d->h[1].ring, peer, &name), 0);
	assert_memory_equal(&name, &a, sizeof(a));
	assert_int_equal(call(d, 1, duo_sqe_recv(peer, buf, 10)), -E_AGAIN);
	assert_int_equal(call(d, 0, duo_sqe_send(fd, "hello", 5)), 5);
	duo_run(d, MSEC(10));
	assert_int_equal(leat_queued(&d->h[1].ring, peer, LEAT_QUEUE_IN), 5);
	assert_int_equal(call(d, 1, duo_sqe_recv(peer, buf, 10)), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(call(d, 0, duo_sqe(LEAT_OP_CLOSE, fd)), 0);
	assert_int_equal(leat_ready(&d->h[0].ring, fd), -E_BADF);
	duo_run(d, MSEC(10));
	assert_int_equal(call(d, 1, duo_sqe_recv(peer, buf, 10)), 0);
	duo_free(d);
}

static void a_refusal_is_read_once_and_the_socket_may_try_again(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_addr a = duo_addr(1, 80);
	uint32_t len = sizeof(int);
	int fd = stream(d, 0), err = 0;

	assert_int_equal(call(d, 0, sqe_at(LEAT_OP_CONNECT, fd, &a)), -E_INPROGRESS);
	duo_run(d, MSEC(10));
	assert_true(leat_ready(&d->h[0].ring, fd) & LEAT_POLLERR);
	assert_int_equal(leat_ring_getsockopt(&d->h[0].ring, fd, 1, 4, &err, &len), 0);
	assert_int_equal(err, E_CONNREFUSED);
	assert_int_equal(leat_ring_getsockopt(&d->h[0].ring, fd, 1, 4, &err, &len), 0);
	assert_int_equal(err, 0);
	assert_int_equal(call(d, 0, sqe_at(LEAT_OP_CONNECT, fd, &a)), -E_CONNABORTED);
	assert_int_equal(leat_ready(&d->h[0].ring, fd), LEAT_POLLOUT | LEAT_POLLHUP);
	duo_listen(d, 1, 80);
	assert_int_equal(call(d, 0, sqe_at(LEAT_OP_CONNECT, fd, &a)), -E_INPROGRESS);
	duo_run(d, MSEC(10));
	assert_int_equal(leat_ready(&d->h[0].ring, fd), LEAT_POLLOUT);
	duo_free(d);
}

static void a_send_takes_what_there_is_room_for(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe add;
	uint32_t sent = 0;
	int fd[2], n;

	duo_pair(d, fd);
	add = duo_sqe(LEAT_OP_POLL_ADD, fd[0]);
	add.len = LEAT_POLL_ADD_MULTI;
	add.op_flags = LEAT_POLLOUT;
	add.user_data = 5;
	duo_submit(d, 0, &add);
	assert_int_equal(duo_await(d, 0, 5).res, LEAT_POLLOUT);
	n = leat_queued(&d->h[0].ring, fd[0], LEAT_QUEUE_ROOM);
	assert_int_equal(call(d, 0, duo_sqe_send(fd[0], buf, 1000000)), n);
	assert_int_equal(call(d, 0, duo_sqe_send(fd[0], buf, 10)), -E_AGAIN);
	assert_int_equal(leat_queued(&d->h[0].ring, fd[0], LEAT_QUEUE_OUT), n);
	assert_int_equal(leat_queued(&d->h[0].ring, fd[0], LEAT_QUEUE_UNSENT), n);
	assert_int_equal(leat_ready(&d->h[0].ring, fd[0]), 0);
	sent = (uint32_t)n;
	while (sent < 1000000) {	/* whoever cannot send is told when he can */
		duo_await(d, 0, 5);
		n = call(d, 0, duo_sqe_send(fd[0], buf, 1000000 - sent));
		sent += n > 0 ? (uint32_t)n : 0;
		while (duo_recv(d, 1, fd[1], buf, sizeof(buf)) == 65536)
			;
	}
	duo_free(d);
}

static void looking_takes_nothing(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd[2];

	duo_pair(d, fd);
	memset(buf, 'a', 3000);
	memset(buf + 3000, 'b', 3000);
	assert_int_equal(duo_send(d, 0, fd[0], buf, 6000), 6000);
	duo_run(d, MSEC(10));
	for (int i = 0; i < 2; i++) {
		sqe = duo_sqe_recv(fd[1], buf + 10000, 10000);
		sqe.op_flags = LEAT_MSG_PEEK;
		assert_int_equal(call(d, 1, sqe), 6000);
		assert_memory_equal(buf + 10000, buf, 6000);
	}
	sqe.op_flags = LEAT_MSG_TRUNC;	/* thrown away */
	sqe.len = 2999;
	memset(buf + 10000, 0, 10000);
	assert_int_equal(call(d, 1, sqe), 2999);
	assert_int_equal(buf[10000], 0);
	sqe.op_flags = 0;
	sqe.len = 2;
	assert_int_equal(call(d, 1, sqe), 2);
	assert_memory_equal(buf + 10000, "ab", 2);
	assert_int_equal(leat_queued(&d->h[1].ring, fd[1], LEAT_QUEUE_IN), 2999);
	duo_free(d);
}

static void waiting_for_all_ends_with_all_or_with_the_stream(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd[2];

	duo_pair(d, fd);
	sqe = duo_sqe_recv(fd[1], buf, 100);
	sqe.op_flags = LEAT_MSG_WAITALL;
	sqe.user_data = 1;
	duo_submit(d, 1, &sqe);
	sqe.user_data = 2;
	duo_submit(d, 1, &sqe);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(duo_send(d, 0, fd[0], buf + 1000, 40), 40);
		duo_run(d, MSEC(100));
		assert_int_equal(duo_has(d, 1, 1), i == 2);
	}
	assert_int_equal(duo_await(d, 1, 1).res, 100);
	assert_int_equal(duo_close(d, 0, fd[0]), 0);
	assert_int_equal(duo_await(d, 1, 2).res, 20);
	assert_int_equal(call(d, 1, sqe), 0);
	duo_free(d);
}

static void a_low_water_mark_holds_back(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd[2], mark = 10;

	duo_pair(d, fd);
	assert_int_equal(leat_ring_setsockopt(&d->h[1].ring, fd[1], 1, 18, &mark, sizeof(mark)), 0);
	sqe = duo_sqe_recv(fd[1], buf, 100);
	sqe.user_data = 1;
	duo_submit(d, 1, &sqe);
	assert_int_equal(duo_send(d, 0, fd[0], "12345", 5), 5);
	duo_run(d, MSEC(100));
	assert_false(duo_has(d, 1, 1));
	assert_int_equal(duo_send(d, 0, fd[0], "67890", 5), 5);
	assert_int_equal(duo_await(d, 1, 1).res, 10);
	assert_int_equal(duo_send(d, 0, fd[0], "12345", 5), 5);
	duo_run(d, MSEC(100));
	assert_int_equal(leat_ready(&d->h[1].ring, fd[1]) & LEAT_POLLIN, 0);
	assert_int_equal(call(d, 1, sqe), 5);	/* who does not wait gets what there is */
	duo_free(d);
}

static void what_would_complete_twice_or_later_is_no_call(void **state)
{
	static const uint8_t not[] = {LEAT_OP_SEND_ZC, LEAT_OP_POLL_ADD, LEAT_OP_TIMEOUT,
				      LEAT_OP_LINK_TIMEOUT, LEAT_OP_SENDFILE, LEAT_OP_SENDMSG_ZC};
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd[2];

	duo_pair(d, fd);
	for (size_t i = 0; i < ARRAY_LEN(not); i++)
		assert_int_equal(call(d, 0, duo_sqe(not[i], fd[0])), -E_INVAL);
	assert_int_equal(call(d, 0, duo_sqe_recv_multi(fd[0])), -E_INVAL);
	sqe = duo_sqe_recv(fd[0], buf, 1);
	sqe.flags = LEAT_SQE_IO_LINK;
	assert_int_equal(call(d, 0, sqe), -E_INVAL);
	duo_free(d);
}

/* A receive that waits has the next bytes; nobody overtakes it. */
static void a_call_waits_for_its_turn(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd[2];

	duo_pair(d, fd);
	sqe = duo_sqe_recv(fd[1], buf, 10);
	sqe.user_data = 1;
	duo_submit(d, 1, &sqe);
	assert_int_equal(call(d, 1, sqe), -E_AGAIN);
	sqe = duo_sqe_send(fd[0], buf, 1000000);
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	assert_int_equal(call(d, 0, sqe), -E_AGAIN);
	sqe = duo_sqe(LEAT_OP_SHUTDOWN, fd[0]);
	sqe.len = 1;
	assert_int_equal(call(d, 0, sqe), -E_AGAIN);
	duo_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_from_one_end_to_the_other),
		cmocka_unit_test(a_refusal_is_read_once_and_the_socket_may_try_again),
		cmocka_unit_test(a_send_takes_what_there_is_room_for),
		cmocka_unit_test(looking_takes_nothing),
		cmocka_unit_test(waiting_for_all_ends_with_all_or_with_the_stream),
		cmocka_unit_test(a_low_water_mark_holds_back),
		cmocka_unit_test(what_would_complete_twice_or_later_is_no_call),
		cmocka_unit_test(a_call_waits_for_its_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
