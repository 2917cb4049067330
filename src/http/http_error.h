/* Everything that can be wrong with a request, by name: one name, one status, one counter, one
 * test.
 *
 * Each parser of this module answers with an `enum http_error`.  HTTP_OK (0) and HTTP_MORE are no
 * errors; every other value means that the peer is wrong and that its connection is to be closed
 * after the answer, because what follows on it can no longer be trusted to be a request. */
#ifndef HTTP_HTTP_ERROR_H
#define HTTP_HTTP_ERROR_H

#include "base/types.h"

/* name, status to answer with, what a person reads in the log and on the error page */
#define HTTP_ERRORS(X) \
	/* raw bytes of the head, RFC 9112 §2.2 and RFC 9110 §5.5 */ \
	X(EMPTY_LINES, 400, "too many empty lines before the request line") \
	X(BARE_CR, 400, "CR without LF") \
	X(BARE_LF, 400, "LF without CR") \
	X(CONTROL, 400, "control character in the request head") \
	/* request line, RFC 9112 §3 */ \
	X(LINE_LONG, 414, "request line too long") \
	X(LINE_SHAPE, 400, "request line is not method, target and version one space apart") \
	X(METHOD_TOKEN, 400, "method is not a token") \
	X(METHOD_UNKNOWN, 501, "method not known") \
	X(VERSION, 400, "HTTP version malformed") \
	X(VERSION_UNKNOWN, 505, "HTTP version not spoken here") \
	X(TARGET_CHARACTER, 400, "character in the request target that must be percent-encoded") \
	X(TARGET_FRAGMENT, 400, "fragment in the request target") \
	X(TARGET_FORM, 400, "form of the request target does not fit the method") \
	X(TARGET_AUTHORITY, 400, "authority in the request target malformed") \
	/* header section, RFC 9112 §5 */ \
	X(HEAD_LONG, 431, "header section too long") \
	X(FIELDS_MANY, 431, "too many header fields") \
	X(NAME_LONG, 431, "header field name too long") \
	X(NAME, 400, "header field name malformed") \
	X(NAME_SPACE, 400, "space between header field name and colon") \
	X(NAME_ALONE, 400, "header line without a colon") \
	X(FOLDED, 400, "folded header line") \
	/* routing, RFC 9112 §3.2 */ \
	X(HOST_MISSING, 400, "no Host header field") \
	X(HOST_REPEATED, 400, "more than one Host header field") \
	X(HOST, 400, "Host header field malformed") \
	X(HOST_DIFFERS, 400, "Host header field and request target name different hosts") \
	/* framing, RFC 9112 §6 */ \
	X(LENGTH, 400, "Content-Length malformed") \
	X(LENGTH_REPEATED, 400, "more than one Content-Length") \
	X(CODING, 400, "Transfer-Encoding malformed") \
	X(CODING_REPEATED, 400, "more than one Transfer-Encoding") \
	X(CODING_NOT_CHUNKED, 400, "last transfer coding is not chunked") \
	X(CODING_UNKNOWN, 501, "transfer coding not known") \
	X(CODING_AND_LENGTH, 400, "Transfer-Encoding together with Content-Length") \
	X(CODING_IN_1_0, 400, "Transfer-Encoding in an HTTP/1.0 request") \
	X(EXPECT, 417, "expectation not known") \
	/* body, RFC 9112 §7.1 */ \
	X(BODY_LONG, 413, "request body too long") \
	X(CHUNK_SIZE, 400, "chunk size malformed") \
	X(CHUNK_EXTENSION, 400, "chunk extension malformed") \
	X(CHUNK_EXTENSIONS_LONG, 400, "chunk extensions too long") \
	X(CHUNK_END, 400, "chunk data not followed by CRLF") \
	X(TRAILER, 400, "trailer field malformed") \
	X(TRAILERS_LONG, 431, "trailer section too long") \
	X(TRAILERS_MANY, 431, "too many trailer fields") \
	/* path, RFC 3986 §2.1 and §5.2.4 */ \
	X(PATH_PERCENT, 400, "percent sign without two hexadecimal digits") \
	X(PATH_NUL, 400, "NUL in the path") \
	X(PATH_SLASH, 400, "encoded slash in the path") \
	X(PATH_ABOVE_ROOT, 400, "path leads above the root") \
	X(PATH_LONG, 414, "path too long")

enum http_error {
	HTTP_OK,	/* complete and right */
	HTTP_MORE,	/* right so far; needs more bytes */
#define X(name, status, text) HTTP_ERR_##name,
	HTTP_ERRORS(X)
#undef X
	HTTP_ERROR_N,
};

/* The status to answer with: 200 for HTTP_OK, 0 for HTTP_MORE. */
unsigned http_error_status(enum http_error error);

/* "HOST_MISSING": for counters. */
const char *http_error_name(enum http_error error);

/* "no Host header field": for people. */
const char *http_error_text(enum http_error error);

#endif
