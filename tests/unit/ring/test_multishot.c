/* RECV multishot: frames are handed over, and a slow reader holds up nobody but its own peer.
 *
 * The ring is watched closely: what stands in it, what waits, and what is charged to the window. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/duo.h"

static uint8_t out[1 << 20], in[1 << 20];
static uint32_t got;

static void fill(uint64_t seed)
{
	struct prng r;

	prng_seed(&r, seed);
	unit_fill(&r, out, sizeof(out));
	memset(in, 0, sizeof(in));
	got = 0;
}

/* Takes one completion out of the ring by hand; false: there is none. */
static bool take(struct duo *d, unsigned side, struct leat_cqe *cqe)
{
	const struct leat_cqe *at;

	if (!leat_cq_peek(&d->h[side].ring, &at))
		return false;
	*cqe = *at;
	leat_cq_advance(&d->h[side].ring, 1);
	return true;
}

static void read_and_put(struct duo *d, unsigned side, const struct leat_cqe *cqe)
{
	assert_true(cqe->flags & LEAT_CQE_F_BUFFER && cqe->res > 0);
	assert_true(got + (uint32_t)cqe->res <= sizeof(in));
	memcpy(in + got, leat_buf_ptr(&d->h[side].ring, cqe), (uint32_t)cqe->res);
	got += (uint32_t)cqe->res;
	leat_buf_put(&d->h[side].ring, cqe);
}

static void arm(struct duo *d, unsigned side, int fd, uint64_t user_data)
{
	struct leat_sqe sqe = duo_sqe_recv_multi(fd);

	sqe.user_data = user_data;
	duo_submit(d, side, &sqe);
}

static void every_piece_is_a_completion_until_end_of_file(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_cqe cqe;
	int fd[2];

	fill(1);
	duo_pair(d, fd);
	arm(d, 1, fd[1], 5);
	assert_int_equal(duo_send(d, 0, fd[0], out, 20000), 20000);
	assert_int_equal(duo_close(d, 0, fd[0]), 0);
	for (;;) {
		cqe = duo_await(d, 1, 5);
		if (!(cqe.flags & LEAT_CQE_F_MORE))
			break;
		read_and_put(d, 1, &cqe);
	}
	assert_int_equal(cqe.res, 0);
	assert_int_equal(cqe.flags, 0);
	assert_int_equal(got, 20000);
	assert_memory_equal(in, out, got);
	assert_int_equal(d->h[1].ring.socks.ops_used, 0);
	duo_free(d);
}

static void what_came_before_is_handed_over_at_once(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_cqe cqe;
	int fd[2];

	fill(2);
	duo_pair(d, fd);
	assert_int_equal(duo_send(d, 0, fd[0], out, 100), 100);
	duo_run(d, MSEC(1));
	assert_int_equal(duo_recv(d, 1, fd[1], in, 40), 40);
	got = 40;
	d->h[1].hold = true;
	arm(d, 1, fd[1], 5);
	assert_true(take(d, 1, &cqe));
	assert_int_equal(cqe.user_data, 5);
	read_and_put(d, 1, &cqe);
	assert_int_equal(got, 100);
	assert_memory_equal(in, out, got);
	duo_free(d);
}

static void an_error_ends_it(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_cqe cqe;
	int fd[2];

	duo_pair(d, fd);
	arm(d, 0, fd[0], 5);
	assert_int_equal(duo_send(d, 0, fd[0], "x", 1), 1);
	duo_run(d, MSEC(1));
	assert_int_equal(duo_close(d, 1, fd[1]), 0);
	cqe = duo_await(d, 0, 5);
	assert_int_equal(cqe.res, -E_CONNRESET);
	assert_int_equal(cqe.flags, 0);
	duo_free(d);
}

static void half_a_ring_of_unread_completions_pauses_it(void **state)
{
	struct duo_config config;
	struct duo *d;
	struct leat_cqe cqe;
	const struct leat_cqe *at;
	struct leat_sqe nop = duo_sqe(LEAT_OP_NOP, 0);
	int fd[2];

	fill(3);
	duo_config_default(&config);
	config.ring.sock.completions = 16;
	d = duo_new(&config);
	duo_pair(d, fd);
	arm(d, 1, fd[1], 5);
	duo_submit(d, 0, &(struct leat_sqe){.opcode = LEAT_OP_SEND, .fd = fd[0],
					    .addr = (uintptr_t)out, .len = 100000});
	d->h[1].hold = true;
	duo_run(d, MSEC(10));
	assert_int_equal(leat_cq_peek(&d->h[1].ring, &at), 8);
	assert_true(d->h[1].ring.socks.n.stalls > 0);
	/* each of them can be answered: */
	for (int i = 0; i < 8; i++)
		assert_int_equal(leat_submit(&d->h[1].ring, &nop), 0);
	assert_int_equal(leat_submit(&d->h[1].ring, &nop), -E_BUSY);
	while (got < 100000) {
		while (take(d, 1, &cqe))
			if (cqe.user_data == 5)
				read_and_put(d, 1, &cqe);
		duo_step(d);
	}
	assert_memory_equal(in, out, got);
	duo_free(d);
}

