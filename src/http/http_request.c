/* Finds the lines of a head with a scan, a window at a time, and takes header lines apart.
 *
 * The head is a sequence of events in the order of its bytes: a byte that must not stand where it
 * stands, the end of a line, a limit reached, the end of the head.  Each event is complete with
 * its byte, so the first one that is an error is the answer, however the bytes were cut.  Lines
 * are taken apart when they end; a line is never looked at before.
 *
 * Start reading at http_request_parse(). */
#include "base/assert.h"
#include "http/http_field.h"

void http_conf_init(struct http_conf *conf)
{
	*conf = (struct http_conf){
		.line_max = HTTP_LINE_MAX,
		.head_max = HTTP_HEAD_MAX,
		.fields_max = HTTP_FIELDS_MAX,
		.extensions_max = HTTP_EXTENSIONS_MAX,
		.body_max = HTTP_BODY_MAX,
		.scanner = http_scanner_best(),
	};
}

static void conf_check(const struct http_conf *conf)
{
	assert(conf->line_max <= HTTP_LINE_MAX);
	assert(conf->head_max <= HTTP_HEAD_MAX);
	assert(conf->line_max <= conf->head_max);
	assert(conf->fields_max <= HTTP_FIELDS_MAX);
	static_assert(HTTP_GATHER_MAX <= UINT16_MAX, "offsets are uint16_t");
	static_assert(HTTP_FIELD_N <= 32, "ids are bits of a uint32_t");
}

void http_request_init(struct http_request *r)
{
	mem_zero(r, offsetof(struct http_request, last));
}

/* RFC 9112 §2.2: a server SHOULD ignore at least one empty line in front of the request line. */
static enum http_error skip_empty_lines(struct http_request *r, const uint8_t *head, size_t n)
{
	while (n > r->start && head[r->start] == '\r') {
		if (n == r->start + 1)
			return HTTP_MORE;
		if (head[r->start + 1] != '\n')
			return HTTP_ERR_BARE_CR;
		if (r->start == 2 * HTTP_EMPTY_LINES_MAX)
			return HTTP_ERR_EMPTY_LINES;
		r->start += 2;
		r->scanned = r->line = r->start;
	}
	return HTTP_OK;
}

/* What stands before the first byte not yet scanned. */
static unsigned scanned_before(const struct http_request *r, const uint8_t *head)
{
	const uint8_t *p = head + r->scanned;
	unsigned after = 0;

	if (r->scanned > r->start)
		after = p[-1] == '\r' ? HTTP_SCAN_AFTER_CR : p[-1] == '\n' ? HTTP_SCAN_AFTER_LF : 0;
	if (r->scanned > r->start + 1 && p[-2] == '\n')
		after |= HTTP_SCAN_AFTER_LF_2;
	return after;
}

static COLD enum http_error bad_byte(const struct http_request *r, const uint8_t *head)
{
	if (r->scanned > r->start && head[r->scanned - 1] == '\r')
		return HTTP_ERR_BARE_CR;
	return head[r->scanned] == '\n' ? HTTP_ERR_BARE_LF : HTTP_ERR_CONTROL;
}

static NOINLINE uint32_t count_token(const uint8_t *p)
{
	uint32_t n = 0;

	while (http_char_is(p[n], HTTP_CH_TOKEN))
		n++;
	return n;
}

/* How many tchars does the line begin with?  The CR at its end is none.  The scan's bitmap knows,
 * unless the line began in front of the window or the token is over 56 bytes. */
static inline uint32_t token_len(const struct http_scan *s, const uint8_t *window,
				 const uint8_t *line)
{
	if (likely(line >= window)) {
		size_t at = (size_t)(line - window);
		uint64_t bits = http_load8((const uint8_t *)s->nontoken + at / 8) >> at % 8;

		if (likely(bits))
			return (uint32_t)__builtin_ctzll(bits);
	}
	return count_token(line);
}

/* RFC 9112 §5.1 and §5.2. */
static COLD enum http_error bad_name(const uint8_t *line, uint32_t token_len, uint32_t len)
{
	if (http_char_is(line[0], HTTP_CH_SPACE))
		return HTTP_ERR_FOLDED;
	if (token_len && line[token_len] == ':')
		return HTTP_ERR_NAME_LONG;
	if (token_len == len)
		return HTTP_ERR_NAME_ALONE;
	return token_len && http_char_is(line[token_len], HTTP_CH_SPACE) ? HTTP_ERR_NAME_SPACE :
									     HTTP_ERR_NAME;
}

