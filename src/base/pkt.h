/* Memory is a region of frames; a packet is one frame or a chain of them.
 *
 * A region is one mapping cut into equal frames, named by index so that a NIC or a second process
 * can map it elsewhere.  Each frame has a descriptor, struct pkt, in private memory: nobody outside
 * the stack can write it.  Besides, a pool has *bare* descriptors without a frame, which name bytes
 * that lie elsewhere: a slice of another packet, or memory lent by the user of the door.
 *
 * Always: refs >= 1 while somebody holds a descriptor; a bare one holds a reference on what it
 * names; `total` is right in the first descriptor of a chain and unused in the others; nothing is
 * allocated after pool_init().  One thread. */
#ifndef BASE_PKT_H
#define BASE_PKT_H

#include "base/addr.h"
#include "base/assert.h"

#define FRAME_SIZE 2048u
#define FRAME_SHIFT 11
/* Room in front of the bytes for the headers of a packet built in place: Ethernet with a tag (18),
 * IPv6 (40), TCP (60), and what a driver prepends (virtio 12, DPDK's alignment). */
#define PKT_HEADROOM 192u
#define PKT_ROOM (FRAME_SIZE - PKT_HEADROOM)	/* bytes a frame takes behind its headroom */

struct pool;
struct pkt;

enum pkt_flags {
	PKT_BARE = 1 << 0,	/* has no frame; data lies in `parent` or in `lend` */
	PKT_LENT = 1 << 1,	/* bare, and names lent memory */
	/* receive: the device (or this process) vouches for the L4 checksum */
	PKT_CSUM_OK = 1 << 2,
	/* transmit: L4 checksum to be filled by the device; its field has the pseudo-header's sum.
	 * Receive, with PKT_CSUM_OK: it never was filled */
	PKT_CSUM_TODO = 1 << 3,
	PKT_LINK_BCAST = 1 << 4,	/* receive: came to a group address of link or of ip */
	PKT_LOOPED = 1 << 5,	/* never was on a wire: a local address to a local address */
};

/* Memory that a user lent.  `refs` counts descriptors that name it; when the last goes, the lend is
 * pushed on pool->returned for its owner to collect (never a call back into the owner). */
struct lend {
	struct lend *next;
	uint32_t refs;
};

struct pkt {
	/* first cache line: what every layer touches */
	uint8_t *data;		/* first byte that counts */
	uint32_t len;		/* bytes of this piece */
	uint32_t total;		/* bytes of the whole chain (first piece only) */
	struct pkt *frag;	/* next piece of the same packet */
	struct pkt *next;	/* next packet of a queue or batch */
	union {
		struct pkt *parent;	/* PKT_BARE: the packet this is a slice of */
		struct lend *lend;	/* PKT_BARE | PKT_LENT */
	};
	struct pool *pool;
	uint32_t index;		/* of the frame in its region, or of the descriptor when bare */
	uint16_t refs;
	uint8_t flags;
	uint8_t if_index;	/* receive: the device it came from */
	/* receive: the IP header starts at data - l3 (set by ip when it pulls it) */
	uint16_t l3;
	/* receive: payload bytes of each segment that the device merged into this one; 0: none */
	uint16_t gso;
	uint16_t slices;	/* of the references, those that slices hold */

	/* second cache line: belongs to whichever layer holds the packet */
	union {
		struct {		/* receive, set by ip for the transports */
			struct addr src, dst;
			uint8_t proto, ttl, tos, ecn;
			uint32_t hash;	/* of the connection, set by a transport's look-ahead */
			uint16_t sport, dport;
		} rx;
		uint64_t cb[8];		/* otherwise: the holder's own */
	};
} CACHE_ALIGNED;
static_assert(sizeof(struct pkt) == 128, "two cache lines");

struct region {
	uint8_t *base;		/* FRAME_SIZE aligned */
	uint32_t frames;
};

struct pool {
	struct region region;
	struct pkt *pkts;	/* frames + bare descriptors, in this order */
	struct pkt **free_frames;	/* stacks: the warmest on top */
	struct pkt **free_bare;
	uint32_t frames, bare;	/* sizes */
	uint32_t free_frames_n, free_bare_n;
	uint32_t free_frames_low;	/* fewest free ever seen */
	uint64_t empty;		/* times pkt_new() or pkt_bare() found nothing: each counted */
	struct lend *returned;	/* lends whose last reference went */
};

/* Bytes of private memory that pool_init() needs for so many descriptors. */
size_t pool_bytes(uint32_t frames, uint32_t bare);

/* Makes a pool over `region` with `bare` extra descriptors in `mem` (zeroed, cache aligned,
 * pool_bytes() long).  Both must outlive the pool. */
void pool_init(struct pool *pool, struct region region, uint32_t bare, void *mem);

/* True when every descriptor is free again: the leak oracle. */
bool pool_at_rest(const struct pool *pool);

/* Walks all descriptors and asserts what the head of this file says.  Slow; tests only. */
void pool_check(const struct pool *pool);

/* May bytes that a user queues take one of `left` free descriptors out of `n`?  Some are left for
 * received frames, headers and slices: what is queued is only freed by sending it. */
static inline bool pool_spare(uint32_t left, uint32_t n)
{
	return left > MIN(n >> 3, 256u);
}

