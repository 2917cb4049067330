/* ICMP errors, both ways: what others say about our packets, and what we say about theirs.
 *
 * An error in is believed only as far as it quotes a packet that we could have sent; the
 * transport judges the rest (ports, sequence numbers). An error out is never about an error,
 * never about a group, and rate limited (RFC 1122 §3.2.2). */
#include "ip/ip_int.h"

#define ERROR_LEN_MAX 576u		/* RFC 1812 §4.3.2.3 */
#define ERROR_BURST 32u			/* errors at once, if none were sent for a while */

/* ---- in */

/* What an error means to the user, and is it hard (RFC 1122 §4.2.3.9, RFC 5461 §2)?  By code. */
static const struct meaning {
	uint8_t err;
	bool hard;
} unreach[] = {
	{E_NETUNREACH, false},	/* network */
	{E_HOSTUNREACH, false},	/* host */
	{E_NOPROTOOPT, true},	/* protocol */
	{E_CONNREFUSED, true},	/* port */
	{E_MSGSIZE, true},	/* fragmentation needed; hard only without path MTU discovery */
	{E_OPNOTSUPP, false},	/* source route failed */
	{E_NETUNREACH, false},	/* network unknown */
	{E_HOSTDOWN, false},	/* host unknown */
	{E_HOSTUNREACH, false},	/* source isolated */
	{E_NETUNREACH, false},	/* network prohibited */
	{E_HOSTUNREACH, false},	/* host prohibited */
	{E_NETUNREACH, false},	/* network unreachable for this TOS */
	{E_HOSTUNREACH, false},	/* host unreachable for this TOS */
	{E_HOSTUNREACH, false},	/* prohibited by a filter, RFC 1812 §5.2.7.1 */
	{E_HOSTUNREACH, false},	/* precedence violation */
	{E_HOSTUNREACH, false},	/* precedence cutoff */
};

/* RFC 1191 §7.1: the MTU to try when a router does not name its own: the next step down from
 * what was too long. A router that names more than that is not believed either. */
static uint16_t next_mtu(uint16_t named, uint16_t total_len)
{
	static const uint16_t plateau[] = {
		65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, IP_MTU_MIN
	};
	unsigned i = 0;

	if (named && named < total_len)
		return MAX(named, IP_MTU_MIN);
	while (i < ARRAY_LEN(plateau) - 1 && plateau[i] >= total_len)
		i++;
	return plateau[i];
}

/* Tells the transport about one of our packets of which `h` is the header. */
static enum drop tell(struct ip *ip, const struct wire_ipv4 *h, const uint8_t *l4, uint32_t l4_len,
		      struct ip_error *e)
{
	const struct ip_proto *row;

	e->src = addr_v4(h->src);
	e->dst = addr_v4(h->dst);
	e->l4 = l4;
	e->l4_len = (uint16_t)l4_len;
	if (!ip->row_of[h->proto])
		return DROP_ICMP_ABOUT;
	row = &ip->protos[ip->row_of[h->proto] - 1];
	if (!row->error)
		return DROP_ICMP_ABOUT;
	row->error(row->self, e);
	return DROP_NOT;
}

static bool could_be_ours(const struct ip *ip, const struct pkt *p, const struct wire_ipv4 *h)
{
	struct addr src = addr_v4(h->src), dst = addr_v4(h->dst);

	if (h->frag & WIRE_IPV4_OFFSET || !ip_is_local(ip, &src) || ip_is_bcast(ip, &dst))
		return false;
	return p->flags & PKT_LOOPED || h->src >> 24 != 127;
}

enum drop ip_icmp_error_input(struct ip *ip, const struct pkt *p, const struct wire_icmp *icmp)
{
	/* time exceeded: RFC 1122 §3.2.2.4 */
	struct ip_error e = {.err = E_HOSTUNREACH, .from = p->rx.src, .type = icmp->type,
			     .code = icmp->code};
	const uint8_t *quote = p->data + WIRE_ICMP_LEN;
	uint32_t n = p->len - WIRE_ICMP_LEN;
	struct wire_ipv4 h;
	enum drop why = wire_icmp_quoted(&h, quote, n);

