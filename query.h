/* query: requests to Consul's HTTP API, and whether an answer can be believed. */
#ifndef QUERY_H
#define QUERY_H

#include "base.h"
#include "config.h"
#include "http.h"
#include "json.h"
#include "service.h"
#include "text.h"

/* Adds ?name=value, or &name=value, to the path under construction; a NULL value: the name alone. */
void query_add(struct buf *path, const char *name, const char *value);
/* Adds to `out` the whole request for the path, with what every query has, and empties the path. */
void query_finish(const struct config *c, const struct http_url *u, struct buf *path, struct buf *out);
const char *query_url(struct http_url *u, const char *address); /* NULL or what is wrong with consul.address */

/* Takes an answer. Returns NULL, or what it says against itself; why: room for these words. *wait: milliseconds that
 * it asks to be left alone, 0: none. */
const char *query_take(const struct http_response *r, struct json *json, struct buf *why, int64_t *wait);

/* The agent left out what the token may not see: less is then no news. */
bool query_filtered(const struct http_response *r);
extern const char query_hidden[]; /* that in words */

/* Reads all instances of one service once, in a few seconds at most. True and the list filled, or false and why. */
bool query_once(const struct config *c, const char *service, struct service_list *list, struct buf *why);

#endif
