/* Options: what a new socket says, what it says after a set, and what is refused. */
#include "conformance/sockcheck.h"

#define INTS(X) \
	X(SOL_SOCKET, SO_REUSEADDR) X(SOL_SOCKET, SO_REUSEPORT) X(SOL_SOCKET, SO_KEEPALIVE) \
	X(SOL_SOCKET, SO_BROADCAST) X(SOL_SOCKET, SO_OOBINLINE) X(SOL_SOCKET, SO_RCVLOWAT) \
	X(SOL_SOCKET, SO_SNDLOWAT) X(SOL_SOCKET, SO_TIMESTAMP) X(SOL_SOCKET, SO_ZEROCOPY) \
	X(SOL_SOCKET, SO_ERROR) X(SOL_SOCKET, SO_TYPE) X(SOL_SOCKET, SO_PROTOCOL) \
	X(SOL_SOCKET, SO_DOMAIN) X(SOL_SOCKET, SO_ACCEPTCONN) X(SOL_SOCKET, SO_PRIORITY) \
	X(SOL_SOCKET, SO_DONTROUTE) X(SOL_SOCKET, SO_DEBUG) X(SOL_SOCKET, SO_BUSY_POLL) \
	X(SOL_SOCKET, 9999) X(IPPROTO_TCP, TCP_NODELAY) X(IPPROTO_TCP, TCP_CORK) \
	X(IPPROTO_TCP, TCP_MAXSEG) X(IPPROTO_TCP, TCP_KEEPIDLE) X(IPPROTO_TCP, TCP_KEEPINTVL) \
	X(IPPROTO_TCP, TCP_KEEPCNT) X(IPPROTO_TCP, TCP_SYNCNT) X(IPPROTO_TCP, TCP_LINGER2) \
	X(IPPROTO_TCP, TCP_DEFER_ACCEPT) X(IPPROTO_TCP, TCP_USER_TIMEOUT) \
	X(IPPROTO_TCP, TCP_QUICKACK) X(IPPROTO_TCP, TCP_NOTSENT_LOWAT) \
	X(IPPROTO_TCP, TCP_WINDOW_CLAMP) X(IPPROTO_TCP, TCP_FASTOPEN) X(IPPROTO_TCP, 9999) \
	X(IPPROTO_IP, IP_TTL) X(IPPROTO_IP, IP_TOS) X(IPPROTO_IP, IP_MTU_DISCOVER) \
	X(IPPROTO_IP, IP_RECVERR) X(IPPROTO_IP, IP_PKTINFO) X(IPPROTO_IP, IP_MULTICAST_TTL) \
	X(IPPROTO_IP, IP_MULTICAST_LOOP) X(IPPROTO_IP, 9999) X(77, 1)

static int level, name;

static void get(int fd)
{
	int value = -7;
	socklen_t len = sizeof(value);

	RES("get", S->getsockopt(fd, level, name, &value, &len));
	say("(%d,%u)", value, len);
}

static void set(int fd, int value)
{
	say(" %d:", value);
	RES("set", S->setsockopt(fd, level, name, &value, sizeof(value)));
	get(fd);
}

static void ints(int fd)
{
	char byte = 1;
	socklen_t len = 1;

	get(fd);
	set(fd, 1);
	set(fd, 0);
	set(fd, 3);
	set(fd, -1);
	RES("short", S->setsockopt(fd, level, name, &byte, 1));
	RES("null", S->setsockopt(fd, level, name, NULL, 4));
	RES("byte", S->getsockopt(fd, level, name, &byte, &len));
	say("(%u)", len);
	len = (socklen_t)-1;
	RES("negative", S->getsockopt(fd, level, name, &byte, &len));
	RES("null", S->getsockopt(fd, level, name, NULL, &len));
}

static void on_stream(void)
{
	ints(tcp());
}

static void on_dgram(void)
{
	ints(udp());
}

static void on_connected(void)
{
	int fd[2];

	pair(fd);
	ints(fd[0]);
}

