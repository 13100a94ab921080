/* consul_api: requests to Consul's HTTP API, and whether an answer can be believed. */
#ifndef CONSUL_API_H
#define CONSUL_API_H

#include "base.h"
#include "http.h"
#include "json.h"
#include "service.h"
#include "text.h"

/* consul.* */
struct consul_settings {
	const char *address, *token, *datacenter, *namespace, *consistency, *tag;
	int64_t wait; /* milliseconds */
};

/* Adds ?name=value, or &name=value, to the path under construction; a NULL value: the name alone. */
void consul_api_add(struct buf *path, const char *name, const char *value);
/* Adds to `out` the whole request for the path, with what every query has, and empties the path. */
void consul_api_finish(const struct consul_settings *c, const struct http_url *u, struct buf *path, struct buf *out);
const char *consul_api_url(struct http_url *u, const char *address); /* NULL or what is wrong with consul.address */

/* Takes an answer. Returns NULL, or what it says against itself; why: room for these words. *wait: milliseconds that
 * it asks to be left alone, 0: none. */
const char *consul_api_take(const struct http_response *r, struct json *json, struct buf *why, int64_t *wait);

/* The agent left out what the token may not see: less is then no news. */
bool consul_api_filtered(const struct http_response *r);
extern const char consul_api_hidden[]; /* that in words */

/* Reads all instances of one service once, in a few seconds at most. True and the list filled, or false and why. */
bool consul_api_once(const struct consul_settings *c, const char *service, struct service_list *list, struct buf *why);

#endif
