/* Ethernet: frames in and out of devices, and the neighbour cache with ARP (RFC 826, RFC 1122
 * §2.3.2, RFC 5227 conflict notice).
 *
 * Input goes burst by burst to the upper protocol that registered an EtherType.  Output queues
 * frames per device until link_flush(): one doorbell a poll.  The cache knows IPv4 neighbours
 * now; IPv6's ND registers itself as another prober.
 *
 * Always: an entry with packets queued is being resolved and has a timer; `generation` changes
 * whenever a cached answer may have become wrong. */
#ifndef LINK_LINK_H
#define LINK_LINK_H

#include "base/core.h"
#include "base/table.h"
#include "link/netdev.h"

#define LINK_DEVS_MAX 8
#define LINK_UPPERS_MAX 4
/* frames waiting for the doorbell or for room in the ring, per device */
#define LINK_TXQ_MAX 256u
#define LINK_NEIGHS_MAX 256u	/* default size of the neighbour cache */
/* packets kept per neighbour while it resolves (RFC 1122 §2.3.2.2: >= 1) */
#define LINK_NEIGH_QUEUE_MAX 8u

/* From NEIGH_REACHABLE on, packets go straight there. */
enum link_neigh_state {
	NEIGH_FREE, NEIGH_FAILED, NEIGH_INCOMPLETE, NEIGH_STALE, NEIGH_REACHABLE, NEIGH_PROBE
};

struct link_neigh {
	/* first cache line: what sending a packet touches */
	uint8_t header[16];	/* the Ethernet header of packets to it, 14 bytes */
	struct addr addr;
	struct mac mac;
	uint8_t state;		/* enum link_neigh_state */
	uint8_t if_index;
	uint8_t probes;		/* requests sent in this round */
	uint8_t class;		/* private to link_neigh.c: on which list it is */
	bool given;		/* link_neigh_get() returned it: somebody may remember it */
	nsec used, confirmed;	/* last sent to, 0: never; last heard from */

	struct pktq queue;
	struct wheel_node timer;	/* kind TIMER_NEIGH */
	struct list node;	/* of its class */
} CACHE_ALIGNED;

struct link_upper {
	uint16_t type;		/* EtherType */
	/* data at the network header */
	void (*input)(void *self, struct pkt **p TAKES, unsigned n);
	void *self;
};

struct link_local {		/* an address of ours that the prober answers for; kept by ip */
	struct addr addr;
	uint8_t if_index;
	nsec defended;		/* RFC 5227 §2.4: when it was last, 0: never */
};

struct link_dev {
	struct netdev *dev;
	uint64_t mac;		/* the device's, as a load of eight bytes sees it */
	uint32_t frame_max;	/* bytes of a frame with its header */
	uint32_t bit;		/* its own in link->tx_ready */
	unsigned tx_n;
	unsigned tapped_n;	/* of them, seen by link->tap */
	bool chain;		/* takes packets of several pieces */
	struct pkt *txq[LINK_TXQ_MAX];
};

#define LINK_LOCALS_MAX 16
/* Entries by what they are good for; see link_neigh.c. */
enum link_neigh_class {
	LINK_CLASS_FREE, LINK_CLASS_IDLE, LINK_CLASS_UNUSED, LINK_CLASS_ASKED, LINK_CLASS_KNOWN,
	LINK_CLASS_N
};

