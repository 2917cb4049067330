/* Packets: what pkt.h promises, each promise alone, then random operations against byte strings. */
#include "helper/unit.h"

#include "base/err.h"
#include "base/pkt.h"

#define FRAMES 32u
#define BARE 48u

struct rig {
	struct pool pool;
	void *region, *mem;
	struct prng prng;
};

static void rig_size(struct rig *g, uint32_t frames, uint32_t bare)
{
	size_t n = pool_bytes(frames, bare);

	g->region = unit_memory(FRAME_SIZE, (size_t)frames * FRAME_SIZE);
	g->mem = unit_memory(CACHE_LINE, n);
	memset(g->mem, 0, n);
	pool_init(&g->pool, (struct region){g->region, frames}, bare, g->mem);
	prng_seed(&g->prng, 1);
}

static int setup(void **state)
{
	struct rig *g = test_calloc(1, sizeof(*g));

	rig_size(g, FRAMES, BARE);
	*state = g;
	return 0;
}

static int teardown(void **state)
{
	struct rig *g = *state;

	pool_check(&g->pool);
	assert_true(pool_at_rest(&g->pool));
	free(g->region);
	free(g->mem);
	test_free(g);
	return 0;
}

/* A packet of `n` bytes: first, first + 1, ... */
static struct pkt *packet(struct rig *g, uint32_t n, uint8_t first)
{
	struct pkt *p = pkt_new(&g->pool);

	assert_non_null(p);
	for (uint32_t i = 0; i < n; i++) {
		uint8_t b = (uint8_t)(first + i);

		assert_int_equal(pkt_write(p, &b, 1), 0);
	}
	return p;
}

static void assert_bytes(const struct pkt *p, const void *bytes, uint32_t n)
{
	uint8_t *got = test_malloc(n + 1);

	assert_int_equal(p->total, n);
	assert_int_equal(pkt_read(p, 0, got, n + 1), n);
	assert_memory_equal(got, bytes, n);
	test_free(got);
}

static void a_new_packet_is_empty_with_all_its_headroom(void **state)
{
	struct rig *g = *state;
	struct pkt *p = packet(g, 100, 0);

	p->flags = PKT_CSUM_OK;
	p->if_index = 3;
	p->l3 = 20;
	p->next = p;
	pkt_put(p);
	p = pkt_new(&g->pool);
	assert_non_null(p);
	assert_int_equal(p->len, 0);
	assert_int_equal(p->total, 0);
	assert_int_equal(p->refs, 1);
	assert_int_equal(p->flags, 0);
	assert_null(p->frag);
	assert_null(p->next);
	assert_int_equal(p->if_index, 0);
	assert_int_equal(p->l3, 0);
	assert_int_equal(pkt_headroom(p), PKT_HEADROOM);
	assert_int_equal(pkt_tailroom(p), PKT_ROOM);
	assert_ptr_equal(pkt_frame(p), (uint8_t *)g->region + (size_t)p->index * FRAME_SIZE);
	pkt_put(p);
}

static void an_empty_pool_gives_nothing_and_counts_it(void **state)
{
	struct rig *g = *state;
	struct pkt *p[FRAMES], *b[BARE];
	uint8_t byte = 1;

	for (uint32_t i = 0; i < FRAMES; i++)
		assert_non_null(p[i] = pkt_new(&g->pool));
	assert_int_equal(g->pool.empty, 0);
	assert_null(pkt_new(&g->pool));
	assert_int_equal(g->pool.empty, 1);
	assert_int_equal(g->pool.free_frames_low, 0);
	assert_int_equal(pkt_write(p[0], &byte, 1), 0);
	for (uint32_t i = 0; i < BARE; i++)
		assert_non_null(b[i] = pkt_slice(p[0], 0, 1));
	assert_null(pkt_slice(p[0], 0, 1));
	assert_int_equal(g->pool.empty, 2);
	assert_null(pkt_copy(&g->pool, p[0]));
	assert_int_equal(g->pool.empty, 3);
	pool_check(&g->pool);
	for (uint32_t i = 0; i < BARE; i++)
		pkt_put(b[i]);
	for (uint32_t i = 0; i < FRAMES; i++)
		pkt_put(p[i]);
	assert_int_equal(g->pool.free_frames_low, 0);
}

