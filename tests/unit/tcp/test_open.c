/* How connections begin: listeners, SYN and SYN-ACK with their options, both sides at once, what
 * is refused on the way; numbers and ports.
 *
 * Method: one stack, peers that speak by hand. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/tcprig.h"
#include "tcp/tcp_int.h"

static struct rig *r;
static struct rig_config config;

static int setup(void **state)
{
	rig_config(&config);
	r = rig_new(&config);
	return 0;
}

static int teardown(void **state)
{
	rig_free(r);
	return 0;
}

static void again(void)
{
	rig_free(r);
	r = rig_new(&config);
}

#define OUT(text) assert_string_equal(rig_out(r), text)
#define STATE(want) assert_int_equal(rig_state(r, 0), want)

#define DROPPED(why, text) \
	do { \
		uint64_t n_ = rig_drops(r, why), all_ = lower_drops_all(r->l); \
		rig_in(r, text); \
		assert_int_equal(rig_drops(r, why), n_ + 1); \
		assert_int_equal(lower_drops_all(r->l), all_ + 1); \
	} while (0)

static const struct addr any;

static struct addr peer_addr(void)
{
	return addr_v4(LOWER_PEER);
}

/* ---- a listener */

static void only_a_syn_moves_a_listener(void **state)
{
	rig_listen(r);
	DROPPED(DROP_TCP_LISTEN_RST, "R 0(0)");
	DROPPED(DROP_TCP_LISTEN_RST, "RA 0(0) 7");
	OUT("");
	DROPPED(DROP_TCP_LISTEN_ACK, "A 5(0) 7");
	OUT("R 7(0)");
	DROPPED(DROP_TCP_LISTEN_ACK, "SA 5(0) 8");
	OUT("R 8(0)");
	DROPPED(DROP_TCP_LISTEN_JUNK, "F 5(10)");
	DROPPED(DROP_TCP_LISTEN_JUNK, ". 5(0)");
	OUT("");
	assert_int_equal(r->tcp.conns_used, 0);
}

static void syn_is_answered_and_its_ack_makes_a_connection(void **state)
{
	struct tcp_conn *c;

	rig_listen(r);
	rig_in(r, "S 0(0)");
	OUT("SA 0(0) 1");
	assert_int_equal(r->out.opts, SEG_OPT_MSS);
	assert_int_equal(r->out.mss, 1460);
	assert_int_equal(r->out.win, 65535);
	STATE(TCP_SYN_RECEIVED);
	assert_null(tcp_ready_listener(&r->tcp));
	assert_false(tcp_acceptable(r->listener));
	rig_in(r, "A 1(0) 1");
	OUT("");
	STATE(TCP_ESTABLISHED);
	assert_ptr_equal(tcp_ready_listener(&r->tcp), r->listener);
	assert_true(tcp_acceptable(r->listener));
	c = tcp_accept(&r->tcp, r->listener, r);
	assert_non_null(c);
	assert_ptr_equal(tcp_owner(c), r);
	assert_null(tcp_accept(&r->tcp, r->listener, r));
	assert_int_equal(rig_ready(r, c), 0);
	assert_int_equal(r->tcp.n.passive_opens, 1);
	assert_true(c->flags & TCPF_PASSIVE);
}

static void bytes_and_fin_that_come_before_anybody_accepts_are_kept(void **state)
{
	struct tcp_conn *c;

	rig_listen(r);
	rig_in(r, "S 0(0)");
	OUT("SA 0(0) 1");
	rig_in(r, "PA 1(100) 1");		/* completes the handshake as well */
	rig_in(r, "FA 101(0) 1");
	STATE(TCP_CLOSE_WAIT);
	c = tcp_accept(&r->tcp, r->listener, r);
	assert_int_equal(rig_ready(r, c), TCP_READY_READABLE | TCP_READY_EOF);
	assert_int_equal(rig_read(r, c, 1000), 100);
}

static void bytes_on_a_syn_are_left_to_come_again(void **state)
{
	struct tcp_conn *c;

	rig_listen(r);
	rig_in(r, "S 0(100)");
	OUT("SA 0(0) 1");
	rig_in(r, "PA 1(100) 1");
	c = tcp_accept(&r->tcp, r->listener, r);
	assert_int_equal(rig_read(r, c, 1000), 100);
}

static void syn_again_gets_its_answer_again(void **state)
{
	rig_listen(r);
	rig_in(r, "S 0(0)");
	OUT("SA 0(0) 1");
	DROPPED(DROP_TCP_SEQ, "S 0(0)");
	OUT("SA 0(0) 1");
	rig_in(r, "S 0(10)");
	OUT("SA 0(0) 1");
	assert_int_equal(r->tcp.conns_used, 0);
	assert_int_equal(r->tcp.halves_used, 1);
}

