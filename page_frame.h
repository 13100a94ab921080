/* page_frame: the page for people without its figures: style, script, links. */
#ifndef PAGE_FRAME_H
#define PAGE_FRAME_H

#include "base.h"
#include "text.h"

extern const char page_frame_policy[]; /* Content-Security-Policy: the page's own script and style, no others */
void page_frame_open(struct buf *out); /* what stands before the figures */
void page_frame_close(struct buf *out);

#endif