/* Advancing alone brings more: nobody has to poll for what is already there. */
static void room_in_the_ring_is_used_at_once(void **state)
{
	struct duo_config config;
	struct duo *d;
	struct leat_cqe cqe;
	int fd[2];

	fill(4);
	duo_config_default(&config);
	config.ring.sock.completions = 16;
	d = duo_new(&config);
	duo_pair(d, fd);
	arm(d, 1, fd[1], 5);
	d->h[1].hold = true;
	for (int i = 0; i < 40; i++) {
		assert_int_equal(duo_send(d, 0, fd[0], out + i, 1), 1);
		duo_run(d, MSEC(100));
	}
	while (take(d, 1, &cqe))
		read_and_put(d, 1, &cqe);
	assert_int_equal(got, 40);
	duo_free(d);
}

static void stalled_connections_take_turns(void **state)
{
	struct duo_config config;
	struct duo *d;
	struct leat_cqe cqe;
	int listener, fd[4][2];
	unsigned count[4] = {0};

	fill(5);
	duo_config_default(&config);
	config.ring.sock.completions = 16;
	d = duo_new(&config);
	listener = duo_listen(d, 1, 80);
	for (unsigned i = 0; i < 4; i++) {
		struct leat_sqe sqe;

		duo_connect(d, 80, listener, fd[i]);
		sqe = duo_sqe_send(fd[i][0], out, 60000);
		duo_submit(d, 0, &sqe);
	}
	duo_run(d, MSEC(5));
	d->h[1].hold = true;
	for (unsigned i = 0; i < 4; i++)
		arm(d, 1, fd[i][1], i);
	for (unsigned i = 0; i < 60; i++) {
		while (!take(d, 1, &cqe))
			duo_step(d);
		count[cqe.user_data]++;
		leat_buf_put(&d->h[1].ring, &cqe);
	}
	for (unsigned i = 0; i < 4; i++)
		assert_in_range(count[i], 5, 30);
	duo_free(d);
}

static void buffers_that_are_kept_close_the_window(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_cqe cqe;
	struct leat_sqe sqe;
	unsigned n = 0, first = 0;
	uint32_t kept = 0;
	int fd[2];

	fill(6);
	duo_pair(d, fd);
	arm(d, 1, fd[1], 5);
	sqe = duo_sqe_send(fd[0], out, 1000000);
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	duo_run(d, SEC(20));
	assert_false(duo_has(d, 0, 1));
	first = d->h[1].got_n;
	for (unsigned i = 0; i < first; i++)
		if (d->h[1].got[i].user_data == 5)
			kept += (uint32_t)d->h[1].got[i].res;
	assert_in_range(kept, 128 << 10, 257 << 10);
	while (got < 1000000) {
		cqe = duo_await(d, 1, 5);
		read_and_put(d, 1, &cqe);
		n++;
	}
	assert_memory_equal(in, out, got);
	assert_int_equal(duo_await(d, 0, 1).res, 1000000);
	duo_free(d);
}

static void a_buffer_outlives_its_descriptor(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_cqe a, b;
	struct leat_addr from;
	int listener, fd[2], again[2];

	fill(7);
	listener = duo_listen(d, 1, 80);
	duo_connect(d, 80, listener, fd);
	arm(d, 1, fd[1], 5);
	assert_int_equal(duo_send(d, 0, fd[0], out, 100), 100);
	a = duo_await(d, 1, 5);
	assert_int_equal(duo_send(d, 0, fd[0], out + 100, 100), 100);
	b = duo_await(d, 1, 5);
	assert_int_equal(duo_close(d, 1, fd[1]), 0);
	assert_int_equal(duo_await(d, 1, 5).res, -E_CANCELED);
	assert_int_equal(duo_close(d, 0, fd[0]), 0);
	read_and_put(d, 1, &a);
	duo_run(d, SEC(200));
	for (int i = 0; i < 20; i++) {	/* slots are used again */
		duo_connect(d, 80, listener, again);
		assert_int_equal(duo_close(d, 0, again[0]), 0);
		assert_int_equal(duo_close(d, 1, again[1]), 0);
		duo_run(d, SEC(1));
	}
	leat_buf_from(&d->h[1].ring, &b, &from);
	assert_int_equal(from.port, 0);
	read_and_put(d, 1, &b);
	assert_memory_equal(in, out, 200);
	duo_free(d);
}

