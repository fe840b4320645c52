// What OpenAI's and Vercel's packages make of a bridge's answers, as JSON on stdout.
// node node_clients.cjs FOLDER URL [turns]: FOLDER has the packages in its node_modules;
// `turns` lets Vercel's package talk on after a call of a tool.
const { createRequire } = require("node:module");

const [folder, url, mode] = process.argv.slice(2);
const packages = createRequire(`${folder}/x.cjs`);
const { default: OpenAI } = packages("openai");
const { createOpenAI } = packages("@ai-sdk/openai");
const { generateText, stepCountIs, streamText, jsonSchema, tool } = packages("ai");

const parameters = {
  type: "object",
  properties: { path: { type: "string" } },
  required: ["path"],
  additionalProperties: false,
};
const look = { type: "function", name: "look", parameters, strict: true };
const input = "hi";
const model = "tiny";

async function openaiStream(client) {
  const stream = client.responses.stream({ model, input, tools: [look] });
  const numbers = [];
  let text = "";
  for await (const event of stream) {
    numbers.push(event.sequence_number);
    if (event.type === "response.output_text.delta") text += event.delta;
  }
  const final = await stream.finalResponse();
  const call = final.output.find((item) => item.type === "function_call");
  return {
    inOrder: numbers.every((number, place) => number === place),
    text,
    types: final.output.map((item) => item.type),
    said: final.output_text,
    status: final.status,
    call: call?.parsed_arguments ?? null,
  };
}

async function openaiWhole(client) {
  const whole = await client.responses.create({ model, input, tools: [look] });
  const read = await client.responses.retrieve(whole.id);
  return { said: whole.output_text, same: read.output_text === whole.output_text };
}

function vercel(found) {
  const { text, reasoningText, finishReason, toolCalls, usage } = found;
  const calls = toolCalls.map((call) => [call.toolName, call.input]);
  return { text, thought: reasoningText, finishReason, calls, tokens: usage.totalTokens };
}

async function turns() {
  const ai = createOpenAI({ apiKey: "k", baseURL: url }).responses(model);
  const inputSchema = jsonSchema(parameters);
  const execute = ({ path }) => `${path} is red.`;
  const tools = { look: tool({ description: "Look.", inputSchema, execute }) };
  const asked = { model: ai, tools, maxRetries: 0, stopWhen: stepCountIs(3) };
  const messages = [{ role: "user", content: input }];
  const first = await generateText({ ...asked, messages });
  messages.push(...first.response.messages, { role: "user", content: "And now?" });
  const second = await generateText({ ...asked, messages });
  return { steps: first.steps.length, texts: [first.text, second.text] };
}

async function main() {
  const client = new OpenAI({ apiKey: "k", baseURL: url, maxRetries: 0 });
  const ai = createOpenAI({ apiKey: "k", baseURL: url }).responses(model);
  const tools = { look: tool({ description: "Look.", inputSchema: jsonSchema(parameters) }) };
  const asked = { model: ai, prompt: input, tools, maxRetries: 0 };
  const errors = [];
  const stream = streamText({ ...asked, onError: ({ error }) => errors.push(`${error}`) });
  const kinds = [];
  for await (const part of stream.fullStream) kinds.push(part.type);
  const streamed = {};
  for (const name of ["text", "reasoningText", "finishReason", "toolCalls", "usage"]) {
    streamed[name] = await stream[name];
  }
  return {
    openaiStream: await openaiStream(client),
    openaiWhole: await openaiWhole(client),
    vercelStream: vercel(streamed),
    vercelWhole: vercel(await generateText(asked)),
    errors,
  };
}

(mode === "turns" ? turns() : main()).then((found) => console.log(JSON.stringify(found)));
