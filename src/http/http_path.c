/* Decodes into the buffer and resolves each segment there when it ends, so that what is compared
 * with ".." is what a file system would see. */
#include "http/http_path.h"

#include "base/assert.h"
#include "base/mem.h"

struct segments {
	char *buf;
	size_t size, len;
	size_t start;	/* of the last segment; all in front of it are resolved */
};

/* Drops the segment in front of the last, and its slash. */
static bool step_up(struct segments *s)
{
	size_t at = s->start;

	if (!at)
		return false;
	for (at--; at && s->buf[at - 1] != '/'; at--)
		;
	s->len = s->start = at;
	return true;
}

/* The last segment is complete; is it one to go into? */
static enum http_error end_segment(struct segments *s, bool *directory)
{
	const char *last = s->buf + s->start;
	size_t n = s->len - s->start;

	*directory = true;
	if (n == 0)
		return HTTP_OK;
	if (n == 1 && last[0] == '.') {
		s->len = s->start;
		return HTTP_OK;
	}
	if (n == 2 && last[0] == '.' && last[1] == '.')
		return step_up(s) ? HTTP_OK : HTTP_ERR_PATH_ABOVE_ROOT;
	*directory = false;
	s->buf[s->len++] = '/';		/* there is room: the NUL goes there otherwise */
	s->start = s->len;
	return HTTP_OK;
}

/* Browsers encode these in a path, or make a slash of them: docs/adr/0051-request-targets.md. */
static enum http_error raw(uint8_t c)
{
	if (c == '\\' || c == '`' || c == '{' || c == '}')
		return HTTP_ERR_TARGET_CHARACTER;
	return c ? HTTP_OK : HTTP_ERR_PATH_NUL;
}

/* The byte that begins at target.p[*at], decoded; *at moves to its last character. */
static enum http_error decode(struct http_slice target, size_t *at, uint8_t *c)
{
	*c = target.p[*at];
	if (*c != '%')
		return raw(*c);
	if (target.n - *at < 3 || !http_char_is(target.p[*at + 1], HTTP_CH_HEX) ||
	    !http_char_is(target.p[*at + 2], HTTP_CH_HEX))
		return HTTP_ERR_PATH_PERCENT;
	*c = (uint8_t)(http_char_hex(target.p[*at + 1]) << 4 | http_char_hex(target.p[*at + 2]));
	*at += 2;
	return *c == '/' ? HTTP_ERR_PATH_SLASH : *c == 0 ? HTTP_ERR_PATH_NUL : HTTP_OK;
}

/* Copies what needs no second look, from target.p[at] on; answers with how many bytes. */
static size_t copy_plain(struct segments *s, struct http_slice target, size_t at)
{
	size_t max = MIN(target.n - at, s->size - MIN(s->size, s->len + 1)), n = 0;

	for (; n < max; n++) {
		uint8_t c = target.p[at + n];

		if (!http_char_is(c, HTTP_CH_PLAIN) || c == '/')
			break;
		s->buf[s->len + n] = (char)c;
	}
	s->len += n;
	return n;
}

static enum http_error copy_decoded(struct segments *s, struct http_slice target, size_t *at)
{
	enum http_error err;
	uint8_t c;

	err = decode(target, at, &c);
	if (err)
		return err;
	if (s->len + 1 >= s->size)	/* keeps one for the NUL or a slash */
		return HTTP_ERR_PATH_LONG;
	s->buf[s->len++] = (char)c;
	return HTTP_OK;
}

enum http_error http_path_resolve(struct http_path *out, char *buf, size_t size,
				  struct http_slice target)
{
	struct segments s = { .buf = buf, .size = size };
	enum http_error err = HTTP_OK;
	size_t i = 0;

	assert(size > 0);
	*out = (struct http_path){ .directory = true };
	for (; !err; i++) {
		i += copy_plain(&s, target, i);
		if (i == target.n || target.p[i] == '?')
			break;
		if (target.p[i] == '/')
			err = end_segment(&s, &out->directory);
		else
			err = copy_decoded(&s, target, &i);
	}
	if (!err)
		err = end_segment(&s, &out->directory);
	if (err)
		return err;
	if (i < target.n)
		out->query = (struct http_slice){ target.p + i + 1, target.n - i - 1 };
	out->len = s.len ? s.len - 1 : 0;	/* without the slash that each segment ends with */
	buf[out->len] = 0;
	return HTTP_OK;
}
