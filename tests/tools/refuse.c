/* Runs a program under a kernel that refuses some calls, as sandboxes, old kernels and imitations of Linux do.
 *
 *     refuse CALL[@DESCRIPTOR]=ERROR... PROGRAM [ARGUMENT]...
 *
 * CALL is one of the table below, ERROR a name such as EPERM; with @, only the calls for that descriptor are refused. A
 * filter of the kernel's (seccomp), which needs no rights and stays for the program's whole life, does it. Exit status 2:
 * it cannot be done. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ANY (-1)
#define RULES_MAX 16

/* One call; with `arg`, only where that argument (from 0) has this value. */
static const struct call {
	const char *name;
	long number;
	int arg;
	unsigned value;
} calls[] = {
	{ "splice", SYS_splice, ANY, 0 },
	{ "setpipe", SYS_fcntl, 1, 1031 },        /* F_SETPIPE_SZ */
	{ "dupfd", SYS_fcntl, 1, 1030 },          /* F_DUPFD_CLOEXEC */
	{ "accept4", SYS_accept4, ANY, 0 },
	{ "accept", SYS_accept, ANY, 0 },
	{ "epoll_create1", SYS_epoll_create1, ANY, 0 },
	{ "epoll_ctl", SYS_epoll_ctl, ANY, 0 },
#ifdef SYS_epoll_wait
	{ "epoll_wait", SYS_epoll_wait, ANY, 0 },
#endif
	{ "epoll_pwait", SYS_epoll_pwait, ANY, 0 },
	{ "inotify_init1", SYS_inotify_init1, ANY, 0 },
	{ "inotify_add_watch", SYS_inotify_add_watch, ANY, 0 },
	{ "getrandom", SYS_getrandom, ANY, 0 },
	{ "outq", SYS_ioctl, 1, 0x5411 },         /* SIOCOUTQ */
	{ "setsockopt", SYS_setsockopt, ANY, 0 },
	{ "nodelay", SYS_setsockopt, 2, 1 },      /* TCP_NODELAY */
	{ "reuseaddr", SYS_setsockopt, 2, 2 },    /* SO_REUSEADDR */
	{ "keepalive", SYS_setsockopt, 2, 9 },    /* SO_KEEPALIVE */
	{ "oobinline", SYS_setsockopt, 2, 10 },   /* SO_OOBINLINE */
	{ "quickack", SYS_setsockopt, 2, 12 },    /* TCP_QUICKACK */
	{ "linger", SYS_setsockopt, 2, 13 },      /* SO_LINGER */
	{ "user_timeout", SYS_setsockopt, 2, 18 }, /* TCP_USER_TIMEOUT */
	{ "tcp_info", SYS_getsockopt, 2, 11 },    /* TCP_INFO */
	{ "so_error", SYS_getsockopt, 2, 4 },     /* SO_ERROR */
	{ "sndbuf", SYS_getsockopt, 2, 7 },       /* SO_SNDBUF */
};

static const struct {
	const char *name;
	int number;
} errors[] = {
	{ "ENOSYS", ENOSYS }, { "EPERM", EPERM }, { "EACCES", EACCES }, { "EINVAL", EINVAL }, { "EOPNOTSUPP", EOPNOTSUPP },
	{ "ENOMEM", ENOMEM }, { "ENOBUFS", ENOBUFS }, { "EBADF", EBADF }, { "ENETDOWN", ENETDOWN }, { "ENOSPC", ENOSPC },
	{ "ENOPROTOOPT", ENOPROTOOPT }, { "ECONNABORTED", ECONNABORTED }, { "EMFILE", EMFILE },
};

static const struct call *find_call(const char *name, size_t len)
{
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if (strlen(calls[i].name) == len && memcmp(calls[i].name, name, len) == 0)
			return &calls[i];
	return NULL;
}

static int find_error(const char *name)
{
	for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].number;
	return 0;
}

/* One rule as code of the filter: each test that fails jumps behind it. */
static size_t put_rule(struct sock_filter *code, const struct call *call, int error)
{
	unsigned at = offsetof(struct seccomp_data, args) + (call->arg > 0 ? (unsigned)call->arg : 0) * 8;
	size_t n = 0;

	if (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
		at += 4;
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call->number, 0,
	                                         call->arg == ANY ? 1 : 3);
	if (call->arg != ANY) {
		code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, at);
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call->value, 0, 1);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error);
	return n;
}

int main(int argc, char **argv)
{
	struct sock_filter code[RULES_MAX * 5 + 1];
	struct sock_fprog program = { .filter = code };
	size_t n = 0;
	int i;

	for (i = 1; i < argc && i <= RULES_MAX && strchr(argv[i], '='); i++) {
		const char *equals = strchr(argv[i], '=');
		const struct call *found = find_call(argv[i], strcspn(argv[i], "@="));
		int error = find_error(equals + 1);
		struct call call;

		if (!found || !error) {
			fprintf(stderr, "refuse: %s: no such call or error\n", argv[i]);
			return 2;
		}
		call = *found;
		if (strchr(argv[i], '@')) {
			call.arg = 0;
			call.value = (unsigned)atoi(strchr(argv[i], '@') + 1);
		}
		n += put_rule(code + n, &call, error);
	}
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	program.len = (unsigned short)n;
	if (i < argc && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
		execvp(argv[i], argv + i);
	fprintf(stderr, "refuse: %s\n", i < argc ? strerror(errno) : "no program");
	return 2;
}
