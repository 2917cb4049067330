/* Raw bytes, header lines, limits and pieces, RFC 9112 §2 and §5: each rule a test, with every
 * scanner and every cut (heads.h). */
#include "unit/http/heads.h"

static void assert_field(const struct http_request *r, unsigned i, const char *name,
			 const char *value)
{
	assert_slice(http_request_name(r, i), name);
	assert_slice(http_request_value(r, i), value);
}

static void a_request_is_taken_apart(void **state)
{
	const struct http_request *r = accepted("GET /a/b?c=d HTTP/1.1\r\n"
						"Host: www.example.org:8080\r\n"
						"User-Agent: test/1.0\r\n"
						"X-Other:none\r\n"
						"\r\n");

	assert_int_equal(r->method, HTTP_GET);
	assert_slice(http_request_slice(r, r->method_name), "GET");
	assert_slice(http_request_slice(r, r->target), "/a/b?c=d");
	assert_slice(http_request_slice(r, r->path), "/a/b?c=d");
	assert_int_equal(r->target_form, HTTP_TARGET_ORIGIN);
	assert_int_equal(r->minor, 1);
	assert_false(r->close);
	assert_int_equal(r->framing, HTTP_BODY_NONE);
	assert_int_equal(r->fields, 3);
	assert_field(r, 0, "Host", "www.example.org:8080");
	assert_field(r, 1, "User-Agent", "test/1.0");
	assert_field(r, 2, "X-Other", "none");
	assert_slice(http_request_field(r, HTTP_FIELD_USER_AGENT), "test/1.0");
	assert_null(http_request_field(r, HTTP_FIELD_RANGE).p);
}

static void bytes_behind_the_head_are_left_alone(void **state)
{
	static const char head[] = GET "\r\n\0\1\n\r\r\xff GET";
	struct http_request r;

	assert_int_equal(parse_bytes(&r, head, sizeof(head) - 1), HTTP_OK);
	assert_int_equal(r.head_len, strlen(GET "\r\n"));
}

/* The id of a field with this name, in a request with nothing else but Host. */
static unsigned id_of(const char *name)
{
	const char *head = text("GET / HTTP/1.1\r\nHost:a\r\n%s:1\r\n\r\n", name);
	struct http_request r;
	size_t end;

	conf.scanner = http_scanner_best();
	http_cut_request(&r, &conf, head, strlen(head), http_cut_whole, 0, &end);
	assert_int_equal(r.fields, 2);	/* though its value may be none for such a field */
	return r.field[1].id;
}

static const char *known_name(unsigned id)
{
	static const char *const names[] = {
#define X(name, lower) [HTTP_FIELD_##name] = lower,
		HTTP_FIELDS(X)
#undef X
	};

	return names[id] + strspn(names[id], " ");
}

static void every_known_field_is_known_in_any_case(void **state)
{
	for (unsigned id = 1; id < HTTP_FIELD_N; id++) {
		char name[32] = "";

		memcpy(name, known_name(id), strlen(known_name(id)));
		assert_int_equal(id_of(name), id);
		for (char *c = name; *c; c++) {
			*c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
			assert_int_equal(id_of(name), id);
		}
	}
}

static bool is_known(const char *name)
{
	for (unsigned id = 1; id < HTTP_FIELD_N; id++)
		if (strcmp(name, known_name(id)) == 0)
			return true;
	return false;
}

static void names_that_are_nearly_known_are_others(void **state)
{
	for (unsigned id = 1; id < HTTP_FIELD_N; id++) {
		const char *name = known_name(id);

		for (size_t i = 0; i < strlen(name); i++) {
			char near[32] = "";
			const char *end = name + i + 1;

			memcpy(near, name, strlen(name));
			near[i] = name[i] == '-' ? '_' : name[i] == 'x' ? 'y' : 'x';
			assert_int_equal(id_of(near), HTTP_FIELD_OTHER);
			near[i] = name[i] == '-' ? 'm' : '\'';
			assert_int_equal(id_of(near), HTTP_FIELD_OTHER);
			near[i] = 0;
			assert_true(!i || is_known(near) || id_of(near) == HTTP_FIELD_OTHER);
			assert_true(!*end || is_known(end) || id_of(end) == HTTP_FIELD_OTHER);
		}
	}
}

