/* Cases for resolve_hosts.c: what a file says of a name. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "../../resolve_hosts.c"

static struct resolve_hosts *parse(const char *text, size_t len)
{
	char *bytes = malloc(len ? len : 1); /* of its own size */
	struct resolve_hosts *hosts;

	memcpy(bytes, text, len);
	hosts = resolve_hosts_parse((struct slice){ bytes, len });
	free(bytes); /* nothing of it is borrowed */
	return hosts;
}

static const char *found(const struct resolve_hosts *hosts, const char *name)
{
	static char out[1024];
	const struct net_addr *addrs;
	size_t count = resolve_hosts_find(hosts, name, &addrs), len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		char host[NET_TEXT];

		net_print_host(&addrs[i], host);
		len += (size_t)snprintf(out + len, sizeof out - len, "%s%s", i ? " " : "", host);
	}
	return out;
}

static void says(const char *text, const char *name, const char *want)
{
	struct resolve_hosts *hosts = parse(text, strlen(text));
	const char *is = found(hosts, name);

	check(strcmp(is, want) == 0, text, is);
	resolve_hosts_free(hosts);
}

static void line_cases(void)
{
	says("", "a", "");
	says("1.2.3.4 a", "a", "1.2.3.4");
	says("1.2.3.4\ta b.c\n::1 a\n1.2.3.5 b\n", "a", "1.2.3.4 ::1");
	says("1.2.3.4\ta b.c\n::1 a\n1.2.3.5 b\n", "b.c", "1.2.3.4");
	says("1.2.3.4\ta b.c\n::1 a\n1.2.3.5 b\n", "b", "1.2.3.5");
	says("9.9.9.9 a\n1.1.1.1 a\n5.5.5.5 a\n2.2.2.2 a\n8.8.8.8 a\n", "a", "9.9.9.9 1.1.1.1 5.5.5.5 2.2.2.2 8.8.8.8");
	says("1.2.3.4 Web.Example\n", "wEB.eXAMPLE", "1.2.3.4");
	says("1.2.3.4 web.example.\n", "web.example", "1.2.3.4");
	says("1.2.3.4 web.example\n", "web.example.", "1.2.3.4");
	says("1.2.3.4 web.example\n", "web", "");
	says("1.2.3.4 web.example\n", "web.example.x", "");
	says("1.2.3.4 a # b\n#1.2.3.4 b\n1.2.3.4#b b\n # 1.2.3.4 b\n", "b", "");
	says("1.2.3.4 a#b c\n", "a", "1.2.3.4");
	says("  1.2.3.4 \v a\r\n1.2.3.5 a\r\n", "a", "1.2.3.4 1.2.3.5");
	says("1.2.3 a\n1.2.3.4.5 a\nx a\n[::1] a\n1.2.3.4\na\n::g a\n1.2.3.04 a\n", "a", "");
	says("1.2.3.4\n1.2.3.5 1.2.3.4\n", "1.2.3.4", "1.2.3.5");
	says("fe80::1%lo a\nfe80::1%no-such-if a\n::ffff:1.2.3.4 a\n", "a", "fe80::1%lo 1.2.3.4");
	says("1.2.3.4 . a ..\n", "a", "1.2.3.4");
	says("1.2.3.4 . a\n", ".", "");
	says("1.2.3.4 . a\n", "", "");
}

/* Each name of many is found, and none that is not there. */
static void many_cases(void)
{
	struct buf text = { 0 };
	struct resolve_hosts *hosts;
	bool all = true;
	char name[32], want[32];

	for (unsigned i = 0; i < 20000; i++)
		buf_printf(&text, "10.0.%u.%u h%u.test\n", i / 100 % 256, i % 100, i * 7919 % 20011);
	hosts = parse(text.data, text.len);
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(name, sizeof name, "h%u.test", i * 7919 % 20011);
		snprintf(want, sizeof want, "10.0.%u.%u", i / 100 % 256, i % 100);
		all = all && strcmp(found(hosts, name), want) == 0;
	}
	check(all, "each of many", "");
	check(strcmp(found(hosts, "h.test"), "") == 0 && strcmp(found(hosts, "z"), "") == 0, "none of many", "");
	resolve_hosts_free(hosts);
	buf_free(&text);
}

static void odd_cases(void)
{
	struct resolve_hosts *hosts = parse("1.2.3.4 a\0b c\n1.2.3.5 d\n", 24);
	char name[400];

	check(strcmp(found(hosts, "a"), "1.2.3.4") == 0 && strcmp(found(hosts, "d"), "1.2.3.5") == 0, "a NUL", "");
	check(strcmp(found(hosts, "b"), "1.2.3.4") == 0, "what is behind a NUL", "");
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	check(strcmp(found(hosts, name), "") == 0, "a name that none is", "");
	resolve_hosts_free(hosts);
	resolve_hosts_free(NULL);
}

int main(void)
{
	line_cases();
	many_cases();
	odd_cases();
	return check_sum();
}
