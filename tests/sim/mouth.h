/* How a side speaks to its stack: the same traffic on tcp.h directly, or through the door. */
#ifndef SIM_MOUTH_H
#define SIM_MOUTH_H

#include "sim/world.h"

struct mouth {
	const char *name;
	void (*start)(struct station *st);	/* after net_init() */
	void (*stop)(struct station *st);	/* before net_fini() */
	void (*listen)(struct station *st, unsigned which, uint16_t port, uint32_t backlog);
	void (*unlisten)(struct station *st, unsigned which);

	/* One poll of the stack with everything above; when it wants another. */
	nsec (*poll)(struct station *st);

	/* False when there is no room for another connection now. */
	bool (*connect)(struct side *s, uint32_t to, uint16_t port, uint16_t from_port);

	/* Takes up to n bytes of the side's stream from its position; 0: not now.  `more`: others
	 * follow, it need not be sent yet. */
	uint32_t (*write)(struct side *s, uint32_t n, bool more);

	/* Takes up to n received bytes through side_take(); calls side_eof() at the end. */
	uint32_t (*read)(struct side *s, uint32_t n);

	/* Does it still hold bytes that write() took? Then closing would lose them. */
	bool (*busy)(const struct side *s);
	void (*shutdown)(struct side *s);
	void (*close)(struct side *s);
	void (*abort)(struct side *s);

	/* Before the side's memory goes: everything held is given back. */
	void (*release)(struct side *s);
};

extern const struct mouth mouth_tcp, mouth_door;

#endif
