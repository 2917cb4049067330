/* The assertion of last resort: traps, so that a debugger or a core file shows the place.
 *
 * Weak, so that a platform which can print says first what was believed. */
#include "base/assert.h"

__attribute__((weak)) NORETURN COLD void assert_fail(const char *file, int line, const char *what)
{
	(void)file;
	(void)line;
	(void)what;
	__builtin_trap();
}
