/* zone: the interface that a link-local address belongs to, `eth0` in fe80::1%eth0. Systems know it by a number, which is
 * another one when the interface is made anew: so an address out of a text keeps the name, as a number of our own that no
 * interface has, and the system's is looked up at each use. Any thread. */
#ifndef ZONE_H
#define ZONE_H

#include "base.h"

#include <net/if.h>

/* Of our own; 0: there is no interface of that name. `keep`: the operator has written it, so it need not exist yet. A
 * stranger's name that does not exist takes no place, or a few hundred of them would leave none for others. */
uint32_t zone_number(const char *name, bool keep);
bool zone_named(uint32_t number);       /* one of ours */
bool zone_name(uint32_t number, char out[IF_NAMESIZE]); /* of either; false: there is no such interface */
uint32_t zone_index(uint32_t number);   /* of either the system's; 0: there is no such interface now */

#endif
