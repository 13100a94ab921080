#!/bin/bash
# Makes the certificates that tests of TLS need, in DIRECTORY: NAME.pem and NAME.key of each.
#
#     tests/tools/certificates.sh DIRECTORY
#
# ca and other are CAs, and inner is one that ca has signed. What they have signed says what it is for.
set -eu
[ $# -eq 1 ] || { echo "usage: certificates.sh DIRECTORY" >&2; exit 2; }
mkdir -p "$1"
cd "$1"
EC=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1)
RSA=(-newkey rsa:2048)

make() { # NAME ARGUMENT...
    local name=$1
    shift
    openssl req -x509 -nodes -days 2 -keyout "$name.key" -out "$name.pem" -subj "/CN=$name.test" "$@" 2>make.log ||
        { cat make.log >&2; exit 1; }
}

signed() { # NAME CA NAMES ARGUMENT...
    local name=$1 ca=$2 names=$3
    shift 3
    make "$name" -CA "$ca.pem" -CAkey "$ca.key" ${names:+-addext "subjectAltName=$names"} -addext basicConstraints=critical,CA:FALSE "$@"
}

make ca "${EC[@]}"
make other "${EC[@]}"
make inner "${EC[@]}" -CA ca.pem -CAkey ca.key -addext basicConstraints=critical,CA:TRUE
signed server ca DNS:localhost,DNS:server.dc1.consul,IP:127.0.0.1,IP:::1 "${EC[@]}"
signed rsa ca DNS:localhost,IP:127.0.0.1 "${RSA[@]}"
signed wildcard ca 'DNS:*.dc1.consul,DNS:w*.dc1.test' "${EC[@]}"
signed elsewhere ca DNS:elsewhere.test,IP:10.1.2.3 "${EC[@]}"
signed nameless ca '' "${EC[@]}" -subj /CN=localhost
openssl req -nodes "${EC[@]}" -keyout expired.key -out expired.csr -subj /CN=expired.test 2>make.log
echo subjectAltName=DNS:localhost,IP:127.0.0.1 |
    openssl x509 -req -in expired.csr -CA ca.pem -CAkey ca.key -days -1 -extfile /dev/stdin -out expired.pem 2>make.log
signed stranger other DNS:localhost,IP:127.0.0.1 "${EC[@]}"
signed leaf inner DNS:localhost,IP:127.0.0.1 "${EC[@]}"
signed client-ec ca '' "${EC[@]}"
signed client-rsa ca '' "${RSA[@]}"
signed client-other other '' "${EC[@]}"
cat leaf.pem inner.pem >chain.pem
cp leaf.key chain.key
cat client-ec.pem client-ec.key >client-both.pem
openssl pkey -in client-ec.key -aes256 -passout pass:secret -out client-locked.key
mkdir -p folder
cp ca.pem "folder/a name that is no hash"
echo nothing >folder/README
mkdir -p empty
rm make.log expired.csr
