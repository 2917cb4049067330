/* What the loader said: memory, command line, archive.
 *
 * Two ways in, told apart by the magic where the pointer points: on microvm the register that
 * should tell them apart does not.  All is copied, because it lies anywhere in memory that is about
 * to be used. */
#include "base/mem.h"
#include "port/metal/metal.h"

#define PVH_MAGIC 0x336ec578u
#define KERNEL_START 0x100000u
#define MEMORY_END (3ull << 30)	/* what lies above is not used: registers begin there */

/* xen/include/public/arch-x86/hvm/start_info.h, version 1 */
struct pvh_info {
	uint32_t magic, version, flags, modules_n;
	uint64_t modules, command_line, rsdp;
	uint64_t memory_map;
	uint32_t memory_map_n, reserved;
};

struct pvh_module {
	uint64_t start, size, command_line, reserved;
};

struct pvh_memory {
	uint64_t start, size;
	uint32_t type, reserved;
};

/* Multiboot 0.6.96, 3.3 */
struct multiboot_info {
	uint32_t flags, mem_lower, mem_upper, boot_device, command_line, modules_n, modules;
	uint32_t symbols[4];
	uint32_t memory_map_bytes, memory_map;
};

struct multiboot_module {
	uint32_t start, end, command_line, reserved;
};

struct multiboot_memory {
	uint32_t bytes;		/* of what follows */
	uint64_t start, size;
	uint32_t type;
} PACKED;

#define MEMORY_USABLE 1u

struct metal_boot metal_boot;

static void boot_command_line(uint64_t from)
{
	const char *text = (const char *)(uintptr_t)from;
	size_t n = 0;

	if (!text)
		return;
	while (n < sizeof(metal_boot.command_line) - 1 && text[n]) {
		metal_boot.command_line[n] = text[n];
		n++;
	}
	metal_boot.command_line[n] = '\0';
}

static void boot_put(uint64_t start, uint64_t end)
{
	unsigned i = metal_boot.memory_n;

	start = ALIGN_UP(start, (uint64_t)METAL_PAGE);
	end &= ~(uint64_t)(METAL_PAGE - 1);
	if (start >= end || i == METAL_RANGES_MAX)
		return;
	for (; i > 0 && metal_boot.memory[i - 1].start > start; i--)
		metal_boot.memory[i] = metal_boot.memory[i - 1];
	metal_boot.memory[i] = (struct metal_range){ start, end };
	metal_boot.memory_n++;
}

/* What is used already: the image, then the archive; in order of address. */
static void boot_memory(uint64_t start, uint64_t size)
{
	const struct metal_range *a = &metal_boot.archive;
	uint64_t end = MIN(start + size, MEMORY_END);

	start = MAX(start, (uint64_t)(uintptr_t)metal_end);
	if (a->start >= a->end || a->end <= start || a->start >= end) {
		boot_put(start, end);
		return;
	}
	boot_put(start, MIN(end, a->start));
	boot_put(MAX(start, a->end), end);
}

static void boot_pvh(const struct pvh_info *info)
{
	const struct pvh_module *m = (const void *)(uintptr_t)info->modules;
	const struct pvh_memory *map = (const void *)(uintptr_t)info->memory_map;

	metal_boot.how = "pvh";
	boot_command_line(info->command_line);
	if (info->modules_n > 0)
		metal_boot.archive = (struct metal_range){ m->start, m->start + m->size };
	for (uint32_t i = 0; info->version >= 1 && i < info->memory_map_n; i++)
		if (map[i].type == MEMORY_USABLE)
			boot_memory(map[i].start, map[i].size);
}

static void boot_multiboot(const struct multiboot_info *info)
{
	const struct multiboot_module *m = (const void *)(uintptr_t)info->modules;
	uintptr_t at = info->memory_map, end = at + info->memory_map_bytes;

	metal_boot.how = "multiboot";
	if (info->flags & 1 << 2)
		boot_command_line(info->command_line);
	if (info->flags & 1 << 3 && info->modules_n > 0)
		metal_boot.archive = (struct metal_range){ m->start, m->end };
	if (!(info->flags & 1 << 6))
		boot_memory(KERNEL_START, (uint64_t)info->mem_upper << 10);
	while (info->flags & 1 << 6 && at < end) {
		const struct multiboot_memory *e = (const void *)at;

		if (e->type == MEMORY_USABLE)
			boot_memory(e->start, e->size);
		at += e->bytes + sizeof(e->bytes);
	}
}

void metal_boot_read(const void *info)
{
	const struct pvh_info *pvh = info;

	if (pvh->magic == PVH_MAGIC)
		boot_pvh(pvh);
	else
		boot_multiboot(info);
}

/* The word of the command line that starts with `name`, followed by '=' or nothing. */
static const char *boot_word(const char *name)
{
	const char *at = metal_boot.command_line;
	size_t n = str_len(name);

	while (*at) {
		while (*at == ' ')
			at++;
		if (mem_eq(at, name, n) && (at[n] == '=' || at[n] == ' ' || !at[n]))
			return at + n;
		while (*at && *at != ' ')
			at++;
	}
	return NULL;
}

bool metal_option(const char *name, char *value, size_t size)
{
	const char *from = boot_word(name);
	size_t n = 0;

	if (!from)
		return false;
	if (*from == '=')
		from++;
	while (from[n] && from[n] != ' ' && n + 1 < size) {
		value[n] = from[n];
		n++;
	}
	value[n] = '\0';
	return true;
}
