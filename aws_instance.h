/* aws_instance: what an EC2 instance's metadata service tells: credentials of its role, and its region (IMDSv2). */
#ifndef AWS_INSTANCE_H
#define AWS_INSTANCE_H

#include "base.h"
#include "aws_fetch.h"
#include "aws_found.h"
#include "text.h"

bool aws_instance_disabled(void);
const char *aws_instance_given(const char **variable); /* its address, and the variable that names it; "": none does */
/* Each returns NULL or the reason, which names whom it is about. */
const char *aws_instance_fetch(struct aws_fetch *fetch, struct aws_found *found);
const char *aws_instance_region(struct aws_fetch *fetch, struct buf *region); /* appends it */

#endif
