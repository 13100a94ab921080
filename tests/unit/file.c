/* Cases for file.c: when a file is read once more. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>

#include "capture.h"
#include "check.h"
#include "../../file.c"

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		abort();
}

static bool once_more(struct file *file)
{
	load_file(file);
	return file->again_at;
}

static void ring_nobody(void *arg)
{
	(void)arg;
}

/* The file has always just been written: no clock that somebody may set decides. */
static void once_more_cases(const char *path)
{
	struct source source = { .kind = &file_kind };
	struct file file = { .source = &source, .path = path, .bell = -1, .target = -1 };
	struct mailbox box;

	mailbox_open(&box, 1, ring_nobody, NULL);
	source.box = &box;
	check(once_more(&file), "the first reading", "may have come too early");
	check(!once_more(&file), "the second one", "is not followed by another");
	write_file(path, "{\"services\":[]}\n");
	check(once_more(&file) && !once_more(&file), "a change", "is read twice");
	unlink(path);
	check(once_more(&file) && once_more(&file), "a file that is gone", "is looked for again");
	write_file(path, "{}");
	check(once_more(&file) && !once_more(&file), "one that is back", "is read twice");
	manifest_forget(&file.document);
	buf_free(&file.error);
	mailbox_close(&box);
}

int main(void)
{
	char path[] = "/tmp/dill-unit-XXXXXX.json";
	int fd = mkstemps(path, 5);
	struct capture capture;
	struct buf said = { 0 };

	if (fd < 0)
		return 1;
	close(fd);
	write_file(path, "{}");
	capture_start(&capture);
	once_more_cases(path);
	capture_end(&capture, &said);
	unlink(path);
	buf_free(&said);
	return check_sum();
}
