#!/usr/bin/env python3
"""Writes the recorded deliveries of Truv, Trulioo and Truval next to this script.

    python3 make.py

Needs Python 3.8 or later and openssl. Every signature is made by openssl and must equal that of Python's hmac module;
nothing here uses the library that is tested with the files. The output is the same, byte for byte, on every run.

The payloads follow the providers' documentation; the people, ids and secrets in them are made up.
"""

import base64
import hashlib
import hmac
import json
import pathlib
import shutil
import struct
import subprocess
import zlib

HERE = pathlib.Path(__file__).parent
MADE_BY = "openssl dgst -sha256 -mac HMAC, the same as Python's hmac; the secrets are made for tests"
NOW = "2026-03-02T09:30:00Z"

# None of these opens anything. They have the shape of real ones: 7e57 is how hexadecimal digits spell "test".
SECRETS = {
    "truv": {
        "current": "sandbox-" + "7e57" * 10,
        "previous": "sandbox-" + "01d07e57" * 5,
        "next": "sandbox-" + "2e87e577" * 5,
        "unknown": "sandbox-" + "bad07e57" * 5,
    },
    "trulioo": {
        "current": "truhook-test-only^current#=$?@_Zq4%&!(,*{}[]|;:'`~+/\\<>.xW9-62",
        "previous": "truhook-test-only^previous#=$?@_Zq4%&!(,*{}[]|;:'~+/\\<>.xW9-62",
        "next": "truhook-test-only^next#=$?@_Zq4%&!(,*{}[]|;:'`~+/\\<>.xW9-62abc",
        "unknown": "truhook-test-only^unknown#=$?@_Zq4%&!(,*{}[]|;:'`~+/\\<>.xW9-62",
    },
    "truval": {
        "current": "whsec_truhook-test-only-current",
        "previous": "whsec_truhook-test-only-previous",
        "next": "whsec_truhook-test-only-next",
        "unknown": "whsec_truhook-test-only-unknown",
    },
}
HEADER = {"truv": "X-WEBHOOK-SIGN", "trulioo": "x-trulioo-signature", "truval": "X-Truval-Signature"}
PREFIX = {"truv": "v1=", "trulioo": "", "truval": "sha256="}
OTHER = {"truv": "truval", "trulioo": "truv", "truval": "trulioo"}


def mac(secret, body):
    key = secret.encode()
    own = hmac.new(key, body, hashlib.sha256).hexdigest()
    out = subprocess.run(
        ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt", "hexkey:" + key.hex(), "-r"],
        input=body, stdout=subprocess.PIPE, check=True,
    ).stdout.split()[0].decode()
    assert out == own, "openssl and Python disagree"
    return out


def sign(provider, body, secret="current", scheme=None):
    return PREFIX[scheme or provider] + mac(SECRETS[provider][secret], body)


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def ident(label, digits=32):
    """An id that is made up and always the same."""
    return hashlib.sha256(("truhook test id " + label).encode()).hexdigest()[:digits]


def uuid(label):
    h = ident(label)
    return "-".join((h[:8], h[8:12], h[12:16], h[16:20], h[20:]))


