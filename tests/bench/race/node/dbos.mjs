// SPDX-License-Identifier: Apache-2.0
// DBOS's side of the chain: dbos.mjs PORT ...: a library, so that application, worker and client are
// one process beside PostgreSQL. `open` keeps its executions open until the input ends.
import { DBOS } from "@dbos-inc/dbos-sdk";
import { load, document } from "./meter.mjs";

const [, , url, ...args] = process.argv;

const chain = DBOS.registerWorkflow(async (d) => {
  for (let i = 0; i < 10; i++) {
    const before = d;
    d = await DBOS.runStep(async () => before, { name: `s${i}` });
  }
  return d;
}, { name: "chain" });

const sleep = DBOS.registerWorkflow(async (d) => {
  await DBOS.sleep(3600_000);
  return d;
}, { name: "sleep" });

DBOS.setConfig({
  name: "race", systemDatabaseUrl: url, systemDatabasePoolSize: 20, logLevel: "error", runAdminServer: false,
});
await DBOS.launch();
console.log("ready");
if (args.length > 0) {
  await load(args, async (number) => {
    const handle = await DBOS.startWorkflow(chain, { workflowID: `run-${number}` })(document(number));
    await handle.getResult();
  }, (number) => DBOS.startWorkflow(sleep, { workflowID: `run-${number}` })(document(number)));
}
if (args[0] === "chain") {
  process.exit(0);
}
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
