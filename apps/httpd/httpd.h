/* An HTTP/1.1 server of static files on the door (leat/ring.h) and on nothing else.
 *
 * It has no clock, no files and no memory of its own: all three are handed in, so that the same
 * sources serve on any make of the ring, with an operating system or without.  Nothing is allocated
 * for a connection or a request; every table has a size that is known at the start.
 *
 * One thread: httpd_run() after each wait takes the completions there are and submits what they
 * bring about. */
#ifndef APPS_HTTPD_HTTPD_H
#define APPS_HTTPD_HTTPD_H

#include "leat/ring.h"

#include "apps/httpd/httpd_files.h"
#include "http/http_error.h"

struct httpd;

struct httpd_config {
	uint16_t port;
	uint32_t conns;		/* at once; one more, when none is idle, is told 503 */
	uint32_t files;		/* kept open between requests */
	uint64_t file_bytes;	/* of their contents kept in memory */
	uint32_t idle_ms;	/* a connection may be silent for so long between requests */
	uint32_t head_ms;	/* a request that was begun must be complete: else 408 */
	uint32_t body_ms;	/* the same for its body */
	/* nothing of a response may move for so long: docs/adr/0050-slow-readers.md */
	uint32_t stall_ms;
	uint64_t body_max;	/* bytes of a request body: else 413 */
	bool demo;		/* GET /probe, POST /echo, GET /whoami */
	bool connection_page;	/* GET /connection */
	const struct httpd_files *tree;
	nsec (*now)(void *ctx);
	uint64_t (*wall_seconds)(void *ctx);	/* since 1970, for Date */
	void (*access)(void *ctx, const char *line);	/* a line a request; NULL: none */
	void *ctx;
};

/* 1,024 connections, 1,024 files of 32 MiB, 30 s idle, 10 s a head, 60 s a body, 1 MiB of it, 5
 * minutes for a reader who pauses. */
void httpd_config_default(struct httpd_config *config);

struct httpd_counters {
	uint64_t conns, conns_most;	/* accepted; at once */
	uint64_t requests;		/* complete heads, and heads that were refused */
	uint64_t status[6];		/* responses by the first digit of their status */
	uint64_t out_bytes;		/* of responses, heads included */
	uint64_t lent_bytes;		/* of these: lent, not copied */
	uint64_t refused[HTTP_ERROR_N];	/* requests, by what was wrong with them */
	uint64_t timeouts_idle, timeouts_head, timeouts_body, timeouts_stall;
	uint64_t turned_away;		/* connections without room */
	uint64_t evicted;		/* idle connections closed to make room */
	uint64_t broken;		/* responses ended because their file had changed */
	uint64_t cut_off;		/* responses that httpd_abort() ended */
	uint64_t resets;		/* connections that ended by an error of the ring */
	uint64_t overload;		/* connections ended because a table was full */
	uint64_t file_hits, file_opens;
};

/* Bytes of memory for `config`. */
size_t httpd_bytes(const struct httpd_config *config);

/* Makes a server in `mem` (zeroed, cache aligned, httpd_bytes() long) and begins to listen. */
struct httpd *httpd_new(void *mem, const struct httpd_config *config, struct leat_ring *ring);

/* Takes all completions that wait. */
void httpd_run(struct httpd *h);

/* 1: it listens; 0: not yet; or the negative error number for which it cannot. */
int httpd_listens(const struct httpd *h);

/* No new connections and requests; those that are under way are finished. */
void httpd_stop(struct httpd *h);

/* Resets every connection. */
void httpd_abort(struct httpd *h);

/* Stopped, every connection closed, and all lent memory returned. */
bool httpd_ended(const struct httpd *h);

/* After httpd_ended(), or after the ring is gone: closes the files. */
void httpd_fini(struct httpd *h);

const struct httpd_counters *httpd_counters(const struct httpd *h);

/* Bytes that a connection between two requests takes here. */
size_t httpd_conn_bytes(void);

#endif
