/* The ring itself: NOP, refusals, bounds, order, descriptors that are no more, configuration.
 *
 * Mostly one stack is enough; the other only holds the far end. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/duo.h"

static int fresh(struct duo *d)
{
	struct leat_sqe sqe = duo_sqe(LEAT_OP_SOCKET, LEAT_AF_INET);

	sqe.off = LEAT_SOCK_STREAM;
	return duo_do(d, 0, sqe);
}

static void a_nop_completes(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe = duo_sqe(LEAT_OP_NOP, 0);
	struct leat_cqe cqe;

	sqe.user_data = 0xfedcba9876543210;
	duo_submit(d, 0, &sqe);
	cqe = duo_await(d, 0, sqe.user_data);
	assert_int_equal(cqe.res, 0);
	assert_int_equal(cqe.flags, 0);
	sqe.flags = LEAT_SQE_CQE_SKIP_SUCCESS;
	duo_submit(d, 0, &sqe);
	assert_false(duo_has(d, 0, sqe.user_data));
	duo_free(d);
}

static void what_is_not_understood_is_refused(void **state)
{
	struct duo *d = duo_new(NULL);
	unsigned op;

	for (op = LEAT_OP_N; op < 256; op++)
		assert_int_equal(duo_do(d, 0, duo_sqe(op, 0)), -E_INVAL);
	for (op = 0; op < LEAT_OP_N; op++) {
		struct leat_sqe sqe = duo_sqe(op, 0);

		sqe.flags = 1;
		assert_int_equal(duo_do(d, 0, sqe), -E_INVAL);
		sqe.flags = 0;
		sqe.ioprio = 0x4000;
		assert_int_equal(duo_do(d, 0, sqe), -E_INVAL);
		sqe.ioprio = 0;
		sqe.op_flags = 0x40000000;
		if (op != LEAT_OP_POLL_ADD)
			assert_int_equal(duo_do(d, 0, sqe), -E_INVAL);
	}
	duo_free(d);
}

static void a_full_ring_refuses_and_loses_nothing(void **state)
{
	struct duo_config config;
	struct duo *d;
	struct leat_sqe sqe = duo_sqe(LEAT_OP_NOP, 0);
	const struct leat_cqe *cqe;
	uint64_t n = 0, seen = 0;

	duo_config_default(&config);
	config.ring.sock.completions = 16;
	d = duo_new(&config);
	d->h[0].hold = true;
	for (int round = 0; round < 10; round++) {
		while (sqe.user_data = n, leat_submit(&d->h[0].ring, &sqe) == 0)
			n++;
		assert_int_equal(n - seen, 16);
		for (int take = 0; take < 5; take++) {
			assert_true(leat_cq_peek(&d->h[0].ring, &cqe) > 0);
			assert_int_equal(cqe->user_data, seen);
			seen++;
			leat_cq_advance(&d->h[0].ring, 1);
		}
	}
	leat_cq_advance(&d->h[0].ring, 1000);	/* more than there are */
	assert_int_equal(leat_cq_peek(&d->h[0].ring, &cqe), 0);
	assert_true(d->h[0].ring.socks.n.busy == 10);
	duo_free(d);
}

static void completions_that_wait_come_in_order(void **state)
{
	struct duo_config config;
	struct duo *d;
	struct leat_sqe sqe;
	const struct leat_cqe *cqe;
	char c[64];
	int fd[2];

	duo_config_default(&config);
	config.ring.sock.completions = 16;
	d = duo_new(&config);
	duo_pair(d, fd);
	for (uint64_t i = 0; i < 50; i++) {
		sqe = duo_sqe_recv(fd[0], c + i, 1);
		sqe.user_data = i;
		duo_submit(d, 0, &sqe);
	}
	d->h[0].hold = true;
	assert_int_equal(duo_send(d, 1, fd[1], c, 50), 50);
	duo_run(d, MSEC(1));
	assert_int_equal(d->h[0].ring.socks.n.backlogged, 34);
	for (uint64_t i = 0; i < 50; i++) {
		assert_true(leat_cq_peek(&d->h[0].ring, &cqe) > 0);
		assert_int_equal(cqe->user_data, i);
		leat_cq_advance(&d->h[0].ring, 1);
		ring_check(&d->h[0].ring);
	}
	assert_int_equal(leat_cq_peek(&d->h[0].ring, &cqe), 0);
	duo_free(d);
}

