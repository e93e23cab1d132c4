// The rows with published vectors, each written from the provider's own page or SDK and not from the catalog.
import {
  all, element, list, mac, one, publicKey, Refused, same, sameHex, signed, unixMillis, unixSeconds, within,
} from './delivery.mjs';

const any = (d, f) => d.secrets.some(f);
const minutes = 60;

// hexBody: the hex HMAC-SHA256 of the body stands in one header, behind a prefix.
const hexBody = (header, prefix = '') => (d) => {
  const value = one(d, header);
  return value.startsWith(prefix) && any(d, (s) => sameHex(mac('sha256', s, [d.body], 'hex'), value.slice(prefix.length)));
};

// base64Body: the same in base64.
const base64Body = (header, hash = 'sha256') => (d) => any(d, (s) => same(mac(hash, s, [d.body], 'base64'), one(d, header)));

// listed: elements with commas between, of which those with the prefix are signatures of the body.
const listed = (header, prefix, encoding) => (d) =>
  list(one(d, header), ',').filter((e) => e.startsWith(prefix)).some((e) => any(d, (s) => {
    const want = mac('sha256', s, [d.body], encoding);
    return encoding === 'hex' ? sameHex(want, e.slice(prefix.length)) : same(want, e.slice(prefix.length));
  }));

// standard: Standard Webhooks. The key is base64 behind whsec_; "v1,<base64>" with blanks between; five minutes.
const standard = (id, time, signature, whsec = 'whsec_') => (d) => {
  const stamp = one(d, time), message = [one(d, id), '.', stamp, '.', d.body];
  if (one(d, id).includes('.')) throw new Refused('id'); // the separator
  within(d, unixSeconds(stamp), 5 * minutes);
  return one(d, signature).split(' ').filter((e) => e.startsWith('v1,')).some((e) => any(d, (s) => {
    if (!s.startsWith(whsec)) throw new Error('secret');
    return same('v1,' + mac('sha256', Buffer.from(s.slice(whsec.length), 'base64'), message, 'base64'), e);
  }));
};

const standardNames = standard('webhook-id', 'webhook-timestamp', 'webhook-signature');

// stamped: "<time>=…<separator><version>=<hex>" over time, a constant and the body.
const stamped = (header, { time, version, separator, between, seconds }) => (d) => {
  const elements = list(one(d, header), separator), stamp = element(elements, time);
  within(d, unixSeconds(stamp), seconds);
  return elements.filter((e) => e.startsWith(version + '=')).some((e) =>
    any(d, (s) => sameHex(mac('sha256', s, [stamp, between, d.body], 'hex'), e.slice(version.length + 1))));
};

