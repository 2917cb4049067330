/* Links, LINK_TIMEOUT, MSG_RING and SPLICE.
 *
 * Two stacks over a wire in memory; what completes, in which order, and what does not begin. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/duo.h"

static uint8_t out[200000], in[200000];

static void submit(struct duo *d, struct leat_sqe sqe, uint64_t user_data, bool linked)
{
	sqe.user_data = user_data;
	sqe.flags |= linked ? LEAT_SQE_IO_LINK : 0;
	duo_submit(d, 0, &sqe);
}

static struct leat_sqe nop(void)
{
	return duo_sqe(LEAT_OP_NOP, 0);
}

static struct leat_sqe after(unsigned opcode, nsec t)
{
	struct leat_sqe sqe = duo_sqe(opcode, 0);

	sqe.off = t;
	return sqe;
}

static void one_begins_when_the_one_before_is_done(void **state)
{
	struct duo *d = duo_new(NULL);
	int fd[2];

	duo_pair(d, fd);
	submit(d, duo_sqe_recv(fd[0], in, 5), 1, true);
	submit(d, duo_sqe_send(fd[0], "answer", 6), 2, true);
	submit(d, nop(), 3, false);
	submit(d, nop(), 4, false);		/* is not of the chain */
	assert_int_equal(duo_await(d, 0, 4).res, 0);
	duo_run(d, MSEC(10));
	assert_false(duo_has(d, 0, 1) || duo_has(d, 0, 2) || duo_has(d, 0, 3));
	assert_int_equal(duo_send(d, 1, fd[1], "ask", 3), 3);
	assert_int_equal(duo_await(d, 0, 1).res, 3);
	assert_int_equal(duo_await(d, 0, 2).res, 6);
	assert_int_equal(duo_await(d, 0, 3).res, 0);
	assert_int_equal(duo_recv(d, 1, fd[1], in, 10), 6);
	duo_free(d);
}

static void what_fails_ends_its_chain(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe hard = after(LEAT_OP_TIMEOUT, MSEC(1));

	submit(d, duo_sqe_recv(12345, in, 5), 1, true);	/* fails at once */
	submit(d, nop(), 2, true);
	submit(d, nop(), 3, false);
	assert_int_equal(duo_await(d, 0, 1).res, -E_BADF);
	assert_int_equal(duo_await(d, 0, 2).res, -E_CANCELED);
	assert_int_equal(duo_await(d, 0, 3).res, -E_CANCELED);
	submit(d, after(LEAT_OP_TIMEOUT, MSEC(1)), 4, true);	/* fails later */
	submit(d, nop(), 5, false);
	assert_int_equal(duo_await(d, 0, 4).res, -E_TIME);
	assert_int_equal(duo_await(d, 0, 5).res, -E_CANCELED);
	hard.flags = LEAT_SQE_IO_HARDLINK;	/* may fail */
	submit(d, hard, 6, false);
	submit(d, nop(), 7, false);
	assert_int_equal(duo_await(d, 0, 6).res, -E_TIME);
	assert_int_equal(duo_await(d, 0, 7).res, 0);
	duo_free(d);
}

static void a_timeout_ends_what_it_guards(void **state)
{
	struct duo *d = duo_new(NULL);
	int fd[2];

	duo_pair(d, fd);
	submit(d, duo_sqe_recv(fd[0], in, 5), 1, true);
	submit(d, after(LEAT_OP_LINK_TIMEOUT, MSEC(50)), 2, true);
	submit(d, nop(), 3, false);
	duo_run(d, MSEC(40));
	assert_false(duo_has(d, 0, 1));
	assert_int_equal(duo_await(d, 0, 1).res, -E_CANCELED);
	assert_int_equal(duo_await(d, 0, 2).res, -E_TIME);
	assert_int_equal(duo_await(d, 0, 3).res, -E_CANCELED);
	duo_free(d);
}

static void what_is_done_in_time_ends_its_timeout(void **state)
{
	struct duo *d = duo_new(NULL);
	int fd[2];

	duo_pair(d, fd);
	submit(d, duo_sqe_recv(fd[0], in, 5), 1, true);
	submit(d, after(LEAT_OP_LINK_TIMEOUT, SEC(50)), 2, true);
	submit(d, duo_sqe_recv(fd[0], in, 5), 3, true);
	submit(d, after(LEAT_OP_LINK_TIMEOUT, MSEC(50)), 4, false);
	assert_int_equal(duo_send(d, 1, fd[1], "abc", 3), 3);
	assert_int_equal(duo_await(d, 0, 1).res, 3);
	assert_int_equal(duo_await(d, 0, 2).res, -E_CANCELED);
	assert_int_equal(duo_await(d, 0, 3).res, -E_CANCELED);
	assert_int_equal(duo_await(d, 0, 4).res, -E_TIME);
	submit(d, nop(), 5, true);		/* guards what is done already */
	submit(d, after(LEAT_OP_LINK_TIMEOUT, MSEC(50)), 6, false);
	assert_int_equal(duo_await(d, 0, 6).res, -E_CANCELED);
	submit(d, after(LEAT_OP_LINK_TIMEOUT, MSEC(50)), 7, false);	/* guards nothing */
	assert_int_equal(duo_await(d, 0, 7).res, -E_INVAL);
	duo_free(d);
}

