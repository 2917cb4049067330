/* HTTP's dates, RFC 9110 §5.6.7, from and to seconds since 1970.  The time is always handed in. */
#ifndef HTTP_HTTP_DATE_H
#define HTTP_HTTP_DATE_H

#include "http/http_char.h"

#define HTTP_DATE_LEN 29		/* "Sun, 06 Nov 1994 08:49:37 GMT" */
#define HTTP_DATE_MAX 253402300799ull	/* the last second of the year 9999: later is cut to it */

/* Writes an IMF-fixdate, without NUL. */
void http_date_format(uint8_t to[HTTP_DATE_LEN], uint64_t unix_s);

/* Reads any of the three formats.  `now_s` decides which century two digits of a year mean: never
 * more than 50 years ahead.  Days of the week must be spelt right but need not be right. */
bool http_date_parse(struct http_slice text, uint64_t now_s, uint64_t *unix_s);

/* The text of a second, made anew only when the second has changed. */
struct http_date {
	uint64_t unix_s;
	uint8_t text[HTTP_DATE_LEN];
};

void http_date_init(struct http_date *d, uint64_t unix_s);

static inline struct http_slice http_date_at(struct http_date *d, uint64_t unix_s)
{
	if (unlikely(d->unix_s != unix_s))
		http_date_init(d, unix_s);
	return (struct http_slice){ d->text, HTTP_DATE_LEN };
}

#endif
