/**
 * What sidecars refused, by resource: the config stream tells of it, and the
 * status writer shows it as `Programmed: False` on the policies and routes
 * behind the resource.
 */
export interface RefusalReports {
  /**
   * A sidecar refused a push. `sidecar` names the stream (`<namespace>/<pod>`),
   * `resource` is the name in the Nack and may be empty.
   */
  refused(sidecar: string, resource: string, reason: string): void;
  /** A sidecar took a push, or its stream ended: what it refused before no longer counts. */
  cleared(sidecar: string): void;
}
