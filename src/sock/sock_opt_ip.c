/* Options of levels IPPROTO_IP and IPPROTO_UDP, ip(7) and udp(7).  A stream has those that tcp
 * knows. */
#include "sock/sock_opt.h"

enum {
	IP_TOS = 1, IP_TTL = 2, IP_HDRINCL = 3, IP_PKTINFO = 8, IP_MTU_DISCOVER = 10,
	IP_RECVERR = 11,
	IP_RECVTTL = 12, IP_RECVTOS = 13, IP_MTU = 14, IP_MULTICAST_IF = 32, IP_MULTICAST_TTL = 33,
	IP_MULTICAST_LOOP = 34, IP_ADD_MEMBERSHIP = 35, IP_DROP_MEMBERSHIP = 36,
	IP_MULTICAST_ALL = 49,
	UDP_SEGMENT = 103, UDP_GRO = 104,
};

enum { PMTUDISC_WANT = 1, PMTUDISC_DO = 2, PMTUDISC_PROBE = 3, PMTUDISC_OMIT = 5 };

static struct udp_sock *dgram(struct sock *k)
{
	return k->kind == SOCK_DGRAM ? k->udp : NULL;
}

static int set_flag(struct sock *k, unsigned flag, int value)
{
	if (!dgram(k))
		return value ? -E_OPNOTSUPP : 0;
	k->udp->flags = (uint8_t)(value ? k->udp->flags | flag : k->udp->flags & ~flag);
	return 0;
}

static int get_flag(struct sock *k, unsigned flag, int *value)
{
	*value = dgram(k) && k->udp->flags & flag;
	return 0;
}

#define FLAG(name, flag)                                                                           \
	static int set_##name(struct socks *s, struct sock *k, int value)                          \
	{                                                                                          \
		return set_flag(k, flag, value);                                                   \
	}                                                                                          \
	static int get_##name(struct socks *s, struct sock *k, int *value)                         \
	{                                                                                          \
		return get_flag(k, flag, value);                                                   \
	}

FLAG(pktinfo, UDPF_PKTINFO)
FLAG(recverr, UDPF_ERRORS)
FLAG(recvttl, UDPF_TTL)
FLAG(recvtos, UDPF_TOS)
FLAG(gro, UDPF_GRO)

static int set_no_all(struct socks *s, struct sock *k, int value)
{
	return value < 0 || value > 1 ? -E_INVAL : set_flag(k, UDPF_NO_ALL, !value);
}

static int get_no_all(struct socks *s, struct sock *k, int *value)
{
	*value = !(dgram(k) && k->udp->flags & UDPF_NO_ALL);
	return 0;
}

static int set_loop(struct socks *s, struct sock *k, int value)
{
	return set_flag(k, UDPF_NO_LOOP, !value);
}

static int get_loop(struct socks *s, struct sock *k, int *value)
{
	*value = !(dgram(k) && k->udp->flags & UDPF_NO_LOOP);
	return 0;
}

static int set_tos(struct socks *s, struct sock *k, int value)
{
	if (!dgram(k))		/* ECN is TCP's own */
		return sock_tcp_set(s, k, TCP_OPT_TOS, (uint32_t)value & 0xfc);
	k->udp->tos = (uint8_t)value;
	return 0;
}

static int get_tos(struct socks *s, struct sock *k, int *value)
{
	*value = dgram(k) ? k->udp->tos : (int)sock_tcp_get(s, k, TCP_OPT_TOS);
	return 0;
}

static int set_ttl(struct socks *s, struct sock *k, int value)
{
	if (value != -1 && (value < 1 || value > 255))
		return -E_INVAL;
	value = value == -1 ? IP_TTL_DEFAULT : value;
	if (!dgram(k))
		return sock_tcp_set(s, k, TCP_OPT_TTL, (uint32_t)value);
	k->udp->ttl = (uint8_t)value;
	return 0;
}

static int get_ttl(struct socks *s, struct sock *k, int *value)
{
	*value = dgram(k) ? k->udp->ttl : (int)sock_tcp_get(s, k, TCP_OPT_TTL);
	return 0;
}

static int set_discover(struct socks *s, struct sock *k, int value)
{
	if (value < 0 || value > PMTUDISC_OMIT)
		return -E_INVAL;
	if (!dgram(k))
		return value > PMTUDISC_PROBE ? -E_OPNOTSUPP :
			sock_tcp_set(s, k, TCP_OPT_MTU_DISCOVER, (uint32_t)value);
	k->udp->dont_fragment = value == PMTUDISC_DO || value == PMTUDISC_PROBE;
	k->udp->discover = (uint8_t)value;
	return 0;
}

static int get_discover(struct socks *s, struct sock *k, int *value)
{
	*value = dgram(k) ? k->udp->discover : (int)sock_tcp_get(s, k, TCP_OPT_MTU_DISCOVER);
	return 0;
}

static int get_mtu(struct socks *s, struct sock *k, int *value)
{
	struct tcp_info i;

	if (dgram(k) && k->udp->connected) {
		*value = k->udp->path.mtu;
		return 0;
	}
	if (k->kind != SOCK_CONN)
		return -E_NOTCONN;
	tcp_get_info(&s->net->tcp, k->conn, &i);
	*value = (int)i.pmtu;
	return 0;
}

/* raw(7) */
static int set_hdrincl(struct socks *s, struct sock *k, int value)
{
	if (!dgram(k) || k->udp->kind != UDP_RAW)
		return -E_NOPROTOOPT;
	k->udp->hdrincl = value;
	return 0;
}

