/* The network layer: IPv4 (RFC 791, RFC 1122 §3), routes, fragments, ICMP (RFC 792).  IPv6
 * follows here.
 *
 * Upper protocols are rows of a table; ip knows none of them.  Transports hand down packets with
 * their header in front and name source and destination; they keep an `ip_path` so that the
 * route and the neighbour are looked up only when something changed. */
#ifndef IP_IP_H
#define IP_IP_H

#include "base/core.h"

#define IP_ADDRS_MAX 16
#define IP_ROUTES_MAX 64
#define IP_FRAG_DATAGRAMS_MAX 64	/* datagrams in reassembly at once */
#define IP_FRAG_PIECES_MAX 64	/* pieces of one datagram */
/* RFC 791 §3.2 suggests 15 s, RFC 1122 §3.3.2 60 to 120: docs/adr/0006-fragments.md. */
#define IP_FRAG_TIMEOUT SEC(30)
#define IP_TTL_DEFAULT 64
#define IP_PMTU_MAX 256u		/* destinations with an MTU of their own */
#define IP_PMTU_AGE SEC(600)	/* RFC 1191 §6.3: ten minutes */
/* A smaller one is not believed: RFC 1191 §3 allows 68, which would make 28 bytes of payload. */
#define IP_PMTU_MIN 552u
#define IP_LOOP_MTU 65520u
#define IP_LOOP_MAX 4096u	/* packets to ourselves that wait */
#define IP_LOOP_BUDGET 256u	/* of them taken in by one ip_deliver() */
/* Bytes of a packet that are in its first piece when a transport gets it (or the whole, if
 * shorter). */
#define IP_CONTIGUOUS 128u

struct link;			/* link/link.h: who sees ip need not see link */
struct link_neigh;

struct ip_addr {
	struct addr addr;
	uint8_t prefix;		/* bits, within the family */
	uint8_t if_index;
};

#define IP_IF_LOOP 0xff		/* the interface that loops back */

struct ip_route {
	struct addr dst;
	uint8_t prefix;		/* bits, within the family; 0: default */
	uint8_t if_index;
	bool via_gateway;
	struct addr gateway;
};

/* What a transport caches about a destination.  All zero: not resolved yet. */
struct ip_path {
	struct link_neigh *neigh;	/* NULL for loopback, broadcast, multicast */
	uint32_t generation;	/* of ip when this was filled */
	uint16_t mtu;		/* bytes of IP packet this path takes */
	uint8_t if_index;
	uint8_t kind;		/* enum ip_path_kind; valid while the path is fresh */
};

enum ip_path_kind {
	IP_PATH_NEIGH = 1,	/* to a neighbour; the usual case */
	IP_PATH_LOOP = 2,	/* to ourselves: the L4 checksum is not looked at */
	IP_PATH_BCAST = 4,
	IP_PATH_MCAST = 8,
	IP_PATH_FRAGMENT = 32,	/* narrower than what is believed: routers must fragment */
	IP_PATH_CSUM = 16,	/* the device fills L4 checksums of packets marked PKT_CSUM_TODO */
};

/* What an ICMP error says of one of our packets. */
struct ip_error {
	struct addr src, dst;	/* of our packet: src is us */
	/* positive E_* the user would see: E_CONNREFUSED, E_HOSTUNREACH ... */
	int err;
	/* RFC 1122 §4.2.3.9; TCP treats even these as soft once synchronized (RFC 5461) */
	bool hard;
	/* fragmentation needed: next hop's MTU (plateau applied when 0), else 0 */
	uint16_t mtu;
	struct addr from;	/* who says so; unspecified: we do */
	uint8_t type, code;	/* of the message, ICMP's numbers */
	uint16_t len;			/* of our packet, 0: it never left */
	uint16_t l4_len;
	const uint8_t *l4;	/* the first bytes of our transport header, at least 8 */
};

struct ip_proto {
	uint8_t proto;
	/* A batch, data at the transport header, p->rx filled, `total` exact. */
	void (*input)(void *self, struct pkt **p TAKES, unsigned n);
	void (*error)(void *self, const struct ip_error *e);
	void *self;
};

#define IP_PROTOS_MAX 8
#define IP_BATCH 64

#define IP_GROUPS_MAX 32u

struct ip_group {		/* that we are in on a device */
	uint32_t group;
	uint32_t refs;		/* 0: free */
	struct wheel_node timer;	/* kind TIMER_GROUP: a query waits for an answer */
	uint8_t if_index;
	bool v2;		/* its router speaks IGMPv2 */
};

struct ip_frag;			/* private to ip_frag.c */
struct ip_pmtu;			/* private to ip_pmtu.c */

struct ip {
	struct core *core;
	struct link *link;
	struct ip_addr addrs[IP_ADDRS_MAX];
	unsigned addrs_n;
	/* addrs as they stand in a header */
	struct { uint32_t addr, bcast; } v4[IP_ADDRS_MAX];
	uint64_t pair;		/* source and destination that were judged good last; 0: none */
	struct ip_route routes[IP_ROUTES_MAX];	/* longest prefix first */
	unsigned routes_n;
	uint32_t generation;	/* changes with routes, addresses and link->generation */
	struct ip_proto protos[IP_PROTOS_MAX];
	unsigned protos_n;
	uint8_t row_of[256];	/* protocol number -> 1 + its row, 0: not spoken */
	struct pkt *batch[IP_PROTOS_MAX][IP_BATCH];	/* by row, what waits for its transport */
	unsigned batch_n[IP_PROTOS_MAX];
	uint32_t batched;	/* bit of each row for which something waits */
	struct pktq loop;	/* packets to ourselves, taken in by the next poll */
	/* Who wants copies of what comes, of any protocol; true: it is for nobody else. */
	bool (*raw)(void *self, struct pkt *p);
	void *raw_self;
	struct ip_frag *frag;
	struct ip_group groups[IP_GROUPS_MAX];
	unsigned groups_n;
	struct ip_pmtu *pmtu;
	uint32_t pmtus;		/* in use */
	struct wheel_node pmtu_timer;
	uint32_t *ids;		/* counters behind the identification field, see ip_output.c */
	/* Somebody answers an echo request of ours; NULL: nobody has asked.  `p` is borrowed, its
	 * data at the ICMP header. */
	void (*echo_answered)(void *ctx, const struct pkt *p);
	void *echo_ctx;
	/* rate limit of errors, RFC 1812 §4.3.2.8: when the bucket is full again */
	nsec icmp_next;
	uint32_t icmp_errors_per_s;	/* default 1000 */
	uint64_t in, delivered, out, fragmented, reassembled, echo_in;
};

