/* Cases for names of backends as people and programs see them: in Peek, on the page, in /routes, /connections, /metrics,
 * /explain and --plan; in parts of any size, and of ranges. The targets of an entry are made up here. */
#include "base.h"

#include <string.h>
#include <unistd.h>

static size_t part_size = SIZE_MAX;
#define BODY_PART part_size
#include "../../body.c"

#include "capture.h"
#include "check.h"
#include "table.h"
#include "../../explain.h"
#include "../../page.h"
#include "../../peek.h"
#include "../../plan.c"
#include "../../publish.h"

static void fake_figures(const struct resolver *resolver, struct resolve_figures *figures)
{
	(void)resolver;
	*figures = (struct resolve_figures){ .queries = { 11, 12, 13, 14, 15, 16, 17 }, .names = { 1, 2, 3, 4 } };
}

#define resolve_figures(resolver, figures) fake_figures(resolver, figures)
#include "../../metrics.c"
#include "../../stats.c"

#define SERVFAIL "a server failed"

static struct config config = { .port_min = 1 };
static struct supervisor sources;
static struct worker_pool pool;
static struct stats stats = { .sources = &sources, .pool = &pool, .config = &config, .ready = true };

static struct body *new_peek(struct stats *of)
{
	return peek_body(of->route);
}

static struct body *new_connections(struct stats *of)
{
	struct session_report report = { 0 };
	struct routes_sessions *sessions = routes_sessions_new(&report);
	struct body *body = routes_connections(of, sessions);

	routes_sessions_unref(sessions);
	return body;
}

enum kind { PEEK, ROUTES, PAGE, CONNECTIONS, METRICS, KINDS };
static struct body *(*const kinds[])(struct stats *stats) = { new_peek, routes_body, page_body, new_connections, metrics_body };

static void make(enum kind kind, size_t size, struct buf *out)
{
	struct body *body;

	part_size = size;
	out->len = 0;
	body = kinds[kind](&stats);
	while (body_add(body, out))
		body->steps = 0;
	body_free(body);
}

static void has(enum kind kind, const char *want)
{
	struct buf text = { 0 };

	make(kind, SIZE_MAX, &text);
	check(strstr(text.data, want), want, text.data);
	buf_free(&text);
}

static struct route_target target(const char *name, enum resolve_state state)
{
	return (struct route_target){
		name, state, state == RESOLVE_FAILED ? "NXDOMAIN" : state == RESOLVE_KEPT ? SERVFAIL : NULL
	};
}

/* 10.0.0.1 was written as a name that has two addresses, 10.0.0.3 as an address, and 10.0.0.4 as one whose answers fail. */
static void fill(struct route_entry *entry)
{
	static struct route_target targets[6];
	static uint32_t of[] = { 2, 2, 0, 5 };

	targets[0] = target("gone.example:80", RESOLVE_FAILED);
	targets[1] = target("two.example:80", RESOLVE_GOOD);
	targets[2] = target("n<e>w\x1b:80", RESOLVE_ASKED);
	targets[3] = target("refused.example:80", RESOLVE_GOOD);
	targets[4] = target("kept.example:80", RESOLVE_KEPT);
	targets[5] = target("_db._tcp.last.example", RESOLVE_FAILED);
	entry->targets = targets;
	entry->target_count = ARRAY_LEN(targets);
	entry->target_of = of;
}

static void table_of(struct route *route, const char *text)
{
	struct service_list *lists[2];

	table_open(route);
	table_lists(text, lists);
	publish_update(route, lists, 2);
	service_list_unref(lists[0]);
	service_list_unref(lists[1]);
	stats.route = route;
}

