/* Text to script: a hand-written reader of the grammar in README.md.
 *
 * Each event is one logical line; brackets, braces and %{ }% may go on over several.  The first
 * thing that makes no sense ends the reading with "path:line: expected ..., got ...". */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper/host.h"
#include "script/script.h"

struct reader {
	struct script *s;
	const char *at;
	unsigned line;
	bool failed;
};

/* ---- characters and words */

static bool PRINTF_LIKE(2, 3) fail(struct reader *r, const char *format, ...)
{
	char what[SCRIPT_TEXT_MAX];
	va_list ap;

	if (r->failed)
		return false;
	va_start(ap, format);
	vsnprintf(what, sizeof(what), format, ap);
	va_end(ap);
	snprintf(r->s->error, sizeof(r->s->error), "%s:%u: %s, got \"%.*s\"", r->s->path, r->line,
		 what, (int)strcspn(r->at, "\n"), r->at);
	r->failed = true;
	return false;
}

static void skip_comment(struct reader *r)
{
	if (r->at[0] == '/' && r->at[1] == '*') {
		for (; *r->at && !(r->at[0] == '*' && r->at[1] == '/'); r->at++)
			r->line += *r->at == '\n';
		r->at += *r->at ? 2 : 0;
	} else {
		r->at += strcspn(r->at, "\n");
	}
}

/* Blanks and comments of this line; with `lines` also those of the next ones. */
static void skip(struct reader *r, bool lines)
{
	for (;; ) {
		if (r->at[0] == '#' || (r->at[0] == '/' && (r->at[1] == '/' || r->at[1] == '*'))) {
			skip_comment(r);
		} else if (*r->at == ' ' || *r->at == '\t' || *r->at == '\r') {
			r->at++;
		} else if (lines && *r->at == '\n') {
			r->line++;
			r->at++;
		} else {
			return;
		}
	}
}

static bool take(struct reader *r, const char *token)
{
	size_t n = strlen(token);

	skip(r, false);
	if (strncmp(r->at, token, n) != 0)
		return false;
	if (isalnum((unsigned char)token[n - 1]) &&
	    (isalnum((unsigned char)r->at[n]) || r->at[n] == '_'))
		return false;
	r->at += n;
	return true;
}

static bool need(struct reader *r, const char *token)
{
	return take(r, token) || fail(r, "expected \"%s\"", token);
}

static bool word(struct reader *r, char *to, size_t size)
{
	size_t n = 0;

	skip(r, false);
	for (; isalnum((unsigned char)r->at[n]) || r->at[n] == '_'; n++)
		;
	if (n == 0 || n >= size)
		return fail(r, "expected a word");
	memcpy(to, r->at, n);
	to[n] = '\0';
	r->at += n;
	return true;
}

static bool is_number(struct reader *r)
{
	skip(r, false);
	return isdigit((unsigned char)*r->at) ||
	       (*r->at == '-' && isdigit((unsigned char)r->at[1]));
}

static bool number(struct reader *r, int64_t *to)
{
	char *end;

	*to = 0;
	if (!is_number(r))
		return fail(r, "expected a number");
	*to = strtoll(r->at, &end, 0);
	r->at = end;
	return true;
}

static bool number_up_to(struct reader *r, int64_t max, uint32_t *to)
{
	int64_t v;

	if (!number(r, &v))
		return false;
	if (v < 0 || v > max)
		return fail(r, "expected a number up to %lld", (long long)max);
	*to = (uint32_t)v;
	return true;
}

/* ---- time */

/* Seconds with a fraction, without passing through a float. */
static bool seconds(struct reader *r, nsec *to)
{
	nsec unit = SEC(1);
	bool any = false;

	skip(r, false);
	for (*to = 0; isdigit((unsigned char)*r->at); r->at++, any = true)
		*to = *to * 10 + (nsec)(*r->at - '0') * unit;
	if (*r->at == '.' && r->at[1] != '.') {
		for (r->at++; isdigit((unsigned char)*r->at); r->at++, any = true)
			*to += (nsec)(*r->at - '0') * (unit /= 10);
	}
	return any || fail(r, "expected a time");
}