class Case:
    """One file. What is not given is that of a genuine delivery."""

    def __init__(self, provider, name, about, body, expect="accepted", signature=None, headers=None, extra=(),
                 secrets=("current",), now=None, chunks=None, trailers=()):
        self.provider, self.name, self.about, self.body, self.expect = provider, name, about, body, expect
        self.secrets, self.now, self.chunks, self.trailers = secrets, now, chunks, trailers
        if headers is None:
            headers = [(HEADER[provider], sign(provider, body) if signature is None else signature)]
        self.headers = list(headers) + list(extra)

    def wire(self):
        head = [("Host", "receiver.example"), ("Content-Type", "application/json")]
        if self.provider == "truv":
            head.append(("User-Agent", "Truv-Webhook-Service/2.0"))
        head += self.headers
        body = self.body
        if self.chunks is None:
            head.append(("Content-Length", str(len(body))))
        else:
            head.append(("Transfer-Encoding", "chunked"))
            rest, parts = body, b""
            for size in self.chunks:
                parts += b"%x\r\n%s\r\n" % (len(rest[:size]), rest[:size])
                rest = rest[size:]
            if rest:
                parts += b"%x;last=yes\r\n%s\r\n" % (len(rest), rest)
            body = parts + b"0\r\n" + b"".join(("%s: %s\r\n" % t).encode() for t in self.trailers) + b"\r\n"
        lines = ["POST /webhooks/%s HTTP/1.1" % self.provider] + ["%s: %s" % h for h in head]
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + body

    def write(self):
        lines = ["provider: " + self.provider, "about: " + self.about, "expect: " + self.expect]
        lines.append("now: " + (self.now or NOW))
        for secret in self.secrets:
            name, bounds = (secret, {}) if isinstance(secret, str) else secret
            lines.append("secret: %s %s" % (name, SECRETS[self.provider][name]))
            lines += ["%s: %s %s" % (key, name, value) for key, value in bounds.items()]
        lines.append("made-by: " + MADE_BY)
        path = HERE / self.provider / (self.name + ".http")
        assert not path.exists(), path
        path.write_bytes("\n".join(lines).encode() + b"\n\n" + self.wire())


# --- payloads -------------------------------------------------------------------------------------------------------


def truv_event(kind, **fields):
    event = {
        "webhook_id": ident(kind), "event_type": kind, "event_created_at": "2026-03-02T09:29:58.104233Z",
        "product": "income", "user_id": ident("user"),
    }
    event.update(fields)
    return compact(event)


def truv_events():
    task = {"task_id": ident("task"), "link_id": ident("link"), "data_source": "payroll", "tracking_info": None}
    updated = {"updated_at": "2026-03-02T09:29:58.104251+00:00", "template_id": None}
    yield "task-status-updated", truv_event("task-status-updated", status="done", **task, **updated)
    earlier = {"updated_at": "2026-03-02T09:29:41.733016+00:00", "template_id": None}
    yield "task-status-updated-earlier", truv_event(
        "task-status-updated", webhook_id=ident("task-status-updated-earlier"), status="full_parse", **task, **earlier)
    for kind in ("employment-created", "employment-updated", "profile-created", "profile-updated"):
        yield kind, truv_event(kind, object_id=ident("object"), **task)
    for kind in ("statements", "shifts", "bank-accounts"):
        for what in ("created", "updated"):
            yield "%s-%s" % (kind, what), truv_event(
                "%s-%s" % (kind, what), employment_id=ident("employment"), objects_count=3, template_id=None, **task)
    for kind in ("link-connected", "link-disconnected", "link-deleted"):
        yield kind, truv_event(kind, link_id=ident("link"), data_source="payroll", tracking_info=None)
    order = {"order_id": ident("order"), "order_number": "test-order-17", **updated}
    more = {"employer_id": None, "link_id": None, "data_source": None}
    for kind, status in (("order-created", "pending"), ("order-status-updated", "completed"),
                         ("order-refresh-failed", "completed")):
        yield kind, truv_event(kind, status=status, **order, **more)
    for kind in ("order-finalized", "certification-completed"):
        yield kind, truv_event(kind, **order)
    yield "a-type-of-next-year", truv_event("a-type-of-next-year", some_object={"level": 2}, **task)


def trulioo_event(kind, envelope="EVENT_CALLBACK", retry=0, **fields):
    event = {
        "id": uuid("trulioo " + kind), "token": "truhook-test-only-token", "type": envelope,
        "event": {"type": kind, "ts": 1772443798, "user": "test-user"}, "flowId": ident("flow", 24),
        "userId": ident("trulioo user", 24), "test": True, "retry": retry,
    }
    event.update(fields)
    return compact(event)


