/* Joining segments: what the kernel would cut out of the whole is what went in.
 *
 * The test cuts a gathered frame as virtio 1.1 §5.1.6.2 and the kernel do, and compares each
 * segment with the one that was sent, all but IP identification and checksums, which are checked to
 * be right instead. */
#include "helper/unit.h"

#include "base/csum.h"
#include "drivers/vnet/vnet.h"

#define FRAMES 256u
#define BARE 64u
#define HEADERS 54u

static struct pool pool;
static struct vnet_frame out;

static int setup(void **state)
{
	void *mem = unit_memory(CACHE_LINE, pool_bytes(FRAMES, BARE));

	memset(mem, 0, pool_bytes(FRAMES, BARE));
	pool_init(&pool, (struct region){ unit_memory(FRAME_SIZE, FRAMES * FRAME_SIZE), FRAMES },
		  BARE, mem);
	return 0;
}

static int teardown(void **state)
{
	assert_true(pool_at_rest(&pool));
	free(pool.region.base);
	free(pool.pkts);
	return 0;
}

static uint16_t l4_sum(const uint8_t *ip, uint32_t l4_len)
{
	uint64_t s = csum_partial(ip + 12, 8, __builtin_bswap32(l4_len) + ((uint64_t)6 << 24));

	return csum_fold(csum_bytes(ip + 20, l4_len, s));
}

/* A segment as tcp makes it: right in every sum.  `split`: the payload is a second piece. */
static struct pkt *segment(uint32_t seq, uint32_t payload, uint8_t flags, bool split)
{
	uint8_t b[HEADERS + 1460] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45 };
	struct pkt *p = pkt_new(&pool), *more;
	uint16_t sum;

	store_be16(b + 16, (uint16_t)(40 + payload));
	store_be16(b + 18, (uint16_t)seq);		/* identification */
	b[20] = 0x40;
	b[22] = 64;
	b[23] = 6;
	memcpy(b + 26, "\x0a\x00\x00\x02\x0a\x00\x00\x01", 8);
	store_be16(b + 34, 80);
	store_be16(b + 36, 4000);
	store_be32(b + 38, seq);
	store_be32(b + 42, 77);
	b[46] = 0x50;
	b[47] = flags;
	store_be16(b + 48, 5000);
	for (uint32_t i = 0; i < payload; i++)
		b[HEADERS + i] = (uint8_t)(seq + i * 3);
	sum = csum_fold(csum_partial(b + 14, 20, 0));
	memcpy(b + 24, &sum, 2);
	sum = l4_sum(b + 14, 20 + payload);
	memcpy(b + 50, &sum, 2);
	assert_int_equal(pkt_write(p, b, split ? HEADERS : HEADERS + payload), 0);
	if (split && payload) {
		more = pkt_new(&pool);
		assert_int_equal(pkt_write(more, b + HEADERS, payload), 0);
		pkt_append(p, more);
	}
	return p;
}

static uint32_t flatten(uint8_t *to, size_t size)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < out.iov_n; i++) {
		assert_true(n + out.iov[i].iov_len <= size);
		memcpy(to + n, out.iov[i].iov_base, out.iov[i].iov_len);
		n += (uint32_t)out.iov[i].iov_len;
	}
	return n;
}

/* Cuts the gathered frame and compares segment i with p[i]. */
static void expect_cut(struct pkt **p, unsigned n)
{
	static uint8_t whole[70000];
	uint32_t len = flatten(whole, sizeof(whole)) - 10, at = HEADERS;
	uint8_t *b = whole + 10, got[2000], want[2000];
	uint16_t sum;

	assert_int_equal(out.bytes, len);
	assert_int_equal(out.header.gso_type, 1);
	assert_int_equal(out.header.flags, 1);
	assert_int_equal(out.header.csum_start, 34);
	assert_int_equal(out.header.csum_offset, 16);
	assert_int_equal(out.header.hdr_len, HEADERS);
	assert_int_equal(load_be16(b + 16), len - 14);
	assert_int_equal(csum_fold(csum_partial(b + 14, 20, 0)), 0);
	/* What the kernel does with NEEDS_CSUM gives a right sum of the whole. */
	sum = csum_fold(csum_bytes(b + 34, len - 34, 0));
	memcpy(want, b, HEADERS);
	memcpy(b + 50, &sum, 2);
	assert_int_equal(l4_sum(b + 14, len - 34), 0);
	for (unsigned i = 0; i < n; i++) {
		uint32_t payload = MIN(out.header.gso_size, len - at);

		memcpy(got, b, HEADERS);
		memcpy(got + HEADERS, b + at, payload);
		store_be16(got + 16, (uint16_t)(40 + payload));
		store_be32(got + 38, load_be32(b + 38) + (at - HEADERS));
		if (i + 1 < n)
			got[47] &= 0xf6;	/* FIN and PSH are the last one's */
		assert_int_equal(pkt_read(p[i], 0, want, sizeof(want)), HEADERS + payload);
		memcpy(got + 18, want + 18, 2);
		memcpy(got + 24, want + 24, 2);
		memcpy(got + 50, want + 50, 2);
		assert_memory_equal(got, want, HEADERS + payload);
		at += payload;
	}
	assert_int_equal(at, len);
}

