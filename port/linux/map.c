/* Memory from mmap(2): zeroed, page aligned, backed when it is first touched.
 *
 * Not reserved: what is mapped is the most a stack may use, most of it is never touched. */
#include <sys/mman.h>

#include "port/port.h"

#define PAGE ((size_t)4096)
#define HUGE_PAGE ((size_t)2 << 20)

void *port_map(size_t bytes, bool huge)
{
	size_t slack = huge ? HUGE_PAGE : 0;
	uint8_t *mem, *start;

	bytes = ALIGN_UP(bytes, PAGE);
	mem = mmap(NULL, bytes + slack, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem == MAP_FAILED)
		return NULL;
	if (!huge)
		return mem;
	/* Aligned, or the first and the last huge page could not be one. */
	start = (uint8_t *)ALIGN_UP((uintptr_t)mem, HUGE_PAGE);
	if (start > mem)
		munmap(mem, (size_t)(start - mem));
	if (start < mem + slack)
		munmap(start + bytes, (size_t)(mem + slack - start));
	madvise(start, bytes, MADV_HUGEPAGE);	/* advice: without it, small pages */
	return start;
}

void port_unmap(void *mem, size_t bytes)
{
	munmap(mem, bytes);
}
