/* Heads of requests: every scanner and every way to cut gives the same answer, and what is taken
 * obeys the rules that it was taken by.
 *
 * The first byte says where and how finely to cut; the rest is the input. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "helper/http_cut.h"
#include "http/http_condition.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_value(struct http_slice value)
{
	for (size_t i = 0; i < value.n; i++)
		assert(http_char_is(value.p[i], HTTP_CH_VALUE));
	assert(!value.n || !http_char_is(value.p[0], HTTP_CH_SPACE));
	assert(!value.n || !http_char_is(value.p[value.n - 1], HTTP_CH_SPACE));
}

static void check(const struct http_request *r, const struct http_conf *conf)
{
	struct http_slice target = http_request_slice(r, r->target);

	assert(mem_eq(r->base + r->head_len - 4, "\r\n\r\n", 4));
	assert(r->fields <= conf->fields_max);
	for (unsigned i = 0; i < r->fields; i++) {
		struct http_slice name = http_request_name(r, i);

		assert(name.n > 0 && name.p[name.n] == ':');
		for (size_t k = 0; k < name.n; k++)
			assert(http_char_is(name.p[k], HTTP_CH_TOKEN));
		check_value(http_request_value(r, i));
		assert(r->seen >> r->field[i].id & 1);
	}
	assert(target.n > 0);
	for (size_t i = 0; i < target.n; i++)
		assert(http_char_is(target.p[i], HTTP_CH_TARGET));
	assert(r->method != HTTP_METHOD_UNKNOWN && r->minor <= 1);
	assert(r->minor == 0 || http_request_has(r, HTTP_FIELD_HOST));
	assert(!(r->repeated >> HTTP_FIELD_HOST & 1));
	assert(!http_request_has(r, HTTP_FIELD_CONTENT_LENGTH) ||
	       !http_request_has(r, HTTP_FIELD_TRANSFER_ENCODING));
	assert(r->content_length <= conf->body_max);
	http_condition(r, HTTP_SLICE("\"a\""), 784111777, 1790000000);
}

static struct http_conf small_conf(void)
{
	struct http_conf conf;

	http_conf_init(&conf);
	conf.line_max = 200;	/* within reach of a fuzzer */
	conf.head_max = 600;
	conf.fields_max = 20;
	return conf;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_request whole, cut;
	struct http_conf conf = small_conf();
	const struct http_scanner *scanner;
	size_t end, cut_end, arg;
	enum http_error err;

	if (size < 1 || size > HTTP_CUT_MAX)
		return 0;
	arg = data[0] + 1u;
	data++;
	size--;
	conf.scanner = &http_scanner_plain;
	err = http_cut_request(&whole, &conf, data, size, http_cut_whole, 0, &end);
	if (err == HTTP_OK)
		check(&whole, &conf);
	for (unsigned i = 0; (scanner = http_scanner_nth(i)) != NULL; i++) {
		http_cut_fn *const ways[] = { http_cut_whole, http_cut_once, http_cut_every };

		conf.scanner = scanner;
		for (unsigned way = 0; way < ARRAY_LEN(ways); way++) {
			assert(http_cut_request(&cut, &conf, data, size, ways[way],
						way == 1 ? arg : arg % 8 + 1, &cut_end) == err);
			if (err != HTTP_OK)
				continue;
			assert(cut_end == end);
			http_cut_same_request(&cut, &whole);
		}
	}
	return 0;
}
