/* The handlers for tests, and the page that shows visitors their own connection.
 *
 *	GET /probe	"ok"
 *	POST /echo	the decoded request body
 *	GET /whoami	the facts about this connection, as JSON
 *	GET /connection	the same, to look at */
#include "apps/httpd/httpd_int.h"

#define HTTPD_TEXT_SIZE 4096u
static_assert(HTTPD_TEXT_SIZE + HTTPD_HEAD_SIZE <= sizeof(((struct httpd_out *)0)->bytes),
	      "a page and its head fit in a buffer");

/* In the order of the bits of leat_conn_info.states_passed: RFC 9293 §3.3.2. */
static const char *const httpd_states[] = {
	"CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1",
	"FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT",
};

/* printf into an http_out. */
static PRINTF_LIKE(2, 3) void httpd_say(struct http_out *out, const char *format, ...)
{
	char text[768];
	va_list ap;
	int n;

	va_start(ap, format);
	n = fmt_v(text, sizeof(text), format, ap);
	va_end(ap);
	assert(n >= 0 && (size_t)n < sizeof(text));
	http_out_bytes(out, text, (size_t)n);
}

static void httpd_say_addr(struct http_out *out, const struct leat_addr *a)
{
	struct addr ip;
	char text[64];

	mem_copy(ip.b, a->ip, sizeof(ip.b));
	fmt(text, sizeof(text), "%pI", &ip);
	http_out_str(out, text);
}

static unsigned long long httpd_us(uint64_t ns)
{
	return ns / 1000;
}

/* ---- /whoami */

static void httpd_json_end(struct http_out *out, const char *name, const struct leat_addr *a)
{
	httpd_say(out, "  \"%s\": { \"address\": \"", name);
	httpd_say_addr(out, a);
	httpd_say(out, "\", \"port\": %u },\n", a->port);
}

static void httpd_json(struct http_out *out, const struct leat_conn_info *i, uint32_t requests)
{
	const char *comma = "";

	http_out_str(out, "{\n");
	httpd_json_end(out, "remote", &i->remote);
	httpd_json_end(out, "local", &i->local);
	http_out_str(out, "  \"state\": \"");
	http_out_json(out, http_slice_str(i->state));
	http_out_str(out, "\",\n  \"states_passed\": [");
	for (unsigned s = 0; s < ARRAY_LEN(httpd_states); s++) {
		if (!(i->states_passed >> s & 1))
			continue;
		httpd_say(out, "%s\"%s\"", comma, httpd_states[s]);
		comma = ", ";
	}
	httpd_say(out, "],\n  \"requests\": %u,\n", requests);
	httpd_say(out,
		  "  \"rtt_us\": { \"smoothed\": %llu, \"variation\": %llu, \"least\": %llu },\n",
		  httpd_us(i->srtt_ns), httpd_us(i->rttvar_ns), httpd_us(i->rtt_min_ns));
	httpd_say(out, "  \"rto_us\": %llu,\n", httpd_us(i->rto_ns));
	httpd_say(out, "  \"mss\": { \"send\": %u, \"receive\": %u },\n", i->snd_mss, i->rcv_mss);
	httpd_say(out, "  \"window\": { \"congestion\": %u, \"threshold\": %u, \"send\": %u, "
		  "\"receive\": %u, \"send_scale\": %u, \"receive_scale\": %u },\n",
		  i->cwnd, i->ssthresh, i->snd_wnd, i->rcv_wnd, i->snd_wscale, i->rcv_wscale);
	httpd_say(out, "  \"timestamps\": %s,\n", i->timestamps ? "true" : "false");
	httpd_say(out, "  \"retransmissions\": %u,\n  \"timeouts\": %u,\n", i->retransmits,
		  i->timeouts);
	httpd_say(out, "  \"bytes\": { \"in\": %llu, \"out\": %llu },\n",
		  (unsigned long long)i->bytes_in, (unsigned long long)i->bytes_out);
	httpd_say(out, "  \"segments\": { \"in\": %llu, \"out\": %llu }\n}\n",
		  (unsigned long long)i->segs_in, (unsigned long long)i->segs_out);
}

/* ---- /connection */

static void httpd_page_head(struct http_out *out)
{
	http_out_str(out,
		"<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
		"<meta name=\"viewport\" content=\"width=device-width\">\n"
		"<title>leat: your connection</title>\n"
		"<link rel=\"icon\" href=\"/icon.svg\">\n"
		"<link rel=\"stylesheet\" href=\"/style.css\">\n"
		"<body>\n<nav><a href=\"/\">leat</a> <a href=\"/how.html\">how it works</a> "
		"<a href=\"/states.html\">the states</a> <b>your connection</b></nav>\n<main>\n"
		"<h1>Your connection</h1>\n"
		"<p>This page came to you through it, as leat&rsquo;s TCP saw it at the moment "
		"of writing. Load it again and watch it grow.</p>\n");
}

static void httpd_page_states(struct http_out *out, const struct leat_conn_info *i)
{
	http_out_str(out, "<ol class=\"states\">\n");
	for (unsigned s = 0; s < ARRAY_LEN(httpd_states); s++) {
		bool passed = i->states_passed >> s & 1;

		httpd_say(out, "<li%s>%s</li>\n", passed ? " class=\"passed\"" : "",
			  httpd_states[s]);
	}
	http_out_str(out, "</ol>\n<table>\n");
}

