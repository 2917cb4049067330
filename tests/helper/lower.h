/* The lower half of a stack for tests: link, ip and udp over one fake device, no TCP, no
 * sockets.
 *
 * We are 10.0.0.1/24 with MAC 02:00:00:00:00:01; the neighbour is 10.0.0.2 with
 * 02:00:00:00:00:02, and the gateway of the default route at the same time. lower_new()
 * resolves it, unless told not to. */
#ifndef HELPER_LOWER_H
#define HELPER_LOWER_H

#include "helper/frame.h"
#include "helper/stage.h"
#include "ip/ip.h"

#define LOWER_US IPV4(10, 0, 0, 1)
#define LOWER_PEER IPV4(10, 0, 0, 2)
#define LOWER_FAR IPV4(192, 0, 2, 9)
#define LOWER_MAC_US ((struct mac){{2, 0, 0, 0, 0, 1}})
#define LOWER_MAC_PEER ((struct mac){{2, 0, 0, 0, 0, 2}})
#define LOWER_FRAMES 512u
#define LOWER_GOT_MAX 512u
#define LOWER_PROTO 253	/* RFC 3692 §2.1: for experiments; the row that lower_watch() adds */

struct udp;
struct fakedev;

struct lower {
	struct stage stage;
	struct ip ip;
	struct link *link;
	struct udp *udp;	/* NULL without */
	void (*check_udp)(const struct udp *udp);
	struct fakedev *dev;
	struct frame frame;	/* to build what is to come in */
	struct frame got;	/* what lower_out() found, and the flags of its packet */
	uint8_t got_flags;
	void *mem[2];
	/* what the row of LOWER_PROTO was given */
	struct pkt *got_p[LOWER_GOT_MAX];
	unsigned got_n, got_calls;
	struct ip_error error;	/* the last */
	uint8_t error_l4[64];
	unsigned errors_n;
};

struct lower_config {
	uint16_t mtu;		/* 0: 1500 */
	uint32_t frames;	/* 0: LOWER_FRAMES */
	bool csum_tx, chain_tx;	/* what the device can do */
	bool unresolved;
};

/* Without UDP, and with.  NULL: the defaults. */
struct lower *lower_new(const struct lower_config *config);
struct lower *lower_new_udp(const struct lower_config *config);
/* Adds a row for LOWER_PROTO that keeps packets and errors. */
void lower_watch(struct lower *l);
void lower_free(struct lower *l);	/* after checks; asserts that no packet leaked */

/* ---- in: frames from the peer; the build functions leave them in l->frame */

struct frame *lower_udp(struct lower *l, uint16_t sport, uint16_t dport, const void *data,
			uint32_t n);
struct frame *lower_icmp(struct lower *l, const struct wire_icmp *icmp, const void *data,
			 uint32_t n);

/* A packet of LOWER_PROTO from the peer. */
struct frame *lower_ip(struct lower *l, const void *data, uint32_t n);

/* Takes l->frame in, and runs a poll's worth of delivery and output. */
void lower_in(struct lower *l);
/* Delivery and output alone. */
void lower_run(struct lower *l);
void lower_pass(struct lower *l, nsec duration);

/* ---- out: the next frame that left, copied to l->got; NULL when there is none */
struct frame *lower_out(struct lower *l);
unsigned lower_out_n(const struct lower *l);	/* how many wait */
void lower_out_skip(struct lower *l);
/* The peer answers the ARP question that waits to be seen. */
void lower_resolve(struct lower *l);

static inline uint64_t lower_drops(const struct lower *l, enum drop why)
{
	return l->stage.core.drops[why];
}

/* Sends `n` bytes with LOWER_PROTO; as ip_output(). */
int lower_send(struct lower *l, uint32_t dst, const void *data, uint32_t n, bool dont_fragment);

/* Drops for any reason. */
uint64_t lower_drops_all(const struct lower *l);

#endif