static void long_names_that_end_like_a_known_one_are_others(void **state)
{
	const struct http_request *r;

	r = accepted("GET / HTTP/1.1\r\nHost: a\r\nX-Transfer-Encoding: x\r\n"
		     "very-long-name-that-ends-like-transfer-encoding: x\r\n"
		     "accept-If-Unmodified-Since: x\r\nTransfer_Encoding: x\r\n\r\n");
	for (unsigned i = 1; i < r->fields; i++)
		assert_int_equal(r->field[i].id, HTTP_FIELD_OTHER);
}

static void spaces_around_a_value_are_not_part_of_it(void **state)
{
	const struct http_request *r;

	r = accepted(GET "A: \t b c \t\r\nB:\r\nC:   \r\nD: d\r\nE:e\r\nF:\te\t\r\nG: \r\n\r\n");
	assert_field(r, 1, "A", "b c");
	assert_field(r, 2, "B", "");
	assert_field(r, 3, "C", "");
	assert_field(r, 4, "D", "d");
	assert_field(r, 5, "E", "e");
	assert_field(r, 6, "F", "e");
	assert_field(r, 7, "G", "");
}

static void bytes_from_0x80_and_tabs_may_stand_in_a_value(void **state)
{
	assert_field(accepted(GET "A: \x80\xff\tx\r\n\r\n"), 1, "A", "\x80\xff\tx");
}

static void every_token_character_may_stand_in_a_name(void **state)
{
	static const char name[] = "!#$%&'*+-.^_`|~09azAZ";

	assert_field(accepted(GET "!#$%&'*+-.^_`|~09azAZ: x\r\n\r\n"), 1, name, "x");
}

static void names_of_every_length_up_to_the_limit_are_taken(void **state)
{
	for (unsigned n = 1; n <= HTTP_NAME_MAX; n += n < 70 ? 1 : 37) {
		const struct http_request *r = accepted(text(GET "%s: x\r\n\r\n", repeat('n', n)));

		assert_int_equal(r->field[1].name_len, n);
		assert_field(r, 1, repeat('n', n), "x");
	}
}

static void empty_lines_in_front_are_skipped(void **state)
{
	const struct http_request *r = accepted("\r\n\r\n\r\n\r\n" GET "\r\n");

	assert_int_equal(r->head_len, 8 + strlen(GET "\r\n"));
	assert_slice(http_request_slice(r, r->target), "/");
	answered("", HTTP_MORE);
	answered("\r", HTTP_MORE);
	answered("\r\n", HTTP_MORE);
}

static void a_fifth_empty_line_is_refused(void **state)
{
	refused("\r\n\r\n\r\n\r\n\r\n" GET "\r\n", HTTP_ERR_EMPTY_LINES, 400);
}

static void a_bare_cr_is_refused(void **state)
{
	refused("\rGET / HTTP/1.1\r\n\r\n", HTTP_ERR_BARE_CR, 400);
	refused("GET / HTTP/1.1\rX\r\n\r\n", HTTP_ERR_BARE_CR, 400);
	refused("GET / HTTP/1.1\r\r\n\r\n", HTTP_ERR_BARE_CR, 400);
	refused(GET "A: b\rc\r\n\r\n", HTTP_ERR_BARE_CR, 400);
	refused(GET "A\r: b\r\n\r\n", HTTP_ERR_BARE_CR, 400);
	refused(GET "A: b\r\n\rX", HTTP_ERR_BARE_CR, 400);
	refused(GET "A: b\r\r\n\r\n", HTTP_ERR_BARE_CR, 400);
	refused(GET "\r\r\n", HTTP_ERR_BARE_CR, 400);
}

