/* A link with one fake device. */
#include "helper/linkrig.h"

#include <stdlib.h>
#include <string.h>

static void upper(void *self, struct pkt **p, unsigned n)
{
	struct linkrig *r = self;

	r->got_calls++;
	for (unsigned i = 0; i < n; i++) {
		assert(r->got_n < LINKRIG_GOT_MAX);
		r->got[r->got_n++] = p[i];
	}
}

static void unreachable(void *self, struct pkt *p)
{
	struct linkrig *r = self;

	r->unreachable_n++;
	core_drop(&r->stage.core, DROP_NEIGH_UNREACHABLE, p);
}

static void changed(void *self)
{
	((struct linkrig *)self)->changed_n++;
}

void linkrig_init(struct linkrig *r, uint32_t neighs, uint32_t features)
{
	struct addr us = linkrig_ip(1);
	size_t n = ALIGN_UP(link_bytes(neighs), (size_t)CACHE_LINE);

	memset(r, 0, sizeof(*r));
	stage_init(&r->stage, 1024, 64);
	r->mem = aligned_alloc(CACHE_LINE, n);
	memset(r->mem, 0xa5, n);
	memset(&r->link, 0xa5, sizeof(r->link));	/* nobody cleared it */
	link_init(&r->link, &r->stage.core, neighs, r->mem);
	r->link.unreachable = unreachable;
	r->link.changed = changed;
	r->link.unreachable_ctx = r;
	link_add_upper(&r->link, WIRE_ETH_IPV4, upper, r);
	fakedev_init(&r->dev, &r->stage.pool, linkrig_mac(1), 1500, features);
	assert(link_add_dev(&r->link, &r->dev.dev) == 0);
	assert(link_add_local(&r->link, &us, 0) == 0);
	linkrig_out_skip(r);
}

void linkrig_fini(struct linkrig *r)
{
	link_check(&r->link);
	for (unsigned i = 0; i < r->got_n; i++)
		pkt_put(r->got[i]);
	link_fini(&r->link);
	fakedev_fini(&r->dev);
	free(r->mem);
	stage_fini(&r->stage);
}

void linkrig_in(struct linkrig *r, const void *b, uint32_t n)
{
	struct pkt *p = fakedev_packet(&r->dev, b, n);

	assert(p);
	link_input(&r->link, 0, &p, 1);
	link_check(&r->link);
}

void linkrig_arp(struct linkrig *r, unsigned op, unsigned sender, unsigned target, struct mac to)
{
	struct addr from = linkrig_ip(sender), about = linkrig_ip(target);
	struct wire_arp arp = {
		.op = (uint16_t)op,
		.sender_mac = linkrig_mac(sender), .sender_ip = addr_to_v4(&from),
		.target_mac = linkrig_mac(target), .target_ip = addr_to_v4(&about),
	};

	frame_arp(&r->frame, to, &arp);
	linkrig_in(r, r->frame.b, r->frame.n);
}

void linkrig_answer(struct linkrig *r, unsigned sender)
{
	linkrig_arp(r, WIRE_ARP_REPLY, sender, 1, linkrig_mac(1));
}

static void fire(void *self, struct wheel_node *n)
{
	struct linkrig *r = self;

	link_timer(&r->link, n);
	link_flush(&r->link);
	link_check(&r->link);
}

void linkrig_pass(struct linkrig *r, nsec duration)
{
	stage_pass(&r->stage, duration, fire, r);
}

struct link_neigh *linkrig_send(struct linkrig *r, unsigned k, uint32_t n)
{
	struct addr to = linkrig_ip(k);
	struct link_neigh *neigh = link_neigh_get(&r->link, 0, &to);
	struct pkt *p = pkt_new(&r->stage.pool);

	assert(p);
	memset(p->data, (int)k, n);
	p->len = p->total = n;
	if (neigh)
		link_output(&r->link, neigh, WIRE_ETH_IPV4, p);
	else
		core_drop(&r->stage.core, DROP_NEIGH_FULL, p);
	link_check(&r->link);
	return neigh;
}

const struct fakedev_frame *linkrig_out(struct linkrig *r)
{
	link_flush(&r->link);
	return fakedev_take(&r->dev);
}

bool linkrig_out_arp(struct linkrig *r, struct mac *to, struct wire_arp *arp)
{
	const struct fakedev_frame *f = linkrig_out(r);

	if (!f || load_be16(f->b + 12) != WIRE_ETH_ARP)
		return false;
	memcpy(to->b, f->b, 6);
	return wire_arp_parse(arp, f->b + WIRE_ETH_LEN, f->n - WIRE_ETH_LEN) == DROP_NOT;
}

unsigned linkrig_out_n(struct linkrig *r)
{
	link_flush(&r->link);
	return r->dev.out_n - r->dev.out_at;
}

void linkrig_out_skip(struct linkrig *r)
{
	link_flush(&r->link);
	r->dev.out_at = r->dev.out_n;
}
