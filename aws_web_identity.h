/* aws_web_identity: credentials of a role, from STS, for a token that others put into a file (EKS). */
#ifndef AWS_WEB_IDENTITY_H
#define AWS_WEB_IDENTITY_H

#include "base.h"
#include "aws_fetch.h"
#include "aws_found.h"
#include "text.h"

bool aws_web_identity_given(void); /* the environment names the token's file */
/* Takes what STS answers with 200. NULL or the reason. */
const char *aws_web_identity_read(struct aws_found *found, struct slice text);
/* `region`: whose STS is asked. NULL or the reason, which names whom it is about. */
const char *aws_web_identity_fetch(struct aws_fetch *fetch, const char *region, struct aws_found *found);

#endif