static void put_all(struct pkt **p, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		pkt_put(p[i]);
}

static void a_run_of_segments_goes_as_one_and_comes_apart_as_it_was(void **state)
{
	struct pkt *p[40];

	for (unsigned n = 2; n <= 40; n++) {
		for (unsigned i = 0; i < n; i++)
			p[i] = segment(1000 + i * 1460, i + 1 < n ? 1460 : 1 + n * 30,
				       i + 1 < n ? 0x10 : 0x19, i % 2);
		assert_int_equal(vnet_gather(&out, p, n, true), n);
		expect_cut(p, n);
		put_all(p, n);
	}
}

static void sequence_numbers_may_wrap_within_a_run(void **state)
{
	struct pkt *p[3];

	for (unsigned i = 0; i < 3; i++)
		p[i] = segment(0xfffffd00u + i * 1000, 1000, 0x10, false);
	assert_int_equal(vnet_gather(&out, p, 3, true), 3);
	expect_cut(p, 3);
	put_all(p, 3);
}

static void a_frame_is_never_longer_than_ip_allows(void **state)
{
	struct pkt *p[64];
	unsigned k;

	for (unsigned i = 0; i < 64; i++)
		p[i] = segment(i * 1460, 1460, 0x10, false);
	k = vnet_gather(&out, p, 64, true);
	assert_true(k > 40 && k < 64 && out.bytes - 14 <= 65535);
	expect_cut(p, k);
	put_all(p, 64);
}

/* What makes the second of two stay behind. */
static void expect_alone(struct pkt *a, struct pkt *b)
{
	struct pkt *p[2] = { a, b };
	uint8_t got[2000], want[2000];
	uint32_t n;

	assert_int_equal(vnet_gather(&out, p, 2, true), 1);
	n = pkt_read(a, 0, want, sizeof(want));
	assert_int_equal(flatten(got, sizeof(got)), n + 10);
	assert_memory_equal(got, "\0\0\0\0\0\0\0\0\0\0", 10);
	assert_memory_equal(got + 10, want, n);
	put_all(p, 2);
}

static struct pkt *changed(uint32_t seq, uint32_t at, uint8_t xor)
{
	struct pkt *p = segment(seq, 1000, 0x10, false);

	p->data[at] ^= xor;
	return p;
}

static void what_does_not_follow_goes_by_itself(void **state)
{
	/* address, type, TOS, fragment bits, TTL, protocol, addresses, ports, ACK, window */
	static const uint8_t at[] = { 0, 11, 12, 15, 20, 21, 22, 23, 26, 30, 35, 37, 43, 47, 49 };

	for (unsigned i = 0; i < sizeof(at); i++)
		expect_alone(segment(0, 1000, 0x10, false), changed(1000, at[i], 0x20));
	expect_alone(segment(0, 1000, 0x10, false), segment(1001, 1000, 0x10, false));
	expect_alone(segment(0, 1000, 0x10, false), segment(0, 1000, 0x10, false));
	expect_alone(segment(0, 1000, 0x10, false), segment(1000, 1001, 0x10, false));
	expect_alone(segment(0, 1000, 0x10, false), segment(1000, 0, 0x10, false));
	expect_alone(segment(0, 0, 0x10, false), segment(0, 1000, 0x10, false));
	expect_alone(segment(0, 1000, 0x18, false), segment(1000, 1000, 0x10, false));
	expect_alone(segment(0, 1000, 0x11, false), segment(1000, 1000, 0x10, false));
	expect_alone(segment(0, 1000, 0x12, false), segment(1000, 1000, 0x12, false));
	expect_alone(segment(0, 1000, 0x14, false), segment(1000, 1000, 0x14, false));
	expect_alone(segment(0, 1000, 0x30, false), segment(1000, 1000, 0x30, false));
	expect_alone(segment(0, 1000, 0x90, false), segment(1000, 1000, 0x90, false));
}

