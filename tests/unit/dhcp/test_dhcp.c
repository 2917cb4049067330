/* A DHCP client against a scripted server, RFC 2131 §4.4 state by state; time is a number. */
#include "helper/unit.h"

#include "dhcp/dhcp_msg.h"

#define SERVER IPV4(192, 168, 1, 1)
#define OTHER IPV4(192, 168, 1, 9)
#define ADDR IPV4(192, 168, 1, 50)
#define ROUTER IPV4(192, 168, 1, 254)

static const struct mac mac = { { 2, 0, 0, 0, 0, 1 } };
static struct prng prng;
static struct dhcp d;
static nsec now;
static uint8_t said[DHCP_MESSAGE_MAX], answer[600];
static uint32_t said_n, src, dst, answer_n;
static enum drop why;

static int setup(void **state)
{
	prng_seed(&prng, 4711);
	now = SEC(100);
	dhcp_init(&d, &prng, mac, now);
	return 0;
}

/* ---- what the client says */

static const uint8_t *option(const uint8_t *b, uint32_t n, uint8_t code)
{
	for (uint32_t at = 240; at + 1 < n && b[at] != 255; at += b[at] ? 2u + b[at + 1] : 1u)
		if (b[at] == code)
			return b + at + 1;	/* length, then the value */
	return NULL;
}

static uint32_t said_u32(uint8_t code)
{
	const uint8_t *o = option(said, said_n, code);

	return o && o[0] == 4 ? load_be32(o + 1) : 0;
}

static enum dhcp_event out(void)
{
	enum dhcp_event event = dhcp_output(&d, now, said, &said_n, &src, &dst);

	dhcp_check(&d);
	return event;
}

/* Lets time pass until it has something to say. */
static enum dhcp_event next(void)
{
	assert_true(dhcp_deadline(&d) != NSEC_NEVER);
	now = MAX(now, dhcp_deadline(&d));
	return out();
}

static void expect_said(uint8_t type, uint32_t from, uint32_t to)
{
	assert_int_equal(said_n, DHCP_MESSAGE_MAX);
	assert_int_equal(option(said, said_n, 53)[1], type);
	assert_int_equal(src, from);
	assert_int_equal(dst, to);
	assert_int_equal(said[0], 1);
	assert_memory_equal(said + 28, mac.b, 6);
	assert_int_equal(load_be32(said + 236), 0x63825363);
	assert_int_equal(load_be32(said + 12), from);
	assert_int_equal(load_be16(said + 10), from ? 0 : 0x8000);
}

/* ---- what the server says */

static void put(uint8_t code, uint8_t n, const void *value)
{
	answer[answer_n++] = code;
	answer[answer_n++] = n;
	memcpy(answer + answer_n, value, n);
	answer_n += n;
}

static void put_u32(uint8_t code, uint32_t value)
{
	uint8_t b[4];

	store_be32(b, value);
	put(code, 4, b);
}

/* An answer to what was said last; lease 0: none is named. */
static void reply(uint8_t type, uint32_t server, uint32_t addr, uint32_t lease)
{
	memset(answer, 0, sizeof(answer));
	answer[0] = 2;
	answer[1] = 1;
	answer[2] = 6;
	memcpy(answer + 4, said + 4, 4);
	store_be32(answer + 16, addr);
	memcpy(answer + 28, mac.b, 6);
	store_be32(answer + 236, 0x63825363);
	answer_n = 240;
	put(53, 1, &type);
	put_u32(54, server);
	if (lease)
		put_u32(51, lease);
	put_u32(1, 0xffffff00);
	put_u32(3, ROUTER);
	put(6, 8, "\x08\x08\x08\x08\x08\x08\x04\x04");
}

static enum dhcp_event in(void)
{
	enum dhcp_event event;

	answer[answer_n++] = 255;
	event = dhcp_input(&d, now, answer, answer_n, &why);
	dhcp_check(&d);
	return event;
}

/* To the lease, of so many seconds. */
static void bind_for(uint32_t lease)
{
	next();
	reply(DHCP_OFFER, SERVER, ADDR, lease);
	assert_int_equal(in(), DHCP_NOTHING);
	next();
	reply(DHCP_ACK, SERVER, ADDR, lease);
	assert_int_equal(in(), DHCP_BOUND);
}

