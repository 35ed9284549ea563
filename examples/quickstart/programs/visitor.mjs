// Somebody who visits a page again and again: a small, steady load.
const target = process.env.TARGET_URL ?? 'http://frontend/orders/';
const perSecond = Number(process.env.REQUESTS_PER_SECOND ?? 10);

let id = 0;
let asked = 0;
let failed = 0;

const visits = setInterval(async () => {
  id = (id + 1) % 1000;
  asked += 1;
  try {
    const answer = await fetch(`${target}${id}`);
    await answer.arrayBuffer();
    if (!answer.ok) failed += 1;
  } catch {
    failed += 1;
  }
}, 1000 / perSecond);

const report = setInterval(() => {
  console.log(`${asked} visits, ${failed} failed`);
}, 5000);

process.on('SIGTERM', () => {
  clearInterval(visits);
  clearInterval(report);
});
