#include "base.h"
#include "plan.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "body.h"
#include "http.h"
#include "inspect.h"
#include "json.h"
#include "loop.h"
#include "loop_backend.h"
#include "print.h"
#include "publish.h"
#include "resolve.h"
#include "resolve_answer.h"
#include "routes.h"
#include "stats.h"
#include "supervisor.h"
#include "sys.h"
#include "text.h"

#define NAMES_MS 5000 /* wait this long for DNS */
#define BODY_MAX (256u << 20)

/* Two answers to /routes are compared: the one of the running dill, and the one this configuration would give. */

struct plan {
	struct json was, will;
	struct buf text, other; /* scratch: members as text */
	unsigned changes;
};

/* Adds a value as text: a list as its elements with commas between them, an object as KEY=VALUE. */
static void put_value(const struct json *json, uint32_t token, struct buf *out)
{
	enum json_type type = json->tokens[token].type;
	size_t begun = out->len;

	if (type != JSON_ARRAY && type != JSON_OBJECT) {
		if (!json_string(json, token, out))
			buf_visible(out, json_scalar(json, token).at, json_scalar(json, token).len);
		return;
	}
	for (JSON_EACH(json, token, element)) {
		bool nested = json->tokens[element].type == JSON_OBJECT;

		buf_puts(out, out->len == begun ? "" : type == JSON_OBJECT ? " " : nested ? "; " : ",");
		put_value(json, element, out);
		if (type == JSON_OBJECT) {
			buf_puts(out, "=");
			put_value(json, element + 1, out);
		}
	}
}

/* A member as text, "" when there is none. It lives until `out` is used again. */
static const char *member(const struct json *json, uint32_t object, const char *key, struct buf *out)
{
	uint32_t token = json_get(json, object, key);

	out->len = 0;
	buf_puts(out, "");
	if (token)
		put_value(json, token, out);
	return out->data;
}

/* The elements of a list by one member of theirs, mostly the address. */
struct places {
	struct place {
		const char *key;
		uint32_t at;
	} *items;
	size_t count;
	struct arena memory;
};

static int by_member(const void *a, const void *b)
{
	return strcmp(((const struct place *)a)->key, ((const struct place *)b)->key);
}

static void places_open(struct places *places, const struct json *json, uint32_t list, const char *key)
{
	struct buf text = { 0 };

	*places = (struct places){ .items = sys_alloc((list ? json->tokens[list].count : 0) * sizeof *places->items) };
	if (list)
		for (JSON_EACH(json, list, element))
			if (*member(json, element, key, &text))
				places->items[places->count++] = (struct place){ arena_dup(&places->memory, text.data, text.len), element };
	if (places->count)
		qsort(places->items, places->count, sizeof *places->items, by_member);
	buf_free(&text);
}

static void places_close(struct places *places)
{
	free(places->items);
	arena_free(&places->memory);
}

/* 0: there is none. */
static uint32_t find_element(const struct places *places, const char *key)
{
	struct place like = { .key = key }, *found = NULL;

	if (places->count)
		found = bsearch(&like, places->items, places->count, sizeof like, by_member);
	return found ? found->at : 0;
}

/* Whether a backend is a name without an address. */
static bool is_unresolved(const struct json *json, uint32_t backend)
{
	struct buf state = { 0 };
	bool unresolved = strcmp(member(json, backend, "state", &state), resolve_state_names[RESOLVE_ASKED]) == 0 ||
	                  strcmp(state.data, resolve_state_names[RESOLVE_FAILED]) == 0;

	buf_free(&state);
	return unresolved;
}

/* Its address, and the name that it was written with, or why that has no address. */
static void put_planned(const struct json *json, uint32_t backend, struct buf *out)
{
	struct buf text = { 0 };

	buf_puts(out, member(json, backend, "address", &text));
	if (is_unresolved(json, backend) && *member(json, backend, "why", &text))
		buf_printf(out, " (cannot resolve: %s)", text.data);
	else if (is_unresolved(json, backend))
		buf_puts(out, " (resolving)");
	else if (*member(json, backend, "name", &text))
		buf_printf(out, " (%s)", text.data);
	buf_free(&text);
}

static void print_visible(const char *text)
{
	struct buf shown = { 0 };

	buf_visible(&shown, text, strlen(text));
	print_to(STDOUT_FILENO, "%s", shown.data ? shown.data : "");
	buf_free(&shown);
}

/* A whole listener comes (+) or goes (-). */
static void print_listener(struct plan *plan, const struct json *json, uint32_t listener, char sign)
{
	const char *comma = " ─➤ ";

	plan->changes++;
	print_to(STDOUT_FILENO, "%c ", sign);
	print_visible(member(json, listener, "address", &plan->text));
	print_to(STDOUT_FILENO, " for ");
	print_visible(member(json, listener, "services", &plan->text));
	print_to(STDOUT_FILENO, ", ");
	print_visible(member(json, listener, "balance", &plan->text));
	for (JSON_EACH(json, json_get(json, listener, "backends"), backend)) {
		plan->text.len = 0;
		put_planned(json, backend, &plan->text);
		print_to(STDOUT_FILENO, "%s", comma);
		print_visible(plan->text.data);
		comma = ", ";
	}
	print_to(STDOUT_FILENO, "\n");
}

