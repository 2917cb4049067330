/* Ancillary data of datagrams: struct cmsghdr of a 64-bit Linux, out of options and into sends. */
#include "sock/sock_opt.h"

enum { SCM_TIMESTAMP = 29, SCM_TIMESTAMPNS = 35 };
enum { CMSG_TOS = 1, CMSG_TTL = 2, CMSG_PKTINFO = 8, CMSG_RECVERR = 11, CMSG_SEGMENT = 103,
       CMSG_GRO = 104 };

struct cmsg {
	uint64_t len;		/* with this header */
	int32_t level, type;
};
static_assert(sizeof(struct cmsg) == 16, "as Linux");

/* ---- out */

/* Appends one; what does not fit is cut, and said so. */
static void put(struct leat_msghdr *m, size_t room, int level, int type, const void *data,
		uint32_t n)
{
	struct cmsg h = {.len = sizeof(h) + n, .level = level, .type = type};
	uint8_t *at = (uint8_t *)m->control + m->controllen;

	room -= m->controllen;
	if (!m->control || room < sizeof(h)) {
		m->flags |= (int32_t)LEAT_MSG_CTRUNC;
		return;
	}
	if (room < h.len) {
		m->flags |= (int32_t)LEAT_MSG_CTRUNC;
		h.len = room;
	}
	mem_copy(at, &h, sizeof(h));
	mem_copy(at + sizeof(h), data, (size_t)h.len - sizeof(h));
	m->controllen += MIN(room, ALIGN_UP((size_t)h.len, (size_t)8));
}

/* When it came, as a clock on the wall says. */
static nsec wall_of(const struct socks *s, const struct pkt *p)
{
	nsec now = s->net->core.now;
	uint32_t age_us = (uint32_t)(now / 1000) - p->rx.hash;

	return now - USEC(age_us) + s->wall;
}

static void put_time(const struct socks *s, const struct sock *k, const struct pkt *p,
		     struct leat_msghdr *m, size_t room)
{
	bool ns = k->opts & SOCKO_TIMESTAMPNS;
	nsec t = wall_of(s, p);
	int64_t v[2] = {(int64_t)(t / SEC(1)), (int64_t)(t % SEC(1) / (ns ? 1 : 1000))};

	put(m, room, SOL_SOCKET, ns ? SCM_TIMESTAMPNS : SCM_TIMESTAMP, v, sizeof(v));
}

static void put_pktinfo(const struct pkt *p, struct leat_msghdr *m, size_t room)
{
	uint32_t v[3] = {p->if_index + 1u, p->rx.dst.w[3], p->rx.dst.w[3]};

	put(m, room, SOL_IP, CMSG_PKTINFO, v, sizeof(v));
}

/* In Linux's order. */
void sock_cmsg_fill(const struct socks *s, const struct sock *k, const struct pkt *p,
		    uint32_t segment, struct leat_msghdr *m)
{
	size_t room = m->controllen;
	uint8_t flags = k->udp->flags;
	int v;

	m->controllen = 0;
	if (k->opts & (SOCKO_TIMESTAMP | SOCKO_TIMESTAMPNS))
		put_time(s, k, p, m, room);
	if (segment) {
		v = (int)segment;
		put(m, room, SOL_UDP, CMSG_GRO, &v, sizeof(v));
	}
	if (flags & UDPF_PKTINFO)
		put_pktinfo(p, m, room);
	if (flags & UDPF_TTL) {
		v = p->rx.ttl;
		put(m, room, SOL_IP, CMSG_TTL, &v, sizeof(v));
	}
	if (flags & UDPF_TOS)
		put(m, room, SOL_IP, CMSG_TOS, &p->rx.tos, 1);
}

/* struct sock_extended_err and the sockaddr_in of who says so. */
void sock_cmsg_told(const struct udp_told *told, struct leat_msghdr *m)
{
	struct {
		uint32_t err;
		uint8_t origin, type, code, pad;
		uint32_t info, data;
		uint16_t family, port;
		uint32_t addr;
		uint8_t zero[8];
	} v = {.err = told->err, .origin = addr_is_any(&told->offender) ? 1 : 2,
	       .type = told->type, .code = told->code, .info = told->info};
	size_t room = m->controllen;

	static_assert(sizeof(v) == 32, "as Linux");
	m->controllen = 0;
	if (v.origin == 2) {
		v.family = LEAT_AF_INET;
		v.addr = told->offender.w[3];
	}
	put(m, room, SOL_IP, CMSG_RECVERR, &v, sizeof(v));
}

size_t sock_buf_control(const struct socks *s, uint32_t number, int32_t fd, void *control,
			size_t size)
{
	struct leat_msghdr m = {.control = control, .controllen = size};
	const struct sock *k = sock_of(s, fd);
	const struct pkt *p = sock_buf_held(s, number);

	if (!k || !p || k->kind != SOCK_DGRAM)
		return 0;
	sock_cmsg_fill(s, k, p, 0, &m);
	return m.flags & (int32_t)LEAT_MSG_CTRUNC ? 0 : m.controllen;
}

/* ---- in */

static int take_ip(struct sock_how *how, int type, const uint8_t *data, size_t n)
{
	uint32_t info[3];
	int v = 0;

	if (type == CMSG_PKTINFO) {
		if (n < sizeof(info))
			return -E_INVAL;
		mem_copy(info, data, sizeof(info));
		how->src = addr_v4(__builtin_bswap32(info[1]));
		how->has_src = info[1] != 0;
		how->bound_if = (uint8_t)info[0];
		return 0;
	}
	if (n != sizeof(v) && !(n == 1 && type == CMSG_TOS))
		return -E_INVAL;
	mem_copy(&v, data, MIN(n, sizeof(v)));
	if (type == CMSG_TTL && v >= 1 && v <= 255)
		how->ttl = (uint8_t)v;
	else if (type == CMSG_TOS && v >= 0 && v <= 255)
		how->tos = (int16_t)v;
	else
		return -E_INVAL;
	return 0;
}

int sock_cmsg_take(const struct leat_msghdr *m, struct sock_how *how)
{
	const uint8_t *at = m->control;
	size_t left = m->controllen;
	struct cmsg h;
	int err = 0;

	while (!err && at && left >= sizeof(h)) {
		size_t step;

		mem_copy(&h, at, sizeof(h));
		if (h.len < sizeof(h) || h.len > left)
			return -E_INVAL;
		if (h.level == SOL_IP)
			err = take_ip(how, h.type, at + sizeof(h), (size_t)h.len - sizeof(h));
		else if (h.level == SOL_UDP && h.type == CMSG_SEGMENT && h.len == sizeof(h) + 2)
			mem_copy(&how->segment, at + sizeof(h), 2);
		else if (h.level == SOL_SOCKET || h.level == SOL_UDP)
			err = -E_INVAL;
		step = MIN(left, ALIGN_UP((size_t)h.len, (size_t)8));
		at += step;
		left -= step;
	}
	return err;
}
