import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { BoundedMap, Bucket } from "../../lib/auth/bucket.ts";
import { AddressSet, coversCidrs } from "../../lib/auth/cidr.ts";
import { DEFAULT_LIMITS, Limits, type LimitSettings } from "../../lib/auth/limits.ts";
import { AppError } from "../../lib/errors.ts";
import { clientAddress } from "../../lib/http/client_address.ts";

function limits(settings: Partial<LimitSettings> = {}) {
  const time = { now: 0 };
  const off = { perKey: 0, perAddress: 0, failures: 0 };
  return { time, limits: new Limits({ ...off, ...settings }, () => time.now) };
}

/** Seconds to wait, or 0 when it is let through. */
function wait(work: () => void): number {
  try {
    work();
    return 0;
  } catch (error) {
    assert(error instanceof AppError && error.code === "RATE_LIMITED");
    return Number(error.headers["retry-after"]);
  }
}

Deno.test("Bucket lets its rate through over time, and never more than its burst at once", () => {
  const steps = fc.array(fc.nat(2_000), { maxLength: 100 });
  fc.assert(fc.property(fc.integer({ min: 1, max: 50 }), steps, (rate, pauses) => {
    const bucket = new Bucket(rate, rate * 2, 0);
    let now = 0;
    let taken = 0;
    for (const pause of pauses) {
      now += pause;
      while (bucket.take(now) === 0) taken++;
      assert(taken <= rate * 2 + now * rate / 1_000 + 1e-6);
    }
  }));
});

