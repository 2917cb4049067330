/* Where the files come from: an archive that the loader brought, or the one linked in. */
#include "apps/kernel/kernel.h"

#include "base/mem.h"
#include "port/metal/metal.h"
#include "port/port.h"

#define SITE_SPARE 64u		/* files that can be created besides */

extern const uint8_t metal_site[], metal_site_end[];

static void *site_get(void *ctx, size_t bytes)
{
	(void)ctx;
	return metal_map_object(bytes);
}

static void site_put(void *ctx, void *mem, size_t bytes)
{
	(void)ctx;
	metal_map_object_put(mem, bytes);
}

bool kernel_site_open(struct kernel *k)
{
	const struct metal_range *a = &metal_boot.archive;
	bool brought = a->end > a->start;
	const uint8_t *archive = brought ? (const uint8_t *)(uintptr_t)a->start : metal_site;
	size_t bytes = brought ? a->end - a->start : (size_t)(metal_site_end - metal_site);
	uint32_t nodes = ramfs_tar_count(archive, bytes) + SITE_SPARE;
	void *mem = port_map(ramfs_bytes(nodes), false);
	int n;

	if (!mem) {
		metal_log(LOG_ERROR, "no memory for the names of %u files", nodes);
		return false;
	}
	ramfs_init(&k->site, nodes, mem);
	k->site.get = site_get;
	k->site.put = site_put;
	n = ramfs_tar(&k->site, archive, bytes);
	if (n > 0)
		return true;
	metal_log(LOG_ERROR, "the archive of %llu bytes is no tar archive with files (error %d)",
		  (unsigned long long)bytes, n < 0 ? -n : 0);
	return false;
}
