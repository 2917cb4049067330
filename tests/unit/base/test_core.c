/* What all layers share: dropping and logging. */
#include "helper/unit.h"

#include "base/core.h"

struct heard {
	enum log_level level;
	char line[512];
	enum drop why;
	const struct pkt *p;
	unsigned n;
};

static void hear_log(void *ctx, enum log_level level, const char *line)
{
	struct heard *h = ctx;

	h->n++;
	h->level = level;
	snprintf(h->line, sizeof(h->line), "%s", line);
}

static void hear_drop(void *ctx, enum drop why, const struct pkt *p)
{
	struct heard *h = ctx;

	h->n++;
	h->why = why;
	h->p = p;
	assert_true(p == NULL || p->refs > 0);	/* traced before it is freed */
}

static void a_dropped_packet_is_counted_traced_and_freed(void **state)
{
	void *region = unit_memory(FRAME_SIZE, FRAME_SIZE);
	void *mem = unit_memory(CACHE_LINE, pool_bytes(1, 0));
	struct heard h = {0};
	struct core core = {0};
	struct pool pool;
	struct pkt *p;

	(void)state;
	memset(mem, 0, pool_bytes(1, 0));
	pool_init(&pool, (struct region){region, 1}, 0, mem);
	core_drop(&core, DROP_IP_CSUM, pkt_new(&pool));
	assert_int_equal(core.drops[DROP_IP_CSUM], 1);
	assert_true(pool_at_rest(&pool));
	core.on_drop = hear_drop;
	core.on_drop_ctx = &h;
	p = pkt_new(&pool);
	core_drop(&core, DROP_IP_CSUM, p);
	assert_int_equal(h.why, DROP_IP_CSUM);
	assert_ptr_equal(h.p, p);
	assert_int_equal(core.drops[DROP_IP_CSUM], 2);
	core_count_drop(&core, DROP_TCP_SEQ, NULL);
	assert_int_equal(core.drops[DROP_TCP_SEQ], 1);
	assert_int_equal(h.n, 2);
	assert_true(pool_at_rest(&pool));
	free(region);
	free(mem);
}

static void a_log_line_is_formatted_and_handed_over(void **state)
{
	struct heard h = {0};
	struct core core = {.log = hear_log, .log_ctx = &h};
	struct addr a = addr_v4(IPV4(10, 0, 0, 1));

	(void)state;
	core_log(&core, LOG_WARN, "%pI has %d", (void *)&a, 3);
	assert_int_equal(h.level, LOG_WARN);
	assert_string_equal(h.line, "10.0.0.1 has 3");
}

static void a_long_log_line_is_cut(void **state)
{
	struct heard h = {0};
	struct core core = {.log = hear_log, .log_ctx = &h};

	(void)state;
	core_log(&core, LOG_INFO, "%400d", 1);
	assert_in_range(strlen(h.line), 100, 399);
}

static void nobody_listening_is_no_harm(void **state)
{
	struct core core = {0};

	(void)state;
	core_log(&core, LOG_ERROR, "%s", "nobody");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dropped_packet_is_counted_traced_and_freed),
		cmocka_unit_test(a_log_line_is_formatted_and_handed_over),
		cmocka_unit_test(a_long_log_line_is_cut),
		cmocka_unit_test(nobody_listening_is_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
