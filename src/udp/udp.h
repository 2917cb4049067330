/* UDP, RFC 768 and RFC 1122 §4.1: ports, demultiplexing, datagrams in and out.
 *
 * The best match wins: connected before bound to an address before bound to any.  A datagram to
 * nobody is answered by port unreachable.  Received datagrams wait on the socket's queue within
 * its receive buffer; the layer above is told by the ready list and never called. */
#ifndef UDP_UDP_H
#define UDP_UDP_H

#include "base/list.h"
#include "ip/ip.h"

enum udp_ready { UDP_READABLE = 1, UDP_ERROR = 2 };

struct udp_sock {
	struct addr local, remote;	/* unspecified: any */
	uint16_t lport, rport;
	bool bound, connected, reuse_addr, broadcast;
	bool local_chosen;	/* udp_connect() chose `local`: it goes when the connection does */
	uint8_t ttl, tos;
	uint8_t ready;		/* enum udp_ready, since the owner looked last */
	int err;		/* positive; the pending ICMP error */
	struct list ready_node;	/* on udp->ready */
	struct list hash_node;
	struct pktq rx;		/* data at the payload; p->rx.src / sport say from whom */
	uint32_t rx_bytes, rcvbuf;	/* charged with a fixed cost a packet besides */
	struct ip_path path;	/* to path_dst: where the last datagram went */
	struct addr path_dst, path_src;
	void *owner;
};

#define UDP_PORTS_HASH 1024
#define UDP_PKT_COST 256u
#define UDP_RCVBUF_DEFAULT (256u * 1024)
#define UDP_EPHEMERAL_MIN 49152u	/* RFC 6056 §2.1; RFC 6335 §6 */
#define UDP_PAYLOAD_MAX 65507u

struct udp {
	struct core *core;
	struct ip *ip;
	struct list ports[UDP_PORTS_HASH];
	struct list ready;
	uint32_t next_port;	/* RFC 6056 §3.3.3: counts what was chosen */
	uint64_t in, out, no_port;
};

void udp_init(struct udp *u, struct core *core, struct ip *ip);
void udp_sock_init(struct udp_sock *s, void *owner);

/* 0 or -E_ADDRINUSE, -E_ADDRNOTAVAIL, -E_INVAL; port 0 picks one (RFC 6056 §3.3.3). */
int udp_bind(struct udp *u, struct udp_sock *s, const struct addr *local, uint16_t port);
/* Fixes the remote end, and the local one as far as it is open; an unspecified remote takes
 * that back. 0, -E_ACCES (broadcast not allowed), -E_NETUNREACH, -E_ADDRINUSE,
 * -E_ADDRNOTAVAIL, -E_NOBUFS. */
int udp_connect(struct udp *u, struct udp_sock *s, const struct addr *remote, uint16_t port);
void udp_close(struct udp *u, struct udp_sock *s);

/* Sends the chain `p` (data at the payload, headroom kept free) to `to`, or to the connected
 * end when NULL. 0 or a negative error, a pending one first; p is consumed. */
int udp_send(struct udp *u, struct udp_sock *s, const struct addr *to, uint16_t port,
	     struct pkt *p TAKES);

/* The next socket with news, its bits moved to *bits; NULL when there is none. */
struct udp_sock *udp_ready_sock(struct udp *u, unsigned *bits);

/* The pending error, positive, which is then gone; 0: none. */
int udp_take_error(struct udp_sock *s);

/* The next datagram or NULL. */
OWNER(pkt_put) struct pkt *udp_recv(struct udp *u, struct udp_sock *s);

void udp_check(const struct udp *u);

#endif
