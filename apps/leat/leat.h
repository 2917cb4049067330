/* The program `leat`: its subcommands, and how they read their options. */
#ifndef APPS_LEAT_LEAT_H
#define APPS_LEAT_LEAT_H

#include "leat/leat.h"

#include "base/types.h"

enum {
	LEAT_EXIT_OK = 0,
	LEAT_EXIT_FAILED = 1,	/* it was asked for rightly, and could not be done */
	LEAT_EXIT_USAGE = 2,	/* it was asked for wrongly */
};

struct leat_command {
	const char *name, *what;	/* what: a line */
	const char *usage;		/* what `leat help NAME` says */
	int (*run)(int argc, char **argv);	/* argv[0] is the subcommand's name */
};

extern const struct leat_command leat_bench;
extern const struct leat_command leat_bulk;
extern const struct leat_command leat_ping, leat_arp, leat_route, leat_ip;
extern const struct leat_command leat_frames;
extern const struct leat_command leat_net;
extern const struct leat_command leat_serve;
extern const struct leat_command leat_wire;

enum leat_option_kind {
	LEAT_OPTION_FLAG,
	LEAT_OPTION_TEXT,
	LEAT_OPTION_NUMBER,
	LEAT_OPTION_SECONDS
};

struct leat_option {
	const char *name;	/* without the two hyphens */
	char letter;		/* 0: none */
	enum leat_option_kind kind;
	void *to; /* bool, const char *, uint32_t; seconds: uint32_t of milliseconds */
	uint32_t min, max;	/* of numbers and milliseconds */
};

/* Reads options up to option.name == NULL, and at most `most` other words into `words`.  Returns
 * how many of these, or -1 after a line on stderr. */
int leat_options_read(const char *command, const struct leat_option *options, int argc, char **argv,
		      const char **words, int most);

/* Numbers with units: "1%" or "0.01" in parts per million, "20ms", "100mbit", "64k".  False: it is
 * none. */
bool leat_unit_ppm(const char *text, uint32_t *ppm);
bool leat_unit_time(const char *text, nsec *out);
bool leat_unit_rate(const char *text, uint64_t *bits_a_second);
bool leat_unit_bytes(const char *text, uint32_t *out);

/* LEAT_EXIT_OK when --net was typed rightly; else LEAT_EXIT_USAGE, after a line on stderr. */
int leat_net_check(const char *command, const char *spec);

/* A stack on a link with everything else as it is by default; NULL after a line on stderr. */
struct leat_ring *leat_stack_open(const char *command, const char *net);

/* The same of --poll. */
int leat_poll_mode(const char *command, const char *text, enum leat_poll_mode *mode);

#endif
