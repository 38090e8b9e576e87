// SPDX-License-Identifier: Apache-2.0
// BullMQ's side of the chain: bullmq.mjs worker PORT, or bullmq.mjs load PORT jobs|steps ....
// `jobs`: ten queues; the worker of one adds the job of the next. `steps`: one job that notes each
// of ten steps with updateData, BullMQ's own pattern of step jobs. The end is told by QueueEvents.
import { Queue, QueueEvents, Worker } from "bullmq";
import { load, document } from "./meter.mjs";

const [, , role, port, variant, ...args] = process.argv;
const connection = { host: "127.0.0.1", port: Number(port), maxRetriesPerRequest: null };
const WORKERS = 8; // of a queue: one takes its first job by itself, and waits for a sync with each
const removed = { removeOnComplete: true };
const queue = (name) => new Queue(name, { connection, defaultJobOptions: removed });

async function serve() {
  const stages = Array.from({ length: 10 }, (_, i) => queue(`stage${i}`));
  for (let i = 0; i < 10; i++) {
    // The last stage's job has its chain's id: it is the one waited for.
    const next = async (job) => {
      if (i < 9) {
        const opts = i === 8 ? { jobId: job.data.end } : {};
        await stages[i + 1].add("stage", job.data, opts);
      }
      return i < 9 ? undefined : job.data.document;
    };
    for (let n = 0; n < WORKERS; n++) {
      new Worker(`stage${i}`, next, { connection, concurrency: 32 });
    }
  }
  new Worker("steps", async (job) => {
    for (let step = job.data.step; step < 10; step++) {
      await job.updateData({ step: step + 1, document: job.data.document });
    }
    return job.data.document;
  }, { connection, concurrency: 256 });
  await Promise.all(stages.map((q) => q.waitUntilReady()));
  console.log("ready");
}

async function client() {
  const first = queue(variant === "jobs" ? "stage0" : "steps");
  const delayed = queue("delayed");
  const events = new QueueEvents(variant === "jobs" ? "stage9" : "steps", { connection });
  const waiting = new Map();
  events.on("completed", ({ jobId }) => waiting.get(jobId)?.());
  events.on("failed", ({ failedReason }) => { throw new Error(failedReason); });
  await events.waitUntilReady();
  await load(args, async (number) => {
    const id = `run-${number}`;
    const ended = new Promise((done) => waiting.set(id, done));
    const data = variant === "jobs" ? { end: id, document: document(number) } : { step: 0, document: document(number) };
    await first.add("chain", data, variant === "jobs" ? {} : { jobId: id });
    await ended;
    waiting.delete(id);
  }, (number) => delayed.add("sleep", document(number), { delay: 3600_000 }));
  process.exit(0);
}

await (role === "worker" ? serve() : client());
