#include "base.h"
#include "ask.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "http.h"
#include "json.h"
#include "consul.h"
#include "consul_api.h"
#include "resolve.h"
#include "supervisor.h"
#include "status.h"
#include "sys.h"

#define ANSWER_MS 5000   /* what the running dill has for one answer */
#define SOURCES_MS 10000 /* what the sources have to say what they know */
#define NAMES_MS 5000    /* what DNS has */
#define BODY_MAX (256u << 20)

/* The process ends with the answer: threads of sources and the resolver, which may hang in a look-up, are left alone. */

/* The running dill. */

/* Where its status server is, seen from here: one that listens everywhere is reached at home. */
static const char *find_status(const struct config *c, struct http_url *u)
{
	struct slice host;
	struct net_addr at;
	const char *why = *c->status_listener ? net_split(slice_of(c->status_listener), &host, &u->port) : "is not set";

	if (why || !net_local(host, u->port, &at))
		return why ? why : "has no IP address before its port";
	if (net_is_any(&at))
		host = slice_of(at.sa.any.sa_family == AF_INET ? "127.0.0.1" : "::1");
	else
		net_print_host(&at, u->host);
	if (net_is_any(&at))
		memcpy(u->host, host.at, host.len + 1);
	u->prefix[0] = '\0';
	return NULL;
}

/* Gets one of its pages. NULL, or why not; `http` is to be freed in any case. */
static const char *get_page(const struct config *c, const char *path, struct http *http)
{
	int64_t deadline = sys_now() + ANSWER_MS;
	struct buf request = { 0 };
	struct http_url url;
	const char *why = find_status(c, &url);

	http_open(http, BODY_MAX);
	if (why)
		return why;
	http_request(&request, "GET", &url, path);
	buf_puts(&request, "\r\n");
	why = http_connect(http, &url, -1, deadline);
	if (!why)
		why = http_send(http, &request, -1, deadline);
	if (!why)
		why = http_wait(http, -1, deadline);
	buf_free(&request);
	return why;
}

static const char *body_of(const struct http *http)
{
	return http->response.body.data ? http->response.body.data : "";
}

/* What another program says is text for a terminal, and no more. */
static void print_lines(FILE *to, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		struct buf shown = { 0 };

		buf_visible(&shown, text, len);
		fprintf(to, "%s\n", shown.data ? shown.data : "");
		buf_free(&shown);
		text += len + (text[len] == '\n');
	}
}

/* The sources, read once. */

static void nobody(void *arg)
{
	(void)arg;
}

/* Each source has said what it knows, or has failed as a whole. */
static bool have_spoken(const struct supervisor *s)
{
	for (size_t i = 0; i < CONFIG_SOURCES; i++) {
		struct supervisor_state state = supervisor_state(s, i);

		if (state.counters && !s->lists[i] && !state.failed)
			return false;
	}
	return true;
}

static bool gather(struct supervisor *s, struct config *c, struct service_list *given)
{
	int64_t deadline = sys_now() + SOURCES_MS;

	c->state_path = ""; /* what is on disk is no answer, and is not to be written */
	supervisor_open(s, nobody, NULL);
	if (!supervisor_follow(s, c, given))
		return false;
	while (!have_spoken(s) && sys_now() < deadline) {
		poll(NULL, 0, 5);
		supervisor_collect(s);
	}
	for (size_t i = 0; i < CONFIG_SOURCES; i++) {
		struct supervisor_state state = supervisor_state(s, i);

		if (state.used && !s->lists[i])
			fprintf(stderr, "dill: %s has not answered\n", state.name);
	}
	return supervisor_spoken(s);
}

/* --explain */

/* True when the running dill has explained it. *running: there is one; what it says of a name that it does not know has
 * been printed. */
static bool ask_running(const struct config *c, struct buf *out, bool *running)
{
	struct buf path = { 0 };
	struct http http;
	const char *why;
	bool found = false;

	buf_puts(&path, "/explain/");
	http_escape(&path, c->explain);
	why = get_page(c, path.data, &http);
	*running = !why && (http.response.status == 200 || http.response.status == 404);
	if (!why && http.response.status == 200) {
		buf_puts(out, body_of(&http));
		found = true;
	} else if (!why && http.response.status == 404) {
		fprintf(stderr, "dill: the running dill at %s says: ", c->status_listener);
		print_lines(stderr, *body_of(&http) ? body_of(&http) : "nothing");
	} else if (*c->status_listener) {
		fprintf(stderr, "dill: no dill answers at %s: %s\n", c->status_listener, why ? why : "it is something else");
	}
	http_free(&http);
	buf_free(&path);
	return found;
}

/* Consul has more to say than the running dill of a service that is not marked: what its instances lack. */
static bool ask_consul(const struct config *c, const struct explain *x, struct buf *out)
{
	struct service_list *list = sys_alloc(sizeof *list);
	struct consul_settings settings = consul_settings_of(c);
	struct buf why = { 0 };
	size_t found = 0;

	list->source = "consul";
	if (!consul_api_once(&settings, c->explain, list, &why))
		fprintf(stderr, "dill: consul: %s: %s\n", c->consul_address, why.data);
	else if (!list->count)
		fprintf(stderr, "dill: Consul at %s has no service %s\n", c->consul_address, c->explain);
	else
		found = explain_list(x, list, c->explain, out);
	service_free(list);
	buf_free(&why);
	return found != 0;
}

