/* A link with one fake device and an upper protocol that keeps what it gets: for tests of link/.
 *
 * We are 10.0.0.1, MAC 02:00:00:00:00:01; others are 10.0.0.k with 02:00:00:00:00:k. */
#ifndef HELPER_LINKRIG_H
#define HELPER_LINKRIG_H

#include "helper/fakedev.h"
#include "helper/frame.h"
#include "helper/stage.h"
#include "link/link.h"

#define LINKRIG_GOT_MAX 256u

struct linkrig {
	struct stage stage;
	struct link link;
	struct fakedev dev;
	void *mem;
	struct pkt *got[LINKRIG_GOT_MAX];	/* what the upper for 0x0800 was given */
	unsigned got_n, got_calls;
	unsigned unreachable_n;		/* packets that nobody answered for */
	unsigned changed_n;
	struct frame frame;
};

void linkrig_init(struct linkrig *r, uint32_t neighs, uint32_t features);
void linkrig_fini(struct linkrig *r);	/* after checks */

static inline struct addr linkrig_ip(unsigned k)
{
	return addr_v4(IPV4(10, 0, k >> 8, k & 0xff));
}

static inline struct mac linkrig_mac(unsigned k)
{
	return (struct mac){{2, 0, 0, 0, (uint8_t)(k >> 8), (uint8_t)k}};
}

/* Frames come in. */
void linkrig_in(struct linkrig *r, const void *b, uint32_t n);
void linkrig_arp(struct linkrig *r, unsigned op, unsigned sender, unsigned target, struct mac to);
void linkrig_answer(struct linkrig *r, unsigned sender);	/* a reply to us */
void linkrig_pass(struct linkrig *r, nsec duration);

/* A packet to neighbour k: `n` bytes of k. */
struct link_neigh *linkrig_send(struct linkrig *r, unsigned k, uint32_t n);

/* The next frame that left (after a flush), or NULL; its ARP content. */
const struct fakedev_frame *linkrig_out(struct linkrig *r);
bool linkrig_out_arp(struct linkrig *r, struct mac *to, struct wire_arp *arp);
unsigned linkrig_out_n(struct linkrig *r);
void linkrig_out_skip(struct linkrig *r);

#endif
