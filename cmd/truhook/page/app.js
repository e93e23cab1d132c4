// The page draws the JSON of the program's own API. It sets text only, never HTML.
const token = location.hash.slice(1);
const $ = (id) => document.getElementById(id);
const state = { list: [], chosen: 0, detail: null, reveal: false, forward: '' };

// el makes an element: el('p', {class: 'x'}, 'text', child).
function el(name, attributes = {}, ...children) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) e.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== false) e.setAttribute(key, value);
  }
  e.append(...children.filter((c) => c !== undefined && c !== null));
  return e;
}

async function api(path, options = {}) {
  const response = await fetch('/api/' + path, { ...options, headers: { 'X-Truhook-Token': token }, cache: 'no-store' });
  if (!response.ok) throw new Error(response.status === 403 ? 'open the page with the URL that the terminal shows' : (await response.text()).trim());
  return response;
}

const verdictOf = (d) => (!d.judged ? 'unjudged' : d.verified ? 'verified' : 'refused');
const verdictText = { verified: 'verified', refused: 'refused', unjudged: 'no key' };
const clock = (t) => new Date(t).toLocaleTimeString([], { hour12: false });

function drawList() {
  const provider = $('provider').value, verdict = $('verdict').value;
  const shown = state.list.filter((d) => (!provider || d.provider === provider) && (!verdict || verdictOf(d) === verdict));
  $('empty').hidden = shown.length > 0;
  $('empty').textContent = state.list.length ? 'Nothing fits the filter.'
    : 'Nothing has come yet. Point the provider, or a tunnel, at the address that the terminal shows.';
  $('deliveries').replaceChildren(...shown.map((d) => {
    const verdict = verdictOf(d);
    const why = [d.reason, d.cause, d.replay_of ? 'replay of ' + d.replay_of : '', d.service_status ? 'service ' + d.service_status : '']
      .filter(Boolean).join(' · ');
    return el('li', {}, el('button', {
      type: 'button', class: 'row', 'aria-current': d.id === state.chosen ? 'true' : undefined, onclick: () => choose(d.id),
    },
    el('span', { class: 'badge ' + verdict }, verdictText[verdict]),
    el('span', { class: 'what' }, (d.provider || 'unknown') + ' ' + d.method + ' ' + d.path.split('?')[0]),
    el('span', { class: 'when' }, clock(d.received)),
    why ? el('span', { class: 'why' }, why) : null));
  }));
}

function drawProviders() {
  const chosen = $('provider').value;
  const names = [...new Set(state.list.map((d) => d.provider).filter(Boolean))].sort();
  $('provider').replaceChildren(el('option', { value: '' }, 'all'), ...names.map((n) => el('option', { value: n }, n)));
  $('provider').value = names.includes(chosen) ? chosen : '';
}

// What is masked until it is asked for: credentials in the head, personal fields in the body.
const secretHeader = /sign|hmac|digest|token|jwt|auth|cookie|secret|key|cert|password/i;
const personal = /name|mail|phone|birth|dob|ssn|social|tax|address|street|city|zip|postal|iban|account|card|income|salary|wage|passport|licen[cs]e|token|secret|password|ip$|device|geo|lat|lon/i;
const dots = '••••••••';

function maskJSON(value, key = '') {
  if (Array.isArray(value)) return value.map((v) => maskJSON(v, key));
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, maskJSON(v, k)]));
  return personal.test(key) && value !== null && typeof value !== 'boolean' ? dots : value;
}

function pretty(text) {
  try {
    const value = JSON.parse(text);
    return JSON.stringify(state.reveal ? value : maskJSON(value), null, 2);
  } catch {
    return state.reveal ? text : dots + ' (not JSON; ' + text.length + ' characters)';
  }
}