size_t ip_bytes(void);
void ip_init(struct ip *ip, struct core *core, struct link *link, void *mem);
void ip_fini(struct ip *ip);

/* 0, -E_NOSPC, -E_EXIST, -E_INVAL.  An address brings its prefix's route and is announced. */
int ip_add_addr(struct ip *ip, const struct addr *addr, uint8_t prefix, uint8_t if_index);
/* 0 or -E_NOENT.  Its prefix's route goes with it; connections from it are their owners'. */
int ip_del_addr(struct ip *ip, const struct addr *addr);
int ip_add_route(struct ip *ip, const struct ip_route *route);
int ip_del_route(struct ip *ip, const struct addr *dst, uint8_t prefix);

/* Is it one of ours (loopback's 127/8 included)?  Is it a broadcast or multicast address here? */
bool ip_is_local(const struct ip *ip, const struct addr *a);
bool ip_is_bcast(const struct ip *ip, const struct addr *a);

void ip_add_proto(struct ip *ip, const struct ip_proto *proto);

/* Fills `path` for dst and picks a source when *src is unspecified.  0 or -E_NETUNREACH,
 * -E_ADDRNOTAVAIL (src not ours), -E_NOBUFS (neighbour cache full). */
int ip_path_find(struct ip *ip, struct ip_path *path, struct addr *src, const struct addr *dst);

/* What the first link of the path takes, whatever is known of the others: the MSS that a SYN
 * offers is of that (RFC 1191 §3.1). */
uint16_t ip_path_link_mtu(const struct ip *ip, const struct ip_path *path);

/* The way to `dst` takes no more than this: from a transport that has judged an ICMP error.  True
 * when it is news; then every path is found anew. */
bool ip_pmtu_lower(struct ip *ip, const struct addr *dst, uint16_t mtu);

/* Forward progress to `path`'s destination: its neighbour is reachable (RFC 4861 §7.3.1). */
void ip_path_confirm(struct ip *ip, const struct ip_path *path);

/* Is the path still as it was found? Otherwise find it again (ip_output() does). */
static inline bool ip_path_fresh(const struct ip *ip, const struct ip_path *path)
{
	return path->generation == ip->generation;
}

struct ip_send {
	uint8_t proto, ttl, tos;	/* ttl 0: IP_TTL_DEFAULT */
	bool dont_fragment;
	bool no_loop;		/* what goes to a group does not come back to us */
};

/* Prepends the IPv4 header and sends; fragments when larger than the path's MTU unless told not
 * to (then -E_MSGSIZE; the packet is freed, as on every error, under a named drop reason).  `p`
 * has headroom for the headers in its first piece. */
int ip_output(struct ip *ip, struct ip_path *path, const struct addr *src, const struct addr *dst,
	      const struct ip_send *how, struct pkt *p TAKES);

/* The upper of link for EtherType 0x0800. */
void ip_input(void *ip, struct pkt **p TAKES, unsigned n);

/* Delivers the batches gathered by ip_input() and what was looped; called once a poll after the
 * bursts. Returns true when more looped packets wait. */
bool ip_deliver(struct ip *ip);

/* An ICMP error about a received packet (its IP header at p->data - p->l3); rate limited, never
 * about errors, fragments but the first, broadcasts (RFC 1122 §3.2.2).  Borrows p. */
void ip_icmp_error(struct ip *ip, const struct pkt *p, uint8_t type, uint8_t code, uint32_t info);

/* A node of kind TIMER_FRAG fired. */
void ip_frag_timer(struct ip *ip, struct wheel_node *n);

/* Groups, RFC 3376: joined and left on a device, as often as asked.  0, -E_INVAL (no group),
 * -E_NODEV, -E_NOBUFS. */
int ip_join(struct ip *ip, const struct addr *group, uint8_t if_index);
void ip_leave(struct ip *ip, const struct addr *group, uint8_t if_index);
/* The device by which a group is reached, or -1. */
int ip_group_device(const struct ip *ip, const struct addr *group);
/* The first address of ours on a device; false: none. */
bool ip_addr_on(const struct ip *ip, uint8_t if_index, struct addr *out);
/* A node of kind TIMER_GROUP fired. */
void ip_group_timer(struct ip *ip, struct wheel_node *n);

void ip_set_raw(struct ip *ip, bool (*raw)(void *self, struct pkt *p), void *self);
/* Is there a row for a protocol? */
static inline bool ip_speaks(const struct ip *ip, uint8_t proto)
{
	return ip->row_of[proto];
}
/* Sends a packet whose IPv4 header its owner wrote: what that leaves 0 (source, identification) is
 * filled, lengths and checksum are.  0, -E_INVAL, -E_MSGSIZE, as ip_path_find(). */
int ip_output_own(struct ip *ip, const struct addr *dst, struct pkt *p TAKES);

void ip_check(const struct ip *ip);

#endif
