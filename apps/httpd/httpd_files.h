/* Where the server's files come from: a directory tree, an archive inside a boot image, a test.
 *
 * A blob is the bytes of one file, in memory for as long as it is open.  Its bytes are lent to the
 * stack and read again by each retransmission.  When that memory is the file itself (mapped), the
 * file may change under it: such a blob is `guarded`, and its owner asks intact() before it lets a
 * client believe that it got all of it. */
#ifndef APPS_HTTPD_HTTPD_FILES_H
#define APPS_HTTPD_HTTPD_FILES_H

#include "base/types.h"

enum httpd_found {
	HTTPD_FOUND,
	HTTPD_NOT_FOUND,
	HTTPD_IS_DIR,
	HTTPD_FORBIDDEN,	/* not readable, not a file, or a link that leads out */
	HTTPD_BUSY,		/* out of memory or descriptors: later, perhaps */
};

struct httpd_blob {
	const uint8_t *data;
	uint64_t size;
	uint64_t mtime_ns;	/* since 1970 */
	uint64_t id;		/* another file of the same name has another: an inode */
	bool guarded;
	void *handle;		/* whoever opened it knows what */
};

struct httpd_files {
	/* `path` is relative, without empty, "." and ".." segments, ends with a NUL, and is never
	 * "": the root is ".".  Must not lead out, whatever links there are. */
	enum httpd_found (*open)(void *ctx, const char *path, struct httpd_blob *out);
	/* Does opening the path again give the same? */
	bool (*fresh)(void *ctx, const char *path, const struct httpd_blob *blob);
	/* Guarded: is every byte of it still what it was when it was opened? */
	bool (*intact)(void *ctx, const struct httpd_blob *blob);
	void (*close)(void *ctx, struct httpd_blob *blob);
	/* Grows when a blob has just been found broken while it was read; cheap. */
	uint32_t (*broken)(void *ctx);
	void *ctx;
};

#endif
