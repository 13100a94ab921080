#include "base.h"
#include "consul_api.h"

#include <string.h>

#include "consul_instance.h"
#include "sys.h"

#define ONCE_MS 5000
#define BODY_MAX (16u << 20)

void consul_api_add(struct buf *path, const char *name, const char *value)
{
	buf_printf(path, "%c%s", memchr(path->data, '?', path->len) ? '&' : '?', name);
	if (value) {
		buf_puts(path, "=");
		http_escape(path, value);
	}
}

void consul_api_finish(const struct consul_settings *c, const struct http_url *u, struct buf *path, struct buf *out)
{
	if (*c->datacenter)
		consul_api_add(path, "dc", c->datacenter);
	if (*c->namespace)
		consul_api_add(path, "ns", c->namespace);
	if (strcmp(c->consistency, "stale") == 0 || strcmp(c->consistency, "consistent") == 0)
		consul_api_add(path, c->consistency, NULL);
	http_request(out, "GET", u, path->data);
	if (*c->token)
		buf_printf(out, "X-Consul-Token: %s\r\n", c->token);
	buf_puts(out, "\r\n");
	path->len = 0;
}

const char *consul_api_url(struct http_url *u, const char *address)
{
	const char *why = http_url_parse(u, address);

	if (!why && strpbrk(u->prefix, "?#"))
		why = "has a query: consul.token, consul.datacenter and consul.namespace have keys of their own";
	for (size_t len = why ? 0 : strlen(u->prefix); len && u->prefix[len - 1] == '/';)
		u->prefix[--len] = '\0';
	return why;
}

static const char *judge(const struct http_response *r, struct buf *why, int64_t *wait)
{
	struct slice retry = http_header(r, "Retry-After");
	long seconds;

	*wait = r->status == 403 ? 5000 : 0;
	if (r->status == 200)
		return slice_is_nocase(http_header(r, "X-Consul-KnownLeader"), "false") ? "200, but the agent knows no leader" : NULL;
	if (retry.at && !text_number(retry, 0, 60, &seconds))
		*wait = seconds * 1000;
	why->len = 0;
	buf_printf(why, "answered %d: ", r->status);
	buf_visible(why, r->body.data, r->body.len > 120 ? 120 : r->body.len);
	return why->data;
}

const char *consul_api_take(const struct http_response *r, struct json *json, struct buf *why, int64_t *wait)
{
	const char *wrong = judge(r, why, wait);

	if (!wrong && (wrong = json_parse(json, r->body.data ? r->body.data : "", r->body.len))) {
		why->len = 0;
		buf_printf(why, "answered with broken JSON: %s", wrong);
		wrong = why->data;
	}
	return wrong;
}

const char consul_api_hidden[] = "the token does not see all of it";

bool consul_api_filtered(const struct http_response *r)
{
	return slice_is_nocase(http_header(r, "X-Consul-Results-Filtered-By-ACLs"), "true");
}

bool consul_api_once(const struct consul_settings *c, const char *service, struct service_list *list, struct buf *why)
{
	int64_t deadline = sys_now() + ONCE_MS, wait;
	struct buf path = { 0 }, request = { 0 };
	struct json json = { 0 };
	struct http_url url;
	struct http http;
	const char *wrong = consul_api_url(&url, c->address);

	http_open(&http, BODY_MAX);
	buf_puts(&path, "/v1/health/service/");
	http_escape(&path, service);
	consul_api_finish(c, &url, &path, &request);
	if (!wrong)
		wrong = http_connect(&http, &url, -1, deadline);
	if (!wrong)
		wrong = http_send(&http, &request, -1, deadline);
	if (!wrong)
		wrong = http_wait(&http, -1, deadline);
	if (!wrong)
		wrong = consul_api_take(&http.response, &json, why, &wait);
	if (!wrong)
		wrong = instance_read(list, service, &json, c->tag);
	if (!wrong && !list->count && consul_api_filtered(&http.response))
		wrong = consul_api_hidden;
	if (wrong && wrong != why->data) {
		why->len = 0;
		buf_puts(why, wrong);
	}
	http_free(&http);
	json_free(&json);
	buf_free(&path);
	buf_free(&request);
	return !wrong;
}