/* ---- the way to a lease */

static void discover_offer_request_ack_give_an_address(void **state)
{
	assert_int_equal(out(), DHCP_NOTHING);
	expect_said(DHCP_DISCOVER, 0, UINT32_MAX);
	assert_non_null(option(said, said_n, 55));
	reply(DHCP_OFFER, SERVER, ADDR, 3600);
	assert_int_equal(in(), DHCP_NOTHING);
	assert_int_equal(why, DROP_NOT);
	assert_int_equal(next(), DHCP_NOTHING);
	expect_said(DHCP_REQUEST, 0, UINT32_MAX);
	assert_int_equal(said_u32(50), ADDR);
	assert_int_equal(said_u32(54), SERVER);
	reply(DHCP_ACK, SERVER, ADDR, 3600);
	assert_int_equal(in(), DHCP_BOUND);
	assert_int_equal(d.lease.addr, ADDR);
	assert_int_equal(d.lease.prefix, 24);
	assert_int_equal(d.lease.router, ROUTER);
	assert_int_equal(d.lease.dns_n, 2);
	assert_int_equal(d.lease.dns[1], IPV4(8, 8, 4, 4));
	assert_int_equal(d.lease.renew, now + SEC(1800));
	assert_int_equal(d.lease.rebind, now + SEC(3150));
	assert_int_equal(d.lease.until, now + SEC(3600));
	assert_int_equal(dhcp_deadline(&d), d.lease.renew);
}

static void a_silent_network_is_asked_ever_more_rarely(void **state)
{
	nsec last;

	out();
	for (unsigned i = 0; i < 8; i++) {
		nsec wait = SEC(4) << MIN(i, 4u);

		last = now;
		assert_int_equal(next(), DHCP_NOTHING);
		expect_said(DHCP_DISCOVER, 0, UINT32_MAX);
		assert_in_range(now - last, wait - SEC(1), wait + SEC(1));
		assert_int_equal(load_be16(said + 8), (now - SEC(100)) / SEC(1));
	}
	said_n = 99;
	assert_int_equal(dhcp_output(&d, now, said, &said_n, &src, &dst), DHCP_NOTHING);
	assert_int_equal(said_n, 0);
}

static void a_request_that_nobody_answers_begins_again(void **state)
{
	uint32_t xid;

	next();
	reply(DHCP_OFFER, SERVER, ADDR, 3600);
	in();
	xid = d.xid;
	for (unsigned i = 0; i < 4; i++) {
		next();
		expect_said(DHCP_REQUEST, 0, UINT32_MAX);
	}
	next();
	expect_said(DHCP_DISCOVER, 0, UINT32_MAX);
	assert_int_not_equal(d.xid, xid);
}

static void a_refusal_begins_again(void **state)
{
	next();
	reply(DHCP_OFFER, SERVER, ADDR, 3600);
	in();
	next();
	reply(DHCP_NAK, SERVER, 0, 0);
	assert_int_equal(in(), DHCP_NOTHING);
	next();
	expect_said(DHCP_DISCOVER, 0, UINT32_MAX);
}

/* ---- keeping it */

static void at_half_time_the_server_is_asked_to_renew(void **state)
{
	nsec bound;

	bind_for(3600);
	bound = now;
	assert_int_equal(next(), DHCP_NOTHING);
	assert_int_equal(now, bound + SEC(1800));
	expect_said(DHCP_REQUEST, ADDR, SERVER);
	assert_int_equal(said_u32(50), 0);
	assert_int_equal(said_u32(54), 0);
	reply(DHCP_ACK, SERVER, ADDR, 7200);
	assert_int_equal(in(), DHCP_BOUND);
	assert_int_equal(d.lease.until, now + SEC(7200));
}

static void a_lease_counts_from_its_first_request(void **state)
{
	nsec asked;

	bind_for(3600);
	next();
	asked = now;
	next();			/* sent again */
	reply(DHCP_ACK, SERVER, ADDR, 3600);
	in();
	assert_int_equal(d.lease.until, asked + SEC(3600));
}

