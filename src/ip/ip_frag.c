/* Reassembly: fragments in, whole datagrams out, without copying (RFC 791 §3.2, RFC 815, RFC
 * 1122 §3.3.2).
 *
 * A datagram in the making is a list of its fragments by offset; when it is whole they become
 * one chain. Fragments that overlap are refused with everything of their datagram, those still
 * to come included, as RFC 5722 §4 does for IPv6 and for its reasons: no honest sender makes
 * them. Exact copies do happen.
 *
 * What a stranger can make us hold is bounded four times: pieces a datagram, datagrams, frames
 * in all (a quarter of the pool), and time. A new datagram pushes out an old one, its own
 * source's when that one has a quarter of the table.
 *
 * Always: the pieces of a datagram ascend and don't overlap; see ip_frag_check(). */
#include "ip/ip_int.h"

#define DATAGRAMS IP_FRAG_DATAGRAMS_MAX
#define OF_A_SOURCE_MAX (DATAGRAMS / 4)
#define POOL_SHARE 4u			/* 1/4 of the pool's frames */
#define DATA_MAX (UINT16_MAX - WIRE_IPV4_LEN)

struct datagram {
	struct addr src, dst;
	uint16_t id;
	uint8_t proto;
	/* enum drop: why nothing more of it is taken; it holds no pieces then */
	uint8_t refused;
	uint16_t pieces, frames;
	uint32_t have, end;	/* bytes here; bytes in all, 0: not known yet */
	struct pkt *first, *last;	/* by offset, linked by ->next; rx.hash is the offset */
	struct wheel_node timer;	/* kind TIMER_FRAG */
	struct list node;	/* on `ages` or `unused` */
};
static_assert(DROP_N <= 256, "fits datagram.refused");

struct ip_frag {
	uint64_t hash[DATAGRAMS];	/* of the keys, 0: unused; what a lookup reads */
	struct datagram datagrams[DATAGRAMS];
	struct list ages;	/* in use, oldest first */
	struct list unused;
	uint32_t frames;	/* held in all */
};

size_t ip_frag_bytes(void)
{
	return ALIGN_UP(sizeof(struct ip_frag), CACHE_LINE);
}

void ip_frag_init(struct ip *ip, void *mem)
{
	struct ip_frag *f = mem;

	mem_zero(f, sizeof(*f));
	list_init(&f->ages);
	list_init(&f->unused);
	for (unsigned i = 0; i < DATAGRAMS; i++) {
		wheel_node_init(&f->datagrams[i].timer, TIMER_FRAG);
		list_push_back(&f->unused, &f->datagrams[i].node);
	}
	ip->frag = f;
}

static uint32_t frames_of(const struct pkt *p)
{
	uint32_t n = 0;

	for (; p; p = p->frag)
		n++;
	return n;
}

static uint32_t end_of(const struct pkt *piece)
{
	return piece->rx.hash + piece->total;
}

/* ---- datagrams come and go */

static uint64_t key_hash(const struct ip *ip, const struct pkt *p, uint16_t id)
{
	uint64_t w[5] = {p->rx.src.q[0], p->rx.src.q[1], p->rx.dst.q[0], p->rx.dst.q[1],
			 id | (uint64_t)p->rx.proto << 16};

	return siphash13_words(&ip->core->hash_key, w, 5) | 1;
}

static struct datagram *datagram_find(struct ip_frag *f, uint64_t hash, const struct pkt *p,
				      uint16_t id)
{
	for (unsigned i = 0; i < DATAGRAMS; i++) {
		struct datagram *d = &f->datagrams[i];

		if (f->hash[i] == hash && d->id == id && d->proto == p->rx.proto &&
		    addr_eq(&d->src, &p->rx.src) && addr_eq(&d->dst, &p->rx.dst))
			return d;
	}
	return NULL;
}

/* Lets go of the pieces. */
static void drop_pieces(struct ip *ip, struct datagram *d, enum drop why)
{
	struct pkt *p, *next;

	for (p = d->first; p; p = next) {
		next = p->next;
		core_drop(ip->core, why, p);
	}
	ip->frag->frames -= d->frames;
	d->first = d->last = NULL;
	d->pieces = d->frames = 0;
	d->have = 0;
}

static void datagram_free(struct ip *ip, struct datagram *d)
{
	assert(!d->first);
	wheel_cancel(&ip->core->wheel, &d->timer);
	ip->frag->hash[d - ip->frag->datagrams] = 0;
	list_del(&d->node);
	list_push_back(&ip->frag->unused, &d->node);
}

static void evict(struct ip *ip, struct datagram *d)
{
	drop_pieces(ip, d, DROP_FRAG_TABLE);
	datagram_free(ip, d);
}

