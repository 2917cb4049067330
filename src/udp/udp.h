/* UDP, RFC 768 and RFC 1122 §4.1: ports, demultiplexing, datagrams in and out.
 *
 * The best match wins: connected before bound to an address before bound to any.  A datagram to
 * nobody is answered by port unreachable.  Received datagrams wait on the socket's queue within
 * its receive buffer; the layer above is told by the ready list and never called. */
#ifndef UDP_UDP_H
#define UDP_UDP_H

#include "base/list.h"
#include "ip/ip.h"

struct bpf_insn;

enum udp_kind {
	UDP_PLAIN,
	UDP_PING,	/* ICMP echo, icmp(7): lport is the identifier */
	UDP_RAW,	/* packets of a protocol with their IP header, raw(7) */
	UDP_PACKET,	/* frames of devices, packet(7); addresses are link-layer ones */
};

enum udp_ready { UDP_READABLE = 1, UDP_ERROR = 2 };

struct udp_sock {
	struct addr local, remote;	/* unspecified: any */
	uint16_t lport, rport;
	bool bound, connected, reuse_addr, reuse_port, broadcast;
	bool port_given;	/* not chosen by us */
	bool local_chosen;	/* udp_connect() chose `local`: it goes when the connection does */
	uint8_t ttl, tos;
	uint8_t mcast_ttl;	/* of what goes to groups; RFC 1112 §6.1: 1 */
	uint8_t mcast_if;	/* through which that goes, 1 + index; 0: as the routes say */
	uint8_t bound_if;	/* 1 + index of the only device for it; 0: any */
	uint8_t flags;		/* enum udp_flags */
	bool dont_fragment;	/* what is too long for the path is an error */
	uint8_t discover;	/* IP_MTU_DISCOVER as it was set, 1: never */
	uint8_t ready;		/* enum udp_ready, since the owner looked last */
	uint8_t kind;		/* enum udp_kind */
	bool cooked;		/* UDP_PACKET: without the link layer's header */
	bool hdrincl;		/* UDP_RAW: the owner writes the IP header */
	uint16_t proto;		/* UDP_RAW: of IP; UDP_PACKET: EtherType, 3: all, 0: none */
	uint16_t gso;		/* bytes of each datagram that a longer send is cut into; 0: off */
	int err;		/* positive; the pending ICMP error */
	struct list ready_node;	/* on udp->ready */
	struct list hash_node;
	struct pktq rx;		/* data at the payload; p->rx.src / sport say from whom */
	const struct bpf_insn *filter;	/* NULL: everything */
	struct pktq errors;	/* of UDPF_ERRORS: what was sent, each with a struct udp_told */
	uint32_t rx_bytes, rcvbuf;	/* charged with a fixed cost a packet besides */
	struct ip_path path;	/* to path_dst: where the last datagram went */
	struct addr path_dst, path_src;
	void *owner;
};

enum udp_flags {
	UDPF_ERRORS = 1 << 0,	/* errors are queued, unconnected or not (IP_RECVERR) */
	UDPF_PKTINFO = 1 << 1,	/* what the owner wants to know of what it gets */
	UDPF_TTL = 1 << 2,
	UDPF_TOS = 1 << 3,
	UDPF_GRO = 1 << 4,	/* may be given several of one flow and length at once */
	UDPF_NO_LOOP = 1 << 5,	/* what it sends to groups does not come back here */
	UDPF_NO_ALL = 1 << 6,	/* only of groups that it joined itself */
};

/* What is known of an error; its packet has the bytes of the datagram that it is about. */
struct udp_told {
	struct addr offender;	/* who says so; unspecified: we do */
	uint32_t info;		/* the MTU */
	uint16_t port;		/* where it went */
	uint8_t err, type, code, pad[3];
};
#define UDP_ERRORS_MAX 16u

#define UDP_PORTS_HASH 1024
#define UDP_FILTERS_MAX 8u
#define UDP_FILTER_INSNS 256u
#define UDP_GROUPS_MAX 128u	/* memberships of all sockets */
#define UDP_PKT_COST 256u
#define UDP_RCVBUF_DEFAULT (256u * 1024)
#define UDP_EPHEMERAL_MIN 49152u	/* RFC 6056 §2.1; RFC 6335 §6 */
#define UDP_PAYLOAD_MAX 65507u

struct udp {
	struct core *core;
	struct ip *ip;
	struct list ports[UDP_PORTS_HASH];
	struct list ready;
	struct udp_group {
		struct udp_sock *sock;	/* NULL: free */
		struct addr group;
		uint8_t if_index;
	} groups[UDP_GROUPS_MAX];
	unsigned groups_n;
	struct list raws;	/* sockets of other kinds than UDP_PLAIN, by hash_node */
	struct udp_filter {
		struct udp_sock *sock;	/* NULL: free */
		uint64_t insns[UDP_FILTER_INSNS];
	} filters[UDP_FILTERS_MAX];
	uint32_t now_us;	/* when the batch at hand came: in rx.hash of what is queued */
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

/* The oldest queued error, its facts copied to *told and *to where the datagram went; or NULL. */
OWNER(pkt_put) struct pkt *udp_take_told(struct udp_sock *s, struct udp_told *told,
					 struct addr *to);

/* The next datagram or NULL. */
OWNER(pkt_put) struct pkt *udp_recv(struct udp *u, struct udp_sock *s);
/* The one behind it goes: it was taken together with it. */
void udp_drop_second(struct udp *u, struct udp_sock *s);

/* Groups: on a device (1 + index; 0: that of the route).  0, -E_ADDRINUSE, -E_NOBUFS, -E_NODEV;
 * -E_ADDRNOTAVAIL. */
int udp_join(struct udp *u, struct udp_sock *s, const struct addr *group, uint8_t dev);
int udp_leave(struct udp *u, struct udp_sock *s, const struct addr *group, uint8_t dev);

/* ---- udp_raw.c: the other kinds; made after udp_sock_init() */
void udp_raw_init(struct udp *u, struct udp_sock *s, enum udp_kind kind, uint16_t proto,
		  bool cooked);
/* scope: the device, 1 + index, 0: any (UDP_PACKET). */
int udp_raw_bind(struct udp *u, struct udp_sock *s, const struct addr *local, uint16_t port,
		 uint32_t scope);
int udp_raw_connect(struct udp *u, struct udp_sock *s, const struct addr *remote);
int udp_raw_send(struct udp *u, struct udp_sock *s, const struct addr *to, struct pkt *p TAKES);
/* mac: in the first bytes of an address; NULL with a whole frame. */
int udp_packet_send(struct udp *u, struct udp_sock *s, const struct addr *mac, uint16_t type,
		    uint32_t scope, struct pkt *p TAKES);

/* SO_ATTACH_FILTER, by copy.  0, -E_INVAL: no good program, -E_NOMEM: too long or too many. */
int udp_attach(struct udp *u, struct udp_sock *s, const struct bpf_insn *insns, uint32_t n);
int udp_detach(struct udp *u, struct udp_sock *s);	/* -E_NOENT: there was none */

void udp_check(const struct udp *u);

#endif
