/* Options of levels IPPROTO_IP and IPPROTO_UDP on datagrams, ancillary data, the queue of errors,
 * groups. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/duo.h"

enum { SOL_IP, SOL_SOCKET, SOL_UDP = 17 };

static uint8_t out[9000], in[9000];
static uint64_t control[32];

static int dgram(struct duo *d, unsigned side, uint16_t port)
{
	struct leat_sqe sqe = duo_sqe(LEAT_OP_SOCKET, LEAT_AF_INET);
	struct leat_addr a = {.port = port};
	int fd;

	sqe.off = LEAT_SOCK_DGRAM;
	fd = duo_do(d, side, sqe);
	sqe = duo_sqe(LEAT_OP_BIND, fd);
	sqe.addr = (uintptr_t)&a;
	if (port)
		assert_int_equal(duo_do(d, side, sqe), 0);
	return fd;
}

static int set(struct duo *d, unsigned side, int fd, int level, int name, int value)
{
	return leat_ring_setsockopt(&d->h[side].ring, fd, level, name, &value, sizeof(value));
}

static int get(struct duo *d, unsigned side, int fd, int level, int name)
{
	uint32_t len = sizeof(int);
	int value = -1, err;

	err = leat_ring_getsockopt(&d->h[side].ring, fd, level, name, &value, &len);
	return err ? err : value;
}

static int message(struct duo *d, unsigned side, unsigned opcode, int fd, struct leat_msghdr *m,
		   uint32_t flags)
{
	struct leat_sqe sqe = duo_sqe(opcode, fd);

	sqe.addr = (uintptr_t)m;
	sqe.op_flags = flags;
	return duo_do(d, side, sqe);
}

static int send_to(struct duo *d, unsigned side, int fd, struct leat_addr to, uint32_t n)
{
	struct leat_iovec v = {out, n};
	struct leat_msghdr m = {.name = &to, .iov = &v, .iovlen = 1};

	return message(d, side, LEAT_OP_SENDMSG, fd, &m, 0);
}

/* One ancillary datum of a kind: where its bytes are, or NULL. */
static const void *find(const struct leat_msghdr *m, int level, int type, size_t n)
{
	const uint8_t *at = m->control, *end = at + m->controllen;

	while (at < end) {
		uint64_t len;
		int32_t kind[2];

		memcpy(&len, at, 8);
		memcpy(kind, at + 8, 8);
		if (kind[0] == level && kind[1] == type) {
			assert_int_equal(len, 16 + n);
			return at + 16;
		}
		at += (len + 7) & ~7ull;
	}
	return NULL;
}

static void numbers_are_read_as_written(void **state)
{
	static const int numbers[][3] = {
		{SOL_IP, 1, 0x1c}, {SOL_IP, 2, 9}, {SOL_IP, 8, 1}, {SOL_IP, 10, 2}, {SOL_IP, 11, 1},
		{SOL_IP, 12, 1}, {SOL_IP, 13, 1}, {SOL_IP, 33, 5}, {SOL_IP, 34, 0}, {SOL_IP, 49, 0},
		{SOL_UDP, 103, 1000}, {SOL_UDP, 104, 1},
	};
	struct duo *d = duo_new(NULL);
	int fd = dgram(d, 0, 0);
	uint8_t one = 77;
	uint32_t len = 1;

	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		assert_int_equal(set(d, 0, fd, numbers[i][0], numbers[i][1], numbers[i][2]), 0);
		assert_int_equal(get(d, 0, fd, numbers[i][0], numbers[i][1]), numbers[i][2]);
	}
	assert_int_equal(leat_ring_setsockopt(&d->h[0].ring, fd, SOL_IP, 2, &one, 1), 0);
	one = 0;
	assert_int_equal(leat_ring_getsockopt(&d->h[0].ring, fd, SOL_IP, 2, &one, &len), 0);
	assert_int_equal(one, 77);
	assert_int_equal(get(d, 0, fd, SOL_IP, 14), -E_NOTCONN);
	assert_int_equal(set(d, 0, fd, SOL_UDP, 103, 70000), -E_INVAL);
	assert_int_equal(set(d, 0, fd, 6, 1, 1), -E_NOPROTOOPT);
	duo_free(d);
}

