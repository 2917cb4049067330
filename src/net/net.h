/* The composition root: one stack instance, its memory, its moment, and the poll.
 *
 * The whole stack hangs off one struct net.  A platform hands in time, entropy and devices;
 * net_poll() turns (frames, now) into (frames, next deadline).  One thread. */
#ifndef NET_NET_H
#define NET_NET_H

#include "dhcp/dhcp.h"
#include "ip/ip.h"
#include "link/link.h"
#include "tcp/tcp.h"
#include "udp/udp.h"

struct net_config {
	/* of FRAME_SIZE bytes: everything received or copied lies in them */
	uint32_t frames;
	uint32_t bare;			/* descriptors for slices and lent memory */
	uint32_t neighs_max;		/* 256 */
	struct tcp_config tcp;
	uint64_t seed;			/* chance that need not be secret */
	struct siphash_key hash_key, secret_key;	/* entropy */
	struct spread spread;	/* {0, 0}: alone behind its addresses */
	void (*log)(void *ctx, enum log_level level, const char *line);
	void *log_ctx;
};

/* 16,384 frames, 4,096 connections ... every figure the design's. Keys and seed are left zero:
 * fill them. */
void net_config_default(struct net_config *config);

struct net_dhcp {		/* the owner's memory, as long as it runs */
	struct dhcp dhcp;
	struct udp_sock sock;
	uint8_t if_index, prefix;
	bool bound, routed;	/* the lease's address, its default route are in ip */
	struct addr addr;
	uint32_t router;
	nsec bound_at;
	uint64_t conflicts;	/* of link, as the address was taken */
};

struct net {
	struct core core;
	struct pool pool;
	struct link link;
	struct ip ip;
	struct udp udp;
	struct tcp tcp;
	/* The layer above: drains ready lists, runs between input and output.  Returns true when
	 * it wants another poll at once. */
	bool (*drain)(void *ctx);
	void (*sock_timer)(void *ctx, struct wheel_node *n);	/* TIMER_SOCK and TIMER_RING */
	void *drain_ctx;
	/* What is nobody's here goes there, and what comes from there goes out; may be NULL. */
	struct netdev *exception;
	struct pkt *foreign[NETDEV_BURST];
	unsigned foreign_n;
	uint64_t foreign_in, foreign_out;
	struct net_dhcp *dhcp;	/* NULL: addresses are the owner's business */
	uint64_t polls, polls_idle;	/* calls, and those that found nothing to do */
};

/* Bytes of memory for `config`: the region of frames, and everything private.  0 when the config is
 * wrong; *why names the field and what is allowed. */
size_t net_region_bytes(const struct net_config *config, const char **why);
size_t net_private_bytes(const struct net_config *config, const char **why);

/* Builds a stack in memory that the caller mapped: `region` FRAME_SIZE aligned, `mem` cache
 * aligned and zeroed.  Both live until net_fini().  `now` > 0. */
void net_init(struct net *net, const struct net_config *config, void *region, void *mem, nsec now);

/* Frees every packet; afterwards pool_at_rest() holds unless the owner still has some. */
void net_fini(struct net *net);

/* A device must be open and stay so until net_fini().  Returns its interface index or a negative
 * error. */
int net_add_dev(struct net *net, struct netdev *dev);

/* Asks for an address on a device, by every poll from now on, and keeps the lease; d->bound tells
 * whether there is one.  0, or -E_ADDRINUSE when port 68 is taken. */
int net_dhcp_start(struct net *net, struct net_dhcp *d, uint8_t if_index);
void net_dhcp_stop(struct net *net);
nsec net_dhcp_poll(struct net *net);	/* a part of net_poll(): the next deadline */

/* The way back to the kernel: see net_exception.c.  `dev` is open, has the address of device 0, and
 * stays until net_exception_stop() or net_fini(). */
void net_exception(struct net *net, struct netdev *dev);
void net_exception_stop(struct net *net);
bool net_exception_poll(struct net *net);	/* a part of net_poll() */

/* One bounded round: receive bursts, timers that are due, drain, output, doorbells.  Returns the
 * moment by which it wants to be called again (`now` itself: at once; NSEC_NEVER: only when a
 * device wakes). */
nsec net_poll(struct net *net, nsec now);

/* Output and doorbells alone: after the owner has submitted and before it sleeps. */
void net_flush(struct net *net);

/* Every layer's invariants. */
void net_check(const struct net *net);

#endif
