/* What the files of the server say to each other.
 *
 *	httpd.c		start and end, completions, accepting, time
 *	httpd_conn.c	a connection: what comes in, when it waits, how it ends
 *	httpd_send.c	what goes out: copied bytes, lent bytes, the end of a guarded file
 *	httpd_body.c	a request's body
 *	httpd_reply.c	from a request to a response: routes, static files, errors
 *	httpd_demo.c	the handlers for tests, and the page about the visitor's connection
 *	httpd_cache.c	files kept open
 *
 * Indices into the tables are kept as 1 + index, so that 0 is none. */
#ifndef APPS_HTTPD_HTTPD_INT_H
#define APPS_HTTPD_HTTPD_INT_H

#include "apps/httpd/httpd.h"
#include "base/assert.h"
#include "base/err.h"
#include "base/fmt.h"
#include "base/list.h"
#include "base/mem.h"
#include "http/http_body.h"
#include "http/http_condition.h"
#include "http/http_date.h"
#include "http/http_mime.h"
#include "http/http_path.h"
#include "http/http_request.h"
#include "http/http_response.h"

#define HTTPD_CONNS_SPARE 32u	/* beyond config.conns: those that are told 503, those that end */
#define HTTPD_OUT_SIZE 8192u	/* bytes of responses that are copied, before they are sent */
#define HTTPD_OUTS_MAX 3u	/* such buffers a connection may hold */
#define HTTPD_LENDS_MAX 32u	/* lent pieces of a connection that are not yet acknowledged */
#define HTTPD_HEAD_SIZE 1024u	/* a response's head and a small page fit in this */
#define HTTPD_COPY_MAX 1024u	/* bodies that go with their head: docs/adr/0015-small-bodies.md */
#define HTTPD_HOLD_MAX 32u	/* buffers kept of a connection that waits; then it stops */
#define HTTPD_HOLDS_LEAST 2048u	/* what was on its way by then is kept too: a window of buffers */
#define HTTPD_TAIL 1024u /* bytes of a guarded file that are held back until the rest is in */
#define HTTPD_PATH_MAX 1024u	/* bytes of a file's path with its NUL: else 414 */
#define HTTPD_FIELDS_MAX 320u	/* bytes of a file's own header fields */
#define HTTPD_UPLOADS_MAX 16u	/* bodies for /echo at once: else 503 */
#define HTTPD_LINGER_MS 2000u	/* how long a peer may take to see that we are done */
#define HTTPD_LINGER_BYTES (256u << 10)	/* and how much it may still send */
#define HTTPD_FRESH MSEC(10)	/* a cached file is believed for so long without a look */
#define HTTPD_BATCH 64u		/* completions taken before they are given back to the ring */
#define HTTPD_BACKLOG 1024u

/* The free slots of a table: those that were given back, the warmest on top, then those that were
 * never used, whose memory is not touched before. */
struct httpd_slots {
	uint32_t free;		/* 1 + index */
	uint32_t fresh;		/* slots below it were used */
	uint32_t n;
};

static inline bool httpd_slots_any(const struct httpd_slots *s)
{
	return s->free || s->fresh < s->n;
}

/* `link`: the member of the table's first entry that links free ones; entries are `size` apart. */
static inline uint32_t httpd_slot_take(struct httpd_slots *s, const uint32_t *link, size_t size)
{
	uint32_t slot = s->free;

	if (!slot)
		return s->fresh < s->n ? ++s->fresh : 0;
	s->free = *(const uint32_t *)((const char *)link + (slot - 1) * size);
	return slot;
}

static inline void httpd_slot_give(struct httpd_slots *s, uint32_t *link, size_t size,
				   uint32_t slot)
{
	*(uint32_t *)((char *)link + (slot - 1) * size) = s->free;
	s->free = slot;
}

/* 1 + index of a free entry, or 0. */
#define HTTPD_TAKE(slots, table) \
	httpd_slot_take(&(slots), &(table)->next_free, sizeof(*(table)))
#define HTTPD_GIVE(slots, table, slot) \
	httpd_slot_give(&(slots), &(table)->next_free, sizeof(*(table)), slot)

enum httpd_state {
	HTTPD_FREE,
	HTTPD_HEAD,	/* between requests, or in the middle of a head */
	HTTPD_BODY,	/* a request's body is coming in */
	HTTPD_FILE,	/* a guarded file is going out; the next request waits */
	HTTPD_LINGER,	/* we are done; what still comes is thrown away until the peer is done */
	HTTPD_CLOSING,	/* CLOSE is submitted */
};

enum httpd_flags {
	HTTPD_F_RECV = 1 << 0, /* RECV is pending */
	HTTPD_F_EOF = 1 << 1, /* the peer will send no more */
	HTTPD_F_LAST = 1 << 2, /* no more requests: close behind what is queued */
	HTTPD_F_WAITS = 1 << 3, /* input is held until output has made room */
	HTTPD_F_STOPPED = 1 << 4, /* RECV was cancelled because too much is held */
	HTTPD_F_UNSAID = 1 << 5, /* CLOSE could not be submitted yet */
	HTTPD_F_MOVED = 1 << 6, /* something was taken or acknowledged since we looked last */
};

