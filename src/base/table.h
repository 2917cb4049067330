/* Hash table from a keyed hash to 32-bit indices: the lookup of connections, neighbours,
 * fragments.
 *
 * Buckets are one cache line: ten 16-bit tags and ten 32-bit indices.  A tag match is a
 * candidate, the caller compares the real key.  The table grows by linear hashing, one bucket
 * split an insert, so that no insert ever pays for a whole rehash; memory is given at the start.
 * A full bucket spills into overflow buckets from the same memory, chained.
 *
 * Always: each index is in the bucket its hash names (or that bucket's chain).  One thread. */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include "base/mem.h"

#define TABLE_WAYS 10

struct table_bucket {
	uint16_t tag[TABLE_WAYS];	/* 0: an empty way */
	uint16_t used;		/* bit i: way i holds an entry */
	uint16_t over;		/* 1 + index of the next overflow bucket; 0: none */
	uint32_t idx[TABLE_WAYS];
} CACHE_ALIGNED;
static_assert(sizeof(struct table_bucket) == 64, "one cache line");

struct table {
	struct table_bucket *buckets;
	struct table_bucket *over;	/* overflow buckets, a free list through `over` */
	uint32_t mask_low;	/* 2^level - 1 */
	uint32_t split;		/* buckets below it are already split at this level */
	uint32_t buckets_n, buckets_max, over_max;
	uint32_t over_free;	/* those given back: 1 + index, 0: none */
	uint32_t over_used;	/* overflow buckets below it have been in use */
	uint32_t entries, entries_max;
	/* the hash an entry was inserted with, for splits */
	uint64_t (*hash_of)(void *ctx, uint32_t idx);
	void *ctx;
};

/* The memory, cache aligned, need not be cleared: it is touched when the table grows into it. */
size_t table_bytes(uint32_t entries_max);
void table_init(struct table *t, uint32_t entries_max, void *mem,
		uint64_t (*hash_of)(void *ctx, uint32_t idx), void *ctx);

/* 0, or -E_NOSPC at entries_max (or with no overflow bucket left). */
int table_insert(struct table *t, uint64_t hash, uint32_t idx);

/* The entry must be there. */
void table_remove(struct table *t, uint64_t hash, uint32_t idx);

void table_check(const struct table *t);

static inline struct table_bucket *table_bucket_of(const struct table *t, uint64_t hash)
{
	uint32_t h = (uint32_t)hash, is_split = (h & t->mask_low) < t->split;

	return &t->buckets[h & (t->mask_low << is_split | is_split)];
}

static inline void table_prefetch(const struct table *t, uint64_t hash)
{
	prefetch_r(table_bucket_of(t, hash));
}

/* Tags come from the upper half of the hash, buckets from the lower.  Never 0: that is an empty
 * way's. */
static inline uint16_t table_tag(uint64_t hash)
{
	return (uint16_t)(hash >> 48) | 1;
}

/* Bit 15 of each 16-bit lane of `x` that is zero. */
static inline uint64_t table_zero_lanes(uint64_t x)
{
	const uint64_t low15 = 0x7fff7fff7fff7fff;

	return ~(((x & low15) + low15) | x | low15);
}

/* Bit 16 * lane + word for each way of the word's four that holds one of `tags`. */
static inline uint64_t table_match_word(const struct table_bucket *b, unsigned word, uint64_t tags)
{
	uint64_t w;

	mem_copy(&w, &b->tag[4 * word], sizeof(w));
	return table_zero_lanes(w ^ tags) >> (15 - word);
}

/* The ways whose tag matches, as a set of bits that table_way() understands. */
static inline uint64_t table_match(const struct table_bucket *b, uint16_t tag)
{
	uint64_t tags = tag * 0x0001000100010001u;
	uint64_t last = table_match_word(b, 2, tags);	/* with `used` and `over` behind the tags */

	return table_match_word(b, 0, tags) | table_match_word(b, 1, tags) | (last & 0xffffffff);
}

/* The way that the lowest bit of a set stands for: lane in the bit's upper part, word in its
 * lower. */
static inline unsigned table_way(uint64_t set)
{
	unsigned bit = (unsigned)__builtin_ctzll(set);

	return bit >> 4 | (bit & 3) << 2;
}

static inline const struct table_bucket *table_over(const struct table *t,
						    const struct table_bucket *b)
{
	return b->over ? &t->over[b->over - 1] : NULL;
}

/* Visits the candidate indices for a hash, with no insertion or removal meanwhile:
 * table_each(t, hash, idx) { if (key matches) return idx; } */
#define table_each(t, hash, var) \
	for (const struct table_bucket *tb_ = table_bucket_of(t, hash); tb_; \
	     tb_ = table_over(t, tb_)) \
		for (uint64_t tm_ = table_match(tb_, table_tag(hash)), var; \
		     tm_ && (var = tb_->idx[table_way(tm_)], 1); tm_ &= tm_ - 1)

#endif
