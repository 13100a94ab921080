#include "base.h"
#include "resolve_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dns.h"
#include "net.h"
#include "sys.h"
#include "text.h"

#define SEARCH_MAX 32 /* domains: each may be a question for each name */
#define FILE_SIZE_MAX (16u << 20)
#define READ_AT_ONCE 4096

bool resolve_word(struct slice *line, struct slice *word)
{
	static const char blanks[] = " \t\r\n\v\f"; /* with the NUL at its end */
	size_t len = 0;

	while (line->len && memchr(blanks, line->at[0], sizeof blanks))
		*line = slice_skip(*line, 1);
	while (len < line->len && !memchr(blanks, line->at[len], sizeof blanks))
		len++;
	*word = slice_first(*line, len);
	*line = slice_skip(*line, len);
	return len;
}

/* An address in digits. Of its interface also the number, as the system has it. */
static bool read_address(struct slice host, uint16_t port, struct net_addr *out)
{
	const char *percent = memchr(host.at, '%', host.len);
	struct slice zone = percent ? slice_between(percent + 1, host.at + host.len) : slice_of("");
	long index = 0;

	if (percent && !text_number(zone, 1, INT32_MAX, &index))
		host = slice_between(host.at, percent);
	net_keep_zone(host);
	if (!net_numeric(host, port, out))
		return false;
	if (index && out->sa.any.sa_family == AF_INET6)
		out->sa.v6.sin6_scope_id = (uint32_t)index;
	return true;
}

/* ADDRESS, or [ADDRESS]:PORT, which some systems have. */
static void read_server(struct resolve_conf *conf, struct slice word)
{
	const char *close = memchr(word.at, ']', word.len);
	struct slice host = word, rest = slice_of("");
	uint16_t port = DNS_PORT;

	if (conf->server_count == RESOLVE_SERVERS)
		return;
	if (word.at[0] == '[' && close) {
		host = slice_between(word.at + 1, close);
		rest = slice_between(close + 1, word.at + word.len);
	}
	if (rest.len && (rest.at[0] != ':' || net_port(slice_skip(rest, 1), &port)))
		return;
	conf->server_count += read_address(host, port, &conf->servers[conf->server_count]);
}

/* The last list counts; an empty one changes nothing. The root, ".", adds nothing to a name, but ends a list before it. */
static void read_search(struct resolve_conf *conf, struct slice words, size_t most)
{
	struct slice word;

	if (!slice_trim(words).len)
		return;
	conf->search = arena_alloc(&conf->memory, most * sizeof *conf->search);
	conf->search_count = 0;
	while (conf->search_count < most && resolve_word(&words, &word) && !strchr("#;", word.at[0])) {
		char *name = arena_dup(&conf->memory, word.at, word.len);

		if (!dns_is_name(name))
			continue;
		if (name[word.len - 1] == '.')
			name[word.len - 1] = '\0';
		conf->search[conf->search_count++] = name;
	}
}

/* Without a list, as glibc has it: the domain of this host's own name. */
static void search_own_domain(struct resolve_conf *conf, const char *host)
{
	const char *dot = strchr(host, '.');

	if (dot)
		read_search(conf, slice_of(dot + 1), 1);
}

static void read_amount(struct slice word, const char *name, unsigned least, unsigned most, unsigned *out)
{
	unsigned n = 0;
	size_t at = strlen(name), begin = at;

	if (!slice_starts(word, name))
		return;
	for (; at < word.len && word.at[at] >= '0' && word.at[at] <= '9'; at++) {
		n = n * 10 + (unsigned)(word.at[at] - '0');
		n = n < most ? n : most;
	}
	if (at > begin)
		*out = n > least ? n : least;
}

static void read_options(struct resolve_conf *conf, struct slice words)
{
	unsigned seconds = (unsigned)(conf->timeout / 1000);
	struct slice word;

	while (resolve_word(&words, &word)) {
		read_amount(word, "ndots:", 0, 15, &conf->ndots);
		read_amount(word, "timeout:", 1, 30, &seconds);
		read_amount(word, "attempts:", 1, 5, &conf->attempts);
		conf->rotate = conf->rotate || slice_is(word, "rotate");
	}
	conf->timeout = seconds * 1000;
}

static void read_conf_line(struct resolve_conf *conf, struct slice line)
{
	struct slice key, value;

	if (!resolve_word(&line, &key))
		return;
	if (slice_is(key, "nameserver") && resolve_word(&line, &value))
		read_server(conf, value);
	else if (slice_is(key, "domain"))
		read_search(conf, line, 1);
	else if (slice_is(key, "search"))
		read_search(conf, line, SEARCH_MAX);
	else if (slice_is(key, "options"))
		read_options(conf, line);
}

void resolve_conf_parse(struct resolve_conf *conf, struct slice text)
{
	const char *begin = text.at;
	char host[DNS_NAME] = "";
	struct slice line;

	*conf = (struct resolve_conf){ .ndots = 1, .attempts = 2, .timeout = 5000 };
	for (; slice_next(&text, '\n', &line); begin = text.at)
		if (line.at == begin) /* what is indented does not count */
			read_conf_line(conf, line);
	if (!conf->search && gethostname(host, sizeof host - 1) == 0)
		search_own_domain(conf, host);
	if (!conf->server_count)
		read_server(conf, slice_of("127.0.0.1"));
}

void resolve_conf_free(struct resolve_conf *conf)
{
	arena_free(&conf->memory);
	*conf = (struct resolve_conf){ 0 };
}

static void take_stamp(struct resolve_file *file, const struct stat *info)
{
	file->changed_ns = (int64_t)info->st_ctim.tv_sec * 1000000000 + info->st_ctim.tv_nsec;
	file->size = info->st_size;
	file->device = (uint64_t)info->st_dev;
	file->inode = (uint64_t)info->st_ino;
}

static bool same_stamp(const struct resolve_file *a, const struct resolve_file *b)
{
	return a->changed_ns == b->changed_ns && a->size == b->size && a->device == b->device && a->inode == b->inode;
}

/* Of more than the bound only whole lines. */
static void read_whole(int fd, struct buf *text)
{
	ssize_t n;

	do {
		n = read(fd, buf_room(text, READ_AT_ONCE), READ_AT_ONCE);
		text->len += n > 0 ? (size_t)n : 0;
	} while ((n > 0 && text->len <= FILE_SIZE_MAX) || (n < 0 && errno == EINTR));
	while (text->len > FILE_SIZE_MAX || (n > 0 && text->len && text->data[text->len - 1] != '\n'))
		text->len--;
	if (n < 0)
		text->len = 0;
	if (text->data)
		text->data[text->len] = '\0';
}

bool resolve_file_changed(struct resolve_file *file, struct buf *text)
{
	struct resolve_file now = { .path = file->path, .known = true };
	struct stat info;
	int fd;

	*text = (struct buf){ 0 };
	if (stat(file->path, &info) == 0)
		take_stamp(&now, &info);
	if (file->known && same_stamp(file, &now))
		return false;
	fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && net_exhausted(errno))
		return !file->known; /* what was there still counts; it is read the next time */
	if (fd >= 0 && fstat(fd, &info) == 0) {
		take_stamp(&now, &info); /* of what is read, and not of what came in between */
		if (S_ISREG(info.st_mode))
			read_whole(fd, text);
	}
	if (fd >= 0)
		close(fd);
	*file = now;
	return true;
}
