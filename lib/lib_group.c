/* Opening and closing a link, alone or as one of several stacks that share it.
 *
 * Stacks of a group stand in a list from its first, in the order of their numbers.  Each that joins
 * is wired to those before it, which no thread polls yet. */
#include "base/err.h"
#include "base/fmt.h"
#include "drivers/mesh/mesh.h"
#include "lib/lib_int.h"

int lib_group_join(struct lib *l, struct spread *spread, char *why, size_t size)
{
	struct lib *first = l->options.group ? lib_of(l->options.group) : l;
	uint32_t threads = first->options.threads;

	*spread = (struct spread){ .id = 0, .n = 0 };
	if (threads > MESH_MAX || first->members >= MAX(threads, 1u)) {
		fmt(why, size, threads > MESH_MAX ? "%u threads share a link at most, not %u" :
		    "a link for %u stacks has %u already", threads > MESH_MAX ? MESH_MAX : threads,
		    threads > MESH_MAX ? threads : first->members);
		return -E_INVAL;
	}
	l->first = first;
	if (threads > 1)
		*spread = (struct spread){ .id = (uint16_t)first->members, .n = (uint16_t)threads };
	return 0;
}

static struct lib **lib_group_end(struct lib *l)
{
	struct lib **at = &l->first;

	while (*at && *at != l)
		at = &(*at)->next;
	return at;
}

/* Wires to everybody who is there already. */
static int lib_group_wire(struct lib *l)
{
	int err = 0;

	for (struct lib *m = l->first; m && m != l && !err; m = m->next)
		err = mesh_join(&m->mesh, &l->mesh);
	return err;
}

/* The first, and with queues= the others too, have a device; who has none sends through the
 * first. */
static int lib_open_device(struct lib *l, char *why, size_t size)
{
	const struct spread *spread = &l->net.core.spread;
	uint32_t queues = 0;
	int err;

	if (l->first == l || l->first->queues > 1) {
		err = drivers_open_shared(&l->link, l->options.net, &l->net.pool, spread->id,
					  spread->n, &queues, why, size);
		l->queues = queues;
		return err;
	}
	l->link = l->first->link;
	l->link.dev = (struct netdev){ .ops = NULL };
	return 0;
}

static int lib_open_mesh(struct lib *l, char *why, size_t size)
{
	struct mesh_config config = {
		.spread = l->net.core.spread,
		.by_queue = l->link.by_queue && l->first->queues > 1,
		.mac = l->first->link.dev.mac,
		.mtu = l->first->link.dev.mtu,
	};
	struct netdev *real = l->link.dev.ops ? &l->link.dev : NULL;
	int err;

	if (l->first == l && !real) {
		fmt(why, size, "%s cannot be shared by threads", l->options.net);
		return -E_INVAL;
	}
	err = mesh_open(&l->mesh, real, &l->net.pool, &config);
	if (!err)
		err = lib_group_wire(l);
	if (err)
		fmt(why, size, "no memory or no descriptors left for %u threads", config.spread.n);
	return err;
}

int lib_open_link(struct lib *l, char *why, size_t size)
{
	int err;

	if (l->net.core.spread.n < 2)
		return drivers_open(&l->link, l->options.net, &l->net.pool, why, size);
	err = lib_open_device(l, why, size);
	if (!err)
		err = lib_open_mesh(l, why, size);
	if (err) {
		lib_close_link(l);
		return err;
	}
	*lib_group_end(l) = l;
	l->first->members++;
	return 0;
}

void lib_close_link(struct lib *l)
{
	struct lib **at = lib_group_end(l);

	if (l->first != l && *at == l) {
		*at = l->next;
		l->first->members--;
	}
	if (l->mesh.ops)
		l->mesh.ops->close(&l->mesh);
	if (l->link.dev.ops)
		l->link.dev.ops->close(&l->link.dev);
	l->mesh.ops = l->link.dev.ops = NULL;
}
