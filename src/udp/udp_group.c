/* Which socket is in which group: the host joins for them (ip_group.c), each once.
 *
 * As on Linux a socket gets what comes for a group that anybody here is in, unless it said
 * otherwise (UDPF_NO_ALL). */
#include "udp/udp_int.h"

static struct udp_group *find(struct udp *u, const struct udp_sock *s, const struct addr *group,
			      uint8_t dev)
{
	for (unsigned i = 0; i < UDP_GROUPS_MAX; i++) {
		struct udp_group *g = &u->groups[i];

		if (g->sock == s && addr_eq(&g->group, group) &&
		    (!dev || g->if_index + 1 == dev))
			return g;
	}
	return NULL;
}

int udp_join(struct udp *u, struct udp_sock *s, const struct addr *group, uint8_t dev)
{
	int if_index = dev ? dev - 1 : ip_group_device(u->ip, group), err;
	struct udp_group *g;

	if (if_index < 0)
		return -E_NODEV;
	if (find(u, s, group, (uint8_t)(if_index + 1)))
		return -E_ADDRINUSE;
	g = find(u, NULL, &(struct addr){0}, 0);
	if (!g)
		return -E_NOBUFS;
	err = ip_join(u->ip, group, (uint8_t)if_index);
	if (err)
		return err;
	*g = (struct udp_group){.sock = s, .group = *group, .if_index = (uint8_t)if_index};
	u->groups_n++;
	return 0;
}

static void leave(struct udp *u, struct udp_group *g)
{
	ip_leave(u->ip, &g->group, g->if_index);
	*g = (struct udp_group){0};
	u->groups_n--;
}

int udp_leave(struct udp *u, struct udp_sock *s, const struct addr *group, uint8_t dev)
{
	struct udp_group *g = find(u, s, group, dev);

	if (!g)
		return -E_ADDRNOTAVAIL;
	leave(u, g);
	return 0;
}

void udp_leave_all(struct udp *u, struct udp_sock *s)
{
	for (unsigned i = 0; u->groups_n && i < UDP_GROUPS_MAX; i++)
		if (u->groups[i].sock == s)
			leave(u, &u->groups[i]);
}

bool udp_wants_group(const struct udp *u, const struct udp_sock *s, const struct pkt *p)
{
	if (!(s->flags & UDPF_NO_ALL) || p->rx.dst.b[12] >> 4 != 14)
		return true;
	return find((struct udp *)u, s, &p->rx.dst, 0) != NULL;
}
