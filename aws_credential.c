#include "base.h"
#include "aws_credential.h"

#include <string.h>

#include "aws_container.h"
#include "aws_endpoint.h"
#include "aws_fetch.h"
#include "aws_found.h"
#include "aws_instance.h"
#include "aws_profile.h"
#include "aws_web_identity.h"
#include "log.h"
#include "sys.h"

#define RENEW_S (15 * 60)       /* before they run out */
#define RETRY_MS 60000          /* at most, until a place is asked again for newer ones */
#define OVER_MS (2 * 60 * 1000) /* and at least, when it has given such as are over; up to five times as long */

/* A place: finds none (found->id is empty), or some, or says why it cannot tell. */
static const char *look_environment(struct aws_credential *credential, struct aws_fetch *fetch, struct aws_found *found)
{
	const char *id = aws_variable("AWS_ACCESS_KEY_ID"), *secret = aws_variable("AWS_SECRET_ACCESS_KEY");

	(void)credential;
	if (!*id && !*secret)
		return NULL;
	if (!*secret)
		return "AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY";
	if (!*id)
		return "AWS_SECRET_ACCESS_KEY is set without AWS_ACCESS_KEY_ID";
	aws_found_put(&found->id, slice_of(id));
	aws_found_put(&found->secret, slice_of(secret));
	aws_found_put(&found->token, slice_of(aws_variable("AWS_SESSION_TOKEN")));
	return aws_fetch_name(fetch, "the environment", aws_found_check(found));
}

static const char *look_web_identity(struct aws_credential *credential, struct aws_fetch *fetch,
                                     struct aws_found *found)
{
	const char *region = credential->region && *credential->region ? credential->region : "us-east-1";

	return aws_web_identity_given() ? aws_web_identity_fetch(fetch, region, found) : NULL;
}

static const char *look_profile(struct aws_credential *credential, struct aws_fetch *fetch, struct aws_found *found)
{
	struct aws_profile profile = { 0 };
	const char *why = aws_profile_read(&profile, credential->profile);

	fetch->why.len = 0;
	if (why)
		buf_puts(&fetch->why, why);
	aws_found_put(&credential->files, (struct slice){ profile.files.data, profile.files.len });
	aws_found_free(found);
	*found = profile.keys;
	profile.keys = (struct aws_found){ 0 };
	aws_profile_free(&profile);
	return why ? fetch->why.data : NULL;
}

static const char *look_container(struct aws_credential *credential, struct aws_fetch *fetch, struct aws_found *found)
{
	(void)credential;
	return aws_container_given() ? aws_container_fetch(fetch, found) : NULL;
}

static const char *look_instance(struct aws_credential *credential, struct aws_fetch *fetch, struct aws_found *found)
{
	(void)credential;
	return aws_instance_disabled() ? NULL : aws_instance_fetch(fetch, found);
}

/* The first that has any gives them. */
static const struct place {
	const char *name;
	const char *(*look)(struct aws_credential *credential, struct aws_fetch *fetch, struct aws_found *found);
} places[] = {
	{ "the environment", look_environment }, { "web identity", look_web_identity }, { "the profile", look_profile },
	{ "the container's endpoint", look_container }, { "the instance's metadata", look_instance },
};

/* All places were looked at; `why`: what is wrong with the last. NULL: it has not been asked. */
static const char *found_nowhere(const struct aws_credential *credential, struct aws_fetch *fetch, const char *why)
{
	struct buf words = { 0 };

	buf_puts(&words, "none in the environment");
	if (credential->files.len)
		buf_printf(&words, ", in %s", credential->files.data);
	buf_puts(&words, ", or at an endpoint of a container");
	if (why)
		buf_printf(&words, "; %s", why);
	else
		buf_puts(&words, "; the instance's metadata are not asked (AWS_EC2_METADATA_DISABLED)");
	buf_free(&fetch->why);
	fetch->why = words;
	return words.data;
}

