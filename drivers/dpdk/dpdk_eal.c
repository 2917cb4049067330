/* DPDK's beginning, and its ports.
 *
 * The environment (EAL) is one a process and cannot be begun twice, so it stays until the process
 * ends.  It must not take what is not asked for: no second thread pinned, no files, no telemetry,
 * no PCI device but the one named, huge pages only when some are free.
 *
 * A port with several queues can only be started when each of them has its memory: the last stack
 * that opens its queue starts it, and until then no queue has frames. */
#include "drivers/dpdk/dpdk_int.h"

#include <ctype.h>
#include <pthread.h>
#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fmt.h"

#define DPDK_HUGE_FREE "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"
#define DPDK_HUGE_MIN 48	/* free pages of 2 MiB from which they are used */
#define DPDK_ARGS_MAX 12
#define DPDK_ARG_MAX 1024
#define DPDK_FRAMING 18u	/* of a frame besides its IP packet */
#define DPDK_RX_SLOTS 1024u
#define DPDK_TX_SLOTS 1024u
#define DPDK_RX_OFFLOADS                                                                           \
	(RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM |                           \
	 RTE_ETH_RX_OFFLOAD_UDP_CKSUM)
#define DPDK_TX_OFFLOADS                                                                           \
	(RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_TCP_CKSUM |                            \
	 RTE_ETH_TX_OFFLOAD_UDP_CKSUM)

/* Opening and closing only; frames pass without it. */
static pthread_mutex_t dpdk_lock = PTHREAD_MUTEX_INITIALIZER;
static struct dpdk_port *dpdk_ports;
static bool dpdk_started;

/* A PCI address, with or without its domain; everything else is a virtual device's name. */
static bool dpdk_is_pci(const char *devargs)
{
	unsigned domain, bus, slot, function;

	return sscanf(devargs, "%x:%x:%x.%x", &domain, &bus, &slot, &function) == 4 ||
	       (sscanf(devargs, "%x:%x.%x", &bus, &slot, &function) == 3 &&
		isxdigit((unsigned char)devargs[0]));
}

static bool dpdk_huge_pages(void)
{
	FILE *f = fopen(DPDK_HUGE_FREE, "re");
	int n = 0;

	if (!f)
		return false;
	if (fscanf(f, "%d", &n) != 1)
		n = 0;
	fclose(f);
	return n >= DPDK_HUGE_MIN;
}

/* "--lcores=0@(0-1,3)": one thread of DPDK's, which is ours and stays where it may run. */
static void dpdk_lcores(char *to, size_t size)
{
	cpu_set_t set;
	int n = snprintf(to, size, "--lcores=0@(");
	bool first = true;

	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof(set), &set);
	for (int cpu = 0; cpu < CPU_SETSIZE && (size_t)n + 8 < size; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		n += snprintf(to + n, size - (size_t)n, first ? "%d" : ",%d", cpu);
		first = false;
	}
	snprintf(to + n, size - (size_t)n, ")");
}

/* rte_eal_init() keeps its arguments and wants them writable. */
static char dpdk_args[DPDK_ARGS_MAX][DPDK_ARG_MAX];

static int dpdk_eal_begin(const struct dpdk_config *config, char *why, size_t size)
{
	char *argv[DPDK_ARGS_MAX];
	int argc = 0;

	snprintf(dpdk_args[argc++], DPDK_ARG_MAX, "leat");
	dpdk_lcores(dpdk_args[argc++], DPDK_ARG_MAX);
	snprintf(dpdk_args[argc++], DPDK_ARG_MAX, "--no-telemetry");
	/* It complains of what it wants for flow rules, and does without.  The first rule wins. */
	snprintf(dpdk_args[argc++], DPDK_ARG_MAX, "--log-level=pmd.net.tap:2");
	snprintf(dpdk_args[argc++], DPDK_ARG_MAX, "--log-level=*:4");
	snprintf(dpdk_args[argc++], DPDK_ARG_MAX, "-m64");
	if (dpdk_is_pci(config->devargs)) {
		snprintf(dpdk_args[argc++], DPDK_ARG_MAX, "--allow=%s", config->devargs);
	} else {
		snprintf(dpdk_args[argc++], DPDK_ARG_MAX, "--no-pci");
		snprintf(dpdk_args[argc++], DPDK_ARG_MAX, "--iova-mode=va");
	}
	if (!config->no_huge && dpdk_huge_pages()) {
		snprintf(dpdk_args[argc++], DPDK_ARG_MAX, "--in-memory");
	} else {	/* not both: DPDK does not like it */
		snprintf(dpdk_args[argc++], DPDK_ARG_MAX, "--no-huge");
		snprintf(dpdk_args[argc++], DPDK_ARG_MAX, "--no-shconf");
	}
	for (int i = 0; i < argc; i++)
		argv[i] = dpdk_args[i];
	if (rte_eal_init(argc, argv) >= 0)
		return 0;
	fmt(why, size, "dpdk: cannot start DPDK: %s; a PCI device needs root, vfio-pci and huge "
	    "pages (dpdk-devbind.py, dpdk-hugepages.py)", rte_strerror(rte_errno));
	return rte_errno ? -rte_errno : -E_IO;
}

