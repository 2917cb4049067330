/* tcp_check() sees what it is there to see: each invariant is broken once by hand.
 *
 * Method: a connection with bytes in every queue is spoiled, asked about, and mended. */
#include "helper/unit.h"

#include "helper/tcprig.h"
#include "tcp/tcp_int.h"

static struct rig *r;
static struct tcp_conn *c;

static int setup(void **state)
{
	r = rig_new(NULL);
	c = rig_accepted(r, 0);
	rig_write(r, c, 40000);
	rig_run(r);
	rig_in(r, "PA 1(1000) 1");
	rig_in(r, "PA 1001(1000) 1");
	rig_in(r, "PA 3001(1000) 1");
	rig_in(r, "PA 5001(1000) 1");
	rig_out_skip(r);
	rig_ready(r, c);
	return 0;
}

static int teardown(void **state)
{
	rig_free(r);
	return 0;
}

/* Spoiled: seen.  Mended: not. */
#define SEEN(place, wrong) \
	do { \
		__typeof__(place) right_ = (place); \
		(place) = (wrong); \
		expect_assert_failure(tcp_check(&r->tcp)); \
		(place) = right_; \
		tcp_check(&r->tcp); \
	} while (0)

static void wrong_counts_are_seen(void **state)
{
	SEEN(c->rcv.queued, c->rcv.queued + 1);
	SEEN(c->loss->reass.bytes, c->loss->reass.bytes - 1);
	SEEN(c->loss->reass.pieces, 1);
	SEEN(c->rtx.lost_bytes, 1);
	SEEN(r->tcp.conns_used, 2);
	SEEN(r->tcp.timewaits_used, 1);
	SEEN(r->tcp.table.entries, 2);
}

static void broken_queues_are_seen(void **state)
{
	SEEN(tcp_tx(c->rtx.sent.head)->seq, c->snd.una + 1);
	SEEN(tcp_tx(c->rtx.sent.head)->len, 0);
	SEEN(tcp_tx(c->rtx.sent.head)->flags, TX_LOST);
	SEEN(c->rtx.sent.tail, c->rtx.sent.head);
	SEEN(tcp_tx(c->snd.unsent.head)->seq, c->snd.una);
	SEEN(c->snd.unsent.tail, NULL);
	SEEN(c->rcv.tail, NULL);
	SEEN(c->loss->reass.tail, c->loss->reass.head);
	SEEN(tcp_rx(c->loss->reass.head)->seq, c->rcv.nxt - 1);
	SEEN(tcp_rx(c->loss->reass.head)->len, 3000);
}

static void impossible_numbers_are_seen(void **state)
{
	SEEN(c->snd.una, c->snd.una - 1);
	SEEN(c->snd.nxt, c->snd.end + 2);
	SEEN(c->snd.end, c->snd.end + 1);
	SEEN(c->cc.cwnd, c->cc.mss - 1);
}

static void states_that_flags_contradict_are_seen(void **state)
{
	SEEN(c->state, TCP_STATE_N);
	SEEN(c->state, TCP_CLOSED);
	SEEN(c->state, TCP_FIN_WAIT_1);
	SEEN(c->state, TCP_CLOSE_WAIT);
	SEEN(c->states_passed, 1 << TCP_CLOSED);
	SEEN(c->flags, c->flags | TCPF_FIN_QUEUED);
	SEEN(c->flags, c->flags | TCPF_FIN_RCVD);
	SEEN(c->flags, c->flags & ~(uint32_t)TCPF_HASHED);
	SEEN(c->flags, c->flags & ~(uint32_t)TCPF_USED);
}

static void forgotten_timers_are_seen(void **state)
{
	nsec at = c->timer.node.deadline;

	SEEN(c->timer.rtx_at, NSEC_NEVER);
	SEEN(c->timer.ack_at, 1);
	wheel_cancel(&r->core->wheel, &c->timer.node);
	expect_assert_failure(tcp_check(&r->tcp));
	wheel_arm(&r->core->wheel, &c->timer.node, at);
	tcp_check(&r->tcp);
}

static void half_open_connection_without_a_timer_is_seen(void **state)
{
	struct tcp_conn *h = rig_connecting(r, 1);

	SEEN(h->timer.rtx_at, NSEC_NEVER);
}

static void broken_wait_list_is_seen(void **state)
{
	tcp_close(&r->tcp, rig_in_state(r, 1, TCP_FIN_WAIT_2));
	tcp_close(&r->tcp, rig_in_state(r, 2, TCP_FIN_WAIT_2));
	rig_in(r, "1: FA 1(0) 2");
	rig_in(r, "2: FA 1(0) 2");
	rig_out_skip(r);
	assert_int_equal(r->tcp.timewaits_used, 2);
	SEEN(r->tcp.timewait_head, r->tcp.timewait_tail);
	SEEN(r->tcp.timewait_tail, r->tcp.timewait_head);
	wheel_cancel(&r->core->wheel, &r->tcp.timewait_timer);
	expect_assert_failure(tcp_check(&r->tcp));
	wheel_arm(&r->core->wheel, &r->tcp.timewait_timer, r->core->now);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(wrong_counts_are_seen),
		T(broken_queues_are_seen),
		T(impossible_numbers_are_seen),
		T(states_that_flags_contradict_are_seen),
		T(forgotten_timers_are_seen),
		T(half_open_connection_without_a_timer_is_seen),
		T(broken_wait_list_is_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
