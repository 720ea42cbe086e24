// Loaded into each child with --require: when the bench dies in whatever way, its end of the channel or of the pipe closes.
if (process.channel === undefined) {
  process.stdin.on('end', () => process.exit(0));
  process.stdin.resume();
} else {
  process.on('disconnect', () => process.exit(0));
  process.channel.unref();
}
