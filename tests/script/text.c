/* Words for things: segments in the grammar of scripts, names of errors, keys of `set`. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "script/script.h"

/* ---- errors */

#define ERRORS(X)                                                                                  \
	X(EPERM, E_PERM)                                                                           \
	X(EAGAIN, E_AGAIN) X(EWOULDBLOCK, E_AGAIN) X(EBADF, E_BADF) X(EINVAL, E_INVAL) X(          \
		ENOMEM, E_NOMEM) X(ENFILE, E_NFILE) X(EPIPE, E_PIPE) X(ENOTSOCK, E_NOTSOCK)        \
		X(EMSGSIZE, E_MSGSIZE) X(EOPNOTSUPP, E_OPNOTSUPP) X(EADDRINUSE, E_ADDRINUSE) X(    \
			EADDRNOTAVAIL, E_ADDRNOTAVAIL) X(ENETDOWN, E_NETDOWN)                      \
			X(ENETUNREACH, E_NETUNREACH) X(ECONNABORTED, E_CONNABORTED) X(             \
				ECONNRESET, E_CONNRESET) X(ENOBUFS, E_NOBUFS) X(EISCONN, E_ISCONN) \
				X(ENOTCONN, E_NOTCONN) X(ETIMEDOUT, E_TIMEDOUT) X(ECONNREFUSED,    \
										  E_CONNREFUSED)   \
					X(EHOSTUNREACH, E_HOSTUNREACH) X(EALREADY, E_ALREADY)      \
						X(EINPROGRESS, E_INPROGRESS)                       \
							X(ECANCELED, E_CANCELED)                   \
								X(ENOPROTOOPT, E_NOPROTOOPT)

static const struct { const char *name; int number; } errors[] = {
#define X(name, number) {#name, number},
	ERRORS(X)
#undef X
};

const char *script_error_name(int err)
{
	for (unsigned i = 0; i < ARRAY_LEN(errors); i++)
		if (errors[i].number == err)
			return errors[i].name;
	return NULL;
}

int script_error_number(const char *name)
{
	for (unsigned i = 0; i < ARRAY_LEN(errors); i++)
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].number;
	return 0;
}

/* ---- segments */

struct text {
	char *to;
	size_t size, n;
};

static void PRINTF_LIKE(2, 3) add(struct text *t, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(t->to + t->n, t->size - t->n, format, ap);
	va_end(ap);
	t->n = MIN(t->n + (size_t)(n > 0 ? n : 0), t->size - 1);
}

static void add_options(struct text *t, const struct seg *s)
{
	const char *sep = "";

	if (!s->opts)
		return;
	add(t, " <");
	if (s->opts & SEG_OPT_MSS) {
		add(t, "mss %u", s->mss);
		sep = ",";
	}
	if (s->opts & SEG_OPT_SACK_OK) {
		add(t, "%ssackOK", sep);
		sep = ",";
	}
	if (s->opts & SEG_OPT_TS) {
		add(t, "%sTS val %u ecr %u", sep, s->ts_val, s->ts_ecr);
		sep = ",";
	}
	if (s->opts & SEG_OPT_WSCALE) {
		add(t, "%swscale %u", sep, s->wscale);
		sep = ",";
	}
	if (s->opts & SEG_OPT_SACK) {
		add(t, "%ssack", sep);
		for (unsigned i = 0; i < s->sack_n; i++)
			add(t, " %u:%u", s->sack[i].left, s->sack[i].right);
		sep = ",";
	}
	if (s->opts & SEG_OPT_RAW) {
		add(t, "%sraw 0x", sep);
		for (unsigned i = 0; i < s->raw_n; i++)
			add(t, "%02x", s->raw[i]);
	}
	add(t, ">");
}

static void add_tcp(struct text *t, const struct seg *s, bool with_ports)
{
	static const char letters[] = "FSRP.UEW";

	if (with_ports)
		add(t, "%u > %u ", s->sport, s->dport);
	for (unsigned i = 0; i < 8; i++)
		if (s->flags >> i & 1)
			add(t, "%c", letters[i]);
	if (!s->flags)
		add(t, "-");
	add(t, " %u:%u(%u)", s->seq, s->seq + s->len, s->len);
	if (s->flags & SEG_ACK)
		add(t, " ack %u", s->ack);
	add(t, " win %u", s->win);
	if (s->urg)
		add(t, " urg %u", s->urg);
	add_options(t, s);
}

