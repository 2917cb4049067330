/* SEND_ZC: memory is lent until the second completion, however the connection fares.
 *
 * The test changes the memory as soon as it is its own again and looks at what arrives. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/duo.h"

static uint8_t out[1 << 20], in[1 << 20], copy[5000];

static void fill(uint64_t seed)
{
	struct prng r;

	prng_seed(&r, seed);
	unit_fill(&r, out, sizeof(out));
	memset(in, 0, sizeof(in));
}

static struct leat_sqe sqe_zc(int fd, const void *from, uint32_t n, uint64_t user_data)
{
	struct leat_sqe sqe = duo_sqe_send(fd, from, n);

	sqe.opcode = LEAT_OP_SEND_ZC;
	sqe.user_data = user_data;
	return sqe;
}

static void receive(struct duo *d, unsigned side, int fd, uint32_t n)
{
	uint32_t at = 0;

	while (at < n) {
		int res = duo_recv(d, side, fd, in + at, n - at);

		assert_true(res > 0);
		at += (uint32_t)res;
	}
}

/* The first completion and, after it, the second. */
static void expect_two(struct duo *d, unsigned side, uint64_t user_data, int res)
{
	struct leat_cqe a = duo_await(d, side, user_data), b;

	assert_int_equal(a.res, res);
	assert_int_equal(a.flags, LEAT_CQE_F_MORE);
	b = duo_await(d, side, user_data);
	assert_int_equal(b.res, 0);
	assert_int_equal(b.flags, LEAT_CQE_F_NOTIF);
}

static void expect_one(struct duo *d, unsigned side, uint64_t user_data, int res)
{
	struct leat_cqe a = duo_await(d, side, user_data);

	assert_int_equal(a.res, res);
	assert_int_equal(a.flags, 0);
	duo_run(d, SEC(1));
	assert_false(duo_has(d, side, user_data));
}

static void it_completes_twice(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd[2];

	fill(1);
	duo_pair(d, fd);
	sqe = sqe_zc(fd[0], out, 1000000, 1);
	duo_submit(d, 0, &sqe);
	assert_true(duo_has(d, 0, 1));		/* it is all queued: nothing was copied */
	sqe = duo_sqe_send(fd[0], out + 1000000, 1000);
	sqe.user_data = 2;
	duo_submit(d, 0, &sqe);
	receive(d, 1, fd[1], 1001000);
	assert_memory_equal(in, out, 1001000);
	expect_two(d, 0, 1, 1000000);
	assert_int_equal(duo_await(d, 0, 2).res, 1000);
	assert_int_equal(d->h[0].ring.socks.ops_used, 0);
	duo_free(d);
}

static void the_memory_is_in_use_until_it_is_acknowledged(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd[2];

	fill(2);
	duo_pair(d, fd);
	d->h[1].deaf = true;
	sqe = sqe_zc(fd[0], out, 5000, 1);
	duo_submit(d, 0, &sqe);
	assert_int_equal(duo_await(d, 0, 1).res, 5000);
	duo_run(d, SEC(2));
	assert_false(duo_has(d, 0, 1));
	d->h[1].deaf = false;
	assert_int_equal(duo_await(d, 0, 1).flags, LEAT_CQE_F_NOTIF);
	memcpy(copy, out, 5000);
	memset(out, 0, 5000);
	receive(d, 1, fd[1], 5000);
	assert_memory_equal(in, copy, 5000);
	duo_free(d);
}

/* Small lends and copies in turn. */
static void many_sends_keep_their_order(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	uint32_t at = 0;
	int fd[2];

	fill(3);
	duo_pair(d, fd);
	for (uint32_t i = 1; i <= 100; i++) {
		sqe = sqe_zc(fd[0], out + at, i * 7, i);
		if (i % 3 == 0)
			sqe.opcode = LEAT_OP_SEND;
		duo_submit(d, 0, &sqe);
		at += i * 7;
	}
	receive(d, 1, fd[1], at);
	assert_memory_equal(in, out, at);
	for (uint32_t i = 1; i <= 100; i++) {
		if (i % 3)
			expect_two(d, 0, i, (int)(i * 7));
		else
			assert_int_equal(duo_await(d, 0, i).res, (int)(i * 7));
	}
	duo_free(d);
}

