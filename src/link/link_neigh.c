/* The neighbour cache: who has an address, is it still true, and packets that wait to know.
 *
 * The states are those of RFC 4861 §7.3.2, for ARP as well; RFC 1122 §2.3.2.1 asks for no
 * more.
 *
 *   FREE        no entry
 *   FAILED      nothing known (new, or nobody answered); the next packet asks
 *   INCOMPLETE  asking everybody, once a second, three times; a few packets wait
 *   REACHABLE   somebody answered within the last 30 s, or a transport made progress
 *   STALE       known, but not for sure; the next packet goes there and makes it PROBE
 *   PROBE       used while not sure: 5 s for a transport to confirm it, then three questions to
 *               the old place, a second apart (RFC 1122 §2.3.2.1 (2)); packets go there meanwhile
 *
 * Who may push out whom, since the table is bounded and others can make us add to it: a free
 * slot is taken first, then one that knows nothing, then one that we never sent to. Only when
 * we ourselves want to send may it be one that we sent to, and that only after 5 s without a
 * packet; entries still asked for take at most half of the table from those, and then push out
 * each other. So neither a scan of our subnet, nor packets with sources all over it, nor ARP
 * from anywhere costs a neighbour in use its entry (docs/adr/0014-neighbour-cache.md).
 *
 * Always: see link_neigh_check(). */
#include "link/link_int.h"

#include "base/foldhash.h"

#define REQUESTS_MAX 3		/* RFC 4861 §10: MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT */
#define REQUEST_EVERY SEC(1)		/* RFC 1122 §2.3.2.1: at most one a second */
#define REACHABLE_FOR SEC(30)		/* RFC 4861 §10: REACHABLE_TIME */
#define PROBE_DELAY SEC(5)		/* RFC 4861 §10: DELAY_FIRST_PROBE_TIME */
#define IN_USE_FOR SEC(5)	/* who was sent to within this time is never pushed out */

#define TO(state) (1u << NEIGH_##state)
static const uint8_t neigh_next[] = {
	[NEIGH_FREE] = TO(FAILED),
	[NEIGH_FAILED] = TO(INCOMPLETE) | TO(REACHABLE) | TO(STALE) | TO(FREE),
	[NEIGH_INCOMPLETE] = TO(REACHABLE) | TO(STALE) | TO(FAILED) | TO(FREE),
	[NEIGH_REACHABLE] = TO(STALE) | TO(FREE),
	[NEIGH_STALE] = TO(PROBE) | TO(REACHABLE) | TO(FREE),
	[NEIGH_PROBE] = TO(REACHABLE) | TO(STALE) | TO(FAILED) | TO(FREE),
};

static uint64_t neigh_hash(const struct link *l, uint8_t if_index, const struct addr *a)
{
	return foldhash_2(&l->core->hash_key, a->q[0] ^ (uint64_t)if_index << 56, a->q[1]);
}

static uint64_t hash_of(void *ctx, uint32_t idx)
{
	const struct link *l = ctx;

	return neigh_hash(l, l->neighs[idx].if_index, &l->neighs[idx].addr);
}

void link_neigh_init(struct link *l, uint32_t neighs_max, void *mem)
{
	size_t table = ALIGN_UP(table_bytes(neighs_max), CACHE_LINE);

	assert(neighs_max > 0);
	l->neighs_max = neighs_max;
	l->neighs = (struct link_neigh *)((uint8_t *)mem + table);
	table_init(&l->neigh_table, neighs_max, mem, hash_of, l);
	for (unsigned i = 0; i < LINK_CLASS_N; i++)
		list_init(&l->classes[i]);
	for (uint32_t i = 0; i < neighs_max; i++) {
		struct link_neigh *n = &l->neighs[i];

		mem_zero(n, sizeof(*n));
		wheel_node_init(&n->timer, TIMER_NEIGH);
		list_push_back(&l->classes[LINK_CLASS_FREE], &n->node);
	}
	l->class_n[LINK_CLASS_FREE] = neighs_max;
}

/* ---- states */

