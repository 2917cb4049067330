/* The rules that hold for a head as a whole: which host, how long a body, whether to go on after
 * it.
 *
 * Whatever two readers could read differently is refused (RFC 9112 §3.2, §6.1, §6.3, §11.2), even
 * where the RFC would allow to repair it. */
#include "base/fmt.h"
#include "http/http_request_int.h"

/* RFC 3986 §3.2.2: IPv6address, not IPvFuture.  Returns its length with the brackets, or 0. */
static COLD size_t ip_literal_len(struct http_slice s)
{
	char address[sizeof("0000:0000:0000:0000:0000:0000:255.255.255.255")] = "";
	struct addr parsed;
	bool has_colon = false;
	size_t i = 1;

	for (; i < s.n && s.p[i] != ']'; i++) {
		if (i == sizeof(address))
			return 0;
		has_colon |= s.p[i] == ':';
		address[i - 1] = (char)s.p[i];
	}
	return i < s.n && has_colon && fmt_parse_addr(&parsed, address) ? i + 1 : 0;
}

bool http_authority_valid(const struct http_conf *conf, struct http_slice s, bool port_needed)
{
	uint64_t port;
	size_t i;

	if (!s.n)
		return false;
	i = s.p[0] == '[' ? ip_literal_len(s) : conf->scanner->span(s.p, s.n, HTTP_CH_HOST);
	if (!i)
		return false;
	if (i == s.n)
		return !port_needed;
	if (s.p[i] != ':')
		return false;
	i++;
	if (i == s.n)	/* RFC 3986 §3.2.3: a port may be empty */
		return !port_needed;
	return http_slice_u64((struct http_slice){ s.p + i, s.n - i }, UINT16_MAX, &port);
}

/* RFC 9110 §4.2.3: an empty port of an http URI, and 80, are the same as none. */
static struct http_slice without_port_80(struct http_slice s)
{
	size_t n = s.n;

	if (n >= 3 && s.p[n - 1] == '0' && s.p[n - 2] == '8' && s.p[n - 3] == ':')
		n -= 3;
	else if (n && s.p[n - 1] == ':')
		n--;
	return (struct http_slice){ s.p, n };
}

/* Not as RFC 9112 §3.2.2, which lets Host be ignored: docs/adr/0051-request-targets.md. */
static COLD bool hosts_differ(const struct http_request *r, struct http_slice host)
{
	struct http_slice authority = http_request_slice(r, r->authority);

	if (r->target_form == HTTP_TARGET_ABSOLUTE) {
		authority = without_port_80(authority);
		host = without_port_80(host);
	}
	return !http_slice_eq_nocase(host, authority);
}

static enum http_error check_host(const struct http_request *r, const struct http_conf *conf)
{
	struct http_slice host = http_request_field(r, HTTP_FIELD_HOST);
	bool has_authority = r->authority.len > 0;

	if (!host.p)
		return r->minor ? HTTP_ERR_HOST_MISSING : HTTP_OK;
	if (r->repeated >> HTTP_FIELD_HOST & 1)
		return HTTP_ERR_HOST_REPEATED;
	/* RFC 9110 §7.2: empty when the target URI has no authority */
	if (host.n && !http_authority_valid(conf, host, false))
		return HTTP_ERR_HOST;
	if (unlikely(has_authority) && hosts_differ(r, host))
		return HTTP_ERR_HOST_DIFFERS;
	return HTTP_OK;
}

/* One transfer-coding, RFC 9112 §6.1: is it chunked? */
static enum http_error check_coding(struct http_slice coding, bool *chunked)
{
	struct http_slice name = { coding.p, 0 }, rest;

	while (name.n < coding.n && http_char_is(coding.p[name.n], HTTP_CH_TOKEN))
		name.n++;
	rest = http_slice_trim((struct http_slice){ coding.p + name.n, coding.n - name.n });
	*chunked = http_slice_eq_nocase(name, HTTP_SLICE("chunked"));
	if (!name.n || (rest.n && (*chunked || rest.p[0] != ';')))
		return HTTP_ERR_CODING;
	return HTTP_OK;
}

/* RFC 9112 §6.3: a body can be read only if its last coding is chunked, and we can read only the
 * chunked coding. */
