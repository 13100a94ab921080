#include "base.h"
#include "power.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#if defined(__linux__)
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif
#include <unistd.h>

#include "log.h"
#include "net.h"
#include "service.h"
#include "source.h"
#include "sources.h"
#include "user.h"

#define LOW_PORTS 1024

/* Whether a port below 1024 may be asked for. */

static bool is_low(const char *where)
{
	struct slice host;
	uint16_t port;

	return *where && !net_split(slice_of(where), &host, &port) && port < LOW_PORTS;
}

static bool list_asks_low(const struct service_list *list)
{
	for (size_t i = 0; list && i < list->count; i++)
		for (size_t k = 0; k < list->items[i]->wish_count; k++)
			if (!list->items[i]->wishes[k].why && list->items[i]->wishes[k].port < LOW_PORTS)
				return true;
	return false;
}

/* What the operator has written names addresses, to which listeners.port_min does not apply. */
static bool sources_ask_low(const struct config *config)
{
	struct buf why = { 0 };
	bool low = list_asks_low(config->given);

	for (size_t i = 0; i < source_count && !low; i++)
		if (config->uses[i] && sources[i]->read) {
			struct service_list *list = sources[i]->read(config->tables[1 + i].values, &why);

			low = list && list->trusted && list_asks_low(list);
			service_list_unref(list);
		}
	buf_free(&why);
	return low;
}

static bool asks_low(const struct config *config)
{
	return config->port_min < LOW_PORTS || is_low(config->peek_listener) || is_low(config->status_listener) ||
	       sources_ask_low(config);
}

/* Rights of Linux. */

#if defined(__linux__)

#define BIND_LOW 10 /* CAP_NET_BIND_SERVICE */
#define CALL_VERSION 0x20080522u /* of capget() and capset(), which libc does not have */

void power_bound(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* None is gained again by what is executed. Who may not say so has none to lose. */
static void bound_capabilities(bool low)
{
	for (int right = 0; right < 64; right++)
		if (!low || right != BIND_LOW)
			prctl(PR_CAPBSET_DROP, right, 0, 0, 0);
}

/* Numbers of 16 bits are what those without the 32 have on some machines. */
#if defined(SYS_setresuid32)
#define CALL_SET_USER SYS_setresuid32
#define CALL_SET_GROUP SYS_setresgid32
#define CALL_SET_GROUPS SYS_setgroups32
#else
#define CALL_SET_USER SYS_setresuid
#define CALL_SET_GROUP SYS_setresgid
#define CALL_SET_GROUPS SYS_setgroups
#endif

/* By number: libc's functions bring what other threads need for it, and there are none. */
static bool set_user(const struct user *user)
{
	return prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0 && syscall(CALL_SET_GROUPS, 1, &user->gid) == 0 &&
	       syscall(CALL_SET_GROUP, user->gid, user->gid, user->gid) == 0 &&
	       syscall(CALL_SET_USER, user->uid, user->uid, user->uid) == 0;
}

/* What there is of the one right, also for the next process of an upgrade. */
static bool set_capabilities(bool low)
{
	struct { uint32_t version; int32_t pid; } head = { CALL_VERSION, 0 };
	struct { uint32_t effective, permitted, inheritable; } sets[2] = { { 0, 0, 0 } };
	uint32_t kept;

	if (syscall(SYS_capget, &head, sets) < 0)
		return false;
	kept = low ? sets[0].permitted & 1u << BIND_LOW : 0;
	memset(sets, 0, sizeof sets);
	sets[0].effective = sets[0].permitted = sets[0].inheritable = kept;
	if (syscall(SYS_capset, &head, sets) < 0)
		return false;
	if (kept)
		prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, BIND_LOW, 0, 0);
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* as any process of that user: it counts its own descriptors in /proc */
	return true;
}

const char *power_version(void)
{
	return "no_new_privs, runtime.user, capabilities";
}

#else

void power_bound(void)
{
}

static void bound_capabilities(bool low)
{
	(void)low;
}

static bool set_user(const struct user *user)
{
	return setgroups(1, &user->gid) == 0 && setgid(user->gid) == 0 && setuid(user->uid) == 0;
}

static bool set_capabilities(bool low)
{
	(void)low;
	return true;
}

const char *power_version(void)
{
	return "runtime.user";
}

#endif

/* Files. */

static bool may_write(const struct config *config, const char *key, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct buf folder = { 0 };
	bool may;

	if (!*path)
		return true;
	if (slash)
		buf_add(&folder, path, slash == path ? 1 : (size_t)(slash - path));
	else
		buf_puts(&folder, ".");
	may = access(folder.data, W_OK | X_OK) == 0;
	if (!may)
		log_complain(LOG_ERROR, "%s: %s: user %s cannot write files in %s: %s", key, path, config->user, folder.data,
		             strerror(errno));
	buf_free(&folder);
	return may;
}

static bool may_write_all(const struct config *config)
{
	bool fine = may_write(config, "state.path", config->state_path);

	if (config->file && access(config->file, R_OK) < 0)
		log_complain(LOG_WARN, "%s: user %s cannot read it, as a reload and an upgrade must: %s", config->file, config->user,
		             strerror(errno));
	return may_write(config, "runtime.pid_file", config->pid_file) && fine;
}

/* The whole. */

static bool become(const struct config *config, bool low)
{
	struct user user;
	const char *why = user_find(config->user, &user);

	if (why) {
		log_complain(LOG_ERROR, "runtime.user: \"%s\" %s", config->user, why);
		return false;
	}
	if (user.uid != geteuid() && geteuid()) {
		log_complain(LOG_ERROR, "runtime.user: only root can become %s, and dill is started by user %ld", config->user,
		             (long)geteuid());
		return false;
	}
	bound_capabilities(low);
	if ((!geteuid() && !set_user(&user)) || !set_capabilities(low)) {
		log_complain(LOG_ERROR, "runtime.user: cannot become %s: %s", config->user, strerror(errno));
		return false;
	}
	return true;
}

bool power_drop(const struct config *config)
{
	return !*config->user || (become(config, asks_low(config)) && may_write_all(config));
}

void power_put(const struct config *config, struct buf *out)
{
	struct user user;

	if (!*config->user || user_find(config->user, &user))
		return;
	if (geteuid() && user.uid != geteuid())
		buf_printf(out, "# runtime.user: only root can become %s, and user %ld would not start", config->user,
		           (long)geteuid());
	else
		buf_printf(out, "# runtime.user: dill runs as user %ld%s", (long)user.uid,
		           asks_low(config) ? ", and keeps CAP_NET_BIND_SERVICE for ports below 1024" : ", without any capability");
}
