/* One table of checks, run against Linux and against leat, and compared word for word.
 *
 * A check does something with sockets through `S` and says what came of it; what it said to the
 * kernel and what it said to leat is a pair of transcripts.  Where they differ the check is a
 * difference, and docs/sockets.md has to explain it.  Nothing that is said may depend on time, on
 * numbers of ports or descriptors, or on how fast something happened. */
#ifndef CONFORMANCE_SOCKCHECK_H
#define CONFORMANCE_SOCKCHECK_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include <leat/socket.h>

/* The calls under test: name in S, the kernel's, leat's. */
#define CALLS(X) \
	X(socket, socket, leat_socket) X(bind, bind, leat_bind) X(listen, listen, leat_listen) \
	X(accept, accept, leat_accept) X(accept4, accept4, leat_accept4) \
	X(connect, connect, leat_connect) X(shutdown, shutdown, leat_shutdown) \
	X(close, close, leat_close) X(getsockname, getsockname, leat_getsockname) \
	X(getpeername, getpeername, leat_getpeername) \
	X(getsockopt, getsockopt, leat_getsockopt) X(setsockopt, setsockopt, leat_setsockopt) \
	X(recv, recv, leat_recv) X(recvfrom, recvfrom, leat_recvfrom) \
	X(recvmsg, recvmsg, leat_recvmsg) X(recvmmsg, recvmmsg, leat_recvmmsg) \
	X(read, read, leat_read) X(readv, readv, leat_readv) X(send, send, leat_send) \
	X(sendto, sendto, leat_sendto) X(sendmsg, sendmsg, leat_sendmsg) \
	X(sendmmsg, sendmmsg, leat_sendmmsg) X(write, write, leat_write) \
	X(writev, writev, leat_writev) X(sendfile, sendfile, leat_sendfile) \
	X(dup, dup, leat_dup) X(dup2, dup2, leat_dup2) X(dup3, dup3, leat_dup3) \
	X(fcntl, fcntl, leat_fcntl) X(ioctl, ioctl, leat_ioctl) X(poll, poll, leat_poll_fds) \
	X(ppoll, ppoll, leat_ppoll) X(select, select, leat_select) \
	X(pselect, pselect, leat_pselect) X(epoll_create1, epoll_create1, leat_epoll_create1) \
	X(epoll_create, epoll_create, leat_epoll_create) \
	X(epoll_ctl, epoll_ctl, leat_epoll_ctl) X(epoll_wait, epoll_wait, leat_epoll_wait) \
	X(epoll_pwait, epoll_pwait, leat_epoll_pwait) \
	X(epoll_pwait2, epoll_pwait2, leat_epoll_pwait2)

struct calls {
	const char *name;
#define X(name, kernel, leat) __typeof__(&leat) name;
	CALLS(X)
#undef X
};

extern const struct calls *S;

/* Adds to the transcript of the check that runs. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* " what=3", or " what=ECONNRESET" for -1. */
void say_res(const char *what, long res);
#define DO(call) ((void)say_res(#call, (long)S->call))
#define RES(what, call) say_res(what, (long)(call))

/* Lets what is on its way arrive. */
void settle(void);

/* Everything that is opened through these is closed behind the check. */
int keep(int fd);
int tcp(void);			/* a stream, not blocking */
int udp(void);
struct sockaddr_in loopback(int port);
struct sockaddr_in name_of(int fd);
struct sockaddr_in bind_any(int fd);	/* 127.0.0.1, a port of its choice */
struct sockaddr_in closed_port(int type);
int listener(struct sockaddr_in *at);
void pair(int fd[2]);		/* connected; [1] was accepted */
void udp_pair(int fd[2]);	/* connected to each other */
void block(int fd, bool on);
void linger0(int fd);
void say_events(const char *what, unsigned events);
#define SA(a) ((struct sockaddr *)&(a))

struct check {
	const char *name;
	void (*run)(void);
};

/* A state and an operation make a check of their own: `state/operation`. */
struct state {
	const char *name;
	int (*make)(void);	/* the descriptor that is operated on */
};

struct operation {
	const char *name;
	void (*run)(int fd);
};

extern const struct state states[];
extern const size_t states_n;
extern const struct operation operations[];
extern const size_t operations_n;
extern const struct check checks_epoll[], checks_calls[];
extern const size_t checks_epoll_n, checks_calls_n;

void random_run(void (*check)(const char *name, void (*run)(void)));
void options_run(void (*check)(const char *name, void (*run)(void)));

#endif