static uint8_t class_of(const struct link_neigh *n)
{
	switch (n->state) {
	case NEIGH_FREE:
		return LINK_CLASS_FREE;
	case NEIGH_FAILED:
		return LINK_CLASS_IDLE;
	case NEIGH_INCOMPLETE:
		return LINK_CLASS_ASKED;
	default:
		return n->used ? LINK_CLASS_KNOWN : LINK_CLASS_UNUSED;
	}
}

/* Entries join a class at its end: the front is the oldest. */
static void reclass(struct link *l, struct link_neigh *n)
{
	uint8_t to = class_of(n);

	if (to == n->class)
		return;
	list_del(&n->node);
	l->class_n[n->class]--;
	n->class = to;
	list_push_back(&l->classes[to], &n->node);
	l->class_n[to]++;
}

/* When the timer has to look at an entry that just came into its state. */
static nsec first_deadline(const struct link *l, const struct link_neigh *n)
{
	nsec now = l->core->now;

	switch (n->state) {
	case NEIGH_INCOMPLETE:
		return now + REQUEST_EVERY;
	case NEIGH_REACHABLE:
		return now + REACHABLE_FOR;
	case NEIGH_PROBE:
		return now + PROBE_DELAY;
	default:
		return MAX(n->used, n->confirmed) + l->neigh_keep;
	}
}

static void set_state(struct link *l, struct link_neigh *n, enum link_neigh_state to)
{
	assert(neigh_next[n->state] & (1u << to));
	n->state = (uint8_t)to;
	n->probes = 0;
	reclass(l, n);
	if (to == NEIGH_FREE)
		wheel_cancel(&l->core->wheel, &n->timer);
	else
		wheel_arm(&l->core->wheel, &n->timer, first_deadline(l, n));
}

static void set_mac(struct link *l, struct link_neigh *n, struct mac mac)
{
	uint16_t type = addr_is_v4(&n->addr) ? WIRE_ETH_IPV4 : WIRE_ETH_IPV6;

	n->mac = mac;
	wire_eth_write(n->header, mac, l->devs[n->if_index].dev->mac, type);
}

static void generation_next(struct link *l)
{
	if (++l->generation == 0)
		l->generation = 1;
	if (l->changed)
		l->changed(l->unreachable_ctx);
}

static void drop_queue(struct link *l, struct link_neigh *n, enum drop why)
{
	struct pkt *p;

	while ((p = pktq_pop(&n->queue)))
		core_drop(l->core, why, p);
}

/* ---- entries come and go */

struct link_neigh *link_neigh_find(const struct link *l, uint8_t if_index, const struct addr *a)
{
	table_each(&l->neigh_table, neigh_hash(l, if_index, a), i) {
		struct link_neigh *n = &l->neighs[i];

		if (addr_eq(&n->addr, a) && n->if_index == if_index)
			return n;
	}
	return NULL;
}

/* Whoever may remember the entry learns of it by the generation. */
static void neigh_free(struct link *l, struct link_neigh *n)
{
	drop_queue(l, n, DROP_NEIGH_FULL);
	table_remove(&l->neigh_table, neigh_hash(l, n->if_index, &n->addr),
		     (uint32_t)(n - l->neighs));
	set_state(l, n, NEIGH_FREE);
	if (n->given)
		generation_next(l);
}

static struct link_neigh *oldest(const struct link *l, enum link_neigh_class class)
{
	const struct list *head = &l->classes[class];

	return list_empty(head) ? NULL : container_of(head->next, struct link_neigh, node);
}

/* The KNOWN entry that we have not sent to for longest, when that is long enough.  Finding none is
 * remembered, so that a flood does not make us look each time. */
static struct link_neigh *known_victim(struct link *l)
{
	struct link_neigh *best = NULL;

	if (l->core->now < l->known_until)
		return NULL;
	list_for_each(at, &l->classes[LINK_CLASS_KNOWN]) {
		struct link_neigh *n = container_of(at, struct link_neigh, node);

		if (!best || n->used < best->used)
			best = n;
	}
	if (!best || l->core->now >= best->used + IN_USE_FOR)
		return best;
	l->known_until = best->used + IN_USE_FOR;
	return NULL;
}

