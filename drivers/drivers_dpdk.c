/* Finds and loads the plug-in for DPDK, and opens a link with it.
 *
 * It is looked for beside the program or library that this code is in, and where an installation
 * puts it.  Once loaded it stays: DPDK cannot be begun twice. */
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fmt.h"
#include "drivers/dpdk/dpdk.h"
#include "drivers/drivers_int.h"

/* From the folder of the program, or of the library. */
static const char *const drivers_plugin_places[] = {
	"", "../", "leat/", "../lib/leat/", "../lib/x86_64-linux-gnu/leat/",
	"../lib/aarch64-linux-gnu/leat/", "../lib64/leat/",
};

/* Tries the places seen from the folder of `file`. */
static void *drivers_plugin_near(const char *file)
{
	const char *slash = strrchr(file, '/');
	char path[PATH_MAX];

	for (unsigned i = 0; slash && i < ARRAY_LEN(drivers_plugin_places); i++) {
		snprintf(path, sizeof(path), "%.*s/%s%s", (int)(slash - file), file,
			 drivers_plugin_places[i], DPDK_PLUGIN_FILE);
		if (access(path, R_OK) == 0)
			return dlopen(path, RTLD_NOW | RTLD_LOCAL);
	}
	return NULL;
}

static void *drivers_plugin_load(void)
{
	char exe[PATH_MAX];
	Dl_info here;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	void *plugin = NULL;

	dlerror();
	if (n > 0) {
		exe[n] = '\0';
		plugin = drivers_plugin_near(exe);
	}
	if (!plugin && dladdr((const void *)drivers_plugin_places, &here) && here.dli_fname)
		plugin = drivers_plugin_near(here.dli_fname);
	return plugin;
}

static const struct dpdk_plugin *drivers_plugin(char *why, size_t size)
{
	const struct dpdk_plugin *plugin = NULL;
	void *handle = drivers_plugin_load();
	const char *fault = handle ? NULL : dlerror();

	if (handle)
		plugin = dlsym(handle, DPDK_PLUGIN_SYMBOL);
	if (plugin && plugin->abi == DPDK_PLUGIN_ABI)
		return plugin;
	if (plugin)
		fmt(why, size, "dpdk: %s is of another build of leat; install both anew",
		    DPDK_PLUGIN_FILE);
	else if (fault)
		fmt(why, size, "dpdk: %s; install DPDK 22.11 (tools/setup.sh dpdk)", fault);
	else
		fmt(why, size, "dpdk: no %s here; install dpdk-dev (tools/setup.sh dpdk), and "
		    "build again", DPDK_PLUGIN_FILE);
	return NULL;
}

int drivers_dpdk(struct drivers_link *link, const struct drivers_spec *spec, struct pool *pool,
		 char *why, size_t size)
{
	const struct dpdk_plugin *plugin = drivers_plugin(why, size);
	struct dpdk_config config = {
		.devargs = spec->devargs,
		.mtu = spec->mtu,
		.mac = spec->mac,
		.with_mac = spec->has_mac,
		.queue = spec->queue,
		.queues = (uint16_t)MAX(spec->queues, 1u),
		.no_huge = spec->mode && !strcmp(spec->mode, "nohuge"),
	};

	link->by_queue = !strncmp(spec->devargs, "net_memif", 9);
	return plugin ? plugin->open(&link->dev, pool, &config, why, size) : -E_NOENT;
}
