import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { explainFailure } from './capability.ts';

suite('what is in the way of namespaces is said in words that help', () => {
  const cases = [
    { name: 'no unshare', said: 'Error: spawn unshare ENOENT', told: /install util-linux/ },
    {
      name: 'namespaces are forbidden',
      said: 'unshare: unshare failed: Operation not permitted',
      told: /unshare is not allowed \(unshare: unshare failed: Operation not permitted\)\. For the full mode.*root.*--privileged/,
    },
    {
      name: 'a program is missing',
      said: 'step:making a bridge with ip; sh: 4: ip: not found',
      told: /there is no ip: install the package iproute2/,
    },
    {
      name: 'another program is missing',
      said: 'step:making a bridge with ip; step:writing rules with iptables (REDIRECT, DNAT, statistic); sh: 15: iptables-restore: not found',
      told: /there is no iptables-restore: install the package iptables/,
    },
    {
      name: 'a step is forbidden',
      said: 'step:making a bridge with ip; RTNETLINK answers: Operation not permitted',
      told: /^making a bridge with ip failed \(RTNETLINK answers: Operation not permitted\)/,
    },
  ];
  for (const { name, said, told } of cases) {
    test(name, () => assert.match(explainFailure(said), told));
  }
});
