/* Formatting and address text.
 *
 * A conversion first becomes a field (sign, digits or text), then put_field() pads it: so width,
 * precision and flags are understood in one place. */
#include "base/fmt.h"

struct out {
	char *to;
	size_t size;
	size_t n;		/* characters wanted so far */
};

struct spec {
	bool left, zero;
	int width, precision;	/* -1: not given */
	bool wide;		/* l, ll or z: 64 bits; h says nothing, arguments are promoted */
	char conv;
};

#define FIELD_MAX 9999		/* of a width or precision; a larger one is this */
#define DIGITS_MAX 24		/* of a 64-bit number in any base we print */
#define ADDR_TEXT_MAX 48	/* of an address, with the NUL: 39 + 1, rounded up */

static void put(struct out *o, char c)
{
	if (o->n + 1 < o->size)
		o->to[o->n] = c;
	o->n++;
}

static void put_n(struct out *o, const char *s, size_t n)
{
	while (n--)
		put(o, *s++);
}

static void put_fill(struct out *o, char c, int n)
{
	while (n-- > 0)
		put(o, c);
}

/* A prefix (sign or 0x), then `zeros` zeros, then text, in a field of the asked width. */
static void put_field(struct out *o, const struct spec *s, const char *prefix, int zeros,
		      const char *text, size_t n)
{
	size_t prefix_n = str_len(prefix);
	int pad = s->width - (int)prefix_n - zeros - (int)n;

	if (s->zero && !s->left && pad > 0) {
		zeros += pad;
		pad = 0;
	}
	if (!s->left)
		put_fill(o, ' ', pad);
	put_n(o, prefix, prefix_n);
	put_fill(o, '0', zeros);
	put_n(o, text, n);
	if (s->left)
		put_fill(o, ' ', pad);
}

/* Writes digits ending before `end`; returns the first. */
static char *digits(char *end, uint64_t v, unsigned base, bool upper)
{
	const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";

	do {
		*--end = set[v % base];
		v /= base;
	} while (v);
	return end;
}

static void put_number(struct out *o, struct spec *s, const char *prefix, uint64_t v, unsigned base)
{
	char buf[DIGITS_MAX], *end = buf + sizeof(buf);
	char *first = digits(end, v, base, s->conv == 'X');
	int n = (int)(end - first), zeros;

	if (s->precision == 0 && v == 0)
		n = 0;
	if (s->precision >= 0)
		s->zero = false;	/* as C says: a precision overrules the flag */
	zeros = s->precision > n ? s->precision - n : 0;
	put_field(o, s, prefix, zeros, first, (size_t)n);
}

static void put_text(struct out *o, struct spec *s, const char *text)
{
	size_t n = 0;

	if (!text)
		text = "(null)";
	while ((s->precision < 0 || n < (size_t)s->precision) && text[n])
		n++;
	s->zero = false;
	put_field(o, s, "", 0, text, n);
}

static size_t v4_text(char *to, const uint8_t *b)
{
	char buf[DIGITS_MAX], *end = buf + sizeof(buf);
	size_t n = 0;

	for (unsigned i = 0; i < 4; i++) {
		if (i)
			to[n++] = '.';
		for (char *d = digits(end, b[i], 10, false); d < end; d++)
			to[n++] = *d;
	}
	return n;
}

/* The longest run of at least two zero groups, the first of equals (RFC 5952 §4.2). */
static void longest_zeros(const uint8_t *b, unsigned *at, unsigned *groups)
{
	*at = 8;
	*groups = 1;
	for (unsigned i = 0, n; i < 8; i += n + 1) {
		for (n = 0; i + n < 8 && load_be16(b + 2 * (i + n)) == 0; n++)
			;
		if (n > *groups) {
			*at = i;
			*groups = n;
		}
	}
}

