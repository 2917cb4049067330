/* TCP header and options.
 *
 * Options are written in one order: MSS, SACK-permitted with timestamps, window scale, Fast Open,
 * user timeout, SACK; each padded in front to a multiple of four.  When that is more than 40 bytes
 * the padding goes; so whatever once stood in a header can be written again. */
#include "wire/tcp.h"

#define OPTIONS_MAX (WIRE_TCP_LEN_MAX - WIRE_TCP_LEN)
#define NOP_NOP_TS 0x0101080au	/* RFC 7323 appendix A */
#define TS_HEADER_LEN 32u	/* of a header with nothing but that */

/* Kinds, as IANA lists them. */
enum { KIND_END = 0, KIND_NOP = 1, KIND_MSS = 2, KIND_WSCALE = 3, KIND_SACK_OK = 4, KIND_SACK = 5,
       KIND_TS = 8, KIND_USER_TIMEOUT = 28, KIND_FASTOPEN = 34 };

/* Their lengths with kind and length, where there is only one. */
enum { LEN_MSS = 4, LEN_WSCALE = 3, LEN_SACK_OK = 2, LEN_TS = 10, LEN_USER_TIMEOUT = 4 };

/* -- Reading -- */

static bool read_sack(struct wire_tcp *out, const uint8_t *o, unsigned len)
{
	unsigned n = (len - 2) / 8;

	if ((len - 2) % 8 || n < 1 || n > WIRE_TCP_SACK_MAX)
		return false;
	for (unsigned i = 0; i < n; i++) {
		out->sack[i].left = load_be32(o + 2 + 8 * i);
		out->sack[i].right = load_be32(o + 6 + 8 * i);
	}
	out->sack_n = (uint8_t)n;
	out->opts |= WIRE_TCP_OPT_SACK;
	return true;
}

/* RFC 7413 §4.1.1: no cookie, or 4 to 16 bytes of an even number. */
static bool read_fastopen(struct wire_tcp *out, const uint8_t *o, unsigned len)
{
	unsigned n = len - 2;

	if (n && (n < 4 || n > sizeof(out->fastopen) || n % 2))
		return false;
	mem_copy(out->fastopen, o + 2, n);
	out->fastopen_len = (uint8_t)n;
	out->opts |= WIRE_TCP_OPT_FASTOPEN;
	return true;
}

/* One option of `len` >= 2 bytes, all there; false when it is none that we know, or not of its
 * length. */
static bool read_option(struct wire_tcp *out, const uint8_t *o, unsigned len)
{
	switch (o[0]) {
	case KIND_MSS:
		if (len != LEN_MSS)
			return false;
		out->mss = load_be16(o + 2);
		out->opts |= WIRE_TCP_OPT_MSS;
		return true;
	case KIND_WSCALE:
		if (len != LEN_WSCALE)
			return false;
		out->wscale = o[2];
		out->opts |= WIRE_TCP_OPT_WSCALE;
		return true;
	case KIND_SACK_OK:
		if (len != LEN_SACK_OK)
			return false;
		out->opts |= WIRE_TCP_OPT_SACK_OK;
		return true;
	case KIND_SACK:
		return read_sack(out, o, len);
	case KIND_TS:
		if (len != LEN_TS)
			return false;
		out->ts_val = load_be32(o + 2);
		out->ts_ecr = load_be32(o + 6);
		out->opts |= WIRE_TCP_OPT_TS;
		return true;
	case KIND_USER_TIMEOUT:
		if (len != LEN_USER_TIMEOUT)
			return false;
		out->user_timeout = load_be16(o + 2);
		out->opts |= WIRE_TCP_OPT_USER_TIMEOUT;
		return true;
	case KIND_FASTOPEN:
		return read_fastopen(out, o, len);
	default:
		return false;
	}
}

static enum drop read_options(struct wire_tcp *out, const uint8_t *o, const uint8_t *end)
{
	unsigned len;

