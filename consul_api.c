#include "base.h"
#include "consul_api.h"

#include <string.h>

#include "answer.h"
#include "consul_check.h"
#include "consul_instance.h"
#include "json_walk.h"
#include "net.h"
#include "sys.h"

#define ONCE_MS 5000

/* A user without a colon has an empty password, as in Consul's own client. */
static void open_login(struct consul_api *api, const char *login)
{
	struct buf whole = { 0 };

	buf_printf(&whole, "%s%s", login, strchr(login, ':') ? "" : ":");
	if (*login)
		http_put_login(&api->login, (struct slice){ whole.data, whole.len });
	buf_free(&whole);
}

const char *consul_api_open(struct consul_api *api, const struct consul_settings *settings)
{
	const char *why;

	*api = (struct consul_api){ .settings = settings, .token.key = "consul.token_file", .token.path = settings->token_file };
	why = consul_api_url(&api->url, settings->address);
	token_file_look(&api->token, true);
	open_login(api, settings->login);
	return why ? why : consul_api_lacks_token(api);
}

const char *consul_api_token(const struct consul_api *api)
{
	return api->token.text.len ? api->token.text.data : api->settings->token;
}

const char *consul_api_lacks_token(const struct consul_api *api)
{
	return *api->token.path && !api->token.text.len ? "no token could be read from consul.token_file" : NULL;
}

void consul_api_close(struct consul_api *api)
{
	buf_free(&api->path);
	json_free(&api->json);
	token_file_close(&api->token);
	buf_free(&api->login);
	buf_free(&api->words);
}

const char *consul_api_url(struct http_url *url, const char *address)
{
	const char *why = http_url_parse(url, address, 8500);

	if (!why && strpbrk(url->prefix, "?#"))
		why = "has a query; use the keys consul.token, consul.datacenter and consul.namespace";
	for (size_t len = why ? 0 : strlen(url->prefix); len && url->prefix[len - 1] == '/';)
		url->prefix[--len] = '\0';
	return why;
}

/* As Consul's own client has it: http:// does not take back that TLS is asked for. A socket of the file system has none. */
const char *consul_api_raise(const char *address, struct arena *memory)
{
	static const char plain[] = "http://";
	struct buf raised = { 0 };
	struct http_url url;
	const char *text;

	if (consul_api_url(&url, address) || url.scheme != HTTP_PLAIN)
		return NULL;
	buf_puts(&raised, "https://");
	if (slice_is_nocase(slice_first(slice_of(address), sizeof plain - 1), plain)) {
		buf_puts(&raised, address + sizeof plain - 1);
	} else {
		net_put_host_port(&raised, url.host, url.port);
		buf_puts(&raised, url.prefix);
	}
	text = arena_dup(memory, raised.data, raised.len);
	buf_free(&raised);
	return text;
}

void consul_api_connects(const struct consul_api *api, struct http *http)
{
	http->tls = &api->settings->tls;
}

/* Requests. */

void consul_api_add(struct consul_api *api, const char *name, const char *value)
{
	buf_printf(&api->path, "%c%s", memchr(api->path.data, '?', api->path.len) ? '&' : '?', name);
	if (value) {
		buf_puts(&api->path, "=");
		http_escape(&api->path, value);
	}
}

void consul_api_filter(struct consul_api *api, const char *tags)
{
	const char *tag = api->settings->tag;
	struct buf filter = { 0 };

	buf_printf(&filter, "%s contains \"%s\"", tags, tag);
	if (strcmp(tag, "dill") == 0)
		buf_printf(&filter, " or %s contains \"dyntcp\"", tags);
	consul_api_add(api, "filter", filter.data);
	buf_free(&filter);
}

void consul_api_health(struct consul_api *api, const char *service)
{
	api->path.len = 0;
	buf_puts(&api->path, "/v1/health/service/");
	http_escape(&api->path, service);
}

void consul_api_node(struct consul_api *api, const char *node)
{
	api->path.len = 0;
	buf_puts(&api->path, "/v1/catalog/node-services/");
	http_escape(&api->path, node);
	consul_api_filter(api, "Tags");
}

/* What is configured for a service needs service:read, as the service does; nothing, as a rule, which is 404. The agent asks
 * a server each time: of what the agent itself knows about a token, some is half a minute old. */
void consul_api_right(struct consul_api *api, const char *service)
{
	api->path.len = 0;
	buf_puts(&api->path, "/v1/config/service-defaults/");
	http_escape(&api->path, service);
}

