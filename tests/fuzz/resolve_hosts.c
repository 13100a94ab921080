/* /etc/hosts: each name of each line is found, whatever lies around it, with the address of its line. */
#include "base.h"

#include <stdlib.h>

#include "../../resolve_conf.h"
#include "../../resolve_hosts.c"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool has_address(const struct resolve_hosts *hosts, struct slice name, const struct net_addr *addr)
{
	const struct net_addr *addrs;
	char text[DNS_NAME];
	size_t count;

	if (name.len >= sizeof text || slice_is(name, "."))
		return true;
	memcpy(text, name.at, name.len);
	text[name.len] = '\0';
	count = resolve_hosts_find(hosts, text, &addrs);
	for (size_t i = 0; i < count; i++)
		if (net_compare(&addrs[i], addr) == 0)
			return true;
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size ? size : 1); /* of its own size, so that a byte too many is seen */
	struct slice rest = { text, size }, line, word;
	struct resolve_hosts *hosts;

	memcpy(text, data, size);
	hosts = resolve_hosts_parse(rest);
	while (slice_next(&rest, '\n', &line)) {
		const char *comment = line.len ? memchr(line.at, '#', line.len) : NULL;
		struct net_addr addr;

		line.len = comment ? (size_t)(comment - line.at) : line.len;
		if (resolve_word(&line, &word) && word.at[0] != '[' && net_numeric(word, 0, &addr))
			while (resolve_word(&line, &word))
				MUST(has_address(hosts, word, &addr));
	}
	for (size_t i = 1; i < hosts->count; i++)
		MUST(compare_host_lines(&hosts->lines[i - 1], &hosts->lines[i]) < 0);
	resolve_hosts_free(hosts);
	free(text);
	return 0;
}
