#!/bin/bash
# A function of a file of cases on a host of its own: in a network, mount and process namespace. Run by own_host (tests/lib.sh).
#
#     unshare -n -m -p -f --kill-child --mount-proc tests/tools/own_host.sh FILE FUNCTION
#
# The words of cases have their meaning here, too; of what test.sh starts (A, B, Consul) nothing can be reached.
set -u
export LC_ALL=C.UTF-8
PATH=$PATH:/usr/sbin:/sbin
# shellcheck source=tests/lib.sh
. "$TOP/tests/lib.sh"
# shellcheck source=/dev/null
. "$1"
trap 'end_case $?' EXIT
PEEK=2323
ip link set lo up || fail "cannot use the loopback interface of a network namespace"
"$2"