static void mixed_cases(void)
{
	struct route route;

	table_of(&route, "c a|local:2000|10.0.0.1:80 10.0.0.2:80 10.0.0.3:80 10.0.0.4:80");
	fill(route.table->entries[0]);
	has(PEEK, "127.0.0.1:2000\n  ├ round_robin\n"
	    "  ├──➤ gone.example:80 (cannot resolve: NXDOMAIN)\n  ├──➤ 10.0.0.1:80\n  ├──➤ 10.0.0.2:80\n"
	    "  ├──➤ 10.0.0.3:80\n  ├──➤ n<e>w\\x1b:80 (resolving)\n  ├──➤ 10.0.0.4:80\n"
	    "  ├──➤ _db._tcp.last.example (cannot resolve: NXDOMAIN)\n");
	has(ROUTES, "\"backends\":[{\"address\":\"gone.example:80\",\"name\":\"gone.example:80\",\"state\":\"failed\","
	    "\"why\":\"NXDOMAIN\",\"healthy\":false,\"weight\":0,\"active\":0,\"connections\":0,\"rx\":0,\"tx\":0,\"connect_errors\":0},"
	    "{\"address\":\"10.0.0.1:80\",\"name\":\"two.example:80\",\"state\":\"good\",\"healthy\":true,\"weight\":1,");
	has(ROUTES, "{\"address\":\"10.0.0.3:80\",\"healthy\":true,");
	has(ROUTES, "{\"address\":\"n<e>w\\u001b:80\",\"name\":\"n<e>w\\u001b:80\",\"state\":\"asked\",\"healthy\":false,");
	has(ROUTES, "{\"address\":\"10.0.0.4:80\",\"name\":\"kept.example:80\",\"state\":\"kept\",\"why\":\"" SERVFAIL "\",\"healthy\":true,");
	has(PAGE, "<tr><th scope=\"row\">gone.example:80</th><td class=\"w bad\">cannot resolve: NXDOMAIN</td></tr>\n");
	has(PAGE, "<tr><th scope=\"row\">10.0.0.2:80 <bdi class=\"soft\">two.example:80</bdi></th><td class=\"w ok\">healthy</td>");
	has(PAGE, "<tr><th scope=\"row\">10.0.0.3:80</th><td class=\"w ok\">healthy</td>");
	has(PAGE, "<tr><th scope=\"row\">n&lt;e&gt;w\\x1b:80</th><td class=\"w warn\">resolving</td></tr>\n");
	has(PAGE, ">kept.example:80</bdi></th><td class=\"w warn\">healthy"
	    "<small>last address; cannot resolve: " SERVFAIL "</small></td>");
	has(CONNECTIONS, "\"connections\":[\"2000:gone.example:80\",\"2000:two.example:80\",\"2000:10.0.0.3:80\","
	    "\"2000:n<e>w\\u001b:80\",\"2000:refused.example:80\",\"2000:kept.example:80\",\"2000:_db._tcp.last.example\"],");
	route_close(&route);
}

/* Targets of a higher priority stand behind all others. */
static void last_cases(void)
{
	struct route_share shares[2] = { { .first = 0, .count = 1 }, { .first = 1, .count = 2 } }, *before;
	struct route_entry *entry;
	struct route route;

	table_of(&route, "c a|local:2000|10.0.0.1:80 10.0.0.2:80 10.0.0.3:80");
	entry = route.table->entries[0];
	has(ROUTES, "\"10.0.0.3:80\",\"healthy\":true,\"weight\":1,\"active\"");
	before = entry->shares;
	entry->shares = shares;
	entry->share_count = 2;
	entry->last_shares = 1;
	has(ROUTES, "\"10.0.0.1:80\",\"healthy\":true,\"weight\":1,\"active\"");
	has(ROUTES, "\"10.0.0.2:80\",\"healthy\":true,\"weight\":1,\"last\":true,\"active\"");
	has(ROUTES, "\"10.0.0.3:80\",\"healthy\":true,\"weight\":1,\"last\":true,\"active\"");
	has(PAGE, "10.0.0.1:80</th>");
	has(PAGE, "10.0.0.2:80<small>tried last</small></th>");
	entry->shares = before;
	entry->share_count = 1;
	route_close(&route);
}

