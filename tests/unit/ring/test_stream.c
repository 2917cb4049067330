/* SEND and RECV of streams: bytes go through, in order, whole, whatever the sizes, and errors are
 * those of send(2) and recv(2).
 *
 * Two stacks over a wire in memory; every step checks both stacks and both rings. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/duo.h"

static uint8_t out[1 << 20], in[1 << 20];

static void fill(uint64_t seed)
{
	struct prng r;

	prng_seed(&r, seed);
	unit_fill(&r, out, sizeof(out));
	memset(in, 0, sizeof(in));
}

static void bytes_come_out_in_any_portions(void **state)
{
	struct duo *d = duo_new(NULL);
	char r[4] = {0};
	int fd[2];

	duo_pair(d, fd);
	assert_int_equal(duo_send(d, 0, fd[0], "x", 1), 1);
	assert_int_equal(duo_recv(d, 1, fd[1], r, 4), 1);
	assert_int_equal(r[0], 'x');
	assert_int_equal(duo_send(d, 1, fd[1], "yes", 3), 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(duo_recv(d, 0, fd[0], r, 1), 1);
		assert_int_equal(r[0], "yes"[i]);
	}
	assert_int_equal(duo_close(d, 0, fd[0]), 0);
	assert_int_equal(duo_recv(d, 1, fd[1], r, 1), 0);
	assert_int_equal(duo_recv(d, 1, fd[1], r, 1), 0);
	assert_int_equal(duo_close(d, 1, fd[1]), 0);
	duo_run(d, SEC(200));
	duo_free(d);
}

static void a_recv_that_waits_gets_what_comes(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe a = duo_sqe_recv(0, in, 10), b = duo_sqe_recv(0, in + 10, 10);
	int fd[2];

	fill(1);
	duo_pair(d, fd);
	a.fd = b.fd = fd[1];
	a.user_data = 1;
	b.user_data = 2;
	duo_submit(d, 1, &a);
	duo_submit(d, 1, &b);
	duo_run(d, MSEC(1));
	assert_false(duo_has(d, 1, 1));
	assert_int_equal(duo_send(d, 0, fd[0], out, 14), 14);
	assert_int_equal(duo_await(d, 1, 1).res, 10);
	assert_int_equal(duo_await(d, 1, 2).res, 4);
	assert_memory_equal(in, out, 14);
	duo_free(d);
}

/* A send of more than the buffers hold waits, later ones wait behind it. */
static void sends_that_wait_keep_their_order(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	uint32_t at = 0, n = 700000;
	int fd[2], res;

	fill(2);
	duo_pair(d, fd);
	sqe = duo_sqe_send(fd[0], out, n);
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	for (uint32_t i = 0; i < 5; i++) {
		sqe = duo_sqe_send(fd[0], out + n + i * 1000, 1000);
		sqe.user_data = 2 + i;
		duo_submit(d, 0, &sqe);
	}
	duo_run(d, MSEC(5));
	assert_false(duo_has(d, 0, 1));
	while (at < n + 5000) {
		res = duo_recv(d, 1, fd[1], in + at, 1 + at % 7777);
		assert_true(res > 0);
		at += (uint32_t)res;
	}
	assert_memory_equal(in, out, n + 5000);
	assert_int_equal(duo_await(d, 0, 1).res, (int)n);
	for (uint32_t i = 0; i < 5; i++) {
		assert_true(duo_has(d, 0, 2 + i));
		assert_int_equal(duo_await(d, 0, 2 + i).res, 1000);
	}
	/* the order of completion is the order of submission */
	for (unsigned i = 1, seen = 0; i < d->h[0].got_n; i++) {
		uint64_t user_data = d->h[0].got[i].user_data;

		if (user_data < 10) {
			assert_true(user_data > seen);
			seen = (unsigned)user_data;
		}
	}
	duo_free(d);
}

static void a_send_that_finds_no_frame_waits_for_one(void **state)
{
	struct duo_config config;
	struct duo *d;
	struct leat_sqe sqe;
	struct pkt *taken[257];
	unsigned n = 0;
	int fd[2];

	duo_config_default(&config);
	config.net.frames = 256;
	d = duo_new(&config);
	fill(3);
	duo_pair(d, fd);
	duo_run(d, SEC(1));
	while ((taken[n] = pkt_new(&d->h[0].net.pool)))
		n++;
	sqe = duo_sqe_send(fd[0], out, 5000);
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	duo_run(d, SEC(1));
	assert_false(duo_has(d, 0, 1));
	while (n)
		pkt_put(taken[--n]);
	assert_int_equal(duo_await(d, 0, 1).res, 5000);
	for (uint32_t at = 0; at < 5000;)
		at += (uint32_t)duo_recv(d, 1, fd[1], in + at, 5000);
	assert_memory_equal(in, out, 5000);
	duo_free(d);
}

