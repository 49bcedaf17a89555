// The links of AWS's JavaScript signer.
const { readFileSync } = require("node:fs");
const { getSignedUrl } = require("@aws-sdk/cloudfront-signer");
const { version } = require("@aws-sdk/cloudfront-signer/package.json");

const url = "https://d111111abcdef8.cloudfront.net/finance/reports/2025-10/DN-10234%20distro%20report.csv";
for (const [name, file, count] of [
  ["ecdsa-p256", "test-ecdsa-key.pem", 4000],
  ["rsa-2048", "aws-cli-key-pkcs8.pem", 400],
]) {
  const privateKey = readFileSync(`${process.env.VECTORS}/${file}`, "utf8");
  let best = 0;
  let link = "";
  for (let round = 0; round < 5; round++) {
    const begun = process.cpuUsage();
    for (let number = 0; number < count; number++) {
      const dateLessThan = new Date(1767225600000 + 1000 * number).toISOString();
      link = getSignedUrl({ url, keyPairId: "K2JCJMDEHXQW5F", privateKey, dateLessThan, algorithm: "SHA256" });
    }
    const used = process.cpuUsage(begun);
    best = Math.max(best, (count * 1e6) / (used.user + used.system));
  }
  const digest = link.includes("Hash-Algorithm=SHA256") ? "SHA-256" : "SHA-1";
  const who = `javascript ${version}`.padEnd(15);
  console.log(`${who} ${name.padEnd(11)} ${best.toFixed(0).padStart(8)} links/s of one core  ${link.length} bytes a link  ${digest}`);
}