def trulioo_events():
    info = {
        "accountName": "Test Account", "accountIdentifier": uuid("account"), "countryCode": "CA",
        "date": "2026-03-02T09:29:58", "transactionId": uuid("transaction"),
        "transactionRecordId": uuid("record"), "userName": "test-user",
    }
    service = {
        "nodeId": "step_" + ident("node", 8), "serviceType": "TRULIOO_DOCV",
        "serviceData": {"timestamp": 1772443797, "serviceStatus": "COMPLETED", "match": True, "transactionInfo": info},
    }
    for kind in ("FLOW_START", "STEP_INIT", "STEP_SUBMIT", "FLOW_END", "ABANDONED"):
        yield kind.lower().replace("_", "-"), trulioo_event(kind)
    for kind in ("SERVICE_INIT", "INTERMEDIATE_EVENT_RECEIVED", "SERVICE_SUBMIT", "INSTANT_SERVICE_SUBMIT",
                 "SERVICE_TIMEOUT"):
        yield kind.lower().replace("_", "-"), trulioo_event(kind, **service)
    for kind in ("MANUALLY_ACCEPTED", "MANUALLY_REJECTED", "MANUALLY_PENDING_REVIEW", "MANUALLY_ABANDONED",
                 "NOTE_ADDED", "TASK_ADDED", "TASK_DONE", "TASK_UNDONE"):
        yield kind.lower().replace("_", "-"), trulioo_event(kind)
    yield "flow-end-retried", trulioo_event("FLOW_END", retry=1)
    yield "flow-start-with-a-blank", trulioo_event("FLOW START")
    yield "a-type-of-next-year", trulioo_event("A_TYPE_OF_NEXT_YEAR", someObject={"level": 2})
    yield "transaction", compact({
        "id": uuid("webhook"), "transactionId": uuid("transaction"), "clientId": "test-client",
        "event": {"type": "DOCUMENT_VERIFICATION", "status": "COMPLETED"}, "error": None})
    yield "transaction-error", compact({
        "id": uuid("webhook of an error"), "transactionId": uuid("transaction"),
        "event": {"type": "DOCUMENT_VERIFICATION", "status": "FAILED"},
        "error": {"code": 2001, "message": "made up for tests"}})


def truval_event(status, check=None, confidence=0.97, **fields):
    event = {
        "job_id": "job_" + ident("truval " + status, 24), "email": "test.person@example.com",
        "valid": status == "deliverable", "status": status, "confidence": confidence, "failed_check": check,
        "disposable": False, "role": False, "free_provider": False, "catch_all": status == "catch_all",
        "smtp_blocked": False, "mx_found": check != "no_mx", "mx_host": "mx.example.com", "suggestion": None,
        "latency_ms": 412,
    }
    event.update(fields)
    return compact(event)


def truval_events():
    yield "deliverable", truval_event("deliverable")
    yield "undeliverable", truval_event("undeliverable", "smtp", 0.91)
    yield "unknown", truval_event("unknown", None, 0.5, smtp_blocked=True)
    yield "catch-all", truval_event("catch_all", None, 0.6)
    yield "invalid-syntax", truval_event("invalid", "syntax", 1, email="test person@example.com", mx_host=None)
    yield "invalid-no-mx", truval_event("invalid", "no_mx", 1, mx_host=None, suggestion="test.person@example.org")
    yield "invalid-disposable", truval_event("invalid", "disposable", 0.99, disposable=True)
    yield "a-status-of-next-year", truval_event("a_status_of_next_year", None, 0.2, some_object={"level": 2})


EVENTS = {"truv": truv_events, "trulioo": trulioo_events, "truval": truval_events}


# --- cases ----------------------------------------------------------------------------------------------------------


