/* One test an opcode, the same for every make of the door: what Linux's sockets do through
 * io_uring, ours do.
 *
 * Each runs on a ring of its own, both ends on 127.0.0.1: "direct" is a stack without a link,
 * "kernel" is Linux.  Left out over the kernel where there is no io_uring. */
#include "helper/unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>

#include "leat/leat.h"
#include "port/port.h"

struct make {
	const char *net;
	struct leat_ring *ring;
	struct leat_cqe kept[256];	/* not asked for yet */
	unsigned kept_n;
	uint64_t next;
};

static struct make makes[] = {{.net = "none"}, {.net = "kernel"}};
static char out[300000], in[300000];

static int setup(void **state)
{
	struct make *m = *state;
	struct leat_options options;
	char why[160] = "";

	leat_options_init(&options);
	options.net = m->net;
	options.conns = 64;
	options.frames = 2048;
	options.ops = 256;
	options.completions = 256;
	m->kept_n = 0;
	m->ring = leat_ring_open(&options, why, sizeof(why));
	if (!m->ring)
		fprintf(stderr, "%s: %s\n", m->net, why);
	memset(in, 0, sizeof(in));
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 7 + i / 251);
	return 0;
}

static int teardown(void **state)
{
	struct make *m = *state;

	return m->ring ? (int)leat_ring_close(m->ring) : 0;
}

/* Nothing to test without it. */
static struct make *make_of(void **state)
{
	struct make *m = *state;

	if (!m->ring)
		skip();
	return m;
}

static bool take(struct make *m, uint64_t user_data, struct leat_cqe *got)
{
	const struct leat_cqe *cqe;

	while (leat_cq_peek(m->ring, &cqe)) {
		assert_true(m->kept_n < 256);
		m->kept[m->kept_n++] = *cqe;
		leat_cq_advance(m->ring, 1);
	}
	for (unsigned i = 0; i < m->kept_n; i++) {
		if (m->kept[i].user_data != user_data)
			continue;
		*got = m->kept[i];
		memmove(&m->kept[i], &m->kept[i + 1], (--m->kept_n - i) * sizeof(*got));
		return true;
	}
	return false;
}

static struct leat_cqe await(struct make *m, uint64_t user_data)
{
	struct leat_cqe got = {0};

	for (int i = 0; i < 500; i++) {
		if (take(m, user_data, &got))
			return got;
		leat_wait(m->ring, MSEC(20));
	}
	fail_msg("no completion");
	return got;
}

/* So long nothing with that name must come. */
static void expect_nothing(struct make *m, uint64_t user_data)
{
	struct leat_cqe got;

	leat_wait(m->ring, MSEC(20));
	assert_false(take(m, user_data, &got));
}

static void submit(struct make *m, struct leat_sqe sqe, uint64_t user_data)
{
	sqe.user_data = user_data;
	assert_int_equal(leat_submit(m->ring, &sqe), 0);
}

static int ask(struct make *m, struct leat_sqe sqe)
{
	uint64_t user_data = 1000000 + ++m->next;

	submit(m, sqe, user_data);
	return await(m, user_data).res;
}

static struct leat_sqe op(unsigned opcode, int fd)
{
	return (struct leat_sqe){.opcode = (uint8_t)opcode, .fd = fd};
}

static struct leat_sqe with(unsigned opcode, int fd, const void *addr, uint32_t len)
{
	struct leat_sqe sqe = op(opcode, fd);

	sqe.addr = (uintptr_t)addr;
	sqe.len = len;
	return sqe;
}

static struct leat_addr local(uint16_t port)
{
	return (struct leat_addr){.ip = {[10] = 0xff, 0xff, 127, 0, 0, 1}, .port = port};
}

static int socket_of(struct make *m, unsigned type)
{
	struct leat_sqe sqe = op(LEAT_OP_SOCKET, LEAT_AF_INET);

	sqe.off = type;
	return ask(m, sqe);
}

static int bound(struct make *m, unsigned type, struct leat_addr *name)
{
	int fd = socket_of(m, type);

	*name = local(0);
	assert_true(fd > 0);
	assert_int_equal(ask(m, with(LEAT_OP_BIND, fd, name, 0)), 0);
	assert_int_equal(leat_ring_getsockname(m->ring, fd, name), 0);
	assert_true(name->port > 0);
	return fd;
}

