/* ICMP messages in: echo is answered, errors go to ip_icmp_error.c, the rest is counted. */
#include "ip/ip_int.h"

enum { SOURCE_QUENCH = 4, REDIRECT = 5 };

/* The question becomes the answer in place, whatever its size (RFC 1122 §3.2.2.6); only a
 * packet whose bytes may be somebody else's too, or that has no room in front, is copied. */
static void echo_answer(struct ip *ip, struct pkt *p TAKES)
{
	struct addr src = p->rx.dst, dst = p->rx.src;
	struct ip_send how = {.proto = WIRE_PROTO_ICMP, .tos = p->rx.tos & ~3u};
	struct ip_path path = {0};
	uint16_t csum, was, is;

	ip->echo_in++;
	if (p->flags & PKT_LOOPED || p->refs > 1 || pkt_headroom(p) < PKT_HEADROOM / 4) {
		struct pkt *own = pkt_copy(ip->core->pool, p);

		if (!own) {
			core_drop(ip->core, DROP_POOL_EMPTY, p);
			return;
		}
		pkt_put(p);
		p = own;
	}
	p->flags = 0;
	p->l3 = 0;
	mem_copy(&was, p->data, 2);
	p->data[0] = WIRE_ICMP_ECHO_REPLY;
	mem_copy(&is, p->data, 2);
	mem_copy(&csum, p->data + 2, 2);
	csum = csum_update(csum, was, is);
	mem_copy(p->data + 2, &csum, 2);
	ip_output(ip, &path, &src, &dst, &how, p);
}

static enum drop judge(const struct ip *ip, const struct pkt *p, struct wire_icmp *icmp)
{
	enum drop why = wire_icmp_parse(icmp, p->data, p->len);

	if (why)
		return why;
	if (!(p->flags & PKT_LOOPED) && csum_fold(csum_pkt(p, 0, p->total, 0)))
		return DROP_ICMP_CSUM;
	switch (icmp->type) {
	case WIRE_ICMP_ECHO:		/* RFC 1122 §3.2.2.6 */
		return p->flags & PKT_LINK_BCAST ? DROP_ICMP_BCAST : DROP_NOT;
	case WIRE_ICMP_ECHO_REPLY:
		return ip->echo_answered ? DROP_NOT : DROP_ICMP_TYPE;
	case WIRE_ICMP_UNREACH:
	case WIRE_ICMP_TIME_EXCEEDED:
	case WIRE_ICMP_PARAM:
		return DROP_NOT;
	case SOURCE_QUENCH:		/* RFC 6633 §3 */
	case REDIRECT:			/* our routes are configured: the wire has no say */
		return DROP_ICMP_REFUSED;
	default:
		return DROP_ICMP_TYPE;
	}
}

void ip_icmp_input(void *self, struct pkt **p, unsigned n)
{
	struct ip *ip = self;

	for (unsigned i = 0; i < n; i++) {
		struct wire_icmp icmp;
		enum drop why = judge(ip, p[i], &icmp);

		if (!why && icmp.type == WIRE_ICMP_ECHO) {
			echo_answer(ip, p[i]);
			continue;
		}
		if (!why && icmp.type == WIRE_ICMP_ECHO_REPLY)
			ip->echo_answered(ip->echo_ctx, p[i]);
		else if (!why)
			why = ip_icmp_error_input(ip, p[i], &icmp);
		if (why)
			core_drop(ip->core, why, p[i]);
		else
			pkt_put(p[i]);
	}
}
