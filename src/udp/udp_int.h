/* What the files of udp/ know of each other.  Nobody else includes this. */
#ifndef UDP_UDP_INT_H
#define UDP_UDP_INT_H

#include "base/csum.h"
#include "bpf/bpf.h"
#include "base/err.h"
#include "udp/udp.h"
#include "wire/icmp.h"
#include "wire/ipv4.h"
#include "wire/udp.h"

/* A queued error: in pkt->cb[0] where the datagram went, behind that this. */
static_assert(sizeof(struct udp_told) <= 6 * sizeof(uint64_t), "fits pkt->cb");

static inline struct list *udp_bucket(struct udp *u, uint16_t port)
{
	return &u->ports[port & (UDP_PORTS_HASH - 1)];
}

/* ---- udp_ports.c */

/* Who gets a datagram from (src, sport) to (dst, dport), or NULL. */
struct udp_sock *udp_lookup(struct udp *u, const struct addr *src, uint16_t sport,
			    const struct addr *dst, uint16_t dport);

/* How well a socket matches: 0 not at all, else more for what is less general. */
unsigned udp_match(const struct udp_sock *s, const struct addr *src, uint16_t sport,
		   const struct addr *dst, uint16_t dport);

/* Binds to a port chosen for that remote end, if not bound yet. */
int udp_bind_any(struct udp *u, struct udp_sock *s, const struct addr *remote, uint16_t rport);

/* ---- udp_raw.c */

void udp_raw_close(struct udp *u, struct udp_sock *s);
/* Does the socket's filter want it?  Cuts it to what is wanted. */
bool udp_filter(const struct udp_sock *s, struct pkt *p);

/* ---- udp_group.c */

void udp_leave_all(struct udp *u, struct udp_sock *s);
/* Is a datagram to that group on that device for it? */
bool udp_wants_group(const struct udp *u, const struct udp_sock *s, const struct pkt *p);

/* ---- udp_input.c */

bool udp_enqueue(struct udp *u, struct udp_sock *s, struct pkt *p TAKES);
void udp_input(void *udp, struct pkt **p TAKES, unsigned n);
void udp_icmp_error(void *udp, const struct ip_error *e);

/* The sum over all of a packet, as a rule of one piece. */
static inline uint64_t udp_sum(const struct pkt *p, uint64_t sum)
{
	return likely(!p->frag) ? csum_partial(p->data, p->len, sum) :
				  csum_pkt(p, 0, p->total, sum);
}

/* What a queued datagram costs its socket. */
static inline uint32_t udp_charge(const struct pkt *p)
{
	return p->total + UDP_PKT_COST;
}

#endif
