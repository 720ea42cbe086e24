// Loaded into each child with --require: when the demo dies in whatever way, its end of the channel closes.
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();
