/* wish: where a service wants to listen, parsed once, where it comes in: one port, or a range of them. */
#ifndef WISH_H
#define WISH_H

#include "base.h"
#include "sys.h"
#include "text.h"

struct wish {
	const char *text;   /* as it was written: label:port, label:first-last, or the operator's address in place of the label */
	const char *origin; /* where: a tag, "dill.toml:12", a variable, an option; NULL when the source has no such place */
	const char *why;    /* why it is none, in words that follow the text: "is not label:port"; NULL: it is one, and then */
	struct slice host;  /* its label or address, in `text` */
	uint16_t port, last; /* first and last of a range; equal for a single one */
	uint32_t hash; /* of the text */
};

/* Both texts are borrowed; the reason may be in the arena. */
struct wish wish_parse(const char *text, const char *origin, struct arena *memory);

#endif
