/* What a test makes the program print on stderr, so that it can be looked at. */
#ifndef CAPTURE_H
#define CAPTURE_H

#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "text.h"

struct capture {
	int old;
	FILE *file;
};

static inline void capture_start(struct capture *capture)
{
	fflush(stderr);
	capture->old = dup(STDERR_FILENO);
	capture->file = tmpfile();
	if (!capture->file || dup2(fileno(capture->file), STDERR_FILENO) < 0)
		abort();
}

/* All of it, in *out. */
static inline void capture_end(struct capture *capture, struct buf *out)
{
	char bytes[4096];
	size_t len;

	fflush(stderr);
	dup2(capture->old, STDERR_FILENO);
	close(capture->old);
	rewind(capture->file);
	out->len = 0;
	buf_puts(out, "");
	while ((len = fread(bytes, 1, sizeof bytes, capture->file)))
		buf_add(out, bytes, len);
	fclose(capture->file);
}

#endif
