/* IPv4 headers: every reason to refuse one, options of all shapes, and the round trip. */
#include "helper/unit.h"

#include "fuzz/guard.h"
#include "wire/ipv4.h"

#define PACKET 64u	/* bytes of the packet that tests change */

/* A good packet of PACKET bytes with a header of `header_len`; options are NOPs. */
static void make(uint8_t b[PACKET], unsigned header_len)
{
	struct wire_ipv4 h = {.src = IPV4(192, 0, 2, 1), .dst = IPV4(192, 0, 2, 2), .ttl = 64,
			      .total_len = PACKET, .id = 0x1234, .frag = WIRE_IPV4_DF,
			      .tos = 0x2e, .proto = WIRE_PROTO_TCP};

	memset(b, 1, PACKET);
	wire_ipv4_write(b, &h);
	b[0] = (uint8_t)(0x40 | header_len / 4);
}

/* Makes the checksum right again. */
static void mend(uint8_t *b)
{
	unsigned len = (b[0] & 15) * 4;
	uint16_t c;

	b[10] = b[11] = 0;
	c = csum_fold(csum_partial(b, MIN(len, PACKET), 0));
	memcpy(b + 10, &c, 2);
}

static enum drop parse(struct wire_ipv4 *h, const uint8_t *b, size_t n)
{
	memset(h, 1, sizeof(*h));
	return wire_ipv4_parse(h, guard_input(b, n), n, n);
}

/* What comes of a packet whose options are these. */
static enum drop parse_options(struct wire_ipv4 *h, const uint8_t *options, size_t n)
{
	uint8_t b[PACKET];

	make(b, 20 + (unsigned)n);
	memcpy(b + 20, options, n);
	mend(b);
	memset(h, 1, sizeof(*h));
	return wire_ipv4_parse(h, guard_input(b, 20 + n), 20 + n, sizeof(b));
}