static int listener(struct make *m, struct leat_addr *name)
{
	int fd = bound(m, LEAT_SOCK_STREAM, name);
	struct leat_sqe sqe = op(LEAT_OP_LISTEN, fd);

	sqe.len = 16;
	assert_int_equal(ask(m, sqe), 0);
	return fd;
}

static void pair(struct make *m, int fd[2])
{
	struct leat_addr name;
	int l = listener(m, &name);

	fd[0] = socket_of(m, LEAT_SOCK_STREAM);
	assert_int_equal(ask(m, with(LEAT_OP_CONNECT, fd[0], &name, 0)), 0);
	fd[1] = ask(m, op(LEAT_OP_ACCEPT, l));
	assert_true(fd[1] > 0);
	assert_int_equal(ask(m, op(LEAT_OP_CLOSE, l)), 0);
}

/* ---- an opcode each */

static void nop(void **state)
{
	struct make *m = make_of(state);
	struct leat_sqe sqe = op(LEAT_OP_NOP, 0);

	assert_int_equal(ask(m, sqe), 0);
	sqe.flags = LEAT_SQE_CQE_SKIP_SUCCESS;
	submit(m, sqe, 5);
	expect_nothing(m, 5);
}

static void socket_(void **state)
{
	struct make *m = make_of(state);
	struct leat_sqe sqe = op(LEAT_OP_SOCKET, LEAT_AF_INET);

	assert_true(socket_of(m, LEAT_SOCK_STREAM) > 0);
	assert_true(socket_of(m, LEAT_SOCK_DGRAM) > 0);
	sqe.off = LEAT_SOCK_STREAM;
	sqe.len = IPPROTO_UDP;
	assert_int_equal(ask(m, sqe), -EPROTONOSUPPORT);
	sqe.fd = 9999;
	assert_int_equal(ask(m, sqe), -EAFNOSUPPORT);
	sqe.fd = LEAT_AF_INET6;
	assert_int_equal(ask(m, sqe), -EAFNOSUPPORT);
}

static void bind_(void **state)
{
	struct make *m = make_of(state);
	struct leat_addr name, far = local(0);
	int fd = bound(m, LEAT_SOCK_STREAM, &name), other = socket_of(m, LEAT_SOCK_STREAM);

	far.ip[12] = 192;
	far.ip[13] = 0;
	far.ip[14] = 2;
	assert_int_equal(ask(m, with(LEAT_OP_BIND, fd, &name, 0)), -EINVAL);
	assert_int_equal(ask(m, with(LEAT_OP_BIND, other, &name, 0)), -EADDRINUSE);
	assert_int_equal(ask(m, with(LEAT_OP_BIND, other, &far, 0)), -EADDRNOTAVAIL);
	assert_int_equal(ask(m, with(LEAT_OP_BIND, other, NULL, 0)), -EFAULT);
	assert_int_equal(ask(m, with(LEAT_OP_BIND, 4711, &name, 0)), -EBADF);
}

static void listen_(void **state)
{
	struct make *m = make_of(state);
	struct leat_addr name;
	int fd = listener(m, &name), value = 0;
	uint32_t len = sizeof(value);

	assert_int_equal(leat_ring_getsockopt(m->ring, fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len),
			 0);
	assert_int_equal(value, 1);
	assert_int_equal(ask(m, op(LEAT_OP_LISTEN, fd)), 0);
	assert_int_equal(ask(m, op(LEAT_OP_LISTEN, socket_of(m, LEAT_SOCK_DGRAM))), -EOPNOTSUPP);
	assert_int_equal(ask(m, op(LEAT_OP_LISTEN, 4711)), -EBADF);
}

