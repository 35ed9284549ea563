import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, suite, test } from 'node:test';
import { CHECKOUT, ImageFolders, readLocalFolder, SIDECAR_IMAGE } from './image-folders.ts';

suite('a command of a container becomes one of this machine', () => {
  const images = new ImageFolders(
    new Map([
      [
        'shop:1',
        { folder: '/home/me/programs', mountPath: '/app', command: ['node', '/app/x.mjs'] },
      ],
    ]),
  );

  const cases = [
    {
      name: 'paths of the image are paths of the folder',
      container: {
        name: 'a',
        image: 'shop:1',
        command: ['node', '/app/sub/y.mjs', '/application'],
      },
      expected: {
        command: process.execPath,
        args: ['/home/me/programs/sub/y.mjs', '/application'],
        workingFolder: '/home/me/programs',
      },
    },
    {
      name: 'the command of the image stands in for a missing one',
      container: { name: 'a', image: 'shop:1', args: ['--fast'] },
      expected: {
        command: process.execPath,
        args: ['/home/me/programs/x.mjs', '--fast'],
        workingFolder: '/home/me/programs',
      },
    },
    {
      name: 'of an unknown image it is run as it stands',
      container: {
        name: 'a',
        image: 'redis',
        command: ['redis-server', '/app/x'],
        workingDir: '/srv',
      },
      expected: { command: 'redis-server', args: ['/app/x'], workingFolder: '/srv' },
    },
    {
      name: "the sidecar's image is this checkout",
      container: {
        name: 'remora-proxy',
        image: SIDECAR_IMAGE,
        command: ['node', '--x', '/app/sidecar.js'],
      },
      expected: {
        command: process.execPath,
        args: ['--x', join(CHECKOUT, 'sidecar/main.ts')],
        workingFolder: CHECKOUT,
      },
    },
  ];
  for (const { name, container, expected } of cases) {
    test(name, () => assert.deepEqual(images.command(container), expected));
  }

  test('without any command it is refused, with the remedy', () => {
    assert.throws(() => images.command({ name: 'a', image: 'nginx' }), {
      code: 'no-command',
      message: /container a .*add a command to the container, or to image "nginx" in local\.yaml/,
    });
  });
});

suite('local.yaml', () => {
  const folder = mkdtempSync(join(tmpdir(), 'remora-folder-'));
  after(() => rmSync(folder, { recursive: true }));

  test('may be missing', async () => {
    assert.equal((await readLocalFolder(folder)).manifests, folder);
  });

  for (const [text, message] of [
    ['images: [', /local\.yaml cannot be read/],
    ['imagess: {}', /local\.yaml is wrong: .*imagess/],
    ['manifests: nowhere', /there is no folder .*nowhere/],
    ['images: {a: {folder: b, mountPath: c}}', /images\.a\.mountPath: must begin with \//],
  ] as const) {
    test(`refused: ${text}`, async () => {
      writeFileSync(join(folder, 'local.yaml'), text);
      await assert.rejects(readLocalFolder(folder), { code: 'bad-folder', message });
    });
  }

  test('of a folder that is not there', async () => {
    await assert.rejects(readLocalFolder(join(folder, 'nope')), {
      message: /there is no folder .*nope/,
    });
  });
});
