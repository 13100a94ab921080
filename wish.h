/* wish: where a service wants to listen, parsed once, where it comes in. */
#ifndef WISH_H
#define WISH_H

#include "base.h"
#include "text.h"

struct wish {
	const char *text;   /* as it was written: label:port, or the operator's address:port */
	const char *origin; /* where: a tag, "dill.toml:12", a variable, an option; NULL when the source has no such place */
	const char *why;    /* why it is none, in words that follow the text: "is not label:port"; NULL: it is one, and then */
	struct slice host;  /* its label or address, in `text` */
	uint16_t port;
};

struct wish wish_parse(const char *text, const char *origin); /* both are borrowed */

#endif
