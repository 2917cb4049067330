/* A table in the order of its endings, searched by halves; the test proves the order. */
#include "http/http_mime.h"

#include "base/mem.h"

#define ENDING_MAX 11
#define UTF8 "; charset=utf-8"

static const struct {
	char ending[ENDING_MAX + 1];
	const char *type;
} types[] = {
	{ "7z", "application/x-7z-compressed" },
	{ "aac", "audio/aac" },
	{ "apk", "application/vnd.android.package-archive" },
	{ "atom", "application/atom+xml" },
	{ "avi", "video/x-msvideo" },
	{ "avif", "image/avif" },
	{ "bin", "application/octet-stream" },
	{ "bmp", "image/bmp" },
	{ "bz2", "application/x-bzip2" },
	{ "c", "text/plain" UTF8 },
	{ "cc", "text/plain" UTF8 },
	{ "conf", "text/plain" UTF8 },
	{ "cpp", "text/plain" UTF8 },
	{ "css", "text/css" UTF8 },
	{ "csv", "text/csv" UTF8 },
	{ "deb", "application/vnd.debian.binary-package" },
	{ "diff", "text/plain" UTF8 },
	{ "doc", "application/msword" },
	{ "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
	{ "eot", "application/vnd.ms-fontobject" },
	{ "epub", "application/epub+zip" },
	{ "flac", "audio/flac" },
	{ "gif", "image/gif" },
	{ "go", "text/plain" UTF8 },
	{ "gz", "application/gzip" },
	{ "h", "text/plain" UTF8 },
	{ "htm", "text/html" UTF8 },
	{ "html", "text/html" UTF8 },
	{ "ico", "image/vnd.microsoft.icon" },
	{ "ics", "text/calendar" UTF8 },
	{ "iso", "application/x-iso9660-image" },
	{ "jar", "application/java-archive" },
	{ "java", "text/plain" UTF8 },
	{ "jpeg", "image/jpeg" },
	{ "jpg", "image/jpeg" },
	{ "js", "text/javascript" UTF8 },
	{ "json", "application/json" },
	{ "jsonld", "application/ld+json" },
	{ "jxl", "image/jxl" },
	{ "log", "text/plain" UTF8 },
	{ "m3u8", "application/vnd.apple.mpegurl" },
	{ "m4a", "audio/mp4" },
	{ "m4v", "video/mp4" },
	{ "map", "application/json" },
	{ "md", "text/markdown" UTF8 },
	{ "mid", "audio/midi" },
	{ "midi", "audio/midi" },
	{ "mjs", "text/javascript" UTF8 },
	{ "mkv", "video/matroska" },
	{ "mov", "video/quicktime" },
	{ "mp3", "audio/mpeg" },
	{ "mp4", "video/mp4" },
	{ "mpeg", "video/mpeg" },
	{ "mpg", "video/mpeg" },
	{ "odp", "application/vnd.oasis.opendocument.presentation" },
	{ "ods", "application/vnd.oasis.opendocument.spreadsheet" },
	{ "odt", "application/vnd.oasis.opendocument.text" },
	{ "oga", "audio/ogg" },
	{ "ogg", "audio/ogg" },
	{ "ogv", "video/ogg" },
	{ "opus", "audio/ogg" },
	{ "otf", "font/otf" },
	{ "patch", "text/plain" UTF8 },
	{ "pcap", "application/vnd.tcpdump.pcap" },
	{ "pcapng", "application/x-pcapng" },
	{ "pdf", "application/pdf" },
	{ "png", "image/png" },
	{ "ppt", "application/vnd.ms-powerpoint" },
	{ "pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation" },
	{ "ps", "application/postscript" },
	{ "py", "text/plain" UTF8 },
	{ "rar", "application/vnd.rar" },
	{ "rs", "text/plain" UTF8 },
	{ "rss", "application/rss+xml" },
	{ "rtf", "application/rtf" },
	{ "sh", "text/plain" UTF8 },
	{ "svg", "image/svg+xml" },
	{ "tar", "application/x-tar" },
	{ "text", "text/plain" UTF8 },
	{ "tgz", "application/gzip" },
	{ "tif", "image/tiff" },
	{ "tiff", "image/tiff" },
	{ "toml", "application/toml" },
	{ "ts", "video/mp2t" },
	{ "tsv", "text/tab-separated-values" UTF8 },
	{ "ttf", "font/ttf" },
	{ "txt", "text/plain" UTF8 },
	{ "vtt", "text/vtt" UTF8 },
	{ "wasm", "application/wasm" },
	{ "wav", "audio/wav" },
	{ "weba", "audio/webm" },
	{ "webm", "video/webm" },
	{ "webmanifest", "application/manifest+json" },
	{ "webp", "image/webp" },
	{ "woff", "font/woff" },
	{ "woff2", "font/woff2" },
	{ "xhtml", "application/xhtml+xml" },
	{ "xls", "application/vnd.ms-excel" },
	{ "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
	{ "xml", "application/xml" },
	{ "xpi", "application/x-xpinstall" },
	{ "xz", "application/x-xz" },
	{ "yaml", "application/yaml" },
	{ "yml", "application/yaml" },
	{ "zip", "application/zip" },
	{ "zst", "application/zstd" },
};

/* What follows the last dot of the last segment; a dot at its start hides the file, it does not end
 * its name. */
static struct http_slice ending_of(struct http_slice path)
{
	for (size_t at = path.n; at > 1 && path.p[at - 1] != '/'; at--)
		if (path.p[at - 1] == '.' && path.p[at - 2] != '/')
			return (struct http_slice){ path.p + at, path.n - at };
	return (struct http_slice){ path.p, 0 };
}

struct http_slice http_mime_type(struct http_slice path)
{
	struct http_slice ending = ending_of(path);
	char wanted[ENDING_MAX + 1] = "";
	size_t low = 0, high = ARRAY_LEN(types);

	if (ending.n > ENDING_MAX)
		ending.n = 0;
	for (size_t i = 0; i < ending.n; i++)
		wanted[i] = (char)http_char_lower(ending.p[i]);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = mem_cmp(wanted, types[middle].ending, sizeof(wanted));

		if (order == 0)
			return http_slice_str(types[middle].type);
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return HTTP_SLICE("application/octet-stream");
}
