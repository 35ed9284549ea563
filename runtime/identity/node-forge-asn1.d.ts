/** The ASN.1 builder alone: the whole of node-forge costs a small process much more memory. */
declare module 'node-forge/lib/asn1.js' {
  import { asn1 } from 'node-forge';

  export default asn1;
}
