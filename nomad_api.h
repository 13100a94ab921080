/* nomad_api: makes requests to the HTTP API of Nomad, and judges the answers. */
#ifndef NOMAD_API_H
#define NOMAD_API_H

#include "base.h"
#include "http.h"
#include "http_url.h"
#include "service.h"
#include "text.h"
#include "tls.h"
#include "token_file.h"

/* Whom to ask, and what to say. Strings are borrowed, and "" when not given. */
struct nomad_settings {
	const char *address, *token, *token_file, *namespace, *region, *tag; /* at most one of token and file */
	int64_t wait; /* the longest wait of a blocking query, in milliseconds */
	bool stale;
	struct tls_options tls;
};

struct nomad_api {
	const struct nomad_settings *settings; /* borrowed */
	struct http_url url;
	struct token_file token; /* of token_file */
	struct buf path;  /* of the request under construction */
	struct buf words; /* what was wrong with the newest bad answer */
	int code;         /* status of the newest answer if that was an error, for source_failed; else 0 */
	int64_t pause;    /* milliseconds for which Nomad must not be asked; 0: it may */
	int64_t heard;    /* when the newest good answer was complete, on sys_micros()'s clock */
};

/* Returns NULL or the reason; call nomad_api_close in either case. */
const char *nomad_api_open(struct nomad_api *api, const struct nomad_settings *settings);
void nomad_api_close(struct nomad_api *api);
const char *nomad_api_token(const struct nomad_api *api); /* "": there is none */
const char *nomad_api_lacks_token(const struct nomad_api *api); /* why nothing may be asked yet; NULL: it may */
const char *nomad_api_url(struct http_url *url, const char *address); /* NULL or the reason */

/* Under several namespaces, or *, a service is called NAMESPACE/NAME: the same name in two of them is two services. */
bool nomad_api_several(const struct nomad_settings *settings);
bool nomad_api_follows(const struct nomad_settings *settings, const char *name); /* it may be one of theirs */
void nomad_api_names(struct nomad_api *api, const char *namespace); /* path: all names in it, or, of *, in all */
void nomad_api_service(struct nomad_api *api, const char *name);     /* path: the instances of one service */
/* Adds to `out` the whole request for the path, with the parameters that every query has, and empties the path. */
void nomad_api_finish(struct nomad_api *api, struct buf *out);

/* NULL, or the reason why an answer is none, whatever is in it: a text that lives until the next bad answer. */
const char *nomad_api_judge(struct nomad_api *api, const struct http_response *response);
/* Likewise of one that has been read: `wrong` is NULL, or what is wrong with what it says; `broken` the same of its JSON. */
const char *nomad_api_take(struct nomad_api *api, const struct http_response *response, const char *wrong,
                           const char *broken);

/* Reads all instances of one service once, within five seconds, and adds them to the list. False: why says why not. */
bool nomad_api_once(const struct nomad_settings *settings, const char *service, struct service_list *list,
                    struct buf *why);

#endif
