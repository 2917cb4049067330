/* What the tree and the archive say to each other. */
#ifndef APPS_RAMFS_RAMFS_INT_H
#define APPS_RAMFS_RAMFS_INT_H

#include "apps/ramfs/ramfs.h"
#include "base/assert.h"
#include "base/err.h"
#include "base/mem.h"

struct ramfs_node {
	const uint8_t *data;
	uint64_t size, mtime_ns, id;
	uint32_t next;		/* 1 + index: of its bucket, or of the free ones */
	uint32_t readers;
	uint32_t beneath;	/* a folder's: what lies right beneath it */
	bool used, folder;
	bool linked;		/* has its name; else it goes with its last reader */
	bool owned;		/* `data` came from get() */
	uint8_t path_n;
	char path[RAMFS_PATH_MAX];
};

uint32_t ramfs_buckets(uint32_t nodes);

/* A node of that name, in place of a file that has it; a folder that is there already is it. */
int ramfs_put_node(struct ramfs *fs, const char *path, bool folder, struct ramfs_node **out);

#endif
