/**
 * The texts into which programs turn a value before they print it: URLs, JSON, inspected objects.
 *
 * @module
 */

/** Values of these characters alone look the same in a URL. */
const URL_PLAIN = /^[\w.~-]*$/;

/** What JSON and consoles escape, and what is written as `\u` where only ASCII is allowed. */
// deno-lint-ignore no-control-regex
const ESCAPED = /["'\\\u0000-\u001f\u007f-\uffff]/;

/**
 * Every text form of a value, itself included, without repetition.
 *
 * @example Usage
 * ```ts
 * import { assert } from "@std/assert";
 * import { textForms } from "./encodings.ts";
 *
 * const forms = textForms('a "b" & c');
 * assert(forms.has("a%20%22b%22%20%26%20c"));
 * assert(forms.has("a+%22b%22+%26+c"));
 * assert(forms.has('a \\"b\\" & c'));
 * ```
 */
export function textForms(value: string): Set<string> {
  const text = value.toWellFormed();
  const forms = new Set([text]);
  if (!URL_PLAIN.test(text)) addAll(forms, urlForms(text));
  if (ESCAPED.test(text)) addAll(forms, [...jsonForms(text), ...inspectForms(text)]);
  return forms;
}

/** Percent-encoded forms, with upper- and lower-case digits. */
function urlForms(text: string): string[] {
  const component = encodeURIComponent(text);
  const upper = [
    component,
    component.replace(/[!'()*]/g, percent), // RFC 3986 §2.2 reserves these as well
    new URLSearchParams([["", text]]).toString().slice(1),
    encodeURI(text),
    ...partsOfUrl(text),
  ];
  return upper.flatMap((form) => [form, form.replace(/%../g, lower)]);
}

/** What the URL standard makes of the value as a password, a path, a query and a fragment. */
function partsOfUrl(text: string): string[] {
  const url = new URL("http://host/");
  url.password = text;
  url.pathname = text;
  url.search = `?${text}`;
  url.hash = `#${text}`;
  return [url.password, url.pathname.slice(1), url.search.slice(1), url.hash.slice(1)];
}

/** Inner texts of JSON strings: once, in ASCII alone, and as JSON within JSON. */
function jsonForms(text: string): string[] {
  const once = jsonInner(text);
  const ascii = once.replace(/[\u007f-\uffff]/g, unicodeEscape);
  return [once, ascii, jsonInner(once)];
}

/** Inner texts of strings as `Deno.inspect` and `util.inspect` print them in an object. */
function inspectForms(text: string): string[] {
  const lowered = text.replace(/\\/g, "\\\\").replace(/\p{Cc}/gu, consoleEscape);
  const both = [lowered, lowered.replace(/\\x../g, (hex) => `\\x${hex.slice(2).toUpperCase()}`)];
  return both.flatMap((form) => [form, form.replaceAll('"', '\\"'), form.replaceAll("'", "\\'")]);
}

const CONSOLE_ESCAPES: Readonly<Record<string, string>> = {
  "\b": "\\b",
  "\t": "\\t",
  "\n": "\\n",
  "\v": "\\v",
  "\f": "\\f",
  "\r": "\\r",
};

function consoleEscape(char: string): string {
  return CONSOLE_ESCAPES[char] ?? `\\x${hex(char, 2)}`;
}

function unicodeEscape(char: string): string {
  return `\\u${hex(char, 4)}`;
}

function percent(char: string): string {
  return `%${hex(char, 2).toUpperCase()}`;
}

function hex(char: string, digits: number): string {
  return char.charCodeAt(0).toString(16).padStart(digits, "0");
}

function lower(text: string): string {
  return text.toLowerCase();
}

function jsonInner(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function addAll(set: Set<string>, items: Iterable<string>): void {
  for (const item of items) set.add(item);
}
