#include "base.h"
#include "zone.h"

#include <pthread.h>
#include <string.h>

#include "sys.h"

#define ZONES_MAX 256 /* of interfaces that exist, and may be made anew under other names again and again */
#define ZONE_OURS 0x80000000u /* numbers of the system are positive */

static struct {
	pthread_mutex_t lock; /* over the rest */
	uint32_t count;
	size_t cap;
	char (*names)[IF_NAMESIZE]; /* each keeps its place */
} zones = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool zone_is_name(const char *name)
{
	size_t len = strlen(name);

	for (const char *p = name; *p; p++)
		if (*p <= ' ' || *p == 0x7f || strchr("/:%[]", *p))
			return false;
	return len && len < IF_NAMESIZE;
}

uint32_t zone_number(const char *name, bool keep)
{
	uint32_t at = 0, number = 0;

	if (!zone_is_name(name))
		return 0;
	pthread_mutex_lock(&zones.lock);
	while (at < zones.count && strcmp(zones.names[at], name) != 0)
		at++;
	if (at == zones.count && (keep || (at < ZONES_MAX && if_nametoindex(name)))) {
		SYS_GROW(zones.names, zones.count, zones.cap);
		strcpy(zones.names[zones.count++], name);
	}
	if (at < zones.count)
		number = ZONE_OURS | at;
	pthread_mutex_unlock(&zones.lock);
	return number;
}

bool zone_named(uint32_t number)
{
	return number & ZONE_OURS;
}

bool zone_name(uint32_t number, char out[IF_NAMESIZE])
{
	if (!zone_named(number))
		return number && if_indextoname(number, out);
	pthread_mutex_lock(&zones.lock);
	strcpy(out, zones.names[number & ~ZONE_OURS]);
	pthread_mutex_unlock(&zones.lock);
	return true;
}

uint32_t zone_index(uint32_t number)
{
	char name[IF_NAMESIZE];

	return zone_named(number) && zone_name(number, name) ? if_nametoindex(name) : number;
}
