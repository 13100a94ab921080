#include "base.h"
#include "aws_profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"

static const struct file {
	const char *variable, *name;
} files[] = {
	[AWS_PROFILE_CREDENTIALS] = { "AWS_SHARED_CREDENTIALS_FILE", "credentials" },
	[AWS_PROFILE_CONFIG] = { "AWS_CONFIG_FILE", "config" },
};

/* What one file says of the profile. */
struct section {
	struct slice id, secret, token, region; /* borrowed */
	const char *role, *process; /* how else the profile gets credentials: instead of keys, and when it has none */
	bool found;
};

static struct slice section_quotes(struct slice text)
{
	if (text.len < 2 || !strchr("\"'", text.at[0]) || text.at[text.len - 1] != text.at[0])
		return text;
	return slice_first(slice_skip(text, 1), text.len - 2);
}

/* `head`: what stands between the brackets. */
static bool section_is(struct slice head, enum aws_profile_file file, const char *name)
{
	if (file == AWS_PROFILE_CONFIG && !slice_is(head, "default")) {
		if (!slice_starts(head, "profile ") && !slice_starts(head, "profile\t"))
			return false;
		head = slice_trim(slice_skip(head, strlen("profile ")));
	}
	return slice_is(section_quotes(head), name);
}

/* Without the comment behind it, which begins behind a blank. */
static struct slice section_comment(struct slice text)
{
	for (size_t i = 1; i < text.len; i++)
		if (strchr("#;", text.at[i]) && text.at[i] && strchr(" \t", text.at[i - 1]) && text.at[i - 1])
			return slice_trim(slice_first(text, i));
	return slice_trim(text);
}

static void section_key(struct section *section, struct slice key, struct slice value)
{
	const struct {
		const char *name;
		struct slice *value;
	} keys[] = {
		{ "aws_access_key_id", &section->id }, { "aws_secret_access_key", &section->secret },
		{ "aws_session_token", &section->token }, { "region", &section->region },
	};

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (slice_is_nocase(key, keys[i].name))
			*keys[i].value = value;
	if (slice_is_nocase(key, "role_arn"))
		section->role = "role_arn";
	else if (slice_is_nocase(key, "sso_session") || slice_is_nocase(key, "sso_start_url"))
		section->process = "sso_session";
	else if (slice_is_nocase(key, "credential_process") && !section->process)
		section->process = "credential_process";
}

/* *mine: the line is in the profile's section. */
static const char *section_line(struct section *section, enum aws_profile_file file, struct slice text,
                                const char *name, bool *mine)
{
	const char *mark;

	if (slice_starts(text, "[")) {
		mark = memchr(text.at, ']', text.len);
		if (!mark)
			return "']' expected behind a section's name";
		*mine = section_is(slice_trim(slice_between(text.at + 1, mark)), file, name);
		section->found |= *mine;
		return NULL;
	}
	if (!*mine)
		return NULL; /* what others have there is their business */
	mark = memchr(text.at, '=', text.len);
	if (!mark)
		return "key = value or [section] expected";
	section_key(section, slice_trim(slice_between(text.at, mark)),
	            section_comment(slice_between(mark + 1, text.at + text.len)));
	return NULL;
}

/* A line that is indented more than the key above it belongs to that key's value, which is none of those read here. */
static const char *section_read(struct section *section, enum aws_profile_file file, struct slice rest,
                                const char *name, long *line)
{
	size_t most = SIZE_MAX; /* how far a line may be indented */
	const char *why = NULL;
	bool mine = false;

	for (*line = 1; rest.len && !why; ++*line) {
		const char *end = memchr(rest.at, '\n', rest.len);
		struct slice whole = slice_first(rest, end ? (size_t)(end - rest.at) : rest.len), text = slice_trim(whole);
		size_t indent = (size_t)(text.at - whole.at);

		rest = slice_skip(rest, whole.len + (end ? 1 : 0));
		if (!text.len || slice_starts(text, "#") || slice_starts(text, ";") || indent > most)
			continue;
		why = section_line(section, file, text, name, &mine);
		most = slice_starts(text, "[") ? SIZE_MAX : indent;
		if (why)
			return why;
	}
	*line = 0;
	return NULL;
}

