// Calls each URL among its arguments again and again, and prints what came of it.
const [, , ...urls] = process.argv;

async function call(url) {
  const startedMs = Date.now();
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(5000) });
    const body = await answer.text();
    console.log(JSON.stringify({ url, startedMs, status: answer.status, body }));
  } catch (error) {
    const reason = error.cause?.message ?? error.message;
    console.log(JSON.stringify({ url, startedMs, status: 0, body: reason }));
  }
}

for (const url of urls) setInterval(() => void call(url), 100);
// Without any URL it just lives.
setInterval(() => {}, 60_000);
process.on('SIGTERM', () => process.exit());
