/* Every operation in every state a socket can be in: errors, their order, what polls as what. */
#include "conformance/sockcheck.h"

#include <linux/sockios.h>

/* ---- states */

static int fresh(void)
{
	return tcp();
}

static int bound(void)
{
	int fd = tcp();

	bind_any(fd);
	return fd;
}

static int listening(void)
{
	struct sockaddr_in at;

	return listener(&at);
}

static int acceptable(void)
{
	struct sockaddr_in at;
	int l = listener(&at), c = tcp();

	S->connect(c, SA(at), sizeof(at));
	settle();
	return l;
}

static int refused(void)
{
	struct sockaddr_in at = closed_port(SOCK_STREAM);
	int fd = tcp();

	S->connect(fd, SA(at), sizeof(at));
	settle();
	return fd;
}

static int connected(void)
{
	int fd[2];

	pair(fd);
	return fd[0];
}

static int accepted(void)
{
	int fd[2];

	pair(fd);
	return fd[1];
}

static int with_data(void)
{
	int fd[2];

	pair(fd);
	S->send(fd[1], "hello", 5, 0);
	settle();
	return fd[0];
}

static int peer_closed(void)
{
	int fd[2];

	pair(fd);
	S->close(fd[1]);
	settle();
	return fd[0];
}

static int data_then_closed(void)
{
	int fd[2];

	pair(fd);
	S->send(fd[1], "hello", 5, 0);
	S->close(fd[1]);
	settle();
	return fd[0];
}

static int peer_shut(void)
{
	int fd[2];

	pair(fd);
	S->shutdown(fd[1], SHUT_WR);
	settle();
	return fd[0];
}

static int shut(int how, bool data)
{
	int fd[2];

	pair(fd);
	if (data)
		S->send(fd[1], "hello", 5, 0);
	settle();
	S->shutdown(fd[0], how);
	settle();
	return fd[0];
}

static int shut_wr(void)
{
	return shut(SHUT_WR, false);
}

static int shut_wr_data(void)
{
	return shut(SHUT_WR, true);
}

static int shut_rd(void)
{
	return shut(SHUT_RD, false);
}

static int shut_rd_data(void)
{
	return shut(SHUT_RD, true);
}

static int shut_both(void)
{
	return shut(SHUT_RDWR, false);
}

static int both_closed(void)
{
	int fd[2];

	pair(fd);
	S->shutdown(fd[0], SHUT_WR);
	settle();
	S->close(fd[1]);
	settle();
	return fd[0];
}

static int reset(void)
{
	int fd[2];

	pair(fd);
	linger0(fd[1]);
	S->close(fd[1]);
	settle();
	return fd[0];
}

static int reset_data(void)
{
	int fd[2];

	pair(fd);
	S->send(fd[1], "hello", 5, 0);
	settle();
	linger0(fd[1]);
	S->close(fd[1]);
	settle();
	return fd[0];
}

static int reset_told(void)
{
	int fd = reset();
	char c;

	S->recv(fd, &c, 1, 0);
	return fd;
}

static int full(void)
{
	static char block[65536];
	int fd[2];

	pair(fd);
	for (int i = 0; i < 20; i++) {
		while (S->send(fd[0], block, sizeof(block), 0) > 0)
			;
		settle();
	}
	return fd[0];
}

static int dgram(void)
{
	return udp();
}

static int dgram_bound(void)
{
	int fd = udp();

	bind_any(fd);
	return fd;
}

static int dgram_connected(void)
{
	int fd[2];

	udp_pair(fd);
	return fd[0];
}

static int dgram_data(void)
{
	int fd[2];

	udp_pair(fd);
	S->send(fd[1], "hello", 5, 0);
	S->send(fd[1], "second", 6, 0);
	settle();
	return fd[0];
}

static int dgram_empty(void)
{
	int fd[2];

	udp_pair(fd);
	S->send(fd[1], "", 0, 0);
	settle();
	return fd[0];
}

static int dgram_refused(void)
{
	struct sockaddr_in at = closed_port(SOCK_DGRAM);
	int fd = udp();

	S->connect(fd, SA(at), sizeof(at));
	S->send(fd, "x", 1, 0);
	settle();
	return fd;
}

static int dgram_shut_rd(void)
{
	int fd = dgram_connected();

	S->shutdown(fd, SHUT_RD);
	return fd;
}