static void the_frame_given_back_last_is_given_out_first(void **state)
{
	struct rig *g = *state;
	struct pkt *a = pkt_new(&g->pool), *b = pkt_new(&g->pool), *c;

	pkt_put(b);
	pkt_put(a);
	c = pkt_new(&g->pool);
	assert_ptr_equal(c, a);
	pkt_put(c);
}

static void a_packet_lives_until_its_last_reference_goes(void **state)
{
	struct rig *g = *state;
	struct pkt *p = packet(g, 3, 7);

	pkt_get(p);
	pkt_put(p);
	assert_bytes(p, "\7\10\11", 3);
	assert_false(pool_at_rest(&g->pool));
	pkt_put(p);
	assert_true(pool_at_rest(&g->pool));
}

static void putting_a_free_packet_is_an_assertion(void **state)
{
	struct rig *g = *state;
	struct pkt *volatile p = pkt_new(&g->pool);

	pkt_put(p);
	expect_assert_failure(pkt_put(p));
}

static void pushing_and_pulling_move_the_front(void **state)
{
	struct rig *g = *state;
	struct pkt *p = packet(g, 4, 10);
	uint8_t *front = pkt_push(p, 2);

	front[0] = 8;
	front[1] = 9;
	assert_bytes(p, "\x08\x09\x0a\x0b\x0c\x0d", 6);
	assert_int_equal(pkt_headroom(p), PKT_HEADROOM - 2);
	assert_int_equal(pkt_tailroom(p), PKT_ROOM - 4);
	pkt_pull(p, 3);
	assert_bytes(p, "\x0b\x0c\x0d", 3);
	pkt_put(p);
}

static void a_slice_holds_the_frame_that_its_bytes_lie_in(void **state)
{
	struct rig *g = *state;
	struct pkt *p = packet(g, 8, 0);
	struct pkt *s = pkt_slice(p, 2, 5), *t = pkt_slice(s, 1, 2);

	assert_bytes(s, "\2\3\4\5\6", 5);
	assert_bytes(t, "\3\4", 2);
	assert_int_equal(pkt_headroom(s), 0);
	assert_int_equal(pkt_tailroom(s), 0);
	assert_int_equal(p->refs, 3);
	pkt_put(s);
	pkt_put(p);
	assert_int_equal(g->pool.free_frames_n, FRAMES - 1);
	assert_bytes(t, "\3\4", 2);
	pool_check(&g->pool);
	pkt_put(t);
}

static void a_slice_beyond_its_piece_is_an_assertion(void **state)
{
	struct rig *g = *state;
	struct pkt *volatile p = packet(g, 8, 0);

	expect_assert_failure((void)!pkt_slice(p, 9, 0));
	expect_assert_failure((void)!pkt_slice(p, 4, 5));
	expect_assert_failure((void)!pkt_slice(p, 4, UINT32_MAX - 2));
	pkt_put(p);
}

static void a_frame_with_all_the_references_it_can_count_gives_no_slice(void **state)
{
	struct rig *g = *state;
	struct pkt *p = packet(g, 8, 0);

	p->refs = UINT16_MAX;
	assert_null(pkt_slice(p, 0, 1));
	assert_int_equal(g->pool.empty, 1);
	p->refs = 1;
	pkt_put(p);
}

static void a_lend_is_returned_once_when_its_last_slice_goes(void **state)
{
	static const uint8_t bytes[] = "lent";
	struct rig *g = *state;
	struct lend lend = {0}, other = {0};
	struct pkt *p = pkt_lent(&g->pool, &lend, bytes, 4);
	struct pkt *q = pkt_lent(&g->pool, &other, bytes, 4);
	struct pkt *s = pkt_slice(p, 1, 2);

	assert_int_equal(lend.refs, 2);
	assert_bytes(s, "en", 2);
	pkt_put(p);
	assert_null(g->pool.returned);
	pool_check(&g->pool);
	pkt_put(s);
	assert_ptr_equal(g->pool.returned, &lend);
	assert_null(lend.next);
	pkt_put(q);
	assert_ptr_equal(g->pool.returned, &other);
	assert_ptr_equal(other.next, &lend);
}