#define OPTIONS(h, ...) \
	parse_options(h, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void a_header_is_read_field_by_field(void **state)
{
	struct wire_ipv4 h;
	uint8_t b[PACKET];

	(void)state;
	make(b, 20);
	assert_int_equal(parse(&h, b, sizeof(b)), DROP_NOT);
	assert_int_equal(h.header_len, 20);
	assert_int_equal(h.tos, 0x2e);
	assert_int_equal(h.total_len, PACKET);
	assert_int_equal(h.id, 0x1234);
	assert_int_equal(h.frag, WIRE_IPV4_DF);
	assert_int_equal(h.ttl, 64);
	assert_int_equal(h.proto, WIRE_PROTO_TCP);
	assert_int_equal(h.src, IPV4(192, 0, 2, 1));
	assert_int_equal(h.dst, IPV4(192, 0, 2, 2));
	assert_false(h.source_route);
}

static void whatever_is_written_reads_back(void **state)
{
	struct wire_ipv4 in, out;
	uint8_t b[WIRE_IPV4_LEN];
	struct prng r;

	(void)state;
	prng_seed(&r, 1);
	for (unsigned i = 0; i < 20000; i++) {
		unit_fill(&r, &in, offsetof(struct wire_ipv4, source_route));
		in.total_len = MAX(in.total_len, 20);
		in.frag &= 0x7fff;
		wire_ipv4_write(b, &in);
		assert_int_equal(wire_ipv4_parse(&out, b, sizeof(b), 65535), DROP_NOT);
		assert_true(in.src == out.src && in.dst == out.dst && in.id == out.id);
		assert_true(in.total_len == out.total_len && in.frag == out.frag);
		assert_true(in.tos == out.tos && in.ttl == out.ttl && in.proto == out.proto);
		assert_int_equal(out.header_len, 20);
	}
}

static void a_packet_shorter_than_its_header_is_refused(void **state)
{
	struct wire_ipv4 h;
	uint8_t b[PACKET];

	(void)state;
	for (unsigned len = 20; len <= 60; len += 4) {
		make(b, len);
		mend(b);
		assert_int_equal(parse(&h, b, sizeof(b)), DROP_NOT);
		assert_int_equal(h.header_len, len);
		for (size_t n = 0; n < len; n++)
			assert_int_equal(parse(&h, b, n), DROP_IP_SHORT);
	}
}

static void another_version_is_refused(void **state)
{
	struct wire_ipv4 h;
	uint8_t b[PACKET];

	(void)state;
	for (unsigned v = 0; v < 16; v++) {
		make(b, 20);
		b[0] = (uint8_t)(v << 4 | 5);
		mend(b);
		assert_int_equal(parse(&h, b, sizeof(b)), v == 4 ? DROP_NOT : DROP_IP_VERSION);
	}
}

static void a_header_length_below_twenty_is_refused(void **state)
{
	struct wire_ipv4 h;
	uint8_t b[PACKET];

	(void)state;
	for (unsigned len = 0; len < 20; len += 4) {
		make(b, 20);
		b[0] = (uint8_t)(0x40 | len / 4);
		mend(b);
		assert_int_equal(parse(&h, b, sizeof(b)), DROP_IP_HEADER_LEN);
	}
}

static void a_total_length_below_the_header_or_beyond_the_packet_is_refused(void **state)
{
	struct wire_ipv4 h;
	uint8_t b[PACKET];

	(void)state;
	for (unsigned len = 20; len <= 60; len += 20) {
		for (unsigned total = 0; total <= 2 * PACKET; total++) {
			make(b, len);
			store_be16(b + 2, (uint16_t)total);
			mend(b);
			assert_int_equal(parse(&h, b, sizeof(b)), total < len || total > PACKET ?
					 DROP_IP_TOTAL_LEN : DROP_NOT);
		}
	}
}

static void a_datagram_may_lie_in_more_than_its_first_piece(void **state)
{
	struct wire_ipv4 h;
	uint8_t b[PACKET];

	(void)state;
	make(b, 20);
	assert_int_equal(wire_ipv4_parse(&h, guard_input(b, 20), 20, PACKET), DROP_NOT);
	assert_int_equal(wire_ipv4_parse(&h, guard_input(b, 20), 20, PACKET - 1),
			 DROP_IP_TOTAL_LEN);
}

static void a_flipped_bit_anywhere_breaks_the_checksum(void **state)
{
	struct wire_ipv4 h;
	uint8_t b[PACKET];

	(void)state;
	for (unsigned len = 20; len <= 60; len += 8) {
		make(b, len);
		mend(b);
		for (unsigned bit = 8; bit < len * 8; bit++) {
			b[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(parse(&h, b, sizeof(b)), DROP_IP_CSUM);
			b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		assert_int_equal(parse(&h, b, sizeof(b)), DROP_NOT);
	}
}

static void the_reserved_bit_is_ignored(void **state)
{
	struct wire_ipv4 h;
	uint8_t b[PACKET];

	(void)state;
	make(b, 20);
	b[6] |= 0x80;
	mend(b);
	assert_int_equal(parse(&h, b, sizeof(b)), DROP_NOT);
	assert_int_equal(h.frag, WIRE_IPV4_DF);
}

static void well_formed_options_are_passed_over(void **state)
{
	struct wire_ipv4 h;

	(void)state;
	assert_int_equal(OPTIONS(&h, 1, 1, 1, 0), DROP_NOT);
	assert_int_equal(OPTIONS(&h, 0, 131, 99, 99), DROP_NOT);	/* behind the end */
	assert_false(h.source_route);
	assert_int_equal(OPTIONS(&h, 148, 4, 0, 0), DROP_NOT);		/* router alert */
	assert_int_equal(OPTIONS(&h, 7, 7, 4, 0, 0, 0, 0, 0), DROP_NOT);
	assert_int_equal(OPTIONS(&h, 68, 8, 5, 0, 0, 0, 0, 0), DROP_NOT);
	assert_int_equal(OPTIONS(&h, 1, 1, 200, 2), DROP_NOT);
	assert_false(h.source_route);
}

static void a_source_route_is_told(void **state)
{
	struct wire_ipv4 h;

	(void)state;
	assert_int_equal(OPTIONS(&h, 131, 7, 4, 192, 0, 2, 9, 0), DROP_NOT);
	assert_true(h.source_route);
	assert_int_equal(OPTIONS(&h, 1, 137, 3, 4), DROP_NOT);
	assert_true(h.source_route);
}

static void malformed_options_are_refused(void **state)
{
	struct wire_ipv4 h;

	(void)state;
	assert_int_equal(OPTIONS(&h, 1, 1, 1, 7), DROP_IP_OPTION);	/* no room for a length */
	assert_int_equal(OPTIONS(&h, 148, 0, 0, 0), DROP_IP_OPTION);
	assert_int_equal(OPTIONS(&h, 148, 1, 0, 0), DROP_IP_OPTION);
	assert_int_equal(OPTIONS(&h, 148, 5, 0, 0), DROP_IP_OPTION);	/* runs out of the header */
	assert_int_equal(OPTIONS(&h, 1, 1, 148, 3), DROP_IP_OPTION);
	assert_int_equal(OPTIONS(&h, 148, 255, 0, 0), DROP_IP_OPTION);
	assert_int_equal(OPTIONS(&h, 131, 2, 0, 0), DROP_IP_OPTION);	/* no room for a pointer */
	assert_int_equal(OPTIONS(&h, 137, 2, 0, 0), DROP_IP_OPTION);
	assert_int_equal(OPTIONS(&h, 7, 2, 0, 0), DROP_IP_OPTION);
	assert_int_equal(OPTIONS(&h, 68, 3, 0, 0), DROP_IP_OPTION);
}

static void a_quoted_header_needs_no_whole_datagram_and_no_checksum(void **state)
{
	struct wire_ipv4 h;
	uint8_t b[PACKET];

	(void)state;
	make(b, 20);
	b[10]++;
	store_be16(b + 2, 1500);
	assert_int_equal(wire_ipv4_parse_quoted(&h, guard_input(b, 20), 20), DROP_NOT);
	assert_int_equal(h.total_len, 1500);
	assert_int_equal(h.proto, WIRE_PROTO_TCP);
	for (size_t n = 0; n < 20; n++)
		assert_int_equal(wire_ipv4_parse_quoted(&h, guard_input(b, n), n), DROP_IP_SHORT);
	store_be16(b + 2, 19);
	assert_int_equal(wire_ipv4_parse_quoted(&h, b, 20), DROP_IP_TOTAL_LEN);
	b[0] = 0x46;
	store_be16(b + 2, 1500);
	memset(b + 20, 148, 4);
	assert_int_equal(wire_ipv4_parse_quoted(&h, b, 24), DROP_IP_OPTION);
	b[0] = 0x44;
	assert_int_equal(wire_ipv4_parse_quoted(&h, b, 24), DROP_IP_HEADER_LEN);
	b[0] = 0x65;
	assert_int_equal(wire_ipv4_parse_quoted(&h, b, 24), DROP_IP_VERSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_read_field_by_field),
		cmocka_unit_test(whatever_is_written_reads_back),
		cmocka_unit_test(a_packet_shorter_than_its_header_is_refused),
		cmocka_unit_test(another_version_is_refused),
		cmocka_unit_test(a_header_length_below_twenty_is_refused),
		cmocka_unit_test(a_total_length_below_the_header_or_beyond_the_packet_is_refused),
		cmocka_unit_test(a_datagram_may_lie_in_more_than_its_first_piece),
		cmocka_unit_test(a_flipped_bit_anywhere_breaks_the_checksum),
		cmocka_unit_test(the_reserved_bit_is_ignored),
		cmocka_unit_test(well_formed_options_are_passed_over),
		cmocka_unit_test(a_source_route_is_told),
		cmocka_unit_test(malformed_options_are_refused),
		cmocka_unit_test(a_quoted_header_needs_no_whole_datagram_and_no_checksum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