static void more_holds_back_until_a_send_without_it(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	unsigned before;
	int fd[2];

	duo_pair(d, fd);
	duo_run(d, SEC(1));
	before = d->h[1].frames;
	for (int i = 0; i < 3; i++) {
		sqe = duo_sqe_send(fd[0], "abc", 3);
		sqe.op_flags = LEAT_MSG_MORE;
		assert_int_equal(duo_do(d, 0, sqe), 3);
		duo_run(d, MSEC(1));
	}
	assert_int_equal(d->h[1].frames, before);
	assert_int_equal(duo_send(d, 0, fd[0], "d", 1), 1);
	duo_run(d, MSEC(1));
	assert_int_equal(d->h[1].frames, before + 1);
	assert_int_equal(duo_recv(d, 1, fd[1], in, 100), 10);
	assert_memory_equal(in, "abcabcabcd", 10);
	assert_int_equal(duo_send(d, 0, fd[0], "e", 1), 1);
	assert_int_equal(duo_recv(d, 1, fd[1], in, 100), 1);
	duo_free(d);
}

static void what_more_held_back_leaves_with_a_close(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd[2];

	duo_pair(d, fd);
	sqe = duo_sqe_send(fd[0], "abc", 3);
	sqe.op_flags = LEAT_MSG_MORE | LEAT_MSG_NOSIGNAL;
	assert_int_equal(duo_do(d, 0, sqe), 3);
	assert_int_equal(duo_close(d, 0, fd[0]), 0);
	assert_int_equal(duo_recv(d, 1, fd[1], in, 100), 3);
	assert_int_equal(duo_recv(d, 1, fd[1], in, 100), 0);
	duo_free(d);
}

static void the_kernel_says_so_too(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe = duo_sqe(LEAT_OP_SOCKET, LEAT_AF_INET);
	int fd[2], fresh, listener;
	char c;

	sqe.off = LEAT_SOCK_STREAM;
	fresh = duo_do(d, 0, sqe);
	listener = duo_listen(d, 0, 7);
	duo_pair(d, fd);
	assert_int_equal(duo_send(d, 0, fresh, &c, 1), -E_PIPE);
	assert_int_equal(duo_recv(d, 0, fresh, &c, 1), -E_NOTCONN);
	assert_int_equal(duo_send(d, 0, listener, &c, 1), -E_PIPE);
	assert_int_equal(duo_recv(d, 0, listener, &c, 1), -E_NOTCONN);
	assert_int_equal(duo_send(d, 0, fd[0], NULL, 1), -E_FAULT);
	assert_int_equal(duo_recv(d, 0, fd[0], NULL, 1), -E_FAULT);
	assert_int_equal(duo_send(d, 0, fd[0], NULL, 0), 0);
	assert_int_equal(duo_recv(d, 0, fd[0], NULL, 0), 0);
	assert_int_equal(duo_send(d, 0, -1, &c, 1), -E_BADF);
	assert_int_equal(duo_recv(d, 0, 12345, &c, 1), -E_BADF);
	sqe = duo_sqe_send(fd[0], &c, 1);
	sqe.op_flags = 1;	/* MSG_OOB */
	assert_int_equal(duo_do(d, 0, sqe), -E_INVAL);
	sqe = duo_sqe_recv(fd[0], &c, 1);
	sqe.op_flags = 1;
	assert_int_equal(duo_do(d, 0, sqe), -E_INVAL);
	duo_free(d);
}

/* The first to ask gets the error, then it reads as end of file and writes as a broken pipe. */
static void a_reset_is_told_once(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd[2];

	duo_pair(d, fd);
	sqe = duo_sqe_recv(fd[0], in, 10);
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	sqe.user_data = 2;
	duo_submit(d, 0, &sqe);
	/* unread bytes make its close a reset: RFC 2525 §2.17 */
	assert_int_equal(duo_send(d, 0, fd[0], "abc", 3), 3);
	duo_run(d, MSEC(1));
	assert_int_equal(duo_close(d, 1, fd[1]), 0);
	assert_int_equal(duo_await(d, 0, 1).res, -E_CONNRESET);
	assert_int_equal(duo_await(d, 0, 2).res, 0);
	assert_int_equal(duo_recv(d, 0, fd[0], in, 10), 0);
	assert_int_equal(duo_send(d, 0, fd[0], "abc", 3), -E_PIPE);
	assert_int_equal(duo_close(d, 0, fd[0]), 0);
	duo_free(d);
}

