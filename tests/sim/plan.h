/* What a seed means: the hosts, the wires, the traffic and the trouble of one simulated world.
 *
 * Everything is drawn here, before the clock starts, and from the seed alone; a world does what its
 * plan says.  Nothing of a running world is in here. */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include "drivers/wire/impair.h"
#include "net/net.h"

#define PLAN_STATIONS_MAX 4u
#define PLAN_FLOWS_MAX 40000u

enum weather { WEATHER_CLEAR, WEATHER_LIGHT, WEATHER_HEAVY, WEATHER_N };

/* What somebody who is not part of the conversation sends.  BLIND knows addresses and ports but no
 * number in the window: nothing may come of it.  ONPATH changes what it saw: anything may come of
 * it but a failed assertion, a lost frame or a world that does not come to rest.  FLOOD sends SYNs
 * from everywhere, far more than a backlog holds: not one connection may fail for it. */
enum attack { ATTACK_NONE, ATTACK_BLIND, ATTACK_ONPATH, ATTACK_FLOOD, ATTACK_N };

enum ending {
	END_SHUTDOWN,	/* all sent: shutdown; the peer's end seen: close */
	END_AFTER_EOF,	/* the peer's end seen and all sent: close */
	END_CLOSE,	/* all sent, all received: close, whether the peer has ended or not */
	END_ABORT,	/* rough: reset in the middle */
	END_EARLY,	/* rough: close in the middle, unread bytes or not */
};

struct side_plan {
	uint64_t total;			/* bytes to send */
	uint32_t write_max, read_max;	/* bytes a call */
	nsec write_gap, read_gap;	/* at most so long between calls */
	nsec sleep_at, sleep_for;	/* a reader that falls asleep: its window closes */
	enum ending ending;
	uint64_t rough_at;		/* END_ABORT, END_EARLY: after so many bytes both ways */
	bool nodelay, cork, lend, hold;	/* lend: no copy; hold: received frames are kept a while */
	bool multishot;			/* door only */
};

struct flow_plan {
	uint8_t client, server;		/* stations */
	nsec start;
	uint16_t cport;			/* 0: the stack chooses */
	uint16_t sport;
	bool simultaneous;		/* both connect */
	uint32_t request, response;	/* 0: both just send */
	struct side_plan side[2];	/* client's, server's */
	uint64_t key;			/* of its bytes */
};

struct station_plan {
	struct net_config config;
	struct impair_faults faults;	/* of the way here */
	uint16_t mtu;
	bool door;			/* driven through leat_submit(), else on tcp.h */
	nsec poll_gap;			/* a slow CPU: polls are at least so far apart */
	uint32_t backlog;
	nsec starve_every, starve_for;	/* all frames but a few are taken away, now and then */
	uint32_t starve_left;
	uint32_t completions;		/* size of the door's ring */
	nsec sleep_every, sleep_for;	/* it stands still, then its clock jumps; 0: never */
	nsec mtu_every;			/* its way in changes between mtu and mtu_low; 0: never */
	uint16_t mtu_low;
};

struct plan {
	uint64_t seed;
	enum weather weather;
	enum attack attack;
	unsigned stations, flows;
	nsec flows_over;		/* when the last flow begins */
	nsec faults_until;
	nsec listeners_close;		/* a listener that closes and opens again; 0: none does */
	nsec attack_gap;
	bool datagrams, pings;
	bool small_ring;		/* the device takes few frames a call */
	uint32_t check_every;		/* steps between two walks over every invariant */
	struct station_plan station[PLAN_STATIONS_MAX];
	struct flow_plan *flow;
};

struct plan_options {
	unsigned flows;			/* 0: the seed says */
	bool no_faults;
	bool check_always;
	bool flood;			/* every world is flooded with SYNs */
};

void plan_draw(struct plan *p, uint64_t seed, const struct plan_options *o);
void plan_free(struct plan *p);
void plan_print(const struct plan *p);

#endif
