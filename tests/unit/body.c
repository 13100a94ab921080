/* Cases for bodies, of all pages: they come in parts of bounded size, which are the same text as all at once; a table that
 * is replaced meanwhile leaves no series, listener or backend twice; and none is held. */
#include "base.h"

#include <stdlib.h>
#include <string.h>

static size_t part_size;
#define BODY_PART part_size
#include "../../body.c"

#include "capture.h"
#include "check.h"
#include "figures.h"
#include "table.h"
#include "../../explain.h"
#include "../../json.h"
#include "../../metrics.h"
#include "../../page.h"
#include "../../peek.h"
#include "../../publish.h"
#include "../../routes.h"
#include "../../stats.h"
#include "../../supervisor.h"
#include "../../why.h"

#define SERVICES 60
#define ITEM 1500 /* more than the largest of what a part ends with */

static struct config config = { .port_min = 1 };
static struct supervisor sources;
static struct worker_pool pool;
static struct route route;
static struct stats stats = { .route = &route, .sources = &sources, .pool = &pool, .config = &config, .ready = true };

static void update(const struct buf *text)
{
	struct service_list *lists[2];

	table_lists(text->data, lists);
	publish_update(&route, lists, 2);
	service_list_unref(lists[0]);
	service_list_unref(lists[1]);
}

/* Services with an even number are in both tables, with the same backends; those with an odd one only in the first. Wishes
 * that are refused likewise. */
static void publish_table(bool first)
{
	struct buf text = { 0 };

	for (unsigned i = 0; i < SERVICES; i++)
		if (first || i % 2 == 0)
			buf_printf(&text, "c web%02u|local:%u,local:%u|10.0.0.%u:80 10.0.1.%u:80|%s\n", i, 2000 + i * 3, 1 + i, i, i,
			           i % 4 ? "" : "balance=p2c deny=10.0.0.1");
	update(&text);
	buf_free(&text);
}

static struct body *new_peek(struct stats *of)
{
	return peek_body(of->route);
}

/* Of many sessions, none of which has a backend. */
static struct body *new_connections(struct stats *of)
{
	struct session_report report = { 0 };
	struct routes_sessions *sessions;
	struct body *body;

	while (report.count < 100 && session_report_grow(&report))
		report.views[report.count++] = (struct session_view){
			.listener = route_listener_ref(of->route->table->entries[0]->listener), .rx = report.count,
			.started = sys_micros() + 100000000 /* its age is 0 */
		};
	sessions = routes_sessions_new(&report);
	body = routes_connections(of, sessions);
	routes_sessions_unref(sessions);
	return body;
}

static const struct {
	const char *name;
	struct body *(*new)(struct stats *stats);
	size_t head; /* bytes of what cannot be cut there, if it is more than ITEM */
} kinds[] = {
	{ "Peek", new_peek, 0 }, { "/routes", routes_body, 0 }, { "/metrics", metrics_body, 3000 }, { "/", page_body, 16384 },
	{ "/connections", new_connections, 0 },
};

/* Without what differs from time to time. */
static void add_steady(struct buf *out, const struct buf *text)
{
	struct slice rest = { text->data, text->len }, line;

	while (slice_next(&rest, '\n', &line)) {
		if (slice_starts(line, "process_") || slice_starts(line, "<h1>dill</h1>"))
			continue;
		buf_add(out, line.at, line.len);
		buf_puts(out, "\n");
	}
}

/* Makes a body in parts of that size, and replaces the table between them if asked to. Returns how many there were. */
static size_t make(size_t kind, size_t size, bool replace, struct buf *out)
{
	struct body *body = kinds[kind].new(&stats);
	size_t parts = 0, most = 0;
	bool more = true;

	for (part_size = size; more; parts++) {
		struct buf part = { 0 };

		if (replace && parts)
			publish_table(parts % 2 == 0);
		more = body_add(body, &part);
		most = part.len > most && parts ? part.len : most;
		buf_add(out, part.data, part.len);
		buf_free(&part);
	}
	body_free(body);
	check(size == SIZE_MAX || most < size + ITEM || most < kinds[kind].head, "no part is much larger than asked for",
	      kinds[kind].name);
	return parts;
}

