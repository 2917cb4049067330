/* Files in memory, as the server's files (apps/httpd/httpd_files.h): those of an archive, and those
 * that are made later.
 *
 * Names are whole paths without empty, "." and ".." segments.  What an archive holds stays where it
 * lies; what is created is copied.  A file that is removed while somebody reads it stays until the
 * last reader is done.
 *
 * Always: every name is there once; every folder of a name is there, too; bytes of a file never
 * change (writing it again makes another file of the same name). */
#ifndef APPS_RAMFS_RAMFS_H
#define APPS_RAMFS_RAMFS_H

#include "apps/httpd/httpd_files.h"

#define RAMFS_PATH_MAX 200u	/* bytes of a path with its NUL */

struct ramfs_node;

struct ramfs {
	struct httpd_files httpd;
	struct ramfs_node *nodes;
	uint32_t nodes_n;
	uint32_t *buckets;	/* 1 + index of the first node */
	uint32_t buckets_mask;
	uint32_t free;		/* 1 + index, linked */
	uint32_t files, folders;
	uint64_t next_id;
	/* where created files lie; NULL: none can be created */
	void *(*get)(void *ctx, size_t bytes);
	void (*put)(void *ctx, void *mem, size_t bytes);
	void *ctx;
};

/* Bytes of memory for so many files and folders. */
size_t ramfs_bytes(uint32_t nodes);

/* An empty tree in `mem` (zeroed, cache aligned).  `get` and `put` are set by its owner. */
void ramfs_init(struct ramfs *fs, uint32_t nodes, void *mem);

/* The files of a tar archive (POSIX ustar, GNU's long names), which must stay where it is.  Returns
 * how many there were, or -E_PROTO: it is none or is damaged, -E_NOSPC: too many. */
int ramfs_tar(struct ramfs *fs, const void *archive, size_t bytes);

/* Files and folders that ramfs_tar() would find: what ramfs_bytes() wants to know. */
uint32_t ramfs_tar_count(const void *archive, size_t bytes);

/* A file with a copy of these bytes, in place of one that has the name.  0, -E_NOSPC, -E_NOMEM,
 * -E_INVAL (a name that cannot be), -E_EXIST (it is a folder), -E_NOENT (a part of its path is a
 * file). */
int ramfs_create(struct ramfs *fs, const char *path, const void *data, size_t bytes,
		 uint64_t mtime_ns);

/* Gives a file another name, in place of a file that has it.  0, -E_NOENT, -E_EXIST, ... */
int ramfs_rename(struct ramfs *fs, const char *from, const char *to);

/* Removes a file, or a folder that is empty.  0, -E_NOENT, -E_BUSY (not empty). */
int ramfs_unlink(struct ramfs *fs, const char *path);

void ramfs_check(const struct ramfs *fs);

#endif
