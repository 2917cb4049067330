/* Chunked bodies: every way to cut gives the same bytes and answer, and never more bytes than the
 * limit allows or than came in.
 *
 * The first byte says where and how finely to cut; the rest is the input. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "helper/http_cut.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct http_request chunked = { .framing = HTTP_BODY_CHUNKED };
	static uint8_t whole[HTTP_CUT_MAX], cut[HTTP_CUT_MAX];
	size_t len, end, cut_len, cut_end, arg;
	enum http_error err, cut_err;
	struct http_conf conf;

	if (size < 1 || size > HTTP_CUT_MAX)
		return 0;
	arg = data[0] + 1u;
	data++;
	size--;
	http_conf_init(&conf);
	conf.body_max = 300;	/* within reach of a fuzzer */
	conf.extensions_max = 50;
	conf.head_max = conf.line_max = 100;
	conf.fields_max = 5;
	err = http_cut_body(&chunked, &conf, data, size, http_cut_whole, 0, whole, &len, &end);
	assert(len <= conf.body_max && len <= end && end <= size);
	assert(err != HTTP_OK || mem_eq(data + end - 4, "\r\n\r\n", 4));
	for (unsigned way = 0; way < 2; way++) {
		cut_err = http_cut_body(&chunked, &conf, data, size,
					way ? http_cut_once : http_cut_every,
					way ? arg : arg % 8 + 1, cut, &cut_len, &cut_end);
		assert(cut_err == err && cut_len == len && cut_end == end);
		assert(mem_eq(cut, whole, len));
	}
	return 0;
}
