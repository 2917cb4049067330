/* What blocks, what is duplicated, what moves bytes in other ways. */
#include "conformance/sockcheck.h"

#include <sys/mman.h>
#include <time.h>

static char buf[1 << 20], first[] = "one ", second[] = "two ", third[] = "three";

static void dup_shares(void)
{
	int fd[2], other;

	pair(fd);
	other = keep(S->dup(fd[0]));
	RES("setfl", S->fcntl(other, F_SETFL, 0));
	RES("getfl", S->fcntl(fd[0], F_GETFL));
	RES("setfd", S->fcntl(other, F_SETFD, FD_CLOEXEC));
	RES("getfd", S->fcntl(fd[0], F_GETFD));
	S->fcntl(other, F_SETFL, O_NONBLOCK);
	S->close(fd[0]);
	RES("send", S->send(other, "x", 1, 0));
	settle();
	RES("recv", S->recv(fd[1], buf, 9, 0));
	S->close(other);
	settle();
	RES("recv", S->recv(fd[1], buf, 9, 0));
}

static void dup_lowest(void)
{
	int a = tcp(), b = tcp(), c = tcp();

	S->close(b);
	S->close(a);
	RES("lowest", keep(S->dup(c)) == (a < b ? a : b));
	RES("lowest", tcp() == (a > b ? a : b));
}

static void dup2_over(void)
{
	int fd[2], other[2];

	pair(fd);
	pair(other);
	RES("dup2", S->dup2(fd[0], other[0]) == other[0]);
	settle();
	RES("end", S->recv(other[1], buf, 9, 0));
	RES("send", S->send(other[0], "x", 1, 0));
	settle();
	RES("recv", S->recv(fd[1], buf, 9, 0));
	RES("same", S->dup2(fd[0], fd[0]) == fd[0]);
	RES("same3", S->dup3(fd[0], fd[0], 0));
	RES("flags3", S->dup3(fd[0], other[0], 77));
	RES("bad", S->dup2(-1, other[0]));
	RES("bad", S->dup2(fd[0], -1));
	RES("cloexec", S->dup3(fd[0], other[0], O_CLOEXEC) == other[0]);
	RES("getfd", S->fcntl(other[0], F_GETFD));
}

static void dup2_over_pipe(void)
{
	int fd[2], p[2];

	pair(fd);
	if (pipe2(p, O_NONBLOCK | O_CLOEXEC) < 0)
		return;
	keep(p[0]);
	keep(p[1]);
	RES("dup2", S->dup2(fd[0], p[1]) == p[1]);
	RES("end", S->read(p[0], buf, 9));
	RES("write", S->write(p[1], "x", 1));
	settle();
	RES("recv", S->recv(fd[1], buf, 9, 0));
	RES("back", S->dup2(p[0], fd[0]) == fd[0]);
	RES("read", S->read(fd[0], buf, 9));
}

static void dupfd_from(void)
{
	int fd = tcp(), other = keep(S->fcntl(fd, F_DUPFD, 300));

	RES("from", other >= 300);
	RES("getfd", S->fcntl(other, F_GETFD));
	other = keep(S->fcntl(fd, F_DUPFD_CLOEXEC, 300));
	RES("getfd", S->fcntl(other, F_GETFD));
	RES("negative", S->fcntl(fd, F_DUPFD, -1));
	RES("command", S->fcntl(fd, 7777, 0));
}

static void socket_errors(void)
{
	RES("domain", S->socket(77, SOCK_STREAM, 0));
	RES("domain", S->socket(-1, SOCK_STREAM, 0));
	RES("type", S->socket(AF_INET, 77 & 15, 0));
	RES("type", S->socket(AF_INET, 0, 0));
	RES("flags", S->socket(AF_INET, SOCK_STREAM | 0x10, 0));
	RES("protocol", S->socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
	RES("protocol", S->socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP));
	RES("protocol", S->socket(AF_INET, SOCK_STREAM, 999));
	RES("seqpacket", S->socket(AF_INET, SOCK_SEQPACKET, 0));
	RES("unix", keep(S->socket(AF_UNIX, SOCK_STREAM, 0)) >= 0);
	RES("tcp", keep(S->socket(AF_INET, SOCK_STREAM, IPPROTO_TCP)) >= 0);
	RES("udp", keep(S->socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP)) >= 0);
}

