/* Opening files beneath a directory: see files.h. */
#include "apps/files/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "apps/files/files_guard.h"

#define FILES_TRIES 4

/* Behind httpd_blob.handle. */
struct files_blob {
	struct stat st;		/* when it was opened */
	int fd;			/* mapped: kept open, to ask whether it has shrunk; else -1 */
	struct files_guard *guard;
	uint8_t bytes[];	/* read: here */
};

static uint64_t files_mtime(const struct stat *st)
{
	return (uint64_t)st->st_mtim.tv_sec * 1000000000u + (uint64_t)st->st_mtim.tv_nsec;
}

static bool files_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       files_mtime(a) == files_mtime(b);
}

/* For kernels before 5.6: directory by directory, following no link.  `path` has no "..". */
static int files_walk(int dir, const char *path, int flags)
{
	char name[NAME_MAX + 1];
	int at = dup(dir);

	for (;;) {
		const char *slash = strchr(path, '/');
		size_t n = slash ? (size_t)(slash - path) : strlen(path);
		int next, saved;

		if (at < 0)
			return -1;
		if (n > NAME_MAX) {
			close(at);
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(name, path, n);
		name[n] = '\0';
		next = openat(at, name, slash ? O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC :
				    flags | O_NOFOLLOW);
		saved = errno;
		close(at);
		errno = saved;
		if (!slash)
			return next;
		at = next;
		path = slash + 1;
	}
}

static int files_openat(struct files *f, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};

	for (int i = 0; !f->walk && i < FILES_TRIES; i++) {
		long fd = syscall(SYS_openat2, f->dir, path, &how, sizeof(how));

		/* EAGAIN: somebody renamed while ".." was resolved in a link. */
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR && errno != ENOSYS))
			return (int)fd;
		f->walk = errno == ENOSYS;
	}
	return f->walk ? files_walk(f->dir, path, flags | O_CLOEXEC) : -1;
}

static enum httpd_found files_why(int err)
{
	switch (err) {
	case EACCES:
	case EPERM:
	case EXDEV:	/* leads out */
	case ELOOP:
	case ENXIO:	/* a socket, a FIFO */
	case ENODEV:
		return HTTPD_FORBIDDEN;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case EAGAIN:
	case EINTR:
		return HTTPD_BUSY;
	default:
		return HTTPD_NOT_FOUND;
	}
}

/* All of a small file, as it was at one moment: when its size or time has changed meanwhile, again.
 */
static enum httpd_found files_read(int fd, struct stat *st, struct files_blob **out)
{
	for (int i = 0; i < FILES_TRIES; i++) {
		size_t size = (size_t)st->st_size, got = 0;
		struct files_blob *b = malloc(sizeof(*b) + size);
		ssize_t n = 1;
		struct stat now;

		if (!b)
			return HTTPD_BUSY;
		while (got < size && n > 0) {
			n = pread(fd, b->bytes + got, size - got, (off_t)got);
			got += n > 0 ? (size_t)n : 0;
		}
		b->st = *st;
		b->fd = -1;
		b->guard = NULL;
		*out = b;
		if (n < 0 || fstat(fd, &now) < 0) {
			free(b);
			return HTTPD_FORBIDDEN;
		}
		if (got == size && files_same(&now, st))
			return HTTPD_FOUND;
		free(b);
		*st = now;
		if (now.st_size > (off_t)FILES_READ_MAX)
			break;
	}
	return HTTPD_BUSY;
}

static enum httpd_found files_map(int fd, const struct stat *st, struct files_blob **out)
{
	struct files_blob *b = malloc(sizeof(*b));

	if (!b)
		return HTTPD_BUSY;
	b->st = *st;
	b->fd = dup(fd);
	b->guard = b->fd < 0 ? NULL : files_guard_map(fd, (size_t)st->st_size);
	if (!b->guard) {
		if (b->fd >= 0)
			close(b->fd);
		free(b);
		return HTTPD_BUSY;
	}
	*out = b;
	return HTTPD_FOUND;
}

static enum httpd_found files_blob_open(void *ctx, const char *path, struct httpd_blob *out)
{
	struct files *f = ctx;
	enum httpd_found found;
	struct files_blob *b;
	struct stat st;
	/* Not to wait for a FIFO's writer, nor to become somebody's terminal. */
	int fd = files_openat(f, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return files_why(errno);
	if (fstat(fd, &st) < 0)
		found = HTTPD_FORBIDDEN;
	else if (S_ISDIR(st.st_mode))
		found = HTTPD_IS_DIR;
	else if (!S_ISREG(st.st_mode))
		found = HTTPD_FORBIDDEN;
	else if (st.st_size <= (off_t)FILES_READ_MAX)
		found = files_read(fd, &st, &b);
	else
		found = files_map(fd, &st, &b);
	close(fd);
	if (found != HTTPD_FOUND)
		return found;
	*out = (struct httpd_blob){
		.data = b->guard ? files_guard_data(b->guard) : b->bytes,
		.size = (uint64_t)b->st.st_size,
		.mtime_ns = files_mtime(&b->st),
		.id = b->st.st_ino,
		.guarded = b->guard != NULL,
		.handle = b,
	};
	return HTTPD_FOUND;
}

static bool files_blob_fresh(void *ctx, const char *path, const struct httpd_blob *blob)
{
	const struct files_blob *b = blob->handle;
	int fd = files_openat(ctx, path, O_PATH);
	struct stat st;
	bool same;

	if (fd < 0)
		return false;
	same = fstat(fd, &st) == 0 && files_same(&st, &b->st) && st.st_mode == b->st.st_mode;
	close(fd);
	return same && (!b->guard || !files_guard_broken(b->guard));
}

/* What was only appended to is intact: its first bytes are what they were. */
static bool files_blob_intact(void *ctx, const struct httpd_blob *blob)
{
	const struct files_blob *b = blob->handle;
	struct stat st;

	if (!b->guard)
		return true;
	if (files_guard_broken(b->guard) || fstat(b->fd, &st) < 0)
		return false;
	return st.st_size > b->st.st_size ||
	       (st.st_size == b->st.st_size && files_mtime(&st) == files_mtime(&b->st));
}

static void files_blob_close(void *ctx, struct httpd_blob *blob)
{
	struct files_blob *b = blob->handle;

	if (b->guard)
		files_guard_unmap(b->guard);
	if (b->fd >= 0)
		close(b->fd);
	free(b);
	*blob = (struct httpd_blob){ 0 };
}

static uint32_t files_broken(void *ctx)
{
	return files_guard_count();
}

int files_open(struct files *f, const char *dir)
{
	*f = (struct files){
		.httpd = {
			.open = files_blob_open,
			.fresh = files_blob_fresh,
			.intact = files_blob_intact,
			.close = files_blob_close,
			.broken = files_broken,
			.ctx = f,
		},
		.dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
	};
	if (f->dir < 0)
		return -errno;
	if (files_guard_init() < 0) {
		close(f->dir);
		return -EINVAL;
	}
	return 0;
}

void files_close(struct files *f)
{
	close(f->dir);
	f->dir = -1;
}
