/* Datagram sockets: SENDTO, SEND, RECV in both forms, SEND_ZC, errors.
 *
 * Two stacks over a wire in memory; every step checks both stacks and both rings. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/duo.h"

static uint8_t out[70000], in[70000];

static int dgram(struct duo *d, unsigned side, uint16_t port)
{
	struct leat_sqe sqe = duo_sqe(LEAT_OP_SOCKET, LEAT_AF_INET);
	struct leat_addr a = duo_addr(side, port);
	int fd;

	sqe.off = LEAT_SOCK_DGRAM;
	fd = duo_do(d, side, sqe);
	assert_true(fd > 0);
	sqe = duo_sqe(LEAT_OP_BIND, fd);
	sqe.addr = (uintptr_t)&a;
	if (port)
		assert_int_equal(duo_do(d, side, sqe), 0);
	return fd;
}

static int send_to(struct duo *d, unsigned side, int fd, struct leat_addr to, uint32_t n)
{
	struct leat_sqe sqe = duo_sqe_send(fd, out, n);

	sqe.opcode = LEAT_OP_SENDTO;
	sqe.addr2 = (uintptr_t)&to;
	return duo_do(d, side, sqe);
}

static int connect_to(struct duo *d, unsigned side, int fd, struct leat_addr to)
{
	struct leat_sqe sqe = duo_sqe(LEAT_OP_CONNECT, fd);

	sqe.addr = (uintptr_t)&to;
	return duo_do(d, side, sqe);
}

static void arm(struct duo *d, unsigned side, int fd, uint64_t user_data)
{
	struct leat_sqe sqe = duo_sqe_recv_multi(fd);

	sqe.user_data = user_data;
	duo_submit(d, side, &sqe);
}

static void fill(uint64_t seed)
{
	struct prng r;

	prng_seed(&r, seed);
	unit_fill(&r, out, sizeof(out));
	memset(in, 0, sizeof(in));
}

/* ARP before a burst: only a few packets wait for an address. */
static void acquaint(struct duo *d)
{
	int a = dgram(d, 0, 0);

	assert_int_equal(send_to(d, 0, a, duo_addr(1, 9), 1), 1);
	duo_run(d, MSEC(1));
	assert_int_equal(duo_close(d, 0, a), 0);
}

static void boundaries_are_kept(void **state)
{
	struct duo *d = duo_new(NULL);
	int a = dgram(d, 0, 0), b = dgram(d, 1, 53);
	struct leat_sqe sqe = duo_sqe_recv(b, in, 100);

	fill(1);
	sqe.user_data = 1;
	duo_submit(d, 1, &sqe);
	assert_int_equal(send_to(d, 0, a, duo_addr(1, 53), 10), 10);
	assert_int_equal(send_to(d, 0, a, duo_addr(1, 53), 0), 0);
	assert_int_equal(send_to(d, 0, a, duo_addr(1, 53), 200), 200);
	assert_int_equal(duo_await(d, 1, 1).res, 10);
	assert_memory_equal(in, out, 10);
	duo_run(d, MSEC(1));
	assert_int_equal(duo_recv(d, 1, b, in, 100), 0);
	assert_int_equal(duo_recv(d, 1, b, in, 100), 100);	/* the rest of it is lost */
	assert_memory_equal(in, out, 100);
	duo_free(d);
}

static void a_multishot_hands_over_datagrams_and_says_from_whom(void **state)
{
	struct duo *d = duo_new(NULL);
	int a = dgram(d, 0, 777), b = dgram(d, 1, 53);
	struct leat_addr from, want = duo_addr(0, 777);
	struct leat_cqe cqe;

	fill(2);
	arm(d, 1, b, 1);
	for (uint32_t n = 0; n < 1400; n += 100) {
		assert_int_equal(send_to(d, 0, a, duo_addr(1, 53), n), n);
		cqe = duo_await(d, 1, 1);
		assert_int_equal(cqe.res, n);
		assert_int_equal(cqe.flags & 0xff, LEAT_CQE_F_BUFFER | LEAT_CQE_F_MORE);
		assert_memory_equal(leat_buf_ptr(&d->h[1].ring, &cqe), out, n);
		leat_buf_from(&d->h[1].ring, &cqe, &from);
		assert_memory_equal(&from, &want, sizeof(from));
		leat_buf_put(&d->h[1].ring, &cqe);
	}
	assert_int_equal(duo_close(d, 1, b), 0);
	cqe = duo_await(d, 1, 1);
	assert_int_equal(cqe.res, -E_CANCELED);
	assert_int_equal(cqe.flags, 0);
	duo_free(d);
}