void consul_api_finish(struct consul_api *api, struct buf *out)
{
	const struct consul_settings *settings = api->settings;
	const char *token = consul_api_token(api);

	if (*settings->datacenter)
		consul_api_add(api, "dc", settings->datacenter);
	if (*settings->namespace)
		consul_api_add(api, "ns", settings->namespace);
	if (strcmp(settings->consistency, "stale") == 0 || strcmp(settings->consistency, "consistent") == 0)
		consul_api_add(api, settings->consistency, NULL);
	http_request(out, "GET", &api->url, api->path.data);
	if (*token)
		buf_printf(out, "X-Consul-Token: %s\r\n", token);
	if (api->login.len)
		buf_printf(out, "Authorization: Basic %s\r\n", api->login.data);
	buf_puts(out, "\r\n");
	api->path.len = 0;
}

/* Answers. */

/* The password, or what stands alone. */
static const char *password_of(const char *login)
{
	const char *colon = strchr(login, ':');

	return colon && colon[1] ? colon + 1 : login;
}

/* Some servers show the request in their words about it. */
static const char *secret_in(const struct consul_api *api, const struct http_response *response)
{
	struct slice password = slice_of(password_of(api->settings->login)), login = { api->login.data, api->login.len };

	if (answer_repeats(response, slice_of(consul_api_token(api))))
		return "token";
	return answer_repeats(response, password) || answer_repeats(response, login) ? "login" : NULL;
}

const char *consul_api_judge(struct consul_api *api, const struct http_response *response)
{
	api->code = 0;
	if (response->status == 200 && slice_is_nocase(http_header(response, "X-Consul-KnownLeader"), "false"))
		return "200, but the agent knows no leader";
	if (response->status == 200)
		return NULL;
	api->code = response->status;
	api->pause = answer_pause(response, api->pause);
	api->words.len = 0;
	answer_put_refusal(response, secret_in(api, response), &api->words);
	return api->words.data;
}

static const char *read_json(struct consul_api *api, const struct http_response *response)
{
	const struct buf *body = &response->body;

	if (response->sink)
		return json_walk_end(response->sink_arg);
	return json_parse(&api->json, body->data ? body->data : "", body->len);
}

const char *consul_api_take(struct consul_api *api, const struct http_response *response)
{
	const char *why;

	why = consul_api_judge(api, response);
	if (!why && (why = read_json(api, response))) {
		api->words.len = 0;
		answer_put_broken(response, why, &api->words);
		why = api->words.data;
	}
	if (!why)
		api->heard = sys_micros();
	return why;
}

const char *consul_api_judge_right(struct consul_api *api, const struct http_response *response)
{
	if (response->status == 404)
		return NULL;
	if (response->status == 403)
		return "not listed, and the token lacks service:read";
	return consul_api_take(api, response);
}

const char consul_api_hidden[] = "the token does not see all of it";

bool consul_api_filtered(const struct http_response *response)
{
	return slice_is_nocase(http_header(response, "X-Consul-Results-Filtered-By-ACLs"), "true");
}

bool consul_api_once(const struct consul_settings *settings, const char *service, struct service_list *list,
                     struct buf *why)
{
	struct consul_failing none = { 0 };
	struct instance_reading reading;
	struct buf request = { 0 };
	struct consul_api api;
	struct http http;
	const char *wrong = consul_api_open(&api, settings);

	instance_open(&reading, settings->tag, &none);
	reading.name = service;
	http_open(&http, CONSUL_API_BODY_MAX);
	consul_api_connects(&api, &http);
	answer_stream(&http.response, &reading.walk);
	consul_api_health(&api, service);
	consul_api_finish(&api, &request);
	if (!wrong)
		wrong = http_ask(&http, &api.url, &request, -1, sys_now() + ONCE_MS);
	if (!wrong)
		wrong = consul_api_take(&api, &http.response);
	if (!wrong)
		wrong = instance_end(&reading);
	for (size_t i = 0; !wrong && i < reading.list->count; i++)
		service_share(list, reading.list->items[i]);
	if (!wrong && !list->count && consul_api_filtered(&http.response))
		wrong = consul_api_hidden;
	why->len = 0;
	buf_puts(why, wrong ? wrong : "");
	http_free(&http);
	instance_close(&reading);
	consul_api_close(&api);
	buf_free(&request);
	return !wrong;
}