/* Of a listener without any backend only its names are there. */
static void lone_cases(void)
{
	static struct route_target lone[1];
	struct route route;

	table_of(&route, "c a|local:2000|\nc b|local:2001|\nc c|local:2002|10.0.0.1:80");
	lone[0] = target("gone.example:80", RESOLVE_FAILED);
	route.table->entries[0]->targets = lone;
	route.table->entries[0]->target_count = 1;
	has(PEEK, "127.0.0.1:2000\n  ├ round_robin\n  ├──➤ gone.example:80 (cannot resolve: NXDOMAIN)\n127.0.0.1:2001\n");
	has(PEEK, "# no healthy backend: 127.0.0.1:2000\n# no healthy backend: 127.0.0.1:2001\n");
	has(PAGE, "</tr>\n<tr><th scope=\"row\">gone.example:80</th><td class=\"w bad\">cannot resolve: NXDOMAIN</td></tr>\n</tbody>");
	has(PAGE, "<tr><th scope=\"row\">no backend</th><td class=\"w warn\">no address is known</td></tr>\n</tbody>\n<tbody>");
	has(ROUTES, "\"connect_errors\":0}]},\n{\"address\":\"127.0.0.1:2001\"");
	has(ROUTES, "\"backends\":[{\"address\":\"10.0.0.1:80\"");
	has(CONNECTIONS, "\"connections\":[\"2000:gone.example:80\",\"2002:10.0.0.1:80\"],");
	route_close(&route);
}

/* Many names, with an address and without. */
#define MANY 40
static void fill_many(struct route_entry *entry, unsigned from)
{
	static struct route_target targets[MANY];
	static char texts[MANY][40];
	static uint32_t of[MANY];

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(texts[i], sizeof texts[i], "name%02u.example:80", from + i);
		targets[i] = target(texts[i], i % 2 ? RESOLVE_GOOD : RESOLVE_FAILED);
		of[i] = i % 2 ? 0 : i + 2;
	}
	for (unsigned i = 0; i < entry->count; i++)
		of[i] = i * 2 + 2;
	entry->targets = targets;
	entry->target_count = MANY;
	entry->target_of = of;
}

static unsigned count_of(const char *text, const char *what)
{
	unsigned count = 0;

	for (; (text = strstr(text, what)); text++)
		count++;
	return count;
}

/* The backends that these have: 10.0.0.100 and on. */
static void table_of_many(struct route *route)
{
	struct buf text = { 0 };

	buf_puts(&text, "c a|local:2000|");
	for (unsigned i = 0; i < MANY / 2; i++)
		buf_printf(&text, "10.0.0.%u:80 ", 100 + i);
	table_of(route, text.data);
	fill_many(route->table->entries[0], 10);
	buf_free(&text);
}

/* However short the parts are, they make the same text. */
static void in_parts(void)
{
	struct route route;

	table_of_many(&route);
	for (enum kind kind = PEEK; kind <= CONNECTIONS; kind++) {
		struct buf whole = { 0 }, parted = { 0 };

		make(kind, SIZE_MAX, &whole);
		check(count_of(whole.data, "name") >= MANY / 2, "names", whole.data);
		for (size_t size = 1; size < 300; size += 37) {
			make(kind, size, &parted);
			if (kind == PAGE) /* its head has the time */
				check(strcmp(strstr(whole.data, "<h2>Listeners"), strstr(parted.data, "<h2>Listeners")) == 0, "in parts", "page");
			else
				check(strcmp(whole.data, parted.data) == 0, "in parts", parted.data);
		}
		buf_free(&whole);
		buf_free(&parted);
	}
	route_close(&route);
}

/* Names come before those that have been written: none of them comes twice, nor is one missing that was there all the time. */
static void replaced_meanwhile(enum kind kind)
{
	struct buf text = { 0 };
	struct body *body;
	struct route route;
	unsigned from = 40;

	table_of_many(&route);
	fill_many(route.table->entries[0], from);
	part_size = 1;
	body = kinds[kind](&stats);
	while (body_add(body, &text))
		if (from > 12)
			fill_many(route.table->entries[0], from -= 2);
	body_free(body);
	for (unsigned i = 40; i < 12 + MANY; i += 2) {
		char name[40];

		snprintf(name, sizeof name, kind == CONNECTIONS ? "2000:name%u.example:80" : "name%u.example:80 ", i);
		check(count_of(text.data, name) == 1, name, text.data);
	}
	buf_free(&text);
	route_close(&route);
}

