/* SIGBUS on mapped files: see files_guard.h.
 *
 * The table is static because a signal handler has no argument of ours.  A slot is claimed before
 * it is mapped and shows its range last, so that the handler, which may run in any thread at any
 * time, sees either nothing or all of it. */
#include "apps/files/files_guard.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "apps/files/files.h"

#define FILES_PAGE ((uintptr_t)4096)

struct files_guard {
	atomic_bool taken;
	_Atomic uintptr_t start, end;	/* end: 0 while there is no mapping */
	atomic_bool broken;
};

static struct files_guard files_guards[FILES_MAPS_MAX];
static atomic_uint files_guards_broken;
static unsigned files_guards_next;	/* where the search for a free one starts */
static struct sigaction files_guard_before;

static struct files_guard *files_guard_at(uintptr_t at)
{
	for (unsigned i = 0; i < FILES_MAPS_MAX; i++) {
		struct files_guard *g = &files_guards[i];

		if (at < atomic_load(&g->end) && at >= atomic_load(&g->start))
			return g;
	}
	return NULL;
}

/* Zeros from the page of the fault to the end of the mapping: the rest is gone as well, or will be
 * found out by its owner, who asks for the size. */
static void files_guard_bus(int sig, siginfo_t *info, void *context)
{
	uintptr_t page = (uintptr_t)info->si_addr & ~(FILES_PAGE - 1);
	struct files_guard *g = files_guard_at((uintptr_t)info->si_addr);
	int saved = errno;

	if (!g || mmap((void *)page, atomic_load(&g->end) - page, PROT_READ,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) {
		/* Not ours: as if we were not there.  The fault happens again. */
		sigaction(SIGBUS, &files_guard_before, NULL);
		return;
	}
	atomic_store(&g->broken, true);
	atomic_fetch_add(&files_guards_broken, 1);
	errno = saved;
}

int files_guard_init(void)
{
	static bool done;
	struct sigaction act = { .sa_sigaction = files_guard_bus, .sa_flags = SA_SIGINFO };

	if (done)
		return 0;
	if (sigaction(SIGBUS, &act, &files_guard_before) < 0)
		return -errno;
	done = true;
	return 0;
}

struct files_guard *files_guard_map(int fd, size_t size)
{
	for (unsigned tried = 0; tried < FILES_MAPS_MAX; tried++) {
		struct files_guard *g = &files_guards[files_guards_next];
		void *at;

		files_guards_next = (files_guards_next + 1) % FILES_MAPS_MAX;
		if (atomic_exchange(&g->taken, true))
			continue;
		at = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_NORESERVE, fd, 0);
		if (at == MAP_FAILED) {
			atomic_store(&g->taken, false);
			return NULL;
		}
		atomic_store(&g->broken, false);
		atomic_store(&g->start, (uintptr_t)at);
		atomic_store(&g->end, (uintptr_t)at + ALIGN_UP(size, FILES_PAGE));
		return g;
	}
	return NULL;
}

void files_guard_unmap(struct files_guard *g)
{
	uintptr_t start = atomic_load(&g->start), end = atomic_exchange(&g->end, 0);

	munmap((void *)start, end - start);
	atomic_store(&g->taken, false);
}

const uint8_t *files_guard_data(const struct files_guard *g)
{
	return (const uint8_t *)atomic_load(&g->start);
}

bool files_guard_broken(const struct files_guard *g)
{
	return atomic_load(&g->broken);
}

uint32_t files_guard_count(void)
{
	return atomic_load(&files_guards_broken);
}
