/* consul_token: the ACL token that stands in a file (consul.token_file), which others replace while dill runs. */
#ifndef CONSUL_TOKEN_H
#define CONSUL_TOKEN_H

#include "base.h"

#include <sys/stat.h>

#include "text.h"

/* Start with {0}, and path. */
struct consul_token {
	const char *path; /* borrowed; "": there is no file */
	struct buf text;  /* the newest good token; empty: none has been read */
	struct stat seen; /* the file that was read last, good or not */
	bool failed;      /* which has been logged */
};

const char *consul_token_check(const char *path); /* NULL, or why no token can be read there, in words that follow it */
/* Reads the file if it is another one than the last time, or has changed; with `anyway`, in any case. What cannot be read, or
 * is no token, leaves the last one as it is, and is logged once. True: the token is another one. */
bool consul_token_look(struct consul_token *token, bool anyway);
void consul_token_close(struct consul_token *token);

#endif
