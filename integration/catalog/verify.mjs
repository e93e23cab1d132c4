// Reads deliveries as JSON lines and writes a verdict for each: "true" or "false". Argument: the folder with the rows.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pages } from './pages.mjs';
import { judge } from './rows.mjs';

const rows = new Map();
const row = (name) => {
  if (!rows.has(name)) rows.set(name, JSON.parse(readFileSync(join(process.argv[2], name + '.json'), 'utf8')));
  return rows.get(name);
};

let out = [];
for await (const line of createInterface({ input: process.stdin })) {
  const d = JSON.parse(line);
  d.body = Buffer.from(d.body, 'base64');
  let verdict = false;
  try {
    verdict = pages[d.row] ? pages[d.row](d) : judge(row(d.row), d);
  } catch (e) {
    if (!e.refused) throw e;
  }
  out.push(verdict === true ? 'true' : 'false');
  if (out.length >= 500) {
    process.stdout.write(out.join('\n') + '\n');
    out = [];
  }
}
if (out.length) process.stdout.write(out.join('\n') + '\n');