	if (why)
		return why;
	if (!could_be_ours(ip, p, &h))
		return DROP_ICMP_ABOUT;
	if (icmp->type == WIRE_ICMP_PARAM)
		e.err = E_PROTO;
	if (icmp->type == WIRE_ICMP_UNREACH) {
		if (icmp->code >= ARRAY_LEN(unreach))
			return DROP_ICMP_TYPE;
		e.err = unreach[icmp->code].err;
		e.hard = unreach[icmp->code].hard;
		if (icmp->code == WIRE_ICMP_FRAG)
			e.mtu = next_mtu(icmp->mtu, h.total_len);
		e.len = h.total_len;
	}
	return tell(ip, &h, quote + h.header_len, n - h.header_len, &e);
}

/* The same news from our own link layer, about a packet that never left. */
void ip_unreachable(void *self, struct pkt *p)
{
	struct ip_error e = {.err = E_HOSTUNREACH, .type = WIRE_ICMP_UNREACH, .code = 1};
	uint8_t b[WIRE_IPV4_LEN + WIRE_IPV4_LEN_MAX];
	uint32_t n = pkt_read(p, 0, b, sizeof(b));
	struct wire_ipv4 h;
	struct ip *ip = self;

	if (!wire_icmp_quoted(&h, b, n) && !(h.frag & WIRE_IPV4_OFFSET))
		tell(ip, &h, b + h.header_len, n - h.header_len, &e);
	core_drop(ip->core, DROP_NEIGH_UNREACHABLE, p);
}

/* ---- out */

/* May an error be sent about this packet at all? RFC 1122 §3.2.2; its source was judged on
 * arrival. */
static bool deserves_error(const struct pkt *p)
{
	uint8_t type;

	if (p->flags & PKT_LINK_BCAST || load_be16(p->data - p->l3 + 6) & WIRE_IPV4_OFFSET)
		return false;
	if (p->rx.proto != WIRE_PROTO_ICMP)
		return true;
	if (p->len == 0)
		return false;
	type = p->data[0];		/* queries: echo, timestamp, information, mask */
	return type == WIRE_ICMP_ECHO_REPLY || type == WIRE_ICMP_ECHO || (type >= 13 && type <= 18);
}

static bool within_rate(struct ip *ip)
{
	nsec now = ip->core->now, each;

	if (!ip->icmp_errors_per_s)
		return false;
	each = SEC(1) / ip->icmp_errors_per_s;
	if (ip->icmp_next > now + ERROR_BURST * each)
		return false;
	ip->icmp_next = MAX(ip->icmp_next, now) + each;
	return true;
}

/* The ICMP message, with as much of the packet as there may be. */
static struct pkt *error_new(struct ip *ip, const struct pkt *about, const struct wire_icmp *icmp)
{
	struct pkt *p = pkt_new(ip->core->pool);
	uint32_t n = ERROR_LEN_MAX - WIRE_IPV4_LEN - WIRE_ICMP_LEN - about->l3;
	uint16_t csum;

	if (!p)
		return NULL;
	wire_icmp_write(p->data, icmp);
	mem_copy(p->data + WIRE_ICMP_LEN, about->data - about->l3, about->l3);
	n = pkt_read(about, 0, p->data + WIRE_ICMP_LEN + about->l3, n);
	p->len = p->total = WIRE_ICMP_LEN + about->l3 + n;
	csum = csum_fold(csum_partial(p->data, p->len, 0));
	mem_copy(p->data + 2, &csum, 2);
	return p;
}

void ip_icmp_error(struct ip *ip, const struct pkt *p, uint8_t type, uint8_t code, uint32_t info)
{
	struct wire_icmp icmp = {.type = type, .code = code};
	struct ip_send how = {.proto = WIRE_PROTO_ICMP};
	struct ip_path path = {0};
	struct addr src = p->rx.dst, dst = p->rx.src;
	struct pkt *error;

	if (!deserves_error(p))
		return;
	if (!within_rate(ip)) {
		core_count_drop(ip->core, DROP_ICMP_RATE, p);
		return;
	}
	if (type == WIRE_ICMP_PARAM)
		icmp.pointer = (uint8_t)info;
	else
		icmp.mtu = (uint16_t)info;
	error = error_new(ip, p, &icmp);
	if (!error) {
		core_count_drop(ip->core, DROP_POOL_EMPTY, p);
		return;
	}
	ip_output(ip, &path, &src, &dst, &how, error);
}