static void accept_(void **state)
{
	struct make *m = make_of(state);
	struct leat_addr name;
	struct leat_sqe sqe;
	struct leat_cqe cqe;
	int l = listener(m, &name);

	sqe = op(LEAT_OP_ACCEPT, l);
	sqe.ioprio = LEAT_ACCEPT_MULTISHOT;
	submit(m, sqe, 1);
	for (int i = 0; i < 3; i++) {
		int fd = socket_of(m, LEAT_SOCK_STREAM);

		assert_int_equal(ask(m, with(LEAT_OP_CONNECT, fd, &name, 0)), 0);
		cqe = await(m, 1);
		assert_true(cqe.res > 0);
		assert_int_equal(cqe.flags, LEAT_CQE_F_MORE);
	}
	assert_int_equal(ask(m, op(LEAT_OP_CLOSE, l)), 0);
	cqe = await(m, 1);
	assert_int_equal(cqe.res, -ECANCELED);
	assert_int_equal(cqe.flags, 0);
	assert_int_equal(ask(m, op(LEAT_OP_ACCEPT, socket_of(m, LEAT_SOCK_STREAM))), -EINVAL);
	assert_int_equal(ask(m, op(LEAT_OP_ACCEPT, 4711)), -EBADF);
}

static void connect_(void **state)
{
	struct make *m = make_of(state);
	struct leat_addr name, peer;
	int l = listener(m, &name), fd = socket_of(m, LEAT_SOCK_STREAM);

	assert_int_equal(leat_ring_getpeername(m->ring, fd, &peer), -ENOTCONN);
	assert_int_equal(ask(m, with(LEAT_OP_CONNECT, fd, &name, 0)), 0);
	assert_int_equal(ask(m, with(LEAT_OP_CONNECT, fd, &name, 0)), -EISCONN);
	assert_int_equal(leat_ring_getpeername(m->ring, fd, &peer), 0);
	assert_memory_equal(&peer, &name, sizeof(name));
	assert_int_equal(ask(m, op(LEAT_OP_CLOSE, l)), 0);
	fd = socket_of(m, LEAT_SOCK_STREAM);
	assert_int_equal(ask(m, with(LEAT_OP_CONNECT, fd, &name, 0)), -ECONNREFUSED);
	assert_int_equal(ask(m, with(LEAT_OP_CONNECT, 4711, &name, 0)), -EBADF);
}

static void recv_(void **state)
{
	struct make *m = make_of(state);
	struct leat_sqe sqe;
	int fd[2];

	pair(m, fd);
	sqe = with(LEAT_OP_RECV, fd[1], in, 100);
	submit(m, sqe, 1);
	expect_nothing(m, 1);
	assert_int_equal(ask(m, with(LEAT_OP_SEND, fd[0], "hello", 5)), 5);
	assert_int_equal(await(m, 1).res, 5);
	assert_memory_equal(in, "hello", 5);
	sqe.op_flags = LEAT_MSG_DONTWAIT;
	assert_int_equal(ask(m, sqe), -EAGAIN);
	assert_int_equal(ask(m, with(LEAT_OP_SEND, fd[0], out, 60)), 60);
	sqe.op_flags = LEAT_MSG_WAITALL;
	submit(m, sqe, 2);
	expect_nothing(m, 2);
	assert_int_equal(ask(m, with(LEAT_OP_SEND, fd[0], out + 60, 60)), 60);
	assert_int_equal(await(m, 2).res, 100);
	assert_memory_equal(in, out, 100);
	sqe.op_flags = LEAT_MSG_PEEK;
	assert_int_equal(ask(m, sqe), 20);
	sqe.op_flags = 0;
	assert_int_equal(ask(m, sqe), 20);
	assert_int_equal(ask(m, op(LEAT_OP_CLOSE, fd[0])), 0);
	assert_int_equal(ask(m, sqe), 0);
	assert_int_equal(ask(m, with(LEAT_OP_RECV, socket_of(m, LEAT_SOCK_STREAM), in, 1)),
			 -ENOTCONN);
	assert_int_equal(ask(m, with(LEAT_OP_RECV, 4711, in, 1)), -EBADF);
}

