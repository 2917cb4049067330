/* POLL_ADD, POLL_REMOVE: the bits of poll(2), when Linux sets them.
 *
 * Two stacks over a wire in memory; each condition is asked for before and after it is true. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/duo.h"

#define IN LEAT_POLLIN
#define OUT LEAT_POLLOUT
#define ERR LEAT_POLLERR
#define HUP LEAT_POLLHUP
#define RDHUP LEAT_POLLRDHUP
#define ALL (IN | OUT | ERR | HUP | RDHUP)

static uint8_t buf[1 << 20];

static struct leat_sqe sqe_poll(int fd, uint32_t mask, uint64_t user_data)
{
	struct leat_sqe sqe = duo_sqe(LEAT_OP_POLL_ADD, fd);

	sqe.op_flags = mask;
	sqe.user_data = user_data;
	return sqe;
}

/* What is true now of `mask`; 0: it waits (and is removed). */
static uint32_t now(struct duo *d, unsigned side, int fd, uint32_t mask)
{
	struct leat_sqe sqe = sqe_poll(fd, mask, 77), remove = duo_sqe(LEAT_OP_POLL_REMOVE, 0);

	duo_submit(d, side, &sqe);
	if (duo_has(d, side, 77))
		return (uint32_t)duo_await(d, side, 77).res;
	remove.addr = 77;
	assert_int_equal(duo_do(d, side, remove), 0);
	assert_int_equal(duo_await(d, side, 77).res, -E_CANCELED);
	return 0;
}

static int socket_of(struct duo *d, unsigned side, int type)
{
	struct leat_sqe sqe = duo_sqe(LEAT_OP_SOCKET, LEAT_AF_INET);

	sqe.off = (uint64_t)type;
	return duo_do(d, side, sqe);
}

static void the_four_moments(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_addr a = duo_addr(1, 80);
	struct leat_sqe sqe;
	int listener = duo_listen(d, 1, 80), fd = socket_of(d, 0, LEAT_SOCK_STREAM), peer;

	/* acceptable */
	assert_int_equal(now(d, 1, listener, ALL), 0);
	sqe = sqe_poll(listener, IN, 1);
	duo_submit(d, 1, &sqe);
	sqe = duo_sqe(LEAT_OP_CONNECT, fd);
	sqe.addr = (uintptr_t)&a;
	sqe.user_data = 2;
	duo_submit(d, 0, &sqe);
	sqe = sqe_poll(fd, OUT, 3);
	duo_submit(d, 0, &sqe);
	assert_int_equal(now(d, 0, fd, ALL), 0);
	assert_int_equal(duo_await(d, 1, 1).res, IN);
	assert_int_equal(now(d, 1, listener, ALL), IN);
	assert_int_equal(duo_await(d, 0, 3).res, OUT);
	peer = duo_do(d, 1, duo_sqe(LEAT_OP_ACCEPT, listener));
	assert_int_equal(now(d, 1, listener, ALL), 0);
	/* readable */
	assert_int_equal(now(d, 1, peer, ALL), OUT);
	sqe = sqe_poll(peer, IN, 4);
	duo_submit(d, 1, &sqe);
	assert_int_equal(duo_send(d, 0, fd, buf, 3), 3);
	assert_int_equal(duo_await(d, 1, 4).res, IN);
	assert_int_equal(now(d, 1, peer, ALL), IN | OUT);
	assert_int_equal(duo_recv(d, 1, peer, buf, 3), 3);
	assert_int_equal(now(d, 1, peer, ALL), OUT);
	/* the peer has closed */
	sqe = sqe_poll(peer, RDHUP, 5);
	duo_submit(d, 1, &sqe);
	assert_int_equal(duo_close(d, 0, fd), 0);
	assert_int_equal(duo_await(d, 1, 5).res, RDHUP);
	assert_int_equal(now(d, 1, peer, ALL), IN | OUT | RDHUP);
	sqe = duo_sqe(LEAT_OP_SHUTDOWN, peer);
	sqe.len = 1;
	assert_int_equal(duo_do(d, 1, sqe), 0);
	assert_int_equal(now(d, 1, peer, ALL), IN | OUT | RDHUP | HUP);
	duo_free(d);
}

