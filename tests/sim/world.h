/* One simulated world: stations on a wire, the flows between them, and what must hold.
 *
 *   plan.c     what a seed means          world.c    hosts, wire, clock, the run and its oracles
 *   side.c     one end of one flow        mouth.h    how a side speaks to its stack, in two makes:
 *   beside.c   datagrams and pings                   mouth_tcp.c on tcp.h, mouth_door.c on ring.h
 *   attack.c   what strangers send        police.c   every frame that a stack sends is looked at
 * Always: nothing depends on anything but the plan; the first thing that is not as it must be
 * ends the run with world->why. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "drivers/pcap/pcapng.h"
#include "drivers/wire/wire.h"
#include "helper/host.h"
#include "helper/seg.h"
#include "port/sim/sim.h"
#include "ring/ring.h"
#include "sim/plan.h"

#define WORLD_WHY_MAX 512u
#define STATION_STARVED_MAX 4096u

struct world;
struct flow;
struct mouth;

enum side_state { SIDE_IDLE, SIDE_OPENING, SIDE_OPEN, SIDE_DONE };

struct side {				/* one end of a flow */
	struct flow *flow;
	struct station *station;
	const struct side_plan *plan;
	unsigned which;			/* 0: client's, 1: server's */
	enum side_state state;
	struct list node;		/* on its station's list while it is not done */
	uint64_t sent, received;	/* bytes that the stack took, gave */
	bool eof, ended, shut, rough, corked, answered;
	int err;			/* positive */
	nsec write_at, read_at, awake_at;
	nsec opened_at;
	/* tcp.h */
	struct tcp_conn *conn;
	struct seat *seat;
	struct pktq held;
	/* the door */
	int fd;
	struct door_side *door;
};

struct flow {
	const struct flow_plan *plan;
	struct side side[2];
	bool begun, over;
	uint16_t cport;			/* as it became */
	nsec cut_at;			/* one side has failed: the other may wait until then */
	nsec over_at;
};

struct station {
	struct world *world;
	unsigned index;
	const struct station_plan *plan;
	const struct mouth *mouth;
	struct host host;
	struct leat_ring ring;
	void *ring_mem;
	size_t ring_bytes;
	struct netdev *dev;
	struct sim_task task;
	uint32_t ip;
	struct mac mac;
	struct list sides;		/* idle ones are not on it */
	nsec next;			/* when a side wants to act */
	nsec polled_at;
	unsigned polls_now;		/* at one moment: bounded */
	bool acted;
	struct door_station *door;
	struct tcp_listener *listener[2];
	bool listening[2];
	struct pkt *starved[STATION_STARVED_MAX];
	unsigned starved_n;
	nsec starve_at, sleep_at, mtu_at;
	struct udp_sock udp;
	bool udp_up;
	nsec datagram_at;
};

struct world {
	struct plan plan;
	struct sim sim;
	struct wire *wire;
	struct station station[PLAN_STATIONS_MAX];
	struct flow *flow;
	/* no flow before first_open is unfinished */
	unsigned flows_over, flows_begun, first_open;
	struct sim_task director;	/* begins flows, closes listeners */
	struct sim_task attacker;
	struct prng dice;		/* of what happens while the world runs */
	struct police *police;
	struct attack_memory *memory;
	uint64_t trace;			/* hash of every frame with its moment */
	uint64_t frames, steps, bytes;
	uint64_t pings_sent, pings_answered, datagrams_sent, datagrams_good, attacks;
	unsigned flows_failed;		/* ended by an error that was excused */
	struct pcapng *pcap;
	bool verbose, ending;
	char why[WORLD_WHY_MAX];	/* what is wrong, empty: nothing */
};

/* Makes the world of a plan.  `pcap` may be NULL. */
bool world_init(struct world *w, uint64_t seed, const struct plan_options *o, const char *pcap,
		bool verbose);

/* Lets it run to its end; false with w->why set. */
bool world_run(struct world *w);
void world_fini(struct world *w);

/* Something is not as it must be: remembers the first. */
PRINTF_LIKE(2, 3) void world_fail(struct world *w, const char *format, ...);

/* May flows fail?  When somebody on the path plays tricks, or a stack gave up as it should
 * after many losses; not otherwise, whatever the weather. */
bool world_excuses(const struct world *w);

static inline bool world_bad(const struct world *w)
{
	return w->why[0] != '\0';
}

static inline nsec world_now(const struct world *w)
{
	return w->sim.now;
}

/* The flow that a four-tuple belongs to, the newest one, or NULL.  `from_client`: which way. */
struct flow *world_flow(struct world *w, uint32_t src, uint16_t sport, uint32_t dst, uint16_t dport,
			bool *from_client);

/* ---- side.c: what both mouths tell */
bool side_begin(struct flow *f);	/* false: no room, try again */
void side_opened(struct side *s);
void side_accepted(struct station *st, const struct addr *remote, uint16_t rport, uint16_t lport,
		   struct side **out);	/* *out NULL: nobody's, to be reset */
void side_failed(struct side *s, int err);
void side_take(struct side *s, const uint8_t *bytes, uint32_t n);	/* received */
void side_eof(struct side *s);
nsec side_step(struct side *s);	/* acts; when it wants to act again */
void side_fill(struct flow *f, unsigned which, uint64_t at, uint8_t *to, uint32_t n);
bool side_matches(struct flow *f, unsigned which, uint64_t at, const uint8_t *bytes, uint32_t n);
void side_done(struct side *s);

/* ---- beside.c */
void beside_init(struct station *st);
nsec beside_step(struct station *st);
void beside_fini(struct station *st);
void beside_ping(struct world *w);
void beside_pong(struct world *w, const struct seg *s);

/* ---- attack.c */
void attack_init(struct world *w);
void attack_saw(struct world *w, const struct wire_event *e);
nsec attack_step(void *world);
void attack_fini(struct world *w);

/* ---- police.c */
void police_init(struct world *w);
void police_departure(struct world *w, unsigned from, const uint8_t *bytes, uint32_t len);
void police_arrival(struct world *w, unsigned at, const uint8_t *bytes, uint32_t len);
void police_fini(struct world *w);

#endif
