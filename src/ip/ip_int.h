/* What the files of ip/ know of each other.  Nobody else includes this. */
#ifndef IP_IP_INT_H
#define IP_IP_INT_H

#include "base/err.h"
#include "ip/ip.h"
#include "link/link.h"
#include "wire/icmp.h"
#include "wire/ipv4.h"

#define IP_IDS 1024u		/* counters behind the identification field, a power of two */
#define IP_MTU_MIN 68u		/* RFC 791 §3.2: every module must forward so much in one piece */

/* ---- ip.c */

void ip_generation_next(struct ip *ip);

/* ---- ip_addr.c */

static inline uint32_t ip_mask(uint8_t prefix)
{
	return prefix ? UINT32_MAX << (32 - prefix) : 0;
}

static inline bool ip_v4_is_multicast(uint32_t ip)
{
	return ip >> 28 == 14;
}

/* The index of the address with that subnet broadcast address, or -1. */
int ip_bcast_of(const struct ip *ip, uint32_t dst);

/* ---- ip_input.c */

/* Brings the first `n` bytes (or all, if fewer) into the first piece. NULL when there was no
 * frame; then the packet was dropped. */
OWNER(pkt_put) struct pkt *ip_contiguous(struct ip *ip, struct pkt *p TAKES, uint32_t n);

/* ---- ip_output.c */

void ip_header_write(struct ip *ip, uint8_t *b, const struct addr *src, const struct addr *dst,
		     const struct ip_send *how, uint32_t total_len);

/* The next identification for (src, dst, proto). */
uint16_t ip_id(struct ip *ip, const struct addr *src, const struct addr *dst, uint8_t proto);

/* Sends a packet that has its IP header along a fresh path. */
int ip_send_on(struct ip *ip, const struct ip_path *path, const struct addr *dst,
	       struct pkt *p TAKES);

/* ---- ip_split.c */

/* Sends the payload `p` in fragments that fit the fresh path. */
int ip_split(struct ip *ip, const struct ip_path *path, const struct addr *src,
	     const struct addr *dst, const struct ip_send *how, struct pkt *p TAKES);

/* ---- ip_pmtu.c */

size_t ip_pmtu_bytes(void);
void ip_pmtu_init(struct ip *ip, void *mem);
void ip_pmtu_fini(struct ip *ip);
void ip_pmtu_apply(const struct ip *ip, struct ip_path *path, const struct addr *dst);
void ip_pmtu_expire(struct ip *ip);
void ip_pmtu_check(const struct ip *ip);

/* ---- ip_frag.c */

size_t ip_frag_bytes(void);
void ip_frag_init(struct ip *ip, void *mem);
void ip_frag_fini(struct ip *ip);
void ip_frag_check(const struct ip *ip);

/* Takes in a fragment (data behind its IP header, rx filled). Returns the whole datagram when
 * it is complete, else NULL. */
OWNER(pkt_put) struct pkt *ip_frag_input(struct ip *ip, struct pkt *p TAKES, uint16_t id,
					 uint16_t frag);

/* ---- ip_group.c */

void ip_igmp_input(void *ip, struct pkt **p TAKES, unsigned n);
bool ip_group_in(const struct ip *ip, uint32_t group, uint8_t if_index);

/* ---- ip_icmp.c, ip_icmp_error.c */

void ip_icmp_input(void *ip, struct pkt **p TAKES, unsigned n);

/* An ICMP error about us: judges what it quotes and tells the transport. */
enum drop ip_icmp_error_input(struct ip *ip, const struct pkt *p, const struct wire_icmp *icmp);

/* link's: nobody answers for the next hop of p. */
void ip_unreachable(void *ip, struct pkt *p TAKES);

#endif
