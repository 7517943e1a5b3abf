// @medplum/hl7's server, which answers and keeps nothing: node server.js PORT
import { Hl7Server } from "@medplum/hl7";

const server = new Hl7Server((connection) => {
  connection.addEventListener("message", ({ message }) => {
    connection.send(message.buildAck());
  });
});
await server.start(Number(process.argv[2]));
