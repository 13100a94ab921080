/* consul_api: makes requests to the HTTP API of Consul, and judges the answers. */
#ifndef CONSUL_API_H
#define CONSUL_API_H

#include "base.h"
#include "http.h"
#include "http_url.h"
#include "json.h"
#include "json_walk.h"
#include "service.h"
#include "sys.h"
#include "text.h"
#include "tls.h"
#include "token_file.h"

#define CONSUL_API_BODY_MAX (80u << 20) /* of an answer */

/* Whom to ask, and what to say. Strings are borrowed, and "" when not given. Where `ssl` is set, `address` is an https
 * address or a Unix socket. */
struct consul_settings {
	const char *address, *token, *token_file, *datacenter, *namespace, *consistency, *tag; /* at most one of token and file */
	const char *login; /* CONSUL_HTTP_AUTH: USER:PASSWORD */
	bool ssl;          /* CONSUL_HTTP_SSL */
	struct tls_options tls;
	int64_t wait; /* the longest wait of a blocking query, in milliseconds */
};

struct consul_api {
	const struct consul_settings *settings; /* borrowed */
	struct http_url url;
	struct token_file token; /* of token_file */
	struct buf login; /* as it goes out */
	struct buf path;  /* of the request under construction */
	struct json json; /* the newest answer, unless that went to a walk */
	struct buf words; /* what was wrong with the newest bad answer */
	int code;         /* status of the newest answer if that was an error, for source_failed; else 0 */
	int64_t pause;    /* milliseconds for which Consul must not be asked; 0: it may */
	int64_t heard;    /* when the newest good answer was complete, on sys_micros()'s clock */
};

/* Returns NULL or the reason; call consul_api_close in either case. */
const char *consul_api_open(struct consul_api *api, const struct consul_settings *settings);
void consul_api_close(struct consul_api *api);
const char *consul_api_token(const struct consul_api *api); /* "": there is none */
const char *consul_api_lacks_token(const struct consul_api *api); /* why nothing may be asked yet; NULL: it may */
const char *consul_api_url(struct http_url *url, const char *address); /* NULL or the reason */
/* What CONSUL_HTTP_SSL makes of an address, in the arena; NULL: it stays as it is. */
const char *consul_api_raise(const char *address, struct arena *memory);
void consul_api_connects(const struct consul_api *api, struct http *http); /* makes one that reaches the agent as the settings say */

/* Adds ?name=value or &name=value to the path; a NULL value: only the name. */
void consul_api_add(struct consul_api *api, const char *name, const char *value);
void consul_api_filter(struct consul_api *api, const char *tags); /* only what has the mark in that list */
void consul_api_health(struct consul_api *api, const char *service); /* path: all instances of one service */
void consul_api_node(struct consul_api *api, const char *node); /* path: the marked services of a node */
void consul_api_right(struct consul_api *api, const char *service); /* path: 403 when the token may not read that service */
/* Adds to `out` the whole request for the path, with the parameters that every query has, and empties the path. */
void consul_api_finish(struct consul_api *api, struct buf *out);

/* NULL, or the reason why an answer is none, whatever is in it; like that of the next one. */
const char *consul_api_judge(struct consul_api *api, const struct http_response *response);
/* Lets answers go to a walk as they arrive, and be kept nowhere; NULL: they are kept whole. */
void consul_api_stream(struct http_response *response, struct json_walk *walk);
/* Takes an answer. Returns NULL, and it has gone to its walk, or is api->json; or the reason why it is none, a text
 * that lives until the next bad answer. */
const char *consul_api_take(struct consul_api *api, const struct http_response *response);

/* Takes an answer about a right: NULL when the token has it, or why it must be taken for lost. */
const char *consul_api_judge_right(struct consul_api *api, const struct http_response *response);

/* True when the agent left out what the token may not see. What is missing in the answer may then still exist. */
bool consul_api_filtered(const struct http_response *response);
extern const char consul_api_hidden[]; /* the same in words */

/* Reads all instances of one service once, within five seconds, and adds them to the list. False: why says why not. */
bool consul_api_once(const struct consul_settings *settings, const char *service, struct service_list *list,
                     struct buf *why);

#endif
