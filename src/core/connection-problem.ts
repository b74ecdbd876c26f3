// Why a connection could not be made or was cut, in words for operators. Pure.

const PROBLEMS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens at that address; is the server running, and are host and port right?',
  ENOTFOUND: 'the host name is not known; is it spelt right, and does DNS answer here?',
  EAI_AGAIN: 'DNS does not answer',
  ETIMEDOUT: 'the host does not answer; does a firewall stand between?',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to the network',
  ECONNRESET: 'the other side cut the connection',
  EPIPE: 'the other side cut the connection',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its TLS certificate is self-signed; name the certificate authority to trust',
  SELF_SIGNED_CERT_IN_CHAIN: 'its TLS certificate chain is self-signed; name the certificate authority to trust',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'the issuer of its TLS certificate is not known; name the certificate authority to trust',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'the issuer of its TLS certificate is not known; name the certificate authority to trust',
  CERT_HAS_EXPIRED: 'its TLS certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its TLS certificate is for another host name',
};

/** Words for a system error of Node's (its `code`); undefined for everything else. */
export function connectionProblem(error: unknown): string | undefined {
  if (error instanceof AggregateError) return error.errors.map(connectionProblem).find((words) => words !== undefined);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? PROBLEMS[code] : undefined;
}
