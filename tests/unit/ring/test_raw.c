/* Raw sockets, packet sockets, ICMP echo sockets, and filters on any of them and on UDP's.
 *
 * Two stacks over a wire in memory. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/duo.h"

enum { TCP = 6, ICMP = 1, UDP = 17, ALL = 3, IPV4_TYPE = 0x0800, ARP_TYPE = 0x0806 };

static uint8_t out[2000], in[2000];

static int socket_of(struct duo *d, unsigned side, int domain, unsigned type, uint32_t proto)
{
	struct leat_sqe sqe = duo_sqe(LEAT_OP_SOCKET, domain);

	sqe.off = type;
	sqe.len = proto;
	return duo_do(d, side, sqe);
}

static int send_to(struct duo *d, unsigned side, int fd, struct leat_addr to, uint32_t n)
{
	struct leat_sqe sqe = duo_sqe_send(fd, out, n);

	sqe.opcode = LEAT_OP_SENDTO;
	sqe.addr2 = (uintptr_t)&to;
	return duo_do(d, side, sqe);
}

static int receive(struct duo *d, unsigned side, int fd, struct leat_addr *from)
{
	struct leat_iovec v = {in, sizeof(in)};
	struct leat_msghdr m = {.name = from, .namelen = sizeof(*from), .iov = &v, .iovlen = 1};
	struct leat_sqe sqe = duo_sqe(LEAT_OP_RECVMSG, fd);

	sqe.addr = (uintptr_t)&m;
	return duo_do(d, side, sqe);
}

static int none(struct duo *d, unsigned side, int fd)
{
	duo_run(d, MSEC(10));
	return leat_queued(&d->h[side].ring, fd, LEAT_QUEUE_IN) == 0;
}

static int udp_at(struct duo *d, unsigned side, uint16_t port)
{
	struct leat_addr a = duo_addr(side, port);
	struct leat_sqe sqe;
	int fd = socket_of(d, side, LEAT_AF_INET, LEAT_SOCK_DGRAM, 0);

	sqe = duo_sqe(LEAT_OP_BIND, fd);
	sqe.addr = (uintptr_t)&a;
	assert_int_equal(duo_do(d, side, sqe), 0);
	return fd;
}

static int attach(struct duo *d, unsigned side, int fd, const void *insns, uint16_t n)
{
	struct {
		uint16_t n;
		const void *insns;
	} prog = {n, insns};

	return leat_ring_setsockopt(&d->h[side].ring, fd, 1, 26, &prog, sizeof(prog));
}

static void an_echo_is_answered(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_addr from;
	int fd = socket_of(d, 0, LEAT_AF_INET, LEAT_SOCK_DGRAM, ICMP);

	assert_true(fd > 0);
	memset(out, 0, sizeof(out));
	out[0] = 8;
	out[7] = 3;	/* its sequence number */
	out[8] = 0x55;
	assert_int_equal(send_to(d, 0, fd, duo_addr(1, 0), 64), 64);
	assert_int_equal(receive(d, 0, fd, &from), 64);
	assert_int_equal(in[0], 0);
	assert_int_equal(in[7], 3);
	assert_int_equal(in[8], 0x55);
	assert_int_equal(from.ip[15], 2);
	out[0] = 3;	/* no echo */
	assert_int_equal(send_to(d, 0, fd, duo_addr(1, 0), 64), -E_INVAL);
	assert_int_equal(send_to(d, 0, fd, duo_addr(1, 0), 7), -E_INVAL);
	duo_free(d);
}

static void a_raw_socket_gets_copies_with_their_header(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_addr from;
	int raw = socket_of(d, 1, LEAT_AF_INET, LEAT_SOCK_RAW, UDP), a = udp_at(d, 0, 99);
	int b = udp_at(d, 1, 53), other = socket_of(d, 1, LEAT_AF_INET, LEAT_SOCK_RAW, TCP);

	assert_int_equal(send_to(d, 0, a, duo_addr(1, 53), 10), 10);
	assert_int_equal(duo_recv(d, 1, b, in, 100), 10);
	assert_int_equal(receive(d, 1, raw, &from), 38);
	assert_int_equal(in[0], 0x45);
	assert_int_equal(in[9], UDP);
	assert_int_equal(load_be16(in + 20), 99);
	assert_int_equal(from.ip[15], 1);
	assert_true(none(d, 1, other));
	assert_int_equal(socket_of(d, 1, LEAT_AF_INET, LEAT_SOCK_RAW, 0), -E_PROTONOSUPPORT);
	duo_free(d);
}

static void a_protocol_that_nobody_speaks_goes_between_raw_sockets(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_addr from;
	int a = socket_of(d, 0, LEAT_AF_INET, LEAT_SOCK_RAW, 200), on = 1;
	int b = socket_of(d, 1, LEAT_AF_INET, LEAT_SOCK_RAW, 200);

	memset(out, 7, sizeof(out));
	assert_int_equal(send_to(d, 0, a, duo_addr(1, 0), 100), 100);
	assert_int_equal(receive(d, 1, b, &from), 120);
	assert_memory_equal(in + 20, out, 100);
	assert_int_equal(d->h[1].net.core.drops[DROP_IP_PROTO], 0);
	/* with a header of its own */
	assert_int_equal(leat_ring_setsockopt(&d->h[0].ring, a, 0, 3, &on, sizeof(on)), 0);
	assert_int_equal(send_to(d, 0, a, duo_addr(1, 0), 100), -E_INVAL);
	memset(out, 0, 20);
	out[0] = 0x45;
	out[8] = 9;
	out[9] = 200;
	out[16] = 10;
	out[19] = 2;
	assert_int_equal(send_to(d, 0, a, duo_addr(1, 0), 100), 100);
	assert_int_equal(receive(d, 1, b, &from), 100);
	assert_int_equal(in[8], 9);
	assert_int_equal(from.ip[15], 1);
	duo_free(d);
}