static void a_chain_goes_as_a_whole(void **state)
{
	struct rig *g = *state;
	struct lend lend = {0};
	struct pkt *p = packet(g, 3, 0), *frame = packet(g, 3, 3);

	pkt_append(p, pkt_slice(frame, 0, 3));
	pkt_append(p, pkt_lent(&g->pool, &lend, "\6\7", 2));
	pkt_append(p, packet(g, 1, 8));
	pkt_put(frame);
	assert_bytes(p, "\0\1\2\3\4\5\6\7\x08", 9);
	pool_check(&g->pool);
	pkt_put(p);
	assert_true(pool_at_rest(&g->pool));
	assert_ptr_equal(g->pool.returned, &lend);
}

static void a_piece_held_by_somebody_else_outlives_its_chain(void **state)
{
	struct rig *g = *state;
	struct pkt *p = packet(g, 2, 0), *q = packet(g, 2, 2), *r = packet(g, 2, 4);

	pkt_append(p, q);
	pkt_append(p, r);
	pkt_get(q);
	pkt_put(p);
	assert_int_equal(g->pool.free_frames_n, FRAMES - 2);
	assert_int_equal(q->len, 2);
	assert_ptr_equal(q->frag, r);
	pkt_put(q);
}

static void a_slice_keeps_the_bytes_and_not_the_chain(void **state)
{
	struct rig *g = *state;
	struct pkt *p = packet(g, 2, 0), *s = pkt_slice(p, 0, 2);

	pkt_append(p, packet(g, 2, 2));
	pkt_put(p);
	pool_check(&g->pool);
	assert_int_equal(g->pool.free_frames_n, FRAMES - 1);
	assert_bytes(s, "\0\1", 2);
	pkt_put(s);
}

static void chains_with_slices_of_each_other_do_not_hold_themselves(void **state)
{
	struct rig *g = *state;
	struct pkt *p = packet(g, 2, 0), *q = packet(g, 2, 2);

	pkt_append(p, pkt_slice(p, 0, 1));
	pkt_append(p, pkt_slice(q, 0, 1));
	pkt_append(q, pkt_slice(p, 1, 1));
	pool_check(&g->pool);
	pkt_put(p);
	pool_check(&g->pool);
	assert_bytes(q, "\2\3\1", 3);
	pkt_put(q);
	assert_true(pool_at_rest(&g->pool));
}

static void no_nesting_of_chains_uses_up_the_stack(void **state)
{
	const uint32_t deep = 100000;
	struct rig g;
	struct pkt *p, *inner;

	(void)state;
	rig_size(&g, deep, deep);
	inner = pkt_new(&g.pool);
	for (uint32_t i = 1; i < deep; i++) {
		p = pkt_new(&g.pool);
		pkt_append(p, pkt_slice(inner, 0, 0));
		pkt_put(inner);
		inner = p;
	}
	pkt_put(inner);
	assert_true(pool_at_rest(&g.pool));
	free(g.region);
	free(g.mem);
}

static void writing_fills_the_last_piece_and_then_new_frames(void **state)
{
	struct rig *g = *state;
	struct pkt *p = pkt_new(&g->pool);
	uint8_t bytes[2 * PKT_ROOM + 3];

	unit_fill(&g->prng, bytes, sizeof(bytes));
	assert_int_equal(pkt_write(p, bytes, PKT_ROOM - 1), 0);
	assert_null(p->frag);
	assert_int_equal(pkt_write(p, bytes + PKT_ROOM - 1, PKT_ROOM + 4), 0);
	assert_int_equal(p->len, PKT_ROOM);
	assert_int_equal(p->frag->len, PKT_ROOM);
	assert_int_equal(p->frag->frag->len, 3);
	assert_bytes(p, bytes, sizeof(bytes));
	assert_int_equal(pkt_write(p, bytes, 0), 0);
	assert_int_equal(g->pool.free_frames_n, FRAMES - 3);
	pkt_put(p);
}

