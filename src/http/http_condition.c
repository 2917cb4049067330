/* Entity tags and the four conditions on them and on dates; If-Range is the business of ranges. */
#include "http/http_condition.h"

#include "http/http_date.h"
#include "http/http_out.h"

size_t http_etag_make(uint8_t to[HTTP_ETAG_MAX], uint64_t inode, uint64_t size, nsec mtime_ns)
{
	struct http_out out;

	http_out_init(&out, to, HTTP_ETAG_MAX);
	http_out_str(&out, "\"");
	http_out_hex(&out, inode);
	http_out_str(&out, "-");
	http_out_hex(&out, size);
	http_out_str(&out, "-");
	http_out_hex(&out, mtime_ns);
	http_out_str(&out, "\"");
	return out.len;
}

static bool take_char(struct http_slice *s, char c)
{
	if (!s->n || s->p[0] != (uint8_t)c)
		return false;
	s->p++;
	s->n--;
	return true;
}

/* entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE, RFC 9110 §8.8.3; `tag` gets it from the quote on. */
static bool take_etag(struct http_slice *list, struct http_slice *tag, bool *is_weak)
{
	size_t n = 1;

	*is_weak = take_char(list, 'W');
	if (*is_weak && !take_char(list, '/'))
		return false;
	if (!list->n || list->p[0] != '"')
		return false;
	while (n < list->n && list->p[n] != '"' && !http_char_is(list->p[n], HTTP_CH_SPACE))
		n++;
	if (n == list->n || list->p[n] != '"')
		return false;
	*tag = (struct http_slice){ list->p, n + 1 };
	list->p += n + 1;
	list->n -= n + 1;
	return true;
}

bool http_etag_in(struct http_slice list, struct http_slice etag, bool weak)
{
	struct http_slice tag;
	bool is_weak, found = false;

	list = http_slice_trim(list);
	if (http_slice_eq(list, HTTP_SLICE("*")))
		return true;
	while (list.n) {
		if (take_char(&list, ',')) {	/* empty elements are allowed, RFC 9110 §5.6.1 */
			list = http_slice_trim(list);
			continue;
		}
		if (!take_etag(&list, &tag, &is_weak))
			return false;
		found |= http_slice_eq(tag, etag) && (weak || !is_weak);
		list = http_slice_trim(list);
		if (list.n && list.p[0] != ',')
			return false;
	}
	return found;
}

/* The lines of a repeated field are one list, RFC 9110 §5.3. */
static bool any_line_has(const struct http_request *r, enum http_field_id id,
			 struct http_slice etag, bool weak)
{
	for (unsigned i = 0; i < r->fields; i++)
		if (r->field[i].id == id && http_etag_in(http_request_value(r, i), etag, weak))
			return true;
	return false;
}

/* A date that is malformed, or stands twice, counts as none: RFC 9110 §13.1.3, §13.1.4. */
static bool has_date(const struct http_request *r, enum http_field_id id, uint64_t now_s,
		     uint64_t *date)
{
	return http_request_has(r, id) && !(r->repeated >> id & 1) &&
	       http_date_parse(http_request_field(r, id), now_s, date);
}

unsigned http_condition(const struct http_request *r, struct http_slice etag, uint64_t mtime_s,
			uint64_t now_s)
{
	bool reads = r->method == HTTP_GET || r->method == HTTP_HEAD;
	uint64_t date;

	if (http_request_has(r, HTTP_FIELD_IF_MATCH)) {
		if (!any_line_has(r, HTTP_FIELD_IF_MATCH, etag, false))
			return 412;
	} else if (has_date(r, HTTP_FIELD_IF_UNMODIFIED_SINCE, now_s, &date) && mtime_s > date) {
		return 412;
	}
	if (http_request_has(r, HTTP_FIELD_IF_NONE_MATCH)) {
		if (any_line_has(r, HTTP_FIELD_IF_NONE_MATCH, etag, true))
			return reads ? 304 : 412;
	} else if (reads && has_date(r, HTTP_FIELD_IF_MODIFIED_SINCE, now_s, &date) &&
		   mtime_s <= date) {
		return 304;
	}
	return 0;
}
