/* Cases for pid_file.c and whole_file.c: whose number stands there, when it goes, and what lies in the way. */
#include "base.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/sysmacros.h>
#endif
#include <unistd.h>

#include "check.h"

static long number = 4711;
#define getpid() ((pid_t)number)
#include "../../pid_file.c"
#include "../../whole_file.c"

static bool file_is(const char *path, const char *text)
{
	char found[64] = "";
	FILE *file = fopen(path, "r");

	if (!file)
		return !*text;
	found[fread(found, 1, sizeof found - 1, file)] = '\0';
	fclose(file);
	return *text && strcmp(found, text) == 0;
}

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
}

static void pid_cases(void)
{
	struct stat info;

	pid_file_remove();
	check(!pid_file_set(""), "no file", "is fine");
	check(!pid_file_set("pid") && file_is("pid", "4711\n"), "the number", "is there");
	check(stat("pid", &info) == 0 && (info.st_mode & 0777) == 0644, "everybody", "may read it");
	check(!pid_file_set("pid") && file_is("pid", "4711\n"), "once more", "changes nothing");
	check(!pid_file_set("other") && file_is("other", "4711\n") && file_is("pid", ""), "another one", "and the first goes");
	check(pid_file_set("none/pid") == ENOENT && file_is("other", "4711\n"), "one that cannot be written", "changes nothing");
	number = 4712; /* the next process */
	check(!pid_file_set("other") && file_is("other", "4712\n"), "another process", "takes it");
	number = 4711;
	pid_file_remove();
	check(file_is("other", "4712\n"), "that of another process", "stays");
	number = 47;
	check(!pid_file_set("other"), "a shorter", "number");
	put("other", "4711\n");
	pid_file_remove();
	check(file_is("other", "4711\n"), "a longer number that begins alike", "is another");
	check(!pid_file_set("other") && !pid_file_set("") && file_is("other", ""), "none any more", "removes it");
	pid_file_remove();
}

/* What others have left at the place of the temporary file. */
static void link_cases(void)
{
	put("victim", "mine");
	check(symlink("victim", "pid.new") == 0, "a link", "");
	check(!pid_file_set("pid") && file_is("pid", "47\n") && file_is("victim", "mine"), "a link", "is not followed");
	check(symlink("victim", "pid2") == 0 && !pid_file_set("pid2") && file_is("victim", "mine"), "a link as the file", "is replaced");
	check(mkdir("pid3.new", 0700) == 0 && pid_file_set("pid3") == EEXIST, "a folder", "is an error");
	pid_file_remove();
	check(mkdir("pid4", 0700) == 0 && pid_file_set("pid4") == EISDIR && access("pid4.new", F_OK) < 0, "a folder as the file", "too");
}

/* Of /dev/null's kind, where this user can make one. */
static void device_cases(void)
{
#ifdef __linux__
	struct stat info;
	bool made = mknod("pid6", S_IFCHR | 0600, makedev(1, 3)) == 0;

	check(made || geteuid() != 0, "a device", "");
	if (made)
		check(pid_file_set("pid6") == EPERM && stat("pid6", &info) == 0 && S_ISCHR(info.st_mode), "a device", "stays");
	unlink("pid6");
#endif
}

int main(void)
{
	char directory[] = "/tmp/dill-pid-XXXXXX";

	if (!mkdtemp(directory) || chdir(directory))
		abort();
	pid_cases();
	link_cases();
	device_cases();
	unlink("victim");
	unlink("pid");
	unlink("pid2");
	rmdir("pid3.new");
	rmdir("pid4");
	rmdir(directory);
	return check_sum();
}
