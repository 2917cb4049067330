/* Numbers, header lines and escapes; each escape copies runs of what needs none. */
#include "http/http_out.h"

static const char hex_digits[] = "0123456789abcdef";

void http_out_u64(struct http_out *out, uint64_t value)
{
	char text[20];
	unsigned at = sizeof(text);

	do {
		text[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	http_out_bytes(out, text + at, sizeof(text) - at);
}

void http_out_hex(struct http_out *out, uint64_t value)
{
	char text[16];
	unsigned at = sizeof(text);

	do {
		text[--at] = hex_digits[value & 15];
		value >>= 4;
	} while (value);
	http_out_bytes(out, text + at, sizeof(text) - at);
}

/* A bit is set if any of the 8 bytes is a control character.  (A borrow makes wrong hits only
 * above a right one.) */
static uint64_t controls(uint64_t x)
{
	const uint64_t ones = 0x0101010101010101;

	return ((x - 0x20 * ones) | ((x ^ 0x7f * ones) - ones)) & ~x & ones << 7;
}

bool http_out_is_value(struct http_slice s)
{
	uint64_t found = 0;

	for (size_t i = 0; i + 8 <= s.n; i += 8)
		found |= controls(http_load8(s.p + i));
	if (s.n >= 8)
		found |= controls(http_load8(s.p + s.n - 8));
	if (s.n >= 8 && likely(!found))
		return true;
	for (size_t i = 0; i < s.n; i++)
		if (!http_char_is(s.p[i], HTTP_CH_VALUE))
			return false;
	return true;
}

static const char *html_escape(uint8_t c)
{
	switch (c) {
	case '&': return "&amp;";
	case '<': return "&lt;";
	case '>': return "&gt;";
	case '"': return "&quot;";
	case '\'': return "&#39;";
	default: return NULL;
	}
}

void http_out_html(struct http_out *out, struct http_slice text)
{
	size_t from = 0;

	for (size_t i = 0; i < text.n; i++) {
		const char *escape = html_escape(text.p[i]);

		if (!escape)
			continue;
		http_out_bytes(out, text.p + from, i - from);
		http_out_str(out, escape);
		from = i + 1;
	}
	http_out_bytes(out, text.p + from, text.n - from);
}

void http_out_url(struct http_out *out, struct http_slice path)
{
	for (size_t i = 0; i < path.n; i++) {
		uint8_t c = path.p[i];
		char escape[3] = { '%', hex_digits[c >> 4], hex_digits[c & 15] };

		if (http_char_is(c, HTTP_CH_PLAIN))
			http_out_bytes(out, &c, 1);
		else
			http_out_bytes(out, escape, sizeof(escape));
	}
}

/* The length of the UTF-8 sequence at p, RFC 3629 §4; 0 when there is none. */
static size_t utf8_len(const uint8_t *p, size_t n)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t len;

	if (p[0] < 0x80)
		return 1;
	len = p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
	if (!len || n < len)
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;	/* else it would be shorter */
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xed)
		high = 0x9f;	/* surrogates */
	else if (p[0] == 0xf4)
		high = 0x8f;	/* beyond U+10FFFF */
	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < len; i++)
		if (p[i] < 0x80 || p[i] > 0xbf)
			return 0;
	return len;
}

void http_out_json(struct http_out *out, struct http_slice text)
{
	for (size_t i = 0, len; i < text.n; i += MAX(len, 1)) {
		uint8_t c = text.p[i];
		char code[6] = { '\\', 'u', '0', '0', hex_digits[c >> 4], hex_digits[c & 15] };

		len = utf8_len(text.p + i, text.n - i);
		if (!len) {
			http_out_str(out, "\\ufffd");
		} else if (c == '"' || c == '\\') {
			http_out_str(out, "\\");
			http_out_bytes(out, &c, 1);
		} else if (c < 0x20 || c == 0x7f || c == '<') {
			http_out_bytes(out, code, sizeof(code));
		} else {
			http_out_bytes(out, text.p + i, len);
		}
	}
}
