// Verifies what a receiver got with the official library: prints the type of each event.
import fs from "node:fs";
import { createRequire } from "node:module";

const { Webhook } = createRequire(`${process.env.NODE_FOLDER}/`)("standardwebhooks");

for (const got of JSON.parse(fs.readFileSync(process.argv[2], "utf8"))) {
  for (const secret of got.secrets) {
    console.log(new Webhook(secret).verify(got.body, got.headers).type);
  }
  try {
    new Webhook(got.secrets[0]).verify(got.body + " ", got.headers);
    console.log("a changed body was accepted");
  } catch (error) {
    if (error.name !== "WebhookVerificationError") throw error;
  }
}
