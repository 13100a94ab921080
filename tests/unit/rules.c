/* Cases for rules.c: what the configuration says of name servers, and addresses with a port or without. */
#include "base.h"

#include <string.h>

#include "check.h"
#include "../../config.h"
#include "../../rules.h"

static const struct {
	const char *text, *want; /* want: each with its port */
} lists[] = {
	{ "", "" },
	{ "10.0.0.2", "10.0.0.2:53" },
	{ "10.0.0.2:5353", "10.0.0.2:5353" },
	{ "10.0.0.2 , 127.0.0.1:8600,fd00::2", "10.0.0.2:53 127.0.0.1:8600 [fd00::2]:53" },
	{ "[fd00::2]", "[fd00::2]:53" },
	{ "[fd00::2]:65535", "[fd00::2]:65535" },
	{ "::ffff:10.0.0.2", "10.0.0.2:53" },
	{ "[::ffff:10.0.0.2]:1", "10.0.0.2:1" },
	{ "1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5,1.1.1.6,1.1.1.7,1.1.1.8,1.1.1.9",
	  "1.1.1.1:53 1.1.1.2:53 1.1.1.3:53 1.1.1.4:53 1.1.1.5:53 1.1.1.6:53 1.1.1.7:53 1.1.1.8:53" },
};

static const char *const none[] = {
	"", "x", "x:53", "10.0.0.2:", "10.0.0.2:0", "10.0.0.2:65536", "10.0.0.2:53:53", ":53", "fd00::2:53:x", "[fd00::2]x",
	"[fd00::2", "[10.0.0.2", "10.0.0.2 :53", "10.0.0", "fd00::2%none:53",
};

static void list_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct config config = { .dns_servers = lists[i].text, .dns_hold = 7 };
		struct net_addr servers[RESOLVE_SERVERS];
		struct resolve_rules rules = rules_names(&config, servers);
		struct buf got = { 0 };

		buf_puts(&got, "");
		for (size_t k = 0; k < rules.server_count; k++) {
			char text[NET_TEXT];

			net_print(&rules.servers[k], text);
			buf_printf(&got, "%s%s", k ? " " : "", text);
		}
		check(strcmp(got.data, lists[i].want) == 0 && rules.hold == 7, got.data, lists[i].text);
		buf_free(&got);
	}
}

int main(void)
{
	struct net_addr addr;

	list_cases();
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		check(!net_numeric_port(slice_of(none[i]), 53, &addr), "is no address", none[i]);
	return check_sum();
}
