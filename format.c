#include "base.h"
#include "format.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (64u << 20)
#define READ_SIZE (64 * 1024)

static const struct format *const formats[] = {
	&format_toml, &format_ini, &format_yaml, &format_json, &format_hcl, &format_env, &format_properties,
};

const char format_unknown[] =
	"unknown format; the name must end in .toml, .ini, .conf, .yaml, .yml, .json, .hcl, .env or .properties";

const struct format *format_of(const char *path)
{
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot && i < ARRAY_LEN(formats); i++) {
		struct slice endings = slice_of(formats[i]->endings), ending;

		while (slice_next(&endings, ' ', &ending))
			if (slice_is_nocase(ending, dot))
				return formats[i];
	}
	return NULL;
}

int format_load(const char *path, struct buf *text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd < 0 ? errno : format_load_fd(fd, text);
}

int format_load_fd(int fd, struct buf *text)
{
	struct stat st;
	int error = 0;
	ssize_t n = 1;

	if (fstat(fd, &st) < 0 || S_ISDIR(st.st_mode))
		error = EISDIR;
	else if (!S_ISREG(st.st_mode))
		error = ENOTSUP; /* a FIFO could keep its reader waiting for ever */
	while (n > 0 && !error) {
		n = read(fd, buf_room(text, READ_SIZE), READ_SIZE);
		if (n < 0 && errno != EINTR)
			error = errno;
		text->len += n > 0 ? (size_t)n : 0;
		if (text->len > FILE_MAX)
			error = EFBIG;
		n = n < 0 ? 1 : n;
	}
	close(fd);
	return error;
}

/* Behind printable ASCII, of which most of a text is made: eight bytes at once, as far as that goes. */
static const unsigned char *skip_plain(const unsigned char *at, const unsigned char *end)
{
	const uint64_t ones = UINT64_MAX / 255;

	for (uint64_t eight; end - at >= 8; at += 8) {
		memcpy(&eight, at, 8);
		if (((((eight - ones * ' ') & ~eight) | (eight + ones) | eight) & ones << 7))
			break;
	}
	while (at < end && *at >= ' ' && *at < 0x7f)
		at++;
	return at;
}

/* Refuses what no format has any use for, and what would not survive on its way into logs and JSON. */
static bool check_bytes(struct doc_reader *reader)
{
	const unsigned char *at = (const unsigned char *)reader->at, *end = (const unsigned char *)reader->end;

	for (size_t len; (at = skip_plain(at, end)) < end; at += len) {
		len = text_utf8((const char *)at, (size_t)(end - at));
		if (!len)
			return doc_fail(reader, "byte 0x%02x: not UTF-8", *at);
		if (!*at)
			return doc_fail(reader, "NUL byte (the text must be UTF-8)");
		if (*at == '\r' && (at + 1 == end || at[1] != '\n'))
			return doc_fail(reader, "carriage return without a line feed");
		if ((*at < ' ' && !strchr("\t\r\n", *at)) || *at == 0x7f)
			return doc_fail(reader, "control byte 0x%02x", *at);
		reader->line += *at == '\n';
	}
	reader->line = 1;
	return true;
}

bool format_each(struct doc *doc, const struct format *format, const char *text, size_t len,
                 bool (*take)(void *arg, const struct doc_item *item), void *arg)
{
	struct doc_reader reader;
	bool ok;

	doc_begin(&reader, doc, text, len, take, arg);
	if (doc_at(&reader, "\357\273\277")) /* a byte order mark */
		reader.start = reader.at += 3;
	ok = check_bytes(&reader) && (format ? format->read(&reader) : doc_fail(&reader, "unknown format"));
	return doc_end(&reader, ok);
}

bool format_read(struct doc *doc, const struct format *format, const char *text, size_t len)
{
	return format_each(doc, format, text, len, NULL, NULL);
}
