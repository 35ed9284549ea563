export const Protocol = {
  /**
   * Decided by the first bytes.
   */
  DETECT: 'DETECT',
  HTTP1: 'HTTP1',
  HTTP2: 'HTTP2',
  GRPC: 'GRPC',
  TCP: 'TCP',
  TLS: 'TLS',
} as const;

export type Protocol =
  /**
   * Decided by the first bytes.
   */
  | 'DETECT'
  | 0
  | 'HTTP1'
  | 1
  | 'HTTP2'
  | 2
  | 'GRPC'
  | 3
  | 'TCP'
  | 4
  | 'TLS'
  | 5

export type Protocol__Output = typeof Protocol[keyof typeof Protocol]
