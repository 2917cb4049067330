/* Media types by ending. */
#include "unit/http/heads.h"

#include "http/http_mime.h"

static void type_is(const char *path, const char *type)
{
	size_t n = strlen(path);

	assert_slice(http_mime_type((struct http_slice){ http_cut_piece(path, n), n }), type);
}

static void the_table_is_in_order_and_finds_itself(void **state)
{
	static const char *const types[][2] = {
#define X(ending, type) { ending, type },
		HTTP_MIME_TYPES(X)
#undef X
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		assert_true(i == 0 || strcmp(types[i - 1][0], types[i][0]) < 0);
		type_is(text("x.%s", types[i][0]), types[i][1]);
	}
}

static void the_last_ending_counts_in_any_case(void **state)
{
	type_is("a/index.html", "text/html; charset=utf-8");
	type_is("INDEX.HTML", "text/html; charset=utf-8");
	type_is("a.tar.gz", "application/gzip");
	type_is("a.b/c.js", "text/javascript; charset=utf-8");
	type_is("logo.svg", "image/svg+xml");
}

static void an_unknown_ending_is_a_stream_of_bytes(void **state)
{
	static const char *const paths[] = {
		"", "a", "a.", "a.unknown", ".html", "a/.html", "a.html/b", "html",
		"a.htmlhtmlhtmlhtml",
		".", "a.png.", "a/b.", "a.htm\xff",
	};

	for (unsigned i = 0; i < ARRAY_LEN(paths); i++)
		type_is(paths[i], "application/octet-stream");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_in_order_and_finds_itself),
		cmocka_unit_test(the_last_ending_counts_in_any_case),
		cmocka_unit_test(an_unknown_ending_is_a_stream_of_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