static void recv_multishot(void **state)
{
	struct make *m = make_of(state);
	struct leat_sqe sqe, send;
	struct leat_cqe cqe;
	size_t got = 0;
	int fd[2];

	pair(m, fd);
	sqe = op(LEAT_OP_RECV, fd[1]);
	sqe.ioprio = LEAT_RECV_MULTISHOT;
	submit(m, sqe, 1);
	send = with(LEAT_OP_SEND, fd[0], out, sizeof(out));
	submit(m, send, 2);
	while (got < sizeof(out)) {
		cqe = await(m, 1);
		assert_true(cqe.res > 0);
		assert_true(cqe.flags & LEAT_CQE_F_BUFFER && cqe.flags & LEAT_CQE_F_MORE);
		memcpy(in + got, leat_buf_ptr(m->ring, &cqe), (size_t)cqe.res);
		got += (size_t)cqe.res;
		leat_bufs_put(m->ring, &cqe, 1);
	}
	assert_memory_equal(in, out, sizeof(out));
	assert_int_equal(await(m, 2).res, sizeof(out));
	assert_int_equal(ask(m, op(LEAT_OP_CLOSE, fd[0])), 0);
	cqe = await(m, 1);
	assert_int_equal(cqe.res, 0);
	assert_int_equal(cqe.flags, 0);
}

static void send_(void **state)
{
	struct make *m = make_of(state);
	struct leat_sqe sqe;
	int fd[2];

	pair(m, fd);
	for (uint64_t i = 0; i < 3; i++)	/* in the order of submission */
		submit(m, with(LEAT_OP_SEND, fd[0], out + i * 100000, 100000), i + 1);
	sqe = with(LEAT_OP_RECV, fd[1], in, sizeof(in));
	sqe.op_flags = LEAT_MSG_WAITALL;
	assert_int_equal(ask(m, sqe), sizeof(in));
	assert_memory_equal(in, out, sizeof(in));
	for (uint64_t i = 1; i <= 3; i++)
		assert_int_equal(await(m, i).res, 100000);
	assert_int_equal(ask(m, with(LEAT_OP_SEND, socket_of(m, LEAT_SOCK_STREAM), out, 1)),
			 -EPIPE);
	assert_int_equal(ask(m, with(LEAT_OP_SEND, 4711, out, 1)), -EBADF);
}

static void send_zc(void **state)
{
	struct make *m = make_of(state);
	struct leat_sqe sqe;
	struct leat_cqe cqe;
	int fd[2];

	pair(m, fd);
	submit(m, with(LEAT_OP_SEND_ZC, fd[0], out, 5000), 1);
	sqe = with(LEAT_OP_RECV, fd[1], in, 5000);
	sqe.op_flags = LEAT_MSG_WAITALL;
	assert_int_equal(ask(m, sqe), 5000);
	assert_memory_equal(in, out, 5000);
	cqe = await(m, 1);
	assert_int_equal(cqe.res, 5000);
	assert_int_equal(cqe.flags, LEAT_CQE_F_MORE);
	cqe = await(m, 1);
	assert_int_equal(cqe.flags, LEAT_CQE_F_NOTIF);
}

static void sendfile_(void **state)
{
	struct make *m = make_of(state);
	struct leat_sqe sqe;
	struct leat_cqe cqe;
	int fd[2];

	pair(m, fd);
	submit(m, with(LEAT_OP_SENDFILE, fd[0], out, 5000), 1);
	sqe = with(LEAT_OP_RECV, fd[1], in, 5000);
	sqe.op_flags = LEAT_MSG_WAITALL;
	assert_int_equal(ask(m, sqe), 5000);
	cqe = await(m, 1);
	assert_int_equal(cqe.res, 5000);
	assert_int_equal(cqe.flags, 0);
	expect_nothing(m, 1);
}

static void sendto_(void **state)
{
	struct make *m = make_of(state);
	struct leat_addr name;
	struct leat_sqe sqe;
	int a = socket_of(m, LEAT_SOCK_DGRAM), b = bound(m, LEAT_SOCK_DGRAM, &name);

	sqe = with(LEAT_OP_SENDTO, a, "ping", 4);
	assert_int_equal(ask(m, sqe), -EDESTADDRREQ);
	sqe.addr2 = (uintptr_t)&name;
	assert_int_equal(ask(m, sqe), 4);
	assert_int_equal(ask(m, with(LEAT_OP_RECV, b, in, 100)), 4);
	assert_memory_equal(in, "ping", 4);
	sqe.len = 65508;
	assert_int_equal(ask(m, sqe), -EMSGSIZE);
}

