// Reads tests/conformance/nql-vectors.jsonl and compares what was received with what it says.
//
// Source: docs/reference-server.md §0.1 for the placeholders <<name>>, <<*>> and <<TEXT*N>>.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { kRepository } from './harness.mjs';

export function loadVectors() {
  const file = path.join(kRepository, 'tests/conformance/nql-vectors.jsonl');
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

const kPlaceholder = /<<([^]+?)>>/g;

/** Literal text and placeholders, in order. */
function parse(template) {
  const parts = [];
  let start = 0;
  for (const match of template.matchAll(kPlaceholder)) {
    parts.push({ literal: template.slice(start, match.index) });
    start = match.index + match[0].length;
    const repeat = /^([^]+)\*([0-9]+)$/.exec(match[1]);
    if (repeat) parts.push({ literal: repeat[1].repeat(Number(repeat[2])) });
    else if (match[1] === '*') parts.push({ any: true });
    else parts.push({ name: match[1] });
  }
  parts.push({ literal: template.slice(start) });
  return parts;
}

export function expandSend(template, names) {
  return parse(template)
    .map((part) => {
      if (part.literal !== undefined) return part.literal;
      if (part.any || !names.has(part.name))
        throw new Error(`cannot send ${template}: ${JSON.stringify(part)}`);
      return names.get(part.name);
    })
    .join('');
}

const escape = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Whether `actual` is what `template` says; names met for the first time are remembered. */
export function matches(template, actual, names) {
  const parts = parse(template);
  if (parts.every((part) => part.literal !== undefined)) {
    return actual === parts.map((part) => part.literal).join('');
  }
  const met = new Set();
  const pattern = parts
    .map((part) => {
      if (part.literal !== undefined) return escape(part.literal);
      if (part.any) return '[^]*';
      if (names.has(part.name)) return escape(names.get(part.name));
      if (met.has(part.name)) return `\\k<${part.name}>`;
      met.add(part.name);
      return `(?<${part.name}>[^ ;]+)`;
    })
    .join('');
  const match = new RegExp(`^${pattern}$`).exec(actual);
  if (match === null) return false;
  for (const name of met) names.set(name, match.groups[name]);
  return true;
}