static struct link_neigh *victim(struct link *l, bool we_want_it)
{
	struct link_neigh *n = oldest(l, LINK_CLASS_IDLE);

	if (!n)
		n = oldest(l, LINK_CLASS_UNUSED);
	if (n || !we_want_it)
		return n;
	if (l->class_n[LINK_CLASS_ASKED] * 2 < l->neighs_max)
		n = known_victim(l);
	return n ? n : oldest(l, LINK_CLASS_ASKED);
}

static struct link_neigh *neigh_new(struct link *l, uint8_t if_index, const struct addr *a,
				    bool we_want_it)
{
	struct link_neigh *n;

	if (!l->class_n[LINK_CLASS_FREE]) {
		n = victim(l, we_want_it);
		if (!n)
			return NULL;
		neigh_free(l, n);
	}
	n = oldest(l, LINK_CLASS_FREE);
	n->addr = *a;
	n->if_index = if_index;
	n->used = 0;
	n->given = false;
	n->confirmed = l->core->now;
	if (table_insert(&l->neigh_table, neigh_hash(l, if_index, a), (uint32_t)(n - l->neighs)))
		return NULL;	/* no overflow bucket: the key is known to somebody, or bad luck */
	set_state(l, n, NEIGH_FAILED);
	return n;
}

struct link_neigh *link_neigh_get(struct link *l, uint8_t if_index, const struct addr *next_hop)
{
	struct link_neigh *n = link_neigh_find(l, if_index, next_hop);

	assert(if_index < l->devs_n);
	if (!n)
		n = neigh_new(l, if_index, next_hop, true);
	if (n)
		n->given = true;
	return n;
}

/* ---- packets to a neighbour */

static void ask(struct link *l, struct link_neigh *n)
{
	n->probes++;
	link_arp_request(l, n, n->state == NEIGH_PROBE);
}

static void enqueue(struct link *l, struct link_neigh *n, struct pkt *p TAKES)
{
	if (n->queue.n == LINK_NEIGH_QUEUE_MAX)		/* the newest is the most useful */
		core_drop(l->core, DROP_NEIGH_QUEUE, pktq_pop(&n->queue));
	pktq_push(&n->queue, p);
}

void link_output(struct link *l, struct link_neigh *to, uint16_t type, struct pkt *p)
{
	assert(to->state != NEIGH_FREE);
	to->used = l->core->now;
	switch (to->state) {
	case NEIGH_FAILED:
		set_state(l, to, NEIGH_INCOMPLETE);
		ask(l, to);
		enqueue(l, to, p);
		return;
	case NEIGH_INCOMPLETE:
		enqueue(l, to, p);
		return;
	case NEIGH_STALE:
		set_state(l, to, NEIGH_PROBE);
		break;
	default:
		break;
	}
	link_output_mac(l, to->if_index, to->mac, type, p);
}

static void send_queue(struct link *l, struct link_neigh *n)
{
	struct pktq q = n->queue;
	struct pkt *p;

	pktq_init(&n->queue);
	while ((p = pktq_pop(&q)))
		link_output(l, n, load_be16(n->header + 12), p);
}

/* Nobody answered.  The queue is taken off first: whoever is told may send again at once. */
static void neigh_fail(struct link *l, struct link_neigh *n)
{
	struct pktq q = n->queue;
	struct pkt *p;

	pktq_init(&n->queue);
	set_state(l, n, NEIGH_FAILED);
	while ((p = pktq_pop(&q))) {
		if (l->unreachable)
			l->unreachable(l->unreachable_ctx, p);
		else
			core_drop(l->core, DROP_NEIGH_UNREACHABLE, p);
	}
}

/* ---- news of a neighbour */

void link_neigh_confirm(struct link *l, struct link_neigh *n)
{
	n->confirmed = l->core->now;
	if (likely(n->state != NEIGH_STALE && n->state != NEIGH_PROBE))
		return;
	n->used = l->core->now;
	set_state(l, n, NEIGH_REACHABLE);
}