static bool moment(struct reader *r, struct when *w)
{
	if (take(r, "*")) {
		w->kind = WHEN_ANY;
		return true;
	}
	w->relative = take(r, "+");
	if (!seconds(r, &w->from))
		return false;
	if (take(r, "...")) {
		w->blocks = true;
		take(r, "+");
		return seconds(r, &w->end);
	}
	if (take(r, "~")) {
		w->kind = WHEN_RANGE;
		take(r, "+");
		return seconds(r, &w->to);
	}
	return true;
}

/* ---- segments */

static bool flags(struct reader *r, struct seg *s)
{
	static const char letters[] = "FSRP.UEW";

	skip(r, false);
	for (; *r->at && !isspace((unsigned char)*r->at); r->at++) {
		const char *l = strchr(letters, *r->at);

		if (l && *l)
			s->flags |= (uint8_t)(1u << (l - letters));
		else if (*r->at != '-')
			return fail(r, "expected flags of %s or -", letters);
	}
	return true;
}

/* first:last(len) */
static bool sequence(struct reader *r, struct spec *p)
{
	uint32_t last;

	if (take(r, "*")) {
		p->any_seq = true;
		return need(r, "(") && number_up_to(r, 65535, &p->seg.len) && need(r, ")");
	}
	if (!number_up_to(r, UINT32_MAX, &p->seg.seq) || !need(r, ":") ||
	    !number_up_to(r, UINT32_MAX, &last) || !need(r, "(") ||
	    !number_up_to(r, 65535, &p->seg.len) || !need(r, ")"))
		return false;
	if (last - p->seg.seq != p->seg.len)
		return fail(r, "%u:%u are not %u bytes", p->seg.seq, last, p->seg.len);
	return true;
}

static bool hex_bytes(struct reader *r, struct seg *s)
{
	skip(r, false);
	if (strncmp(r->at, "0x", 2) != 0)
		return fail(r, "expected 0x and hexadecimal bytes");
	r->at += 2;
	while (isxdigit((unsigned char)r->at[0]) && isxdigit((unsigned char)r->at[1])) {
		char two[3] = {r->at[0], r->at[1], '\0'};

		if (s->raw_n == SEG_RAW_MAX)
			return fail(r, "expected at most %u bytes", SEG_RAW_MAX);
		s->raw[s->raw_n++] = (uint8_t)strtoul(two, NULL, 16);
		r->at += 2;
	}
	s->opts |= SEG_OPT_RAW;
	return true;
}

static bool option_ts(struct reader *r, struct spec *p)
{
	p->seg.opts |= SEG_OPT_TS;
	need(r, "val");
	p->any_ts_val = take(r, "*");
	if (!p->any_ts_val && !number_up_to(r, UINT32_MAX, &p->seg.ts_val))
		return false;
	need(r, "ecr");
	p->any_ts_ecr = take(r, "*");
	return p->any_ts_ecr || number_up_to(r, UINT32_MAX, &p->seg.ts_ecr);
}

static bool option_sack(struct reader *r, struct seg *s)
{
	s->opts |= SEG_OPT_SACK;
	while (is_number(r)) {
		if (s->sack_n == SEG_SACKS_MAX)
			return fail(r, "expected at most %u SACK blocks", SEG_SACKS_MAX);
		if (!number_up_to(r, UINT32_MAX, &s->sack[s->sack_n].left) || !need(r, ":") ||
		    !number_up_to(r, UINT32_MAX, &s->sack[s->sack_n].right))
			return false;
		s->sack_n++;
	}
	return true;
}

static bool option(struct reader *r, struct spec *p)
{
	struct seg *s = &p->seg;
	uint32_t v = 0;

	if (take(r, "...")) {
		p->any_opts = true;
	} else if (take(r, "mss") && number_up_to(r, 65535, &v)) {
		s->opts |= SEG_OPT_MSS;
		s->mss = (uint16_t)v;
	} else if (take(r, "wscale") && number_up_to(r, 255, &v)) {
		s->opts |= SEG_OPT_WSCALE;
		s->wscale = (uint8_t)v;
	} else if (take(r, "sackOK")) {
		s->opts |= SEG_OPT_SACK_OK;
	} else if (take(r, "TS")) {
		return option_ts(r, p);
	} else if (take(r, "sack")) {
		return option_sack(r, s);
	} else if (take(r, "raw")) {
		return hex_bytes(r, s);
	} else if (!take(r, "nop") && !take(r, "eol")) {
		return fail(r, "expected a TCP option");
	}
	return !r->failed;
}

