/* Paths and what else is read from a request's values: the result is a safe relative path, and a
 * path made into a URL again resolves to itself.
 *
 * The first byte is the size of the buffer; the rest is the target, and also a date, a list of
 * entity tags, and a text to escape. */
#include <stdlib.h>

#include "base/assert.h"
#include "helper/http_cut.h"
#include "http/http_condition.h"
#include "http/http_date.h"
#include "http/http_mime.h"
#include "http/http_out.h"
#include "http/http_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_safe(const char *path, size_t len)
{
	assert(strlen(path) == len);
	assert(path[0] != '/' && (!len || path[len - 1] != '/'));
	for (const char *segment = path; len && segment; segment = strchr(segment, '/')) {
		segment += *segment == '/';
		assert(strcspn(segment, "/") > 0);
		assert(strcspn(segment, "/") != 1 || segment[0] != '.');
		assert(strcspn(segment, "/") != 2 || segment[0] != '.' || segment[1] != '.');
	}
}

static void check_again(const char *path, size_t len)
{
	static uint8_t url[3 * HTTP_CUT_MAX];
	static char again[HTTP_CUT_MAX];
	struct http_path out;
	struct http_out o;

	http_out_init(&o, url, sizeof(url));
	http_out_str(&o, "/");
	http_out_url(&o, (struct http_slice){ (const uint8_t *)path, len });
	assert(!o.failed);
	assert(http_path_resolve(&out, again, len + 1, (struct http_slice){ url, o.len }) ==
	       HTTP_OK);
	assert(out.len == len && mem_eq(again, path, len));
}

static void read_otherwise(struct http_slice s)
{
	static uint8_t text[HTTP_CUT_MAX * 6];
	uint8_t date[HTTP_DATE_LEN];
	struct http_slice formatted = { date, sizeof(date) };
	uint64_t unix_s, again;
	struct http_out o;

	if (http_date_parse(s, 1790000000, &unix_s)) {
		http_date_format(date, unix_s);
		assert(http_date_parse(formatted, 1790000000, &again));
		assert(again == unix_s);
	}
	if (http_etag_in(s, HTTP_SLICE("\"a\""), false))
		assert(http_etag_in(s, HTTP_SLICE("\"a\""), true));
	assert(http_mime_type(s).n > 0);
	http_out_init(&o, text, sizeof(text));
	http_out_html(&o, s);
	for (size_t i = 0; i < o.len; i++)
		assert(text[i] != '<' && text[i] != '>' && text[i] != '"');
	http_out_init(&o, text, sizeof(text));
	http_out_json(&o, s);
	assert(!o.failed);
	for (size_t i = 0; i < o.len; i++)
		assert(text[i] >= 32 && text[i] != '<');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct http_slice target;
	struct http_path out;
	size_t room;
	char *buf;

	if (size < 1 || size > HTTP_CUT_MAX)
		return 0;
	room = data[0] + 1u;
	target = (struct http_slice){ http_cut_piece(data + 1, size - 1), size - 1 };
	buf = (char *)http_cut_guarded(1, room);
	if (http_path_resolve(&out, buf, room, target) == HTTP_OK) {
		assert(out.len < room);
		check_safe(buf, out.len);
		check_again(buf, out.len);
	}
	read_otherwise(target);
	return 0;
}
