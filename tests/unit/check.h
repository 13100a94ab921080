/* What unit tests count and say. A new one, tests/unit/NAME.c, is found by tests/all.sh; it looks like this:
 *
 *	#include "base.h"
 *
 *	#include "check.h"
 *	#include "../../url.c"		(the insides it needs; everything else is linked)
 *
 *	int main(void)
 *	{
 *		check(url_is(...), "what it shows", "the input");
 *		return check_sum();
 *	}
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stdio.h>

static int passed, failed;

static inline void check(bool ok, const char *what, const char *text)
{
	ok ? passed++ : failed++;
	if (!ok)
		printf("FAIL %s: %s\n", what, text);
}

/* For main to return. Its line must be the last: tests/all.sh takes the sum from there. */
static inline int check_sum(void)
{
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}

#endif
