#include "base.h"
#include "plan.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "inspect.h"
#include "json.h"
#include "publish.h"
#include "resolve.h"
#include "routes.h"
#include "stats.h"
#include "sys.h"

#define NAMES_MS 5000 /* within which DNS answers */
#define BODY_MAX (256u << 20)

static void nobody(void *arg)
{
	(void)arg;
}

/* Two answers to /routes are compared, the running dill's and the one that this configuration would give. */

struct plan {
	struct json was, will;
	struct buf text, other; /* room for a text or two */
	unsigned changes;
};

static const char *member_text(const struct json *json, uint32_t token, struct buf *out)
{
	out->len = 0;
	buf_puts(out, "");
	if (token && !json_string(json, token, out))
		buf_visible(out, json->text + json->tokens[token].at, json->tokens[token].len);
	return out->data;
}

/* A member as text: of a list, its elements with commas between them. */
static const char *member(const struct json *json, uint32_t object, const char *key, struct buf *out)
{
	uint32_t token = json_get(json, object, key);
	struct buf one = { 0 };

	if (!token || json->tokens[token].type != JSON_ARRAY)
		return member_text(json, token, out);
	out->len = 0;
	buf_puts(out, "");
	for (JSON_EACH(json, token, t))
		buf_printf(out, "%s%s", out->len ? "," : "", member_text(json, t, &one));
	buf_free(&one);
	return out->data;
}

/* The element of a list whose address is this one; 0: none. Both answers have the same order: it is most likely right
 * behind the one that was found last. */
static uint32_t find_address(const struct json *json, uint32_t list, const char *address, uint32_t *last)
{
	uint32_t end = list ? json->tokens[list].next : 0, at = *last > list && *last < end ? json->tokens[*last].next : list + 1;
	uint32_t found = 0;
	struct buf text = { 0 };

	for (uint32_t i = 0; list && i < json->tokens[list].count && !found; i++) {
		at = at < end ? at : list + 1;
		if (strcmp(member(json, at, "address", &text), address) == 0)
			*last = found = at;
		at = json->tokens[at].next;
	}
	buf_free(&text);
	return found;
}

static void print_visible(const char *text)
{
	struct buf shown = { 0 };

	buf_visible(&shown, text, strlen(text));
	fputs(shown.data ? shown.data : "", stdout);
	buf_free(&shown);
}

/* + or -: a listener as a whole. */
static void print_listener(struct plan *plan, const struct json *json, uint32_t listener, char sign)
{
	const char *comma = " ─➤ ";

	plan->changes++;
	printf("%c ", sign);
	print_visible(member(json, listener, "address", &plan->text));
	fputs(" for ", stdout);
	print_visible(member(json, listener, "services", &plan->text));
	fputs(", ", stdout);
	print_visible(member(json, listener, "balance", &plan->text));
	for (JSON_EACH(json, json_get(json, listener, "backends"), backend)) {
		fputs(comma, stdout);
		print_visible(member(json, backend, "address", &plan->text));
		comma = ", ";
	}
	puts("");
}

/* ~: one line for each thing that differs. */
static void print_change(struct plan *plan, const char *address, const char *what, const char *from, const char *to)
{
	plan->changes++;
	fputs("~ ", stdout);
	print_visible(address);
	fputs(": ", stdout);
	print_visible(what);
	if (*from)
		print_visible(from);
	if (*from && *to)
		fputs(" becomes ", stdout);
	print_visible(to);
	puts("");
}

static void compare_backends(struct plan *plan, const char *address, uint32_t was, uint32_t will)
{
	uint32_t last = 0;

	was = json_get(&plan->was, was, "backends");
	will = json_get(&plan->will, will, "backends");
	if (!was || !will)
		return;
	for (JSON_EACH(&plan->will, will, backend)) {
		uint32_t old = find_address(&plan->was, was, member(&plan->will, backend, "address", &plan->text), &last);
		struct buf what = { 0 };

		if (!old)
			print_change(plan, address, "+ ", "", plan->text.data);
		buf_printf(&what, "weight of %s: ", plan->text.data);
		if (old && strcmp(member(&plan->was, old, "weight", &plan->text), member(&plan->will, backend, "weight", &plan->other)) != 0)
			print_change(plan, address, what.data, plan->text.data, plan->other.data);
		buf_free(&what);
	}
	last = 0;
	for (JSON_EACH(&plan->was, was, backend))
		if (!find_address(&plan->will, will, member(&plan->was, backend, "address", &plan->text), &last))
			print_change(plan, address, "- ", "", plan->text.data);
}