static size_t v6_text(char *to, const uint8_t *b)
{
	char buf[DIGITS_MAX], *end = buf + sizeof(buf);
	unsigned run, run_n;
	size_t n = 0;

	longest_zeros(b, &run, &run_n);
	for (unsigned i = 0; i < 8; i++) {
		if (i == run) {
			to[n++] = ':';
			to[n++] = ':';
			i += run_n - 1;
			continue;
		}
		if (i && i != run + run_n)
			to[n++] = ':';
		for (char *d = digits(end, load_be16(b + 2 * i), 16, false); d < end; d++)
			to[n++] = *d;
	}
	return n;
}

static void put_addr(struct out *o, struct spec *s, const struct addr *a)
{
	char text[ADDR_TEXT_MAX];
	size_t n;

	s->zero = false;
	n = addr_is_v4(a) ? v4_text(text, a->b + 12) : v6_text(text, a->b);
	put_field(o, s, "", 0, text, n);
}

static void put_mac(struct out *o, struct spec *s, const struct mac *m)
{
	const char *set = "0123456789abcdef";
	char text[18];

	for (unsigned i = 0; i < 6; i++) {
		text[3 * i] = set[m->b[i] >> 4];
		text[3 * i + 1] = set[m->b[i] & 15];
		text[3 * i + 2] = ':';
	}
	s->zero = false;
	put_field(o, s, "", 0, text, 17);
}

/* %p, %pI or %pM; returns the format behind it. */
static const char *put_pointer(struct out *o, struct spec *s, const char *f, const void *p)
{
	if (*f == 'I') {
		put_addr(o, s, p);
		return f + 1;
	}
	if (*f == 'M') {
		put_mac(o, s, p);
		return f + 1;
	}
	put_number(o, s, "0x", (uintptr_t)p, 16);
	return f;
}

/* Reads a number or *, as far as there is one. */
static const char *read_count(const char *f, int *n, va_list *ap)
{
	if (*f == '*') {
		*n = va_arg(*ap, int);
		*n = MAX(-FIELD_MAX, MIN(*n, FIELD_MAX));
		return f + 1;
	}
	for (; *f >= '0' && *f <= '9'; f++)
		*n = MIN(*n * 10 + (*f - '0'), FIELD_MAX);
	return f;
}

/* Reads flags, width, precision, length and the conversion's letter. */
static const char *read_spec(const char *f, struct spec *s, va_list *ap)
{
	*s = (struct spec){.width = 0, .precision = -1};
	for (; *f == '-' || *f == '0'; f++) {
		s->left |= *f == '-';
		s->zero |= *f == '0';
	}
	f = read_count(f, &s->width, ap);
	if (s->width < 0) {
		s->left = true;
		s->width = -s->width;
	}
	if (*f == '.') {
		s->precision = 0;
		f = read_count(f + 1, &s->precision, ap);
	}
	for (; *f == 'l' || *f == 'z' || *f == 'h'; f++)
		s->wide |= *f != 'h';
	s->conv = *f;
	return *f ? f + 1 : f;
}

static uint64_t unsigned_arg(const struct spec *s, va_list *ap)
{
	return s->wide ? va_arg(*ap, uint64_t) : va_arg(*ap, unsigned int);
}

static void put_signed(struct out *o, struct spec *s, va_list *ap)
{
	int64_t v = s->wide ? va_arg(*ap, int64_t) : va_arg(*ap, int);

	put_number(o, s, v < 0 ? "-" : "", v < 0 ? -(uint64_t)v : (uint64_t)v, 10);
}

/* One conversion; what we do not know is printed as it stands. */
static const char *put_conversion(struct out *o, const char *f, va_list *ap)
{
	struct spec s;
	char c;

	f = read_spec(f, &s, ap);
	switch (s.conv) {
	case 'd':
	case 'i':
		put_signed(o, &s, ap);
		return f;
	case 'u':
		put_number(o, &s, "", unsigned_arg(&s, ap), 10);
		return f;
	case 'x':
	case 'X':
		put_number(o, &s, "", unsigned_arg(&s, ap), 16);
		return f;
	case 'c':
		c = (char)va_arg(*ap, int);
		s.zero = false;
		put_field(o, &s, "", 0, &c, 1);
		return f;
	case 's':
		put_text(o, &s, va_arg(*ap, const char *));
		return f;
	case 'p':
		return put_pointer(o, &s, f, va_arg(*ap, const void *));
	case '\0':
		put(o, '%');
		return f;
	case '%':
		put(o, '%');
		return f;
	default:
		put(o, '%');
		put(o, s.conv);
		return f;
	}
}

