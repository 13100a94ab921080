#include "base.h"
#include "token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "text.h"
#include "whole_file.h"

#define TOKEN_MAX 4096

static const char *judge_token(struct slice text)
{
	if (!text.len)
		return "has no token in it";
	return text_controls(text) ? "has a control character in its token" : NULL;
}

/* All of the file, if it is not longer than a token; without white space around it. */
static const char *read_token(int fd, struct buf *text)
{
	char bytes[TOKEN_MAX + 1];
	struct slice token;
	const char *why;
	size_t len = 0;
	ssize_t n;

	do {
		n = read(fd, bytes + len, sizeof bytes - len);
		len += n > 0 ? (size_t)n : 0;
	} while ((n > 0 && len < sizeof bytes) || (n < 0 && errno == EINTR));
	if (n < 0)
		return strerror(errno);
	if (len > TOKEN_MAX)
		return "is longer than 4096 bytes, which no token is";
	token = slice_trim((struct slice){ bytes, len });
	why = judge_token(token);
	if (!why)
		buf_add(text, token.at, token.len);
	return why;
}

/* *info: of the file that is read. */
static const char *load_token(const char *path, struct buf *text, struct stat *info)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const char *why;

	memset(info, 0, sizeof *info);
	if (fd < 0)
		return strerror(errno);
	if (fstat(fd, info) < 0)
		why = strerror(errno);
	else
		why = S_ISREG(info->st_mode) ? read_token(fd, text) : "is no regular file";
	close(fd);
	return why;
}

const char *token_file_check(const char *path)
{
	struct buf text = { 0 };
	struct stat info;
	const char *why = load_token(path, &text, &info);

	buf_free(&text);
	return why;
}

static void say_failed(struct token_file *token, const char *why)
{
	if (!token->failed)
		log_warn("%s: %s: %s; %s", token->key, token->path, why,
		         token->text.len ? "keeping the last token" : "there is no token");
	token->failed = true;
}

bool token_file_look(struct token_file *token, bool anyway)
{
	struct buf text = { 0 };
	struct stat info;
	const char *why;
	bool other;

	if (!*token->path || (!anyway && stat(token->path, &info) == 0 && whole_file_same(&token->seen, &info)))
		return false;
	why = load_token(token->path, &text, &token->seen);
	if (why) {
		buf_free(&text);
		say_failed(token, why);
		return false;
	}
	if (token->failed)
		log_info("%s: %s is read again", token->key, token->path);
	token->failed = false;
	other = text.len != token->text.len || memcmp(text.data, token->text.data, text.len) != 0;
	buf_free(&token->text);
	token->text = text;
	return other;
}

void token_file_close(struct token_file *token)
{
	buf_free(&token->text);
}