static void what_came_with_a_datagram(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_iovec v = {in, 100};
	struct leat_msghdr m = {.iov = &v, .iovlen = 1, .control = control};
	int a = dgram(d, 0, 99), b = dgram(d, 1, 53), ttl, tos = 0;
	const uint8_t *info;

	assert_int_equal(set(d, 0, a, SOL_IP, 2, 33), 0);
	assert_int_equal(set(d, 0, a, SOL_IP, 1, 0x20), 0);
	for (int name = 8; name <= 13; name++)
		if (name == 8 || name > 11)
			assert_int_equal(set(d, 1, b, SOL_IP, name, 1), 0);
	assert_int_equal(set(d, 1, b, SOL_SOCKET, 35, 1), 0);
	assert_int_equal(send_to(d, 0, a, duo_addr(1, 53), 10), 10);
	duo_run(d, MSEC(10));
	m.controllen = sizeof(control);
	assert_int_equal(message(d, 1, LEAT_OP_RECVMSG, b, &m, LEAT_MSG_PEEK), 10);
	assert_int_equal(m.flags, 0);
	memcpy(&ttl, find(&m, SOL_IP, 2, 4), 4);
	memcpy(&tos, find(&m, SOL_IP, 1, 1), 1);
	assert_int_equal(ttl, 33);
	assert_int_equal(tos, 0x20);
	info = find(&m, SOL_IP, 8, 12);
	assert_int_equal(info[0], 1);
	assert_int_equal(info[11], 2);
	assert_non_null(find(&m, SOL_SOCKET, 35, 16));
	m.controllen = 40;
	assert_int_equal(message(d, 1, LEAT_OP_RECVMSG, b, &m, 0), 10);
	assert_int_equal(m.flags, LEAT_MSG_CTRUNC);
	duo_free(d);
}

/* The same of a buffer that a multishot handed over. */
static void what_came_with_a_buffer(void **state)
{
	struct duo *d = duo_new(NULL);
	int a = dgram(d, 0, 99), b = dgram(d, 1, 53), ttl;
	struct leat_sqe sqe = duo_sqe_recv_multi(b);
	struct leat_msghdr m = {.control = control};
	struct leat_ring *r = &d->h[1].ring;
	struct leat_cqe cqe;

	sqe.user_data = 1;
	duo_submit(d, 1, &sqe);
	assert_int_equal(send_to(d, 0, a, duo_addr(1, 53), 10), 10);
	cqe = duo_await(d, 1, 1);
	assert_int_equal(leat_buf_control(r, &cqe, b, control, sizeof(control)), 0);
	assert_int_equal(set(d, 1, b, SOL_IP, 12, 1), 0);
	m.controllen = leat_buf_control(r, &cqe, b, control, sizeof(control));
	memcpy(&ttl, find(&m, SOL_IP, 2, 4), 4);
	assert_int_equal(ttl, 64);
	assert_int_equal(leat_buf_control(r, &cqe, b, control, 16), 0);	/* does not fit */
	leat_bufs_put(r, &cqe, 1);
	assert_int_equal(leat_buf_control(r, &cqe, b, control, sizeof(control)), 0);
	duo_free(d);
}