static void a_reset_gives_it_back(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd[2];

	fill(4);
	duo_pair(d, fd);
	sqe = sqe_zc(fd[0], out, 1000000, 1);
	duo_submit(d, 0, &sqe);
	assert_int_equal(duo_await(d, 0, 1).res, 1000000);
	duo_run(d, MSEC(10));
	assert_false(duo_has(d, 0, 1));
	assert_int_equal(duo_close(d, 1, fd[1]), 0);	/* with bytes unread */
	assert_int_equal(duo_await(d, 0, 1).flags, LEAT_CQE_F_NOTIF);
	sqe = sqe_zc(fd[0], out, 10, 2);
	duo_submit(d, 0, &sqe);
	expect_one(d, 0, 2, -E_CONNRESET);
	sqe.user_data = 3;
	duo_submit(d, 0, &sqe);
	expect_one(d, 0, 3, -E_PIPE);
	duo_free(d);
}

static void closing_sends_what_was_lent_and_then_gives_it_back(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd[2];

	fill(5);
	duo_pair(d, fd);
	sqe = sqe_zc(fd[0], out, 500000, 1);
	duo_submit(d, 0, &sqe);
	assert_int_equal(duo_close(d, 0, fd[0]), 0);
	duo_run(d, SEC(1));
	assert_int_equal(duo_await(d, 0, 1).res, 500000);
	assert_false(duo_has(d, 0, 1));
	receive(d, 1, fd[1], 500000);
	assert_memory_equal(in, out, 500000);
	assert_int_equal(duo_recv(d, 1, fd[1], in, 1), 0);
	assert_int_equal(duo_await(d, 0, 1).flags, LEAT_CQE_F_NOTIF);
	duo_free(d);
}

/* A copy fills the send buffer first, so that the lend has to wait its turn. */
static void one_that_waits_can_be_cancelled(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe, cancel = duo_sqe(LEAT_OP_ASYNC_CANCEL, 0);
	int fd[2];

	fill(6);
	duo_pair(d, fd);
	sqe = duo_sqe_send(fd[0], out, 600000);
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	sqe = sqe_zc(fd[0], out, 1000, 2);
	duo_submit(d, 0, &sqe);
	sqe = sqe_zc(fd[0], out + 600000, 1000, 3);
	duo_submit(d, 0, &sqe);
	cancel.addr = 2;
	assert_int_equal(duo_do(d, 0, cancel), 0);
	expect_one(d, 0, 2, -E_CANCELED);
	receive(d, 1, fd[1], 601000);
	assert_memory_equal(in, out, 601000);
	assert_int_equal(duo_await(d, 0, 1).res, 600000);
	expect_two(d, 0, 3, 1000);
	cancel.addr = 3;
	assert_int_equal(duo_do(d, 0, cancel), -E_NOENT);
	duo_free(d);
}

static void closed_while_it_waits_nothing_was_lent(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd[2];

	fill(7);
	duo_pair(d, fd);
	sqe = duo_sqe_send(fd[0], out, 600000);
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	sqe = sqe_zc(fd[0], out, 1000, 2);
	duo_submit(d, 0, &sqe);
	assert_int_equal(duo_close(d, 0, fd[0]), 0);
	assert_int_equal(duo_await(d, 0, 1).res, -E_CANCELED);
	expect_one(d, 0, 2, -E_CANCELED);
	duo_free(d);
}

static void without_descriptors_it_fails(void **state)
{
	struct duo_config config;
	struct duo *d;
	struct leat_sqe sqe;
	struct pkt *bare[65], *p;
	unsigned n = 0;
	int fd[2];

	duo_config_default(&config);
	config.net.bare = 64;
	d = duo_new(&config);
	duo_pair(d, fd);
	p = pkt_new(&d->h[0].net.pool);
	while ((bare[n] = pkt_slice(p, 0, 0)))
		n++;
	sqe = sqe_zc(fd[0], out, 1000, 1);
	duo_submit(d, 0, &sqe);
	expect_one(d, 0, 1, -E_NOBUFS);
	while (n)
		pkt_put(bare[--n]);
	pkt_put(p);
	sqe.user_data = 2;
	duo_submit(d, 0, &sqe);
	expect_two(d, 0, 2, 1000);
	duo_free(d);
}

/* The lend is first in the queue and needs a frame for its headers. */
static void copies_leave_frames_for_headers(void **state)
{
	struct duo_config config;
	struct duo *d;
	struct leat_sqe sqe;
	int fd[2];

	fill(9);
	duo_config_default(&config);
	config.net.frames = 64;
	d = duo_new(&config);
	duo_pair(d, fd);
	sqe = sqe_zc(fd[0], out, 1000, 1);
	duo_submit(d, 0, &sqe);
	sqe = duo_sqe_send(fd[0], out + 1000, 300000);
	sqe.user_data = 2;
	duo_submit(d, 0, &sqe);
	receive(d, 1, fd[1], 301000);
	assert_memory_equal(in, out, 301000);
	expect_two(d, 0, 1, 1000);
	assert_int_equal(duo_await(d, 0, 2).res, 300000);
	duo_free(d);
}

