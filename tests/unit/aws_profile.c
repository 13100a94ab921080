/* Cases for aws_profile.c: what is read of the two files, which profile, and what is said of those that cannot be used. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "../../aws_profile.c"

#define KEYS "aws_access_key_id = AKID\naws_secret_access_key = s3cret\n"

/* As id/secret/token/region; or the reason behind its line. */
static void say(const struct aws_profile *profile, long line, const char *why, struct buf *out)
{
	const struct buf *parts[] = { &profile->keys.id, &profile->keys.secret, &profile->keys.token, &profile->region };

	if (why) {
		buf_printf(out, "%ld: %s", line, why);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		buf_printf(out, "%s%s", i ? "/" : "", parts[i]->len ? parts[i]->data : "");
	if (profile->role || profile->process)
		buf_printf(out, " %s %s", profile->role ? profile->role : "-", profile->process ? profile->process : "-");
	buf_puts(out, profile->found ? "" : " not found");
}

static const struct {
	const char *text, *name, *want;
	enum aws_profile_file file;
} texts[] = {
	{ "[default]\n" KEYS, "default", "AKID/s3cret//", 0 },
	{ "[default]\r\naws_access_key_id=AKID\r\naws_secret_access_key=s3cret\r\naws_session_token=t+/=\r\n", "default", "AKID/s3cret/t+/=/", 0 },
	{ "[default]\naws_secret_access_key=a=b\nAWS_Access_Key_ID = AKID", "default", "AKID/a=b//", 0 },
	{ "; no\n# no\n[ default ] ; yes\n\n" KEYS "region = eu-west-1 # where\n", "default", "AKID/s3cret//eu-west-1", 0 },
	{ "[default]\nregion=us-east-1#a\n", "default", "///us-east-1#a", 0 },
	{ "[default]\nregion =\n", "default", "///", 0 },
	{ "[default]\nregion = # none\n", "default", "///", 0 },
	{ "", "default", "/// not found", 0 },
	{ KEYS, "default", "/// not found", 0 },
	{ "[other]\n" KEYS "[default]\nregion=a\n[third]\nregion=b\n", "default", "///a", 0 },
	{ "[other]\n" KEYS, "other", "AKID/s3cret//", 0 },
	{ "[other]\nregion=a\n[default]\n[other]\nregion=b\n", "other", "///b", 0 },
	{ "[Default]\n" KEYS, "default", "/// not found", 0 },
	/* names in the two files */
	{ "[profile other]\n" KEYS, "other", "/// not found", AWS_PROFILE_CREDENTIALS },
	{ "[profile other]\n" KEYS, "other", "AKID/s3cret//", AWS_PROFILE_CONFIG },
	{ "[profile\tother]\n" KEYS, "other", "AKID/s3cret//", AWS_PROFILE_CONFIG },
	{ "[ profile  other ]\n" KEYS, "other", "AKID/s3cret//", AWS_PROFILE_CONFIG },
	{ "[profile \"two words\"]\n" KEYS, "two words", "AKID/s3cret//", AWS_PROFILE_CONFIG },
	{ "[other]\n" KEYS, "other", "/// not found", AWS_PROFILE_CONFIG },
	{ "[default]\n" KEYS, "default", "AKID/s3cret//", AWS_PROFILE_CONFIG },
	{ "[profile default]\n" KEYS, "default", "AKID/s3cret//", AWS_PROFILE_CONFIG },
	{ "[profileother]\n" KEYS, "other", "/// not found", AWS_PROFILE_CONFIG },
	{ "[sso-session default]\n" KEYS "[services default]\n" KEYS, "default", "/// not found", AWS_PROFILE_CONFIG },
	/* nested lines, and files that are indented as a whole */
	{ "[default]\ns3 =\n  region = nested\n  x\nregion = eu-west-1\n", "default", "///eu-west-1", 0 },
	{ "[default]\ns3 =\n\tregion = nested\n\n# no\n\tregion = nested\n" KEYS, "default", "AKID/s3cret//", 0 },
	{ "[default]\n  region = a\n  aws_access_key_id = AKID\n  aws_secret_access_key = s\n", "default", "AKID/s//a", 0 },
	{ "  [default]\n  region = a\n    b\n  region = c\n", "default", "///c", 0 },
	/* other ways to credentials */
	{ "[default]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = y\n", "default", "/// role_arn -", 0 },
	{ "[default]\n" KEYS "role_arn = x\n", "default", "AKID/s3cret// role_arn -", 0 },
	{ "[default]\nsso_session = x\n", "default", "/// - sso_session", 0 },
	{ "[default]\nsso_start_url = x\n", "default", "/// - sso_session", 0 },
	{ "[default]\ncredential_process = /bin/x\n", "default", "/// - credential_process", 0 },
	/* what cannot be read, where it matters */
	{ "[default\n" KEYS, "default", "1: ']' expected behind a section's name", 0 },
	{ "[default]\n" KEYS "what\n", "default", "4: key = value or [section] expected", 0 },
	{ "[other]\nwhat\n[default]\n" KEYS, "default", "AKID/s3cret//", 0 },
	{ "[default]\naws_access_key_id = AKID\n", "default", "0: has no secret access key", 0 },
	{ "[default]\naws_secret_access_key = s3cret\n", "default", "0: has no access key id", 0 },
	{ "[default]\naws_session_token = t\n", "default", "0: has no access key id", 0 },
	{ "[default]\naws_access_key_id = A\tB\naws_secret_access_key = s\n", "default", "0: has a control character in its credentials", 0 },
};

static void text_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct aws_profile profile = { 0 };
		struct buf said = { 0 };
		long line;
		const char *why = aws_profile_parse(&profile, texts[i].file, slice_of(texts[i].text), texts[i].name, &line);

		say(&profile, line, why, &said);
		check(strcmp(said.data, texts[i].want) == 0, said.data, texts[i].text);
		buf_free(&said);
		aws_profile_free(&profile);
	}
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (!file || fputs(text, file) < 0 || fclose(file))
		abort();
}

