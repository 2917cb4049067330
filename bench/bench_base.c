/* What the small things cost: operations of base and wire, each alone, its data in the cache unless
 * the case says otherwise.
 *
 * Operations of a round do not wait for each other, as in a burst of packets. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/core.h"
#include "base/csum.h"
#include "base/table.h"
#include "bench/bench.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"

/* Keeps the compiler from dropping or moving the making of a value. */
#define KEEP(v) __asm__ volatile("" : : "r"(v) : "memory")

/* A case: `prepare` runs once a round, `code` once an operation, `i` counts. */
#define CASE(id, rounds, text, prepare, code) \
	static void run_##id(uint64_t n) \
	{ \
		prepare; \
		for (uint64_t i = 0; i < n; i++) { \
			code; \
		} \
	} \
	const struct bench bench_##id = {.name = #id, .what = text, .run = run_##id, .n = rounds}

/* -- Checksums -- */

static uint8_t bytes[65536 + 64], copied[65536 + 64];

#define SUM(id, len, rounds, text) \
	CASE(id, rounds, text, volatile size_t k = len, \
	     KEEP(csum_partial(bytes + (i & 15), k, 0)))

SUM(csum_20, 20, 1000000, "checksum of 20 bytes");
SUM(csum_32, 32, 1000000, "checksum of 32 bytes");
SUM(csum_64, 64, 1000000, "checksum of 64 bytes");
SUM(csum_1460, 1460, 200000, "checksum of 1460 bytes");
CASE(csum_copy_64, 1000000, "copy and checksum of 64 bytes", volatile size_t k = 64,
     KEEP(csum_copy(copied, bytes + (i & 15), k, 0)));
CASE(csum_copy_1460, 200000, "copy and checksum of 1460 bytes", volatile size_t k = 1460,
     KEEP(csum_copy(copied, bytes + (i & 15), k, 0)));

/* -- Packets -- */

static struct pool *pool(void)
{
	enum { FRAMES = 64 };
	static struct pool made;
	size_t n = pool_bytes(FRAMES, FRAMES);
	void *region, *mem;

	if (made.frames)
		return &made;
	region = aligned_alloc(FRAME_SIZE, FRAMES * FRAME_SIZE);
	mem = aligned_alloc(CACHE_LINE, n);
	bench_need(region && mem, "no memory for packets");
	memset(mem, 0, n);
	pool_init(&made, (struct region){region, FRAMES}, FRAMES, mem);
	return &made;
}

CASE(pkt_new_put, 1000000, "a packet taken from the pool and put back", struct pool *p = pool(),
     struct pkt *k = pkt_new(p); KEEP(k); pkt_put(k));

static struct pkt *sliced(void)
{
	struct pkt *p = pkt_new(pool());

	bench_need(p != NULL, "no packet");
	p->len = p->total = 1000;
	return p;
}

CASE(pkt_chain_put, 1000000, "a packet with a slice behind it, taken and put back",
     struct pkt *of = sliced(),
     struct pkt *p = pkt_new(pool()); struct pkt *s = pkt_slice(of, 8, 100); pkt_append(p, s);
     KEEP(p); pkt_put(p); if (i == n - 1) pkt_put(of));

/* -- Tables -- */

#define PROBES 65536u

struct keyed {
	struct table table;
	uint64_t *hash, probe[PROBES];
};

static uint64_t hash_of(void *ctx, uint32_t idx)
{
	return ((const uint64_t *)ctx)[idx];
}

/* As a stack's memory would be: else misses of the page tables are what is measured. */
static void *huge_pages(size_t n)
{
	void *p = aligned_alloc(1 << 21, ALIGN_UP(n, 1u << 21));

	bench_need(p != NULL, "no memory for a table");
	madvise(p, ALIGN_UP(n, 1u << 21), MADV_HUGEPAGE);
	return p;
}

/* A table of random keys, and keys to look up that are in it. */
static struct keyed *keyed(struct keyed *k, uint32_t entries)
{
	struct prng r;

	if (k->hash)
		return k;
	prng_seed(&r, entries);
	k->hash = huge_pages(entries * sizeof(*k->hash));
	table_init(&k->table, entries, huge_pages(table_bytes(entries)), hash_of, k->hash);
	for (uint32_t i = 0; i < entries; i++) {
		k->hash[i] = prng_u64(&r);
		bench_need(table_insert(&k->table, k->hash[i], i) == 0, "table full");
	}
	for (uint32_t i = 0; i < PROBES; i++)
		k->probe[i] = k->hash[prng_below(&r, entries)];
	return k;
}

