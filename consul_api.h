/* consul_api: requests to Consul's HTTP API, and whether an answer can be believed. */
#ifndef CONSUL_API_H
#define CONSUL_API_H

#include "base.h"
#include "http.h"
#include "json.h"
#include "service.h"
#include "text.h"

/* Whom to ask, and for what. Strings are borrowed, and "" when not given. */
struct consul_settings {
	const char *address, *token, *datacenter, *namespace, *consistency, *tag;
	int64_t wait; /* the longest wait of a blocking query, in milliseconds */
};

struct consul_api {
	const struct consul_settings *settings; /* borrowed */
	struct http_url url;
	struct buf path;  /* of the request under construction */
	struct json json; /* the newest answer */
	struct buf words; /* what was wrong with the newest one that was not good */
	int code;         /* the status of the newest answer when it was an error, for source_failed; else 0 */
	int64_t pause;    /* milliseconds that Consul asks to be left alone; 0: it does not */
	int64_t heard;    /* when the newest good answer was complete, on sys_micros()'s clock */
};

/* NULL, or what is wrong with the address; all the rest can be called even then. */
const char *consul_api_open(struct consul_api *api, const struct consul_settings *settings);
void consul_api_close(struct consul_api *api);
const char *consul_api_url(struct http_url *url, const char *address); /* NULL, or what is wrong with consul.address */

/* Adds ?name=value, or &name=value, to the path; a NULL value: the name alone. */
void consul_api_add(struct consul_api *api, const char *name, const char *value);
void consul_api_health(struct consul_api *api, const char *service); /* sets the path: all instances of one service */
/* Adds to `out` the whole request for the path, with what every query has, and empties the path. */
void consul_api_finish(struct consul_api *api, struct buf *out);

/* Takes an answer. NULL: it is a good one, and in api->json. Else what it says against itself; it lives until the next
 * bad one. */
const char *consul_api_take(struct consul_api *api, const struct http_response *response);

/* The agent left out what the token may not see: that less came than before is then no news. */
bool consul_api_filtered(const struct http_response *response);
extern const char consul_api_hidden[]; /* that in words */

/* Reads all instances of one service once, in a few seconds at most. True and the list filled, or false and why. */
bool consul_api_once(const struct consul_settings *settings, const char *service, struct service_list *list,
                     struct buf *why);

#endif
