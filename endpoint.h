/* endpoint: services out of the answers of a URL, which is asked again and again. */
#ifndef ENDPOINT_H
#define ENDPOINT_H

#include "base.h"
#include "http.h"
#include "source.h"

const char *endpoint_url(struct http_url *u, const char *text); /* NULL or what is wrong */
void endpoint_run(struct source *s); /* goes by routing.http.* */

#endif