void script_text(char *to, size_t size, const struct seg *s, bool with_ports)
{
	struct text t = {.to = to, .size = size};

	to[0] = '\0';
	if (s->proto == SEG_TCP)
		add_tcp(&t, s, with_ports);
	else if (s->proto == SEG_ICMP)
		add(&t, "icmp type %u code %u info %u (%u bytes)", s->icmp_type, s->icmp_code,
		    s->icmp_info, s->len);
	else if (s->proto == SEG_UDP)
		add(&t, "%u > %u udp (%u)", s->sport, s->dport, s->len);
	else
		add(&t, "a frame of another protocol (%u bytes)", s->len);
}

/* ---- set */

/* 200ms, 1.5s, 40, 64k, on, off */
static bool value_of(const char *text, double *v)
{
	static const struct { const char *unit; double factor;
	} units[] = {
		{"", 1},    {"ns", 1},	 {"us", 1e3},	 {"ms", 1e6},
		{"s", 1e9}, {"k", 1024}, {"m", 1048576},
	};
	char *end;

	if (strcmp(text, "on") == 0 || strcmp(text, "off") == 0) {
		*v = text[1] == 'n';
		return true;
	}
	*v = strtod(text, &end);
	for (unsigned i = 0; i < ARRAY_LEN(units) && end != text; i++) {
		if (strcmp(end, units[i].unit) == 0) {
			*v *= units[i].factor;
			return true;
		}
	}
	return false;
}

struct key {
	const char *name;
	size_t offset, size;
};

#define KEY(field)                                                                                 \
	{                                                                                          \
#field, offsetof(struct script, config.tcp.field),                                 \
			sizeof(((struct script *)0)->config.tcp.field)                             \
	}
#define KEY_OF(name, field)                                                                        \
	{                                                                                          \
		name, offsetof(struct script, field), sizeof(((struct script *)0)->field)          \
	}

static const struct key keys[] = {
	KEY(conns_max),
	KEY(timewaits_max),
	KEY(listeners_max),
	KEY(rcvbuf),
	KEY(sndbuf),
	KEY(rcvbuf_max),
	KEY(sndbuf_max),
	KEY(rcv_wnd_initial),
	KEY(backlog),
	KEY(rto_min),
	KEY(rto_max),
	KEY(rto_initial),
	KEY(delack),
	KEY(quick_acks),
	KEY(msl),
	KEY(fin_wait_2),
	KEY(syn_retries),
	KEY(data_retries),
	KEY(timestamps),
	KEY(window_scale),
	KEY(sack),
	KEY(halves_max),
	KEY(synack_retries),
	KEY(syn_cookies),
	KEY(mtu_probing),
	KEY(losses_max),
	KEY(ecn),
	KEY(sides_max),
	KEY(iss_below_wrap),
	KEY_OF("frames", config.frames),
	KEY_OF("bare", config.bare),
	KEY_OF("mtu", mtu),
	KEY_OF("tolerance", tolerance),
	KEY_OF("remote_isn", remote_isn),
};

bool script_set(struct script *s, const char *key, const char *value)
{
	double v;

	if (strcmp(key, "tolerance_usecs") == 0) {	/* packetdrill's; ours is exact */
		return true;
	}
	if (strcmp(key, "cc") == 0) {
		s->config.tcp.cc = cc_find(value, strlen(value));
		return s->config.tcp.cc != NULL;
	}
	if (!value_of(value, &v))
		return false;
	for (unsigned i = 0; i < ARRAY_LEN(keys); i++) {
		uint64_t n = (uint64_t)(int64_t)v;

		if (strcmp(keys[i].name, key) != 0)
			continue;
		mem_copy((char *)s + keys[i].offset, &n, keys[i].size);
		return true;
	}
	return false;
}
