/* Cases for explain.c: what is said of services of Consul, once they are in a table. */
#include "base.h"

#include <string.h>

#include "check.h"
#include "table.h"
#include "../../explain.h"
#include "../../publish.h"

static const struct {
	const char *lists, *name, *want;
} cases[] = {
	{ "c a|local:2000|h:1", "a", ": accepted: 127.0.0.1:2000, which is not open yet\n      granted by listeners.bind: \"a\"\n" },
	/* The configuration's service of that name has it. */
	{ "s z|local:3000|h:1\nc z|local:3000|h:1", "z", ": refused by static: z in the configuration has it for itself\n"
	  "      granted by listeners.bind: \"*\"\n" },
	{ "s z|local:3001|h:1\nc z|local:3000-3001|h:1", "z", ": accepted: 127.0.0.1:3000, which is not open yet; "
	  "127.0.0.1:3001, which it does not get\n      refused by static: z in the configuration has it for itself\n"
	  "      granted by listeners.bind: \"*\"\n" },
	{ "f z|local:3000|h:1\nc z|local:3000|h:1", "z", ": accepted: 127.0.0.1:3000, which is not open yet\n"
	  "      granted by listeners.bind: \"*\"\n" },
	/* A range that several patterns grant. */
	{ "c a|local:2008-2011|h:1", "a", ": accepted: 127.0.0.1:2008-2011, which is not open yet\n"
	  "      granted by listeners.bind: \"a\", \"*\"\n" },
};

int main(void)
{
	struct bind_table bind = { 0 };
	struct arena memory = { 0 };

	bind_set(&bind, "a=local:2000,local:2004-2009; *=local:*", "here", &memory);
	bind_seal(&bind, &memory);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct service_list *lists[2];
		struct buf got = { 0 };
		struct route route;

		table_open(&route);
		route.rules.admit.bind = &bind;
		table_lists(cases[i].lists, lists);
		publish_update(&route, lists, 2);
		explain_list(&(struct explain){ &route.rules.admit, route.table }, lists[1], cases[i].name, &got);
		check(strstr(got.data, cases[i].want) != NULL, got.data, cases[i].lists);
		service_list_unref(lists[0]);
		service_list_unref(lists[1]);
		route_close(&route);
		buf_free(&got);
	}
	arena_free(&memory);
	return check_sum();
}