static void room_to_send(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd[2];

	duo_pair(d, fd);
	sqe = duo_sqe_send(fd[0], buf, 1000000);
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	sqe = sqe_poll(fd[0], OUT, 2);
	duo_submit(d, 0, &sqe);
	duo_run(d, SEC(1));
	assert_false(duo_has(d, 0, 2));
	for (int at = 0; at < 1000000;)
		at += duo_recv(d, 1, fd[1], buf, 1000000);
	assert_int_equal(duo_await(d, 0, 2).res, OUT);
	/* without a send that waits */
	while (tcp_send_room(d->h[0].ring.socks.all[fd[0] & 255].conn))
		assert_true(duo_send(d, 0, fd[0], buf, tcp_send_room(
			d->h[0].ring.socks.all[fd[0] & 255].conn)) > 0);
	sqe = sqe_poll(fd[0], OUT, 3);
	duo_submit(d, 0, &sqe);
	assert_false(duo_has(d, 0, 3));
	while (!duo_has(d, 0, 3))
		assert_true(duo_recv(d, 1, fd[1], buf, 100000) > 0);
	duo_free(d);
}

static void a_reset_is_an_error_and_a_hang_up(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd[2];

	duo_pair(d, fd);
	sqe = sqe_poll(fd[0], 0, 1);	/* errors need not be asked for */
	duo_submit(d, 0, &sqe);
	assert_int_equal(duo_send(d, 0, fd[0], buf, 3), 3);
	duo_run(d, MSEC(1));
	assert_int_equal(duo_close(d, 1, fd[1]), 0);
	assert_int_equal(duo_await(d, 0, 1).res, ERR | HUP);
	assert_int_equal(now(d, 0, fd[0], ALL), ALL);
	assert_int_equal(duo_recv(d, 0, fd[0], buf, 3), -E_CONNRESET);
	assert_int_equal(now(d, 0, fd[0], ALL), ALL & ~ERR);
	duo_free(d);
}

static void a_socket_that_is_nothing_yet_is_hung_up(void **state)
{
	struct duo *d = duo_new(NULL);

	assert_int_equal(now(d, 0, socket_of(d, 0, LEAT_SOCK_STREAM), ALL), OUT | HUP);
	assert_int_equal(now(d, 0, 12345, ALL), (uint32_t)-E_BADF);
	duo_free(d);
}

static void datagrams(void **state)
{
	struct duo *d = duo_new(NULL);
	int a = socket_of(d, 0, LEAT_SOCK_DGRAM), b = socket_of(d, 1, LEAT_SOCK_DGRAM);
	struct leat_addr to = duo_addr(1, 53);
	struct leat_sqe sqe = duo_sqe(LEAT_OP_BIND, b);

	sqe.addr = (uintptr_t)&to;
	assert_int_equal(duo_do(d, 1, sqe), 0);
	assert_int_equal(now(d, 1, b, ALL), OUT);
	sqe = sqe_poll(b, IN, 1);
	duo_submit(d, 1, &sqe);
	sqe = duo_sqe(LEAT_OP_CONNECT, a);
	sqe.addr = (uintptr_t)&to;
	assert_int_equal(duo_do(d, 0, sqe), 0);
	assert_int_equal(duo_send(d, 0, a, buf, 3), 3);
	assert_int_equal(duo_await(d, 1, 1).res, IN);
	assert_int_equal(duo_recv(d, 1, b, buf, 3), 3);
	sqe = sqe_poll(a, IN, 2);
	duo_submit(d, 0, &sqe);
	assert_int_equal(duo_close(d, 1, b), 0);
	assert_int_equal(duo_send(d, 0, a, buf, 3), 3);
	assert_int_equal(duo_await(d, 0, 2).res, ERR);
	assert_int_equal(now(d, 0, a, ALL), OUT | ERR);
	duo_free(d);
}