// exactBytes shows the body as hex and text, with the byte at offset marked.
function exactBytes(base64, offset) {
  if (!state.reveal) return el('pre', { class: 'hex', tabindex: '0', 'aria-label': 'Exact bytes' }, dots + ' (masked)');
  const bytes = Uint8Array.from(atob(base64 || ''), (c) => c.charCodeAt(0));
  const first = offset >= 0 ? Math.max(0, Math.floor(offset / 16) - 8) * 16 : 0;
  const rows = [], last = Math.min(bytes.length, first + 64 * 16);
  for (let at = first; at < last; at += 16) {
    const line = [...bytes.slice(at, at + 16)];
    const piece = (show, gap) => line.flatMap((b, i) => [at + i === offset ? el('mark', {}, show(b)) : show(b), gap]);
    rows.push(at.toString(16).padStart(8, '0') + '  ', ...piece((b) => b.toString(16).padStart(2, '0'), ' '),
      ' '.repeat((16 - line.length) * 3) + ' ', ...piece((b) => (b > 31 && b < 127 ? String.fromCharCode(b) : '·'), ''), '\n');
  }
  if (last < bytes.length) rows.push('… ' + (bytes.length - last) + ' bytes more');
  return el('pre', { class: 'hex', tabindex: '0', 'aria-label': 'Exact bytes' }, ...rows);
}

function pairs(list) {
  return el('dl', {}, ...list.flatMap(([k, v]) => [el('dt', {}, k), el('dd', {}, v)]));
}

function drawCauses(findings, judged) {
  return findings.map((f) => el('div', { class: 'cause' },
    el('p', {}, el('span', { class: 'badge ' + (judged(f) ? 'proven' : 'likely') }, judged(f) ? 'proven' : ['error', 'warning', 'note'].includes(f.severity) ? f.severity : 'likely'),
      ' ', el('strong', {}, f.name + (f.subject ? ' (' + f.subject + ')' : ''))),
    el('p', {}, f.problem),
    f.remedy ? el('p', {}, 'Do: ' + f.remedy) : null,
    f.offset >= 0 ? el('p', {}, 'First differing byte: ' + f.offset) : null));
}

function drawDetail() {
  const d = state.detail, v = d.verdict;
  const verdict = v.verified ? 'verified' : v.reason ? 'refused' : 'unjudged';
  $('detail-title').textContent = 'Delivery ' + d.id + ', ' + clock(d.received);
  $('replay').disabled = !state.forward || !v.verified;
  $('replay').title = !state.forward ? 'there is no -forward' : !v.verified ? 'What is refused is not forwarded' : 'Send the same bytes to your service again';
  $('reveal').setAttribute('aria-pressed', String(state.reveal));
  $('reveal').textContent = state.reveal ? 'Mask values' : 'Show masked values';
  const at = v.findings.filter((f) => f.offset >= 0).map((f) => f.offset)[0] ?? -1;
  const answered = d.answer ? (d.answer.status ? String(d.answer.status) : d.answer.error) + ', ' + d.answer.took_ms.toFixed(1) + ' ms' : 'not forwarded';
  const parts = [
    el('p', {}, el('span', { class: 'badge ' + verdict }, verdictText[verdict]), ' ', v.reason || '', v.error ? ' — ' + v.error : ''),
    pairs([['provider', v.provider || 'unknown'], ['your service', answered],
      ...v.proofs.map((p) => ['proof', p.scheme + ', key ' + p.key_id]),
      ...(v.tried || []).length > 1 ? [['tried', v.tried.map((t) => t.provider + ': ' + (t.reason || 'verified')).join(', ')]] : [],
      ...(v.notes || []).map((n) => ['note', n])]),
  ];
  if (v.findings.length) parts.push(el('h3', {}, 'Causes and findings'), ...drawCauses(v.findings, (f) => f.proven));
  if (v.ruled_out.length) parts.push(el('p', {}, 'Tried without success: ' + v.ruled_out.join(', ')));
  if (!v.complete) parts.push(el('p', {}, 'The search ended at its limit: there may be another cause.'));
  parts.push(el('h3', {}, 'Head'), pairs([['request', d.method + ' ' + (state.reveal ? d.uri : d.uri.split('?')[0])], ['Host', d.host],
    ...d.headers.map((h) => [h.name, state.reveal || !secretHeader.test(h.name) ? h.value : dots])]));
  parts.push(el('div', { class: 'bodies' },
    el('div', {}, el('h3', {}, 'Body'), el('pre', { tabindex: '0', 'aria-label': 'Body' }, pretty(d.body))),
    el('div', {}, el('h3', {}, 'Exact bytes'), exactBytes(d.body_base64, at))));
  if (d.payload) parts.push(el('h3', {}, 'Decrypted'), el('pre', { tabindex: '0', 'aria-label': 'Decrypted content' }, pretty(d.payload)));
  if (d.inner) parts.push(el('h3', {}, 'Decrypted device response'), el('pre', { tabindex: '0', 'aria-label': 'Device response' }, pretty(d.inner)));
  if (d.answer && d.answer.body) parts.push(el('h3', {}, 'Your service said'), el('pre', { tabindex: '0', 'aria-label': 'Response of your service' }, state.reveal ? d.answer.body : pretty(d.answer.body)));
  $('content').replaceChildren(...parts);
  $('detail').hidden = false;
}

