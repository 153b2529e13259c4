/**
 * What does sealing a value cost, beside AES-256-GCM alone?
 *
 * The ring derives a content key for each envelope, and copies the value in and out of its wrapper;
 * the others encrypt under one key that is already there. `webcrypto+hkdf` does what the ring does
 * with WebCrypto: derive, then encrypt. All take turns in each round; figures are medians.
 *
 * Run it with `deno run bench/crypto.ts`.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { generateWrappedKeys, openKeyRing } from "../lib/crypto/keyring.ts";
import { Plaintext } from "../lib/crypto/plaintext.ts";
import { generateRootKey, parseRootKeys } from "../lib/crypto/root_key.ts";

const SIZES = [64, 1024, 64 * 1024];
const ROUNDS = 7;
const ROUND_MS = 60;
const BATCH = 20;
const AAD = new Uint8Array(100);
const KEY = crypto.getRandomValues(new Uint8Array(32));

/** One way of sealing and opening; both throw when it fails. */
interface Contender {
  readonly name: string;
  seal(): unknown;
  open(): unknown;
}

/** Medians of one contender at one size. */
export interface CryptoResult {
  readonly bytes: number;
  readonly name: string;
  readonly sealsPerSecond: number;
  readonly opensPerSecond: number;
  /** Median over the rounds of this contender's speed to the ring's. */
  readonly sealRatio: number;
  readonly openRatio: number;
}

/** Measures each size, all contenders in turn in each round. */
export async function run(): Promise<CryptoResult[]> {
  const results: CryptoResult[] = [];
  for (const bytes of SIZES) results.push(...await measure(bytes));
  return results;
}

async function measure(bytes: number): Promise<CryptoResult[]> {
  const value = crypto.getRandomValues(new Uint8Array(bytes));
  const contenders = [ring(value), node(value), await webcrypto(value), await derived(value)];
  const rounds: { seal: number; open: number }[][] = [];
  await round(contenders); // warm up
  for (let i = 0; i < ROUNDS; i++) rounds.push(await round(contenders));
  return contenders.map(({ name }, at) => ({
    bytes,
    name,
    sealsPerSecond: median(rounds.map((speeds) => speeds[at]!.seal)),
    opensPerSecond: median(rounds.map((speeds) => speeds[at]!.open)),
    sealRatio: median(rounds.map((speeds) => speeds[at]!.seal / speeds[0]!.seal)),
    openRatio: median(rounds.map((speeds) => speeds[at]!.open / speeds[0]!.open)),
  }));
}

async function round(contenders: readonly Contender[]): Promise<{ seal: number; open: number }[]> {
  const speeds = [];
  for (const contender of contenders) {
    const seal = await speedOf(() => contender.seal());
    speeds.push({ seal, open: await speedOf(() => contender.open()) });
  }
  return speeds;
}

/** Calls a second. A call's promise is awaited as its user would; a plain result isn't. */
async function speedOf(call: () => unknown): Promise<number> {
  const start = performance.now();
  let calls = 0;
  let elapsed = 0;
  for (; elapsed < ROUND_MS; elapsed = performance.now() - start) {
    for (let i = 0; i < BATCH; i++) {
      const result = call();
      if (result instanceof Promise) await result;
    }
    calls += BATCH;
  }
  return calls / elapsed * 1000;
}

function ring(value: Uint8Array): Contender {
  const roots = parseRootKeys(generateRootKey().text);
  const keys = openKeyRing(roots, generateWrappedKeys(roots[0]!, new Date()));
  const plaintext = Plaintext.fromBytes(value);
  const sealed = keys.seal(plaintext, AAD);
  return {
    name: "ring",
    seal: () => keys.seal(plaintext, AAD),
    open: () => keys.open(sealed, AAD).revealBytes(),
  };
}

function node(value: Uint8Array): Contender {
  const seal = () => {
    const nonce = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", KEY, nonce);
    cipher.setAAD(AAD);
    return Buffer.concat([nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()]);
  };
  const sealed = seal();
  const open = () => {
    const decipher = createDecipheriv("aes-256-gcm", KEY, sealed.subarray(0, 12));
    decipher.setAAD(AAD);
    decipher.setAuthTag(sealed.subarray(-16));
    return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
  };
  return { name: "node:crypto", seal, open };
}

async function webcrypto(value: Uint8Array<ArrayBuffer>): Promise<Contender> {
  const key = await crypto.subtle.importKey("raw", KEY, "AES-GCM", false, ["encrypt", "decrypt"]);
  const fixed = { name: "AES-GCM", iv: new Uint8Array(12), additionalData: AAD };
  const sealed = await crypto.subtle.encrypt(fixed, key, value);
  const seal = () => {
    const iv = crypto.getRandomValues(new Uint8Array(12));
    return crypto.subtle.encrypt({ ...fixed, iv }, key, value);
  };
  return { name: "webcrypto", seal, open: () => crypto.subtle.decrypt(fixed, key, sealed) };
}

async function derived(value: Uint8Array<ArrayBuffer>): Promise<Contender> {
  const base = await crypto.subtle.importKey("raw", KEY, "HKDF", false, ["deriveKey"]);
  const info = new TextEncoder().encode("fluxbase-envelope-v1");
  const keyFor = (salt: Uint8Array<ArrayBuffer>, usage: KeyUsage) => {
    const hkdf = { name: "HKDF", hash: "SHA-256", salt, info };
    return crypto.subtle.deriveKey(hkdf, base, { name: "AES-GCM", length: 256 }, false, [usage]);
  };
  const seal = async (salt: Uint8Array<ArrayBuffer>, iv: Uint8Array<ArrayBuffer>) =>
    await crypto.subtle.encrypt(
      { name: "AES-GCM", iv, additionalData: AAD },
      await keyFor(salt, "encrypt"),
      value,
    );
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
  const [salt, iv] = [random(16), random(12)];
  const sealed = await seal(salt, iv);
  const open = async () =>
    await crypto.subtle.decrypt(
      { name: "AES-GCM", iv, additionalData: AAD },
      await keyFor(salt, "decrypt"),
      sealed,
    );
  return { name: "webcrypto+hkdf", seal: () => seal(random(16), random(12)), open };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

if (import.meta.main) {
  console.log("   bytes  way              seals/s   opens/s   seal and open, times the ring's");
  for (const row of await run()) {
    const cells = [
      String(row.bytes).padStart(8),
      row.name.padEnd(15),
      row.sealsPerSecond.toFixed(0).padStart(8),
      row.opensPerSecond.toFixed(0).padStart(8),
      row.sealRatio.toFixed(2).padStart(6),
      row.openRatio.toFixed(2).padStart(6),
    ];
    console.log(cells.join("  "));
  }
}
