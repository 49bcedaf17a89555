// What Mailgun tells: signature, token store, the event and its count in one transaction.

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { DynamoDBClient, GetItemCommand, PutItemCommand, TransactWriteItemsCommand } from "@aws-sdk/client-dynamodb";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";

const dynamodb = new DynamoDBClient({});
const secrets = new SecretsManagerClient({});
const { WEBHOOK_TOKENS_TABLE, EVENTS_TABLE, MESSAGES_TABLE, SECRETS_MANAGER_SECRET_NAME } = process.env;
const days = Number(process.env.TRACKING_TTL_DAYS);
const DAY = 86400;

let secret;
async function signingKey() {
  secret ??= await secrets.send(new GetSecretValueCommand({ SecretId: SECRETS_MANAGER_SECRET_NAME }));
  return JSON.parse(secret.SecretString).webhookSigningKey;
}

function refused(status, message) {
  return Object.assign(new Error(message), { status });
}

async function authentic({ timestamp, token, signature }) {
  const key = await signingKey();
  const made = createHmac("sha256", key).update(timestamp + token).digest();
  const given = Buffer.from(String(signature), "hex");
  const now = Date.now() / 1000;
  if (given.length !== made.length || !timingSafeEqual(given, made)) throw refused(401, "Invalid webhook signature");
  if (timestamp < now - 29700 || timestamp > now + 300) throw refused(401, "Invalid webhook signature");
}

async function firstOrSame(token, data) {
  const digest = createHash("sha256").update(JSON.stringify(data)).digest("hex");
  const expires = Math.floor(Date.now() / 1000) + DAY;
  try {
    await dynamodb.send(new PutItemCommand({
      TableName: WEBHOOK_TOKENS_TABLE,
      Item: { token: { S: token }, digest: { S: digest }, expirationTime: { N: String(expires) } },
      ConditionExpression: "attribute_not_exists(#token)",
      ExpressionAttributeNames: { "#token": "token" },
    }));
  } catch (error) {
    if (error.name !== "ConditionalCheckFailedException") throw error;
    const kept = await dynamodb.send(new GetItemCommand({ TableName: WEBHOOK_TOKENS_TABLE, Key: { token: { S: token } } }));
    if (kept.Item?.digest.S !== digest) throw refused(401, "Invalid webhook signature");
  }
}

async function keep(data, recipient, kind) {
  const message = data.message.headers["message-id"];
  const at = Math.round(data.timestamp * 1000);
  const day = new Date(at).toISOString().slice(0, 10);
  const expires = { N: String(Math.floor(at / 1000) + days * DAY) };
  const status = data["delivery-status"];
  const fresh = "attribute_not_exists(messageId)";
  await dynamodb.send(new TransactWriteItemsCommand({
    TransactItems: [
      {
        Put: {
          TableName: EVENTS_TABLE,
          ConditionExpression: fresh,
          Item: {
            messageId: { S: message }, event: { S: `id#${data.id}` }, recipient: { S: recipient },
            timestamp: { N: String(at) }, type: { S: kind }, typeDay: { S: `${kind}#${day}` }, day: { S: day },
            tags: { L: (data.tags ?? []).map((tag) => ({ S: tag })) },
            deliveryStatus: { M: { code: { N: String(status.code) }, message: { S: status.message }, description: { S: status.description } } },
            expirationTime: expires,
          },
        },
      },
      {
        Put: {
          TableName: EVENTS_TABLE,
          ConditionExpression: fresh,
          Item: { messageId: { S: message }, event: { S: `counted#${kind}#${recipient}` }, expirationTime: expires },
        },
      },
      {
        Update: {
          TableName: MESSAGES_TABLE,
          Key: { messageId: { S: message } },
          UpdateExpression: "ADD #count :one SET #expiry = if_not_exists(#expiry, :expiry)",
          ExpressionAttributeNames: { "#count": kind, "#expiry": "expirationTime" },
          ExpressionAttributeValues: { ":one": { N: "1" }, ":expiry": expires },
        },
      },
    ],
  }));
}

export async function handle(event) {
  const { signature, "event-data": data } = JSON.parse(event.body);
  if (!signature?.token || !data?.id || !data.recipient?.includes("@")) throw refused(400, "Invalid webhook payload");
  await authentic(signature);
  await firstOrSame(signature.token, data);
  await keep(data, data.recipient.toLowerCase(), data.event);
  return { message: "Webhook processed successfully", eventId: data.id, eventType: data.event };
}
