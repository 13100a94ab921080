#include "base.h"
#include "resolve_hosts.h"

#include <stdlib.h>
#include <string.h>

#include "dns.h"
#include "net.h"
#include "resolve_conf.h"
#include "sys.h"
#include "text.h"

struct host_line {
	const char *name; /* in lower case; those of later lines lie behind those of earlier ones */
	struct net_addr addr;
};

struct resolve_hosts {
	char *text; /* all names */
	struct host_line *lines; /* by name; of one name in the order of the file */
	struct net_addr *addrs;  /* theirs */
	size_t count, cap;
};

static void lower_host(char *out, const char *name, size_t len)
{
	len -= len && name[len - 1] == '.';
	for (size_t i = 0; i < len; i++)
		out[i] = name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 0x20 : name[i];
	out[len] = '\0';
}

static int compare_host_lines(const void *left, const void *right)
{
	const struct host_line *a = left, *b = right;
	int order = strcmp(a->name, b->name);

	return order ? order : (a->name > b->name) - (a->name < b->name);
}

/* An address, then its names. Returns where the text of the next ones goes. */
static char *read_host_line(struct resolve_hosts *hosts, struct slice line, char *out)
{
	const char *comment = line.len ? memchr(line.at, '#', line.len) : NULL;
	struct slice word;
	struct net_addr addr;

	if (comment)
		line = slice_between(line.at, comment);
	if (!resolve_word(&line, &word) || word.at[0] == '[' || !net_numeric(word, 0, &addr))
		return out;
	while (resolve_word(&line, &word)) {
		lower_host(out, word.at, word.len);
		if (!*out)
			continue;
		SYS_GROW(hosts->lines, hosts->count, hosts->cap);
		hosts->lines[hosts->count++] = (struct host_line){ out, addr };
		out += strlen(out) + 1;
	}
	return out;
}

struct resolve_hosts *resolve_hosts_parse(struct slice text)
{
	struct resolve_hosts *hosts = sys_alloc(sizeof *hosts);
	char *out = hosts->text = sys_alloc(text.len + 1);
	struct slice line;

	while (slice_next(&text, '\n', &line))
		out = read_host_line(hosts, line, out);
	if (hosts->count)
		qsort(hosts->lines, hosts->count, sizeof *hosts->lines, compare_host_lines);
	hosts->addrs = sys_alloc((hosts->count + 1) * sizeof *hosts->addrs);
	for (size_t i = 0; i < hosts->count; i++)
		hosts->addrs[i] = hosts->lines[i].addr;
	return hosts;
}

void resolve_hosts_free(struct resolve_hosts *hosts)
{
	if (!hosts)
		return;
	free(hosts->text);
	free(hosts->lines);
	free(hosts->addrs);
	free(hosts);
}

/* The place of the first line whose name is not before this one. */
static size_t find_host_line(const struct resolve_hosts *hosts, const char *name)
{
	size_t low = 0, high = hosts->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(hosts->lines[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

size_t resolve_hosts_find(const struct resolve_hosts *hosts, const char *name, const struct net_addr **addrs)
{
	size_t len = strlen(name), first, end;
	char lower[DNS_NAME];

	if (len >= sizeof lower)
		return 0;
	lower_host(lower, name, len);
	first = end = find_host_line(hosts, lower);
	while (end < hosts->count && strcmp(hosts->lines[end].name, lower) == 0)
		end++;
	*addrs = hosts->addrs + first;
	return end - first;
}
