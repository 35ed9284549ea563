export const Direction = {
  OUTBOUND: 'OUTBOUND',
  INBOUND: 'INBOUND',
} as const;

export type Direction =
  | 'OUTBOUND'
  | 0
  | 'INBOUND'
  | 1

export type Direction__Output = typeof Direction[keyof typeof Direction]
