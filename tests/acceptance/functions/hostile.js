/**
 * A function that reaches for what isn't its own. `?probe=` names one attempt; the body tells it
 * where things are, as somebody would know who has seen the source and the machine.
 *
 * An attempt that gets something returns it. One that is refused throws, or returns nothing.
 */
import { createSocket } from "node:dgram";
import { readFile } from "node:fs/promises";
import { createServer, Socket } from "node:net";
import { createRequire } from "node:module";
import process from "node:process";

const text = (bytes) => new TextDecoder().decode(bytes);
const get = async (url) => (await fetch(url, { signal: AbortSignal.timeout(3_000) })).text();
const tcp = async (hostname, port) => {
  const connection = await Deno.connect({ hostname, port });
  connection.close();
  return `connected to ${hostname}`;
};
const unix = async (path) => {
  const connection = await Deno.connect({ transport: "unix", path });
  connection.close();
  return "connected";
};
/** Runs code in a worker and returns the first message that it posts. */
const inWorker = (source, options) =>
  new Promise((resolve, reject) => {
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const worker = new Worker(url, { type: "module", ...options });
    worker.onmessage = ({ data }) => {
      worker.terminate();
      if (data.refused) reject(new Error(data.refused));
      else resolve(data.got);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
  });
const posting = (expression) =>
  `try { postMessage({ got: String(await (${expression})) }); }
   catch (error) { postMessage({ refused: error.name + ": " + error.message }); }`;
/** Code that no bundler sees: it is made while the function runs. */
const late = (source) => import(`data:text/javascript,${encodeURIComponent(source)}`);
const probes = {
  "env HOME": () => Deno.env.get("HOME"),
  "env PATH": () => Deno.env.get("PATH"),
  "env DATABASE_URL": () => Deno.env.get("DATABASE_URL"),
  "env FLUXBASE_ENCRYPTION_KEY": () => Deno.env.get("FLUXBASE_ENCRYPTION_KEY"),
  "env FLUXBASE_DATA_DIR": () => Deno.env.get("FLUXBASE_DATA_DIR"),
  "env DENO_DIR": () => Deno.env.get("DENO_DIR"),
  "env all": () => Deno.env.toObject(),
  "env process": () => ({ ...process.env }),
  "env process keys": () => Object.keys(process.env).sort(),
  "env set other": () => Deno.env.set("LD_PRELOAD", "x") ?? Deno.env.get("LD_PRELOAD"),

  "proc self environ": () => Deno.readTextFile("/proc/self/environ"),
  "proc self environ node": () => readFile("/proc/self/environ", "utf8"),
  "proc self cmdline": () => Deno.readTextFile("/proc/self/cmdline"),
  "proc self maps": () => Deno.readTextFile("/proc/self/maps"),
  "proc self mem": () => Deno.open("/proc/self/mem"),
  "proc self fd": () => [...Deno.readDirSync("/proc/self/fd")],
  "proc self fd 3": () => Deno.readFile("/proc/self/fd/3"),
  "proc parent environ": ({ pid }) => Deno.readTextFile(`/proc/${pid}/environ`),
  "proc parent ppid environ": () => Deno.readTextFile(`/proc/${Deno.ppid}/environ`),
  "proc parent mem": ({ pid }) => Deno.open(`/proc/${pid}/mem`),
  "proc parent cmdline": ({ pid }) => Deno.readTextFile(`/proc/${pid}/cmdline`),
  "proc parent root": ({ pid }) => Deno.readTextFile(`/proc/${pid}/root/etc/hostname`),
  "proc list": () => [...Deno.readDirSync("/proc")].length,

  "file database": ({ dataDir }) => [...Deno.readDirSync(`${dataDir}/database`)].length,
  "file admin.key": ({ dataDir }) => Deno.readTextFile(`${dataDir}/admin.key`),
  "file root.key": ({ dataDir }) => Deno.readTextFile(`${dataDir}/root.key`),
  "file root.key relative": () => Deno.readTextFile("data/root.key"),
  "file root.key stat": ({ dataDir }) => Deno.statSync(`${dataDir}/root.key`).size,
  "file code cache": ({ dataDir }) => [...Deno.readDirSync(`${dataDir}/code`)].length,
  "file run directory": ({ dataDir }) => [...Deno.readDirSync(`${dataDir}/run`)].length,
  "file other source": ({ functionsDir }) => Deno.readTextFile(`${functionsDir}/neighbour.ts`),
  "file own source": ({ functionsDir }) => Deno.readTextFile(`${functionsDir}/hostile.js`),
  "file bootstrap": ({ bootstrap }) => Deno.readTextFile(bootstrap),
  "file passwd": () => Deno.readTextFile("/etc/passwd"),
  "file write": ({ functionsDir }) => Deno.writeTextFile(`${functionsDir}/planted.ts`, "x"),
  "file write beside": ({ directory }) => Deno.writeTextFile(`${directory}/planted`, "x"),
  "file temp": () => Deno.makeTempFile(),
  "file symlink": ({ dataDir, directory }) =>
    Deno.symlink(`${dataDir}/root.key`, `${directory}/planted`),
  "file link": ({ dataDir, directory }) => Deno.link(`${dataDir}/root.key`, `${directory}/planted`),
  "file rename": ({ dataDir, directory }) =>
    Deno.rename(`${dataDir}/root.key`, `${directory}/planted`),
  "file remove": ({ dataDir }) => Deno.remove(`${dataDir}/admin.key`),
  "file watch": ({ dataDir }) => Deno.watchFs(dataDir) && "watching",
  "file stdin": () => Deno.stdin.readSync(new Uint8Array(1)),

  "import passwd text": async () =>
    (await late(`export { default } from "file:///etc/passwd" with { type: "text" }`)).default,
  "import passwd text computed": async () => {
    const url = "file:///etc/passwd";
    return (await import(url, { with: { type: "text" } })).default;
  },
  "import passwd bytes computed": async () => {
    const url = "file:///etc/passwd";
    return text((await import(url, { with: { type: "bytes" } })).default);
  },
  "import passwd json computed": async () => {
    const url = "file:///etc/passwd";
    return (await import(url, { with: { type: "json" } })).default;
  },
  "import environ computed": async () => {
    const url = "file:///proc/self/environ";
    return Object.keys(await import(url));
  },
  "import other source computed": async ({ functionsDir }) => {
    const url = `file://${functionsDir}/neighbour.ts`;
    return String((await import(url)).default);
  },
  "import bootstrap": async ({ bootstrap }) => {
    const url = `file://${bootstrap}`;
    return Object.keys(await import(url));
  },
  "import npm": async () => {
    const name = "npm:nanoid@5.1.6";
    return Object.keys(await import(name));
  },
  "import npm cached": async () => {
    const name = "npm:hono@4.13.19";
    return Object.keys(await import(name));
  },
  "import jsr": async () => {
    const name = "jsr:@std/assert";
    return Object.keys(await import(name));
  },
  "import https": async () => {
    const name = "https://example.com/a.js";
    return Object.keys(await import(name));
  },
  "import sqlite": async ({ directory }) => {
    const { DatabaseSync } = await import("node:sqlite");
    return new DatabaseSync(`${directory}/planted`) && "opened";
  },
  "file sqlite spill": async () => {
    const { DatabaseSync } = await import("node:sqlite");
    const database = new DatabaseSync(":memory:");
    database.exec("pragma temp_store = file; create temp table spilled (bytes)");
    // More than its cache holds.
    for (let i = 0; i < 8; i++) database.exec("insert into spilled values (zeroblob(1000000))");
    return "spilled";
  },
  "require file": ({ dataDir }) => createRequire("file:///x.js")(`${dataDir}/root.key`),

  "net server": ({ port }) => get(`http://127.0.0.1:${port}/healthz`),
  "net server by name": ({ port }) => get(`http://localhost:${port}/healthz`),
  "net server by dotted name": ({ port }) => get(`http://localhost.:${port}/healthz`),
  "net server decimal": ({ port }) => get(`http://2130706433:${port}/healthz`),
  "net server hexadecimal": ({ port }) => get(`http://0x7f000001:${port}/healthz`),
  "net server octal": ({ port }) => get(`http://0177.0.0.1:${port}/healthz`),
  "net server short": ({ port }) => get(`http://127.1:${port}/healthz`),
  "net server any": ({ port }) => get(`http://0.0.0.0:${port}/healthz`),
  "net server zero": ({ port }) => get(`http://0:${port}/healthz`),
  "net server mapped": ({ port }) => get(`http://[::ffff:127.0.0.1]:${port}/healthz`),
  "net server mapped hex": ({ port }) => get(`http://[::ffff:7f00:1]:${port}/healthz`),
  "net server v6": ({ port }) => get(`http://[::1]:${port}/healthz`),
  "net server v6 any": ({ port }) => get(`http://[::]:${port}/healthz`),
  "net server resolved name": ({ port }) => get(`http://inside.example:${port}/healthz`),
  "net server resolved name tcp": ({ port }) => tcp("inside.example", port),
  "net metadata resolved name": () => get("http://metadata.example/"),
  "net server tcp": ({ port }) => tcp("127.0.0.1", port),
  "net server tcp decimal": ({ port }) => tcp("2130706433", port),
  "net server tcp mapped": ({ port }) => tcp("::ffff:127.0.0.1", port),
  "net server node": ({ port }) =>
    new Promise((resolve, reject) => {
      const socket = new Socket();
      socket.on("error", reject).on("connect", () => {
        socket.destroy();
        resolve("connected");
      });
      socket.connect(port, "127.0.0.1");
    }),
  "net server websocket": ({ port }) =>
    new Promise((resolve, reject) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/`);
      socket.onopen = () => resolve("open");
      socket.onerror = (event) => reject(event.error ?? new Error(event.message));
    }),
  "net server udp": ({ port }) =>
    new Promise((resolve, reject) => {
      addEventListener("error", (event) => reject(event.error), { once: true });
      const socket = createSocket("udp4").on("error", reject);
      socket.send("x", port, "127.0.0.1", (error) => error ? reject(error) : resolve("sent"));
    }),
  "net server proxy": ({ port }) => {
    const client = Deno.createHttpClient({ proxy: { url: `http://127.0.0.1:${port}` } });
    return fetch("http://example.com/healthz", { client }).then((response) => response.status);
  },
  "net server unix proxy": ({ socket }) => {
    const client = Deno.createHttpClient({ proxy: { transport: "unix", path: socket } });
    return fetch("http://example.com/healthz", { client }).then((response) => response.status);
  },
  "net database": ({ databasePort }) => tcp("127.0.0.1", databasePort),
  "net database by name": ({ databasePort }) => tcp("localhost", databasePort),
  "net metadata": () => get("http://169.254.169.254/latest/meta-data/"),
  "net metadata decimal": () => get("http://2852039166/"),
  "net metadata mapped": () => get("http://[::ffff:169.254.169.254]/"),
  "net metadata alibaba": () => get("http://100.100.100.200/"),
  "net metadata google": () => get("http://metadata.google.internal/"),
  "net metadata v6": () => get("http://[fd00:ec2::254]/"),
  "net metadata v6 written out": () => get("http://[fd00:0ec2:0:0:0:0:0:254]/"),
  "net listen": () => Deno.listen({ hostname: "127.0.0.1", port: 0 }).addr,
  "net listen any": () => Deno.listen({ port: 0 }).addr,
  "net serve": () => Deno.serve({ port: 0, onListen() {} }, () => new Response()).addr,
  "net listen node": () =>
    new Promise((resolve, reject) => {
      // What is refused here is thrown where nothing can catch it.
      addEventListener("error", (event) => reject(event.error), { once: true });
      const server = createServer().on("error", reject);
      server.listen(0, "127.0.0.1", () => resolve("listening"));
    }),

  "socket own": ({ socket }) => unix(socket),
  "socket argument": () => unix(Deno.args[0]),
  "socket argument absolute": () => unix(Deno.args[1]),
  "socket argument stat": () => Deno.statSync(Deno.args[1]).isSocket,
  "socket listen": ({ dataDir }) =>
    Deno.listen({ transport: "unix", path: `${dataDir}/run/x` }) && 1,
  "socket listen at own": () =>
    Deno.listen({ transport: "unix", path: Deno.args[0] }) && "listening",
  "socket docker": () => unix("/var/run/docker.sock"),

  "run command": async () => text((await new Deno.Command("/usr/bin/id").output()).stdout),
  "run shell": async () =>
    text((await new Deno.Command("/bin/sh", { args: ["-c", "id"] }).output()).stdout),
  "run self": async () =>
    text((await new Deno.Command(Deno.execPath(), { args: ["eval", "1"] }).output()).stdout),
  "run node spawn": async () => {
    const { spawn } = await import("node:child_process");
    return new Promise((resolve, reject) => {
      spawn("/usr/bin/id").on("error", reject).on("spawn", () => resolve("spawned"));
    });
  },
  "run node spawn at once": async () => {
    const { spawnSync } = await import("node:child_process");
    return spawnSync("/usr/bin/id").stdout;
  },
  "run node fork": async () => {
    const { fork } = await import("node:child_process");
    return new Promise((resolve, reject) => {
      fork("data:text/javascript,1").on("error", reject).on("spawn", () => resolve("spawned"));
    });
  },
  "run dlopen": () => Deno.dlopen("libc.so.6", { getpid: { parameters: [], result: "i32" } }) && 1,
  "run process dlopen": () => process.dlopen({ exports: {} }, "/lib/x86_64-linux-gnu/libc.so.6"),
  "run require addon": () => createRequire("file:///x.js")("/usr/lib/addon.node"),
  "run kill parent": ({ pid }) => Deno.kill(pid, "SIGTERM") ?? "killed",
  "run kill parent node": ({ pid }) => process.kill(pid, "SIGTERM"),
  "run probe parent": ({ pid }) => process.kill(pid, 0),
  "run renice parent": async ({ pid }) =>
    (await import("node:os")).setPriority(pid, 19) ?? "reniced",
  "run renice own": async () => (await import("node:os")).setPriority(-20) ?? "reniced",
  "run set uid": () => process.setuid(65534) ?? "done",
  "run chdir": () => Deno.chdir("/") ?? "changed",
  "run raw bindings": () => process.binding("fs") && process.binding("spawn_sync").spawn,

  "inspector": async () => {
    const inspector = await import("node:inspector");
    inspector.open(0, "127.0.0.1");
    return inspector.url();
  },
  "inspector session": async () => {
    const { Session } = await import("node:inspector");
    const session = new Session();
    session.connect();
    return new Promise((resolve, reject) =>
      session.post(
        "Runtime.evaluate",
        { expression: "1" },
        (error, result) => error ? reject(error) : resolve(result),
      )
    );
  },
  "heap snapshot": async ({ directory }) =>
    (await import("node:v8")).writeHeapSnapshot(`${directory}/planted`),
  "report": ({ directory }) => process.report?.writeReport?.(`${directory}/planted`) || undefined,

  "worker env": () => inWorker(posting(`Deno.env.get("PATH")`), {}),
  "worker inherited read": () => inWorker(posting(`Deno.readTextFile("/etc/passwd")`), {}),
  "worker all rights": () =>
    inWorker(posting(`Deno.readTextFile("/etc/passwd")`), { deno: { permissions: "inherit" } }),
  "worker more read": () =>
    inWorker(posting(`Deno.readTextFile("/etc/passwd")`), {
      deno: { permissions: { read: true } },
    }),
  "worker more read list": () =>
    inWorker(posting(`Deno.readTextFile("/etc/passwd")`), {
      deno: { permissions: { read: ["/etc/passwd"] } },
    }),
  "worker more env": () =>
    inWorker(posting(`Deno.env.get("PATH")`), { deno: { permissions: { env: true } } }),
  "worker more net": ({ port }) =>
    inWorker(posting(`fetch("http://127.0.0.1:${port}/healthz").then((r) => r.text())`), {
      deno: { permissions: { net: [`127.0.0.1:${port}`] } },
    }),
  "worker net": ({ port }) =>
    inWorker(posting(`fetch("http://127.0.0.1:${port}/healthz").then((r) => r.text())`), {}),
  "worker more run": () =>
    inWorker(posting(`new Deno.Command("/usr/bin/id").output()`), {
      deno: { permissions: { run: true } },
    }),
  "worker file": () =>
    new Promise((resolve, reject) => {
      const worker = new Worker("file:///etc/passwd", { type: "module" });
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      worker.onmessage = () => resolve("ran");
    }),
  "worker import text": () =>
    inWorker(
      `import x from "file:///etc/passwd" with { type: "text" }; postMessage({ got: x });`,
      {},
    ),
  "worker threads": async () => {
    const { Worker } = await import("node:worker_threads");
    const code = `const { parentPort } = require("node:worker_threads");
      let got; try { got = require("node:fs").readFileSync("/etc/passwd", "utf8"); }
      catch (error) { got = { refused: error.message }; }
      parentPort.postMessage(got);`;
    const worker = new Worker(code, { eval: true });
    const got = await new Promise((resolve, reject) =>
      worker.on("message", resolve).on("error", reject)
    );
    await worker.terminate();
    if (got.refused) throw new Error(got.refused);
    return got;
  },
  "worker threads env": async () => {
    const { Worker } = await import("node:worker_threads");
    const code = `require("node:worker_threads").parentPort.postMessage({ ...process.env });`;
    const worker = new Worker(code, { eval: true, env: { PATH: "own" } });
    const got = await new Promise((resolve, reject) =>
      worker.on("message", resolve).on("error", reject)
    );
    await worker.terminate();
    return got;
  },

  "storage local": () => globalThis.localStorage?.setItem("a", "b"),
  "storage session": () => globalThis.sessionStorage?.setItem("a", "b"),
  "storage caches": async () => (await globalThis.caches?.open("a"))?.constructor.name,
  "storage local by name": () =>
    (0, eval)("typeof localStorage") === "undefined" ? undefined : "there",
  "storage kv": async () => (await Deno.openKv?.("planted")) && "opened",
  "storage kv memory": async () => (await Deno.openKv?.(":memory:")) && "opened",
  "storage worker local": () =>
    inWorker(posting(`globalThis.localStorage === undefined ? undefined : "there"`), {}),
  "storage worker caches": () => inWorker(posting(`caches.open("a").then(() => "opened")`), {}),

  "permission ask read": async () =>
    (await Deno.permissions.request({ name: "read", path: "/etc/passwd" })).state,
  "permission ask env": async () =>
    (await Deno.permissions.request({ name: "env", variable: "PATH" })).state,
  "permission ask run": async () =>
    (await Deno.permissions.request({ name: "run", command: "id" })).state,
  "permission ask net": async ({ port }) =>
    (await Deno.permissions.request({ name: "net", host: `127.0.0.1:${port}` })).state,

  "sys hostname": () => Deno.hostname(),
  "sys user": () => Deno.uid(),
  "sys interfaces": () => Deno.networkInterfaces(),
  "sys userInfo": async () => (await import("node:os")).userInfo(),
  "sys release": () => Deno.osRelease(),
  "sys memory": () => Deno.systemMemoryInfo(),
  "sys load": () => Deno.loadavg(),
};

export default async function handler(req) {
  const name = new URL(req.url).searchParams.get("probe");
  if (name === null) return Response.json(Object.keys(probes));
  try {
    const got = await probes[name](await req.json());
    return Response.json({ got: got ?? null });
  } catch (error) {
    const { name, message, cause } = error;
    return Response.json({ refused: `${name}: ${message} ${cause?.message ?? ""}` });
  }
}
