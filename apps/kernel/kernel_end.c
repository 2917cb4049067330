/* How it ends: responses under way are finished, what happened is said, the machine goes off.  And
 * the faults that tests ask for. */
#include "apps/kernel/kernel.h"

#include "base/mem.h"
#include "port/metal/metal.h"
#include "port/port.h"

#define FINISH SEC(3)
#define GOODBYE MSEC(50)
#define CODE_GOOD 16u		/* QEMU's test device makes 33 of it */
#define CODE_LEAK 4u
#define STORM_TICKS 12u	/* 100,000 interrupts a second, if each were taken */
#define STORM_LINE 2u		/* where the old timer ends up */

static void spin(struct kernel *k, nsec for_ns)
{
	nsec end = port_now() + for_ns;

	while (!httpd_ended(k->httpd) && port_now() < end) {
		leat_poll(&k->ring);
		httpd_run(k->httpd);
	}
}

void kernel_report(const struct kernel *k)
{
	const struct httpd_counters *n = httpd_counters(k->httpd);
	const struct tcp_counters *t = &k->net.tcp.n;
	const struct netdev_stats *d = &k->dev.stats;
	const struct pool *p = &k->net.pool;
	uint64_t interrupts = 0;

	metal_log(LOG_INFO, "%llu connections (at most %llu at once), %llu requests, %llu bytes "
		  "sent, %llu segments sent again", (unsigned long long)n->conns,
		  (unsigned long long)n->conns_most, (unsigned long long)n->requests,
		  (unsigned long long)t->out_bytes, (unsigned long long)t->retrans_segs);
	metal_log(LOG_INFO, "frames in %llu, out %llu; lost: no memory %llu, overrun %llu, ring "
		  "full %llu", (unsigned long long)d->rx_frames, (unsigned long long)d->tx_frames,
		  (unsigned long long)d->rx_no_frame, (unsigned long long)d->rx_overrun,
		  (unsigned long long)d->tx_full);
	for (unsigned i = 0; i < METAL_LINES; i++)
		interrupts += metal_trap_counts.lines[i];
	metal_log(LOG_INFO, "polls %llu, of them idle %llu, sleeps %llu, interrupts %llu; frames "
		  "free %u of %u, at least %u; memory left %llu", (unsigned long long)k->net.polls,
		  (unsigned long long)k->net.polls_idle, (unsigned long long)k->sleeps,
		  (unsigned long long)interrupts,
		  p->free_frames_n, p->frames, p->free_frames_low,
		  (unsigned long long)metal_map_left());
	for (unsigned i = 0; i < DROP_N; i++)
		if (k->net.core.drops[i])
			metal_log(LOG_INFO, "dropped %llu: %s",
				  (unsigned long long)k->net.core.drops[i], drop_text(i));
}

void kernel_end(struct kernel *k)
{
	const struct pool *p = &k->net.pool;
	nsec end;

	httpd_stop(k->httpd);
	spin(k, FINISH);
	httpd_abort(k->httpd);
	spin(k, GOODBYE);
	for (end = port_now() + GOODBYE; port_now() < end;)
		leat_poll(&k->ring);
	kernel_report(k);
	if (k->options.dhcp)
		net_dhcp_stop(&k->net);
	ring_direct_fini(&k->ring);
	net_flush(&k->net);
	net_fini(&k->net);
	k->dev.ops->close(&k->dev);
	if (!pool_at_rest(p)) {
		metal_log(LOG_ERROR, "%u frames are missing",
			  p->frames - p->free_frames_n + p->bare - p->free_bare_n);
		metal_power_off(CODE_LEAK);
	}
	metal_log(LOG_INFO, "the end");
	metal_power_off(CODE_GOOD);
}

/* ---- faults, on purpose */

/* The old timer, as fast as it goes, on a line that each sleep opens. */
void kernel_storm(bool begin)
{
	if (begin) {
		metal_out8(0x43, 0x34);
		metal_out8(0x40, STORM_TICKS);
		metal_out8(0x40, 0);
	}
	metal_apic_line(STORM_LINE, true);
}

static uint64_t deep(volatile uint64_t *from)
{
	volatile uint64_t here[64];

	here[0] = *from + 1;
	return here[0] ? deep(here) + here[0] : 0;
}

void kernel_fault(const char *which)
{
	size_t n = str_len(which);
	volatile uint64_t zero = 0;

	if (n == 4 && mem_eq(which, "null", 4))
		*(volatile uint8_t *)(uintptr_t)zero = 1;
	else if (n == 5 && mem_eq(which, "stack", 5))
		deep(&zero);
	else if (n == 4 && mem_eq(which, "code", 4))
		*(volatile uint8_t *)(uintptr_t)metal_text = 1;
	else if (n == 4 && mem_eq(which, "data", 4))
		((void (*)(void))(uintptr_t)metal_data)();
	else if (n == 6 && mem_eq(which, "divide", 6))
		metal_log(LOG_INFO, "%u", (unsigned)(zero + 100 / zero));
	else if (n == 6 && mem_eq(which, "assert", 6))
		assert(zero == 1);
	else if (n == 5 && mem_eq(which, "storm", 5))
		kernel_storm(true);
}