Deno.test("failures of an address lock it, each lock twice as long, up to a quarter of an hour", () => {
  const { time, limits: some } = limits({ failures: 3 });
  const seen: number[] = [];
  for (let i = 0; i < 16; i++) {
    const waited = wait(() => some.begin("192.0.2.1", null));
    seen.push(waited);
    time.now += waited * 1_000;
    some.fail("192.0.2.1", null);
  }
  assertEquals(seen, [0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
  assertEquals(wait(() => some.begin("192.0.2.2", null)), 0);
  time.now += 900_000;
  assertEquals(wait(() => some.begin("192.0.2.1", null)), 0);
  time.now += 900_000;
  some.fail("192.0.2.1", null);
  assertEquals(wait(() => some.begin("192.0.2.1", null)), 0);
});

Deno.test("failures for a key lock its id for a minute at most, wherever they come from", () => {
  const { limits: some } = limits({ failures: 2 });
  for (let i = 0; i < 40; i++) some.fail(`192.0.2.${i}`, "AAAAAAAA");
  assertEquals(wait(() => some.begin("198.51.100.1", "AAAAAAAA")), 60);
  assertEquals(wait(() => some.begin("198.51.100.1", "BBBBBBBB")), 0);
});

Deno.test("an IPv6 network is one address, and IPv4 in its IPv6 form is IPv4", () => {
  const { limits: some } = limits({ failures: 1 });
  some.fail("2001:db8::1", null);
  some.fail("::ffff:192.0.2.1", null);
  for (
    const same of [
      "2001:db8::2",
      "2001:DB8:0:0:9::1",
      "2001:db8:0:0:ffff:ffff:ffff:ffff",
      "192.0.2.1",
    ]
  ) {
    assert(wait(() => some.begin(same, null)) > 0, same);
  }
  for (const other of ["2001:db8:0:1::1", "2001:db9::1", "::1", "192.0.2.2", "::ffff:192.0.2.2"]) {
    assertEquals(wait(() => some.begin(other, null)), 0, other);
  }
});

Deno.test("attempts of one address have a rate, and those that succeed don't count", () => {
  const { time, limits: some } = limits({ perAddress: 10 });
  for (let i = 0; i < 500; i++) {
    some.begin("192.0.2.1", null);
    some.succeed("192.0.2.1");
  }
  for (let i = 0; i < 50; i++) assertEquals(wait(() => some.begin("192.0.2.1", null)), 0);
  assertEquals(wait(() => some.begin("192.0.2.1", null)), 1);
  time.now += 100;
  assertEquals(wait(() => some.begin("192.0.2.1", null)), 0);
});

Deno.test("requests of one key have a rate where one is set", () => {
  const { limits: some } = limits({ perKey: 2 });
  const through = Array.from({ length: 20 }, () => wait(() => some.spend("a"))).filter((s) =>
    s === 0
  );
  assertEquals([through.length, wait(() => some.spend("b"))], [10, 0]);
  const { limits: off } = limits();
  for (let i = 0; i < 1_000; i++) off.spend("a");
});

Deno.test("BoundedMap keeps what was used last, and never more than it may", () => {
  const names = fc.array(fc.nat(30).map(String), { maxLength: 300 });
  fc.assert(fc.property(names, (all) => {
    const map = new BoundedMap<string>(10);
    all.forEach((name, i) => {
      if (i % 3 === 0) map.get(name);
      else map.set(name, name);
      assert(map.size <= 10);
    });
    const last = all.filter((_, i) => i % 3 !== 0).slice(-5);
    for (const name of last) assertEquals(map.get(name), name);
  }));
});

Deno.test("a flood of addresses and keys is forgotten, and a lock outlives a part of it", () => {
  const { limits: some } = limits(DEFAULT_LIMITS);
  const flood = (from: number, to: number) => {
    for (let i = from; i < to; i++) {
      const address = `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
      some.begin(address, `k${i}`);
      some.fail(address, `k${i}`);
    }
  };
  for (let i = 0; i < DEFAULT_LIMITS.failures; i++) some.fail("192.0.2.1", null);
  flood(0, 2_000);
  assert(wait(() => some.begin("192.0.2.1", null)) > 0);
  flood(2_000, 100_000);
  assertEquals(wait(() => some.begin("192.0.2.1", null)), 0);
});

Deno.test("clientAddress() believes trusted proxies and nobody else", () => {
  const trusted = new AddressSet(["10.0.0.0/8", "::1"]);
  const table: [peer: string, forwarded: string | null, want: string][] = [
    ["192.0.2.1", null, "192.0.2.1"],
    ["192.0.2.1", "6.6.6.6", "192.0.2.1"],
    ["10.0.0.1", null, "10.0.0.1"],
    ["10.0.0.1", "192.0.2.7", "192.0.2.7"],
    ["10.0.0.1", "6.6.6.6, 192.0.2.7", "192.0.2.7"],
    ["10.0.0.1", "6.6.6.6,192.0.2.7, 10.0.0.2", "192.0.2.7"],
    ["::1", "2001:db8::5", "2001:db8::5"],
    ["10.0.0.1", "6.6.6.6, ", "10.0.0.1"],
    ["10.0.0.1", "6.6.6.6, not-an-address", "10.0.0.1"],
    ["10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"],
    ["10.0.0.1", `6.6.6.6${", 10.0.0.2".repeat(1_000)}`, "10.0.0.2"],
  ];
  for (const [peer, forwarded, want] of table) {
    assertEquals(
      clientAddress(peer, forwarded, trusted),
      want,
      `${peer} ${forwarded?.slice(0, 60)}`,
    );
  }
});

Deno.test("coversCidrs() says yes only when every address of the narrow is in the wide", () => {
  const octet = fc.nat(255);
  const range = fc.tuple(octet, octet, octet, octet, fc.nat(32))
    .map(([a, b, c, d, bits]) => `${a & 3}.${b & 1}.${c & 1}.${d}/${bits}`);
  const inside = fc.tuple(fc.nat(3), fc.nat(1), fc.nat(1), octet).map((parts) => parts.join("."));
  fc.assert(
    fc.property(range, range, inside, (wide, narrow, address) => {
      if (!coversCidrs([wide], [narrow])) return;
      if (new AddressSet([narrow]).has(address)) assert(new AddressSet([wide]).has(address));
    }),
    { numRuns: 2_000 },
  );
  assert(coversCidrs(["10.0.0.0/8", "::/0"], ["10.1.0.0/16", "2001:db8::1"]));
  assertThrows(() => new AddressSet(["10.0.0.0/-1"]), AppError);
});
