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
	struct buf a, b; /* for texts */
	unsigned changes;
};

static const char *member_text(const struct json *j, uint32_t token, struct buf *out)
{
	out->len = 0;
	buf_puts(out, "");
	if (token && !json_string(j, token, out))
		buf_visible(out, j->text + j->tokens[token].at, j->tokens[token].len);
	return out->data;
}

/* A member as text: of a list, its elements with commas between them. */
static const char *member(const struct json *j, uint32_t object, const char *key, struct buf *out)
{
	uint32_t token = json_get(j, object, key);
	struct buf one = { 0 };

	if (!token || j->tokens[token].type != JSON_ARRAY)
		return member_text(j, token, out);
	out->len = 0;
	buf_puts(out, "");
	for (JSON_EACH(j, token, t))
		buf_printf(out, "%s%s", out->len ? "," : "", member_text(j, t, &one));
	buf_free(&one);
	return out->data;
}

/* The element of a list whose address is this one; 0: none. Both answers have the same order: it is most likely right
 * behind the one that was found last. */
static uint32_t find_address(const struct json *j, uint32_t list, const char *address, uint32_t *last)
{
	uint32_t end = list ? j->tokens[list].next : 0, at = *last > list && *last < end ? j->tokens[*last].next : list + 1;
	uint32_t found = 0;
	struct buf text = { 0 };

	for (uint32_t i = 0; list && i < j->tokens[list].count && !found; i++) {
		at = at < end ? at : list + 1;
		if (strcmp(member(j, at, "address", &text), address) == 0)
			*last = found = at;
		at = j->tokens[at].next;
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
static void print_listener(struct plan *p, const struct json *j, uint32_t listener, char sign)
{
	const char *comma = " ─➤ ";

	p->changes++;
	printf("%c ", sign);
	print_visible(member(j, listener, "address", &p->a));
	fputs(" for ", stdout);
	print_visible(member(j, listener, "services", &p->a));
	fputs(", ", stdout);
	print_visible(member(j, listener, "balance", &p->a));
	for (JSON_EACH(j, json_get(j, listener, "backends"), b)) {
		fputs(comma, stdout);
		print_visible(member(j, b, "address", &p->a));
		comma = ", ";
	}
	puts("");
}

/* ~: one line for each thing that differs. */
static void print_change(struct plan *p, const char *address, const char *what, const char *from, const char *to)
{
	p->changes++;
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

static void compare_backends(struct plan *p, const char *address, uint32_t was, uint32_t will)
{
	uint32_t last = 0;

	was = json_get(&p->was, was, "backends");
	will = json_get(&p->will, will, "backends");
	if (!was || !will)
		return;
	for (JSON_EACH(&p->will, will, b)) {
		uint32_t old = find_address(&p->was, was, member(&p->will, b, "address", &p->a), &last);
		struct buf what = { 0 };

		if (!old)
			print_change(p, address, "+ ", "", p->a.data);
		buf_printf(&what, "weight of %s: ", p->a.data);
		if (old && strcmp(member(&p->was, old, "weight", &p->a), member(&p->will, b, "weight", &p->b)) != 0)
			print_change(p, address, what.data, p->a.data, p->b.data);
		buf_free(&what);
	}
	last = 0;
	for (JSON_EACH(&p->was, was, b))
		if (!find_address(&p->will, will, member(&p->was, b, "address", &p->a), &last))
			print_change(p, address, "- ", "", p->a.data);
}

static void compare_listener(struct plan *p, const char *address, uint32_t was, uint32_t will)
{
	static const char *const members[] = { "services", "balance", "proxy_protocol", "allow", "deny" };

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		const char *from = member(&p->was, was, members[i], &p->a), *to = member(&p->will, will, members[i], &p->b);
		struct buf what = { 0 };

		buf_printf(&what, "%s: ", members[i]);
		if (strcmp(from, to) != 0)
			print_change(p, address, what.data, *from ? from : "none", *to ? to : "none");
		buf_free(&what);
	}
	compare_backends(p, address, was, will);
}

/* listeners.allow of the one and the other. */
static void compare_allow(struct plan *p)
{
	const char *from = member(&p->was, 0, "allow", &p->a), *to = member(&p->will, 0, "allow", &p->b);

	if (strcmp(from, to) != 0)
		print_change(p, "listeners.allow", "", *from ? from : "everybody", *to ? to : "everybody");
}

static void compare(struct plan *p)
{
	uint32_t was = json_get(&p->was, 0, "listeners"), will = json_get(&p->will, 0, "listeners");
	struct buf address = { 0 };
	uint32_t last = 0;

	if (was)
		compare_allow(p);
	for (JSON_EACH(&p->will, will, l)) {
		uint32_t old = find_address(&p->was, was, member(&p->will, l, "address", &address), &last);

		if (old)
			compare_listener(p, address.data, old, l);
		else
			print_listener(p, &p->will, l, '+');
	}
	last = 0;
	if (was)
		for (JSON_EACH(&p->was, was, l))
			if (!find_address(&p->will, will, member(&p->was, l, "address", &address), &last))
				print_listener(p, &p->was, l, '-');
	for (JSON_EACH(&p->will, json_get(&p->will, 0, "refused"), r)) {
		fputs("# refused: ", stdout);
		print_visible(member(&p->will, r, "service", &p->a));
		fputs(" wants ", stdout);
		print_visible(member(&p->will, r, "wish", &p->a));
		fputs(": ", stdout);
		print_visible(member(&p->will, r, "reason", &p->a));
		puts("");
	}
	buf_free(&address);
}

/* The table that the sources make, with every host name resolved that can be; as JSON. */
static bool make_table(struct route *r, struct supervisor *s, struct config *c, const struct route_rules *rules,
                       struct buf *out)
{
	struct route_rules mine = *rules;
	struct resolver *resolver = resolve_open(nobody, NULL);
	struct stats stats = { .route = r, .sources = s };
	int64_t deadline;
	bool fine = inspect_sources(s, c);

	mine.lookup = resolve_lookup;
	mine.lookup_arg = resolver;
	route_open(r, &mine);
	r->dry = true;
	deadline = sys_now() + NAMES_MS;
	for (bool settled = false, last = false; fine && resolver && !last;) {
		last = settled; /* what was settled is taken by one more round */
		resolve_round(resolver);
		publish_update(r, s->lists, s->count);
		settled = resolve_settled(resolver) || sys_now() >= deadline;
		poll(NULL, 0, settled ? 0 : 5);
	}
	routes_text(&stats, out);
	return fine && resolver;
}

/* What the running dill has; without one, nothing. False: what answers is no dill. */
static bool read_running(const struct config *c, struct http *http, struct json *j)
{
	const char *why = inspect_page(c, "/routes", http);

	if (why) {
		fprintf(stderr, "dill: status.listener %s%s%s; all of it counts as new\n", c->status_listener,
		        *c->status_listener ? ": " : "", why);
		return !json_parse(j, "{}", 2);
	}
	if (http->response.status == 200 && !json_parse(j, inspect_body(http), http->response.body.len))
		return true;
	fprintf(stderr, "dill: what answers at %s is no dill\n", c->status_listener);
	return false;
}

int plan_print(struct config *c, const struct route_rules *rules)
{
	struct plan p = { .changes = 0 };
	struct buf table = { 0 };
	struct supervisor s;
	struct route r;
	struct http http;
	bool fine = make_table(&r, &s, c, rules, &table);

	http_open(&http, BODY_MAX);
	if (fine)
		fine = read_running(c, &http, &p.was) && !json_parse(&p.will, table.data, table.len);
	if (fine)
		compare(&p);
	http_free(&http);
	json_free(&p.was);
	json_free(&p.will);
	buf_free(&p.a);
	buf_free(&p.b);
	buf_free(&table);
	return !fine ? 1 : p.changes ? 2 : 0;
}
