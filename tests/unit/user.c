/* Cases for user.c: names and numbers, and files with lines of all kinds. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"

#define USER_FILE "passwd"
#define GROUP_FILE "group"
#include "../../user.c"

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
}

static void finds(const char *text, long uid, long gid)
{
	struct user user;
	const char *why = user_find(text, &user);

	check(!why && (long)user.uid == uid && (long)user.gid == gid, text, why ? why : "another number");
}

static void refuses(const char *text, const char *reason)
{
	struct user user;
	const char *why = user_find(text, &user);

	check(why && strcmp(why, reason) == 0, text, why ? why : "is taken");
}

static void file_cases(void)
{
	put("passwd", "root:x:0:0:root:/root:/bin/bash\n"
	    "+:nis\n# nobody:x:1:1\nbroken:x:-5:1::\nwide:x:4294967295:1::\nshort:x:7\n\n"
	    "dill:x:990:991:a proxy:/:/bin/false\nzero:x:30:0::/:\nlast:x:40:41");
	put("group", "root:x:0:\nwheel:x:0:a,b\ncerts:x:50:dill,web\nlast:x:51:");
	finds("root", 0, 0);
	finds("dill", 990, 991);
	finds("990", 990, 991);
	finds("zero", 30, 0);
	finds("last", 40, 41);
	finds("dill:certs", 990, 50);
	finds("dill:50", 990, 50);
	finds("1234", 1234, 1234);
	finds("1234:certs", 1234, 50);
	finds("1234:77", 1234, 77);
	finds("dill:last", 990, 51);
	finds("2147483647", 2147483647, 2147483647);
}

static void wrong_cases(void)
{
	static const char no_user[] = "names a user that passwd does not have", no_group[] = "names a group that group does not have";

	refuses("", "is not USER or USER:GROUP");
	refuses(":", "is not USER or USER:GROUP");
	refuses(":certs", "is not USER or USER:GROUP");
	refuses("dill:", "is not USER or USER:GROUP");
	refuses("nobody", no_user);
	refuses("broken", no_user);
	refuses("wide", no_user);
	refuses("short", no_user);
	refuses("-5", no_user);
	refuses("4294967295", no_user); /* the number that means "as it is" */
	refuses("x", no_user);
	refuses("DILL", no_user);
	refuses("dill:nosuch", no_group);
	refuses("dill:certs:x", no_group);
	refuses("dill:-1", no_group);
}

static void no_file_cases(void)
{
	unlink("passwd");
	unlink("group");
	finds("990", 990, 990);
	finds("990:991", 990, 991);
	refuses("dill", "names a user that passwd does not have");
	refuses("990:certs", "names a group that group does not have");
}

int main(void)
{
	char folder[] = "/tmp/dill-user.XXXXXX";

	if (!mkdtemp(folder) || chdir(folder) < 0)
		return 1;
	file_cases();
	wrong_cases();
	no_file_cases();
	rmdir(folder);
	return check_sum();
}