	while (o < end && *o != KIND_END) {
		if (*o == KIND_NOP) {
			o++;
			continue;
		}
		if (end - o < 2)
			return DROP_TCP_OPTION;
		len = o[1];
		if (len < 2 || len > (size_t)(end - o))
			return DROP_TCP_OPTION;
		if (!read_option(out, o, len))
			out->opts |= WIRE_TCP_OPT_UNKNOWN;
		o += len;
	}
	return DROP_NOT;
}

enum drop wire_tcp_parse(struct wire_tcp *out, const uint8_t *b, size_t n)
{
	if (n < WIRE_TCP_LEN)
		return DROP_TCP_SHORT;
	out->header_len = (b[12] >> 4) * 4;
	if (out->header_len < WIRE_TCP_LEN || out->header_len > n)
		return DROP_TCP_OFFSET;
	out->sport = load_be16(b);
	out->dport = load_be16(b + 2);
	out->seq = load_be32(b + 4);
	out->ack = load_be32(b + 8);
	out->flags = b[13];
	out->wnd = load_be16(b + 14);
	out->urg = load_be16(b + 18);
	out->opts = 0;
	out->sack_n = 0;
	out->fastopen_len = 0;
	if (out->header_len == WIRE_TCP_LEN)
		return DROP_NOT;
	if (likely(out->header_len == TS_HEADER_LEN && load_be32(b + WIRE_TCP_LEN) == NOP_NOP_TS)) {
		out->opts = WIRE_TCP_OPT_TS;
		out->ts_val = load_be32(b + WIRE_TCP_LEN + 4);
		out->ts_ecr = load_be32(b + WIRE_TCP_LEN + 8);
		return DROP_NOT;
	}
	return read_options(out, b + WIRE_TCP_LEN, b + out->header_len);
}

/* -- Writing -- */

struct layout {
	uint8_t *at;		/* where the next option goes */
	unsigned left;		/* bytes of room behind it */
	unsigned align;		/* 4, or 1 when there is no room for padding */
	bool left_out;		/* something did not fit */
};

/* Room for an option's value of `n` bytes, with NOPs in front that make it end aligned; NULL when
 * it does not fit. */
static uint8_t *option(struct layout *l, uint8_t kind, unsigned n)
{
	unsigned len = n + 2, pad = -len & (l->align - 1);
	uint8_t *o = l->at + pad;

	if (pad + len > l->left) {
		l->left_out = true;
		return NULL;
	}
	mem_fill(l->at, KIND_NOP, pad);
	o[0] = kind;
	o[1] = (uint8_t)len;
	l->at += pad + len;
	l->left -= pad + len;
	return o + 2;
}

static void lay_ts(struct layout *l, const struct wire_tcp *h)
{
	uint8_t *o = option(l, KIND_TS, LEN_TS - 2);

	if (!o)
		return;
	store_be32(o, h->ts_val);
	store_be32(o + 4, h->ts_ecr);
	/* In front of timestamps SACK-permitted takes the place of the padding. */
	if (h->opts & WIRE_TCP_OPT_SACK_OK && l->align == 4) {
		o[-4] = KIND_SACK_OK;
		o[-3] = LEN_SACK_OK;
	}
}

static void lay_sack(struct layout *l, const struct wire_tcp *h)
{
	unsigned want = MIN(h->sack_n, WIRE_TCP_SACK_MAX);
	unsigned n = l->left < 2 ? 0 : MIN(want, (l->left - 2) / 8);
	uint8_t *o = n ? option(l, KIND_SACK, 8 * n) : NULL;

	l->left_out |= n < want;
	for (unsigned i = 0; o && i < n; i++) {
		store_be32(o + 8 * i, h->sack[i].left);
		store_be32(o + 8 * i + 4, h->sack[i].right);
	}
}

static unsigned fastopen_len(const struct wire_tcp *h)
{
	return MIN(h->fastopen_len, (unsigned)sizeof(h->fastopen));
}

/* Writes the options that fit; returns where they end. */
static struct layout lay_options(uint8_t *b, const struct wire_tcp *h, unsigned align)
{
	struct layout l = {.at = b, .left = OPTIONS_MAX, .align = align};
	bool with_ts = h->opts & WIRE_TCP_OPT_TS && align == 4;
	uint8_t *o;

