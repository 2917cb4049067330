/* How the files that parse a head divide the work: http_request.c finds the lines and takes
 * header lines apart, http_line.c takes the request line apart, http_rules.c checks what holds
 * only for the head as a whole. */
#ifndef HTTP_HTTP_REQUEST_INT_H
#define HTTP_HTTP_REQUEST_INT_H

#include "http/http_request.h"

/* The request line stands at `line` up to its CR at `cr`; it begins with `token_len` tchars. */
enum http_error http_line_parse(struct http_request *r, const struct http_conf *conf, uint32_t line,
				uint32_t token_len, uint32_t cr);

/* RFC 3986 §3.2 without userinfo, as RFC 9110 §4.2 and §7.2 want it: host [":" port]. */
bool http_authority_valid(const struct http_conf *conf, struct http_slice s, bool port_needed);

/* The rules about the head as a whole, once it is complete. */
enum http_error http_rules_check(struct http_request *r, const struct http_conf *conf);

#endif
