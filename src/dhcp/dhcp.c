/* The states of a client, RFC 2131 §4.4: see dhcp.h.  Start reading at dhcp_output(). */
#include "dhcp/dhcp_msg.h"

#include "base/assert.h"

#define RETRY_FIRST SEC(4)	/* RFC 2131 §4.1: 4, 8 ... 64 s, each +- 1 s */
#define RETRY_DOUBLINGS 4u
#define REQUESTS_MAX 4u		/* RFC 2131 §3.1 step 5; then all over again */
#define RENEW_RETRY_MIN SEC(60)	/* RFC 2131 §4.4.5 */
#define DECLINE_WAIT SEC(10)	/* RFC 2131 §3.1 step 5 */
#define LEASE_FOREVER UINT32_MAX
#define LEASE_MIN 2u		/* seconds; a shorter lease is taken for this */

/* What may follow what. */
static const uint8_t dhcp_next[DHCP_STATE_N] = {
	[DHCP_INIT] = 1 << DHCP_SELECTING,
	[DHCP_SELECTING] = 1 << DHCP_REQUESTING | 1 << DHCP_INIT,
	[DHCP_REQUESTING] = 1 << DHCP_HELD | 1 << DHCP_INIT,
	[DHCP_HELD] = 1 << DHCP_RENEWING | 1 << DHCP_INIT,
	[DHCP_RENEWING] = 1 << DHCP_HELD | 1 << DHCP_REBINDING | 1 << DHCP_INIT,
	[DHCP_REBINDING] = 1 << DHCP_HELD | 1 << DHCP_INIT,
};

static void set_state(struct dhcp *d, enum dhcp_state to)
{
	assert(dhcp_next[d->state] & 1u << to);
	d->state = (uint8_t)to;
	d->tries = 0;
}

static void begin_again(struct dhcp *d, nsec due)
{
	set_state(d, DHCP_INIT);
	d->due = due;
}

void dhcp_init(struct dhcp *d, struct prng *prng, struct mac mac, nsec now)
{
	mem_zero(d, sizeof(*d));
	d->prng = prng;
	d->mac = mac;
	d->due = now;
}

void dhcp_check(const struct dhcp *d)
{
	assert(d->state < DHCP_STATE_N);
	if (d->state < DHCP_HELD)
		return;
	assert(d->lease.addr && d->lease.server);
	assert(d->lease.renew <= d->lease.rebind && d->lease.rebind <= d->lease.until);
}

/* ---- what we say */

/* The next time-out of a message that is sent again. */
static nsec backoff(struct dhcp *d)
{
	nsec base = RETRY_FIRST << MIN(d->tries, RETRY_DOUBLINGS);

	return base - SEC(1) + prng_u64(d->prng) % SEC(2);
}

/* RFC 2131 §4.4.5: half of what remains, but not too often. */
static nsec renew_again(nsec now, nsec end)
{
	nsec half = (end - now) / 2;

	return MIN(now + MAX(half, RENEW_RETRY_MIN), end);
}

static void say(struct dhcp *d, nsec now, uint8_t *to, uint32_t *n)
{
	struct dhcp_say s = {
		.type = d->state == DHCP_SELECTING ? DHCP_DISCOVER : DHCP_REQUEST,
		.xid = d->xid,
		.mac = d->mac,
		.secs = (uint16_t)MIN((now - d->began) / SEC(1), UINT16_MAX),
		.broadcast = d->state < DHCP_HELD,
	};

	if (d->state == DHCP_REQUESTING) {
		s.requested = d->offer.addr;
		s.server = d->offer.server;
	} else if (d->state >= DHCP_HELD) {
		s.ciaddr = d->lease.addr;
	}
	dhcp_msg_write(to, &s);
	*n = DHCP_MESSAGE_MAX;
	d->sent++;
}

/* A new exchange: RFC 2131 §4.1 wants another xid. */
static void exchange(struct dhcp *d, nsec now)
{
	d->xid = (uint32_t)prng_u64(d->prng);
	d->began = now;
	d->requested = now;
}

/* The state's end has come, or its message is due again.  True when there is one to send. */
static bool step(struct dhcp *d, nsec now, enum dhcp_event *event)
{
	switch ((enum dhcp_state)d->state) {
	case DHCP_INIT:
		set_state(d, DHCP_SELECTING);
		exchange(d, now);
		break;
	case DHCP_SELECTING:
		break;
	case DHCP_REQUESTING:
		if (d->tries < REQUESTS_MAX)
			break;
		begin_again(d, now);
		return step(d, now, event);
	case DHCP_HELD:
		set_state(d, DHCP_RENEWING);
		exchange(d, now);
		break;
	case DHCP_RENEWING:
		if (now >= d->lease.rebind)
			set_state(d, DHCP_REBINDING);
		__attribute__((fallthrough));
	case DHCP_REBINDING:
		if (now < d->lease.until)
			break;
		*event = DHCP_LOST;
		begin_again(d, now);
		return step(d, now, event);
	case DHCP_STATE_N:
		return false;
	}
	return true;
}