static void every_waiter_is_told(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd[2];

	duo_pair(d, fd);
	for (uint64_t i = 1; i <= 4; i++) {
		sqe = sqe_poll(fd[1], i % 2 ? IN : RDHUP, i);
		duo_submit(d, 1, &sqe);
	}
	assert_int_equal(duo_send(d, 0, fd[0], buf, 3), 3);
	assert_int_equal(duo_await(d, 1, 1).res, IN);
	assert_true(duo_has(d, 1, 3));
	assert_false(duo_has(d, 1, 2));
	assert_int_equal(duo_close(d, 0, fd[0]), 0);
	assert_int_equal(duo_await(d, 1, 2).res, RDHUP);
	assert_int_equal(duo_await(d, 1, 4).res, RDHUP);
	duo_free(d);
}

static void removing_what_is_not_there(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe = duo_sqe(LEAT_OP_POLL_REMOVE, 0), recv;
	char c;
	int fd[2];

	duo_pair(d, fd);
	sqe.addr = 5;
	assert_int_equal(duo_do(d, 0, sqe), -E_NOENT);
	recv = duo_sqe_recv(fd[0], &c, 1);
	recv.user_data = 5;
	duo_submit(d, 0, &recv);
	assert_int_equal(duo_do(d, 0, sqe), -E_NOENT);	/* not a poll */
	duo_free(d);
}

static void a_multishot_tells_each_event_and_no_state(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe, remove = duo_sqe(LEAT_OP_POLL_REMOVE, 0);
	struct leat_cqe cqe;
	int fd[2];

	duo_pair(d, fd);
	sqe = sqe_poll(fd[1], IN | RDHUP, 1);
	sqe.len = LEAT_POLL_ADD_MULTI;
	duo_submit(d, 1, &sqe);
	duo_run(d, MSEC(10));
	assert_false(duo_has(d, 1, 1));
	for (int i = 0; i < 3; i++) {	/* unread bytes are no event, new ones are */
		assert_int_equal(duo_send(d, 0, fd[0], buf, 3), 3);
		cqe = duo_await(d, 1, 1);
		assert_int_equal(cqe.res, IN);
		assert_int_equal(cqe.flags, LEAT_CQE_F_MORE);
		duo_run(d, MSEC(10));
		assert_false(duo_has(d, 1, 1));
	}
	sqe.user_data = 2;
	duo_submit(d, 1, &sqe);
	assert_int_equal(duo_await(d, 1, 2).res, IN);	/* it is true already */
	remove.addr = 2;
	assert_int_equal(duo_do(d, 1, remove), 0);
	assert_int_equal(duo_await(d, 1, 2).res, -E_CANCELED);
	assert_int_equal(duo_close(d, 0, fd[0]), 0);
	assert_int_equal(duo_await(d, 1, 1).res, IN | RDHUP);
	assert_int_equal(duo_close(d, 1, fd[1]), 0);
	cqe = duo_await(d, 1, 1);
	assert_int_equal(cqe.res, -E_CANCELED);
	assert_int_equal(cqe.flags, 0);
	duo_free(d);
}

static void a_poll_outlives_connecting_and_failing(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_addr a = duo_addr(1, 80);
	struct leat_sqe sqe;
	int fd = socket_of(d, 0, LEAT_SOCK_STREAM);

	sqe = sqe_poll(fd, IN | OUT, 1);
	sqe.len = LEAT_POLL_ADD_MULTI;
	duo_submit(d, 0, &sqe);
	assert_int_equal(duo_await(d, 0, 1).res, OUT | HUP);
	sqe = duo_sqe(LEAT_OP_CONNECT, fd);
	sqe.addr = (uintptr_t)&a;
	assert_int_equal(duo_do(d, 0, sqe), -E_CONNREFUSED);
	assert_true(duo_await(d, 0, 1).res & HUP);
	duo_listen(d, 1, 80);
	assert_int_equal(duo_do(d, 0, sqe), 0);
	assert_int_equal(duo_await(d, 0, 1).res, OUT);
	duo_free(d);
}

