/* Logging of a stack: a bounded line, formatted here and handed to whoever listens. */
#include "base/core.h"

#include "base/fmt.h"

#define LOG_LINE_MAX 256	/* bytes with the NUL; what is longer is cut */

void core_log(struct core *core, enum log_level level, const char *format, ...)
{
	char line[LOG_LINE_MAX];
	va_list ap;

	if (!core->log)
		return;
	va_start(ap, format);
	fmt_v(line, sizeof(line), format, ap);
	va_end(ap);
	core->log(core->log_ctx, level, line);
}
