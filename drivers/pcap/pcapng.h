/* Writes captures that Wireshark opens: pcapng (draft-ietf-opsawg-pcapng), nanoseconds, one
 * interface a host, a comment on a frame where there is something to say.
 *
 * A write that fails is remembered and told by pcapng_close(). */
#ifndef DRIVERS_PCAP_PCAPNG_H
#define DRIVERS_PCAP_PCAPNG_H

#include "base/types.h"

struct pcapng;

enum pcapng_direction { PCAPNG_UNKNOWN, PCAPNG_IN, PCAPNG_OUT };

/* NULL with errno set when the file cannot be made.  `what` names the program in the file's
 * head. */
struct pcapng *pcapng_open(const char *path, const char *what);

/* Adds an Ethernet interface; returns its number. */
unsigned pcapng_add_interface(struct pcapng *w, const char *name, uint32_t snaplen);

/* `at` counts from 1970; `comment` may be NULL. */
void pcapng_frame(struct pcapng *w, unsigned interface, nsec at, enum pcapng_direction dir,
		  const void *bytes, uint32_t len, const char *comment);

/* 0, or a negative error when anything could not be written. */
int pcapng_close(struct pcapng *w);

#endif