static void sendmsg_and_recvmsg(void **state)
{
	struct make *m = make_of(state);
	struct leat_addr name, us, from = {0};
	struct leat_iovec v[2] = {{out, 10}, {out + 10, 20}}, w[2] = {{in, 5}, {in + 5, 15}};
	struct leat_msghdr send = {.name = &name, .iov = v, .iovlen = 2};
	struct leat_msghdr recv = {.name = &from, .namelen = sizeof(from), .iov = w, .iovlen = 2};
	int a = bound(m, LEAT_SOCK_DGRAM, &us), b = bound(m, LEAT_SOCK_DGRAM, &name), fd[2];

	submit(m, with(LEAT_OP_RECVMSG, b, &recv, 0), 1);
	assert_int_equal(ask(m, with(LEAT_OP_SENDMSG, a, &send, 0)), 30);
	assert_int_equal(await(m, 1).res, 20);
	assert_memory_equal(in, out, 20);
	assert_int_equal(recv.flags, LEAT_MSG_TRUNC);
	assert_memory_equal(&from, &us, sizeof(us));
	pair(m, fd);
	send.name = recv.name = NULL;
	assert_int_equal(ask(m, with(LEAT_OP_SENDMSG, fd[0], &send, 0)), 30);
	assert_int_equal(ask(m, with(LEAT_OP_RECVMSG, fd[1], &recv, 0)), 20);
	assert_int_equal(ask(m, with(LEAT_OP_SENDMSG, fd[0], NULL, 0)), -EFAULT);
}

/* When a datagram came, by the clock on the wall. */
static void time_stamps(void **state)
{
	struct make *m = make_of(state);
	struct leat_addr name;
	struct leat_iovec v = {in, 100};
	uint64_t control[8];
	struct leat_msghdr recv = {.iov = &v, .iovlen = 1, .control = control,
				   .controllen = sizeof(control)};
	int a = socket_of(m, LEAT_SOCK_DGRAM), b = bound(m, LEAT_SOCK_DGRAM, &name), on = 1;
	struct leat_sqe sqe = with(LEAT_OP_SENDTO, a, "ping", 4);

	assert_int_equal(leat_ring_setsockopt(m->ring, b, SOL_SOCKET, SO_TIMESTAMPNS, &on,
					      sizeof(on)), 0);
	sqe.addr2 = (uintptr_t)&name;
	assert_int_equal(ask(m, sqe), 4);
	assert_int_equal(ask(m, with(LEAT_OP_RECVMSG, b, &recv, 0)), 4);
	assert_int_equal(recv.controllen, 32);
	assert_int_equal(control[0], 32);
	assert_in_range(control[2], (uint64_t)time(NULL) - 5, (uint64_t)time(NULL) + 1);
	assert_true(control[3] < 1000000000);
}

static void shutdown_(void **state)
{
	struct make *m = make_of(state);
	struct leat_sqe sqe;
	int fd[2];

	pair(m, fd);
	submit(m, with(LEAT_OP_SEND, fd[0], out, 200000), 1);
	sqe = op(LEAT_OP_SHUTDOWN, fd[0]);
	sqe.len = 1;
	submit(m, sqe, 2);		/* behind what is sent */
	sqe = with(LEAT_OP_RECV, fd[1], in, sizeof(in));
	sqe.op_flags = LEAT_MSG_WAITALL;
	assert_int_equal(ask(m, sqe), 200000);
	assert_int_equal(await(m, 1).res, 200000);
	assert_int_equal(await(m, 2).res, 0);
	assert_int_equal(ask(m, with(LEAT_OP_SEND, fd[0], out, 1)), -EPIPE);
	assert_int_equal(ask(m, op(LEAT_OP_SHUTDOWN, socket_of(m, LEAT_SOCK_STREAM))), -ENOTCONN);
}

static void close_(void **state)
{
	struct make *m = make_of(state);
	struct leat_sqe sqe;
	int fd[2];

	pair(m, fd);
	submit(m, with(LEAT_OP_RECV, fd[0], in, 1), 1);
	assert_int_equal(ask(m, op(LEAT_OP_CLOSE, fd[0])), 0);
	assert_int_equal(await(m, 1).res, -ECANCELED);
	assert_int_equal(ask(m, op(LEAT_OP_CLOSE, fd[0])), -EBADF);
	assert_int_equal(ask(m, with(LEAT_OP_RECV, fd[1], in, 1)), 0);
	pair(m, fd);
	sqe = op(LEAT_OP_CLOSE, fd[0]);
	sqe.op_flags = LEAT_CLOSE_RESET;
	assert_int_equal(ask(m, sqe), 0);
	assert_int_equal(ask(m, with(LEAT_OP_RECV, fd[1], in, 1)), -ECONNRESET);
}