static void learn(struct link *l, struct link_neigh *n, struct mac mac, bool answer)
{
	n->confirmed = l->core->now;
	set_mac(l, n, mac);
	set_state(l, n, answer ? NEIGH_REACHABLE : NEIGH_STALE);
	send_queue(l, n);
}

bool link_neigh_heard(struct link *l, uint8_t if_index, const struct addr *a, struct mac mac,
		      enum link_heard how)
{
	struct link_neigh *n = link_neigh_find(l, if_index, a);
	bool answer = how == LINK_HEARD_ANSWER;

	if (!n && how == LINK_HEARD_ASKS_US)
		n = neigh_new(l, if_index, a, false);
	if (!n)
		return false;
	switch (n->state) {
	case NEIGH_FAILED:
	case NEIGH_INCOMPLETE:
		learn(l, n, mac, answer && n->state == NEIGH_INCOMPLETE);
		break;
	case NEIGH_PROBE:	/* an answer counts only when we have asked */
		if (answer && n->probes)
			learn(l, n, mac, true);
		else if (!mac_eq(n->mac, mac))
			learn(l, n, mac, false);
		break;
	default:		/* it moved, or somebody says so: use it, and make sure */
		if (n->state == NEIGH_STALE)
			n->confirmed = l->core->now;
		if (mac_eq(n->mac, mac))
			break;
		set_mac(l, n, mac);
		if (n->state == NEIGH_REACHABLE)
			set_state(l, n, NEIGH_STALE);
		break;
	}
	return true;
}

/* ---- time */

void link_timer(struct link *l, struct wheel_node *node)
{
	struct link_neigh *n = container_of(node, struct link_neigh, timer);
	nsec now = l->core->now, due;

	switch (n->state) {
	case NEIGH_INCOMPLETE:
	case NEIGH_PROBE:
		if (n->probes == REQUESTS_MAX) {
			neigh_fail(l, n);
			return;
		}
		wheel_arm(&l->core->wheel, &n->timer, now + REQUEST_EVERY);
		ask(l, n);
		return;
	case NEIGH_REACHABLE:
		due = n->confirmed + REACHABLE_FOR;
		if (now >= due) {
			set_state(l, n, NEIGH_STALE);
			return;
		}
		break;
	default:
		due = MAX(n->used, n->confirmed) + l->neigh_keep;
		if (now >= due) {
			neigh_free(l, n);
			return;
		}
		break;
	}
	wheel_arm(&l->core->wheel, &n->timer, due);
}

void link_neigh_fini(struct link *l)
{
	for (uint32_t i = 0; i < l->neighs_max; i++) {
		pktq_free(&l->neighs[i].queue);
		wheel_cancel(&l->core->wheel, &l->neighs[i].timer);
	}
}

void link_neigh_check(const struct link *l)
{
	uint32_t n_of[LINK_CLASS_N] = {0};

	for (uint32_t i = 0; i < l->neighs_max; i++) {
		struct link_neigh *n = &l->neighs[i];

		assert(n->class == class_of(n));
		n_of[n->class]++;
		assert(list_linked(&n->node));
		assert(wheel_armed(&n->timer) == (n->state != NEIGH_FREE));
		assert(n->queue.n <= LINK_NEIGH_QUEUE_MAX);
		assert((n->queue.n > 0) == (n->state == NEIGH_INCOMPLETE));
		assert(n->probes <= REQUESTS_MAX);
		assert(n->used <= l->core->now && n->confirmed <= l->core->now);
		if (n->state == NEIGH_FREE)
			continue;
		assert(n->if_index < l->devs_n);
		assert(link_neigh_find(l, n->if_index, &n->addr) == n);
		assert(n->state != NEIGH_REACHABLE || n->used);
		if (n->state != NEIGH_FAILED && n->state != NEIGH_INCOMPLETE)
			assert(mem_eq(n->header, n->mac.b, sizeof(n->mac.b)));
	}
	for (unsigned i = 0; i < LINK_CLASS_N; i++)
		assert(n_of[i] == l->class_n[i]);
	assert(l->neigh_table.entries == l->neighs_max - l->class_n[LINK_CLASS_FREE]);
	table_check(&l->neigh_table);
}
