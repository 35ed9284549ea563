import assert from 'node:assert/strict';
import type { Suite } from '../suite.ts';

export const smtp: Suite = {
  name: 'smtp',
  title: 'SMTP, a server that speaks first',
  needs: ['curl'],
  manifest: 'programs.yaml',
  services: { smtp: ['TCP'] },
  quick: false,

  async run({ client, check }) {
    const send = async (message: string): Promise<void> => {
      const parties = ['--mail-from', 'a@example', '--mail-rcpt', 'b@example'];
      const args = ['-sSv', '--max-time', '30', 'smtp://smtp', ...parties, '-T', '-'];
      const { status, stderr } = await client.run('curl', args, { input: message });
      assert.equal(status, 0, stderr);
      assert.match(stderr, /< 220 toy ESMTP.*< 354 go on.*< 250 taken/s);
    };
    await check('a message', () => send('Subject: hello\r\n\r\nhello\r\n'));
    await check('a long one', () => send(`Subject: long\r\n\r\n${'a line\r\n'.repeat(100_000)}`));
    await check('the same server once more, and again', async () => {
      for (let i = 0; i < 10; i += 1) await send(`Subject: ${i}\r\n\r\n`);
    });
  },
};
