#include "base.h"
#include "manifest_variable.h"

#include <string.h>

#include "service_option.h"

/* The length of a field when it is what the name ends in. */
static size_t suffix_of(struct slice name, const char *field)
{
	size_t len = strlen(field), start = name.len - len;

	if (name.len <= len + 1 || name.at[start - 1] != '_')
		return 0;
	for (size_t i = 0; i < len; i++)
		if (name.at[start + i] != (field[i] == '_' ? '_' : field[i] - 32))
			return 0;
	return len;
}

const char *manifest_variable(struct arena *memory, struct slice name)
{
	static const char prefix[] = "SERVICES_";
	static const char *const fields[] = { "name", "listener", "listeners", "backends", "backend" };
	size_t field = 0;
	char *key;

	if (!slice_starts(name, prefix))
		return NULL;
	name = slice_skip(name, sizeof prefix - 1);
	for (size_t i = 0; i < ARRAY_LEN(fields) + SERVICE_OPTIONS; i++) {
		size_t len = suffix_of(name, i < ARRAY_LEN(fields) ? fields[i] : service_option_name((int)(i - ARRAY_LEN(fields))));

		field = len > field ? len : field; /* the longest: PROXY_PROTOCOL */
	}
	if (!field)
		return NULL;
	key = arena_alloc(memory, sizeof prefix + name.len);
	strcpy(key, "services.");
	for (size_t i = 0; i < name.len; i++)
		key[sizeof prefix - 1 + i] = text_lower(name.at[i]);
	key[sizeof prefix - 1 + name.len - field - 1] = '.';
	return key;
}
