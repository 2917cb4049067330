/* Who may write and execute what: nothing may do both.
 *
 * start.S maps the first 4 GiB where they are, in pages of 2 MiB.  Here the image gets small pages
 * with the rights of its parts, everything else loses the right to execute, and the pages below
 * stacks and at address 0 go away, so that what runs over faults. */
#include "port/metal/metal.h"

#include "base/assert.h"

#define PRESENT 1ull
#define WRITE 2ull
#define UNCACHED 0x18ull
#define LARGE 0x80ull
#define NO_EXECUTE (1ull << 63)
#define LARGE_PAGE (2ull << 20)
#define ENTRIES 512u
#define SMALL_TABLES 8u		/* the first 16 MiB in small pages */
#define FAR_TABLES 4u		/* GiB of registers above the first four */
#define REGISTERS 0xc0000000ull	/* from here on no memory, but registers */

extern uint64_t metal_pages[6 * ENTRIES];	/* start.S: level 4, level 3, four of level 2 */

static uint64_t paging_small[SMALL_TABLES][ENTRIES] __attribute__((aligned(4096)));
static uint64_t paging_far[FAR_TABLES][ENTRIES] __attribute__((aligned(4096)));
static unsigned paging_far_n;
static uint64_t paging_nx;

static uint64_t paging_rights(uint64_t at)
{
	uintptr_t text = (uintptr_t)metal_text, rodata = (uintptr_t)metal_rodata;

	if (at < METAL_PAGE || metal_paging_guard(at))
		return 0;
	if (at >= text && at < (uintptr_t)metal_text_end)
		return PRESENT;
	if (at >= rodata && at < (uintptr_t)metal_rodata_end)
		return PRESENT | paging_nx;
	return PRESENT | WRITE | paging_nx;
}

const char *metal_paging_guard(uint64_t address)
{
	uint64_t page = address & ~(uint64_t)(METAL_PAGE - 1);

	if (page == (uintptr_t)metal_stack_guard)
		return "the stack has overflowed";
	if (page == (uintptr_t)metal_fault_guard)
		return "the stack of faults has overflowed";
	return page ? NULL : "a null pointer";
}

static void paging_reload(void)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"((uintptr_t)metal_pages) : "memory");
}

void metal_paging_init(void)
{
	uint32_t id[4];

	assert((uintptr_t)metal_end <= SMALL_TABLES * LARGE_PAGE);
	metal_cpuid(0x80000001, 0, id);
	paging_nx = id[3] & 1 << 20 ? NO_EXECUTE : 0;
	for (unsigned i = 0; i < SMALL_TABLES * ENTRIES; i++) {
		uint64_t at = (uint64_t)i * METAL_PAGE, rights = paging_rights(at);

		paging_small[i / ENTRIES][i % ENTRIES] = rights ? at | rights : 0;
	}
	for (unsigned i = 0; i < 4 * ENTRIES; i++) {
		uint64_t at = i * LARGE_PAGE;

		metal_pages[2 * ENTRIES + i] = i < SMALL_TABLES ?
			(uintptr_t)paging_small[i] | PRESENT | WRITE :
			at | PRESENT | WRITE | LARGE | paging_nx |
			(at >= REGISTERS ? UNCACHED : 0);
	}
	paging_reload();
}

/* One table of level 2 a GiB, made when it is first asked for. */
static void paging_far_page(uint64_t at)
{
	uint64_t *top = &metal_pages[at >> 39 & 511], *level3, *level2;

	if (!(*top & PRESENT)) {
		assert(paging_far_n < FAR_TABLES);
		*top = (uintptr_t)paging_far[paging_far_n++] | PRESENT | WRITE;
	}
	level3 = (uint64_t *)(uintptr_t)(*top & ~(METAL_PAGE - 1ull)) + (at >> 30 & 511);
	if (!(*level3 & PRESENT)) {
		assert(paging_far_n < FAR_TABLES);
		*level3 = (uintptr_t)paging_far[paging_far_n++] | PRESENT | WRITE;
	}
	level2 = (uint64_t *)(uintptr_t)(*level3 & ~(METAL_PAGE - 1ull)) + (at >> 21 & 511);
	*level2 = (at & ~(LARGE_PAGE - 1)) | PRESENT | WRITE | LARGE | UNCACHED | paging_nx;
}

void metal_paging_registers(uint64_t base, uint64_t size)
{
	uint64_t at = base & ~(LARGE_PAGE - 1);

	if (base < 4ull << 30)
		return;
	for (; at < base + size; at += LARGE_PAGE)
		paging_far_page(at);
	paging_reload();
}
