#!/usr/bin/env python3
"""Verifies Signature Version 4 of requests as they came, for fake_aws.py.

    sigv4.py        proves itself by the published vectors, and says how many

Nothing here knows how a client signs: a request is taken apart, what its Authorization promises is computed anew, and
compared.
"""

import calendar
import hashlib
import hmac
import re
import sys
import time
import urllib.parse

CLOCK_MAY_DIFFER = 300


class Refusal(Exception):
    """What is wrong with a request: the name of the error for a JSON service, that for an XML service, and words."""

    def __init__(self, json_name, xml_name, words):
        super().__init__(words)
        self.json_name, self.xml_name, self.words = json_name, xml_name, words


class Request:
    """One request: `headers` is a list of (name, value) in the order and the case of the bytes."""

    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        self.path, _, self.query = target.partition("?")

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name, otherwise=""):
        return (self.all(name) or [otherwise])[0]


def seal(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signing_key(secret, day, region, service):
    return seal(seal(seal(seal(b"AWS4" + secret.encode(), day), region), service), "aws4_request")


def canonical_query(query):
    def coded(text):
        return urllib.parse.quote(urllib.parse.unquote_plus(text), safe="-_.~")
    pairs = [part.partition("=") for part in query.split("&") if part]
    return "&".join("=".join(pair) for pair in sorted((coded(name), coded(value)) for name, _, value in pairs))


def canonical(request, signed):
    """The request in AWS's one spelling; `signed` are the names in its Authorization, as they stand there."""
    lines = [request.method, urllib.parse.quote(request.path, safe="/-_.~") or "/", canonical_query(request.query)]
    for name in signed:
        values = [re.sub(" +", " ", value.strip()) for value in request.all(name)]
        lines.append("%s:%s" % (name, ",".join(values)))
    return "\n".join(lines + ["", ";".join(signed), hashlib.sha256(request.body).hexdigest()])


def to_sign(request, signed, stamp, scope):
    text = canonical(request, signed)
    return "\n".join(["AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()])


def seconds(stamp):
    try:
        return calendar.timegm(time.strptime(stamp, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        raise refusal("IncompleteSignature", "Date must be in ISO-8601 'basic format'. Got '%s'." % stamp) from None


def stamp_of(when):
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(when))


def refusal(name, words):
    """By its name: a JSON service and an XML service call the same fault by different ones."""
    names = {"Missing": ("MissingAuthenticationTokenException", "MissingAuthenticationToken"),
             "IncompleteSignature": ("IncompleteSignatureException", "IncompleteSignature"),
             "Signature": ("InvalidSignatureException", "SignatureDoesNotMatch"),
             "Key": ("UnrecognizedClientException", "InvalidClientTokenId"),
             "Expired": ("ExpiredTokenException", "ExpiredToken")}
    return Refusal(*names[name], words)


def promised(request):
    """Key, scope, names of signed headers and signature in Authorization."""
    text = request.one("Authorization")
    if not text:
        raise refusal("Missing", "Request is missing Authentication Token")
    match = re.fullmatch(r"AWS4-HMAC-SHA256 +Credential=([^,\s]+), *SignedHeaders=([^,\s]+), *Signature=([0-9a-f]{64})", text)
    if not match or match[1].count("/") != 4:
        raise refusal("IncompleteSignature", "Authorization header requires 'Credential', 'Signature' and 'SignedHeaders' "
                      "parameters. Authorization=%s" % text.partition(" ")[0])
    key, scope = match[1].split("/", 1)
    return key, scope, match[2].split(";"), match[3]


def check_names(request, signed):
    if signed != sorted(name.lower() for name in signed):
        raise refusal("Signature", "SignedHeaders is not in order")
    must = {name.lower() for name, _ in request.headers}
    for name in sorted(name for name in must if name in ("host", "content-type") or name.startswith("x-amz-")):
        if name not in signed:
            raise refusal("Signature", "'%s' must be a 'SignedHeader' in the AWS Authorization." % name)
    for name in signed:
        if name not in must:
            raise refusal("Signature", "'%s' is a SignedHeader, and is not there" % name)
    if len(request.all("Host")) != 1:
        raise refusal("Signature", "one Host is expected")


def check_scope(scope, stamp, region, service):
    day, given_region, given_service, end = scope.split("/")
    if given_region != region:
        raise refusal("Signature", "Credential should be scoped to a valid region, not '%s'. " % given_region)
    if given_service != service:
        raise refusal("Signature", "Credential should be scoped to correct service: '%s'. " % service)
    if end != "aws4_request" or day != stamp[:8]:
        raise refusal("Signature", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date")


def check_date(stamp, now):
    when, told = seconds(stamp), stamp_of(now)
    if when < now - CLOCK_MAY_DIFFER:
        raise refusal("Signature", "Signature expired: %s is now earlier than %s (%s - 5 min.)" % (
            stamp, stamp_of(now - CLOCK_MAY_DIFFER), told))
    if when > now + CLOCK_MAY_DIFFER:
        raise refusal("Signature", "Signature not yet current: %s is still later than %s (%s + 5 min.)" % (
            stamp, stamp_of(now + CLOCK_MAY_DIFFER), told))


def verify(request, keys, now, region, service):
    """Raises Refusal, or returns the key's id. `keys`: id -> {"secret", "token" or None, "expires" or None}."""
    key, scope, signed, signature = promised(request)
    stamp = request.one("X-Amz-Date")
    check_names(request, signed)
    if key not in keys:
        raise refusal("Key", "The security token included in the request is invalid.")
    check_date(stamp, now)
    check_scope(scope, stamp, region, service)
    text = to_sign(request, signed, stamp, scope)
    wanted = hmac.new(signing_key(keys[key]["secret"], *scope.split("/")[:3]), text.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted, signature):
        raise refusal("Signature", "The request signature we calculated does not match the signature you provided. Check "
                      "your AWS Secret Access Key and signing method.\n\nThe Canonical String for this request should have "
                      "been\n'%s'\n\nThe String-to-Sign should have been\n'%s'\n" % (canonical(request, signed), text))
    if request.one("X-Amz-Security-Token", None) != keys[key]["token"]:
        raise refusal("Key", "The security token included in the request is invalid.")
    if keys[key]["expires"] is not None and now >= keys[key]["expires"]:
        raise refusal("Expired", "The security token included in the request is expired")
    return key


# The published vectors, and those on which three signers agree

FORM = "application/x-www-form-urlencoded"
QUERY = ('{"TableName":"classic-proxy","ConsistentRead":true,"KeyConditionExpression":"proxy_name = :n",'
         '"ExpressionAttributeValues":{":n":{"S":"realtime"}},"ProjectionExpression":"proxy_configuration"}')
CLUSTERS = "Action=DescribeCacheClusters&Version=2015-02-02&CacheClusterId=docker-registry&MaxRecords=100&ShowCacheNodeInfo=true"
TARGET = [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", "DynamoDB_20120810.Query")]
DYNAMODB = "dynamodb.us-east-1.amazonaws.com"
VECTORS = [
    ("GET", "service", "us-east-1", "example.amazonaws.com", [], "",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("POST", "service", "us-east-1", "example.amazonaws.com", [], "",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ("POST", "service", "us-east-1", "example.amazonaws.com", [("Content-Type", FORM)], "Param1=value1",
     "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
    ("POST", "dynamodb", "us-east-1", DYNAMODB, TARGET, QUERY,
     "18f0c499f031d8fb3891b9b2dae71514f2ac6e5ef7a84e2127f735bcb642a405"),
    ("POST", "dynamodb", "us-east-1", DYNAMODB, TARGET + [("X-Amz-Security-Token", "TOKEN")], QUERY,
     "3c58968cf70acfd0cad087a0be08598bd9f541ba8744363c379d2abfa0c75c38"),
    ("POST", "elasticache", "eu-west-1", "elasticache.eu-west-1.amazonaws.com",
     [("Content-Type", FORM + "; charset=utf-8")], CLUSTERS,
     "c46e1b14a69c23f0dd99bb14600535e5d4faae418a3a70e018a263f0f782039f"),
]


def vector(row, signature):
    """A request that claims `signature`, and whether it is believed."""
    method, service, region, host, more, body, _ = row
    stamp = "20150830T123600Z"
    headers = [("Host", host), ("X-Amz-Date", stamp)] + more
    names = ";".join(sorted(name.lower() for name, _ in headers))
    headers.append(("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/%s/%s/%s/aws4_request, SignedHeaders=%s, "
                    "Signature=%s" % (stamp[:8], region, service, names, signature)))
    key = {"secret": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "token": dict(more).get("X-Amz-Security-Token"), "expires": None}
    request = Request(method, "/", headers, body.encode())
    try:
        return verify(request, {"AKIDEXAMPLE": key}, seconds(stamp), region, service) == "AKIDEXAMPLE"
    except Refusal:
        return False


def self_test():
    """Each vector is believed, and with one digit changed it is not."""
    for row in VECTORS:
        right = row[-1]
        wrong = right[:-1] + ("0" if right[-1] != "0" else "1")
        if not vector(row, right) or vector(row, wrong):
            sys.exit("sigv4.py: the vector %s is not verified" % right)
    iam = signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam").hex()
    if iam != "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9":
        sys.exit("sigv4.py: the signing key for iam is %s" % iam)
    return len(VECTORS) + 1


if __name__ == "__main__":
    print("%d vectors" % self_test())
