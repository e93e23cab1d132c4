// What both verifiers need: headers, digests, times. Nothing here knows a provider.
import { createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto';

export class Refused extends Error {
  refused = true;
}

// all returns the lines of a header.
export const all = (d, name) => d.headers.filter(([k]) => k.toLowerCase() === name.toLowerCase()).map(([, v]) => v);

// one returns the one line of a header, or refuses.
export function one(d, name) {
  const lines = all(d, name);
  if (lines.length !== 1 || lines[0] === '') throw new Refused(name);
  return lines[0];
}

// mac computes an HMAC over texts and buffers.
export function mac(hash, key, parts, encoding) {
  const h = createHmac(hash, key);
  for (const p of parts) h.update(p);
  return h.digest(encoding);
}

// same compares two texts in constant time.
export function same(a, b) {
  const x = Buffer.from(a, 'utf8'), y = Buffer.from(b, 'utf8');
  return x.length === y.length && timingSafeEqual(x, y);
}

// sameHex takes digits in either case.
export const sameHex = (a, b) => /^[0-9a-fA-F]+$/.test(b) && same(a, b.toLowerCase());

// within refuses a time that lies further from the time of receipt than the seconds allow.
export function within(d, milliseconds, seconds) {
  if (!Number.isFinite(milliseconds) || Math.abs(d.now - milliseconds) > seconds * 1000) throw new Refused('time');
}

export function unixSeconds(text) {
  if (!/^[0-9]{10}$/.test(text)) throw new Refused('time');
  return Number(text) * 1000;
}

export function unixMillis(text) {
  if (!/^[0-9]{13}$/.test(text)) throw new Refused('time');
  return Number(text);
}

// element returns what follows "name=" in the elements of a list, once.
export function element(elements, name) {
  const found = elements.filter((e) => e.startsWith(name + '='));
  if (found.length !== 1) throw new Refused(name);
  return found[0].slice(name.length + 1);
}

export const list = (text, separator) => text.split(separator).map((e) => e.replace(/^[ \t]+|[ \t]+$/g, ''));

// publicKey reads PEM, a SubjectPublicKeyInfo, or the 32 bytes of an Ed25519 key.
export function publicKey(der) {
  if (typeof der === 'string') return createPublicKey(der);
  if (der.length === 32) {
    der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), der]);
  }
  return createPublicKey({ key: der, format: 'der', type: 'spki' });
}

// signed checks a signature by public key over parts. The text must be the one encoding of its bytes.
export function signed(key, parts, text, encoding, hash) {
  const signature = Buffer.from(text, encoding);
  const again = encoding === 'hex' ? sameHex(signature.toString('hex'), text) : signature.toString(encoding) === text;
  return again && verify(hash, Buffer.concat(parts.map((p) => Buffer.from(p))), key, signature);
}