static void a_large_datagram_comes_in_parts(void **state)
{
	struct duo *d = duo_new(NULL);
	int a = dgram(d, 0, 777), b = dgram(d, 1, 53);
	struct leat_addr from, want = duo_addr(0, 777);
	struct leat_cqe cqe;
	uint32_t got = 0;

	fill(3);
	acquaint(d);
	arm(d, 1, b, 1);
	assert_int_equal(send_to(d, 0, a, duo_addr(1, 53), 20000), 20000);
	do {
		cqe = duo_await(d, 1, 1);
		assert_true(cqe.res > 0);
		memcpy(in + got, leat_buf_ptr(&d->h[1].ring, &cqe), (size_t)cqe.res);
		leat_buf_from(&d->h[1].ring, &cqe, &from);
		assert_memory_equal(&from, &want, sizeof(from));
		got += (uint32_t)cqe.res;
		leat_buf_put(&d->h[1].ring, &cqe);
	} while (cqe.flags & LEAT_CQE_F_PART);
	assert_int_equal(got, 20000);
	assert_memory_equal(in, out, got);
	assert_int_equal(send_to(d, 0, a, duo_addr(1, 53), 20000), 20000);
	cqe = duo_await(d, 1, 1);
	assert_true(cqe.flags & LEAT_CQE_F_PART);
	duo_free(d);	/* with buffers not given back */
}

static void a_connected_one_needs_no_address(void **state)
{
	struct duo *d = duo_new(NULL);
	int a = dgram(d, 0, 0), b = dgram(d, 1, 53), other = dgram(d, 1, 54);
	struct leat_conn_info info;

	fill(4);
	assert_int_equal(duo_send(d, 0, a, out, 5), -E_DESTADDRREQ);
	assert_int_equal(connect_to(d, 0, a, duo_addr(1, 53)), 0);
	assert_int_equal(duo_send(d, 0, a, out, 5), 5);
	assert_int_equal(duo_recv(d, 1, b, in, 100), 5);
	assert_int_equal(leat_conn_info(&d->h[0].ring, a, &info), 0);
	assert_int_equal(info.remote.port, 53);
	/* from another port nothing comes */
	assert_int_equal(send_to(d, 1, other, duo_addr(0, info.local.port), 7), 7);
	assert_int_equal(send_to(d, 1, b, duo_addr(0, info.local.port), 9), 9);
	assert_int_equal(duo_recv(d, 0, a, in, 100), 9);
	duo_free(d);
}

static void port_unreachable_is_told_once(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_cqe cqe;
	int a = dgram(d, 0, 0);

	assert_int_equal(connect_to(d, 0, a, duo_addr(1, 9)), 0);
	assert_int_equal(duo_send(d, 0, a, out, 5), 5);
	duo_run(d, MSEC(10));
	assert_int_equal(duo_send(d, 0, a, out, 5), -E_CONNREFUSED);
	assert_int_equal(duo_send(d, 0, a, out, 5), 5);
	assert_int_equal(duo_recv(d, 0, a, in, 5), -E_CONNREFUSED);
	arm(d, 0, a, 3);
	assert_int_equal(duo_send(d, 0, a, out, 5), 5);
	cqe = duo_await(d, 0, 3);
	assert_int_equal(cqe.res, -E_CONNREFUSED);
	assert_int_equal(cqe.flags, 0);
	duo_free(d);
}

static void lent_memory_comes_back(void **state)
{
	struct duo *d = duo_new(NULL);
	int a = dgram(d, 0, 0), b = dgram(d, 1, 53);
	struct leat_sqe sqe = duo_sqe_send(a, out, 30000);
	struct leat_cqe cqe;

	fill(5);
	acquaint(d);
	assert_int_equal(connect_to(d, 0, a, duo_addr(1, 53)), 0);
	sqe.opcode = LEAT_OP_SEND_ZC;
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	cqe = duo_await(d, 0, 1);
	assert_int_equal(cqe.res, 30000);
	assert_int_equal(cqe.flags, LEAT_CQE_F_MORE);
	cqe = duo_await(d, 0, 1);
	assert_int_equal(cqe.flags, LEAT_CQE_F_NOTIF);
	assert_int_equal(duo_recv(d, 1, b, in, 70000), 30000);
	assert_memory_equal(in, out, 30000);
	sqe.len = 65508;
	sqe.user_data = 2;
	duo_submit(d, 0, &sqe);
	cqe = duo_await(d, 0, 2);
	assert_int_equal(cqe.res, -E_MSGSIZE);
	assert_int_equal(cqe.flags, 0);
	duo_free(d);
}

