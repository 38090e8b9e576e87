// SPDX-License-Identifier: Apache-2.0
// One client's load, for the contestants whose client is JavaScript; what load/meter.go is for the
// others: the same document, the same window, the same lines on stdout.

export function document(number) {
  const members = [];
  let length = 1;
  for (let i = 0; ; i++) {
    const id = BigInt(number) * 100n + BigInt(i);
    const member = `"member${String(i).padStart(2, "0")}":{"id":${id},"text":"something"},`;
    if (length + member.length + '"fill":""}'.length > 1024) {
      break;
    }
    members.push(member);
    length += member.length;
  }
  return JSON.parse(`{${members.join("")}"fill":"${"x".repeat(1024 - length - '"fill":""}'.length)}"}`);
}

const sleep = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));
const now = () => performance.now() / 1000;
const base = Date.now();
let next = 0;

async function chains(inFlight, warm, seconds, one) {
  let stop = false;
  let counting = false;
  const took = [];
  const slot = async () => {
    while (!stop) {
      const begun = now();
      await one(base * 1000 + next++);
      if (counting) {
        took.push((now() - begun) * 1000);
      }
    }
  };
  const slots = Array.from({ length: inFlight }, slot);
  await Promise.race([sleep(warm), Promise.all(slots)]); // where one fails, all end here
  counting = true;
  const begun = now();
  console.log("begin");
  await Promise.race([sleep(seconds), Promise.all(slots)]);
  counting = false;
  const passed = now() - begun;
  took.sort((a, b) => a - b);
  console.log(JSON.stringify({
    chains: took.length, seconds: passed,
    p50_ms: took[Math.floor(took.length / 2)] ?? 0, p99_ms: took[Math.floor(took.length * 0.99)] ?? 0,
  }));
  stop = true;
  await Promise.all(slots);
}

async function open(count, seconds, one) {
  const begun = now();
  let started = 0;
  const slot = async () => {
    while (started < count && now() - begun < seconds) {
      started++;
      await one(base * 1000 + next++);
    }
  };
  await Promise.all(Array.from({ length: 64 }, slot));
  console.log(JSON.stringify({ opened: started, seconds: now() - begun }));
}

// "chain IN_FLIGHT WARM SECONDS" or "open COUNT SECONDS".
export async function load(args, chain, wait) {
  const [what, ...numbers] = args;
  if (what === "chain") {
    await chains(...numbers.map(Number), chain);
  } else {
    await open(...numbers.map(Number), wait);
  }
}
