/* Validators and conditional requests, RFC 9110 §8.8 and §13: is what the client has still good? */
#ifndef HTTP_HTTP_CONDITION_H
#define HTTP_HTTP_CONDITION_H

#include "http/http_request.h"

#define HTTP_ETAG_MAX 52	/* quotes, three numbers of 16 digits, two hyphens */

/* Writes a strong entity tag that changes with the file: by its inode when it is replaced, by
 * size and modification time when it is written.  Returns its length. */
size_t http_etag_make(uint8_t to[HTTP_ETAG_MAX], uint64_t inode, uint64_t size, nsec mtime_ns);

/* Is the tag in an If-None-Match or If-Match list, RFC 9110 §13.1.1?  "*" matches any.  `weak`
 * compares without regard to W/, else a weak tag matches nothing (§8.8.3.2).  What is no list
 * matches nothing. */
bool http_etag_in(struct http_slice list, struct http_slice etag, bool weak);

/* What the request's conditions make of a resource that exists, in the order of RFC 9110 §13.2.2:
 * 0 to go on, 304 Not Modified, 412 Precondition Failed.  `mtime_s` is what Last-Modified says. */
unsigned http_condition(const struct http_request *r, struct http_slice etag, uint64_t mtime_s,
			uint64_t now_s);

#endif