static void sockopt(void **state)
{
	struct make *m = make_of(state);
	int fd = socket_of(m, LEAT_SOCK_STREAM), value = 1;
	struct leat_sqe sqe = with(LEAT_OP_SETSOCKOPT, fd, &value, sizeof(value));

	sqe.off = (uint64_t)IPPROTO_TCP << 32 | TCP_NODELAY;
	assert_int_equal(ask(m, sqe), 0);
	value = 0;
	sqe.opcode = LEAT_OP_GETSOCKOPT;
	assert_int_equal(ask(m, sqe), sizeof(value));
	assert_int_equal(value, 1);
	sqe.off = (uint64_t)SOL_SOCKET << 32 | 4711;
	assert_int_equal(ask(m, sqe), -ENOPROTOOPT);
	assert_int_equal(leat_ring_setsockopt(m->ring, fd, SOL_SOCKET, SO_REUSEADDR, &value, 2),
			 -EINVAL);
}

static void poll_add_and_remove(void **state)
{
	struct make *m = make_of(state);
	struct leat_sqe sqe, remove = op(LEAT_OP_POLL_REMOVE, 0);
	struct leat_cqe cqe;
	int fd[2];

	pair(m, fd);
	sqe = op(LEAT_OP_POLL_ADD, fd[1]);
	sqe.op_flags = LEAT_POLLIN | LEAT_POLLRDHUP;
	submit(m, sqe, 1);
	sqe.len = LEAT_POLL_ADD_MULTI;
	submit(m, sqe, 2);
	expect_nothing(m, 1);
	assert_int_equal(leat_ready(m->ring, fd[1]), LEAT_POLLOUT);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask(m, with(LEAT_OP_SEND, fd[0], out, 10)), 10);
		cqe = await(m, 2);
		assert_int_equal(cqe.res, LEAT_POLLIN);
		assert_int_equal(cqe.flags, LEAT_CQE_F_MORE);
	}
	cqe = await(m, 1);
	assert_int_equal(cqe.res, LEAT_POLLIN);
	assert_int_equal(cqe.flags, 0);
	remove.addr = 2;
	assert_int_equal(ask(m, remove), 0);
	assert_int_equal(await(m, 2).res, -ECANCELED);
	assert_int_equal(ask(m, remove), -ENOENT);
	assert_int_equal(leat_queued(m->ring, fd[1], LEAT_QUEUE_IN), 30);
}

static void timeouts(void **state)
{
	struct make *m = make_of(state);
	struct leat_sqe sqe = op(LEAT_OP_TIMEOUT, 0), change = op(LEAT_OP_TIMEOUT_REMOVE, 0);

	sqe.off = MSEC(5);
	assert_int_equal(ask(m, sqe), -ETIME);
	sqe.off = leat_now() + MSEC(5);
	sqe.op_flags = LEAT_TIMEOUT_ABS;
	assert_int_equal(ask(m, sqe), -ETIME);
	sqe.off = SEC(100);
	sqe.op_flags = 0;
	submit(m, sqe, 1);
	submit(m, sqe, 2);
	change.addr = 1;
	assert_int_equal(ask(m, change), 0);
	assert_int_equal(await(m, 1).res, -ECANCELED);
	change.addr = 2;
	change.op_flags = LEAT_TIMEOUT_UPDATE;
	change.off = MSEC(5);
	assert_int_equal(ask(m, change), 0);
	assert_int_equal(await(m, 2).res, -ETIME);
	assert_int_equal(ask(m, change), -ENOENT);
}

