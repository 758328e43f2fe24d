// One call by a client typed by openapi-typescript: reads the borrower of the test.
import createClient from "openapi-fetch";
import type { paths } from "./schema";

declare const process: { env: Record<string, string> };

const client = createClient<paths>({
  baseUrl: process.env.API_URL,
  headers: { Authorization: `Bearer ${process.env.API_TOKEN}` },
});
const { data, error } = await client.GET("/api/v1/borrowers/{merchant}/{borrower}", {
  params: { path: { merchant: "mall", borrower: "B1" } },
});
if (error) throw new Error(error.detail);
console.log(data.borrower, data.installments[0].installment);
