// GET /health as a Lambda function on Node: one strong read of the table by the AWS SDK, repeated for 5 seconds. The loop is
// the least that the Runtime API asks for.
import http from 'node:http';
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true });
const table = new DynamoDBClient({});
let known = { until: 0 };

function ask(method, path, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host, port, agent, method, path: `/2018-06-01/runtime/${path}` },
      (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('end', () => resolve({ headers: response.headers, body: Buffer.concat(chunks).toString() }));
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

async function health() {
  if (Date.now() > known.until) {
    const key = { pk: { S: 'health' }, sk: { S: 'health' } };
    await table.send(new GetItemCommand({ TableName: process.env.LATCHKEY_TABLE, Key: key, ConsistentRead: true }));
    known = { until: Date.now() + 5000 };
  }
  return { status: 'ok', stores: { table: 'ok' } };
}

async function answer(event) {
  if (event.rawPath !== '/health') return { statusCode: 404, body: '{}' };
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  return { statusCode: 200, headers, body: JSON.stringify(await health()) };
}

for (;;) {
  const next = await ask('GET', 'invocation/next');
  const id = next.headers['lambda-runtime-aws-request-id'];
  const response = await answer(JSON.parse(next.body));
  await ask('POST', `invocation/${id}/response`, JSON.stringify(response));
}