static void bytes_before_a_reset_can_be_read(void **state)
{
	struct duo *d = duo_new(NULL);
	int fd[2];

	duo_pair(d, fd);
	assert_int_equal(duo_send(d, 1, fd[1], "abc", 3), 3);
	assert_int_equal(duo_send(d, 0, fd[0], "xyz", 3), 3);
	duo_run(d, MSEC(1));
	assert_int_equal(duo_close(d, 1, fd[1]), 0);
	duo_run(d, MSEC(1));
	assert_int_equal(duo_recv(d, 0, fd[0], in, 10), 3);
	assert_int_equal(duo_recv(d, 0, fd[0], in, 10), -E_CONNRESET);
	assert_int_equal(duo_recv(d, 0, fd[0], in, 10), 0);
	duo_free(d);
}

/* What was queued is gone, lent memory is back at once, and the peer is told. */
static void a_close_can_reset(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd[2];

	fill(5);
	duo_pair(d, fd);
	sqe = duo_sqe_send(fd[0], out, 900000);
	sqe.opcode = LEAT_OP_SEND_ZC;
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	duo_run(d, SEC(1));	/* the peer does not read: its window is closed */
	sqe = duo_sqe(LEAT_OP_CLOSE, fd[0]);
	sqe.op_flags = LEAT_CLOSE_RESET << 1;
	assert_int_equal(duo_do(d, 0, sqe), -E_INVAL);
	sqe.op_flags = LEAT_CLOSE_RESET;
	assert_int_equal(duo_do(d, 0, sqe), 0);
	assert_int_equal(duo_await(d, 0, 1).res, 900000);
	assert_int_equal(duo_await(d, 0, 1).flags, LEAT_CQE_F_NOTIF);
	while (duo_recv(d, 1, fd[1], in, sizeof(in)) > 0)
		;
	assert_int_equal(duo_recv(d, 1, fd[1], in, 1), 0);
	assert_int_equal(duo_send(d, 1, fd[1], "a", 1), -E_PIPE);
	assert_int_equal(d->h[0].net.tcp.conns_used, 0);
	duo_free(d);
}

static void success_can_be_silent_failure_not(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd[2];

	duo_pair(d, fd);
	sqe = duo_sqe_send(fd[0], out, 300000);		/* must wait */
	sqe.flags = LEAT_SQE_CQE_SKIP_SUCCESS;
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	sqe.len = 1;
	sqe.user_data = 2;
	duo_submit(d, 0, &sqe);
	for (int at = 0; at < 300001;)
		at += duo_recv(d, 1, fd[1], in, 300001);
	duo_run(d, SEC(1));
	sqe.user_data = 3;
	duo_submit(d, 0, &sqe);
	assert_false(duo_has(d, 0, 1) || duo_has(d, 0, 2) || duo_has(d, 0, 3));
	sqe.fd = 12345;
	assert_int_equal(duo_do(d, 0, sqe), -E_BADF);
	sqe = duo_sqe_recv_multi(fd[0]);
	sqe.flags = LEAT_SQE_CQE_SKIP_SUCCESS;
	assert_int_equal(duo_do(d, 0, sqe), -E_INVAL);
	duo_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_come_out_in_any_portions),
		cmocka_unit_test(a_recv_that_waits_gets_what_comes),
		cmocka_unit_test(sends_that_wait_keep_their_order),
		cmocka_unit_test(a_send_that_finds_no_frame_waits_for_one),
		cmocka_unit_test(more_holds_back_until_a_send_without_it),
		cmocka_unit_test(what_more_held_back_leaves_with_a_close),
		cmocka_unit_test(the_kernel_says_so_too),
		cmocka_unit_test(a_reset_is_told_once),
		cmocka_unit_test(bytes_before_a_reset_can_be_read),
		cmocka_unit_test(a_close_can_reset),
		cmocka_unit_test(success_can_be_silent_failure_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