static void lends_leave_descriptors_for_sending_them(void **state)
{
	struct duo_config config;
	struct duo *d;
	struct leat_sqe sqe;
	struct leat_cqe cqe;
	uint32_t n = 0;
	int fd[2];

	fill(10);
	duo_config_default(&config);
	config.net.bare = 64;
	d = duo_new(&config);
	duo_pair(d, fd);
	for (uint32_t i = 0; i < 80; i++) {
		sqe = sqe_zc(fd[0], out + i * 10, 10, i);
		duo_submit(d, 0, &sqe);
		cqe = duo_await(d, 0, i);
		assert_true(cqe.res == 10 || cqe.res == -E_NOBUFS);
		assert_true(cqe.res == 10 || i > 50);
		n += cqe.res == 10;
	}
	assert_true(n < 64);
	receive(d, 1, fd[1], n * 10);
	assert_memory_equal(in, out, n * 10);
	duo_free(d);
}

/* Two completions that find no room, whatever comes first. */
static void both_completions_can_wait_for_room(void **state)
{
	struct duo_config config;
	struct duo *d;
	struct leat_sqe sqe, nop = duo_sqe(LEAT_OP_NOP, 0);
	const struct leat_cqe *cqe;
	int fd[2];

	fill(8);
	duo_config_default(&config);
	config.ring.sock.completions = 16;
	d = duo_new(&config);
	duo_pair(d, fd);
	sqe = duo_sqe_send(fd[0], out, 300000);
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	sqe = sqe_zc(fd[0], out + 300000, 1000, 2);
	duo_submit(d, 0, &sqe);
	d->h[0].hold = true;
	while (leat_submit(&d->h[0].ring, &nop) == 0)
		;
	receive(d, 1, fd[1], 301000);
	assert_memory_equal(in, out, 301000);
	duo_run(d, SEC(1));
	assert_int_equal(leat_cq_peek(&d->h[0].ring, &cqe) > 0, 1);
	assert_int_equal(d->h[0].ring.socks.n.backlogged, 2);
	d->h[0].hold = false;
	assert_int_equal(duo_await(d, 0, 1).res, 300000);
	expect_two(d, 0, 2, 1000);
	duo_free(d);
}

static void the_end_of_the_ring_gives_everything_back(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd[2];

	duo_pair(d, fd);
	d->h[1].deaf = true;
	for (uint64_t i = 0; i < 20; i++) {
		sqe = sqe_zc(fd[0], out, 10000, i);
		duo_submit(d, 0, &sqe);
	}
	duo_run(d, MSEC(1));
	duo_free(d);
}

static void flags_that_make_no_sense_are_refused(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd[2];

	duo_pair(d, fd);
	sqe = sqe_zc(fd[0], out, 10, 1);
	sqe.flags = LEAT_SQE_CQE_SKIP_SUCCESS;
	duo_submit(d, 0, &sqe);
	expect_one(d, 0, 1, -E_INVAL);
	sqe = sqe_zc(fd[0], NULL, 10, 2);
	duo_submit(d, 0, &sqe);
	expect_one(d, 0, 2, -E_FAULT);
	sqe = sqe_zc(12345, out, 10, 3);
	duo_submit(d, 0, &sqe);
	expect_one(d, 0, 3, -E_BADF);
	sqe = sqe_zc(fd[0], out, 0, 4);
	duo_submit(d, 0, &sqe);
	expect_one(d, 0, 4, 0);
	duo_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_completes_twice),
		cmocka_unit_test(the_memory_is_in_use_until_it_is_acknowledged),
		cmocka_unit_test(many_sends_keep_their_order),
		cmocka_unit_test(a_reset_gives_it_back),
		cmocka_unit_test(closing_sends_what_was_lent_and_then_gives_it_back),
		cmocka_unit_test(one_that_waits_can_be_cancelled),
		cmocka_unit_test(closed_while_it_waits_nothing_was_lent),
		cmocka_unit_test(without_descriptors_it_fails),
		cmocka_unit_test(copies_leave_frames_for_headers),
		cmocka_unit_test(lends_leave_descriptors_for_sending_them),
		cmocka_unit_test(both_completions_can_wait_for_room),
		cmocka_unit_test(the_end_of_the_ring_gives_everything_back),
		cmocka_unit_test(flags_that_make_no_sense_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