static bool options(struct reader *r, struct spec *p)
{
	p->has_opts = true;
	if (take(r, ">"))
		return true;
	do {
		if (!option(r, p))
			return false;
	} while (take(r, ","));
	return need(r, ">");
}

/* [bad_csum,ttl 1,...]: what is odd about the packet */
static bool oddity(struct reader *r, struct spec *p)
{
	struct seg *s = &p->seg;
	uint32_t v = 0;

	if (take(r, "bad_csum"))
		s->wrong.csum = true;
	else if (take(r, "bad_ip_csum"))
		s->wrong.ip_csum = true;
	else if (take(r, "other_station"))
		s->wrong.eth_dst = true;
	else if (take(r, "broadcast_station"))
		s->wrong.eth_group = true;
	else if (take(r, "doff") && number_up_to(r, 15, &v))
		s->wrong.doff = (uint8_t)(v ? v : 16);
	else if (take(r, "ihl") && number_up_to(r, 15, &v))
		s->wrong.ihl = (uint8_t)(v ? v : 16);
	else if (take(r, "version") && number_up_to(r, 15, &v))
		s->wrong.version = (uint8_t)v;
	else if (take(r, "cut") && number_up_to(r, 1500, &v))
		s->wrong.cut = (uint16_t)v;
	else if (take(r, "more") && number_up_to(r, 1500, &v))
		s->wrong.ip_len = (int16_t)v;
	else if (take(r, "less") && number_up_to(r, 1500, &v))
		s->wrong.ip_len = (int16_t)-(int32_t)v;
	else if (take(r, "ttl") && number_up_to(r, 255, &v))
		s->ttl = (uint8_t)v;
	else if (take(r, "tos") && number_up_to(r, 255, &v))
		s->tos = (uint8_t)v;
	else if (take(r, "ect0"))
		s->tos = 2;
	else if (take(r, "ce"))
		s->tos = 3;
	else if (!take(r, "noecn"))
		return fail(r, "expected what is odd about the packet");
	return !r->failed;
}

/* 192.0.2.1 */
static bool address(struct reader *r, uint32_t *to)
{
	uint32_t v;

	for (*to = 0; ; ) {
		if (!number_up_to(r, 255, &v))
			return false;
		*to = *to << 8 | v;
		if (*r->at != '.')
			return true;
		r->at++;
	}
}

static bool oddities(struct reader *r, struct spec *p)
{
	do {
		if (take(r, "from")) {
			p->from_set = true;
			if (!address(r, &p->seg.src))
				return false;
		} else if (take(r, "to")) {
			if (!address(r, &p->seg.dst))
				return false;
		} else if (!oddity(r, p)) {
			return false;
		}
	} while (take(r, ","));
	return need(r, "]");
}

static bool tcp_segment(struct reader *r, struct spec *p)
{
	uint32_t v;

	if (is_number(r)) {		/* sport > dport */
		p->has_ports = true;
		if (!number_up_to(r, 65535, &v))
			return false;
		p->seg.sport = (uint16_t)v;
		if (!need(r, ">") || !number_up_to(r, 65535, &v))
			return false;
		p->seg.dport = (uint16_t)v;
	}
	if (!flags(r, &p->seg) || !sequence(r, p))
		return false;
	if (take(r, "ack")) {
		p->has_ack = true;
		if (!number_up_to(r, UINT32_MAX, &p->seg.ack))
			return false;
	}
	if (take(r, "win")) {
		p->has_win = true;
		if (!number_up_to(r, 65535, &v))
			return false;
		p->seg.win = (uint16_t)v;
	}
	if (take(r, "urg")) {
		if (!number_up_to(r, 65535, &v))
			return false;
		p->seg.urg = (uint16_t)v;
	}
	return take(r, "<") ? options(r, p) : true;
}

static const struct { const char *name; uint8_t type, code; } icmps[] = {
	{"net_unreachable", 3, 0}, {"host_unreachable", 3, 1}, {"protocol_unreachable", 3, 2},
	{"port_unreachable", 3, 3}, {"frag_needed", 3, 4}, {"source_route_failed", 3, 5},
	{"net_unknown", 3, 6}, {"host_unknown", 3, 7}, {"admin_prohibited", 3, 13},
	{"ttl_exceeded", 11, 0}, {"reassembly_time_exceeded", 11, 1}, {"source_quench", 4, 0},
	{"parameter_problem", 12, 0},
};

