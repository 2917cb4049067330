/* Media types by the ending of a file's name. */
#ifndef HTTP_HTTP_MIME_H
#define HTTP_HTTP_MIME_H

#include "http/http_char.h"

#define HTTP_MIME_UTF8 "; charset=utf-8"

/* In the order of the endings, which the tests prove. */
#define HTTP_MIME_TYPES(X) \
	X("7z", "application/x-7z-compressed") \
	X("aac", "audio/aac") \
	X("apk", "application/vnd.android.package-archive") \
	X("atom", "application/atom+xml") \
	X("avi", "video/x-msvideo") \
	X("avif", "image/avif") \
	X("bin", "application/octet-stream") \
	X("bmp", "image/bmp") \
	X("bz2", "application/x-bzip2") \
	X("c", "text/plain" HTTP_MIME_UTF8) \
	X("cc", "text/plain" HTTP_MIME_UTF8) \
	X("conf", "text/plain" HTTP_MIME_UTF8) \
	X("cpp", "text/plain" HTTP_MIME_UTF8) \
	X("css", "text/css" HTTP_MIME_UTF8) \
	X("csv", "text/csv" HTTP_MIME_UTF8) \
	X("deb", "application/vnd.debian.binary-package") \
	X("diff", "text/plain" HTTP_MIME_UTF8) \
	X("doc", "application/msword") \
	X("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document") \
	X("eot", "application/vnd.ms-fontobject") \
	X("epub", "application/epub+zip") \
	X("flac", "audio/flac") \
	X("gif", "image/gif") \
	X("go", "text/plain" HTTP_MIME_UTF8) \
	X("gz", "application/gzip") \
	X("h", "text/plain" HTTP_MIME_UTF8) \
	X("htm", "text/html" HTTP_MIME_UTF8) \
	X("html", "text/html" HTTP_MIME_UTF8) \
	X("ico", "image/vnd.microsoft.icon") \
	X("ics", "text/calendar" HTTP_MIME_UTF8) \
	X("iso", "application/x-iso9660-image") \
	X("jar", "application/java-archive") \
	X("java", "text/plain" HTTP_MIME_UTF8) \
	X("jpeg", "image/jpeg") \
	X("jpg", "image/jpeg") \
	X("js", "text/javascript" HTTP_MIME_UTF8) \
	X("json", "application/json") \
	X("jsonld", "application/ld+json") \
	X("jxl", "image/jxl") \
	X("log", "text/plain" HTTP_MIME_UTF8) \
	X("m3u8", "application/vnd.apple.mpegurl") \
	X("m4a", "audio/mp4") \
	X("m4v", "video/mp4") \
	X("map", "application/json") \
	X("md", "text/markdown" HTTP_MIME_UTF8) \
	X("mid", "audio/midi") \
	X("midi", "audio/midi") \
	X("mjs", "text/javascript" HTTP_MIME_UTF8) \
	X("mkv", "video/matroska") \
	X("mov", "video/quicktime") \
	X("mp3", "audio/mpeg") \
	X("mp4", "video/mp4") \
	X("mpeg", "video/mpeg") \
	X("mpg", "video/mpeg") \
	X("odp", "application/vnd.oasis.opendocument.presentation") \
	X("ods", "application/vnd.oasis.opendocument.spreadsheet") \
	X("odt", "application/vnd.oasis.opendocument.text") \
	X("oga", "audio/ogg") \
	X("ogg", "audio/ogg") \
	X("ogv", "video/ogg") \
	X("opus", "audio/ogg") \
	X("otf", "font/otf") \
	X("patch", "text/plain" HTTP_MIME_UTF8) \
	X("pcap", "application/vnd.tcpdump.pcap") \
	X("pcapng", "application/x-pcapng") \
	X("pdf", "application/pdf") \
	X("png", "image/png") \
	X("ppt", "application/vnd.ms-powerpoint") \
	X("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation") \
	X("ps", "application/postscript") \
	X("py", "text/plain" HTTP_MIME_UTF8) \
	X("rar", "application/vnd.rar") \
	X("rs", "text/plain" HTTP_MIME_UTF8) \
	X("rss", "application/rss+xml") \
	X("rtf", "application/rtf") \
	X("sh", "text/plain" HTTP_MIME_UTF8) \
	X("svg", "image/svg+xml") \
	X("tar", "application/x-tar") \
	X("text", "text/plain" HTTP_MIME_UTF8) \
	X("tgz", "application/gzip") \
	X("tif", "image/tiff") \
	X("tiff", "image/tiff") \
	X("toml", "application/toml") \
	X("ts", "video/mp2t") \
	X("tsv", "text/tab-separated-values" HTTP_MIME_UTF8) \
	X("ttf", "font/ttf") \
	X("txt", "text/plain" HTTP_MIME_UTF8) \
	X("vtt", "text/vtt" HTTP_MIME_UTF8) \
	X("wasm", "application/wasm") \
	X("wav", "audio/wav") \
	X("weba", "audio/webm") \
	X("webm", "video/webm") \
	X("webmanifest", "application/manifest+json") \
	X("webp", "image/webp") \
	X("woff", "font/woff") \
	X("woff2", "font/woff2") \
	X("xhtml", "application/xhtml+xml") \
	X("xls", "application/vnd.ms-excel") \
	X("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet") \
	X("xml", "application/xml") \
	X("xpi", "application/x-xpinstall") \
	X("xz", "application/x-xz") \
	X("yaml", "application/yaml") \
	X("yml", "application/yaml") \
	X("zip", "application/zip") \
	X("zst", "application/zstd")

/* "text/html; charset=utf-8" for "a/index.html"; "application/octet-stream" for the unknown. */
struct http_slice http_mime_type(struct http_slice path);

#endif