static void syn_ack_is_sent_again_and_given_up_quietly(void **state)
{
	nsec rto = SEC(1);

	config.tcp.synack_retries = 3;
	again();
	rig_listen(r);
	rig_in(r, "S 0(0)");
	OUT("SA 0(0) 1");
	for (unsigned i = 0; i < 3; i++, rto *= 2) {
		nsec from = r->core->now;

		rig_pass_until_out(r, SEC(100));
		OUT("SA 0(0) 1");
		assert_in_range(r->core->now - from, rto, rto + MSEC(1));
	}
	rig_pass(r, rto + MSEC(2));
	OUT("");
	assert_int_equal(r->tcp.halves_used, 0);
	assert_int_equal(rig_drops(r, DROP_TCP_HALF_OPEN), 1);
	assert_int_equal(r->tcp.n.attempt_fails, 1);
}

static void wrong_ack_of_our_syn_is_reset_and_the_right_one_still_counts(void **state)
{
	rig_listen(r);
	rig_in(r, "S 0(0)");
	OUT("SA 0(0) 1");
	DROPPED(DROP_TCP_ACK_FUTURE, "A 1(0) 2");
	OUT("R 2(0)");
	DROPPED(DROP_TCP_ACK_OLD, "A 1(0) 0");
	OUT("R 0(0)");
	STATE(TCP_SYN_RECEIVED);
	rig_in(r, "A 1(0) 1");
	STATE(TCP_ESTABLISHED);
}

static void full_queue_of_half_open_ones_drops_syns_when_there_are_no_cookies(void **state)
{
	struct addr us = addr_v4(LOWER_US);
	int err;

	config.tcp.syn_cookies = TCP_COOKIES_NEVER;
	again();
	r->listener = tcp_listen(&r->tcp, &us, RIG_PORT, 2, NULL, &err);
	rig_in(r, "0: S 0(0)");
	OUT("SA 0(0) 1");
	rig_in(r, "1: S 0(0)");
	OUT("1: SA 0(0) 1");
	DROPPED(DROP_TCP_SYNQ, "2: S 0(0)");
	OUT("");
	rig_in(r, "1: R 1(0)");
	rig_in(r, "3: S 0(0)");
	OUT("3: SA 0(0) 1");
}

static void full_table_of_half_open_ones_does_too(void **state)
{
	config.tcp.syn_cookies = TCP_COOKIES_NEVER;
	config.tcp.halves_max = 1;
	again();
	rig_listen(r);
	rig_in(r, "0: S 0(0)");
	OUT("SA 0(0) 1");
	DROPPED(DROP_TCP_SYNQ, "1: S 0(0)");
}

static void full_accept_queue_drops_syns_and_acks_until_there_is_room(void **state)
{
	struct addr us = addr_v4(LOWER_US);
	struct tcp_conn *c;
	int err;

	r->listener = tcp_listen(&r->tcp, &us, RIG_PORT, 2, NULL, &err);
	rig_in(r, "0: S 0(0)");
	OUT("SA 0(0) 1");
	rig_in(r, "0: A 1(0) 1");
	rig_in(r, "1: S 0(0)");
	OUT("1: SA 0(0) 1");
	rig_in(r, "1: A 1(0) 1");
	rig_in(r, "2: S 0(0)");
	OUT("2: SA 0(0) 1");
	rig_in(r, "3: S 0(0)");
	OUT("3: SA 0(0) 1");
	rig_in(r, "2: A 1(0) 1");		/* one more than the backlog, as in Linux */
	DROPPED(DROP_TCP_BACKLOG, "3: A 1(0) 1");
	DROPPED(DROP_TCP_BACKLOG, "4: S 0(0)");
	assert_int_equal(r->tcp.n.listen_overflows, 2);
	OUT("");
	c = tcp_accept(&r->tcp, r->listener, NULL);
	assert_non_null(c);
	rig_pass_until_out(r, SEC(2));
	OUT("3: SA 0(0) 1");
	rig_in(r, "3: A 1(0) 1");
	assert_int_equal(rig_state(r, 3), TCP_ESTABLISHED);
	tcp_abort(&r->tcp, c);
}

static void full_connection_table_drops_syns_and_refuses_opens(void **state)
{
	config.tcp.conns_max = 3;
	again();
	for (unsigned i = 0; i < 3; i++)
		rig_accepted(r, i);
	DROPPED(DROP_TCP_CONNS, "3: S 0(0)");
	OUT("");
	assert_null(tcp_open(&r->tcp, NULL));
	assert_int_equal(r->listener->pending, 0);
}

