/* A request's body: kept for /echo, or thrown away when nobody wants it.
 *
 * What is thrown away was answered before: a client may send a body with any request, and the next
 * request stands behind it.  If it never comes, the connection ends: one request has one answer. */
#include "apps/httpd/httpd_int.h"

void httpd_body_free(struct httpd *h, struct httpd_conn *c)
{
	struct httpd_upload *u;

	if (!c->upload)
		return;
	u = &h->uploads[c->upload - 1];
	httpd_upload_memory_free(h, u->memory);
	HTTPD_GIVE(h->upload_slots, h->uploads, c->upload);
	c->upload = 0;
}

/* 1 + index of a free buffer, or 0. */
static uint32_t httpd_body_memory(struct httpd *h)
{
	for (uint32_t i = 0; h->upload_memory && i < HTTPD_UPLOADS_MAX; i++) {
		if (h->uploads_memory_used >> i & 1)
			continue;
		h->uploads_memory_used |= 1u << i;
		return i + 1;
	}
	return 0;
}

void httpd_body_late(struct httpd *h, struct httpd_conn *c)
{
	h->n.timeouts_body++;
	if (h->uploads[c->upload - 1].data)
		httpd_reply_late(h, c);
	else
		httpd_conn_finish(h, c);
}

static void httpd_body_continue(struct httpd *h, struct httpd_conn *c)
{
	static const char say[] = HTTP_CONTINUE;
	uint8_t *to = httpd_out_room(h, c, sizeof(say));

	if (!to)
		return; /* it will send its body sooner or later without (RFC 9110 §10.1.1) */
	mem_copy(to, say, sizeof(say) - 1);
	httpd_out_add(h, sizeof(say) - 1);
}

void httpd_body_begin(struct httpd *h, struct httpd_conn *c, const struct http_request *r,
		      bool keep)
{
	uint32_t memory = keep ? httpd_body_memory(h) : 0;
	struct httpd_upload *u;

	if (keep && !memory) {
		httpd_reply_error(h, c, r, 503, "too many request bodies at once; try again");
		return;
	}
	c->upload = HTTPD_TAKE(h->upload_slots, h->uploads);
	assert(c->upload);	/* one a connection */
	u = &h->uploads[c->upload - 1];
	*u = (struct httpd_upload){
		.memory = memory,
		.data = memory ? h->upload_memory + (memory - 1) * h->config.body_max : NULL,
	};
	http_body_init(&u->body, r, &h->http);
	http_response_init(&u->response, 200, r);
	c->state = HTTPD_BODY;
	c->deadline = h->tick + httpd_ticks(h, h->config.body_ms);
	if (keep && r->expect_continue)
		httpd_body_continue(h, c);
}

/* The body is complete: what was kept is the answer. */
static void httpd_body_end(struct httpd *h, struct httpd_conn *c)
{
	struct httpd_upload *u = &h->uploads[c->upload - 1];
	struct http_response p = u->response;
	uint32_t memory = u->memory;

	c->state = HTTPD_HEAD;
	c->deadline = h->tick + httpd_ticks(h, h->config.idle_ms);
	if (!u->data) {
		httpd_body_free(h, c);
		return;
	}
	p.has_length = true;
	p.content_length = u->len;
	p.content_type = HTTP_SLICE("application/octet-stream");
	httpd_reply_head(h, c, &p);
	httpd_access(h, c, "POST", HTTP_SLICE("/echo"), p.status, u->len);
	u->memory = 0;		/* the lend's now */
	if (u->len)
		httpd_lend_bytes(h, c, u->data, u->len, NULL, memory);
	else
		httpd_upload_memory_free(h, memory);
	httpd_body_free(h, c);
	if (p.close)
		httpd_conn_finish(h, c);
}

/* A body of no bytes ends without being taken in. */
void httpd_body_ready(struct httpd *h, struct httpd_conn *c)
{
	if (c->state == HTTPD_BODY && http_body_done(&h->uploads[c->upload - 1].body))
		httpd_body_end(h, c);
}

uint32_t httpd_take_body(struct httpd *h, struct httpd_conn *c, const uint8_t *p, uint32_t n)
{
	struct httpd_upload *u = &h->uploads[c->upload - 1];
	const uint8_t *at = p, *end = p + n;
	struct http_slice data;
	enum http_error err;

	do {
		err = http_body_take(&u->body, &at, end, &data);
		if (u->data && data.n) {
			assert(data.n <= h->config.body_max - u->len);	/* the decoder's bound */
			mem_copy(u->data + u->len, data.p, data.n);
			u->len += (uint32_t)data.n;
		}
	} while (data.n);
	if (err == HTTP_OK)
		httpd_body_end(h, c);
	else if (err != HTTP_MORE && u->data)
		httpd_reply_refused(h, c, err);
	else if (err != HTTP_MORE)
		httpd_conn_finish(h, c);	/* it has its answer */
	return (uint32_t)(at - p);
}
