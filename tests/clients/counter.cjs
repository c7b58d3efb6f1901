// Counts tokens: a JSON array of texts on standard input, an array of numbers on standard output.
const { createRequire } = require("node:module");
const { getEncoding } = createRequire(process.argv[2])("js-tiktoken");
const encoding = getEncoding("cl100k_base");
const texts = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(texts.map((text) => encoding.encode(text).length)));