def signature_cases(p, body):
    good = sign(p, body)
    prefix, digits = PREFIX[p], good[len(PREFIX[p]):]
    name = HEADER[p]
    forged = prefix + mac(SECRETS[p]["unknown"], body)
    other = OTHER[p]

    def case(label, about, expect, **more):
        return Case(p, label, about, body, expect, **more)

    yield case("header-missing", "no signature header", "missing-signature", headers=[])
    yield case("header-empty", "the signature header has no value", "missing-signature", signature="")
    yield case("header-doubled", "the genuine signature in two equal lines", "duplicate-header",
               headers=[(name, good)] * 2)
    yield case("header-conflicting-genuine-first", "two lines, the first genuine, the second forged",
               "duplicate-header", headers=[(name, good), (name, forged)])
    yield case("header-conflicting-forged-first", "two lines, the first forged, the second genuine",
               "duplicate-header", headers=[(name, forged), (name, good)])
    yield case("header-doubled-other-case", "the header twice, its name in two letter cases", "duplicate-header",
               headers=[(name.upper(), good), (name.lower(), good)])
    yield case("header-joined-by-comma", "two signatures in one line, as a proxy joins lines", "malformed-signature",
               signature=good + ", " + good)
    yield case("header-name-other-case", "names of headers know no letter case (RFC 9110, section 5.1)", "accepted",
               headers=[(name.swapcase(), good)])
    yield case("header-other-provider", "signed under this secret, sent in the header of " + other,
               "missing-signature", headers=[(HEADER[other], sign(p, body, scheme=other))])
    yield case("header-with-underscores", "the name with _ for -, which is another header", "missing-signature",
               headers=[(name.replace("-", "_"), good)])
    yield case("header-too-long", "5 KiB of digits", "header-too-long", signature=prefix + "0" * (5 << 10))

    yield case("signature-other-secret", "a secret that the receiver does not hold", "signature-mismatch",
               signature=forged)
    yield case("signature-other-provider", "the genuine signature that %s would send, in this header" % other,
               "signature-mismatch" if PREFIX[other] == prefix else "malformed-signature",
               signature=sign(other, body))
    yield case("signature-one-bit-off", "the last bit of the genuine signature is turned", "signature-mismatch",
               signature=good[:-1] + "%x" % (int(good[-1], 16) ^ 1))
    yield case("signature-truncated", "the genuine signature less its last byte", "malformed-signature",
               signature=good[:-2])
    yield case("signature-truncated-odd", "the genuine signature less its last digit", "malformed-signature",
               signature=good[:-1])
    yield case("signature-overlong", "the genuine signature and one byte more", "malformed-signature",
               signature=good + "00")
    yield case("signature-twice-in-a-row", "the digits of the genuine signature twice", "malformed-signature",
               signature=good + digits)
    yield case("signature-upper-case", "hex digits of either case are one value", "accepted",
               signature=prefix + digits.upper())
    yield case("signature-not-hex", "the last digit is a g", "malformed-signature", signature=good[:-1] + "g")
    yield case("signature-full-width-digit", "the last digit is U+FF11", "malformed-signature",
               signature=good[:-1] + "\uff11")
    yield case("signature-0x", "the digits begin with 0x", "malformed-signature",
               signature=prefix + "0x" + digits[2:])
    yield case("signature-blank-inside", "a blank before the digits", "malformed-signature",
               signature=(prefix or "sha256=") + " " + digits)
    yield case("signature-quoted", "the signature in quotes", "malformed-signature", signature='"%s"' % good)
    yield case("signature-base64", "the genuine bytes in base64", "malformed-signature",
               signature=prefix + base64.b64encode(bytes.fromhex(digits)).decode())
    yield case("signature-of-nothing", "the signature of an empty body under the genuine secret",
               "signature-mismatch", signature=sign(p, b""))
    yield case("signature-all-zero", "32 zero bytes", "signature-mismatch", signature=prefix + "0" * 64)
    yield case("signature-without-key", "HMAC under the empty key", "signature-mismatch",
               signature=prefix + hmac.new(b"", body, hashlib.sha256).hexdigest())
    yield case("signature-plain-hash", "SHA-256 of the body without any key", "signature-mismatch",
               signature=prefix + hashlib.sha256(body).hexdigest())

    if prefix:
        yield case("prefix-alone", "the prefix and no digits", "malformed-signature", signature=prefix)
        yield case("prefix-missing", "the digits without the prefix", "malformed-signature", signature=digits)
        yield case("prefix-upper-case", "the prefix in capitals", "malformed-signature",
                   signature=prefix.upper() + digits)
        yield case("prefix-doubled", "the prefix twice", "malformed-signature", signature=prefix + good)
        yield case("prefix-other", "the prefix of another version", "malformed-signature",
                   signature={"truv": "v0=", "truval": "sha512="}[p] + digits)
    else:
        yield case("prefix-added", "a prefix where none is documented", "malformed-signature",
                   signature="sha256=" + digits)


