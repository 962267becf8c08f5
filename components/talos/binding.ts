/** Client certificate for the Talos API, PEM in base64, as the talos provider hands it around. */
export interface ClientConfiguration {
  readonly caCertificate: string;
  readonly clientCertificate: string;
  readonly clientKey: string;
}