/* Reads both files; `want`: as say(), or a part of the reason. */
static void check_read(const char *name, const char *want, const char *what)
{
	struct aws_profile profile = { 0 };
	struct buf said = { 0 };
	const char *why = aws_profile_read(&profile, name);

	say(&profile, 0, why, &said);
	check(why ? strstr(why, want) != NULL : strcmp(said.data, want) == 0, said.data, what);
	check(!why || !strstr(why, "s3cret"), "no secret is told", what);
	buf_free(&said);
	aws_profile_free(&profile);
}

static void name_cases(void)
{
	unsetenv("AWS_PROFILE");
	write_text(".aws/credentials", "[default]\n" KEYS "[one]\naws_access_key_id=ONE\naws_secret_access_key=1\n");
	write_text(".aws/config", "[default]\nregion = eu-west-1\n[profile one]\nregion = eu-west-2\n[profile two]\nregion=eu-west-3\n" KEYS);
	check_read(NULL, "AKID/s3cret//eu-west-1", "the default");
	check_read("", "AKID/s3cret//eu-west-1", "the default");
	check_read("one", "ONE/1//eu-west-2", "named by the key");
	check_read("two", "AKID/s3cret//eu-west-3", "only in config");
	setenv("AWS_PROFILE", "one", 1);
	check_read("", "ONE/1//eu-west-2", "named by the environment");
	check_read("two", "AKID/s3cret//eu-west-3", "the key goes before the environment");
	setenv("AWS_PROFILE", "none", 1);
	check_read(NULL, "profile none is not in ", "a profile that is nowhere");
	setenv("AWS_PROFILE", "", 1);
	check_read(NULL, "AKID/s3cret//eu-west-1", "an empty variable");
	unsetenv("AWS_PROFILE");
	/* What credentials has goes before what config has, and keys are not mixed. */
	write_text(".aws/config", "[default]\naws_access_key_id=C\naws_secret_access_key=c\naws_session_token=ct\nregion=r\n");
	check_read(NULL, "AKID/s3cret//r", "keys in both");
	write_text(".aws/credentials", "[default]\nregion=q\n");
	check_read(NULL, "C/c/ct/q", "keys in config, region in both");
	write_text(".aws/credentials", "[default]\naws_access_key_id=A\n");
	check_read(NULL, "/.aws/credentials: profile default has no secret access key", "half of it");
}

static void foreign_cases(void)
{
	write_text(".aws/credentials", "[default]\n" KEYS);
	write_text(".aws/config", "[default]\nregion=r\nrole_arn = x\nsource_profile=default\n");
	check_read(NULL, "profile default has role_arn, which is not supported", "a role goes before keys");
	write_text(".aws/config", "[default]\nregion=r\ncredential_process=y\nsso_session = x\n");
	check_read(NULL, "AKID/s3cret//r - sso_session", "keys go before the rest");
	unlink(".aws/credentials");
	check_read(NULL, "profile default has sso_session, which is not supported", "without keys");
	write_text(".aws/config", "[default]\ncredential_process=y\n");
	check_read(NULL, "profile default has credential_process, which is not supported", "without keys");
}

static void file_cases(void)
{
	write_text(".aws/config", "[default]\nregion=r\n");
	write_text("c", "[default]\n" KEYS);
	setenv("AWS_SHARED_CREDENTIALS_FILE", "c", 1);
	check_read(NULL, "AKID/s3cret//r", "a file that the environment names");
	setenv("AWS_SHARED_CREDENTIALS_FILE", "~/c", 1);
	check_read(NULL, "AKID/s3cret//r", "below the home directory");
	setenv("AWS_CONFIG_FILE", "none", 1);
	check_read(NULL, "AKID/s3cret//", "a file that is not there");
	setenv("AWS_CONFIG_FILE", ".aws", 1);
	check_read(NULL, ".aws: Is a directory", "no file");
	setenv("AWS_CONFIG_FILE", "c2", 1);
	write_text("c2", "[default]\nregion = a\n\nregion b\n");
	check_read(NULL, "c2:4: key = value", "a broken line");
	unsetenv("AWS_CONFIG_FILE");
	unsetenv("AWS_SHARED_CREDENTIALS_FILE");
	unlink(".aws/config");
	check_read(NULL, "/// not found", "no files");
	check_read("one", "profile one is not in ", "no files");
	check(profile_may_lack(EACCES, false) && !profile_may_lack(EACCES, true), "of a file that is not for us", "");
	setenv("HOME", "", 1);
	check_read(NULL, "/// not found", "no home");
	check_read("one", "profile one is not in any file", "no home");
	unlink("c");
	unlink("c2");
}

int main(void)
{
	char directory[] = "/tmp/dill-profile-XXXXXX";

	if (!mkdtemp(directory) || chdir(directory) || mkdir(".aws", 0700))
		abort();
	setenv("HOME", directory, 1);
	unsetenv("AWS_SHARED_CREDENTIALS_FILE");
	unsetenv("AWS_CONFIG_FILE");
	text_cases();
	name_cases();
	foreign_cases();
	file_cases();
	rmdir(".aws");
	rmdir(directory);
	return check_sum();
}