static void giving_back_twice_is_noticed(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_cqe cqe, wrong;
	int fd[2];

	fill(8);
	duo_pair(d, fd);
	arm(d, 1, fd[1], 5);
	assert_int_equal(duo_send(d, 0, fd[0], out, 100), 100);
	cqe = duo_await(d, 1, 5);
	wrong = cqe;
	wrong.flags ^= 1u << LEAT_CQE_BUFFER_SHIFT;
	leat_buf_put(&d->h[1].ring, &wrong);
	assert_int_equal(d->h[1].ring.socks.n.bad_puts, 1);
	wrong.flags = UINT32_MAX;
	leat_buf_put(&d->h[1].ring, &wrong);
	assert_null(leat_buf_ptr(&d->h[1].ring, &wrong));
	wrong.flags = 0;
	leat_buf_put(&d->h[1].ring, &wrong);
	assert_int_equal(d->h[1].ring.socks.n.bad_puts, 3);
	read_and_put(d, 1, &cqe);
	assert_int_equal(d->h[1].ring.socks.n.bad_puts, 3);
	leat_buf_put(&d->h[1].ring, &cqe);
	assert_int_equal(d->h[1].ring.socks.n.bad_puts, 4);
	duo_free(d);
}

static void cancelled_it_leaves_the_bytes_to_the_next(void **state)
{
	struct duo_config config;
	struct duo *d;
	struct leat_cqe cqe;
	struct leat_sqe sqe;
	int fd[2];
	unsigned end = 0;

	fill(9);
	duo_config_default(&config);
	config.ring.sock.completions = 16;
	d = duo_new(&config);
	duo_pair(d, fd);
	arm(d, 1, fd[1], 5);
	d->h[1].hold = true;
	sqe = duo_sqe_send(fd[0], out, 100000);
	duo_submit(d, 0, &sqe);
	duo_run(d, MSEC(10));
	sqe = duo_sqe(LEAT_OP_ASYNC_CANCEL, 0);
	sqe.addr = 5;
	sqe.user_data = 6;
	duo_submit(d, 1, &sqe);
	while (end < 2) {
		assert_true(take(d, 1, &cqe));
		if (cqe.flags & LEAT_CQE_F_BUFFER) {
			read_and_put(d, 1, &cqe);
			continue;
		}
		assert_int_equal(cqe.user_data, 5 + end);
		assert_int_equal(cqe.res, end ? 0 : -E_CANCELED);
		end++;
	}
	assert_false(take(d, 1, &cqe));
	d->h[1].hold = false;
	while (got < 100000)
		got += (uint32_t)duo_recv(d, 1, fd[1], in + got, 3001);
	assert_memory_equal(in, out, got);
	duo_free(d);
}

/* Over loopback a segment may be as long as IP lets it: more frames than the ring holds. */
static void a_packet_of_many_pieces_is_handed_over_bit_by_bit(void **state)
{
	struct duo_config config;
	struct duo *d;
	struct leat_cqe cqe;
	struct leat_addr a = duo_addr(0, 80);
	struct leat_sqe sqe = duo_sqe(LEAT_OP_SOCKET, LEAT_AF_INET);
	int fd, peer, listener;

	fill(10);
	duo_config_default(&config);
	config.ring.sock.completions = 16;
	d = duo_new(&config);
	listener = duo_listen(d, 0, 80);
	sqe.off = LEAT_SOCK_STREAM;
	fd = duo_do(d, 0, sqe);
	sqe = duo_sqe(LEAT_OP_CONNECT, fd);
	sqe.addr = (uintptr_t)&a;
	assert_int_equal(duo_do(d, 0, sqe), 0);
	peer = duo_do(d, 0, duo_sqe(LEAT_OP_ACCEPT, listener));
	arm(d, 0, peer, 5);
	sqe = duo_sqe_send(fd, out, 1000000);
	sqe.flags = LEAT_SQE_CQE_SKIP_SUCCESS;
	duo_submit(d, 0, &sqe);
	d->h[0].hold = true;
	while (got < 1000000) {
		while (take(d, 0, &cqe))
			read_and_put(d, 0, &cqe);
		duo_step(d);
	}
	assert_memory_equal(in, out, got);
	assert_true(d->h[0].ring.socks.n.stalls > 10);
	duo_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_piece_is_a_completion_until_end_of_file),
		cmocka_unit_test(what_came_before_is_handed_over_at_once),
		cmocka_unit_test(an_error_ends_it),
		cmocka_unit_test(half_a_ring_of_unread_completions_pauses_it),
		cmocka_unit_test(room_in_the_ring_is_used_at_once),
		cmocka_unit_test(stalled_connections_take_turns),
		cmocka_unit_test(buffers_that_are_kept_close_the_window),
		cmocka_unit_test(a_buffer_outlives_its_descriptor),
		cmocka_unit_test(giving_back_twice_is_noticed),
		cmocka_unit_test(a_packet_of_many_pieces_is_handed_over_bit_by_bit),
		cmocka_unit_test(cancelled_it_leaves_the_bytes_to_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
