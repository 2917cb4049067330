/* The hash table of table.h: insertion, removal, growth.
 *
 * A chain is a bucket and its overflow buckets.  Always: when there is a chain, the bucket itself
 * is full and so are all overflow buckets but the first of the chain; that one holds at least one
 * entry.  So both insertion and the hole a removal leaves are settled at the chain's first two
 * buckets. */
#include "base/table.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"

#define TABLE_LOAD 6u	/* entries a bucket, on average, above which an insertion splits one */
#define ALL_USED ((1u << TABLE_WAYS) - 1)
#define OVER_MAX 65535u	/* what table_bucket.over can name */

static uint32_t buckets_for(uint32_t entries_max)
{
	return MAX(1, (uint32_t)(((uint64_t)entries_max + TABLE_LOAD - 1) / TABLE_LOAD));
}

/* Enough for every hash equal in a small table (tests do so, keyed hashes do not), and for five
 * times what a good hash needs in a large one. */
static uint32_t over_for(uint32_t entries_max)
{
	uint32_t all_equal = MIN(entries_max / TABLE_WAYS + 1, 4096);

	return MIN(OVER_MAX, MAX(all_equal, entries_max / 20));
}

size_t table_bytes(uint32_t entries_max)
{
	size_t n = (size_t)buckets_for(entries_max) + over_for(entries_max);

	return n * sizeof(struct table_bucket);
}

void table_init(struct table *t, uint32_t entries_max, void *mem,
		uint64_t (*hash_of)(void *ctx, uint32_t idx), void *ctx)
{
	assert(((uintptr_t)mem & (CACHE_LINE - 1)) == 0);
	*t = (struct table){
		.buckets = mem,
		.buckets_n = 1,
		.buckets_max = buckets_for(entries_max),
		.over_max = over_for(entries_max),
		.entries_max = entries_max,
		.hash_of = hash_of,
		.ctx = ctx,
	};
	t->over = t->buckets + t->buckets_max;
	mem_zero(&t->buckets[0], sizeof(t->buckets[0]));
}

/* Returns 1 + index, 0 when there is none left. */
static uint16_t over_get(struct table *t)
{
	uint32_t o = t->over_free;

	if (o)
		t->over_free = t->over[o - 1].over;
	else if (t->over_used < t->over_max)
		o = ++t->over_used;
	else
		return 0;
	mem_zero(&t->over[o - 1], sizeof(t->over[0]));
	return (uint16_t)o;
}

static void over_put(struct table *t, uint16_t o)
{
	t->over[o - 1].over = (uint16_t)t->over_free;
	t->over_free = o;
}

static void put_way(struct table_bucket *b, unsigned way, uint64_t hash, uint32_t idx)
{
	b->tag[way] = table_tag(hash);
	b->idx[way] = idx;
	b->used |= (uint16_t)(1u << way);
}

/* Puts an entry into the chain of `b`; false when that needs an overflow bucket and there is
 * none. */
static bool chain_put(struct table *t, struct table_bucket *b, uint64_t hash, uint32_t idx)
{
	uint16_t o;

	if (b->used == ALL_USED) {
		if (!b->over || t->over[b->over - 1].used == ALL_USED) {
			o = over_get(t);
			if (!o)
				return false;
			t->over[o - 1].over = b->over;
			b->over = o;
		}
		b = &t->over[b->over - 1];
	}
	put_way(b, (unsigned)__builtin_ctz(~(unsigned)b->used), hash, idx);
	return true;
}

/* Puts all entries of `from` into the buckets their hashes name. */
static void spread(struct table *t, const struct table_bucket *from)
{
	for (uint32_t used = from->used; used; used &= used - 1) {
		uint32_t idx = from->idx[__builtin_ctz(used)];
		uint64_t hash = t->hash_of(t->ctx, idx);
		bool fits = chain_put(t, table_bucket_of(t, hash), hash, idx);

		/* Two chains need no more overflow buckets than one of as many entries. */
		assert(fits);
	}
}