static void socket_flags(void)
{
	int fd = keep(S->socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));

	RES("getfd", S->fcntl(fd, F_GETFD));
	RES("getfl", S->fcntl(fd, F_GETFL));
	fd = keep(S->socket(AF_INET, SOCK_STREAM, 0));
	RES("getfd", S->fcntl(fd, F_GETFD));
	RES("getfl", S->fcntl(fd, F_GETFL));
}

static void accept_flags(void)
{
	struct sockaddr_in at, peer = { 0 };
	int l = listener(&at), c = tcp(), d = tcp(), fd;
	socklen_t len = sizeof(peer);

	S->connect(c, SA(at), sizeof(at));
	S->connect(d, SA(at), sizeof(at));
	settle();
	fd = keep(S->accept4(l, SA(peer), &len, SOCK_CLOEXEC));
	say(" len %u mine %d", len, peer.sin_port == name_of(c).sin_port);
	RES("getfl", S->fcntl(fd, F_GETFL));
	RES("getfd", S->fcntl(fd, F_GETFD));
	len = 4;
	fd = keep(S->accept4(l, SA(peer), &len, SOCK_NONBLOCK));
	say(" len %u", len);
	RES("getfl", S->fcntl(fd, F_GETFL));
	RES("name", name_of(fd).sin_port == at.sin_port);
}

/* ---- addresses and ports */

