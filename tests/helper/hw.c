/* port/hw.h over a model of a device. */
#include "helper/hw.h"

#include <stdlib.h>
#include <string.h>

#include "port/sim/sim.h"

#define ARENA (1u << 20)
#define ARENA_AT 0x100000u	/* as the device sees it */

static struct hw *hw_machine;
static uint8_t hw_arena[ARENA] __attribute__((aligned(4096)));
static size_t hw_arena_used;
static struct sim hw_sim;

void hw_init(struct hw *m, uint32_t frames)
{
	memset(m, 0, sizeof(*m));
	sim_init(&hw_sim, 1);
	stage_init(&m->stage, frames, 64);
	m->out = calloc(HW_OUT_MAX, sizeof(*m->out));
	assert(m->out);
	m->memory_left = UINT32_MAX;
	memset(hw_arena, 0xa5, sizeof(hw_arena));
	hw_arena_used = 0;
	hw_machine = m;
}

void hw_fini(struct hw *m)
{
	stage_fini(&m->stage);
	free(m->out);
	hw_machine = NULL;
}

void hw_pass(nsec duration)
{
	sim_step(&hw_sim, hw_sim.now + duration);
}

void *hw_at(uint64_t address, size_t n)
{
	const struct region *r = &hw_machine->stage.pool.region;
	uint8_t *at = (uint8_t *)(uintptr_t)address;
	uint8_t *end = r->base + ((size_t)hw_machine->stage.pool.frames << FRAME_SHIFT);

	if (address >= ARENA_AT && address + n <= ARENA_AT + ARENA)
		return hw_arena + (address - ARENA_AT);
	assert(at >= r->base && at + n <= end);	/* the device was given this */
	return at;
}

void hw_sent(const void *b, uint32_t n)
{
	struct hw *m = hw_machine;

	assert(m->out_n < HW_OUT_MAX && n <= HW_FRAME_MAX);
	m->out[m->out_n].n = n;
	memcpy(m->out[m->out_n++].b, b, n);
}

struct pkt *hw_packet(struct hw *m, uint32_t n, uint8_t fill, unsigned pieces)
{
	struct pkt *first = NULL;

	for (unsigned i = 0; i < pieces; i++) {
		struct pkt *p = pkt_new(&m->stage.pool);
		uint32_t part = i + 1 < pieces ? n / pieces : n - n / pieces * (pieces - 1);

		assert(p);
		memset(p->data, fill, part);
		p->len = p->total = part;
		if (first)
			pkt_append(first, p);
		else
			first = p;
	}
	return first;
}

bool hw_sent_is(const struct hw *m, unsigned k, uint32_t n, uint8_t fill)
{
	if (k >= m->out_n || m->out[k].n != n)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (m->out[k].b[i] != fill)
			return false;
	return true;
}

int hw_rx(struct hw *m, unsigned *n, uint8_t *fill)
{
	struct pkt *got[NETDEV_BURST];
	int res = m->nic.ops->rx(&m->nic, got, NETDEV_BURST);

	*n = res > 0 ? (unsigned)res : 0;
	for (unsigned i = 0; i < *n; i++) {
		*fill = got[i]->data[14];
		pkt_put(got[i]);
	}
	return res;
}

/* ---- port/hw.h */

uint32_t port_hw_read(const struct port_hw *hw, unsigned bar, uint32_t off, unsigned bytes)
{
	struct hw *m = hw->ctx;

	m->reads++;
	return m->model.read(m->model.model, bar, off, bytes);
}

void port_hw_write(const struct port_hw *hw, unsigned bar, uint32_t off, unsigned bytes,
		   uint32_t value)
{
	struct hw *m = hw->ctx;

	m->writes++;
	m->model.write(m->model.model, bar, off, bytes, value);
}

uint32_t port_hw_config_read(const struct port_hw *hw, uint32_t off, unsigned bytes)
{
	struct hw *m = hw->ctx;

	return m->model.config ? m->model.config(m->model.model, off, bytes) : UINT32_MAX;
}

void port_hw_config_write(const struct port_hw *hw, uint32_t off, unsigned bytes, uint32_t value)
{
	(void)hw;
	(void)off;
	(void)bytes;
	(void)value;
}

void *port_hw_memory(size_t bytes)
{
	void *at = hw_arena + hw_arena_used;

	if (hw_machine->memory_left == 0 || hw_arena_used + bytes > ARENA)
		return NULL;
	hw_machine->memory_left--;
	memset(at, 0, bytes);
	hw_arena_used += ALIGN_UP(bytes, (size_t)4096);
	return at;
}

uint64_t port_hw_address(const void *at)
{
	const uint8_t *b = at;

	if (b >= hw_arena && b < hw_arena + ARENA)
		return ARENA_AT + (uint64_t)(b - hw_arena);
	return (uintptr_t)at;
}

void port_hw_irq(const struct port_hw *hw)
{
	struct hw *m = hw->ctx;

	m->opened++;
}
