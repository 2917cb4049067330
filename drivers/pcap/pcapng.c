/* The pcapng writer: section header, interface descriptions, enhanced packets.
 *
 * All fields in the machine's order, as the byte-order magic tells the reader. */
#include "drivers/pcap/pcapng.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SECTION = 0x0a0d0d0a, BLOCK_INTERFACE = 1, BLOCK_PACKET = 6 };
enum {
	OPT_END = 0,
	OPT_COMMENT = 1,
	OPT_IF_NAME = 2,
	OPT_EPB_FLAGS = 2,
	OPT_USERAPPL = 4,
	OPT_IF_TSRESOL = 9
};

#define LINKTYPE_ETHERNET 1
#define TSRESOL_NS 9		/* 10^-9 s */
#define OPTIONS_MAX 1024u

struct pcapng {
	FILE *file;
	unsigned interfaces;
	bool failed;
};

struct options {
	uint8_t bytes[OPTIONS_MAX];
	size_t n;
};

static void option(struct options *o, uint16_t code, const void *value, size_t len)
{
	uint16_t head[2] = {code, (uint16_t)len};
	size_t padded = ALIGN_UP(len, (size_t)4);

	if (o->n + sizeof(head) + padded > sizeof(o->bytes) - sizeof(head))
		return;
	memcpy(o->bytes + o->n, head, sizeof(head));
	memset(o->bytes + o->n + sizeof(head), 0, padded);
	memcpy(o->bytes + o->n + sizeof(head), value, len);
	o->n += sizeof(head) + padded;
}

static void option_text(struct options *o, uint16_t code, const char *text)
{
	option(o, code, text, MIN(strlen(text), (size_t)OPTIONS_MAX / 2));
}

static void put(struct pcapng *w, const void *bytes, size_t n)
{
	if (n && fwrite(bytes, 1, n, w->file) != n)
		w->failed = true;
}

/* type, length, head, body padded to 4, options, end of options, length again */
static void block(struct pcapng *w, uint32_t type, const void *head, uint32_t head_len,
		  const void *body, uint32_t body_len, const struct options *o)
{
	static const uint8_t zero[4];
	uint32_t pad = ALIGN_UP(body_len, 4u) - body_len;
	uint32_t end = o->n ? 4 : 0;
	uint32_t len = 12 + head_len + body_len + pad + (uint32_t)o->n + end;

	put(w, &type, 4);
	put(w, &len, 4);
	put(w, head, head_len);
	put(w, body, body_len);
	put(w, zero, pad);
	put(w, o->bytes, o->n);
	put(w, zero, end);
	put(w, &len, 4);
}

struct pcapng *pcapng_open(const char *path, const char *what)
{
	struct {
		uint32_t magic;
		uint16_t major, minor;
		int64_t section_len;	/* not told */
	} PACKED head = {0x1a2b3c4d, 1, 0, -1};
	struct options o = {.n = 0};
	struct pcapng *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->file = fopen(path, "wb");
	if (!w->file) {
		free(w);
		return NULL;
	}
	option_text(&o, OPT_USERAPPL, what);
	block(w, BLOCK_SECTION, &head, sizeof(head), NULL, 0, &o);
	return w;
}

unsigned pcapng_add_interface(struct pcapng *w, const char *name, uint32_t snaplen)
{
	struct {
		uint16_t linktype, reserved;
		uint32_t snaplen;
	} PACKED head = {LINKTYPE_ETHERNET, 0, snaplen};
	uint8_t resolution = TSRESOL_NS;
	struct options o = {.n = 0};

	option_text(&o, OPT_IF_NAME, name);
	option(&o, OPT_IF_TSRESOL, &resolution, 1);
	block(w, BLOCK_INTERFACE, &head, sizeof(head), NULL, 0, &o);
	return w->interfaces++;
}

void pcapng_frame(struct pcapng *w, unsigned interface, nsec at, enum pcapng_direction dir,
		  const void *bytes, uint32_t len, const char *comment)
{
	struct {
		uint32_t interface, at_high, at_low, captured, original;
	} PACKED head = {interface, (uint32_t)(at >> 32), (uint32_t)at, len, len};
	uint32_t flags = dir;
	struct options o = {.n = 0};

	if (comment)
		option_text(&o, OPT_COMMENT, comment);
	if (dir != PCAPNG_UNKNOWN)
		option(&o, OPT_EPB_FLAGS, &flags, sizeof(flags));
	block(w, BLOCK_PACKET, &head, sizeof(head), bytes, len, &o);
}

int pcapng_close(struct pcapng *w)
{
	int err = 0;

	if (w->failed)
		err = -EIO;
	if (fclose(w->file) != 0)
		err = -errno;
	free(w);
	return err;
}
