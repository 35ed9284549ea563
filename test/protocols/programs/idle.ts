/** A pod that does nothing by itself: clients are run in it. */
setInterval(() => {}, 60_000);
process.on('SIGTERM', () => process.exit());
