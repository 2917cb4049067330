/* What an owner may choose for one connection or listener, and what it may ask about it.
 *
 * A choice is a number with a range and a default (tcp_opt.c has the table).  A listener's
 * choices pass to the connections that it accepts, as in Linux; names and effects follow
 * Linux's tcp(7), durations are milliseconds.  What nobody chose costs nothing; the first choice
 * that a connection's own flags can't hold takes a struct tcp_side from a pool.
 *
 * Not here: congestion control's choice (cc/), options of a descriptor that TCP need not know
 * (SO_LINGER with a time is waited for above: TCP_READY_DRAINED; with zero it is tcp_abort()).
 * SO_OOBINLINE is always on: urgent data is ordinary data, RFC 6093 §6. */
#ifndef TCP_TCP_OPT_H
#define TCP_TCP_OPT_H

#include "base/types.h"

struct tcp;
struct tcp_conn;
struct tcp_listener;

enum tcp_opt {
	TCP_OPT_NODELAY,		/* 0, 1; TCP_NODELAY: Nagle off */
	TCP_OPT_CORK,			/* 0, 1; TCP_CORK: less than a segment waits */
	TCP_OPT_QUICKACK,		/* 0, 1; TCP_QUICKACK: no ACK is delayed; stays set */
	TCP_OPT_KEEPALIVE,		/* 0, 1; SO_KEEPALIVE, RFC 9293 §3.8.4 */
	TCP_OPT_KEEPIDLE_MS,		/* TCP_KEEPIDLE; two hours */
	TCP_OPT_KEEPINTVL_MS,		/* TCP_KEEPINTVL; 75 s */
	TCP_OPT_KEEPCNT,		/* 1..127; TCP_KEEPCNT; 9 */
	/* TCP_USER_TIMEOUT, RFC 9293 §3.8.3: how long bytes may go unacknowledged; 0: as
	 * often as tcp_config.data_retries says */
	TCP_OPT_USER_TIMEOUT_MS,
	/* 0, 1: tells the peer our user timeout and adapts to its own, RFC 5482 §3 */
	TCP_OPT_USER_TIMEOUT_TOLD,
	TCP_OPT_SYNCNT,			/* 1..127; TCP_SYNCNT; tcp_config.syn_retries */
	TCP_OPT_MAXSEG,			/* 88..32767; TCP_MAXSEG; 0: as the path allows */
	/* TCP_DEFER_ACCEPT: a listener's; so long it waits for bytes before a connection is
	 * acceptable; 0: not */
	TCP_OPT_DEFER_ACCEPT_MS,
	TCP_OPT_LINGER2_MS,		/* TCP_LINGER2; tcp_config.fin_wait_2 */
	/* TCP_FASTOPEN, RFC 7413: a listener's; so many connections at once, of all listeners,
	 * may have been opened by a SYN with bytes and no handshake yet; 0: off */
	TCP_OPT_FASTOPEN,
	/* 0, 1; TCP_FASTOPEN_CONNECT: kept, and without effect: our SYNs carry no bytes, which
	 * RFC 7413 §4.1.3 lets a client do at any time */
	TCP_OPT_FASTOPEN_CONNECT,
	TCP_OPT_MTU_DISCOVER,		/* enum tcp_mtu_discover; IP_MTU_DISCOVER */
	TCP_OPT_WINDOW_CLAMP,		/* TCP_WINDOW_CLAMP: our window's bound; 0: none */
	/* TCP_NOTSENT_LOWAT: writable only while fewer bytes wait; UINT32_MAX: the buffer rules */
	TCP_OPT_NOTSENT_LOWAT,
	TCP_OPT_RCVBUF,			/* SO_RCVBUF: bytes; 0: tcp_config.rcvbuf */
	TCP_OPT_SNDBUF,			/* SO_SNDBUF: bytes; 0: tcp_config.sndbuf */
	TCP_OPT_TTL,			/* 1..255; IP_TTL; 64 */
	TCP_OPT_TOS,			/* 0..255; IP_TOS */
	TCP_OPT_N
};

enum tcp_mtu_discover {		/* the numbers of IP_PMTUDISC_*  */
	TCP_MTU_DONT,			/* DF off: routers may fragment */
	TCP_MTU_WANT,			/* RFC 1191 and RFC 4821; the default */
	TCP_MTU_DO,			/* the same for a stream */
	TCP_MTU_PROBE,			/* DF on, what ICMP says is ignored */
};

/* Choices without a connection yet, as a socket keeps them until it listens or connects; all
 * zero: none. */
struct tcp_opts {
	uint32_t chosen;		/* bit of each enum tcp_opt */
	uint32_t value[TCP_OPT_N];
};

/* 0, or -E_INVAL: out of range. */
int tcp_opts_set(struct tcp_opts *o, enum tcp_opt opt, uint32_t value);
/* The stack's default when it was not chosen. */
uint32_t tcp_opts_get(const struct tcp *t, const struct tcp_opts *o, enum tcp_opt opt);

/* Takes effect at once where the protocol still allows it (a window scale, an MSS that was told,
 * do not change any more).  0, -E_INVAL, -E_NOBUFS: no struct tcp_side is left. */
int tcp_conn_set(struct tcp *t, struct tcp_conn *c, enum tcp_opt opt, uint32_t value);
uint32_t tcp_conn_get(const struct tcp *t, const struct tcp_conn *c, enum tcp_opt opt);
int tcp_conn_set_all(struct tcp *t, struct tcp_conn *c, const struct tcp_opts *o);

int tcp_listener_set(struct tcp_listener *l, enum tcp_opt opt, uint32_t value);
uint32_t tcp_listener_get(const struct tcp *t, const struct tcp_listener *l, enum tcp_opt opt);
void tcp_listener_set_all(struct tcp_listener *l, const struct tcp_opts *o);

/* Would poll(2) say POLLOUT: room in the buffer, and fewer bytes unsent than the choice of
 * TCP_OPT_NOTSENT_LOWAT?  tcp_write() takes bytes whenever there is room. */
bool tcp_writable(const struct tcp_conn *c);

#endif