static COLD enum http_error check_codings(struct http_slice list)
{
	bool any_chunked = false, any_other = false, chunked = false;
	enum http_error err;

	for (size_t at = 0; at <= list.n; at++) {
		struct http_slice coding = { list.p + at, 0 };

		while (at < list.n && list.p[at] != ',')
			at++;
		coding.n = (size_t)(list.p + at - coding.p);
		err = check_coding(http_slice_trim(coding), &chunked);
		if (err)
			return err;
		if (chunked && any_chunked)
			return HTTP_ERR_CODING_REPEATED;
		any_chunked |= chunked;
		any_other |= !chunked;
	}
	if (!chunked)
		return HTTP_ERR_CODING_NOT_CHUNKED;
	return any_other ? HTTP_ERR_CODING_UNKNOWN : HTTP_OK;
}

static enum http_error check_framing(struct http_request *r, const struct http_conf *conf)
{
	struct http_slice coding = http_request_field(r, HTTP_FIELD_TRANSFER_ENCODING);
	struct http_slice length = http_request_field(r, HTTP_FIELD_CONTENT_LENGTH);

	if (coding.p) {
		if (r->minor == 0)
			return HTTP_ERR_CODING_IN_1_0;
		if (length.p)
			return HTTP_ERR_CODING_AND_LENGTH;
		if (r->repeated >> HTTP_FIELD_TRANSFER_ENCODING & 1)
			return HTTP_ERR_CODING_REPEATED;
		r->framing = HTTP_BODY_CHUNKED;
		return check_codings(coding);
	}
	if (length.p) {
		if (r->repeated >> HTTP_FIELD_CONTENT_LENGTH & 1)
			return HTTP_ERR_LENGTH_REPEATED;
		if (!http_slice_u64(length, INT64_MAX, &r->content_length))
			return HTTP_ERR_LENGTH;
		r->framing = r->content_length ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
		return r->content_length > conf->body_max ? HTTP_ERR_BODY_LONG : HTTP_OK;
	}
	return HTTP_OK;
}

/* RFC 9110 §10.1.1. */
static COLD enum http_error check_expect(struct http_request *r)
{
	if (r->minor == 0)
		return HTTP_OK;
	if (r->repeated >> HTTP_FIELD_EXPECT & 1 ||
	    !http_slice_eq_nocase(http_request_field(r, HTTP_FIELD_EXPECT),
				  HTTP_SLICE("100-continue")))
		return HTTP_ERR_EXPECT;
	r->expect_continue = r->framing != HTTP_BODY_NONE;
	return HTTP_OK;
}

/* "keep-alive" in any case: what nearly all clients send.  No control character becomes "-". */
static bool is_keep_alive(struct http_slice s)
{
	const uint64_t lower = 0x2020202020202020;

	return s.n == 10 && (http_load8(s.p) | lower) == http_load8((const uint8_t *)"keep-ali") &&
	       (http_load8(s.p + 2) | lower) == http_load8((const uint8_t *)"ep-alive");
}

/* RFC 9112 §9.3; options that we do not know are none of our business. */
static void take_connection(struct http_request *r)
{
	bool keep = r->minor == 1, close = false;
	unsigned i = r->last[HTTP_FIELD_CONNECTION];

	if (r->repeated >> HTTP_FIELD_CONNECTION & 1) {
		i = 0;
	} else if (is_keep_alive(http_request_value(r, i))) {
		r->close = false;
		return;
	}
	for (; i < r->fields; i++) {
		struct http_slice list = http_request_value(r, i), option;

		if (r->field[i].id != HTTP_FIELD_CONNECTION)
			continue;
		while (http_slice_next(&list, &option)) {
			close |= http_slice_eq_nocase(option, HTTP_SLICE("close"));
			keep |= http_slice_eq_nocase(option, HTTP_SLICE("keep-alive"));
		}
	}
	r->close = close || !keep;
}

enum http_error http_rules_check(struct http_request *r, const struct http_conf *conf)
{
	enum http_error err = check_host(r, conf);

	if (err)
		return err;
	err = check_framing(r, conf);
	if (err)
		return err;
	if (unlikely(http_request_has(r, HTTP_FIELD_EXPECT))) {
		err = check_expect(r);
		if (err)
			return err;
	}
	if (http_request_has(r, HTTP_FIELD_CONNECTION))
		take_connection(r);
	else
		r->close = r->minor == 0;
	return HTTP_OK;
}
