/* From a request to its response: routes, static files, everything that is wrong.
 *
 * Always: exactly one response a request; when it says "Connection: close", nothing follows. */
#include "apps/httpd/httpd_int.h"

#define HTTPD_INDEX "index.html"
#define HTTPD_PAGE_SIZE 2048u	/* a head and a small page */
#define HTTPD_REDIRECT_SIZE 6144u	/* a head with a location, and a small page */

/* ---- the pieces of a response */

static COLD void httpd_access_tell(struct httpd *h, struct httpd_conn *c, const char *method,
				   struct http_slice target, unsigned status, uint64_t bytes)
{
	struct leat_conn_info info = { 0 };
	struct addr from;
	char line[256];

	leat_conn_info(h->ring, c->fd, &info);
	mem_copy(from.b, info.remote.ip, sizeof(from.b));
	fmt(line, sizeof(line), "%pI:%u %s %.*s %u %llu", &from, info.remote.port, method,
	    (int)MIN(target.n, (size_t)128), (const char *)target.p, status,
	    (unsigned long long)bytes);
	h->config.access(h->config.ctx, line);
}

/* Counts a response, and tells of it. */
void httpd_access(struct httpd *h, struct httpd_conn *c, const char *method,
		  struct http_slice target, unsigned status, uint64_t bytes)
{
	h->n.status[status / 100]++;
	if (unlikely(h->config.access != NULL))
		httpd_access_tell(h, c, method, target, status, bytes);
}

/* The same of a response to `r`, or to what was no request (NULL). */
static void httpd_access_of(struct httpd *h, struct httpd_conn *c, const struct http_request *r,
			    unsigned status, uint64_t bytes)
{
	if (r)
		httpd_access(h, c, http_method_name(r->method), http_request_slice(r, r->target),
			     status, bytes);
	else
		httpd_access(h, c, "-", HTTP_SLICE("-"), status, bytes);
}

/* The head, into the connection's buffer. */
void httpd_reply_head(struct httpd *h, struct httpd_conn *c, const struct http_response *p)
{
	uint8_t *to = httpd_out_room(h, c, HTTPD_HEAD_SIZE);
	struct http_response dated = *p;
	struct http_out out;

	if (!to) {
		h->n.overload++;
		httpd_conn_reset(h, c);
		return;
	}
	dated.date = http_date_at(&h->date, h->wall_s);
	http_out_init(&out, to, HTTPD_HEAD_SIZE);
	http_response_head(&out, &dated);
	assert(!out.failed);
	httpd_out_add(h, (uint32_t)out.len);
}

/* A body that nobody wants is taken in behind the answer, unless the connection ends anyway.  With
 * "Expect: 100-continue" it may never come, and nobody could tell what does. */
static void httpd_reply_over(struct httpd *h, struct httpd_conn *c, const struct http_request *r,
			     bool close)
{
	if (close)
		httpd_conn_finish(h, c);
	else if (r && r->framing != HTTP_BODY_NONE && c->state == HTTPD_HEAD) {
		httpd_body_begin(h, c, r, false);
		httpd_body_ready(h, c);
	}
}

static bool httpd_must_close(const struct httpd *h, const struct httpd_conn *c,
			     const struct http_request *r)
{
	return h->stopping || c->flags & HTTPD_F_LAST || (r && r->expect_continue);
}

/* A small page that says what the status means. */
static void httpd_reply_page(struct httpd *h, struct httpd_conn *c, const struct http_request *r,
			     struct http_response *p, const char *why)
{
	uint32_t size = p->location.n ? HTTPD_REDIRECT_SIZE : HTTPD_PAGE_SIZE;
	uint8_t *to = httpd_out_room(h, c, size);
	struct http_out out;

	if (!to) {
		h->n.overload++;
		httpd_conn_reset(h, c);
		return;
	}
	p->close |= httpd_must_close(h, c, r);
	p->date = http_date_at(&h->date, h->wall_s);
	http_out_init(&out, to, size);
	http_response_page(&out, p, why, r && r->method == HTTP_HEAD);
	assert(!out.failed);
	httpd_out_add(h, (uint32_t)out.len);
	httpd_access_of(h, c, r, p->status, p->content_length);
	httpd_reply_over(h, c, r, p->close);
}

void httpd_reply_error(struct httpd *h, struct httpd_conn *c, const struct http_request *r,
		       unsigned status, const char *why)
{
	struct http_response p;

	http_response_init(&p, status, r);
	if (status == 503)
		p.extra = HTTP_SLICE("Retry-After: 1\r\n");
	httpd_reply_page(h, c, r, &p, why);
}