static void a_write_that_does_not_fit_appends_nothing(void **state)
{
	static uint8_t bytes[(FRAMES + 1) * PKT_ROOM];
	struct rig *g = *state;
	struct pkt *p = packet(g, 5, 0);

	assert_int_equal(pkt_write(p, bytes, FRAMES * PKT_ROOM - 4), -E_NOBUFS);
	assert_int_equal(g->pool.empty, 1);
	assert_bytes(p, "\0\1\2\3\4", 5);
	assert_null(p->frag);
	assert_int_equal(pkt_write(p, bytes, FRAMES * PKT_ROOM - 5), 0);
	assert_int_equal(g->pool.free_frames_n, 0);
	pkt_put(p);
}

static void a_write_leaves_the_bytes_behind_a_shared_piece_alone(void **state)
{
	struct rig *g = *state;
	struct pkt *p = packet(g, 6, 0), *s = pkt_slice(p, 3, 3);

	pkt_trim(p, 3);
	assert_int_equal(pkt_write(p, "xyz", 3), 0);
	assert_bytes(s, "\3\4\5", 3);
	assert_bytes(p, "\0\1\2xyz", 6);
	pkt_put(s);
	pkt_put(p);
}

static void a_write_behind_a_bare_piece_opens_a_frame(void **state)
{
	struct rig *g = *state;
	struct pkt *p = packet(g, 3, 0), *s = pkt_slice(p, 0, 2);

	assert_int_equal(pkt_write(s, "x", 1), 0);
	assert_bytes(s, "\0\1x", 3);
	assert_bytes(p, "\0\1\2", 3);
	pkt_put(s);
	pkt_put(p);
}

static void trimming_frees_the_pieces_behind(void **state)
{
	struct rig *g = *state;
	struct pkt *p = packet(g, 4, 0);

	pkt_append(p, packet(g, 4, 4));
	pkt_append(p, packet(g, 4, 8));
	pkt_trim(p, 13);
	assert_int_equal(p->total, 12);
	pkt_trim(p, 8);
	assert_bytes(p, "\0\1\2\3\4\5\6\7", 8);
	assert_int_equal(g->pool.free_frames_n, FRAMES - 2);
	pkt_trim(p, 5);
	assert_bytes(p, "\0\1\2\3\4", 5);
	pkt_trim(p, 0);
	assert_bytes(p, "", 0);
	assert_int_equal(g->pool.free_frames_n, FRAMES - 1);
	pkt_put(p);
}

static void trimming_the_front_hands_on_what_belongs_to_the_packet(void **state)
{
	struct rig *g = *state;
	struct pkt *p = packet(g, 4, 0), *q;

	pkt_append(p, packet(g, 4, 4));
	pkt_append(p, packet(g, 4, 8));
	p->flags |= PKT_CSUM_OK;
	p->if_index = 3;
	p->l3 = 20;
	p->rx.sport = 80;
	p = pkt_trim_front(p, 0);
	p = pkt_trim_front(p, 2);
	assert_bytes(p, "\2\3\4\5\6\7\x08\x09\x0a\x0b", 10);
	q = pkt_trim_front(p, 7);
	assert_bytes(q, "\x09\x0a\x0b", 3);
	assert_int_equal(g->pool.free_frames_n, FRAMES - 1);
	assert_int_equal(q->flags, PKT_CSUM_OK);
	assert_int_equal(q->if_index, 3);
	assert_int_equal(q->l3, 20);
	assert_int_equal(q->rx.sport, 80);
	pkt_put(q);
}

static void trimming_the_front_by_whole_pieces_frees_them(void **state)
{
	struct rig *g = *state;
	struct pkt *p = packet(g, 4, 0);

	pkt_append(p, packet(g, 4, 4));
	p = pkt_trim_front(p, 4);
	assert_bytes(p, "\4\5\6\7", 4);
	assert_int_equal(p->len, 4);
	assert_int_equal(g->pool.free_frames_n, FRAMES - 1);
	pkt_put(p);
}

static void trimming_the_front_of_a_shared_packet_leaves_the_other_holder_his_pieces(void **state)
{
	struct rig *g = *state;
	struct pkt *p = packet(g, 4, 0), *q;

	pkt_append(p, packet(g, 4, 4));
	pkt_get(p);
	q = pkt_trim_front(p, 5);
	assert_bytes(q, "\5\6\7", 3);
	assert_int_equal(p->refs, 1);
	assert_int_equal(q->refs, 2);
	pool_check(&g->pool);
	pkt_put(p);
	assert_bytes(q, "\5\6\7", 3);
	pkt_put(q);
}