/* The oldest datagram: of this source when it has many, else of all. */
static struct datagram *victim(struct ip_frag *f, const struct addr *src)
{
	struct datagram *own = NULL;
	unsigned of_source = 0;

	list_for_each(at, &f->ages) {
		struct datagram *d = container_of(at, struct datagram, node);

		if (!addr_eq(&d->src, src))
			continue;
		if (!own)
			own = d;
		of_source++;
	}
	if (of_source >= OF_A_SOURCE_MAX)
		return own;
	return container_of(f->ages.next, struct datagram, node);
}

static struct datagram *datagram_new(struct ip *ip, uint64_t hash, const struct pkt *p, uint16_t id)
{
	struct ip_frag *f = ip->frag;
	struct datagram *d;

	if (list_empty(&f->unused))
		evict(ip, victim(f, &p->rx.src));
	d = container_of(list_pop_front(&f->unused), struct datagram, node);
	d->src = p->rx.src;
	d->dst = p->rx.dst;
	d->id = id;
	d->proto = p->rx.proto;
	d->refused = DROP_NOT;
	d->end = 0;
	f->hash[d - f->datagrams] = hash;
	list_push_back(&f->ages, &d->node);
	wheel_arm(&ip->core->wheel, &d->timer, ip->core->now + IP_FRAG_TIMEOUT);
	return d;
}

/* ---- a piece comes */

static enum drop shape(const struct pkt *p, uint32_t off, bool more)
{
	if (p->total == 0 || (more && p->total % 8))
		return DROP_FRAG_SHORT;
	if (off + p->total > DATA_MAX)
		return DROP_FRAG_OVERSIZE;
	return DROP_NOT;
}

/* Does it agree with where the datagram ends? */
static enum drop check_end(struct datagram *d, const struct pkt *p, bool more)
{
	uint32_t end = end_of(p);

	if (d->end && (more ? end > d->end : end != d->end))
		return DROP_FRAG_OVERLAP;
	if (more)
		return DROP_NOT;
	if (d->last && end_of(d->last) > end)
		return DROP_FRAG_OVERLAP;
	d->end = end;
	return DROP_NOT;
}

static enum drop insert(struct datagram *d, struct pkt *p)
{
	struct pkt *before = d->last, *after = NULL;

	if (before && p->rx.hash < end_of(before)) {	/* not behind all others */
		before = NULL;
		after = d->first;
		while (after && after->rx.hash < p->rx.hash) {
			before = after;
			after = after->next;
		}
		if (after && after->rx.hash == p->rx.hash && after->total == p->total)
			return DROP_FRAG_DUP;
		if (before && end_of(before) > p->rx.hash)
			return DROP_FRAG_OVERLAP;
		if (after && end_of(p) > after->rx.hash)
			return DROP_FRAG_OVERLAP;
	}
	if (d->pieces == IP_FRAG_PIECES_MAX)
		return DROP_FRAG_TOO_MANY;
	p->next = after;
	*(before ? &before->next : &d->first) = p;
	if (!after)
		d->last = p;
	d->pieces++;
	d->have += p->total;
	return DROP_NOT;
}

/* Makes room for the frames of one more piece; false when the datagram itself is all there is. */
static bool make_room(struct ip *ip, const struct datagram *d, uint32_t frames)
{
	struct ip_frag *f = ip->frag;

	while (f->frames + frames > ip->core->pool->frames / POOL_SHARE) {
		struct list *at = f->ages.next;

		if (at == &d->node)
			at = at->next;
		if (at == &f->ages)
			return false;
		evict(ip, container_of(at, struct datagram, node));
	}
	return true;
}

static enum drop add(struct ip *ip, struct datagram *d, struct pkt *p, bool more)
{
	uint32_t frames = frames_of(p);
	enum drop why;

	if (d->refused)
		return d->refused;
	if (!make_room(ip, d, frames))
		return DROP_FRAG_TABLE;
	why = check_end(d, p, more);
	if (!why)
		why = insert(d, p);
	if (why == DROP_FRAG_OVERLAP || why == DROP_FRAG_TOO_MANY) {
		drop_pieces(ip, d, why);
		d->refused = (uint8_t)why;
	}
	if (why)
		return why;
	d->frames += frames;
	ip->frag->frames += frames;
	return DROP_NOT;
}

/* ---- the whole */