/* One that had been written last is gone: the rest is missing. */
static void last_one_leaves(void)
{
	struct buf text = { 0 };
	struct body *body;
	struct route route;

	table_of_many(&route);
	part_size = 1;
	body = kinds[PEEK](&stats);
	for (int i = 0; i < 4; i++)
		body_add(body, &text);
	check(count_of(text.data, "name") == 2, "two names so far", text.data);
	fill_many(route.table->entries[0], 60);
	while (body_add(body, &text))
		;
	body_free(body);
	check(count_of(text.data, "name") == 2 && count_of(text.data, "10.0.0.1") == MANY / 2, "all backends", text.data);
	buf_free(&text);
	route_close(&route);
}

/* Ranges of ports. */

static void fill_range(struct route *route, const char *format, unsigned step, enum resolve_state state)
{
	static struct route_target targets[3];
	static char texts[3][40];

	for (unsigned i = 0; i < 3; i++) {
		snprintf(texts[i], sizeof texts[i], format, 6000 + i * step);
		targets[i] = target(texts[i], state);
		route->table->entries[i]->targets = &targets[i];
		route->table->entries[i]->target_count = 1;
	}
}

static void range_cases(void)
{
	static uint32_t of[] = { 1 };
	struct route route;

	table_of(&route, "c a|local:2000-2002|10.0.0.1:80|ports=80");
	for (unsigned i = 0; i < 3; i++)
		route.table->entries[i]->target_of = of;
	fill_range(&route, "h.example:%u", 1, RESOLVE_GOOD);
	has(PEEK, "127.0.0.1:2000-2002\n  ├ round_robin\n  ├──➤ 10.0.0.1:80-82\n");
	has(PAGE, ">10.0.0.1:80-82 <bdi class=\"soft\">h.example:6000-6002</bdi></th>");
	has(CONNECTIONS, "[\"2000:h.example:6000\",\"2001:h.example:6001\",\"2002:h.example:6002\"]");
	fill_range(&route, "h.example:%u", 2, RESOLVE_GOOD);
	has(PEEK, "127.0.0.1:2002\n");
	fill_range(&route, "h%u.example:80", 1, RESOLVE_GOOD);
	has(PEEK, "127.0.0.1:2002\n");
	fill_range(&route, "h.example:80", 0, RESOLVE_GOOD);
	has(PEEK, "127.0.0.1:2000-2002\n");
	route.table->entries[2]->target_of = NULL;
	has(PEEK, "127.0.0.1:2000-2001\n");
	route_close(&route);
	table_of(&route, "c a|local:2000-2002|");
	fill_range(&route, "h.example:%u", 1, RESOLVE_FAILED);
	has(PEEK, "127.0.0.1:2000-2002\n  ├ round_robin\n  ├──➤ h.example:6000-6002 (cannot resolve: NXDOMAIN)\n#");
	has(PAGE, "<tr><th scope=\"row\">h.example:6000-6002</th><td class=\"w bad\">");
	route.table->entries[1]->targets->state = RESOLVE_ASKED;
	has(PEEK, "127.0.0.1:2001 (waiting for its names)\n  ├ round_robin\n  ├──➤ h.example:6001 (resolving)\n127.0.0.1:2002\n");
	fill_range(&route, "_db._tcp.example", 0, RESOLVE_FAILED);
	has(PEEK, "127.0.0.1:2000-2002\n  ├ round_robin\n  ├──➤ _db._tcp.example (cannot resolve: NXDOMAIN)\n#");
	route_close(&route);
}

