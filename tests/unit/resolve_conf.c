/* Cases for resolve_conf.c: what resolv.conf says, and when a file is another one. */
#include "base.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

static const char *host_name = "here";

static int name_host(char *out, size_t room)
{
	return snprintf(out, room, "%s", host_name) >= 0 ? 0 : -1;
}

#define gethostname name_host
#include "../../resolve_conf.c"

/* All of it as text: servers, search list, options. */
static const char *conf_text(const struct resolve_conf *conf)
{
	static char out[4096];
	size_t len = 0;

	for (size_t i = 0; i < conf->server_count; i++) {
		char server[NET_TEXT];

		net_print(&conf->servers[i], server);
		len += (size_t)snprintf(out + len, sizeof out - len, "%s ", server);
	}
	len += (size_t)snprintf(out + len, sizeof out - len, "|");
	for (size_t i = 0; i < conf->search_count; i++)
		len += (size_t)snprintf(out + len, sizeof out - len, " %s", conf->search[i]);
	snprintf(out + len, sizeof out - len, " | %u %lld %u%s", conf->ndots, (long long)conf->timeout, conf->attempts,
	         conf->rotate ? " rotate" : "");
	return out;
}

static void says(const char *text, size_t len, const char *want)
{
	struct resolve_conf conf;
	char *bytes = malloc(len ? len : 1); /* of its own size */
	const char *is;

	memcpy(bytes, text, len);
	resolve_conf_parse(&conf, (struct slice){ bytes, len });
	free(bytes); /* nothing of it is borrowed */
	is = conf_text(&conf);
	check(strcmp(is, want) == 0, text, is);
	resolve_conf_free(&conf);
}

#define NONE "search .\n" /* whatever this host is called */
#define DEFAULTS " | 1 5000 2"
#define SERVER "127.0.0.1:53 |"

static void conf_cases(void)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ NONE, SERVER DEFAULTS },
		{ "nameserver 1.2.3.4\nnameserver ::1\n" NONE, "1.2.3.4:53 [::1]:53 |" DEFAULTS },
		{ "nameserver\t1.2.3.4  # the first\nnameserver 1.2.3.5;x\nnameserver\n" NONE, "1.2.3.4:53 |" DEFAULTS },
		{ "nameserver 1.2.3.4\r\n" NONE, "1.2.3.4:53 |" DEFAULTS },
		{ NONE "nameserver 1.2.3.4", "1.2.3.4:53 |" DEFAULTS },
		{ "#nameserver 1.1.1.1\n;nameserver 1.1.1.1\n nameserver 1.1.1.1\nNameserver 1.1.1.1\nnameservers 1.1.1.1\n" NONE, SERVER DEFAULTS },
		{ "nameserver x\nnameserver 1.2.3\nnameserver 1.2.3.4.5\nnameserver ::g\nnameserver 1.2.3.4:53\n" NONE, SERVER DEFAULTS },
		{ "nameserver [1.2.3.4]\nnameserver [::1]:5353\nnameserver [1.2.3.4]:54\n" NONE,
		  "1.2.3.4:53 [::1]:5353 1.2.3.4:54 |" DEFAULTS },
		{ "nameserver [::1]x\nnameserver [::1]x5\nnameserver [::1]:\nnameserver [::1]:0\nnameserver [::1\nnameserver []\nnameserver ::1]:3\n" NONE,
		  SERVER DEFAULTS },
		{ "nameserver fe80::1%lo\nnameserver fe80::1%no-such-if\n" NONE, "[fe80::1%lo]:53 [fe80::1%no-such-if]:53 |" DEFAULTS },
		{ "nameserver fe80::1%1\nnameserver fe80::1%0\nnameserver fe80::1%\n" NONE, "[fe80::1%lo]:53 [fe80::1%0]:53 |" DEFAULTS },
		{ "nameserver ::ffff:1.2.3.4\n" NONE, "1.2.3.4:53 |" DEFAULTS },
		{ "search a.b c.d.\n", SERVER " a.b c.d" DEFAULTS },
		{ "search a\nsearch b\n", SERVER " b" DEFAULTS },
		{ "search a\nsearch \t \nsearch\n", SERVER " a" DEFAULTS },
		{ "search a\nsearch .\n", SERVER DEFAULTS },
		{ "search a . b..c b.. b # c\n", SERVER " a b" DEFAULTS },
		{ "domain a b\n", SERVER " a" DEFAULTS },
		{ "search a b\ndomain c\n", SERVER " c" DEFAULTS },
		{ "domain c\nsearch a b\n", SERVER " a b" DEFAULTS },
		{ NONE "options ndots:3 timeout:2 attempts:4\noptions rotate x\n", SERVER " | 3 2000 4 rotate" },
		{ NONE "options ndots:0 timeout:0 attempts:0\n", SERVER " | 0 1000 1" },
		{ NONE "options ndots:16 timeout:31 attempts:6\n", SERVER " | 15 30000 5" },
		{ NONE "options ndots:99999999999999999999 timeout:4294967297\n", SERVER " | 15 30000 2" },
		{ NONE "options ndots: timeout:x attempts ndots:-1 rotated xrotate\n", SERVER DEFAULTS },
		{ NONE "options ndots:5\noptions timeout:3\n", SERVER " | 5 3000 2" },
		{ NONE "options edns0 trust-ad ndots:2x single-request\n", SERVER " | 2 5000 2" },
		{ NONE "sortlist 1.2.3.4\nlookup file bind\n\n\n", SERVER DEFAULTS },
		{ "nameserver 0.0.0.1\nnameserver 0.0.0.2\nnameserver 0.0.0.3\nnameserver 0.0.0.4\nnameserver 0.0.0.5\nnameserver 0.0.0.6\n"
		  "nameserver 0.0.0.7\nnameserver 0.0.0.8\nnameserver 0.0.0.9\n" NONE,
		  "0.0.0.1:53 0.0.0.2:53 0.0.0.3:53 0.0.0.4:53 0.0.0.5:53 0.0.0.6:53 0.0.0.7:53 0.0.0.8:53 |" DEFAULTS },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		says(cases[i].text, strlen(cases[i].text), cases[i].want);
	says("search a\0b c\nnameserver 1.2.3.4\0\n", 33, "1.2.3.4:53 | a b c" DEFAULTS);
}