struct httpd_conn {
	int32_t fd;
	uint32_t gen;		/* counts the lives of this slot: for completions that come late */
	uint32_t deadline;	/* in ticks */
	uint32_t seen;		/* bytes queued when progress was last looked at */
	uint32_t partial;	/* a head in pieces */
	uint32_t upload;	/* a body */
	uint32_t held_first, held_last;
	struct httpd_file *file;	/* HTTPD_FILE */
	uint16_t held_n;
	uint16_t held_at;	/* bytes of the first held buffer that are used up */
	uint8_t state;		/* enum httpd_state */
	uint8_t flags;		/* enum httpd_flags */
	uint8_t outs, lends;
	uint32_t next_free;
	uint32_t requests;
	uint32_t thrown;	/* bytes received while lingering */
	uint32_t spare;
};
static_assert(sizeof(struct httpd_conn) == 64, "one cache line between two requests");

/* A head that did not come in one piece.  One is always ready: the parser starts in it. */
struct httpd_partial {
	struct http_request r;
	struct http_gather g;
	uint32_t next_free;
	uint8_t buf[HTTP_GATHER_MAX];
};

/* A request body: decoded into `data` (/echo), or thrown away. */
struct httpd_upload {
	struct http_body body;
	struct http_response response;	/* to what was kept */
	uint8_t *data;		/* NULL: thrown away, the response is out */
	uint32_t len, memory;	/* memory: 1 + index of the buffer */
	uint32_t next_free;
};

/* Bytes to send that were copied: one or several responses, submitted in one or several parts. */
struct httpd_out {
	uint32_t conn, gen;
	uint32_t refs;		/* sends not yet completed, and one while it is being filled */
	uint32_t len, sent;	/* filled; of these submitted */
	uint32_t next_free;
	uint8_t bytes[HTTPD_OUT_SIZE - 24];
};
static_assert(sizeof(struct httpd_out) == HTTPD_OUT_SIZE, "a power of two");

/* Bytes that are lent, until the stack gives them back. */
struct httpd_lend {
	uint32_t conn, gen;
	struct httpd_file *file;	/* whose they are; or */
	uint64_t end;		/* guarded: where in the file they end; else 0 */
	uint32_t upload_memory;	/* ... 1 + index of an upload's buffer */
	uint32_t next_free;
};

/* A received buffer that could not be used yet. */
struct httpd_hold {
	struct leat_cqe cqe;
	uint32_t next;
	uint32_t next_free;
};

struct httpd_file {
	struct httpd_blob blob;
	struct list hash_node;
	nsec checked;
	uint32_t refs;		/* the cache's own not counted */
	uint16_t path_len;
	uint16_t fields_len;
	uint16_t validators_len;	/* of these: without Content-Type, for 304 */
	uint8_t etag_len;
	bool cached;		/* can be found; else it goes with its last reference */
	bool used;		/* since the hand of the clock came by */
	uint8_t etag[HTTP_ETAG_MAX];
	uint8_t fields[HTTPD_FIELDS_MAX];	/* Last-Modified, ETag, Content-Type: whole lines */
	char path[HTTPD_PATH_MAX];
};

struct httpd {
	struct httpd_config config;
	struct http_conf http;
	struct leat_ring *ring;
	int32_t listener;
	int listens;		/* see httpd_listens() */
	struct leat_addr bind;
	bool accepting, stopping, ticking;

	/* tables and their free lists */
	struct httpd_conn *conns;
	struct httpd_partial *partials;
	struct httpd_upload *uploads;
	struct httpd_out *outs;
	struct httpd_lend *lends;
	struct httpd_hold *holds;
	struct httpd_file *files;
	struct list *file_hash;
	uint8_t *upload_memory;
	struct httpd_slots conn_slots, partial_slots, upload_slots, out_slots, lend_slots,
		hold_slots;
	uint32_t conns_used, lends_used;
	uint32_t uploads_memory_used;	/* bit set */
	uint32_t file_hash_mask, file_hand, evict_hand;
	uint64_t file_bytes;
	uint32_t broken_seen;

	/* this moment */
	nsec now;
	uint32_t tick, tick_ms;
	uint64_t wall_s;
	struct http_date date;
	uint32_t spare;		/* the partial that the parser starts in */
	uint32_t out;		/* the buffer that is being filled, for the connection at hand */
	char path[HTTPD_PATH_MAX];
	struct httpd_counters n;
};

/* Which operation a completion answers: what << 60 | index << 32 | argument. */
enum httpd_what {
	HTTPD_SOCKET, HTTPD_BIND, HTTPD_LISTEN, HTTPD_ACCEPT, HTTPD_TICK, HTTPD_RECV, HTTPD_SEND,
	HTTPD_LEND, HTTPD_CLOSE, HTTPD_IGNORED,
};

