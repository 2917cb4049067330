/* The tree of files in memory: see ramfs.h.
 *
 * A node a file or folder, found by a hash of its whole path; a folder knows only how many lie
 * right beneath it, so that an empty one can be told. */
#include "apps/ramfs/ramfs_int.h"

size_t ramfs_bytes(uint32_t nodes)
{
	return sizeof(struct ramfs_node) * nodes + sizeof(uint32_t) * ramfs_buckets(nodes);
}

uint32_t ramfs_buckets(uint32_t nodes)
{
	uint32_t n = 16;

	while (n < nodes)
		n *= 2;
	return n;
}

/* ---- finding */

static uint32_t *bucket(const struct ramfs *fs, const char *path, size_t n)
{
	uint64_t hash = 0xcbf29ce484222325;

	while (n--)
		hash = (hash ^ (uint8_t)*path++) * 0x100000001b3;
	return &fs->buckets[(hash ^ hash >> 32) & fs->buckets_mask];
}

static struct ramfs_node *find(const struct ramfs *fs, const char *path, size_t n)
{
	for (uint32_t i = *bucket(fs, path, n); i; i = fs->nodes[i - 1].next) {
		struct ramfs_node *f = &fs->nodes[i - 1];

		if (f->path_n == n && mem_eq(f->path, path, n))
			return f;
	}
	return NULL;
}

/* Its length; 0: it cannot be a path. */
static size_t path_length(const char *path)
{
	size_t n = 0, segment = 0;

	for (; path[n]; n++) {
		if (n + 1 >= RAMFS_PATH_MAX)
			return 0;
		if (path[n] != '/') {
			segment++;
			continue;
		}
		if (segment == 0)
			return 0;
		segment = 0;
	}
	return segment ? n : 0;
}

/* Length of the folder's part of a path; 0: it lies at the top. */
static size_t folder_length(const char *path, size_t n)
{
	while (n > 0 && path[n - 1] != '/')
		n--;
	return n ? n - 1 : 0;
}

/* ---- making and ending nodes */

static void hash_in(struct ramfs *fs, struct ramfs_node *f, const char *path, size_t n)
{
	uint32_t *b = bucket(fs, path, n);

	mem_copy(f->path, path, n);
	f->path[n] = '\0';
	f->path_n = (uint8_t)n;
	f->next = *b;
	*b = (uint32_t)(f - fs->nodes) + 1;
}

static void hash_out(struct ramfs *fs, struct ramfs_node *f)
{
	uint32_t *at = bucket(fs, f->path, f->path_n);

	while (&fs->nodes[*at - 1] != f)
		at = &fs->nodes[*at - 1].next;
	*at = f->next;
}

static void count_in_folder(struct ramfs *fs, const char *path, size_t n, int by)
{
	size_t folder = folder_length(path, n);
	struct ramfs_node *f = folder ? find(fs, path, folder) : NULL;

	if (f)
		f->beneath += (uint32_t)by;
}

static struct ramfs_node *node_new(struct ramfs *fs, const char *path, size_t n, bool folder)
{
	struct ramfs_node *f;

	if (!fs->free)
		return NULL;
	f = &fs->nodes[fs->free - 1];
	fs->free = f->next;
	*f = (struct ramfs_node){ .used = true, .linked = true, .folder = folder,
				  .id = ++fs->next_id };
	hash_in(fs, f, path, n);
	count_in_folder(fs, path, n, 1);
	if (folder)
		fs->folders++;
	else
		fs->files++;
	return f;
}

/* Nobody finds it and nobody reads it. */
static void node_free(struct ramfs *fs, struct ramfs_node *f)
{
	if (f->owned)
		fs->put(fs->ctx, (void *)(uintptr_t)f->data, f->size);
	f->used = false;
	f->next = fs->free;
	fs->free = (uint32_t)(f - fs->nodes) + 1;
}

/* It has no name any more. */
static void node_unlink(struct ramfs *fs, struct ramfs_node *f)
{
	hash_out(fs, f);
	count_in_folder(fs, f->path, f->path_n, -1);
	f->linked = false;
	if (f->folder)
		fs->folders--;
	else
		fs->files--;
	if (f->readers == 0)
		node_free(fs, f);
}

/* The folders that a path lies in, made as needed.  0, -E_NOSPC, -E_NOENT (one is a file). */
static int make_folders(struct ramfs *fs, const char *path, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct ramfs_node *f;

		if (path[i] != '/')
			continue;
		f = find(fs, path, i);
		if (f && !f->folder)
			return -E_NOENT;
		if (!f && !node_new(fs, path, i, true))
			return -E_NOSPC;
	}
	return 0;
}

int ramfs_put_node(struct ramfs *fs, const char *path, bool folder, struct ramfs_node **out)
{
	size_t n = path_length(path);
	struct ramfs_node *old = n ? find(fs, path, n) : NULL;
	int err = n ? make_folders(fs, path, n) : -E_INVAL;

	if (err)
		return err;
	if (old && (old->folder || folder))
		return old->folder && folder ? (*out = old, 0) : -E_EXIST;
	if (!fs->free && !(old && !old->readers))
		return -E_NOSPC;
	if (old)
		node_unlink(fs, old);
	*out = node_new(fs, path, n, folder);
	return 0;
}