static int dgram_shut_wr(void)
{
	int fd = dgram_connected();

	S->shutdown(fd, SHUT_WR);
	return fd;
}

static int closed(void)
{
	int fd = S->socket(AF_INET, SOCK_STREAM, 0);

	S->close(fd);
	return fd;
}

static int negative(void)
{
	return -1;
}

static int a_pipe(void)
{
	int fd[2];

	if (pipe2(fd, O_NONBLOCK) < 0)
		return -1;
	keep(fd[1]);
	return keep(fd[0]);
}

static int a_set(void)
{
	return keep(S->epoll_create1(0));
}

const struct state states[] = {
	{ "stream", fresh }, { "bound", bound }, { "listener", listening },
	{ "acceptable", acceptable }, { "refused", refused }, { "connected", connected },
	{ "accepted", accepted }, { "data", with_data }, { "peer-closed", peer_closed },
	{ "data-closed", data_then_closed }, { "peer-shut", peer_shut }, { "shut-wr", shut_wr },
	{ "shut-wr-data", shut_wr_data }, { "shut-rd", shut_rd },
	{ "shut-rd-data", shut_rd_data }, { "shut-both", shut_both },
	{ "both-closed", both_closed }, { "reset", reset }, { "reset-data", reset_data },
	{ "reset-told", reset_told }, { "full", full }, { "dgram", dgram },
	{ "dgram-bound", dgram_bound }, { "dgram-connected", dgram_connected },
	{ "dgram-data", dgram_data }, { "dgram-empty", dgram_empty },
	{ "dgram-refused", dgram_refused }, { "dgram-shut-rd", dgram_shut_rd },
	{ "dgram-shut-wr", dgram_shut_wr }, { "closed", closed }, { "negative", negative },
	{ "pipe", a_pipe }, { "set", a_set },
};
const size_t states_n = sizeof(states) / sizeof(states[0]);

/* ---- operations */

static char buf[256];

static void op_bind(int fd)
{
	struct sockaddr_in at = loopback(0);

	DO(bind(fd, SA(at), sizeof(at)));
	say(" port %d", name_of(fd).sin_port != 0);
}

static void op_bind_bad(int fd)
{
	struct sockaddr_in at = loopback(0);

	DO(bind(fd, SA(at), 4));
	at.sin_family = AF_UNIX;
	DO(bind(fd, SA(at), sizeof(at)));
	at = loopback(0);
	at.sin_addr.s_addr = htonl(0x08080808);
	DO(bind(fd, SA(at), sizeof(at)));
}

static void op_listen(int fd)
{
	DO(listen(fd, 5));
	DO(listen(fd, 0));
}

static void op_accept(int fd)
{
	RES("accept", keep(S->accept(fd, NULL, NULL)) < 0 ? -1 : 0);
	RES("again", keep(S->accept(fd, NULL, NULL)) < 0 ? -1 : 0);
}

static void op_accept_flags(int fd)
{
	RES("accept4", keep(S->accept4(fd, NULL, NULL, 0x40)) < 0 ? -1 : 0);
}

static void op_connect(int fd)
{
	struct sockaddr_in at;

	listener(&at);
	DO(connect(fd, SA(at), sizeof(at)));
	settle();
	DO(connect(fd, SA(at), sizeof(at)));
	DO(connect(fd, SA(at), sizeof(at)));
}

static void op_connect_refused(int fd)
{
	struct sockaddr_in at = closed_port(SOCK_STREAM);

	DO(connect(fd, SA(at), sizeof(at)));
	settle();
	DO(connect(fd, SA(at), sizeof(at)));
}

static void op_connect_bad(int fd)
{
	struct sockaddr_in at = loopback(1);

	DO(connect(fd, SA(at), 2));
	at.sin_family = AF_UNIX;
	DO(connect(fd, SA(at), sizeof(at)));
}

static void op_disconnect(int fd)
{
	struct sockaddr_in at = { .sin_family = AF_UNSPEC };

	DO(connect(fd, SA(at), sizeof(at)));
	DO(send(fd, "x", 1, 0));
}

static void op_shutdown_rd(int fd)
{
	DO(shutdown(fd, SHUT_RD));
	DO(recv(fd, buf, 16, 0));
}

static void op_shutdown_wr(int fd)
{
	DO(shutdown(fd, SHUT_WR));
	settle();
	DO(send(fd, "x", 1, 0));
	DO(shutdown(fd, SHUT_WR));
}

