/* What the files of the image say to each other.
 *
 *	kernel.c	the order in which a machine becomes a web server, and its loop
 *	kernel_options.c	the command line
 *	kernel_nic.c	which driver takes which card
 *	kernel_site.c	where the files come from
 *	kernel_end.c	how it ends, and what it says then */
#ifndef APPS_KERNEL_KERNEL_H
#define APPS_KERNEL_KERNEL_H

#include "apps/httpd/httpd.h"
#include "apps/ramfs/ramfs.h"
#include "link/netdev.h"
#include "net/net.h"
#include "port/hw.h"
#include "ring/ring.h"

enum kernel_poll { KERNEL_POLL_ADAPTIVE, KERNEL_POLL_BUSY, KERNEL_POLL_SLEEP };

struct kernel_options {
	struct addr addr, gateway;	/* not with dhcp */
	uint8_t prefix;
	bool dhcp, has_gateway, access, demo;
	uint16_t port;
	uint32_t conns, frames;		/* 0: as memory allows */
	enum kernel_poll poll;
	uint32_t stop_s;		/* ends by itself; 0: never */
	char nic[16];			/* "": the first that is found */
	char fault[16];			/* a fault to make, for tests */
};

struct kernel {
	struct kernel_options options;
	struct net net;
	struct leat_ring ring;
	struct netdev dev;
	struct net_dhcp dhcp;
	struct ramfs site;
	struct httpd *httpd;
	void *region, *private, *door;
	bool stopping, announced, storm;
	nsec started, worked, stop_at;
	uint64_t polls_idle, sleeps;
};

void kernel_main(const void *info);	/* start.S calls it */

/* kernel_options.c: refuses what it does not understand, with words. */
bool kernel_options_read(struct kernel_options *o);

/* kernel_nic.c */
bool kernel_nic_open(struct kernel *k);

/* kernel_site.c */
bool kernel_site_open(struct kernel *k);

/* kernel_end.c */
NORETURN void kernel_end(struct kernel *k);
void kernel_report(const struct kernel *k);
void kernel_fault(const char *which);
void kernel_storm(bool begin);

#endif
