/* Formatting into a bounded buffer, without <stdio.h>.
 *
 * Understands %d %i %u %x %X %c %s %p %% with 0, -, width, .precision, * and h l ll z, and of our
 * own %pI (a struct addr), %pM (a struct mac), each by pointer.  Always ends with NUL when size >
 * 0; returns the length that it wanted, as snprintf(3). */
#ifndef BASE_FMT_H
#define BASE_FMT_H

#include <stdarg.h>

#include "base/addr.h"

int fmt(char *to, size_t size, const char *format, ...);
int fmt_v(char *to, size_t size, const char *format, va_list ap);

/* Parses dotted-quad IPv4 or RFC 4291 IPv6 text; false when it is neither. */
bool fmt_parse_addr(struct addr *out, const char *text);

#endif