void httpd_reply_late(struct httpd *h, struct httpd_conn *c)
{
	httpd_reply_error(h, c, NULL, 408, "the request took too long to arrive");
	httpd_out_done(h, c);
}

void httpd_reply_refused(struct httpd *h, struct httpd_conn *c, enum http_error error)
{
	h->n.refused[error]++;
	httpd_reply_error(h, c, NULL, http_error_status(error), http_error_text(error));
}

void httpd_reply_allow(struct httpd *h, struct httpd_conn *c, const struct http_request *r,
		       struct http_slice allow)
{
	struct http_response p;

	http_response_init(&p, r->method == HTTP_OPTIONS ? 204 : 405, r);
	p.allow = allow;
	if (p.status == 405) {
		httpd_reply_page(h, c, r, &p, "this method does nothing here; see Allow");
		return;
	}
	p.close |= httpd_must_close(h, c, r);
	httpd_reply_head(h, c, &p);
	httpd_access_of(h, c, r, p.status, 0);
	httpd_reply_over(h, c, r, p.close);
}

void httpd_reply_text(struct httpd *h, struct httpd_conn *c, const struct http_request *r,
		      struct http_slice type, struct http_slice text)
{
	struct http_response p;
	uint8_t *to;

	http_response_init(&p, 200, r);
	p.close |= httpd_must_close(h, c, r);
	p.content_type = type;
	p.has_length = true;
	p.content_length = text.n;
	p.extra = HTTP_SLICE("Cache-Control: no-store\r\n");
	httpd_reply_head(h, c, &p);
	to = r->method == HTTP_HEAD ? NULL : httpd_out_room(h, c, (uint32_t)text.n);
	if (to) {
		mem_copy(to, text.p, text.n);
		httpd_out_add(h, (uint32_t)text.n);
	}
	httpd_access_of(h, c, r, 200, text.n);
	httpd_reply_over(h, c, r, p.close);
}

/* ---- static files */

static struct http_slice httpd_file_etag(const struct httpd_file *f)
{
	return (struct http_slice){ f->etag, f->etag_len };
}

/* The body of a file that is held in memory; its reference is taken over. */
static void httpd_reply_body(struct httpd *h, struct httpd_conn *c, struct httpd_file *f)
{
	uint32_t n = (uint32_t)f->blob.size;
	uint8_t *to = n <= HTTPD_COPY_MAX ? httpd_out_room(h, c, n) : NULL;

	if (!to) {
		httpd_lend_bytes(h, c, f->blob.data, n, f, 0);
		return;
	}
	mem_copy(to, f->blob.data, n);
	httpd_out_add(h, n);
	httpd_cache_put(h, f);
}

/* The file's reference is taken over. */
static void httpd_reply_file(struct httpd *h, struct httpd_conn *c, const struct http_request *r,
			     struct httpd_file *f)
{
	unsigned status =
		http_condition(r, httpd_file_etag(f), f->blob.mtime_ns / SEC(1), h->wall_s);
	bool body = status == 0 && r->method == HTTP_GET && f->blob.size;
	struct http_response p;

	if (status == 412) {
		httpd_cache_put(h, f);
		httpd_reply_error(h, c, r, 412, "the file is not the one that the request means");
		return;
	}
	http_response_init(&p, status ? status : 200, r);
	p.close |= httpd_must_close(h, c, r);
	p.has_length = !status;
	p.content_length = f->blob.size;
	p.extra = (struct http_slice){ f->fields, status ? f->validators_len : f->fields_len };
	httpd_reply_head(h, c, &p);
	httpd_access_of(h, c, r, p.status, body ? f->blob.size : 0);
	if (!body)
		httpd_cache_put(h, f);
	else if (f->blob.guarded)
		httpd_send_file(h, c, f);
	else
		httpd_reply_body(h, c, f);
	httpd_reply_over(h, c, r, p.close);
}

/* The name of a directory without its slash: relative links in its index would go wrong. */
static void httpd_reply_redirect(struct httpd *h, struct httpd_conn *c,
				 const struct http_request *r, const struct http_path *path)
{
	uint8_t location[HTTPD_REDIRECT_SIZE - HTTPD_PAGE_SIZE];
	struct http_response p;
	struct http_out out;

	http_out_init(&out, location, sizeof(location));
	http_out_str(&out, "/");
	http_out_url(&out, (struct http_slice){ (const uint8_t *)h->path, path->len });
	http_out_str(&out, "/");
	if (path->query.p) {
		http_out_str(&out, "?");
		http_out_slice(&out, path->query);
	}
	if (out.failed) {
		httpd_reply_refused(h, c, HTTP_ERR_PATH_LONG);
		return;
	}
	http_response_init(&p, 301, r);
	p.location = (struct http_slice){ location, out.len };
	httpd_reply_page(h, c, r, &p, "this is a directory; its name ends with a slash");
}