static void figure_cases(void)
{
	struct capture capture;
	struct buf text = { 0 };
	struct route route;

	table_of(&route, "");
	has(METRICS, "dill_dns_queries_total{result=\"timed_out\"} 0\n");
	has(METRICS, "dill_dns_names{state=\"failed\"} 0\n");
	stats.resolver = (const struct resolver *)(const void *)&route;
	has(METRICS, "# TYPE dill_dns_names gauge\ndill_dns_names{state=\"asked\"} 1\ndill_dns_names{state=\"good\"} 2\n"
	    "dill_dns_names{state=\"kept\"} 3\ndill_dns_names{state=\"failed\"} 4\n");
	has(METRICS, "# TYPE dill_dns_queries_total counter\ndill_dns_queries_total{result=\"answered\"} 11\n"
	    "dill_dns_queries_total{result=\"no_name\"} 12\n");
	has(METRICS, "dill_dns_queries_total{result=\"broken\"} 17\n#");
	capture_start(&capture);
	body_put_all(stats_log(&stats), &text);
	capture_end(&capture, &text);
	check(strstr(text.data, " names=10 unresolved=5 "), "names=10 unresolved=5", text.data);
	stats.resolver = NULL;
	buf_free(&text);
	route_close(&route);
}

/* Names of other services at the same listener are not this one's. */
static void explain_cases(void)
{
	static struct route_target targets[7];
	struct service_list *lists[2];
	struct buf got = { 0 };
	struct route route;
	const char *text = "s a|local:2000|gone.example:80 kept.example:81 10.0.0.1:80 new.example:80\n"
	                   "s b|local:2000|gone.example.other:80\ns p|local:2000|h:80|proxy=socks5://one:1080\n"
	                   "s n|local:2000|h:80|proxy=socks5://[::1]:1080\ns t|local:2001|_spare._tcp.x";

	table_of(&route, text);
	table_lists(text, lists);
	targets[0] = target("gone.example.other:80", RESOLVE_FAILED);
	targets[1] = target("gone.example:80", RESOLVE_FAILED);
	targets[2] = target("kept.example:81", RESOLVE_KEPT);
	targets[3] = target("new.example:80", RESOLVE_ASKED);
	targets[4] = target("h:80", RESOLVE_FAILED);
	targets[6] = target("socks5://[::1]:1080 ─➤ _h._tcp.example", RESOLVE_FAILED);
	targets[5] = target("socks5://one:1080 ─➤ h:80", RESOLVE_FAILED);
	route.table->entries[0]->targets = targets;
	route.table->entries[0]->target_count = ARRAY_LEN(targets);
	explain_list(&(struct explain){ &route.rules.admit, route.table }, lists[0], "a", &got);
	check(strstr(got.data, "\n    backend gone.example:80: cannot resolve its name: NXDOMAIN\n"
	             "    backend kept.example:81: cannot resolve its name: " SERVFAIL "; its last addresses are used\n"
	             "    backend new.example:80: its name is being resolved\n    listener local:2000: accepted"), "a", got.data);
	got.len = 0;
	explain_list(&(struct explain){ &route.rules.admit, route.table }, lists[0], "p", &got);
	check(strstr(got.data, "h:80\n    backend socks5://one:1080 ─➤ h:80: cannot resolve its name: NXDOMAIN\n    proxy="), "p", got.data);
	got.len = 0;
	explain_list(&(struct explain){ &route.rules.admit, route.table }, lists[0], "n", &got);
	check(strstr(got.data, "    backend socks5://[::1]:1080 ─➤ _h._tcp.example: cannot resolve"), "n", got.data);
	got.len = 0;
	explain_list(&(struct explain){ &route.rules.admit, route.table }, lists[0], "t", &got);
	check(strstr(got.data, "    backend none:5003: cannot resolve its name: NXDOMAIN\n    listener local:2001"), "t", got.data);
	targets[1].state = targets[2].state = targets[3].state = RESOLVE_GOOD;
	got.len = 0;
	explain_list(&(struct explain){ &route.rules.admit, route.table }, lists[0], "a", &got);
	check(!strstr(got.data, "    backend"), "all is well", got.data);
	service_list_unref(lists[0]);
	service_list_unref(lists[1]);
	buf_free(&got);
	route_close(&route);
}

