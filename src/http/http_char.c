/* Character classes as one table, and the slice functions that no hot path needs inline. */
#include "http/http_char.h"

#include "base/mem.h"

/* Classes by who has them; each byte stands in exactly one row. */
#define C_TARGET (HTTP_CH_TARGET | HTTP_CH_VALUE)
#define C_HOST   (C_TARGET | HTTP_CH_HOST)
#define C_TOKEN  (C_TARGET | HTTP_CH_TOKEN)
#define C_BOTH   (C_HOST | HTTP_CH_TOKEN)
#define C_ALPHA  (C_BOTH | HTTP_CH_PLAIN)

const uint8_t http_char_class[256] = {
	['\t'] = HTTP_CH_VALUE | HTTP_CH_SPACE,
	[' '] = HTTP_CH_VALUE | HTTP_CH_SPACE,
	['!'] = C_BOTH, ['"'] = HTTP_CH_VALUE, ['#'] = HTTP_CH_VALUE | HTTP_CH_TOKEN,
	['$'] = C_BOTH,
	['%'] = C_TOKEN, ['&'] = C_BOTH, ['\''] = C_BOTH, ['('] = C_HOST, [')'] = C_HOST,
	['*'] = C_BOTH, ['+'] = C_BOTH, [','] = C_TARGET, ['-'] = C_ALPHA, ['.'] = C_ALPHA,
	['/'] = C_TARGET | HTTP_CH_PLAIN,
	['0' ... '9'] = C_ALPHA | HTTP_CH_DIGIT | HTTP_CH_HEX,
	[':'] = C_TARGET, [';'] = C_HOST,
	['<'] = HTTP_CH_VALUE, ['='] = C_HOST, ['>'] = HTTP_CH_VALUE,
	['?'] = C_TARGET, ['@'] = C_TARGET,
	['A' ... 'F'] = C_ALPHA | HTTP_CH_HEX,
	['G' ... 'Z'] = C_ALPHA,
	['['] = C_TARGET, ['\\'] = C_TARGET, [']'] = C_TARGET, ['^'] = C_TOKEN, ['_'] = C_ALPHA,
	['`'] = C_TOKEN,
	['a' ... 'f'] = C_ALPHA | HTTP_CH_HEX,
	['g' ... 'z'] = C_ALPHA,
	['{'] = C_TARGET, ['|'] = C_TOKEN, ['}'] = C_TARGET, ['~'] = C_ALPHA,
	[0x80 ... 0xff] = HTTP_CH_VALUE,
};

struct http_slice http_slice_str(const char *s)
{
	return (struct http_slice){ (const uint8_t *)s, str_len(s) };
}

bool http_slice_eq(struct http_slice a, struct http_slice b)
{
	return a.n == b.n && (a.n == 0 || mem_eq(a.p, b.p, a.n));
}

bool http_slice_eq_nocase(struct http_slice a, struct http_slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++)
		if (http_char_lower(a.p[i]) != http_char_lower(b.p[i]))
			return false;
	return true;
}

struct http_slice http_slice_trim(struct http_slice s)
{
	while (s.n && http_char_is(s.p[0], HTTP_CH_SPACE)) {
		s.p++;
		s.n--;
	}
	while (s.n && http_char_is(s.p[s.n - 1], HTTP_CH_SPACE))
		s.n--;
	return s;
}

bool http_slice_next(struct http_slice *list, struct http_slice *element)
{
	while (list->n) {
		struct http_slice e = { list->p, 0 };

		while (e.n < list->n && e.p[e.n] != ',')
			e.n++;
		list->p += MIN(e.n + 1, list->n);
		list->n -= MIN(e.n + 1, list->n);
		*element = http_slice_trim(e);
		if (element->n)
			return true;
	}
	return false;
}

bool http_slice_u64(struct http_slice s, uint64_t max, uint64_t *out)
{
	uint64_t v = 0;

	if (!s.n)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		unsigned digit = s.p[i] - '0';

		if (digit > 9 || v > (max - MIN(max, digit)) / 10 || digit > max)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}