/* icmp unreachable frag_needed mtu 1200 [1:1001(1000)] */
static bool icmp_segment(struct reader *r, struct spec *p)
{
	uint32_t last;

	p->seg.proto = SEG_ICMP;
	take(r, "unreachable");
	for (unsigned i = 0; i <= ARRAY_LEN(icmps); i++) {
		if (i == ARRAY_LEN(icmps))
			return fail(r, "expected an ICMP error");
		if (take(r, icmps[i].name)) {
			p->seg.icmp_type = icmps[i].type;
			p->seg.icmp_code = icmps[i].code;
			break;
		}
	}
	if (take(r, "mtu") && !number_up_to(r, 65535, &p->seg.icmp_info))
		return false;
	if (!take(r, "["))
		return true;
	p->quotes = true;
	return number_up_to(r, UINT32_MAX, &p->quote_seq) && need(r, ":") &&
	       number_up_to(r, UINT32_MAX, &last) && need(r, "(") &&
	       number_up_to(r, 65535, &p->quote_len) && need(r, ")") && need(r, "]");
}

static bool segment(struct reader *r, struct event *e)
{
	e->spec.seg.proto = SEG_TCP;
	if (take(r, "[") && !oddities(r, &e->spec))
		return false;
	if (take(r, "icmp"))
		return icmp_segment(r, &e->spec);
	return tcp_segment(r, &e->spec);
}

/* ---- calls */

/* [...], {...} or "...": one argument, of which only the first number counts */
static bool bracketed(struct reader *r, struct arg *a)
{
	bool quoted = *r->at == '"', found = false;
	unsigned depth = 0;

	a->kind = ARG_NUMBER;
	do {
		if (!*r->at)
			return fail(r, "expected the closing bracket");
		r->line += *r->at == '\n';
		if (!found && isdigit((unsigned char)*r->at)) {
			a->number = strtoll(r->at, NULL, 0);
			found = true;
		}
		depth += *r->at == '[' || *r->at == '{' || (quoted && depth == 0);
		depth -= *r->at == ']' || *r->at == '}';
		r->at++;
	} while (quoted ? *r->at != '"' : depth > 0);
	r->at += quoted;
	return true;
}