static void chains_have_a_bound_and_come_back(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	unsigned n;

	for (int round = 0; round < 3; round++) {
		submit(d, after(LEAT_OP_TIMEOUT, SEC(1)), 1, true);
		for (n = 2;; n++) {
			sqe = nop();
			sqe.user_data = n;
			sqe.flags = LEAT_SQE_IO_LINK;
			if (leat_submit(&d->h[0].ring, &sqe))
				break;
		}
		assert_int_equal(n - 2, LEAT_LINKS_MAX);
		while (!duo_has(d, 0, 1))
			duo_run(d, MSEC(100));
		duo_await(d, 0, 1);
		for (unsigned i = 2; i < n; i++)
			assert_int_equal(duo_await(d, 0, i).res, -E_CANCELED);
		submit(d, nop(), 1, false);
		assert_int_equal(duo_await(d, 0, 1).res, -E_CANCELED);	/* its chain's last */
	}
	for (int i = 0; i < 200; i++) {
		submit(d, nop(), 1, true);
		submit(d, nop(), 2, false);
		assert_int_equal(duo_await(d, 0, 1).res, 0);
		assert_int_equal(duo_await(d, 0, 2).res, 0);
	}
	duo_free(d);
}

static void a_message_comes_to_another_ring(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe = duo_sqe(LEAT_OP_MSG_RING, 0);

	sqe.addr = (uintptr_t)&d->h[1].ring;
	sqe.off = 77;
	sqe.len = 5;
	assert_int_equal(duo_do(d, 0, sqe), 0);
	assert_int_equal(duo_await(d, 1, 77).res, 5);
	sqe.addr = 0;
	assert_int_equal(duo_do(d, 0, sqe), 0);
	assert_int_equal(duo_await(d, 0, 77).res, 5);
	duo_free(d);
}

/* 1 sends to 0, 0 sends on what it gets, 1 reads it. */
static void received_bytes_are_sent_on(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe, send;
	uint32_t moved = 0;
	struct prng r;
	int a[2], b[2], n;

	prng_seed(&r, 1);
	unit_fill(&r, out, sizeof(out));
	duo_pair(d, a);
	duo_pair(d, b);
	sqe = duo_sqe(LEAT_OP_SPLICE, b[0]);
	sqe.addr = (uint64_t)a[0];
	sqe.len = 1 << 20;
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	send = duo_sqe_send(a[1], out, sizeof(out));
	send.user_data = 2;
	duo_submit(d, 1, &send);
	send = duo_sqe_recv(b[1], in, sizeof(in));
	send.op_flags = LEAT_MSG_WAITALL;
	send.user_data = 3;
	duo_submit(d, 1, &send);
	while (moved < sizeof(out)) {
		n = duo_await(d, 0, 1).res;
		if (n == -E_AGAIN)
			duo_run(d, MSEC(1));
		else
			assert_true(n > 0);
		moved += n > 0 ? (uint32_t)n : 0;
		sqe.len = moved > 100000 ? 777 : 1 << 20;
		duo_submit(d, 0, &sqe);
	}
	assert_int_equal(duo_await(d, 1, 3).res, sizeof(in));
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(duo_close(d, 1, a[1]), 0);
	assert_int_equal(duo_await(d, 0, 1).res, 0);
	assert_int_equal(duo_close(d, 0, b[0]), 0);
	assert_int_equal(duo_do(d, 0, sqe), -E_BADF);
	duo_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_begins_when_the_one_before_is_done),
		cmocka_unit_test(what_fails_ends_its_chain),
		cmocka_unit_test(a_timeout_ends_what_it_guards),
		cmocka_unit_test(what_is_done_in_time_ends_its_timeout),
		cmocka_unit_test(chains_have_a_bound_and_come_back),
		cmocka_unit_test(a_message_comes_to_another_ring),
		cmocka_unit_test(received_bytes_are_sent_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
