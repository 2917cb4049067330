/* From a request target to the name of a file: percent-decoding and dot segments, RFC 3986 §2.1 and
 * §5.2.4.
 *
 * The result is relative, has no empty, "." or ".." segment and no NUL: it names something below
 * the directory that it is opened in, unless that holds symbolic links, which are the opener's
 * business. Empty segments are dropped ("a//b" is "a/b", as file systems have it).
 *
 * Refused: a percent sign without two hexadecimal digits, an encoded NUL, an encoded slash (some
 * read it as data, some as a separator), ".." that leads above the root even if the rest leads back
 * (RFC 3986 would ignore it; nobody sends it in good faith).  Decoding happens once. */
#ifndef HTTP_HTTP_PATH_H
#define HTTP_HTTP_PATH_H

#include "http/http_char.h"
#include "http/http_error.h"

struct http_path {
	size_t len;			/* of the path in the caller's buffer, without its NUL */
	bool directory;			/* the target ended with a slash or a dot segment */
	struct http_slice query;	/* after the "?", as it came; p is NULL without a "?" */
};

/* Resolves a path and query (http_request.path) into `buf`, which ends with a NUL. */
enum http_error http_path_resolve(struct http_path *out, char *buf, size_t size,
				  struct http_slice target);

#endif
