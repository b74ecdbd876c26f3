// Imported before all else: an older Node would fail while loading something, and not say why. Effectful.
const NEEDED = 24;

if (Number.parseInt(process.versions.node) < NEEDED) {
  process.stderr.write(`error: Sallyport needs Node ${String(NEEDED)} or newer, and this is ${process.version}\n`);
  process.exit(2);
}
