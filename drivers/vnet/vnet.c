/* Runs of segments into one frame, and what the kernel merged out of it: see vnet.h. */
#include <linux/virtio_net.h>
#include <string.h>

#include "base/csum.h"
#include "drivers/vnet/vnet.h"

#define ETH 14u
#define IP (ETH + 20u)
#define ETHERTYPE_AT 12u
#define IP_LEN_AT (ETH + 2u)
#define IP_ID_AT (ETH + 4u)
#define IP_FRAG_AT (ETH + 6u)
#define IP_CSUM_AT (ETH + 10u)
#define TCP_SEQ_AT (IP + 4u)
#define TCP_FLAGS_AT (IP + 13u)
#define TCP_CSUM_AT (IP + 16u)
#define PROTO_TCP 6u
#define PROTO_UDP 17u
#define TCP_FIN 0x01u
#define TCP_PSH 0x08u
#define TCP_ACK 0x10u
#define TCP_ECE 0x40u

static_assert(sizeof(struct virtio_net_hdr) == sizeof(struct vnet_header), "the kernel's");

/* Of a segment that may be put together with others: bytes of all headers; else 0. */
static uint32_t vnet_headers_of(const struct pkt *p)
{
	const uint8_t *b = p->data;
	uint32_t n;

	if (p->len < IP + 20 || load_be16(b + ETHERTYPE_AT) != 0x0800 || b[ETH] != 0x45 ||
	    b[ETH + 9] != PROTO_TCP || load_be16(b + IP_FRAG_AT) & 0x3fff)
		return 0;
	n = IP + (b[IP + 12] >> 4) * 4u;
	if (n < IP + 20 || p->len < n || p->total == n ||
	    b[TCP_FLAGS_AT] & ~(TCP_ACK | TCP_PSH | TCP_FIN | TCP_ECE))
		return 0;
	return n;
}

/* Is `q` what follows `payload` bytes after the segment `first`, with the same headers? */
static bool vnet_follows(const struct pkt *first, const struct pkt *q, uint32_t n, uint32_t payload)
{
	const uint8_t *a = first->data, *b = q->data;

	return !memcmp(a, b, IP_LEN_AT) && !memcmp(a + IP_FRAG_AT, b + IP_FRAG_AT, 4) &&
	       !memcmp(a + IP_CSUM_AT + 2, b + IP_CSUM_AT + 2, TCP_SEQ_AT - IP_CSUM_AT - 2) &&
	       load_be32(b + TCP_SEQ_AT) == load_be32(a + TCP_SEQ_AT) + payload &&
	       !memcmp(a + TCP_SEQ_AT + 4, b + TCP_SEQ_AT + 4, 5) &&	/* ACK, offset */
	       !((a[TCP_FLAGS_AT] ^ b[TCP_FLAGS_AT]) & ~(TCP_PSH | TCP_FIN)) &&
	       !memcmp(a + TCP_FLAGS_AT + 1, b + TCP_FLAGS_AT + 1, 2) &&	/* window */
	       !memcmp(a + TCP_CSUM_AT + 2, b + TCP_CSUM_AT + 2, n - TCP_CSUM_AT - 2);
}

/* Appends the bytes of `p` behind the first `skip`; false (and nothing appended) when there are too
 * many pieces. */
static bool vnet_pieces(struct vnet_frame *f, const struct pkt *p, uint32_t skip)
{
	unsigned n = f->iov_n;

	for (; p; p = p->frag) {
		uint32_t off = MIN(skip, p->len);

		skip -= off;
		if (p->len == off)
			continue;
		if (n == VNET_IOV_MAX)
			return false;
		f->iov[n++] = (struct iovec){ p->data + off, p->len - off };
	}
	f->iov_n = n;
	return true;
}

/* How many of p[0..n) are one run; they are appended to `f`. */
static unsigned vnet_run(struct vnet_frame *f, struct pkt *const *p, unsigned n, uint32_t headers)
{
	uint32_t size = p[0]->total - headers, payload = size;
	unsigned k;

	for (k = 1; k < n; k++) {
		const struct pkt *q = p[k];
		uint32_t more = q->total - headers;

		/* A shorter one may come last, and so may a flag that is the last's. */
		if (p[k - 1]->total - headers != size ||
		    p[k - 1]->data[TCP_FLAGS_AT] & (TCP_PSH | TCP_FIN) ||
		    vnet_headers_of(q) != headers || more > size ||
		    headers + payload + more > VNET_FRAME_MAX - 14 ||
		    !vnet_follows(p[0], q, headers, payload) || !vnet_pieces(f, q, headers))
			break;
		payload += more;
	}
	f->bytes = headers + payload;
	return k;
}

