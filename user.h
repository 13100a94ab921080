/* user: who a process is to be, as runtime.user has it. */
#ifndef USER_H
#define USER_H

#include "base.h"

#include <sys/types.h>

struct user {
	uid_t uid;
	gid_t gid;
};

/* NAME or a number, and after a colon a group likewise: without it that of /etc/passwd, or the user's number where that
 * file does not have it. NULL or the reason, in words that follow the text. */
const char *user_find(const char *text, struct user *out);

#endif
