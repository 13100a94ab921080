/* url: services out of the answers of a URL, which is asked again and again. */
#ifndef URL_H
#define URL_H

#include "base.h"
#include "http.h"
#include "source.h"

const char *url_url(struct http_url *u, const char *text); /* NULL or what is wrong */
void url_run(struct source *s); /* goes by routing.http.* */

#endif
