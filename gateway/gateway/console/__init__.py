"""The console: a web page on the public API (docs/console.md). `files` is what browsers load, as it is."""