static void bound_cases(void)
{
	struct buf text = { 0 };
	struct resolve_conf conf;

	buf_puts(&text, "search");
	for (int i = 0; i < SEARCH_MAX + 1; i++)
		buf_puts_number(&text, " d", (unsigned)i);
	resolve_conf_parse(&conf, (struct slice){ text.data, text.len });
	check(conf.search_count == SEARCH_MAX && strcmp(conf.search[SEARCH_MAX - 1], "d31") == 0, "the first domains", "");
	resolve_conf_free(&conf);
	buf_free(&text);
}

static void own_domain_cases(void)
{
	host_name = "here.a.b";
	says("nameserver 1.2.3.4\n", 19, "1.2.3.4:53 | a.b" DEFAULTS);
	says("search .\n", 9, SERVER DEFAULTS);
	says("search c\n", 9, SERVER " c" DEFAULTS);
	host_name = "here.";
	says("", 0, SERVER DEFAULTS);
	host_name = "here";
	says("", 0, SERVER DEFAULTS);
}

static void write_conf(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (!file || fputs(text, file) < 0 || fclose(file))
		abort();
}

/* NULL: it has not changed. */
static const char *changed(struct resolve_file *file)
{
	static char text[64];
	struct buf bytes;
	bool is = resolve_file_changed(file, &bytes);

	snprintf(text, sizeof text, "%s", bytes.data ? bytes.data : "");
	buf_free(&bytes);
	return is ? text : NULL;
}

static bool has_become(struct resolve_file *file, const char *want)
{
	const char *text = changed(file);

	return text && strcmp(text, want) == 0 && !changed(file);
}