static void a_bare_lf_is_refused(void **state)
{
	refused("\nGET / HTTP/1.1\r\n\r\n", HTTP_ERR_BARE_LF, 400);
	refused("GET / HTTP/1.1\nHost: a\n\n", HTTP_ERR_BARE_LF, 400);
	refused(GET "A: b\nC: d\r\n\r\n", HTTP_ERR_BARE_LF, 400);
	refused(GET "\n", HTTP_ERR_BARE_LF, 400);
	refused(GET "A: b\r\n\n", HTTP_ERR_BARE_LF, 400);
}

static void control_characters_are_refused(void **state)
{
	for (unsigned c = 0; c < 256; c++) {
		char head[] = GET "Abc: de_fg\r\n\r\n";
		bool is_control = (c < 32 && c != '\t') || c == 127;
		struct http_request r;

		*strchr(head, '_') = (char)c;
		if (c != '\r' && c != '\n')
			assert_int_equal(parse_bytes(&r, head, sizeof(head) - 1),
					 is_control ? HTTP_ERR_CONTROL : HTTP_OK);
	}
	refused("\x16\x03\x01", HTTP_ERR_CONTROL, 400);		/* TLS */
}

static void the_first_fault_in_the_order_of_bytes_is_reported(void **state)
{
	refused("FOO / HTTP/1.1\r\n\x01", HTTP_ERR_METHOD_UNKNOWN, 501);
	refused("FOO /\x01 HTTP/1.1\r\n", HTTP_ERR_CONTROL, 400);
	refused(GET "A b: c\r\nD: \n", HTTP_ERR_NAME_SPACE, 400);
	refused(GET "A: \nA b: c\r\n", HTTP_ERR_BARE_LF, 400);
	refused("GET / HTTP/1.1\r\nA b: c\r\n\r\n", HTTP_ERR_NAME_SPACE, 400);
	answered("GET / HTTP/1.1\r\nA: c\r\n", HTTP_MORE);
}

static void space_in_front_of_the_colon_is_refused(void **state)
{
	refused(GET "A : b\r\n\r\n", HTTP_ERR_NAME_SPACE, 400);
	refused(GET "A\t: b\r\n\r\n", HTTP_ERR_NAME_SPACE, 400);
	refused("GET / HTTP/1.1\r\nHost : a\r\n\r\n", HTTP_ERR_NAME_SPACE, 400);
	refused(GET "A b: c\r\n\r\n", HTTP_ERR_NAME_SPACE, 400);
}

static void a_folded_line_is_refused(void **state)
{
	refused(GET "A: b\r\n c\r\n\r\n", HTTP_ERR_FOLDED, 400);
	refused(GET "A: b\r\n\tc: d\r\n\r\n", HTTP_ERR_FOLDED, 400);
	refused("GET / HTTP/1.1\r\n Host: a\r\n\r\n", HTTP_ERR_FOLDED, 400);
	refused(GET "A: b\r\n \r\n\r\n", HTTP_ERR_FOLDED, 400);
}

static void a_line_without_a_colon_is_refused(void **state)
{
	refused(GET "abc\r\n\r\n", HTTP_ERR_NAME_ALONE, 400);
}

static void a_name_must_be_a_token(void **state)
{
	for (int c = 33; c < 256; c++) {
		bool is_token = c < 127 && !strchr("\"(),/:;<=>?@[\\]{}", c);

		if (c != ':' && c != 127)
			answered(text(GET "ab%ccd: e\r\n\r\n", c),
				 is_token ? HTTP_OK : HTTP_ERR_NAME);
	}
	refused(GET ": a\r\n\r\n", HTTP_ERR_NAME, 400);
	refused(GET "a/b\r\n\r\n", HTTP_ERR_NAME, 400);
}

static void a_request_line_over_8_kib_is_too_long(void **state)
{
	size_t room = HTTP_LINE_MAX - strlen("GET / HTTP/1.1\r\n");

	accepted(text("GET /%s HTTP/1.1\r\n" HOST "\r\n", repeat('a', room)));
	refused(text("GET /%s HTTP/1.1\r\n" HOST "\r\n", repeat('a', room + 1)),
		HTTP_ERR_LINE_LONG, 414);
	answered(text("GET /%s", repeat('a', HTTP_LINE_MAX - 6)), HTTP_MORE);
	answered(text("GET /%s", repeat('a', HTTP_LINE_MAX - 5)), HTTP_ERR_LINE_LONG);
	answered(text("GET /%s\x01", repeat('a', HTTP_LINE_MAX - 6)), HTTP_ERR_CONTROL);
	answered(text("GET /%s\x01", repeat('a', HTTP_LINE_MAX - 5)), HTTP_ERR_LINE_LONG);
}