/* One thing of a listener changes (~). */
static void print_change(struct plan *plan, const char *address, const char *what, const char *from, const char *to)
{
	plan->changes++;
	print_to(STDOUT_FILENO, "~ ");
	print_visible(address);
	print_to(STDOUT_FILENO, ": ");
	print_visible(what);
	if (*from)
		print_visible(from);
	if (*from && *to)
		print_to(STDOUT_FILENO, " becomes ");
	print_visible(to);
	print_to(STDOUT_FILENO, "\n");
}

static void compare_weight(struct plan *plan, const char *address, uint32_t was, uint32_t will)
{
	const char *from = member(&plan->was, was, "weight", &plan->text);
	const char *to = member(&plan->will, will, "weight", &plan->other);
	struct buf what = { 0 }, backend = { 0 };

	if (strcmp(from, to) != 0) {
		buf_printf(&what, "weight of %s: ", member(&plan->will, will, "address", &backend));
		print_change(plan, address, what.data, from, to);
	}
	buf_free(&what);
	buf_free(&backend);
}

/* A backend that only one of the two tables has. One that is a name without an address in either of them is in both, if both
 * have that name. */
static void compare_absent(struct plan *plan, const char *address, const struct json *json, uint32_t backend, char sign,
                           const struct places *others_names)
{
	const struct json *others = json == &plan->was ? &plan->will : &plan->was;
	const char *name = member(json, backend, "name", &plan->text);
	uint32_t other = *name ? find_element(others_names, name) : 0;
	struct buf what = { 0 };

	if (!other || (!is_unresolved(json, backend) && !is_unresolved(others, other))) {
		put_planned(json, backend, &what);
		print_change(plan, address, sign == '+' ? "+ " : "- ", "", what.data);
	}
	buf_free(&what);
}

static void compare_backends(struct plan *plan, const char *address, uint32_t was, uint32_t will)
{
	struct places before, after, names_before, names_after;

	was = json_get(&plan->was, was, "backends");
	will = json_get(&plan->will, will, "backends");
	if (!was || !will)
		return;
	places_open(&before, &plan->was, was, "address");
	places_open(&after, &plan->will, will, "address");
	places_open(&names_before, &plan->was, was, "name");
	places_open(&names_after, &plan->will, will, "name");
	for (JSON_EACH(&plan->will, will, backend)) {
		uint32_t old = find_element(&before, member(&plan->will, backend, "address", &plan->text));

		if (old)
			compare_weight(plan, address, old, backend);
		else
			compare_absent(plan, address, &plan->will, backend, '+', &names_before);
	}
	for (JSON_EACH(&plan->was, was, backend))
		if (!find_element(&after, member(&plan->was, backend, "address", &plan->text)))
			compare_absent(plan, address, &plan->was, backend, '-', &names_after);
	places_close(&before);
	places_close(&after);
	places_close(&names_before);
	places_close(&names_after);
}

static void compare_listener(struct plan *plan, const char *address, uint32_t was, uint32_t will)
{
	static const char *const members[] = { "services", "balance", "options" };

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const char *from = member(&plan->was, was, members[i], &plan->text);
		const char *to = member(&plan->will, will, members[i], &plan->other);
		struct buf what = { 0 };

		buf_printf(&what, "%s: ", members[i]);
		if (strcmp(from, to) != 0)
			print_change(plan, address, what.data, *from ? from : "none", *to ? to : "none");
		buf_free(&what);
	}
	compare_backends(plan, address, was, will);
}

/* listeners.allow, which counts for all listeners. */
static void compare_allow(struct plan *plan)
{
	const char *from = member(&plan->was, 0, "allow", &plan->text), *to = member(&plan->will, 0, "allow", &plan->other);

	if (strcmp(from, to) != 0)
		print_change(plan, "listeners.allow", "", *from ? from : "everybody", *to ? to : "everybody");
}

/* What the configuration would refuse. This is no change: the running dill may refuse the same. */
static void print_refused(struct plan *plan)
{
	for (JSON_EACH(&plan->will, json_get(&plan->will, 0, "refused"), refusal)) {
		print_to(STDOUT_FILENO, "# refused: ");
		print_visible(member(&plan->will, refusal, "service", &plan->text));
		print_to(STDOUT_FILENO, " wants ");
		print_visible(member(&plan->will, refusal, "wish", &plan->text));
		print_to(STDOUT_FILENO, ": ");
		print_visible(member(&plan->will, refusal, "reason", &plan->text));
		print_to(STDOUT_FILENO, "\n");
	}
}

