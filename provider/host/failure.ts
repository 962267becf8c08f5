/** What went wrong, as the engine understands it. */
import * as grpc from "@grpc/grpc-js";
import * as pb from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { Any } from "google-protobuf/google/protobuf/any_pb";
import type { Struct } from "google-protobuf/google/protobuf/struct_pb";
import { ProblemError } from "../../components/problem";

/** The resource exists but is not all that was asked for: the engine keeps it, and the next update goes on. */
export function partial(id: string, properties: Struct, reasons: readonly string[]): Partial<grpc.ServiceError> {
  const detail = new pb.ErrorResourceInitFailed();
  detail.setId(id);
  detail.setProperties(properties);
  detail.setReasonsList([...reasons]);
  const packed = new Any();
  packed.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const status = new Status();
  status.setCode(grpc.status.UNKNOWN);
  status.setMessage(reasons.join("; "));
  status.setDetailsList([packed]);
  const metadata = new grpc.Metadata();
  metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  return { code: grpc.status.UNKNOWN, details: reasons.join("; "), metadata };
}

/** Any other error: its sentence without a stack trace. */
export function plainFailure(error: unknown, redact: (text: string) => string): Partial<grpc.ServiceError> {
  if (process.env.PLINTH_DEBUG === "1" && error instanceof Error) console.error(redact(error.stack ?? error.message));
  const code = error instanceof ProblemError ? grpc.status.INVALID_ARGUMENT : grpc.status.UNKNOWN;
  return { code, details: redact(sentence(error)) };
}

/** What an error says, and what it says about its cause. */
export function sentence(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `: ${sentence(error.cause)}`;
  return `${error.message}${cause}`;
}