static void compare_listener(struct plan *plan, const char *address, uint32_t was, uint32_t will)
{
	static const char *const members[] = { "services", "balance", "proxy_protocol", "allow", "deny" };

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const char *from = member(&plan->was, was, members[i], &plan->text), *to = member(&plan->will, will, members[i], &plan->other);
		struct buf what = { 0 };

		buf_printf(&what, "%s: ", members[i]);
		if (strcmp(from, to) != 0)
			print_change(plan, address, what.data, *from ? from : "none", *to ? to : "none");
		buf_free(&what);
	}
	compare_backends(plan, address, was, will);
}

/* listeners.allow of the one and the other. */
static void compare_allow(struct plan *plan)
{
	const char *from = member(&plan->was, 0, "allow", &plan->text), *to = member(&plan->will, 0, "allow", &plan->other);

	if (strcmp(from, to) != 0)
		print_change(plan, "listeners.allow", "", *from ? from : "everybody", *to ? to : "everybody");
}

static void compare(struct plan *plan)
{
	uint32_t was = json_get(&plan->was, 0, "listeners"), will = json_get(&plan->will, 0, "listeners");
	struct buf address = { 0 };
	uint32_t last = 0;

	if (was)
		compare_allow(plan);
	for (JSON_EACH(&plan->will, will, listener)) {
		uint32_t old = find_address(&plan->was, was, member(&plan->will, listener, "address", &address), &last);

		if (old)
			compare_listener(plan, address.data, old, listener);
		else
			print_listener(plan, &plan->will, listener, '+');
	}
	last = 0;
	if (was)
		for (JSON_EACH(&plan->was, was, listener))
			if (!find_address(&plan->will, will, member(&plan->was, listener, "address", &address), &last))
				print_listener(plan, &plan->was, listener, '-');
	for (JSON_EACH(&plan->will, json_get(&plan->will, 0, "refused"), refusal)) {
		fputs("# refused: ", stdout);
		print_visible(member(&plan->will, refusal, "service", &plan->text));
		fputs(" wants ", stdout);
		print_visible(member(&plan->will, refusal, "wish", &plan->text));
		fputs(": ", stdout);
		print_visible(member(&plan->will, refusal, "reason", &plan->text));
		puts("");
	}
	buf_free(&address);
}

/* The table that the sources make, with every host name resolved that can be; as JSON. */
static bool make_table(struct route *route, struct supervisor *supervisor, struct config *config, const struct route_rules *rules,
                       struct buf *out)
{
	struct route_rules mine = *rules;
	struct resolver *resolver = resolve_open(nobody, NULL);
	struct stats stats = { .route = route, .sources = supervisor };
	int64_t deadline;
	bool fine = inspect_sources(supervisor, config);

	mine.lookup = resolve_lookup;
	mine.lookup_arg = resolver;
	route_open(route, &mine);
	route->dry = true;
	deadline = sys_now() + NAMES_MS;
	for (bool settled = false, last = false; fine && resolver && !last;) {
		last = settled; /* what was settled is taken by one more round */
		resolve_round(resolver);
		publish_update(route, supervisor->lists, supervisor->count);
		settled = resolve_settled(resolver) || sys_now() >= deadline;
		poll(NULL, 0, settled ? 0 : 5);
	}
	routes_text(&stats, out);
	return fine && resolver;
}

/* What the running dill has; without one, nothing. False: what answers is no dill. */
static bool read_running(const struct config *config, struct http *http, struct json *json)
{
	const char *why = inspect_page(config, "/routes", http);

	if (why) {
		fprintf(stderr, "dill: status.listener %s%s%s; all of it counts as new\n", config->status_listener,
		        *config->status_listener ? ": " : "", why);
		return !json_parse(json, "{}", 2);
	}
	if (http->response.status == 200 && !json_parse(json, inspect_body(http), http->response.body.len))
		return true;
	fprintf(stderr, "dill: what answers at %s is no dill\n", config->status_listener);
	return false;
}

int plan_print(struct config *config, const struct route_rules *rules)
{
	struct plan plan = { .changes = 0 };
	struct buf table = { 0 };
	struct supervisor supervisor;
	struct route route;
	struct http http;
	bool fine = make_table(&route, &supervisor, config, rules, &table);

	http_open(&http, BODY_MAX);
	if (fine)
		fine = read_running(config, &http, &plan.was) && !json_parse(&plan.will, table.data, table.len);
	if (fine)
		compare(&plan);
	http_free(&http);
	json_free(&plan.was);
	json_free(&plan.will);
	buf_free(&plan.text);
	buf_free(&plan.other);
	buf_free(&table);
	return !fine ? 1 : plan.changes ? 2 : 0;
}