static void syn_from_nowhere_is_dropped_when_there_is_no_way_back(void **state)
{
	struct addr zero = addr_v4(0);

	rig_listen(r);
	assert_int_equal(ip_del_route(&r->l->ip, &zero, 0), 0);
	struct seg s = rig_seg(r, "S 0(0)");

	s.src = LOWER_FAR;
	rig_put(r, &s);
	assert_int_equal(rig_drops(r, DROP_IP_NO_ROUTE), 1);
	assert_int_equal(r->tcp.conns_used, 0);
	assert_int_equal(r->listener->pending, 0);
}

static void closing_a_listener_resets_what_nobody_accepted(void **state)
{
	struct tcp_conn *mine = rig_accepted(r, 2);

	rig_in(r, "0: S 0(0)");
	OUT("SA 0(0) 1");
	rig_in(r, "1: S 0(0)");
	OUT("1: SA 0(0) 1");
	rig_in(r, "1: A 1(0) 1");
	tcp_listener_close(&r->tcp, r->listener);
	rig_run(r);
	assert_int_equal(rig_out_skip(r), 2);
	assert_int_equal(r->tcp.n.out_rsts, 2);
	assert_int_equal(r->tcp.conns_used, 1);
	assert_null(tcp_ready_listener(&r->tcp));
	rig_in(r, "2: PA 1(10) 1");		/* what was accepted lives on */
	assert_int_equal(rig_read(r, mine, 10), 10);
	DROPPED(DROP_TCP_NO_CONN, "3: S 0(0)");
}

static void connection_that_ends_before_it_is_accepted_is_never_seen(void **state)
{
	rig_listen(r);
	rig_in(r, "S 0(0)");
	OUT("SA 0(0) 1");
	rig_in(r, "A 1(0) 1");
	rig_in(r, "R 1(0)");
	assert_null(tcp_accept(&r->tcp, r->listener, NULL));
	assert_int_equal(r->tcp.conns_used, 0);
	assert_int_equal(r->listener->pending, 0);
}

static void exact_address_wins_over_any(void **state)
{
	struct addr us = addr_v4(LOWER_US), other = addr_v4(LOWER_FAR);
	struct tcp_listener *l;
	int err;

	assert_null(tcp_listen(&r->tcp, &other, 80, 0, NULL, &err));
	assert_int_equal(err, -E_ADDRNOTAVAIL);
	l = tcp_listen(&r->tcp, &us, 80, 0, r, &err);
	assert_non_null(l);
	assert_ptr_equal(tcp_listener_owner(l), r);
	assert_int_equal(tcp_listener_port(l), 80);
	assert_true(addr_eq(tcp_listener_addr(l), &us));
	assert_null(tcp_listen(&r->tcp, &us, 80, 0, NULL, &err));
	assert_int_equal(err, -E_ADDRINUSE);
	assert_null(tcp_listen(&r->tcp, &any, 80, 0, NULL, &err));
	assert_int_equal(err, -E_ADDRINUSE);
	assert_ptr_equal(tcp_demux_listener(&r->tcp, &us, 80, 0), l);
	assert_null(tcp_demux_listener(&r->tcp, &other, 80, 0));
	tcp_listener_close(&r->tcp, l);
	assert_null(tcp_demux_listener(&r->tcp, &us, 80, 0));
}

static void listeners_have_a_bound_and_return(void **state)
{
	struct tcp_listener *l[5] = {0};
	int err;

	for (unsigned i = 0; i < 4; i++) {
		l[i] = tcp_listen(&r->tcp, &any, 0, 0, NULL, &err);
		assert_non_null(l[i]);
		assert_in_range(tcp_listener_port(l[i]), TCP_EPHEMERAL_MIN, 65535);
	}
	assert_null(tcp_listen(&r->tcp, &any, 0, 0, NULL, &err));
	assert_int_equal(err, -E_NFILE);
	tcp_listener_close(&r->tcp, l[2]);
	assert_non_null(tcp_listen(&r->tcp, &any, 64 + 80, 0, NULL, &err));
	assert_int_equal(err, 0);
}

/* ---- options */

static void what_is_offered_is_offered_back_and_nothing_else(void **state)
{
	struct tcp_info info;
	struct tcp_conn *c;

	for (unsigned i = 0; i < 8; i++) {
		r->peers[i].opts = (uint8_t)(SEG_OPT_MSS | (i & 1 ? SEG_OPT_WSCALE : 0) |
					     (i & 2 ? SEG_OPT_TS : 0) |
					     (i & 4 ? SEG_OPT_SACK_OK : 0));
		r->peers[i].wscale = 5;
		c = rig_accepted(r, i);
		info = rig_info(r, c);
		assert_int_equal(!!(c->flags & TCPF_SACK), !!(i & 4));
		assert_int_equal(info.snd_wscale, i & 1 ? 5 : 0);
		assert_int_equal(info.rcv_wscale, i & 1 ? 3 : 0);	/* 256 KiB */
		assert_int_equal(info.timestamps, !!(i & 2));
		assert_int_equal(info.snd_mss, i & 2 ? 1448 : 1460);
	}
	r->peers[8].opts = r->peers[7].opts;
	rig_in(r, "8: S 0(0)");
	rig_out(r);
	assert_int_equal(r->out.opts, r->peers[8].opts);
	assert_int_equal(r->out.wscale, 3);
	assert_int_equal(r->out.ts_ecr, r->peers[8].ts_val);
}

