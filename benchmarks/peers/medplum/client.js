// Sends messages, one in base64 per line of input, over one link: node client.js PORT.
// Prints MSA-1, a tab, MSA-2, for each.
import { Hl7Message } from "@medplum/core";
import { Hl7Client } from "@medplum/hl7";
import { createInterface } from "node:readline";

const client = new Hl7Client({ host: "127.0.0.1", port: Number(process.argv[2]) });
for await (const line of createInterface({ input: process.stdin })) {
  const message = Hl7Message.parse(Buffer.from(line, "base64").toString());
  const answer = await client.sendAndWait(message);
  const msa = answer.getSegment("MSA");
  console.log(`${msa.getField(1)}\t${msa.getField(2)}`);
}
await client.close();
