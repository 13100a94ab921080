/* inspect: a second dill, at a terminal, that asks the running one, or the sources themselves. It prints on stdout, and opens
 * and changes nothing. The process ends with the answer: threads that may hang in a look-up are left alone. */
#ifndef INSPECT_H
#define INSPECT_H

#include "base.h"
#include "admit.h"
#include "config.h"
#include "http.h"
#include "supervisor.h"

/* --explain. Returns the exit status. 0: it has been explained; 1: there is no such service, or nobody to ask. */
int inspect_explain(struct config *config, const struct admit_rules *rules);

/* Gets a page of the running dill's status server. NULL, or why not; `http` is to be freed in any case. */
const char *inspect_page(const struct config *config, const char *path, struct http *http);
const char *inspect_body(const struct http *http); /* never NULL */
/* Starts the sources, and waits until each has said what it knows, or has failed. True: all have said it; who has not has been
 * named on stderr. */
bool inspect_sources(struct supervisor *supervisor, struct config *config);

#endif