enum dhcp_event dhcp_output(struct dhcp *d, nsec now, uint8_t *to, uint32_t *n, uint32_t *src,
			    uint32_t *dst)
{
	enum dhcp_event event = DHCP_NOTHING;

	*n = 0;
	if (now < d->due || !step(d, now, &event))
		return event;
	say(d, now, to, n);
	*src = d->state >= DHCP_HELD ? d->lease.addr : 0;
	*dst = d->state == DHCP_RENEWING ? d->lease.server : UINT32_MAX;
	if (d->state == DHCP_RENEWING)
		d->due = renew_again(now, d->lease.rebind);
	else if (d->state == DHCP_REBINDING)
		d->due = renew_again(now, d->lease.until);
	else
		d->due = now + backoff(d);
	d->tries += d->tries < UINT8_MAX;
	return event;
}

void dhcp_decline(struct dhcp *d, nsec now, uint8_t *to, uint32_t *n)
{
	struct dhcp_say s = { .type = DHCP_DECLINE, .xid = d->xid, .mac = d->mac,
			      .requested = d->lease.addr, .server = d->lease.server };

	assert(d->state == DHCP_HELD);
	dhcp_msg_write(to, &s);
	*n = DHCP_MESSAGE_MAX;
	d->sent++;
	begin_again(d, now + DECLINE_WAIT);
}

/* ---- what we hear */

static uint8_t prefix_of(uint32_t mask, uint32_t addr)
{
	if (mask && !(~mask & (~mask + 1)))	/* ones, then zeros */
		return (uint8_t)__builtin_popcount(mask);
	/* RFC 2131 leaves it open; the classes of RFC 791 are what there was. */
	return addr >> 31 == 0 ? 8 : addr >> 30 == 2 ? 16 : 24;
}

static bool usable(uint32_t addr)
{
	return addr >> 24 != 0 && addr >> 24 != 127 && addr < IPV4(224, 0, 0, 0);
}

static nsec after(nsec start, uint32_t seconds)
{
	return seconds == LEASE_FOREVER ? NSEC_NEVER : start + SEC(seconds);
}

/* What a message grants, counted from when it was asked for (RFC 2131 §4.4.5). */
static void grant(struct dhcp_lease *l, const struct dhcp_msg *m, nsec start)
{
	uint32_t lease = MAX(m->lease_s, LEASE_MIN);
	uint32_t renew = m->renew_s ? m->renew_s : lease / 2;
	uint32_t rebind = m->rebind_s ? m->rebind_s : lease - lease / 8;

	if (lease == LEASE_FOREVER)
		renew = rebind = LEASE_FOREVER;
	rebind = MIN(rebind, lease);
	renew = MIN(renew, rebind);
	*l = (struct dhcp_lease){
		.addr = m->yiaddr, .router = m->router, .server = m->server, .mtu = m->mtu,
		.prefix = prefix_of(m->mask, m->yiaddr), .dns_n = m->dns_n,
		.renew = after(start, renew), .rebind = after(start, rebind),
		.until = after(start, lease),
	};
	mem_copy(l->dns, m->dns, sizeof(l->dns));
}

static enum dhcp_event take_offer(struct dhcp *d, nsec now, const struct dhcp_msg *m)
{
	grant(&d->offer, m, now);
	set_state(d, DHCP_REQUESTING);
	d->requested = now;
	d->due = now;
	return DHCP_NOTHING;
}

static enum dhcp_event take_ack(struct dhcp *d, const struct dhcp_msg *m)
{
	uint32_t server = m->server ? m->server : d->lease.server;

	grant(&d->lease, m, d->requested);
	d->lease.server = server;
	set_state(d, DHCP_HELD);
	d->due = d->lease.renew;
	return DHCP_BOUND;
}

static enum dhcp_event take_nak(struct dhcp *d, nsec now)
{
	bool held = d->state >= DHCP_HELD;

	begin_again(d, now + SEC(1));
	return held ? DHCP_LOST : DHCP_NOTHING;
}

/* Is it an answer to what we last said? */
static enum drop judge(const struct dhcp *d, const struct dhcp_msg *m)
{
	bool grants = m->type == DHCP_OFFER || m->type == DHCP_ACK;

	if (m->op != 2 || m->xid != d->xid || !mac_eq(m->mac, d->mac))
		return DROP_DHCP_NOT_OURS;
	if (d->state == DHCP_INIT || d->state == DHCP_HELD ||
	    (d->state == DHCP_SELECTING) != (m->type == DHCP_OFFER))
		return DROP_DHCP_STATE;
	if (!grants && m->type != DHCP_NAK)
		return DROP_DHCP_STATE;
	/* Of the servers one was chosen. */
	if (d->state == DHCP_REQUESTING && m->server != d->offer.server)
		return DROP_DHCP_STATE;
	if (grants && (!usable(m->yiaddr) || !m->lease_s ||
		       (!m->server && d->state < DHCP_RENEWING)))
		return DROP_DHCP_OPTION;
	return DROP_NOT;
}

enum dhcp_event dhcp_input(struct dhcp *d, nsec now, const uint8_t *b, uint32_t n, enum drop *why)
{
	struct dhcp_msg m;

	*why = dhcp_msg_parse(&m, b, n);
	if (!*why)
		*why = judge(d, &m);
	if (*why)
		return DHCP_NOTHING;
	d->received++;
	if (m.type == DHCP_OFFER)
		return take_offer(d, now, &m);
	return m.type == DHCP_ACK ? take_ack(d, &m) : take_nak(d, now);
}