static void a_header_section_over_16_kib_is_too_long(void **state)
{
	size_t room = HTTP_HEAD_MAX - strlen(HOST "A: \r\n\r\n");

	accepted(text(GET "A: %s\r\n\r\n", repeat('a', room)));
	accepted(text("\r\n\r\n" GET "A: %s\r\n\r\n", repeat('a', room)));
	refused(text(GET "A: %s\r\n\r\n", repeat('a', room + 1)), HTTP_ERR_HEAD_LONG, 431);
	refused(text(GET "A: %s", repeat('a', 2 * HTTP_HEAD_MAX)), HTTP_ERR_HEAD_LONG, 431);
}

static void limits_may_be_lowered(void **state)
{
	conf.line_max = 30;
	conf.head_max = 40;
	conf.fields_max = 2;
	accepted("GET /1234567890123 HTTP/1.1\r\n" HOST "A: b\r\n\r\n");
	answered("GET /12345678901234567 HTTP/1.1\r\n" HOST "\r\n", HTTP_ERR_LINE_LONG);
	answered(GET "A: 456789012345678901234567\r\n\r\n", HTTP_OK);
	answered(GET "A: 4567890123456789012345678\r\n\r\n", HTTP_ERR_HEAD_LONG);
	answered(GET "A:\r\nB:\r\n\r\n", HTTP_ERR_FIELDS_MANY);
}

static void the_65th_field_is_too_many(void **state)
{
	char lines[7 * HTTP_FIELDS_MAX] = "";

	for (unsigned i = 0; i < HTTP_FIELDS_MAX; i++)
		memcpy(lines + 6 * i, "A: b\r\n", 7);
	assert_int_equal(accepted(text(GET "%s\r\n", lines + 6))->fields, HTTP_FIELDS_MAX);
	refused(text(GET "%s\r\n", lines), HTTP_ERR_FIELDS_MANY, 431);
}

/* Hundreds of lines in one window of a scan. */
static void more_short_lines_than_a_scan_has_room_for_are_too_many(void **state)
{
	char lines[3 * 600 + 1] = "";

	for (unsigned i = 0; i < 600; i++)
		memcpy(lines + 3 * i, ":\r\n", 4);
	refused(text("%s\r\n", lines), HTTP_ERR_METHOD_TOKEN, 400);
	for (unsigned i = 0; i < 450; i++)
		memcpy(lines + 4 * i, "a:\r\n", 5);
	refused(text(GET "%s\r\n", lines), HTTP_ERR_FIELDS_MANY, 431);
}

static void a_name_over_255_bytes_is_too_long(void **state)
{
	accepted(text(GET "%s: b\r\n\r\n", repeat('a', HTTP_NAME_MAX)));
	refused(text(GET "%s: b\r\n\r\n", repeat('a', HTTP_NAME_MAX + 1)), HTTP_ERR_NAME_LONG, 431);
}

static enum http_error feed(struct http_request *r, struct http_gather *g, const char *piece,
			    size_t n, size_t *taken)
{
	return http_request_feed(r, &conf, g, (const uint8_t *)piece, n, taken);
}

static void a_gather_buffer_that_is_full_is_a_limit(void **state)
{
	uint8_t buf[40];
	struct http_gather g = { buf, sizeof(buf), 0 };
	struct http_request r;
	size_t taken;

	http_request_init(&r);
	assert_int_equal(feed(&r, &g, GET, 20, &taken), HTTP_MORE);
	assert_int_equal(taken, 20);
	assert_int_equal(feed(&r, &g, repeat('x', 21), 21, &taken), HTTP_ERR_HEAD_LONG);
	g.len = 0;
	http_request_init(&r);
	assert_int_equal(feed(&r, &g, text("GET /%s", repeat('a', 36)), 41, &taken),
			 HTTP_ERR_LINE_LONG);
}