struct link {
	struct core *core;
	uint32_t tx_ready;	/* bit i: frames are queued for device i */
	struct link_dev devs[LINK_DEVS_MAX];
	unsigned devs_n;
	struct link_upper uppers[LINK_UPPERS_MAX];
	unsigned uppers_n;
	struct link_local locals[LINK_LOCALS_MAX];
	unsigned locals_n;
	struct table neigh_table;
	struct link_neigh *neighs;
	uint32_t neighs_max;
	struct list classes[LINK_CLASS_N];
	uint32_t class_n[LINK_CLASS_N];
	nsec known_until;	/* no KNOWN entry can be evicted before */
	uint32_t generation;	/* see above */
	void (*changed)(void *ctx);	/* ip's: generation was changed; may be NULL */
	nsec neigh_keep;	/* default 5 minutes */
	/* ip's: nobody answered for p's next hop */
	void (*unreachable)(void *ctx, struct pkt *p TAKES);
	void *unreachable_ctx;	/* and of `changed` */
	uint64_t conflicts;	/* RFC 5227 notices given */
	/* Who sees every frame, before it is judged and when it leaves; NULL: nobody. */
	void (*tap)(void *self, uint8_t if_index, const struct pkt *frame, bool out);
	void *tap_self;
};

size_t link_bytes(uint32_t neighs_max);
void link_init(struct link *l, struct core *core, uint32_t neighs_max, void *mem);
void link_fini(struct link *l);	/* frees queued packets; devices are closed by their owner */

/* Adds a device (its index is returned, or -E_NOSPC), an upper protocol, a local address. */
int link_add_dev(struct link *l, struct netdev *dev);
void link_add_upper(struct link *l, uint16_t type, void (*input)(void *, struct pkt **, unsigned),
		    void *self);
int link_add_local(struct link *l, const struct addr *addr, uint8_t if_index);	/* announces it */

void link_del_local(struct link *l, const struct addr *addr, uint8_t if_index);

void link_set_tap(struct link *l, void (*tap)(void *self, uint8_t if_index,
					      const struct pkt *frame, bool out), void *self);

/* Takes in a burst from device `if_index`. */
void link_input(struct link *l, uint8_t if_index, struct pkt **p TAKES, unsigned n);

/* Finds or makes the entry for a next hop; NULL when the cache is full of entries in use. */
struct link_neigh *link_neigh_get(struct link *l, uint8_t if_index, const struct addr *next_hop);

/* Sends a network packet to a neighbour, resolving it first when needed. */
void link_output(struct link *l, struct link_neigh *to, uint16_t type, struct pkt *p TAKES);

/* A whole frame that does not simply go on the queue: the queue is full, or the frame is too
 * long or in pieces. */
void link_enqueue_slow(struct link *l, struct link_dev *d, struct pkt *p TAKES);

static inline void link_enqueue(struct link *l, struct link_dev *d, struct pkt *p TAKES)
{
	if (unlikely(d->tx_n == LINK_TXQ_MAX || p->total > d->frame_max || (p->frag && !d->chain)))
		link_enqueue_slow(l, d, p);
	else {
		d->txq[d->tx_n++] = p;
		l->tx_ready |= d->bit;
	}
}

#define LINK_HEADER 14u

/* The fast form of link_output() for an entry that is NEIGH_REACHABLE or NEIGH_PROBE: p->data is at
 * LINK_HEADER bytes in front of the network header, which are filled here. */
static inline void link_output_known(struct link *l, struct link_neigh *to, struct pkt *p TAKES)
{
	mem_copy(p->data, to->header, 8);
	mem_copy(p->data + LINK_HEADER - 8, to->header + LINK_HEADER - 8, 8);
	to->used = l->core->now;
	link_enqueue(l, &l->devs[to->if_index], p);
}

/* Sends a network packet to a link-layer address (broadcast, or an answer). */
void link_output_mac(struct link *l, uint8_t if_index, struct mac to, uint16_t type,
		     struct pkt *p TAKES);

/* Reachability as a transport knows it: forward progress (RFC 4861 §7.3.1). */
void link_neigh_confirm(struct link *l, struct link_neigh *n);

/* A node of kind TIMER_NEIGH fired. */
void link_timer(struct link *l, struct wheel_node *n);

/* Hands everything queued to the devices.  What a full ring does not take is kept for the next
 * flush up to LINK_TXQ_MAX and dropped as DEV_TX_FULL beyond. Returns true when frames had to
 * stay. */
bool link_flush(struct link *l);

void link_check(const struct link *l);

#endif
