/* Reading a tar archive: POSIX ustar, and GNU's way to long names.
 *
 * An archive is 512-byte blocks: a header, the file's bytes, the next header; two empty blocks end
 * it.  What is no plain file or folder (links, devices) is passed over. */
#include "apps/ramfs/ramfs_int.h"

#define BLOCK 512u
#define LONG_NAME 'L'

struct tar_header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8];
	char type;
	char link[100], magic[6], version[2], owner[32], group[32], major[8], minor[8];
	char prefix[155], spare[12];
};
static_assert(sizeof(struct tar_header) == BLOCK, "POSIX.1-1988 10.1.1");

struct tar_entry {
	char path[RAMFS_PATH_MAX];
	const uint8_t *data;
	uint64_t size, mtime_s;
	char type;
	bool too_long;
};

static uint64_t octal(const char *text, size_t n)
{
	uint64_t v = 0;

	while (n > 0 && *text == ' ')
		text++, n--;
	while (n-- > 0 && *text >= '0' && *text <= '7')
		v = v * 8 + (uint64_t)(*text++ - '0');
	return v;
}

static bool checksum_good(const struct tar_header *h)
{
	const uint8_t *b = (const uint8_t *)h;
	uint64_t sum = 0;

	for (unsigned i = 0; i < BLOCK; i++)
		sum += i >= offsetof(struct tar_header, checksum) &&
		       i < offsetof(struct tar_header, type) ? ' ' : b[i];
	return sum == octal(h->checksum, sizeof(h->checksum));
}

/* Appends to the path, leaving out "." segments and slashes too many. */
static void add_path(struct tar_entry *e, const char *from, size_t max)
{
	size_t n = str_len(e->path), i = 0;

	while (i < max && from[i]) {
		size_t end = i;

		while (end < max && from[end] && from[end] != '/')
			end++;
		if (end - i > 0 && !(end - i == 1 && from[i] == '.')) {
			if (n + 1 + (end - i) >= sizeof(e->path)) {
				e->too_long = true;
				return;
			}
			if (n > 0)
				e->path[n++] = '/';
			mem_copy(e->path + n, from + i, end - i);
			n += end - i;
			e->path[n] = '\0';
		}
		i = end < max && from[end] ? end + 1 : end;
	}
}

static void take_name(struct tar_entry *e, const struct tar_header *h)
{
	if (e->path[0] || e->too_long)
		return;		/* a long name came before */
	if (mem_eq(h->magic, "ustar", 5))
		add_path(e, h->prefix, sizeof(h->prefix));
	add_path(e, h->name, sizeof(h->name));
}

/* The next entry at *at: 1, 0: the end, -E_PROTO. */
static int next_entry(struct tar_entry *e, const uint8_t *archive, size_t bytes, size_t *at)
{
	*e = (struct tar_entry){ .size = 0 };
	for (;;) {
		const struct tar_header *h = (const struct tar_header *)(archive + *at);
		uint64_t room;

		if (bytes - *at < BLOCK || !h->name[0])
			return 0;
		e->data = archive + *at + BLOCK;
		room = bytes - *at - BLOCK;
		e->size = octal(h->size, sizeof(h->size));
		if (!checksum_good(h) || e->size > room)
			return -E_PROTO;
		*at += BLOCK + MIN(ALIGN_UP(e->size, (uint64_t)BLOCK), room);
		e->type = h->type;
		e->mtime_s = octal(h->mtime, sizeof(h->mtime));
		if (h->type == LONG_NAME) {
			add_path(e, (const char *)e->data, e->size);
			continue;
		}
		take_name(e, h);
		return 1;
	}
}

static bool wanted(const struct tar_entry *e)
{
	return e->path[0] && !e->too_long && (e->type == '0' || !e->type || e->type == '5');
}

int ramfs_tar(struct ramfs *fs, const void *archive, size_t bytes)
{
	struct tar_entry e;
	size_t at = 0;
	int n = 0, more, err = 0;

	while ((more = next_entry(&e, archive, bytes, &at)) > 0) {
		struct ramfs_node *f;

		if (!wanted(&e))
			continue;
		err = ramfs_put_node(fs, e.path, e.type == '5', &f);
		if (err)
			return err == -E_NOSPC ? err : -E_PROTO;
		f->mtime_ns = e.mtime_s * SEC(1);
		if (!f->folder) {
			f->data = e.data;
			f->size = e.size;
			n++;
		}
	}
	return more < 0 ? more : n;
}

uint32_t ramfs_tar_count(const void *archive, size_t bytes)
{
	struct tar_entry e;
	size_t at = 0;
	uint32_t n = 0;

	while (next_entry(&e, archive, bytes, &at) > 0) {
		if (!wanted(&e))
			continue;
		n++;
		for (const char *s = e.path; *s; s++)	/* folders that are not named themselves */
			n += *s == '/';
	}
	return n;
}
