/* A DHCP client: RFC 2131 and the options of RFC 2132 that a host needs.
 *
 * Messages and time in, messages and a deadline out: it neither sends nor sleeps, and knows no
 * socket.  Who owns it (net/net_dhcp.c) gives it what came to port 68 and sends what it has to say
 * to port 67.
 *
 * Always: between DHCP_BOUND and DHCP_LOST there is a lease, and `until` lies ahead of what the
 * owner was last told; a message is believed only if it answers the last one of ours (xid) and is
 * for our Ethernet address. */
#ifndef DHCP_DHCP_H
#define DHCP_DHCP_H

#include "base/addr.h"
#include "base/drop.h"
#include "base/prng.h"

#define DHCP_PORT_SERVER 67u
#define DHCP_PORT_CLIENT 68u
#define DHCP_MESSAGE_MAX 300u	/* of ours: BOOTP's smallest, RFC 1542 §2.1 */
#define DHCP_DNS_MAX 3u

enum dhcp_state {	/* RFC 2131 §4.4, figure 5; there is no disk to remember a lease on */
	DHCP_INIT, DHCP_SELECTING, DHCP_REQUESTING, DHCP_HELD, DHCP_RENEWING, DHCP_REBINDING,
	DHCP_STATE_N
};

enum dhcp_event {
	DHCP_NOTHING,
	DHCP_BOUND,	/* there is a lease, or the one there was is another now: see it */
	DHCP_LOST,	/* the address must not be used any more */
};

struct dhcp_lease {
	uint32_t addr, router, server;	/* host order; router 0: none */
	uint8_t prefix;
	uint16_t mtu;			/* RFC 2132 §5.1; 0: nothing was said */
	uint32_t dns[DHCP_DNS_MAX];
	uint8_t dns_n;
	nsec renew, rebind, until;	/* T1, T2, the end; NSEC_NEVER: for good */
};

struct dhcp {
	struct prng *prng;
	struct mac mac;
	uint8_t state;		/* enum dhcp_state */
	uint8_t tries;		/* of this message */
	uint32_t xid;
	nsec began;		/* this attempt: the `secs` field */
	nsec due;		/* when to send next, or when the state ends */
	nsec requested;		/* when the request that may be answered was sent first */
	struct dhcp_lease lease, offer;
	uint64_t sent, received;
};

void dhcp_init(struct dhcp *d, struct prng *prng, struct mac mac, nsec now);

/* When dhcp_output() wants to be called next. */
static inline nsec dhcp_deadline(const struct dhcp *d)
{
	return d->due;
}

/* What time has brought.  Fills `to` (DHCP_MESSAGE_MAX bytes) when there is something to say: *n
 * bytes, not 0, from address *src (0: none yet) to *dst (UINT32_MAX: everybody). */
enum dhcp_event dhcp_output(struct dhcp *d, nsec now, uint8_t *to, uint32_t *n, uint32_t *src,
			    uint32_t *dst);

/* Takes in the payload of a datagram to port 68.  *why: the reason, when nothing was believed. */
enum dhcp_event dhcp_input(struct dhcp *d, nsec now, const uint8_t *b, uint32_t n, enum drop *why);

/* Somebody else uses the address that we have just been given (RFC 2131 §3.1 step 5): fills the
 * DECLINE, and begins again after ten seconds. */
void dhcp_decline(struct dhcp *d, nsec now, uint8_t *to, uint32_t *n);

void dhcp_check(const struct dhcp *d);

#endif
