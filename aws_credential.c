#include "base.h"
#include "aws_credential.h"

#include <stdlib.h>

#include "text.h"

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

const char *aws_credential_get(struct aws_credential *credential, int64_t now, int cancel_fd, int64_t deadline)
{
	const char *id = variable("AWS_ACCESS_KEY_ID"), *secret = variable("AWS_SECRET_ACCESS_KEY");

	(void)now;
	(void)cancel_fd;
	(void)deadline;
	if (credential->id.len)
		return NULL;
	if (!*id || !*secret)
		return "there are no credentials in the environment";
	buf_puts(&credential->id, id);
	buf_puts(&credential->secret, secret);
	buf_puts(&credential->token, variable("AWS_SESSION_TOKEN"));
	credential->place.len = 0;
	buf_puts(&credential->place, "the environment");
	return NULL;
}

void aws_credential_refused(struct aws_credential *credential)
{
	credential->id.len = credential->secret.len = credential->token.len = 0;
}

bool aws_credential_region(struct aws_credential *credential, int cancel_fd, int64_t deadline, struct buf *out)
{
	(void)credential;
	(void)cancel_fd;
	(void)deadline;
	(void)out;
	return false;
}

void aws_credential_close(struct aws_credential *credential)
{
	buf_free(&credential->id);
	buf_free(&credential->secret);
	buf_free(&credential->token);
	buf_free(&credential->place);
	buf_free(&credential->why);
}