static void too_much_or_nowhere_is_an_error(void **state)
{
	struct duo *d = duo_new(NULL);
	int a = dgram(d, 0, 0), stream[2];
	struct leat_addr far = duo_addr(1, 53);
	struct leat_sqe sqe;

	far.ip[12] = 99;
	assert_int_equal(send_to(d, 0, a, far, 1), -E_NETUNREACH);
	assert_int_equal(send_to(d, 0, a, duo_addr(1, 0), 1), -E_INVAL);
	assert_int_equal(send_to(d, 0, a, duo_addr(1, 53), 65508), -E_MSGSIZE);
	assert_int_equal(send_to(d, 0, 333, duo_addr(1, 53), 1), -E_BADF);
	duo_pair(d, stream);
	assert_int_equal(send_to(d, 0, stream[0], duo_addr(1, 53), 1), -E_ISCONN);
	sqe = duo_sqe_send(stream[0], out, 3);
	sqe.opcode = LEAT_OP_SENDTO;
	assert_int_equal(duo_do(d, 0, sqe), 3);
	sqe = duo_sqe(LEAT_OP_SHUTDOWN, a);
	assert_int_equal(duo_do(d, 0, sqe), -E_NOTCONN);
	duo_free(d);
}

static void without_frames_it_fails(void **state)
{
	struct duo *d = duo_new(NULL);
	struct pkt *taken = NULL, *p;
	int a = dgram(d, 0, 0);

	acquaint(d);
	while (d->h[0].net.pool.free_frames_n > 2) {
		p = pkt_new(&d->h[0].net.pool);
		p->next = taken;
		taken = p;
	}
	assert_int_equal(send_to(d, 0, a, duo_addr(1, 53), 20000), -E_NOBUFS);
	assert_int_equal(d->h[0].net.pool.free_frames_n, 2);
	while ((p = taken)) {
		taken = p->next;
		pkt_put(p);
	}
	assert_int_equal(send_to(d, 0, a, duo_addr(1, 53), 20000), 20000);
	duo_free(d);
}

static void shut_down_it_neither_sends_nor_waits(void **state)
{
	struct duo *d = duo_new(NULL);
	int a = dgram(d, 0, 0);
	struct leat_sqe sqe = duo_sqe_recv(a, in, 10);

	assert_int_equal(connect_to(d, 0, a, duo_addr(1, 53)), 0);
	sqe.user_data = 1;
	duo_submit(d, 0, &sqe);
	sqe = duo_sqe(LEAT_OP_POLL_ADD, a);
	sqe.op_flags = LEAT_POLLRDHUP;
	sqe.user_data = 2;
	duo_submit(d, 0, &sqe);
	sqe = duo_sqe(LEAT_OP_SHUTDOWN, a);
	sqe.len = 2;
	assert_int_equal(duo_do(d, 0, sqe), 0);
	assert_int_equal(duo_await(d, 0, 1).res, 0);
	assert_int_equal(duo_await(d, 0, 2).res, LEAT_POLLRDHUP);
	assert_int_equal(duo_send(d, 0, a, out, 5), -E_PIPE);
	assert_int_equal(duo_recv(d, 0, a, in, 5), 0);
	duo_free(d);
}

static void a_full_ring_leaves_datagrams_in_the_queue(void **state)
{
	struct duo_config config;
	struct duo *d;
	const struct leat_cqe *at;
	struct leat_cqe cqe;
	int a, b;

	duo_config_default(&config);
	config.ring.sock.completions = 16;
	d = duo_new(&config);
	a = dgram(d, 0, 0);
	b = dgram(d, 1, 53);
	arm(d, 1, b, 1);
	d->h[1].hold = true;
	for (uint32_t i = 0; i < 30; i++) {
		assert_int_equal(send_to(d, 0, a, duo_addr(1, 53), i + 1), i + 1);
		duo_run(d, MSEC(1));
	}
	assert_int_equal(leat_cq_peek(&d->h[1].ring, &at), 8);
	d->h[1].hold = false;
	for (uint32_t i = 0; i < 30; i++) {
		cqe = duo_await(d, 1, 1);
		assert_int_equal(cqe.res, i + 1);
		leat_buf_put(&d->h[1].ring, &cqe);
	}
	duo_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(boundaries_are_kept),
		cmocka_unit_test(a_multishot_hands_over_datagrams_and_says_from_whom),
		cmocka_unit_test(a_large_datagram_comes_in_parts),
		cmocka_unit_test(a_connected_one_needs_no_address),
		cmocka_unit_test(port_unreachable_is_told_once),
		cmocka_unit_test(lent_memory_comes_back),
		cmocka_unit_test(too_much_or_nowhere_is_an_error),
		cmocka_unit_test(without_frames_it_fails),
		cmocka_unit_test(shut_down_it_neither_sends_nor_waits),
		cmocka_unit_test(a_full_ring_leaves_datagrams_in_the_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