/* The headers of the whole: length, checksums as the kernel wants them, the last one's flags. */
static void vnet_patch(struct vnet_frame *f, const struct pkt *first, const struct pkt *last,
		       uint32_t headers)
{
	uint8_t *b = f->headers;
	uint32_t l4 = f->bytes - IP;
	uint16_t csum;
	uint64_t sum;

	mem_copy(b, first->data, headers);
	store_be16(b + IP_LEN_AT, (uint16_t)(f->bytes - ETH));
	b[TCP_FLAGS_AT] |= last->data[TCP_FLAGS_AT];
	store_be16(b + IP_CSUM_AT, 0);
	csum = csum_fold(csum_partial(b + ETH, 20, 0));
	mem_copy(b + IP_CSUM_AT, &csum, 2);
	sum = csum_partial(b + ETH + 12, 8, __builtin_bswap32(l4) + ((uint64_t)PROTO_TCP << 24));
	csum = csum_fold_raw(sum);	/* of the pseudo-header alone, not inverted */
	mem_copy(b + TCP_CSUM_AT, &csum, 2);
	f->header = (struct vnet_header){
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = (uint16_t)headers,
		.gso_size = (uint16_t)(first->total - headers),
		.csum_start = IP,
		.csum_offset = 16,
	};
	f->iov[0].iov_len = sizeof(f->header) + headers;
}

/* A single frame; its checksum may be left to the kernel. */
static void vnet_single(struct vnet_frame *f, const struct pkt *p, bool offload)
{
	f->iov_n = offload;
	f->iov[0].iov_len = sizeof(f->header);
	if (!vnet_pieces(f, p, 0))
		f->iov_n = 0;
	f->bytes = p->total;
	f->header = (struct vnet_header){ 0 };
	if (p->flags & PKT_CSUM_TODO && offload && p->len >= IP)
		f->header = (struct vnet_header){
			.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			.csum_start = IP,
			.csum_offset = p->data[ETH + 9] == PROTO_UDP ? 6 : 16,
		};
	if (p->gso && offload && p->total > IP + 20 + p->gso) {	/* as the kernel merged it */
		f->header.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
		f->header.gso_size = p->gso;
		f->header.hdr_len = (uint16_t)(IP + (p->data[IP + 12] >> 4) * 4);
	}
}

unsigned vnet_gather(struct vnet_frame *f, struct pkt *const *p, unsigned n, bool offload)
{
	uint32_t headers = offload && n > 1 ? vnet_headers_of(p[0]) : 0;
	unsigned k = 1;

	f->iov[0].iov_base = &f->header;
	f->iov_n = 1;
	if (headers && vnet_pieces(f, p[0], headers))
		k = vnet_run(f, p, n, headers);
	if (k > 1)
		vnet_patch(f, p[0], p[k - 1], headers);
	else
		vnet_single(f, p[0], offload);
	return k;
}

/* ---- receive */

bool vnet_take(const struct vnet_header *h, struct pkt *p)
{
	if (h->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
		p->flags |= PKT_CSUM_OK | PKT_CSUM_TODO;	/* it never was on a wire */
	else if (h->flags & VIRTIO_NET_HDR_F_DATA_VALID)
		p->flags |= PKT_CSUM_OK;
	switch (h->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return true;
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6:
		p->gso = h->gso_size;
		return h->gso_size > 0;
	default:
		return false;
	}
}

void vnet_finish(struct pkt *p)
{
	uint32_t start, at;
	uint16_t sum;

	p->flags &= (uint8_t)~PKT_CSUM_TODO;
	if (p->len < IP + 8 || load_be16(p->data + ETHERTYPE_AT) != 0x0800)
		return;
	start = ETH + (p->data[ETH] & 15u) * 4;
	at = start + (p->data[ETH + 9] == PROTO_UDP ? 6u : 16u);
	if (p->len < at + 2)
		return;
	/* The field has the sum of the pseudo-header. */
	sum = csum_fold(csum_pkt(p, start, p->total - start, 0));
	if (!sum && p->data[ETH + 9] == PROTO_UDP)
		sum = 0xffff;
	mem_copy(p->data + at, &sum, 2);
}

unsigned vnet_room(struct netdev *dev, struct pkt **p, struct iovec *iov, unsigned n)
{
	unsigned have = 0;

	for (; have < n; have++) {
		if (!p[have] && dev->pool->free_frames_n)
			p[have] = pkt_new(dev->pool);
		if (!p[have])
			break;
		iov[have] = (struct iovec){ p[have]->data, PKT_ROOM };
	}
	return have;
}

struct pkt *vnet_chain(struct pkt **p, unsigned have, uint32_t bytes)
{
	unsigned used = (bytes + PKT_ROOM - 1) / PKT_ROOM;
	struct pkt *head = p[0];
	uint32_t left = bytes;

	for (unsigned i = 0; i < used; i++) {
		p[i]->len = MIN(left, PKT_ROOM);
		p[i]->frag = i + 1 < used ? p[i + 1] : NULL;
		left -= p[i]->len;
	}
	head->total = bytes;
	for (unsigned i = 0; i < have; i++)
		p[i] = i + used < have ? p[i + used] : NULL;
	return head;
}