static void port_taken(void)
{
	int a = tcp(), b = tcp(), u = udp(), one = 1;
	struct sockaddr_in at = bind_any(a), any = at;

	any.sin_addr.s_addr = htonl(INADDR_ANY);
	RES("same", S->bind(b, SA(at), sizeof(at)));
	RES("any", S->bind(b, SA(any), sizeof(any)));
	RES("udp", S->bind(u, SA(at), sizeof(at)));
	S->setsockopt(a, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	S->setsockopt(b, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	RES("reuse", S->bind(b, SA(at), sizeof(at)));
	RES("listen", S->listen(a, 1));
	RES("listen", S->listen(b, 1));
}

static void port_reuse_listener(void)
{
	struct sockaddr_in at;
	int l = listener(&at), b = tcp(), one = 1;

	S->setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	S->setsockopt(b, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	RES("bind", S->bind(b, SA(at), sizeof(at)));
}

static void port_reuseport(void)
{
	int a = tcp(), b = tcp(), c = tcp(), one = 1;
	struct sockaddr_in at;

	S->setsockopt(a, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	S->setsockopt(b, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	at = bind_any(a);
	RES("bind", S->bind(b, SA(at), sizeof(at)));
	RES("without", S->bind(c, SA(at), sizeof(at)));
	RES("listen", S->listen(a, 1));
	RES("listen", S->listen(b, 1));
}

static void port_after_close(void)
{
	int fd[2], l, one = 1, again = tcp(), c;
	struct sockaddr_in at;

	l = listener(&at);
	c = tcp();
	S->connect(c, SA(at), sizeof(at));
	settle();
	fd[1] = keep(S->accept(l, NULL, NULL));
	S->close(fd[1]);
	settle();
	S->close(c);
	settle();
	S->close(l);
	RES("timewait", S->bind(again, SA(at), sizeof(at)));
	S->setsockopt(again, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	RES("reuse", S->bind(again, SA(at), sizeof(at)));
	RES("listen", S->listen(again, 1));
}

static void udp_ports(void)
{
	int a = udp(), b = udp(), one = 1;
	struct sockaddr_in at = bind_any(a);

	RES("taken", S->bind(b, SA(at), sizeof(at)));
	S->setsockopt(a, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	S->setsockopt(b, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	RES("reuse", S->bind(b, SA(at), sizeof(at)));
}

static void connect_names(void)
{
	struct sockaddr_in at, me, peer = { 0 };
	socklen_t len = sizeof(peer);
	int c = tcp(), l = listener(&at);

	(void)l;
	S->connect(c, SA(at), sizeof(at));
	settle();
	me = name_of(c);
	say(" %s port %d", inet_ntoa(me.sin_addr), me.sin_port != 0);
	RES("peer", S->getpeername(c, SA(peer), &len));
	say(" %d", peer.sin_port == at.sin_port);
}

static void connect_bound(void)
{
	struct sockaddr_in at, me;
	int c = tcp();

	listener(&at);
	me = bind_any(c);
	RES("connect", S->connect(c, SA(at), sizeof(at)));
	settle();
	RES("kept", name_of(c).sin_port == me.sin_port);
}

static void listen_unbound(void)
{
	struct sockaddr_in at;
	int l = tcp(), c = tcp();

	RES("listen", S->listen(l, 1));
	at = name_of(l);
	say(" %s port %d", inet_ntoa(at.sin_addr), at.sin_port != 0);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	S->connect(c, SA(at), sizeof(at));
	settle();
	RES("accept", keep(S->accept(l, NULL, NULL)) >= 0);
}

static void backlog(void)
{
	struct sockaddr_in at;
	int l = tcp(), n = 0;

	at = bind_any(l);
	S->listen(l, 2);
	for (int i = 0; i < 3; i++) {
		int c = tcp();

		S->connect(c, SA(at), sizeof(at));
		settle();
		n += S->send(c, "x", 1, 0) == 1;
	}
	say(" %d", n);
	for (n = 0; keep(S->accept(l, NULL, NULL)) >= 0; n++)
		;
	say(" %d", n);
}

static void listener_closed(void)
{
	struct sockaddr_in at;
	int l = listener(&at), c = tcp();

	S->connect(c, SA(at), sizeof(at));
	settle();
	S->close(l);
	settle();
	RES("recv", S->recv(c, buf, 9, 0));
}

/* ---- blocking */

static long ms_of(void (*what)(int fd), int fd)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	what(fd);
	clock_gettime(CLOCK_MONOTONIC, &b);
	return (b.tv_sec - a.tv_sec) * 1000 + (b.tv_nsec - a.tv_nsec) / 1000000;
}

static void recv_one(int fd)
{
	RES("recv", S->recv(fd, buf, 1, 0));
}

static void recvmsg_one(int fd)
{
	struct iovec iov = { buf, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

	RES("recvmsg", S->recvmsg(fd, &m, 0));
}

static void accept_one(int fd)
{
	RES("accept", S->accept(fd, NULL, NULL));
}

static void set_timeo(int fd, int name, int ms)
{
	struct timeval tv = { .tv_usec = ms * 1000 };

	S->setsockopt(fd, SOL_SOCKET, name, &tv, sizeof(tv));
}

static void recv_timeo(void)
{
	struct sockaddr_in at;
	int fd[2], l = listener(&at), u = udp();
	long ms;

	pair(fd);
	block(fd[0], true);
	block(l, true);
	block(u, true);
	set_timeo(fd[0], SO_RCVTIMEO, 20);
	set_timeo(l, SO_RCVTIMEO, 20);
	set_timeo(u, SO_RCVTIMEO, 20);
	ms = ms_of(recv_one, fd[0]);
	say(" %d", ms >= 19 && ms < 5000);
	ms = ms_of(recvmsg_one, u);
	say(" %d", ms >= 19 && ms < 5000);
	ms = ms_of(accept_one, l);
	say(" %d", ms >= 19 && ms < 5000);
}

static void send_timeo(void)
{
	int fd[2];
	ssize_t n;

	pair(fd);
	block(fd[0], true);
	set_timeo(fd[0], SO_SNDTIMEO, 20);
	do
		n = S->send(fd[0], buf, sizeof(buf), 0);
	while (n > 0);
	RES("send", n);
}

static void waitall(void)
{
	int fd[2];

	pair(fd);
	block(fd[0], true);
	S->send(fd[1], "hello", 5, 0);
	settle();
	set_timeo(fd[0], SO_RCVTIMEO, 20);
	RES("part", S->recv(fd[0], buf, 9, MSG_WAITALL));
	S->send(fd[1], "hello", 5, 0);
	S->shutdown(fd[1], SHUT_WR);
	settle();
	RES("end", S->recv(fd[0], buf, 9, MSG_WAITALL));
	RES("end", S->recv(fd[0], buf, 9, MSG_WAITALL));
}

static void blocking_connect(void)
{
	struct sockaddr_in at, none = closed_port(SOCK_STREAM);
	int c = tcp(), d = tcp();

	listener(&at);
	block(c, true);
	block(d, true);
	RES("connect", S->connect(c, SA(at), sizeof(at)));
	RES("again", S->connect(c, SA(at), sizeof(at)));
	RES("refused", S->connect(d, SA(none), sizeof(none)));
	RES("then", S->connect(d, SA(at), sizeof(at)));
}

static void dontwait(void)
{
	int fd[2];

	pair(fd);
	block(fd[0], true);
	RES("recv", S->recv(fd[0], buf, 9, MSG_DONTWAIT));
	S->send(fd[1], "x", 1, 0);
	settle();
	RES("recv", S->recv(fd[0], buf, 9, MSG_DONTWAIT));
}

static void linger_zero(void)
{
	int fd[2];

	pair(fd);
	linger0(fd[0]);
	S->send(fd[0], "lost?", 5, 0);
	settle();
	S->close(fd[0]);
	settle();
	RES("recv", S->recv(fd[1], buf, 9, 0));
	RES("recv", S->recv(fd[1], buf, 9, 0));
	RES("recv", S->recv(fd[1], buf, 9, 0));
}

static void linger_time(void)
{
	struct linger l = { 1, 1 };
	int fd[2];

	pair(fd);
	block(fd[0], true);
	S->setsockopt(fd[0], SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	S->send(fd[0], "all", 3, 0);
	RES("close", S->close(fd[0]));
	RES("recv", S->recv(fd[1], buf, 9, 0));
	settle();
	RES("recv", S->recv(fd[1], buf, 9, 0));
}

/* ---- bytes */

static void bytes(void)
{
	size_t in = 0, out = 0;
	unsigned sum = 0;
	int fd[2];

	pair(fd);
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (char)(i * 7);
	while (in < sizeof(buf)) {
		ssize_t n = S->send(fd[0], buf + out, sizeof(buf) - out, 0);
		unsigned char got[8192];

		out += n > 0 ? (size_t)n : 0;
		settle();
		while ((n = S->recv(fd[1], got, sizeof(got), 0)) > 0) {
			for (ssize_t i = 0; i < n; i++)
				sum = sum * 31 + got[i];
			in += (size_t)n;
		}
	}
	say(" %zu %u", in, sum);
}

static void gather(void)
{
	struct iovec out[4] = { { first, 4 }, { first, 0 }, { second, 4 }, { third, 5 } };
	struct iovec in[3] = { { buf, 2 }, { buf + 2, 5 }, { buf + 7, 50 } };
	int fd[2];

	pair(fd);
	memset(buf, 0, 80);
	RES("writev", S->writev(fd[0], out, 4));
	settle();
	RES("readv", S->readv(fd[1], in, 3));
	say(" '%s'", buf);
}

static void dgram_gather(void)
{
	struct iovec out[3] = { { first, 4 }, { second, 4 }, { third, 5 } };
	struct iovec in[2] = { { buf, 2 }, { buf + 2, 5 } };
	struct msghdr m = { .msg_iov = in, .msg_iovlen = 2 };
	int fd[2];

	udp_pair(fd);
	memset(buf, 0, 80);
	RES("writev", S->writev(fd[0], out, 3));
	settle();
	RES("recvmsg", S->recvmsg(fd[1], &m, MSG_TRUNC | MSG_PEEK));
	say(" %x", m.msg_flags);
	RES("recvmsg", S->recvmsg(fd[1], &m, 0));
	say(" %x '%s'", m.msg_flags, buf);
	RES("recvmsg", S->recvmsg(fd[1], &m, 0));
}

static void dgram_big(void)
{
	int fd[2];

	udp_pair(fd);
	RES("send", S->send(fd[0], buf, 65507, 0));
	settle();
	RES("recv", S->recv(fd[1], buf, sizeof(buf), 0));
	RES("send", S->send(fd[0], buf, 65508, 0));
}

static void dgram_from(void)
{
	struct sockaddr_in a, b, from = { 0 };
	socklen_t len = sizeof(from);
	int x = udp(), y = udp();

	a = bind_any(x);
	b = bind_any(y);
	RES("sendto", S->sendto(x, "hi", 2, 0, SA(b), sizeof(b)));
	settle();
	RES("recvfrom", S->recvfrom(y, buf, 9, 0, SA(from), &len));
	say(" %u %d", len, from.sin_port == a.sin_port);
	b.sin_port = 0;
	RES("port 0", S->sendto(x, "hi", 2, 0, SA(b), sizeof(b)));
	b.sin_family = AF_UNIX;
	RES("family", S->sendto(x, "hi", 2, 0, SA(b), sizeof(b)));
	RES("broadcast", S->sendto(x, "hi", 2, 0, SA(a), sizeof(a)) < 0 ? -1 : 0);
	a.sin_addr.s_addr = htonl(INADDR_BROADCAST);
	RES("broadcast", S->sendto(x, "hi", 2, 0, SA(a), sizeof(a)));
}

static void dgram_only_peer(void)
{
	struct sockaddr_in a, b;
	int x = udp(), y = udp(), z = udp();

	a = bind_any(x);
	b = bind_any(y);
	bind_any(z);
	S->connect(y, SA(a), sizeof(a));
	RES("stranger", S->sendto(z, "no", 2, 0, SA(b), sizeof(b)));
	settle();
	RES("recv", S->recv(y, buf, 9, 0));
	RES("peer", S->sendto(x, "yes", 3, 0, SA(b), sizeof(b)));
	settle();
	RES("recv", S->recv(y, buf, 9, 0));
}

static void sendfile_all(void)
{
	int fd[2], file = keep(memfd_create("file", MFD_CLOEXEC));
	off_t at = 5;

	pair(fd);
	if (write(file, "0123456789", 10) != 10)
		return;
	RES("sendfile", S->sendfile(fd[0], file, &at, 100));
	say(" at %ld", (long)at);
	settle();
	memset(buf, 0, 16);
	RES("recv", S->recv(fd[1], buf, 99, 0));
	say(" '%s'", buf);
	lseek(file, 2, SEEK_SET);
	RES("sendfile", S->sendfile(fd[0], file, NULL, 3));
	say(" at %ld", (long)lseek(file, 0, SEEK_CUR));
	RES("end", S->sendfile(fd[0], file, &at, 5));
	RES("bad", S->sendfile(fd[0], -1, NULL, 5));
	RES("bad", S->sendfile(-1, file, NULL, 5));
	RES("from", S->sendfile(fd[0], fd[1], NULL, 5));
	RES("zero", S->sendfile(fd[0], file, NULL, 0));
}

static void more(void)
{
	int fd[2];

	pair(fd);
	RES("more", S->send(fd[0], "a", 1, MSG_MORE));
	RES("send", S->send(fd[0], "b", 1, 0));
	settle();
	RES("recv", S->recv(fd[1], buf, 9, 0));
}

static void zerocopy(void)
{
	struct msghdr m = { 0 };
	int fd[2], one = 1;

	pair(fd);
	RES("set", S->setsockopt(fd[0], SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)));
	RES("send", S->send(fd[0], "abc", 3, MSG_ZEROCOPY));
	RES("send", S->send(fd[0], "def", 3, MSG_ZEROCOPY));
	settle();
	settle();
	RES("recv", S->recv(fd[1], buf, 99, 0));
	settle();
	for (int i = 0; i < 3; i++) {
		char control[128];
		struct pollfd at = { .fd = fd[0], .events = 0 };
		ssize_t n;

		RES("poll", S->poll(&at, 1, 0));
		say_events("", (unsigned)at.revents);
		m.msg_control = control;
		m.msg_controllen = sizeof(control);
		n = S->recvmsg(fd[0], &m, MSG_ERRQUEUE);
		RES("errqueue", n);
		if (n >= 0) {
			const uint32_t *e = (uint32_t *)CMSG_DATA((struct cmsghdr *)control);

			say(" flags %x %u..%u origin %u", m.msg_flags, e[2], e[3], e[1] & 0xff);
		}
	}
}

static void select_sets(void)
{
	struct timeval tv = { 0, 3000 };
	fd_set in, out;
	int fd[2], n;

	pair(fd);
	S->send(fd[0], "x", 1, 0);
	settle();
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(fd[0], &in);
	FD_SET(fd[1], &in);
	FD_SET(fd[1], &out);
	n = (fd[0] > fd[1] ? fd[0] : fd[1]) + 1;
	RES("select", S->select(n, &in, &out, NULL, &tv));
	say(" %d%d%d", !!FD_ISSET(fd[0], &in), !!FD_ISSET(fd[1], &in), !!FD_ISSET(fd[1], &out));
	RES("recv", S->recv(fd[1], buf, 9, 0));
	FD_ZERO(&in);
	FD_SET(fd[1], &in);
	RES("none", S->select(n, &in, NULL, NULL, &tv));
	say(" left %ld", (long)tv.tv_usec);
	RES("negative", S->select(-1, NULL, NULL, NULL, &tv));
}

static void poll_sets(void)
{
	struct pollfd at[4] = { { .fd = -5, .events = POLLIN }, { .fd = 9999, .events = POLLIN } };
	int fd[2], p[2];

	pair(fd);
	if (pipe2(p, O_CLOEXEC) < 0)
		return;
	keep(p[0]);
	keep(p[1]);
	at[2] = (struct pollfd){ .fd = p[1], .events = POLLOUT };
	at[3] = (struct pollfd){ .fd = fd[0], .events = POLLIN };
	RES("poll", S->poll(at, 4, 0));
	for (int i = 0; i < 4; i++)
		say_events("", (unsigned)at[i].revents);
	S->send(fd[1], "x", 1, 0);
	settle();
	RES("poll", S->poll(at + 3, 1, 1000));
	say_events("", (unsigned)at[3].revents);
	RES("same twice", S->poll((struct pollfd[]){ at[3], at[3], at[2] }, 3, 0));
}

const struct check checks_calls[] = {
	{ "call/dup-shares", dup_shares }, { "call/dup-lowest", dup_lowest },
	{ "call/dup2-over", dup2_over }, { "call/dup2-over-pipe", dup2_over_pipe },
	{ "call/dupfd-from", dupfd_from }, { "call/socket-errors", socket_errors },
	{ "call/socket-flags", socket_flags }, { "call/accept-flags", accept_flags },
	{ "call/port-taken", port_taken }, { "call/port-reuse-listener", port_reuse_listener },
	{ "call/port-reuseport", port_reuseport }, { "call/port-after-close", port_after_close },
	{ "call/udp-ports", udp_ports }, { "call/connect-names", connect_names },
	{ "call/connect-bound", connect_bound }, { "call/listen-unbound", listen_unbound },
	{ "call/backlog", backlog }, { "call/listener-closed", listener_closed },
	{ "call/recv-timeo", recv_timeo }, { "call/send-timeo", send_timeo },
	{ "call/waitall", waitall }, { "call/blocking-connect", blocking_connect },
	{ "call/dontwait", dontwait }, { "call/linger-zero", linger_zero },
	{ "call/linger-time", linger_time }, { "call/bytes", bytes }, { "call/gather", gather },
	{ "call/dgram-gather", dgram_gather }, { "call/dgram-big", dgram_big },
	{ "call/dgram-from", dgram_from }, { "call/dgram-only-peer", dgram_only_peer },
	{ "call/sendfile", sendfile_all }, { "call/more", more }, { "call/zerocopy", zerocopy },
	{ "call/select", select_sets }, { "call/poll", poll_sets },
};
const size_t checks_calls_n = sizeof(checks_calls) / sizeof(checks_calls[0]);
