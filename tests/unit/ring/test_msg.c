/* RECVMSG, SENDMSG, SENDMSG_ZC and SENDFILE: pieces of memory, of streams and datagrams. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/duo.h"

static uint8_t out[1 << 20], in[1 << 20];

static void fill(void)
{
	struct prng r;

	prng_seed(&r, 1);
	unit_fill(&r, out, sizeof(out));
	memset(in, 0, sizeof(in));
}

static struct leat_sqe sqe_msg(unsigned opcode, int fd, const struct leat_msghdr *m)
{
	struct leat_sqe sqe = duo_sqe(opcode, fd);

	sqe.addr = (uintptr_t)m;
	return sqe;
}

/* Cuts `n` bytes of memory into pieces of growing length, the first of none. */
static struct leat_msghdr pieces(struct leat_iovec v[16], uint8_t *at, size_t n)
{
	struct leat_msghdr m = {.iov = v};

	for (size_t len = 0; n; len = len * 3 + 1) {
		v[m.iovlen].base = at;
		v[m.iovlen].len = m.iovlen == 15 ? n : MIN(len, n);
		at += v[m.iovlen].len;
		n -= v[m.iovlen++].len;
	}
	return m;
}

static void a_stream_goes_through_pieces(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_iovec v[16], w[16];
	struct leat_msghdr m = pieces(v, out, 500000), got = pieces(w, in, 500000);
	struct leat_sqe sqe;
	int fd[2];

	fill();
	duo_pair(d, fd);
	sqe = sqe_msg(LEAT_OP_RECVMSG, fd[1], &got);
	sqe.op_flags = LEAT_MSG_WAITALL;
	sqe.user_data = 1;
	duo_submit(d, 1, &sqe);
	assert_int_equal(duo_do(d, 0, sqe_msg(LEAT_OP_SENDMSG, fd[0], &m)), 500000);
	assert_int_equal(duo_await(d, 1, 1).res, 500000);
	assert_memory_equal(in, out, 500000);
	assert_int_equal(got.flags, 0);
	duo_free(d);
}

static void pieces_can_be_lent(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_iovec v[16];
	struct leat_msghdr m = pieces(v, out, 300000);
	struct leat_sqe sqe;
	struct leat_cqe cqe;
	int fd[2];

	fill();
	duo_pair(d, fd);
	sqe = duo_sqe_recv(fd[1], in, 300000);
	sqe.op_flags = LEAT_MSG_WAITALL;
	sqe.user_data = 1;
	duo_submit(d, 1, &sqe);
	sqe = sqe_msg(LEAT_OP_SENDMSG_ZC, fd[0], &m);
	sqe.user_data = 2;
	duo_submit(d, 0, &sqe);
	cqe = duo_await(d, 0, 2);
	assert_int_equal(cqe.res, 300000);
	assert_int_equal(cqe.flags, LEAT_CQE_F_MORE);
	assert_int_equal(duo_await(d, 0, 2).flags, LEAT_CQE_F_NOTIF);
	assert_int_equal(duo_await(d, 1, 1).res, 300000);
	assert_memory_equal(in, out, 300000);
	duo_free(d);
}

static void a_file_completes_once_when_it_is_back(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe;
	struct leat_cqe cqe;
	int fd[2];

	fill();
	duo_pair(d, fd);
	sqe = duo_sqe_send(fd[0], out, 100000);
	sqe.opcode = LEAT_OP_SENDFILE;
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	assert_false(duo_has(d, 0, 1));		/* all is queued, and lent */
	sqe = duo_sqe(LEAT_OP_ASYNC_CANCEL, 0);
	sqe.addr = 1;
	assert_int_equal(duo_do(d, 0, sqe), -E_NOENT);
	sqe = duo_sqe_recv(fd[1], in, 100000);
	sqe.op_flags = LEAT_MSG_WAITALL;
	assert_int_equal(duo_do(d, 1, sqe), 100000);
	assert_memory_equal(in, out, 100000);
	cqe = duo_await(d, 0, 1);
	assert_int_equal(cqe.res, 100000);
	assert_int_equal(cqe.flags, 0);
	duo_run(d, SEC(1));
	assert_false(duo_has(d, 0, 1));
	duo_free(d);
}

static int dgram(struct duo *d, unsigned side, uint16_t port)
{
	struct leat_sqe sqe = duo_sqe(LEAT_OP_SOCKET, LEAT_AF_INET);
	struct leat_addr a = duo_addr(side, port);
	int fd;

	sqe.off = LEAT_SOCK_DGRAM;
	fd = duo_do(d, side, sqe);
	sqe = duo_sqe(LEAT_OP_BIND, fd);
	sqe.addr = (uintptr_t)&a;
	assert_int_equal(duo_do(d, side, sqe), 0);
	return fd;
}