static void same_in_parts(size_t kind, size_t size)
{
	struct buf whole = { 0 }, parted = { 0 }, want = { 0 }, got = { 0 };
	size_t parts;

	make(kind, SIZE_MAX, false, &whole);
	parts = make(kind, size, false, &parted);
	add_steady(&want, &whole);
	add_steady(&got, &parted);
	check(want.len > 1000 && strcmp(want.data, got.data) == 0, "the same in parts", kinds[kind].name);
	check(parts > whole.len / (size + ITEM + kinds[kind].head), "as many parts as it takes", kinds[kind].name);
	buf_free(&whole);
	buf_free(&parted);
	buf_free(&want);
	buf_free(&got);
}

static unsigned count_of(const struct buf *text, const char *what)
{
	unsigned count = 0;

	for (const char *at = text->data; (at = strstr(at, what)); at++)
		count++;
	return count;
}

static int by_text(const void *a, const void *b)
{
	const struct slice *left = a, *right = b;
	int order = memcmp(left->at, right->at, left->len < right->len ? left->len : right->len);

	return order ? order : (left->len > right->len) - (left->len < right->len);
}

/* What a sample is of; the whole line, where it is none. */
static struct slice series_of(struct slice line)
{
	while (line.len && *line.at != '#' && line.at[line.len - 1] != ' ')
		line.len--;
	return line;
}

/* No family has two heads, no series two values, and each stands below its family's head. */
static void check_metrics(const struct buf *text)
{
	struct slice rest = { text->data, text->len }, line, family = { NULL, 0 }, *all = NULL;
	size_t count = 0, cap = 0;

	while (slice_next(&rest, '\n', &line)) {
		if (slice_starts(line, "# TYPE "))
			slice_next(&(struct slice){ line.at + 7, line.len - 7 }, ' ', &family);
		else if (line.len && *line.at != '#' && (line.len < family.len || memcmp(line.at, family.at, family.len) != 0))
			check(false, "a sample below its family", line.at);
		SYS_GROW(all, count, cap);
		all[count++] = series_of(line);
	}
	qsort(all, count, sizeof *all, by_text);
	for (size_t i = 1; i < count; i++)
		if (all[i].len && by_text(&all[i - 1], &all[i]) == 0)
			check(false, "a series comes once", all[i].at);
	free(all);
}

static void check_json(const struct buf *text, const char *name)
{
	struct json json = { 0 };

	check(!json_parse(&json, text->data, text->len), "JSON", name);
	json_free(&json);
}

/* Each of the listeners that are in all tables is there once, with both backends; of the others none comes twice. */
static void check_listeners(size_t kind, const struct buf *text)
{
	static const char *const forms[] = {
		"127.0.0.1:%u\n", "{\"address\":\"127.0.0.1:%u\"", "dill_listener_up{listener=\"127.0.0.1:%u\"}", "<b>127.0.0.1:%u</b>",
		"\"%u:10."
	};
	static const char *const refused[] = { "web%02u wants", "\"web%02u\",\"wish\"", NULL, ">web%02u</th>", NULL };
	char what[100];

	for (unsigned i = 0; i < SERVICES; i++) {
		unsigned want = kind == 4 ? 2 : 1, count;

		snprintf(what, sizeof what, forms[kind], 2000 + i * 3);
		count = count_of(text, what);
		check(count == want || (i % 2 && count < want), what, kinds[kind].name);
		if (!refused[kind])
			continue;
		snprintf(what, sizeof what, refused[kind], i);
		count = count_of(text, what);
		check(count == 1 || (i % 2 && !count), what, kinds[kind].name);
	}
}

static void replaced_meanwhile(size_t kind, size_t size)
{
	struct buf text = { 0 };

	make(kind, size, true, &text);
	check_listeners(kind, &text);
	if (kind == 2)
		check_metrics(&text);
	if (kind == 1 || kind == 4)
		check_json(&text, kinds[kind].name);
	buf_free(&text);
	publish_table(true);
}