static void httpd_reply_not(struct httpd *h, struct httpd_conn *c, const struct http_request *r,
			    enum httpd_found found)
{
	switch (found) {
	case HTTPD_FORBIDDEN:
		httpd_reply_error(h, c, r, 403, "this file may not be read from here");
		break;
	case HTTPD_IS_DIR:
		httpd_reply_error(h, c, r, 403,
				  "this directory has no index.html, and listings are not made");
		break;
	case HTTPD_BUSY:
		httpd_reply_error(h, c, r, 503, "too many files are open; try again");
		break;
	case HTTPD_FOUND:
	case HTTPD_NOT_FOUND:
		httpd_reply_error(h, c, r, 404, "there is no such file");
		break;
	}
}

/* The target ended with a slash: the directory's index. */
static void httpd_reply_index(struct httpd *h, struct httpd_conn *c, const struct http_request *r,
			      size_t len)
{
	size_t at = len ? len + 1 : 0;
	struct httpd_file *f = NULL;
	enum httpd_found found;

	if (at + sizeof(HTTPD_INDEX) > sizeof(h->path)) {
		httpd_reply_refused(h, c, HTTP_ERR_PATH_LONG);
		return;
	}
	if (len)
		h->path[len] = '/';
	mem_copy(h->path + at, HTTPD_INDEX, sizeof(HTTPD_INDEX));
	found = httpd_cache_get(h, h->path, at + sizeof(HTTPD_INDEX) - 1, &f);
	if (found == HTTPD_FOUND) {
		httpd_reply_file(h, c, r, f);
		return;
	}
	if (found == HTTPD_NOT_FOUND) {
		mem_copy(h->path + len, len ? "" : ".", len ? 1 : 2);
		found = httpd_cache_get(h, h->path, len ? len : 1, &f);
	}
	if (found == HTTPD_FOUND)	/* a file, but the target ended with a slash */
		httpd_cache_put(h, f);
	httpd_reply_not(h, c, r, found);
}

/* Names that begin with a dot (.git, .env, .htpasswd) are not meant for others, but for
 * /.well-known/ (RFC 8615 §3). */
static bool httpd_path_hidden(const char *path, size_t len)
{
	static const char known[] = ".well-known";
	const size_t n = sizeof(known) - 1;

	if (len >= n && mem_eq(path, known, n) && (len == n || path[n] == '/')) {
		path += n;
		len -= n;
	}
	for (size_t i = 0; i < len; i++)
		if (path[i] == '.' && (i == 0 || path[i - 1] == '/'))
			return true;
	return false;
}

static void httpd_reply_static(struct httpd *h, struct httpd_conn *c, const struct http_request *r,
			       const struct http_path *path)
{
	struct httpd_file *f;
	enum httpd_found found;

	if (httpd_path_hidden(h->path, path->len)) {
		httpd_reply_not(h, c, r, HTTPD_NOT_FOUND);
		return;
	}
	if (path->directory || path->len == 0) {
		httpd_reply_index(h, c, r, path->len);
		return;
	}
	found = httpd_cache_get(h, h->path, path->len, &f);
	if (found == HTTPD_FOUND)
		httpd_reply_file(h, c, r, f);
	else if (found == HTTPD_IS_DIR)
		httpd_reply_redirect(h, c, r, path);
	else
		httpd_reply_not(h, c, r, found);
}

/* ---- routes */

void httpd_reply(struct httpd *h, struct httpd_conn *c, const struct http_request *r)
{
	const struct http_slice allow = HTTP_SLICE("GET, HEAD, OPTIONS");
	struct http_path path;
	enum http_error err;

	if (r->target_form == HTTP_TARGET_ASTERISK || r->target_form == HTTP_TARGET_AUTHORITY) {
		httpd_reply_allow(h, c, r, allow);
		return;
	}
	err = http_path_resolve(&path, h->path, sizeof(h->path), http_request_slice(r, r->path));
	if (err) {
		httpd_reply_refused(h, c, err);
		return;
	}
	if (httpd_demo(h, c, r, (struct http_slice){ (const uint8_t *)h->path, path.len }))
		return;
	if (r->method == HTTP_GET || r->method == HTTP_HEAD)
		httpd_reply_static(h, c, r, &path);
	else
		httpd_reply_allow(h, c, r, allow);
}
