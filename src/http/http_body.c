/* The chunked coding as a table of states and kinds of bytes: what is not in the table is refused.
 *
 *	chunk    = size [ extensions ] CRLF data CRLF		RFC 9112 §7.1
 *	last     = 1*"0" [ extensions ] CRLF
 *	trailers = *( name ":" value CRLF ) CRLF		RFC 9112 §7.1.2
 *
 * Space may stand around ";" and "=" of an extension, where the RFC wants it parsed, and nowhere
 * else: not after the size, not before the CRLF. */
#include "http/http_body.h"

#define DIGITS_MAX 16	/* of a chunk size, leading zeros included */

enum state {
	BAD,
	SIZE_FIRST, SIZE, SIZE_LF,
	EXT_SPACE, EXT_NAME_FIRST, EXT_NAME, EXT_NAME_SPACE, EXT_VALUE_FIRST, EXT_VALUE, EXT_QUOTED,
	EXT_ESCAPED, EXT_QUOTED_END,
	DATA, DATA_CR, DATA_LF,
	TRAILER_FIRST, TRAILER_NAME, TRAILER_VALUE, TRAILER_LF, END_LF,
	DONE,
	STATE_N,
};

enum kind {
	CONTROL, HEX, TOKEN, SPACE, SEMICOLON, EQUALS, QUOTE, BACKSLASH, COLON, CR, LF, OTHER,
	KIND_N,
};

static enum kind kind_of(uint8_t c)
{
	switch (c) {
	case '\r': return CR;
	case '\n': return LF;
	case ';': return SEMICOLON;
	case '=': return EQUALS;
	case '"': return QUOTE;
	case '\\': return BACKSLASH;
	case ':': return COLON;
	}
	if (http_char_is(c, HTTP_CH_HEX))
		return HEX;
	if (http_char_is(c, HTTP_CH_TOKEN))
		return TOKEN;
	if (http_char_is(c, HTTP_CH_SPACE))
		return SPACE;
	return http_char_is(c, HTTP_CH_VALUE) ? OTHER : CONTROL;
}

#define TEXT(to) \
	[HEX] = to, [TOKEN] = to, [SPACE] = to, [SEMICOLON] = to, [EQUALS] = to, [COLON] = to, \
	[OTHER] = to

static const uint8_t next_state[STATE_N][KIND_N] = {
	[SIZE_FIRST] = { [HEX] = SIZE },
	[SIZE] = { [HEX] = SIZE, [CR] = SIZE_LF, [SPACE] = EXT_SPACE,
		   [SEMICOLON] = EXT_NAME_FIRST },
	[SIZE_LF] = { [LF] = DATA },
	[EXT_SPACE] = { [SPACE] = EXT_SPACE, [SEMICOLON] = EXT_NAME_FIRST },
	[EXT_NAME_FIRST] = { [SPACE] = EXT_NAME_FIRST, [HEX] = EXT_NAME, [TOKEN] = EXT_NAME },
	[EXT_NAME] = { [HEX] = EXT_NAME, [TOKEN] = EXT_NAME, [SPACE] = EXT_NAME_SPACE,
		       [EQUALS] = EXT_VALUE_FIRST, [SEMICOLON] = EXT_NAME_FIRST, [CR] = SIZE_LF },
	[EXT_NAME_SPACE] = { [SPACE] = EXT_NAME_SPACE, [EQUALS] = EXT_VALUE_FIRST,
			     [SEMICOLON] = EXT_NAME_FIRST },
	[EXT_VALUE_FIRST] = { [SPACE] = EXT_VALUE_FIRST, [HEX] = EXT_VALUE, [TOKEN] = EXT_VALUE,
			      [QUOTE] = EXT_QUOTED },
	[EXT_VALUE] = { [HEX] = EXT_VALUE, [TOKEN] = EXT_VALUE, [SPACE] = EXT_SPACE,
			[SEMICOLON] = EXT_NAME_FIRST, [CR] = SIZE_LF },
	[EXT_QUOTED] = { TEXT(EXT_QUOTED), [BACKSLASH] = EXT_ESCAPED, [QUOTE] = EXT_QUOTED_END },
	[EXT_ESCAPED] = { TEXT(EXT_QUOTED), [BACKSLASH] = EXT_QUOTED, [QUOTE] = EXT_QUOTED },
	[EXT_QUOTED_END] = { [SPACE] = EXT_SPACE, [SEMICOLON] = EXT_NAME_FIRST, [CR] = SIZE_LF },
	[DATA_CR] = { [CR] = DATA_LF },
	[DATA_LF] = { [LF] = SIZE_FIRST },
	[TRAILER_FIRST] = { [HEX] = TRAILER_NAME, [TOKEN] = TRAILER_NAME, [CR] = END_LF },
	[TRAILER_NAME] = { [HEX] = TRAILER_NAME, [TOKEN] = TRAILER_NAME, [COLON] = TRAILER_VALUE },
	[TRAILER_VALUE] = { TEXT(TRAILER_VALUE), [BACKSLASH] = TRAILER_VALUE,
			    [QUOTE] = TRAILER_VALUE, [CR] = TRAILER_LF },
	[TRAILER_LF] = { [LF] = TRAILER_FIRST },
	[END_LF] = { [LF] = DONE },
};

