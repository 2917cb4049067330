/* What the files of link/ know of each other.  Nobody else includes this. */
#ifndef LINK_LINK_INT_H
#define LINK_LINK_INT_H

#include "link/link.h"
#include "wire/arp.h"
#include "wire/eth.h"

/* ---- link_arp.c */

/* Takes in an ARP packet (data behind the Ethernet header). */
void link_arp_input(struct link *l, uint8_t if_index, struct pkt *p TAKES);

/* Asks who has the entry's address: everybody, or the one who had it last.  A request that finds no
 * frame is not sent; the entry's timer asks again. */
void link_arp_request(struct link *l, const struct link_neigh *n, bool unicast);

/* Tells everybody that the address is ours (RFC 5227 §2.3). */
void link_arp_announce(struct link *l, const struct link_local *local);

/* ---- link_neigh.c */

void link_neigh_init(struct link *l, uint32_t neighs_max, void *mem);
void link_neigh_fini(struct link *l);
void link_neigh_check(const struct link *l);

/* The entry for an address, or NULL. */
struct link_neigh *link_neigh_find(const struct link *l, uint8_t if_index, const struct addr *a);

/* What a packet of the neighbour's own lets us conclude. */
enum link_heard {
	LINK_HEARD_CLAIM,	/* it says that the address is at this MAC: RFC 826's merge */
	LINK_HEARD_ASKS_US,	/* the same, and it is about to talk to us: worth a new entry */
	LINK_HEARD_ANSWER	/* it answers us: the way there and back works */
};

/* Returns false when nothing was known of this neighbour and nothing is now. */
bool link_neigh_heard(struct link *l, uint8_t if_index, const struct addr *a, struct mac mac,
		      enum link_heard how);

#endif