static void op_shutdown_both(int fd)
{
	DO(shutdown(fd, SHUT_RDWR));
	settle();
	DO(shutdown(fd, SHUT_RDWR));
	DO(recv(fd, buf, 16, 0));
	DO(send(fd, "x", 1, 0));
}

static void op_shutdown_bad(int fd)
{
	DO(shutdown(fd, 3));
	DO(shutdown(fd, -1));
}

static void say_name(const char *what, int res, const struct sockaddr_in *at, socklen_t len)
{
	RES(what, res);
	if (res == 0)
		say("(%d %d %s %s)", len, at->sin_family, inet_ntoa(at->sin_addr),
		    at->sin_port ? "port" : "none");
}

static void op_getsockname(int fd)
{
	struct sockaddr_in at = { 0 };
	socklen_t len = sizeof(at);

	say_name("name", S->getsockname(fd, SA(at), &len), &at, len);
}

static void op_getpeername(int fd)
{
	struct sockaddr_in at = { 0 };
	socklen_t len = sizeof(at);

	say_name("peer", S->getpeername(fd, SA(at), &len), &at, len);
}

static void op_names_short(int fd)
{
	struct sockaddr_in at = { 0 };
	socklen_t len = 2;

	RES("name", S->getsockname(fd, SA(at), &len));
	say(" len %u", len);
	len = (socklen_t)-1;
	RES("name", S->getsockname(fd, SA(at), &len));
}

static void op_recv(int fd)
{
	memset(buf, 0, sizeof(buf));
	DO(recv(fd, buf, 16, 0));
	say(" '%s'", buf);
	DO(recv(fd, buf, 16, 0));
	DO(recv(fd, buf, 16, 0));
}

static void op_recv_short(int fd)
{
	memset(buf, 0, sizeof(buf));
	DO(recv(fd, buf, 2, 0));
	say(" '%s'", buf);
	DO(recv(fd, buf, 2, MSG_TRUNC));
	DO(recv(fd, buf, 16, 0));
}

static void op_recv_zero(int fd)
{
	DO(recv(fd, buf, 0, 0));
	DO(recv(fd, buf, 16, 0));
}

static void op_recv_peek(int fd)
{
	DO(recv(fd, buf, 3, MSG_PEEK));
	DO(recv(fd, buf, 3, MSG_PEEK | MSG_TRUNC));
	DO(recv(fd, buf, 16, MSG_PEEK));
	DO(recv(fd, buf, 16, 0));
}

static void op_recv_waitall(int fd)
{
	DO(recv(fd, buf, 16, MSG_WAITALL | MSG_DONTWAIT));
}

static void op_recv_oob(int fd)
{
	DO(recv(fd, buf, 16, MSG_OOB));
}

static void op_recv_errqueue(int fd)
{
	DO(recv(fd, buf, 16, MSG_ERRQUEUE));
}

static void op_recvfrom(int fd)
{
	struct sockaddr_in at = { 0 };
	socklen_t len = sizeof(at);

	RES("recvfrom", S->recvfrom(fd, buf, 16, 0, SA(at), &len));
	say(" len %u port %d", len, at.sin_port != 0);
}

static void op_recvmsg(int fd)
{
	struct sockaddr_in at = { 0 };
	struct iovec iov[2] = { { buf, 2 }, { buf + 2, 1 } };
	char control[64];
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 2, .msg_name = &at,
			    .msg_namelen = sizeof(at), .msg_control = control,
			    .msg_controllen = sizeof(control), .msg_flags = 0x7fff };
	ssize_t n = S->recvmsg(fd, &m, 0);

	RES("recvmsg", n);
	if (n >= 0)
		say(" flags %x name %u control %zu", m.msg_flags, m.msg_namelen, m.msg_controllen);
}

static void op_recvmmsg(int fd)
{
	struct iovec iov = { buf, 16 };
	struct mmsghdr m[3] = { 0 };
	int n;

	for (int i = 0; i < 3; i++) {
		m[i].msg_hdr.msg_iov = &iov;
		m[i].msg_hdr.msg_iovlen = 1;
	}
	n = S->recvmmsg(fd, m, 3, 0, NULL);
	RES("recvmmsg", n);
	for (int i = 0; i < n; i++)
		say(" %u", m[i].msg_len);
}

static void op_read(int fd)
{
	DO(read(fd, buf, 16));
	DO(read(fd, buf, 0));
	DO(read(fd, buf, 16));
}

