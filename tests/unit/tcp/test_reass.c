/* Bytes that come out of order: every shape of overlap, against a map of bytes; FINs that
 * contradict; bounds.
 *
 * Method: segments by hand; then random ones, of which a byte map knows what must be there. */
#include "helper/unit.h"

#include "helper/tcprig.h"
#include "tcp/tcp_int.h"

static struct rig *r;

static int setup(void **state)
{
	r = rig_new(NULL);
	return 0;
}

static int teardown(void **state)
{
	rig_free(r);
	return 0;
}

#define PIECES(c, want) assert_int_equal(rig_info(r, c).reass_pieces, want)
#define OUT(text) assert_string_equal(rig_out(r), text)

/* Fills [1, 101): [1, joined) is there then; and [101, 201): [1, end) is. */
static void filled(struct tcp_conn *c, unsigned joined, unsigned end)
{
	rig_in(r, "A 1(100) 1");
	assert_int_equal(rig_info(r, c).rcv_queued, joined - 1);
	rig_in(r, "A 101(100) 1");
	assert_int_equal(rig_info(r, c).rcv_queued, end - 1);
	PIECES(c, 0);
	assert_int_equal(rig_read(r, c, 10000), end - 1);
	tcp_abort(&r->tcp, c);
	rig_run(r);
	rig_out_skip(r);
	r->peer->read = 0;
}

/* An old piece [201, 301) and one newcomer, in every way that two ranges can lie. */
static void two_pieces_in_every_order_and_overlap_become_one_stream(void **state)
{
	static const struct { unsigned seq, len, pieces, joined; } shapes[] = {
		{101, 50, 2, 151},	/* before, apart */
		{101, 100, 2, 301},	/* before, touching */
		{101, 150, 2, 301},	/* over its beginning */
		{101, 200, 1, 301},	/* over all of it, ends with it */
		{101, 300, 1, 401},	/* over all of it and beyond */
		{201, 50, 1, 101},	/* within, at its beginning */
		{201, 100, 1, 101},	/* the same */
		{201, 150, 2, 101},	/* the same beginning, beyond */
		{231, 30, 1, 101},	/* within */
		{251, 50, 1, 101},	/* within, at its end */
		{251, 150, 2, 101},	/* over its end */
		{301, 100, 2, 101},	/* behind, touching */
		{301, 1, 2, 101},	/* the same, as short as can be */
	};

	for (unsigned i = 0; i < ARRAY_LEN(shapes); i++) {
		struct tcp_conn *c = rig_accepted(r, 0);

		rig_in(r, "A 201(100) 1");
		rig_inf(r, "A %u(%u) 1", shapes[i].seq, shapes[i].len);
		PIECES(c, shapes[i].pieces);
		assert_int_equal(rig_info(r, c).rcv_queued, 0);
		rig_out_skip(r);
		filled(c, shapes[i].joined, MAX(301, shapes[i].seq + shapes[i].len));
	}
}

static void newcomer_that_covers_several_takes_their_place(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "A 151(10) 1");
	rig_in(r, "A 171(10) 1");
	rig_in(r, "A 191(10) 1");
	rig_in(r, "A 211(10) 1");
	PIECES(c, 4);
	rig_in(r, "A 101(115) 1");		/* over three and a half */
	PIECES(c, 2);
	filled(c, 221, 221);
}

static void all_of_a_piece_came_again_in_order(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "A 51(10) 1");
	rig_in(r, "A 101(10) 1");
	filled(c, 111, 201);
}

static void same_bytes_again_are_counted_as_such(void **state)
{
	rig_accepted(r, 0);
	rig_in(r, "A 101(100) 1");
	rig_in(r, "A 131(10) 1");
	assert_int_equal(rig_drops(r, DROP_TCP_DUP), 1);
	rig_in(r, "A 101(100) 1");
	assert_int_equal(rig_drops(r, DROP_TCP_DUP), 2);
}

static void pieces_beyond_the_bound_are_dropped(void **state)
{
	struct rig_config config;
	struct tcp_conn *c;

	rig_free(r);
	rig_config(&config);
	config.frames = 2048;
	r = rig_new(&config);
	c = rig_accepted(r, 0);
	for (unsigned i = 0; i <= TCP_REASS_PIECES_MAX; i++) {
		rig_inf(r, "A %u(1) 1", 3 + 2 * i);
		rig_out_skip(r);
	}
	assert_int_equal(c->loss->reass.pieces, TCP_REASS_PIECES_MAX);
	assert_int_equal(rig_drops(r, DROP_TCP_REASS), 1);
	PIECES(c, UINT8_MAX);			/* as far as the fact can say */
	rig_in(r, "A 1(1200) 1");
	assert_int_equal(rig_read(r, c, 2000), 1200);
}

static void nothing_is_kept_while_frames_are_short(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);
	struct pkt *taken = rig_starve(r, LOWER_FRAMES / 8);

	rig_in(r, "A 101(100) 1");
	assert_int_equal(rig_drops(r, DROP_TCP_REASS), 1);
	PIECES(c, 0);
	OUT("A 1(0) 1");			/* but said what is missing */
	rig_feed(r, taken);
	rig_in(r, "A 101(100) 1");
	PIECES(c, 1);
}

