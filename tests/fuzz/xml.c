/* libFuzzer target for xml.c: what is opened is closed, in order; no byte outside the text is looked at; what is accepted is
 * not accepted without its last tag. */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "xml.h"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

static bool is_inside(const struct xml *xml, const char *text, size_t size)
{
	return xml->name.len && xml->name.at >= text && xml->name.at + xml->name.len <= text + size;
}

/* Returns whether the text is accepted. */
static bool walk(const char *text, size_t size)
{
	struct slice open[XML_DEPTH];
	unsigned depth = 0, texts = 0;
	enum xml_event event;
	struct xml xml;

	xml_open(&xml, text, size);
	while ((event = xml_next(&xml)) < XML_END) {
		MUST(is_inside(&xml, text, size));
		texts = event == XML_TEXT ? texts + 1 : 0;
		if (event == XML_OPEN) {
			MUST(depth < XML_DEPTH && xml.depth == depth + 1);
			open[depth++] = xml.name;
			continue;
		}
		MUST(depth && xml.depth == depth && texts < 2);
		MUST(xml.name.len == open[depth - 1].len && memcmp(xml.name.at, open[depth - 1].at, xml.name.len) == 0);
		MUST(event != XML_TEXT || slice_trim((struct slice){ xml.text.data, xml.text.len }).len);
		depth -= event == XML_CLOSE;
	}
	MUST(xml_next(&xml) == event);
	MUST((event == XML_BROKEN) == !!xml.why && (event == XML_BROKEN || !depth));
	xml_close(&xml);
	return event == XML_END;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1); /* so that a byte too far is seen */
	size_t last = size;

	if (size)
		memcpy(copy, data, size);
	if (walk(copy, size)) {
		while (last && copy[last - 1] != '<')
			last--;
		/* The last one may be a comment's. */
		MUST(last && (!walk(copy, last - 1) || copy[last] == '!' || copy[last] == '?' || memmem(copy, size, "<!", 2) ||
		              memmem(copy, size, "<?", 2)));
	}
	free(copy);
	return 0;
}
