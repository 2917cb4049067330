/* Fragments out, RFC 791 §3.2: a datagram too long for its path in pieces, without copying.
 *
 * Each fragment is a frame with a header and slices of the payload behind it. All of them are
 * built before the first is sent: a datagram of which a part cannot leave is of no use to
 * anybody.
 *
 * Always: all fragments but the last carry a multiple of 8 bytes. */
#include "ip/ip_int.h"

/* Appends slices for bytes [off, off + n) of the chain `from`. */
static int append_slices(struct pkt *to, struct pkt *from, uint32_t off, uint32_t n)
{
	while (off >= from->len) {
		off -= from->len;
		from = from->frag;
	}
	for (; n; from = from->frag, off = 0) {
		uint32_t part = MIN(n, from->len - off);
		struct pkt *slice;

		if (!part)
			continue;
		slice = pkt_slice(from, off, part);
		if (!slice)
			return -E_NOBUFS;
		pkt_append(to, slice);
		n -= part;
	}
	return 0;
}

/* The header of the first fragment, made for the others as well: they differ in length, MF and
 * offset. */
static void write_header(uint8_t *b, const uint8_t *first, uint32_t len, uint16_t frag)
{
	uint16_t csum = 0;

	mem_copy(b, first, WIRE_IPV4_LEN);
	store_be16(b + 2, (uint16_t)len);
	store_be16(b + 6, frag);
	mem_copy(b + 10, &csum, 2);
	csum = csum_fold(csum_partial(b, WIRE_IPV4_LEN, 0));
	mem_copy(b + 10, &csum, 2);
}

static OWNER(pkt_put) struct pkt *fragment(struct ip *ip, const uint8_t *header,
					   struct pkt *payload, uint32_t off, uint32_t n)
{
	uint16_t more = off + n < payload->total ? WIRE_IPV4_MF : 0;
	struct pkt *p = pkt_new(ip->core->pool);

	if (!p)
		return NULL;
	if (append_slices(p, payload, off, n)) {
		pkt_put(p);
		return NULL;
	}
	write_header(pkt_push(p, WIRE_IPV4_LEN), header, n + WIRE_IPV4_LEN,
		     (uint16_t)(more | off / 8));
	return p;
}

int ip_split(struct ip *ip, const struct ip_path *path, const struct addr *src,
	     const struct addr *dst, const struct ip_send *how, struct pkt *p)
{
	uint32_t step = (path->mtu - WIRE_IPV4_LEN) & ~7u, total = p->total;
	uint8_t header[WIRE_IPV4_LEN];
	struct pktq q;
	struct pkt *f;
	int err = 0;

	assert(!(p->flags & PKT_CSUM_TODO) && path->mtu >= IP_MTU_MIN);
	if (total > UINT16_MAX - WIRE_IPV4_LEN) {
		core_drop(ip->core, DROP_IP_TOTAL_LEN, p);
		return -E_MSGSIZE;
	}
	pktq_init(&q);
	ip_header_write(ip, header, src, dst, how, total + WIRE_IPV4_LEN);
	for (uint32_t off = 0; off < total; off += step) {
		f = fragment(ip, header, p, off, MIN(step, total - off));
		if (!f) {
			pktq_free(&q);
			core_drop(ip->core, DROP_POOL_EMPTY, p);
			return -E_NOBUFS;
		}
		pktq_push(&q, f);
	}
	pkt_put(p);
	ip->fragmented++;
	while ((f = pktq_pop(&q)))
		err |= ip_send_on(ip, path, dst, f);
	return err ? -E_NOBUFS : 0;
}
