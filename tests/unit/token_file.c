/* Cases for token_file.c: what a token is, when the file is read again, and what happens when it cannot be. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "check.h"
#include "../../token_file.c"

static void write_file(const char *path, const char *bytes, size_t len)
{
	FILE *file = fopen(path, "w");

	if (!file || fwrite(bytes, 1, len, file) != len || fclose(file))
		abort();
}

static void write_text(const char *path, const char *text)
{
	write_file(path, text, strlen(text));
}

static void content_cases(void)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *want, *why;
	} files[] = {
		{ "one\n", 4, "one", NULL }, { "one", 3, "one", NULL }, { " \tone\r\n\n", 8, "one", NULL }, { "a b", 3, "a b", NULL },
		{ "", 0, NULL, "has no token" }, { "\n \n", 3, NULL, "has no token" }, { "one\ntwo\n", 8, NULL, "has a control" },
		{ "one\r\nX: y", 9, NULL, "has a control" }, { "o\0e", 3, NULL, "has a control" }, { "o\x7f", 2, NULL, "has a control" },
	};
	char long_one[TOKEN_MAX + 1];

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct buf text = { 0 };
		struct stat info;
		const char *why;

		write_file("t", files[i].bytes, files[i].len);
		why = load_token("t", &text, &info);
		check(!why == !files[i].why && (!why || strstr(why, files[i].why)), why ? why : "read", files[i].bytes);
		check(why || strcmp(text.data, files[i].want) == 0, "the token", files[i].bytes);
		check(!why == !token_file_check("t"), "the same", files[i].bytes);
		buf_free(&text);
	}
	memset(long_one, 'x', sizeof long_one);
	write_file("t", long_one, TOKEN_MAX);
	check(!token_file_check("t"), "the longest", "");
	write_file("t", long_one, TOKEN_MAX + 1);
	check(token_file_check("t"), "too long", "");
	check(strcmp(token_file_check("none"), "No such file or directory") == 0, "none", "");
	check(token_file_check(".") && !mkfifo("fifo", 0600) && strcmp(token_file_check("fifo"), "is no regular file") == 0, "a FIFO", "");
	unlink("fifo");
}

static void check_look(struct token_file *token, bool anyway, bool other, const char *want, const char *what)
{
	check(token_file_look(token, anyway) == other, other ? "another token" : "the same token", what);
	check(strcmp(token->text.data ? token->text.data : "", want) == 0, token->text.data ? token->text.data : "", what);
}

/* Each way to replace a file. */
static void change_cases(void)
{
	struct token_file token = { .key = "k", .path = "t" }, none = { .key = "k", .path = "" };
	struct stat before, after;

	write_text("t", "one\n");
	check_look(&token, true, true, "one", "the first");
	check_look(&token, false, false, "one", "nothing happens");
	check_look(&token, true, false, "one", "nothing happens");
	write_text("t2", "two\n");
	check(!rename("t2", "t"), "renamed", "");
	check_look(&token, false, true, "two", "a file of the same length, renamed");
	write_text("t", "three\n");
	check_look(&token, false, true, "three", "written in place");
	write_text("t2", "three\n");
	check(!stat("t", &before) && !rename("t2", "t") && !stat("t", &after) && before.st_ino != after.st_ino, "another file", "");
	check_look(&token, false, false, "three", "with the same token");
	/* As Kubernetes does it: t -> data/token, data -> directory. */
	check(!mkdir("d1", 0700) && !mkdir("d2", 0700) && !unlink("t") && !symlink("d1", "data") && !symlink("data/t", "t"), "links", "");
	write_text("d1/t", "four\n");
	write_text("d2/t", "five\n");
	check_look(&token, false, true, "four", "a link");
	check(!symlink("d2", "data2") && !rename("data2", "data"), "swapped", "");
	check_look(&token, false, true, "five", "a link that leads elsewhere");
	token_file_close(&token);
	check_look(&none, true, false, "", "no file");
	unlink("t");
	unlink("data");
	unlink("d1/t");
	unlink("d2/t");
	rmdir("d1");
	rmdir("d2");
}

static unsigned count_of(const char *text, const char *part)
{
	unsigned count = 0;

	for (const char *at = text; (at = strstr(at, part)); at++)
		count++;
	return count;
}

static void failure_cases(void)
{
	struct token_file token = { .key = "k", .path = "t" };
	struct capture capture;
	struct buf said = { 0 };

	write_text("t", "s3cret\n");
	capture_start(&capture);
	check_look(&token, true, true, "s3cret", "the first");
	unlink("t");
	check_look(&token, false, false, "s3cret", "it is gone");
	check_look(&token, true, false, "s3cret", "it is gone");
	write_text("t", "");
	check_look(&token, false, false, "s3cret", "it is being written");
	write_text("t", "s3\tcret");
	check_look(&token, false, false, "s3cret", "it is none");
	write_text("t", "oth3r");
	check_look(&token, false, true, "oth3r", "it is there again");
	capture_end(&capture, &said);
	check(count_of(said.data, "warn ") == 1 && count_of(said.data, "t: No such file or directory; keeping the last token") == 1,
	      "said once", said.data);
	check(count_of(said.data, "t is read again") == 1, "said once", said.data);
	check(!strstr(said.data, "s3") && !strstr(said.data, "oth3r"), "no token is shown", said.data);
	token_file_close(&token);
	unlink("t");
	buf_free(&said);
}

int main(void)
{
	char directory[] = "/tmp/dill-token-XXXXXX";

	if (!mkdtemp(directory) || chdir(directory))
		abort();
	content_cases();
	change_cases();
	failure_cases();
	rmdir(directory);
	return check_sum();
}