static inline uint64_t httpd_tag(enum httpd_what what, uint32_t index, uint32_t argument)
{
	return (uint64_t)what << 60 | (uint64_t)index << 32 | argument;
}

static inline uint32_t httpd_conn_index(const struct httpd *h, const struct httpd_conn *c)
{
	return (uint32_t)(c - h->conns);
}

static inline bool httpd_conn_busy(const struct httpd_conn *c)
{
	return c->lends || c->outs || c->partial || c->state == HTTPD_BODY ||
	       c->state == HTTPD_FILE;
}

static inline uint32_t httpd_ticks(const struct httpd *h, uint32_t ms)
{
	return ms / h->tick_ms + 1;
}

/* httpd.c */
int httpd_submit(struct httpd *h, const struct leat_sqe *sqe);
void httpd_tick_on(struct httpd *h);

/* httpd_conn.c */
struct httpd_conn *httpd_conn_new(struct httpd *h, int32_t fd);
uint32_t httpd_partial_new(struct httpd *h);	/* 1 + index */
void httpd_conn_start(struct httpd *h, struct httpd_conn *c);	/* begins to receive */
void httpd_conn_recv(struct httpd *h, struct httpd_conn *c, const struct leat_cqe *cqe);
void httpd_conn_resume(struct httpd *h, struct httpd_conn *c);	/* output has made room */
void httpd_conn_finish(struct httpd *h,
		       struct httpd_conn *c); /* no more requests: ends in its time */
void httpd_conn_close(struct httpd *h, struct httpd_conn *c);
void httpd_conn_reset(struct httpd *h, struct httpd_conn *c);
void httpd_conn_closed(struct httpd *h, struct httpd_conn *c);
void httpd_conn_tick(struct httpd *h, struct httpd_conn *c);

/* httpd_body.c */
void httpd_body_begin(struct httpd *h, struct httpd_conn *c, const struct http_request *r,
		      bool keep);
void httpd_body_ready(struct httpd *h, struct httpd_conn *c);
uint32_t httpd_take_body(struct httpd *h, struct httpd_conn *c, const uint8_t *p, uint32_t n);
void httpd_body_late(struct httpd *h, struct httpd_conn *c);	/* it does not come */
void httpd_body_free(struct httpd *h, struct httpd_conn *c);

/* httpd_send.c: between two calls of httpd_out_room() the buffer stays where it is. */
uint8_t *httpd_out_room(struct httpd *h, struct httpd_conn *c, uint32_t n); /* NULL: none left */
void httpd_out_add(struct httpd *h, uint32_t n);
void httpd_out_submit(struct httpd *h, struct httpd_conn *c, bool more);
void httpd_out_done(struct httpd *h, struct httpd_conn *c);	/* no more for now: submits all */
void httpd_lend_bytes(struct httpd *h, struct httpd_conn *c, const uint8_t *p, uint32_t n,
		      struct httpd_file *file, uint32_t upload_memory);
void httpd_send_file(struct httpd *h, struct httpd_conn *c, struct httpd_file *f);
void httpd_sent(struct httpd *h, uint32_t out, uint32_t len, const struct leat_cqe *cqe);
void httpd_lent(struct httpd *h, uint32_t lend, uint32_t len, const struct leat_cqe *cqe);
void httpd_upload_memory_free(struct httpd *h, uint32_t memory);

/* httpd_reply.c: all of them leave the connection in the state in which it goes on. */
void httpd_reply(struct httpd *h, struct httpd_conn *c, const struct http_request *r);
void httpd_access(struct httpd *h, struct httpd_conn *c, const char *method,
		  struct http_slice target, unsigned status, uint64_t bytes);
void httpd_reply_error(struct httpd *h, struct httpd_conn *c, const struct http_request *r,
		       unsigned status, const char *why);
void httpd_reply_late(struct httpd *h, struct httpd_conn *c);	/* 408 */
void httpd_reply_head(struct httpd *h, struct httpd_conn *c, const struct http_response *p);
void httpd_reply_allow(struct httpd *h, struct httpd_conn *c, const struct http_request *r,
		       struct http_slice allow);
void httpd_reply_text(struct httpd *h, struct httpd_conn *c, const struct http_request *r,
		      struct http_slice type, struct http_slice text);
void httpd_reply_refused(struct httpd *h, struct httpd_conn *c, enum http_error error);

/* httpd_demo.c: true when the path is a handler's, and answered. */
bool httpd_demo(struct httpd *h, struct httpd_conn *c, const struct http_request *r,
		struct http_slice path);


/* httpd_cache.c: FOUND comes with a reference. */
void httpd_cache_init(struct httpd *h);
void httpd_cache_fini(struct httpd *h);
enum httpd_found httpd_cache_get(struct httpd *h, const char *path, size_t len,
				 struct httpd_file **out);
void httpd_cache_put(struct httpd *h, struct httpd_file *f);

#endif