static void without_offloads_a_frame_is_its_bytes(void **state)
{
	struct pkt *p[2] = { segment(0, 1000, 0x10, true), segment(1000, 1000, 0x10, true) };
	uint8_t got[2000], want[2000];

	assert_int_equal(vnet_gather(&out, p, 2, false), 1);
	assert_int_equal(flatten(got, sizeof(got)), pkt_read(p[0], 0, want, sizeof(want)));
	assert_memory_equal(got, want, 1054);
	put_all(p, 2);
}

static void a_checksum_left_to_the_device_is_said_in_the_header(void **state)
{
	struct pkt *p = segment(0, 100, 0x10, false);

	p->data[23] = 17;
	p->flags |= PKT_CSUM_TODO;
	assert_int_equal(vnet_gather(&out, &p, 1, true), 1);
	assert_int_equal(out.header.flags, 1);
	assert_int_equal(out.header.gso_type, 0);
	assert_int_equal(out.header.csum_start, 34);
	assert_int_equal(out.header.csum_offset, 6);
	pkt_put(p);
}

static void a_checksum_that_nobody_filled_is_filled_in_software(void **state)
{
	struct pkt *p = segment(0, 999, 0x10, true), *same = segment(0, 999, 0x10, true);
	uint64_t sum = csum_partial(p->data + 26, 8, __builtin_bswap32(1019) + (6ull << 24));
	uint16_t pseudo = csum_fold_raw(sum);

	memcpy(p->data + 50, &pseudo, 2);
	p->flags = PKT_CSUM_OK | PKT_CSUM_TODO;
	vnet_finish(p);
	assert_memory_equal(p->data, same->data, HEADERS);
	assert_int_equal(p->flags, PKT_CSUM_OK);
	pkt_put(p);
	pkt_put(same);
}

static void what_the_kernel_says_of_a_frame_is_taken(void **state)
{
	struct vnet_header h = { .flags = 1, .gso_type = 1, .gso_size = 1448 };
	struct pkt *p = pkt_new(&pool);

	assert_true(vnet_take(&h, p));
	assert_int_equal(p->gso, 1448);
	assert_true(p->flags & PKT_CSUM_OK && p->flags & PKT_CSUM_TODO);
	pkt_put(p);
	p = pkt_new(&pool);
	h = (struct vnet_header){ .flags = 2 };
	assert_true(vnet_take(&h, p));
	assert_true(p->flags == PKT_CSUM_OK && p->gso == 0);
	h = (struct vnet_header){ .gso_type = 1 };
	assert_false(vnet_take(&h, p));		/* segments of no bytes */
	h = (struct vnet_header){ .gso_type = 3, .gso_size = 1000 };
	assert_false(vnet_take(&h, p));		/* UDP: never asked for */
	pkt_put(p);
}

static void a_long_frame_is_a_chain_of_the_room_it_was_read_into(void **state)
{
	struct netdev dev = { .pool = &pool };
	struct pkt *room[4] = { NULL }, *p;
	struct iovec iov[4];

	assert_int_equal(vnet_room(&dev, room, iov, 4), 4);
	assert_int_equal(iov[3].iov_len, PKT_ROOM);
	p = vnet_chain(room, 4, 2 * PKT_ROOM + 5);
	assert_int_equal(p->total, 2 * PKT_ROOM + 5);
	assert_int_equal(p->frag->frag->len, 5);
	assert_null(p->frag->frag->frag);
	assert_true(room[0] && !room[1] && !room[2] && !room[3]);
	pkt_put(p);
	assert_int_equal(vnet_room(&dev, room, iov, 2), 2);
	put_all(room, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_of_segments_goes_as_one_and_comes_apart_as_it_was),
		cmocka_unit_test(sequence_numbers_may_wrap_within_a_run),
		cmocka_unit_test(a_frame_is_never_longer_than_ip_allows),
		cmocka_unit_test(what_does_not_follow_goes_by_itself),
		cmocka_unit_test(without_offloads_a_frame_is_its_bytes),
		cmocka_unit_test(a_checksum_left_to_the_device_is_said_in_the_header),
		cmocka_unit_test(a_checksum_that_nobody_filled_is_filled_in_software),
		cmocka_unit_test(what_the_kernel_says_of_a_frame_is_taken),
		cmocka_unit_test(a_long_frame_is_a_chain_of_the_room_it_was_read_into),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
