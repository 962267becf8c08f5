import { pack } from "./pack";

void pack.listen().then(
  ({ port }) => process.stdout.write(`${port}\n`),
  (error: Error) => {
    console.error(error.message);
    process.exit(1);
  },
);
// Whoever started this process ends with the engine, and so does this process.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.exit(0);
}, 1000).unref();