static void options_that_the_config_forbids_are_neither_offered_nor_taken(void **state)
{
	struct tcp_conn *c;

	config.tcp.timestamps = config.tcp.window_scale = config.tcp.sack = false;
	again();
	r->peer->opts |= SEG_OPT_WSCALE | SEG_OPT_TS | SEG_OPT_SACK_OK;
	r->peer->wscale = 5;
	rig_connecting(r, 0);
	assert_int_equal(r->out.opts, SEG_OPT_MSS);
	c = rig_accepted(r, 1);
	assert_int_equal(rig_info(r, c).snd_wscale, 0);
	assert_false(rig_info(r, c).timestamps);
}

static void active_syn_offers_all_and_takes_what_comes_back(void **state)
{
	struct tcp_conn *c = rig_connecting(r, 0);
	struct tcp_info info;

	assert_int_equal(r->out.opts, SEG_OPT_MSS | SEG_OPT_WSCALE | SEG_OPT_TS | SEG_OPT_SACK_OK);
	assert_int_equal(r->out.mss, 1460);
	assert_int_equal(r->out.wscale, 3);
	assert_int_equal(r->out.ts_ecr, 0);
	assert_int_equal(r->out.ack, 0);
	r->peer->opts = SEG_OPT_MSS | SEG_OPT_TS;
	rig_in(r, "SA 0(0) 1");
	OUT("A 1(0) 1");
	assert_int_equal(r->out.opts, SEG_OPT_TS);
	info = rig_info(r, c);
	assert_int_equal(info.rcv_wscale, 0);
	assert_int_equal(info.rcv_wnd, 65535);
	assert_true(info.timestamps);
}

static void absurd_mss_is_made_bearable(void **state)
{
	static const struct { uint16_t offered, used; } mss[] = {
		{0, 64}, {1, 64}, {64, 64}, {65, 65}, {1461, 1460}, {65535, 1460},
	};
	struct tcp_conn *c;

	for (unsigned i = 0; i < ARRAY_LEN(mss); i++) {
		r->peers[i].mss = mss[i].offered;
		c = rig_accepted(r, i);
		assert_int_equal(rig_info(r, c).snd_mss, mss[i].used);
		assert_int_equal(rig_write(r, c, 70), 70);
		rig_run(r);
		rig_out(r);
		assert_int_equal(r->out.len, MIN(70, mss[i].used));
		tcp_abort(&r->tcp, c);
		rig_run(r);
		rig_out_skip(r);
	}
	r->peers[20].opts = 0;			/* RFC 9293 §3.7.1: 536 */
	assert_int_equal(rig_info(r, rig_accepted(r, 20)).snd_mss, 536);
	r->peers[21].mss = 0;
	r->peers[21].opts |= SEG_OPT_TS;
	assert_int_equal(rig_info(r, rig_accepted(r, 21)).snd_mss, 64 - 12);
}

static void window_scale_above_14_is_taken_for_14(void **state)
{
	struct tcp_conn *c;

	r->peer->opts |= SEG_OPT_WSCALE;
	r->peer->wscale = 15;
	c = rig_accepted(r, 0);
	assert_int_equal(rig_info(r, c).snd_wscale, 14);
	r->peers[1].opts |= SEG_OPT_WSCALE;
	r->peers[1].wscale = 255;
	c = rig_accepted(r, 1);
	assert_int_equal(rig_info(r, c).snd_wscale, 14);
	rig_in(r, "1: A 1(0) 1 win 65535");
	assert_int_equal(rig_info(r, c).snd_wnd, 65535u << 14);
}

static void timestamp_zero_is_a_timestamp(void **state)
{
	struct tcp_conn *c;

	r->peer->opts |= SEG_OPT_TS;
	r->peer->ts_stopped = true;
	r->peer->ts_val = 0;
	c = rig_accepted(r, 0);
	rig_in(r, "PA 1(10) 1");
	assert_int_equal(rig_read(r, c, 100), 10);
	rig_pass(r, MSEC(50));
	OUT("A 1(0) 11");
	assert_int_equal(r->out.ts_ecr, 0);
}