/* Wherever a body stops, all listeners of a table that is replaced may close: nothing but the test has them. */
static void holds_no_table(size_t kind)
{
	struct route_listener *listeners[SERVICES];
	bool more = true;

	part_size = 500;
	for (size_t stop = 1; more; stop += 7) {
		struct body *body = kinds[kind].new(&stats);
		struct buf part = { 0 };
		unsigned held = 0;

		for (size_t i = 0; i < stop && more; i++, part.len = 0)
			more = body_add(body, &part);
		for (size_t i = 0; i < SERVICES; i++)
			listeners[i] = route_listener_ref(route.table->entries[i]->listener);
		publish_clear(&route, "shutdown");
		for (size_t i = 0; i < SERVICES; i++) {
			held += atomic_load(&listeners[i]->tables);
			route_listener_unref(listeners[i]);
		}
		check(!held, "a body holds no table", kinds[kind].name);
		while (more && body_add(body, &part))
			;
		body_free(body);
		buf_free(&part);
		publish_table(true);
	}
}

/* One listener of many backends: numbers from one to the other. */
static void publish_backends(unsigned from, unsigned to)
{
	struct buf text = { 0 };

	buf_puts(&text, "c web|local:2000|");
	for (unsigned i = from; i < to; i++)
		buf_printf(&text, "10.0.%u.%u:80 ", i / 100, 100 + i % 100);
	update(&text);
	buf_free(&text);
}

/* Those that are there all the time come once, though others come before them; unless the one that had been written last has
 * left: then the rest is missing, and what there is makes sense. */
static void backends_in_parts(size_t kind, bool last_leaves)
{
	struct body *body;
	struct buf text = { 0 };
	unsigned missing = 0;

	publish_backends(last_leaves ? 0 : 90, 300);
	body = kinds[kind].new(&stats);
	part_size = 1000;
	for (unsigned parts = 1; body_add(body, &text); parts++)
		if (parts < 90)
			publish_backends(last_leaves ? parts * 3 : 90 - parts, 300);
	body_free(body);
	for (unsigned i = 90; i < 300; i++) {
		char what[100];
		unsigned count;

		snprintf(what, sizeof what, kind == 2 ? "dill_backend_weight{listener=\"127.0.0.1:2000\",backend=\"10.0.%u.%u:80\"}" :
		         kind == 4 ? "2000:10.0.%u.%u:80" : "10.0.%u.%u:80", i / 100, 100 + i % 100);
		count = count_of(&text, what);
		missing += !count;
		check(count == 1 || (last_leaves && !count), what, kinds[kind].name);
	}
	check(last_leaves || !missing, "backends", kinds[kind].name);
	if (kind == 2)
		check_metrics(&text);
	if (kind == 1 || kind == 4)
		check_json(&text, kinds[kind].name);
	buf_free(&text);
}

/* Backends are looked at also where nothing is written of them: to tell whether a listener has a healthy one. */
static void unserved_in_parts(size_t kind)
{
	enum { LISTENERS = 50, BACKENDS = 100 };
	struct buf text = { 0 }, whole = { 0 };
	size_t parts;

	for (unsigned i = 0; i < LISTENERS; i++) {
		buf_printf(&text, "c web%u|local:%u|", i, 2000 + i * 3);
		for (unsigned k = 0; k < BACKENDS; k++)
			buf_printf(&text, "10.1.%u.%u:80 ", i, k);
		buf_puts(&text, "\n");
	}
	update(&text);
	for (size_t i = 0; i < route.table->count; i++)
		for (unsigned k = 0; k < route.table->entries[i]->count; k++)
			atomic_store(&route.table->entries[i]->backends[k]->unhealthy, true);
	parts = make(kind, SIZE_MAX, false, &whole);
	check(parts > 2 * LISTENERS * BACKENDS / BODY_STEPS, "all backends, twice", kinds[kind].name);
	buf_free(&text);
	buf_free(&whole);
	publish_table(true);
}

