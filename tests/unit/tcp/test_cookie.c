/* SYN cookies: what a number remembers, and how long.
 *
 * Method: one stack that listens and answers with nothing but cookies. */
#include "helper/unit.h"

#include "base/err.h"
#include "helper/tcprig.h"
#include "tcp/tcp_int.h"

static struct rig *r;
static struct rig_config config;

static int setup(void **state)
{
	rig_config(&config);
	config.tcp.syn_cookies = TCP_COOKIES_ALWAYS;
	r = rig_new(&config);
	rig_listen(r);
	return 0;
}

static int teardown(void **state)
{
	rig_free(r);
	return 0;
}

#define OUT(text) assert_string_equal(rig_out(r), text)
#define DROPPED(why, text) \
	do { \
		uint64_t n_ = rig_drops(r, why); \
		rig_in(r, text); \
		assert_int_equal(rig_drops(r, why), n_ + 1); \
	} while (0)

static void syn(void)
{
	rig_in(r, "S 0(0)");
	OUT("SA 0(0) 1");
	assert_int_equal(r->tcp.halves_used, 0);
	assert_int_equal(r->tcp.conns_used, 0);
}

static void ack_with_a_cookie_makes_a_connection(void **state)
{
	struct tcp_info info;

	r->peer->mss = 1400;
	r->peer->opts = SEG_OPT_MSS | SEG_OPT_WSCALE;
	r->peer->wscale = 5;
	syn();
	assert_int_equal(r->out.opts, SEG_OPT_MSS);
	rig_in(r, "PA 1(10) 1");
	info = rig_info(r, tcp_accept(&r->tcp, r->listener, r));
	assert_int_equal(info.snd_mss, 1360);	/* the largest it can say that is not above */
	assert_int_equal(info.snd_wscale, 0);	/* no timestamp to carry it */
	assert_int_equal(info.srtt, 0);
	assert_int_equal(r->tcp.n.cookies_sent, 1);
	assert_int_equal(r->tcp.n.cookies_taken, 1);
}

static void timestamp_carries_the_options(void **state)
{
	struct tcp_info info;

	r->peer->mss = 1460;
	r->peer->opts = SEG_OPT_MSS | SEG_OPT_WSCALE | SEG_OPT_TS;
	for (unsigned i = 0; i < 20; i++) {
		struct tcp_conn *c;

		r->peer->wscale = (uint8_t)(i % 16);
		rig_pass(r, MSEC(7));
		syn();
		rig_in(r, "A 1(0) 1 win 10");
		c = tcp_accept(&r->tcp, r->listener, r);
		info = rig_info(r, c);
		assert_int_equal(info.snd_mss, 1448);
		assert_int_equal(info.snd_wscale, MIN(i % 16, 14u));
		assert_true(info.timestamps);
		tcp_abort(&r->tcp, c);
		rig_run(r);
		rig_out_skip(r);
	}
}

static void cookie_lives_for_a_minute_and_not_for_three(void **state)
{
	syn();
	rig_pass(r, SEC(60));
	rig_in(r, "A 1(0) 1");
	tcp_abort(&r->tcp, tcp_accept(&r->tcp, r->listener, r));
	rig_run(r);
	rig_out_skip(r);
	r->peer->isn += 1000;
	syn();
	rig_pass(r, SEC(127));
	DROPPED(DROP_TCP_COOKIE, "A 1(0) 1");
	OUT("R 1(0)");
	rig_pass(r, SEC(60));
	DROPPED(DROP_TCP_LISTEN_ACK, "A 1(0) 1");	/* nobody was given one lately */
	OUT("R 1(0)");
}

static void guess_is_reset(void **state)
{
	syn();
	for (unsigned i = 2; i < 200; i++) {
		char text[32];

		(void)snprintf(text, sizeof(text), "A 1(0) %u", i << 24 | i);
		DROPPED(DROP_TCP_COOKIE, text);
	}
	DROPPED(DROP_TCP_COOKIE, "A 2(0) 1");	/* not the number the cookie was given for */
	assert_int_equal(r->tcp.n.cookies_failed, 199);
	assert_int_equal(r->tcp.conns_used, 0);
}

static void cookie_of_another_peer_is_no_use(void **state)
{
	struct seg s;

	syn();
	rig_in(r, "1: S 0(0)");
	OUT("1: SA 0(0) 1");
	s = rig_seg(r, "A 1(0) 1");
	s.sport = r->peers[1].port;
	rig_put(r, &s);
	assert_int_equal(rig_drops(r, DROP_TCP_COOKIE), 1);
	rig_run(r);
	rig_out_skip(r);
}

static void full_accept_queue_takes_no_cookie(void **state)
{
	r->listener->backlog = 1;
	for (unsigned i = 0; i < 2; i++) {
		rig_inf(r, "%u: S 0(0)", i);
		(void)rig_out(r);
		rig_inf(r, "%u: A 1(0) 1", i);
	}
	r->listener->backlog = 2;
	rig_in(r, "2: S 0(0)");
	r->listener->backlog = 1;
	OUT("2: SA 0(0) 1");
	DROPPED(DROP_TCP_BACKLOG, "2: A 1(0) 1");
	OUT("");
}

static void full_queue_answers_with_cookies_by_default(void **state)
{
	rig_free(r);
	config.tcp.syn_cookies = TCP_COOKIES_WHEN_FULL;
	r = rig_new(&config);
	rig_listen(r);
	r->listener->backlog = 1;
	rig_in(r, "0: S 0(0)");
	OUT("SA 0(0) 1");
	rig_in(r, "1: S 0(0)");
	OUT("1: SA 0(0) 1");
	assert_int_equal(r->tcp.halves_used, 1);
	assert_int_equal(r->tcp.n.cookies_sent, 1);
	rig_in(r, "1: A 1(0) 1");
	assert_int_equal(rig_state(r, 1), TCP_ESTABLISHED);
}

/* What overtook the ACK is not answered: the connection may yet be one. */
static void bytes_that_come_before_the_first_do_not_end_it(void **state)
{
	syn();
	DROPPED(DROP_TCP_COOKIE, "PA 11(10) 1");
	OUT("");
	rig_in(r, "PA 1(20) 1");
	assert_int_equal(rig_state(r, 0), TCP_ESTABLISHED);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(ack_with_a_cookie_makes_a_connection),
		T(timestamp_carries_the_options),
		T(cookie_lives_for_a_minute_and_not_for_three),
		T(guess_is_reset),
		T(cookie_of_another_peer_is_no_use),
		T(full_accept_queue_takes_no_cookie),
		T(bytes_that_come_before_the_first_do_not_end_it),
		T(full_queue_answers_with_cookies_by_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