/* The first fragment's header, as if there had been no fragments: ICMP quotes it. */
static void mend_header(struct pkt *p)
{
	uint8_t *b = p->data - p->l3;
	uint16_t csum = 0;

	store_be16(b + 2, (uint16_t)(p->total + p->l3));
	store_be16(b + 6, 0);
	mem_copy(b + 10, &csum, 2);
	csum = csum_fold(csum_partial(b, p->l3, 0));
	mem_copy(b + 10, &csum, 2);
}

/* RFC 3168 §5.3: congestion seen by one fragment was seen by the datagram. */
static struct pkt *join(struct datagram *d)
{
	struct pkt *whole = d->first, *end = whole, *p = whole->next, *next;

	for (; p; p = next) {
		next = p->next;
		p->next = NULL;
		whole->flags &= (uint8_t)(p->flags | ~PKT_LOOPED);
		if (p->rx.ecn == 3)
			whole->rx.ecn = 3;
		while (end->frag)
			end = end->frag;
		end->frag = p;
	}
	whole->next = NULL;
	whole->total = d->have;
	if (!(whole->flags & PKT_LOOPED))	/* a device vouches for frames, not for datagrams */
		whole->flags &= (uint8_t)~PKT_CSUM_OK;
	return whole;
}

static struct pkt *finish(struct ip *ip, struct datagram *d)
{
	struct pkt *p = join(d);

	ip->frag->frames -= d->frames;
	d->first = d->last = NULL;
	d->pieces = d->frames = 0;
	d->have = 0;
	datagram_free(ip, d);
	if (p->total + p->l3 > UINT16_MAX) {
		core_drop(ip->core, DROP_FRAG_OVERSIZE, p);
		return NULL;
	}
	mend_header(p);
	ip->reassembled++;
	return ip_contiguous(ip, p, IP_CONTIGUOUS);
}

struct pkt *ip_frag_input(struct ip *ip, struct pkt *p, uint16_t id, uint16_t frag)
{
	uint32_t off = (frag & WIRE_IPV4_OFFSET) * 8u;
	bool more = frag & WIRE_IPV4_MF;
	enum drop why = shape(p, off, more);
	struct datagram *d;
	uint64_t hash;

	if (why) {
		core_drop(ip->core, why, p);
		return NULL;
	}
	p->rx.hash = off;
	hash = key_hash(ip, p, id);
	d = datagram_find(ip->frag, hash, p, id);
	if (!d)
		d = datagram_new(ip, hash, p, id);
	why = add(ip, d, p, more);
	if (why) {
		core_drop(ip->core, why, p);
		return NULL;
	}
	return d->have == d->end ? finish(ip, d) : NULL;
}

void ip_frag_timer(struct ip *ip, struct wheel_node *n)
{
	struct datagram *d = container_of(n, struct datagram, timer);

	if (n == &ip->pmtu_timer) {
		ip_pmtu_expire(ip);
		return;
	}
	/* RFC 1122 §3.3.2: if the first fragment came, the source is told. */
	if (d->first && d->first->rx.hash == 0)
		ip_icmp_error(ip, d->first, WIRE_ICMP_TIME_EXCEEDED, 1, 0);
	drop_pieces(ip, d, DROP_FRAG_TIMEOUT);
	datagram_free(ip, d);
}

void ip_frag_fini(struct ip *ip)
{
	for (unsigned i = 0; i < DATAGRAMS; i++) {
		struct datagram *d = &ip->frag->datagrams[i];
		struct pkt *p, *next;

		for (p = d->first; p; p = next) {
			next = p->next;
			pkt_put(p);
		}
		wheel_cancel(&ip->core->wheel, &d->timer);
	}
}

static void datagram_check(const struct datagram *d)
{
	uint32_t at = 0, have = 0, pieces = 0, frames = 0;

	for (const struct pkt *p = d->first; p; p = p->next) {
		assert(p->rx.hash >= at);
		at = end_of(p);
		have += p->total;
		frames += frames_of(p);
		pieces++;
		assert(p->next || p == d->last);
	}
	assert(pieces == d->pieces && frames == d->frames && have == d->have);
	assert(pieces <= IP_FRAG_PIECES_MAX && at <= DATA_MAX);
	assert(!d->end || at <= d->end);
	assert(!d->refused || !d->first);
}

void ip_frag_check(const struct ip *ip)
{
	const struct ip_frag *f = ip->frag;
	uint32_t frames = 0;

	for (unsigned i = 0; i < DATAGRAMS; i++) {
		const struct datagram *d = &f->datagrams[i];

		assert(wheel_armed(&d->timer) == (f->hash[i] != 0));
		assert(f->hash[i] || !d->first);
		datagram_check(d);
		frames += d->frames;
	}
	assert(frames == f->frames);
	assert(frames <= ip->core->pool->frames / POOL_SHARE);
}