/* What is said of many instances, and of none. */
static void explained_in_parts(void)
{
	struct explain explain = { .rules = &route.rules.admit, .table = route.table };
	struct service_list *lists[2];
	struct buf text = { 0 }, want = { 0 }, got = { 0 };
	struct body *body;
	size_t parts = 1, known;

	for (unsigned i = 0; i < 300; i++)
		buf_printf(&text, "c %s|local:2000|10.0.%u.%u:80|instance=%u\n", i % 3 ? "web" : "other", i / 100, 100 + i % 100, i);
	table_lists(text.data, lists);
	sources.lists[0] = lists[1];
	known = explain_list(&explain, lists[1], "web", &want);
	check(known == 200 && why_is_known(&stats, "web") && !why_is_known(&stats, "none"), "it is known", "web");
	part_size = 2000;
	for (body = why_body(&stats, "web"); body_add(body, &got); parts++)
		;
	body_free(body);
	check(strcmp(want.data, got.data) == 0 && parts > 10, "the same in parts", "/explain");
	got.len = 0;
	body_put_all(why_body(&stats, "none"), &got);
	check(strcmp(got.data, "none: no source has a service of this name.\n") == 0, "of none", got.data);
	sources.lists[0] = NULL;
	service_list_unref(lists[0]);
	service_list_unref(lists[1]);
	buf_free(&text);
	buf_free(&want);
	buf_free(&got);
}

/* The lines that SIGUSR1 asks for: all of them, few at a time. */
static void logged_in_parts(void)
{
	struct capture capture;
	struct buf text = { 0 }, nothing = { 0 };
	struct body *body = stats_log(&stats);
	size_t parts = 1;

	capture_start(&capture);
	for (part_size = 100000; body_add(body, &nothing); parts++)
		;
	capture_end(&capture, &text);
	body_free(body);
	check(count_of(&text, " counters ") == 1 + 3 * SERVICES, "a line for each", "the log");
	check(parts > 1 && !nothing.len, "not all at once", "the log");
	buf_free(&text);
}

static void set_live(unsigned count)
{
	for (size_t i = 0; i < route.table->count; i++)
		for (unsigned k = 0; k < route.table->entries[i]->count; k++)
			set_backend_active(route.table->entries[i]->backends[k], count);
}

/* Listeners and backends that have left with live connections have their figures, once, and not their state. */
static void left_with_connections(size_t size)
{
	struct buf text = { 0 };

	publish_table(false);
	make(2, size, false, &text);
	check(count_of(&text, "\ndill_listener_info{") == SERVICES && count_of(&text, "\ndill_listener_up{") == SERVICES / 2 &&
	      count_of(&text, "\ndill_backend_connections_active{") == 2 * SERVICES &&
	      count_of(&text, "\ndill_backend_healthy{") == SERVICES, "those that left", "/metrics");
	check_metrics(&text);
	buf_free(&text);
	publish_table(true);
}

/* Without memory a body ends, and its buffer has failed. */
static void failed_parts(size_t kind)
{
	struct body *body = kinds[kind].new(&stats);
	struct buf out = { .may_fail = true };

	buf_fail(&out);
	check(!body_add(body, &out) && out.failed, "a part that fails is the last one", kinds[kind].name);
	body_free(body);
}

int main(void)
{
	static const size_t sizes[] = { 1, 700, 5000 };

	supervisor_open(&sources, NULL, NULL);
	config.uses = sys_alloc(sources.count * sizeof *config.uses);
	table_open(&route);
	publish_table(true);
	explained_in_parts();
	logged_in_parts();
	set_live(1);
	left_with_connections(SIZE_MAX);
	left_with_connections(700);
	for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++) {
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			same_in_parts(kind, sizes[i]);
			replaced_meanwhile(kind, sizes[i]);
		}
		holds_no_table(kind);
		failed_parts(kind);
	}
	set_live(0);
	for (size_t kind = 0; kind < ARRAY_LEN(kinds); kind++) {
		backends_in_parts(kind, false);
		backends_in_parts(kind, true);
	}
	unserved_in_parts(0);
	unserved_in_parts(3);
	route_close(&route);
	supervisor_close(&sources);
	free(config.uses);
	return check_sum();
}
