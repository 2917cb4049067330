/* ASYNC_CANCEL and CLOSE: every kind of operation that waits can be ended, and answers once.
 *
 * For each kind: it waits, it is cancelled or its descriptor closed, it answers -ECANCELED before
 * the canceller does, and nothing of it is left. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/duo.h"

static uint8_t buf[1 << 20];

enum kind { ACCEPT, ACCEPT_MULTI, CONNECT, RECV, RECV_MULTI, SEND, SEND_ZC, SHUTDOWN, POLL,
	    DGRAM_RECV, DGRAM_MULTI, KINDS };

/* Submits one of a kind that waits, as user_data 1; its descriptor. */
static int pend(struct duo *d, enum kind kind)
{
	static struct leat_addr a;
	struct leat_sqe sqe = duo_sqe(LEAT_OP_SOCKET, LEAT_AF_INET), op;
	int fd[2];

	sqe.off = kind >= DGRAM_RECV ? LEAT_SOCK_DGRAM : LEAT_SOCK_STREAM;
	if (kind == ACCEPT || kind == ACCEPT_MULTI) {
		op = duo_sqe(LEAT_OP_ACCEPT, duo_listen(d, 0, 99));
		op.ioprio = kind == ACCEPT_MULTI ? LEAT_ACCEPT_MULTISHOT : 0;
	} else if (kind == CONNECT) {
		op = duo_sqe(LEAT_OP_CONNECT, duo_do(d, 0, sqe));
		a = duo_addr(1, 1);
		op.addr = (uintptr_t)&a;
	} else if (kind >= DGRAM_RECV) {
		op = duo_sqe_recv(duo_do(d, 0, sqe), buf, 10);
		op.ioprio = kind == DGRAM_MULTI ? LEAT_RECV_MULTISHOT : 0;
	} else {
		duo_pair(d, fd);
		op = duo_sqe_recv(fd[0], buf, 10);
		if (kind == RECV_MULTI)
			op.ioprio = LEAT_RECV_MULTISHOT;
		if (kind == SEND || kind == SEND_ZC || kind == SHUTDOWN) {
			op = duo_sqe_send(fd[0], buf, 1000000);
			op.user_data = 2;
			if (kind != SEND)	/* behind something that waits */
				duo_submit(d, 0, &op);
		}
		if (kind == SEND_ZC)
			op.opcode = LEAT_OP_SEND_ZC;
		if (kind == SHUTDOWN)
			op = duo_sqe(LEAT_OP_SHUTDOWN, fd[0]);
		if (kind == SHUTDOWN)
			op.len = 1;
		if (kind == POLL)
			op = duo_sqe(LEAT_OP_POLL_ADD, fd[0]);
	}
	op.user_data = 1;
	duo_submit(d, 0, &op);
	assert_false(duo_has(d, 0, 1));
	return op.fd;
}

static void cancel_ends_every_kind(void **state)
{
	for (enum kind kind = 0; kind < KINDS; kind++) {
		struct duo *d = duo_new(NULL);
		struct leat_sqe sqe = duo_sqe(LEAT_OP_ASYNC_CANCEL, 0);
		struct leat_cqe cqe;

		pend(d, kind);
		sqe.addr = 1;
		sqe.user_data = 3;
		duo_submit(d, 0, &sqe);
		assert_true(duo_has(d, 0, 1) && duo_has(d, 0, 3));
		assert_int_equal(d->h[0].got[d->h[0].got_n - 1].user_data, 3);
		cqe = duo_await(d, 0, 1);
		/* what was copied before counts as sent */
		assert_true(kind == SEND ? cqe.res > 0 : cqe.res == -E_CANCELED);
		assert_int_equal(cqe.flags, 0);
		assert_int_equal(duo_await(d, 0, 3).res, 0);
		assert_int_equal(duo_do(d, 0, sqe), -E_NOENT);
		duo_run(d, SEC(1));
		assert_false(duo_has(d, 0, 1));
		duo_free(d);
	}
}

