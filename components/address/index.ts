/** `plinth/address`: pools and claims as resources, and the arithmetic below them. */
export { type AllocationPlan, type AllocationRequest, allocate } from "./allocate";
export { capacity, formatAddress, formatRange, parseAddress, parseCidr, parseRange, sameAddress } from "./cidr";
export { type ClaimIdentity, claimId, readableClaim } from "./claim";
export { IpClaim, type IpClaimArgs } from "./IpClaim";
export { IpPool, type IpPoolArgs } from "./IpPool";
