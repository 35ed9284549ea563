export interface Workload {
  'address'?: (string);
  'pod'?: (string);
  'namespace'?: (string);
  /**
   * The Deployment, StatefulSet, Job, ... or the pod's own name.
   */
  'workload'?: (string);
  'serviceAccount'?: (string);
  'node'?: (string);
  'zone'?: (string);
  /**
   * The port of the pod's sidecar for mTLS; 0 when it has none.
   */
  'trunkPort'?: (number);
}

export interface Workload__Output {
  'address': (string);
  'pod': (string);
  'namespace': (string);
  /**
   * The Deployment, StatefulSet, Job, ... or the pod's own name.
   */
  'workload': (string);
  'serviceAccount': (string);
  'node': (string);
  'zone': (string);
  /**
   * The port of the pod's sidecar for mTLS; 0 when it has none.
   */
  'trunkPort': (number);
}
