/* service_option: what a service may say beside its listeners and backends. One row an option, in service_option.c: to
 * add one, add it to the enum, to struct service_options and there. */
#ifndef SERVICE_OPTION_H
#define SERVICE_OPTION_H

#include "base.h"
#include "net.h"
#include "socks.h"
#include "sys.h"
#include "text.h"

enum service_option {
	SERVICE_BALANCE, SERVICE_PROXY, SERVICE_PROXY_PROTOCOL, SERVICE_ALLOW, SERVICE_DENY, SERVICE_PORTS, SERVICE_OPTIONS
};

enum service_balance { SERVICE_ROUND_ROBIN, SERVICE_RANDOM, SERVICE_P2C, SERVICE_LEAST_CONN };
extern const char *const service_balance_names[]; /* ends in NULL */

/* What a service's options come to. Texts and networks live in the service's memory. */
struct service_options {
	int balance;            /* enum service_balance; -1: not given */
	int proxy_protocol;     /* version; 0: none */
	struct socks_url proxy; /* host NULL: its backends are reached directly */
	uint16_t ports;         /* of its backends: the first one for each of its listeners; 0: each backend's own */
	bool limited;           /* to the clients of `allow`, even when that is empty */
	struct net_ranges allow, deny;
};
extern const struct service_options service_options_none; /* of a service that says nothing */

/* Whether both ask the same of clients and backends: not of the balance, which is the listener's, nor of the proxy and
 * the ports, which are part of what is dialled. */
bool service_options_equal(const struct service_options *left, const struct service_options *right);
bool service_options_asked(const struct service_options *options); /* whether they ask for anything of these */

int service_option_find(struct slice name); /* -1: there is none of that name */
const char *service_option_name(int option);
const char *service_option_accepted(int option); /* what may be given, in words */
/* A service with this wrong value would be routed otherwise than it must be: it is not routed at all. */
bool service_option_vital(int option, const char *value);

bool service_option_is_list(int option);
/* The value as a service keeps it, in the arena: without white space around it, and around the elements of a list. */
const char *service_option_tidy(int option, struct slice value, struct arena *memory);
/* Reads a value into *out. Returns NULL or the reason, in words that follow it; *out is then as before. */
const char *service_option_parse(int option, const char *value, struct arena *memory, struct service_options *out);
/* The value as it may be shown: without a password. */
void service_option_mask(int option, const char *value, struct buf *out);

#endif