const char *aws_profile_parse(struct aws_profile *profile, enum aws_profile_file file, struct slice text,
                              const char *name, long *line)
{
	struct section section = { 0 };
	const char *why = section_read(&section, file, text, name, line);
	struct aws_found *keys = &profile->keys;

	if (why)
		return why;
	profile->found |= section.found;
	profile->role = profile->role ? profile->role : section.role;
	profile->process = profile->process ? profile->process : section.process;
	if (!profile->region.len)
		aws_found_put(&profile->region, section.region);
	if (keys->id.len || (!section.id.len && !section.secret.len && !section.token.len))
		return NULL;
	aws_found_put(&keys->id, section.id);
	aws_found_put(&keys->secret, section.secret);
	aws_found_put(&keys->token, section.token);
	return aws_found_check(keys);
}

void aws_profile_free(struct aws_profile *profile)
{
	aws_found_free(&profile->keys);
	buf_free(&profile->region);
	buf_free(&profile->files);
	buf_free(&profile->why);
}

static void profile_home(struct buf *path, const char *rest)
{
	const char *home = getenv("HOME");

	if (home && *home)
		buf_printf(path, "%s%s", home, rest);
}

/* Appends the file's path: nothing, when nobody says where it is. True: the operator has named it. */
static bool profile_path(const struct file *file, struct buf *path)
{
	const char *given = getenv(file->variable);

	if (given && given[0] == '~' && given[1] == '/')
		profile_home(path, given + 1);
	else if (given && *given)
		buf_puts(path, given);
	else
		profile_home(path, "/.aws/");
	if (path->len && (!given || !*given))
		buf_puts(path, file->name);
	return given && *given;
}

static const char *profile_fail(struct aws_profile *profile, const char *path, long line, const char *name,
                                const char *why)
{
	profile->why.len = 0;
	buf_puts_visible(&profile->why, "", path);
	if (line)
		buf_printf(&profile->why, ":%ld: ", line);
	else if (name)
		buf_puts_visible(&profile->why, ": profile ", name);
	buf_puts(&profile->why, line ? "" : name ? " " : ": ");
	buf_puts(&profile->why, why);
	return profile->why.data;
}

/* A file that nobody has named need not be there, nor be for our eyes. */
static bool profile_may_lack(int error, bool given)
{
	return error == ENOENT || error == ENOTDIR || (error == EACCES && !given);
}

static const char *profile_file(struct aws_profile *profile, enum aws_profile_file file, const char *name)
{
	struct buf path = { 0 }, text = { 0 };
	bool given = profile_path(&files[file], &path);
	const char *why = NULL;
	long line = 0;
	int error;

	if (!path.len)
		return NULL;
	buf_puts(&profile->files, profile->files.len ? " and " : "");
	buf_visible(&profile->files, path.data, path.len);
	error = format_load(path.data, &text);
	if (!error)
		why = aws_profile_parse(profile, file, (struct slice){ text.data, text.len }, name, &line);
	else if (!profile_may_lack(error, given))
		why = strerror(error);
	if (why)
		why = profile_fail(profile, path.data, line, error ? NULL : name, why);
	buf_free(&path);
	buf_free(&text);
	return why;
}

static const char *profile_judge(struct aws_profile *profile, const char *name, bool given)
{
	const char *foreign = profile->role ? profile->role : profile->keys.id.len ? NULL : profile->process;

	if (!foreign && (profile->found || !given))
		return NULL;
	profile->why.len = 0;
	buf_puts_visible(&profile->why, "profile ", name);
	if (foreign)
		buf_printf(&profile->why, " has %s, which is not supported: give it keys, or use web identity or an endpoint",
		           foreign);
	else
		buf_printf(&profile->why, " is not in %s", profile->files.len ? profile->files.data : "any file");
	return profile->why.data;
}

const char *aws_profile_read(struct aws_profile *profile, const char *name)
{
	const char *given = name && *name ? name : getenv("AWS_PROFILE"), *why;

	name = given && *given ? given : "default";
	why = profile_file(profile, AWS_PROFILE_CREDENTIALS, name);
	if (!why)
		why = profile_file(profile, AWS_PROFILE_CONFIG, name);
	return why ? why : profile_judge(profile, name, given && *given);
}
