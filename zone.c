#include "base.h"
#include "zone.h"

#include <pthread.h>
#include <string.h>

#define ZONES_MAX 256 /* strangers may name some, too */
#define ZONE_OURS 0x80000000u /* numbers of the system are positive */

static struct {
	pthread_mutex_t lock; /* over the count; names stay as they are */
	uint32_t count;
	char names[ZONES_MAX][IF_NAMESIZE];
} zones = { .lock = PTHREAD_MUTEX_INITIALIZER };

static bool zone_is_name(const char *name)
{
	size_t len = strlen(name);

	for (const char *p = name; *p; p++)
		if (*p <= ' ' || *p == 0x7f || strchr("/:%[]", *p))
			return false;
	return len && len < IF_NAMESIZE;
}

uint32_t zone_number(const char *name)
{
	uint32_t at = 0, number = 0;

	if (!zone_is_name(name))
		return 0;
	pthread_mutex_lock(&zones.lock);
	while (at < zones.count && strcmp(zones.names[at], name) != 0)
		at++;
	if (at == zones.count && at < ZONES_MAX)
		strcpy(zones.names[zones.count++], name);
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
	strcpy(out, zones.names[number & ~ZONE_OURS]);
	return true;
}

uint32_t zone_index(uint32_t number)
{
	return zone_named(number) ? if_nametoindex(zones.names[number & ~ZONE_OURS]) : number;
}
