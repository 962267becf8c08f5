import { claim } from "./Claim";
import { connectNetBox } from "./connect";
import { fileLedger } from "./ledger";
import { netboxBackend } from "./netbox";
import { pool } from "./Pool";
import { Siblings } from "./siblings";
import { staticBackend } from "./static";

const netbox = netboxBackend(connectNetBox);
/** One for both: a claim of a pool and a claim of its own may be the same. */
const siblings = new Siblings();

/** Pools, as the provider serves them. */
export const poolResource = pool({ static: staticBackend(fileLedger()), netbox }, siblings);
/** Claims, as the provider serves them. */
export const claimResource = claim(netbox, siblings);