/* Adds one bucket: shares out the entries of the bucket `split` between it and the new one. */
static void split_one(struct table *t)
{
	struct table_bucket copy = t->buckets[t->split];
	uint16_t o = copy.over;

	mem_zero(&t->buckets[t->split], sizeof(copy));
	mem_zero(&t->buckets[t->buckets_n++], sizeof(copy));
	if (t->split++ == t->mask_low) {
		t->mask_low = t->mask_low << 1 | 1;
		t->split = 0;
	}
	spread(t, &copy);
	while (o) {
		copy = t->over[o - 1];
		over_put(t, o);
		spread(t, &copy);
		o = copy.over;
	}
}

int table_insert(struct table *t, uint64_t hash, uint32_t idx)
{
	if (t->entries == t->entries_max)
		return -E_NOSPC;
	if (t->entries >= (uint64_t)t->buckets_n * TABLE_LOAD && t->buckets_n < t->buckets_max)
		split_one(t);
	if (!chain_put(t, table_bucket_of(t, hash), hash, idx))
		return -E_NOSPC;
	t->entries++;
	return 0;
}

/* The bucket of a chain that holds `idx`, and in which way. */
static struct table_bucket *find(struct table *t, struct table_bucket *b, uint64_t hash,
				 uint32_t idx, unsigned *way)
{
	for (;;) {
		for (uint64_t m = table_match(b, table_tag(hash)); m; m &= m - 1) {
			*way = table_way(m);
			if (b->idx[*way] == idx)
				return b;
		}
		assert(b->over);
		b = &t->over[b->over - 1];
	}
}

void table_remove(struct table *t, uint64_t hash, uint32_t idx)
{
	struct table_bucket *head = table_bucket_of(t, hash), *last = head, *hole;
	unsigned way, from;

	hole = find(t, head, hash, idx, &way);
	if (head->over)
		last = &t->over[head->over - 1];
	/* An entry of the one bucket that may have holes fills the one we make. */
	from = hole == last ? way : (unsigned)__builtin_ctz(last->used);
	hole->tag[way] = last->tag[from];
	hole->idx[way] = last->idx[from];
	last->tag[from] = 0;
	last->used &= (uint16_t)~(1u << from);
	if (last->used == 0 && last != head) {
		uint16_t o = head->over;

		head->over = last->over;
		over_put(t, o);
	}
	t->entries--;
}

/* Asserts about the entries of one bucket of the chain of `home`. */
static uint32_t check_bucket(const struct table *t, const struct table_bucket *home,
			     const struct table_bucket *b)
{
	assert((b->used & ~ALL_USED) == 0);
	for (unsigned way = 0; way < TABLE_WAYS; way++)
		assert((b->tag[way] != 0) == (b->used >> way & 1));
	for (uint32_t used = b->used; used; used &= used - 1) {
		unsigned way = (unsigned)__builtin_ctz(used);
		uint64_t hash = t->hash_of(t->ctx, b->idx[way]);

		assert(table_bucket_of(t, hash) == home);
		assert(b->tag[way] == table_tag(hash));
	}
	return (uint32_t)__builtin_popcount(b->used);
}

void table_check(const struct table *t)
{
	uint32_t entries = 0, over = 0;

	assert(IS_POW2((uint64_t)t->mask_low + 1));
	assert(t->split <= t->mask_low);
	assert(t->buckets_n == t->mask_low + 1 + t->split);
	assert(t->buckets_n <= t->buckets_max);
	for (uint32_t i = 0; i < t->buckets_n; i++) {
		const struct table_bucket *home = &t->buckets[i], *b = home;

		entries += check_bucket(t, home, b);
		while ((b = table_over(t, b))) {
			assert(home->used == ALL_USED);
			assert(b->used != 0);
			assert(b->used == ALL_USED || b == table_over(t, home));
			entries += check_bucket(t, home, b);
			over++;
		}
	}
	assert(entries == t->entries);
	for (uint32_t o = t->over_free; o; o = t->over[o - 1].over)
		over++;
	assert(over == t->over_used);
	assert(over <= t->over_max);
}
