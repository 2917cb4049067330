/* Classic BPF: what a program answers, and which programs are none. */
#include "helper/unit.h"

#include "base/err.h"
#include "bpf/bpf.h"

#define N(a) (uint32_t)ARRAY_LEN(a)

static struct pool pool;
static void *mem[2];

static int setup(void **state)
{
	mem[0] = unit_memory(FRAME_SIZE, 64 * FRAME_SIZE);
	mem[1] = unit_memory(CACHE_LINE, pool_bytes(64, 16));
	memset(mem[1], 0, pool_bytes(64, 16));
	pool_init(&pool, (struct region){.base = mem[0], .frames = 64}, 16, mem[1]);
	return 0;
}

static int teardown(void **state)
{
	assert_true(pool_at_rest(&pool));
	free(mem[0]);
	free(mem[1]);
	return 0;
}

/* The answer about a packet of `n` counted bytes. */
static uint32_t run(const struct bpf_insn *insns, uint32_t count, uint32_t n)
{
	struct pkt *p = pkt_new(&pool);
	uint8_t b[256];
	uint32_t res;

	for (unsigned i = 0; i < n; i++)
		b[i] = (uint8_t)i;
	assert_int_equal(bpf_check(insns, count), 0);
	assert_int_equal(pkt_write(p, b, n), 0);
	res = bpf_run(insns, p);
	pkt_put(p);
	return res;
}

static void loads_come_from_the_packet_in_network_order(void **state)
{
	static const struct {
		uint16_t code;
		uint32_t k, want;
	} loads[] = {
		{0x20, 4, 0x04050607}, {0x28, 4, 0x0405}, {0x30, 4, 4}, {0x80, 0, 100},
		{0x00, 77, 77},
	};

	for (size_t i = 0; i < ARRAY_LEN(loads); i++) {
		struct bpf_insn prog[] = {{loads[i].code, 0, 0, loads[i].k}, {0x16, 0, 0, 0}};

		assert_int_equal(run(prog, 2, 100), loads[i].want);
	}
}

static void beyond_the_packet_there_is_nothing(void **state)
{
	struct bpf_insn word[] = {{0x20, 0, 0, 97}, {0x06, 0, 0, 1}};
	struct bpf_insn far[] = {{0x01, 0, 0, UINT32_MAX}, {0x40, 0, 0, 4}, {0x06, 0, 0, 1}};

	assert_int_equal(run(word, 2, 100), 0);
	assert_int_equal(run(word, 2, 101), 1);
	assert_int_equal(run(far, 3, 100), 0);
}

/* A = 5, X = 3 */
static void arithmetic(void **state)
{
	static const struct {
		uint16_t code;
		uint32_t k, want;
	} ops[] = {
		{0x04, 2, 7}, {0x0c, 0, 8}, {0x14, 2, 3}, {0x1c, 0, 2}, {0x24, 2, 10},
		{0x2c, 0, 15}, {0x34, 2, 2}, {0x3c, 0, 1}, {0x44, 2, 7}, {0x54, 4, 4},
		{0x64, 1, 10}, {0x6c, 0, 40}, {0x74, 1, 2}, {0x84, 0, UINT32_MAX - 4},
		{0x94, 2, 1}, {0xa4, 1, 4},
	};

	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		struct bpf_insn prog[] = {{0x00, 0, 0, 5}, {0x01, 0, 0, 3},
					  {ops[i].code, 0, 0, ops[i].k}, {0x16, 0, 0, 0}};

		assert_int_equal(run(prog, 4, 10), ops[i].want);
	}
}

static void jumps_cells_and_registers(void **state)
{
	struct bpf_insn prog[] = {
		{0x30, 0, 0, 9},	/* A = 9 */
		{0x02, 0, 0, 3},	/* cell 3 = A */
		{0xb1, 0, 0, 4},	/* X = (4 & 15) * 4 */
		{0x87, 0, 0, 0},	/* A = X */
		{0x15, 0, 3, 16},	/* 16? */
		{0x60, 0, 0, 3},	/* A = cell 3 */
		{0x35, 1, 0, 10},	/* at least 10? */
		{0x16, 0, 0, 0},
		{0x06, 0, 0, 999},
	};

	assert_int_equal(run(prog, N(prog), 20), 9);
}

static void division_by_nothing_wants_nothing(void **state)
{
	struct bpf_insn prog[] = {{0x00, 0, 0, 5}, {0x3c, 0, 0, 0}, {0x06, 0, 0, 1}};

	assert_int_equal(run(prog, N(prog), 20), 0);
}

static void what_is_no_program_is_refused(void **state)
{
	static const struct bpf_insn bad[][2] = {
		{{0x05, 0, 0, 1}, {0x06, 0, 0, 0}},	/* jumps out */
		{{0x15, 1, 0, 0}, {0x06, 0, 0, 0}},
		{{0x60, 0, 0, 16}, {0x06, 0, 0, 0}},	/* no such cell */
		{{0x02, 0, 0, 16}, {0x06, 0, 0, 0}},
		{{0x34, 0, 0, 0}, {0x06, 0, 0, 0}},	/* divides by 0 */
		{{0x64, 0, 0, 32}, {0x06, 0, 0, 0}},
		{{0xf4, 0, 0, 1}, {0x06, 0, 0, 0}},	/* unknown */
		{{0xff, 0, 0, 1}, {0x06, 0, 0, 0}},
		{{0x20, 0, 0, 0xfffff000}, {0x06, 0, 0, 0}},	/* Linux's extensions */
		{{0x06, 0, 0, 0}, {0x00, 0, 0, 0}},	/* does not end */
	};
	struct bpf_insn end = {0x06, 0, 0, 0};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(bpf_check(bad[i], 2), -E_INVAL);
	assert_int_equal(bpf_check(&end, 0), -E_INVAL);
	assert_int_equal(bpf_check(&end, BPF_INSNS_MAX + 1), -E_INVAL);
}

/* Whatever passes the judge runs to its end and touches nothing outside. */
static void chance_never_breaks_it(void **state)
{
	struct prng r;
	struct pkt *p = pkt_new(&pool);
	uint8_t b[64];

	prng_seed(&r, 1);
	unit_fill(&r, b, sizeof(b));
	assert_int_equal(pkt_write(p, b, sizeof(b)), 0);
	for (int i = 0; i < 200000; i++) {
		struct bpf_insn prog[6];

		unit_fill(&r, prog, sizeof(prog));
		for (int k = 0; k < 6; k++) {
			prog[k].code &= 0xff;
			prog[k].jt %= 6;
			prog[k].jf %= 6;
			prog[k].k &= prng_u64(&r) & 1 ? 31 : UINT32_MAX;
		}
		prog[5].code = 0x06;
		if (!bpf_check(prog, 6))
			(void)bpf_run(prog, p);
	}
	pkt_put(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_come_from_the_packet_in_network_order),
		cmocka_unit_test(beyond_the_packet_there_is_nothing),
		cmocka_unit_test(arithmetic),
		cmocka_unit_test(jumps_cells_and_registers),
		cmocka_unit_test(division_by_nothing_wants_nothing),
		cmocka_unit_test(what_is_no_program_is_refused),
		cmocka_unit_test(chance_never_breaks_it),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
