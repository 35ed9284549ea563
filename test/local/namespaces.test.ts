import { findMode } from '../../local/capability.ts';
import { describeMesh } from './scenario.ts';

const found = await findMode(false);
const privileged = found.kind === 'namespaces' && !found.unprivileged;

describeMesh({
  title: 'local mode in network namespaces',
  args: [],
  mode: privileged ? 'network namespaces' : 'network namespaces, without root',
  skip: found.kind === 'namespaces' ? false : found.reasons.join('; '),
});