static int dpdk_eal_start(const struct dpdk_config *config, char *why, size_t size)
{
	int err = dpdk_started ? 0 : dpdk_eal_begin(config, why, size);

	dpdk_started |= !err;
	return err;
}

/* ---- ports */

/* The device's name, which is the part of the devargs before the first comma. */
static void dpdk_port_name(char *to, size_t size, const char *devargs)
{
	size_t n = strcspn(devargs, ",");

	snprintf(to, size, "%.*s", (int)n, devargs);
}

static int dpdk_port_probe(struct dpdk_port *port, const char *devargs, char *why, size_t size)
{
	int err;

	if (rte_eth_dev_get_port_by_name(port->name, &port->id)) {
		err = rte_dev_probe(devargs);
		if (err || rte_eth_dev_get_port_by_name(port->name, &port->id)) {
			fmt(why, size, "dpdk: no device \"%s\" (%s); names begin with that of a "
			    "driver, net_memif0 or net_tap0; net_tap and net_af_packet need root",
			    devargs, rte_strerror(err ? -err : ENODEV));
			return err ? err : -E_NOENT;
		}
	}
	err = rte_eth_dev_info_get(port->id, &port->info);
	if (err) {
		fmt(why, size, "dpdk: %s does not tell what it can (error %d)", port->name, -err);
		return err;
	}
	port->vdev = !dpdk_is_pci(devargs);
	return 0;
}

