/* Descriptors: which numbers are ours, and which file each names.
 *
 * A number of ours is one of the kernel's too: a duplicate of one idle socket stands behind it, so
 * that the kernel never gives it to anybody else, limits count, and fstat(2) says "socket".
 * Numbers are taken from the kernel in batches and kept when closed, about as many as are in use:
 * a socket that is accepted or closed costs no system call.  The lowest free one of ours is given
 * first.
 *
 * An entry is one word (the owner's id, the file, the close-on-exec flag), so that a thread that
 * does not own a descriptor learns that without touching the file.
 *
 * Always: a number is free (its bit is set in every level), or has an entry, or is the kernel's. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "posix/posix_int.h"

#define FD_MAX (1u << 22)
#define FD_CHUNK (1u << 12)
#define FD_BATCH 64u
#define FD_KEEP 1024u	/* free ones that are kept, and as many more as are in use */
#define NR_OPEN_DEFAULT (1u << 20)
#define FD_ID_SHIFT 48
#define FD_CLOEXEC_BIT ((uint64_t)1)
#define FD_FILE_MASK ((((uint64_t)1 << FD_ID_SHIFT) - 1) & ~TAG_MASK)

static _Atomic(_Atomic uint64_t *) chunks[FD_MAX / FD_CHUNK];
/* Bit n of level 0: number n is free.  A bit of a level above: the word below is not 0. */
static _Atomic uint64_t free0[FD_MAX / 64];	/* written with the lock, read without */
static uint64_t free1[FD_MAX / 64 / 64], free2[FD_MAX / 64 / 64 / 64];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int real = -1;
static unsigned free_n, used_n;
static bool beyond;
static unsigned beyond_next, beyond_first = FD_MAX;	/* 0: not looked up yet */

/* ---- entries */

static _Atomic uint64_t *entry_of(unsigned fd)
{
	_Atomic uint64_t *chunk;

	if (fd >= FD_MAX)
		return NULL;
	chunk = atomic_load_explicit(&chunks[fd / FD_CHUNK], memory_order_acquire);
	return chunk ? &chunk[fd % FD_CHUNK] : NULL;
}

static uint64_t entry(unsigned fd)
{
	_Atomic uint64_t *e = entry_of(fd);

	return e ? atomic_load_explicit(e, memory_order_relaxed) : 0;
}

static struct file *file_in(uint64_t e)
{
	return (struct file *)(uintptr_t)(e & FD_FILE_MASK);
}

static bool is_free(unsigned fd)
{
	return fd < FD_MAX &&
	       atomic_load_explicit(&free0[fd / 64], memory_order_relaxed) >> fd % 64 & 1;
}

struct file *posix_file(int fd, int *err)
{
	struct posix *p = posix_self();
	uint64_t e = entry((unsigned)fd);

	*err = 0;
	if (likely(e && p && e >> FD_ID_SHIFT == p->id))
		return file_in(e);
	if (e)
		*err = -EXDEV;
	else if (is_free((unsigned)fd))
		*err = -E_BADF;
	return NULL;
}

/* With the lock. */
static int store(struct file *f, unsigned fd, bool cloexec)
{
	_Atomic uint64_t *e;

	if (!entry_of(fd)) {
		e = calloc(FD_CHUNK, sizeof(*e));
		if (!e)
			return -E_NOMEM;
		atomic_store_explicit(&chunks[fd / FD_CHUNK], e, memory_order_release);
	}
	atomic_store_explicit(entry_of(fd),
			      (uint64_t)f->owner->id << FD_ID_SHIFT | (uint64_t)(uintptr_t)f |
				      (cloexec ? FD_CLOEXEC_BIT : 0),
			      memory_order_relaxed);
	posix_file_get(f);
	used_n++;
	return 0;
}

/* ---- free numbers */

static void free_set(unsigned fd)
{
	free_n++;
	atomic_fetch_or_explicit(&free0[fd / 64], 1ull << fd % 64, memory_order_relaxed);
	free1[fd / 64 / 64] |= 1ull << fd / 64 % 64;
	free2[fd / 64 / 64 / 64] |= 1ull << fd / 64 / 64 % 64;
}

static void free_clear(unsigned fd)
{
	uint64_t bit = 1ull << fd % 64;

	free_n--;
	if (!(atomic_fetch_and_explicit(&free0[fd / 64], ~bit, memory_order_relaxed) & ~bit))
		free1[fd / 64 / 64] &= ~(1ull << fd / 64 % 64);
	if (!free1[fd / 64 / 64])
		free2[fd / 64 / 64 / 64] &= ~(1ull << fd / 64 / 64 % 64);
}

/* The lowest set bit of an array of words from bit `min` on, or FD_MAX. */
static unsigned first_from(const uint64_t *words, unsigned n, unsigned min)
{
	for (unsigned w = min / 64; w < n; w++) {
		uint64_t bits = words[w];

		if (w == min / 64)
			bits &= ~0ull << min % 64;
		if (bits)
			return w * 64 + (unsigned)__builtin_ctzll(bits);
	}
	return FD_MAX;
}

/* The lowest free number from `min` on, or FD_MAX. */
static unsigned lowest(unsigned min)
{
	unsigned w0 = min / 64, w1, w2;
	uint64_t bits;

	bits = atomic_load_explicit(&free0[w0], memory_order_relaxed) & ~0ull << min % 64;
	if (bits)
		return w0 * 64 + (unsigned)__builtin_ctzll(bits);
	w0++;
	w1 = first_from(free1, MIN(w0 / 64 + 1, FD_MAX / 64 / 64), w0);
	if (w1 == FD_MAX) {
		w2 = first_from(free2, ARRAY_LEN(free2), w0 / 64 + 1);
		if (w2 == FD_MAX)
			return FD_MAX;
		w1 = w2 * 64 + (unsigned)__builtin_ctzll(free1[w2]);
	}
	return w1 * 64 + (unsigned)__builtin_ctzll(free0[w1]);
}