static void a_tap_sees_every_frame_both_ways(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_addr from, bind = {.port = ARP_TYPE, .scope = 1};
	struct leat_sqe sqe;
	int all = socket_of(d, 1, LEAT_AF_PACKET, LEAT_SOCK_RAW, ALL), arp, a = udp_at(d, 0, 99);

	arp = socket_of(d, 1, LEAT_AF_PACKET, LEAT_SOCK_DGRAM, IPV4_TYPE);
	sqe = duo_sqe(LEAT_OP_BIND, arp);
	sqe.addr = (uintptr_t)&bind;
	assert_int_equal(duo_do(d, 1, sqe), 0);
	assert_int_equal(send_to(d, 0, a, duo_addr(1, 53), 10), 10);
	duo_run(d, MSEC(10));
	/* its announcement and the datagram; our question and the port unreachable */
	for (int i = 0; i < 4; i++) {
		int n = receive(d, 1, all, &from), type = i & 1 ? IPV4_TYPE : ARP_TYPE;

		assert_int_equal(load_be16(in + 12), type);
		assert_int_equal(from.port, type);
		assert_int_equal(from.scope, 1);
		assert_int_equal(from.pad, i == 0 ? 1 : i == 1 ? 0 : 4);
		assert_int_equal(from.ip[5], i < 2 ? 1 : 2);
		assert_true(n >= 42);
	}
	assert_true(none(d, 1, all));
	assert_true(receive(d, 1, arp, &from) >= 28);	/* without the header */
	assert_int_equal(load_be16(in), 1);
	assert_true(none(d, 1, arp));
	assert_int_equal(duo_close(d, 1, all), 0);
	assert_int_equal(duo_close(d, 1, arp), 0);
	assert_null(d->h[1].net.link.tap);
	duo_free(d);
}

static void frames_are_sent(void **state)
{
	struct duo *d = duo_new(NULL);
	struct leat_addr to = {.ip = {2, 0, 0, 0, 0, 2}, .port = 0x88b5, .scope = 1}, from;
	int a = socket_of(d, 0, LEAT_AF_PACKET, LEAT_SOCK_DGRAM, 0x88b5);
	int b = socket_of(d, 1, LEAT_AF_PACKET, LEAT_SOCK_RAW, 0x88b5);
	int raw = socket_of(d, 0, LEAT_AF_PACKET, LEAT_SOCK_RAW, 0);

	memset(out, 9, sizeof(out));
	assert_int_equal(send_to(d, 0, a, to, 100), 100);
	assert_int_equal(receive(d, 1, b, &from), 114);
	assert_int_equal(load_be16(in + 12), 0x88b5);
	assert_memory_equal(in + 14, out, 100);
	mem_copy(out, in, 14);
	assert_int_equal(send_to(d, 0, raw, to, 60), 60);
	assert_int_equal(receive(d, 1, b, &from), 60);
	assert_int_equal(send_to(d, 0, raw, to, 13), -E_INVAL);
	assert_int_equal(send_to(d, 0, raw, to, 1515), -E_MSGSIZE);
	to.scope = 9;
	assert_int_equal(send_to(d, 0, raw, to, 60), -E_NODEV);
	duo_free(d);
}

static void a_filter_keeps_out_and_cuts(void **state)
{
	/* by the first byte behind UDP's header: 1: all, 2: 12 bytes with it, else none */
	static const struct {
		uint16_t code;
		uint8_t jt, jf;
		uint32_t k;
	} prog[] = {
		{0x30, 0, 0, 8}, {0x15, 0, 1, 1}, {0x06, 0, 0, 0xffff}, {0x15, 0, 1, 2},
		{0x06, 0, 0, 12}, {0x06, 0, 0, 0},
	};
	struct duo *d = duo_new(NULL);
	int a = udp_at(d, 0, 99), b = udp_at(d, 1, 53);

	assert_int_equal(attach(d, 1, b, prog, 6), 0);
	for (uint8_t i = 0; i < 3; i++) {
		out[0] = i;
		assert_int_equal(send_to(d, 0, a, duo_addr(1, 53), 10), 10);
		duo_run(d, MSEC(1));
	}
	assert_int_equal(duo_recv(d, 1, b, in, 100), 10);
	assert_int_equal(duo_recv(d, 1, b, in, 100), 4);
	assert_int_equal(d->h[1].net.core.drops[DROP_UDP_FILTER], 1);
	assert_int_equal(attach(d, 1, b, prog, 5), -E_INVAL);	/* jumps behind its end */
	assert_int_equal(attach(d, 1, b, prog + 5, 1), 0);
	assert_int_equal(leat_ring_setsockopt(&d->h[1].ring, b, 1, 27, NULL, 0), 0);
	assert_int_equal(leat_ring_setsockopt(&d->h[1].ring, b, 1, 27, NULL, 0), -E_NOENT);
	out[0] = 0;
	assert_int_equal(send_to(d, 0, a, duo_addr(1, 53), 10), 10);
	assert_int_equal(duo_recv(d, 1, b, in, 100), 10);
	duo_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_echo_is_answered),
		cmocka_unit_test(a_raw_socket_gets_copies_with_their_header),
		cmocka_unit_test(a_protocol_that_nobody_speaks_goes_between_raw_sockets),
		cmocka_unit_test(a_tap_sees_every_frame_both_ways),
		cmocka_unit_test(frames_are_sent),
		cmocka_unit_test(a_filter_keeps_out_and_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