static void a_poll_can_be_changed(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe, change = duo_sqe(LEAT_OP_POLL_REMOVE, 0);
	int fd[2];

	duo_pair(d, fd);
	sqe = sqe_poll(fd[0], IN, 1);
	sqe.len = LEAT_POLL_ADD_MULTI;
	duo_submit(d, 0, &sqe);
	change.addr = 1;
	change.off = 2;
	change.len = LEAT_POLL_UPDATE_USER_DATA;
	assert_int_equal(duo_do(d, 0, change), 0);
	assert_int_equal(duo_do(d, 0, change), -E_NOENT);
	change.addr = 2;
	change.len = LEAT_POLL_UPDATE_EVENTS;
	change.op_flags = OUT;
	assert_int_equal(duo_do(d, 0, change), 0);
	assert_int_equal(duo_await(d, 0, 2).res, OUT);
	sqe = sqe_poll(fd[0], IN, 3);
	duo_submit(d, 0, &sqe);
	change.addr = 3;
	assert_int_equal(duo_do(d, 0, change), 0);
	assert_int_equal(duo_await(d, 0, 3).res, OUT);
	change.len = 8;
	assert_int_equal(duo_do(d, 0, change), -E_INVAL);
	duo_free(d);
}

/* A program that does not look gets one completion for many events, and loses none. */
static void events_merge_while_the_ring_is_half_full(void **state)
{
	struct duo_config config;
	struct duo *d;
	const struct leat_cqe *cqe;
	struct leat_sqe sqe;
	unsigned n = 0, polls;
	int fd[2];

	duo_config_default(&config);
	config.ring.sock.completions = 16;
	d = duo_new(&config);
	duo_pair(d, fd);
	sqe = sqe_poll(fd[1], IN, 1);
	sqe.len = LEAT_POLL_ADD_MULTI;
	duo_submit(d, 1, &sqe);
	for (int i = 0; i < 40; i++) {
		sqe = duo_sqe_send(fd[0], buf, 3);
		sqe.flags = LEAT_SQE_CQE_SKIP_SUCCESS;
		assert_int_equal(leat_submit(&d->h[0].ring, &sqe), 0);
		for (int k = 0; k < 20; k++) {	/* without taking completions */
			d->now += MSEC(5);
			leat_poll(&d->h[0].ring);
			leat_poll(&d->h[1].ring);
		}
	}
	polls = leat_cq_peek(&d->h[1].ring, &cqe);
	assert_int_equal(polls, 8);
	leat_cq_advance(&d->h[1].ring, polls);
	while ((polls = leat_cq_peek(&d->h[1].ring, &cqe))) {
		n += polls;
		leat_cq_advance(&d->h[1].ring, polls);
	}
	assert_int_equal(n, 1);
	duo_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_four_moments),
		cmocka_unit_test(room_to_send),
		cmocka_unit_test(a_reset_is_an_error_and_a_hang_up),
		cmocka_unit_test(a_socket_that_is_nothing_yet_is_hung_up),
		cmocka_unit_test(datagrams),
		cmocka_unit_test(every_waiter_is_told),
		cmocka_unit_test(removing_what_is_not_there),
		cmocka_unit_test(a_multishot_tells_each_event_and_no_state),
		cmocka_unit_test(a_poll_outlives_connecting_and_failing),
		cmocka_unit_test(a_poll_can_be_changed),
		cmocka_unit_test(events_merge_while_the_ring_is_half_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