int ramfs_create(struct ramfs *fs, const char *path, const void *data, size_t bytes,
		 uint64_t mtime_ns)
{
	struct ramfs_node *f;
	void *mem = NULL;
	int err;

	if (bytes > 0) {
		mem = fs->get ? fs->get(fs->ctx, bytes) : NULL;
		if (!mem)
			return -E_NOMEM;
		mem_copy(mem, data, bytes);
	}
	err = ramfs_put_node(fs, path, false, &f);
	if (err) {
		if (mem)
			fs->put(fs->ctx, mem, bytes);
		return err;
	}
	f->data = mem;
	f->size = bytes;
	f->owned = mem != NULL;
	f->mtime_ns = mtime_ns;
	return 0;
}

int ramfs_rename(struct ramfs *fs, const char *from, const char *to)
{
	size_t from_n = path_length(from), to_n = path_length(to);
	struct ramfs_node *f = from_n ? find(fs, from, from_n) : NULL, *old;
	int err;

	if (!f || f->folder)
		return -E_NOENT;
	if (!to_n)
		return -E_INVAL;
	old = find(fs, to, to_n);
	if (old == f)
		return 0;
	if (old && old->folder)
		return -E_EXIST;
	err = make_folders(fs, to, to_n);
	if (err)
		return err;
	if (old)
		node_unlink(fs, old);
	hash_out(fs, f);
	count_in_folder(fs, from, from_n, -1);
	hash_in(fs, f, to, to_n);
	count_in_folder(fs, to, to_n, 1);
	return 0;
}

int ramfs_unlink(struct ramfs *fs, const char *path)
{
	size_t n = path_length(path);
	struct ramfs_node *f = n ? find(fs, path, n) : NULL;

	if (!f)
		return -E_NOENT;
	if (f->beneath)
		return -E_BUSY;
	node_unlink(fs, f);
	return 0;
}

/* ---- as the server's files */

static enum httpd_found ramfs_open(void *ctx, const char *path, struct httpd_blob *out)
{
	struct ramfs *fs = ctx;
	struct ramfs_node *f;

	if (path[0] == '.' && !path[1])
		return HTTPD_IS_DIR;
	f = find(fs, path, str_len(path));
	if (!f)
		return HTTPD_NOT_FOUND;
	if (f->folder)
		return HTTPD_IS_DIR;
	f->readers++;
	*out = (struct httpd_blob){
		.data = f->data, .size = f->size, .mtime_ns = f->mtime_ns, .id = f->id, .handle = f,
	};
	return HTTPD_FOUND;
}

static bool ramfs_fresh(void *ctx, const char *path, const struct httpd_blob *blob)
{
	const struct ramfs_node *f = blob->handle;

	return f->linked && find(ctx, path, str_len(path)) == f;
}

static bool ramfs_intact(void *ctx, const struct httpd_blob *blob)
{
	(void)ctx;
	(void)blob;
	return true;
}

static void ramfs_close(void *ctx, struct httpd_blob *blob)
{
	struct ramfs_node *f = blob->handle;

	assert(f->readers > 0);
	f->readers--;
	if (!f->linked && f->readers == 0)
		node_free(ctx, f);
	*blob = (struct httpd_blob){ 0 };
}

static uint32_t ramfs_broken(void *ctx)
{
	(void)ctx;
	return 0;
}

void ramfs_init(struct ramfs *fs, uint32_t nodes, void *mem)
{
	*fs = (struct ramfs){
		.httpd = { ramfs_open, ramfs_fresh, ramfs_intact, ramfs_close, ramfs_broken, fs },
		.nodes = mem,
		.nodes_n = nodes,
		.buckets = (uint32_t *)((struct ramfs_node *)mem + nodes),
		.buckets_mask = ramfs_buckets(nodes) - 1,
	};
	mem_zero(fs->buckets, sizeof(uint32_t) * (fs->buckets_mask + 1u));
	for (uint32_t i = nodes; i > 0; i--) {
		fs->nodes[i - 1].used = false;
		fs->nodes[i - 1].next = fs->free;
		fs->free = i;
	}
}

void ramfs_check(const struct ramfs *fs)
{
	uint32_t files = 0, folders = 0, named = 0;

	for (uint32_t i = 0; i < fs->nodes_n; i++) {
		const struct ramfs_node *f = &fs->nodes[i];

		if (!f->used)
			continue;
		assert(f->linked || f->readers > 0);
		if (!f->linked)
			continue;
		assert(find(fs, f->path, f->path_n) == f);
		files += !f->folder;
		folders += f->folder;
		named += f->folder ? f->beneath : 0;
		named += folder_length(f->path, f->path_n) == 0;
	}
	assert(files == fs->files && folders == fs->folders);
	assert(named == files + folders);
}