static inline uint64_t lookup(const struct keyed *k, uint64_t hash)
{
	table_each(&k->table, hash, idx)
		if (likely(k->hash[idx] == hash))
			return idx;
	return UINT64_MAX;
}

static struct keyed small, large;

CASE(table_hit_1k, 1000000, "lookup among 1,000 connections", struct keyed *k = keyed(&small, 1000),
     KEEP(lookup(k, k->probe[i % PROBES])));
CASE(table_miss_1k, 1000000, "lookup in vain among 1,000", struct keyed *k = keyed(&small, 1000),
     KEEP(lookup(k, k->probe[i % PROBES] ^ 1ull << 63)));
CASE(table_hit_1m, 200000, "lookup among 1,000,000, two cache misses",
     struct keyed *k = keyed(&large, 1000000), KEEP(lookup(k, k->probe[i % PROBES])));

/* -- Timers and chance -- */

enum { TIMERS = 512 };

static struct wheel *wheel(void)
{
	static struct wheel w;

	wheel_init(&w, SEC(1));
	return &w;
}

static struct wheel_node *timers(void)
{
	static struct wheel_node n[TIMERS];

	for (unsigned i = 0; i < TIMERS; i++)
		wheel_node_init(&n[i], 0);
	return n;
}

CASE(wheel_rearm, 1000000, "a timer among 512 moved", struct wheel *w = wheel();
     struct wheel_node *t = timers(),
     wheel_arm(w, &t[i % TIMERS], SEC(1) + MSEC(200) + i % 4096 * USEC(10)));
CASE(wheel_arm_cancel, 1000000, "a timer armed and cancelled", struct wheel *w = wheel();
     struct wheel_node *t = timers(),
     wheel_arm(w, &t[i % TIMERS], SEC(1) + MSEC(40)); wheel_cancel(w, &t[i % TIMERS]));
CASE(wheel_fire, 500000, "the next of 512 timers waited for, fired and armed again",
     struct wheel *w = wheel(); struct wheel_node *t = timers(); nsec now = SEC(1); struct prng r;
     prng_seed(&r, 1); for (unsigned k = 0; k < TIMERS; k++)
	     wheel_arm(w, &t[k], now + prng_below(&r, 1000000000)),
     struct wheel_node *x; while (!(x = wheel_pop(w, now))) now = wheel_next(w);
     wheel_arm(w, x, now + prng_below(&r, 1000000000)));
CASE(siphash13_2, 1000000, "SipHash-1-3 of two words",
     struct siphash_key key = {{n}}; uint64_t w[2] = {0},
     w[0] = i; KEEP(siphash13_words(&key, w, 2)));

/* -- Headers -- */

enum { HEADERS = 64 };

static uint8_t headers[HEADERS][64];

static void write_headers(void)
{
	struct wire_tcp h = {.opts = WIRE_TCP_OPT_TS, .flags = WIRE_TCP_ACK};

	for (unsigned i = 0; i < HEADERS; i++) {
		h.seq = i;
		wire_tcp_write(headers[i], &h);
	}
}

static void write_ip_headers(void)
{
	struct wire_ipv4 h = {.total_len = 60, .ttl = 64, .proto = WIRE_PROTO_TCP};

	for (unsigned i = 0; i < HEADERS; i++) {
		h.id = (uint16_t)i;
		wire_ipv4_write(headers[i], &h);
	}
}

CASE(wire_tcp_parse, 1000000, "a TCP header with timestamps read",
     struct wire_tcp h; write_headers(),
     KEEP(wire_tcp_parse(&h, headers[i % HEADERS], 64)); KEEP(&h));
CASE(wire_tcp_write, 1000000, "a TCP header with timestamps written",
     struct wire_tcp h = {0}; h.opts = WIRE_TCP_OPT_TS,
     h.seq = (uint32_t)i; KEEP(wire_tcp_write(headers[i % HEADERS], &h)));
CASE(wire_ipv4_parse, 1000000, "an IPv4 header read and its checksum verified",
     struct wire_ipv4 h; write_ip_headers(),
     KEEP(wire_ipv4_parse(&h, headers[i % HEADERS], 64, 64)); KEEP(&h));
CASE(wire_ipv4_write, 1000000, "an IPv4 header written with its checksum",
     struct wire_ipv4 h = {0}; h.total_len = 60,
     h.id = (uint16_t)i; wire_ipv4_write(headers[i % HEADERS], &h); KEEP(headers));
