/* Media types by the ending of a file's name. */
#ifndef HTTP_HTTP_MIME_H
#define HTTP_HTTP_MIME_H

#include "http/http_char.h"

/* "text/html; charset=utf-8" for "a/index.html"; "application/octet-stream" for the unknown. */
struct http_slice http_mime_type(struct http_slice path);

#endif
