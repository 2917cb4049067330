/* A directory tree as the server's files (apps/httpd/httpd_files.h).
 *
 * Nothing outside the directory can be reached: the kernel resolves each path beneath it, symbolic
 * links included.  Small files are read into memory; large ones are mapped, and a file that is cut
 * short while it is mapped costs its reader its connection, not the program:
 * docs/adr/0013-a-file-that-shrinks.md. */
#ifndef APPS_FILES_FILES_H
#define APPS_FILES_FILES_H

#include "apps/httpd/httpd_files.h"

#define FILES_READ_MAX (64u << 10)	/* bytes; larger files are mapped */
#define FILES_MAPS_MAX 1024u		/* mapped at once, of all trees */

struct files {
	struct httpd_files httpd;
	int dir;
	bool walk;	/* an old kernel without openat2(2): no symbolic links at all */
};

/* Opens a tree.  0, or a negative error number. */
int files_open(struct files *f, const char *dir);

/* Every blob is closed. */
void files_close(struct files *f);

#endif
