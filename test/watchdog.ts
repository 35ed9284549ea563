/**
 * Loaded before each test file (`--import`). The runner waits for ever for a file
 * whose tests are over while something of theirs is still open; this ends it, and
 * says what that was.
 */
const LIMIT_MS = 600_000;

setTimeout(() => {
  const open = process.getActiveResourcesInfo().join(', ');
  console.error(`still running after ${LIMIT_MS / 1000} s, with these open: ${open}`);
  process.exit(1);
}, LIMIT_MS).unref();
