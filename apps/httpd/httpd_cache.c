/* Files kept open between requests: by path, bounded in number and in bytes.
 *
 * A file that was looked at within the last HTTPD_FRESH is believed; after that the tree is asked
 * whether opening it again would give the same.  When it would not, the old bytes stay for as long
 * as they are lent, and can no longer be found.  Room is made by a clock hand that passes over what
 * was used since it last came by, and over what is lent.
 *
 * Always: a file is either free, or cached, or has references. */
#include "apps/httpd/httpd_int.h"

static uint32_t httpd_cache_hash(const char *path, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)path[i]) * 0x100000001b3;
	return (uint32_t)(hash ^ hash >> 32);
}

void httpd_cache_init(struct httpd *h)
{
	for (uint32_t i = 0; i <= h->file_hash_mask; i++)
		list_init(&h->file_hash[i]);
	for (uint32_t i = 0; i < h->config.files; i++)
		list_init(&h->files[i].hash_node);
	h->broken_seen = h->config.tree->broken(h->config.tree->ctx);
}

static bool httpd_cache_is_free(const struct httpd_file *f)
{
	return !f->cached && f->refs == 0;
}

/* Nobody finds it any more; without references it is gone. */
static void httpd_cache_drop(struct httpd *h, struct httpd_file *f)
{
	list_del(&f->hash_node);
	f->cached = false;
	if (f->refs)
		return;
	if (!f->blob.guarded)
		h->file_bytes -= f->blob.size;
	h->config.tree->close(h->config.tree->ctx, &f->blob);
}

void httpd_cache_put(struct httpd *h, struct httpd_file *f)
{
	f->refs--;
	/* A mapped file holds a descriptor, and its space on disk if it was removed: not for longer
	 * than it is sent. */
	if (f->refs == 0 && (!f->cached || f->blob.guarded))
		httpd_cache_drop(h, f);
}

void httpd_cache_fini(struct httpd *h)
{
	for (uint32_t i = 0; i < h->config.files; i++) {
		struct httpd_file *f = &h->files[i];

		if (httpd_cache_is_free(f))
			continue;
		f->refs = 0;
		httpd_cache_drop(h, f);
	}
}

/* The next file that the hand may take: cached and unused for a round, or (if that will do) free.
 */
static struct httpd_file *httpd_cache_victim(struct httpd *h, bool free_will_do)
{
	for (uint32_t i = 0; i < 2 * h->config.files; i++) {
		struct httpd_file *f = &h->files[h->file_hand];

		h->file_hand = (h->file_hand + 1) % h->config.files;
		if (f->refs || (!f->cached && !free_will_do))
			continue;
		if (!f->used)
			return f;
		f->used = false;
	}
	return NULL;
}

/* A free slot, and room for `bytes` more; or NULL, when too much is lent just now. */
static struct httpd_file *httpd_cache_room(struct httpd *h, uint64_t bytes)
{
	struct httpd_file *f;

	while (bytes && h->file_bytes + bytes > h->config.file_bytes) {
		f = httpd_cache_victim(h, false);
		if (!f)
			return NULL;
		httpd_cache_drop(h, f);
	}
	f = httpd_cache_victim(h, true);
	if (f && f->cached)
		httpd_cache_drop(h, f);
	return f;
}

static void httpd_cache_fields(struct httpd_file *f)
{
	struct http_slice path = { (const uint8_t *)f->path, f->path_len };
	uint8_t date[HTTP_DATE_LEN];
	struct http_out out;

	f->etag_len = (uint8_t)http_etag_make(f->etag, f->blob.id, f->blob.size, f->blob.mtime_ns);
	http_date_format(date, f->blob.mtime_ns / SEC(1));
	http_out_init(&out, f->fields, sizeof(f->fields));
	http_out_field(&out, "Last-Modified", (struct http_slice){ date, sizeof(date) });
	http_out_field(&out, "ETag", (struct http_slice){ f->etag, f->etag_len });
	f->validators_len = (uint16_t)out.len;
	http_out_field(&out, "Content-Type", http_mime_type(path));
	assert(!out.failed);
	f->fields_len = (uint16_t)out.len;
}

static enum httpd_found httpd_cache_open(struct httpd *h, struct list *chain, const char *path,
					 size_t len, struct httpd_file **out)
{
	const struct httpd_files *tree = h->config.tree;
	struct httpd_blob blob;
	enum httpd_found found = tree->open(tree->ctx, path, &blob);
	struct httpd_file *f;

	if (found != HTTPD_FOUND)
		return found;
	h->n.file_opens++;
	f = httpd_cache_room(h, blob.guarded ? 0 : blob.size);
	if (!f) {
		tree->close(tree->ctx, &blob);
		return HTTPD_BUSY;
	}
	if (!blob.guarded)
		h->file_bytes += blob.size;
	f->blob = blob;
	f->refs = 1;
	f->used = f->cached = true;
	f->checked = h->now;
	f->path_len = (uint16_t)len;
	mem_copy(f->path, path, len + 1);
	httpd_cache_fields(f);
	list_push_front(chain, &f->hash_node);
	*out = f;
	return HTTPD_FOUND;
}

enum httpd_found httpd_cache_get(struct httpd *h, const char *path, size_t len,
				 struct httpd_file **out)
{
	const struct httpd_files *tree = h->config.tree;
	struct list *chain = &h->file_hash[httpd_cache_hash(path, len) & h->file_hash_mask];

	list_for_each(pos, chain) {
		struct httpd_file *f = container_of(pos, struct httpd_file, hash_node);

		if (f->path_len != len || !mem_eq(f->path, path, len))
			continue;
		if (h->now - f->checked >= HTTPD_FRESH) {
			if (!tree->fresh(tree->ctx, path, &f->blob)) {
				httpd_cache_drop(h, f);
				break;
			}
			f->checked = h->now;
		}
		f->refs++;
		f->used = true;
		h->n.file_hits++;
		*out = f;
		return HTTPD_FOUND;
	}
	return httpd_cache_open(h, chain, path, len, out);
}