static void a_datagram_has_a_name_and_may_be_cut(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_iovec v[16], w[16];
	struct leat_addr to = duo_addr(1, 53), from, us = duo_addr(0, 99);
	struct leat_msghdr m = pieces(v, out, 1000), got = pieces(w, in, 400);
	int a = dgram(d, 0, 99), b = dgram(d, 1, 53);
	struct leat_sqe sqe = sqe_msg(LEAT_OP_RECVMSG, b, &got);

	fill();
	m.name = &to;
	assert_int_equal(duo_do(d, 0, sqe_msg(LEAT_OP_SENDMSG, a, &m)), 1000);
	duo_run(d, MSEC(10));
	assert_int_equal(leat_queued(&d->h[1].ring, b, LEAT_QUEUE_IN), 1000);
	for (int i = 0; i < 3; i++) {
		got.name = &from;
		got.namelen = sizeof(from);
		got.controllen = 7;
		sqe.op_flags = i < 2 ? LEAT_MSG_PEEK : LEAT_MSG_TRUNC;
		assert_int_equal(duo_do(d, 1, sqe), i < 2 ? 400 : 1000);
		assert_int_equal(got.flags, LEAT_MSG_TRUNC);
		assert_int_equal(got.controllen, 0);
		assert_memory_equal(&from, &us, sizeof(us));
		assert_memory_equal(in, out, 400);
	}
	sqe.op_flags = LEAT_MSG_DONTWAIT;
	assert_int_equal(duo_do(d, 1, sqe), -E_AGAIN);
	m.name = NULL;
	assert_int_equal(duo_do(d, 0, sqe_msg(LEAT_OP_SENDMSG, a, &m)), -E_DESTADDRREQ);
	m.name = &to;
	assert_int_equal(duo_do(d, 0, sqe_msg(LEAT_OP_SENDMSG_ZC, a, &m)), 1000);
	sqe.op_flags = 0;
	assert_int_equal(duo_do(d, 1, sqe), 400);
	assert_memory_equal(in, out, 400);
	duo_free(d);
}

static void headers_are_checked(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_iovec one = {NULL, 5};
	struct leat_addr to = duo_addr(1, 53);
	struct leat_msghdr m = {.iov = &one, .iovlen = LEAT_IOV_MAX + 1};
	int fd[2];

	duo_pair(d, fd);
	assert_int_equal(duo_do(d, 0, sqe_msg(LEAT_OP_SENDMSG, fd[0], NULL)), -E_FAULT);
	assert_int_equal(duo_do(d, 0, sqe_msg(LEAT_OP_RECVMSG, fd[0], NULL)), -E_FAULT);
	assert_int_equal(duo_do(d, 0, sqe_msg(LEAT_OP_SENDMSG, fd[0], &m)), -E_MSGSIZE);
	m.iovlen = 1;
	assert_int_equal(duo_do(d, 0, sqe_msg(LEAT_OP_SENDMSG, fd[0], &m)), -E_FAULT);
	m.iov = NULL;
	assert_int_equal(duo_do(d, 0, sqe_msg(LEAT_OP_SENDMSG, fd[0], &m)), -E_FAULT);
	m.iovlen = 0;
	assert_int_equal(duo_do(d, 0, sqe_msg(LEAT_OP_SENDMSG, fd[0], &m)), 0);
	m.name = &to;
	assert_int_equal(duo_do(d, 0, sqe_msg(LEAT_OP_SENDMSG, fd[0], &m)), -E_ISCONN);
	assert_int_equal(duo_do(d, 0, sqe_msg(LEAT_OP_SENDMSG, 999, &m)), -E_BADF);
	assert_int_equal(duo_do(d, 0, sqe_msg(LEAT_OP_RECVMSG, 999, &m)), -E_BADF);
	duo_free(d);
}

/* What a receive has taken out of the stream is not lost with it. */
static void a_cancelled_receive_says_what_it_has(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_sqe sqe, cancel = duo_sqe(LEAT_OP_ASYNC_CANCEL, 0);
	int fd[2];

	duo_pair(d, fd);
	sqe = duo_sqe_recv(fd[1], in, 100);
	sqe.op_flags = LEAT_MSG_WAITALL;
	for (sqe.user_data = 1; sqe.user_data < 4; sqe.user_data++)
		duo_submit(d, 1, &sqe);
	assert_int_equal(duo_send(d, 0, fd[0], out, 40), 40);
	duo_run(d, MSEC(10));
	cancel.addr = 1;
	assert_int_equal(duo_do(d, 1, cancel), 0);
	assert_int_equal(duo_await(d, 1, 1).res, 40);
	cancel.fd = fd[1];
	cancel.op_flags = LEAT_ASYNC_CANCEL_FD | LEAT_ASYNC_CANCEL_ALL;
	assert_int_equal(duo_do(d, 1, cancel), 2);
	assert_int_equal(duo_await(d, 1, 2).res, -E_CANCELED);
	cancel.op_flags = LEAT_ASYNC_CANCEL_ANY;
	assert_int_equal(duo_do(d, 1, cancel), 0);
	duo_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_goes_through_pieces),
		cmocka_unit_test(pieces_can_be_lent),
		cmocka_unit_test(a_file_completes_once_when_it_is_back),
		cmocka_unit_test(a_datagram_has_a_name_and_may_be_cut),
		cmocka_unit_test(headers_are_checked),
		cmocka_unit_test(a_cancelled_receive_says_what_it_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