static void a_copy_is_one_piece_where_it_fits_and_shares_nothing(void **state)
{
	struct rig *g = *state;
	struct pkt *p = packet(g, 4, 0), *c;
	uint8_t big[PKT_ROOM + 1];

	pkt_append(p, packet(g, 4, 4));
	p->if_index = 2;
	p->l3 = 20;
	c = pkt_copy(&g->pool, p);
	assert_null(c->frag);
	assert_int_equal(c->if_index, 2);
	assert_int_equal(c->l3, 20);
	p->data[0] = 99;
	assert_bytes(c, "\0\1\2\3\4\5\6\7", 8);
	pkt_put(c);
	pkt_put(p);

	unit_fill(&g->prng, big, sizeof(big));
	p = pkt_new(&g->pool);
	assert_int_equal(pkt_write(p, big, sizeof(big)), 0);
	c = pkt_copy(&g->pool, p);
	assert_bytes(c, big, sizeof(big));
	pkt_put(p);
	pkt_put(c);
}

static void a_copy_of_a_slice_has_a_frame_of_its_own(void **state)
{
	struct rig *g = *state;
	struct pkt *p = packet(g, 4, 0), *s = pkt_slice(p, 1, 2), *c = pkt_copy(&g->pool, s);

	assert_int_equal(c->flags, 0);
	pkt_put(s);
	pkt_put(p);
	assert_bytes(c, "\1\2", 2);
	pkt_put(c);
}

static void reading_stops_where_the_chain_ends(void **state)
{
	struct rig *g = *state;
	struct pkt *p = packet(g, 4, 0);
	uint8_t b[8];

	pkt_append(p, packet(g, 4, 4));
	assert_int_equal(pkt_read(p, 3, b, 2), 2);
	assert_memory_equal(b, "\3\4", 2);
	assert_int_equal(pkt_read(p, 6, b, 8), 2);
	assert_memory_equal(b, "\6\7", 2);
	assert_int_equal(pkt_read(p, 8, b, 8), 0);
	assert_int_equal(pkt_read(p, 100, b, 8), 0);
	pkt_put(p);
}

static void a_queue_is_first_in_first_out(void **state)
{
	struct rig *g = *state;
	struct pkt *p = packet(g, 1, 0), *q = packet(g, 1, 1), *r = packet(g, 1, 2);
	struct pktq queue;

	pktq_init(&queue);
	assert_null(pktq_pop(&queue));
	pktq_push(&queue, p);
	pktq_push(&queue, q);
	assert_ptr_equal(pktq_pop(&queue), p);
	pktq_push(&queue, r);
	assert_int_equal(queue.n, 2);
	assert_ptr_equal(pktq_pop(&queue), q);
	assert_ptr_equal(pktq_pop(&queue), r);
	assert_null(pktq_pop(&queue));
	pktq_push(&queue, p);
	pktq_push(&queue, q);
	pktq_push(&queue, r);
	pktq_free(&queue);
	assert_null(pktq_pop(&queue));
}

/* Random operations.  Each packet has beside it the bytes it should hold.  Slices' bytes are copied
 * out when they are made: nothing that happens to the packet later may change them. */
#define MODELS 12
#define BYTES_MAX 9000u

struct model {
	struct pkt *p;
	uint32_t n;
	uint8_t bytes[2 * BYTES_MAX];
};

static void model_put(struct model *m)
{
	pkt_put(m->p);
	m->p = NULL;
}

static void model_write(struct rig *g, struct model *m)
{
	uint32_t n = prng_below(&g->prng, prng_below(&g->prng, 4) ? 100 : 4000);
	uint8_t b[4000];

	unit_fill(&g->prng, b, n);
	if (m->n + n > BYTES_MAX || pkt_write(m->p, b, n))
		return;
	memcpy(m->bytes + m->n, b, n);
	m->n += n;
}

static void model_slice(struct rig *g, struct model *m, struct model *to)
{
	uint32_t off = prng_below(&g->prng, m->p->len + 1);
	uint32_t n = prng_below(&g->prng, m->p->len - off + 1);

	to->p = pkt_slice(m->p, off, n);
	to->n = n;
	memcpy(to->bytes, m->bytes + off, n);
}

