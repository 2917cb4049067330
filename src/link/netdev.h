/* The driver contract: what a link of any kind is to the stack.
 *
 * A driver moves Ethernet frames between packets of the stack's pool and something outside.  It
 * knows this header, base and port.h, nothing above.  All calls come from the one thread that
 * owns the stack; none blocks, allocates after it is opened, or calls back into the stack. */
#ifndef LINK_NETDEV_H
#define LINK_NETDEV_H

#include "base/pkt.h"

struct netdev;

#define NETDEV_BURST 32u	/* frames asked for in one rx call */
#define NETDEV_MTU_MIN 576u
#define NETDEV_MTU_MAX 65521u

enum netdev_features {
	NETDEV_CSUM_TX = 1 << 0,	/* fills L4 checksums marked PKT_CSUM_TODO */
	NETDEV_CSUM_RX = 1 << 1,	/* sets PKT_CSUM_OK */
	/* takes packets of several pieces (else link/ makes them one) */
	NETDEV_CHAIN_TX = 1 << 2,
};

struct netdev_ops {
	const char *kind;	/* "slirp", "loop", "tap" ... */

	/* Up to `max` received frames, each new from dev->pool with `data` at the Ethernet
	 * header and `total` its length (no FCS), within the MTU unless the device merged
	 * segments (then `gso` says of what size); ownership passes to the caller.  Returns how
	 * many, or a negative error number when the link is gone.  Frames that found no memory
	 * or did not fit are counted in dev->stats and lost, here and not later. */
	int (*rx)(struct netdev *dev, struct pkt **out, unsigned max);

	/* Sends frames in order, one doorbell for all.  Takes the reference of each accepted
	 * frame (and drops it when the frame's memory is free again, during this or a later
	 * call); returns how many, the rest stays the caller's (ring full). */
	unsigned (*tx)(struct netdev *dev, struct pkt **p, unsigned n);

	/* Before sleeping: asks for a wake-up on dev->wake_fd (or by interrupt).  Returns true
	 * when work already waits, so that the caller must look once more instead of sleeping. */
	bool (*arm)(struct netdev *dev);

	/* When the driver itself wants to run next (NSEC_NEVER: only when woken).  May be NULL. */
	nsec (*deadline)(struct netdev *dev, nsec now);

	/* Returns every frame still held, closes what was opened, frees dev->priv. */
	void (*close)(struct netdev *dev);
};

struct netdev_stats {
	uint64_t rx_frames, rx_bytes, tx_frames, tx_bytes;
	uint64_t rx_no_frame;	/* lost: the pool was empty */
	uint64_t rx_oversize;	/* lost: longer than the MTU allows */
	uint64_t rx_runt;	/* lost: shorter than an Ethernet header */
	/* lost at the ring before we saw them, as far as the device tells */
	uint64_t rx_overrun;
	uint64_t tx_full;	/* frames handed back because the ring was full */
	uint64_t tx_error;	/* lost on the way out */
};

struct netdev {
	const struct netdev_ops *ops;
	struct pool *pool;
	struct mac mac;
	uint16_t mtu;		/* bytes of IP packet */
	uint8_t index;		/* set by link/ */
	uint32_t features;
	int wake_fd;		/* poll(2)-able for input, or -1 */
	bool up;		/* carrier */
	char name[32];
	struct netdev_stats stats;
	void *priv;
};

#endif
