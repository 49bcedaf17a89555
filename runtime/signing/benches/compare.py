"""The links of botocore, with the `cryptography` package as its documentation shows."""

import datetime
import os
import time

import botocore
from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import load_pem_private_key

URL = "https://d111111abcdef8.cloudfront.net/finance/reports/2025-10/DN-10234%20distro%20report.csv"
UNTIL = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


def key(name):
    with open(os.path.join(os.environ["VECTORS"], name), "rb") as file:
        return load_pem_private_key(file.read(), None)


rsa = key("aws-cli-key-pkcs8.pem")
ecdsa = key("test-ecdsa-key.pem")
WAYS = [
    ("ecdsa-p256", 4000, "SHA-256", lambda text: ecdsa.sign(text, ec.ECDSA(hashes.SHA256()))),
    ("rsa-2048", 400, "SHA-256", lambda text: rsa.sign(text, padding.PKCS1v15(), hashes.SHA256())),
]
for name, count, digest, sign in WAYS:
    signer = CloudFrontSigner("K2JCJMDEHXQW5F", sign)
    best = 0.0
    for _ in range(5):
        begun = time.process_time()
        for number in range(count):
            link = signer.generate_presigned_url(URL, UNTIL + datetime.timedelta(seconds=number))
        best = max(best, count / (time.process_time() - begun))
    # What SHA-256 needs beside, which botocore does not add.
    size = len(link) + (0 if "Hash-Algorithm" in link else len("&Hash-Algorithm=SHA256"))
    print(f"botocore {botocore.__version__:<6} {name:<11} {best:>8.0f} links/s of one core  {size} bytes a link  {digest}")
