// POSTs a file as Node's fetch does: whole, or (third argument) as a stream. Prints status and body.
import { createReadStream, readFileSync } from "node:fs";
import { Readable } from "node:stream";

const [url, file, stream] = process.argv.slice(2);
const body = stream ? Readable.toWeb(createReadStream(file)) : readFileSync(file);
const headers = { "content-type": "application/json" };
const response = await fetch(url, { method: "POST", headers, body, duplex: "half" });
process.stdout.write(`${response.status} ${await response.text()}`);