static int get_hdrincl(struct socks *s, struct sock *k, int *value)
{
	if (!dgram(k) || k->udp->kind != UDP_RAW)
		return -E_NOPROTOOPT;
	*value = k->udp->hdrincl;
	return 0;
}

/* ---- groups */

static int set_mcast_ttl(struct socks *s, struct sock *k, int value)
{
	if (!dgram(k) || value < -1 || value > 255)
		return -E_INVAL;
	k->udp->mcast_ttl = value == -1 ? 1 : (uint8_t)value;
	return 0;
}

static int get_mcast_ttl(struct socks *s, struct sock *k, int *value)
{
	*value = dgram(k) ? k->udp->mcast_ttl : 1;
	return 0;
}

static uint32_t be32(const void *at)
{
	uint32_t v;

	mem_copy(&v, at, sizeof(v));
	return __builtin_bswap32(v);
}

/* The device of ip_mreqn, ip_mreq or in_addr: by number, else by an address of ours, else 0: any.
 * Negative: none. */
static int device_of(const struct socks *s, uint32_t addr, uint32_t number)
{
	const struct ip *ip = &s->net->ip;

	if (number)
		return number <= s->net->link.devs_n ? (int)number : -E_NODEV;
	if (!addr)
		return 0;
	for (unsigned i = 0; i < ip->addrs_n; i++)
		if (addr_to_v4(&ip->addrs[i].addr) == addr)
			return ip->addrs[i].if_index + 1;
	return -E_ADDRNOTAVAIL;
}

static int set_mcast_if(struct socks *s, struct sock *k, const void *value, uint32_t len)
{
	uint32_t number = 0;
	int dev;

	if (!dgram(k) || len < 4)
		return -E_INVAL;
	if (len >= 12)
		mem_copy(&number, (const uint8_t *)value + 8, sizeof(number));
	dev = device_of(s, be32((const uint8_t *)value + (len >= 8 ? 4 : 0)), number);
	if (dev < 0)
		return dev;
	k->udp->mcast_if = (uint8_t)dev;
	return 0;
}

static int get_mcast_if(struct socks *s, struct sock *k, void *value, uint32_t *len)
{
	const struct ip *ip = &s->net->ip;
	uint32_t addr = 0;

	for (unsigned i = 0; dgram(k) && k->udp->mcast_if && i < ip->addrs_n; i++)
		if (ip->addrs[i].if_index + 1 == k->udp->mcast_if) {
			addr = ip->addrs[i].addr.w[3];
			break;
		}
	*len = MIN(*len, (uint32_t)sizeof(addr));
	mem_copy(value, &addr, *len);
	return 0;
}

static int membership(struct socks *s, struct sock *k, const void *value, uint32_t len, bool join)
{
	uint32_t number = 0, group;
	struct addr a;
	int dev;

	if (!dgram(k) || len < 8)
		return -E_INVAL;
	group = be32(value);
	if (group >> 28 != 14)
		return -E_INVAL;
	if (len >= 12)
		mem_copy(&number, (const uint8_t *)value + 8, sizeof(number));
	dev = device_of(s, be32((const uint8_t *)value + 4), number);
	if (dev < 0)
		return -E_NODEV;
	a = addr_v4(group);
	return join ? udp_join(&s->net->udp, k->udp, &a, (uint8_t)dev) :
		      udp_leave(&s->net->udp, k->udp, &a, (uint8_t)dev);
}

static int set_join(struct socks *s, struct sock *k, const void *value, uint32_t len)
{
	return membership(s, k, value, len, true);
}

static int set_leave(struct socks *s, struct sock *k, const void *value, uint32_t len)
{
	return membership(s, k, value, len, false);
}

static const struct sock_opt ip_opts[] = {
	{IP_TOS, set_tos, get_tos},
	{IP_TTL, set_ttl, get_ttl},
	{IP_HDRINCL, set_hdrincl, get_hdrincl},
	{IP_PKTINFO, set_pktinfo, get_pktinfo},
	{IP_MTU_DISCOVER, set_discover, get_discover},
	{IP_RECVERR, set_recverr, get_recverr},
	{IP_RECVTTL, set_recvttl, get_recvttl},
	{IP_RECVTOS, set_recvtos, get_recvtos},
	{IP_MTU, .get = get_mtu},
	{IP_MULTICAST_TTL, set_mcast_ttl, get_mcast_ttl},
	{IP_MULTICAST_LOOP, set_loop, get_loop},
	{IP_MULTICAST_ALL, set_no_all, get_no_all},
	{IP_MULTICAST_IF, .set_raw = set_mcast_if, .get_raw = get_mcast_if},
	{IP_ADD_MEMBERSHIP, .set_raw = set_join},
	{IP_DROP_MEMBERSHIP, .set_raw = set_leave},
};

const struct sock_opts sock_opts_ip = {ip_opts, ARRAY_LEN(ip_opts)};

/* ---- udp(7) */

static int set_segment(struct socks *s, struct sock *k, int value)
{
	if (value < 0 || value > 0xffff)
		return -E_INVAL;
	k->udp->gso = (uint16_t)value;
	return 0;
}

static int get_segment(struct socks *s, struct sock *k, int *value)
{
	*value = k->udp->gso;
	return 0;
}

static const struct sock_opt udp_opts[] = {
	{UDP_SEGMENT, set_segment, get_segment},
	{UDP_GRO, set_gro, get_gro},
};

const struct sock_opts sock_opts_udp = {udp_opts, ARRAY_LEN(udp_opts)};
