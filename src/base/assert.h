/* What is believed, checked at run time in every build.
 *
 * An assertion is about ourselves: it must never depend on what a peer or a user of the door
 * controls (that is a drop reason or an error number).  One fact each. */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

#include "base/types.h"

/* Ends the program.  A weak definition here traps; a platform overrides it to print first. */
NORETURN COLD void assert_fail(const char *file, int line, const char *what);

#undef assert
#define assert(fact) (likely(fact) ? (void)0 : assert_fail(__FILE__, __LINE__, #fact))

#endif
