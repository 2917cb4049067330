/* What was believed and is not so: the last words name it. */
#include "base/assert.h"
#include "port/metal/metal.h"

void assert_fail(const char *file, int line, const char *what)
{
	metal_panic(NULL, "this should not have happened: %s (%s:%d)", what, file, line);
}