export const pages = {
  standard_webhooks: standardNames,
  openai: standardNames,
  replicate: standardNames,
  svix: standard('svix-id', 'svix-timestamp', 'svix-signature'),
  finch: standard('finch-event-id', 'finch-timestamp', 'finch-signature', ''),

  github: hexBody('x-hub-signature-256', 'sha256='),
  bitbucket: hexBody('x-hub-signature', 'sha256='),
  jira: hexBody('x-hub-signature', 'sha256='),
  onfido: hexBody('x-sha2-signature'),
  gocardless: hexBody('webhook-signature'),
  modern_treasury: hexBody('x-signature'),
  coinbase_commerce: hexBody('x-cc-webhook-signature'),
  pusher: hexBody('x-pusher-signature'),
  razorpay: hexBody('x-razorpay-signature'),
  coinify: hexBody('x-coinify-webhook-signature'),
  easypost: hexBody('x-hmac-signature', 'hmac-sha256-hex='),

  unit: base64Body('x-unit-signature', 'sha1'),
  helpscout: base64Body('x-helpscout-signature', 'sha1'),
  adyen_platform: (d) =>
    any(d, (s) => same(mac('sha256', Buffer.from(s, 'hex'), [d.body], 'base64'), one(d, 'hmacsignature'))),

  cronofy: listed('cronofy-hmac-sha256', '', 'base64'),
  pagerduty: listed('x-pagerduty-signature', 'v1=', 'hex'),
  circleci: listed('circleci-signature', 'v1=', 'hex'),
  fingerprint: listed('fpjs-event-signature', 'v1=', 'hex'),

  slack: (d) => {
    const stamp = one(d, 'x-slack-request-timestamp');
    within(d, unixSeconds(stamp), 5 * minutes);
    const given = one(d, 'x-slack-signature');
    return given.startsWith('v0=') &&
      any(d, (s) => sameHex(mac('sha256', s, ['v0:', stamp, ':', d.body], 'hex'), given.slice(3)));
  },
  // Neither documents a window; the catalog suggests five minutes.
  paddle: stamped('paddle-signature', { time: 'ts', version: 'h1', separator: ';', between: ':', seconds: 5 * minutes }),
  duffel: stamped('x-duffel-signature', { time: 't', version: 'v1', separator: ',', between: '.', seconds: 5 * minutes }),

  revolut: (d) => {
    const stamp = one(d, 'revolut-request-timestamp');
    within(d, unixMillis(stamp), 5 * minutes);
    return list(one(d, 'revolut-signature'), ',').filter((e) => e.startsWith('v1=')).some((e) =>
      any(d, (s) => sameHex(mac('sha256', s, ['v1.', stamp, '.', d.body], 'hex'), e.slice(3))));
  },
  sanity: (d) => {
    const elements = list(one(d, 'sanity-webhook-signature'), ','), stamp = element(elements, 't');
    unixMillis(stamp); // of any age: it is that of the event, and no window is documented
    return elements.filter((e) => e.startsWith('v1=')).some((e) =>
      any(d, (s) => same('v1=' + mac('sha256', s, [stamp, '.', d.body], 'base64url'), e)));
  },
  orb: (d) => {
    const stamp = one(d, 'x-orb-timestamp');
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z?$/.test(stamp)) throw new Refused('time');
    within(d, Date.parse(stamp.replace(/Z?$/, 'Z')), 5 * minutes);
    return one(d, 'x-orb-signature').split(' ').filter((e) => e.startsWith('v1=')).some((e) =>
      any(d, (s) => sameHex(mac('sha256', s, ['v1:', stamp, ':', d.body], 'hex'), e.slice(3))));
  },
  metronome: (d) => {
    const stamp = one(d, 'x-metronome-date');
    within(d, Date.parse(stamp), 5 * minutes);
    return any(d, (s) => sameHex(mac('sha256', s, [stamp, '\n', d.body], 'hex'), one(d, 'metronome-webhook-signature')));
  },
  box: (d) => {
    if (one(d, 'box-signature-version') !== '1' || one(d, 'box-signature-algorithm') !== 'HmacSHA256') return false;
    const stamp = one(d, 'box-delivery-timestamp');
    within(d, Date.parse(stamp), 10 * minutes);
    const given = ['box-signature-primary', 'box-signature-secondary'].filter((n) => all(d, n).length > 0).map((n) => one(d, n));
    return given.some((g) => any(d, (s) => same(mac('sha256', s, [d.body, stamp], 'base64'), g)));
  },
  sinch: (d) => {
    if (one(d, 'x-sinch-webhook-signature-algorithm') !== 'HmacSHA256') return false;
    const stamp = one(d, 'x-sinch-webhook-signature-timestamp'), nonce = one(d, 'x-sinch-webhook-signature-nonce');
    within(d, unixSeconds(stamp), 5 * minutes);
    return any(d, (s) => same(mac('sha256', s, [d.body, '.', nonce, '.', stamp], 'base64'), one(d, 'x-sinch-webhook-signature')));
  },
  square: (d) => any(d, (s) => same(mac('sha256', s, [d.url, d.body], 'base64'), one(d, 'x-square-hmacsha256-signature'))),
  hubspot_v3: (d) => {
    const stamp = one(d, 'x-hubspot-request-timestamp');
    within(d, unixMillis(stamp), 5 * minutes);
    return any(d, (s) => same(mac('sha256', s, [d.method, d.url, d.body, stamp], 'base64'), one(d, 'x-hubspot-signature-v3')));
  },

  standard_webhooks_v1a: (d) => {
    const stamp = one(d, 'webhook-timestamp'), message = [one(d, 'webhook-id'), '.', stamp, '.', d.body];
    within(d, unixSeconds(stamp), 5 * minutes);
    return one(d, 'webhook-signature').split(' ').filter((e) => e.startsWith('v1a,')).some((e) => any(d, (s) =>
      signed(publicKey(Buffer.from(s.slice('whpk_'.length), 'base64')), message, e.slice(4), 'base64', null)));
  },
  sendgrid: (d) => {
    const stamp = one(d, 'x-twilio-email-event-webhook-timestamp');
    unixSeconds(stamp); // retried for a day, and no window is documented
    return any(d, (s) => signed(publicKey(Buffer.from(s, 'base64')), [stamp, d.body],
      one(d, 'x-twilio-email-event-webhook-signature'), 'base64', 'sha256'));
  },
  wise: (d) => any(d, (s) => signed(publicKey(s), [d.body], one(d, 'x-signature-sha256'), 'base64', 'sha256')),
};