static void op_readv(int fd)
{
	struct iovec iov[2] = { { buf, 3 }, { buf + 3, 16 } };

	DO(readv(fd, iov, 2));
	DO(readv(fd, iov, -1));
	DO(readv(fd, iov, 2000));
	DO(readv(fd, iov, 0));
}

static void op_send(int fd)
{
	DO(send(fd, "x", 1, 0));
	settle();
	DO(send(fd, "x", 1, 0));
	settle();
	DO(send(fd, "x", 1, 0));
}

static void op_send_quiet(int fd)
{
	DO(send(fd, "x", 1, MSG_NOSIGNAL));
	settle();
	DO(send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT | MSG_MORE));
}

static void op_send_zero(int fd)
{
	DO(send(fd, "", 0, 0));
}

static void op_send_oob(int fd)
{
	if (S->recv(fd, buf, 0, 0) < 0 && errno == ENOTSOCK)
		DO(send(fd, "x", 1, MSG_OOB));
}

static void op_sendto(int fd)
{
	struct sockaddr_in at;
	int to = udp();

	at = bind_any(to);
	DO(sendto(fd, "abc", 3, 0, SA(at), sizeof(at)));
	settle();
	DO(recv(to, buf, 16, 0));
	DO(sendto(fd, "abc", 3, 0, SA(at), 4));
}

static void op_sendmsg(int fd)
{
	struct iovec iov[3] = { { (char *)"ab", 2 }, { NULL, 0 }, { (char *)"c", 1 } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 3 };

	DO(sendmsg(fd, &m, 0));
	m.msg_iovlen = 2000;
	DO(sendmsg(fd, &m, 0));
}

static void op_sendmmsg(int fd)
{
	struct iovec iov = { (char *)"abc", 3 };
	struct mmsghdr m[2] = { { { .msg_iov = &iov, .msg_iovlen = 1 }, 0 },
				{ { .msg_iov = &iov, .msg_iovlen = 1 }, 0 } };

	DO(sendmmsg(fd, m, 2, 0));
	say(" %u %u", m[0].msg_len, m[1].msg_len);
}

static void op_write(int fd)
{
	DO(write(fd, "abc", 3));
	DO(write(fd, "", 0));
}

static void op_writev(int fd)
{
	struct iovec iov[2] = { { (char *)"ab", 2 }, { (char *)"c", 1 } };

	DO(writev(fd, iov, 2));
	DO(writev(fd, iov, 0));
	DO(writev(fd, iov, -1));
}

static void op_poll(int fd)
{
	struct pollfd at = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP | POLLPRI };

	RES("poll", S->poll(&at, 1, 0));
	say_events("told", (unsigned)at.revents);
	at.events = 0;
	RES("poll", S->poll(&at, 1, 0));
	say_events("told", (unsigned)at.revents);
	at.events = POLLRDNORM | POLLWRNORM;
	RES("poll", S->poll(&at, 1, 0));
	say_events("told", (unsigned)at.revents);
}

static void op_select(int fd)
{
	fd_set in, out, except;
	struct timeval tv = { 0 };

	if (fd < 0)
		return;
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&except);
	FD_SET(fd, &in);
	FD_SET(fd, &out);
	FD_SET(fd, &except);
	RES("select", S->select(fd + 1, &in, &out, &except, &tv));
	say(" %d%d%d", !!FD_ISSET(fd, &in), !!FD_ISSET(fd, &out), !!FD_ISSET(fd, &except));
}

static void epoll_with(int fd, unsigned events)
{
	struct epoll_event ev = { .events = events, .data.u64 = 7 }, got[4];
	int set = keep(S->epoll_create1(0)), n;

	RES("add", S->epoll_ctl(set, EPOLL_CTL_ADD, fd, &ev));
	for (int i = 0; i < 2; i++) {
		n = S->epoll_wait(set, got, 4, 0);
		RES("wait", n);
		if (n > 0) {
			say_events("told", got[0].events);
			say("%d", (int)got[0].data.u64);
		}
	}
}

static void op_epoll(int fd)
{
	epoll_with(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI);
}

