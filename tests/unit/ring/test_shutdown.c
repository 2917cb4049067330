/* SHUTDOWN and CLOSE of streams: in which order bytes, FIN and completions come.
 *
 * Two stacks over a wire in memory; every step checks both stacks and both rings. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/duo.h"

static uint8_t out[1 << 20], in[1 << 20];

static struct leat_sqe sqe_shutdown(int fd, uint32_t how)
{
	struct leat_sqe sqe = duo_sqe(LEAT_OP_SHUTDOWN, fd);

	sqe.len = how;
	return sqe;
}

static void writing_ends_the_other_way_stays_open(void **state)
{
	struct duo *d = duo_new(NULL);
	int fd[2];

	duo_pair(d, fd);
	assert_int_equal(duo_do(d, 0, sqe_shutdown(fd[0], 1)), 0);
	assert_int_equal(duo_do(d, 0, sqe_shutdown(fd[0], 1)), 0);
	assert_int_equal(duo_send(d, 0, fd[0], out, 1), -E_PIPE);
	assert_int_equal(duo_recv(d, 1, fd[1], in, 1), 0);
	assert_int_equal(duo_send(d, 1, fd[1], out, 5), 5);
	assert_int_equal(duo_recv(d, 0, fd[0], in, 10), 5);
	assert_int_equal(duo_close(d, 1, fd[1]), 0);
	assert_int_equal(duo_recv(d, 0, fd[0], in, 10), 0);
	assert_int_equal(duo_close(d, 0, fd[0]), 0);
	duo_run(d, SEC(200));
	assert_int_equal(d->h[0].net.tcp.conns_used + d->h[1].net.tcp.conns_used, 0);
	duo_free(d);
}

static void it_waits_for_the_sends_before_it(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	uint32_t got = 0;
	int fd[2], res;

	duo_pair(d, fd);
	for (uint32_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 >> 3);
	sqe = duo_sqe_send(fd[0], out, 500000);
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	sqe = sqe_shutdown(fd[0], 1);
	sqe.user_data = 2;
	duo_submit(d, 0, &sqe);
	sqe = duo_sqe_send(fd[0], out, 5);
	sqe.user_data = 3;
	duo_submit(d, 0, &sqe);
	assert_false(duo_has(d, 0, 2) || duo_has(d, 0, 3));
	while ((res = duo_recv(d, 1, fd[1], in + got, 100000)) > 0)
		got += (uint32_t)res;
	assert_int_equal(res, 0);
	assert_int_equal(got, 500000);
	assert_memory_equal(in, out, got);
	assert_int_equal(duo_await(d, 0, 1).res, 500000);
	assert_int_equal(duo_await(d, 0, 2).res, 0);
	assert_int_equal(duo_await(d, 0, 3).res, -E_PIPE);
	duo_free(d);
}

static void reading_ends_here_only(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd[2];

	duo_pair(d, fd);
	sqe = duo_sqe_recv_multi(fd[0]);
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	sqe = duo_sqe_recv(fd[0], in, 5);
	sqe.user_data = 2;
	duo_submit(d, 0, &sqe);
	assert_int_equal(duo_do(d, 0, sqe_shutdown(fd[0], 0)), 0);
	assert_int_equal(duo_await(d, 0, 1).res, 0);
	assert_int_equal(duo_await(d, 0, 2).res, 0);
	assert_int_equal(duo_send(d, 0, fd[0], out, 5), 5);
	assert_int_equal(duo_recv(d, 1, fd[1], in, 10), 5);
	/* as Linux: what comes all the same can be read */
	assert_int_equal(duo_send(d, 1, fd[1], out, 5), 5);
	duo_run(d, MSEC(1));
	assert_int_equal(duo_recv(d, 0, fd[0], in, 10), 5);
	assert_int_equal(duo_recv(d, 0, fd[0], in, 10), 0);
	duo_free(d);
}

static void both_end_at_once(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	int fd[2];

	duo_pair(d, fd);
	sqe = duo_sqe(LEAT_OP_POLL_ADD, fd[0]);
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	assert_int_equal(duo_do(d, 0, sqe_shutdown(fd[0], 2)), 0);
	assert_true(duo_has(d, 0, 1));
	assert_true(duo_await(d, 0, 1).res & LEAT_POLLHUP);
	assert_int_equal(duo_recv(d, 0, fd[0], in, 10), 0);
	assert_int_equal(duo_recv(d, 1, fd[1], in, 10), 0);
	duo_free(d);
}

static void only_what_is_connected_can_be_shut_down(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe = duo_sqe(LEAT_OP_SOCKET, LEAT_AF_INET);
	int fd[2];

	duo_pair(d, fd);
	sqe.off = LEAT_SOCK_STREAM;
	assert_int_equal(duo_do(d, 0, sqe_shutdown(duo_do(d, 0, sqe), 1)), -E_NOTCONN);
	assert_int_equal(duo_do(d, 0, sqe_shutdown(duo_listen(d, 0, 3), 1)), -E_NOTCONN);
	assert_int_equal(duo_do(d, 0, sqe_shutdown(fd[0], 3)), -E_INVAL);
	assert_int_equal(duo_do(d, 0, sqe_shutdown(1234, 1)), -E_BADF);
	assert_int_equal(duo_send(d, 0, fd[0], out, 5), 5);
	duo_run(d, MSEC(1));
	assert_int_equal(duo_close(d, 1, fd[1]), 0);	/* a reset: bytes unread */
	duo_run(d, MSEC(1));
	assert_int_equal(duo_do(d, 0, sqe_shutdown(fd[0], 1)), -E_NOTCONN);
	duo_free(d);
}

static void bytes_sent_before_a_close_arrive(void **state)
{
	struct duo *d = duo_new(NULL);
	int fd[2];
	uint32_t got = 0;
	int res;

	duo_pair(d, fd);
	assert_int_equal(duo_send(d, 0, fd[0], out, 100000), 100000);
	assert_int_equal(duo_close(d, 0, fd[0]), 0);
	while ((res = duo_recv(d, 1, fd[1], in, sizeof(in))) > 0)
		got += (uint32_t)res;
	assert_int_equal(res, 0);
	assert_int_equal(got, 100000);
	duo_free(d);
}

static void a_fin_that_finds_no_frame_leaves_later(void **state)
{
	struct duo_config config;
	struct duo *d;
	struct pkt *taken[257];
	unsigned n = 0;
	int fd[2];

	duo_config_default(&config);
	config.net.frames = 256;
	d = duo_new(&config);
	duo_pair(d, fd);
	duo_run(d, SEC(1));
	while ((taken[n] = pkt_new(&d->h[0].net.pool)))
		n++;
	assert_int_equal(duo_close(d, 0, fd[0]), 0);
	duo_run(d, SEC(1));
	while (n)
		pkt_put(taken[--n]);
	assert_int_equal(duo_recv(d, 1, fd[1], in, 1), 0);
	duo_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writing_ends_the_other_way_stays_open),
		cmocka_unit_test(it_waits_for_the_sends_before_it),
		cmocka_unit_test(reading_ends_here_only),
		cmocka_unit_test(both_end_at_once),
		cmocka_unit_test(only_what_is_connected_can_be_shut_down),
		cmocka_unit_test(bytes_sent_before_a_close_arrive),
		cmocka_unit_test(a_fin_that_finds_no_frame_leaves_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