static void file_cases(void)
{
	struct resolve_file file = { .path = "conf" }, folder = { .path = "." }, null = { .path = "/dev/null" };

	unlink("conf");
	check(has_become(&file, ""), "there is none", "");
	write_conf("conf", "one\n");
	check(has_become(&file, "one\n"), "a new one", "");
	write_conf("conf", "another\n");
	check(has_become(&file, "another\n"), "changed in place", "");
	write_conf("new", "a third\n");
	check(rename("new", "conf") == 0 && has_become(&file, "a third\n"), "renamed", "");
	write_conf("new", "by link\n");
	unlink("conf");
	check(symlink("new", "conf") == 0 && has_become(&file, "by link\n"), "a link", "");
	unlink("new");
	check(has_become(&file, ""), "its end leads nowhere", "");
	unlink("conf");
	check(!changed(&file), "there is still none", "");
	write_conf("conf", "");
	check(has_become(&file, ""), "an empty one", "");
	check(has_become(&folder, "") && has_become(&null, ""), "none that can be read", "");
	unlink("conf");
}

static void set_time(const char *path, time_t seconds)
{
	struct timespec times[2] = { { 0, UTIME_OMIT }, { seconds, 5 } };

	if (utimensat(AT_FDCWD, path, times, 0) < 0)
		abort();
}

/* Each of what is compared by itself. */
static void stamp_cases(void)
{
	struct stat info;
	struct resolve_file file = { .path = "conf" };

	write_conf("conf", "one\n");
	write_conf("new", "two\n");
	set_time("conf", 1000);
	set_time("new", 1000);
	check(has_become(&file, "one\n"), "before", "");
	check(rename("new", "conf") == 0 && has_become(&file, "two\n"), "another file", "");
	write_conf("conf", "three\n");
	set_time("conf", 1000);
	check(has_become(&file, "three\n"), "another size", "");
	do
		write_conf("conf", "seven\n");
	while (stat("conf", &info) == 0 && info.st_ctim.tv_nsec == file.seen.st_ctim.tv_nsec); /* the clock of files is coarse */
	set_time("conf", 1000);
	check(has_become(&file, "seven\n"), "the same size, and the time of the text is set", "");
	unlink("conf");
}

/* What somebody else is to read stays. */
static void fifo_cases(void)
{
	struct resolve_file file = { .path = "conf" };
	int reader, writer;
	char byte;

	if (mkfifo("conf", 0600) < 0 || (reader = open("conf", O_RDONLY | O_NONBLOCK)) < 0)
		abort();
	writer = open("conf", O_WRONLY);
	if (write(writer, "x\n", 2) != 2 || close(writer) < 0)
		abort();
	check(has_become(&file, ""), "a FIFO", "");
	check(read(reader, &byte, 1) == 1, "keeps its bytes", "");
	close(reader);
	unlink("conf");
}

/* Without a descriptor what was read before still counts. */
static void exhausted_cases(void)
{
	struct resolve_file file = { .path = "conf" }, first = { .path = "conf" };
	struct rlimit limit, none;

	write_conf("conf", "one\n");
	check(has_become(&file, "one\n"), "before", "");
	write_conf("conf", "another\n");
	getrlimit(RLIMIT_NOFILE, &limit);
	none = (struct rlimit){ 0, limit.rlim_max };
	setrlimit(RLIMIT_NOFILE, &none);
	check(!changed(&file) && !changed(&file), "no descriptor is left", "");
	check(changed(&first), "at first there must be something", "");
	setrlimit(RLIMIT_NOFILE, &limit);
	check(has_become(&file, "another\n") && has_become(&first, "another\n"), "and then there is one", "");
	unlink("conf");
}

static void large_cases(void)
{
	struct resolve_file file = { .path = "conf" };
	FILE *out = fopen("conf", "w");
	struct buf text;
	size_t written = 0;

	while (out && written < FILE_SIZE_MAX + 10)
		written += (size_t)fprintf(out, "a line of text\n");
	if (!out || fclose(out))
		abort();
	check(resolve_file_changed(&file, &text), "a large one", "");
	check(text.len == FILE_SIZE_MAX / 15 * 15 && !text.data[text.len] && text.data[text.len - 1] == '\n', "its whole lines", "");
	buf_free(&text);
	unlink("conf");
}

int main(void)
{
	char folder[] = "/tmp/dill-unit.XXXXXX";

	if (!mkdtemp(folder) || chdir(folder))
		return 1;
	conf_cases();
	bound_cases();
	own_domain_cases();
	file_cases();
	stamp_cases();
	fifo_cases();
	exhausted_cases();
	large_cases();
	rmdir(folder);
	return check_sum();
}