static const char *look_everywhere(struct aws_credential *credential, struct aws_fetch *fetch, struct aws_found *found,
                                   const char **place)
{
	const char *why = NULL;

	for (size_t i = 0; i < ARRAY_LEN(places) && !why; i++) {
		*place = places[i].name;
		why = places[i].look(credential, fetch, found);
		if (!why && found->id.len)
			return NULL;
	}
	if (why && (strcmp(why, "stopped") == 0 || *place != places[ARRAY_LEN(places) - 1].name))
		return why;
	return found_nowhere(credential, fetch, why);
}

static void credential_say(const struct aws_credential *credential, const char *place)
{
	if (credential->failed || !credential->place || strcmp(credential->place, place) != 0)
		log_info("AWS: credentials from %s", place);
	else
		log_debug("AWS: credentials renewed from %s", place);
}

/* Takes what was found, in place of what there was. */
static void credential_take(struct aws_credential *credential, struct aws_found *found, const char *place, int64_t now)
{
	struct aws_found old = { credential->id, credential->secret, credential->token, 0 };
	int64_t left = (found->expires - now) * 1000;

	credential_say(credential, place);
	credential->id = found->id;
	credential->secret = found->secret;
	credential->token = found->token;
	credential->expires = found->expires;
	credential->place = place;
	credential->failed = false;
	*found = old;
	/* Over when they come: AWS takes an instance's on while it cannot renew them, and this host's clock may be wrong. */
	credential->over = credential->expires && left <= 0;
	if (credential->over)
		credential->again = sys_now() + OVER_MS + (int64_t)(sys_random() % (4 * OVER_MS));
	else
		credential->again = sys_now() + (left / 2 < RETRY_MS ? left / 2 : RETRY_MS);
}

/* There are others to go on with, until they are over. */
static void credential_put_off(struct aws_credential *credential, const char *why, int64_t now)
{
	int64_t left = (credential->expires - now) * 1000;

	if (!credential->failed)
		log_warn("AWS: the credentials cannot be renewed: %s; going on with those from %s", why, credential->place);
	credential->failed = true;
	credential->again = sys_now() + (credential->over || left / 2 > RETRY_MS ? RETRY_MS : left / 2);
}

const char *aws_credential_get(struct aws_credential *credential, int64_t now, int cancel_fd, int64_t deadline)
{
	bool has = credential->id.len, due = credential->expires && now >= credential->expires - RENEW_S;
	bool usable = has && (!due || credential->over || now < credential->expires);
	struct aws_found found = { 0 };
	struct aws_fetch fetch;
	const char *why, *place = NULL;

	if (usable && (!due || sys_now() < credential->again))
		return NULL;
	/* Time is left for what they are needed for, when there are some. */
	aws_fetch_open(&fetch, credential->tls, cancel_fd, usable ? sys_now() + (deadline - sys_now()) / 2 : deadline);
	why = look_everywhere(credential, &fetch, &found, &place);
	if (!why) {
		credential_take(credential, &found, place, now);
	} else if (strcmp(why, "stopped") != 0 && usable) {
		credential_put_off(credential, why, now);
		why = NULL;
	} else if (strcmp(why, "stopped") != 0) {
		credential->why.len = 0;
		buf_printf(&credential->why, "no credentials: %s", why);
		why = credential->why.data;
	}
	aws_found_free(&found);
	aws_fetch_close(&fetch);
	return why;
}

void aws_credential_refused(struct aws_credential *credential)
{
	credential->id.len = 0;
	credential->expires = 0;
	credential->over = false;
}

bool aws_credential_region(struct aws_credential *credential, int cancel_fd, int64_t deadline, struct buf *out)
{
	struct aws_profile profile = { 0 };
	struct aws_fetch fetch;
	bool found;

	aws_profile_read(&profile, credential->profile);
	found = profile.region.len;
	if (found)
		buf_add(out, profile.region.data, profile.region.len);
	aws_profile_free(&profile);
	if (found || aws_instance_disabled())
		return found;
	aws_fetch_open(&fetch, credential->tls, cancel_fd, deadline);
	found = !aws_instance_region(&fetch, out);
	aws_fetch_close(&fetch);
	return found;
}

void aws_credential_close(struct aws_credential *credential)
{
	buf_free(&credential->id);
	buf_free(&credential->secret);
	buf_free(&credential->token);
	buf_free(&credential->why);
	buf_free(&credential->files);
}