/* With no slot left nothing happens, and what needs none still works. */
static void without_a_slot_nothing_happened(void **state)
{
	struct duo_config config;
	struct duo *d;
	struct leat_sqe sqe, busy[8];
	static uint8_t big[200000];
	struct leat_addr a = duo_addr(1, 80);
	int fd[2], other;
	unsigned n = 0;

	duo_config_default(&config);
	config.ring.sock.ops = 8;
	d = duo_new(&config);
	duo_pair(d, fd);
	other = fresh(d);
	while (sqe = duo_sqe_recv(fd[0], big, 1), sqe.user_data = 5,
	       leat_submit(&d->h[0].ring, &sqe) == 0)
		n++;
	assert_int_equal(n, 8);
	busy[n = 0] = duo_sqe(LEAT_OP_CONNECT, other);
	busy[n++].addr = (uintptr_t)&a;
	busy[n++] = duo_sqe_send(fd[0], big, sizeof(big));
	busy[n++] = duo_sqe_recv_multi(fd[0]);
	busy[n] = duo_sqe_send(fd[0], big, 10);
	busy[n++].opcode = LEAT_OP_SEND_ZC;
	busy[n++] = duo_sqe(LEAT_OP_POLL_ADD, fd[0]);
	busy[n++] = duo_sqe(LEAT_OP_TIMEOUT, 0);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(leat_submit(&d->h[0].ring, &busy[i]), -E_BUSY);
	assert_int_equal(duo_send(d, 0, fd[0], "abc", 3), 3);
	assert_int_equal(duo_recv(d, 1, fd[1], big, 10), 3);
	sqe = duo_sqe(LEAT_OP_ASYNC_CANCEL, 0);
	sqe.addr = 5;
	assert_int_equal(duo_do(d, 0, sqe), 0);
	assert_int_equal(duo_close(d, 0, fd[0]), 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(duo_await(d, 0, 5).res, -E_CANCELED);
	duo_free(d);
}

/* The last slots and the last room: whoever ends others must be able to answer itself. */
static void a_close_that_could_not_answer_is_refused(void **state)
{
	struct duo_config config;
	struct duo *d;
	struct leat_sqe sqe, nop = duo_sqe(LEAT_OP_NOP, 0);
	char c;
	int fd[2];

	duo_config_default(&config);
	config.ring.sock.ops = 2;
	config.ring.sock.completions = 16;
	d = duo_new(&config);
	duo_pair(d, fd);
	for (uint64_t i = 1; i <= 2; i++) {
		sqe = duo_sqe_recv(fd[0], &c, 1);
		sqe.user_data = i;
		duo_submit(d, 0, &sqe);
	}
	d->h[0].hold = true;
	for (int i = 0; i < 15; i++)
		duo_submit(d, 0, &nop);
	sqe = duo_sqe(LEAT_OP_CLOSE, fd[0]);
	sqe.user_data = 3;
	assert_int_equal(leat_submit(&d->h[0].ring, &sqe), -E_BUSY);
	leat_cq_advance(&d->h[0].ring, 1);
	assert_int_equal(leat_submit(&d->h[0].ring, &sqe), 0);
	ring_check(&d->h[0].ring);
	d->h[0].hold = false;
	for (uint64_t i = 1; i <= 3; i++)
		assert_int_equal(duo_await(d, 0, i).res, i < 3 ? -E_CANCELED : 0);
	duo_free(d);
}

static void a_closed_descriptor_stays_invalid_while_its_slot_is_used_again(void **state)
{
	struct duo_config config;
	struct duo *d;
	int old, fd;

	duo_config_default(&config);
	config.ring.sock.sockets = 3;
	config.ring.sock.dgrams = 0;
	d = duo_new(&config);
	old = fresh(d);
	assert_true(old > 0);
	assert_int_equal(duo_close(d, 0, old), 0);
	for (int i = 0; i < 3 * 255; i++) {
		fd = fresh(d);
		assert_true(fd > 0 && fd != old);
		assert_int_equal(duo_close(d, 0, old), -E_BADF);
		assert_int_equal(duo_close(d, 0, fd), 0);
		assert_int_equal(duo_close(d, 0, fd), -E_BADF);
	}
	duo_free(d);
}

static void wild_descriptors_are_refused(void **state)
{
	struct duo *d = duo_new(NULL);
	const int wild[] = {0, -1, INT32_MIN, INT32_MAX, 256, 257, 511, 512, 1 << 9, 1 << 16};
	int fd = fresh(d);

	for (unsigned i = 0; i < ARRAY_LEN(wild); i++)
		for (unsigned op = LEAT_OP_BIND; op <= LEAT_OP_POLL_ADD; op++)
			assert_int_equal(duo_do(d, 0, duo_sqe(op, wild[i])), -E_BADF);
	assert_int_equal(duo_close(d, 0, fd), 0);
	duo_free(d);
}

static void configurations_are_checked(void **state)
{
	struct ring_config config;
	const char *why = NULL;
	const struct sock_config wrong[] = {
		{0, 0, 1, 16}, {SOCK_MAX + 1, 0, 1, 16}, {1, 2, 1, 16}, {1, 1, 0, 16},
		{1, 1, 1, 8}, {1, 1, 1, 17}, {1, 1, UINT32_MAX, 16}, {1, 1, 1, 1u << 31},
	};

	ring_config_default(&config);
	assert_true(ring_direct_bytes(&config, &why) > 0);
	assert_null(why);
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++) {
		why = NULL;
		config.sock = wrong[i];
		assert_int_equal(ring_direct_bytes(&config, &why), 0);
		assert_non_null(why);
	}
}

static void what_a_socket_costs(void **state)
{
	struct ring_config config;
	size_t a, b;

	assert_int_equal(sizeof(struct sock), 32);
	assert_int_equal(sizeof(struct sock_op), 64);
	ring_config_default(&config);
	config.sock.sockets = 1000000;
	config.sock.dgrams = 0;
	a = ring_direct_bytes(&config, NULL);
	config.sock.sockets = 2000000;
	b = ring_direct_bytes(&config, NULL);
	assert_true(b - a <= 48 * 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_nop_completes),
		cmocka_unit_test(what_is_not_understood_is_refused),
		cmocka_unit_test(a_full_ring_refuses_and_loses_nothing),
		cmocka_unit_test(completions_that_wait_come_in_order),
		cmocka_unit_test(without_a_slot_nothing_happened),
		cmocka_unit_test(a_close_that_could_not_answer_is_refused),
		cmocka_unit_test(a_closed_descriptor_stays_invalid_while_its_slot_is_used_again),
		cmocka_unit_test(wild_descriptors_are_refused),
		cmocka_unit_test(configurations_are_checked),
		cmocka_unit_test(what_a_socket_costs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
