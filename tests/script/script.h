/* A packet script as data: what a .pkt file says, line by line.  The grammar is in README.md.
 *
 * parse.c makes it from text, play.c plays it, text.c writes segments back in the grammar's
 * words. */
#ifndef SCRIPT_SCRIPT_H
#define SCRIPT_SCRIPT_H

#include "helper/seg.h"
#include "net/net.h"

#define SCRIPT_EVENTS_MAX 1024u
#define SCRIPT_ARGS_MAX 6u
#define SCRIPT_TEXT_MAX 512u
#define SCRIPT_WORD_MAX 32u

enum when_kind { WHEN_AT, WHEN_RANGE, WHEN_ANY };

struct when {
	enum when_kind kind;
	bool relative;			/* to the event before */
	nsec from, to;			/* to: of WHEN_RANGE */
	bool blocks;			/* a call that may take until `end` */
	nsec end;
};

enum event_kind { EVENT_IN, EVENT_OUT, EVENT_CALL, EVENT_ASSERT };

/* A segment as written; what was left out is not compared (or is filled in). */
struct spec {
	struct seg seg;			/* seq and ack relative, as written */
	bool has_ports, has_ack, has_win, has_opts, any_opts, any_ts_val, any_ts_ecr, any_seq,
		from_set;
	bool mtu_given;
	/* ICMP: which of our segments it quotes */
	bool quotes;
	uint32_t quote_seq, quote_len;
};

enum arg_kind { ARG_ANY, ARG_NUMBER, ARG_WORD };

struct arg {
	enum arg_kind kind;
	int64_t number;			/* also of the first number inside brackets or braces */
	char word[4 * SCRIPT_WORD_MAX];	/* as written; words joined by '|' */
};

struct call {
	char name[SCRIPT_WORD_MAX];
	struct arg args[SCRIPT_ARGS_MAX];
	unsigned args_n;
	bool any_result;
	int64_t result;			/* negative error number when err[0] */
	char err[SCRIPT_WORD_MAX];
};

enum relation { REL_EQ, REL_NE, REL_LT, REL_LE, REL_GT, REL_GE };

struct claim {				/* assert */
	int fd;				/* -1: the script's connection */
	char what[SCRIPT_WORD_MAX];
	char name[SCRIPT_WORD_MAX];	/* of a drop reason or a counter */
	enum relation rel;
	int64_t value;
	char word[SCRIPT_WORD_MAX];	/* the value when it is not a number: a state */
};

struct event {
	unsigned line;
	struct when when;
	enum event_kind kind;
	union {
		struct spec spec;
		struct call call;
		struct claim claim;
	};
};

struct script {
	const char *path;
	struct net_config config;
	uint16_t mtu;
	nsec tolerance;			/* how late an expected segment may be */
	uint32_t remote_isn;		/* what the script calls 0 in the peer's sequence space */
	struct event *events;
	unsigned n;
	/* what went wrong, "path:line: ..." */
	char error[4 * SCRIPT_TEXT_MAX];
};

/* Fills *s, whose events the caller frees with script_free(); false with s->error set. */
bool script_parse(struct script *s, const char *path, const char *text);
void script_free(struct script *s);

/* Plays it; false with s->error set.  `verbose` prints what happens as it happens. */
bool script_play(struct script *s, bool verbose);

/* A segment in the grammar's words.  `connection_ports`: leave the ports out. */
void script_text(char *to, size_t size, const struct seg *s, bool with_ports);

/* The name of an error number ("EPIPE"), or NULL; and back, 0 when unknown. */
const char *script_error_name(int err);
int script_error_number(const char *name);

/* Sets one key of the header's `set`; false when there is no such key or the value makes no
 * sense. */
bool script_set(struct script *s, const char *key, const char *value);

#endif
