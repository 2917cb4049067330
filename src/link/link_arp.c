/* ARP for IPv4 (RFC 826): questions, answers, and who else claims our address (RFC 5227).
 *
 * Judges packets and tells the neighbour cache what they mean; keeps no state but when we last
 * defended an address. When to ask is the cache's business (link_neigh.c).
 *
 * Always: an answer goes to who asked and nobody else; a stranger's claim never makes an
 * entry. */
#include "link/link_int.h"

#define DEFEND_INTERVAL SEC(10)		/* RFC 5227 §1.1 */

static void arp_send(struct link *l, uint8_t if_index, struct mac to, const struct wire_arp *arp)
{
	struct pkt *p = pkt_new(l->core->pool);

	if (!p) {
		core_count_drop(l->core, DROP_POOL_EMPTY, NULL);
		return;
	}
	p->len = p->total = WIRE_ARP_LEN;
	wire_arp_write(p->data, arp);
	link_output_mac(l, if_index, to, WIRE_ETH_ARP, p);
}

/* Of our addresses on that interface the one that has most leading bits in common with the
 * target's: the one in the same subnet. 0 when there is none: then the question is a probe
 * (RFC 5227 §1.1). */
static uint32_t source_for(const struct link *l, uint8_t if_index, uint32_t target)
{
	uint32_t best = 0, least = UINT32_MAX;

	for (unsigned i = 0; i < l->locals_n; i++) {
		const struct link_local *local = &l->locals[i];
		uint32_t ip = addr_to_v4(&local->addr);

		if (local->if_index != if_index || !addr_is_v4(&local->addr))
			continue;
		if (!best || (ip ^ target) < least) {
			best = ip;
			least = ip ^ target;
		}
	}
	return best;
}

void link_arp_request(struct link *l, const struct link_neigh *n, bool unicast)
{
	uint32_t target = addr_to_v4(&n->addr);
	struct wire_arp ask = {
		.op = WIRE_ARP_REQUEST,
		.sender_mac = l->devs[n->if_index].dev->mac,
		.sender_ip = source_for(l, n->if_index, target),
		.target_ip = target,
	};

	assert(addr_is_v4(&n->addr));
	arp_send(l, n->if_index, unicast ? n->mac : WIRE_MAC_BCAST, &ask);
}

void link_arp_announce(struct link *l, const struct link_local *local)
{
	uint32_t ip = addr_to_v4(&local->addr);
	struct wire_arp tell = {
		.op = WIRE_ARP_REQUEST,
		.sender_mac = l->devs[local->if_index].dev->mac,
		.sender_ip = ip,
		.target_ip = ip,
	};

	if (addr_is_v4(&local->addr))
		arp_send(l, local->if_index, WIRE_MAC_BCAST, &tell);
}

static void arp_answer(struct link *l, uint8_t if_index, const struct wire_arp *ask)
{
	struct wire_arp answer = {
		.op = WIRE_ARP_REPLY,
		.sender_mac = l->devs[if_index].dev->mac,
		.sender_ip = ask->target_ip,
		.target_mac = ask->sender_mac,
		.target_ip = ask->sender_ip,
	};

	arp_send(l, if_index, ask->sender_mac, &answer);
}

static struct link_local *local_of(struct link *l, uint8_t if_index, uint32_t ip)
{
	struct addr a = addr_v4(ip);

	for (unsigned i = 0; i < l->locals_n; i++)
		if (l->locals[i].if_index == if_index && addr_eq(&l->locals[i].addr, &a))
			return &l->locals[i];
	return NULL;
}

/* RFC 5227 §2.4(c): we never give an address up, and defend it once in ten seconds at most, so
 * that two hosts that both do so don't fill the wire. */
static void arp_conflict(struct link *l, struct link_local *local, const struct wire_arp *arp)
{
	nsec now = l->core->now;

	l->conflicts++;
	if (local->defended && now - local->defended < DEFEND_INTERVAL)
		return;
	core_log(l->core, LOG_WARN, "%pM claims our address %pI on %s", &arp->sender_mac,
		 &local->addr, l->devs[local->if_index].dev->name);
	local->defended = now;
	link_arp_announce(l, local);
}

/* Can a host with this address send ARP?  0.0.0.0 can: a probe (RFC 5227 §1.1). */
static bool sender_possible(uint32_t ip)
{
	return ip >> 24 != 127 && ip < IPV4(224, 0, 0, 0) && (ip == 0 || ip >> 24 != 0);
}

static enum drop arp_judge(struct link *l, uint8_t if_index, const struct wire_arp *arp)
{
	struct link_local *ours = local_of(l, if_index, arp->target_ip), *taken;
	struct addr sender = addr_v4(arp->sender_ip);
	enum link_heard how = LINK_HEARD_CLAIM;
	bool known = false;

	if (mac_eq(arp->sender_mac, l->devs[if_index].dev->mac) || !sender_possible(arp->sender_ip))
		return DROP_ARP_SENDER;
	taken = local_of(l, if_index, arp->sender_ip);
	if (taken) {
		arp_conflict(l, taken, arp);
		return DROP_ARP_CONFLICT;
	}
	if (ours)
		how = arp->op == WIRE_ARP_REQUEST ? LINK_HEARD_ASKS_US : LINK_HEARD_ANSWER;
	if (arp->sender_ip)
		known = link_neigh_heard(l, if_index, &sender, arp->sender_mac, how);
	if (arp->op == WIRE_ARP_REPLY)
		return known ? DROP_NOT : DROP_ARP_UNSOLICITED;
	if (!ours)
		return DROP_ARP_NOT_OURS;
	arp_answer(l, if_index, arp);
	return DROP_NOT;
}

void link_arp_input(struct link *l, uint8_t if_index, struct pkt *p)
{
	struct wire_arp arp;
	enum drop why = wire_arp_parse(&arp, p->data, p->len);

	if (!why) {
		why = arp_judge(l, if_index, &arp);
		/* Somebody else behind our address may have asked, too. */
		if (l->core->foreign && arp.op == WIRE_ARP_REPLY)
			why = DROP_ARP_UNSOLICITED;
	}
	if (why)
		core_drop(l->core, why, p);
	else
		pkt_put(p);
}