int fmt_v(char *to, size_t size, const char *format, va_list args)
{
	struct out o = {.to = to, .size = size};
	va_list ap;

	va_copy(ap, args);
	while (*format) {
		if (*format != '%')
			put(&o, *format++);
		else
			format = put_conversion(&o, format + 1, &ap);
	}
	va_end(ap);
	if (size)
		to[MIN(o.n, size - 1)] = '\0';
	return (int)o.n;
}

int fmt(char *to, size_t size, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = fmt_v(to, size, format, ap);
	va_end(ap);
	return n;
}

/* -- Addresses from text -- */

/* One decimal number 0..255 without leading zeros; NULL when there is none. */
static const char *read_octet(const char *s, uint8_t *out)
{
	unsigned v = 0, n = 0;

	for (; *s >= '0' && *s <= '9'; s++, n++) {
		v = v * 10 + (unsigned)(*s - '0');
		if (v > 255 || (n == 1 && v < 10))
			return NULL;
	}
	*out = (uint8_t)v;
	return n ? s : NULL;
}

/* The whole of the text is a dotted quad. */
static bool parse_v4(uint8_t out[4], const char *s)
{
	for (unsigned i = 0; i < 4; i++) {
		if (i && *s++ != '.')
			return false;
		s = read_octet(s, &out[i]);
		if (!s)
			return false;
	}
	return *s == '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One to four hexadecimal digits; NULL when there are none or more. */
static const char *read_group(const char *s, uint8_t out[2])
{
	unsigned v = 0, n = 0;

	for (; hex_value(*s) >= 0; s++, n++) {
		if (n == 4)
			return NULL;
		v = v << 4 | (unsigned)hex_value(*s);
	}
	store_be16(out, (uint16_t)v);
	return n ? s : NULL;
}

/* The groups of RFC 4291 §2.2 into b[0..n), with `gap` where "::" stood (-1: nowhere). */
static bool read_groups(const char *s, uint8_t b[16], unsigned *n, int *gap)
{
	const char *after;

	*n = 0;
	*gap = -1;
	if (s[0] == ':') {
		if (s[1] != ':')
			return false;
		*gap = 0;
		s += 2;
	}
	while (*s) {
		if (*n <= 12 && parse_v4(b + *n, s)) {
			*n += 4;
			return true;
		}
		after = *n <= 14 ? read_group(s, b + *n) : NULL;
		if (!after)
			return false;
		*n += 2;
		s = after;
		if (!*s)
			return true;
		if (*s++ != ':')
			return false;
		if (*s == ':') {
			if (*gap >= 0)
				return false;
			*gap = (int)*n;
			s++;
		} else if (!*s) {
			return false;
		}
	}
	return true;
}

static bool parse_v6(struct addr *out, const char *s)
{
	uint8_t b[16];
	unsigned n;
	int gap;

	if (!read_groups(s, b, &n, &gap))
		return false;
	if (gap < 0 ? n != 16 : n > 14)
		return false;
	*out = (struct addr){.q = {0, 0}};
	if (gap < 0)
		gap = 16;
	gap = MIN(gap, (int)n);
	mem_copy(out->b, b, (size_t)gap);
	mem_copy(out->b + 16 - (n - (unsigned)gap), b + gap, n - (unsigned)gap);
	return true;
}

bool fmt_parse_addr(struct addr *out, const char *text)
{
	uint8_t v4[4];

	if (!parse_v4(v4, text))
		return parse_v6(out, text);
	*out = addr_v4(load_be32(v4));
	return true;
}
