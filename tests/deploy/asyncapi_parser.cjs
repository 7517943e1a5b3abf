// Prints what the official parser finds in an AsyncAPI document: errors first, then what it read.
// node asyncapi_parser.cjs <folder with node_modules> <document>
const path = require("node:path");
const [folder, document] = process.argv.slice(2);
const { Parser, fromFile } = require(path.join(folder, "node_modules", "@asyncapi", "parser"));

const ERROR = 0;

fromFile(new Parser(), document)
  .parse()
  .then(({ document, diagnostics }) => {
    const errors = diagnostics
      .filter((found) => found.severity === ERROR)
      .map((found) => `${found.path.join("/")}: ${found.message}`);
    const channels = (document ? document.channels().all() : []).map((channel) => channel.address());
    const messages = (document ? document.messages().all() : []).map((message) => message.name());
    console.log(JSON.stringify({ errors, channels, messages }));
  });
