/* Memory of the machine: what the loader left, handed out by port/pages and port/objects. */
#include "port/metal/metal.h"

#include "base/mem.h"
#include "port/hw.h"
#include "port/objects/objects.h"
#include "port/port.h"

static struct pages map_pages;
static struct objects map_objects;

void metal_map_init(void)
{
	pages_init(&map_pages);
	objects_init(&map_objects, &map_pages);
	for (unsigned i = 0; i < metal_boot.memory_n; i++)
		pages_add(&map_pages, (void *)(uintptr_t)metal_boot.memory[i].start,
			  metal_boot.memory[i].end - metal_boot.memory[i].start);
}

void *metal_map_object(size_t bytes)
{
	return objects_get(&map_objects, bytes);
}

void metal_map_object_put(void *mem, size_t bytes)
{
	objects_put(&map_objects, mem, bytes);
}

uint64_t metal_map_left(void)
{
	return pages_left(&map_pages);
}

void *port_map(size_t bytes, bool huge)
{
	void *mem = pages_get(&map_pages, bytes);

	(void)huge;
	if (mem)
		mem_zero(mem, bytes);
	return mem;
}

void port_unmap(void *mem, size_t bytes)
{
	pages_put(&map_pages, mem, bytes);
}

void *port_hw_memory(size_t bytes)
{
	return port_map(bytes, false);
}

uint64_t port_hw_address(const void *at)
{
	return (uintptr_t)at;
}
