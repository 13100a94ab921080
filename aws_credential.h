/* aws_credential: what requests to AWS are signed with. The first place that has credentials gives them: the environment,
 * web identity, the files of the profile, the container's endpoint, the instance's metadata. They are got anew before
 * they run out, and when AWS refuses them. One thread's. */
#ifndef AWS_CREDENTIAL_H
#define AWS_CREDENTIAL_H

#include "base.h"
#include "text.h"
#include "tls.h"

/* Start with {0} and the first three, borrowed. */
struct aws_credential {
	const char *profile; /* NULL or "": AWS_PROFILE, or else "default" */
	const char *region;  /* of the STS that is asked; NULL or "": us-east-1 */
	const struct tls_options *tls;
	struct buf id, secret, token; /* empty: there are none, or no token belongs to them */
	int64_t expires;     /* in seconds since 1970; 0: never */
	const char *place;   /* where they are from, in words: "the environment"; NULL: from nowhere so far */
	struct buf why;      /* the newest reason */
	struct buf files;    /* where the profile was looked for, in words */
	/* What follows is aws_credential.c's. */
	int64_t again;       /* no place is asked before, on sys_now()'s clock, while there are some to go on with */
	bool over;           /* they were over when they came: whether they are good is for AWS to say */
	bool failed;         /* that they cannot be renewed has been logged */
};

/* Sees to it that there are some to sign with; `now` is in seconds since 1970, by AWS's clock. Returns NULL or the
 * reason, without a secret in it; "stopped" when cancel_fd became readable. */
const char *aws_credential_get(struct aws_credential *credential, int64_t now, int cancel_fd, int64_t deadline);
void aws_credential_refused(struct aws_credential *credential); /* AWS does not take them: the next get asks for others */
/* Appends the region that the profile names, or else the instance's. False: neither tells. */
bool aws_credential_region(struct aws_credential *credential, int cancel_fd, int64_t deadline, struct buf *out);
void aws_credential_close(struct aws_credential *credential);

#endif