static void links(void **state)
{
	struct make *m = make_of(state);
	struct leat_sqe recv, send, guard = op(LEAT_OP_LINK_TIMEOUT, 0);
	int fd[2];

	pair(m, fd);
	recv = with(LEAT_OP_RECV, fd[1], in, 10);
	recv.flags = LEAT_SQE_IO_LINK;
	send = with(LEAT_OP_SEND, fd[1], "answer", 6);
	submit(m, recv, 1);
	submit(m, send, 2);
	expect_nothing(m, 2);
	assert_int_equal(ask(m, with(LEAT_OP_SEND, fd[0], "ask", 3)), 3);
	assert_int_equal(await(m, 1).res, 3);
	assert_int_equal(await(m, 2).res, 6);
	guard.off = MSEC(10);
	submit(m, recv, 3);
	submit(m, guard, 4);
	assert_int_equal(await(m, 3).res, -ECANCELED);
	assert_int_equal(await(m, 4).res, -ETIME);
	assert_int_equal(ask(m, with(LEAT_OP_RECV, fd[0], in, 10)), 6);
	submit(m, recv, 5);
	submit(m, send, 6);
	assert_int_equal(ask(m, op(LEAT_OP_CLOSE, fd[0])), 0);
	assert_int_equal(await(m, 5).res, 0);	/* the end of the stream is no failure */
	assert_true(await(m, 6).res != 0);
}

static void async_cancel(void **state)
{
	struct make *m = make_of(state);
	struct leat_sqe sqe, cancel = op(LEAT_OP_ASYNC_CANCEL, 0);
	int fd[2];

	pair(m, fd);
	sqe = with(LEAT_OP_RECV, fd[0], in, 10);
	for (uint64_t i = 1; i <= 3; i++)
		submit(m, sqe, i);
	cancel.addr = 1;
	assert_int_equal(ask(m, cancel), 0);
	assert_int_equal(await(m, 1).res, -ECANCELED);
	assert_int_equal(ask(m, cancel), -ENOENT);
	cancel.fd = fd[0];
	cancel.op_flags = LEAT_ASYNC_CANCEL_FD | LEAT_ASYNC_CANCEL_ALL;
	assert_int_equal(ask(m, cancel), 2);
	assert_int_equal(await(m, 2).res, -ECANCELED);
	assert_int_equal(await(m, 3).res, -ECANCELED);
}

static void msg_ring(void **state)
{
	struct make *m = make_of(state);
	struct leat_sqe sqe = op(LEAT_OP_MSG_RING, 0);

	sqe.off = 77;
	sqe.len = 5;
	assert_int_equal(ask(m, sqe), 0);
	assert_int_equal(await(m, 77).res, 5);
}

static void calls(void **state)
{
	struct make *m = make_of(state);
	struct leat_sqe sqe;
	int fd[2];

	pair(m, fd);
	sqe = with(LEAT_OP_RECV, fd[1], in, 10);
	assert_int_equal(leat_call(m->ring, &sqe), -EAGAIN);
	sqe = with(LEAT_OP_SEND, fd[0], "hello", 5);
	assert_int_equal(leat_call(m->ring, &sqe), 5);
	assert_int_equal(ask(m, with(LEAT_OP_RECV, fd[1], in, 10)), 5);
	sqe = op(LEAT_OP_TIMEOUT, 0);
	assert_int_equal(leat_call(m->ring, &sqe), -EINVAL);
	sqe = op(LEAT_OP_CLOSE, fd[0]);
	assert_int_equal(leat_call(m->ring, &sqe), 0);
	assert_int_equal(leat_call(m->ring, &sqe), -EBADF);
}

#define BOTH(f) \
	{#f " over the direct make", f, setup, teardown, &makes[0]}, \
	{#f " over the kernel make", f, setup, teardown, &makes[1]}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(nop), BOTH(socket_), BOTH(bind_), BOTH(listen_), BOTH(accept_),
		BOTH(connect_), BOTH(recv_), BOTH(recv_multishot), BOTH(send_), BOTH(send_zc),
		BOTH(sendfile_), BOTH(sendto_), BOTH(sendmsg_and_recvmsg), BOTH(shutdown_),
		BOTH(time_stamps),
		BOTH(close_), BOTH(sockopt), BOTH(poll_add_and_remove), BOTH(timeouts), BOTH(links),
		BOTH(async_cancel), BOTH(msg_ring), BOTH(calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
