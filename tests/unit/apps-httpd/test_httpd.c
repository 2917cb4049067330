/* The server against a door that does what it is told: what is asked for, what is answered, what
 * happens when the door says no, and that nothing is left behind. */
#include "unit/apps-httpd/door.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"

static void expect_status(const char *heard, unsigned status)
{
	char want[32];

	snprintf(want, sizeof(want), "HTTP/1.1 %u ", status);
	if (strncmp(heard, want, strlen(want)))
		fail_msg("wanted %u, heard \"%.200s\"", status, heard);
}

/* The body behind the first head of `heard`. */
static const char *body_of(const char *heard)
{
	const char *end = strstr(heard, "\r\n\r\n");

	assert_non_null(end);
	return end + 4;
}

static void a_request_is_answered_and_its_buffer_is_back_at_once(void **state)
{
	struct door *d = door_new(NULL);
	struct door_file *f = door_add(d, "index.html", 100);
	int fd = door_client(d);
	const char *heard;

	assert_int_equal(httpd_listens(d->h), 1);
	door_says(d, fd, GET("/"));
	assert_int_equal(d->ring.bufs_out, 0);
	heard = door_hears(d, fd);
	expect_status(heard, 200);
	assert_non_null(strstr(heard, "\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
	assert_non_null(strstr(heard, "\r\nContent-Length: 100\r\n"));
	assert_non_null(strstr(heard, "\r\nContent-Type: text/html"));
	assert_memory_equal(body_of(heard), f->data, 100);
	assert_true(door_of(d, fd)->connected);
	door_free(d);
}

static void bodies_are_lent_and_the_file_stays_open_until_they_are_back(void **state)
{
	struct door *d = door_new(NULL);
	struct door_file *f = door_add(d, "a", 5000);
	int fd = door_client(d);
	struct door_client *c = door_of(d, fd);

	door_says(d, fd, GET("/a"));
	assert_int_equal(c->ops_n, 1);
	assert_int_equal(c->ops[0].sqe.opcode, LEAT_OP_SEND_ZC);
	assert_ptr_equal((void *)c->ops[0].sqe.addr, f->data);
	f->stale = true;	/* replaced: the next request opens it again */
	d->ring.now += SEC(1);
	door_says(d, fd, GET("/a"));
	assert_int_equal(f->open, 2);
	door_acks(&d->ring, fd);
	httpd_run(d->h);
	assert_int_equal(f->open, 1);
	assert_int_equal(httpd_counters(d->h)->lent_bytes, 10000);
	door_free(d);
}

static void a_small_body_goes_with_its_head(void **state)
{
	struct door *d = door_new(NULL);
	struct door_file *f = door_add(d, "a", 1024);
	int fd = door_client(d);
	unsigned before = d->ring.submissions;
	const char *p;

	door_says(d, fd, GET("/a") GET("/a"));
	assert_int_equal(d->ring.submissions - before, 1);
	p = door_hears(d, fd);
	assert_memory_equal(body_of(p), f->data, 1024);
	assert_memory_equal(body_of(body_of(p) + 1024), f->data, 1024);
	assert_int_equal(httpd_counters(d->h)->lent_bytes, 0);
	door_free(d);
}

static void names_that_begin_with_a_dot_are_not_there(void **state)
{
	static const char *const hidden[] = { ".env", "a/.git/config", ".well-known/.x",
					      ".well-knownx" };
	struct door *d = door_new(NULL);
	char text[96];
	int fd;

	door_add(d, ".well-known/a.b", 10);
	for (unsigned i = 0; i < ARRAY_LEN(hidden); i++)
		door_add(d, hidden[i], 10);
	fd = door_client(d);
	for (unsigned i = 0; i < ARRAY_LEN(hidden); i++) {
		snprintf(text, sizeof(text), "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", hidden[i]);
		door_says(d, fd, text);
		expect_status(door_hears(d, fd), 404);
	}
	door_says(d, fd, GET("/.well-known/a.b"));
	expect_status(door_hears(d, fd), 200);
	door_free(d);
}

static void files_are_opened_once_and_asked_about_now_and_then(void **state)
{
	struct door *d = door_new(NULL);
	const struct httpd_counters *n = httpd_counters(d->h);
	int fd;

	door_add(d, "a", 10);
	fd = door_client(d);
	for (int i = 0; i < 20; i++)
		door_says(d, fd, GET("/a"));
	assert_int_equal(n->file_opens, 1);
	assert_int_equal(n->file_hits, 19);
	d->files[0].stale = true;
	door_says(d, fd, GET("/a"));
	assert_int_equal(n->file_opens, 1);	/* believed for some milliseconds */
	d->ring.now += MSEC(11);
	door_says(d, fd, GET("/a"));
	assert_int_equal(n->file_opens, 2);
	door_free(d);
}

static void small_cache(struct httpd_config *config)
{
	config->files = 2;
	config->file_bytes = 5000;
}

/* Two slots and 5000 bytes for files of 2000: what must go goes, but not what is lent. */
static void the_cache_stays_within_its_bounds(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	struct door *d = door_new(small_cache);
	const char *heard;
	int fd, open = 0;

	for (int i = 0; i < 4; i++)
		door_add(d, names[i], 2000);
	door_add(d, "long", 6000);
	fd = door_client(d);
	for (int i = 0; i < 8; i++) {
		char text[64];

		snprintf(text, sizeof(text), "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", names[i % 4]);
		door_says(d, fd, text);
		expect_status(door_hears(d, fd), 200);
		door_acks(&d->ring, fd);
		httpd_run(d->h);
	}
	for (int i = 0; i < 5; i++)
		open += d->files[i].open;
	assert_int_equal(open, 2);
	door_says(d, fd, GET("/long"));
	expect_status(door_hears(d, fd), 503);
	door_says(d, fd, GET("/a") GET("/b") GET("/c"));	/* two are lent: no slot */
	heard = door_hears(d, fd);
	expect_status(heard, 200);
	assert_non_null(memmem(heard, 6000, "HTTP/1.1 503 ", 13));
	door_free(d);
}

/* ---- guarded files */

static void the_end_of_a_guarded_file_waits_for_all_the_rest(void **state)
{
	struct door *d = door_new(NULL);
	struct door_file *f = door_add(d, "big", 100000);
	int fd = door_client(d);
	struct door_client *c = door_of(d, fd);
	uint32_t head;

	f->guarded = true;
	door_says(d, fd, GET("/big") GET("/big"));
	head = (uint32_t)(body_of(c->heard) - c->heard);
	assert_int_equal(c->heard_n, head + 100000 - 1024);
	door_acks(&d->ring, fd);
	httpd_run(d->h);
	assert_memory_equal(c->heard + head, f->data, 100000);
	/* and only then the next response begins */
	assert_int_equal(strncmp(c->heard + head + 100000, "HTTP/1.1 200", 12), 0);
	assert_int_equal(c->heard_n, 2 * (head + 100000) - 1024);
	door_acks(&d->ring, fd);
	httpd_run(d->h);
	assert_int_equal(c->heard_n, 2 * (head + 100000));
	assert_int_equal(f->open, 0);	/* not kept: it holds a descriptor */
	door_free(d);
}

static void a_broken_file_never_gets_its_end(void **state)
{
	struct door *d = door_new(NULL);
	struct door_file *f = door_add(d, "big", 100000);
	int fd = door_client(d);
	struct door_client *c = door_of(d, fd);

	f->guarded = true;
	door_says(d, fd, GET("/big"));
	f->broken = true;
	door_acks(&d->ring, fd);
	httpd_run(d->h);
	assert_true(c->reset);
	assert_int_equal(c->heard_n, body_of(c->heard) - c->heard + 100000 - 1024);
	assert_int_equal(httpd_counters(d->h)->broken, 1);
	door_free(d);
}

static void a_file_that_breaks_while_it_is_read_costs_its_readers_at_once(void **state)
{
	struct door *d = door_new(NULL);
	struct door_file *f = door_add(d, "big", 100000);
	int fd = door_client(d), other = door_client(d);

	f->guarded = true;
	door_add(d, "a", 10);
	door_of(d, fd)->room = 5000;
	door_says(d, fd, GET("/big"));
	door_says(d, other, GET("/a"));
	f->broken = true;
	d->broken++;
	httpd_run(d->h);
	assert_true(door_of(d, fd)->reset);
	assert_true(door_of(d, other)->connected);
	assert_int_equal(httpd_counters(d->h)->broken, 1);
	door_free(d);
}

static void a_guarded_file_that_breaks_unseen_is_found_out_by_the_clock(void **state)
{
	struct door *d = door_new(NULL);
	struct door_file *f = door_add(d, "big", 100000);
	int fd = door_client(d);

	f->guarded = true;
	door_of(d, fd)->room = 5000;
	door_says(d, fd, GET("/big"));
	f->broken = true;
	door_ticks(d, 1);
	assert_true(door_of(d, fd)->reset);
	assert_int_equal(httpd_counters(d->h)->broken, 1);
	door_free(d);
}

static void a_guarded_file_of_one_byte_is_whole(void **state)
{
	struct door *d = door_new(NULL);
	struct door_file *f = door_add(d, "one", 1);
	int fd = door_client(d);

	f->guarded = true;
	door_says(d, fd, "GET /one HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	assert_memory_equal(body_of(door_hears(d, fd)), f->data, 1);
	assert_true(door_of(d, fd)->shut);
	door_free(d);
}

/* ---- pipelining, and clients that do not read */

static void a_burst_of_requests_leaves_in_one_piece(void **state)
{
	struct door *d = door_new(NULL);
	int fd = door_client(d);
	unsigned before = d->ring.submissions, n = 0;
	const char one[] = GET("/probe");
	char text[2048] = "";

	for (size_t i = 0; i < 16; i++)
		memcpy(text + i * (sizeof(one) - 1), one, sizeof(one));
	door_says(d, fd, text);
	for (const char *p = door_hears(d, fd); (p = strstr(p, "HTTP/1.1 200 OK")); p++)
		n++;
	assert_int_equal(n, 16);
	assert_int_equal(d->ring.submissions - before, 1);
	door_free(d);
}

/* Goal: what waits is bounded, and nothing is lost or out of order.  Method: a client that says a
 * thousand requests and takes nothing, then takes a little at a time. */
static void a_client_that_does_not_read_is_not_read_from(void **state)
{
	struct door *d = door_new(NULL);
	int fd = door_client(d);
	struct door_client *c = door_of(d, fd);
	struct door_file *f = door_add(d, "a", 300);
	const char *p;

	c->room = 0;
	d->ring.piece = 100;
	for (int i = 0; i < 1000; i++)
		door_says(d, fd, GET("/a"));
	assert_true(c->connected && !c->receiving);
	assert_true(d->ring.bufs_most <= 33);
	assert_true(c->wait_n > 20000);
	for (int i = 0; i < 100000 && (c->wait_n || c->ops_n); i++) {
		door_room(&d->ring, fd, 173);
		door_acks(&d->ring, fd);
		httpd_run(d->h);
		door_deliver(&d->ring, c);
		httpd_run(d->h);
	}
	p = c->heard;
	for (int i = 0; i < 1000; i++) {
		expect_status(p, 200);
		assert_memory_equal(body_of(p), f->data, 300);
		p = body_of(p) + 300;
	}
	assert_ptr_equal(p, c->heard + c->heard_n);
	assert_int_equal(d->ring.bufs_out, 0);
	door_free(d);
}

static void two_who_do_not_read_do_not_keep_a_third_waiting(void **state)
{
	struct door *d = door_new(NULL);
	int slow[2] = { door_client(d), door_client(d) }, fd = door_client(d);

	door_add(d, "a", 300);
	for (int k = 0; k < 2; k++) {
		door_of(d, slow[k])->room = 0;
		for (int i = 0; i < 300; i++)
			door_says(d, slow[k], GET("/a"));
	}
	door_says(d, fd, GET("/a"));
	expect_status(door_hears(d, fd), 200);
	door_free(d);
}

/* ---- ends */

static void a_close_comes_behind_the_response_and_waits_for_the_peer(void **state)
{
	struct door *d = door_new(NULL);
	int fd = door_client(d);
	struct door_client *c = door_of(d, fd);

	c->room = 10;
	door_says(d, fd, "GET /probe HTTP/1.0\r\n\r\nand more");
	assert_false(c->shut);
	door_room(&d->ring, fd, UINT64_MAX);
	httpd_run(d->h);
	assert_true(c->shut && c->connected);
	door_says(d, fd, "what nobody reads");
	assert_true(c->connected);
	door_acks(&d->ring, fd);
	door_hangs_up(d, fd);
	assert_false(c->connected);
	assert_false(c->reset);
	door_free(d);
}

static void a_peer_that_never_hangs_up_is_left_after_a_while(void **state)
{
	struct door *d = door_new(NULL);
	int fd = door_client(d);

	door_says(d, fd, "GET /probe HTTP/1.0\r\n\r\n");
	door_acks(&d->ring, fd);
	httpd_run(d->h);
	assert_true(door_of(d, fd)->connected);
	door_ticks(d, 4);
	assert_false(door_of(d, fd)->connected);
	assert_false(door_of(d, fd)->reset);
	door_free(d);
}

static void who_sends_on_and_on_after_the_end_is_reset(void **state)
{
	struct door *d = door_new(NULL);
	int fd = door_client(d);
	char junk[2000];

	memset(junk, 'x', sizeof(junk));
	door_says(d, fd, "GET /probe HTTP/1.0\r\n\r\n");
	for (int i = 0; i < 1000 && door_of(d, fd)->connected; i++)
		door_says_n(d, fd, junk, sizeof(junk));
	assert_true(door_of(d, fd)->reset);
	door_free(d);
}

static void a_client_that_hangs_up_still_gets_what_it_asked_for(void **state)
{
	struct door *d = door_new(NULL);
	struct door_file *f = door_add(d, "big", 50000);
	int fd = door_client(d);
	struct door_client *c = door_of(d, fd);

	f->guarded = true;
	c->room = 0;
	door_says(d, fd, GET("/big") GET("/probe"));
	door_hangs_up(d, fd);
	assert_true(c->connected);
	door_settle(d);
	assert_false(c->connected);
	assert_false(c->reset);
	assert_non_null(strstr(body_of(c->heard) + 50000, "ok\n"));
	door_free(d);
}

/* Closing would make the ring give up on what it has not taken yet. */
static void lent_bytes_are_waited_for_before_the_close(void **state)
{
	struct door *d = door_new(NULL);
	int fd = door_client(d);

	door_add(d, "a", 2000);
	door_says(d, fd, "GET /a HTTP/1.0\r\n\r\n");
	door_hangs_up(d, fd);
	assert_true(door_of(d, fd)->connected);
	door_acks(&d->ring, fd);
	httpd_run(d->h);
	assert_false(door_of(d, fd)->connected);
	assert_false(door_of(d, fd)->reset);
	door_free(d);
}

static void accepting_that_ended_begins_again(void **state)
{
	struct door *d = door_new(NULL);

	d->ring.accepting = false;
	door_put(&d->ring, d->ring.accept, -E_NFILE, 0);
	httpd_run(d->h);
	assert_true(d->ring.accepting);
	door_says(d, door_client(d), GET("/probe"));
	assert_int_equal(httpd_counters(d->h)->status[2], 1);
	door_free(d);
}

static void a_request_that_is_cut_off_is_forgotten(void **state)
{
	static const char *const cut[] = {
		"G", "GET / HTTP/1.1\r\nHo", "\r\n",
		"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"
	};
	struct door *d = door_new(NULL);

	for (unsigned i = 0; i < ARRAY_LEN(cut); i++) {
		int fd = door_client(d);

		door_says(d, fd, cut[i]);
		door_hangs_up(d, fd);
		door_settle(d);
		assert_false(door_of(d, fd)->connected);
		assert_int_equal(door_of(d, fd)->heard_n, 0);
	}
	door_free(d);
}

static void an_error_of_the_connection_ends_it(void **state)
{
	struct door *d = door_new(NULL);
	int fd = door_client(d);
	struct door_client *c = door_of(d, fd);

	door_says(d, fd, "GET /pro");
	c->receiving = false;
	door_put(&d->ring, c->recv, -E_CONNRESET, 0);
	httpd_run(d->h);
	assert_false(c->connected);
	assert_int_equal(httpd_counters(d->h)->resets, 1);
	door_free(d);
}

static void a_send_that_fails_or_falls_short_ends_the_connection(void **state)
{
	static const int32_t results[] = { -E_PIPE, -E_CONNRESET, 5 };

	for (unsigned k = 0; k < 2 * ARRAY_LEN(results); k++) {
		struct door *d = door_new(NULL);
		int fd = door_client(d);
		struct door_client *c = door_of(d, fd);
		unsigned i = k & 1;	/* the head, the body */

		door_add(d, "a", 2000);
		c->room = 0;
		door_says(d, fd, GET("/a"));
		assert_int_equal(c->ops_n, 2);
		if (i == 1)
			door_room(&d->ring, fd, c->ops[0].sqe.len);
		door_put(&d->ring, c->ops[i].sqe.user_data, results[k / 2],
			 i ? LEAT_CQE_F_MORE : 0);
		c->ops[i].taken = true;
		if (i == 0)
			memmove(&c->ops[0], &c->ops[1], sizeof(c->ops[0]) * --c->ops_n);
		httpd_run(d->h);
		assert_true(c->reset);
		door_free(d);
	}
}

/* ---- time */

static void impatient(struct httpd_config *config)
{
	config->stall_ms = 30000;
}

static void time_runs_out_for_the_idle_the_slow_and_the_stuck(void **state)
{
	struct door *d = door_new(impatient);
	int idle = door_client(d), slow = door_client(d), body = door_client(d),
	    stuck = door_client(d);

	door_add(d, "a", 300);
	door_says(d, slow, "GET / HT");
	door_says(d, body, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n");
	door_of(d, stuck)->room = 10;
	door_says(d, stuck, GET("/a"));
	door_ticks(d, 8);
	door_says(d, slow, "T");	/* a byte now and then does not help */
	assert_true(door_of(d, slow)->connected);
	door_ticks(d, 4);
	expect_status(door_hears(d, slow), 408);
	assert_true(door_of(d, idle)->connected && !door_of(d, idle)->shut);
	door_ticks(d, 24);
	assert_true(door_of(d, idle)->shut || !door_of(d, idle)->connected);
	door_ticks(d, 34);
	assert_true(door_of(d, stuck)->reset);
	expect_status(door_hears(d, body), 408);
	assert_int_equal(httpd_counters(d->h)->timeouts_head, 1);
	assert_int_equal(httpd_counters(d->h)->timeouts_body, 1);
	assert_int_equal(httpd_counters(d->h)->timeouts_stall, 1);
	assert_int_equal(httpd_counters(d->h)->timeouts_idle, 1);
	door_free(d);
}

/* 405 is out at once; the body that never comes ends the connection, and is no second answer. */
static void who_was_answered_and_sends_no_body_hears_no_more(void **state)
{
	struct door *d = door_new(NULL);
	int fd = door_client(d);
	const char *heard;

	door_says(d, fd, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
	expect_status(door_hears(d, fd), 405);
	door_ticks(d, 80);
	heard = door_hears(d, fd);
	assert_null(strstr(heard, "HTTP/1.1 408"));
	assert_true(door_of(d, fd)->shut || !door_of(d, fd)->connected);
	assert_int_equal(httpd_counters(d->h)->timeouts_body, 1);
	door_free(d);
}

static void who_takes_a_little_now_and_then_may_go_on(void **state)
{
	struct door *d = door_new(impatient);
	int fd = door_client(d);
	struct door_file *f = door_add(d, "big", 100000);

	f->guarded = true;
	door_of(d, fd)->room = 0;
	door_says(d, fd, GET("/big"));
	for (int i = 0; i < 20; i++) {
		door_room(&d->ring, fd, 300);
		door_ticks(d, 25);
		assert_true(door_of(d, fd)->connected);
	}
	door_free(d);
}

static void nothing_ticks_without_connections(void **state)
{
	struct door *d = door_new(NULL);
	int fd;

	assert_false(d->ring.timing);
	fd = door_client(d);
	assert_true(d->ring.timing);
	door_hangs_up(d, fd);
	door_ticks(d, 3);
	assert_false(d->ring.timing);
	door_free(d);
}

/* ---- limits */

static void connections_beyond_the_limit_take_the_place_of_idle_ones_or_are_told(void **state)
{
	struct door *d = door_new(NULL);
	int fd[8], more;

	for (int i = 0; i < 8; i++) {
		fd[i] = door_client(d);
		door_says(d, fd[i], i < 7 ? "GET /pro" : GET("/probe"));
		door_acks(&d->ring, fd[i]);
	}
	more = door_client(d);
	assert_false(door_of(d, fd[7])->connected);
	door_says(d, more, "GET");
	more = door_client(d);
	expect_status(door_hears(d, more), 503);
	assert_true(door_of(d, more)->shut);
	for (int i = 0; i < 7; i++)
		assert_true(door_of(d, fd[i])->connected);
	assert_int_equal(httpd_counters(d->h)->evicted, 1);
	assert_int_equal(httpd_counters(d->h)->turned_away, 1);
	door_free(d);
}

static void when_even_those_who_are_told_are_too_many_they_are_reset(void **state)
{
	struct door *d = door_new(NULL);

	for (int i = 0; i < 60; i++) {
		int fd = door_client(d);

		if (i < 8)
			door_says(d, fd, "GET");
		assert_int_equal(door_of(d, fd)->reset, i >= 40);
	}
	assert_int_equal(httpd_counters(d->h)->turned_away, 52);
	door_free(d);
}

static void a_request_body_within_the_bound_comes_back(void **state)
{
	struct door *d = door_new(NULL);
	int fd = door_client(d);
	static uint8_t body[1 << 20];
	struct prng r;
	char text[128];

	prng_seed(&r, 9);
	unit_fill(&r, body, sizeof(body));
	for (unsigned n = 1; n <= sizeof(body); n *= 4) {
		snprintf(text, sizeof(text),
			 "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %u\r\n\r\n", n);
		door_says(d, fd, text);
		door_says_n(d, fd, body, n);
		assert_memory_equal(body_of(door_hears(d, fd)), body, n);
		door_acks(&d->ring, fd);
		httpd_run(d->h);
	}
	door_says(d, fd, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n");
	expect_status(door_hears(d, fd), 413);
	door_free(d);
}

static void too_many_bodies_at_once_are_told_to_come_again(void **state)
{
	struct door *d = door_new(NULL);
	int fd[8];
	unsigned busy = 0;

	for (int i = 0; i < 8; i++) {
		fd[i] = door_client(d);
		/* two each: what is not acknowledged keeps its memory */
		for (int k = 0; k < 3; k++) {
			door_says(d, fd[i],
				  "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
			busy += !strncmp(door_hears(d, fd[i]), "HTTP/1.1 503", 12);
		}
	}
	assert_int_equal(busy, 24 - 16);
	door_acks(&d->ring, fd[0]);
	door_says(d, fd[0], "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
	expect_status(door_hears(d, fd[0]), 200);
	door_free(d);
}

/* ---- a door that says no */

/* A little of everything. */
static void life(struct door *d)
{
	int fd[3] = { door_client(d), door_client(d), door_client(d) };

	door_says(d, fd[0], GET("/a") GET("/probe"));
	door_says(d, fd[1], "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab");
	door_of(d, fd[2])->room = 100;
	door_says(d, fd[2], GET("/big") GET("/a"));
	door_says(d, fd[1], "cGET /whoami HTTP/1.0\r\n\r\n");
	door_says(d, fd[0], "BAD\r\n\r\n");
	for (int i = 0; i < 3; i++)
		door_acks(&d->ring, fd[i]);
	door_ticks(d, 2);
	door_settle(d);
	door_hangs_up(d, fd[0]);
	door_ticks(d, 40);
	door_settle(d);
}

/* Method: the same life, with each submission in turn refused (and one to five behind it);
 * afterwards a new client is served, and door_free() finds nothing left. */
static void any_refused_submission_costs_a_connection_at_most(void **state)
{
	for (unsigned at = 4; at < 80; at++) {
		for (unsigned n = 1; n <= 5; n += 4 + at % 2) {
			struct door *d = door_new(NULL);
			int fd;

			door_add(d, "a", 2000);
			door_add(d, "big", 30000)->guarded = true;
			d->ring.fail_at = at;
			d->ring.fail_n = n;
			life(d);
			d->ring.fail_at = 0;
			httpd_run(d->h);
			fd = door_client(d);
			door_says(d, fd, GET("/probe"));
			expect_status(door_hears(d, fd), 200);
			door_free(d);
		}
	}
}

static void what_keeps_it_from_listening_is_told(void **state)
{
	struct door *d = calloc(1, sizeof(*d));

	d->tree = (struct httpd_files){ door_open, door_fresh, door_intact, door_close_file,
					door_broken, d };
	httpd_config_default(&d->config);
	d->config.tree = &d->tree;
	d->config.now = door_now;
	d->config.wall_seconds = door_wall;
	d->config.ctx = d;
	d->ring.listen_res = -E_ADDRINUSE;
	d->mem = door_memory(&d->config);
	d->h = httpd_new(d->mem, &d->config, &d->ring);
	httpd_run(d->h);
	assert_int_equal(httpd_listens(d->h), -E_ADDRINUSE);
	door_free(d);
}

/* ---- chance */

static const char *const said[] = {
	GET("/"),
	GET("/a"),
	GET("/big"),
	GET("/none"),
	GET("/probe"),
	GET("/whoami"),
	GET("/dir"),
	GET("/dir/"),
	"GET /a HTTP/1.0\r\n\r\n",
	"HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
	"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
	"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
	"G",
	"ET /",
	"\r\n",
	"X",
	"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
	"hi",
	"PUT /big HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
};

static void one_step(struct door *d, struct prng *r, int *fds, unsigned *n)
{
	unsigned i = *n ? (unsigned)(prng_u64(r) % *n) : 0;
	struct door_client *c = *n ? door_of(d, fds[i]) : NULL;

	switch (prng_u64(r) % 12) {
	case 0:
		if (*n < 40)
			fds[(*n)++] = door_client(d);
		break;
	case 1:
		if (c && prng_u64(r) % 4 == 0) {
			door_hangs_up(d, fds[i]);
		} else if (c && c->connected && c->receiving && prng_u64(r) % 8 == 0) {
			c->receiving = false;
			door_put(&d->ring, c->recv, -E_CONNRESET, 0);
			httpd_run(d->h);
		}
		break;
	case 2:
	case 3:
		if (c && c->connected)
			door_room(&d->ring, fds[i],
				  prng_u64(r) % 3 ? prng_u64(r) % 4000 : 1u << 30);
		httpd_run(d->h);
		break;
	case 4:
	case 5:
		if (c)
			door_acks(&d->ring, fds[i]);
		httpd_run(d->h);
		break;
	case 6:
		door_ticks(d, 1 + (unsigned)(prng_u64(r) % 3));
		break;
	case 7:
		d->files[2].broken = prng_u64(r) % 2;
		d->files[0].stale = true;
		d->broken += prng_u64(r) % 4 == 0;
		d->ring.piece = (uint32_t)(prng_u64(r) % 200);
		d->ring.fail_at = prng_u64(r) % 8 ? 0 : d->ring.submissions + 1 + prng_u64(r) % 20;
		d->ring.fail_n = 1 + prng_u64(r) % 3;
		break;
	default:
		if (c && !c->eof && c->wait_n < 100000)
			door_says(d, fds[i], said[prng_u64(r) % ARRAY_LEN(said)]);
		break;
	}
	for (unsigned k = 0; k < *n; k++) {	/* forget who is gone */
		if (!door_of(d, fds[k])->connected && !door_of(d, fds[k])->ops_n) {
			fds[k] = fds[--*n];
			break;
		}
	}
}

static void any_order_of_things_leaves_nothing_behind(void **state)
{
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct door *d = door_new(NULL);
		struct prng r;
		int fds[64];
		unsigned n = 0;

		prng_seed(&r, seed);
		door_add(d, "a", 300);
		door_add(d, "index.html", 2000);
		door_add(d, "big", 9000)->guarded = true;
		door_add(d, "dir", 0)->dir = true;
		door_add(d, "dir/index.html", 0);
		for (int i = 0; i < 3000; i++)
			one_step(d, &r, fds, &n);
		door_free(d);
	}
}

static void a_connection_takes_a_cache_line_here(void **state)
{
	assert_int_equal(httpd_conn_bytes(), 64);
}

static void logged(struct httpd_config *config)
{
	config->access = door_log;
}

static void each_request_is_told_to_who_wants_to_know(void **state)
{
	struct door *d = door_new(logged);
	int fd = door_client(d);

	door_says(d, fd, GET("/probe"));
	door_says(d, fd, "HEAD /none HTTP/1.1\r\nHost: a\r\n\r\n");
	door_says(d, fd, "\x01\r\n\r\n");
	door_says(d, door_client(d),
		  "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
	assert_non_null(strstr(d->log, "POST /echo 200 2\n"));
	assert_int_equal(httpd_counters(d->h)->status[2], 2);
	assert_int_equal(httpd_counters(d->h)->status[4], 2);
	assert_non_null(strstr(d->log, "GET /probe 200 3\n"));
	assert_non_null(strstr(d->log, "HEAD /none 404 "));
	assert_non_null(strstr(d->log, " - - 400 "));
	door_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_answered_and_its_buffer_is_back_at_once),
		cmocka_unit_test(bodies_are_lent_and_the_file_stays_open_until_they_are_back),
		cmocka_unit_test(a_small_body_goes_with_its_head),
		cmocka_unit_test(names_that_begin_with_a_dot_are_not_there),
		cmocka_unit_test(files_are_opened_once_and_asked_about_now_and_then),
		cmocka_unit_test(the_cache_stays_within_its_bounds),
		cmocka_unit_test(the_end_of_a_guarded_file_waits_for_all_the_rest),
		cmocka_unit_test(a_broken_file_never_gets_its_end),
		cmocka_unit_test(a_file_that_breaks_while_it_is_read_costs_its_readers_at_once),
		cmocka_unit_test(a_guarded_file_that_breaks_unseen_is_found_out_by_the_clock),
		cmocka_unit_test(a_guarded_file_of_one_byte_is_whole),
		cmocka_unit_test(a_burst_of_requests_leaves_in_one_piece),
		cmocka_unit_test(a_client_that_does_not_read_is_not_read_from),
		cmocka_unit_test(two_who_do_not_read_do_not_keep_a_third_waiting),
		cmocka_unit_test(a_close_comes_behind_the_response_and_waits_for_the_peer),
		cmocka_unit_test(a_peer_that_never_hangs_up_is_left_after_a_while),
		cmocka_unit_test(who_sends_on_and_on_after_the_end_is_reset),
		cmocka_unit_test(a_client_that_hangs_up_still_gets_what_it_asked_for),
		cmocka_unit_test(lent_bytes_are_waited_for_before_the_close),
		cmocka_unit_test(accepting_that_ended_begins_again),
		cmocka_unit_test(a_request_that_is_cut_off_is_forgotten),
		cmocka_unit_test(an_error_of_the_connection_ends_it),
		cmocka_unit_test(a_send_that_fails_or_falls_short_ends_the_connection),
		cmocka_unit_test(time_runs_out_for_the_idle_the_slow_and_the_stuck),
		cmocka_unit_test(who_was_answered_and_sends_no_body_hears_no_more),
		cmocka_unit_test(who_takes_a_little_now_and_then_may_go_on),
		cmocka_unit_test(nothing_ticks_without_connections),
		cmocka_unit_test(
			connections_beyond_the_limit_take_the_place_of_idle_ones_or_are_told),
		cmocka_unit_test(when_even_those_who_are_told_are_too_many_they_are_reset),
		cmocka_unit_test(a_request_body_within_the_bound_comes_back),
		cmocka_unit_test(too_many_bodies_at_once_are_told_to_come_again),
		cmocka_unit_test(any_refused_submission_costs_a_connection_at_most),
		cmocka_unit_test(what_keeps_it_from_listening_is_told),
		cmocka_unit_test(any_order_of_things_leaves_nothing_behind),
		cmocka_unit_test(a_connection_takes_a_cache_line_here),
		cmocka_unit_test(each_request_is_told_to_who_wants_to_know),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
