/* inspect: a second dill, at a terminal, asks the running one, or the sources themselves. It prints to stdout, binds
 * no port and changes nothing. The process ends with the answer, and leaves the sources' threads behind. */
#ifndef INSPECT_H
#define INSPECT_H

#include "base.h"
#include "admit.h"
#include "config.h"
#include "http.h"
#include "supervisor.h"

/* --explain: explains one service. Returns the exit status: 0 it has been explained, 1 there is no such service, or
 * nobody to ask; stderr says which. */
int inspect_explain(struct config *config, const struct admit_rules *rules);

/* Gets a page from the status server of the running dill. Returns NULL, or why not. Free `http` in either case. */
const char *inspect_page(const struct config *config, const char *path, struct http *http);
const char *inspect_body(const struct http *http); /* of the page; "" when it is empty; lives as long as http */
/* Starts the sources, and waits at most ten seconds until each has answered or failed. *complete: all have answered;
 * stderr names those that have not. The result is never freed: its threads may use it until the process ends. */
struct supervisor *inspect_sources(struct config *config, bool *complete);

#endif