	if (h->opts & WIRE_TCP_OPT_MSS && (o = option(&l, KIND_MSS, LEN_MSS - 2)))
		store_be16(o, h->mss);
	if (h->opts & WIRE_TCP_OPT_SACK_OK && !with_ts)
		option(&l, KIND_SACK_OK, 0);
	if (h->opts & WIRE_TCP_OPT_TS)
		lay_ts(&l, h);
	if (h->opts & WIRE_TCP_OPT_WSCALE && (o = option(&l, KIND_WSCALE, 1)))
		*o = h->wscale;
	if (h->opts & WIRE_TCP_OPT_FASTOPEN && (o = option(&l, KIND_FASTOPEN, fastopen_len(h))))
		mem_copy(o, h->fastopen, fastopen_len(h));
	if (h->opts & WIRE_TCP_OPT_USER_TIMEOUT &&
	    (o = option(&l, KIND_USER_TIMEOUT, LEN_USER_TIMEOUT - 2)))
		store_be16(o, h->user_timeout);
	if (h->opts & WIRE_TCP_OPT_SACK)
		lay_sack(&l, h);
	return l;
}

/* Bytes of all options without any padding. */
static unsigned bare_len(const struct wire_tcp *h)
{
	unsigned n = 0;

	n += h->opts & WIRE_TCP_OPT_MSS ? LEN_MSS : 0;
	n += h->opts & WIRE_TCP_OPT_SACK_OK ? LEN_SACK_OK : 0;
	n += h->opts & WIRE_TCP_OPT_TS ? LEN_TS : 0;
	n += h->opts & WIRE_TCP_OPT_WSCALE ? LEN_WSCALE : 0;
	n += h->opts & WIRE_TCP_OPT_FASTOPEN ? 2 + fastopen_len(h) : 0;
	n += h->opts & WIRE_TCP_OPT_USER_TIMEOUT ? LEN_USER_TIMEOUT : 0;
	if (h->opts & WIRE_TCP_OPT_SACK && h->sack_n)
		n += 2 + 8 * MIN(h->sack_n, (unsigned)WIRE_TCP_SACK_MAX);
	return n;
}

/* Returns the bytes of options written, a multiple of four. */
static unsigned write_options(uint8_t *b, const struct wire_tcp *h)
{
	struct layout l = lay_options(b, h, 4);

	if (l.left_out && bare_len(h) <= OPTIONS_MAX)
		l = lay_options(b, h, 1);
	while (l.left % 4) {
		*l.at++ = KIND_END;
		l.left--;
	}
	return OPTIONS_MAX - l.left;
}

unsigned wire_tcp_size(const struct wire_tcp *h)
{
	uint8_t scratch[OPTIONS_MAX];

	switch (h->opts & (uint8_t)~WIRE_TCP_OPT_UNKNOWN) {
	case 0:
		return WIRE_TCP_LEN;
	case WIRE_TCP_OPT_TS:
		return TS_HEADER_LEN;
	default:
		return WIRE_TCP_LEN + write_options(scratch, h);
	}
}

unsigned wire_tcp_write(uint8_t *b, const struct wire_tcp *h)
{
	unsigned len = WIRE_TCP_LEN;

	switch (h->opts & (uint8_t)~WIRE_TCP_OPT_UNKNOWN) {
	case 0:
		break;
	case WIRE_TCP_OPT_TS:
		len = TS_HEADER_LEN;
		store_be32(b + WIRE_TCP_LEN, NOP_NOP_TS);
		store_be32(b + WIRE_TCP_LEN + 4, h->ts_val);
		store_be32(b + WIRE_TCP_LEN + 8, h->ts_ecr);
		break;
	default:
		len += write_options(b + WIRE_TCP_LEN, h);
		break;
	}
	store_be16(b, h->sport);
	store_be16(b + 2, h->dport);
	store_be32(b + 4, h->seq);
	store_be32(b + 8, h->ack);
	b[12] = (uint8_t)(len << 2);
	b[13] = h->flags;
	store_be16(b + 14, h->wnd);
	store_be16(b + 16, 0);
	store_be16(b + 18, h->urg);
	return len;
}
