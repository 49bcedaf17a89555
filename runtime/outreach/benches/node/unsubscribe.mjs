// One click: the token, the contact with its record in one transaction, the contact list, and the mark that says so.

import { DynamoDBClient, GetItemCommand, PutItemCommand, TransactWriteItemsCommand, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { DecryptCommand, KMSClient } from "@aws-sdk/client-kms";
import { CreateContactCommand, SESv2Client, UpdateContactCommand } from "@aws-sdk/client-sesv2";

const dynamodb = new DynamoDBClient({});
const kms = new KMSClient({});
const ses = new SESv2Client({});
const { CONTACTS_TABLE, UNSUBSCRIBE_AUDIT_TABLE, SES_CONTACT_LIST_NAME, UNSUBSCRIBE_KMS_KEY_ID } = process.env;
const TOPIC = "outreach";
const TOPICS = ["outreach", "financial"];

function refused(status, message) {
  return Object.assign(new Error(message), { status });
}

async function opened(token) {
  let plain;
  try {
    const { Plaintext } = await kms.send(new DecryptCommand({
      KeyId: UNSUBSCRIBE_KMS_KEY_ID,
      CiphertextBlob: Buffer.from(token, "base64url"),
      EncryptionContext: { purpose: "unsubscribe", stream: TOPIC },
    }));
    plain = JSON.parse(Buffer.from(Plaintext).toString());
  } catch (error) {
    if (error.name === "InvalidCiphertextException") throw refused(400, "The unsubscribe link is not valid");
    throw error;
  }
  if (plain.topic !== TOPIC || plain.timestamp > Date.now() + 300000) throw refused(400, "The unsubscribe link is not valid");
  return plain;
}

function record(claims, event, now, result) {
  const at = new Date(now).toISOString();
  return {
    contact: { S: claims.email }, at: { S: `${at}#${event.requestContext.requestId}` }, day: { S: at.slice(0, 10) },
    action: { S: "unsubscribe" }, source: { S: "one-click" }, result: { S: result },
    topics: { M: { [TOPIC]: { S: "OPT_OUT" } } }, gets: { L: [{ S: "financial" }] },
    requestId: { S: event.requestContext.requestId }, ip: { S: event.requestContext.identity.sourceIp },
    tokenTimestamp: { S: new Date(claims.timestamp).toISOString() },
  };
}

async function tellList(email, topics) {
  const about = {
    ContactListName: SES_CONTACT_LIST_NAME,
    EmailAddress: email,
    TopicPreferences: TOPICS.map((name) => ({ TopicName: name, SubscriptionStatus: topics[name] ?? "OPT_IN" })),
    UnsubscribeAll: false,
  };
  try {
    await ses.send(new UpdateContactCommand(about));
  } catch (error) {
    if (error.name !== "NotFoundException") throw error;
    await ses.send(new CreateContactCommand(about));
  }
}

export async function handle(event) {
  if (new URLSearchParams(event.body).get("List-Unsubscribe") !== "One-Click") {
    throw refused(400, "The body must be List-Unsubscribe=One-Click");
  }
  const claims = await opened(event.queryStringParameters.data);
  const now = Date.now();
  const key = { email: { S: claims.email } };
  const { Item: known } = await dynamodb.send(new GetItemCommand({ TableName: CONTACTS_TABLE, Key: key, ConsistentRead: true }));
  const message = { message: "Unsubscribed successfully" };
  if (known?.topics?.M?.[TOPIC]?.M?.status?.S === "OPT_OUT") {
    const Item = record(claims, event, now, "unchanged");
    await dynamodb.send(new PutItemCommand({ TableName: UNSUBSCRIBE_AUDIT_TABLE, Item, ConditionExpression: "attribute_not_exists(contact)" }));
    return message;
  }
  const read = Number(known?.version?.N ?? 0);
  const topics = { ...known?.topics?.M, [TOPIC]: { M: { status: { S: "OPT_OUT" }, at: { N: String(now) } } } };
  const version = { N: String(read + 1) };
  await dynamodb.send(new TransactWriteItemsCommand({
    TransactItems: [
      {
        Put: {
          TableName: CONTACTS_TABLE,
          Item: { ...key, version, topics: { M: topics }, pending: { S: "change" }, pendingSince: { N: String(now) }, createdAt: known?.createdAt ?? { N: String(now) } },
          ...(read > 0
            ? { ConditionExpression: "version = :read", ExpressionAttributeValues: { ":read": { N: String(read) } } }
            : { ConditionExpression: "attribute_not_exists(email)" }),
        },
      },
      { Put: { TableName: UNSUBSCRIBE_AUDIT_TABLE, Item: record(claims, event, now, "done"), ConditionExpression: "attribute_not_exists(contact)" } },
    ],
  }));
  await tellList(claims.email, { [TOPIC]: "OPT_OUT" });
  await dynamodb.send(new UpdateItemCommand({
    TableName: CONTACTS_TABLE,
    Key: key,
    ConditionExpression: "version = :version",
    UpdateExpression: "REMOVE pending, pendingSince",
    ExpressionAttributeValues: { ":version": version },
  }));
  return message;
}
