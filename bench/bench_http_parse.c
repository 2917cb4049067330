/* What a request costs: its head, its path, and the head of the answer.
 *
 * 2048 distinct requests, in turn, as browsers, tools and load generators send them: a parser that
 * sees one request again and again teaches the branch predictor its length by heart. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "bench/bench.h"
#include "http/http_path.h"
#include "http/http_response.h"

#define REQUESTS 2048
#define BYTES_MAX 2048

struct requests {
	struct {
		uint16_t len;
		uint8_t bytes[BYTES_MAX];
	} r[REQUESTS];
	struct http_conf conf;
};

struct writer {
	char *at, *end;
	struct prng *chance;
};

static void add(struct writer *w, const char *text)
{
	size_t n = strlen(text);

	bench_need(n < (size_t)(w->end - w->at), "a request fits its place");
	memcpy(w->at, text, n);
	w->at += n;
}

static void add_word(struct writer *w, unsigned min, unsigned max)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
	char word[256] = "";

	for (unsigned i = 0, n = min + prng_below(w->chance, max - min + 1); i < n; i++)
		word[i] = letters[prng_below(w->chance, sizeof(letters) - 1)];
	add(w, word);
}

/* Adds it with a chance of `of` - 1 in `of`; always if 0. */
static void add_often(struct writer *w, unsigned of, const char *text)
{
	if (!of || prng_below(w->chance, of))
		add(w, text);
}

static void add_line(struct writer *w)
{
	add(w, "GET ");
	for (unsigned i = 0, n = 1 + prng_below(w->chance, 4); i < n; i++) {
		add(w, "/");
		add_word(w, 1, 12);
	}
	if (prng_below(w->chance, 3) == 0) {
		add(w, "?id=");
		add_word(w, 1, 30);
	}
	add(w, " HTTP/1.1\r\nHost: ");
	add_word(w, 4, 14);
	add(w, ".example\r\n");
}

static void add_load_generator(struct writer *w)
{
	add_line(w);
}

static void add_tool(struct writer *w)
{
	add_line(w);
	add(w, "User-Agent: curl/8.");
	add_word(w, 1, 3);
	add(w, "\r\nAccept: */*\r\n");
	if (prng_below(w->chance, 2)) {
		add(w, "X-Request-Id: ");
		add_word(w, 16, 36);
		add(w, "\r\n");
	}
	if (prng_below(w->chance, 2)) {
		add(w, "Authorization: Bearer ");
		add_word(w, 30, 80);
		add(w, "\r\n");
	}
}

static void add_browser(struct writer *w)
{
	static const char *const lines[] = {
		("User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 "
		 "Firefox/128.0\r\n"),
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n",
		"Accept-Language: en-US,en;q=0.5\r\n",
		"Accept-Encoding: gzip, deflate, br, zstd\r\n",
		"DNT: 1\r\n",
		"Connection: keep-alive\r\n",
		"Upgrade-Insecure-Requests: 1\r\n",
		"Sec-Fetch-Dest: document\r\n",
		"Sec-Fetch-Mode: navigate\r\n",
		"Sec-Fetch-Site: same-origin\r\n",
		"Priority: u=0, i\r\n",
		"Cache-Control: max-age=0\r\n",
		"If-None-Match: \"5f3c1-264-61a2b3c4d5e6f\"\r\n",
		"If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
	};

	add_line(w);
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		add_often(w, 4, lines[i]);
	if (prng_below(w->chance, 2)) {
		add(w, "Referer: http://");
		add_word(w, 4, 40);
		add(w, "/\r\n");
	}
	if (prng_below(w->chance, 2)) {
		add(w, "Cookie: session=");
		add_word(w, 16, 120);
		add(w, "\r\n");
	}
}

static void add_any(struct writer *w)
{
	if (prng_below(w->chance, 2))
		add_tool(w);
	else
		add_browser(w);
}

static struct requests *make(void (*add_request)(struct writer *w))
{
	struct requests *q = calloc(1, sizeof(*q));
	struct prng chance;

	bench_need(q != NULL, "there is memory for the requests");
	http_conf_init(&q->conf);
	prng_seed(&chance, 1);
	for (unsigned i = 0; i < REQUESTS; i++) {
		char *start = (char *)q->r[i].bytes;
		struct writer w = { start, start + BYTES_MAX, &chance };

		add_request(&w);
		add(&w, "\r\n");
		q->r[i].len = (uint16_t)(w.at - start);
	}
	return q;
}

static void parse(const struct requests *q, uint64_t n)
{
	static struct http_request r;
	unsigned wrong = 0;

	for (uint64_t i = 0; i < n; i++) {
		http_request_init(&r);
		wrong += http_request_parse(&r, &q->conf, q->r[i % REQUESTS].bytes,
					    q->r[i % REQUESTS].len) != HTTP_OK;
	}
	bench_need(!wrong, "each request is parsed");
}

static void parse_load_generator(uint64_t n)
{
	static struct requests *q;

	q = q ? q : make(add_load_generator);
	parse(q, n);
}

static void parse_tool(uint64_t n)
{
	static struct requests *q;

	q = q ? q : make(add_tool);
	parse(q, n);
}

static void parse_browser(uint64_t n)
{
	static struct requests *q;

	q = q ? q : make(add_browser);
	parse(q, n);
}

static void parse_any(uint64_t n)
{
	static struct requests *q;

	q = q ? q : make(add_any);
	parse(q, n);
}

static void resolve(uint64_t n)
{
	static struct http_request r[REQUESTS];
	static struct requests *q;
	unsigned wrong = 0;

	for (unsigned i = 0; i < REQUESTS && !r[i].head_len; i++) {
		q = q ? q : make(add_load_generator);
		http_request_init(&r[i]);
		http_request_parse(&r[i], &q->conf, q->r[i].bytes, q->r[i].len);
	}
	for (uint64_t i = 0; i < n; i++) {
		const struct http_request *one = &r[i % REQUESTS];
		struct http_path path;
		char buf[512];

		wrong += http_path_resolve(&path, buf, sizeof(buf),
					   http_request_slice(one, one->path)) != HTTP_OK;
	}
	bench_need(!wrong, "each path is resolved");
}

static void respond(uint64_t n)
{
	struct http_response p = {
		.status = 200, .has_length = true,
		.date = HTTP_SLICE("Sun, 06 Nov 1994 08:49:37 GMT"),
		.last_modified = HTTP_SLICE("Sun, 06 Nov 1994 08:49:37 GMT"),
		.content_type = HTTP_SLICE("text/html; charset=utf-8"),
		.etag = HTTP_SLICE("\"5f3c1-264-61a2b3c4d5e6f\""),
	};
	uint8_t buf[1024];
	struct http_out out;

	for (uint64_t i = 0; i < n; i++) {
		p.content_length = i % 10000;
		http_out_init(&out, buf, sizeof(buf));
		http_response_head(&out, &p);
		bench_need(!out.failed, "each head fits");
	}
}

#define CASE(id, text, function) \
	extern const struct bench bench_##id; \
	const struct bench bench_##id = { .name = #id, .what = text, .run = function, .n = 100000 }

CASE(http_parse_min, "request head of 67 bytes: line and Host", parse_load_generator);
CASE(http_parse_tool, "request head of 165 bytes, 4 fields, as of curl", parse_tool);
CASE(http_parse_browser, "request head of 511 bytes, 13 fields, as of a browser", parse_browser);
CASE(http_parse_any, "request head, the last two mixed", parse_any);
CASE(http_path, "path of a request resolved", resolve);
CASE(http_response, "head of a response with seven fields", respond);