/* *complete: all have answered; of Consul, what it has said has been printed. */
static bool ask_sources(struct config *c, const struct admit_rules *rules, struct service_list *given, struct buf *out,
                        bool *complete)
{
	struct explain x = { .rules = rules, .tag = c->consul_tag };
	bool consul = c->uses[CONFIG_CONSUL];
	struct supervisor s;
	size_t found = 0;

	c->uses[CONFIG_CONSUL] = false; /* it is asked for this service alone */
	*complete = gather(&s, c, service_hold(given)) && !consul;
	c->uses[CONFIG_CONSUL] = consul;
	for (size_t i = 0; i < CONFIG_SOURCES; i++)
		found += explain_list(&x, s.lists[i], c->explain, out);
	return (consul && ask_consul(c, &x, out)) || found;
}

int ask_explain(struct config *c, const struct admit_rules *rules, struct service_list *given)
{
	struct buf out = { 0 };
	bool running, complete = false;
	bool found = ask_running(c, &out, &running) || ask_sources(c, rules, given, &out, &complete);

	if (out.len)
		print_lines(stdout, out.data);
	else if (!running && complete)
		fprintf(stderr, "dill: no source has a service %s\n", c->explain);
	buf_free(&out);
	return found ? 0 : 1;
}

/* --plan: two answers to /routes are compared, the running dill's and the one that this configuration would give. */

struct plan {
	struct json was, will;
	struct buf a, b; /* for texts */
	unsigned changes;
};

static const char *text_of(const struct json *j, uint32_t token, struct buf *out)
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
		return text_of(j, token, out);
	out->len = 0;
	buf_puts(out, "");
	for (JSON_EACH(j, token, t))
		buf_printf(out, "%s%s", out->len ? "," : "", text_of(j, t, &one));
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

static void put(const char *text)
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
	put(member(j, listener, "address", &p->a));
	fputs(" for ", stdout);
	put(member(j, listener, "services", &p->a));
	fputs(", ", stdout);
	put(member(j, listener, "balance", &p->a));
	for (JSON_EACH(j, json_get(j, listener, "backends"), b)) {
		fputs(comma, stdout);
		put(member(j, b, "address", &p->a));
		comma = ", ";
	}
	puts("");
}

/* ~: one line for each thing that differs. */
static void print_change(struct plan *p, const char *address, const char *what, const char *from, const char *to)
{
	p->changes++;
	fputs("~ ", stdout);
	put(address);
	fputs(": ", stdout);
	put(what);
	if (*from)
		put(from);
	if (*from && *to)
		fputs(" becomes ", stdout);
	put(to);
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
		put(member(&p->will, r, "service", &p->a));
		fputs(" wants ", stdout);
		put(member(&p->will, r, "wish", &p->a));
		fputs(": ", stdout);
		put(member(&p->will, r, "reason", &p->a));
		puts("");
	}
	buf_free(&address);
}

/* The table that the sources make, with every host name resolved that can be; as JSON. */
static bool make_table(struct route *r, struct supervisor *s, struct config *c, const struct route_rules *rules,
                       struct service_list *given, struct buf *out)
{
	struct route_rules mine = *rules;
	struct resolver *resolver = resolve_open(nobody, NULL);
	struct stats stats = { .route = r, .sources = s };
	int64_t deadline;
	bool fine = gather(s, c, given);

	mine.lookup = resolve_lookup;
	mine.lookup_arg = resolver;
	route_open(r, &mine);
	r->dry = true;
	deadline = sys_now() + NAMES_MS;
	for (bool settled = false, last = false; fine && resolver && !last;) {
		last = settled; /* what was settled is taken by one more round */
		resolve_round(resolver);
		route_update(r, s->lists, CONFIG_SOURCES);
		settled = resolve_settled(resolver) || sys_now() >= deadline;
		poll(NULL, 0, settled ? 0 : 5);
	}
	status_routes(&stats, out);
	return fine && resolver;
}

/* What the running dill has; without one, nothing. False: what answers is no dill. */
static bool read_running(const struct config *c, struct http *http, struct json *j)
{
	const char *why = get_page(c, "/routes", http);

	if (why) {
		fprintf(stderr, "dill: status.listener %s%s%s; all of it counts as new\n", c->status_listener,
		        *c->status_listener ? ": " : "", why);
		return !json_parse(j, "{}", 2);
	}
	if (http->response.status == 200 && !json_parse(j, body_of(http), http->response.body.len))
		return true;
	fprintf(stderr, "dill: what answers at %s is no dill\n", c->status_listener);
	return false;
}

int ask_plan(struct config *c, const struct route_rules *rules, struct service_list *given)
{
	struct plan p = { .changes = 0 };
	struct buf table = { 0 };
	struct supervisor s;
	struct route r;
	struct http http;
	bool fine = make_table(&r, &s, c, rules, given, &table);

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