static bool argument(struct reader *r, struct arg *a)
{
	size_t n;

	skip(r, true);
	if (take(r, "...")) {
		a->kind = ARG_ANY;
		return true;
	}
	if (is_number(r)) {
		a->kind = ARG_NUMBER;
		return number(r, &a->number);
	}
	if (*r->at == '[' || *r->at == '{' || *r->at == '"')
		return bracketed(r, a);
	a->kind = ARG_WORD;
	n = strspn(r->at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_|");
	if (n == 0 || n >= sizeof(a->word))
		return fail(r, "expected an argument");
	memcpy(a->word, r->at, n);
	r->at += n;
	return true;
}

static bool result(struct reader *r, struct call *c)
{
	if (take(r, "...")) {
		c->any_result = true;
		return true;
	}
	if (!number(r, &c->result))
		return false;
	skip(r, false);
	if (*r->at != 'E')
		return true;
	if (!word(r, c->err, sizeof(c->err)))
		return false;
	if (!script_error_number(c->err))
		return fail(r, "%s is no error number", c->err);
	skip(r, false);
	if (*r->at == '(')
		r->at += strcspn(r->at, ")\n") + 1;
	return true;
}

static bool call(struct reader *r, struct event *e)
{
	struct call *c = &e->call;

	e->kind = EVENT_CALL;
	if (!word(r, c->name, sizeof(c->name)) || !need(r, "("))
		return false;
	skip(r, true);
	if (!take(r, ")")) {
		do {
			if (c->args_n == SCRIPT_ARGS_MAX)
				return fail(r, "expected at most %u arguments", SCRIPT_ARGS_MAX);
			if (!argument(r, &c->args[c->args_n++]))
				return false;
			skip(r, true);
		} while (take(r, ","));
		if (!need(r, ")"))
			return false;
	}
	return need(r, "=") && result(r, c);
}

/* ---- assertions */

static bool relation(struct reader *r, enum relation *rel)
{
	static const char *const signs[] = {"==", "!=", "<=", ">=", "<", ">", "="};
	static const enum relation rels[] = {REL_EQ, REL_NE, REL_LE, REL_GE,
					     REL_LT, REL_GT, REL_EQ};

	for (unsigned i = 0; i < ARRAY_LEN(signs); i++) {
		if (take(r, signs[i])) {
			*rel = rels[i];
			return true;
		}
	}
	return fail(r, "expected a comparison");
}

/* [FD] WHAT [NAME] RELATION VALUE */
static bool claim(struct reader *r, struct event *e)
{
	struct claim *c = &e->claim;
	int64_t fd = -1;

	e->kind = EVENT_ASSERT;
	if (is_number(r) && !number(r, &fd))
		return false;
	c->fd = (int)fd;
	if (!word(r, c->what, sizeof(c->what)))
		return false;
	if (strcmp(c->what, "drop") == 0 || strcmp(c->what, "count") == 0)
		if (!word(r, c->name, sizeof(c->name)))
			return false;
	if (!relation(r, &c->rel))
		return false;
	return is_number(r) ? number(r, &c->value) : word(r, c->word, sizeof(c->word));
}

/* %{ assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd }%: one assertion; the message after the comma
 * is skipped */
static bool block(struct reader *r, struct event *e)
{
	skip(r, true);
	if (!need(r, "assert"))
		return false;
	bool paren = take(r, "(");

	if (!claim(r, e) || (paren && !need(r, ")")))
		return false;
	for (; *r->at && strncmp(r->at, "}%", 2) != 0; r->at++)
		r->line += *r->at == '\n';
	return need(r, "}%");
}

/* ---- the file */

static bool event(struct reader *r, struct event *e)
{
	e->line = r->line;
	e->when.kind = WHEN_AT;
	if (!moment(r, &e->when))
		return false;
	if (take(r, "<")) {
		e->kind = EVENT_IN;
		return segment(r, e);
	}
	if (take(r, ">")) {
		e->kind = EVENT_OUT;
		return segment(r, e);
	}
	if (take(r, "%{"))
		return block(r, e);
	if (take(r, "assert"))
		return claim(r, e);
	return call(r, e);
}

static bool setting(struct reader *r, const char *stop)
{
	char key[SCRIPT_WORD_MAX], value[SCRIPT_WORD_MAX];
	size_t n;

	if (!word(r, key, sizeof(key)) || !need(r, "="))
		return false;
	n = strcspn(r->at, stop);
	if (n == 0 || n >= sizeof(value))
		return fail(r, "expected a value for %s", key);
	memcpy(value, r->at, n);
	value[n] = '\0';
	r->at += n;
	return script_set(r->s, key, value) ||
	       fail(r, "expected a key and a value that can be set, not %s=%s", key, value);
}

/* `set key=value key=value` */
static bool settings(struct reader *r)
{
	if (!need(r, "set"))
		return false;
	while (!take(r, "`"))
		if (!setting(r, " `\n"))
			return false;
	return true;
}

static bool line(struct reader *r)
{
	struct script *s = r->s;

	if (take(r, "`"))
		return settings(r);
	if (take(r, "--"))
		return setting(r, " \t\r\n");
	if (s->n == SCRIPT_EVENTS_MAX)
		return fail(r, "expected at most %u events", SCRIPT_EVENTS_MAX);
	memset(&s->events[s->n], 0, sizeof(s->events[s->n]));
	if (!event(r, &s->events[s->n]))
		return false;
	s->n++;
	skip(r, false);
	if (*r->at && *r->at != '\n')
		return fail(r, "expected the end of the line");
	return true;
}

bool script_parse(struct script *s, const char *path, const char *text)
{
	struct reader r = {.s = s, .at = text, .line = 1};

	memset(s, 0, sizeof(*s));
	s->path = path;
	host_config(&s->config, 1);
	s->config.tcp.rcvbuf_max = s->config.tcp.sndbuf_max = 0;
	s->config.tcp.quick_acks = 0;
	s->config.tcp.cc = &cc_newreno;	/* whose windows can be counted by hand; or `cc=` */
	s->mtu = 1500;
	s->tolerance = MSEC(1);
	s->events = calloc(SCRIPT_EVENTS_MAX, sizeof(*s->events));
	for (skip(&r, true); *r.at && !r.failed; skip(&r, true))
		line(&r);
	if (!r.failed && s->n == 0)
		fail(&r, "expected at least one event");
	return !r.failed;
}

void script_free(struct script *s)
{
	free(s->events);
	s->events = NULL;
}