static void a_whole_head_needs_no_gather_buffer(void **state)
{
	struct http_gather none = { 0 };
	struct http_request r;
	size_t taken;

	http_request_init(&r);
	assert_int_equal(feed(&r, &none, GET "\r\nrest", strlen(GET) + 6, &taken), HTTP_OK);
	assert_int_equal(taken, strlen(GET) + 2);
}

static void without_a_gather_buffer_the_piece_may_be_fed_again(void **state)
{
	static const char head[] = GET "\r\nrest";
	uint8_t buf[100];
	struct http_gather g = { 0 };
	struct http_request r;
	size_t taken;

	http_request_init(&r);
	assert_int_equal(feed(&r, &g, head, 20, &taken), HTTP_MORE);
	assert_int_equal(taken, 0);
	g = (struct http_gather){ buf, sizeof(buf), 0 };
	assert_int_equal(feed(&r, &g, head, 20, &taken), HTTP_MORE);
	assert_int_equal(taken, 20);
	assert_int_equal(feed(&r, &g, head + 20, sizeof(head) - 1 - 20, &taken), HTTP_OK);
	assert_int_equal(taken, strlen(GET) + 2 - 20);
	assert_slice(http_request_field(&r, HTTP_FIELD_HOST), "a");
}

/* A slow peer that sends a byte at a time must not make each byte dearer than the last. */
static size_t scanned_bytes;

static void counting_scan(struct http_scan *s, const uint8_t *p, size_t n, unsigned after)
{
	scanned_bytes += n;
	http_scanner_plain.scan(s, p, n, after);
}

static void no_byte_is_scanned_twice(void **state)
{
	struct http_scanner counting = http_scanner_plain;
	static char head[12000] = GET "A: ";
	struct http_request r;
	size_t n;

	counting.scan = counting_scan;
	conf.scanner = &counting;
	memset(head + strlen(head), 'x', sizeof(head) - strlen(head) - 5);
	memcpy(head + sizeof(head) - 5, "\r\n\r\n", 4);
	http_request_init(&r);
	for (n = 0; n < sizeof(head) - 1; n++)
		assert_int_equal(http_request_parse(&r, &conf, (uint8_t *)head, n), HTTP_MORE);
	assert_int_equal(http_request_parse(&r, &conf, (uint8_t *)head, sizeof(head) - 1), HTTP_OK);
	assert_int_equal(scanned_bytes, sizeof(head) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, setup)
		T(a_request_is_taken_apart),
		T(bytes_behind_the_head_are_left_alone),
		T(every_known_field_is_known_in_any_case),
		T(names_that_are_nearly_known_are_others),
		T(long_names_that_end_like_a_known_one_are_others),
		T(spaces_around_a_value_are_not_part_of_it),
		T(bytes_from_0x80_and_tabs_may_stand_in_a_value),
		T(every_token_character_may_stand_in_a_name),
		T(names_of_every_length_up_to_the_limit_are_taken),
		T(empty_lines_in_front_are_skipped),
		T(a_fifth_empty_line_is_refused),
		T(a_bare_cr_is_refused),
		T(a_bare_lf_is_refused),
		T(control_characters_are_refused),
		T(the_first_fault_in_the_order_of_bytes_is_reported),
		T(space_in_front_of_the_colon_is_refused),
		T(a_folded_line_is_refused),
		T(a_line_without_a_colon_is_refused),
		T(a_name_must_be_a_token),
		T(a_request_line_over_8_kib_is_too_long),
		T(a_header_section_over_16_kib_is_too_long),
		T(limits_may_be_lowered),
		T(the_65th_field_is_too_many),
		T(more_short_lines_than_a_scan_has_room_for_are_too_many),
		T(a_name_over_255_bytes_is_too_long),
		T(a_gather_buffer_that_is_full_is_a_limit),
		T(a_whole_head_needs_no_gather_buffer),
		T(without_a_gather_buffer_the_piece_may_be_fed_again),
		T(no_byte_is_scanned_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
