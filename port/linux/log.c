/* The log: a line on stderr, coloured by its level on a terminal (unless NO_COLOR is set). */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "port/port.h"

static const struct {
	const char *name, *color;
} log_levels[] = {
	[LOG_ERROR] = { "error", "\033[31m" },
	[LOG_WARN] = { "warning", "\033[33m" },
	[LOG_INFO] = { "info", "\033[32m" },
	[LOG_DEBUG] = { "debug", "\033[2m" },
};

void port_log(void *ctx, enum log_level level, const char *line)
{
	static int tty = -1;
	const char *name = log_levels[level].name;

	(void)ctx;
	if (tty < 0)
		tty = isatty(STDERR_FILENO) && !getenv("NO_COLOR");
	if (tty)
		fprintf(stderr, "%sleat: %s:\033[0m %s\n", log_levels[level].color, name, line);
	else
		fprintf(stderr, "leat: %s: %s\n", name, line);
}
