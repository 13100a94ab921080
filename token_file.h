/* token_file: a token that stands in a file, which others replace while dill runs. */
#ifndef TOKEN_FILE_H
#define TOKEN_FILE_H

#include "base.h"

#include <sys/stat.h>

#include "text.h"

/* Start with {0}, key and path. */
struct token_file {
	const char *key;  /* borrowed, as path: what the log calls it, such as consul.token_file */
	const char *path; /* "": there is no file */
	struct buf text;  /* the newest good token; empty: none has been read */
	struct stat seen; /* the file that was read last, good or not */
	bool failed;      /* which has been logged */
};

const char *token_file_check(const char *path); /* NULL, or why no token can be read there, in words that follow it */
/* Reads the file if it is another one than the last time, or has changed; with `anyway`, in any case. What cannot be read, or
 * is no token, leaves the last one as it is, and is logged once. True: the token is another one. */
bool token_file_look(struct token_file *token, bool anyway);
void token_file_close(struct token_file *token);

#endif