async function choose(id) {
  state.chosen = id;
  try {
    state.detail = await (await api('deliveries/' + id)).json();
    $('said').textContent = '';
    drawDetail();
    $('detail').focus({ preventScroll: innerWidth > 1000 });
  } catch (error) {
    $('state').textContent = 'delivery ' + id + ': ' + error.message;
  }
  drawList();
}

async function load() {
  const all = await (await api('deliveries')).json();
  state.list = all.deliveries;
  state.forward = all.forward;
  drawProviders();
  drawList();
}

// follow reads the server-sent events with fetch, as EventSource cannot send the token in a header.
async function follow() {
  for (let wait = 500; ; wait = Math.min(wait * 2, 10000)) {
    try {
      const reader = (await api('events')).body.pipeThrough(new TextDecoderStream()).getReader();
      await load();
      $('state').textContent = 'live';
      wait = 500;
      for (let rest = ''; ;) {
        const { value, done } = await reader.read();
        if (done) break;
        const blocks = (rest + value).split('\n\n');
        rest = blocks.pop();
        for (const block of blocks.filter((b) => b.startsWith('data: '))) {
          const d = JSON.parse(block.slice(6));
          if (!state.list.some((one) => one.id === d.id)) state.list.unshift(d);
          state.list.length = Math.min(state.list.length, 500);
        }
        drawProviders();
        drawList();
      }
      $('state').textContent = 'the program has ended';
    } catch (error) {
      $('state').textContent = error.message;
    }
    await new Promise((done) => setTimeout(done, wait));
  }
}

async function copy(form) {
  const text = await (await api('deliveries/' + state.chosen + '/' + form)).text();
  try {
    await navigator.clipboard.writeText(text);
    $('said').textContent = 'Copied ' + text.length + ' characters. They hold what the provider sent.';
  } catch {
    $('content').prepend(el('pre', { tabindex: '0', 'aria-label': 'Copy' }, text));
    $('said').textContent = 'The browser does not let the page copy: the text stands below.';
  }
}

function act(what) {
  return () => what().catch((error) => { $('said').textContent = error.message; });
}

$('filters').addEventListener('change', drawList);
$('filters').addEventListener('submit', (e) => e.preventDefault());
$('reveal').addEventListener('click', () => { state.reveal = !state.reveal; drawDetail(); });
$('replay').addEventListener('click', act(async () => {
  const d = await (await api('deliveries/' + state.chosen + '/replay', { method: 'POST' })).json();
  $('said').textContent = 'Replayed as delivery ' + d.id + ': your service responded ' + (d.service_status || 'nothing') + '.';
}));
for (const button of document.querySelectorAll('[data-copy]')) button.addEventListener('click', act(() => copy(button.dataset.copy)));
addEventListener('hashchange', () => location.reload());
follow();