static void compare_tables(struct plan *plan)
{
	uint32_t was = json_get(&plan->was, 0, "listeners"), will = json_get(&plan->will, 0, "listeners");
	struct places before, after;
	struct buf address = { 0 };

	places_open(&before, &plan->was, was, "address");
	places_open(&after, &plan->will, will, "address");
	if (was)
		compare_allow(plan);
	for (JSON_EACH(&plan->will, will, listener)) {
		uint32_t old = find_element(&before, member(&plan->will, listener, "address", &address));

		if (old)
			compare_listener(plan, address.data, old, listener);
		else
			print_listener(plan, &plan->will, listener, '+');
	}
	if (was)
		for (JSON_EACH(&plan->was, was, listener))
			if (!find_element(&after, member(&plan->was, listener, "address", &address)))
				print_listener(plan, &plan->was, listener, '-');
	print_refused(plan);
	places_close(&before);
	places_close(&after);
	buf_free(&address);
}

/* Names are looked up on a loop, for NAMES_MS at most. */
struct plan_names {
	struct loop loop;
	struct loop_fifo limit;
	struct loop_timer timer; /* once it has expired, there is no more time */
	struct resolver *resolver;
};

static void plan_ready(struct loop *loop, struct loop_io *io, unsigned events)
{
	resolve_ready(((struct plan_names *)loop->owner)->resolver, io, events);
}

static void plan_expired(struct loop *loop, struct loop_fifo *fifo, struct loop_timer *timer)
{
	struct plan_names *names = loop->owner;

	loop->stop = loop->stop || fifo == &names->limit;
	resolve_expired(names->resolver, fifo, timer);
}

/* An answer has come. */
static void plan_ring(void *arg)
{
	((struct plan_names *)arg)->loop.stop = true;
}

static void plan_woken(struct loop *loop)
{
	(void)loop;
}

static bool names_open(struct plan_names *names, const struct resolve_rules *rules)
{
	static const struct loop_ops ops = { plan_ready, plan_expired, plan_woken };

	if (!loop_open(&names->loop, &ops, names))
		return false;
	loop_fifo_open(&names->loop, &names->limit, NAMES_MS, 0);
	names->resolver = resolve_open(&names->loop, 0, plan_ring, names);
	resolve_set(names->resolver, rules);
	return true;
}

/* Publishes what the sources say until every name has its addresses or has failed. */
static void settle_names(struct route *route, const struct supervisor *supervisor, struct plan_names *names)
{
	bool settled = false;

	loop_arm(&names->loop, &names->limit, &names->timer);
	for (bool last = false; !last;) {
		last = settled || !names->timer.next; /* one more round takes what has come last */
		route->names_moved = resolve_round(names->resolver);
		publish_update(route, supervisor->lists, supervisor->count);
		settled = resolve_settled(names->resolver);
		names->loop.stop = settled || last;
		loop_run(&names->loop);
	}
}

/* Adds to `out`, as JSON, the table that this configuration would give. False: the sources could not be read. Route, names and
 * supervisor are left open: the process ends. */
static bool make_table(struct route *route, struct config *config, const struct route_rules *rules,
                       const struct resolve_rules *names, struct buf *out)
{
	static struct plan_names plan_names;
	struct route_rules mine = *rules;
	bool fine;
	struct supervisor *supervisor = inspect_sources(config, &fine);
	struct stats stats = { .route = route, .sources = supervisor };

	fine = names_open(&plan_names, names) && fine; /* a loop has the time of when it was opened */
	mine.lookup = resolve_lookup;
	mine.lookup_arg = plan_names.resolver;
	route_open(route, &mine);
	route->dry = true;
	if (fine)
		settle_names(route, supervisor, &plan_names);
	body_put_all(routes_body(&stats), out);
	return fine;
}

/* Reads the table of the running dill; an empty one when none answers. False: something else answers. */
static bool read_running(const struct config *config, struct http *http, struct json *json)
{
	const char *why = inspect_page(config, "/routes", http);

	if (why) {
		print_to(STDERR_FILENO, "dill: status.listener %s%s%s; all of it counts as new\n", config->status_listener,
		        *config->status_listener ? ": " : "", why);
		return !json_parse(json, "{}", 2);
	}
	if (http->response.status == 200 && !json_parse(json, inspect_body(http), http->response.body.len))
		return true;
	print_to(STDERR_FILENO, "dill: what answers at %s is not dill\n", config->status_listener);
	return false;
}

int plan_print(struct config *config, const struct route_rules *rules, const struct resolve_rules *names)
{
	struct plan plan = { .changes = 0 };
	struct buf table = { 0 };
	struct route route;
	struct http http;
	bool fine = make_table(&route, config, rules, names, &table);

	http_open(&http, BODY_MAX);
	if (fine)
		fine = read_running(config, &http, &plan.was) && !json_parse(&plan.will, table.data, table.len);
	if (fine)
		compare_tables(&plan);
	http_free(&http);
	json_free(&plan.was);
	json_free(&plan.will);
	buf_free(&plan.text);
	buf_free(&plan.other);
	buf_free(&table);
	return !fine ? 1 : plan.changes ? 2 : 0;
}
