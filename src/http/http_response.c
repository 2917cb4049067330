/* Status lines as ready-made text, then one line a field. */
#include "http/http_response.h"

#define STATUSES(X) \
	X(200, "OK") X(201, "Created") X(202, "Accepted") X(204, "No Content") \
	X(206, "Partial Content") \
	X(301, "Moved Permanently") X(302, "Found") X(303, "See Other") X(304, "Not Modified") \
	X(307, "Temporary Redirect") X(308, "Permanent Redirect") \
	X(400, "Bad Request") X(401, "Unauthorized") X(403, "Forbidden") X(404, "Not Found") \
	X(405, "Method Not Allowed") X(406, "Not Acceptable") X(408, "Request Timeout") \
	X(409, "Conflict") X(410, "Gone") X(411, "Length Required") X(412, "Precondition Failed") \
	X(413, "Content Too Large") X(414, "URI Too Long") X(415, "Unsupported Media Type") \
	X(416, "Range Not Satisfiable") X(417, "Expectation Failed") X(426, "Upgrade Required") \
	X(429, "Too Many Requests") X(431, "Request Header Fields Too Large") \
	X(500, "Internal Server Error") X(501, "Not Implemented") X(502, "Bad Gateway") \
	X(503, "Service Unavailable") X(504, "Gateway Timeout") X(505, "HTTP Version Not Supported")

static struct http_slice status_line(unsigned status)
{
	switch (status) {
#define X(code, reason) case code: return HTTP_SLICE("HTTP/1.1 " #code " " reason "\r\n");
	STATUSES(X)
#undef X
	default: return HTTP_SLICE("HTTP/1.1 500 Internal Server Error\r\n");
	}
}

const char *http_status_reason(unsigned status)
{
	switch (status) {
#define X(code, reason) case code: return reason;
	STATUSES(X)
#undef X
	default: return "Internal Server Error";
	}
}

void http_response_init(struct http_response *p, unsigned status, const struct http_request *r)
{
	*p = (struct http_response){
		.status = status,
		.close = !r || r->close,
		.keep_1_0 = r && !r->close && r->minor == 0,
	};
}

static inline void optional(struct http_out *out, const char *name, struct http_slice value)
{
	if (value.n)
		http_out_field(out, name, value);
}

void http_response_head(struct http_out *out, const struct http_response *p)
{
	http_out_slice(out, status_line(p->status));
	http_out_str(out, "Server: " HTTP_SERVER "\r\n");
	optional(out, "Date", p->date);
	if (p->close)
		http_out_str(out, "Connection: close\r\n");
	else if (p->keep_1_0)
		http_out_str(out, "Connection: keep-alive\r\n");
	optional(out, "Content-Type", p->content_type);
	if (p->has_length) {
		http_out_str(out, "Content-Length: ");
		http_out_u64(out, p->content_length);
		http_out_str(out, "\r\n");
	}
	optional(out, "Last-Modified", p->last_modified);
	optional(out, "ETag", p->etag);
	optional(out, "Location", p->location);
	optional(out, "Allow", p->allow);
	http_out_slice(out, p->extra);
	http_out_str(out, "\r\n");
}

static void page_text(struct http_out *out, unsigned status, const char *why)
{
	struct http_slice line = status_line(status);
	struct http_slice title = { line.p + 9, line.n - 11 };	/* "404 Not Found" */

	http_out_str(out, "<!doctype html>\n<meta charset=\"utf-8\">\n<title>");
	http_out_slice(out, title);
	http_out_str(out, "</title>\n<h1>");
	http_out_slice(out, title);
	http_out_str(out, "</h1>\n<p>");
	http_out_html(out, http_slice_str(why));
	http_out_str(out, "</p>\n");
}

void http_response_page(struct http_out *out, struct http_response *p, const char *why,
			bool head_only)
{
	uint8_t page[1024];
	struct http_out text;

	http_out_init(&text, page, sizeof(page));
	page_text(&text, p->status, why);
	p->content_type = HTTP_SLICE("text/html; charset=utf-8");
	p->has_length = true;
	p->content_length = text.len;
	out->failed |= text.failed;
	http_response_head(out, p);
	if (!head_only)
		http_out_bytes(out, page, text.len);
}
