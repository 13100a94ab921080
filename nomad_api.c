#include "base.h"
#include "nomad_api.h"

#include <string.h>

#include "answer.h"
#include "nomad_instance.h"
#include "sys.h"

#define ONCE_MS 5000

const char *nomad_api_open(struct nomad_api *api, const struct nomad_settings *settings)
{
	const char *why;

	*api = (struct nomad_api){
		.settings = settings, .token.key = "routing.nomad.token_file", .token.path = settings->token_file
	};
	why = nomad_api_url(&api->url, settings->address);
	token_file_look(&api->token, true);
	return why ? why : nomad_api_lacks_token(api);
}

void nomad_api_close(struct nomad_api *api)
{
	token_file_close(&api->token);
	buf_free(&api->path);
	buf_free(&api->words);
}

const char *nomad_api_token(const struct nomad_api *api)
{
	return api->token.text.len ? api->token.text.data : api->settings->token;
}

const char *nomad_api_lacks_token(const struct nomad_api *api)
{
	return *api->token.path && !api->token.text.len ? "no token could be read from routing.nomad.token_file" : NULL;
}

const char *nomad_api_url(struct http_url *url, const char *address)
{
	const char *why = http_url_parse(url, address, 4646);

	if (!why && strpbrk(url->prefix, "?#"))
		why = "has a query; use the keys routing.nomad.token, .namespace and .region";
	for (size_t len = why ? 0 : strlen(url->prefix); len && url->prefix[len - 1] == '/';)
		url->prefix[--len] = '\0';
	return why;
}

/* Requests. */

bool nomad_api_several(const struct nomad_settings *settings)
{
	return strpbrk(settings->namespace, "*,");
}

bool nomad_api_follows(const struct nomad_settings *settings, const char *name)
{
	const char *slash = strchr(name, '/');
	struct slice rest = slice_of(settings->namespace), namespace, own = slice_between(name, slash ? slash : name);

	if (!nomad_api_several(settings))
		return !slash;
	if (strcmp(settings->namespace, "*") == 0)
		return slash;
	while (slash && slice_next(&rest, ',', &namespace))
		if (namespace.len == own.len && memcmp(namespace.at, own.at, own.len) == 0)
			return true;
	return false;
}

static void add_parameter(struct nomad_api *api, const char *name, const char *value)
{
	buf_printf(&api->path, "%c%s=", memchr(api->path.data, '?', api->path.len) ? '&' : '?', name);
	http_escape(&api->path, value);
}

void nomad_api_names(struct nomad_api *api, const char *namespace)
{
	api->path.len = 0;
	buf_puts(&api->path, "/v1/services");
	add_parameter(api, "namespace", namespace);
}

/* /v1/service/NAME?namespace=* has never any instances. */
void nomad_api_service(struct nomad_api *api, const char *name)
{
	const char *slash = nomad_api_several(api->settings) ? strchr(name, '/') : NULL;
	struct buf namespace = { 0 };

	api->path.len = 0;
	buf_puts(&api->path, "/v1/service/");
	http_escape(&api->path, slash ? slash + 1 : name);
	buf_add(&namespace, slash ? name : api->settings->namespace, slash ? (size_t)(slash - name) : strlen(api->settings->namespace));
	add_parameter(api, "namespace", namespace.data);
	buf_free(&namespace);
}

void nomad_api_finish(struct nomad_api *api, struct buf *out)
{
	const char *token = nomad_api_token(api);

	if (*api->settings->region)
		add_parameter(api, "region", api->settings->region);
	if (api->settings->stale) /* on every query or on none: servers differ in how far they are */
		add_parameter(api, "stale", "");
	http_request(out, "GET", &api->url, api->path.data);
	if (*token)
		buf_printf(out, "X-Nomad-Token: %s\r\n", token);
	buf_puts(out, "\r\n");
	api->path.len = 0;
}

/* Answers. */

const char *nomad_api_judge(struct nomad_api *api, const struct http_response *response)
{
	api->code = 0;
	if (response->status == 200 && slice_is_nocase(http_header(response, "X-Nomad-KnownLeader"), "false"))
		return "200, but the server knows no leader";
	if (response->status == 200 && http_header(response, "X-Nomad-NextToken").len)
		return "200, but with a part of the answer only";
	if (response->status == 200)
		return NULL;
	api->code = response->status;
	api->pause = answer_pause(response, api->pause);
	api->words.len = 0;
	answer_put_refusal(response, answer_repeats(response, slice_of(nomad_api_token(api))) ? "token" : NULL, &api->words);
	return api->words.data;
}

const char *nomad_api_take(struct nomad_api *api, const struct http_response *response, const char *wrong,
                           const char *broken)
{
	const char *why = nomad_api_judge(api, response);

	if (!why)
		why = wrong;
	if (!why && broken) {
		api->words.len = 0;
		answer_put_broken(response, broken, &api->words);
		why = api->words.data;
	}
	if (!why)
		api->heard = sys_micros();
	return why;
}

/* Once. */

static const char *once_ask(struct nomad_api *api, struct http *http, const char *service)
{
	struct buf request = { 0 };
	const char *why;

	nomad_api_service(api, service);
	nomad_api_finish(api, &request);
	why = http_ask(http, &api->url, &request, -1, sys_now() + ONCE_MS);
	buf_free(&request);
	return why;
}

bool nomad_api_once(const struct nomad_settings *settings, const char *service, struct service_list *list,
                    struct buf *why)
{
	struct nomad_instances reading;
	struct nomad_api api;
	struct http http;
	const char *broken, *wrong = nomad_api_open(&api, settings);

	nomad_instances_open(&reading, settings->tag, nomad_api_several(settings));
	http_open(&http, ANSWER_BODY_MAX);
	http.tls = &settings->tls;
	if (!wrong && nomad_api_several(settings) && !strchr(service, '/'))
		wrong = "with several namespaces a service is called NAMESPACE/NAME";
	if (!wrong && !nomad_api_follows(settings, service))
		wrong = "routing.nomad.namespace does not name the namespace of that service";
	if (!wrong)
		wrong = once_ask(&api, &http, service);
	if (!wrong && !(wrong = nomad_api_judge(&api, &http.response))) {
		broken = nomad_instances_read(&reading, service, &http.response.body);
		wrong = nomad_api_take(&api, &http.response, reading.why, broken);
	}
	for (size_t i = 0; !wrong && i < reading.list->count; i++)
		service_share(list, reading.list->items[i]);
	why->len = 0;
	buf_puts(why, wrong ? wrong : "");
	http_free(&http);
	nomad_instances_close(&reading);
	nomad_api_close(&api);
	return !wrong;
}