/* An empty packet with PKT_HEADROOM in front, or NULL when the pool is empty (counted there). */
OWNER(pkt_put) static inline struct pkt *pkt_new(struct pool *pool)
{
	struct pkt *p;
	uint32_t left = pool->free_frames_n;

	if (unlikely(left == 0)) {
		pool->empty++;
		return NULL;
	}
	p = pool->free_frames[--left];
	pool->free_frames_n = left;
	if (left < pool->free_frames_low)
		pool->free_frames_low = left;
	p->data = pool->region.base + ((size_t)p->index << FRAME_SHIFT) + PKT_HEADROOM;
	p->len = p->total = 0;
	p->frag = p->next = NULL;
	p->refs = 1;
	p->flags = 0;
	p->if_index = 0;
	p->l3 = 0;
	p->gso = 0;
	return p;
}

/* A bare descriptor for `len` bytes at `off` in `of` (in the piece `of` itself, not its chain), on
 * which it holds a reference; NULL when there is none left.  A slice of a slice holds the frame
 * (or the lend) that the bytes lie in, not the slice between. */
OWNER(pkt_put) struct pkt *pkt_slice(struct pkt *of, uint32_t off, uint32_t len);

/* A bare descriptor for lent memory; takes a reference on `lend`. */
OWNER(pkt_put) struct pkt *pkt_lent(struct pool *pool, struct lend *lend, const void *data,
				    uint32_t len);

/* Ends a chain at whose first piece only slices still hold; for pkt_put() only. */
void pkt_free_chain(struct pkt *p);

/* Drops a reference on `p`, and when it was the last but for slices', frees the whole chain up to
 * the first piece that somebody else holds as well.  The bytes of slices stay. */
static inline void pkt_put(struct pkt *p TAKES)
{
	assert(p->refs > p->slices);
	if (--p->refs != p->slices)
		return;
	if (likely(p->refs == 0 && !p->frag && !(p->flags & PKT_BARE)))
		p->pool->free_frames[p->pool->free_frames_n++] = p;
	else
		pkt_free_chain(p);
}

static inline struct pkt *pkt_get(struct pkt *p)
{
	p->refs++;
	return p;
}

static inline uint8_t *pkt_frame(const struct pkt *p)
{
	return p->pool->region.base + ((size_t)p->index << FRAME_SHIFT);
}

/* Bytes before `data` and behind the last byte, in this piece's own frame; 0 when bare. */
static inline uint32_t pkt_headroom(const struct pkt *p)
{
	return p->flags & PKT_BARE ? 0 : (uint32_t)(p->data - pkt_frame(p));
}

static inline uint32_t pkt_tailroom(const struct pkt *p)
{
	return p->flags & PKT_BARE ? 0 : FRAME_SIZE - (uint32_t)(p->data - pkt_frame(p)) - p->len;
}

/* Opens `n` bytes in front and returns them; the caller knows that there is headroom. */
static inline uint8_t *pkt_push(struct pkt *p, uint32_t n)
{
	p->data -= n;
	p->len += n;
	p->total += n;
	return p->data;
}

/* Removes `n` bytes in front, all within the first piece. */
static inline void pkt_pull(struct pkt *p, uint32_t n)
{
	p->data += n;
	p->len -= n;
	p->total -= n;
}

/* Cuts the chain to `total` bytes if it is longer; pieces behind are freed. */
void pkt_trim(struct pkt *p, uint32_t total);

/* Removes `n` bytes in front, however many pieces they fill; returns the first piece that remains
 * (n < total), having freed those before it.  What the first descriptor said about the packet
 * (flags, device, second cache line, place in a queue) goes along. */
OWNER(pkt_put) struct pkt *pkt_trim_front(struct pkt *p TAKES, uint32_t n);

/* Appends the chain `tail` to `p`: one packet afterwards. */
void pkt_append(struct pkt *p, struct pkt *tail TAKES);

/* Copies bytes out of the chain from `off`; returns how many there were. */
uint32_t pkt_read(const struct pkt *p, uint32_t off, void *to, uint32_t n);

/* Appends bytes, growing the chain frame by frame; 0 or -E_NOBUFS (then nothing was appended). */
int pkt_write(struct pkt *p, const void *from, uint32_t n);

/* A deep copy in frames of `pool`: a single piece where it fits; NULL when the pool is empty. */
OWNER(pkt_put) struct pkt *pkt_copy(struct pool *pool, const struct pkt *p);

/* A queue of packets linked by ->next. */
struct pktq {
	struct pkt *head, *tail;
	uint32_t n;
};

static inline void pktq_init(struct pktq *q)
{
	q->head = q->tail = NULL;
	q->n = 0;
}

static inline void pktq_push(struct pktq *q, struct pkt *p TAKES)
{
	p->next = NULL;
	if (q->tail)
		q->tail->next = p;
	else
		q->head = p;
	q->tail = p;
	q->n++;
}

static inline struct pkt *pktq_pop(struct pktq *q)
{
	struct pkt *p = q->head;

	if (!p)
		return NULL;
	q->head = p->next;
	if (!q->head)
		q->tail = NULL;
	p->next = NULL;
	q->n--;
	return p;
}

/* Back in front. */
static inline void pktq_unpop(struct pktq *q, struct pkt *p TAKES)
{
	p->next = q->head;
	if (!q->head)
		q->tail = p;
	q->head = p;
	q->n++;
}

void pktq_free(struct pktq *q);

#endif
