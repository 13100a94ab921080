#include "base.h"
#include "inspect.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "explain.h"
#include "http_url.h"
#include "net.h"
#include "print.h"
#include "service.h"
#include "source.h"
#include "sources.h"
#include "sys.h"
#include "text.h"

#define ANSWER_MS 5000   /* wait this long for one answer of the running dill */
#define SOURCES_MS 10000 /* and this long for all sources */
#define BODY_MAX (256u << 20)

/* The running dill. */

/* Where to reach its status server. One that listens on every address is reached at 127.0.0.1 or ::1. */
static const char *find_status(const struct config *config, struct http_url *url)
{
	struct slice text = slice_of(config->status_listener), host;
	const char *why = text.len ? net_split(text, &host, &url->port) : "is not set";
	struct net_addr at;

	if (why || !net_local(host, url->port, &at))
		return why ? why : "has no IP address before its port";
	if (net_is_any(&at))
		host = slice_of(at.sa.any.sa_family == AF_INET ? "127.0.0.1" : "::1");
	else
		net_print_host(&at, url->host);
	if (net_is_any(&at))
		memcpy(url->host, host.at, host.len + 1);
	url->prefix[0] = '\0';
	return NULL;
}

const char *inspect_page(const struct config *config, const char *path, struct http *http)
{
	struct buf request = { 0 };
	struct http_url url = { 0 };
	const char *why = find_status(config, &url);

	http_open(http, BODY_MAX);
	if (why)
		return why;
	http_request(&request, "GET", &url, path);
	buf_puts(&request, "\r\n");
	why = http_ask(http, &url, &request, -1, sys_now() + ANSWER_MS);
	buf_free(&request);
	return why;
}

const char *inspect_body(const struct http *http)
{
	return http->response.body.data ? http->response.body.data : "";
}

/* Lines that another program sent go to a terminal: their control bytes must not reach it. */
static void print_lines(int to, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");
		struct buf shown = { 0 };

		buf_visible(&shown, text, len);
		print_to(to, "%s\n", shown.data ? shown.data : "");
		buf_free(&shown);
		text += len + (text[len] == '\n');
	}
}

/* The sources, read once. */

/* A bell that wakes nobody: whoever waits here looks at the clock. */
static void inspect_ignore(void *arg)
{
	(void)arg;
}

/* Whether each source has answered, or has failed as a whole. */
static bool sources_settled(const struct supervisor *supervisor)
{
	for (size_t i = 0; i < supervisor->count; i++) {
		struct supervisor_state state = supervisor_state(supervisor, i);

		if (state.counters && !supervisor->lists[i] && !state.failed)
			return false;
	}
	return true;
}

struct supervisor *inspect_sources(struct config *config, bool *complete)
{
	struct supervisor *supervisor = sys_alloc(sizeof *supervisor);
	int64_t deadline = sys_now() + SOURCES_MS;

	config->state_path = ""; /* a list on disk is no answer, and is not to be written */
	supervisor_open(supervisor, inspect_ignore, NULL);
	*complete = supervisor_follow(supervisor, config);
	while (*complete && !sources_settled(supervisor) && sys_now() < deadline) {
		poll(NULL, 0, 5);
		supervisor_collect(supervisor);
	}
	for (size_t i = 0; i < supervisor->count; i++) {
		struct supervisor_state state = supervisor_state(supervisor, i);

		if (state.used && !supervisor->lists[i])
			print_to(STDERR_FILENO, "dill: %s has not answered\n", state.kind->name);
	}
	*complete = *complete && supervisor_spoken(supervisor);
	return supervisor;
}

/* --explain */

/* Asks the running dill. True when it has explained the service. *running: there is one; when it does not know the
 * name, its words have been printed. */
static bool ask_running(const struct config *config, struct buf *out, bool *running)
{
	struct buf path = { 0 };
	struct http http;
	const char *why;
	bool found = false;

	buf_puts(&path, "/explain/");
	http_escape(&path, config->explain);
	why = inspect_page(config, path.data, &http);
	*running = !why && (http.response.status == 200 || http.response.status == 404);
	if (!why && http.response.status == 200) {
		buf_puts(out, inspect_body(&http));
		found = true;
	} else if (!why && http.response.status == 404) {
		print_to(STDERR_FILENO, "dill: the running dill at %s says: ", config->status_listener);
		print_lines(STDERR_FILENO, *inspect_body(&http) ? inspect_body(&http) : "nothing");
	} else if (*config->status_listener) {
		print_to(STDERR_FILENO, "dill: no dill answers at %s: %s\n", config->status_listener, why ? why : "something else does");
	}
	http_free(&http);
	buf_free(&path);
	return found;
}

/* Asks one source for the service. It knows more than the running dill about a service without the mark: what its
 * instances lack. */
static size_t ask_source(const struct config *config, size_t source, const struct explain *explain, struct buf *out)
{
	const struct source_kind *kind = sources[source];
	struct service_list *list = service_list_new();
	struct buf why = { 0 };
	size_t found = 0;

	list->source = kind->name;
	list->title = kind->title;
	if (!kind->ask(config->tables[1 + source].values, config->explain, list, &why))
		print_to(STDERR_FILENO, "dill: %s: %s\n", kind->name, why.data);
	else if (!list->count)
		print_to(STDERR_FILENO, "dill: %s shows no service %s: it is not registered, or the token may not read it\n", why.data,
		        config->explain);
	else
		found = explain_list(explain, list, config->explain, out);
	service_list_unref(list);
	buf_free(&why);
	return found;
}

/* Asks all sources: one by one those that can be asked for a single service, which print what they answer; the others
 * are read as a whole. *complete: only others were asked, and all have answered. */
static bool ask_sources(struct config *config, const struct admit_rules *rules, struct buf *out, bool *complete)
{
	struct explain explain = { .rules = rules };
	struct supervisor *supervisor;
	size_t found = 0, asked = 0;

	for (size_t i = 0; i < source_count; i++)
		if (config->uses[i] && sources[i]->ask) {
			found += ask_source(config, i, &explain, out);
			config->uses[i] = false;
			asked++;
		}
	supervisor = inspect_sources(config, complete);
	*complete = *complete && !asked;
	for (size_t i = 0; i < supervisor->count; i++)
		found += explain_list(&explain, supervisor->lists[i], config->explain, out);
	return found != 0;
}

int inspect_explain(struct config *config, const struct admit_rules *rules)
{
	struct buf out = { 0 };
	bool running, complete = false;
	bool found = ask_running(config, &out, &running) || ask_sources(config, rules, &out, &complete);

	if (out.len)
		print_lines(STDOUT_FILENO, out.data);
	else if (!running && complete)
		print_to(STDERR_FILENO, "dill: no source has a service %s\n", config->explain);
	buf_free(&out);
	return found ? 0 : 1;
}
