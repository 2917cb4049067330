/* Mapped files that may be cut short while they are read.
 *
 * Reading a mapping beyond the end of its file raises SIGBUS.  The handler puts zeros there, marks
 * the mapping as broken, and the reader goes on; whoever owns it looks at the mark before he trusts
 * what was read.  A SIGBUS anywhere else is as deadly as ever. */
#ifndef APPS_FILES_FILES_GUARD_H
#define APPS_FILES_FILES_GUARD_H

#include "base/types.h"

struct files_guard;

/* Installs the handler, once a process; 0 or a negative error number. */
int files_guard_init(void);

/* Maps `size` > 0 bytes of a file for reading; NULL: no memory, or FILES_MAPS_MAX. */
struct files_guard *files_guard_map(int fd, size_t size);
void files_guard_unmap(struct files_guard *g);

const uint8_t *files_guard_data(const struct files_guard *g);
bool files_guard_broken(const struct files_guard *g);

/* How often a mapping was found broken, of all. */
uint32_t files_guard_count(void);

#endif
