/* Feeding a request head, a body or a scan in pieces, and whether the answer stayed the same.
 *
 * For unit tests and fuzzers of http/.  Each piece, and what is gathered of them, ends at a guard
 * page, so that reading a byte too many stops there.  One input at a time; HTTP_CUT_MAX bytes at
 * most. */
#ifndef HELPER_HTTP_CUT_H
#define HELPER_HTTP_CUT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "http/http_body.h"
#include "http/http_request.h"

#define HTTP_CUT_MAX (64u << 10)

/* Ends the program: a test that goes on after this proves nothing. */
#define HTTP_CUT_CHECK(fact) \
	do { \
		if (!(fact)) { \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #fact); \
			abort(); \
		} \
	} while (0)

/* Place number `which` (0 or 1) for n bytes that end at a guard page; one at a time. */
static inline uint8_t *http_cut_guarded(unsigned which, size_t n)
{
	static uint8_t *end[2];

	HTTP_CUT_CHECK(n <= HTTP_CUT_MAX && which < 2);
	if (!end[which]) {
		uint8_t *p = mmap(NULL, HTTP_CUT_MAX + 4096, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		HTTP_CUT_CHECK(p != MAP_FAILED);
		HTTP_CUT_CHECK(mprotect(p + HTTP_CUT_MAX, 4096, PROT_NONE) == 0);
		end[which] = p + HTTP_CUT_MAX;
	}
	return end[which] - n;
}

static inline uint8_t *http_cut_piece(const void *p, size_t n)
{
	uint8_t *to = http_cut_guarded(0, n);

	if (n)
		memcpy(to, p, n);
	return to;
}

/* How long is the next piece, when `at` of n bytes have been fed? */
typedef size_t http_cut_fn(size_t at, size_t n, size_t arg);

static inline size_t http_cut_whole(size_t at, size_t n, size_t arg)
{
	return n - at;
}

/* Two pieces, the first of arg bytes. */
static inline size_t http_cut_once(size_t at, size_t n, size_t arg)
{
	return at < arg ? MIN(arg, n) - at : n - at;
}

/* Pieces of arg bytes. */
static inline size_t http_cut_every(size_t at, size_t n, size_t arg)
{
	return MIN(arg, n - at);
}

/* Feeds `text` in pieces; `r` stays readable until the next call.  *end gets the number of bytes
 * that were the head. */
static inline enum http_error http_cut_request(struct http_request *r, const struct http_conf *conf,
					       const void *text, size_t n, http_cut_fn *cut,
					       size_t arg, size_t *end)
{
	size_t size = MIN(n, HTTP_GATHER_MAX), at = 0, taken;
	struct http_gather g = { http_cut_guarded(1, size), (uint32_t)size, 0 };
	enum http_error err;

	http_request_init(r);
	do {
		size_t piece = cut(at, n, arg);

		err = http_request_feed(r, conf, &g, http_cut_piece((const char *)text + at, piece),
					piece, &taken);
		HTTP_CUT_CHECK(taken <= piece);
		HTTP_CUT_CHECK(err != HTTP_MORE || taken == piece);
		at += taken;
	} while (err == HTTP_MORE && at < n);
	*end = at;
	return err;
}

static inline void http_cut_same_request(const struct http_request *a, const struct http_request *b)
{
	HTTP_CUT_CHECK(a->head_len == b->head_len);
	HTTP_CUT_CHECK(a->seen == b->seen && a->repeated == b->repeated);
	HTTP_CUT_CHECK(a->content_length == b->content_length);
	HTTP_CUT_CHECK(memcmp(&a->method_name, &b->method_name, sizeof(a->method_name)) == 0);
	HTTP_CUT_CHECK(memcmp(&a->target, &b->target, sizeof(a->target)) == 0);
	HTTP_CUT_CHECK(memcmp(&a->authority, &b->authority, sizeof(a->authority)) == 0);
	HTTP_CUT_CHECK(memcmp(&a->path, &b->path, sizeof(a->path)) == 0);
	HTTP_CUT_CHECK(a->method == b->method && a->minor == b->minor);
	HTTP_CUT_CHECK(a->target_form == b->target_form && a->framing == b->framing);
	HTTP_CUT_CHECK(a->close == b->close && a->expect_continue == b->expect_continue);
	HTTP_CUT_CHECK(a->fields == b->fields);
	HTTP_CUT_CHECK(memcmp(a->field, b->field, a->fields * sizeof(a->field[0])) == 0);
	for (unsigned id = 0; id < HTTP_FIELD_N; id++)
		HTTP_CUT_CHECK(!(a->seen >> id & 1) || a->last[id] == b->last[id]);
}

/* Collects a body's bytes in `to` (at least n bytes); *end gets the number of bytes fed that were
 * the body with its framing. */
static inline enum http_error http_cut_body(const struct http_request *r,
					    const struct http_conf *conf, const void *text,
					    size_t n, http_cut_fn *cut, size_t arg, uint8_t *to,
					    size_t *to_len, size_t *end)
{
	enum http_error err = HTTP_MORE;
	struct http_body b;
	size_t at = 0;

	http_body_init(&b, r, conf);
	*to_len = 0;
	do {
		size_t piece = cut(at, n, arg);
		const uint8_t *first = http_cut_piece((const char *)text + at, piece), *p = first;
		struct http_slice data;

		do {
			err = http_body_take(&b, &p, first + piece, &data);
			memcpy(to + *to_len, data.p, data.n);
			*to_len += data.n;
		} while (data.n);
		at += (size_t)(p - first);
		HTTP_CUT_CHECK(err != HTTP_MORE || p == first + piece);
	} while (err == HTTP_MORE && at < n);
	*end = at;
	return err;
}

#endif
