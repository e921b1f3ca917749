"""What Lambda's own runtime does around a handler, and less: the loop over
invocations, without extensions, tracing and logs."""

import http.client
import json
import os

from index import handler

BASE = "/2018-06-01/runtime/invocation/"
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])


def call(method, path, body=None):
    api.request(method, path, body)
    response = api.getresponse()
    return response, response.read()


while True:
    response, event = call("GET", BASE + "next")
    answer = handler(json.loads(event), None)
    invocation = response.headers["Lambda-Runtime-Aws-Request-Id"]
    call("POST", f"{BASE}{invocation}/response", json.dumps(answer).encode())
