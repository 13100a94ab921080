/* aws_profile: the files that programs of AWS share, ~/.aws/credentials and ~/.aws/config, and one profile in them. */
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
	/* A setting that is not supported, and that is instead of keys, or for want of them. NULL: it has none. */
	const char *role, *process;
	bool found;            /* one of the files has the profile */
	struct buf why;
};

/* Adds what a file's text has of the profile, unless it is known from another file. NULL, or the reason, which is at *line
 * (0: at none). */
const char *aws_profile_parse(struct aws_profile *profile, enum aws_profile_file file, struct slice text,
                              const char *name, long *line);
/* Reads both; `name` may be NULL or "": AWS_PROFILE's, or "default". NULL, or the reason, without a secret in it; then the
 * region may be there all the same. */
const char *aws_profile_read(struct aws_profile *profile, const char *name);
void aws_profile_free(struct aws_profile *profile);

#endif
