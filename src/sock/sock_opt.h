/* Options of sockets: how the tables of sock_opt*.c are made.  Nobody outside sock/ includes this.
 *
 * Numbers and structs are Linux's (socket(7), ip(7), tcp(7), udp(7)); the core has no system's
 * header, so what it needs of them stands here. */
#ifndef SOCK_SOCK_OPT_H
#define SOCK_SOCK_OPT_H

#include "sock/sock_int.h"

enum { SOL_IP = 0, SOL_SOCKET = 1, SOL_TCP = 6, SOL_UDP = 17, SOL_RAW = 255, SOL_PACKET = 263 };

/* One option.  An option of a number has `set` and `get`; any other `set_raw` and `get_raw`;
 * without a setter it is read-only.  get returns the value in *value; all return 0 or an error;
 * get_raw fills up to *len bytes and says how many there are. */
struct sock_opt {
	int name;
	int (*set)(struct socks *s, struct sock *k, int value);
	int (*get)(struct socks *s, struct sock *k, int *value);
	int (*set_raw)(struct socks *s, struct sock *k, const void *value, uint32_t len);
	int (*get_raw)(struct socks *s, struct sock *k, void *value, uint32_t *len);
};

struct sock_opts {
	const struct sock_opt *opts;
	unsigned n;
};

extern const struct sock_opts sock_opts_socket;	/* sock_opt_socket.c */
extern const struct sock_opts sock_opts_ip;	/* sock_opt_ip.c */
extern const struct sock_opts sock_opts_udp;
extern const struct sock_opts sock_opts_tcp;	/* sock_opt_tcp.c */

/* tcp's own choices, whatever the stream is now. */
int sock_tcp_set(struct socks *s, struct sock *k, enum tcp_opt opt, uint32_t value);
uint32_t sock_tcp_get(const struct socks *s, const struct sock *k, enum tcp_opt opt);

static inline bool sock_is_stream(const struct sock *k)
{
	return k->kind == SOCK_STREAM || k->kind == SOCK_CONN || k->kind == SOCK_LISTENER;
}

#endif
