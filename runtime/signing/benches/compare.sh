#!/bin/sh
# Links per second of one core and bytes per link: ours, botocore's and the JavaScript signer's, in one run with the
# same keys. Fetches the other two from their registries into a temporary folder.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=${WORK:-$(mktemp -d)}
python3 -m venv "$work/python"
"$work/python/bin/pip" install --quiet botocore==1.44.5 cryptography
(cd "$work" && npm install --silent --no-audit --no-fund @aws-sdk/cloudfront-signer)
export VECTORS="$here/../tests/vectors"
ours() {
    name=$1
    shift
    echo "aws-lc for $name:"
    COMPARE=1 cargo bench --quiet --manifest-path "$here/../Cargo.toml" --target-dir "$work/$name" --bench links "$@"
}
# The profiles of the workspace ask for small code, and aws-lc's C obeys.
ours size
ours speed --config 'profile.bench.package.aws-lc-sys.opt-level=3' \
    --config 'profile.bench.package.aws-lc-rs.opt-level=3'
"$work/python/bin/python" "$here/compare.py"
cp "$here/compare.js" "$work/compare.cjs"
node "$work/compare.cjs"
