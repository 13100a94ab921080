/* xml: walks over the elements and texts of a small XML document, all of which is there. Comments, processing
 * instructions and attributes are passed over. What asks for more than that (DOCTYPE, CDATA, other entities than the
 * five and numbers, more than XML_DEPTH levels) is refused, as is a document that is not well-formed and whole. */
#ifndef XML_H
#define XML_H

#include "base.h"
#include "text.h"

#define XML_DEPTH 32

enum xml_event {
	XML_OPEN,  /* an element begins: name, depth */
	XML_TEXT,  /* what stands between two tags, whole: text. Nothing but blanks is no text */
	XML_CLOSE, /* the element of that name and depth ends */
	XML_END,   /* the document is complete */
	XML_BROKEN /* why */
};

struct xml {
	const char *at, *end;   /* borrowed */
	struct slice name;      /* of the element that the event is about, without prefix; borrowed */
	unsigned depth;         /* of that element: the root's is 1 */
	struct buf text;        /* UTF-8, entities decoded */
	const char *why;        /* of XML_BROKEN */
	struct slice open[XML_DEPTH]; /* names of open elements, as they are written */
	bool rooted; /* the root has begun */
	bool empty;  /* <name/>: its end comes next */
	bool closed; /* the element of the last event has ended */
};

void xml_open(struct xml *xml, const char *text, size_t len);
enum xml_event xml_next(struct xml *xml);
void xml_close(struct xml *xml); /* text goes */

#endif