static void scale_of_our_window_is_the_least_that_holds_the_buffer(void **state)
{
	static const struct { uint32_t buf; uint8_t scale; } cases[] = {
		{2048, 0}, {65535, 0}, {65536, 1}, {131070, 1}, {131071, 2}, {1u << 30, 14},
	};

	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		config.tcp.rcvbuf = cases[i].buf;
		again();
		rig_connecting(r, 0);
		assert_int_equal(r->out.wscale, cases[i].scale);
		assert_int_equal(r->out.win, MIN(65535, cases[i].buf));
	}
}

/* ---- SYN-SENT */

static void syn_ack_that_acknowledges_something_else_is_reset(void **state)
{
	struct tcp_conn *c = rig_connecting(r, 0);

	DROPPED(DROP_TCP_ACK_OLD, "SA 0(0) 0");
	OUT("R 0(0)");
	DROPPED(DROP_TCP_ACK_FUTURE, "SA 0(0) 2");
	OUT("R 2(0)");
	DROPPED(DROP_TCP_ACK_FUTURE, "A 0(0) 2");
	OUT("R 2(0)");
	DROPPED(DROP_TCP_ACK_FUTURE, "RA 0(0) 2");	/* no reset for a reset */
	OUT("");
	assert_int_equal(tcp_conn_state(c), TCP_SYN_SENT);
	rig_in(r, "SA 0(0) 1");
	assert_int_equal(tcp_conn_state(c), TCP_ESTABLISHED);
}

static void only_a_reset_that_acknowledges_the_syn_refuses(void **state)
{
	struct tcp_conn *c = rig_connecting(r, 0);

	DROPPED(DROP_TCP_RST_SEQ, "R 0(0)");
	assert_int_equal(rig_ready(r, c), 0);
	DROPPED(DROP_TCP_RST, "RA 0(0) 1");
	assert_int_equal(rig_ready(r, c), TCP_READY_ERROR);
	assert_int_equal(tcp_error(c), E_CONNREFUSED);
	assert_int_equal(r->tcp.n.attempt_fails, 1);
	tcp_close(&r->tcp, c);
	OUT("");
}

static void neither_syn_nor_reset_changes_nothing(void **state)
{
	struct tcp_conn *c = rig_connecting(r, 0);

	DROPPED(DROP_TCP_SEQ, "A 0(0) 1");
	DROPPED(DROP_TCP_NO_ACK, "F 0(10)");
	OUT("");
	assert_int_equal(tcp_conn_state(c), TCP_SYN_SENT);
}

static void syn_is_sent_again_and_given_up(void **state)
{
	struct tcp_conn *c;

	config.tcp.syn_retries = 2;
	again();
	c = rig_connecting(r, 0);
	rig_pass(r, SEC(1) + MSEC(1));
	OUT("S 0(0)");
	assert_int_equal(r->out.opts,
			 SEG_OPT_MSS | SEG_OPT_WSCALE | SEG_OPT_TS | SEG_OPT_SACK_OK);
	rig_pass(r, SEC(2) + MSEC(1));
	OUT("S 0(0)");
	rig_pass(r, SEC(4) + MSEC(1));
	OUT("");
	assert_int_equal(rig_ready(r, c), TCP_READY_ERROR);
	assert_int_equal(tcp_error(c), E_TIMEDOUT);
	assert_int_equal(tcp_write(&r->tcp, c, "x", 1), -E_TIMEDOUT);
	tcp_close(&r->tcp, c);
	assert_int_equal(r->tcp.conns_used, 0);
}

static void syn_without_a_frame_is_sent_when_its_timer_says(void **state)
{
	struct addr to = peer_addr();
	struct tcp_conn *c = tcp_open(&r->tcp, NULL);
	struct pkt *taken = rig_starve(r, 0);

	assert_int_equal(tcp_connect(&r->tcp, c, &any, 40000, &to, RIG_PEER_PORT), 0);
	rig_run(r);
	rig_feed(r, taken);
	r->peer->lport = 40000;
	rig_pass(r, SEC(1) + MSEC(1));
	OUT("S 0(0)");
	rig_in(r, "SA 0(0) 1");
	assert_int_equal(tcp_conn_state(c), TCP_ESTABLISHED);
}

static void bytes_on_a_syn_ack_are_left_to_come_again(void **state)
{
	struct tcp_conn *c = rig_connecting(r, 0);

	rig_in(r, "SA 0(50) 1");
	OUT("A 1(0) 1");
	rig_in(r, "PA 1(50) 1");
	assert_int_equal(rig_read(r, c, 100), 50);
}

