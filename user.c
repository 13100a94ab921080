#include "base.h"
#include "user.h"

#include <string.h>

#include "format.h"
#include "text.h"

#ifndef USER_FILE
#define USER_FILE "/etc/passwd"
#define GROUP_FILE "/etc/group"
#endif

#define NUMBER_MAX 2147483647

/* NAME:PASSWORD:NUMBER:GROUP... is how a line of either file begins. By hand: libc's own functions ask services, too,
 * which a static binary cannot. */
static bool is_line_of(struct slice line, const char *who, long *number, long *group)
{
	struct slice fields[4] = { { NULL, 0 } };
	size_t count = 0;

	while (count < ARRAY_LEN(fields) && slice_next(&line, ':', &fields[count]))
		count++;
	return count == ARRAY_LEN(fields) && (slice_is(fields[0], who) || slice_is(fields[2], who)) &&
	       (!group || !text_number(fields[3], 0, NUMBER_MAX, group)) && !text_number(fields[2], 0, NUMBER_MAX, number);
}

/* group: NULL in the file of groups, which has members there. */
static bool find_line(const char *path, const char *who, long *number, long *group)
{
	struct buf text = { 0 };
	struct slice rest, line;
	bool found = false;

	if (!format_load(path, &text)) {
		rest = (struct slice){ text.data, text.len };
		while (!found && slice_next(&rest, '\n', &line))
			found = is_line_of(line, who, number, group);
	}
	buf_free(&text);
	return found;
}

/* group: see find_line. */
static bool find_number(const char *path, const char *who, long *number, long *group)
{
	if (find_line(path, who, number, group))
		return true;
	if (text_number(slice_of(who), 0, NUMBER_MAX, number))
		return false;
	if (group)
		*group = *number;
	return true;
}

const char *user_find(const char *text, struct user *out)
{
	size_t len = strcspn(text, ":");
	const char *group = text[len] ? text + len + 1 : NULL, *why = NULL;
	long uid = 0, gid = 0;
	struct buf name = { 0 };

	buf_add(&name, text, len);
	if (!len || (group && !*group))
		why = "is not USER or USER:GROUP";
	else if (!find_number(USER_FILE, name.data, &uid, &gid))
		why = "names a user that " USER_FILE " does not have";
	else if (group && !find_number(GROUP_FILE, group, &gid, NULL))
		why = "names a group that " GROUP_FILE " does not have";
	buf_free(&name);
	*out = (struct user){ (uid_t)uid, (gid_t)gid };
	return why;
}