static void one_datagram_goes_otherwise(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_addr to = duo_addr(1, 53);
	struct leat_iovec v = {out, 10}, w = {in, 100};
	struct leat_msghdr m = {.name = &to, .iov = &v, .iovlen = 1, .control = control,
				.controllen = 20};
	struct leat_msghdr got = {.iov = &w, .iovlen = 1};
	int a = dgram(d, 0, 99), b = dgram(d, 1, 53), ttl;
	uint64_t room[8];

	assert_int_equal(set(d, 1, b, SOL_IP, 12, 1), 0);
	control[0] = 20;
	((int32_t *)control)[2] = SOL_IP;
	((int32_t *)control)[3] = 2;
	((int32_t *)control)[4] = 21;
	for (int i = 0; i < 2; i++) {
		m.controllen = i ? 0 : 20;
		assert_int_equal(message(d, 0, LEAT_OP_SENDMSG, a, &m, 0), 10);
		got.control = room;
		got.controllen = sizeof(room);
		assert_int_equal(message(d, 1, LEAT_OP_RECVMSG, b, &got, 0), 10);
		memcpy(&ttl, find(&got, SOL_IP, 2, 4), 4);
		assert_int_equal(ttl, i ? 64 : 21);
	}
	m.controllen = 20;
	((int32_t *)control)[4] = 256;
	assert_int_equal(message(d, 0, LEAT_OP_SENDMSG, a, &m, 0), -E_INVAL);
	control[0] = 21;
	assert_int_equal(message(d, 0, LEAT_OP_SENDMSG, a, &m, 0), -E_INVAL);
	duo_free(d);
}

static void errors_are_queued_with_what_they_are_about(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_addr to;
	struct leat_iovec v = {in, 100};
	struct leat_msghdr m = {.name = &to, .namelen = sizeof(to), .iov = &v, .iovlen = 1,
				.control = control, .controllen = sizeof(control)};
	int a = dgram(d, 0, 99);
	const uint8_t *told;

	out[0] = 7;
	assert_int_equal(set(d, 0, a, SOL_IP, 11, 1), 0);
	assert_int_equal(message(d, 0, LEAT_OP_RECVMSG, a, &m, LEAT_MSG_ERRQUEUE), -E_AGAIN);
	assert_int_equal(send_to(d, 0, a, duo_addr(1, 9), 10), 10);
	duo_run(d, MSEC(10));
	assert_true(leat_ready(&d->h[0].ring, a) & LEAT_POLLERR);
	m.controllen = sizeof(control);
	assert_int_equal(message(d, 0, LEAT_OP_RECVMSG, a, &m, LEAT_MSG_ERRQUEUE), 10);
	assert_int_equal(in[0], 7);
	assert_int_equal(m.flags, LEAT_MSG_ERRQUEUE);
	assert_int_equal(to.port, 9);
	assert_int_equal(to.ip[15], 2);
	told = find(&m, SOL_IP, 11, 32);
	assert_int_equal(told[0], E_CONNREFUSED);
	assert_int_equal(told[4], 2);		/* ICMP says so: 3, 3 */
	assert_int_equal(told[5], 3);
	assert_int_equal(told[6], 3);
	assert_int_equal(told[23], 2);		/* 10.0.0.2 */
	assert_int_equal(leat_ready(&d->h[0].ring, a), LEAT_POLLOUT);
	duo_free(d);
}

static void many_in_one(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_iovec v = {in, sizeof(in)};
	struct leat_msghdr m = {.iov = &v, .iovlen = 1, .control = control,
				.controllen = sizeof(control)};
	int a = dgram(d, 0, 99), b = dgram(d, 1, 53), size;

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7);
	assert_int_equal(send_to(d, 0, a, duo_addr(1, 53), 0), 0);	/* ARP first */
	duo_run(d, MSEC(10));
	assert_int_equal(duo_recv(d, 1, b, in, 10), 0);
	assert_int_equal(set(d, 0, a, SOL_UDP, 103, 1000), 0);
	assert_int_equal(send_to(d, 0, a, duo_addr(1, 53), 4500), 4500);
	duo_run(d, MSEC(10));
	assert_int_equal(duo_recv(d, 1, b, in, sizeof(in)), 1000);
	assert_int_equal(set(d, 1, b, SOL_UDP, 104, 1), 0);
	assert_int_equal(message(d, 1, LEAT_OP_RECVMSG, b, &m, 0), 3500);
	memcpy(&size, find(&m, SOL_UDP, 104, 4), 4);
	assert_int_equal(size, 1000);
	assert_memory_equal(in, out + 1000, 3500);
	assert_int_equal(set(d, 0, a, SOL_UDP, 103, 1), 0);
	assert_int_equal(send_to(d, 0, a, duo_addr(1, 53), 65), -E_INVAL);
	duo_free(d);
}