static void syn_ack_again_is_acknowledged_again(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);

	DROPPED(DROP_TCP_SEQ, "SA 0(0) 1");
	OUT("A 1(0) 1");
	assert_int_equal(tcp_conn_state(c), TCP_ESTABLISHED);
}

/* ---- both at once */

static void both_open_at_once(void **state)
{
	struct tcp_conn *c = rig_connecting(r, 0);

	rig_in(r, "S 0(0)");
	OUT("SA 0(0) 1");
	assert_int_equal(tcp_conn_state(c), TCP_SYN_RECEIVED);
	assert_int_equal(rig_ready(r, c), 0);
	rig_in(r, "SA 0(0) 1");
	assert_int_equal(tcp_conn_state(c), TCP_ESTABLISHED);
	assert_int_equal(rig_ready(r, c), TCP_READY_CONNECTED | TCP_READY_WRITABLE);
	assert_true(rig_out_skip(r) <= 1);
	rig_in(r, "PA 1(10) 1");
	assert_int_equal(rig_read(r, c, 100), 10);
}

static void plain_ack_completes_an_opening_at_once_too(void **state)
{
	struct tcp_conn *c = rig_connecting(r, 0);

	rig_in(r, "S 0(0)");
	OUT("SA 0(0) 1");
	rig_in(r, "A 1(0) 1");
	assert_int_equal(tcp_conn_state(c), TCP_ESTABLISHED);
}

static void opening_at_once_that_nobody_completes_ends(void **state)
{
	struct tcp_conn *c;

	config.tcp.syn_retries = 2;
	again();
	c = rig_connecting(r, 0);
	rig_in(r, "S 0(0)");
	rig_pass(r, SEC(20));
	assert_int_equal(rig_out_skip(r), 3);
	assert_int_equal(tcp_error(c), E_TIMEDOUT);
	tcp_close(&r->tcp, c);
}

static void reset_while_both_open_refuses(void **state)
{
	struct tcp_conn *c = rig_connecting(r, 0);

	rig_in(r, "S 0(0)");
	DROPPED(DROP_TCP_RST, "R 1(0)");
	assert_int_equal(tcp_error(c), E_CONNREFUSED);
	rig_out_skip(r);
	tcp_close(&r->tcp, c);
}

static void connection_to_itself_is_established(void **state)
{
	struct addr us = addr_v4(LOWER_US);
	struct tcp_conn *c = tcp_open(&r->tcp, NULL);

	assert_int_equal(tcp_connect(&r->tcp, c, &us, 7777, &us, 7777), 0);
	for (unsigned i = 0; i < 10; i++)
		rig_run(r);
	assert_int_equal(tcp_conn_state(c), TCP_ESTABLISHED);
	assert_int_equal(tcp_write(&r->tcp, c, "self", 4), 4);
	for (unsigned i = 0; i < 10; i++)
		rig_run(r);
	assert_int_equal(tcp_recv_queued(c), 4);
	OUT("");
	tcp_abort(&r->tcp, c);
}

/* ---- connect() says what is wrong */

static void connect_refuses_what_makes_no_sense(void **state)
{
	struct addr to = peer_addr(), us = addr_v4(LOWER_US), far = addr_v4(LOWER_FAR);
	struct addr bcast = addr_v4(UINT32_MAX), group = addr_v4(IPV4(224, 0, 0, 1));
	struct tcp_conn *c = tcp_open(&r->tcp, NULL), *d = tcp_open(&r->tcp, NULL);

	assert_int_equal(tcp_connect(&r->tcp, c, &any, 0, &to, 0), -E_INVAL);
	assert_int_equal(tcp_connect(&r->tcp, c, &any, 0, &any, 80), -E_INVAL);
	assert_int_equal(tcp_connect(&r->tcp, c, &any, 0, &bcast, 80), -E_INVAL);
	assert_int_equal(tcp_connect(&r->tcp, c, &any, 0, &group, 80), -E_INVAL);
	assert_int_equal(tcp_connect(&r->tcp, c, &far, 0, &to, 80), -E_ADDRNOTAVAIL);
	assert_int_equal(tcp_connect(&r->tcp, c, &us, 1000, &to, 80), 0);
	assert_int_equal(tcp_connect(&r->tcp, c, &us, 1001, &to, 80), -E_ISCONN);
	assert_int_equal(tcp_connect(&r->tcp, d, &us, 1000, &to, 80), -E_ADDRINUSE);
	assert_int_equal(tcp_connect(&r->tcp, d, &us, 1000, &to, 81), 0);
	tcp_abort(&r->tcp, c);
	tcp_close(&r->tcp, d);
	rig_run(r);
	assert_int_equal(r->tcp.conns_used, 0);
	assert_int_equal(r->tcp.n.out_rsts, 0);	/* nothing is known to be there to reset */
	rig_out_skip(r);
}