static void close_ends_every_kind_first(void **state)
{
	for (enum kind kind = 0; kind < KINDS; kind++) {
		struct duo *d = duo_new(NULL);
		struct leat_sqe sqe;
		struct leat_cqe cqe;

		sqe = duo_sqe(LEAT_OP_CLOSE, pend(d, kind));
		sqe.user_data = 3;
		duo_submit(d, 0, &sqe);
		assert_true(duo_has(d, 0, 1) && duo_has(d, 0, 3));
		assert_int_equal(d->h[0].got[d->h[0].got_n - 1].user_data, 3);
		cqe = duo_await(d, 0, 1);
		assert_int_equal(cqe.res, -E_CANCELED);
		assert_int_equal(cqe.flags, 0);
		assert_int_equal(duo_await(d, 0, 3).res, 0);
		assert_int_equal(d->h[0].ring.socks.ops_used, 0);
		assert_int_equal(duo_do(d, 0, sqe), -E_BADF);
		duo_run(d, SEC(1));
		assert_false(duo_has(d, 0, 1));
		duo_free(d);
	}
}

static void of_several_with_one_name_one_is_cancelled(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe, cancel = duo_sqe(LEAT_OP_ASYNC_CANCEL, 0);
	int fd[2];

	duo_pair(d, fd);
	cancel.addr = 1;
	for (int i = 0; i < 3; i++) {
		sqe = duo_sqe_recv(fd[0], buf, 10);
		sqe.user_data = 1;
		duo_submit(d, 0, &sqe);
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(duo_do(d, 0, cancel), 0);
		assert_int_equal(duo_await(d, 0, 1).res, -E_CANCELED);
		assert_false(duo_has(d, 0, 1));
	}
	assert_int_equal(duo_do(d, 0, cancel), -E_NOENT);
	duo_free(d);
}

/* user_data that all fall into few chains, and the middle of queues. */
static void any_one_of_many_can_be_found(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe, cancel = duo_sqe(LEAT_OP_ASYNC_CANCEL, 0);
	int fd[2];

	duo_pair(d, fd);
	for (uint64_t i = 0; i < 400; i++) {
		sqe = duo_sqe_recv(fd[0], buf, 10);
		if (i % 3 == 1)
			sqe = duo_sqe(LEAT_OP_POLL_ADD, fd[0]);
		if (i % 3 == 2) {
			sqe = duo_sqe(LEAT_OP_TIMEOUT, 0);
			sqe.off = SEC(100 + i);
		}
		sqe.user_data = 1000 + (i << 40);
		duo_submit(d, 0, &sqe);
	}
	for (uint64_t i = 0; i < 400; i++) {
		uint64_t which = 1000 + ((i * 149 % 400) << 40);

		cancel.addr = which;
		assert_int_equal(duo_do(d, 0, cancel), 0);
		assert_int_equal(duo_await(d, 0, which).res, -E_CANCELED);
	}
	assert_int_equal(d->h[0].ring.socks.ops_used, 0);
	duo_free(d);
}

/* Its completion waits behind a full ring: whoever could cancel it must make room first, and
 * then it is told. */
static void what_has_finished_is_not_found(void **state)
{
	struct duo_config config;
	struct duo *d;
	struct leat_sqe sqe, nop = duo_sqe(LEAT_OP_NOP, 0);
	struct leat_sqe cancel = duo_sqe(LEAT_OP_ASYNC_CANCEL, 0);
	int fd[2];

	duo_config_default(&config);
	config.ring.sock.completions = 16;
	d = duo_new(&config);
	duo_pair(d, fd);
	for (uint64_t i = 1; i <= 3; i++) {
		sqe = duo_sqe_recv(fd[0], buf, 1);
		sqe.user_data = i;
		duo_submit(d, 0, &sqe);
	}
	d->h[0].hold = true;
	for (int i = 0; i < 16; i++)
		duo_submit(d, 0, &nop);
	assert_int_equal(duo_send(d, 1, fd[1], "abc", 3), 3);
	duo_run(d, MSEC(1));
	assert_int_equal(d->h[0].ring.socks.n.backlogged, 3);
	cancel.addr = 3;
	leat_cq_advance(&d->h[0].ring, 2);
	assert_int_equal(leat_submit(&d->h[0].ring, &cancel), -E_BUSY);
	leat_cq_advance(&d->h[0].ring, 2);
	duo_submit(d, 0, &cancel);
	d->h[0].hold = false;
	for (uint64_t i = 1; i <= 3; i++)
		assert_int_equal(duo_await(d, 0, i).res, 1);
	assert_int_equal(d->h[0].got[d->h[0].got_n - 1].res, -E_NOENT);
	duo_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cancel_ends_every_kind),
		cmocka_unit_test(close_ends_every_kind_first),
		cmocka_unit_test(of_several_with_one_name_one_is_cancelled),
		cmocka_unit_test(any_one_of_many_can_be_found),
		cmocka_unit_test(what_has_finished_is_not_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