def secret_cases(p, body):
    old = sign(p, body, "previous")
    new = sign(p, body, "next")
    current = "current"

    def case(label, about, expect, signature, *secrets):
        return Case(p, label, about, body, expect, signature=signature, secrets=secrets, now=NOW)

    second_before, after, later = "2026-03-02T09:29:59Z", "2026-03-02T09:30:01Z", "2026-03-02T09:30:31Z"
    yield case("secret-rotated", "signed under the previous secret, which is still held", "accepted", old,
               current, "previous")
    yield case("secret-withdrawn", "signed under the previous secret, which is no longer held", "signature-mismatch",
               old, current)
    yield case("secret-in-its-last-second", "the secret ends one second from now", "accepted", old,
               current, ("previous", {"not-after": after}))
    yield case("secret-ends-now", "the end of a window is part of it", "accepted", old,
               current, ("previous", {"not-after": NOW}))
    yield case("secret-expired", "the secret ended one second ago", "key-expired", old,
               current, ("previous", {"not-before": "2025-03-02T00:00:00Z", "not-after": second_before}))
    yield case("secret-begins-now", "the beginning of a window is part of it", "accepted", new,
               current, ("next", {"not-before": NOW}))
    yield case("secret-begins-soon", "the secret begins one second from now, which clocks may differ by", "accepted", new,
               current, ("next", {"not-before": after}))
    yield case("secret-not-yet-valid", "the secret begins 31 seconds from now", "key-not-yet-valid", new,
               current, ("next", {"not-before": later, "not-after": "2027-03-02T00:00:00Z"}))
    yield case("secret-forged-beside-expired", "one secret is expired, and the signature fits none",
               "signature-mismatch", sign(p, body, "unknown"), current, ("previous", {"not-after": second_before}))


def reencoded(body):
    return json.dumps(json.loads(body), indent=2).encode()


