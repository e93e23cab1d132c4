// Makes the recorded deliveries of TransUnion with npm's jose and node's crypto, none of it this library:
//
//	npm install --prefix DIR jose@6.2.17 && node make.mjs DIR/node_modules/jose
//
// The keys are kept in *.pem beside this file and made where they are missing. RSA-OAEP is random, so each run gives
// other files of the same meaning.
import {
  constants, createCipheriv, createHash, createHmac, createPrivateKey, createPublicKey, generateKeyPairSync,
  publicEncrypt, randomBytes, sign,
} from "node:crypto";
import { existsSync, readFileSync, readdirSync, unlinkSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { deflateRawSync } from "node:zlib";

const pkg = resolve(process.argv[2]);
const entry = JSON.parse(readFileSync(join(pkg, "package.json"))).exports["."];
const jose = await import(pathToFileURL(join(pkg, entry.import ?? entry.default ?? entry)));
const here = dirname(fileURLToPath(import.meta.url));

// Keys.
function key(name) {
  const file = join(here, name + ".pem");
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const pem = privateKey.export({ type: "pkcs8", format: "pem" });
    writeFileSync(file, "This key was made for tests and is published: never use it for anything else.\n" + pem);
  }
  const pem = readFileSync(file, "utf8");
  const priv = createPrivateKey(pem.slice(pem.indexOf("-----BEGIN")));
  const pub = createPublicKey(priv);
  const der = pub.export({ type: "spki", format: "der" });
  const kid = createHash("md5").update(der).digest("hex").match(/../g).join(":");
  return { priv, pub, kid };
}
const platform = key("platform"), stranger = key("stranger");
const current = key("service-current"), retired = key("service-retired"), elsewhere = key("elsewhere");
writeFileSync(join(here, "platform-public.pem"), platform.pub.export({ type: "spki", format: "pem" }));

// What is true of a genuine delivery.
const entity = "svc:f8329e0e-dd7a-11e7-98b4-469158467b1a";
const path = "/webhooks/transunion";
const now = Date.parse("2026-03-02T09:30:00Z") / 1000;
const b64 = (data) => Buffer.from(data).toString("base64url");
const json = (value) => Buffer.from(JSON.stringify(value));
const hashes = { S256: "sha256", S384: "sha384", S512: "sha512" };
const digest = (func, body) => createHash(hashes[func]).update(body).digest("hex");

function claims(body, { request = {}, func = "S256", ...change } = {}) {
  const all = {
    iss: "lka", aud: entity, sub: entity, iat: now, nbf: now, exp: now + 5,
    jti: "b4f9c1f8-2f0a-4c3e-9a57-6d0f4d1c7e21", cty: "application/json",
    request: { meth: "POST", path, func, hash: digest(func, body), ...request }, ...change,
  };
  if (request === null) delete all.request;
  return JSON.parse(JSON.stringify(all)); // undefined members go
}

async function token(body, change, header = {}, by = platform) {
  const h = { alg: "RS256", typ: "JWT", kid: by.kid, ...header };
  return new jose.SignJWT(claims(body, change)).setProtectedHeader(h).sign(by.priv);
}

// By hand, for what npm's jose refuses to make.
function rawToken(body, header, { change, signer } = {}) {
  const h = { alg: "RS256", typ: "JWT", kid: platform.kid, ...header };
  const input = b64(json(JSON.parse(JSON.stringify(h)))) + "." + b64(json(claims(body, change)));
  return input + "." + b64((signer ?? ((i) => sign("sha256", Buffer.from(i), platform.priv)))(input));
}

async function jwe(plain, to = current, header = {}) {
  const h = { alg: "RSA-OAEP-256", enc: "A256CBC-HS512", kid: to.kid, cty: "application/json", ...header };
  return new jose.CompactEncrypt(Buffer.from(plain)).setProtectedHeader(JSON.parse(JSON.stringify(h))).encrypt(to.pub);
}