static void buffers(void)
{
	static const int names[] = { SO_RCVBUF, SO_SNDBUF };
	int fd = tcp();

	for (int i = 0; i < 2; i++) {
		int value = 20000, got = 0;
		socklen_t len = sizeof(got);

		RES("set", S->setsockopt(fd, SOL_SOCKET, names[i], &value, sizeof(value)));
		RES("get", S->getsockopt(fd, SOL_SOCKET, names[i], &got, &len));
		say("(%d)", got);
		value = 1;
		RES("set", S->setsockopt(fd, SOL_SOCKET, names[i], &value, sizeof(value)));
		RES("get", S->getsockopt(fd, SOL_SOCKET, names[i], &got, &len));
		say("(%d)", got);
	}
}

static void linger(void)
{
	struct linger l = { 1, 7 };
	socklen_t len = sizeof(l);
	int fd = tcp();

	RES("set", S->setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l)));
	RES("short", S->setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, 4));
	l = (struct linger){ 0 };
	RES("get", S->getsockopt(fd, SOL_SOCKET, SO_LINGER, &l, &len));
	say("(%d %d %u)", l.l_onoff, l.l_linger, len);
}

static void timeo(void)
{
	static const int names[] = { SO_RCVTIMEO, SO_SNDTIMEO };
	int fd = tcp();

	for (int i = 0; i < 2; i++) {
		struct timeval tv = { 2, 500000 };
		socklen_t len = sizeof(tv);

		RES("set", S->setsockopt(fd, SOL_SOCKET, names[i], &tv, sizeof(tv)));
		tv = (struct timeval){ 0 };
		RES("get", S->getsockopt(fd, SOL_SOCKET, names[i], &tv, &len));
		say("(%ld %ld %u)", tv.tv_sec, tv.tv_usec, len);
		tv = (struct timeval){ 0, 1000000 };
		RES("usec", S->setsockopt(fd, SOL_SOCKET, names[i], &tv, sizeof(tv)));
		tv = (struct timeval){ 0, -1 };
		RES("usec", S->setsockopt(fd, SOL_SOCKET, names[i], &tv, sizeof(tv)));
		RES("short", S->setsockopt(fd, SOL_SOCKET, names[i], &tv, 4));
	}
}

static void congestion(void)
{
	char text[16] = "";
	socklen_t len = sizeof(text);
	int fd = tcp();

	RES("set", S->setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
	RES("get", S->getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, text, &len));
	say("(%s)", text);
	RES("none", S->setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "no such", 7));
}

static void info(void)
{
	struct tcp_info i = { 0 };
	socklen_t len = 8;
	int fd[2];

	pair(fd);
	RES("get", S->getsockopt(fd[0], IPPROTO_TCP, TCP_INFO, &i, &len));
	say("(%d %u)", i.tcpi_state, len);
	S->shutdown(fd[0], SHUT_WR);
	settle();
	len = 8;
	RES("get", S->getsockopt(fd[0], IPPROTO_TCP, TCP_INFO, &i, &len));
	say("(%d)", i.tcpi_state);
}

static void device(void)
{
	int fd = tcp();

	RES("none", S->setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "nothere", 8));
	RES("any", S->setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0));
}

static void membership(void)
{
	struct ip_mreq m = { .imr_multiaddr.s_addr = htonl(0x0a000001) };
	int fd = udp();

	RES("unicast", S->setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m)));
	RES("short", S->setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, 4));
	m.imr_multiaddr.s_addr = htonl(0xe0010203);
	RES("drop", S->setsockopt(fd, IPPROTO_IP, IP_DROP_MEMBERSHIP, &m, sizeof(m)));
}

void options_run(void (*check)(const char *name, void (*run)(void)))
{
	static const struct {
		const char *name;
		void (*run)(void);
	} others[] = { { "buffers", buffers }, { "linger", linger }, { "timeo", timeo },
		       { "congestion", congestion }, { "info", info }, { "device", device },
		       { "membership", membership } };
	static const struct {
		const char *text;
		int level, name;
	} all[] = {
#define X(level, name) { #name, level, name },
		INTS(X)
#undef X
	};
	char text[64];

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		level = all[i].level;
		name = all[i].name;
		snprintf(text, sizeof(text), "option/%s-%d-stream", all[i].text, level);
		check(text, on_stream);
		snprintf(text, sizeof(text), "option/%s-%d-dgram", all[i].text, level);
		check(text, on_dgram);
		snprintf(text, sizeof(text), "option/%s-%d-connected", all[i].text, level);
		check(text, on_connected);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		snprintf(text, sizeof(text), "option/%s", others[i].name);
		check(text, others[i].run);
	}
}