static void httpd_page_rows(struct http_out *out, const struct leat_conn_info *i, uint32_t requests)
{
	http_out_str(out, "<tr><th>you<td>");
	httpd_say_addr(out, &i->remote);
	httpd_say(out, " port %u\n<tr><th>this stack<td>", i->remote.port);
	httpd_say_addr(out, &i->local);
	httpd_say(out, " port %u\n<tr><th>state<td>%s\n", i->local.port, i->state);
	httpd_say(out, "<tr><th>requests<td>%u\n", requests);
	httpd_say(out, "<tr><th>round trip<td>%llu &micro;s, varies by %llu, at least %llu\n",
		  httpd_us(i->srtt_ns), httpd_us(i->rttvar_ns), httpd_us(i->rtt_min_ns));
	httpd_say(out, "<tr><th>retransmission after<td>%llu ms\n", httpd_us(i->rto_ns) / 1000);
	httpd_say(out, "<tr><th>congestion window<td>%u bytes\n", i->cwnd);
	httpd_say(out, "<tr><th>your window<td>%u bytes (scale %u)\n", i->snd_wnd, i->snd_wscale);
	httpd_say(out, "<tr><th>our window<td>%u bytes (scale %u)\n", i->rcv_wnd, i->rcv_wscale);
	httpd_say(out, "<tr><th>segment size<td>%u out, %u in\n", i->snd_mss, i->rcv_mss);
	httpd_say(out, "<tr><th>timestamps<td>%s\n", i->timestamps ? "yes" : "no");
	httpd_say(out, "<tr><th>sent again<td>%u segments, %u time-outs\n", i->retransmits,
		  i->timeouts);
	httpd_say(out, "<tr><th>bytes<td>%llu in, %llu out\n", (unsigned long long)i->bytes_in,
		  (unsigned long long)i->bytes_out);
	httpd_say(out, "<tr><th>segments<td>%llu in, %llu out\n</table>\n",
		  (unsigned long long)i->segs_in, (unsigned long long)i->segs_out);
}

static void httpd_page(struct http_out *out, const struct leat_conn_info *i, uint32_t requests)
{
	httpd_page_head(out);
	httpd_page_states(out, i);
	httpd_page_rows(out, i, requests);
	http_out_str(out,
		     "<p class=\"note\">An address of 10.0.2.2 is this machine: behind slirp the "
		     "last hop of every visitor.</p>\n</main>\n</body>\n</html>\n");
}

/* ---- routes */

static bool httpd_demo_facts(struct httpd *h, struct httpd_conn *c, const struct http_request *r,
			     bool json)
{
	struct leat_conn_info info;
	uint8_t text[HTTPD_TEXT_SIZE];
	struct http_out out;

	if (leat_conn_info(h->ring, c->fd, &info) < 0) {
		httpd_reply_error(h, c, r, 500, "the stack does not know this connection");
		return true;
	}
	http_out_init(&out, text, sizeof(text));
	if (json)
		httpd_json(&out, &info, c->requests);
	else
		httpd_page(&out, &info, c->requests);
	assert(!out.failed);
	httpd_reply_text(h, c, r, json ? HTTP_SLICE("application/json") :
					 HTTP_SLICE("text/html; charset=utf-8"),
			 (struct http_slice){ text, out.len });
	return true;
}

static bool httpd_demo_get(struct httpd *h, struct httpd_conn *c, const struct http_request *r)
{
	if (r->method == HTTP_GET || r->method == HTTP_HEAD)
		return true;
	httpd_reply_allow(h, c, r, HTTP_SLICE("GET, HEAD, OPTIONS"));
	return false;
}

static void httpd_demo_echo(struct httpd *h, struct httpd_conn *c, const struct http_request *r)
{
	if (r->method != HTTP_POST) {
		httpd_reply_allow(h, c, r, HTTP_SLICE("POST, OPTIONS"));
	} else if (r->framing == HTTP_BODY_NONE) {
		httpd_reply_text(h, c, r, HTTP_SLICE("application/octet-stream"), HTTP_SLICE(""));
	} else {
		httpd_body_begin(h, c, r, true);
		httpd_body_ready(h, c);
	}
}

bool httpd_demo(struct httpd *h, struct httpd_conn *c, const struct http_request *r,
		struct http_slice path)
{
	if (h->config.connection_page && http_slice_eq(path, HTTP_SLICE("connection")))
		return !httpd_demo_get(h, c, r) || httpd_demo_facts(h, c, r, false);
	if (!h->config.demo)
		return false;
	if (http_slice_eq(path, HTTP_SLICE("whoami")))
		return !httpd_demo_get(h, c, r) || httpd_demo_facts(h, c, r, true);
	if (http_slice_eq(path, HTTP_SLICE("probe"))) {
		if (httpd_demo_get(h, c, r))
			httpd_reply_text(h, c, r, HTTP_SLICE("text/plain"), HTTP_SLICE("ok\n"));
		return true;
	}
	if (!http_slice_eq(path, HTTP_SLICE("echo")))
		return false;
	httpd_demo_echo(h, c, r);
	return true;
}