static void dpdk_port_configure(struct dpdk_port *port)
{
	const struct rte_eth_dev_info *info = &port->info;
	struct rte_eth_conf *conf = &port->conf;

	conf->rxmode.offloads = info->rx_offload_capa & DPDK_RX_OFFLOADS;
	conf->txmode.offloads = info->tx_offload_capa & DPDK_TX_OFFLOADS;
	if (port->vdev)		/* there it is software, which we have ourselves */
		conf->txmode.offloads &= RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	if (port->vdev)
		conf->rxmode.offloads = 0;
	if (port->queues > 1 && info->flow_type_rss_offloads) {
		conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf->rx_adv_conf.rss_conf.rss_hf =
			info->flow_type_rss_offloads &
			(RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
	}
}

static struct dpdk_port *dpdk_port_new(const struct dpdk_config *config, char *why, size_t size)
{
	struct dpdk_port *port = calloc(1, sizeof(*port));

	if (!port) {
		fmt(why, size, "dpdk: no memory");
		return NULL;
	}
	dpdk_port_name(port->name, sizeof(port->name), config->devargs);
	port->queues = config->queues ? config->queues : 1;
	if (dpdk_port_probe(port, config->devargs, why, size)) {
		free(port);
		return NULL;
	}
	if (port->queues > MIN(port->info.max_rx_queues, port->info.max_tx_queues)) {
		fmt(why, size, "dpdk: %s has %u queues, not %u", port->name,
		    MIN(port->info.max_rx_queues, port->info.max_tx_queues), port->queues);
		free(port);
		return NULL;
	}
	dpdk_port_configure(port);
	port->conf.rxmode.mtu = config->mtu;
	if (port->vdev)		/* memif takes frames of any length, but does not say so */
		port->conf.rxmode.mtu = MIN(config->mtu, port->info.max_rx_pktlen - DPDK_FRAMING);
	port->next = dpdk_ports;
	dpdk_ports = port;
	return port;
}

/* The port of that name, which other queues may have opened already; NULL with a line in `why`. */
struct dpdk_port *dpdk_port_get(const struct dpdk_config *config, char *why, size_t size)
{
	struct dpdk_port *port;
	char name[64];

	pthread_mutex_lock(&dpdk_lock);
	dpdk_port_name(name, sizeof(name), config->devargs);
	for (port = dpdk_ports; port; port = port->next)
		if (!strcmp(port->name, name))
			break;
	if (port && (config->queue >= port->queues || port->queue[config->queue])) {
		fmt(why, size, "dpdk: queue %u of %s is in use", config->queue, name);
		port = NULL;
	} else if (!port && !dpdk_eal_start(config, why, size)) {
		port = dpdk_port_new(config, why, size);
	}
	pthread_mutex_unlock(&dpdk_lock);
	return port;
}

/* A device that reaches memory by itself is told where the region is. */
static int dpdk_port_map(struct dpdk_port *port, struct dpdk_queue *q)
{
	struct region *r = &q->mem.pool->region;
	size_t bytes = (size_t)r->frames << FRAME_SHIFT;
	int err;

	if (port->vdev)
		return 0;
	err = rte_extmem_register(r->base, bytes, NULL, 0, 4096);
	if (err && rte_errno != EEXIST)
		return -rte_errno;
	err = rte_dev_dma_map(port->info.device, r->base, (uint64_t)(uintptr_t)r->base, bytes);
	return err && rte_errno != ENOTSUP ? -rte_errno : 0;
}

static int dpdk_port_setup(struct dpdk_port *port)
{
	uint16_t rx = DPDK_RX_SLOTS, tx = DPDK_TX_SLOTS;
	int err;

	/* Of the virtual devices only this has something to sleep on. */
	port->interrupts = !port->vdev || !strcmp(port->info.driver_name, "net_tap");
	port->conf.intr_conf.rxq = port->interrupts;
	err = rte_eth_dev_configure(port->id, port->queues, port->queues, &port->conf);
	if (err && port->interrupts) {
		port->interrupts = false;
		port->conf.intr_conf.rxq = 0;
		err = rte_eth_dev_configure(port->id, port->queues, port->queues, &port->conf);
	}
	if (!err && port->conf.rxmode.mtu)
		rte_eth_dev_set_mtu(port->id, (uint16_t)port->conf.rxmode.mtu);
	if (!err)
		err = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &rx, &tx);
	for (uint16_t i = 0; i < port->queues && !err; i++) {
		struct rte_eth_rxconf rxconf = port->info.default_rxconf;
		struct rte_eth_txconf txconf = port->info.default_txconf;

		rxconf.offloads = port->conf.rxmode.offloads;
		txconf.offloads = port->conf.txmode.offloads;
		err = dpdk_port_map(port, port->queue[i]);
		if (!err)
			err = rte_eth_rx_queue_setup(port->id, i, rx, SOCKET_ID_ANY, &rxconf,
						     port->queue[i]->mem.mp);
		if (!err)
			err = rte_eth_tx_queue_setup(port->id, i, tx, SOCKET_ID_ANY, &txconf);
	}
	return err;
}

static int dpdk_port_start(struct dpdk_port *port, char *why, size_t size)
{
	int err = dpdk_port_setup(port);

	if (!err)
		err = rte_eth_dev_start(port->id);
	if (err) {
		fmt(why, size, "dpdk: cannot start %s: %s", port->name, rte_strerror(-err));
		return err;
	}
	rte_eth_promiscuous_enable(port->id);	/* ours may be another address than the card's */
	port->started = true;
	for (uint16_t i = 0; i < port->queues; i++)
		__atomic_store_n(&port->queue[i]->started, true, __ATOMIC_RELEASE);
	return 0;
}

int dpdk_port_join(struct dpdk_port *port, struct dpdk_queue *q, char *why, size_t size)
{
	int err = 0;

	pthread_mutex_lock(&dpdk_lock);
	port->queue[q->id] = q;
	if (++port->opened == port->queues)
		err = dpdk_port_start(port, why, size);
	pthread_mutex_unlock(&dpdk_lock);
	return err;
}

/* The first queue that goes stops the device, for its frames go home with it; the last one closes
 * it.  The stacks of the others must not be polling just then. */
void dpdk_port_leave(struct dpdk_port *port, struct dpdk_queue *q)
{
	struct dpdk_port **at = &dpdk_ports;

	pthread_mutex_lock(&dpdk_lock);
	if (port->started) {
		rte_eth_dev_stop(port->id);
		rte_eth_dev_close(port->id);
		port->started = false;
	}
	for (uint16_t i = 0; i < port->queues; i++)
		if (port->queue[i])
			port->queue[i]->started = false;
	if (port->queue[q->id] == q) {
		port->queue[q->id] = NULL;
		port->opened--;
	}
	if (port->opened == 0) {
		if (port->info.device)
			rte_dev_remove(port->info.device);
		while (*at != port)
			at = &(*at)->next;
		*at = port->next;
		free(port);
	}
	pthread_mutex_unlock(&dpdk_lock);
}
