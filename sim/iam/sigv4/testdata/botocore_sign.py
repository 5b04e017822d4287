"""Signs the requests on stdin with botocore, one JSON line of URL and headers each on stdout."""
import json
import sys

from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

work = json.load(sys.stdin)
for o in work["orders"]:
    request = AWSRequest(method=o["method"], url=o["url"], data=o["body"].encode())
    for name, value in o["headers"] or []:
        request.headers.add_header(name, value)
    credentials = Credentials(work["key"], work["secret"], o["token"] or None)
    signer = SigV4QueryAuth if o["presign"] else SigV4Auth
    signer(credentials, o["service"], o["region"]).add_auth(request)
    print(json.dumps({"url": request.url, "headers": list(request.headers.items())}))
