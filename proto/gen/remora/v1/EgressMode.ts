/**
 * What the pod may call outside of the mesh.
 */
export const EgressMode = {
  ALLOW: 'ALLOW',
  /**
   * The hosts of external services, and nothing else.
   */
  REGISTERED_ONLY: 'REGISTERED_ONLY',
} as const;

/**
 * What the pod may call outside of the mesh.
 */
export type EgressMode =
  | 'ALLOW'
  | 0
  /**
   * The hosts of external services, and nothing else.
   */
  | 'REGISTERED_ONLY'
  | 1

/**
 * What the pod may call outside of the mesh.
 */
export type EgressMode__Output = typeof EgressMode[keyof typeof EgressMode]