static void a_server_that_is_silent_is_asked_again_then_everybody_then_the_lease_ends(void **state)
{
	unsigned renews = 0, rebinds = 0;
	nsec bound, last = 0;

	bind_for(3600);
	bound = now;
	while (next() == DHCP_NOTHING) {
		assert_true(!last || now - last >= SEC(60) || now == bound + SEC(3150));
		last = now;
		if (now < bound + SEC(3150)) {
			expect_said(DHCP_REQUEST, ADDR, SERVER);
			renews++;
		} else if (now < bound + SEC(3600)) {
			expect_said(DHCP_REQUEST, ADDR, UINT32_MAX);
			rebinds++;
		}
	}
	assert_int_equal(now, bound + SEC(3600));
	expect_said(DHCP_DISCOVER, 0, UINT32_MAX);
	assert_true(renews >= 4 && rebinds >= 3);
}

static void another_server_may_answer_to_everybody_s_request(void **state)
{
	bind_for(3600);
	while (d.state != DHCP_REBINDING)
		next();
	reply(DHCP_ACK, OTHER, ADDR, 3600);
	assert_int_equal(in(), DHCP_BOUND);
	assert_int_equal(d.lease.server, OTHER);
}

static void a_refusal_takes_the_lease_away(void **state)
{
	bind_for(3600);
	next();
	reply(DHCP_NAK, SERVER, 0, 0);
	assert_int_equal(in(), DHCP_LOST);
	next();
	expect_said(DHCP_DISCOVER, 0, UINT32_MAX);
}

static void a_lease_for_good_is_never_renewed(void **state)
{
	bind_for(UINT32_MAX);
	assert_int_equal(dhcp_deadline(&d), NSEC_NEVER);
	assert_int_equal(d.lease.until, NSEC_NEVER);
}

static void an_address_in_use_is_declined(void **state)
{
	nsec at;

	bind_for(3600);
	dhcp_decline(&d, now, said, &said_n);
	assert_int_equal(option(said, said_n, 53)[1], DHCP_DECLINE);
	assert_int_equal(said_u32(50), ADDR);
	assert_int_equal(said_u32(54), SERVER);
	at = now;
	next();
	expect_said(DHCP_DISCOVER, 0, UINT32_MAX);
	assert_true(now - at >= SEC(10));
}

static void times_that_the_server_names_hold_within_the_lease(void **state)
{
	next();
	reply(DHCP_OFFER, SERVER, ADDR, 3600);
	in();
	next();
	reply(DHCP_ACK, SERVER, ADDR, 3600);
	put_u32(58, 100);
	put_u32(59, 5000);
	in();
	assert_int_equal(d.lease.renew, now + SEC(100));
	assert_int_equal(d.lease.rebind, now + SEC(3600));
}

/* ---- what is not believed */

static void expect_refused(enum drop want)
{
	enum dhcp_event event = in();

	assert_int_equal(event, DHCP_NOTHING);
	assert_string_equal(drop_name(why), drop_name(want));
	assert_int_equal(d.state, DHCP_SELECTING);
}

static void answers_that_are_not_ours_are_dropped(void **state)
{
	next();
	reply(DHCP_OFFER, SERVER, ADDR, 3600);
	answer[7] ^= 1;		/* xid */
	expect_refused(DROP_DHCP_NOT_OURS);
	reply(DHCP_OFFER, SERVER, ADDR, 3600);
	answer[33] ^= 1;	/* chaddr */
	expect_refused(DROP_DHCP_NOT_OURS);
	reply(DHCP_OFFER, SERVER, ADDR, 3600);
	answer[0] = 1;		/* a client's */
	expect_refused(DROP_DHCP_NOT_OURS);
}