static void model_copy(struct rig *g, struct model *m, struct model *to)
{
	to->p = pkt_copy(&g->pool, m->p);
	to->n = m->n;
	memcpy(to->bytes, m->bytes, m->n);
}

static void model_append(struct model *m, struct model *tail)
{
	if (m == tail || m->n + tail->n > BYTES_MAX)
		return;
	pkt_append(m->p, tail->p);
	memcpy(m->bytes + m->n, tail->bytes, tail->n);
	m->n += tail->n;
	tail->p = NULL;
}

static void model_step(struct rig *g, struct model *m, struct model *other)
{
	uint32_t n;

	switch (prng_below(&g->prng, 8)) {
	case 0:
		model_put(m);
		break;
	case 1:
	case 2:
		model_write(g, m);
		break;
	case 3:
		n = prng_below(&g->prng, m->n + 2);
		pkt_trim(m->p, n);
		m->n = MIN(m->n, n);
		break;
	case 4:
		if (!m->n)
			break;
		n = prng_below(&g->prng, m->n);
		m->p = pkt_trim_front(m->p, n);
		m->n -= n;
		memmove(m->bytes, m->bytes + n, m->n);
		break;
	case 5:
		if (!other->p)
			model_slice(g, m, other);
		break;
	case 6:
		if (!other->p)
			model_copy(g, m, other);
		break;
	case 7:
		if (other->p)
			model_append(m, other);
		break;
	}
}

static void random_operations_agree_with_byte_strings(void **state)
{
	static struct model models[MODELS];
	struct rig *g = *state;

	for (unsigned step = 0; step < 60000; step++) {
		struct model *m = &models[prng_below(&g->prng, MODELS)];

		if (!m->p) {
			m->p = pkt_new(&g->pool);
			m->n = 0;
			continue;
		}
		model_step(g, m, &models[prng_below(&g->prng, MODELS)]);
		if (m->p)
			assert_bytes(m->p, m->bytes, m->n);
		if (step % 64)
			continue;
		pool_check(&g->pool);
		for (unsigned i = 0; i < MODELS; i++)
			if (models[i].p)
				assert_bytes(models[i].p, models[i].bytes, models[i].n);
	}
	for (unsigned i = 0; i < MODELS; i++)
		if (models[i].p)
			model_put(&models[i]);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_new_packet_is_empty_with_all_its_headroom),
		T(an_empty_pool_gives_nothing_and_counts_it),
		T(the_frame_given_back_last_is_given_out_first),
		T(a_packet_lives_until_its_last_reference_goes),
		T(putting_a_free_packet_is_an_assertion),
		T(pushing_and_pulling_move_the_front),
		T(a_slice_holds_the_frame_that_its_bytes_lie_in),
		T(a_slice_beyond_its_piece_is_an_assertion),
		T(a_frame_with_all_the_references_it_can_count_gives_no_slice),
		T(a_lend_is_returned_once_when_its_last_slice_goes),
		T(a_chain_goes_as_a_whole),
		T(a_piece_held_by_somebody_else_outlives_its_chain),
		T(a_slice_keeps_the_bytes_and_not_the_chain),
		T(chains_with_slices_of_each_other_do_not_hold_themselves),
		T(no_nesting_of_chains_uses_up_the_stack),
		T(writing_fills_the_last_piece_and_then_new_frames),
		T(a_write_that_does_not_fit_appends_nothing),
		T(a_write_leaves_the_bytes_behind_a_shared_piece_alone),
		T(a_write_behind_a_bare_piece_opens_a_frame),
		T(trimming_frees_the_pieces_behind),
		T(trimming_the_front_hands_on_what_belongs_to_the_packet),
		T(trimming_the_front_by_whole_pieces_frees_them),
		T(trimming_the_front_of_a_shared_packet_leaves_the_other_holder_his_pieces),
		T(a_copy_is_one_piece_where_it_fits_and_shares_nothing),
		T(a_copy_of_a_slice_has_a_frame_of_its_own),
		T(reading_stops_where_the_chain_ends),
		T(a_queue_is_first_in_first_out),
		T(random_operations_agree_with_byte_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