/* --plan */

#define NAMED(address, name, state, why) "{\"address\":\"" address "\",\"name\":\"" name "\",\"state\":\"" state "\"" why ",\"weight\":1}"
#define GOOD(address) NAMED(address, "h:80", "good", "")
#define FAILED NAMED("h:80", "h:80", "failed", ",\"why\":\"NXDOMAIN\"")

static const struct {
	const char *was, *will, *want;
} plans[] = {
	{ "", GOOD("10.0.0.1:80"), "~ l: + 10.0.0.1:80 (h:80)\n" },
	{ GOOD("10.0.0.1:80"), "", "~ l: - 10.0.0.1:80 (h:80)\n" },
	{ GOOD("10.0.0.1:80"), GOOD("10.0.0.2:80"), "~ l: + 10.0.0.2:80 (h:80)\n~ l: - 10.0.0.1:80 (h:80)\n" },
	{ "{\"address\":\"10.0.0.1:80\",\"weight\":1}", GOOD("10.0.0.1:80"), "" },
	{ "", FAILED, "~ l: + h:80 (cannot resolve: NXDOMAIN)\n" },
	{ "", NAMED("h:80", "h:80", "asked", ""), "~ l: + h:80 (resolving)\n" },
	{ "", "{\"address\":\"10.0.0.1:80\",\"weight\":1}", "~ l: + 10.0.0.1:80\n" },
	/* What cannot be resolved here, or there, is not what the configuration changes. */
	{ FAILED, FAILED, "" },
	{ GOOD("10.0.0.1:80") "," GOOD("10.0.0.2:80"), FAILED, "" },
	{ FAILED, GOOD("10.0.0.1:80") "," GOOD("10.0.0.2:80"), "" },
	{ FAILED, NAMED("10.0.0.1:80", "g:80", "kept", ",\"why\":\"NXDOMAIN\""),
	  "~ l: + 10.0.0.1:80 (g:80)\n~ l: - h:80 (cannot resolve: NXDOMAIN)\n" },
};

static void parse_backends(struct json *json, const char *backends, struct buf *text)
{
	buf_printf(text, "{\"listeners\":[{\"address\":\"l\",\"backends\":[%s]}],\"refused\":[]}", backends);
	check(!json_parse(json, text->data, text->len), "JSON", backends);
}

static void plan_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
		struct plan plan = { .changes = 0 };
		struct capture capture;
		struct buf got = { 0 }, was = { 0 }, will = { 0 };
		int out = dup(STDOUT_FILENO);

		fflush(stdout);
		parse_backends(&plan.was, plans[i].was, &was);
		parse_backends(&plan.will, plans[i].will, &will);
		capture_start(&capture);
		dup2(STDERR_FILENO, STDOUT_FILENO);
		compare_tables(&plan);
		dup2(out, STDOUT_FILENO);
		capture_end(&capture, &got);
		check(strcmp(got.data, plans[i].want) == 0, plans[i].want, got.data);
		check(!plan.changes == !*plans[i].want, "changes", plans[i].want);
		close(out);
		json_free(&plan.was);
		json_free(&plan.will);
		buf_free(&plan.text);
		buf_free(&plan.other);
		buf_free(&got);
		buf_free(&was);
		buf_free(&will);
	}
}

int main(void)
{
	supervisor_open(&sources, NULL, NULL);
	config.uses = sys_alloc(sources.count * sizeof *config.uses);
	mixed_cases();
	last_cases();
	lone_cases();
	in_parts();
	replaced_meanwhile(PEEK);
	replaced_meanwhile(CONNECTIONS);
	last_one_leaves();
	range_cases();
	figure_cases();
	explain_cases();
	plan_cases();
	supervisor_close(&sources);
	free(config.uses);
	return check_sum();
}