static void pieces_never_read_go_with_the_connection(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "A 101(100) 1");
	rig_in(r, "FA 301(100) 1");
	rig_in(r, "R 1(0)");
	assert_int_equal(tcp_conn_state(c), TCP_CLOSED);
	tcp_close(&r->tcp, c);
	assert_true(r->core->pool->free_frames_n == LOWER_FRAMES);
}

/* ---- FIN */

static void fin_waits_in_order_with_its_bytes(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "FA 101(50) 1");
	rig_in(r, "A 51(20) 1");
	assert_int_equal(tcp_conn_state(c), TCP_ESTABLISHED);
	rig_in(r, "A 1(101) 1");
	assert_int_equal(tcp_conn_state(c), TCP_CLOSE_WAIT);
	while (*rig_out(r))
		assert_true(r->out.ack - r->peer->isn <= 152);
	assert_int_equal(rig_read(r, c, 1000), 150);
}

static void fin_alone_behind_a_gap_and_again_with_bytes(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "FA 151(0) 1");
	PIECES(c, 1);
	rig_in(r, "FA 151(0) 1");
	PIECES(c, 1);
	rig_in(r, "FA 101(50) 1");
	rig_in(r, "A 81(90) 1");		/* beyond the FIN: a lie */
	rig_in(r, "A 1(80) 1");
	assert_int_equal(tcp_conn_state(c), TCP_CLOSE_WAIT);
	assert_int_equal(rig_read(r, c, 1000), 150);
}

/* What a peer says of its end in two ways must not be our end. */
static void fin_within_bytes_that_are_there_is_not_believed(void **state)
{
	struct tcp_conn *c = rig_accepted(r, 0);

	rig_in(r, "A 101(100) 1");
	rig_in(r, "FA 111(10) 1");
	rig_in(r, "FA 101(50) 1");
	rig_in(r, "FA 150(0) 1");
	PIECES(c, 1);
	rig_in(r, "A 1(100) 1");
	assert_int_equal(tcp_conn_state(c), TCP_ESTABLISHED);
	assert_int_equal(rig_read(r, c, 1000), 200);
}

static void fins_at_many_places_end_the_stream_once(void **state)
{
	for (unsigned seed = 0; seed < 300; seed++) {
		struct tcp_conn *c = rig_accepted(r, 0);
		struct prng chance;

		prng_seed(&chance, seed);
		for (unsigned i = 0; i < 30; i++) {
			bool fin = prng_below(&chance, 3) == 0;

			rig_inf(r, "%s %u(%u) 1", fin ? "FA" : "A", 1 + prng_below(&chance, 60),
				prng_below(&chance, 40));
			rig_out_skip(r);
		}
		assert_true(rig_info(r, c).rcv_queued <= 100);
		rig_read(r, c, 1000);
		tcp_abort(&r->tcp, c);
		rig_run(r);
		rig_out_skip(r);
		r->peer->read = 0;
	}
}

/* ---- the model */

#define SPAN 6000u

static void random_segment(struct tcp_conn *c, struct prng *chance, bool *have, uint32_t *next)
{
	uint32_t n = 1 + prng_below(chance, prng_below(chance, 8) ? 300 : 1460);
	uint32_t at = prng_below(chance, SPAN), back = prng_below(chance, 50);

	if (prng_below(chance, 4) == 0)
		at = *next - MIN(*next, back);	/* near the edge */
	n = MIN(n, SPAN - at);
	rig_inf(r, "%s %u(%u) 1", at + n == SPAN ? "FA" : "A", 1 + at, n);
	for (uint32_t i = at; i < at + n; i++)
		have[i] = true;
	while (*next < SPAN && have[*next])
		(*next)++;
	assert_int_equal(rig_info(r, c).rcv_queued + r->peer->read, *next);
	assert_int_equal(tcp_conn_state(c),
			 *next == SPAN ? TCP_CLOSE_WAIT : TCP_ESTABLISHED);
}

static void random_segments_are_a_byte_map(void **state)
{
	static bool have[SPAN];
	unsigned pieces_high = 0;

	for (unsigned seed = 0; seed < 60; seed++) {
		struct tcp_conn *c = rig_accepted(r, 0);
		struct prng chance;
		uint32_t next = 0;

		memset(have, 0, sizeof(have));
		prng_seed(&chance, seed);
		while (next < SPAN) {
			random_segment(c, &chance, have, &next);
			pieces_high = MAX(pieces_high, rig_info(r, c).reass_pieces);
			if (prng_below(&chance, 10) == 0)
				rig_read(r, c, prng_below(&chance, 500));
			rig_out_skip(r);
		}
		rig_read(r, c, SPAN);
		assert_int_equal(r->peer->read, SPAN);
		tcp_abort(&r->tcp, c);
		rig_run(r);
		rig_out_skip(r);
		r->peer->read = 0;
	}
	assert_in_range(pieces_high, 8, 200);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(two_pieces_in_every_order_and_overlap_become_one_stream),
		T(newcomer_that_covers_several_takes_their_place),
		T(all_of_a_piece_came_again_in_order),
		T(same_bytes_again_are_counted_as_such),
		T(pieces_beyond_the_bound_are_dropped),
		T(nothing_is_kept_while_frames_are_short),
		T(pieces_never_read_go_with_the_connection),
		T(fin_waits_in_order_with_its_bytes),
		T(fin_alone_behind_a_gap_and_again_with_bytes),
		T(fin_within_bytes_that_are_there_is_not_believed),
		T(fins_at_many_places_end_the_stream_once),
		T(random_segments_are_a_byte_map),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