function rawJWE(plain, { header = {}, to = current, cek = randomBytes(64), empty = false, padding = 1 } = {}) {
  const h = { alg: "RSA-OAEP-256", enc: "A256CBC-HS512", kid: to.kid, ...header };
  const first = b64(json(JSON.parse(JSON.stringify(h))));
  const wrapped = publicEncrypt({ key: to.pub, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" }, cek);
  const iv = randomBytes(16), whole = Buffer.concat([cek, Buffer.alloc(64)]).subarray(0, 64);
  const cipher = createCipheriv("aes-256-cbc", whole.subarray(32), iv).setAutoPadding(padding === 1);
  const text = empty ? Buffer.alloc(0) : Buffer.concat([cipher.update(plain), cipher.final()]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(first.length * 8));
  const mac = createHmac("sha512", whole.subarray(0, 32)).update(first).update(iv).update(text).update(length);
  return [first, b64(wrapped), b64(iv), b64(text), b64(mac.digest().subarray(0, 32))].join(".");
}

// Events.
const device = {
  type: "AUTHORIZED", reason: "APPROVED", denial_reason: null, device_id: "31ba7a2e-8ecf-11e7-8d3a-0800200c9a66",
  auth_request: "62e09ff8-f9a9-11e8-bbe2-0242ac130008", service_pins: ["2648", "2046"],
  auth_policy: { requirement: "amount", amount: 2, geofences: [] },
  auth_methods: [{
    method: "pin_code", set: true, active: true, allowed: true, supported: true, user_required: null, passed: true,
    error: false,
  }],
};
function legacyAuth(to = current) {
  const old = { auth_request: device.auth_request, response: true, device_id: device.device_id, service_pins: ["2648"] };
  const padding = constants.RSA_PKCS1_OAEP_PADDING;
  const raw = publicEncrypt({ key: to.pub, padding, oaepHash: "sha1" }, json(old)).toString("base64");
  return raw.match(/.{1,64}/g).join("\r\n") + "\r\n";
}
async function authorization(to = current, change = {}) {
  return json({
    auth: legacyAuth(to), auth_jwe: await jwe(json({ ...device, ...change.device }), to), public_key_id: to.kid,
    service_user_hash: "Rg8EMoDsWFrWUPDjVTuwTDRFoFXjWbA4ZdYTNpSAbFp", org_user_hash: "k4MoTqd6nXvbIzHVo2Lq",
    user_push_id: "e0f2a55e-90ba-11e7-9d92-0242ac130008", ...change.payload,
  });
}
const link = json({
  type: "DEVICE_LINK_COMPLETION", device_id: device.device_id, device_public_key_id: stranger.kid,
  device_public_key: stranger.pub.export({ type: "spki", format: "pem" }),
});
const end = json({ service_user_hash: "Rg8EMoDsWFrWUPDjVTuwTDRFoFXjWbA4ZdYTNpSAbFp", api_time: "2026-03-02T09:29:59Z" });

// Files.
for (const name of readdirSync(here)) if (name.endsWith(".http")) unlinkSync(join(here, name));
let made = 0;
const npm = "npm jose 6.2.17; the keys are made for tests", node = "node:crypto by hand; the keys are made for tests";
function write(name, about, expect, body, headers, { by = npm, at = now, method = "POST", target = path } = {}) {
  const type = body[0] === 0x7b ? "application/json" : "application/jose";
  const head = [
    `${method} ${target} HTTP/1.1`, "Host: receiver.example", `Content-Type: ${type}`, ...headers,
    `Content-Length: ${Buffer.byteLength(body)}`,
  ];
  const meta = [
    "provider: transunion", `about: ${about}`, `expect: ${expect}`,
    `now: ${new Date(at * 1000).toISOString().replace(".000Z", "Z")}`, `entity: ${entity}`, `made-by: ${by}`,
  ];
  writeFileSync(join(here, name + ".http"),
    Buffer.concat([Buffer.from(meta.join("\n") + "\n\n" + head.join("\r\n") + "\r\n\r\n"), Buffer.from(body)]));
  made++;
}
const iov = (t) => ["X-IOV-JWT: " + t];
const auth = (t) => ["Authorization: IOV-JWT " + t];

const body = Buffer.from(await jwe(await authorization()));
const good = await token(body);
write("event-authorization-response", "an approved authorization, auth_jwe", "accepted", body, iov(good));
{
  const b = Buffer.from(await jwe(await authorization(current, { device: { type: "DENIED", reason: "FRAUDULENT", denial_reason: "D1" } })));
  write("event-authorization-denied", "the user called the request a fraud", "accepted", b, iov(await token(b)));
}
{
  const b = Buffer.from(await jwe(await authorization(current, { payload: { auth_jwe: undefined } })));
  write("event-authorization-legacy", "the older device response, auth, folded at 64 columns", "accepted", b, iov(await token(b)));
}
{
  const b = Buffer.from(await jwe(link));
  write("event-device-link", "a device was linked", "accepted", b, iov(await token(b)));
}
write("event-session-end", "the one event that is not encrypted", "accepted", end, iov(await token(end)));
{
  const b = Buffer.from(await jwe(json({ type: "SOMETHING_NEW", id: 1 })));
  write("event-a-type-of-next-year", "an unknown type passes through", "accepted", b, iov(await token(b)));
}
{
  const b = Buffer.from(await jwe(await authorization(retired), retired));
  write("key-retired-in-grace", "encrypted to the key before the current one", "accepted", b, iov(await token(b)));
}
{
  const b = Buffer.from(await jwe(await authorization(), current, { alg: "RSA-OAEP" }));
  write("algorithms-rsa-oaep-sha1", "RSA-OAEP with SHA-1", "accepted", b, iov(await token(b)));
}
write("algorithms-rs512-s512", "RS512 and S512", "accepted", body, iov(await token(body, { func: "S512" }, { alg: "RS512" })));
write("algorithms-rs384-s384", "RS384 and S384", "accepted", body, iov(await token(body, { func: "S384" }, { alg: "RS384" })));
write("header-authorization", "the documented header", "accepted", body, auth(good));
write("header-authorization-lower-case", "the scheme without case, two spaces", "accepted", body, ["Authorization: iov-jwt  " + good]);
write("header-both-equal", "both headers with one value", "accepted", body, [...iov(good), ...auth(good)]);
write("header-beside-basic", "a proxy's own Authorization is left alone", "accepted", body, [...iov(good), "Authorization: Basic dGVzdDp0ZXN0"]);
write("header-both-unequal", "two tokens, each good", "duplicate-header", body, [...iov(good), ...auth(await token(body, { jti: "another" }))]);
write("header-twice", "X-IOV-JWT in two lines", "duplicate-header", body, [...iov(good), ...iov(good)]);
write("header-missing", "no token", "missing-token", body, []);
write("header-empty", "an empty token", "missing-token", body, ["X-IOV-JWT:"]);
write("header-basic-only", "only another scheme", "missing-token", body, ["Authorization: Basic dGVzdDp0ZXN0"]);
write("header-comma-list", "two values in one line", "malformed-token", body, iov(good + "," + good));
write("query-is-not-signed", "a query beside the path", "accepted", body, iov(good), { target: path + "?tenant=1" });

// Tokens.
write("token-forged", "signed by another key under the platform's key id", "signature-mismatch", body,
  iov(await token(body, {}, { kid: platform.kid }, stranger)));
write("token-of-a-stranger", "signed by another key under its own id", "unknown-key", body, iov(await token(body, {}, {}, stranger)));
write("token-tampered", "the claims of another token", "signature-mismatch", body, iov((() => {
  const p = good.split(".");
  p[1] = b64(json(claims(body, { jti: "another" })));
  return p.join(".");
})()));
write("token-none", "alg none without a signature", "algorithm-not-allowed", body, iov(rawToken(body, { alg: "none" }, { signer: () => "" })), { by: node });
write("token-none-with-signature", "alg none with the signature of a good one", "algorithm-not-allowed", body, iov(rawToken(body, { alg: "none" })), { by: node });
write("token-hs256-public-key", "HMAC with the platform's public key as the secret", "algorithm-not-allowed", body, iov(rawToken(body, { alg: "HS256" },
  { signer: (i) => createHmac("sha256", platform.pub.export({ type: "spki", format: "pem" })).update(i).digest() })), { by: node });
write("token-ps256", "PS256 by the right key", "algorithm-not-allowed", body, iov(await token(body, {}, { alg: "PS256" })));
write("token-rs256-lower-case", "an algorithm in the wrong case", "algorithm-not-allowed", body, iov(rawToken(body, { alg: "rs256" })), { by: node });
write("token-no-kid", "no key id", "missing-key-id", body, iov(rawToken(body, { kid: undefined })), { by: node });
write("token-kid-number", "a key id that is a number", "malformed-token", body, iov(rawToken(body, { kid: 1 })), { by: node });
for (const [name, header] of Object.entries({
  crit: { crit: ["exp"] }, zip: { zip: "DEF" }, jwk: { jwk: stranger.pub.export({ format: "jwk" }) },
  jku: { jku: "https://stranger.example/keys" }, b64: { b64: true },
})) {
  write("token-" + name, `the header member ${name}`, "malformed-token", body, iov(rawToken(body, header)), { by: node });
}
write("token-four-parts", "a fourth part", "malformed-token", body, iov(good + ".eA"));
write("token-padded", "base64 padding", "malformed-token", body, iov(good + "="));
write("token-last-bits", "another spelling of the last character", "malformed-token", body,
  iov(good.slice(0, -1) + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"["ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".indexOf(good.at(-1)) + 1]));
write("token-is-a-jwe", "an encrypted token", "malformed-token", body, iov(await jwe("{}")));

// Claims.
const claim = async (name, about, expect, change, more) =>
  write("claim-" + name, about, expect, body, iov(await token(body, change)), more);
await claim("exp-in-leeway", "34 s after exp - 5 s", "accepted", {}, { at: now + 34 });
await claim("exp-past", "35 s after iat: exp and the leeway are over", "expired", {}, { at: now + 35 });
await claim("nbf-in-leeway", "the receiver's clock is 30 s behind", "accepted", {}, { at: now - 30 });
await claim("nbf-future", "the receiver's clock is 31 s behind", "not-yet-valid", {}, { at: now - 31 });
await claim("iat-future", "issued in the future", "not-yet-valid", { iat: now + 100, exp: now + 105 });
await claim("age", "issued an hour ago with an exp far off", "expired", { iat: now - 3600, nbf: now - 3600, exp: now + 3600 });
await claim("exp-missing", "no exp", "missing-claim", { exp: undefined });
await claim("nbf-missing", "no nbf", "missing-claim", { nbf: undefined });
await claim("iat-missing", "no iat", "missing-claim", { iat: undefined });
await claim("jti-missing", "no jti", "missing-claim", { jti: undefined });
write("claim-exp-text", "exp as a string", "malformed-claim", body, iov(rawToken(body, {}, { change: { exp: String(now + 5) } })), { by: node });
await claim("iss-wrong", "another issuer", "wrong-issuer", { iss: "svc:f8329e0e-dd7a-11e7-98b4-469158467b1b" });
await claim("aud-wrong", "for another service", "wrong-audience", { aud: "svc:f8329e0e-dd7a-11e7-98b4-469158467b1b" });
await claim("aud-list", "a list that holds this service", "accepted", { aud: ["org:f8329e0e-dd7a-11e7-98b4-469158467b1c", entity] });
await claim("aud-list-of-others", "a list of others", "wrong-audience", { aud: ["org:f8329e0e-dd7a-11e7-98b4-469158467b1c"] });
await claim("sub-wrong", "about another service of the same organization", "wrong-subject", { sub: "svc:f8329e0e-dd7a-11e7-98b4-469158467b1b" });
await claim("sub-missing", "no sub", "missing-claim", { sub: undefined });

// The binding to the request.
await claim("request-missing", "no request", "missing-request-claim", { request: null });
await claim("response-instead", "the token of an API answer: response in place of request", "missing-request-claim",
  { request: null, response: { status: 200, func: "S256", hash: digest("S256", body) } });
await claim("path-wrong", "signed for another path", "wrong-path", { request: { path: "/webhooks/other" } });
write("request-path-of-another", "a good token sent to another path", "wrong-path", body, iov(good), { target: "/webhooks/other" });
write("request-path-slash", "a trailing slash", "wrong-path", body, iov(good), { target: path + "/" });
await claim("method-wrong", "signed for another method", "wrong-method", { request: { meth: "PUT" } });
write("request-method-of-another", "a good token sent with another method", "wrong-method", body, iov(good), { method: "PUT" });
await claim("method-lower-case", "post", "wrong-method", { request: { meth: "post" } });
write("request-body-swapped", "the body of another delivery", "body-hash-mismatch", Buffer.from(await jwe(await authorization())), iov(good));
write("request-body-empty", "no body", "body-hash-mismatch", Buffer.alloc(0), iov(good));
await claim("hash-missing", "no body hash", "missing-body-hash", { request: { hash: undefined } });
await claim("func-missing", "no name of the hash function", "missing-body-hash", { request: { func: undefined } });
await claim("func-unknown", "S1", "algorithm-not-allowed", { request: { func: "S1" } });
await claim("hash-upper-case", "the hash in upper case", "malformed-claim", { request: { hash: digest("S256", body).toUpperCase() } });
await claim("hash-cut", "half of the hash", "malformed-claim", { request: { hash: digest("S256", body).slice(0, 32) } });

// The encrypted body, under good tokens.
const sealed = async (name, about, expect, text, by = npm) => {
  const b = Buffer.from(text);
  write("jwe-" + name, about, expect, b, iov(await token(b)), { by });
};
const flip = (text, part) => {
  const p = text.split(".");
  const raw = Buffer.from(p[part], "base64url");
  raw[0] ^= 1;
  p[part] = b64(raw);
  return p.join(".");
};
await sealed("unknown-key", "encrypted to a key that is not here", "unknown-decryption-key", await jwe(await authorization(elsewhere), elsewhere));
await sealed("no-kid", "no key id", "missing-key-id", await jwe(await authorization(), current, { kid: undefined }));
await sealed("tag-tampered", "one bit of the tag", "decrypt-failed", flip(body.toString(), 4));
await sealed("ciphertext-tampered", "one bit of the ciphertext", "decrypt-failed", flip(body.toString(), 3));
await sealed("iv-tampered", "one bit of the IV", "decrypt-failed", flip(body.toString(), 2));
await sealed("content-key-tampered", "one bit of the encrypted key", "decrypt-failed", flip(body.toString(), 1));
await sealed("a256gcm", "A256GCM", "algorithm-not-allowed", await jwe(await authorization(), current, { enc: "A256GCM" }));
await sealed("a128cbc", "A128CBC-HS256", "algorithm-not-allowed", await jwe(await authorization(), current, { enc: "A128CBC-HS256" }));
await sealed("rsa1-5", "RSA1_5", "algorithm-not-allowed", rawJWE(link, { header: { alg: "RSA1_5" } }), node);
await sealed("zip", "compressed content", "decrypt-failed", rawJWE(deflateRawSync(link), { header: { zip: "DEF" } }), node);
await sealed("crit", "a critical header member", "decrypt-failed", rawJWE(link, { header: { crit: ["exp"] } }), node);
await sealed("empty-ciphertext", "an empty ciphertext and a good tag, a panic in older go-jose", "decrypt-failed", rawJWE(link, { empty: true }), node);
await sealed("content-key-31", "a content key of 31 bytes, a panic in older go-jose", "decrypt-failed", rawJWE(link, { cek: randomBytes(31) }), node);
await sealed("content-key-63", "a content key of 63 bytes, a panic in older go-jose", "decrypt-failed", rawJWE(link, { cek: randomBytes(63) }), node);
await sealed("content-key-65", "a content key of 65 bytes", "decrypt-failed", rawJWE(link, { cek: randomBytes(65) }), node);
await sealed("bad-padding", "a good tag over bad padding", "decrypt-failed", rawJWE(Buffer.alloc(32), { padding: 0 }), node);
await sealed("deep-header", "a header of 1,900 objects in one another, fatal in older go-jose", "decrypt-failed",
  [b64('{"a":'.repeat(1900) + "1" + "}".repeat(1900)), ...body.toString().split(".").slice(1)].join("."), node);
await sealed("line-end", "a line end inside, which go-jose skips", "decrypt-failed", body.toString().slice(0, 50) + "\n" + body.toString().slice(50));
await sealed("not-a-jwe", "three parts", "decrypt-failed", good);
await sealed("auth-jwe-tampered", "a device response with a wrong tag", "decrypt-failed",
  await jwe(await authorization(current, { payload: { auth_jwe: flip(await jwe(json(device)), 4) } })));
await sealed("auth-jwe-unknown-key", "a device response for a key that is not here", "unknown-decryption-key",
  await jwe(await authorization(current, { payload: { auth_jwe: await jwe(json(device), elsewhere) } })));
await sealed("auth-missing", "an authorization response without a device response", "malformed-payload",
  await jwe(await authorization(current, { payload: { auth_jwe: undefined, auth: undefined } })));
await sealed("not-json", "content that is not JSON", "malformed-payload", await jwe("hello"));
{
  const plain = await authorization();
  write("plain-authorization", "an authorization response that is not encrypted", "malformed-payload", plain, iov(await token(plain)));
  write("plain-device-link", "a device link that is not encrypted", "malformed-payload", link, iov(await token(link)));
  const sneaky = json({ ...JSON.parse(end), type: "AUTHORIZATION_RESPONSE" });
  write("plain-session-end-with-type", "a session end that says it is an authorization", "malformed-payload", sneaky, iov(await token(sneaky)));
}
console.log(made, "files");
