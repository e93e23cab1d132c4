// Judges a delivery by the JSON of its row.
import {
  all, element, list, mac, one, publicKey, Refused, same, sameHex, signed, unixMillis, unixSeconds, within,
} from './delivery.mjs';

const hashes = { 'hmac-sha1': 'sha1', 'hmac-sha256': 'sha256', 'hmac-sha512': 'sha512' };
const algorithms = { ed25519: null, 'ecdsa-p256': 'sha256', 'rsa-pkcs1-sha256': 'sha256' };

const names = (row) =>
  row.header.split(',').flatMap((name) => {
    name = name.trim();
    return name.includes('{n}') ? [1, 2, 3, 4, 5, 6, 7, 8].map((n) => name.replace('{n}', n)) : [name];
  });

// lists returns the elements of each list in the row's headers: one list, but for groups.
function lists(row, d) {
  const found = [];
  for (const name of names(row)) {
    if (all(d, name).length === 0) continue;
    const value = one(d, name);
    if (!row.separator) found.push([value]);
    else if (row.groups) for (const group of value.split(/[ \t]+/)) found.push(list(group, row.separator));
    else found.push(list(value, row.separator).filter((e) => e !== ''));
  }
  if (found.length === 0) throw new Refused('no signature');
  return found;
}

function text(row, d, where, elements) {
  const [header, name] = where.split('#');
  return name ? element(elements ?? list(one(d, header), row.separator), name) : one(d, header);
}

function instant(format, stamp) {
  switch (format) {
    case 'seconds': return unixSeconds(stamp);
    case 'milliseconds': return unixMillis(stamp);
    case 'any': return stamp.length === 10 ? unixSeconds(stamp) : unixMillis(stamp);
    case 'rfc3339':
      if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(stamp)) throw new Refused('time');
      return Date.parse(stamp);
    case 'utc-datetime': return Date.parse(stamp.replace(/Z?$/, 'Z'));
    case 'http-date': return Date.parse(stamp);
  }
  throw new Error(format);
}

function keyOf(row, secret) {
  const key = row.key ?? {};
  if (key.prefix) {
    if (secret.startsWith(key.prefix)) secret = secret.slice(key.prefix.length);
    else if (!key.prefix_optional) throw new Error('the secret of ' + row.name);
  }
  switch (key.encoding) {
    case 'base64': return Buffer.from(secret, 'base64');
    case 'hex': return Buffer.from(secret, 'hex');
    case 'pem': return secret;
  }
  return Buffer.from(secret, 'utf8');
}

// message fills the template. Each part is bytes, so that no body is read as text.
function message(row, d, stamp) {
  return row.content.split(/(\{[a-z]+(?::[A-Za-z0-9-]+)?\})/).filter((p) => p !== '').map((part) => {
    if (!part.startsWith('{')) return part;
    const [kind, name] = part.slice(1, -1).split(':');
    switch (kind) {
      case 'body': return d.body;
      case 'timestamp': return stamp;
      case 'url': return d.url;
      case 'method': return d.method;
      case 'header': return one(d, name);
      case 'id': {
        const id = text(row, d, row.id);
        if (row.id_length && id.length !== row.id_length) throw new Refused('id');
        if (!row.id_length && row.content.includes('{id}{timestamp}') && id.includes(':')) throw new Refused('id');
        return id;
      }
    }
    throw new Error(part);
  });
}

export function judge(row, d) {
  for (const [header, value] of Object.entries(row.guards ?? {})) if (one(d, header) !== value) return false;
  const prefix = row.prefix ?? '';
  for (const elements of lists(row, d)) {
    let stamp = '';
    if (row.timestamp) {
      stamp = text(row, d, row.timestamp, row.groups ? elements : undefined);
      const at = instant(row.time_format, stamp);
      if (!row.no_window) within(d, at, row.tolerance_seconds);
    }
    for (const e of elements.filter((e) => e.startsWith(prefix))) {
      for (const secret of d.secrets) {
        const given = e.slice(prefix.length), key = keyOf(row, secret), parts = message(row, d, stamp);
        if (row.class in algorithms) {
          if (signed(publicKey(key), parts, given, row.encoding, algorithms[row.class])) return true;
          continue;
        }
        const want = mac(hashes[row.class], key, parts, row.encoding);
        if (row.encoding === 'hex' ? sameHex(want, given) : same(want, given)) return true;
      }
    }
  }
  return false;
}
