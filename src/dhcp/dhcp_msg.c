/* BOOTP's fixed part and the options behind it: see dhcp_msg.h. */
#include "dhcp/dhcp_msg.h"

#include "base/assert.h"

#define FIXED 240u		/* with the magic cookie */
#define COOKIE 0x63825363u	/* RFC 2131 §3 */
#define SNAME_AT 44u
#define SNAME_LEN 64u
#define FILE_AT 108u
#define FILE_LEN 128u
#define FLAG_BROADCAST 0x8000u

enum {				/* RFC 2132 */
	OPT_PAD = 0, OPT_MASK = 1, OPT_ROUTER = 3, OPT_DNS = 6, OPT_MTU = 26, OPT_REQUESTED = 50,
	OPT_LEASE = 51, OPT_OVERLOAD = 52, OPT_TYPE = 53, OPT_SERVER = 54, OPT_PARAMS = 55,
	OPT_SIZE = 57, OPT_RENEW = 58, OPT_REBIND = 59, OPT_CLIENT = 61, OPT_END = 255
};

/* ---- in */

static void take_u32(uint32_t *to, const uint8_t *b, uint8_t n)
{
	if (n >= 4)
		*to = load_be32(b);
}

static void take_dns(struct dhcp_msg *m, const uint8_t *b, uint8_t n)
{
	for (m->dns_n = 0; m->dns_n < DHCP_DNS_MAX && n >= 4; n -= 4, b += 4)
		m->dns[m->dns_n++] = load_be32(b);
}

static void take_option(struct dhcp_msg *m, uint8_t *overload, uint8_t code, const uint8_t *b,
			uint8_t n)
{
	switch (code) {
	case OPT_TYPE:
		m->type = n ? b[0] : 0;
		break;
	case OPT_OVERLOAD:
		*overload = n ? b[0] : 0;
		break;
	case OPT_MASK:
		take_u32(&m->mask, b, n);
		break;
	case OPT_ROUTER:
		take_u32(&m->router, b, n);
		break;
	case OPT_SERVER:
		take_u32(&m->server, b, n);
		break;
	case OPT_LEASE:
		take_u32(&m->lease_s, b, n);
		break;
	case OPT_RENEW:
		take_u32(&m->renew_s, b, n);
		break;
	case OPT_REBIND:
		take_u32(&m->rebind_s, b, n);
		break;
	case OPT_MTU:
		m->mtu = n == 2 ? load_be16(b) : 0;
		break;
	case OPT_DNS:
		take_dns(m, b, n);
		break;
	default:
		break;
	}
}

static enum drop take_options(struct dhcp_msg *m, uint8_t *overload, const uint8_t *b, uint32_t n)
{
	for (uint32_t at = 0; at < n && b[at] != OPT_END;) {
		if (b[at] == OPT_PAD) {
			at++;
			continue;
		}
		if (at + 2 > n || at + 2 + b[at + 1] > n)
			return DROP_DHCP_OPTION;
		take_option(m, overload, b[at], b + at + 2, b[at + 1]);
		at += 2u + b[at + 1];
	}
	return DROP_NOT;
}

enum drop dhcp_msg_parse(struct dhcp_msg *out, const uint8_t *b, uint32_t n)
{
	uint8_t overload = 0, none;
	enum drop why;

	if (n < FIXED)
		return DROP_DHCP_SHORT;
	mem_zero(out, sizeof(*out));
	out->op = b[0];
	out->xid = load_be32(b + 4);
	out->yiaddr = load_be32(b + 16);
	mem_copy(out->mac.b, b + 28, sizeof(out->mac.b));
	if (b[1] != 1 || b[2] != 6 || load_be32(b + 236) != COOKIE)
		return DROP_DHCP_OPTION;
	why = take_options(out, &overload, b + FIXED, n - FIXED);
	/* RFC 2131 §4.1: file first, then sname. */
	if (!why && overload & 1)
		why = take_options(out, &none, b + FILE_AT, FILE_LEN);
	if (!why && overload & 2)
		why = take_options(out, &none, b + SNAME_AT, SNAME_LEN);
	return why;
}

/* ---- out */

static uint8_t *put_u32(uint8_t *at, uint8_t code, uint32_t value)
{
	if (!value)
		return at;
	at[0] = code;
	at[1] = 4;
	store_be32(at + 2, value);
	return at + 6;
}

void dhcp_msg_write(uint8_t *b, const struct dhcp_say *say)
{
	static const uint8_t params[] = { OPT_PARAMS, 7, OPT_MASK, OPT_ROUTER, OPT_DNS, OPT_MTU,
					  OPT_LEASE, OPT_RENEW, OPT_REBIND };
	uint8_t *at = b + FIXED;

	mem_zero(b, DHCP_MESSAGE_MAX);
	b[0] = 1;		/* BOOTREQUEST, over Ethernet, 6 bytes */
	b[1] = 1;
	b[2] = 6;
	store_be32(b + 4, say->xid);
	store_be16(b + 8, say->secs);
	store_be16(b + 10, say->broadcast ? FLAG_BROADCAST : 0);
	store_be32(b + 12, say->ciaddr);
	mem_copy(b + 28, say->mac.b, sizeof(say->mac.b));
	store_be32(b + 236, COOKIE);
	*at++ = OPT_TYPE;
	*at++ = 1;
	*at++ = say->type;
	*at++ = OPT_CLIENT;
	*at++ = 7;
	*at++ = 1;
	mem_copy(at, say->mac.b, sizeof(say->mac.b));
	at = put_u32(at + sizeof(say->mac.b), OPT_REQUESTED, say->requested);
	at = put_u32(at, OPT_SERVER, say->server);
	if (say->type == DHCP_DISCOVER || say->type == DHCP_REQUEST) {
		at[0] = OPT_SIZE;
		at[1] = 2;
		store_be16(at + 2, 1472);
		mem_copy(at + 4, params, sizeof(params));
		at += 4 + sizeof(params);
	}
	*at++ = OPT_END;
	assert(at <= b + DHCP_MESSAGE_MAX);
}