/* What a byte is that has no place in a state. */
static const uint8_t bad_in[STATE_N] = {
	[SIZE_FIRST ... SIZE_LF] = HTTP_ERR_CHUNK_SIZE,
	[EXT_SPACE ... EXT_QUOTED_END] = HTTP_ERR_CHUNK_EXTENSION,
	[DATA_CR ... DATA_LF] = HTTP_ERR_CHUNK_END,
	[TRAILER_FIRST ... END_LF] = HTTP_ERR_TRAILER,
};

void http_body_init(struct http_body *b, const struct http_request *r,
		    const struct http_conf *conf)
{
	*b = (struct http_body){
		.room = conf->body_max,
		.extensions = conf->extensions_max,
		.trailers = conf->head_max,
		.fields = (uint8_t)conf->fields_max,
	};
	if (r->framing == HTTP_BODY_CHUNKED) {
		b->chunked = true;
		b->state = SIZE_FIRST;
	} else {
		b->left = r->content_length;
		b->state = b->left ? DATA : DONE;
	}
	static_assert(HTTP_FIELDS_MAX <= UINT8_MAX, "trailer fields are counted in a byte");
}

bool http_body_done(const struct http_body *b)
{
	return b->state == DONE;
}

static enum http_error take_size_digit(struct http_body *b, uint8_t c)
{
	if (b->digits++ == DIGITS_MAX)
		return HTTP_ERR_CHUNK_SIZE;
	b->left = b->left << 4 | http_char_hex(c);
	return HTTP_OK;
}

static enum http_error take_size_end(struct http_body *b)
{
	b->digits = 0;
	if (!b->left) {
		b->state = TRAILER_FIRST;
		return HTTP_OK;
	}
	if (b->left > b->room)
		return HTTP_ERR_BODY_LONG;
	b->room -= b->left;
	return HTTP_OK;
}

/* One byte that is none of the data. */
static enum http_error take_byte(struct http_body *b, uint8_t c)
{
	uint8_t from = b->state;

	b->state = next_state[from][kind_of(c)];
	if (b->state == BAD)
		return bad_in[from];
	if (b->state == SIZE)
		return take_size_digit(b, c);
	if (b->state == DATA)
		return take_size_end(b);
	if (from >= EXT_SPACE && from <= EXT_QUOTED_END && b->extensions-- == 0)
		return HTTP_ERR_CHUNK_EXTENSIONS_LONG;
	if (from < TRAILER_FIRST)
		return HTTP_OK;
	if (b->trailers-- == 0)
		return HTTP_ERR_TRAILERS_LONG;
	if (from == TRAILER_FIRST && b->state == TRAILER_NAME && b->fields-- == 0)
		return HTTP_ERR_TRAILERS_MANY;
	return HTTP_OK;
}

static struct http_slice take_data(struct http_body *b, const uint8_t *p, const uint8_t *end)
{
	struct http_slice data = { p, (size_t)MIN(b->left, (uint64_t)(end - p)) };

	b->left -= data.n;
	if (!b->left)
		b->state = b->chunked ? DATA_CR : DONE;
	return data;
}

enum http_error http_body_take(struct http_body *b, const uint8_t **p, const uint8_t *end,
			       struct http_slice *data)
{
	*data = (struct http_slice){ *p, 0 };
	while (b->state != DONE) {
		enum http_error err;

		if (*p == end)
			return HTTP_MORE;
		if (b->state == DATA) {
			*data = take_data(b, *p, end);
			*p += data->n;
			return HTTP_MORE;
		}
		err = take_byte(b, *(*p)++);
		if (err)
			return err;
	}
	return HTTP_OK;
}
