/* A cable in memory: two or more ends, each a netdev, and between them whatever impair.h
 * decides.
 *
 * With more than two ends it is a switch: a frame goes to the end that has its destination
 * address, a group address to all others; each end's way in (its port of the switch) has its
 * own faults, so that flows towards one end share its rate and its queue.  Time is port_now():
 * virtual under the simulator, real otherwise.  One thread for all ends.
 * Always: a frame in flight lies in a buffer of the wire's own, never in a stack's pool;
 * nothing is allocated after wire_new(); frames due at one moment arrive in the order they were
 * sent. */
#ifndef DRIVERS_WIRE_WIRE_H
#define DRIVERS_WIRE_WIRE_H

#include "drivers/wire/impair.h"
#include "link/netdev.h"

#define WIRE_ENDS_MAX 8u

struct wire;

/* What happened to a frame, for a trace or a capture. */
struct wire_event {
	nsec at;		/* now, or for an arrival when it was due */
	unsigned end;		/* which end sent it, or which it arrives at */
	bool arrival;
	enum impair_fate fate;	/* of a departure towards one end: one event per receiving end */
	unsigned to;		/* of a departure: towards which end */
	const struct impair_delivery *delivery;	/* of an arrival */
	const uint8_t *bytes;
	uint32_t len;
};

struct wire_config {
	unsigned ends;			/* 2..WIRE_ENDS_MAX */
	struct impair_faults faults[WIRE_ENDS_MAX];	/* of the way to each end */
	uint64_t seed;
	uint16_t mtu[WIRE_ENDS_MAX];	/* what each end's netdev says */
	uint32_t features;		/* of enum netdev_features: 0 or NETDEV_CHAIN_TX */
	uint32_t in_flight_max;		/* frames; 0: 1024 */
	/* an end's tx takes no more frames a call, as a small ring; 0: no limit */
	uint32_t tx_max;
	struct mac mac[WIRE_ENDS_MAX];
	const char *name;		/* ends are called <name>0, <name>1 ... */
	void (*on_event)(void *ctx, const struct wire_event *e);	/* may be NULL */
	/* the end wants to be polled by then; may be NULL */
	void (*on_due)(void *ctx, unsigned end, nsec due);
	void *ctx;
};

/* 0 or -E_NOMEM, -E_INVAL. */
int wire_new(struct wire **out, const struct wire_config *config);
void wire_free(struct wire *w);

/* The device of an end, open and without a pool: set dev->pool before the first poll. */
struct netdev *wire_dev(struct wire *w, unsigned end);

/* The way to an end, to read its counters and to change its faults. */
struct impair *wire_impair(struct wire *w, unsigned end);

/* A frame of nobody's, put on the way to `end`, due at `at`: what an attacker sends.  False
 * when the wire is full. */
bool wire_inject(struct wire *w, unsigned end, const uint8_t *bytes, uint32_t len, nsec at);

/* The earliest arrival at an end, NSEC_NEVER: none. */
nsec wire_due(const struct wire *w, unsigned end);

/* Frames in flight. */
uint32_t wire_in_flight(const struct wire *w);

#endif