static void answers_out_of_turn_are_dropped(void **state)
{
	next();
	for (uint8_t type = 0; type < 10; type++) {
		if (type == DHCP_OFFER)
			continue;
		reply(type, SERVER, ADDR, 3600);
		expect_refused(DROP_DHCP_STATE);
	}
	reply(DHCP_OFFER, SERVER, ADDR, 3600);
	in();
	next();
	reply(DHCP_ACK, OTHER, ADDR, 3600);
	assert_int_equal(in(), DHCP_NOTHING);
	assert_int_equal(why, DROP_DHCP_STATE);
	reply(DHCP_ACK, SERVER, ADDR, 3600);
	assert_int_equal(in(), DHCP_BOUND);
	assert_int_equal(in(), DHCP_NOTHING);	/* the same once more */
	assert_int_equal(why, DROP_DHCP_STATE);
}

static void grants_that_cannot_be_are_dropped(void **state)
{
	static const uint32_t never[] = { 0, IPV4(127, 0, 0, 1), IPV4(224, 0, 0, 1), UINT32_MAX };

	next();
	for (unsigned i = 0; i < ARRAY_LEN(never); i++) {
		reply(DHCP_OFFER, SERVER, never[i], 3600);
		expect_refused(DROP_DHCP_OPTION);
	}
	reply(DHCP_OFFER, SERVER, ADDR, 0);
	expect_refused(DROP_DHCP_OPTION);
	reply(DHCP_OFFER, 0, ADDR, 3600);
	expect_refused(DROP_DHCP_OPTION);
}

static void messages_that_are_cut_off_are_dropped(void **state)
{
	next();
	reply(DHCP_OFFER, SERVER, ADDR, 3600);
	for (uint32_t n = 0; n < 240; n++) {
		dhcp_input(&d, now, answer, n, &why);
		assert_int_equal(why, DROP_DHCP_SHORT);
	}
	answer[answer_n++] = 12;	/* an option that says more than there is */
	answer[answer_n++] = 200;
	dhcp_input(&d, now, answer, answer_n, &why);
	assert_int_equal(why, DROP_DHCP_OPTION);
	reply(DHCP_OFFER, SERVER, ADDR, 3600);
	answer[239] ^= 1;		/* BOOTP, not DHCP */
	expect_refused(DROP_DHCP_OPTION);
}

static void options_may_go_on_in_the_fields_of_names(void **state)
{
	uint8_t overload = 3;

	next();
	reply(DHCP_OFFER, SERVER, ADDR, 0);
	put(52, 1, &overload);
	memcpy(answer + 108, "\x33\x04\0\0\x0e\x10\xff", 7);	/* file: the lease */
	memcpy(answer + 44, "\x1a\x02\x05\xdc\xff", 5);		/* sname: the MTU */
	assert_int_equal(in(), DHCP_NOTHING);
	assert_int_equal(why, DROP_NOT);
	assert_int_equal(d.offer.until, now + SEC(3600));
	assert_int_equal(d.offer.mtu, 1500);
}

static void masks_that_are_none_give_the_class(void **state)
{
	next();
	reply(DHCP_OFFER, SERVER, ADDR, 3600);
	put_u32(1, 0xff00ff00);
	in();
	assert_int_equal(d.offer.prefix, 24);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup(f, setup)
	const struct CMUnitTest tests[] = {
		CASE(discover_offer_request_ack_give_an_address),
		CASE(a_silent_network_is_asked_ever_more_rarely),
		CASE(a_request_that_nobody_answers_begins_again),
		CASE(a_refusal_begins_again),
		CASE(at_half_time_the_server_is_asked_to_renew),
		CASE(a_lease_counts_from_its_first_request),
		CASE(a_server_that_is_silent_is_asked_again_then_everybody_then_the_lease_ends),
		CASE(another_server_may_answer_to_everybody_s_request),
		CASE(a_refusal_takes_the_lease_away),
		CASE(a_lease_for_good_is_never_renewed),
		CASE(an_address_in_use_is_declined),
		CASE(times_that_the_server_names_hold_within_the_lease),
		CASE(answers_that_are_not_ours_are_dropped),
		CASE(answers_out_of_turn_are_dropped),
		CASE(grants_that_cannot_be_are_dropped),
		CASE(messages_that_are_cut_off_are_dropped),
		CASE(options_may_go_on_in_the_fields_of_names),
		CASE(masks_that_are_none_give_the_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