/* As many as the kernel ever gives out, whatever the limits of this process. */
static unsigned kernels_max(void)
{
	FILE *f = fopen("/proc/sys/fs/nr_open", "re");
	unsigned n = NR_OPEN_DEFAULT;

	if (f && fscanf(f, "%u", &n) != 1)
		n = NR_OPEN_DEFAULT;
	if (f)
		fclose(f);
	return n;
}

static bool reserve_beyond(unsigned min)
{
	unsigned n;

	if (!beyond_next)
		beyond_next = beyond_first = kernels_max();
	beyond_next = MAX(beyond_next, min);
	for (n = 0; n < FD_BATCH && beyond_next < FD_MAX; n++)
		free_set(beyond_next++);
	return n > 0;
}

void leat_beyond(int on)
{
	pthread_mutex_lock(&lock);
	beyond = on;
	pthread_mutex_unlock(&lock);
}

/* Takes numbers from the kernel; true when there is one from `min` on now. */
static bool reserve(unsigned min)
{
	unsigned n;

	if (beyond)
		return reserve_beyond(min);
	if (real < 0)
		real = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	for (n = 0; real >= 0 && n < FD_BATCH; n++) {
		int fd = fcntl(real, F_DUPFD_CLOEXEC, (int)min);

		if (fd < 0)
			break;
		if ((unsigned)fd >= FD_MAX) {
			close(fd);
			break;
		}
		free_set((unsigned)fd);
	}
	return n > 0;
}

/* ---- what others do with numbers */

int posix_fd_new(struct file *f, int min, bool cloexec)
{
	unsigned fd;
	int err;

	if (min < 0 || (unsigned)min >= FD_MAX)
		return -E_INVAL;
	pthread_mutex_lock(&lock);
	fd = lowest((unsigned)min);
	if (fd == FD_MAX && reserve((unsigned)min))
		fd = lowest((unsigned)min);
	err = fd == FD_MAX ? -E_MFILE : store(f, fd, cloexec);
	if (!err)
		free_clear(fd);
	pthread_mutex_unlock(&lock);
	return err ? err : (int)fd;
}

/* With the lock: the file of one's own number, its entry gone. */
static struct file *take(unsigned fd)
{
	struct file *f = file_in(entry(fd));

	atomic_store_explicit(entry_of(fd), 0, memory_order_relaxed);
	used_n--;
	return f;
}

struct file *posix_fd_close(int fd)
{
	struct file *f;

	pthread_mutex_lock(&lock);
	f = take((unsigned)fd);
	if (free_n < FD_KEEP + used_n || (unsigned)fd >= beyond_first)
		free_set((unsigned)fd);
	else
		close(fd);
	pthread_mutex_unlock(&lock);
	return f;
}

void posix_fd_yield(int fd)
{
	struct file *f;

	pthread_mutex_lock(&lock);
	f = take((unsigned)fd);
	pthread_mutex_unlock(&lock);
	posix_file_put(f);
}

void posix_fd_take(int fd)
{
	pthread_mutex_lock(&lock);
	if (is_free((unsigned)fd))
		free_clear((unsigned)fd);
	pthread_mutex_unlock(&lock);
}

int posix_fd_put(struct file *f, int fd, bool cloexec)
{
	struct file *old = NULL;
	int err = 0;

	if (fd < 0 || (unsigned)fd >= FD_MAX)
		return -E_BADF;
	pthread_mutex_lock(&lock);
	if (entry((unsigned)fd))
		old = take((unsigned)fd);
	else if (is_free((unsigned)fd))
		free_clear((unsigned)fd);
	else if (dup3(real, fd, O_CLOEXEC) < 0)
		err = -errno;
	if (!err)
		err = store(f, (unsigned)fd, cloexec);
	pthread_mutex_unlock(&lock);
	if (old)
		posix_file_put(old);
	return err ? err : fd;
}

/* Gives free numbers back to the kernel, all but the lowest ones. */
static void trim(void)
{
	unsigned kept = 0;

	pthread_mutex_lock(&lock);
	for (unsigned fd = lowest(0); fd < MIN(beyond_first, FD_MAX); fd = lowest(fd + 1)) {
		if (kept++ < FD_KEEP)
			continue;
		free_clear(fd);
		close((int)fd);
	}
	pthread_mutex_unlock(&lock);
}

void posix_fd_close_all(struct posix *p)
{
	for (unsigned fd = 0; fd < FD_MAX; fd++) {
		if (!entry_of(fd))
			fd |= FD_CHUNK - 1;
		else if (entry(fd) >> FD_ID_SHIFT == p->id)
			posix_file_put(posix_fd_close((int)fd));
	}
	trim();
}

bool posix_fd_cloexec(int fd)
{
	return entry((unsigned)fd) & FD_CLOEXEC_BIT;
}

void posix_fd_set_cloexec(int fd, bool on)
{
	_Atomic uint64_t *e = entry_of((unsigned)fd);

	if (on)
		atomic_fetch_or(e, FD_CLOEXEC_BIT);
	else
		atomic_fetch_and(e, ~FD_CLOEXEC_BIT);
}

int leat_is(int fd)
{
	if (fd >= 0 && entry((unsigned)fd))
		return 1;
	return fcntl(fd, F_GETFD) < 0 ? -1 : is_free((unsigned)fd) ? posix_answer(-E_BADF) : 0;
}