static void connect_without_a_route_is_refused(void **state)
{
	struct addr zero = addr_v4(0), far = addr_v4(LOWER_FAR);
	struct tcp_conn *c = tcp_open(&r->tcp, NULL);

	assert_int_equal(ip_del_route(&r->l->ip, &zero, 0), 0);
	assert_int_equal(tcp_connect(&r->tcp, c, &any, 0, &far, 80), -E_NETUNREACH);
	tcp_close(&r->tcp, c);
}

static void connection_that_has_ended_is_not_opened_again(void **state)
{
	struct addr to = peer_addr();
	struct tcp_conn *c = rig_connected(r, 0);

	rig_in(r, "R 1(0)");
	assert_int_equal(tcp_connect(&r->tcp, c, &any, 0, &to, 80), -E_ISCONN);
	tcp_close(&r->tcp, c);
}

static void ephemeral_ports_are_all_used_and_each_once(void **state)
{
	struct addr to = peer_addr();
	static bool seen[65536];

	for (unsigned i = 0; i < 64; i++) {
		struct tcp_conn *c = tcp_open(&r->tcp, NULL);

		assert_int_equal(tcp_connect(&r->tcp, c, &any, 0, &to, 80), 0);
		assert_in_range(rig_info(r, c).lport, TCP_EPHEMERAL_MIN,
				TCP_EPHEMERAL_MIN + TCP_EPHEMERAL_N - 1);
		assert_false(seen[rig_info(r, c).lport]);
		seen[rig_info(r, c).lport] = true;
	}
	rig_out_skip(r);
}

static void ports_with_listeners_are_not_chosen(void **state)
{
	struct addr to = peer_addr();
	struct tcp_conn *c = tcp_open(&r->tcp, NULL);
	uint16_t next;
	int err;

	assert_int_equal(tcp_connect(&r->tcp, c, &any, 0, &to, 80), 0);
	next = (uint16_t)(rig_info(r, c).lport + 1);
	assert_non_null(tcp_listen(&r->tcp, &any, next, 0, NULL, &err));
	tcp_close(&r->tcp, c);
	c = tcp_open(&r->tcp, NULL);
	assert_int_equal(tcp_connect(&r->tcp, c, &any, 0, &to, 80), 0);
	assert_int_equal(rig_info(r, c).lport, next + 1);
}

/* ---- initial sequence numbers, RFC 6528 */

static uint32_t iss(uint16_t lport, uint16_t rport)
{
	struct addr to = peer_addr(), us = addr_v4(LOWER_US);
	struct tcp_conn *c = tcp_open(&r->tcp, NULL);
	uint32_t n;

	assert_int_equal(tcp_connect(&r->tcp, c, &us, lport, &to, rport), 0);
	n = c->iss;
	tcp_close(&r->tcp, c);
	return n;
}

/* One of several stacks behind an address: what the peer answers must come home. */
static void a_port_that_is_chosen_is_at_home(void **state)
{
	struct addr to = peer_addr();

	r->core->spread = (struct spread){ .id = 2, .n = 3 };
	for (unsigned i = 0; i < 50; i++) {
		struct tcp_conn *c = tcp_open(&r->tcp, NULL);

		assert_int_equal(tcp_connect(&r->tcp, c, &any, 0, &to, 80), 0);
		assert_int_equal(spread_home(&r->core->spread, LOWER_PEER, addr_to_v4(&c->local),
					     80, rig_info(r, c).lport), 2);
		tcp_close(&r->tcp, c);
	}
}

static void first_numbers_tick_every_four_microseconds(void **state)
{
	uint32_t at;

	config.tcp.iss_below_wrap = 0;
	again();
	at = iss(1, 2);
	assert_int_equal(iss(1, 2), at);
	r->core->now += USEC(400);
	assert_int_equal(iss(1, 2), at + 100);
	r->core->now += SEC(1);
	assert_int_equal(iss(1, 2), at + 250100);
}

static void first_numbers_of_others_tell_nothing(void **state)
{
	uint32_t a, b, c, d;

	config.tcp.iss_below_wrap = 0;
	again();
	a = iss(1, 2);
	b = iss(2, 2);
	c = iss(1, 3);
	r->core->secret_key.k[0] ^= 1;
	d = iss(1, 2);
	assert_true(a != b && a != c && b != c && a != d);
	assert_true(b - a != c - a);
	assert_true(b - a > 1000000 || a - b > 1000000);
}

/* ---- what ICMP says */

