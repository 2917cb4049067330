/* How fast flows go: bulk senders through one bottleneck, in virtual time.
 *
 * Each sender is a stack of its own; all of them send to one receiver, whose way in has the rate,
 * the queue and the loss.  What comes out are bytes, and what each sender did for them. */
#ifndef SIM_RACE_H
#define SIM_RACE_H

#include "drivers/wire/impair.h"
#include "net/net.h"

#define RACE_FLOWS_MAX 6u

struct race {
	uint64_t rate_bps;
	nsec rtt;			/* without the queue */
	nsec jitter;
	uint32_t loss_ppm;		/* of bytes; ACKs are not lost */
	uint32_t mark_bytes;		/* 0: no marks */
	uint32_t queue_bytes;		/* 0: a round trip's worth, at least 64 KiB */
	unsigned flows;
	const struct cc_ops *cc[RACE_FLOWS_MAX];
	nsec start[RACE_FLOWS_MAX];	/* after the beginning */
	nsec duration;			/* from the first flow's handshake on */
	nsec count_from;		/* bytes before do not count */
	uint64_t seed;
	const struct tcp_config *tcp;	/* NULL: the defaults */
};

struct race_result {
	uint64_t bytes[RACE_FLOWS_MAX];
	struct tcp_counters n[RACE_FLOWS_MAX];	/* of each sender */
	uint64_t queue_full, lost, marked;
};

void race_run(const struct race *r, struct race_result *out);

/* Bits a second of a flow. */
double race_rate(const struct race *r, const struct race_result *out, unsigned flow);

/* Prints throughput by loss and round trip. */
int race_table(const struct cc_ops *cc, nsec duration);

/* Do equals share a bottleneck?  Prints, and returns how many do not: 0 is good. */
int race_fairness(void);

#endif
