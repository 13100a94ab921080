/* admit: what a service may have: the rule that each wish passes, or fails. Options are judged where they are read, see
 * service_option.h. */
#ifndef ADMIT_H
#define ADMIT_H

#include "base.h"
#include "net.h"
#include "option.h"
#include "service.h"
#include "sys.h"

struct admit_rules {
	const struct option_labels *labels; /* listeners.allowed; borrowed */
	long port_min, port_max;
	struct net_ranges allow; /* listeners.allow; borrowed. None: everybody */
};

/* Why something is refused. The texts live in the arena that was given, or with the service. */
struct admit_refusal {
	const char *rule;     /* a word: the key or option that says no */
	const char *why;
	const char *accepted; /* what would be */
};

/* A wish is label:port, or from the operator (trusted) address:port. True and the address, or false and why. */
bool admit_wish(const struct admit_rules *rules, const struct wish *wish, bool trusted, struct arena *memory,
                struct net_addr *out, struct admit_refusal *no);
struct admit_refusal admit_setting(const struct service_setting *setting); /* of one whose value is wrong */

/* -t: the services of a list, and what admission says to each wish and option, on stdout. */
void admit_print(const struct admit_rules *rules, const struct service_list *list);

#endif
