/* aws_profile: the two files that all programs of AWS share, ~/.aws/credentials and ~/.aws/config, and one profile in them. */
#ifndef AWS_PROFILE_H
#define AWS_PROFILE_H

#include "base.h"
#include "aws_found.h"
#include "text.h"

enum aws_profile_file { AWS_PROFILE_CREDENTIALS, AWS_PROFILE_CONFIG };

/* Start with {0}. */
struct aws_profile {
	struct aws_found keys; /* both keys, and perhaps a token; or nothing */
	struct buf region;     /* empty: not given */
	struct buf files;      /* their names, for words */
	const char *role, *process; /* a key that it has and dill cannot use, instead of keys or for want of them; NULL: it has none */
	bool found;            /* one of the files has the profile */
	struct buf why;
};

/* Adds what a file's text has of the profile, unless it is known from another file. NULL, or the reason, at *line (0: at no
 * line of its own). */
const char *aws_profile_parse(struct aws_profile *profile, enum aws_profile_file file, struct slice text, const char *name,
                              long *line);
/* Reads both; `name` may be NULL or "": AWS_PROFILE's, or "default". NULL, or the reason, which is about that profile, and
 * without a secret. Then the region may be there all the same. */
const char *aws_profile_read(struct aws_profile *profile, const char *name);
void aws_profile_free(struct aws_profile *profile);

#endif