def body_cases(p, body):
    good = sign(p, body)

    def genuine(label, about, sent, **more):
        return Case(p, label, about, sent, "accepted", **more)

    def changed(label, about, sent, was=body, **more):
        return Case(p, label, about, sent, "signature-mismatch", signature=sign(p, was), **more)

    yield changed("body-tampered", "one digit changed after signing", body.replace(b"1", b"2", 1))
    yield changed("body-reencoded", "the same JSON in another layout", reencoded(body))
    yield changed("body-newline-added", "a newline after the last byte", body + b"\n")
    yield changed("body-cut", "the last byte is missing, and Content-Length agrees", body[:-1])
    yield changed("body-lost", "the body got lost on the way, and Content-Length agrees", b"")
    yield changed("body-of-another-delivery", "a genuine signature, of other bytes", compact({"job_id": "other"}))
    yield genuine("body-empty", "no body, signed as such", b"")

    latin = body[:-1] + b',"note":"caf\xe9 \xff\xfe \xc3\x28 \xed\xa0\x80"}'
    yield genuine("body-not-utf8", "bytes that are not UTF-8, signed as they are", latin)
    yield changed("body-not-utf8-repaired", "those bytes after a detour through text: U+FFFD",
                  latin.decode("utf-8", "replace").encode(), was=latin)
    bom = b"\xef\xbb\xbf" + body
    yield genuine("body-bom", "a byte order mark, signed as it is", bom)
    yield changed("body-bom-stripped", "the byte order mark was taken off after signing", body, was=bom)
    crlf = reencoded(body).replace(b"\n", b"\r\n") + b"\r\n"
    yield genuine("body-crlf", "lines that end in CRLF, signed as they are", crlf)
    yield changed("body-crlf-to-lf", "CRLF became LF after signing", crlf.replace(b"\r\n", b"\n"), was=crlf)
    nul = body[:-1] + b',"note":"a\x00b"}\x00'
    yield genuine("body-nul", "NUL bytes, signed as they are", nul)
    yield changed("body-nul-cut", "the body ends at the first NUL, as a C string does", nul[:nul.index(b"\x00")],
                  was=nul)
    text = body[:-1] + ',"note":"Zoë \U0001f642 \u2028"}'.encode()
    yield genuine("body-utf8", "letters outside ASCII, an emoji and U+2028", text)
    yield changed("body-utf8-escaped", "those letters escaped after signing",
                  json.dumps(json.loads(text), separators=(",", ":")).encode(), was=text)

    packed = (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x01" + struct.pack("<HH", len(body), 0xFFFF ^ len(body)) + body
              + struct.pack("<II", zlib.crc32(body), len(body)))
    yield genuine("body-gzip", "signed after compression: a content coding is left alone", packed,
                  extra=[("Content-Encoding", "gzip")])
    yield changed("body-gzip-signed-before", "signed before compression: other bytes arrived", packed,
                  extra=[("Content-Encoding", "gzip")])

    mib = body[:-1] + b',"padding":"'
    mib += b"x" * ((1 << 20) - len(mib) - 2) + b'"}'
    assert len(mib) == 1 << 20
    yield genuine("body-1mib", "exactly 1,048,576 bytes", mib)

    yield genuine("chunked", "chunks of several sizes, the last one with an extension", body, chunks=(1, 7, 64))
    yield changed("chunked-tampered", "one digit changed after signing, in chunks", body.replace(b"1", b"2", 1),
                  chunks=(50,))
    yield genuine("chunked-empty", "a chunked body without content, signed as such", b"", chunks=())
    yield Case(p, "chunked-signature-in-trailer", "a trailer is no header (RFC 9110, section 6.5.1)", body,
               "missing-signature", headers=[("Trailer", HEADER[p])], chunks=(50,), trailers=[(HEADER[p], good)])


def challenge_cases(p, body):
    def challenge(kind):
        return compact({"challenge": "truhook-test-only-challenge", "type": kind, "token": "truhook-test-only-token"})
    upper, lower = challenge("URL_VERIFICATION"), challenge("url_verification")
    yield Case(p, "challenge", "the handshake that registers an endpoint", upper)
    yield Case(p, "challenge-lower-case", "the handshake as some receivers saw it", lower)
    yield Case(p, "challenge-unsigned", "a handshake without signature", upper, "missing-signature", headers=[])
    yield Case(p, "challenge-forged", "a handshake under another secret", upper, "signature-mismatch",
               signature=sign(p, upper, "unknown"))


def main():
    assert {len(s) for s in SECRETS["trulioo"].values()} == {62}, [len(s) for s in SECRETS["trulioo"].values()]
    for provider, events in EVENTS.items():
        shutil.rmtree(HERE / provider, ignore_errors=True)
        (HERE / provider).mkdir()
        events = list(events())
        for name, body in events:
            Case(provider, "event-" + name, "a genuine delivery: " + name, body).write()
        body = events[0][1]
        makers = [signature_cases, secret_cases, body_cases] + ([challenge_cases] if provider == "trulioo" else [])
        for maker in makers:
            for case in maker(provider, body):
                case.write()


main()