static void icmp(uint8_t type, uint8_t code, const struct seg *about, uint32_t seq)
{
	uint8_t quoted[28] = {0x45, 0, 0, 60, 0, 0, 0, 0, 64, 6};
	struct wire_icmp h = {.type = type, .code = code};

	store_be32(quoted + 12, LOWER_US);
	store_be32(quoted + 16, LOWER_PEER);
	store_be16(quoted + 20, about->sport);
	store_be16(quoted + 22, about->dport);
	store_be32(quoted + 24, seq);
	store_be16(quoted + 10, seg_csum(quoted, 20, 0));
	lower_icmp(r->l, &h, quoted, sizeof(quoted));
	lower_in(r->l);
	rig_run(r);
}

static void hard_error_about_our_syn_ends_the_attempt(void **state)
{
	struct tcp_conn *c = rig_connecting(r, 0);
	struct seg syn = r->out;

	icmp(3, 3, &syn, syn.seq + 1000);		/* RFC 5927 §4.1: not in flight */
	assert_int_equal(rig_drops(r, DROP_ICMP_ABOUT), 1);
	icmp(3, 1, &syn, syn.seq);			/* host unreachable: may pass */
	assert_int_equal(tcp_conn_state(c), TCP_SYN_SENT);
	icmp(3, 3, &syn, syn.seq);			/* port unreachable */
	assert_int_equal(tcp_conn_state(c), TCP_CLOSED);
	assert_int_equal(tcp_error(c), E_CONNREFUSED);
	icmp(3, 3, &syn, syn.seq);
	assert_int_equal(rig_drops(r, DROP_ICMP_ABOUT), 2);
	tcp_close(&r->tcp, c);
}

static void error_about_an_established_connection_is_a_hint_at_most(void **state)
{
	struct tcp_conn *c = rig_connected(r, 0);
	struct seg sent;

	rig_write(r, c, 10);
	rig_run(r);
	rig_out(r);
	sent = r->out;
	icmp(3, 3, &sent, sent.seq);
	assert_int_equal(tcp_conn_state(c), TCP_ESTABLISHED);
	assert_int_equal(rig_drops(r, DROP_ICMP_ABOUT), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(only_a_syn_moves_a_listener),
		T(syn_is_answered_and_its_ack_makes_a_connection),
		T(bytes_and_fin_that_come_before_anybody_accepts_are_kept),
		T(bytes_on_a_syn_are_left_to_come_again),
		T(syn_again_gets_its_answer_again),
		T(syn_ack_is_sent_again_and_given_up_quietly),
		T(wrong_ack_of_our_syn_is_reset_and_the_right_one_still_counts),
		T(full_queue_of_half_open_ones_drops_syns_when_there_are_no_cookies),
		T(full_table_of_half_open_ones_does_too),
		T(full_accept_queue_drops_syns_and_acks_until_there_is_room),
		T(full_connection_table_drops_syns_and_refuses_opens),
		T(syn_from_nowhere_is_dropped_when_there_is_no_way_back),
		T(closing_a_listener_resets_what_nobody_accepted),
		T(connection_that_ends_before_it_is_accepted_is_never_seen),
		T(exact_address_wins_over_any),
		T(listeners_have_a_bound_and_return),
		T(what_is_offered_is_offered_back_and_nothing_else),
		T(options_that_the_config_forbids_are_neither_offered_nor_taken),
		T(active_syn_offers_all_and_takes_what_comes_back),
		T(absurd_mss_is_made_bearable),
		T(window_scale_above_14_is_taken_for_14),
		T(timestamp_zero_is_a_timestamp),
		T(scale_of_our_window_is_the_least_that_holds_the_buffer),
		T(syn_ack_that_acknowledges_something_else_is_reset),
		T(only_a_reset_that_acknowledges_the_syn_refuses),
		T(neither_syn_nor_reset_changes_nothing),
		T(syn_is_sent_again_and_given_up),
		T(syn_without_a_frame_is_sent_when_its_timer_says),
		T(bytes_on_a_syn_ack_are_left_to_come_again),
		T(syn_ack_again_is_acknowledged_again),
		T(both_open_at_once),
		T(plain_ack_completes_an_opening_at_once_too),
		T(opening_at_once_that_nobody_completes_ends),
		T(reset_while_both_open_refuses),
		T(connection_to_itself_is_established),
		T(connect_refuses_what_makes_no_sense),
		T(connect_without_a_route_is_refused),
		T(connection_that_has_ended_is_not_opened_again),
		T(ephemeral_ports_are_all_used_and_each_once),
		T(ports_with_listeners_are_not_chosen),
		T(a_port_that_is_chosen_is_at_home),
		T(first_numbers_tick_every_four_microseconds),
		T(first_numbers_of_others_tell_nothing),
		T(hard_error_about_our_syn_ends_the_attempt),
		T(error_about_an_established_connection_is_a_hint_at_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
