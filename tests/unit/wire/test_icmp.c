/* ICMP: every reason to refuse a message, what each type says, and the round trip. */
#include "helper/unit.h"

#include "fuzz/guard.h"
#include "wire/icmp.h"

static void assert_same(const struct wire_icmp *a, const struct wire_icmp *b)
{
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->code, b->code);
	assert_int_equal(a->id, b->id);
	assert_int_equal(a->seq, b->seq);
	assert_int_equal(a->mtu, b->mtu);
	assert_int_equal(a->pointer, b->pointer);
}

/* Writes, compares with the wanted bytes, reads back. */
static void assert_on_wire(struct wire_icmp in, const uint8_t want[WIRE_ICMP_LEN])
{
	struct wire_icmp out;
	uint8_t b[WIRE_ICMP_LEN];

	memset(b, 0xa5, sizeof(b));
	wire_icmp_write(b, &in);
	assert_memory_equal(b, want, sizeof(b));
	assert_int_equal(wire_icmp_parse(&out, guard_input(b, sizeof(b)), sizeof(b)), DROP_NOT);
	assert_same(&in, &out);
}

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}

static void an_echo_has_an_identifier_and_a_sequence_number(void **state)
{
	(void)state;
	assert_on_wire((struct wire_icmp){.type = WIRE_ICMP_ECHO, .id = 0x1234, .seq = 0xabcd},
		       BYTES(8, 0, 0, 0, 0x12, 0x34, 0xab, 0xcd));
	assert_on_wire((struct wire_icmp){.type = WIRE_ICMP_ECHO_REPLY, .id = 1, .seq = 2},
		       BYTES(0, 0, 0, 0, 0, 1, 0, 2));
}

static void fragmentation_needed_has_an_mtu_and_other_unreachables_have_none(void **state)
{
	(void)state;
	assert_on_wire((struct wire_icmp){.type = WIRE_ICMP_UNREACH, .code = WIRE_ICMP_FRAG,
					  .mtu = 1400}, BYTES(3, 4, 0, 0, 0, 0, 5, 120));
	assert_on_wire((struct wire_icmp){.type = WIRE_ICMP_UNREACH, .code = WIRE_ICMP_PORT},
		       BYTES(3, 3, 0, 0, 0, 0, 0, 0));
}

static void a_parameter_problem_points_at_it(void **state)
{
	(void)state;
	assert_on_wire((struct wire_icmp){.type = WIRE_ICMP_PARAM, .pointer = 20},
		       BYTES(12, 0, 0, 0, 20, 0, 0, 0));
}

static void of_other_types_the_second_word_is_neither_read_nor_written(void **state)
{
	struct wire_icmp out, want = {.type = WIRE_ICMP_TIME_EXCEEDED, .code = 1};

	(void)state;
	assert_on_wire(want, BYTES(11, 1, 0, 0, 0, 0, 0, 0));
	assert_int_equal(wire_icmp_parse(&out, BYTES(11, 1, 9, 9, 9, 9, 9, 9), 8), DROP_NOT);
	assert_same(&out, &want);
}

static void what_was_read_is_written_and_reads_the_same(void **state)
{
	struct wire_icmp in, out;
	uint8_t b[WIRE_ICMP_LEN];
	struct prng r;

	(void)state;
	prng_seed(&r, 1);
	for (unsigned i = 0; i < 20000; i++) {
		unit_fill(&r, b, sizeof(b));
		b[0] &= 15;
		b[1] &= 7;
		assert_int_equal(wire_icmp_parse(&in, b, sizeof(b)), DROP_NOT);
		wire_icmp_write(b, &in);
		assert_int_equal(wire_icmp_parse(&out, b, sizeof(b)), DROP_NOT);
		assert_same(&in, &out);
	}
}

static void a_short_message_is_refused(void **state)
{
	struct wire_icmp icmp;
	static const uint8_t b[WIRE_ICMP_LEN] = {8};

	(void)state;
	for (size_t n = 0; n < WIRE_ICMP_LEN; n++)
		assert_int_equal(wire_icmp_parse(&icmp, guard_input(b, n), n), DROP_ICMP_SHORT);
}

static void a_quote_needs_eight_bytes_behind_its_header(void **state)
{
	struct wire_ipv4 h = {.total_len = 1500, .ttl = 1, .proto = WIRE_PROTO_UDP}, q;
	uint8_t b[48];

	(void)state;
	memset(b, 1, sizeof(b));
	wire_ipv4_write(b, &h);
	for (size_t n = 0; n < 28; n++)
		assert_int_equal(wire_icmp_quoted(&q, guard_input(b, n), n),
				 n < 20 ? DROP_IP_SHORT : DROP_ICMP_SHORT);
	assert_int_equal(wire_icmp_quoted(&q, guard_input(b, 28), 28), DROP_NOT);
	assert_int_equal(q.proto, WIRE_PROTO_UDP);
	b[0] = 0x46;
	assert_int_equal(wire_icmp_quoted(&q, guard_input(b, 31), 31), DROP_ICMP_SHORT);
	assert_int_equal(wire_icmp_quoted(&q, guard_input(b, 32), 32), DROP_NOT);
	assert_int_equal(q.header_len, 24);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_echo_has_an_identifier_and_a_sequence_number),
		cmocka_unit_test(fragmentation_needed_has_an_mtu_and_other_unreachables_have_none),
		cmocka_unit_test(a_parameter_problem_points_at_it),
		cmocka_unit_test(of_other_types_the_second_word_is_neither_read_nor_written),
		cmocka_unit_test(what_was_read_is_written_and_reads_the_same),
		cmocka_unit_test(a_short_message_is_refused),
		cmocka_unit_test(a_quote_needs_eight_bytes_behind_its_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