/* Without SP and HTAB at either end, RFC 9112 §5.1.  Usually there is one SP in front. */
static inline struct http_slice trim_value(const uint8_t *p, const uint8_t *end)
{
	struct http_slice s;

	p += *p == ' ';
	s = (struct http_slice){ p, (size_t)(end - p) };
	if (unlikely((http_char_class[*p] | http_char_class[end[-1]]) & HTTP_CH_SPACE))
		return http_slice_trim(s);
	return s;
}

/* The header lines that end in this window, `i` being the first of them. */
static enum http_error take_fields(struct http_request *r, const struct http_conf *conf,
				   const struct http_scan *s, uint32_t base, uint32_t i)
{
	const uint8_t *const head = r->base, *const window = head + base, *line = head + r->line;
	const uint16_t *eol = s->eol + i;
	const uint16_t *const stop = eol + MIN(s->eols - i, conf->fields_max - r->fields);
	struct http_field *f = r->field + r->fields;
	uint32_t seen = r->seen, repeated = r->repeated;

	for (; eol < stop; eol++, f++) {
		const uint8_t *colon, *cr = window + *eol - 1;
		size_t len = token_len(s, window, line);
		struct http_slice value;
		unsigned id;

		colon = line + len;
		if (unlikely(*colon != ':' || len - 1 >= HTTP_NAME_MAX))
			return bad_name(line, (uint32_t)len, (uint32_t)(cr - line));
		value = trim_value(colon + 1, cr);
		f->name = (uint16_t)(line - head);
		f->name_len = (uint8_t)len;
		f->value = (uint16_t)(value.p - head);
		f->value_len = (uint16_t)value.n;
		id = http_field_lookup(colon, len);
		f->id = (uint8_t)id;
		r->last[id] = (uint8_t)(f - r->field);
		repeated |= seen & 1u << id;
		seen |= 1u << id;
		line = cr + 2;
	}
	r->line = (uint32_t)(line - head);
	r->seen = seen;
	r->repeated = repeated;
	r->fields = (uint8_t)(f - r->field);
	return eol < s->eol + s->eols ? HTTP_ERR_FIELDS_MANY : HTTP_OK;
}

static enum http_error take_lines(struct http_request *r, const struct http_conf *conf,
				  const struct http_scan *s, uint32_t base)
{
	uint32_t taken = 0;

	if (!r->headers && s->eols) {
		uint32_t lf = base + s->eol[taken++];
		uint32_t token = token_len(s, r->base + base, r->base + r->line);
		enum http_error err = http_line_parse(r, conf, r->line, token, lf - 1);

		if (err)
			return err;
		r->headers = r->line = lf + 1;
	}
	return take_fields(r, conf, s, base, taken);
}

static enum http_error too_long(const struct http_request *r)
{
	return r->headers ? HTTP_ERR_HEAD_LONG : HTTP_ERR_LINE_LONG;
}

enum http_error http_request_parse(struct http_request *r, const struct http_conf *conf,
				   const uint8_t *head, size_t n)
{
	enum http_error err;
	struct http_scan s;

	conf_check(conf);
	assert(n >= r->scanned);
	r->base = head;
	if (r->scanned == r->start) {
		err = skip_empty_lines(r, head, n);
		if (err)
			return err;
	}
	for (;;) {
		uint32_t base = r->scanned;
		uint32_t limit = r->headers ? r->headers + conf->head_max :
					      r->start + conf->line_max;

		if (base == limit)
			return too_long(r);
		if (base == n)
			return HTTP_MORE;
		conf->scanner->scan(&s, head + base, MIN(n, limit) - base, scanned_before(r, head));
		r->scanned += s.scanned;
		err = take_lines(r, conf, &s, base);
		if (err)
			return err;
		if (s.stop == HTTP_SCAN_BAD)
			return bad_byte(r, head);
		if (s.stop == HTTP_SCAN_END)
			break;
	}
	r->head_len = r->scanned;
	return http_rules_check(r, conf);
}

enum http_error http_request_feed(struct http_request *r, const struct http_conf *conf,
				  struct http_gather *g, const uint8_t *piece, size_t n,
				  size_t *taken)
{
	uint32_t before = g->len;
	enum http_error err;
	size_t fits;

	*taken = 0;
	if (!before) {
		err = http_request_parse(r, conf, piece, n);
		if (err == HTTP_OK)
			*taken = r->head_len;
		if (err != HTTP_MORE || !g->buf)
			return err;
	}
	fits = MIN(n, g->size - before);
	if (!before && fits < n)
		return too_long(r);
	mem_copy(g->buf + before, piece, fits);
	g->len += (uint32_t)fits;
	err = http_request_parse(r, conf, g->buf, g->len);
	if (err == HTTP_MORE && fits < n)
		return too_long(r);
	*taken = err == HTTP_OK ? r->head_len - before : fits;
	return err;
}