static void op_epoll_edge(int fd)
{
	epoll_with(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

static void op_epoll_nothing(int fd)
{
	epoll_with(fd, 0);
}

static void op_fionread(int fd)
{
	int n = -1;

	DO(ioctl(fd, FIONREAD, &n));
	say(" %d", n);
}

static void op_siocoutq(int fd)
{
	int n = -1;

	RES("outq", S->ioctl(fd, SIOCOUTQ, &n));
	say(" %s", n > 0 ? "some" : n ? "untouched" : "0");
}

static void get_int(int fd, const char *what, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	RES(what, S->getsockopt(fd, level, name, &value, &len));
	say("(%d)", value);
}

static void op_so_error(int fd)
{
	get_int(fd, "error", SOL_SOCKET, SO_ERROR);
	get_int(fd, "error", SOL_SOCKET, SO_ERROR);
	DO(recv(fd, buf, 16, 0));
	DO(send(fd, "x", 1, 0));
}

static void op_so_kind(int fd)
{
	get_int(fd, "type", SOL_SOCKET, SO_TYPE);
	get_int(fd, "domain", SOL_SOCKET, SO_DOMAIN);
	get_int(fd, "protocol", SOL_SOCKET, SO_PROTOCOL);
	get_int(fd, "listens", SOL_SOCKET, SO_ACCEPTCONN);
}

static void op_flags(int fd)
{
	int one = 1;

	RES("getfl", S->fcntl(fd, F_GETFL));
	RES("setfl", S->fcntl(fd, F_SETFL, 0));
	RES("getfl", S->fcntl(fd, F_GETFL));
	RES("fionbio", S->ioctl(fd, FIONBIO, &one));
	RES("getfl", S->fcntl(fd, F_GETFL));
	RES("getfd", S->fcntl(fd, F_GETFD));
	RES("setfd", S->fcntl(fd, F_SETFD, FD_CLOEXEC));
	RES("getfd", S->fcntl(fd, F_GETFD));
}

static void op_dup(int fd)
{
	int other = S->dup(fd);

	RES("dup", other < 0 ? -1 : 0);
	if (other < 0)
		return;
	RES("send", S->send(other, "x", 1, 0));
	RES("close", S->close(other));
	RES("again", S->close(other));
	RES("recv", S->recv(fd, buf, 16, 0));
}

static void op_close(int fd)
{
	int again = S->dup(fd);

	DO(close(fd));
	RES("recv", S->recv(fd, buf, 16, 0));
	RES("poll", S->poll(&(struct pollfd){ .fd = again, .events = POLLIN | POLLOUT }, 1, 0));
	if (again >= 0)
		DO(close(again));
}

const struct operation operations[] = {
	{ "bind", op_bind }, { "bind-bad", op_bind_bad }, { "listen", op_listen },
	{ "accept", op_accept }, { "accept-flags", op_accept_flags }, { "connect", op_connect },
	{ "connect-refused", op_connect_refused }, { "connect-bad", op_connect_bad },
	{ "disconnect", op_disconnect }, { "shutdown-rd", op_shutdown_rd },
	{ "shutdown-wr", op_shutdown_wr }, { "shutdown-both", op_shutdown_both },
	{ "shutdown-bad", op_shutdown_bad }, { "getsockname", op_getsockname },
	{ "getpeername", op_getpeername }, { "names-short", op_names_short },
	{ "recv", op_recv }, { "recv-short", op_recv_short }, { "recv-zero", op_recv_zero },
	{ "recv-peek", op_recv_peek }, { "recv-waitall", op_recv_waitall },
	{ "recv-oob", op_recv_oob }, { "recv-errqueue", op_recv_errqueue },
	{ "recvfrom", op_recvfrom }, { "recvmsg", op_recvmsg }, { "recvmmsg", op_recvmmsg },
	{ "read", op_read }, { "readv", op_readv }, { "send", op_send },
	{ "send-quiet", op_send_quiet }, { "send-zero", op_send_zero },
	{ "send-oob", op_send_oob }, { "sendto", op_sendto }, { "sendmsg", op_sendmsg },
	{ "sendmmsg", op_sendmmsg }, { "write", op_write }, { "writev", op_writev },
	{ "poll", op_poll }, { "select", op_select }, { "epoll", op_epoll },
	{ "epoll-edge", op_epoll_edge }, { "epoll-nothing", op_epoll_nothing },
	{ "fionread", op_fionread }, { "siocoutq", op_siocoutq }, { "so-error", op_so_error },
	{ "so-kind", op_so_kind }, { "flags", op_flags }, { "dup", op_dup },
	{ "close", op_close },
};
const size_t operations_n = sizeof(operations) / sizeof(operations[0]);