static void groups_are_joined_and_left(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_addr group = {.ip = {[10] = 0xff, 0xff, 239, 1, 2, 3}, .port = 53};
	uint8_t mreq[8] = {239, 1, 2, 3};
	int a = dgram(d, 0, 99), b = dgram(d, 1, 53);
	struct leat_ring *r = &d->h[1].ring;

	assert_int_equal(send_to(d, 0, a, group, 10), 10);
	duo_run(d, MSEC(10));
	assert_int_equal(leat_queued(r, b, LEAT_QUEUE_IN), 0);
	assert_int_equal(leat_ring_setsockopt(r, b, SOL_IP, 36, mreq, 8), -E_ADDRNOTAVAIL);
	assert_int_equal(leat_ring_setsockopt(r, b, SOL_IP, 35, mreq, 8), 0);
	assert_int_equal(leat_ring_setsockopt(r, b, SOL_IP, 35, mreq, 8), -E_ADDRINUSE);
	assert_int_equal(send_to(d, 0, a, group, 10), 10);
	assert_int_equal(duo_recv(d, 1, b, in, 100), 10);
	/* it comes back to who is in the group himself */
	assert_int_equal(send_to(d, 1, b, group, 20), 20);
	assert_int_equal(duo_recv(d, 1, b, in, 100), 20);
	assert_int_equal(set(d, 1, b, SOL_IP, 34, 0), 0);
	assert_int_equal(send_to(d, 1, b, group, 20), 20);
	duo_run(d, MSEC(10));
	assert_int_equal(leat_queued(r, b, LEAT_QUEUE_IN), 0);
	assert_int_equal(leat_ring_setsockopt(r, b, SOL_IP, 36, mreq, 8), 0);
	assert_int_equal(send_to(d, 0, a, group, 10), 10);
	duo_run(d, MSEC(10));
	assert_int_equal(leat_queued(r, b, LEAT_QUEUE_IN), 0);
	mreq[0] = 10;
	assert_int_equal(leat_ring_setsockopt(r, b, SOL_IP, 35, mreq, 8), -E_INVAL);
	mreq[0] = 239;
	assert_int_equal(leat_ring_setsockopt(r, b, SOL_IP, 35, mreq, 8), 0);
	assert_int_equal(duo_close(d, 1, b), 0);	/* leaves */
	duo_free(d);
}

static void a_device_by_its_name(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_ring *r = &d->h[0].ring;
	char name[16] = "";
	uint32_t len = sizeof(name);
	int fd = dgram(d, 0, 53);

	assert_int_equal(leat_ring_setsockopt(r, fd, SOL_SOCKET, 25, "none", 5), -E_NODEV);
	assert_int_equal(leat_ring_setsockopt(r, fd, SOL_SOCKET, 25, "duo", 4), 0);
	assert_int_equal(leat_ring_getsockopt(r, fd, SOL_SOCKET, 25, name, &len), 0);
	assert_string_equal(name, "duo");
	assert_int_equal(leat_ring_setsockopt(r, fd, SOL_SOCKET, 25, "", 0), 0);
	len = sizeof(name);
	assert_int_equal(leat_ring_getsockopt(r, fd, SOL_SOCKET, 25, name, &len), 0);
	assert_int_equal(len, 0);
	duo_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_read_as_written),
		cmocka_unit_test(what_came_with_a_datagram),
		cmocka_unit_test(what_came_with_a_buffer),
		cmocka_unit_test(one_datagram_goes_otherwise),
		cmocka_unit_test(errors_are_queued_with_what_they_are_about),
		cmocka_unit_test(many_in_one),
		cmocka_unit_test(groups_are_joined_and_left),
		cmocka_unit_test(a_device_by_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
